# SPDX-License-Identifier: BSD-3-Clause
# Known mistakes put back, each of which a test has to catch: test/revival/.

.PHONY: revival
revival:
	@tools/setup test
	@test/revival/revival --build $(BUILD)

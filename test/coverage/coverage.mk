# SPDX-License-Identifier: BSD-3-Clause
# Line and branch coverage, host and target: build/coverage/index.html

.PHONY: coverage
coverage:
	@tools/setup test
	@test/coverage/coverage --build $(BUILD)

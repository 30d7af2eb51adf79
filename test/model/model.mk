# SPDX-License-Identifier: BSD-3-Clause
# The Spin models; test/suites/model.py says how each is searched.

.PHONY: model
model:
	@tools/setup test
	@python3 test/run.py --no-build --build $(BUILD) -k '^model/'

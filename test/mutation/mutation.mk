# SPDX-License-Identifier: BSD-3-Clause
# Small changes of src/api.c and src/mm.c that the host tests have to notice.

.PHONY: mutation
mutation:
	@HOSTCC='$(HOSTCC)' test/mutation/mutation --build $(BUILD)

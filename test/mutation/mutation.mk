# SPDX-License-Identifier: BSD-3-Clause
# Small changes of the core (api.c, mm.c, vcpu.c, vm.c, cpu.c) that the host
# tests have to notice.

.PHONY: mutation
mutation:
	@tools/setup test
	@HOSTCC='$(HOSTCC)' test/mutation/mutation --build $(BUILD)

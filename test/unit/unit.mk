# SPDX-License-Identifier: BSD-3-Clause
# Host unit tests, under AddressSanitizer and UndefinedBehaviorSanitizer.
#
# test/unit/test_NAME.c becomes build/unit/NAME, linked with src/NAME.c, or
# with what unit_src_NAME lists instead. `make unit` builds and runs them all;
# `build/unit/NAME TEST...` runs some tests of one; with -x before them, none
# after one that failed.

BUILD ?= build
HOSTCC ?= cc

# BOOT_CONST: on the host, an array of addresses is not constant before it is loaded.
UNIT_CFLAGS := -std=gnu11 -DBOOT_CONST= -O1 -g -Wall -Wextra -Werror \
	-fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer -iquote inc -iquote test/unit -iquote src

# What each test links, where that is not src/NAME.c. test_string.c includes
# its source, to give the functions other names than the host's.
unit_src_string :=
unit_included_string := src/string.c
unit_src_fdt := src/fdt.c src/fdt_write.c
unit_src_manifest := src/manifest.c src/fdt.c src/fdt_write.c

# The core, over the fake architecture of test/unit/fake/. HF_DEBUG checks the
# order of locks.
unit_core := src/api.c src/vm.c src/vcpu.c src/cpu.c src/mm.c src/pool.c \
	src/spinlock.c src/log.c src/vconsole.c src/life.c src/manage.c \
	src/fdt.c src/fdt_write.c test/unit/fake/fake.c
unit_core_cflags := -DHF_DEBUG -Wno-unused-parameter -iquote test/unit/fake
unit_boot := src/tree.c src/devices.c src/devtree.c src/ranges.c

unit_core_names := api vcpu cpu mm spinlock log race tree plan load devices \
	vconsole life
$(foreach name,$(unit_core_names),\
	$(eval unit_src_$(name) := $(unit_core))\
	$(eval unit_cflags_$(name) := $(unit_core_cflags)))
unit_src_tree += $(unit_boot)
unit_src_devices += $(unit_boot)
unit_src_plan += $(unit_boot) src/plan.c src/cpio.c src/image.c src/manifest.c
unit_src_load += $(unit_boot) src/load.c src/plan.c src/cpio.c src/image.c \
	src/manifest.c
unit_src_devtree := src/devtree.c src/fdt.c src/fdt_write.c

# Parts of src/arch/aarch64/ over registers of the host (test/unit/arm/).
unit_arm := src/arch/aarch64
unit_arm_cflags := -include test/unit/arm/regs.h -iquote $(unit_arm) \
	-iquote test/unit/arm -Wno-unused-parameter
unit_arm_names := el2 trap idregs pte hypmap spectre mmio its gic pl011
$(foreach name,$(unit_arm_names),\
	$(eval unit_cflags_$(name) := $(unit_arm_cflags))\
	$(eval unit_src_$(name) := test/unit/arm/regs.c $(unit_arm)/$(name).c))
unit_src_el2 += $(addprefix $(unit_arm)/,switch.c pte.c timer.c fp.c) \
	src/mm.c src/pool.c
unit_src_trap += $(addprefix $(unit_arm)/,sysreg_trap.c inject.c idregs.c)
# These include their source, for what only boot would set.
unit_src_its := test/unit/arm/regs.c src/devtree.c src/fdt.c src/fdt_write.c
# pl011.c over the real rings.
unit_src_pl011 += src/vconsole.c src/fdt.c src/fdt_write.c
unit_src_gic := test/unit/arm/regs.c src/fdt.c src/fdt_write.c
unit_included_its := $(unit_arm)/its.c
unit_included_gic := $(unit_arm)/gic.c
unit_src_hypmap += $(unit_arm)/pte.c src/mm.c src/pool.c
# test_start.c includes its source, which calls a main() of another kind. What
# is not called needs nobody else.
unit_cflags_start := $(unit_arm_cflags) -ffunction-sections -Wl,--gc-sections
unit_included_start := $(unit_arm)/start.c
unit_src_start := test/unit/arm/regs.c

# test_console.c includes its source, to look at registers that are waited for.
unit_cflags_console := $(unit_arm_cflags)
unit_included_console := $(unit_arm)/console.c
unit_src_console := test/unit/arm/regs.c src/fdt.c src/fdt_write.c \
	src/devtree.c

# test_vgic.c includes its sources, for registers without their frames.
unit_cflags_vgic := $(unit_arm_cflags)
unit_included_vgic := $(unit_arm)/vgic.c $(unit_arm)/vgic_regs.c
unit_src_vgic := test/unit/arm/regs.c src/fdt.c src/fdt_write.c

# test_smmu.c includes its source, to be in front of the registers.
unit_cflags_smmu := $(unit_arm_cflags)
unit_included_smmu := $(unit_arm)/smmu.c
unit_src_smmu := test/unit/arm/regs.c $(unit_arm)/pte.c src/mm.c src/pool.c \
	src/fdt.c src/fdt_write.c src/devtree.c src/ranges.c

# Threads: ThreadSanitizer, which goes with no other.
unit_cflags_race += -fno-sanitize=all -fsanitize=thread -O2

# Extra compiler flags of one test.
unit_cflags_string := -ffreestanding -fno-builtin

UNIT_NAMES := $(sort $(patsubst test/unit/test_%.c,%,\
	$(wildcard test/unit/test_*.c)))
UNIT_PROGRAMS := $(UNIT_NAMES:%=$(BUILD)/unit/%)

unit_sources = $(if $(filter undefined,$(origin unit_src_$(1))),\
	$(wildcard src/$(1).c),$(unit_src_$(1)))

# The compiler would tell what the last source of a program includes, no more.
UNIT_HEADERS := $(wildcard inc/*.h inc/hf/*.h src/arch/aarch64/*.h \
	test/unit/*.h test/unit/*/*.h)

define unit_program
$(BUILD)/unit/$(1): test/unit/test_$(1).c test/unit/unit.c \
		$(call unit_sources,$(1)) $(unit_included_$(1)) $(UNIT_HEADERS) \
		test/unit/unit.mk
	@mkdir -p $$(@D)
	$(HOSTCC) $(UNIT_CFLAGS) $(unit_cflags_$(1)) -o $$@ \
		$$(filter-out $(unit_included_$(1)),$$(filter %.c,$$^))
endef
$(foreach name,$(UNIT_NAMES),$(eval $(call unit_program,$(name))))

# The hypervisor's judgement of a ramdisk, to compare mkramdisk's with.
CHECK_RAMDISK := $(BUILD)/unit/check_ramdisk
$(CHECK_RAMDISK): test/unit/check_ramdisk.c src/cpio.c src/fdt.c src/image.c \
		src/manifest.c test/unit/unit.mk
	@mkdir -p $(@D)
	$(HOSTCC) $(UNIT_CFLAGS) -MMD -MP -MF $@.d -o $@ $(filter %.c,$^)

-include $(CHECK_RAMDISK).d

# Every program runs, whatever the others did.
.PHONY: unit
unit: $(UNIT_PROGRAMS) $(CHECK_RAMDISK)
	@status=0; for program in $(UNIT_PROGRAMS); do \
		$$program || status=1; \
	done; \
	sh test/unit/check_string.sh $(BUILD)/unit || status=1; \
	python3 test/unit/test_mkramdisk.py $(CHECK_RAMDISK) || status=1; \
	exit $$status

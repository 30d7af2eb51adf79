# SPDX-License-Identifier: BSD-3-Clause
# The executable specification against the real core, on the host: `make spec`,
# or build/spec/drive (optimised) and build/spec/drive-asan (AddressSanitizer
# and UndefinedBehaviorSanitizer). test/spec/drive.c says what they take.
#
# On the target: `make SPEC=1 BUILD=build/spec-image` links it into the image
# (test/spec/target.c).

BUILD ?= build
HOSTCC ?= cc

SPEC_SRC := $(filter-out %/target.c,$(wildcard test/spec/*.c)) \
	test/explore/fiber.c test/unit/fake/fake.c $(addprefix src/,api.c vm.c vcpu.c cpu.c mm.c \
	pool.c spinlock.c log.c vconsole.c life.c manage.c fdt.c fdt_write.c)
SPEC_CFLAGS := -std=gnu11 -g -Wall -Wextra -Werror -Wno-unused-parameter \
	-DHF_DEBUG -iquote inc -iquote test/spec -iquote test/unit/fake

$(BUILD)/spec/drive: spec_opt := -O2
$(BUILD)/spec/drive-asan: spec_opt := -O1 -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all

$(BUILD)/spec/drive $(BUILD)/spec/drive-asan: $(SPEC_SRC) test/spec/spec.mk
	@mkdir -p $(@D)
	$(HOSTCC) $(SPEC_CFLAGS) $(spec_opt) -MMD -MP -MF $@.d -MT $@ -o $@ \
		$(filter %.c,$^)

-include $(BUILD)/spec/drive.d $(BUILD)/spec/drive-asan.d

# The virtual interrupt controller against its own: build/spec/irq. The files
# under test by a wildcard, their registers by regs.h, as in test/unit/arm/.
IRQ_SRC := test/spec/drive.c $(wildcard test/spec/irq/*.c) \
	$(wildcard src/arch/aarch64/vgic*.c) src/arch/aarch64/mmio.c
IRQ_CFLAGS := -std=gnu11 -g -Wall -Wextra -Werror -Wno-unused-parameter \
	-DBOOT_ONLY= \
	-include test/spec/irq/regs.h -iquote inc -iquote test/spec/irq \
	-iquote test/spec -iquote src/arch/aarch64 \
	-ffunction-sections -Wl,--gc-sections

$(BUILD)/spec/irq: spec_opt := -O2
$(BUILD)/spec/irq-asan: spec_opt := -O1 -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all

$(BUILD)/spec/irq $(BUILD)/spec/irq-asan: $(IRQ_SRC) test/spec/spec.mk
	@mkdir -p $(@D)
	$(HOSTCC) $(IRQ_CFLAGS) $(spec_opt) -MMD -MP -MF $@.d -MT $@ -o $@ \
		$(filter %.c,$^)

-include $(BUILD)/spec/irq.d $(BUILD)/spec/irq-asan.d

.PHONY: spec
spec:
	@tools/setup test
	@$(MAKE) $(BUILD)/spec/drive $(BUILD)/spec/drive-asan
	$(BUILD)/spec/drive --record $(BUILD)/spec/failed.txt
	$(BUILD)/spec/drive-asan --seed 1000000 --calls 300000 \
		--record $(BUILD)/spec/failed.txt

# SPDX-License-Identifier: BSD-3-Clause
#
# What measures: a plugin for QEMU that counts instructions, and bare-metal
# guests as those of test/guest/, whose library and rules they use.

BENCH_OBJ := $(GUEST_OBJ)/bench
BENCH_PRIMARY := $(addprefix $(BENCH_OBJ)/,head.S.o primary.c.o irq.c.o \
	irq_vectors.S.o)
BENCH_SECONDARY := $(addprefix $(BENCH_OBJ)/,secondary.c.o irq.c.o \
	irq_vectors.S.o)

guests: $(GUEST)/bench-primary.bin $(GUEST)/bench-secondary.bin

$(GUEST)/bench-primary.elf: $(BENCH_PRIMARY)
$(GUEST)/bench-secondary.elf: $(GUEST_OBJ)/lib/head-image.o $(BENCH_SECONDARY)

$(BENCH_OBJ)/%.c.o: test/bench/%.c $(GUEST_OBJ)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CPPFLAGS) $(GUEST_CFLAGS) -MMD -MP -c -o $@ $<

$(BENCH_OBJ)/%.S.o: test/bench/%.S test/bench/mark.h $(GUEST_OBJ)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CPPFLAGS) $(GUEST_ASFLAGS) -c -o $@ $<

-include $(BENCH_PRIMARY:.o=.d) $(BENCH_SECONDARY:.o=.d)

$(BUILD)/bench/count.so: test/bench/count.c test/bench/plugin.h \
		test/bench/mark.h
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) -std=c11 -D_POSIX_C_SOURCE=200809L -O2 -Wall -Wextra \
		-Werror -fPIC -shared -fvisibility=hidden -o $@ $<

all: $(BUILD)/bench/count.so

# SPDX-License-Identifier: BSD-3-Clause
# The schedule explorer: `make explore`. The code under test is compiled with
# -fsanitize=thread, and linked with test/explore/tsan.c in place of
# ThreadSanitizer: each of its accesses to memory is then seen.

BUILD ?= build
HOSTCC ?= cc

EXPLORE_TESTED := $(addprefix src/,api.c vm.c vcpu.c cpu.c mm.c spinlock.c) \
	test/unit/fake/fake.c test/explore/line.c
EXPLORE_SRC := $(filter-out test/explore/line.c,$(wildcard test/explore/*.c)) \
	$(addprefix test/spec/,spec.c view.c board.c) \
	$(addprefix src/,pool.c log.c vconsole.c life.c manage.c fdt.c fdt_write.c)
EXPLORE_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror \
	-Wno-unused-parameter -Wno-missing-field-initializers \
	-DSPEC_PAGE_BYTES=16 -iquote inc -iquote test/spec \
	-iquote test/unit/fake
EXPLORE_OBJS := $(EXPLORE_TESTED:%.c=$(BUILD)/explore/%.o) \
	$(EXPLORE_SRC:%.c=$(BUILD)/explore/%.o)

$(EXPLORE_TESTED:%.c=$(BUILD)/explore/%.o): explore_flags := \
	-fsanitize=thread -Dmemcpy=explore_memcpy -Dmemset=explore_memset

$(EXPLORE_OBJS): $(BUILD)/explore/%.o: %.c test/explore/explore.mk
	@mkdir -p $(@D)
	$(HOSTCC) $(EXPLORE_CFLAGS) $(explore_flags) -MMD -MP -c -o $@ $<

$(BUILD)/explore/explore: $(EXPLORE_OBJS)
	$(HOSTCC) -o $@ $^

-include $(EXPLORE_OBJS:.o=.d)

.PHONY: explore
explore:
	@tools/setup test
	@$(MAKE) $(BUILD)/explore/explore
	$(BUILD)/explore/explore

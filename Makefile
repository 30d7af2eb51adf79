# SPDX-License-Identifier: BSD-3-Clause
#
# Holdfast. `make help` lists what there is to make.

MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
SHELL := /bin/sh

# V=1 shows the commands.
Q := $(if $(V),,@)

.DEFAULT_GOAL := all

# --- toolchain: GNU by default, LLVM=1 for clang and lld ---------------------

BUILD ?= build
CROSS_COMPILE ?= aarch64-linux-gnu-
LLVM ?=
DEBUG ?=

ifeq ($(LLVM),)
CC := $(CROSS_COMPILE)gcc
LD := $(CROSS_COMPILE)ld
OBJCOPY := $(CROSS_COMPILE)objcopy
NM := $(CROSS_COMPILE)nm
TOOLCHAIN_FLAGS := -mno-outline-atomics -fno-stack-clash-protection \
	-fno-align-loops -fno-align-jumps
LD_FLAGS := --no-warn-rwx-segments
SMALL := -Os
else
CC := clang --target=aarch64-linux-gnu
LD := ld.lld
OBJCOPY := llvm-objcopy
NM := llvm-nm
TOOLCHAIN_FLAGS := -mno-outline-atomics -mllvm -inline-threshold=25
# Else assembly's debug information names the directory.
DIRECTORY_FLAGS := -fdebug-compilation-dir=.
LD_FLAGS :=
SMALL := -Oz -mno-outline
endif

OBJ := $(BUILD)/obj

# Functions keep more registers than the procedure call standard has them keep:
# a hypercall saves only the others (vectors.S).
KEPT_REGISTERS := $(foreach n,9 10 11 12 13 14 15,-fcall-saved-x$(n))

# An address is one instruction: from each end of what has names to the other
# is less than 1 MiB, or the linker fails. Not with Clang: version 14 then puts
# the address of the stack guard into frames instead of the guard.
CODE_MODEL := $(if $(LLVM),,-mcmodel=tiny)

CPPFLAGS := -Iinc -Isrc/arch/aarch64 -I$(OBJ) $(if $(DEBUG),-DHF_DEBUG)
CFLAGS := -std=c11 -O2 -g -ffreestanding -fno-common -fno-pic -fno-pie $(CODE_MODEL) \
	-mgeneral-regs-only -mstrict-align -ffixed-x18 -march=armv8-a \
	$(KEPT_REGISTERS) \
	-fstack-protector-strong -mbranch-protection=bti \
	-fno-omit-frame-pointer -fno-asynchronous-unwind-tables \
	-fno-strict-aliasing -ffunction-sections -fdata-sections \
	-falign-functions=4 \
	-ffile-prefix-map=$(CURDIR)=. \
	-Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wno-unused-parameter $(TOOLCHAIN_FLAGS) $(DIRECTORY_FLAGS)
ASFLAGS := -g -march=armv8-a -ffile-prefix-map=$(CURDIR)=. -Werror \
	$(DIRECTORY_FLAGS)
LDFLAGS := -nostdlib -static --no-dynamic-linker --gc-sections --build-id=none \
	--fatal-warnings -z max-page-size=4096 -z noexecstack $(LD_FLAGS)

# --- the image ---------------------------------------------------------------

# What stays after boot and runs seldom is made small instead of fast.
COLD_SRC := $(addprefix src/,cpu.c life.c log.c manage.c vconsole.c vm.c) \
	$(addprefix src/arch/aarch64/,console.c el2.c gic.c guard.c hypmap.c \
	inject.c its.c lpi.c panic.c pl011.c psci.c smccc.c smmu.c spectre.c \
	start.c vdev.c)
optimize = $(if $(filter $(COLD_SRC),$<),$(SMALL))
# Where words of text lie as they come: short code, and fast.
UNALIGNED_SRC := src/cpio.c src/string.c
cflags = $(if $(filter $(UNALIGNED_SRC),$<),$(filter-out \
	-mstrict-align,$(CFLAGS)),$(CFLAGS))

C_SRC := $(filter-out %/offsets.c,$(wildcard src/*.c src/arch/aarch64/*.c))
S_SRC := $(wildcard src/arch/aarch64/*.S)
ifneq ($(SPEC),)
# The specification compares itself with the state after each call, by functions
# that otherwise only boot needs.
C_SRC += $(addprefix test/spec/,spec.c view.c life.c target.c)
CPPFLAGS += -DHF_DEBUG -DBOOT_ONLY= -Itest/spec
LDFLAGS += $(addprefix --wrap=,api_calls trap_primary trap_secondary \
	arch_vcpu_enter vcpu_left smccc_quick)
endif
OBJS := $(C_SRC:%.c=$(OBJ)/%.o) $(S_SRC:%.S=$(OBJ)/%.o) $(OBJ)/version.o

.PHONY: all
all: $(BUILD)/holdfast.bin $(BUILD)/holdfast.elf $(OBJ)/relocations.elf \
	compile_commands.json

$(BUILD)/holdfast.elf: $(OBJS) linker.ld $(OBJ)/flags
	$(Q)$(LD) $(LDFLAGS) -T linker.ld -o $@ $(OBJS)

# For the tests: what refers to what.
$(OBJ)/relocations.elf: $(BUILD)/holdfast.elf
	$(Q)$(LD) $(LDFLAGS) --emit-relocs -T linker.ld -o $@ $(OBJS)

$(BUILD)/holdfast.bin: $(BUILD)/holdfast.elf
	$(Q)$(OBJCOPY) -O binary $< $@

# A change of the toolchain or of a flag rebuilds everything.
FLAGS_TEXT = $(CC) $(CPPFLAGS) $(CFLAGS) $(SMALL) $(COLD_SRC) $(ASFLAGS) $(LD) $(LDFLAGS) \
	$(shell $(CC) --version 2>/dev/null | head -n 1)
$(OBJ)/flags: FORCE | $(OBJ)
	@echo '$(FLAGS_TEXT)' | cmp -s - $@ || echo '$(FLAGS_TEXT)' > $@

$(OBJ):
	@mkdir -p $@

$(OBJ)/%.o: %.c $(OBJ)/flags $(OBJ)/offsets.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(cflags) $(optimize) -MMD -MP -c -o $@ $<

$(OBJ)/%.o: %.S $(OBJ)/flags $(OBJ)/offsets.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ASFLAGS) -MMD -MP -c -o $@ $<

# Offsets of C structures for assembly.
$(OBJ)/offsets.h: src/arch/aarch64/offsets.c $(OBJ)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -MF $(OBJ)/offsets.d -MT $@ \
		-S -o $(OBJ)/offsets.s $<
	@sed -n 's/^.*"->\([A-Z0-9_]*\) [#$$]*\([0-9]*\)".*/#define \1 \2/p' \
		$(OBJ)/offsets.s > $@

# The version says which sources it was built from; the same sources give the
# same bytes on any day.
VERSION_TEXT = $(shell cat VERSION) $(shell sh tools/build-id)
$(OBJ)/version.c: FORCE | $(OBJ)
	@{ echo '#include "version.h"'; \
	echo 'const char version_text[] = "$(VERSION_TEXT)";'; } > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(OBJ)/version.o: $(OBJ)/version.c inc/version.h $(OBJ)/flags
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

compile_commands.json: $(OBJ)/flags $(C_SRC)
	@{ sep='['; for f in $(C_SRC); do printf \
	'%s\n{"directory": "%s", "file": "%s", "command": "%s -c %s"}' \
	"$$sep" "$(CURDIR)" "$$f" \
	"$(CC) $(CPPFLAGS) $(CFLAGS)" "$$f"; sep=','; done; echo ']'; } > $@

# --- what is around it ---------------------------------------------------------

include test/guest/guest.mk
include test/attack/attack.mk
include test/bench/bench.mk
include test/linux/linux.mk
include test/unit/unit.mk
include test/fuzz/fuzz.mk
include test/spec/spec.mk
include test/explore/explore.mk
include test/model/model.mk
include test/revival/revival.mk
include test/coverage/coverage.mk
include test/mutation/mutation.mk

# GIC=2|3 CPUS=1..8 MEM=256M..8G CPU=cortex-a53|...|max choose the machine,
# VM=linux a secondary VM with Debian's Linux.
.PHONY: run
run:
	@tools/setup run
	@$(MAKE) all linux
	@tools/run

.PHONY: debug
debug:
	@tools/setup debug
	@$(MAKE) all linux
	@tools/debug

.PHONY: test test-long
test:
	@tools/setup test
	@$(MAKE) all linux
	@python3 test/run.py --toolchain both
test-long:
	@tools/setup test
	@$(MAKE) all linux
	@python3 test/run.py --toolchain both --long

# V=1 shows in which functions the instructions are.
.PHONY: bench bench-baseline
bench:
	@tools/setup test
	@$(MAKE) all linux
	@test/bench/bench --build $(BUILD) $(if $(V),--verbose)
bench-baseline: all
	@test/bench/bench --build $(BUILD) --baseline

# Takes what system registers do now for what they have to do.
.PHONY: golden
golden: all
	@HF_GOLDEN=write python3 test/run.py -k '^sysregs/'

# C files that .clang-format rules.
FORMATTED = $(shell git ls-files '*.c' '*.h' 2>/dev/null || \
	find inc src test driver -name '*.[ch]')

# It takes no notice of _Noreturn, and linker symbols for separate objects.
CPPCHECK_SUPPRESS := --suppress=missingIncludeSystem \
	--suppress=nullPointerRedundantCheck --suppress=comparePointers \
	--suppress=uninitvar:src/load.c \
	--suppress=uninitvar:src/plan.c

.PHONY: check
check:
	@tools/setup test
	@clang-format --dry-run -Werror $(FORMATTED)
	@$(MAKE) compile_commands.json $(OBJ)/offsets.h
	@cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability \
		--inline-suppr --std=c11 -Iinc -Isrc/arch/aarch64 -I$(OBJ) \
		-U__ASSEMBLER__ $(CPPCHECK_SUPPRESS) src
	@clang-tidy --quiet $(C_SRC) -- --target=aarch64-linux-gnu $(CPPFLAGS) \
		$(filter-out -fno-stack-clash-protection -fno-align-%,$(CFLAGS))

.PHONY: format
format:
	clang-format -i $(FORMATTED)

# What was fetched from Debian stays; `make distclean` fetches it again.
.PHONY: clean distclean
clean:
	rm -rf $(filter-out $(BUILD)/debian,$(wildcard $(BUILD)/*)) \
		compile_commands.json
distclean:
	rm -rf $(BUILD) compile_commands.json

.PHONY: help
help:
	@sed -n 's/^#: //p' $(firstword $(MAKEFILE_LIST))

#: make            build/holdfast.bin and .elf (LLVM=1: with clang and lld)
#: make run        boot Debian Linux and a secondary VM in QEMU
#:                 GIC=2|3 CPUS=1..8 MEM=256M..8G CPU=cortex-a57|...|max
#:                 VM=linux: the secondary VM is Debian Linux as well
#: make debug      the same, stopped, under gdb-multiarch with our commands
#: make test       every test; ends with "N passed, N failed, N skipped"
#: make test-long  the same on every machine, and ten times as many calls
#: make unit       the host unit tests alone
#: make revival    put known mistakes back, each of which a test must catch
#: make coverage   lines and branches that the tests reach
#: make mutation   how many small changes of the core the tests notice
#: make fuzz       the fuzzers (FUZZ_SECONDS=20 each)
#: make bench      what each operation costs, in instructions; V=1: and where.
#:                 Ends with an error while a goal is missed
#: make bench-baseline
#:                 write test/bench/baseline.json anew
#: make golden     write test/golden/ anew: what system registers do
#: make check      format, cppcheck, clang-tidy
#: make format     lay out the C files
#: make clean      remove what was built, but not what was fetched
#: make distclean  remove that as well

.PHONY: FORCE
FORCE:

-include $(OBJS:.o=.d) $(OBJ)/offsets.d

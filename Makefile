# SPDX-License-Identifier: BSD-3-Clause
#
# Holdfast. `make help` lists what there is to make.

MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
SHELL := /bin/sh

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
TOOLCHAIN_FLAGS := -mno-outline-atomics -fno-stack-clash-protection
LD_FLAGS := --no-warn-rwx-segments
else
CC := clang --target=aarch64-linux-gnu
LD := ld.lld
OBJCOPY := llvm-objcopy
NM := llvm-nm
TOOLCHAIN_FLAGS := -mno-outline-atomics
LD_FLAGS :=
endif

OBJ := $(BUILD)/obj

CPPFLAGS := -Iinc -Isrc/arch/aarch64 -I$(OBJ) $(if $(DEBUG),-DHF_DEBUG)
CFLAGS := -std=c11 -O2 -g -ffreestanding -fno-common -fno-pic -fno-pie \
	-mgeneral-regs-only -mstrict-align -ffixed-x18 -march=armv8-a \
	-fno-stack-protector -fno-omit-frame-pointer \
	-fno-asynchronous-unwind-tables -fno-strict-aliasing -ffunction-sections \
	-ffile-prefix-map=$(CURDIR)=. \
	-Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wno-unused-parameter $(TOOLCHAIN_FLAGS)
ASFLAGS := -g -march=armv8-a -ffile-prefix-map=$(CURDIR)=. -Werror
LDFLAGS := -nostdlib -static --no-dynamic-linker --gc-sections --build-id=none \
	--fatal-warnings -z max-page-size=4096 -z noexecstack $(LD_FLAGS)

# --- the image ---------------------------------------------------------------

C_SRC := $(filter-out %/offsets.c,$(wildcard src/*.c src/arch/aarch64/*.c))
S_SRC := $(wildcard src/arch/aarch64/*.S)
OBJS := $(C_SRC:%.c=$(OBJ)/%.o) $(S_SRC:%.S=$(OBJ)/%.o) $(OBJ)/version.o

.PHONY: all
all: $(BUILD)/holdfast.bin $(BUILD)/holdfast.elf compile_commands.json

$(BUILD)/holdfast.elf: $(OBJS) linker.ld $(OBJ)/flags
	$(LD) $(LDFLAGS) -T linker.ld -o $@ $(OBJS)

$(BUILD)/holdfast.bin: $(BUILD)/holdfast.elf
	$(OBJCOPY) -O binary $< $@

# A change of the toolchain or of a flag rebuilds everything.
FLAGS_TEXT = $(CC) $(CPPFLAGS) $(CFLAGS) $(ASFLAGS) $(LD) $(LDFLAGS) \
	$(shell $(CC) --version 2>/dev/null | head -n 1)
$(OBJ)/flags: FORCE | $(OBJ)
	@echo '$(FLAGS_TEXT)' | cmp -s - $@ || echo '$(FLAGS_TEXT)' > $@

$(OBJ):
	@mkdir -p $@

$(OBJ)/%.o: %.c $(OBJ)/flags $(OBJ)/offsets.h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(OBJ)/%.o: %.S $(OBJ)/flags $(OBJ)/offsets.h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ASFLAGS) -MMD -MP -c -o $@ $<

# Offsets of C structures for assembly.
$(OBJ)/offsets.h: src/arch/aarch64/offsets.c $(OBJ)/flags
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -MF $(OBJ)/offsets.d -MT $@ \
		-S -o $(OBJ)/offsets.s $<
	@sed -n 's/^[[:space:]]*->\([A-Z0-9_]*\) [#$$]*\([0-9]*\).*/#define \1 \2/p' \
		$(OBJ)/offsets.s > $@

# The version says which sources it was built from; the same sources give the
# same bytes on any day.
VERSION_TEXT = $(shell cat VERSION) $(shell sh tools/build-id)
$(OBJ)/version.c: FORCE | $(OBJ)
	@{ echo '#include "version.h"'; \
	echo 'const char version_text[] = "$(VERSION_TEXT)";'; } > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(OBJ)/version.o: $(OBJ)/version.c inc/version.h $(OBJ)/flags
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

compile_commands.json: $(OBJ)/flags $(C_SRC)
	@{ sep='['; for f in $(C_SRC); do printf \
	'%s\n{"directory": "%s", "file": "%s", "command": "%s -c %s"}' \
	"$$sep" "$(CURDIR)" "$$f" \
	"$(CC) $(CPPFLAGS) $(CFLAGS)" "$$f"; sep=','; done; echo ']'; } > $@

# --- what is around it --------------------------------------------------------

include test/guest/guest.mk
-include test/unit/unit.mk
-include test/fuzz/fuzz.mk

.PHONY: FORCE
FORCE:

-include $(OBJS:.o=.d) $(OBJ)/offsets.d

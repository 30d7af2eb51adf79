# SPDX-License-Identifier: BSD-3-Clause
#
# Bare-metal guests: the demo VM `echo`, and the VMs of the on-target tests.
# Included by the top-level Makefile; uses its BUILD, OBJ, CC, LD and OBJCOPY.
# They see nothing of the hypervisor but inc/hf/, through a link in $(BUILD).

GUEST := $(BUILD)/guest
GUEST_OBJ := $(GUEST)/obj
GUEST_DIR := test/guest

# A guest is linked at 0 and relocates itself, so that it runs where it is put.
GUEST_CPPFLAGS := -I$(GUEST_DIR)/lib -I$(GUEST_DIR) -I$(GUEST_OBJ)/inc
GUEST_CFLAGS := -std=c11 -O2 -g -ffreestanding -fpie -fno-builtin \
	-mgeneral-regs-only -mstrict-align -march=armv8-a \
	-mno-outline-atomics -fno-stack-protector -fno-omit-frame-pointer \
	-fno-asynchronous-unwind-tables -fvisibility=hidden \
	-ffile-prefix-map=$(CURDIR)=. -Wall -Wextra -Werror -Wshadow \
	-Wstrict-prototypes -Wmissing-prototypes
GUEST_ASFLAGS := -g -march=armv8-a -ffile-prefix-map=$(CURDIR)=. -Werror
GUEST_LDFLAGS := -pie --no-dynamic-linker -nostdlib --build-id=none \
	-z norelro -z noexecstack -z max-page-size=4096
ifeq ($(LLVM),)
# Else memcpy() would be compiled to a call of itself.
GUEST_CFLAGS += -fno-tree-loop-distribute-patterns
GUEST_LDFLAGS += --no-warn-rwx-segments
endif

GUEST_LIB := $(patsubst $(GUEST_DIR)/%,$(GUEST_OBJ)/%.o,\
	$(filter-out %/head.S,$(wildcard $(GUEST_DIR)/lib/*.[cS])))
GUEST_PRIMARY := $(patsubst $(GUEST_DIR)/%,$(GUEST_OBJ)/%.o,\
	$(wildcard $(GUEST_DIR)/primary/*.c) $(GUEST_DIR)/bad_configure.c)
GUEST_SERVICE := $(patsubst $(GUEST_DIR)/%,$(GUEST_OBJ)/%.o,\
	$(wildcard $(GUEST_DIR)/service/*.c) $(GUEST_DIR)/bad_configure.c)
GUEST_RACE := $(GUEST_OBJ)/race/race.c.o
GUEST_SPEC := $(GUEST_OBJ)/spec/spec.c.o
GUEST_ECHO := $(GUEST_OBJ)/echo.c.o
GUEST_VIRT := $(GUEST_OBJ)/virt/virt.c.o
GUEST_BARE := $(GUEST_OBJ)/virt/bare.c.o $(GUEST_OBJ)/virt/bare.S.o
GUEST_JUDGE := $(GUEST_OBJ)/judge/judge.c.o $(GUEST_OBJ)/judge/start.S.o

GUEST_IMAGES := $(addprefix $(GUEST)/,echo.bin service.bin race.bin spec.bin \
	judge.bin primary.bin virt.bin virt-flat.bin bare.bin)

# Else make takes the objects for leftovers, and compiles them again.
.SECONDARY: $(GUEST_LIB)

.PHONY: guests
guests: $(GUEST_IMAGES)
all: guests

# echo is a flat binary, the others are Linux Images.
$(GUEST)/echo.elf: $(GUEST_OBJ)/lib/head-flat.o $(GUEST_ECHO)
$(GUEST)/service.elf: $(GUEST_OBJ)/lib/head-image.o $(GUEST_SERVICE)
$(GUEST)/race.elf: $(GUEST_OBJ)/lib/head-image.o $(GUEST_RACE)
$(GUEST)/spec.elf: $(GUEST_OBJ)/lib/head-image.o $(GUEST_SPEC)
$(GUEST)/primary.elf: $(GUEST_OBJ)/lib/head-image.o $(GUEST_PRIMARY)

$(GUEST)/virt.elf: $(GUEST_OBJ)/lib/head-image.o $(GUEST_VIRT)
$(GUEST)/virt-flat.elf: $(GUEST_OBJ)/lib/head-flat.o $(GUEST_VIRT)

# These rely on nothing, not even on the library.
$(GUEST)/judge.elf: $(GUEST_OBJ)/lib/head-image.o $(GUEST_JUDGE)
$(GUEST)/bare.elf: $(GUEST_OBJ)/lib/head-flat.o $(GUEST_BARE)
$(GUEST)/judge.elf $(GUEST)/bare.elf: $(GUEST_DIR)/lib/guest.lds \
		$(GUEST_OBJ)/flags
	$(Q)$(LD) $(GUEST_LDFLAGS) -T $(GUEST_DIR)/lib/guest.lds -o $@ \
		$(filter %.o,$^)

$(GUEST)/%.elf: $(GUEST_LIB) $(GUEST_DIR)/lib/guest.lds $(GUEST_OBJ)/flags
	$(Q)$(LD) $(GUEST_LDFLAGS) -T $(GUEST_DIR)/lib/guest.lds -o $@ \
		$(filter %.o,$^)

$(GUEST)/%.bin: $(GUEST)/%.elf
	$(Q)$(OBJCOPY) -O binary $< $@

$(GUEST_OBJ)/%.c.o: $(GUEST_DIR)/%.c $(GUEST_OBJ)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CPPFLAGS) $(GUEST_CFLAGS) -MMD -MP -c -o $@ $<

$(GUEST_OBJ)/%.S.o: $(GUEST_DIR)/%.S $(GUEST_OBJ)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CPPFLAGS) $(GUEST_ASFLAGS) -MMD -MP -c -o $@ $<

$(GUEST_OBJ)/lib/head-image.o: $(GUEST_DIR)/lib/head.S $(GUEST_OBJ)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_ASFLAGS) -c -o $@ $<

$(GUEST_OBJ)/lib/head-flat.o: $(GUEST_DIR)/lib/head.S $(GUEST_OBJ)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_ASFLAGS) -DFLAT_BINARY -c -o $@ $<

GUEST_FLAGS_TEXT = $(CC) $(GUEST_CPPFLAGS) $(GUEST_CFLAGS) $(GUEST_ASFLAGS) \
	$(LD) $(GUEST_LDFLAGS) $(shell $(CC) --version 2>/dev/null | head -n 1)
$(GUEST_OBJ)/flags: FORCE
	@mkdir -p $(@D)/inc
	@ln -sfn $(CURDIR)/inc/hf $(@D)/inc/hf
	@echo '$(GUEST_FLAGS_TEXT)' | cmp -s - $@ || \
		echo '$(GUEST_FLAGS_TEXT)' > $@

-include $(GUEST_LIB:.o=.d) $(GUEST_PRIMARY:.o=.d) $(GUEST_SERVICE:.o=.d) \
	$(GUEST_RACE:.o=.d) $(GUEST_SPEC:.o=.d) $(GUEST_ECHO:.o=.d) \
	$(GUEST_JUDGE:.o=.d) $(GUEST_VIRT:.o=.d) $(GUEST_BARE:.o=.d)

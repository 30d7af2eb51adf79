# SPDX-License-Identifier: BSD-3-Clause
#
# The attacking primary, the hostile secondary and their victim: bare-metal
# guests as those of test/guest/, whose library and rules they use.

ATTACK_OBJ := $(GUEST_OBJ)/attack
attack_objects = $(addprefix $(ATTACK_OBJ)/,$(addsuffix .c.o,$(1)))

ATTACK_PRIMARY := $(call attack_objects,primary primary_calls primary_memory \
	primary_gic both common) \
	$(GUEST_OBJ)/primary/machine.c.o $(GUEST_OBJ)/primary/its.c.o
ATTACK_HOSTILE := $(call attack_objects,hostile secondary_calls \
	secondary_ends secondary_gic both common)
ATTACK_VICTIM := $(call attack_objects,victim)

ATTACK_IMAGES := $(addprefix $(GUEST)/attack-,primary.bin hostile.bin \
	victim.bin)

guests: $(ATTACK_IMAGES)

$(GUEST)/attack-primary.elf: $(GUEST_OBJ)/lib/head-image.o $(ATTACK_PRIMARY)
$(GUEST)/attack-hostile.elf: $(GUEST_OBJ)/lib/head-image.o $(ATTACK_HOSTILE)
$(GUEST)/attack-victim.elf: $(GUEST_OBJ)/lib/head-image.o $(ATTACK_VICTIM)

$(ATTACK_OBJ)/%.c.o: test/attack/%.c $(GUEST_OBJ)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CPPFLAGS) $(GUEST_CFLAGS) -MMD -MP -c -o $@ $<

-include $(ATTACK_PRIMARY:.o=.d) $(ATTACK_HOSTILE:.o=.d) \
	$(ATTACK_VICTIM:.o=.d)

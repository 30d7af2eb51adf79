# SPDX-License-Identifier: BSD-3-Clause
# Fuzzers of the boot input (libFuzzer, clang only): test/fuzz/fuzz_NAME.c with
# the sources below, a corpus of seeds in test/fuzz/corpus/NAME, a dictionary
# in test/fuzz/NAME.dict. What a run finds new goes to build/fuzz/corpus/NAME,
# an input that fails to build/fuzz/NAME-crash-*. To look at one again:
#	build/fuzz/NAME build/fuzz/NAME-crash-...

BUILD ?= build
FUZZ_SECONDS ?= 20
FUZZ_CC ?= clang

FUZZ_NAMES := cpio fdt image manifest
fuzz_src_cpio := src/cpio.c
fuzz_src_fdt := src/fdt.c src/devtree.c src/fdt_write.c
fuzz_src_image := src/image.c
fuzz_src_manifest := src/manifest.c src/fdt.c

FUZZ_CFLAGS := -std=gnu11 -O1 -g -Wall -Wextra -Werror \
	-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	-iquote inc
FUZZ_PROGRAMS := $(FUZZ_NAMES:%=$(BUILD)/fuzz/%)

define fuzz_program
$(BUILD)/fuzz/$(1): test/fuzz/fuzz_$(1).c $(fuzz_src_$(1)) test/fuzz/fuzz.mk
	@mkdir -p $$(@D)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -MMD -MP -MF $$@.d -MT $$@ -o $$@ \
		$$(filter %.c,$$^)
endef
$(foreach name,$(FUZZ_NAMES),$(eval $(call fuzz_program,$(name))))

-include $(FUZZ_PROGRAMS:%=%.d)

# One fuzzer's run is `make fuzz-NAME`; `make -j2 fuzz` runs two at a time.
.PHONY: fuzz $(FUZZ_NAMES:%=fuzz-%)
fuzz: $(FUZZ_NAMES:%=fuzz-%)

$(FUZZ_NAMES:%=fuzz-%): fuzz-%: $(BUILD)/fuzz/%
	@mkdir -p $(BUILD)/fuzz/corpus/$*
	@if $< -max_total_time=$(FUZZ_SECONDS) -timeout=5 -max_len=65536 \
		$(if $(wildcard test/fuzz/$*.dict),-dict=test/fuzz/$*.dict) \
		-artifact_prefix=$(BUILD)/fuzz/$*- -print_final_stats=1 \
		$(BUILD)/fuzz/corpus/$* test/fuzz/corpus/$* \
		> $(BUILD)/fuzz/$*.log 2>&1; then \
		echo "ok fuzz.$* ($$(sed -n \
		's/stat::number_of_executed_units: *//p' \
		$(BUILD)/fuzz/$*.log) inputs)"; \
	else \
		tail -n 40 $(BUILD)/fuzz/$*.log; \
		echo "not ok fuzz.$*: see $(BUILD)/fuzz/$*.log"; \
		exit 1; \
	fi

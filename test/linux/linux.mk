# SPDX-License-Identifier: BSD-3-Clause
#
# The Linux primary: Debian's kernel, the driver, an initramfs, and ramdisks of
# them with secondary VMs, of which some are Linux as well. Included by the
# top-level Makefile after guest.mk; uses its BUILD, LD, OBJCOPY and GUEST*.
#
#	linux		everything here
#	driver		the module alone, $(LINUX_DRIVER)

LINUX := $(BUILD)/linux
LINUX_DIR := test/linux
LINUX_CROSS ?= aarch64-linux-gnu-

# What tools/debian fetches. It is the same for every BUILD.
DEBIAN_RELEASE := build/debian/release
LINUX_KERNEL := build/debian/vmlinuz
LINUX_DRIVER := $(LINUX)/driver/holdfast.ko
LINUX_INITRAMFS := $(LINUX)/initrd.img
LINUX_VM_INITRAMFS := $(LINUX)/vm.img
LINUX_RAMDISKS := $(addprefix $(LINUX)/,demo.img driver.img strict.img \
	linux.img pair.img)

.PHONY: linux driver
linux: $(LINUX_RAMDISKS)
	@:
driver: $(LINUX_DRIVER)

$(DEBIAN_RELEASE): tools/debian
	tools/debian
	@touch $@

$(LINUX_KERNEL): $(DEBIAN_RELEASE) ;

# Kbuild is silent but for errors and warnings. It is to see nothing of our
# variables: LLVM=1, for one, would say with what to build Debian's module.
$(LINUX_DRIVER): $(wildcard driver/linux/*) inc/hf/abi.h $(DEBIAN_RELEASE)
	$(Q)env -i PATH="$$PATH" $(MAKE) -s -C driver/linux OUT=$(CURDIR)/$(@D)
	@touch $@

# The tests' own module.
LINUX_PROVOKE := $(LINUX)/provoke/provoke.ko
$(LINUX_PROVOKE): $(LINUX_DIR)/provoke.c $(DEBIAN_RELEASE)
	@mkdir -p $(@D)
	$(Q)cp $< $(@D)/ && echo 'obj-m := provoke.o' >$(@D)/Kbuild
	$(Q)env -i PATH="$$PATH" $(MAKE) -s -C build/debian/headers \
		M=$(CURDIR)/$(@D) ARCH=arm64 CROSS_COMPILE=$(LINUX_CROSS) \
		CONFIG_DEBUG_INFO_BTF_MODULES= modules
	$(Q)$(LINUX_CROSS)strip -g $@

# Programs for the primary's Linux, with Debian's C library in them.
LINUX_PROGRAMS := $(addprefix $(LINUX)/,drive latency roundtrip holdfastctl)
$(LINUX)/drive $(LINUX)/latency $(LINUX)/roundtrip: $(LINUX)/%: \
		$(LINUX_DIR)/%.c
$(LINUX)/roundtrip: test/bench/mark.h
$(LINUX)/holdfastctl: driver/tools/holdfastctl.c
$(LINUX_PROGRAMS):
	@mkdir -p $(@D)
	$(Q)$(LINUX_CROSS)gcc -std=c11 -O2 -Wall -Wextra -Werror \
		-Wno-unused-result -static -pthread -s -o $@ $(filter %.c,$^)

$(GUEST_OBJ)/puppet.c.o: $(LINUX_DIR)/puppet.c $(GUEST_OBJ)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CPPFLAGS) $(GUEST_CFLAGS) -MMD -MP -c -o $@ $<

$(GUEST)/puppet.elf: $(GUEST_OBJ)/lib/head-flat.o $(GUEST_OBJ)/puppet.c.o

-include $(GUEST_OBJ)/puppet.c.d

$(LINUX_INITRAMFS): tools/initramfs $(LINUX_DRIVER) $(LINUX_PROGRAMS) \
		$(LINUX_PROVOKE) \
		$(wildcard $(LINUX_DIR)/*.sh) $(LINUX_DIR)/init \
		$(LINUX_DIR)/run $(LINUX_DIR)/motd $(LINUX_DIR)/shrc \
		$(LINUX_DIR)/dmesg.known
	$(Q)tools/initramfs $@ $(LINUX_DRIVER) $(LINUX_PROGRAMS) \
		$(LINUX_PROVOKE)

LINUX_VM_TESTS := $(LINUX)/drive $(LINUX_PROVOKE)
$(LINUX_VM_INITRAMFS): tools/initramfs $(LINUX_DRIVER) $(LINUX_VM_TESTS) \
		$(wildcard $(LINUX_DIR)/vm/*) $(LINUX_DIR)/shrc
	$(Q)tools/initramfs --vm $@ $(LINUX_DRIVER) $(LINUX_VM_TESTS)

LINUX_FILES := vmlinuz=$(LINUX_KERNEL) initrd.img=$(LINUX_INITRAMFS) \
	echo.bin=$(GUEST)/echo.bin

$(LINUX)/demo.img: $(LINUX_DIR)/demo.dts $(GUEST)/echo.bin \
		$(LINUX_KERNEL) $(LINUX_INITRAMFS) tools/mkramdisk
	$(Q)tools/mkramdisk -o $@ $< $(LINUX_FILES)

$(LINUX)/strict.dts: $(LINUX_DIR)/demo.dts
	$(Q)sed 's/^\tcompatible.*/&\n\tstrict;/' $< >$@

$(LINUX)/strict.img: $(LINUX)/strict.dts $(GUEST)/echo.bin \
		$(LINUX_KERNEL) $(LINUX_INITRAMFS) tools/mkramdisk
	$(Q)tools/mkramdisk -o $@ $< $(LINUX_FILES)

$(LINUX)/driver.img: $(LINUX_DIR)/driver.dts $(GUEST)/echo.bin \
		$(GUEST)/puppet.bin $(LINUX_KERNEL) $(LINUX_INITRAMFS) \
		tools/mkramdisk
	$(Q)tools/mkramdisk -o $@ $< $(LINUX_FILES) \
		puppet.bin=$(GUEST)/puppet.bin

LINUX_VM_FILES := vmlinuz=$(LINUX_KERNEL) initrd.img=$(LINUX_INITRAMFS) \
	vm.img=$(LINUX_VM_INITRAMFS)

$(LINUX)/linux.img: $(LINUX_DIR)/linux.dts $(GUEST)/echo.bin \
		$(LINUX_KERNEL) $(LINUX_INITRAMFS) $(LINUX_VM_INITRAMFS) \
		tools/mkramdisk
	$(Q)tools/mkramdisk -o $@ $< $(LINUX_VM_FILES) \
		echo.bin=$(GUEST)/echo.bin

$(LINUX)/pair.img: $(LINUX_DIR)/pair.dts $(LINUX_KERNEL) \
		$(LINUX_INITRAMFS) $(LINUX_VM_INITRAMFS) tools/mkramdisk
	$(Q)tools/mkramdisk -o $@ $< $(LINUX_VM_FILES)

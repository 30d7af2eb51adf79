/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * The Holdfast hypercall ABI, version 1: numbers and layouts shared by the
 * hypervisor and everything that runs on it (bare-metal guests, the Linux
 * driver). It is the only header of the hypervisor that a guest includes, it
 * includes nothing, and it may be used from C and from assembly.
 * docs/abi.md explains each call.
 */
#ifndef HF_ABI_H
#define HF_ABI_H

#define HF_ABI_VERSION 1

/* Size and alignment in bytes of a mailbox page, and the longest message. */
#define HF_MAILBOX_SIZE 4096

/* IPA at which the memory of every secondary VM begins. */
#define HF_SECONDARY_RAM_BASE 0x40000000

/*
 * Calls: HVC #0, function in w0, arguments in x1..x3, result in x0. A negative
 * result is an error. x1-x3 come back as zero; x4-x30, SP and the FP/SIMD
 * registers keep their values.
 */
#define HF_VCPU_RUN 0xff00
#define HF_VM_GET_COUNT 0xff01
#define HF_VCPU_GET_COUNT 0xff02
#define HF_VM_CONFIGURE 0xff03
#define HF_RPC_REQUEST 0xff04
#define HF_RPC_READ_REQUEST 0xff05
#define HF_RPC_ACK 0xff06
#define HF_RPC_REPLY 0xff07
#define HF_SET_OPTIONS 0xff08

/* Calls with which the primary manages VMs; they may take their time. */
#define HF_VM_GET_STATE 0xff09
#define HF_VM_STOP 0xff0a
#define HF_VM_START 0xff0b
#define HF_CONSOLE_READ 0xff0c
#define HF_CONSOLE_WRITE 0xff0d
#define HF_LOG_READ 0xff0e

/*
 * Options of HF_SET_OPTIONS, a mask. MESSAGE_WANTED: report a blocking read
 * as HF_VCPU_MESSAGE_WANTED instead of HF_VCPU_WAIT_FOR_INTERRUPT. CONSOLE:
 * the primary reads the consoles of VMs, and is told of output by
 * HF_VCPU_CONSOLE; without it the hypervisor prints what VMs write.
 */
#define HF_OPTION_MESSAGE_WANTED 1
#define HF_OPTION_CONSOLE 2

/* Result of HF_VCPU_RUN: a code in bits 7:0, its payload above. */
#define HF_VCPU_CODE_BITS 8
#define HF_VCPU_CODE_MASK 0xff

#define HF_VCPU_YIELD 0x00
#define HF_VCPU_WAIT_FOR_INTERRUPT 0x01
#define HF_VCPU_WAKE_UP 0x02
#define HF_VCPU_RESPONSE_READY 0x03
#define HF_VCPU_ABORTED 0x04
#define HF_VCPU_MESSAGE_WANTED 0x05
#define HF_VCPU_CONSOLE 0x06

/* Payload of HF_VCPU_WAKE_UP: vCPU index in bits 15:0, VM in bits 31:16. */
#define HF_WAKE_UP_VCPU_MASK 0xffff
#define HF_WAKE_UP_VM_SHIFT 16

/* Payload of HF_VCPU_ABORTED. */
#define HF_ABORT_SYSTEM_OFF 1
#define HF_ABORT_SYSTEM_RESET 2
#define HF_ABORT_MEMORY_ACCESS 3
#define HF_ABORT_FAULT 4
#define HF_ABORT_STOPPED 5

/*
 * Result of HF_VM_GET_STATE: a state in bits 7:0; why the VM was stopped
 * (HF_ABORT_*) in bits 15:8, 0 if it was not.
 */
#define HF_VM_LEFT_OUT 0
#define HF_VM_RUNNING 1
#define HF_VM_STOPPED 2
#define HF_VM_STARTING 3
#define HF_VM_REASON_SHIFT 8

/* Result of HF_VM_STOP and HF_VM_START: done, or to be called again. */
#define HF_DONE 0
#define HF_AGAIN 1

/*
 * Most bytes of one call: HF_CONSOLE_READ and HF_LOG_READ give them in x1-x3,
 * HF_CONSOLE_WRITE takes them in x2 and x3. The first one is in the lowest
 * byte of the first register.
 */
#define HF_READ_BYTES 24
#define HF_WRITE_BYTES 16
/* HF_CONSOLE_WRITE: x1 has the VM in bits 31:0, and the count above. */
#define HF_WRITE_COUNT_SHIFT 32

/* SMCCC vendor-specific hypervisor service calls (Arm DEN0028, section 6). */
#define HF_SMCCC_VENDOR_HYP_UID 0x8600ff01
#define HF_SMCCC_VENDOR_HYP_REVISION 0x8600ff03

/* Answer to HF_SMCCC_VENDOR_HYP_UID, in w0..w3: the UUID
 * 6b1f4a1c-96d2-4e0f-a3c8-52b7e9d05f31 in the byte order of DEN0028. */
#define HF_UID_0 0x1c4a1f6b
#define HF_UID_1 0x0f4ed296
#define HF_UID_2 0xb752c8a3
#define HF_UID_3 0x315fd0e9

#endif

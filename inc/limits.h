/* SPDX-License-Identifier: BSD-3-Clause */
/* Every limit of the hypervisor. Passing one is a clear message at boot. */
#ifndef LIMITS_H
#define LIMITS_H

/* Bytes; what CPUs must not share, or want together, is laid out by it. */
#define CACHE_LINE 64

/* Physical CPUs, and so vCPUs of the primary. */
#define MAX_CPUS 16

/* Secondary VMs. */
#define MAX_VMS 16

/* vCPUs of one secondary VM. */
#define MAX_VCPUS 8

/* Ranges of RAM of a board. */
#define MAX_RAM_RANGES 16

/* Ranges that the board reserves. */
#define MAX_RESERVED_RANGES 64

/* Ranges in one list: the reserved ones, the VMs, and what boot itself has. */
#define MAX_RANGES (MAX_RESERVED_RANGES + MAX_VMS + 8)

/* SMMUs of a board, and bits of the stream numbers that one is set up for. */
#define MAX_SMMUS 8
#define MAX_STREAM_BITS 24

/* Nodes of the board's device tree, and of the manifest. */
#define MAX_NODES 2048
#define MAX_MANIFEST_NODES (4 * MAX_VMS)

/* Devices that are kept from the primary. */
#define MAX_WITHHELD 512

/* Longest debug_name of a VM, with its terminator, in bytes. */
#define MAX_NAME 32

/* GIC redistributors, those of CPUs that are not used included. */
#define MAX_REDISTRIBUTORS 64

/* GIC Interrupt Translation Services; others are withheld from the primary. */
#define MAX_ITS 4

/* Width of the DeviceIDs that an ITS takes. */
#define MAX_DEVICE_ID_BITS 16

/* Memory of an ITS for the interrupts of its devices (ITTs), in bytes, at most:
 * several ITSs share what there is. */
#define ITT_SIZE 0x20000u

#endif

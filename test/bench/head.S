/* SPDX-License-Identifier: BSD-3-Clause */
/* As lib/head.S; the first instruction ends the count of the boot. */
#include "mark.h"

	.section .head.start, "ax"
	.globl	_start
_start:
	movz	wzr, #MARK_STOP
	b	start
	.quad	0			/* text_offset */

	.section .head.rest, "a"
	.quad	0xa			/* little-endian, 4 KiB, anywhere */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

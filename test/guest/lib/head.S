/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * First bytes of a guest: the arm64 Linux Image header. Assembled twice: with
 * its magic number, and without it for a flat binary, which is the same file
 * but for these four bytes. The linker script puts the image size between the
 * two sections here.
 */
	.section .head.start, "ax"
	.globl	_start
_start:
	b	start
	.long	0
	.quad	0			/* text_offset */

	.section .head.rest, "a"
	.quad	0xa			/* little-endian, 4 KiB, anywhere */
	.quad	0, 0, 0
#ifdef FLAT_BINARY
	.long	0
#else
	.ascii	"ARM\x64"
#endif
	.long	0

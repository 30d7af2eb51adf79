/* SPDX-License-Identifier: BSD-3-Clause */
/* For assembly: all FP/SIMD registers but FPCR and FPSR. */
#ifndef FP_BLOCK_H
#define FP_BLOCK_H

/* Loads or stores all FP registers, 512 bytes at `base`, which goes up. */
.macro fp_block op, base
	\op	q0, q1, [\base], #512
	\op	q2, q3, [\base, #-480]
	\op	q4, q5, [\base, #-448]
	\op	q6, q7, [\base, #-416]
	\op	q8, q9, [\base, #-384]
	\op	q10, q11, [\base, #-352]
	\op	q12, q13, [\base, #-320]
	\op	q14, q15, [\base, #-288]
	\op	q16, q17, [\base, #-256]
	\op	q18, q19, [\base, #-224]
	\op	q20, q21, [\base, #-192]
	\op	q22, q23, [\base, #-160]
	\op	q24, q25, [\base, #-128]
	\op	q26, q27, [\base, #-96]
	\op	q28, q29, [\base, #-64]
	\op	q30, q31, [\base, #-32]
.endm

#endif

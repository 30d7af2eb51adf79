/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VERSION_H
#define VERSION_H

/* Version and build id, "0.1.0 (1a2b3c4d5e6f)". */
extern const char version_text[];

#endif

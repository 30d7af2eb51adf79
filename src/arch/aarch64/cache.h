/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CACHE_H
#define CACHE_H

#include <stddef.h>

/*
 * Drops a range from the data caches to the point of coherency (DC IVAC).
 * Begin and end are aligned to whole cache lines by the caller, or share them
 * with memory of the hypervisor that was not written through the caches.
 */
void cache_invalidate(const void *p, size_t size);

#endif

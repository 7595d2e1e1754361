/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_SYS_MALLOC_H
#define SHIM_SYS_MALLOC_H

#include <sys/param.h>

#define M_NOWAIT 1
#define M_WAITOK 2
#define M_ZERO 0x100

struct malloc_type {
	const char *name;
	long live;       /* allocations */
};
#define MALLOC_DEFINE(type, name, text) struct malloc_type type[1] = { { name, 0 } }
#define MALLOC_DECLARE(type) extern struct malloc_type type[1]

#define malloc(size, type, flags) kernel_malloc(size, 16, type, flags)
#define malloc_aligned(size, align, type, flags) kernel_malloc(size, align, type, flags)
#define free(p, type) kernel_free(p, type)
void *kernel_malloc(size_t size, size_t align, struct malloc_type *type, int flags);
void kernel_free(void *p, struct malloc_type *type);

#endif

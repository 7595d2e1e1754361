/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The four functions on memory that the library calls: no libc header is needed.  A port header may define any of them as a
 * macro of its own.  What a compiler makes calls to memcpy, memmove, memset and memcmp of is the host's to supply in any case.
 */
#ifndef NVMX_SRC_MEM_H
#define NVMX_SRC_MEM_H

#ifdef NESTVMX_PORT_HEADER
#include NESTVMX_PORT_HEADER
#endif

#ifndef nvmx_memcpy
#define nvmx_memcpy(to, from, bytes) __builtin_memcpy(to, from, bytes)
#endif
#ifndef nvmx_memmove
#define nvmx_memmove(to, from, bytes) __builtin_memmove(to, from, bytes)
#endif
#ifndef nvmx_memset
#define nvmx_memset(to, byte, bytes) __builtin_memset(to, byte, bytes)
#endif
#ifndef nvmx_memcmp /* used to tell whether two blocks are the same: a port's own need not tell which is less */
#define nvmx_memcmp(a, b, bytes) __builtin_memcmp(a, b, bytes)
#endif

#endif

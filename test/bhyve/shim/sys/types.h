/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_SYS_TYPES_H
#define SHIM_SYS_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/cdefs.h>

typedef unsigned char u_char;
typedef unsigned short u_short;
typedef unsigned int u_int;
typedef unsigned long u_long;
typedef int64_t register_t;
typedef uint64_t vm_offset_t, vm_paddr_t, vm_size_t, vm_pindex_t;
typedef int64_t vm_ooffset_t;
typedef u_char vm_prot_t;
typedef struct pmap *pmap_t;
typedef struct vm_page *vm_page_t;

#endif

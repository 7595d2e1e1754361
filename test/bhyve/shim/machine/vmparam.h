/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The direct map: physical memory is the fake's, each page where it has been allocated. */
#ifndef SHIM_MACHINE_VMPARAM_H
#define SHIM_MACHINE_VMPARAM_H

#include <sys/param.h>

vm_offset_t shim_dmap(vm_paddr_t pa);
vm_paddr_t shim_physical(vm_offset_t va);
#define PHYS_TO_DMAP(pa) shim_dmap(pa)
#define DMAP_TO_PHYS(va) shim_physical((vm_offset_t)(va))

#endif

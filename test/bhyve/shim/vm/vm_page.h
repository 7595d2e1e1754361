/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_VM_VM_PAGE_H
#define SHIM_VM_VM_PAGE_H

#include <vm/pmap.h>

struct vm_page {
	vm_paddr_t phys_addr;
	u_int ref_count;     /* wirings, and the object's */
	uint8_t flags;
	/* What the model keeps beside. */
	bool managed, being_unmapped, dirty;
	uint8_t queue;
};

#define PG_FICTITIOUS 0x02u
#define VPRC_OBJREF 0x80000000u
#define PQ_NONE 255
#define PQ_INACTIVE 0
#define PQ_ACTIVE 1
#define VM_ALLOC_WIRED 0x20
#define VM_ALLOC_ZERO 0x40
#define VM_ALLOC_WAITOK 0x02
#define VM_ALLOC_NOWAIT 0x8000

vm_page_t PHYS_TO_VM_PAGE(vm_paddr_t pa);
#define VM_PAGE_TO_PHYS(m) ((m)->phys_addr)
bool vm_page_wire_mapped(vm_page_t m);
void vm_page_unwire(vm_page_t m, uint8_t queue);
bool vm_page_wired(vm_page_t m);
vm_page_t vm_page_alloc_noobj(int request);
bool vm_page_unwire_noq(vm_page_t m);
void vm_page_free(vm_page_t m);

#endif

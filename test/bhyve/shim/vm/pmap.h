/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#ifndef SHIM_VM_PMAP_H
#define SHIM_VM_PMAP_H

#include <sys/cpuset.h>
#include <sys/smr.h>
#include <sys/mutex.h>
#include <vm/vm.h>
#include <machine/vmparam.h>

typedef uint64_t pml4_entry_t, pd_entry_t, pt_entry_t;

/* An EPT of the host's. */
struct pmap {
	struct mtx pm_mtx;
	pml4_entry_t *pm_pmltop;
	cpuset_t pm_active;  /* processors that run a guest on it */
	long pm_eptgen;      /* invalidations */
	smr_t pm_eptsmr;
	int pm_flags;
};

#define PMAP_NESTED_IPIMASK 0xff
#define PMAP_EMULATE_AD_BITS (1 << 9)
#define PMAP_SUPPORTS_EXEC_ONLY (1 << 10)
#define EPT_PG_EMUL_V (1ul << 52)
#define EPT_PG_EMUL_RW (1ul << 53)

#define vtophys(p) shim_physical((vm_offset_t)(p))
int pmap_emulate_accessed_dirty(pmap_t pmap, vm_offset_t gpa, int kind);

#endif

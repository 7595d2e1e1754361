/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Virtual EPT: EPT02, the shadow of L1's EPT (EPT12) composed with the host's map of L1's memory.  See docs/ept.md.
 *
 * L1's EPT is named by a role: its EPTP plus what else decides how EPT12 is read (nvmx_ept_role()).  Each vCPU has
 * shadow roots of its own, several of which stay warm.
 */
#ifndef NVMX_SRC_EPT_H
#define NVMX_SRC_EPT_H

#include "../vmx/vcpu.h"
#include "named.h"

/* An EPTP has bits 63:52 reserved (SDM 24.6.11), so a role keeps its own bits there. */
#define NVMX_EPT_ROLE_MODE_EXEC NVMX_BIT64(63) /* mode-based execute control for EPT */
#define NVMX_EPT_ROLE_PML NVMX_BIT64(62)       /* page-modification logging */

enum nvmx_ept_answer {
	NVMX_EPT_RETRY,   /* the shadow has the translation now: resume L2 */
	NVMX_EPT_TO_L1,   /* a VM exit to L1: `reason` and `qualification` */
	NVMX_EPT_TO_HOST, /* the host does not map L1's frame `gpa1` for `access`: nvmx_host_fault() */
	NVMX_EPT_NOMEM,   /* no page for the shadow */
	NVMX_EPT_NOT_NOW  /* v->not_now: the call comes again */
};

struct nvmx_ept_fault {
	uint32_t reason;        /* TO_L1: 48 EPT violation, 49 EPT misconfiguration, 62 page-modification log full */
	uint64_t qualification; /* TO_L1: as L1 must see it */
	bool suppress_ve;       /* TO_L1 with reason 48: bit 63 of the entry where the walk ended */
	uint64_t gpa1;          /* TO_HOST: L1-physical address */
	unsigned access;        /* TO_HOST: NVMX_ACCESS_* */
};

/* What the per-vCPU state begins with; the rest is the shadow's own. */
struct nvmx_ept_hot {
	uint64_t role12;        /* the role that eptp02 shadows; 0: none (no EPTP is 0) */
	uint64_t eptp02;
	uint32_t pending;       /* not 0: an INVEPT or a flush waits for the next VM entry */
	bool ahead;             /* the root of role12 was cut, and no VM entry of L1's has used it since */
	uint16_t root;          /* that root, where role12 is not 0 */
};

/* The role of vmcs12's EPT.  Only meaningful with "enable EPT". */
static inline uint64_t nvmx_ept_role(const struct nvmx_vmcs12 *v12)
{
	uint32_t proc2 = nvmx_v12_proc2(v12);

	if (!(proc2 & (NVMX_PROC2_MODE_EXEC | NVMX_PROC2_PML)))
		return v12->ept_pointer;
	return v12->ept_pointer | (proc2 & NVMX_PROC2_MODE_EXEC ? NVMX_EPT_ROLE_MODE_EXEC : 0) |
	       (proc2 & NVMX_PROC2_PML ? NVMX_EPT_ROLE_PML : 0);
}

/* Sets up and tears down.  Pages come from page_alloc of the vCPU's host; none is taken
 * before L2 needs it. */
void nvmx_ept_vm_init(struct nvmx_vm *vm);
void nvmx_ept_vm_destroy(struct nvmx_vm *vm);
void nvmx_ept_vcpu_init(struct nvmx_vcpu *v);
void nvmx_ept_vcpu_destroy(struct nvmx_vcpu *v);
/* A vCPU of the VM whose memory overlaps mem[0..size), or NULL. */
const struct nvmx_vcpu *nvmx_ept_vcpu_in(struct nvmx_vm *vm, const void *mem, size_t size);

/*
 * The EPTP for vmcs02 that shadows `role12`, or 0 if there is no memory for it.  To be called before every VM entry to
 * L2 with EPT (also those that L1 does not see: the resume after nvmx_ept_violation or a kick); performs the hardware
 * flush that an INVEPT or a change of the shadow left pending.  A few instructions when nothing happened.
 * The EPTP of a role changes when its root was reclaimed, so write it to vmcs02 whenever it differs.
 */
uint64_t nvmx_ept_root_slow(struct nvmx_vcpu *v, uint64_t role12);
static inline uint64_t nvmx_ept_root(struct nvmx_vcpu *v, uint64_t role12)
{
	struct nvmx_ept_hot *hot = (struct nvmx_ept_hot *)v->ept;

	if (hot->role12 == role12 && !__atomic_load_n(&hot->pending, __ATOMIC_ACQUIRE))
		return hot->eptp02;
	return nvmx_ept_root_slow(v, role12);
}

/*
 * L1 enters L2, after nvmx_ept_root(): what L2 has used after each of the last INVEPTs is made current at once, 4 ways
 * through EPT12 at most.  Maps L1's memory.
 */
void nvmx_ept_ahead_slow(struct nvmx_vcpu *v, uint64_t role12);
static inline void nvmx_ept_ahead(struct nvmx_vcpu *v, uint64_t role12)
{
	if (((struct nvmx_ept_hot *)v->ept)->ahead)
		nvmx_ept_ahead_slow(v, role12);
}

/*
 * L2 had an EPT violation at guest-physical `gpa2` with exit qualification `qual` (SDM 27.2.1, table 27-7) while it ran
 * on nvmx_ept_root(v, role12).  vmcs12's PML fields are read from v->cur with NVMX_EPT_ROLE_PML.
 */
enum nvmx_ept_answer nvmx_ept_violation(struct nvmx_vcpu *v, uint64_t role12, uint64_t gpa2, uint64_t qual,
					struct nvmx_ept_fault *out);

/* L1's INVEPT of NVMX_FLUSH_SINGLE or NVMX_FLUSH_ALL after its operand checks (SDM 30.3): O(1), takes effect at the next
 * nvmx_ept_root(). */
void nvmx_ept_invept(struct nvmx_vcpu *v, unsigned type, uint64_t eptp12);
/* The same for guest-physical addresses [gpa2, end] alone, compared with EPT12 at once; at most 32 tables, else all. */
void nvmx_ept_invept_range(struct nvmx_vcpu *v, uint64_t eptp12, uint64_t gpa2, uint64_t end);
/* The same of ranges of one space for all vCPUs of the VM, which are kicked: those that were in L2 have left it, and none runs it again
 * before its own roots were compared (nvmx_ept_root()).  False: nothing was done, since the host has other vCPUs and no kick_others. */
bool nvmx_ept_invept_everywhere(struct nvmx_vcpu *self, const struct nvmx_ept_named *named);

/*
 * L1 enters L2 with EPT.  An entry without VPID leaves the processor only guest-physical mappings (SDM 28.4.3.1), and
 * processors that keep none see at once when L1 clears an accessed or dirty flag; L1s rely on it.
 */
static inline void nvmx_ept_enter(struct nvmx_vcpu *v, const struct nvmx_vmcs12 *v12)
{
	if (v12->ept_pointer & NVMX_BIT64(6) && !(nvmx_v12_proc2(v12) & NVMX_PROC2_VPID))
		nvmx_ept_invept(v, NVMX_FLUSH_SINGLE, v12->ept_pointer);
}

/*
 * EPTP switching by the processor (SDM 25.5.6.3).  The host-physical address of the EPTP list for vmcs02, 0 if there is no
 * memory for it.  To be called at each entry of L1 into an L2 that may switch, before nvmx_ept_root(): what is in the list
 * is compared with L1's.  From then on nvmx_ept_root() keeps in it nothing but roots that L2 may use as they are.
 */
uint64_t nvmx_ept_list(struct nvmx_vcpu *v, const struct nvmx_vmcs12 *v12);
/* L2 has switched by a VM exit to entry `index` of L1's list, which names `role12`, and nvmx_ept_root() made its root. */
void nvmx_ept_list_add(struct nvmx_vcpu *v, unsigned index, uint64_t role12);
/* The EPTP of L1 that is shadowed by eptp02; 0: none. */
uint64_t nvmx_ept_shadowed(struct nvmx_vcpu *v, uint64_t eptp02);

/* Nothing of the vCPU's shadow leads to L1's frame at gpa1 any more, from the next nvmx_ept_root() on. */
void nvmx_ept_unmap(struct nvmx_vcpu *v, uint64_t gpa1);

/* The processor itself, or a device, may write to L1's frame at gpa: until it is unpinned as often, it is not watched. */
void nvmx_ept_watch_pin(struct nvmx_vm *vm, uint64_t gpa);
void nvmx_ept_watch_unpin(struct nvmx_vm *vm, uint64_t gpa);

/* nvmx_l2_translate() for a call that goes on with the address; 2: v->not_now. */
int nvmx_ept_use(struct nvmx_vcpu *v, uint64_t gpa2, unsigned access, uint64_t *gpa1, struct nvmx_l2_exit *exit);

/* The vCPU goes on on another processor: what that one has cached of the shadow may be out of date. */
void nvmx_ept_moved(struct nvmx_vcpu *v);

#endif

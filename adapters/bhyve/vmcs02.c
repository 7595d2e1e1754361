/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMCSs: which is current, what of vmcs01 goes into each vmcs02, and what changes in vmcs01 while L2 runs.
 */
#include "bhyve.h"

/* Controls that bhyve sets for itself, and that vmcs02 has if vmcs01 or L1 has them. */
#define CAPS_OF_EITHER (NVMX_PROC_HLT | NVMX_PROC_PAUSE | NVMX_PROC_MTF)
#define PF_BIT (1u << NVMX_VECTOR_PF)

static const uint32_t host_fields[] = {
	VMCS_HOST_CR3, VMCS_HOST_TR_BASE, VMCS_HOST_GDTR_BASE, VMCS_HOST_GS_BASE,
	VMCS_HOST_ES_SELECTOR, VMCS_HOST_CS_SELECTOR, VMCS_HOST_SS_SELECTOR, VMCS_HOST_DS_SELECTOR, VMCS_HOST_FS_SELECTOR,
	VMCS_HOST_GS_SELECTOR, VMCS_HOST_TR_SELECTOR, VMCS_HOST_IA32_EFER, VMCS_HOST_IA32_SYSENTER_CS, VMCS_HOST_CR0,
	VMCS_HOST_CR4, VMCS_HOST_FS_BASE, VMCS_HOST_IDTR_BASE, VMCS_HOST_IA32_SYSENTER_ESP, VMCS_HOST_IA32_SYSENTER_EIP,
	VMCS_HOST_RSP, VMCS_HOST_RIP, VMCS_ENTRY_MSR_LOAD, VMCS_ENTRY_MSR_LOAD_COUNT, VMCS_EXIT_MSR_STORE,
	VMCS_EXIT_MSR_STORE_COUNT, VMCS_EXIT_MSR_LOAD, VMCS_EXIT_MSR_LOAD_COUNT,
};
CTASSERT(nitems(host_fields) == NEST_HOST_FIELDS);

static struct vmcs *region(uint64_t hpa)
{
	return ((struct vmcs *)PHYS_TO_DMAP(hpa));
}

/* vmptrld() and vmclear(), not VMPTRLD() and VMCLEAR(), which begin and end a critical section. */
static void load(struct vmcs *vmcs)
{
	int error = vmptrld(vmcs);

	if (error != 0)
		panic("%s: vmptrld(%p) error %d", __func__, vmcs, error);
}

void nest_op_vmcs_load(struct nvmx_host *h, uint64_t hpa)
{
	load(region(hpa));
	nest_of_host(h)->loaded = hpa;
}

void nest_op_vmcs_clear(struct nvmx_host *h __unused, uint64_t hpa)
{
	int error = vmclear(region(hpa));

	if (error != 0)
		panic("%s: vmclear(%#jx) error %d", __func__, (uintmax_t)hpa, error);
}

/* vmcs01 is current. */
void nest_host_read(struct nest *n, u_int fields)
{
	u_int i;

	for (i = 0; i < fields; i++)
		n->host[i] = vmcs_read(host_fields[i]);
}

void nest_host_write(const struct nest *n, u_int fields)
{
	u_int i;

	for (i = 0; i < fields; i++)
		vmcs_write(host_fields[i], n->host[i]);
}

/* vmcs01 is current: whether its host state is not what it was. */
bool nest_host_follow(struct nest *n)
{
	uint64_t before[NEST_HOST_CHANGING];

	memcpy(before, n->host, sizeof(before));
	nest_host_read(n, NEST_HOST_CHANGING);
	if (memcmp(before, n->host, sizeof(before)) == 0)
		return (false);
	n->changed = true;
	return (true);
}

/* bhyve neither saves nor loads IA32_PAT with vmcs01: between two runs of a guest the processor has the host's. */
void nest_op_make_vmcs02(struct nvmx_host *h, uint64_t hpa __unused)
{
	nest_host_write(nest_of_host(h), NEST_HOST_FIELDS);
	vmcs_write(VMCS_HOST_IA32_PAT, vmm_get_host_pat());
}

/* For an op, which may find a VMCS of either guest current; what comes back is for nest_from_vmcs01(). */
uint64_t nest_to_vmcs01(struct nest *n)
{
	uint64_t loaded = n->loaded;

	load(n->vcpu->vmcs);
	return (loaded);
}

void nest_from_vmcs01(struct nest *n __unused, uint64_t loaded)
{
	load(region(loaded));
}

/* L1 is current and unparked: the library learns what has changed, before it can make another vmcs02 of what was. */
void nest_tell_changes(struct nest *n)
{
	uint64_t pat = n->vcpu->guest_msrs[IDX_MSR_PAT];

	if (n->pat01 != pat) {
		n->pat01 = pat;
		vmcs_write(VMCS_GUEST_IA32_PAT, pat);
	}
	if (!n->changed)
		return;
	nvmx_vmcs01_changed(n->v);
	n->changed = false;
}

/*
 * L2 is current, after it was entered or came back: what bhyve wants of its guests it wants of this one, too.  The library makes
 * vmcs02 anew only where it has found vmcs01 changed, and does not know of what was changed here.
 */
void nest_follow_caps(struct nest *n)
{
	const struct vmxcap *cap = &n->vcpu->cap;
	const struct nvmx_vmcs12 *v12;
	struct nvmx_view view;
	uint64_t others;

	if (!n->caps_changed)
		return;
	nvmx_view(n->v, &view, sizeof(view));
	v12 = view.vmcs12;
	others = vmcs_read(VMCS_PRI_PROC_BASED_CTLS) & ~(uint64_t)CAPS_OF_EITHER;
	vmcs_write(VMCS_PRI_PROC_BASED_CTLS, others | ((cap->proc_ctls | v12->proc_ctls) & CAPS_OF_EITHER));
	vmcs_write(VMCS_EXCEPTION_BITMAP,
	    ((cap->exc_bitmap | v12->exception_bitmap) & ~PF_BIT) | (vmcs_read(VMCS_EXCEPTION_BITMAP) & PF_BIT));
}

/* vmx_setcap(), while the vCPU does not run. */
void nest_changed(struct vmx_vcpu *vcpu)
{
	if (vcpu->nest != NULL)
		vcpu->nest->changed = vcpu->nest->caps_changed = true;
}

/* How far L2's time-stamp counter goes while L1's goes `by`: a multiplier of vmcs02's is L1's, for vmcs01 has none.  It is current. */
static uint64_t as_l2_counts(uint64_t by)
{
	bool back = (int64_t)by < 0;
	uint64_t multiplier, far;

	if ((vmcs_read(VMCS_SEC_PROC_BASED_CTLS) & NVMX_PROC2_TSC_SCALING) == 0)
		return (by);
	multiplier = vmcs_read(NVMX_TSC_MULTIPLIER);
	far = (uint64_t)((unsigned __int128)(back ? -by : by) * multiplier >> 48);
	return (back ? -far : far);
}

/*
 * L1's time-stamp counter is set while vmcs01 is not current: by L2, where L1 lets it, or by one of L1's MSR areas.  What L2 reads
 * moves as far, by L2's measure (SDM 24.6.5, 25.3).
 */
bool nest_tsc_offset(struct vmx_vcpu *vcpu, uint64_t offset)
{
	struct nest *n = vcpu->nest;
	uint64_t loaded, by;

	if (n == NULL)
		return (false);
	n->changed = true;
	if (n->away || n->loaded == vtophys(vcpu->vmcs))
		return (false);
	loaded = nest_to_vmcs01(n);
	by = offset - ((vcpu->cap.proc_ctls & PROCBASED_TSC_OFFSET) != 0 ? vmcs_read(VMCS_TSC_OFFSET) : 0);
	vcpu->cap.proc_ctls |= PROCBASED_TSC_OFFSET;
	vmcs_write(VMCS_PRI_PROC_BASED_CTLS, vcpu->cap.proc_ctls);
	vmcs_write(VMCS_TSC_OFFSET, offset);
	nest_from_vmcs01(n, loaded);
	if ((vmcs_read(VMCS_PRI_PROC_BASED_CTLS) & PROCBASED_TSC_OFFSET) != 0)
		by = as_l2_counts(by) + vmcs_read(VMCS_TSC_OFFSET);
	vmcs_write(VMCS_PRI_PROC_BASED_CTLS, vmcs_read(VMCS_PRI_PROC_BASED_CTLS) | PROCBASED_TSC_OFFSET);
	vmcs_write(VMCS_TSC_OFFSET, by);
#ifdef BHYVE_SNAPSHOT
	vm_set_tsc_offset(vcpu->vcpu, offset);
#endif
	return (true);
}

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * From L1 to L2: checks, merge, MSR list (SDM 26.2 to 26.4).
 */
#include "hold.h"
#include "merge.h"
#include "port.h"
#include "route.h"
#include "state.h"
#include "trace.h"
#include "../ept/ept.h"
#include "../invept/invept.h"

#define VTPR 0x80u

/* Groups no check row of which reads a RARE field, which may be stale. */
#define GROUPS_ALWAYS_FRESH                                                                              \
	(NVMX_GROUP(RIP) | NVMX_GROUP(EVENT) | NVMX_GROUP(PROC) | NVMX_GROUP(HOST) | NVMX_GROUP(INFO) | \
	 NVMX_GROUP(EPTP) | NVMX_GROUP_FACTS)

/* What changes from one entry to the next of an L2 that runs.  If nothing else has, a processor that took vmcs02 before is not
 * expected to refuse it: nothing is kept for that. */
#define GROUPS_OF_RUNNING (NVMX_GROUP(RIP) | NVMX_GROUP(EVENT) | NVMX_GROUP(INFO) | NVMX_GROUP_FACTS)

/* What of vmcs12 does not reach vmcs02, which has the host's own: no processor refuses vmcs02 for it. */
#define GROUPS_NOT_MERGED (NVMX_GROUP(HOST) | NVMX_GROUP(EPTP))

/* A PAE L2 that L1 runs without EPT: hardware, which has EPT on, wants the PDPTEs in vmcs02 (SDM 26.3.2.4). */
bool nvmx_needs_pdptes(const struct nvmx_vmcs12 *v12)
{
	return !(nvmx_v12_proc2(v12) & NVMX_PROC2_EPT) && v12->guest_cr0 & NVMX_CR0_PG &&
	       v12->guest_cr4 & NVMX_CR4_PAE && !(v12->entry_ctls & NVMX_ENTRY_IA32E);
}

/* Whether nothing of L1's memory is judged: most entries. */
static bool without_facts(const struct nvmx_vmcs12 *v12)
{
	return v12->vmcs_link_pointer == NVMX_NO_ADDR && !(v12->proc_ctls & NVMX_PROC_TPR_SHADOW) && !nvmx_needs_pdptes(v12);
}

bool nvmx_gather_facts(struct nvmx_vcpu *v, const struct nvmx_vmcs12 *v12, struct nvmx_check_input *in)
{
	uint32_t proc2 = nvmx_v12_proc2(v12);
	bool check = false;

	if (v12->proc_ctls & NVMX_PROC_TPR_SHADOW && v12->tpr_threshold && !(proc2 & NVMX_PROC2_VID)) {
		in->vtpr_known = !nvmx_gpa_read(v, v12->virtual_apic_addr + VTPR, &in->vtpr, 1);
		check = true;
	}
	if (v12->vmcs_link_pointer != NVMX_NO_ADDR) {
		if (!(v12->vmcs_link_pointer & 0xfff))
			nvmx_gpa_read(v, v12->vmcs_link_pointer, &in->link_revision, 4);
		check = true;
	}
	if (nvmx_needs_pdptes(v12)) {
		if (nvmx_gpa_read(v, v12->guest_cr3 & 0xffffffe0u, in->pdpte, sizeof(in->pdpte)))
			nvmx_memset(in->pdpte, 0xff, sizeof(in->pdpte)); /* no memory reads as ones: reserved bits */
		in->pdpte_known = true;
		check = true;
	}
	return check;
}

void nvmx_load_vpid(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	uint16_t vpid = nvmx_vpid_enter(v, s->v12);

	if (vpid != s->vpid02) {
		s->vpid02 = vpid;
		nvmx_vmwrite(v, NVMX_VPID, vpid);
	}
}

bool nvmx_load_eptp(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	uint64_t eptp = v->vmcs01.eptp;

	if (nvmx_v12_proc2(s->v12) & NVMX_PROC2_EPT) {
		eptp = nvmx_ept_root(v, nvmx_ept_role(s->v12));
		if (!eptp)
			return false;
	}
	if (eptp != s->eptp02) {
		s->eptp02 = eptp;
		nvmx_vmwrite(v, NVMX_EPT_POINTER, eptp);
	}
	return true;
}

enum nvmx_verdict nvmx_before_l2(struct nvmx_vcpu *v)
{
	if (v->stop)
		return NVMX_STOP;
	if (nvmx_v12_proc2(v->cur->v12) & NVMX_PROC2_EPT && !nvmx_load_eptp(v, v->cur))
		return nvmx_stop_vm(v, NVMX_STOP_NO_MEMORY, 0);
	nvmx_vmwrite_flush(v);
	return NVMX_RESUME_L2;
}

/* The processor would hold back the host's interrupts and NMIs in this state (SDM 26.7.2): the host waits in its place. */
static void wait_in_host(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	if (!(v->vm->flags & NVMX_HOST_OWNS_INTERRUPTS))
		return;
	nvmx_vmwrite(v, NVMX_GUEST_ACTIVITY, NVMX_ACTIVITY_ACTIVE);
	s->look02 |= NVMX_LOOK_WAITS;
}

/* For the steps `have`, *l1 has what they read already. */
static bool load_vmcs02(struct nvmx_vcpu *v, struct nvmx_slot *s, const struct nvmx_check_input *in, struct nvmx_l1_regs *l1, uint64_t have)
{
	uint64_t steps = nvmx_merge_steps(v, s, in);

	if (nvmx_merge_reads01(v, s, steps & ~have)) {
		nvmx_vmcs_load(v, v->config.vmcs01);
		nvmx_merge_read01(v, steps & ~have, l1);
	}
	nvmx_vmcs_load(v, s->page02.hpa);
	if (!nvmx_merge(v, s, steps, l1, in))
		return false;
	s->dirty_groups = 0;
	if (s->v12->guest_activity == NVMX_ACTIVITY_WAIT_SIPI)
		wait_in_host(v, s);
	if (s->msr.n | s->io[0].n | s->io[1].n)
		nvmx_bitmaps_review(v, s);
	nvmx_ept_enter(v, s->v12);
	if (v->apic_mapped)
		nvmx_own_apic_page_review(v, s);
	if (!nvmx_load_eptp(v, s)) {
		nvmx_stop_vm(v, NVMX_STOP_NO_MEMORY, 0);
		return false;
	}
	nvmx_ept_ahead(v, nvmx_ept_role(s->v12));
	return true;
}

bool nvmx_load_vmcs02(struct nvmx_vcpu *v, struct nvmx_slot *s, const struct nvmx_check_input *in)
{
	NVMX_NOT_CLEARED struct nvmx_l1_regs l1;

	return load_vmcs02(v, s, in, &l1, 0);
}

/*
 * L2 begins with those bits of CR0 that L1 has and no VM entry loads (SDM 26.3.2.1).  Where hardware has them they stay in it;
 * where the host owns them, vmcs12 gets what L2 is to see, which the next VM exit saves.
 */
static void flip_cr0(struct nvmx_slot *s, uint64_t bits)
{
	if (!bits)
		return;
	s->v12->guest_cr0 ^= bits;
	nvmx_set_add(&s->dirty, NVMX_I_GUEST_CR0);
}

/* What no VMCS loads: the register that the host emulates, then L1's list (SDM 26.3.2.1, 26.4).  0; else why the entry fails, *failed. */
static uint32_t load_msrs(struct nvmx_vcpu *v, const struct nvmx_vmcs12 *v12, bool log, uint32_t *failed)
{
	*failed = 0;
	nvmx_msr_log_begin(v, log);
	if (v12->entry_ctls & nvmx_loads_emulated(v) && !nvmx_msr_load_entry_perf(v, v12->guest_perf_global_ctrl))
		return NVMX_XR_ENTRY_FAIL_GUEST;
	if (v12->entry_msr_load_count)
		*failed = nvmx_msr_load_entry_list(v, v12->entry_msr_load_addr, v12->entry_msr_load_count);
	return *failed ? NVMX_XR_ENTRY_FAIL_MSR : 0;
}

/*
 * With what a pending single step goes together (SDM 26.3.1.5) vmcs12 has been judged by its field; where the entry leaves another BTF in
 * IA32_DEBUGCTL (L1's own, the host's, one of the MSR list: 26.3.2.1, 26.4) vmcs02, which has that, must pass likewise.  An event that is
 * delivered ends blocking and HLT.  A trap that is pending is taken whatever BTF is, and clears it (17.4.3); where none is, the blocking
 * goes that would want one.
 */
static __attribute__((__noinline__)) void fit_single_step(struct nvmx_vcpu *v, const struct nvmx_vmcs12 *v12)
{
	bool delivers = v12->entry_intr_info & NVMX_INTR_VALID && !nvmx_is_mtf(v12->entry_intr_info);
	uint32_t blocks = v12->guest_interruptibility & (NVMX_BLOCK_STI | NVMX_BLOCK_MOVSS);
	uint64_t debugctl = nvmx_vmread(v, NVMX_GUEST_DEBUGCTL);

	if (!(blocks || v12->guest_activity == NVMX_ACTIVITY_HLT) || !((debugctl ^ v12->guest_debugctl) & NVMX_DEBUGCTL_BTF))
		return;
	if (blocks && (delivers || !(debugctl & NVMX_DEBUGCTL_BTF)))
		nvmx_vmwrite(v, NVMX_GUEST_INTERRUPTIBILITY, v12->guest_interruptibility & ~blocks);
	else if (delivers)
		nvmx_vmwrite(v, NVMX_GUEST_ACTIVITY, NVMX_ACTIVITY_ACTIVE);
	else
		nvmx_vmwrite(v, NVMX_GUEST_DEBUGCTL, debugctl ^ NVMX_DEBUGCTL_BTF);
}

/* Everything between the checks and L2's first instruction.  vmcs01 or the hardware shadow is current. */
static __attribute__((__flatten__)) enum nvmx_verdict switch_to_l2(struct nvmx_vcpu *v, struct nvmx_slot *s, const struct nvmx_check_input *in,
				      struct nvmx_l1_regs *l1, uint64_t have, uint32_t groups, bool launch, uint64_t cr0)
{
	const struct nvmx_vmcs12 *v12 = s->v12;
	uint32_t failed, reason;

	flip_cr0(s, cr0);
	if (!load_vmcs02(v, s, in, l1, have))
		return NVMX_STOP;
	if (v12->entry_msr_load_count | (v12->entry_ctls & nvmx_loads_emulated(v))) {
		reason = load_msrs(v, v12, groups & ~GROUPS_OF_RUNNING || s->look02 & NVMX_LOOK_LAUNCH, &failed);
		if (reason) {
			flip_cr0(s, cr0); /* guest state is not saved (SDM 26.8) */
			nvmx_slot_anew(v, s); /* it has what the list had before the entry that failed */
			return nvmx_fail_entry(v, reason, failed);
		}
		nvmx_release(v);
	}
	if (v12->guest_rflags & NVMX_RFLAGS_TF)
		fit_single_step(v, v12);
	nvmx_load_vpid(v, s);
	if (launch)
		s->v12->launch_state = NVMX_LAUNCH_LAUNCHED;
	v->counters[NVMX_CNT_ENTRY]++;
	nvmx_l2_begins(v);
	v->run_pending = !(s->look02 & NVMX_LOOK_WAITS);
	v->entered_by = launch ? NVMX_BY_VMLAUNCH : NVMX_BY_VMRESUME;
	v->flipped_cr0 = cr0;
	nvmx_vmwrite_flush(v);
	return NVMX_RESUME_L2;
}

static uint64_t row_number(const struct nvmx_check_row *row)
{
	size_t count;

	return (uint64_t)(row - nvmx_check_rows(&count));
}

/* What the checks of these groups read, and what a vmcs02 that the processor refuses is to have changed nothing of. */
static __attribute__((__noinline__)) void freshen_for(struct nvmx_vcpu *v, struct nvmx_slot *s, uint32_t groups)
{
	if (groups & ~GROUPS_ALWAYS_FRESH)
		nvmx_slot_freshen(v, s);
	else
		nvmx_slot_learn_shared(v, s);
}

enum nvmx_verdict nvmx_enter_l2(struct nvmx_vcpu *v, bool launch)
{
	struct nvmx_slot *s = v->cur;
	NVMX_NOT_CLEARED struct nvmx_check_input in;
	const struct nvmx_check_row *failed;
	NVMX_NOT_CLEARED struct nvmx_l1_regs l1;
	uint64_t cr0, have = 0;
	uint32_t groups;
	bool held;

	in.v12 = s->v12;
	in.caps = &v->vm->caps;
	in.current_vmcs = s->gpa;
	in.link_revision = in.vtpr = 0;
	in.vtpr_known = in.pdpte_known = in.in_smm = false;
	in.l1_ia32e = v->vmcs01.ctl[NVMX_WORD_ENTRY] & NVMX_ENTRY_IA32E;
	if (v->vmcs01.ctl[NVMX_WORD_PROC] & NVMX_PROC_TSC_OFFSET && nvmx_vmread(v, NVMX_TSC_OFFSET) != v->vmcs01.tsc_offset)
		nvmx_vmcs01_read_tsc(v);
	cr0 = nvmx_cr0_masked01(v) ? nvmx_vmread(v, NVMX_CR0_SHADOW) | NVMX_CR0_ET : 0;
	if (nvmx_merge_reads01(v, s, s->pending | s->each)) { /* vmcs01 is current, and will not be after the pull */
		have = s->pending | s->each;
		nvmx_merge_read01(v, have, &l1);
	}
	if (v->hw_shadow_on)
		nvmx_shadow_pull(v, s);

	if ((!without_facts(s->v12) && nvmx_gather_facts(v, s->v12, &in)) || in.l1_ia32e != s->l1_ia32e)
		s->dirty_groups |= NVMX_GROUP_FACTS; /* stays until an entry passes the checks */
	s->l1_ia32e = in.l1_ia32e;
	groups = s->dirty_groups;
	if (groups & ~(GROUPS_OF_RUNNING | GROUPS_NOT_MERGED))
		freshen_for(v, s, groups);
	if (v->not_now)
		return nvmx_again(v);
	failed = nvmx_check_entry(&in, groups);
	if (!failed)
		held = nvmx_prepare_entry(v, s);
	else /* VMfail needs no memory */
		held = failed->consequence != NVMX_CHECK_ENTRY_FAIL || nvmx_hold_for_exit(v);
	if (!held)
		return nvmx_again(v);
	/* From here on there is no "not now". */
	if (!failed)
		return switch_to_l2(v, s, &in, &l1, have, groups, launch, (cr0 ^ s->v12->guest_cr0) & nvmx_cr0_masked01(v));
	NVMX_TRACE(v, CHECK, row_number(failed), failed->consequence, s->gpa);
	nvmx_vmcs_load(v, v->config.vmcs01);
	if (failed->consequence == NVMX_CHECK_ENTRY_FAIL)
		return nvmx_fail_entry(v, NVMX_XR_ENTRY_FAIL_GUEST, failed->qualification);
	v->counters[NVMX_CNT_ENTRY_FAIL]++;
	return nvmx_vmfail(v, failed->error);
}

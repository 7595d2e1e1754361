/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * VM entries into vmcs02 that the processor refuses although vmcs12 passed every check: by VMfail, or by a VM-entry failure
 * (SDM 26.2, 26.8).  It is stricter than the SDM, or knows less, in something that L1 chose: the failure is taken for L1's, who has
 * to live with it on the bare processor too.  (Host state, error 8, and vmcs02's MSR area are the host's, who finds such a failure
 * in the counter and in the trace: an L1 is not to stop its machine by what it combines with them.)  What the emulation of the
 * entry had changed is put back.
 */
#include "hold.h"
#include "port.h"
#include "trace.h"
#include "../refuse.h"

/* Whether L1 is still at the instruction that entered L2. */
static bool at_instruction(const struct nvmx_vcpu *v)
{
	return v->run_pending && v->entered_by != NVMX_NOT_BY_L1;
}

/* L2 (vmcs02 is current) will not run; vmcs02 is made anew at the next entry.  False: L1 is not as its VM entry found it. */
static bool take_back(struct nvmx_vcpu *v)
{
	struct nvmx_slot *s = v->cur;
	bool undone = at_instruction(v) && nvmx_msr_undo(v);

	if (!v->run_pending) { /* it ran before: as it is now is all that L1 can be told */
		nvmx_sync_from_l2(v, s);
		s->v12->entry_intr_info &= ~NVMX_INTR_VALID;
	} else {
		s->v12->guest_cr0 ^= v->flipped_cr0;
		if (v->entered_by == NVMX_BY_VMLAUNCH)
			s->v12->launch_state = NVMX_LAUNCH_CLEAR;
	}
	nvmx_slot_anew(v, s);
	v->run_pending = false;
	return undone;
}

static enum nvmx_verdict entry_failed(struct nvmx_vcpu *v, uint32_t reason, uint64_t qualification)
{
	nvmx_no_exit(v); /* none of an L2 that ran */
	if (!nvmx_hold_for_exit(v))
		return nvmx_again(v);
	v->counters[NVMX_CNT_ENTRY_REFUSED]++;
	NVMX_TRACE(v, ENTRY_FAILED, reason, qualification, v->cur->gpa);
	take_back(v);
	return nvmx_fail_entry(v, reason, qualification);
}

/* vmcs02's MSR lists are the host's: one that does not load is nothing that L1 could look up in its own. */
enum nvmx_verdict nvmx_entry_exit(struct nvmx_vcpu *v, uint32_t reason)
{
	switch (reason) {
	case NVMX_XR_ENTRY_FAIL_GUEST:
		return entry_failed(v, reason, nvmx_vmread(v, NVMX_EXIT_QUALIFICATION));
	case NVMX_XR_ENTRY_FAIL_MCE:
		return entry_failed(v, reason, 0);
	default:
		return entry_failed(v, NVMX_XR_ENTRY_FAIL_GUEST, 0);
	}
}

/* No business of the library's: what is wrong is in what the host has put into vmcs01, or in its VMLAUNCH or VMRESUME. */
static enum nvmx_verdict vmcs01_refused(struct nvmx_vcpu *v, uint32_t error)
{
	struct nvmx_error_info info;

	nvmx_refuse(&info, NVMX_REFUSED_ENTRY_VMCS01, error, 0);
	nvmx_stop_refused(v, NVMX_STOP_ENTRY_VMCS02, &info);
	return nvmx_stop_vm(v, NVMX_STOP_ENTRY_VMCS02, error);
}

enum nvmx_verdict nvmx_entry_refused(struct nvmx_vcpu *v)
{
	enum nvmx_verdict verdict;
	uint32_t error;

	if (v->stop)
		return NVMX_STOP;
	error = (uint32_t)nvmx_vmread(v, NVMX_VM_INSTR_ERROR);
	if (!v->in_l2)
		return vmcs01_refused(v, error);
	if (error != NVMX_VMERR_ENTRY_CONTROLS && error != NVMX_VMERR_ENTRY_HOST_STATE)
		return nvmx_stop_vm(v, NVMX_STOP_ENTRY_VMCS02, error);
	nvmx_no_exit(v);
	if (!nvmx_hold_for_exit(v))
		return nvmx_again(v);
	v->counters[NVMX_CNT_ENTRY_REFUSED]++;
	NVMX_TRACE(v, ENTRY_REFUSED, error, v->cur->gpa, 0);
	if (!take_back(v)) /* L1's own exit loads its MSRs, and vmcs12 says where L1 goes on */
		return nvmx_fail_entry(v, NVMX_XR_ENTRY_FAIL_GUEST, 0);
	nvmx_release(v);
	v->counters[NVMX_CNT_ENTRY_FAIL]++;
	nvmx_vmcs_load(v, v->config.vmcs01);
	nvmx_l2_ends(v);
	verdict = nvmx_vmfail(v, error);
	nvmx_vmwrite_flush(v);
	return verdict;
}

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * From L2 to L1: exit information and guest state into vmcs12, L1's host state into vmcs01 (SDM 27.2 to 27.6).  What goes where, and
 * what it is made of, are the rows of leave.def.
 */
#include "hold.h"
#include "l1.h"
#include "leave.h"
#include "merge.h"
#include "port.h"
#include "../vmcs/values.h"
#include "trace.h"

/* SDM 27.7.  3, a corrupt VMCS, cannot be: vmcs12 is a copy.  5, a machine check during the exit, is the host's. */
#define VMX_ABORT_SAVE_MSR 1u
#define VMX_ABORT_PDPTE 2u
#define VMX_ABORT_LOAD_MSR 4u
#define VMX_ABORT_MODE 6u

#define AR_CODE32 0xc09bu
#define AR_DATA 0xc093u
#define AR_TSS 0x8bu

#define INSTR_INFO_REGISTER NVMX_BIT(10) /* tables 27-11 and 27-14 */

/* For which reasons the processor defines which fields (SDM 27.2.1 to 27.2.5), and which most frequent ones clear the exit
 * qualification (SDM 27.2.1). */
enum { HAS_INSTR_INFO = 1, HAS_LINEAR = 2, HAS_PHYSICAL = 4, MAY_BE_REGISTER = 8, IS_UNQUALIFIED = 16 };
#define HAS_MORE (HAS_INSTR_INFO | HAS_LINEAR | HAS_PHYSICAL)
static const uint8_t defined_fields[NVMX_XR_COUNT] = {
	[NVMX_XR_EXT_INT] = IS_UNQUALIFIED,
	[NVMX_XR_INT_WINDOW] = IS_UNQUALIFIED,
	[NVMX_XR_CPUID] = IS_UNQUALIFIED,
	[NVMX_XR_HLT] = IS_UNQUALIFIED,
	[NVMX_XR_VMCALL] = IS_UNQUALIFIED,
	[NVMX_XR_RDMSR] = IS_UNQUALIFIED,
	[NVMX_XR_WRMSR] = IS_UNQUALIFIED,
	[NVMX_XR_PAUSE] = IS_UNQUALIFIED,
	[NVMX_XR_PREEMPTION_TIMER] = IS_UNQUALIFIED,
	[NVMX_XR_IO_SMI] = HAS_LINEAR | HAS_INSTR_INFO,
	[NVMX_XR_CR_ACCESS] = HAS_LINEAR,
	[NVMX_XR_IO] = HAS_LINEAR | HAS_INSTR_INFO,
	[NVMX_XR_GDTR_IDTR] = HAS_INSTR_INFO,
	[NVMX_XR_LDTR_TR] = HAS_INSTR_INFO | MAY_BE_REGISTER,
	[NVMX_XR_VMCLEAR] = HAS_INSTR_INFO,
	[NVMX_XR_VMPTRLD] = HAS_INSTR_INFO,
	[NVMX_XR_VMPTRST] = HAS_INSTR_INFO,
	[NVMX_XR_VMREAD] = HAS_INSTR_INFO | MAY_BE_REGISTER,
	[NVMX_XR_VMWRITE] = HAS_INSTR_INFO | MAY_BE_REGISTER,
	[NVMX_XR_VMXON] = HAS_INSTR_INFO,
	[NVMX_XR_INVEPT] = HAS_INSTR_INFO,
	[NVMX_XR_INVVPID] = HAS_INSTR_INFO,
	[NVMX_XR_INVPCID] = HAS_INSTR_INFO,
	[NVMX_XR_RDRAND] = HAS_INSTR_INFO,
	[NVMX_XR_RDSEED] = HAS_INSTR_INFO,
	[NVMX_XR_XSAVES] = HAS_INSTR_INFO,
	[NVMX_XR_XRSTORS] = HAS_INSTR_INFO,
	[NVMX_XR_UMWAIT] = HAS_INSTR_INFO,
	[NVMX_XR_TPAUSE] = HAS_INSTR_INFO,
	[NVMX_XR_LOADIWKEY] = HAS_INSTR_INFO,
	[NVMX_XR_EPT_VIOLATION] = HAS_LINEAR | HAS_PHYSICAL,
	[NVMX_XR_EPT_MISCONFIG] = HAS_PHYSICAL,
	[NVMX_XR_SPP] = HAS_LINEAR | HAS_PHYSICAL,
	[NVMX_XR_RDMSR_IMM] = HAS_INSTR_INFO,
	[NVMX_XR_WRMSRNS_IMM] = HAS_INSTR_INFO,
};

/* Of a reason that this library does not know, L1 gets all that the processor may have told. */
static uint8_t fields_of(uint32_t reason)
{
	return (reason & 0xffff) < NVMX_XR_COUNT ? defined_fields[reason & 0xffff] : HAS_INSTR_INFO;
}

static __attribute__((__noinline__)) void read_more_info(struct nvmx_vcpu *v, uint8_t defined, struct nvmx_exit_info *info)
{
	if (defined & HAS_INSTR_INFO)
		info->instr_info = (uint32_t)nvmx_vmread(v, NVMX_EXIT_INSTR_INFO);
	/* A register operand has no displacement: zero (27.2.1); Bochs leaves what its decoder left. */
	if (defined & MAY_BE_REGISTER && info->instr_info & INSTR_INFO_REGISTER)
		info->qualification = 0;
	if (defined & HAS_LINEAR)
		info->linear = nvmx_vmread(v, NVMX_GUEST_LINEAR_ADDR);
	if (defined & HAS_PHYSICAL)
		info->physical = nvmx_vmread(v, NVMX_GUEST_PHYS_ADDR);
}

NVMX_HOT void read_info(struct nvmx_vcpu *v, uint32_t reason, struct nvmx_exit_info *info)
{
	uint32_t basic = reason & 0xffff;
	uint8_t defined = fields_of(reason);

	info->reason = reason;
	info->qualification = defined & IS_UNQUALIFIED ? 0 : nvmx_vmread(v, NVMX_EXIT_QUALIFICATION);
	info->instr_len = (uint32_t)nvmx_vmread(v, NVMX_EXIT_INSTR_LEN);
	info->idt_info = (uint32_t)nvmx_vmread(v, NVMX_IDT_VECTORING_INFO);
	info->intr_info = info->intr_error = info->idt_error = info->instr_info = 0;
	info->linear = info->physical = 0;
	if ((info->idt_info & (NVMX_INTR_VALID | NVMX_INTR_DELIVER_EC)) == (NVMX_INTR_VALID | NVMX_INTR_DELIVER_EC))
		info->idt_error = (uint32_t)nvmx_vmread(v, NVMX_IDT_VECTORING_ERROR_CODE);
	if (basic <= NVMX_XR_EXT_INT) {
		info->intr_info = (uint32_t)nvmx_vmread(v, NVMX_EXIT_INTR_INFO);
		if (info->intr_info & NVMX_INTR_DELIVER_EC)
			info->intr_error = (uint32_t)nvmx_vmread(v, NVMX_EXIT_INTR_ERROR_CODE);
	}
	if (defined & HAS_MORE)
		read_more_info(v, defined, info);
}

void nvmx_exit_info_read(struct nvmx_vcpu *v, uint32_t reason, struct nvmx_exit_info *info)
{
	read_info(v, reason, info);
}

NVMX_HOT void store_exit_info(struct nvmx_slot *s, const struct nvmx_exit_info *info, bool nmis_blocked)
{
	struct nvmx_vmcs12 *v12 = s->v12;
	uint8_t defined = fields_of(info->reason);

#define STORE(FIELD, member, value, reads) v12->member = value;
#define STORE_IF(FIELD, member, when, value, reads) \
	if (when)                                   \
		v12->member = value;
#define CHANGE_IF(FIELD, when, value, reads) \
	if (when)                            \
		nvmx_slot_write(s, NVMX_I_##FIELD, value);
#include "../vmcs/leave.def"
}

/* Whether NMIs are blocked in L1 after the exit: by the NMI that caused it, or as L2 left it where L2 had no virtual
 * blocking of its own (SDM 27.5.5, 24.6.1). */
static bool nmi_blocked_after(const struct nvmx_vmcs12 *v12)
{
	if ((v12->exit_reason & 0xffff) == NVMX_XR_EXCEPTION_NMI &&
	    NVMX_INTR_TYPE(v12->exit_intr_info) == NVMX_EVENT_NMI)
		return true;
	return !(v12->pin_ctls & NVMX_PIN_VNMI) && v12->guest_interruptibility & NVMX_BLOCK_NMI;
}

/* L1 injected an NMI while NMIs were blocked, for which vmcs02 may have had them open, and it was not delivered: L2 has begun
 * no instruction.  NMIs are blocked as before (SDM 27.5.5); delivered, it blocks them by itself. */
NVMX_HOT bool undelivered_nmi(struct nvmx_vcpu *v, const struct nvmx_vmcs12 *v12, const struct nvmx_exit_info *info)
{
	bool vectoring = info->idt_info & NVMX_INTR_VALID && NVMX_INTR_TYPE(info->idt_info) == NVMX_EVENT_NMI;

	return nvmx_nmi_while_blocked(v12) && (vectoring || info->reason == NVMX_XR_TRIPLE_FAULT) &&
	       nvmx_vmread(v, NVMX_GUEST_RIP) == v12->guest_rip;
}

void nvmx_left_by_l2(struct nvmx_vcpu *v, struct nvmx_left *left)
{
	const struct nvmx_vmcs12 *v12 = v->cur->v12;

#define LEFT(name, type, when, value, reads) left->name = (when) ? (type)(value) : 0;
#include "../vmcs/leave.def"
	if (nvmx_carries(v))
		nvmx_carry_left(v, v12, left->carried);
}

static enum nvmx_verdict vmx_abort(struct nvmx_vcpu *v, uint32_t indicator)
{
	struct nvmx_slot *s = v->cur;

	s->v12->abort = indicator;
	nvmx_gpa_write(v, s->gpa + offsetof(struct nvmx_vmcs12, abort), &indicator, sizeof(indicator));
	return nvmx_stop_vm(v, NVMX_STOP_VMX_ABORT, indicator);
}

static uint32_t data_ar(uint16_t selector)
{
	return selector ? AR_DATA : AR_DATA | NVMX_AR_UNUSABLE;
}

static uint64_t efer_of_l1(const struct nvmx_vmcs12 *v12, uint64_t left, bool host64)
{
	if (v12->exit_ctls & NVMX_EXIT_LOAD_EFER)
		return v12->host_efer;
	left &= ~(NVMX_EFER_LMA | NVMX_EFER_LME);
	return host64 ? left | NVMX_EFER_LMA | NVMX_EFER_LME : left;
}

static bool read_pdptes(struct nvmx_vcpu *v, const struct nvmx_vmcs12 *v12, uint64_t pdpte[4])
{
	if (nvmx_gpa_read(v, v12->host_cr3 & 0xffffffe0u, pdpte, 4 * sizeof(*pdpte)))
		return false;
	for (unsigned i = 0; i < 4; i++)
		if (!nvmx_pdpte_ok(&v->vm->caps, pdpte[i]))
			return false;
	return true;
}

/* The place of a field in seen01.def, plus one. */
static const uint8_t place_seen[NVMX_ROWS] = {
#define V(FIELD) [NVMX_I_##FIELD] = NVMX_SEEN_##FIELD + 1,
#include "../vmcs/seen01.def"
};

NVMX_HOT void load_field(struct nvmx_vcpu *v, unsigned row, uint32_t field, uint64_t value)
{
	if (!place_seen[row] || v->seen01[place_seen[row] - 1] != value)
		nvmx_vmwrite(v, field, value);
}

/* Into vmcs01, which is current.  False: PDPTEs of a PAE L1 that a MOV to CR3 would not take (SDM 27.5.4). */
static bool load_l1(struct nvmx_vcpu *v, const struct nvmx_left *left)
{
	const struct nvmx_vmcs12 *v12 = v->cur->v12;
	bool host64 = v12->exit_ctls & NVMX_EXIT_HOST_64;
	bool pae = !host64 && v12->host_cr4 & NVMX_CR4_PAE && v12->host_cr0 & NVMX_CR0_PG;
	uint32_t entry01 = (v->vmcs01.ctl[NVMX_WORD_ENTRY] & ~NVMX_ENTRY_IA32E) | (host64 ? NVMX_ENTRY_IA32E : 0);
	uint64_t cr0 = (v12->host_cr0 & ~NVMX_CR0_UNTOUCHED) | (left->cr0 & NVMX_CR0_UNTOUCHED);
	uint64_t cr4 = host64 ? v12->host_cr4 | NVMX_CR4_PAE : v12->host_cr4 & ~NVMX_CR4_PCIDE;
	NVMX_NOT_CLEARED uint64_t pdpte[4];

	if (pae && !read_pdptes(v, v12, pdpte))
		return false;
#define LOAD(FIELD, value, reads) load_field(v, NVMX_I_##FIELD, NVMX_##FIELD, value);
#define LOAD_IF(FIELD, when, value, reads) \
	if (when)                          \
		nvmx_vmwrite(v, NVMX_##FIELD, value);
#include "../vmcs/leave.def"
	v->vmcs01.ctl[NVMX_WORD_ENTRY] = entry01;
	if (nvmx_carries(v))
		nvmx_carry_to_l1(v, v12, left->carried);
	return true;
}

/* vmcs01 is current when this returns. */
enum nvmx_verdict nvmx_load_host_state(struct nvmx_vcpu *v, const struct nvmx_left *left)
{
	const struct nvmx_vmcs12 *v12 = v->cur->v12;

	NVMX_TRACE(v, LEAVE, v12->exit_reason, v12->exit_qualification, v->cur->gpa);
	nvmx_vmcs_load(v, v->config.vmcs01);
	nvmx_l2_ends(v);
	if (!load_l1(v, left))
		return vmx_abort(v, VMX_ABORT_PDPTE);
	if (v12->exit_ctls & NVMX_EXIT_LOAD_PERF &&
	    (nvmx_loads_emulated(v) || !(v->vmcs01.ctl[NVMX_WORD_ENTRY] & NVMX_ENTRY_LOAD_PERF)))
		nvmx_msr_load_perf(v, v12->host_perf_global_ctrl); /* the checks have passed it (SDM 26.2.2): nobody refuses */
	if (v->vmcs01.vpid && !(nvmx_v12_proc2(v12) & NVMX_PROC2_VPID)) { /* the exit flushes VPID 0 (SDM 28.3.3.1) */
		v->counters[NVMX_CNT_INVVPID]++;
		v->ops->flush_vpid(v->host, v->vmcs01.vpid, NVMX_FLUSH_SINGLE, 0);
	}
	if (v12->exit_msr_load_count && nvmx_msr_load_list(v, v12->exit_msr_load_addr, v12->exit_msr_load_count))
		return vmx_abort(v, VMX_ABORT_LOAD_MSR);
	nvmx_release(v);
	if (v->ops->l1_state_loaded) {
		nvmx_vmwrite_flush(v);
		v->ops->l1_state_loaded(v->host);
	}
	nvmx_vmwrite_flush(v);
	return NVMX_RESUME_L1;
}

/*
 * A VM exit to L1, in this order (SDM 27.1; an abort ends it, 27.7):
 *	L1's memory that it needs is held: from here on there is no "not now"
 *	guest state goes into vmcs12, then the exit information: its row for the interruptibility changes what was saved
 *	what L2 leaves in registers that the exit does not load is read while vmcs02 is current
 *	VM-exit MSR-store area (abort 1); L1's mode (abort 6)
 *	vmcs01: PDPTEs of a PAE L1 (abort 2), host state, VM-exit MSR-load area (abort 4): nvmx_load_host_state()
 */
NVMX_HOT enum nvmx_verdict leave(struct nvmx_vcpu *v, const struct nvmx_exit_info *info)
{
	struct nvmx_slot *s = v->cur;
	const struct nvmx_vmcs12 *v12 = s->v12;
	NVMX_NOT_CLEARED struct nvmx_left left;

	if (!nvmx_hold_for_exit(v))
		return nvmx_again(v);
#define FIRST(name, value, reads) const bool name = value;
#include "../vmcs/leave.def"
	v->counters[NVMX_CNT_EXIT_TO_L1]++;
	nvmx_sync_from_l2(v, s);
	store_exit_info(s, info, nmis_blocked);
	nvmx_left_by_l2(v, &left);
	if (v12->exit_msr_store_count && nvmx_msr_store_list(v, v12->exit_msr_store_addr, v12->exit_msr_store_count))
		return vmx_abort(v, VMX_ABORT_SAVE_MSR);
	/* Only an unrestricted L2 can have entered IA-32e mode by itself: VM entries to it want a host of 64 bits (26.2.4). */
	if (v12->entry_ctls & NVMX_ENTRY_IA32E && !(v12->exit_ctls & NVMX_EXIT_HOST_64))
		return vmx_abort(v, VMX_ABORT_MODE); /* SDM 27.5 */
	if (v->hw_shadow_on)
		nvmx_shadow_push(v, s);
	return nvmx_load_host_state(v, &left);
}

enum nvmx_verdict nvmx_leave_l2(struct nvmx_vcpu *v, const struct nvmx_exit_info *info)
{
	return leave(v, info);
}

__attribute__((__flatten__)) enum nvmx_verdict nvmx_leave_l2_as_it_exited(struct nvmx_vcpu *v, uint32_t reason)
{
	NVMX_NOT_CLEARED struct nvmx_exit_info info;

	read_info(v, reason, &info);
	return leave(v, &info);
}

/* What the failed entry leaves in registers that the host-state area may not reload: those of L1, or, when the MSR list
 * failed, those that were loaded for L2 already (SDM 26.3.2.1, 26.4, 26.8).  The VMCS to read is current. */
static void left_by_entry(struct nvmx_vcpu *v, struct nvmx_left *left)
{
	left->efer = nvmx_vmread(v, NVMX_GUEST_EFER);
	left->pat = nvmx_vmread(v, NVMX_GUEST_PAT);
	if (nvmx_carries(v))
		nvmx_carry_left(v, v->cur->v12, left->carried);
}

/* SDM 26.8: only the exit reason and the qualification are written; guest state and the event field stay.  What L1's memory has to
 * do with it is held (nvmx_hold_for_exit() or nvmx_prepare_entry()). */
enum nvmx_verdict nvmx_fail_entry(struct nvmx_vcpu *v, uint32_t reason, uint64_t qualification)
{
	struct nvmx_slot *s = v->cur;
	struct nvmx_left left;

	v->counters[NVMX_CNT_ENTRY_FAIL]++;
	if (reason == NVMX_XR_ENTRY_FAIL_MSR) {
		nvmx_vmcs_load(v, s->page02.hpa);
		left_by_entry(v, &left);
	}
	nvmx_vmcs_load(v, v->config.vmcs01);
	if (reason != NVMX_XR_ENTRY_FAIL_MSR)
		left_by_entry(v, &left);
	left.cr0 = nvmx_l1_cr0(v);
	left.nmi_blocked = nvmx_vmread(v, NVMX_GUEST_INTERRUPTIBILITY) & NVMX_BLOCK_NMI;
	s->v12->exit_reason = reason | NVMX_XR_ENTRY_FAILURE;
	s->v12->exit_qualification = qualification;
	if (v->hw_shadow_on)
		nvmx_shadow_push(v, s);
	return nvmx_load_host_state(v, &left);
}

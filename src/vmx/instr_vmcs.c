/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* VMXON, VMXOFF, VMCLEAR, VMPTRLD, VMPTRST, VMLAUNCH, VMRESUME. */
#include "instr.h"
#include "../vmcs/values.h"

/* The 64-bit pointer in the memory operand.  0, or -1 and the fault has been raised into *verdict. */
static int read_pointer(struct nvmx_insn *i, uint64_t *pointer, enum nvmx_verdict *verdict)
{
	struct nvmx_fault fault;

	if (!nvmx_operand_read(i->v, i->regs, &i->l1, pointer, sizeof(*pointer), &fault))
		return 0;
	*verdict = nvmx_raise_fault(i->v, &fault);
	return -1;
}

bool nvmx_good_pointer(const struct nvmx_vcpu *v, uint64_t pointer)
{
	return !(pointer & 0xfff) && !(pointer >> nvmx_address_width(&v->vm->caps));
}

/* The first four bytes of a VMCS or VMXON region; ones where there is no RAM. */
static uint32_t revision_at(struct nvmx_vcpu *v, uint64_t pointer)
{
	uint32_t revision;

	return nvmx_gpa_read(v, pointer, &revision, sizeof(revision)) ? ~0u : revision;
}

/* L1 is never in SMX operation and never in A20M mode. */
static bool may_enter_vmx(const struct nvmx_insn *i)
{
	const uint64_t need = NVMX_FC_LOCK | NVMX_FC_VMX_OUTSIDE_SMX;
	const struct nvmx_caps *caps = &i->v->vm->caps;

	return !i->l1.cpl && !nvmx_cr_unsupported(caps, NVMX_MSR_VMX_CR0_FIXED0, i->l1.cr0) &&
	       !nvmx_cr_unsupported(caps, NVMX_MSR_VMX_CR4_FIXED0, i->l1.cr4) && (i->v->feature_control & need) == need;
}

enum nvmx_verdict nvmx_vmxon(struct nvmx_insn *i)
{
	struct nvmx_vcpu *v = i->v;
	enum nvmx_verdict verdict;
	uint64_t pointer;

	if (!(i->l1.cr4 & NVMX_CR4_VMXE))
		return nvmx_raise_ud(v);
	if (v->vmxon_ptr != NVMX_NO_ADDR)
		return i->l1.cpl ? nvmx_raise_gp0(v) : nvmx_vmfail(v, NVMX_VMERR_VMXON_IN_ROOT);
	if (!may_enter_vmx(i))
		return nvmx_raise_gp0(v);
	if (read_pointer(i, &pointer, &verdict))
		return verdict;
	if (!nvmx_good_pointer(v, pointer) || revision_at(v, pointer) != NVMX_VMCS12_REVISION)
		return v->not_now ? nvmx_again(v) : nvmx_vmfail_invalid(v);
	v->vmxon_ptr = pointer;
	return nvmx_vmsucceed(v);
}

/* The regions' data would be lost on a processor that keeps it inside (SDM 24.11.1); here L1 finds it in memory. */
enum nvmx_verdict nvmx_vmxoff(struct nvmx_insn *i)
{
	struct nvmx_vcpu *v = i->v;

	for (unsigned n = 0; n < NVMX_SLOT_PLACES; n++)
		if (v->slots[n].gpa != NVMX_NO_ADDR && !nvmx_slot_write_back(v, &v->slots[n]))
			return nvmx_again(v);
	nvmx_slot_make_current(v, NULL);
	for (unsigned n = 0; n < NVMX_SLOT_PLACES; n++)
		if (v->slots[n].gpa != NVMX_NO_ADDR)
			nvmx_slot_drop(v, &v->slots[n]);
	v->vmxon_ptr = NVMX_NO_ADDR;
	return nvmx_vmsucceed(v);
}

static bool clear_active(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	uint32_t before = s->v12->launch_state;

	s->v12->launch_state = NVMX_LAUNCH_CLEAR;
	s->newer = s->newer || before != NVMX_LAUNCH_CLEAR;
	if (nvmx_slot_release(v, s))
		return true;
	s->v12->launch_state = before;
	return false;
}

enum nvmx_verdict nvmx_vmclear(struct nvmx_insn *i)
{
	static const uint32_t clear = NVMX_LAUNCH_CLEAR;
	struct nvmx_vcpu *v = i->v;
	enum nvmx_verdict verdict;
	struct nvmx_slot *s;
	uint64_t pointer;

	if (read_pointer(i, &pointer, &verdict))
		return verdict;
	if (!nvmx_good_pointer(v, pointer))
		return nvmx_vmfail(v, NVMX_VMERR_VMCLEAR_ADDR);
	if (pointer == v->vmxon_ptr)
		return nvmx_vmfail(v, NVMX_VMERR_VMCLEAR_VMXON_PTR);
	s = nvmx_slot_find(v, pointer);
	if (s ? !clear_active(v, s)
	      : nvmx_gpa_write(v, pointer + offsetof(struct nvmx_vmcs12, launch_state), &clear, sizeof(clear)) && v->not_now)
		return nvmx_again(v);
	return nvmx_vmsucceed(v);
}

bool nvmx_revision_known(const struct nvmx_vcpu *v, uint32_t revision)
{
	uint32_t proc2 = nvmx_caps_may(&v->vm->caps, NVMX_MSR_VMX_PROCBASED_CTLS2);

	if (proc2 & NVMX_PROC2_SHADOW_VMCS)
		revision &= ~NVMX_SHADOW_VMCS_INDICATOR;
	return revision == NVMX_VMCS12_REVISION;
}

enum nvmx_verdict nvmx_vmptrld(struct nvmx_insn *i)
{
	struct nvmx_vcpu *v = i->v;
	enum nvmx_verdict verdict;
	struct nvmx_slot *s;
	uint64_t pointer;
	uint32_t revision;
	bool active;

	if (read_pointer(i, &pointer, &verdict))
		return verdict;
	if (!nvmx_good_pointer(v, pointer))
		return nvmx_vmfail(v, NVMX_VMERR_VMPTRLD_ADDR);
	if (pointer == v->vmxon_ptr)
		return nvmx_vmfail(v, NVMX_VMERR_VMPTRLD_VMXON_PTR);
	s = nvmx_slot_find(v, pointer);
	active = s;
	if (!active && !(s = nvmx_slot_load(v, pointer)))
		return v->not_now ? nvmx_again(v) : nvmx_stop_vm(v, NVMX_STOP_NO_MEMORY, pointer);
	revision = active ? revision_at(v, pointer) : s->v12->revision;
	if (!nvmx_revision_known(v, revision))
		return v->not_now ? nvmx_again(v) : nvmx_vmfail(v, NVMX_VMERR_VMPTRLD_REVISION);
	if (!active && !nvmx_slot_claim(v, s, pointer))
		return nvmx_again(v);
	s->v12->revision = revision; /* the copy that was checked */
	nvmx_slot_make_current(v, s);
	return nvmx_vmsucceed(v);
}

enum nvmx_verdict nvmx_vmptrst(struct nvmx_insn *i)
{
	uint64_t pointer = i->v->cur ? i->v->cur->gpa : NVMX_NO_ADDR;
	struct nvmx_fault fault;

	if (nvmx_operand_write(i->v, i->regs, &i->l1, &pointer, sizeof(pointer), &fault))
		return nvmx_raise_fault(i->v, &fault);
	return nvmx_vmsucceed(i->v);
}

/* SDM 26.1: whether VMLAUNCH and VMRESUME exist in L1's mode. */
static bool mode_allows_entry(struct nvmx_vcpu *v)
{
	uint32_t entry01 = v->vmcs01.ctl[NVMX_WORD_ENTRY] = (uint32_t)nvmx_vmread(v, NVMX_ENTRY_CTLS);
	uint64_t cr0 = nvmx_see01(v, GUEST_CR0), cs = nvmx_see01(v, GUEST_CS_AR);

	v->seen01[NVMX_SEEN_GUEST_CS_BASE] = v->seen01[NVMX_SEEN_GUEST_CS_LIMIT] = NVMX_UNSEEN;
	if (!(entry01 & NVMX_ENTRY_IA32E))
		return cr0 & NVMX_CR0_PE && !(nvmx_vmread(v, NVMX_GUEST_RFLAGS) & NVMX_RFLAGS_VM);
	/* No virtual-8086 mode.  A limit that goes with another granularity is none for the code segment that the exit loads (SDM 26.3.1.2). */
	if (cs == NVMX_AR_CODE64) {
		v->seen01[NVMX_SEEN_GUEST_CS_BASE] = 0;
		v->seen01[NVMX_SEEN_GUEST_CS_LIMIT] = 0xffffffff;
	}
	return cs & NVMX_AR_L;
}

/* SDM 26.1: the checks before those of the VMCS. */
enum nvmx_verdict nvmx_enter_insn(struct nvmx_vcpu *v, bool launch)
{
	bool launched;

	if (!mode_allows_entry(v))
		return nvmx_raise_ud(v);
	if (NVMX_AR_DPL((uint32_t)nvmx_see01(v, GUEST_SS_AR)))
		return nvmx_raise_gp0(v);
	if (!v->cur || v->cur->v12->revision & NVMX_SHADOW_VMCS_INDICATOR)
		return nvmx_vmfail_invalid(v);
	if (nvmx_see01(v, GUEST_INTERRUPTIBILITY) & NVMX_BLOCK_MOVSS)
		return nvmx_vmfail(v, NVMX_VMERR_ENTRY_MOVSS);
	v->seen01[NVMX_SEEN_GUEST_ACTIVITY] = NVMX_ACTIVITY_ACTIVE;
	v->seen01[NVMX_SEEN_GUEST_PENDING_DBG] = 0;
	for (unsigned i = NVMX_SEEN_GUEST_EFER; i < NVMX_SEEN_COUNT; i++)
		v->seen01[i] = NVMX_UNSEEN;
	v->cur->newer = true;
	launched = v->cur->v12->launch_state != NVMX_LAUNCH_CLEAR;
	if (launch && launched)
		return nvmx_vmfail(v, NVMX_VMERR_VMLAUNCH_NOT_CLEAR);
	if (!launch && !launched)
		return nvmx_vmfail(v, NVMX_VMERR_VMRESUME_NOT_LAUNCHED);
	return nvmx_enter_l2(v, launch);
}

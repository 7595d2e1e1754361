/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What vmm.ko makes of a VM exit that is its own, of L1 or of L2 alike. */
#include <machine/specialreg.h>
#include <dev/vmm/vmm_mem.h>
#include "vmm.h"
#include "vmm_lapic.h"
#include "vmx_controls.h"
#include "vmx_msr.h"
#include "nest.h"

static register_t *gpr(struct vmx_vcpu *v, unsigned n)
{
	struct vmxctx *x = &v->ctx;
	register_t *const p[16] = { &x->guest_rax, &x->guest_rcx, &x->guest_rdx, &x->guest_rbx, NULL, &x->guest_rbp, &x->guest_rsi,
				    &x->guest_rdi, &x->guest_r8, &x->guest_r9, &x->guest_r10, &x->guest_r11, &x->guest_r12,
				    &x->guest_r13, &x->guest_r14, &x->guest_r15 };

	return p[n & 15];
}

/* The model has no MTRRs, and no APIC that MSRs reach. */
bool vmx_have_msr_tsc_aux = true;

int vm_rdmtrr(const struct vm_mtrr *mtrr, u_int msr, uint64_t *value)
{
	if (msr != MSR_MTRRdefType)
		return EINVAL;
	*value = mtrr->def_type;
	return 0;
}

int vm_wrmtrr(struct vm_mtrr *mtrr, u_int msr, uint64_t value)
{
	if (msr != MSR_MTRRdefType)
		return EINVAL;
	mtrr->def_type = value;
	return 0;
}

bool lapic_msr(u_int msr)
{
	return msr >= 0x800 && msr < 0x900;
}

int lapic_rdmsr(struct vcpu *vcpu, u_int msr, uint64_t *value, bool *retu)
{
	(void)vcpu, (void)msr, (void)value, (void)retu;
	return EINVAL;
}

int lapic_wrmsr(struct vcpu *vcpu, u_int msr, uint64_t value, bool *retu)
{
	(void)vcpu, (void)msr, (void)value, (void)retu;
	return EINVAL;
}

int vmx_rdmsr(struct vmx_vcpu *v, u_int msr, uint64_t *value, bool *retu)
{
	(void)retu;
	switch (msr) {
	case MSR_PAT:
		*value = v->guest_msrs[IDX_MSR_PAT];
		return 0;
	case MSR_DEBUGCTLMSR: /* bhyve(8) might */
		*value = vmcs_read(VMCS_GUEST_IA32_DEBUGCTL);
		return 0;
	default:
		return EINVAL;
	}
}

static bool pat_valid(uint64_t value)
{
	for (unsigned i = 0; i < 8; i++, value >>= 8)
		if ((value & 0xff) > 7 || (value & 0xfe) == 2)
			return false;
	return true;
}

int vmx_set_tsc_offset(struct vmx_vcpu *v, uint64_t offset)
{
	if (nest_tsc_offset(v, offset))
		return 0;
	if (!(v->cap.proc_ctls & PROCBASED_TSC_OFFSET)) {
		v->cap.proc_ctls |= PROCBASED_TSC_OFFSET;
		vmcs_write(VMCS_PRI_PROC_BASED_CTLS, v->cap.proc_ctls);
	}
	return vmwrite(VMCS_TSC_OFFSET, offset);
}

int vmx_wrmsr(struct vmx_vcpu *v, u_int msr, uint64_t value, bool *retu)
{
	(void)retu;
	switch (msr) {
	case MSR_PAT:
		if (pat_valid(value))
			v->guest_msrs[IDX_MSR_PAT] = value;
		else
			vm_inject_gp(v->vcpu);
		return 0;
	case MSR_TSC: /* which the fake processor itself does not know */
		return world.sets_tsc ? vmx_set_tsc_offset(v, value - rdtsc()) : EINVAL;
	case MSR_DEBUGCTLMSR:
		if (value & ~world.hw.debugctl_valid)
			return EINVAL;
		vmcs_write(VMCS_GUEST_IA32_DEBUGCTL, value);
		return 0;
	case MSR_TSC_AUX:
		if (value >> 32)
			return EINVAL;
		v->guest_msrs[IDX_MSR_TSC_AUX] = value;
		return 0;
	default:
		return EINVAL;
	}
}

static int msr_access(struct vmx_vcpu *v, struct vm_exit *e, bool write)
{
	uint64_t value = (uint32_t)v->ctx.guest_rax | (uint64_t)v->ctx.guest_rdx << 32;
	u_int msr = (u_int)v->ctx.guest_rcx;
	bool retu = false;

	if (write ? vmx_wrmsr(v, msr, value, &retu) : vmx_rdmsr(v, msr, &value, &retu)) {
		e->exitcode = write ? VM_EXITCODE_WRMSR : VM_EXITCODE_RDMSR;
		e->u.msr.code = msr;
		e->u.msr.wval = value;
		return 0;
	}
	if (!write) {
		v->ctx.guest_rax = (uint32_t)value;
		v->ctx.guest_rdx = (register_t)(value >> 32);
	}
	return 1;
}

/* MOV to CR0 or CR4, the kinds that bhyve knows. */
static int cr_access(struct vmx_vcpu *v, uint64_t q)
{
	bool cr4 = (q & 15) == 4;
	uint64_t value, kept = cr4 ? CR4_VMXE : CR0_NE, off = cr4 ? 0 : CR0_CD | CR0_NW;

	if ((q & 0xf0) || (q & 15 & ~4ul))
		return 0;
	value = (uint64_t)*gpr(v, q >> 8 & 15);
	if (nest_cr_refused(v, q & 15, value)) {
		vm_inject_gp(v->vcpu);
		return 1;
	}
	vmcs_write(cr4 ? VMCS_CR4_SHADOW : VMCS_CR0_SHADOW, value);
	vmcs_write(cr4 ? VMCS_GUEST_CR4 : VMCS_GUEST_CR0, (value | kept) & ~off);
	return 1;
}

static int cpuid(struct vmx_vcpu *v)
{
	uint64_t r[16];
	u_int regs[4], leaf = (u_int)v->ctx.guest_rax;

	fake_cpuid(leaf, r);
	if (leaf == 1)
		r[1] &= ~(uint64_t)CPUID2_VMX;
	regs[0] = (u_int)r[0], regs[1] = (u_int)r[3], regs[2] = (u_int)r[1], regs[3] = (u_int)r[2];
	nest_cpuid(v->vcpu, leaf, (u_int)v->ctx.guest_rcx, regs);
	v->ctx.guest_rax = regs[0], v->ctx.guest_rbx = regs[1], v->ctx.guest_rcx = regs[2], v->ctx.guest_rdx = regs[3];
	return 1;
}

static void page_or_device(struct vmx_vcpu *v, struct vm_exit *e)
{
	uint64_t q = e->u.vmx.exit_qualification, gpa = nest_fault_gpa(v, vmcs_gpa());

	e->inst_length = 0;
	if (gpa < FAKE_RAM_SIZE) {
		e->exitcode = VM_EXITCODE_PAGING;
		e->u.paging.gpa = gpa;
		e->u.paging.fault_type = q & 2 ? VM_PROT_WRITE : q & 4 ? VM_PROT_EXECUTE : VM_PROT_READ;
	} else {
		e->exitcode = VM_EXITCODE_INST_EMUL;
		e->u.inst_emul.gpa = gpa;
		e->u.inst_emul.gla = vmcs_gla();
	}
}

static void port(struct vmx_vcpu *v, struct vm_exit *e)
{
	uint64_t q = e->u.vmx.exit_qualification;

	e->exitcode = VM_EXITCODE_INOUT;
	e->u.inout.bytes = (q & 7) + 1;
	e->u.inout.in = q >> 3 & 1;
	e->u.inout.string = e->u.inout.rep = 0;
	e->u.inout.port = (uint16_t)(q >> 16);
	e->u.inout.eax = (uint32_t)v->ctx.guest_rax;
}

static void stop_window(struct vmx_vcpu *v, uint32_t bit)
{
	KASSERT(v->cap.proc_ctls & bit, ("a window that was not asked for"));
	v->cap.proc_ctls &= ~bit;
	vmcs_write(VMCS_PRI_PROC_BASED_CTLS, v->cap.proc_ctls);
}

/* An event whose delivery the exit interrupted is delivered again: of L2, the library does it. */
static void interrupted(struct vmx_vcpu *v, struct vm_exit *e)
{
	uint64_t info = vmcs_idt_vectoring_info();
	uint32_t type = info & VMCS_INTR_T_MASK;

	if (!(info & VMCS_IDT_VEC_VALID) || nest_in_l2(v))
		return;
	info &= ~(1ul << 12);
	if (info & VMCS_IDT_VEC_ERRCODE_VALID)
		info |= vmcs_idt_vectoring_err() << 32;
	vm_exit_intinfo(v->vcpu, info);
	if (type == VMCS_INTR_T_NMI)
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
			   vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & ~(uint64_t)VMCS_INTERRUPTIBILITY_NMI_BLOCKING);
	if (type >= VMCS_INTR_T_SWINTR)
		vmcs_write(VMCS_ENTRY_INST_LENGTH, (uint64_t)e->inst_length);
}

/* The exits that end no instruction and are dealt with.  False: another. */
static bool event(struct vmx_vcpu *v, uint32_t reason)
{
	uint32_t info;

	switch (reason) {
	case EXIT_REASON_EXT_INTR:
		info = (uint32_t)vmcs_read(VMCS_EXIT_INTR_INFO);
		if ((info & 0xff) < OWN_VECTORS)
			world_cpu()->intr[(info & 0xff) / 64] |= 1ul << info % 64; /* a device's, whose handler runs next */
		return true;
	case EXIT_REASON_EXCEPTION:
		info = (uint32_t)vmcs_read(VMCS_EXIT_INTR_INFO);
		KASSERT((info & VMCS_INTR_T_MASK) == VMCS_INTR_T_NMI, ("an exception %#x that was not asked for", info));
		v->vcpu->nmi_pending = 1;
		return true;
	case EXIT_REASON_INTR_WINDOW:
		stop_window(v, PROCBASED_INT_WINDOW_EXITING);
		return true;
	case EXIT_REASON_NMI_WINDOW:
		stop_window(v, PROCBASED_NMI_WINDOW_EXITING);
		return true;
	default:
		return false;
	}
}

static int instruction(struct vmx_vcpu *v, struct vm_exit *e, uint32_t reason)
{
	switch (reason) {
	case EXIT_REASON_CPUID:
		return cpuid(v);
	case EXIT_REASON_RDMSR:
	case EXIT_REASON_WRMSR:
		return msr_access(v, e, reason == EXIT_REASON_WRMSR);
	case EXIT_REASON_CR_ACCESS:
		return cr_access(v, e->u.vmx.exit_qualification);
	case EXIT_REASON_XSETBV:
		world_cpu()->a.xcr0 = ((uint64_t)v->ctx.guest_rax & 7) | 1;
		return 1;
	case EXIT_REASON_INVD:
	case EXIT_REASON_WBINVD:
		return 1;
	case EXIT_REASON_HLT:
		e->exitcode = VM_EXITCODE_HLT;
		e->u.hlt.rflags = vmcs_read(VMCS_GUEST_RFLAGS);
		e->u.hlt.intr_status = world.vid ? vmcs_read(VMCS_GUEST_INTR_STATUS) : 0;
		return 0;
	case EXIT_REASON_PAUSE:
		e->exitcode = VM_EXITCODE_PAUSE;
		return 0;
	case EXIT_REASON_MTF:
		e->exitcode = VM_EXITCODE_MTRAP;
		e->inst_length = 0;
		return 0;
	case EXIT_REASON_MONITOR:
		e->exitcode = VM_EXITCODE_MONITOR;
		return 0;
	case EXIT_REASON_MWAIT:
		e->exitcode = VM_EXITCODE_MWAIT;
		return 0;
	case EXIT_REASON_INOUT:
		port(v, e);
		return 0;
	case EXIT_REASON_EPT_FAULT:
		page_or_device(v, e);
		return 0;
	default:
		e->exitcode = reason >= EXIT_REASON_VMCALL && reason <= EXIT_REASON_VMXON ? VM_EXITCODE_VMINSN : VM_EXITCODE_VMX;
		return 0;
	}
}

int vmx_exit_process(struct vmx_vcpu *v, struct vm_exit *e)
{
	uint32_t reason = e->u.vmx.exit_reason;

	e->exitcode = VM_EXITCODE_BOGUS;
	interrupted(v, e);
	if (event(v, reason))
		return 1;
	if (!instruction(v, e, reason))
		return 0;
	nest_complete(v, e);
	e->rip += (unsigned)e->inst_length;
	e->inst_length = 0;
	vmcs_write(VMCS_GUEST_RIP, e->rip);
	return 1;
}

/* A linear address of a 64-bit guest's to L1's memory, by the guest's tables: what _vm_gla2gpa() does. */
static int gla2gpa(struct vcpu *vcpu, uint64_t gla, int prot, uint64_t *gpa)
{
	uint64_t at, entry;
	void *cookie, *p;
	int error;

	if (vmx_getfield(vcpu->cookie, VMCS_GUEST_CR3, &entry))
		return EFAULT;
	for (int shift = 39; shift >= 12; shift -= 9) {
		error = nest_gpa(vcpu, (entry & 0x000ffffffffff000ul) | (gla >> shift & 511) * 8, VM_PROT_RW, &at);
		if (error)
			return error;
		p = vm_gpa_hold(vcpu, at, sizeof(entry), VM_PROT_RW, &cookie);
		if (!p)
			return EFAULT;
		memcpy(&entry, p, sizeof(entry));
		vm_gpa_release(cookie);
		if (!(entry & 1))
			return EFAULT;
	}
	return nest_gpa(vcpu, (entry & 0x000ffffffffff000ul) | gla % PAGE_SIZE, prot, gpa);
}

/* Reads of a device that is not there give ones. */
void vmx_emulate(struct vcpu *vcpu)
{
	const struct vm_exit *e = &vcpu->exitinfo;
	const struct fake_insn *i = fake_insn_at(&vcpu->guest, e->rip);
	uint64_t gpa;

	may_sleep("the emulation of an instruction");
	vcpu->emulated++;
	vcpu->emulating(vcpu);
	if (gla2gpa(vcpu, e->rip, VM_PROT_READ | VM_PROT_EXECUTE, &gpa) && nest_faulted(vcpu, false))
		return;
	if (gpa >= FAKE_RAM_SIZE || !i || (i->op != FAKE_LOAD && i->op != FAKE_STORE)) {
		vcpu->stop = FAKE_STOP_SHUTDOWN;
		fake_see(&vcpu->guest, FAKE_SEEN_STOP, FAKE_STOP_SHUTDOWN, 0);
		return;
	}
	if (i->op == FAKE_LOAD)
		*gpr(vcpu->cookie, i->reg) = i->size == 8 ? -1l : (register_t)((1ul << i->size * 8) - 1);
	vcpu->nextrip = e->rip + fake_length(i);
}

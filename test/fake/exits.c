/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What the host does itself for L1 and, where L1 does not care, for L2. */
#include "exits.h"

static void skip_by_itself(struct nvmx_host *h, unsigned len)
{
	uint64_t rflags = rd(h, NVMX_GUEST_RFLAGS);
	bool is_64 = (rd(h, NVMX_ENTRY_CTLS) & NVMX_ENTRY_IA32E) && (rd(h, NVMX_GUEST_CS_AR) & NVMX_AR_L);
	uint64_t rip = rd(h, NVMX_GUEST_RIP) + len;

	wr(h, NVMX_GUEST_RIP, is_64 ? rip : (uint32_t)rip);
	wr(h, NVMX_GUEST_RFLAGS, rflags & ~NVMX_RFLAGS_RF);
	wr(h, NVMX_GUEST_INTERRUPTIBILITY, rd(h, NVMX_GUEST_INTERRUPTIBILITY) & ~3ull);
	if ((rflags & NVMX_RFLAGS_TF) && !(rd(h, NVMX_GUEST_DEBUGCTL) & NVMX_DEBUGCTL_BTF))
		wr(h, NVMX_GUEST_PENDING_DBG, rd(h, NVMX_GUEST_PENDING_DBG) | NVMX_BIT(14));
	if (rd(h, NVMX_PROC_CTLS) & NVMX_PROC_MTF) /* what was emulated is followed by the MTF VM exit */
		wr(h, NVMX_ENTRY_INTR_INFO, NVMX_INTR_VALID | NVMX_EVENT_OTHER << 8);
	tick(h);
}

/* Some hosts let the library end the instruction, a host of KVM's kind does it itself. */
static void skip(struct nvmx_host *h, unsigned len)
{
	enum nvmx_verdict verdict;

	if (!(h->m->flags & NVMX_HOST_EMULATES_CR)) {
		h->inside = true;
		verdict = nvmx_complete_instruction(h->vcpu, len == rd(h, NVMX_EXIT_INSTR_LEN) ? 0 : len, 0, 0);
		h->inside = false;
		FAKE_ASSERT(verdict == (nvmx_in_l2(h->vcpu) ? NVMX_RESUME_L2 : NVMX_RESUME_L1));
		tick(h);
		return;
	}
	skip_by_itself(h, len);
}

static enum nvmx_verdict raise_in_guest(struct nvmx_host *h, struct nvmx_regs *regs, unsigned vector, bool has_error)
{
	enum nvmx_verdict verdict;

	FAKE_CALL(h, verdict, nvmx_inject_exception(h->vcpu, regs, vector, has_error, 0, 0), NVMX_AGAIN);
	return verdict;
}

static enum nvmx_verdict done(struct nvmx_host *h)
{
	skip(h, (unsigned)rd(h, NVMX_EXIT_INSTR_LEN));
	return resume(h);
}

static bool cr0_valid(uint64_t v)
{
	return !(v >> 32) && (v & NVMX_CR0_PG) && (v & NVMX_CR0_PE) && (!(v & NVMX_CR0_NW) || (v & NVMX_CR0_CD));
}

/* L1 runs in 64-bit mode. */
static bool cr4_valid(struct nvmx_host *h, uint64_t before, uint64_t v)
{
	return !(v & ~nvmx_caps_get(&h->hw, NVMX_MSR_VMX_CR4_FIXED1)) && (v & NVMX_CR4_PAE) &&
	       !(v & ~before & NVMX_CR4_PCIDE && rd(h, NVMX_GUEST_CR3) & 0xfff);
}

static enum nvmx_verdict cr_access(struct nvmx_host *h, struct nvmx_regs *regs)
{
	uint64_t q = rd(h, NVMX_EXIT_QUALIFICATION), before, value;
	unsigned cr = q & 15;
	uint32_t field = cr ? NVMX_GUEST_CR4 : NVMX_GUEST_CR0, shadow = cr ? NVMX_CR4_SHADOW : NVMX_CR0_SHADOW;
	uint64_t mask = rd(h, cr ? NVMX_CR4_MASK : NVMX_CR0_MASK);

	if (nvmx_in_l2(h->vcpu))
		return fake_own_cr(h, regs) ? done(h) : raise_in_guest(h, regs, NVMX_VECTOR_GP, true);
	FAKE_ASSERT(cr == 0 || cr == 4);
	before = (rd(h, field) & ~mask) | (rd(h, shadow) & mask);
	value = fake_own_wanted(h, regs, q, before);
	if ((cr == 0 ? !cr0_valid(value) : !cr4_valid(h, before, value)) || nvmx_l1_cr_check(h->vcpu, cr, value))
		return raise_in_guest(h, regs, NVMX_VECTOR_GP, true);
	if (cr == 0)
		value = (value & ~FAKE_CR0_IGNORED) | (before & FAKE_CR0_IGNORED);
	if (cr && (value ^ before) & (NVMX_CR4_PGE | NVMX_CR4_SMEP | NVMX_CR4_PCIDE) && !h->m->no_vpid)
		fake_invvpid(&h->cpu, NVMX_FLUSH_SINGLE, 1, 0);
	wr(h, field, value | (cr ? NVMX_CR4_VMXE | (h->m->owns_cr ? NVMX_CR4_MCE : 0) : NVMX_CR0_NE));
	wr(h, shadow, value);
	return done(h);
}

static const struct {
	uint32_t msr, field;
} in_vmcs[] = {
	{ NVMX_MSR_EFER, NVMX_GUEST_EFER }, { NVMX_MSR_PAT, NVMX_GUEST_PAT }, { NVMX_MSR_DEBUGCTL, NVMX_GUEST_DEBUGCTL },
	{ NVMX_MSR_SYSENTER_CS, NVMX_GUEST_SYSENTER_CS }, { NVMX_MSR_SYSENTER_ESP, NVMX_GUEST_SYSENTER_ESP },
	{ NVMX_MSR_SYSENTER_EIP, NVMX_GUEST_SYSENTER_EIP }, { NVMX_MSR_FS_BASE, NVMX_GUEST_FS_BASE },
	{ NVMX_MSR_GS_BASE, NVMX_GUEST_GS_BASE },
};

/* The guest's MSR, by way of the processor's own rules with the guest's value in place. */
static bool guest_msr(struct nvmx_host *h, uint32_t msr, bool write, uint64_t *value)
{
	struct fake_cpu *c = &h->cpu;
	struct fake_arch saved = c->a;
	uint64_t *area = fake_area_msr(h, msr);
	uint32_t field = 0;
	bool ok;

	if (area && !write)
		*value = *area;
	if (area && write && fake_wrmsr(c, msr, *value)) {
		*area = *value;
		c->a = saved;
		return true;
	}
	if (area)
		return !write;

	for (unsigned i = 0; i < sizeof(in_vmcs) / sizeof(*in_vmcs); i++)
		if (in_vmcs[i].msr == msr)
			field = in_vmcs[i].field;
	for (unsigned i = 0; i < FAKE_PROTECTIONS; i++)
		if (msr && fake_protections[i].msr == msr && fake_has(c, &fake_protections[i]))
			field = fake_protections[i].guest;
	if (!field)
		return write ? fake_wrmsr(c, msr, *value) : fake_rdmsr(c, msr, value);
	c->a.cr0 = rd(h, NVMX_GUEST_CR0);
	c->a.efer = rd(h, NVMX_GUEST_EFER);
	ok = !write || fake_wrmsr(c, msr, *value);
	if (ok && write && fake_rdmsr(c, msr, value))
		wr(h, field, *value);
	else if (!write)
		*value = rd(h, field);
	c->a = saved;
	return ok;
}

static enum nvmx_verdict msr(struct nvmx_host *h, struct nvmx_regs *regs, bool write)
{
	uint64_t value = (uint32_t)regs->gpr[0] | regs->gpr[2] << 32;
	uint32_t index = (uint32_t)regs->gpr[1];

	if (!guest_msr(h, index, write, &value))
		return raise_in_guest(h, regs, NVMX_VECTOR_GP, true);
	if (!write) {
		if (index == NVMX_MSR_TSC)
			value += rd(h, NVMX_TSC_OFFSET);
		regs->gpr[0] = (uint32_t)value;
		regs->gpr[2] = value >> 32;
	}
	return done(h);
}

static const struct fake_insn *current_insn(struct nvmx_host *h, uint64_t *linear)
{
	*linear = rd(h, NVMX_GUEST_RIP);
	if (!(rd(h, NVMX_ENTRY_CTLS) & NVMX_ENTRY_IA32E))
		*linear += rd(h, NVMX_GUEST_CS_BASE);
	return fake_insn_at(&h->cpu, *linear);
}

/*
 * The guest's paging structures are where no memory is.  An entry that reads as ones has reserved bits (SDM 4.7), in all
 * formats but that of 32-bit paging, which the scripts do not use.
 */
static enum nvmx_verdict no_table(struct nvmx_host *h, struct nvmx_regs *regs)
{
	uint64_t at = rd(h, NVMX_GUEST_LINEAR_ADDR), idt = rd(h, NVMX_GUEST_IDTR_BASE), rip;
	const struct fake_insn *i = current_insn(h, &rip);
	bool delivering = rd(h, NVMX_IDT_VECTORING_INFO) & NVMX_INTR_VALID;
	bool pushing = delivering && (at < idt || at - idt > rd(h, NVMX_GUEST_IDTR_LIMIT));
	bool fetching = !delivering && at == rip;
	uint32_t error = 1 | 8;
	enum nvmx_verdict verdict;

	if (pushing || (!delivering && !fetching && i && i->op == FAKE_STORE))
		error |= 2;
	if (!delivering && NVMX_AR_DPL(rd(h, NVMX_GUEST_SS_AR)) == 3)
		error |= 4;
	if (fetching && rd(h, NVMX_GUEST_EFER) & NVMX_EFER_NXE)
		error |= 16;
	FAKE_CALL(h, verdict, nvmx_inject_exception(h->vcpu, regs, NVMX_VECTOR_PF, true, error, at), NVMX_AGAIN);
	return verdict;
}

/* No memory is there, and no device: reads give ones. */
static enum nvmx_verdict device(struct nvmx_host *h, struct nvmx_regs *regs)
{
	const struct fake_insn *i;
	uint64_t rip;

	if ((rd(h, NVMX_EXIT_QUALIFICATION) & (NVMX_BIT(7) | NVMX_BIT(8))) == NVMX_BIT(7))
		return no_table(h, regs);
	i = current_insn(h, &rip);
	if (!i || (i->op != FAKE_LOAD && i->op != FAKE_STORE)) {
		h->cpu.stop = FAKE_STOP_SHUTDOWN;
		fake_see(&h->cpu, FAKE_SEEN_STOP, FAKE_STOP_SHUTDOWN, 0);
		return NVMX_STOP;
	}
	if (i->op == FAKE_LOAD)
		regs->gpr[i->reg] = i->size == 8 ? ~0ull : (1ull << i->size * 8) - 1;
	skip(h, fake_length(i));
	return resume(h);
}

static enum nvmx_verdict io(struct nvmx_host *h, struct nvmx_regs *regs)
{
	uint64_t q = rd(h, NVMX_EXIT_QUALIFICATION), mask = (1ull << ((q & 7) + 1) * 8) - 1;

	if (q & 8)
		regs->gpr[0] = (regs->gpr[0] & ~mask) | (~(q >> 16) & mask);
	return done(h);
}

static enum nvmx_verdict shutdown(struct nvmx_host *h)
{
	h->cpu.stop = FAKE_STOP_SHUTDOWN;
	fake_see(&h->cpu, FAKE_SEEN_STOP, FAKE_STOP_SHUTDOWN, 0);
	return NVMX_STOP;
}

/* What waits in the interrupt controller the host takes with the rest, between two runs of a guest. */
static enum nvmx_verdict arrived(struct nvmx_host *h, uint32_t info)
{
	unsigned vector = info & NVMX_INTR_VECTOR;

	FAKE_ASSERT(owns_interrupts(h));
	if (NVMX_INTR_TYPE(info) == NVMX_EVENT_NMI)
		h->vnmi = true;
	else if (vector != FAKE_KICK_VECTOR)
		h->cpu.intr[vector / 64] |= 1ull << vector % 64;
	return resume(h);
}

/* An exception that the host has asked for: L1's exit, if L1 has asked for it, too, and else the guest's. */
static enum nvmx_verdict exception(struct nvmx_host *h, struct nvmx_regs *regs)
{
	uint32_t info = (uint32_t)rd(h, NVMX_EXIT_INTR_INFO), vector = info & NVMX_INTR_VECTOR;
	uint64_t conditions = vector == NVMX_VECTOR_PF || vector == NVMX_VECTOR_DB ? rd(h, NVMX_EXIT_QUALIFICATION) : 0;
	bool has_error = info & NVMX_INTR_DELIVER_EC;
	uint32_t error = has_error ? (uint32_t)rd(h, NVMX_EXIT_INTR_ERROR_CODE) : 0;
	enum nvmx_verdict verdict;

	if (NVMX_INTR_TYPE(info) == NVMX_EVENT_NMI)
		return arrived(h, info);
	FAKE_ASSERT(h->m->intercepts);
	FAKE_CALL(h, verdict, nvmx_reflect(h->vcpu, regs), NVMX_AGAIN);
	if (verdict == NVMX_HOST)
		FAKE_CALL(h, verdict, nvmx_inject_exception(h->vcpu, regs, vector, has_error, error, conditions), NVMX_AGAIN);
	return verdict;
}

static enum nvmx_verdict random_number(struct nvmx_host *h, struct nvmx_regs *regs, uint64_t value)
{
	unsigned reg = rd(h, NVMX_EXIT_INSTR_INFO) >> 3 & 15;

	if (reg == 4)
		wr(h, NVMX_GUEST_RSP, value);
	else
		regs->gpr[reg] = value;
	return done(h);
}

static enum nvmx_verdict invlpg(struct nvmx_host *h)
{
	if (!h->m->no_vpid)
		fake_invvpid(&h->cpu, NVMX_FLUSH_SINGLE, (uint16_t)rd(h, NVMX_VPID), 0);
	return done(h);
}

static enum nvmx_verdict halt(struct nvmx_host *h)
{
	enum nvmx_verdict verdict = done(h);

	wr(h, NVMX_GUEST_ACTIVITY, NVMX_ACTIVITY_HLT);
	return verdict;
}

/* What exits for the host's sake alone. */
static bool intercepted(struct nvmx_host *h, struct nvmx_regs *regs, uint32_t reason, enum nvmx_verdict *verdict)
{
	switch (reason) {
	case NVMX_XR_HLT: *verdict = halt(h); break;
	case NVMX_XR_INVLPG:
	case NVMX_XR_INVPCID: *verdict = invlpg(h); break;
	case NVMX_XR_RDRAND: *verdict = random_number(h, regs, 0x5eed); break;
	case NVMX_XR_RDSEED: *verdict = random_number(h, regs, 0x5eee); break;
	case NVMX_XR_RDPMC:
		regs->gpr[0] = 7;
		*verdict = done(h);
		break;
	case NVMX_XR_MWAIT:
	case NVMX_XR_MONITOR:
	case NVMX_XR_PAUSE:
	case NVMX_XR_WBINVD: *verdict = done(h); break;
	default: return false;
	}
	FAKE_ASSERT(h->m->intercepts);
	return true;
}

static enum nvmx_verdict window(struct nvmx_host *h, uint32_t bit)
{
	wr(h, NVMX_PROC_CTLS, rd(h, NVMX_PROC_CTLS) & ~(uint64_t)bit);
	return resume(h);
}

enum nvmx_verdict fake_host_exit(struct nvmx_host *h, struct nvmx_regs *regs)
{
	uint32_t reason = (uint32_t)rd(h, NVMX_EXIT_REASON);
	enum nvmx_verdict verdict;

	if (intercepted(h, regs, reason, &verdict))
		return verdict;
	switch (reason) {
	case NVMX_XR_CPUID:
		fake_cpuid((uint32_t)regs->gpr[0], regs->gpr);
		return done(h);
	case NVMX_XR_XSETBV:
		h->cpu.a.xcr0 = (regs->gpr[0] & 7) | 1;
		return done(h);
	case NVMX_XR_INVD:
	case NVMX_XR_TASK_SWITCH:
		return done(h);
	case NVMX_XR_VMCALL: /* outside VMX operation */
		FAKE_ASSERT(!nvmx_in_vmx_operation(h->vcpu) && !nvmx_in_l2(h->vcpu));
		return raise_in_guest(h, regs, NVMX_VECTOR_UD, false);
	case NVMX_XR_CR_ACCESS:
		return cr_access(h, regs);
	case NVMX_XR_RDMSR:
	case NVMX_XR_WRMSR:
		return msr(h, regs, reason == NVMX_XR_WRMSR);
	case NVMX_XR_IO:
		return io(h, regs);
	case NVMX_XR_EPT_VIOLATION:
		return fake_watch_trapped(h) ? resume(h) : device(h, regs);
	case NVMX_XR_TRIPLE_FAULT:
		return shutdown(h);
	case NVMX_XR_EXCEPTION_NMI:
		return exception(h, regs);
	case NVMX_XR_EXT_INT:
		return arrived(h, (uint32_t)rd(h, NVMX_EXIT_INTR_INFO));
	case NVMX_XR_BUS_LOCK:
	case NVMX_XR_NOTIFY:
		h->r->limits_met++;
		return resume(h);
	case NVMX_XR_INT_WINDOW:
		return window(h, NVMX_PROC_INT_WINDOW);
	case NVMX_XR_NMI_WINDOW:
		return window(h, NVMX_PROC_NMI_WINDOW);
	case NVMX_XR_INIT:
		h->vinit = true;
		return resume(h);
	case NVMX_XR_SIPI:
		h->vsipi = true;
		h->vsipi_vector = (uint8_t)rd(h, NVMX_EXIT_QUALIFICATION);
		return resume(h);
	case NVMX_XR_PREEMPTION_TIMER:
		return fake_own_timer_rings(h);
	default:
		fake_die("exit reason", (int)reason, h->cpu.refused ? h->cpu.refused : "not expected by the host");
	}
}

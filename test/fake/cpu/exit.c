/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* VM exits: exit information, guest state, host state, MSR areas (SDM 27). */
#include "cpu.h"

#define POISON 0xdeadbeefu /* what the SDM leaves undefined */

static uint32_t mem_info(const struct fake_insn *i)
{
	uint32_t asize = i->asize == 8 ? 2 : i->asize == 4 ? 1 : 0;
	uint32_t info = asize << 7 | (uint32_t)i->seg << 15;

	info |= i->index < 16 ? (uint32_t)i->scale | (uint32_t)i->index << 18 : NVMX_BIT(22);
	return info | (i->base < 16 ? (uint32_t)i->base << 23 : NVMX_BIT(27));
}

/* SDM 27.2.5, tables 27-8 to 27-14. */
uint32_t fake_insn_info(const struct fake_cpu *c, const struct fake_insn *i)
{
	uint32_t operand = i->mem ? mem_info(i) : NVMX_BIT(10) | (uint32_t)i->reg << 3;

	(void)c;
	switch (i->op) {
	case FAKE_VMREAD:
	case FAKE_VMWRITE:
	case FAKE_INVEPT:
	case FAKE_INVVPID:
	case FAKE_INVPCID:
		return operand | (uint32_t)i->reg2 << 28;
	case FAKE_SGDT:
	case FAKE_SIDT:
	case FAKE_LGDT:
	case FAKE_LIDT:
		return operand | (uint32_t)(i->op - FAKE_SGDT) << 28;
	case FAKE_SLDT:
	case FAKE_STR:
	case FAKE_LLDT:
	case FAKE_LTR:
		return operand | (uint32_t)(i->op - FAKE_SLDT) << 28;
	case FAKE_RDRAND:
	case FAKE_RDSEED:
		return (uint32_t)i->reg << 3 | (i->size == 8 ? 2u : i->size == 4 ? 1u : 0u) << 11;
	default:
		return operand;
	}
}

static bool gives_info(unsigned op)
{
	switch (op) {
	case FAKE_VMCLEAR:
	case FAKE_VMPTRLD:
	case FAKE_VMPTRST:
	case FAKE_VMXON:
	case FAKE_VMREAD:
	case FAKE_VMWRITE:
	case FAKE_INVEPT:
	case FAKE_INVVPID:
	case FAKE_INVPCID:
	case FAKE_XSAVES:
	case FAKE_XRSTORS:
	case FAKE_RDRAND:
	case FAKE_RDSEED:
		return true;
	default:
		return op >= FAKE_SGDT && op <= FAKE_LTR;
	}
}

void fake_insn_exit(struct fake_cpu *c, const struct fake_insn *i, uint32_t reason, uint64_t qualification)
{
	const struct fake_exit x = {
		.reason = reason, .qualification = qualification, .len = fake_length(i), .has_len = true,
		.info = fake_insn_info(c, i), .has_info = gives_info(i->op),
	};

	fake_vmexit(c, &x);
}

static void save_segments(struct fake_cpu *c)
{
	for (unsigned i = 0; i < 8; i++) {
		const struct fake_seg *s = &c->a.seg[i];

		fake_field_set(c, NVMX_GUEST_ES_SEL + 2 * i, s->sel);
		fake_field_set(c, NVMX_GUEST_ES_LIMIT + 2 * i, s->limit);
		fake_field_set(c, NVMX_GUEST_ES_AR + 2 * i, s->ar);
		fake_field_set(c, NVMX_GUEST_ES_BASE + 2 * i, s->base);
	}
	fake_field_set(c, NVMX_GUEST_GDTR_BASE, c->a.gdtr_base);
	fake_field_set(c, NVMX_GUEST_GDTR_LIMIT, c->a.gdtr_limit);
	fake_field_set(c, NVMX_GUEST_IDTR_BASE, c->a.idtr_base);
	fake_field_set(c, NVMX_GUEST_IDTR_LIMIT, c->a.idtr_limit);
}

static void save_msrs(struct fake_cpu *c, uint32_t controls)
{
	fake_field_set(c, NVMX_GUEST_SYSENTER_CS, c->a.sysenter_cs);
	fake_field_set(c, NVMX_GUEST_SYSENTER_ESP, c->a.sysenter_esp);
	fake_field_set(c, NVMX_GUEST_SYSENTER_EIP, c->a.sysenter_eip);
	for (unsigned i = 0; i < FAKE_PROTECTIONS; i++)
		if (fake_has(c, &fake_protections[i]))
			fake_field_set(c, fake_protections[i].guest, *fake_protection(c, &fake_protections[i]));
	if (controls & NVMX_EXIT_SAVE_DEBUG) {
		fake_field_set(c, NVMX_GUEST_DR7, c->a.dr7);
		fake_field_set(c, NVMX_GUEST_DEBUGCTL, c->a.debugctl);
	}
	if (controls & NVMX_EXIT_SAVE_PAT)
		fake_field_set(c, NVMX_GUEST_PAT, c->a.pat);
	if (controls & NVMX_EXIT_SAVE_EFER)
		fake_field_set(c, NVMX_GUEST_EFER, c->a.efer);
	if (controls & NVMX_EXIT_SAVE_PREEMPTION_TIMER)
		fake_field_set(c, NVMX_PREEMPTION_TIMER, c->timer);
}

/* SDM 27.3 */
static void save_guest(struct fake_cpu *c)
{
	uint32_t controls = (uint32_t)fake_field(c, NVMX_EXIT_CTLS);
	uint32_t entry = (uint32_t)fake_field(c, NVMX_ENTRY_CTLS);

	fake_field_set(c, NVMX_GUEST_CR0, c->a.cr0);
	fake_field_set(c, NVMX_GUEST_CR3, c->a.cr3);
	fake_field_set(c, NVMX_GUEST_CR4, c->a.cr4);
	save_segments(c);
	save_msrs(c, controls);
	fake_field_set(c, NVMX_GUEST_RIP, c->a.rip);
	fake_field_set(c, NVMX_GUEST_RSP, c->a.gpr[4]);
	fake_field_set(c, NVMX_GUEST_RFLAGS, c->a.rflags);
	fake_field_set(c, NVMX_GUEST_ACTIVITY, c->a.activity);
	fake_field_set(c, NVMX_GUEST_INTERRUPTIBILITY, c->a.blocking);
	fake_field_set(c, NVMX_GUEST_PENDING_DBG, c->a.pending_dbg);
	if (fake_proc2(c) & NVMX_PROC2_EPT)
		for (unsigned i = 0; i < 4; i++)
			fake_field_set(c, NVMX_GUEST_PDPTE0 + 2 * i, c->a.pdpte[i]);
	if (nvmx_caps_get(c->caps, NVMX_MSR_VMX_MISC) & NVMX_MISC_STORE_LMA) {
		entry = (entry & ~NVMX_ENTRY_IA32E) | (c->a.efer & NVMX_EFER_LMA ? NVMX_ENTRY_IA32E : 0);
		fake_field_set(c, NVMX_ENTRY_CTLS, entry);
	}
}

static void save_information(struct fake_cpu *c, const struct fake_exit *x)
{
	fake_field_set(c, NVMX_EXIT_REASON, x->reason);
	fake_field_set(c, NVMX_EXIT_QUALIFICATION, x->qualification);
	fake_field_set(c, NVMX_EXIT_INTR_INFO, x->intr_info);
	fake_field_set(c, NVMX_EXIT_INTR_ERROR_CODE, x->intr_info & NVMX_INTR_DELIVER_EC ? x->intr_error : POISON);
	fake_field_set(c, NVMX_IDT_VECTORING_INFO, c->vectoring);
	fake_field_set(c, NVMX_IDT_VECTORING_ERROR_CODE,
		       c->vectoring & NVMX_INTR_DELIVER_EC ? c->vectoring_error : POISON);
	fake_field_set(c, NVMX_EXIT_INSTR_LEN, c->vectoring_len ? c->vectoring_len : x->has_len ? x->len : POISON);
	fake_field_set(c, NVMX_EXIT_INSTR_INFO, x->has_info ? x->info : POISON);
	fake_field_set(c, NVMX_GUEST_LINEAR_ADDR, x->has_linear ? x->linear : POISON);
	fake_field_set(c, NVMX_GUEST_PHYS_ADDR, x->has_physical ? x->physical : POISON);
	c->vectoring = c->vectoring_len = 0;
	c->supervisor = false;
	fake_field_set(c, NVMX_ENTRY_INTR_INFO, fake_field(c, NVMX_ENTRY_INTR_INFO) & ~(uint64_t)NVMX_INTR_VALID);
}

static void abort_vmx(struct fake_cpu *c, uint32_t indicator)
{
	fake_region(c)->abort = indicator;
	c->stop = FAKE_STOP_ABORT;
	c->guest = false;
	fake_see(c, FAKE_SEEN_STOP, FAKE_STOP_ABORT, indicator);
}

struct msr_entry {
	uint32_t index, reserved;
	uint64_t value;
};

static struct msr_entry list_entry(const struct fake_cpu *c, uint64_t at)
{
	return (struct msr_entry){ (uint32_t)fake_phys_read(c, at, 4), (uint32_t)fake_phys_read(c, at + 4, 4),
				   fake_phys_read(c, at + 8, 8) };
}

uint32_t fake_msr_load(struct fake_cpu *c, uint64_t addr, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct msr_entry e = list_entry(c, addr + 16 * i);

		if (e.reserved || e.index == NVMX_MSR_FS_BASE || e.index == NVMX_MSR_GS_BASE ||
		    e.index == NVMX_MSR_SMM_MONITOR_CTL || !fake_wrmsr(c, e.index, e.value))
			return i + 1;
	}
	return 0;
}

static uint32_t msr_store(struct fake_cpu *c, uint64_t addr, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct msr_entry e = list_entry(c, addr + 16 * i);

		if (e.reserved || !fake_rdmsr(c, e.index, &e.value))
			return i + 1;
		fake_phys_write(c, addr + 16 * i + 8, e.value, 8);
	}
	return 0;
}

static void host_segment(struct fake_seg *s, uint16_t sel, uint64_t base, uint32_t limit, uint32_t ar)
{
	*s = (struct fake_seg){ sel, limit, sel ? ar : ar | NVMX_AR_UNUSABLE, base };
}

static void load_host_segments(struct fake_cpu *c, bool is_64)
{
	static const uint8_t order[] = { FAKE_SEG_ES, FAKE_SEG_CS, FAKE_SEG_SS, FAKE_SEG_DS, FAKE_SEG_FS, FAKE_SEG_GS };

	for (unsigned i = 0; i < sizeof(order); i++)
		host_segment(&c->a.seg[order[i]], (uint16_t)fake_field(c, NVMX_HOST_ES_SEL + 2 * i), 0, ~0u, 0xc093);
	c->a.seg[FAKE_SEG_CS].ar = is_64 ? 0xa09b : 0xc09b;
	c->a.seg[FAKE_SEG_FS].base = fake_field(c, NVMX_HOST_FS_BASE);
	c->a.seg[FAKE_SEG_GS].base = fake_field(c, NVMX_HOST_GS_BASE);
	host_segment(&c->a.seg[FAKE_SEG_TR], (uint16_t)fake_field(c, NVMX_HOST_TR_SEL), fake_field(c, NVMX_HOST_TR_BASE),
		     0x67, 0x8b);
	host_segment(&c->a.seg[FAKE_SEG_LDTR], 0, 0, 0, 0);
	c->a.gdtr_base = fake_field(c, NVMX_HOST_GDTR_BASE);
	c->a.idtr_base = fake_field(c, NVMX_HOST_IDTR_BASE);
	c->a.gdtr_limit = c->a.idtr_limit = 0xffff;
}

static void load_host_msrs(struct fake_cpu *c, uint32_t controls, bool is_64)
{
	c->a.debugctl = 0;
	c->a.dr7 = 0x400;
	c->a.sysenter_cs = fake_field(c, NVMX_HOST_SYSENTER_CS);
	c->a.sysenter_esp = fake_field(c, NVMX_HOST_SYSENTER_ESP);
	c->a.sysenter_eip = fake_field(c, NVMX_HOST_SYSENTER_EIP);
	c->a.efer &= ~(NVMX_EFER_LMA | NVMX_EFER_LME);
	c->a.efer |= is_64 ? NVMX_EFER_LMA | NVMX_EFER_LME : 0;
	for (unsigned i = 0; i < FAKE_PROTECTIONS; i++)
		if (controls & fake_protections[i].undo)
			*fake_protection(c, &fake_protections[i]) = fake_protections[i].host ? fake_field(c, fake_protections[i].host) : 0;
	if (controls & NVMX_EXIT_LOAD_PAT)
		c->a.pat = fake_field(c, NVMX_HOST_PAT);
	if (controls & NVMX_EXIT_LOAD_EFER)
		c->a.efer = fake_field(c, NVMX_HOST_EFER);
}

void fake_load_host(struct fake_cpu *c)
{
	uint32_t controls = (uint32_t)fake_field(c, NVMX_EXIT_CTLS);
	bool is_64 = controls & NVMX_EXIT_HOST_64;
	const uint64_t kept = FAKE_CR0_KEPT;

	if (!fake_vpid(c))
		fake_tlb_flush(c, true, 0, false, 0, false, 0);
	c->guest = false;
	c->a.cr0 = (c->a.cr0 & kept) | (fake_field(c, NVMX_HOST_CR0) & ~kept);
	c->a.cr3 = fake_field(c, NVMX_HOST_CR3);
	c->a.cr4 = fake_field(c, NVMX_HOST_CR4) | (is_64 ? NVMX_CR4_PAE : 0);
	if (!is_64)
		c->a.cr4 &= ~NVMX_CR4_PCIDE;
	load_host_msrs(c, controls, is_64);
	load_host_segments(c, is_64);
	c->a.rip = fake_field(c, NVMX_HOST_RIP);
	c->a.gpr[4] = fake_field(c, NVMX_HOST_RSP);
	c->a.rflags = 2;
	c->a.activity = NVMX_ACTIVITY_ACTIVE;
	c->a.blocking &= NVMX_BLOCK_NMI;
	c->a.pending_dbg = 0;
	c->mtf = c->timer_on = c->virtual_interrupt = c->below_threshold = c->apic_write = false;
	fake_tlb_flush(c, true, 0, false, 0, false, 0);
	if (!is_64 && (c->a.cr4 & NVMX_CR4_PAE))
		fake_read_pdptes(c, c->a.cr3, c->a.pdpte);
	if (fake_msr_load(c, fake_field(c, NVMX_EXIT_MSR_LOAD_ADDR), (uint32_t)fake_field(c, NVMX_EXIT_MSR_LOAD_COUNT)))
		abort_vmx(c, 4);
	else if (c->native)
		c->stop = FAKE_EXITED;
}

/* RFLAGS.RF as saved (27.3.3). */
static void save_rf(struct fake_cpu *c, const struct fake_exit *x, uint32_t vectoring)
{
	uint32_t event = x->reason == NVMX_XR_EXCEPTION_NMI ? x->intr_info : vectoring;
	bool access = x->reason == NVMX_XR_APIC_ACCESS || x->reason == NVMX_XR_EPT_VIOLATION || x->reason == NVMX_XR_EPT_MISCONFIG ||
		      x->reason == NVMX_XR_PML_FULL;

	if (NVMX_INTR_TYPE(event) == NVMX_EVENT_HW_EXC && (event & NVMX_INTR_VECTOR) != NVMX_VECTOR_DB)
		c->a.rflags |= NVMX_RFLAGS_RF;
	else if (access && !(event & NVMX_INTR_VALID))
		c->a.rflags |= NVMX_RFLAGS_RF;
	else if (x->has_len && x->reason != NVMX_XR_EXCEPTION_NMI)
		c->a.rflags &= ~NVMX_RFLAGS_RF;
}

void fake_vmexit(struct fake_cpu *c, const struct fake_exit *x)
{
	bool vnmi = fake_field(c, NVMX_PIN_CTLS) & NVMX_PIN_VNMI;
	bool by_nmi = x->reason == NVMX_XR_EXCEPTION_NMI && NVMX_INTR_TYPE(x->intr_info) == NVMX_EVENT_NMI;

	save_rf(c, x, c->vectoring);
	save_information(c, x);
	save_guest(c);
	if (msr_store(c, fake_field(c, NVMX_EXIT_MSR_STORE_ADDR), (uint32_t)fake_field(c, NVMX_EXIT_MSR_STORE_COUNT))) {
		abort_vmx(c, 1);
		return;
	}
	if (vnmi)
		c->a.blocking &= ~NVMX_BLOCK_NMI;
	if (by_nmi)
		c->a.blocking |= NVMX_BLOCK_NMI;
	fake_load_host(c);
}

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* VM entry (SDM 26); its checks are in check_*.c. */
#include "check.h"

/* What a VM entry is refused with: a VM-instruction error, or the qualification of an entry failure (26.8). */
struct refusal {
	const char *broken;   /* the rule; NULL: none */
	uint32_t error;
	uint64_t qualification;
};

static struct entry read_entry(const struct fake_cpu *c)
{
	struct entry e = {
		.c = c, .pin = (uint32_t)fake_field(c, NVMX_PIN_CTLS), .proc = (uint32_t)fake_field(c, NVMX_PROC_CTLS),
		.proc2 = fake_proc2(c), .exit = (uint32_t)fake_field(c, NVMX_EXIT_CTLS),
		.entry = (uint32_t)fake_field(c, NVMX_ENTRY_CTLS), .misc = nvmx_caps_get(c->caps, NVMX_MSR_VMX_MISC),
		.event = (uint32_t)fake_field(c, NVMX_ENTRY_INTR_INFO), .cr0 = fake_field(c, NVMX_GUEST_CR0),
		.cr3 = fake_field(c, NVMX_GUEST_CR3), .cr4 = fake_field(c, NVMX_GUEST_CR4),
		.rflags = fake_field(c, NVMX_GUEST_RFLAGS),
	};

	e.injects = e.event & NVMX_INTR_VALID;
	e.type = NVMX_INTR_TYPE(e.event);
	e.vector = e.event & NVMX_INTR_VECTOR;
	e.ia32e = e.entry & NVMX_ENTRY_IA32E;
	return e;
}

/* 26.3 leaves the order of checks open, and the qualification depends on it: it is the one of docs/conformance.md. */
static struct refusal judge(const struct fake_cpu *c)
{
	static const struct {
		const char *(*check)(const struct entry *e);
		uint32_t error;
		uint64_t qualification;
	} checks[] = {
		{ fake_check_controls, NVMX_VMERR_ENTRY_CONTROLS, 0 }, { fake_check_host, NVMX_VMERR_ENTRY_HOST_STATE, 0 },
		{ fake_check_registers, 0, 0 }, { fake_check_segments, 0, 0 }, { fake_check_link, 0, 4 },
		{ fake_check_activity, 0, 0 }, { fake_check_nmi, 0, 3 }, { fake_check_pending, 0, 0 },
		{ fake_check_pdptes, 0, 2 },
	};
	const struct entry e = read_entry(c);
	const char *broken;

	for (unsigned i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		broken = checks[i].check(&e);
		if (broken)
			return (struct refusal){ broken, checks[i].error, checks[i].qualification };
	}
	return (struct refusal){ NULL, 0, 0 };
}

static void load_segments(struct fake_cpu *c)
{
	for (unsigned i = 0; i < 8; i++)
		c->a.seg[i] = (struct fake_seg){
			(uint16_t)fake_field(c, NVMX_GUEST_ES_SEL + 2 * i), (uint32_t)fake_field(c, NVMX_GUEST_ES_LIMIT + 2 * i),
			(uint32_t)fake_field(c, NVMX_GUEST_ES_AR + 2 * i), fake_field(c, NVMX_GUEST_ES_BASE + 2 * i),
		};
	c->a.gdtr_base = fake_field(c, NVMX_GUEST_GDTR_BASE);
	c->a.idtr_base = fake_field(c, NVMX_GUEST_IDTR_BASE);
	c->a.gdtr_limit = (uint32_t)fake_field(c, NVMX_GUEST_GDTR_LIMIT);
	c->a.idtr_limit = (uint32_t)fake_field(c, NVMX_GUEST_IDTR_LIMIT);
}

static void load_msrs(struct fake_cpu *c, uint32_t controls)
{
	c->a.sysenter_cs = fake_field(c, NVMX_GUEST_SYSENTER_CS);
	c->a.sysenter_esp = fake_field(c, NVMX_GUEST_SYSENTER_ESP);
	c->a.sysenter_eip = fake_field(c, NVMX_GUEST_SYSENTER_EIP);
	if (controls & NVMX_ENTRY_LOAD_DEBUG) {
		c->a.dr7 = (fake_field(c, NVMX_GUEST_DR7) & 0xffff2fff) | 0x400;
		c->a.debugctl = fake_field(c, NVMX_GUEST_DEBUGCTL);
	}
	for (unsigned i = 0; i < FAKE_PROTECTIONS; i++)
		if (controls & fake_protections[i].load)
			*fake_protection(c, &fake_protections[i]) = fake_field(c, fake_protections[i].guest);
	c->a.efer &= ~NVMX_EFER_LMA;
	if (controls & NVMX_ENTRY_IA32E)
		c->a.efer |= NVMX_EFER_LMA | NVMX_EFER_LME;
	else if (fake_field(c, NVMX_GUEST_CR0) & NVMX_CR0_PG) /* LME follows LMA if paging is on (26.3.2.1) */
		c->a.efer &= ~NVMX_EFER_LME;
	if (controls & NVMX_ENTRY_LOAD_PAT)
		c->a.pat = fake_field(c, NVMX_GUEST_PAT);
	if (controls & NVMX_ENTRY_LOAD_EFER)
		c->a.efer = fake_field(c, NVMX_GUEST_EFER);
}

/* SDM 26.3.2 */
static void load_guest(struct fake_cpu *c)
{
	const uint64_t kept = FAKE_CR0_KEPT;
	bool pae;

	c->a.cr0 = (c->a.cr0 & kept) | (fake_field(c, NVMX_GUEST_CR0) & ~kept);
	c->a.cr3 = fake_field(c, NVMX_GUEST_CR3);
	c->a.cr4 = fake_field(c, NVMX_GUEST_CR4);
	load_msrs(c, (uint32_t)fake_field(c, NVMX_ENTRY_CTLS));
	load_segments(c);
	c->a.rip = fake_field(c, NVMX_GUEST_RIP);
	c->a.gpr[4] = fake_field(c, NVMX_GUEST_RSP);
	c->a.rflags = fake_field(c, NVMX_GUEST_RFLAGS);
	c->a.activity = (uint32_t)fake_field(c, NVMX_GUEST_ACTIVITY);
	c->a.blocking = (uint32_t)fake_field(c, NVMX_GUEST_INTERRUPTIBILITY);
	c->a.pending_dbg = fake_field(c, NVMX_GUEST_PENDING_DBG);
	pae = (c->a.cr0 & NVMX_CR0_PG) && (c->a.cr4 & NVMX_CR4_PAE) && !(c->a.efer & NVMX_EFER_LMA);
	for (unsigned i = 0; pae && i < 4; i++)
		c->a.pdpte[i] = fake_proc2(c) & NVMX_PROC2_EPT ? fake_field(c, NVMX_GUEST_PDPTE0 + 2 * i) :
				fake_phys_read(c, (c->a.cr3 & 0xffffffe0u) + 8 * i, 8);
}

/* SDM 26.8: most exit information, the event field and the guest-state area stay as they were. */
static int fail(struct fake_cpu *c, uint32_t reason, uint64_t qualification)
{
	fake_field_set(c, NVMX_EXIT_REASON, reason | NVMX_XR_ENTRY_FAILURE);
	fake_field_set(c, NVMX_EXIT_QUALIFICATION, qualification);
	fake_load_host(c);
	return FAKE_VM_ENTERED;
}

/* Whether the event takes the place of debug exceptions that were pending (SDM 26.7.3). */
static bool drops_pending(const struct fake_cpu *c, uint32_t info)
{
	const uint32_t type = NVMX_INTR_TYPE(info);

	return (type != NVMX_EVENT_SW_INT && type != NVMX_EVENT_SW_EXC) || !(c->a.blocking & NVMX_BLOCK_MOVSS);
}

/* SDM 26.6 */
static void inject(struct fake_cpu *c)
{
	uint32_t info = (uint32_t)fake_field(c, NVMX_ENTRY_INTR_INFO);

	if (!(info & NVMX_INTR_VALID))
		return;
	if (NVMX_INTR_TYPE(info) == NVMX_EVENT_OTHER) {
		c->mtf = true;
		return;
	}
	if (drops_pending(c, info))
		c->a.pending_dbg = 0;
	fake_deliver(c, info & ~NVMX_INTR_NMI_UNBLOCK, (uint32_t)fake_field(c, NVMX_ENTRY_EXC_ERROR_CODE),
		     (uint32_t)fake_field(c, NVMX_ENTRY_INSTR_LEN));
}

static int complete(struct fake_cpu *c, bool launch)
{
	const struct fake_arch root = c->a;
	uint32_t failed;

	load_guest(c);
	c->guest = true;
	failed = fake_msr_load(c, fake_field(c, NVMX_ENTRY_MSR_LOAD_ADDR), (uint32_t)fake_field(c, NVMX_ENTRY_MSR_LOAD_COUNT));
	if (failed) {
		c->a.blocking = root.blocking;
		return fail(c, NVMX_XR_ENTRY_FAIL_MSR, failed);
	}
	if (launch)
		fake_region(c)->launched = 1;
	if (!fake_vpid(c))
		fake_tlb_flush(c, true, 0, false, 0, false, 0);
	c->timer_on = fake_field(c, NVMX_PIN_CTLS) & NVMX_PIN_PREEMPTION_TIMER;
	c->timer = c->timer_on ? fake_field(c, NVMX_PREEMPTION_TIMER) : 0;
	c->mtf = c->apic_write = false;
	fake_apic_enter(c);
	c->below_threshold = fake_apic_below_threshold(c);
	inject(c);
	return FAKE_VM_ENTERED;
}

static const struct fake_dislike *disliked(const struct fake_cpu *c)
{
	for (size_t i = 0; i < c->dislikes; i++)
		if (fake_field(c, c->dislike[i].field) == c->dislike[i].value)
			return &c->dislike[i];
	return NULL;
}

int fake_vmenter(struct fake_cpu *c, bool launch)
{
	const struct fake_region *r = fake_region(c);
	const struct fake_dislike *own;
	struct refusal refusal;

	c->refused = NULL;
	if (c->native) {
		c->stop = FAKE_RUNNING;
		c->entries = c->entered_at == c->clock ? c->entries + 1 : 0;
		c->entered_at = c->clock;
		FAKE_ASSERT(c->entries < FAKE_MAX_ENTRIES && "the guest gets on between VM entries");
	}
	if (!r || r->revision >> 31)
		return FAKE_VM_INVALID;
	if (c->a.blocking & NVMX_BLOCK_MOVSS)
		return NVMX_VMERR_ENTRY_MOVSS;
	if (launch == (r->launched != 0))
		return launch ? NVMX_VMERR_VMLAUNCH_NOT_CLEAR : NVMX_VMERR_VMRESUME_NOT_LAUNCHED;
	refusal = judge(c);
	own = refusal.broken ? NULL : disliked(c);
	if (own)
		refusal = (struct refusal){ "a rule of the processor's own", own->error, 0 };
	if (!refusal.broken)
		return complete(c, launch);
	c->refused = refusal.broken;
	return refusal.error ? (int)refusal.error : fail(c, NVMX_XR_ENTRY_FAIL_GUEST, refusal.qualification);
}

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Boundary-biased mutations. Each field has a kind, which is a way to make interesting values of it, and a theme:
 * fields whose checks depend on each other are mostly changed together. The judge compiles this too (test/entrydiff/states.c):
 * no expression draws twice, for the order would be the compiler's.
 */
#include "entrydiff.h"
#include "memory.h"

enum kind { CONTROL, BITS16, SELECTOR, RIGHTS, LIMIT, CANONICAL, PAGE, LIST_ADDRESS, COUNT, EVENT, ERROR_CODE, LENGTH,
	    BLOCKING, ACTIVITY, CR0, CR4, CR3, CR3_HOST, EFER, PAT, FLAGS, PENDING, DEBUG, RIP, EPTP, LINK, THRESHOLD,
	    VAPIC, SEG_BASE, PDPTE, BITS64, HOST_SELECTOR, HOST_RIP_VALUE, SMALL,
	    LOADS, CR4_CET_PKS, S_CET, S_CET_HOST, SSP, PKRS, PKRS_HOST };

enum theme { T_CONTROLS, T_HOST, T_SEGMENT, T_REGISTERS, T_EVENT, T_LIST, T_MISC, T_APIC, T_CET, THEMES };

struct gen { u16 field; u8 kind, theme; };

#define SEG(name) { GUEST_##name##_SELECTOR, SELECTOR, T_SEGMENT }, { GUEST_##name##_LIMIT, LIMIT, T_SEGMENT }, \
	{ GUEST_##name##_AR, RIGHTS, T_SEGMENT }, { GUEST_##name##_BASE, SEG_BASE, T_SEGMENT }

static const struct gen gens[] = {
	{ PIN_CONTROLS, CONTROL, T_CONTROLS }, { PROC_CONTROLS, CONTROL, T_CONTROLS },
	{ PROC_CONTROLS2, CONTROL, T_CONTROLS }, { EXIT_CONTROLS, CONTROL, T_CONTROLS },
	{ ENTRY_CONTROLS, CONTROL, T_CONTROLS }, { CR3_TARGET_COUNT, COUNT, T_CONTROLS },
	{ IO_BITMAP_A, PAGE, T_CONTROLS }, { IO_BITMAP_B, PAGE, T_CONTROLS }, { MSR_BITMAP, PAGE, T_CONTROLS },
	{ EPT_POINTER, EPTP, T_CONTROLS }, { VIRTUAL_PROCESSOR_ID, SMALL, T_CONTROLS },
	{ VMREAD_BITMAP, PAGE, T_CONTROLS }, { VMWRITE_BITMAP, PAGE, T_CONTROLS }, { PML_ADDRESS, PAGE, T_CONTROLS },
	{ EPTP_LIST_ADDRESS, PAGE, T_CONTROLS }, { VE_INFO_ADDRESS, PAGE, T_CONTROLS },
	{ VM_FUNCTION_CONTROLS, SMALL, T_CONTROLS }, { TSC_MULTIPLIER, SMALL, T_CONTROLS },
	{ PREEMPTION_TIMER_VALUE, SMALL, T_CONTROLS }, { PLE_GAP, SMALL, T_CONTROLS },
	{ PIN_CONTROLS, CONTROL, T_APIC }, { PROC_CONTROLS, CONTROL, T_APIC }, { PROC_CONTROLS2, CONTROL, T_APIC },
	{ EXIT_CONTROLS, CONTROL, T_APIC }, { TPR_THRESHOLD, THRESHOLD, T_APIC },
	{ VIRTUAL_APIC_ADDRESS, VAPIC, T_APIC }, { APIC_ACCESS_ADDRESS, PAGE, T_APIC },
	{ POSTED_INT_VECTOR, BITS16, T_APIC }, { POSTED_INT_DESC_ADDRESS, PAGE, T_APIC },
	{ GUEST_INTERRUPT_STATUS, BITS16, T_APIC },
	{ HOST_ES_SELECTOR, HOST_SELECTOR, T_HOST }, { HOST_CS_SELECTOR, HOST_SELECTOR, T_HOST },
	{ HOST_SS_SELECTOR, HOST_SELECTOR, T_HOST }, { HOST_DS_SELECTOR, HOST_SELECTOR, T_HOST },
	{ HOST_FS_SELECTOR, HOST_SELECTOR, T_HOST }, { HOST_GS_SELECTOR, HOST_SELECTOR, T_HOST },
	{ HOST_TR_SELECTOR, HOST_SELECTOR, T_HOST }, { HOST_CR0, CR0, T_HOST }, { HOST_CR3, CR3_HOST, T_HOST },
	{ HOST_CR4, CR4, T_HOST }, { HOST_EFER, EFER, T_HOST }, { HOST_PAT, PAT, T_HOST },
	{ HOST_PERF_GLOBAL_CTRL, BITS64, T_HOST }, { HOST_FS_BASE, CANONICAL, T_HOST },
	{ HOST_GS_BASE, CANONICAL, T_HOST }, { HOST_TR_BASE, CANONICAL, T_HOST },
	{ HOST_GDTR_BASE, CANONICAL, T_HOST }, { HOST_IDTR_BASE, CANONICAL, T_HOST },
	{ HOST_SYSENTER_ESP, CANONICAL, T_HOST }, { HOST_SYSENTER_EIP, CANONICAL, T_HOST },
	{ HOST_RIP, HOST_RIP_VALUE, T_HOST }, { EXIT_CONTROLS, CONTROL, T_HOST }, { ENTRY_CONTROLS, CONTROL, T_HOST },
	SEG(ES), SEG(CS), SEG(SS), SEG(DS), SEG(FS), SEG(GS), SEG(LDTR), SEG(TR),
	{ GUEST_CS_AR, RIGHTS, T_SEGMENT }, { GUEST_SS_AR, RIGHTS, T_SEGMENT }, { GUEST_TR_AR, RIGHTS, T_SEGMENT },
	{ GUEST_RFLAGS, FLAGS, T_SEGMENT }, { GUEST_CR0, CR0, T_SEGMENT },
	{ GUEST_CR0, CR0, T_REGISTERS }, { GUEST_CR3, CR3, T_REGISTERS }, { GUEST_CR4, CR4, T_REGISTERS },
	{ GUEST_EFER, EFER, T_REGISTERS }, { GUEST_RIP, RIP, T_REGISTERS }, { GUEST_RFLAGS, FLAGS, T_REGISTERS },
	{ GUEST_DEBUGCTL, DEBUG, T_REGISTERS }, { GUEST_DR7, BITS64, T_REGISTERS }, { GUEST_PAT, PAT, T_REGISTERS },
	{ ENTRY_CONTROLS, CONTROL, T_REGISTERS }, { GUEST_CS_AR, RIGHTS, T_REGISTERS },
	{ GUEST_PDPTE0, PDPTE, T_REGISTERS }, { GUEST_PDPTE1, PDPTE, T_REGISTERS },
	{ GUEST_PDPTE2, PDPTE, T_REGISTERS }, { GUEST_PDPTE3, PDPTE, T_REGISTERS },
	{ ENTRY_INTR_INFO, EVENT, T_EVENT }, { ENTRY_INTR_INFO, EVENT, T_EVENT }, { ENTRY_INTR_INFO, EVENT, T_EVENT },
	{ ENTRY_ERROR_CODE, ERROR_CODE, T_EVENT }, { ENTRY_INSTRUCTION_LENGTH, LENGTH, T_EVENT },
	{ GUEST_INTERRUPTIBILITY, BLOCKING, T_EVENT }, { GUEST_INTERRUPTIBILITY, BLOCKING, T_EVENT },
	{ GUEST_ACTIVITY, ACTIVITY, T_EVENT }, { GUEST_ACTIVITY, ACTIVITY, T_EVENT },
	{ GUEST_RFLAGS, FLAGS, T_EVENT }, { GUEST_PENDING_DEBUG, PENDING, T_EVENT }, { GUEST_CR0, CR0, T_EVENT },
	{ PIN_CONTROLS, CONTROL, T_EVENT }, { PROC_CONTROLS, CONTROL, T_EVENT }, { GUEST_SS_AR, RIGHTS, T_EVENT },
	{ GUEST_DEBUGCTL, DEBUG, T_EVENT },
	{ EXIT_MSR_STORE_COUNT, COUNT, T_LIST }, { EXIT_MSR_STORE_ADDRESS, LIST_ADDRESS, T_LIST },
	{ EXIT_MSR_LOAD_COUNT, COUNT, T_LIST }, { EXIT_MSR_LOAD_ADDRESS, LIST_ADDRESS, T_LIST },
	{ ENTRY_MSR_LOAD_COUNT, COUNT, T_LIST }, { ENTRY_MSR_LOAD_ADDRESS, LIST_ADDRESS, T_LIST },
	{ VMCS_LINK_POINTER, LINK, T_MISC }, { GUEST_GDTR_BASE, CANONICAL, T_MISC },
	{ GUEST_IDTR_BASE, CANONICAL, T_MISC }, { GUEST_GDTR_LIMIT, LIMIT, T_MISC },
	{ GUEST_SYSENTER_ESP, CANONICAL, T_MISC }, { GUEST_SYSENTER_EIP, CANONICAL, T_MISC },
	{ GUEST_BNDCFGS, BITS64, T_MISC }, { GUEST_PERF_GLOBAL_CTRL, BITS64, T_MISC },
	{ PROC_CONTROLS2, CONTROL, T_MISC }, { ENTRY_CONTROLS, CONTROL, T_MISC }, { GUEST_SMBASE, LIMIT, T_MISC },
	{ CR0_MASK, BITS64, T_MISC },
	{ ENTRY_CONTROLS, CONTROL, T_CET }, { EXIT_CONTROLS, CONTROL, T_CET }, { ENTRY_CONTROLS, LOADS, T_CET },
	{ EXIT_CONTROLS, LOADS, T_CET }, { GUEST_S_CET, S_CET, T_CET }, { GUEST_SSP, SSP, T_CET },
	{ GUEST_SSP_TABLE, CANONICAL, T_CET }, { GUEST_PKRS, PKRS, T_CET }, { GUEST_CR4, CR4_CET_PKS, T_CET },
	{ GUEST_CR0, CR0, T_CET }, { ENTRY_INTR_INFO, EVENT, T_CET }, { HOST_S_CET, S_CET_HOST, T_CET },
	{ HOST_SSP, SSP, T_CET }, { HOST_SSP_TABLE, CANONICAL, T_CET }, { HOST_PKRS, PKRS_HOST, T_CET },
	{ HOST_CR4, CR4_CET_PKS, T_CET }, { HOST_CR0, CR0, T_CET },
};

/* splitmix64 */
u64 random64(u64 *seed)
{
	u64 z = *seed += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static u64 below(u64 *seed, u64 n) { return random64(seed) % n; }

#define PICK(seed, ...) ({ \
	const u64 choice[] = { __VA_ARGS__ }; \
	choice[below(seed, ARRAY_SIZE(choice))]; \
})

static u64 flip(u64 *seed, u64 v, unsigned bits)
{
	for (u64 n = 1 + below(seed, 3); n; n--)
		v ^= 1ull << below(seed, bits);
	return v;
}

static u64 canonical(u64 *seed)
{
	u64 half = 1ull << (caps.linear_bits - 1);

	return PICK(seed, 0, half - 1, half, half + 1, -half, -half - 1, ~0ull, BIT(63), 0xffffffff, BIT(32), 2 * half);
}

static u64 capability(u16 field)
{
	switch (field) {
	case PIN_CONTROLS: return caps.pin;
	case PROC_CONTROLS: return caps.proc;
	case PROC_CONTROLS2: return caps.proc2;
	case EXIT_CONTROLS: return caps.exit;
	default: return caps.entry;
	}
}

u64 controls_beyond(u16 field)
{
	switch (field) {
	case PROC_CONTROLS: return PROC_TERTIARY;
	case PROC_CONTROLS2: return PROC2_SUB_PAGE;
	case EXIT_CONTROLS: return EXIT_CLEAR_UINV | EXIT_SECONDARY;
	case ENTRY_CONTROLS: return ENTRY_LOAD_UINV | ENTRY_LOAD_SPEC_CTRL;
	default: return 0;
	}
}

/* Mostly within the capability, because one bit outside hides every other effect. */
static u64 control(u64 *seed, u16 field, u64 v)
{
	u64 c = capability(field), offered = c >> 32;

	v = flip(seed, v, 32);
	return (below(seed, 8) ? fit(c, v) : v) & ~(controls_beyond(field) & offered);
}

/* CET state and PKRS, loaded or not. */
static u64 loads(u64 *seed, u16 field, u64 v)
{
	u64 cet = field == ENTRY_CONTROLS ? ENTRY_LOAD_CET : EXIT_LOAD_CET;
	u64 pkrs = field == ENTRY_CONTROLS ? ENTRY_LOAD_PKRS : EXIT_LOAD_PKRS;

	return PICK(seed, v | (cet & capability(field) >> 32), v | (pkrs & capability(field) >> 32), v & ~cet, v & ~pkrs);
}

/* IA32_S_CET: bits 9:6 are reserved, 11:10 not both 1, the rest is a canonical address. */
static u64 s_cet(u64 *seed, u64 enabled)
{
	u64 low = PICK(seed, 0, 2, BIT(4), BIT(5), BIT(6), BIT(7), BIT(8), BIT(9), BIT(10), BIT(11), BIT(10) | BIT(11),
		       enabled, BIT(10) | enabled);

	return low | (below(seed, 3) ? 0 : canonical(seed) & ~0xfffull);
}

static u64 ssp(u64 *seed)
{
	u64 v = canonical(seed);

	return PICK(seed, v, v & ~3ull, 1, 2, 4, 8);
}

/* What is loaded for L1 fails, or leaves it the pages of key 0. */
static u64 pkrs(u64 *seed, u64 safe) { return PICK(seed, 4, safe, BIT(31), BIT(32), BIT(63), safe | BIT(40)); }

static u64 too_wide(u64 *seed) { return PICK(seed, BIT(caps.phys_bits), BIT(63), BIT(52), ~0ull << 12); }

static u64 page(const struct world *w, u64 *seed, u64 v)
{
	return PICK(seed, v | 1, v | 0x800, v | 0x10, v | 0x20, v | 0x40, v | too_wide(seed), phys(w->apic_access), v);
}

static u64 rights(u64 *seed, u64 v)
{
	switch (below(seed, 4)) {
	case 0:	/* usable or not, any type */
		return (v & ~15ull) | below(seed, 16);
	case 1:	/* privilege level and type together */
		v = (v & ~0x6full) | below(seed, 16);
		return v | below(seed, 4) << 5;
	case 2:
		return flip(seed, v, 17);
	default:
		return below(seed, 4) ? v ^ 1ull << PICK(seed, 4, 7, 13, 14, 15, 16) : flip(seed, v, 32);
	}
}

static u64 event(u64 *seed)
{
	u64 type = below(seed, 8), vector;

	switch (below(seed, 4)) {
	case 0:
		vector = below(seed, 32);
		break;
	case 1:
		vector = PICK(seed, 0, 1, 2, 31, 32, 255);
		break;
	default:	/* what the type wants */
		vector = PICK(seed, VEC_DF, VEC_TS, VEC_NP, VEC_SS, VEC_GP, VEC_PF, VEC_AC, VEC_BP, VEC_UD, VEC_MC);
		vector = type == 2 ? VEC_NMI : type == 7 ? 0 : type == 5 ? VEC_DB : vector;
	}
	vector |= type << 8;
	vector |= below(seed, 2) ? INTR_DELIVER_ERROR : 0;
	vector |= below(seed, 10) ? INTR_VALID : 0;
	return vector | (below(seed, 12) ? 0 : 1ull << (12 + below(seed, 19)));
}

static u64 link(const struct world *w, u64 *seed)
{
	return PICK(seed, ~0ull, phys(w->link_plain), phys(w->link_shadow), phys(w->link_wrong), phys(w->vmcs),
		    phys(w->link_plain) | 1, phys(w->link_shadow) | 0x800, phys(w->link_plain) | too_wide(seed),
		    phys(w->zero), ~0ull - 1);
}

static u64 list_address(const struct world *w, u64 *seed, u16 field)
{
	u64 top = 1ull << caps.phys_bits, fine = phys(w->msr_fine);

	if (field == ENTRY_MSR_LOAD_ADDRESS && below(seed, 2))
		return phys(w->msr_bad) + 16 * below(seed, BAD_MSRS);
	return PICK(seed, fine, fine + 16, fine | 8, fine | 1, fine | top, top - 16, top, BIT(63) | fine, ~15ull);
}

static u64 eptp(const struct world *w, u64 *seed, u64 v)
{
	switch (below(seed, 4)) {
	case 0:
		return (v & ~7ull) | below(seed, 8);
	case 1:
		return (v & ~0x38ull) | below(seed, 8) << 3;
	case 2:
		return phys(w->zero) | (v & 0xfff);
	default:
		return v ^ PICK(seed, BIT(6), BIT(7), BIT(8), BIT(11), BIT(caps.phys_bits), BIT(63));
	}
}

static u64 pat(u64 *seed)
{
	u64 v = 0;

	for (unsigned i = 0; i < 8; i++)
		v |= PICK(seed, 0, 1, 4, 5, 6, 7) << (8 * i);
	if (below(seed, 2))
		v = (v & ~0xffull) | PICK(seed, 2, 3, 8, 0x80, 0x46);
	return below(seed, 4) ? v : v ^ (PICK(seed, 2, 3, 8, 0x40) << 56);
}

static u64 pdpte(u64 *seed, u64 v)
{
	return PICK(seed, 0, v ^ 1, v | 3, v | 5, v | 1 | BIT(8), v | 1 | BIT(caps.phys_bits), v | 1 | BIT(63),
		    v & ~1ull, 2, v | 1 | BIT(5), v | 1 | 0x18, v | 0xe01);
}

static u64 cr0(u64 *seed, u64 v)
{
	return v ^ PICK(seed, CR0_PE, CR0_PG, CR0_PE | CR0_PG, CR0_NE, CR0_ET, CR0_MP, CR0_WP, CR0_NW, CR0_CD,
			CR0_NW | CR0_CD, BIT(32), BIT(63), BIT(6), BIT(17), CR0_TS, CR0_AM);
}

/* Five-level paging is never turned on: L1 could not go on with it. */
static u64 cr4(u64 *seed, u64 v)
{
	u64 bits = PICK(seed, CR4_PAE, CR4_VMXE, CR4_PCIDE, CR4_PSE, CR4_PGE, CR4_DE, CR4_SMEP, CR4_SMAP, CR4_SMXE,
			CR4_FSGSBASE, CR4_OSXSAVE, CR4_OSFXSR, CR4_PAE | CR4_PCIDE, BIT(19), BIT(23), BIT(24), BIT(32),
			BIT(63), BIT(31), CR4_VME, CR4_TSD);

	return (v ^ bits) & ~BIT(12);
}

static u64 efer(u64 *seed, u64 v)
{
	return v ^ PICK(seed, EFER_LME, EFER_LMA, EFER_LME | EFER_LMA, EFER_SCE, EFER_NXE, BIT(1), BIT(9), BIT(12),
			BIT(32), BIT(63), EFER_NXE | EFER_LMA);
}

static u64 cr3(const struct world *w, u64 *seed, u64 v)
{
	return PICK(seed, v, v | 8, v | 0x10, v | BIT(caps.phys_bits), v | BIT(63), v | BIT(62), phys(w->pae_pdpt),
		    phys(w->bad_pdpt), phys(w->bad_pdpt) + 32, phys(w->pml4), phys(w->zero), v | 0xfe0);
}

static u64 flags(u64 *seed, u64 v)
{
	return v ^ PICK(seed, FLAGS_FIXED, FLAGS_VM, FLAGS_IF, BIT(3), BIT(5), BIT(15), BIT(22), BIT(32), BIT(63),
			FLAGS_TF, FLAGS_IF, FLAGS_IF | FLAGS_TF, BIT(14), BIT(16), BIT(21));
}

static u64 blocking(u64 *seed)
{
	return PICK(seed, 0, 1, 2, 3, 4, 8, 9, 10, 16, 18, 24, BIT(5), BIT(31), 12, 6, 5);
}

static u64 pending(u64 *seed)
{
	return PICK(seed, 0, BIT(14), BIT(12), BIT(0), 15, BIT(4), BIT(11), BIT(13), BIT(15), BIT(16), BIT(32), BIT(63),
		    BIT(16) | BIT(12), BIT(14) | BIT(12), BIT(0) | BIT(12), BIT(14) | BIT(0));
}

static u64 seg_base(u64 *seed, u64 v)
{
	return below(seed, 2) ? canonical(seed) : PICK(seed, v + 16, v + 1, v ^ BIT(31), v | BIT(32), 0xfffffff0);
}

static u64 guest_rip(u64 *seed, u64 v)
{
	return below(seed, 2) ? canonical(seed) : PICK(seed, v + 3, v | BIT(32), v | BIT(47), v | BIT(48), v | BIT(63));
}

static u64 limit(u64 *seed)
{
	return PICK(seed, 0, 0xfff, 0xffff, 0x10000, 0xfffff, 0x100000, 0x10ffff, 0xffffffff, 0xfffff000, 0xffff0fff,
		    0xfff00fff, 0x67, 0x66);
}

static u64 small(u64 *seed, u64 v) { return PICK(seed, 0, 1, 2, 3, v, 0xffff, BIT(63)); }

static u64 value_of(const struct world *w, const struct gen *g, u64 v, u64 *seed)
{
	switch ((enum kind)g->kind) {
	case CONTROL: return control(seed, g->field, v);
	case BITS16: return PICK(seed, 0xff, 0x100, 0x8000, 0xff00, 0x2010, flip(seed, v, 16));
	case SELECTOR: return PICK(seed, 0, v ^ 4, v ^ 3, v ^ 1, v ^ 8, 0xffff, v + 0x10);
	case RIGHTS: return rights(seed, v);
	case LIMIT: return limit(seed);
	case CANONICAL: return canonical(seed);
	case PAGE: return page(w, seed, v);
	case LIST_ADDRESS: return list_address(w, seed, g->field);
	case COUNT: return PICK(seed, 1, 2, 3, 4, 5, 0);
	case EVENT: return event(seed);
	case ERROR_CODE: return PICK(seed, 0, 1, 0x7fff, 0x8000, 0xffff, BIT(15) | 1, BIT(16), BIT(31));
	case LENGTH: return PICK(seed, 0, 1, 2, 15, 16, 0x80000000, 0xffffffff);
	case BLOCKING: return blocking(seed);
	case ACTIVITY: return PICK(seed, 1, 1, 2, 2, 3, 4, 5, 0x80000000);
	case CR0: return cr0(seed, v);
	case CR4: return cr4(seed, v);
	case CR3: return cr3(w, seed, v);
	case CR3_HOST: return PICK(seed, v | BIT(caps.phys_bits), v | BIT(63), v | 8, v | BIT(52), v);
	case EFER: return efer(seed, v);
	case PAT: return pat(seed);
	case FLAGS: return flags(seed, v);
	case PENDING: return pending(seed);
	case DEBUG: return PICK(seed, 0, 1, 2, 3, BIT(16), BIT(31), BIT(32), BIT(63));
	case RIP: return guest_rip(seed, v);
	case EPTP: return eptp(w, seed, v);
	case LINK: return link(w, seed);
	case THRESHOLD: return PICK(seed, 0, 1, 4, 5, 6, 15, 16, 0x80000000);
	case VAPIC: return below(seed, 2) ? phys(w->vapic_high) : page(w, seed, v);
	case SEG_BASE: return seg_base(seed, v);
	case PDPTE: return pdpte(seed, v);
	case BITS64: return below(seed, 2) ? flip(seed, v, 64) : canonical(seed);
	case HOST_SELECTOR: return PICK(seed, 0, v | 1, v | 2, v | 3, v | 4, v + 8, v);
	case HOST_RIP_VALUE: return PICK(seed, v | BIT(47), v | BIT(48), v | BIT(63), v | BIT(62), v);
	case SMALL: return small(seed, v);
	case LOADS: return loads(seed, g->field, v);
	case CR4_CET_PKS: return v ^ PICK(seed, CR4_CET, CR4_PKS, CR4_CET | CR4_PKS);
	case S_CET: return s_cet(seed, PICK(seed, 1, 4, 5, 13));
	case S_CET_HOST: return s_cet(seed, BIT(3));
	case SSP: return ssp(seed);
	case PKRS: return pkrs(seed, 3);
	case PKRS_HOST: return pkrs(seed, 0xfffffffc);
	}
	return v;
}

static void set(struct mutant *m, u16 field, u64 value)
{
	u32 i;

	for (i = 0; i < m->count && m->m[i].field != field; i++)
		continue;
	if (i == m->count && m->count++ == MAX_MUTATIONS)
		__builtin_trap();
	m->m[i] = (struct mutation){ field, value };
}

static u64 current(const struct base *b, const struct mutant *m, u16 field)
{
	for (u32 i = 0; i < m->count; i++) {
		if (m->m[i].field == field)
			return m->m[i].value;
	}
	return base_value(b, field);
}

/*
 * A state that could not be left once entered is given an MSR-load list whose first entry fails: SDM 26.4 comes after
 * every check, so the entry's outcome says as much, and L2 never runs. That is so for wait-for-SIPI, from which no
 * timer wakes, for other inactive states without the timer, and for an "other event" on a processor without the
 * monitor trap flag, where the SDM's failure is all that may happen.
 */
static void stay_in_control(const struct world *w, const struct base *b, struct mutant *m)
{
	u64 activity = current(b, m, GUEST_ACTIVITY);
	bool timer = current(b, m, PIN_CONTROLS) & PIN_PREEMPTION_TIMER;
	u64 event = current(b, m, ENTRY_INTR_INFO);
	bool odd = !can(caps.proc, PROC_MTF) && (event & INTR_VALID) && (event & 0x700) == INTR_OTHER;

	if (current(b, m, PREEMPTION_TIMER_VALUE) > 100000)
		timer = false;
	if (odd || activity == ACT_WAIT_SIPI || (activity && !timer)) {
		set(m, ENTRY_MSR_LOAD_COUNT, 1);
		set(m, ENTRY_MSR_LOAD_ADDRESS, phys(w->msr_bad));
	}
}

/* A list of one entry at the top of the physical-address space would pass its check without lying in memory. */
static void keep_lists_in_memory(const struct base *b, struct mutant *m)
{
	static const u16 lists[][2] = { { EXIT_MSR_STORE_COUNT, EXIT_MSR_STORE_ADDRESS },
		{ EXIT_MSR_LOAD_COUNT, EXIT_MSR_LOAD_ADDRESS }, { ENTRY_MSR_LOAD_COUNT, ENTRY_MSR_LOAD_ADDRESS } };
	u64 top = 1ull << caps.phys_bits;

	for (unsigned i = 0; i < ARRAY_SIZE(lists); i++) {
		u64 n = current(b, m, lists[i][0]), a = current(b, m, lists[i][1]);

		if (n == 1 && a == top - 16)
			set(m, lists[i][0], 2);
	}
}

/* Bochs does not check that an IA-32e mode guest has paging on, and stops itself when protection is off as well. */
static void keep_emulator_running(const struct base *b, struct mutant *m)
{
	u64 guest_cr0 = current(b, m, GUEST_CR0);

	if ((current(b, m, ENTRY_CONTROLS) & ENTRY_GUEST_64) && !(guest_cr0 & CR0_PE))
		set(m, GUEST_CR0, guest_cr0 | CR0_PE);
}

/* Nor does L1 go on with CET or protection keys turned on, and what L2 had of them. */
static void undo_what_is_loaded(const struct base *b, struct mutant *m)
{
	u64 host_cr4 = current(b, m, HOST_CR4), entry = current(b, m, ENTRY_CONTROLS), exit = current(b, m, EXIT_CONTROLS);

	if (entry & ENTRY_LOAD_CET && !(exit & EXIT_LOAD_CET))
		host_cr4 &= ~CR4_CET;
	if (entry & ENTRY_LOAD_PKRS && !(exit & EXIT_LOAD_PKRS))
		host_cr4 &= ~CR4_PKS;
	if (host_cr4 != current(b, m, HOST_CR4))
		set(m, HOST_CR4, host_cr4);
}

/* Fields that one rule reads together, and which are seldom right at once if they are drawn one by one. */
static void nmi(const struct base *b, u64 *seed, struct mutant *m)
{
	u64 virtual_nmis = PICK(seed, 0, PIN_VIRTUAL_NMIS), error = PICK(seed, 0, INTR_DELIVER_ERROR);

	set(m, PIN_CONTROLS, fit(caps.pin, base_value(b, PIN_CONTROLS) | virtual_nmis));
	set(m, ENTRY_INTR_INFO, INTR_VALID | INTR_NMI | VEC_NMI | error);
	set(m, GUEST_INTERRUPTIBILITY, PICK(seed, BLOCK_STI, BLOCK_NMI, BLOCK_MOV_SS));
	set(m, GUEST_RFLAGS, base_value(b, GUEST_RFLAGS) | FLAGS_IF);
}

static void exception(const struct base *b, u64 *seed, struct mutant *m)
{
	u64 vector = below(seed, 32), error = PICK(seed, 0, INTR_DELIVER_ERROR);

	set(m, ENTRY_INTR_INFO, INTR_VALID | INTR_HARD_EXCEPTION | vector | error);
	set(m, GUEST_RFLAGS, base_value(b, GUEST_RFLAGS) | FLAGS_IF);
}

static void event_while_inactive(const struct base *b, u64 *seed, struct mutant *m)
{
	u64 type = below(seed, 8) << 8, vector = PICK(seed, VEC_DB, VEC_NMI, VEC_MC, 32);

	set(m, GUEST_ACTIVITY, PICK(seed, ACT_HLT, ACT_SHUTDOWN));
	set(m, ENTRY_INTR_INFO, INTR_VALID | type | vector);
	set(m, ENTRY_INSTRUCTION_LENGTH, 1);
	set(m, GUEST_RFLAGS, base_value(b, GUEST_RFLAGS) | FLAGS_IF);
}

static void null_stack(const struct base *b, u64 *seed, struct mutant *m)
{
	set(m, GUEST_SS_SELECTOR, 0);
	set(m, GUEST_SS_AR, rights(seed, base_value(b, GUEST_SS_AR)) & ~BIT(16));
	set(m, GUEST_SS_BASE, seg_base(seed, base_value(b, GUEST_SS_BASE)));
	set(m, GUEST_SS_LIMIT, limit(seed));
}

/* Access rights and a selector: usable, of any type, DPL and RPL. */
static void descriptor(const struct base *b, u64 *seed, struct mutant *m, u16 selector, u16 ar, u64 types)
{
	u64 dpl = below(seed, 4), rpl = below(seed, 4);

	set(m, ar, (base_value(b, ar) & ~(BIT(16) | 0x6f)) | types | dpl << 5 | 0x10);
	set(m, selector, (base_value(b, selector) & ~3ull) | rpl);
}

static void data(const struct base *b, u64 *seed, struct mutant *m)
{
	static const u16 fields[][2] = { { GUEST_ES_SELECTOR, GUEST_ES_AR }, { GUEST_DS_SELECTOR, GUEST_DS_AR },
		{ GUEST_FS_SELECTOR, GUEST_FS_AR }, { GUEST_GS_SELECTOR, GUEST_GS_AR } };
	const u16 *f = fields[below(seed, ARRAY_SIZE(fields))];

	descriptor(b, seed, m, f[0], f[1], PICK(seed, 3, 7, 11, 11, 11, 15));
}

static void code(const struct base *b, u64 *seed, struct mutant *m)
{
	descriptor(b, seed, m, GUEST_CS_SELECTOR, GUEST_CS_AR, PICK(seed, 9, 11, 13, 15));
	descriptor(b, seed, m, GUEST_SS_SELECTOR, GUEST_SS_AR, PICK(seed, 3, 7));
}

static void posted(const struct base *b, u64 *seed, struct mutant *m)
{
	u64 shadow = PICK(seed, 0, PROC_TPR_SHADOW), delivery = PICK(seed, 0, PROC2_VIRTUAL_INTERRUPTS);
	u64 proc2 = base_value(b, PROC_CONTROLS2) & ~(PROC2_X2APIC_MODE | PROC2_APIC_REGISTERS | PROC2_VIRTUAL_INTERRUPTS);

	if (!can(caps.pin, PIN_POSTED_INTERRUPTS))
		return;
	set(m, PIN_CONTROLS, base_value(b, PIN_CONTROLS) | PIN_POSTED_INTERRUPTS);
	set(m, PROC_CONTROLS, (base_value(b, PROC_CONTROLS) & ~PROC_TPR_SHADOW) | shadow | PROC_SECONDARY);
	set(m, PROC_CONTROLS2, proc2 | delivery);
	set(m, EXIT_CONTROLS, base_value(b, EXIT_CONTROLS) | EXIT_ACK_INTERRUPT);
	set(m, POSTED_INT_VECTOR, PICK(seed, 0xff, 0x100));
	set(m, POSTED_INT_DESC_ADDRESS, base_value(b, POSTED_INT_DESC_ADDRESS) | PICK(seed, 0, 0x20, 0x40));
}

static void shadow_stack(const struct base *b, u64 *seed, struct mutant *m)
{
	if (!can(caps.entry, ENTRY_LOAD_CET))
		return;
	set(m, ENTRY_CONTROLS, base_value(b, ENTRY_CONTROLS) | ENTRY_LOAD_CET);
	set(m, EXIT_CONTROLS, fit(caps.exit, base_value(b, EXIT_CONTROLS) | EXIT_LOAD_CET));
	set(m, GUEST_SSP, ssp(seed));
	set(m, GUEST_S_CET, PICK(seed, 0, canonical(seed) & ~0xfffull));
}

static void mutate_together(const struct base *b, u64 *seed, struct mutant *m)
{
	static void (*const sets[])(const struct base *b, u64 *seed, struct mutant *m) = { nmi, exception, event_while_inactive,
		null_stack, data, code, posted, shadow_stack };

	sets[below(seed, ARRAY_SIZE(sets))](b, seed, m);
}

static void mutate_alone(const struct world *w, const struct base *b, u64 *seed, struct mutant *m)
{
	unsigned want = 1 + (unsigned)below(seed, 4), theme = (unsigned)below(seed, THEMES + 1);

	while (m->count < want) {
		const struct gen *g = &gens[below(seed, ARRAY_SIZE(gens))];

		if ((theme < THEMES && g->theme != theme) || !base_has(b, g->field))
			continue;
		set(m, g->field, value_of(w, g, current(b, m, g->field), seed));
		want -= want > 1 && !below(seed, 16);
	}
}

void mutate(const struct world *w, const struct base *b, u64 *seed, struct mutant *out)
{
	out->count = 0;
	if (below(seed, 16))
		mutate_alone(w, b, seed, out);
	else
		mutate_together(b, seed, out);
	keep_lists_in_memory(b, out);
	keep_emulator_running(b, out);
	undo_what_is_loaded(b, out);
	stay_in_control(w, b, out);
}

u64 mutant_digest(u64 digest, const struct mutant *m)
{
	for (u32 i = 0; i < m->count; i++) {
		digest += (u64)m->m[i].field << 48 ^ m->m[i].value;
		digest = random64(&digest);
	}
	return digest;
}

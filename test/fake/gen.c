/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include <stdlib.h>
#include "gen.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static uint64_t rnd(struct gen *g, uint64_t n)
{
	g->random ^= g->random << 13;
	g->random ^= g->random >> 7;
	g->random ^= g->random << 17;
	return (g->random * 0x2545f4914f6cdd1dull >> 20) % n;
}

static bool chance(struct gen *g, unsigned percent)
{
	return rnd(g, 100) < percent;
}

static uint32_t subset(struct gen *g, uint32_t bits)
{
	uint32_t dense = (uint32_t)rnd(g, 1ull << 32), thin = (uint32_t)rnd(g, 1ull << 32);

	return bits & (chance(g, 50) ? dense : dense & thin);
}

/* Instructions of L2 */

static const uint8_t simple[] = {
	FAKE_NOP, FAKE_CPUID, FAKE_INVD, FAKE_XSETBV, FAKE_PAUSE, FAKE_RDPMC, FAKE_RDTSC, FAKE_WBINVD, FAKE_MWAIT,
	FAKE_MONITOR, FAKE_RDTSCP, FAKE_CLTS, FAKE_STI, FAKE_CLI, FAKE_MOV_SS, FAKE_IRET, FAKE_VMCALL, FAKE_VMXOFF,
	FAKE_VMLAUNCH, FAKE_VMRESUME, FAKE_VMFUNC, FAKE_INT3,
};

static const uint8_t by_register[] = {
	FAKE_RDRAND, FAKE_RDSEED, FAKE_SGDT, FAKE_SIDT, FAKE_SLDT, FAKE_STR, FAKE_LLDT, FAKE_LTR, FAKE_INVLPG, FAKE_LMSW,
};

static const uint8_t by_memory[] = {
	FAKE_INVPCID, FAKE_XSAVES, FAKE_XRSTORS, FAKE_VMXON, FAKE_VMCLEAR, FAKE_VMPTRLD, FAKE_VMPTRST, FAKE_VMREAD,
	FAKE_VMWRITE, FAKE_INVEPT, FAKE_INVVPID,
};

static const uint32_t msrs[] = {
	NVMX_MSR_PAT, NVMX_MSR_EFER, NVMX_MSR_SYSENTER_CS, NVMX_MSR_SYSENTER_ESP, NVMX_MSR_DEBUGCTL, NVMX_MSR_FS_BASE,
	NVMX_MSR_BNDCFGS, NVMX_MSR_S_CET, NVMX_MSR_PKRS,
	0xc0000081, 0xc0000082, 0xc0000084, 0xc0000102, 0xc0000103, 0x480, 0x48b, 0x3a, 0x40000000, 0x12345, NVMX_MSR_TSC,
};

static const uint64_t msr_values[] = {
	0, 1, 0x500, 0xd01, 0x0007040600070406, 0x0606060606060606, 0x2, 0x1000, 0x0000800000000000, 0x123456789, 0xffffffff,
};

static const uint16_t fields[] = {
	NVMX_GUEST_RIP, NVMX_GUEST_CR0, NVMX_PROC_CTLS, NVMX_EXIT_REASON, NVMX_TSC_OFFSET, NVMX_TSC_OFFSET + 1, NVMX_HOST_RIP,
	NVMX_VPID, 0x6830, NVMX_EXCEPTION_BITMAP, NVMX_GUEST_ES_SEL, NVMX_CR4_SHADOW, 0x6001, NVMX_EXIT_QUALIFICATION,
};

static unsigned reg(struct gen *g)
{
	static const uint8_t regs[] = { 0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13 };

	return regs[rnd(g, COUNT(regs))];
}

static uint64_t l2_address(struct gen *g)
{
	uint64_t page = FAKE_L2_DATA + rnd(g, 8) * FAKE_PAGE;

	if (chance(g, 5))
		return 0x100000 + rnd(g, 64) * 8; /* no memory there */
	return page + rnd(g, 500) * 8 + (chance(g, 10) ? 5 : 0);
}

static struct fake_insn memory_operand(struct gen *g, unsigned op, uint64_t address)
{
	return (struct fake_insn){ .op = (uint8_t)op, .mem = true, .seg = chance(g, 80) ? FAKE_DS : FAKE_SEG_ES,
		.base = FAKE_NO_REG, .index = FAKE_NO_REG, .asize = 8, .size = 8, .disp = address };
}

static void control_register(struct gen *g, struct script *s)
{
	static const uint8_t crs[] = { 0, 3, 4, 8 };
	static const uint64_t values[] = { 0x80050033, 0x8005003b, 0x80010031, 0x80050013, 0x80050031, 0xc0050033, 0xe0050033 };
	struct fake_insn i = { .op = chance(g, 60) ? FAKE_MOV_TO_CR : FAKE_MOV_FROM_CR, .reg = 10 };
	bool owns = g->machine.flags & NVMX_HOST_OWNS_INTERRUPTS;

	i.imm = crs[rnd(g, owns ? 3 : 4)];
	if (i.imm == 0)
		script_movi(s, 10, values[rnd(g, COUNT(values))]);
	else if (i.imm == 3)
		script_movi(s, 10, s == &g->l1 ? FAKE_L1_TABLES : FAKE_L2_TABLES);
	else if (i.imm == 4)
		script_movi(s, 10, NVMX_CR4_PAE | subset(g, 0x7df) | (chance(g, 80) ? NVMX_CR4_VMXE : 0));
	else
		script_movi(s, 10, rnd(g, 18));
	script_add(s, i);
}

static void memory(struct gen *g, struct script *s)
{
	static const uint8_t sizes[] = { 1, 2, 4, 8 };
	uint64_t address = s == &g->l1 ? FAKE_L2_DATA + rnd(g, 8) * FAKE_PAGE + rnd(g, 510) * 8 : l2_address(g);
	unsigned size = sizes[rnd(g, 4)];

	if (chance(g, 50))
		script_load(s, reg(g), address, size);
	else
		script_store(s, address, rnd(g, 1ull << 40), size);
}

static void exception(struct gen *g, struct script *s)
{
	static const uint8_t vectors[] = { 0, 5, 6, 7, 13, 14, 17 };
	struct fake_insn i = { .op = chance(g, 70) ? FAKE_RAISE : FAKE_INT };

	i.imm = i.op == FAKE_INT ? rnd(g, 64) : vectors[rnd(g, COUNT(vectors))];
	i.size = (uint8_t)(rnd(g, 8) * 2);
	i.disp = FAKE_L2_DATA + rnd(g, 4096);
	script_add(s, i);
}

static void port(struct gen *g, struct script *s)
{
	static const uint16_t ports[] = { 0x60, 0x3f8, 0x7fff, 0x8000, 0xfffe, 0x1234 };

	script_add(s, (struct fake_insn){ .op = chance(g, 50) ? FAKE_IN : FAKE_OUT, .size = (uint8_t)(1u << rnd(g, 3)),
					  .imm = ports[rnd(g, COUNT(ports))] });
}

static void vmx_operand(struct gen *g, struct script *s)
{
	struct fake_insn i = memory_operand(g, by_memory[rnd(g, COUNT(by_memory))], l2_address(g));

	i.reg = (uint8_t)reg(g);
	i.reg2 = SCRIPT_FIELD;
	if (i.op == FAKE_VMREAD || i.op == FAKE_VMWRITE) {
		i.mem = chance(g, 30);
		script_movi(s, SCRIPT_FIELD, fields[rnd(g, COUNT(fields))]);
	} else if (chance(g, 30)) {
		script_movi(s, 3, i.disp);
		i.base = 3;
		i.disp = 0;
	}
	script_add(s, i);
}

/* L2 goes to another EPT pointer, mostly one that is in the list. */
static void vm_function(struct gen *g, struct script *s)
{
	static const uint16_t indexes[] = { 0, 1, 1, 2, 2, 5, 511, 3, 4, 6, 512 };

	for (uint64_t n = 1 + rnd(g, 3); n; n--) {
		script_movi(s, 0, chance(g, 95) ? 0 : rnd(g, 70));
		script_movi(s, 1, indexes[rnd(g, chance(g, 80) ? 6 : COUNT(indexes))]);
		script_op(s, FAKE_VMFUNC);
		if (chance(g, 50))
			memory(g, s);
	}
}

#define APIC_PAGE (FAKE_L2_DATA + 6 * FAKE_PAGE)
static const uint8_t apic_vectors[] = { 0x21, 0x35, 0x3f, 0x61, 0x62, 0xe0 };

/* L2 uses its APIC: as MSRs, in memory, by CR8. */
static void apic_insn(struct gen *g, struct script *s)
{
	static const uint16_t registers[] = { 0x80, 0x80, 0xb0, 0xb0, 0x300, 0x310, 0xf0, 0xa0, 0x20 };
	static const uint16_t x2apic[] = { 0x808, 0x808, 0x80b, 0x83f, 0x83f, 0x802, 0x80a, 0x830 };
	uint64_t vector = apic_vectors[rnd(g, COUNT(apic_vectors))], at = APIC_PAGE + registers[rnd(g, COUNT(registers))];
	uint32_t msr = x2apic[rnd(g, COUNT(x2apic))];

	switch (rnd(g, 5)) {
	case 0:
		script_load(s, reg(g), at + (chance(g, 10) ? 2 : 0), 4);
		break;
	case 1:
		script_store(s, at, at % 0x400 == 0x300 ? 0x40000 | vector : vector & 0xf0, chance(g, 90) ? 4 : 8);
		break;
	case 2:
		script_msr(s, chance(g, 30) ? FAKE_RDMSR : FAKE_WRMSR, msr, msr == 0x80b ? 0 : msr == 0x808 ? vector & 0xf0 : vector);
		break;
	case 3:
		if (!(g->machine.flags & NVMX_HOST_OWNS_INTERRUPTS)) { /* without TPR shadow it is L1's */
			script_movi(s, 0, rnd(g, 15));
			script_imm(s, chance(g, 70) ? FAKE_MOV_TO_CR : FAKE_MOV_FROM_CR, 8);
			break;
		}
		/* fall through */
	default:
		script_op(s, FAKE_STI);
	}
}

static void l2_insn(struct gen *g, struct script *s)
{
	if (g->apic && chance(g, 35)) {
		apic_insn(g, s);
		return;
	}
	switch (rnd(g, g->switching ? 18 : 12)) {
	case 12 ... 17:
		vm_function(g, s);
		break;
	case 0:
	case 1:
		script_op(s, (enum fake_op)simple[rnd(g, COUNT(simple))]);
		break;
	case 2:
		script_movi(s, 0, rnd(g, 8));
		script_op(s, FAKE_CPUID);
		break;
	case 3:
		script_add(s, (struct fake_insn){ .op = by_register[rnd(g, COUNT(by_register))], .reg = (uint8_t)reg(g),
						  .size = 4, .imm = 0xfff });
		break;
	case 4:
		vmx_operand(g, s);
		break;
	case 5:
		script_msr(s, chance(g, 50) ? FAKE_RDMSR : FAKE_WRMSR, msrs[rnd(g, COUNT(msrs))],
			   msr_values[rnd(g, COUNT(msr_values))]);
		break;
	case 6:
		control_register(g, s);
		break;
	case 7:
		exception(g, s);
		break;
	case 8:
		port(g, s);
		break;
	case 9:
		if (chance(g, 20))
			script_imm(s, FAKE_LIDT, chance(g, 80) ? 0xfff : rnd(g, 0x200));
		else
			script_imm(s, chance(g, 50) ? FAKE_MOV_DR : FAKE_TASK_SWITCH, rnd(g, 16));
		break;
	default:
		memory(g, s);
	}
}

static void l2_script(struct gen *g, struct script *s, uint64_t linear)
{
	script_start(s, linear);
	for (unsigned n = 60; n; n--)
		l2_insn(g, s);
	script_op(s, FAKE_VMCALL);
}

/* What L1 does between two runs */

static void tweak_controls(struct gen *g)
{
	struct script *s = &g->l1;
	const uint32_t pin = NVMX_PIN_EXT_INT | NVMX_PIN_NMI | NVMX_PIN_VNMI | NVMX_PIN_PREEMPTION_TIMER;
	const uint32_t proc = 0x7bf99e8cu & ~(NVMX_PROC_TERTIARY | NVMX_PROC_TPR_SHADOW | NVMX_PROC_INT_WINDOW |
					      NVMX_PROC_NMI_WINDOW | NVMX_PROC_MTF);
	const uint32_t rare = NVMX_PROC_TPR_SHADOW | NVMX_PROC_INT_WINDOW | NVMX_PROC_NMI_WINDOW | NVMX_PROC_MTF;
	uint32_t p = subset(g, pin), q = subset(g, proc);

	if (!(p & NVMX_PIN_NMI))
		p &= ~NVMX_PIN_VNMI;
	if (chance(g, 30))
		q |= subset(g, rare);
	if (!(p & NVMX_PIN_VNMI) && chance(g, 90))
		q &= ~NVMX_PROC_NMI_WINDOW;
	switch (rnd(g, 5)) {
	case 0:
		script_vmwrite(s, NVMX_PIN_CTLS, p | 0x16);
		if (!(p & NVMX_PIN_VNMI))
			script_vmwrite(s, NVMX_PROC_CTLS, q | 0x84006172u);
		break;
	case 1:
		script_vmwrite(s, NVMX_PROC_CTLS, q | 0x84006172u);
		break;
	case 2:
		script_vmwrite(s, NVMX_PROC_CTLS2,
			       subset(g, NVMX_PROC2_DESC_TABLE | NVMX_PROC2_RDTSCP | NVMX_PROC2_VPID | NVMX_PROC2_WBINVD |
						 NVMX_PROC2_RDRAND | NVMX_PROC2_INVPCID | NVMX_PROC2_RDSEED |
						 NVMX_PROC2_XSAVES | NVMX_PROC2_TSC_SCALING) |
				       (chance(g, 85) ? NVMX_PROC2_EPT | NVMX_PROC2_UNRESTRICTED |
						 (chance(g, 50) ? NVMX_PROC2_VMFUNC : 0) : 0));
		break;
	case 3:
		script_vmwrite(s, NVMX_EXIT_CTLS,
			       0x36dfb | NVMX_EXIT_HOST_64 |
				       subset(g, NVMX_EXIT_SAVE_DEBUG | NVMX_EXIT_ACK_INT | NVMX_EXIT_SAVE_PAT |
							 NVMX_EXIT_LOAD_PAT | NVMX_EXIT_SAVE_EFER | NVMX_EXIT_LOAD_EFER |
							 (g->machine.protection ? FAKE_PROTECTION_EXIT : 0)));
		break;
	default:
		script_vmwrite(s, NVMX_ENTRY_CTLS, 0x11fb | NVMX_ENTRY_IA32E |
			       subset(g, NVMX_ENTRY_LOAD_DEBUG | NVMX_ENTRY_LOAD_PAT | NVMX_ENTRY_LOAD_EFER |
						 (g->machine.protection ? FAKE_PROTECTION_ENTRY : 0)));
	}
}

/* L1 gives L2 an APIC, more or less of it, or asks for an interrupt. */
static void tweak_apic(struct gen *g)
{
	struct script *s = &g->l1;
	unsigned vector = apic_vectors[rnd(g, COUNT(apic_vectors))];
	uint32_t proc2 = subset(g, NVMX_PROC2_APIC_REGS | NVMX_PROC2_VID) | (chance(g, 50) ? NVMX_PROC2_X2APIC_MODE : NVMX_PROC2_APIC_ACCESS);
	bool posted = proc2 & NVMX_PROC2_VID && chance(g, 30);

	switch (rnd(g, 5)) {
	case 0:
	case 1:
		script_vmwrite(s, NVMX_PIN_CTLS, 0x16 | NVMX_PIN_EXT_INT | (posted ? NVMX_PIN_POSTED_INT : 0));
		script_vmwrite(s, NVMX_EXIT_CTLS, 0x36dfb | NVMX_EXIT_HOST_64 | NVMX_EXIT_SAVE_DEBUG | NVMX_EXIT_ACK_INT);
		script_vmwrite(s, NVMX_PROC_CTLS, 0x84006172u | NVMX_PROC_TPR_SHADOW | (chance(g, 70) ? NVMX_PROC_MSR_BITMAPS : 0) |
							  (chance(g, 10) ? NVMX_PROC_INT_WINDOW : 0));
		script_vmwrite(s, NVMX_PROC_CTLS2, NVMX_PROC2_EPT | NVMX_PROC2_UNRESTRICTED | proc2);
		break;
	case 2:
		for (unsigned i = 0; i < 8; i++) /* RVI is the highest of VIRR: else the next VM entry, L0's too, makes it that */
			script_store(s, FAKE_VAPIC + 0x200 + i * 16, i == vector / 32 ? 1u << vector % 32 : 0, 4);
		script_vmwrite(s, NVMX_GUEST_INT_STATUS, vector);
		script_vmwrite(s, NVMX_GUEST_RFLAGS, 2 | NVMX_RFLAGS_IF);
		break;
	case 3:
		script_vmwrite(s, NVMX_EOI_EXIT_BITMAP0 + 2 * (vector / 64), chance(g, 50) ? 1ull << vector % 64 : 0);
		break;
	default: /* posted; the notification is one of the vectors from outside */
		script_store(s, FAKE_L2_STACK - FAKE_PAGE + vector / 32 * 4, 1u << vector % 32, 4);
		script_vmwrite(s, NVMX_POSTED_INT_NV, g->outsides ? g->outside[0].vector : 0xf2);
	}
}

static void tweak_event(struct gen *g)
{
	static const struct {
		uint32_t info, len;
	} events[] = {
		{ 0x80000320, 0 }, { 0x80000030, 0 }, { 0x80000202, 0 }, { 0x80000b0d, 0 }, { 0x80000306, 0 }, { 0x80000b0e, 0 },
		{ 0x80000640, 2 }, { 0x80000603, 1 }, { 0x80000480, 2 }, { 0x80000301, 0 }, { 0x80000700, 0 }, { 0x80000b08, 0 },
	};
	unsigned n = (unsigned)rnd(g, COUNT(events));

	script_vmwrite(&g->l1, NVMX_ENTRY_INTR_INFO, events[n].info);
	script_vmwrite(&g->l1, NVMX_ENTRY_INSTR_LEN, events[n].len);
	script_vmwrite(&g->l1, NVMX_ENTRY_EXC_ERROR_CODE, rnd(g, 8));
}

static const struct script_value interesting[] = {
	{ NVMX_GUEST_INTERRUPTIBILITY, 1 }, { NVMX_GUEST_INTERRUPTIBILITY, 2 }, { NVMX_GUEST_INTERRUPTIBILITY, 8 },
	{ NVMX_GUEST_INTERRUPTIBILITY, 0 }, { NVMX_GUEST_ACTIVITY, 1 }, { NVMX_GUEST_ACTIVITY, 0 },
	{ NVMX_GUEST_RFLAGS, 2 }, { NVMX_GUEST_RFLAGS, 0x202 }, { NVMX_GUEST_RFLAGS, 0x102 }, { NVMX_GUEST_RFLAGS, 0x302 },
	{ NVMX_EXCEPTION_BITMAP, 0 }, { NVMX_EXCEPTION_BITMAP, 0xffffffff }, { NVMX_EXCEPTION_BITMAP, 0x4000 },
	{ NVMX_EXCEPTION_BITMAP, 0x2048 }, { NVMX_PF_EC_MASK, 6 }, { NVMX_PF_EC_MASK, 0 }, { NVMX_PF_EC_MATCH, 2 },
	{ NVMX_PF_EC_MATCH, 0 }, { NVMX_CR0_MASK, 0 }, { NVMX_CR0_MASK, 0x8 }, { NVMX_CR0_MASK, 0xffffffff },
	{ NVMX_CR0_SHADOW, 0 }, { NVMX_CR0_SHADOW, 0x80050033 }, { NVMX_CR4_MASK, 0 }, { NVMX_CR4_MASK, 0x2000 },
	{ NVMX_CR4_MASK, 0xfff }, { NVMX_CR4_SHADOW, 0x2020 }, { NVMX_CR4_SHADOW, 0 }, { NVMX_CR3_TARGET_COUNT, 0 },
	{ NVMX_CR3_TARGET_COUNT, 4 }, { NVMX_CR3_TARGET2, FAKE_L2_TABLES }, { NVMX_TSC_OFFSET, 0x123456 },
	{ NVMX_TSC_OFFSET, -0x1000ull }, { NVMX_TSC_MULTIPLIER, 3ull << 47 }, { NVMX_VPID, 5 }, { NVMX_VPID, 6 },
	{ NVMX_PREEMPTION_TIMER, 0 }, { NVMX_PREEMPTION_TIMER, 3 }, { NVMX_PREEMPTION_TIMER, 1000 },
	{ NVMX_TPR_THRESHOLD, 0 }, { NVMX_TPR_THRESHOLD, 4 }, { NVMX_GUEST_PENDING_DBG, 0 },
	{ NVMX_GUEST_PENDING_DBG, 0x4000 }, { NVMX_GUEST_DR7, 0x400 }, { NVMX_GUEST_DEBUGCTL, 1 },
	{ NVMX_GUEST_EFER, 0xd01 }, { NVMX_GUEST_EFER, 0x500 }, { NVMX_GUEST_PAT, 0x0606060606060606 },
	{ NVMX_HOST_PAT, 0x0606060606060606 }, { NVMX_HOST_EFER, 0xd01 }, { NVMX_GUEST_SYSENTER_CS, 9 },
	{ NVMX_HOST_SYSENTER_CS, 7 }, { NVMX_GUEST_IDTR_LIMIT, 0xfff }, { NVMX_GUEST_IDTR_LIMIT, 0 },
	{ NVMX_GUEST_FS_BASE, 0x777000 }, { NVMX_GUEST_CS_AR, 0xa09b }, { NVMX_GUEST_SS_AR, 0xc0f3 },
	{ NVMX_GUEST_SS_AR, 0xc093 }, { NVMX_GUEST_CR0, 0x80050033 }, { NVMX_GUEST_CR0, 0x8005003b },
	{ NVMX_GUEST_CR0, 0xe0050033 }, { NVMX_GUEST_PKRS, 0x1230 }, { NVMX_GUEST_BNDCFGS, 0x7001 }, { NVMX_HOST_PKRS, 0x4560 },

	{ NVMX_GUEST_CR4, 0x2020 }, { NVMX_GUEST_CR4, 0x26a0 }, { NVMX_XSS_EXIT_BITMAP, 0x100 },
	{ NVMX_HOST_FS_BASE, 0x4444 }, { NVMX_HOST_CR4, 0x2420 }, { NVMX_HOST_CR0, 0x8005003b },
	{ NVMX_ENTRY_MSR_LOAD_COUNT, 2 }, { NVMX_ENTRY_MSR_LOAD_COUNT, 0 }, { NVMX_EXIT_MSR_STORE_COUNT, 3 },
	{ NVMX_EXIT_MSR_STORE_COUNT, 0 }, { NVMX_EXIT_MSR_LOAD_COUNT, 1 }, { NVMX_EXIT_MSR_LOAD_COUNT, 0 },
	{ NVMX_GUEST_RSP, FAKE_L2_STACK + 0xff8 }, { NVMX_GUEST_RSP, FAKE_L2_DATA + 3 * FAKE_PAGE + 0x100 },
	{ NVMX_GUEST_IDTR_BASE, FAKE_L2_IDT }, { NVMX_GUEST_IDTR_BASE, FAKE_L2_DATA + 3 * FAKE_PAGE },
};

/* Values that an entry refuses, with the one that repairs it. */
static const struct {
	uint32_t field;
	uint64_t bad, good;
} wrong[] = {
	{ NVMX_PIN_CTLS, 0, 0x16 },
	{ NVMX_VMCS_LINK_POINTER, FAKE_VMCS_SHADOW, FAKE_NONE },
	{ NVMX_EXIT_CTLS, 0, 0x36ffb | NVMX_EXIT_SAVE_DEBUG },
	{ NVMX_HOST_CR4, 0x20, 0x2020 },
	{ NVMX_HOST_CS_SEL, 0, 8 },
	{ NVMX_HOST_TR_SEL, 3, 0x40 },
	{ NVMX_HOST_FS_BASE, 0x0000800000000000, 0x1234 },
	{ NVMX_GUEST_CR0, 0x50033, 0x80050033 },
	{ NVMX_GUEST_CR4, 0x20, 0x2020 },
	{ NVMX_GUEST_RFLAGS, 0, 2 },
	{ NVMX_GUEST_TR_AR, 0x10000, 0x8b },
	{ NVMX_GUEST_CS_AR, 0, 0xa09b },
	{ NVMX_VMCS_LINK_POINTER, FAKE_VMCS_B, FAKE_NONE },
	{ NVMX_GUEST_ACTIVITY, 7, 0 },
	{ NVMX_GUEST_INTERRUPTIBILITY, 3, 0 },
	{ NVMX_EPT_POINTER, 0x41000, FAKE_EPT_A | 0x1e },
	{ NVMX_GUEST_IDTR_LIMIT, 0x12345, 0xfff },
	{ NVMX_GUEST_EFER, 0xffff0500, 0x500 },
	{ NVMX_GUEST_RIP, 0x0000900000000000, FAKE_L2_CODE },
	{ NVMX_ENTRY_INTR_INFO, 0x80000100, 0 },
};

static void fail_and_repair(struct gen *g)
{
	unsigned n = (unsigned)rnd(g, COUNT(wrong));

	script_vmwrite(&g->l1, wrong[n].field, wrong[n].bad);
	script_run(&g->l1, chance(g, 80) ? FAKE_VMRESUME : FAKE_VMLAUNCH);
	script_look(&g->l1, false);
	script_vmwrite(&g->l1, wrong[n].field, wrong[n].good);
}

static void ept_change(struct gen *g)
{
	struct script *s = &g->l1;
	uint64_t page = rnd(g, 8), table = chance(g, 60) ? FAKE_EPT_A : FAKE_EPT_B;
	uint64_t frame = FAKE_L2_DATA + rnd(g, 8) * FAKE_PAGE;
	static const uint8_t rights[] = { 7, 7, 7, 3, 1, 5, 4, 0, 2 };

	switch (rnd(g, g->switching ? 7 : 4)) {
	case 4: /* an entry of the list, or its place */
		script_store(s, FAKE_EPTP_LIST + rnd(g, 3) * 8, table | (chance(g, 80) ? 0x1e : 0x18), 8);
		return;
	case 5:
		script_vmwrite(s, NVMX_EPTP_LIST_ADDR, chance(g, 80) ? FAKE_EPTP_LIST : FAKE_L2_STACK);
		return;
	case 6:
		script_vmwrite(s, NVMX_VMFUNC_CTLS, chance(g, 80));
		return;
	case 0:
		script_vmwrite(s, NVMX_EPT_POINTER, (chance(g, 50) ? FAKE_EPT_A : FAKE_EPT_B) | 0x1e);
		return;
	case 1: /* what changes is flushed: without, either entry may be used */
		script_invalidate(s, FAKE_INVEPT, 1 + rnd(g, 2), table | 0x1e, 0);
		return;
	default:
		script_store(s, table + 3 * FAKE_PAGE + (FAKE_L2_DATA / FAKE_PAGE + page) * 8,
			     frame | rights[rnd(g, COUNT(rights))] | 0x30, 8);
		script_invalidate(s, FAKE_INVEPT, chance(g, 70) ? 1 : 2, table | 0x1e, 0);
	}
}

static void bitmaps(struct gen *g)
{
	static const uint8_t bytes[] = { 0, 0xff, 0x55 };
	uint64_t at = FAKE_MSR_BITMAP;

	switch (rnd(g, 3)) {
	case 0:
		at += (chance(g, 50) ? 2048u : 0u) + (chance(g, 50) ? 1024u : 0u) + rnd(g, 0x60);
		break;
	case 1:
		at = FAKE_IO_BITMAP + rnd(g, 2) * FAKE_PAGE + (chance(g, 50) ? 0xfff : 0x3f8 / 8);
		break;
	default:
		at = FAKE_IO_BITMAP + 0x60 / 8;
	}
	script_store(&g->l1, at, bytes[rnd(g, 3)], 1);
}

static void msr_lists(struct gen *g)
{
	static const uint16_t lists[] = { 0, 0x1000, 0x2000 };
	static const struct {
		uint32_t msr;
		uint64_t value;
	} entries[] = {
		{ 0xc0000081, 0x1111 }, { 0xc0000082, 0x2222 }, { 0xc0000102, 0x3333 }, { NVMX_MSR_PAT, 0x0606060606060606 },
		{ 0xc0000103, 0x44 }, { NVMX_MSR_SYSENTER_CS, 0x66 }, { NVMX_MSR_SYSENTER_ESP, 0x6666 },
	};
	unsigned n = (unsigned)rnd(g, COUNT(entries));
	uint64_t at = FAKE_MSR_ENTRY + lists[rnd(g, 3)] + rnd(g, 3) * 16;

	script_store(&g->l1, at, entries[n].msr, 8);
	script_store(&g->l1, at + 8, entries[n].value, 8);
}

static void switch_vmcs(struct gen *g)
{
	struct script *s = &g->l1;

	switch (rnd(g, 5)) {
	case 0:
		script_vmcs(s, FAKE_VMCS_B, FAKE_L2_CODE_B);
		break;
	case 1:
		script_pointer(s, FAKE_VMPTRLD, FAKE_VMCS_A);
		break;
	case 2:
		script_pointer(s, FAKE_VMPTRST, 0);
		break;
	case 3:
		script_pointer(s, FAKE_VMCLEAR, FAKE_VMCS_A);
		script_pointer(s, FAKE_VMPTRLD, FAKE_VMCS_A);
		break;
	default: /* ends as an error number */
		script_pointer(s, chance(g, 50) ? FAKE_VMPTRLD : FAKE_VMCLEAR,
			       chance(g, 50) ? FAKE_VMXON_REGION : 0x34001 + rnd(g, 2) * 0xfff);
	}
}

/* A shadow VMCS for L2's VMREAD and VMWRITE, or none again. */
static void shadowing(struct gen *g)
{
	struct script *s = &g->l1;
	bool on = chance(g, 60);

	script_vmwrite(s, NVMX_VMREAD_BITMAP, FAKE_VMREAD_BITMAP);
	script_vmwrite(s, NVMX_VMWRITE_BITMAP, FAKE_VMWRITE_BITMAP);
	script_store(s, (chance(g, 50) ? FAKE_VMREAD_BITMAP : FAKE_VMWRITE_BITMAP) + (NVMX_GUEST_RIP / 8), rnd(g, 256), 1);
	script_vmwrite(s, NVMX_PROC_CTLS2, NVMX_PROC2_EPT | NVMX_PROC2_UNRESTRICTED | (on ? NVMX_PROC2_SHADOW_VMCS : 0));
	script_vmwrite(s, NVMX_VMCS_LINK_POINTER, on ? FAKE_VMCS_SHADOW : FAKE_NONE);
}

static void own_insn(struct gen *g)
{
	struct script *s = &g->l1;
	static const uint8_t alone[] = { FAKE_NOP, FAKE_CPUID, FAKE_STI, FAKE_CLI, FAKE_PAUSE, FAKE_RDTSC, FAKE_VMCALL,
					 FAKE_VMFUNC, FAKE_IRET, FAKE_XSETBV, FAKE_INVD };

	switch (rnd(g, 7)) {
	case 0:
		script_msr(s, chance(g, 50) ? FAKE_RDMSR : FAKE_WRMSR, msrs[rnd(g, COUNT(msrs))],
			   msr_values[rnd(g, COUNT(msr_values))]);
		break;
	case 1:
		control_register(g, s);
		break;
	case 2:
		memory(g, s);
		break;
	case 3:
		script_vmread(s, fields[rnd(g, COUNT(fields))]);
		break;
	case 4:
		script_vmwrite(s, chance(g, 50) ? 0x6832 : NVMX_TSC_OFFSET + 1, rnd(g, 1000));
		break;
	case 5:
		script_invalidate(s, FAKE_INVVPID, rnd(g, 5), 5 + rnd(g, 2), FAKE_L2_DATA);
		break;
	default:
		script_op(s, (enum fake_op)alone[rnd(g, COUNT(alone))]);
	}
}

static void tweak(struct gen *g)
{
	const struct script_value *v;

	if (g->apic && chance(g, 40)) {
		tweak_apic(g);
		return;
	}
	switch (rnd(g, 15)) {
	case 0:
	case 1:
	case 2:
		tweak_controls(g);
		break;
	case 3:
		tweak_event(g);
		break;
	case 4:
		if (chance(g, 40))
			fail_and_repair(g);
		break;
	case 5:
		ept_change(g);
		break;
	case 6:
		bitmaps(g);
		break;
	case 7:
		msr_lists(g);
		break;
	case 8:
		if (chance(g, 30))
			switch_vmcs(g);
		break;
	case 9:
		own_insn(g);
		break;
	case 10:
		if (g->shadowing)
			shadowing(g);
		break;
	default:
		v = &interesting[rnd(g, COUNT(interesting))];
		script_vmwrite(&g->l1, v->field, v->value);
	}
}

/* A handler puts right what would end the run early. */
static void sane_again(struct gen *g)
{
	script_vmwrite(&g->l1, NVMX_GUEST_ACTIVITY, 0);
	script_vmwrite(&g->l1, NVMX_GUEST_INTERRUPTIBILITY, 0);
	script_vmwrite(&g->l1, NVMX_GUEST_RFLAGS, chance(g, 50) ? 2 : 0x202);
	script_vmwrite(&g->l1, NVMX_GUEST_PENDING_DBG, 0);
}

static void l1_script(struct gen *g, unsigned rounds)
{
	bool launched = false;

	script_start(&g->l1, FAKE_L1_CODE);
	for (unsigned i = 0; i < 3; i++)
		msr_lists(g);
	for (unsigned i = 0; i < 9; i++)
		script_store(&g->l1, FAKE_MSR_ENTRY + i / 3 * FAKE_PAGE + i % 3 * 16, 0xc0000081, 8);
	script_pointer(&g->l1, FAKE_VMXON, FAKE_VMXON_REGION);
	script_pointer(&g->l1, FAKE_VMCLEAR, FAKE_VMCS_SHADOW);
	script_enter_vmx(&g->l1);
	if (g->switching) {
		script_vmwrite(&g->l1, NVMX_PROC_CTLS2, NVMX_PROC2_EPT | NVMX_PROC2_UNRESTRICTED | NVMX_PROC2_VMFUNC);
		script_vmwrite(&g->l1, NVMX_VMFUNC_CTLS, 1);
		script_vmwrite(&g->l1, NVMX_EPTP_LIST_ADDR, FAKE_EPTP_LIST);
	}
	if (g->apic) {
		for (unsigned i = 0; i < 4; i++)
			script_vmwrite(&g->l1, NVMX_EOI_EXIT_BITMAP0 + 2 * i, 0);
		script_vmwrite(&g->l1, NVMX_GUEST_INT_STATUS, 0);
		script_vmwrite(&g->l1, NVMX_APIC_ACCESS_ADDR, APIC_PAGE);
		script_vmwrite(&g->l1, NVMX_POSTED_INT_DESC_ADDR, FAKE_L2_STACK - FAKE_PAGE);
		script_vmwrite(&g->l1, NVMX_POSTED_INT_NV, 0xf2);
	}
	for (unsigned n = rounds; n && !script_full(&g->l1); n--) {
		for (uint64_t k = rnd(g, 4); k; k--)
			tweak(g);
		script_run(&g->l1, launched && chance(g, 97) ? FAKE_VMRESUME : FAKE_VMLAUNCH);
		launched = true;
		script_look(&g->l1, chance(g, 30));
		if (chance(g, 90))
			script_advance(&g->l1);
		if (chance(g, 30))
			sane_again(g);
	}
	script_op(&g->l1, FAKE_VMXOFF);
	script_op(&g->l1, FAKE_END);
}

static void outside(struct gen *g)
{
	uint64_t clock = 300;

	g->outsides = chance(g, 40) ? 1 + rnd(g, FAKE_OUTSIDE_MAX - 1) : 0;
	for (size_t i = 0; i < g->outsides; i++) {
		clock += rnd(g, 200);
		g->outside[i] = (struct fake_outside){ clock, chance(g, 70) ? FAKE_EXT_INT : FAKE_NMI,
						       (uint8_t)(32 + rnd(g, 200)) };
		if (g->machine.flags & NVMX_HOST_OWNS_INTERRUPTS && chance(g, 10)) /* another host keeps L1's from the processor */
			g->outside[i].source = FAKE_INIT;
		/* A host's kick, after which L1 gets its NMI or INIT, comes after virtual interrupts (25.5, 29.2.2). */
		if (g->machine.flags & NVMX_HOST_OWNS_INTERRUPTS && g->apic)
			g->outside[i].source = FAKE_EXT_INT;
	}
}

void gen_make(struct gen *g, uint64_t seed, unsigned rounds)
{
	g->random = seed * 0x9e3779b97f4a7c15ull + 1;
	rnd(g, 2);
	g->machine = (struct fake_machine){ .flags = chance(g, 30) ? NVMX_HOST_OWNS_INTERRUPTS | NVMX_HOST_POSTS : 0, .protection = seed % 3 == 0 };
	if (g->machine.flags && seed % 2)
		g->machine.flags = FAKE_LIKE_KVM;
	g->machine.no_vpid = chance(g, 15);
	g->machine.vpids = seed % 2 ? 3 : 0;
	g->machine.intercept_all_msrs = chance(g, 15);
	g->machine.owns_cr = seed % 3 == 0 && !(g->machine.flags & NVMX_HOST_EMULATES_CR);
	if (chance(g, 30))
		g->machine.withheld = NVMX_BIT64(NVMX_FEATURE_HW_SHADOW);
	if (chance(g, 20))
		g->machine.exits_on_vmfunc = true;
	g->switching = chance(g, 40);
	g->shadowing = chance(g, 30);
	g->apic = seed % 4 == 1;
	outside(g);
	l2_script(g, &g->l2, FAKE_L2_CODE);
	l2_script(g, &g->l2b, FAKE_L2_CODE_B);
	l1_script(g, rounds);
	g->code[0] = g->l1.code;
	g->code[1] = g->l2.code;
	g->code[2] = g->l2b.code;
	g->machine.code = g->code;
	g->machine.codes = 3;
	g->machine.msr_areas = seed % 5 == 0;
	g->machine.cr0_mask = seed % 7 == 0 ? NVMX_CR0_CD | NVMX_CR0_NW : 0;
	g->machine.outside = g->outside;
	g->machine.outsides = g->outsides;
}

uint64_t gen_setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Two readers of SDM 26.2 and 26.3: what the library's rows and the fake processor's rules make of random states, with random
 * capabilities, is the same.  The manual leaves the order of checks open; so if several do not hold, either may be named that gives
 * the same kind of failure, and error 7 or 8 and the qualification are among those that the failing rows give.  NVMX_RUNS and
 * NVMX_SEED as in unit_fake_random.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <nestvmx/check.h>
#include <nestvmx/fake.h>
#include "vmcs/vmcs.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define RUNS 40000

static struct fake_cpu cpu;
static struct fake_mem mem;
static struct fake_trace trace;
static struct nvmx_caps caps;
static struct nvmx_vmcs12 v12;
static uint64_t random_state;

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static uint64_t rnd(uint64_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state * 0x2545f4914f6cdd1dull >> 20) % n;
}

static uint64_t rnd64(void)
{
	return rnd(1ull << 32) << 32 | rnd(1ull << 32);
}

static uint64_t *cap(uint32_t msr)
{
	return &caps.msr[msr - NVMX_CAPS_FIRST_MSR];
}

static void allow(uint32_t msr, uint32_t bits)
{
	*cap(msr) |= (uint64_t)bits << 32;
}

/* All that either reader knows, of which some processors lack something. */
static void make_caps(void)
{
	const uint32_t entry = NVMX_ENTRY_LOAD_PERF | NVMX_ENTRY_LOAD_BNDCFGS | NVMX_ENTRY_LOAD_CET | NVMX_ENTRY_LOAD_PKRS;
	const uint32_t exit = NVMX_EXIT_LOAD_PERF | NVMX_EXIT_CLEAR_BNDCFGS | NVMX_EXIT_LOAD_CET | NVMX_EXIT_LOAD_PKRS;
	const uint32_t proc2 = NVMX_PROC2_X2APIC_MODE | NVMX_PROC2_APIC_REGS | NVMX_PROC2_VID | NVMX_PROC2_PML | NVMX_PROC2_MODE_EXEC;

	fake_hw_caps(&caps);
	for (unsigned i = 0; i < 2; i++) {
		allow(i ? NVMX_MSR_VMX_ENTRY_CTLS : NVMX_MSR_VMX_TRUE_ENTRY_CTLS, entry);
		allow(i ? NVMX_MSR_VMX_EXIT_CTLS : NVMX_MSR_VMX_TRUE_EXIT_CTLS, exit);
		allow(i ? NVMX_MSR_VMX_PINBASED_CTLS : NVMX_MSR_VMX_TRUE_PINBASED_CTLS, NVMX_PIN_POSTED_INT);
	}
	allow(NVMX_MSR_VMX_PROCBASED_CTLS2, proc2);
	*cap(NVMX_MSR_VMX_BASIC) = (*cap(NVMX_MSR_VMX_BASIC) & ~0x7fffffffull) | NVMX_VMCS12_REVISION;
	*cap(NVMX_MSR_VMX_CR4_FIXED1) |= NVMX_CR4_CET | NVMX_CR4_PKS;
	if (rnd(2))
		*cap(NVMX_MSR_VMX_BASIC) |= NVMX_BIT64(56);
	if (!rnd(4))
		*cap(NVMX_MSR_VMX_MISC) &= ~(NVMX_BIT64(rnd(3) + 6) | NVMX_MISC_ZERO_LEN_INJECT);
	if (!rnd(4))
		*cap(NVMX_MSR_VMX_EPT_VPID_CAP) &= rnd64();
	if (!rnd(4))
		*cap(NVMX_MSR_VMX_EPT_VPID_CAP) |= NVMX_EPT_WALK5;
	if (!rnd(4)) {
		*cap(NVMX_MSR_VMX_CR4_FIXED1) |= NVMX_CR4_LA57;
		caps.linear_width = 57;
	}
	caps.perf_global_valid = 0x70000000f;
}

static void build_passing(void)
{
	for (unsigned row = 0; row < NVMX_ROWS; row++)
		fake_field_set(&cpu, nvmx_field_rows[row].encoding, 0);
	for (size_t i = 0; i < script_default_count; i++)
		fake_field_set(&cpu, script_defaults[i].field, script_defaults[i].value);
	fake_field_set(&cpu, NVMX_GUEST_RIP, FAKE_L2_CODE);
	fake_field_set(&cpu, NVMX_HOST_RIP, FAKE_L1_CODE);
}

/* Modes that most rules have a say in. */
static void choose_mode(void)
{
	switch (rnd(6)) {
	case 0: /* protected mode without paging */
		fake_field_set(&cpu, NVMX_GUEST_CR0, 0x31);
		fake_field_set(&cpu, NVMX_ENTRY_CTLS, fake_field(&cpu, NVMX_ENTRY_CTLS) & ~NVMX_ENTRY_IA32E);
		fake_field_set(&cpu, NVMX_GUEST_CS_AR, 0xc09b);
		break;
	case 1: /* PAE */
		fake_field_set(&cpu, NVMX_ENTRY_CTLS, fake_field(&cpu, NVMX_ENTRY_CTLS) & ~NVMX_ENTRY_IA32E);
		fake_field_set(&cpu, NVMX_GUEST_CS_AR, 0xc09b);
		break;
	case 2: /* virtual-8086 mode */
		fake_field_set(&cpu, NVMX_ENTRY_CTLS, fake_field(&cpu, NVMX_ENTRY_CTLS) & ~NVMX_ENTRY_IA32E);
		fake_field_set(&cpu, NVMX_GUEST_RFLAGS, NVMX_RFLAGS_VM | 2);
		for (unsigned n = 0; n < 6; n++) {
			fake_field_set(&cpu, NVMX_GUEST_ES_BASE + 2 * n, fake_field(&cpu, NVMX_GUEST_ES_SEL + 2 * n) << 4);
			fake_field_set(&cpu, NVMX_GUEST_ES_LIMIT + 2 * n, 0xffff);
			fake_field_set(&cpu, NVMX_GUEST_ES_AR + 2 * n, 0xf3);
		}
		break;
	default:
		break;
	}
	if (!rnd(3)) /* user mode */
		for (unsigned n = 0; n < 6; n++) {
			fake_field_set(&cpu, NVMX_GUEST_ES_SEL + 2 * n, fake_field(&cpu, NVMX_GUEST_ES_SEL + 2 * n) | 3);
			fake_field_set(&cpu, NVMX_GUEST_ES_AR + 2 * n, fake_field(&cpu, NVMX_GUEST_ES_AR + 2 * n) | 0x60);
		}
}

static const uint64_t edges[] = {
	0, 1, 2, 3, 7, 8, 0xf, 0x10, 0x20, 0x7f, 0xff, 0x100, 0xfff, 0x1000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
	0x100000000, 0x7ffffff000, 0x8000000000, 0x7fffffffffff, 0x800000000000, 0xffff7fffffffffff, 0xffff800000000000,
	0x0100000000000000, 0xff00000000000000, 0x8000000000000000, ~0ull, 0x0606060606060606, 0x0606060206060606, 0x500, 0xd01,
	FAKE_VMCS_A, FAKE_VMCS_B, FAKE_VMCS_SHADOW, FAKE_VAPIC, FAKE_MSR_BITMAP, 0x80000000 | 0x30e, 0x80000b0e, 0x80000306, 0x80000202,
	0x80000300 | NVMX_VECTOR_MC, 0x80000300 | NVMX_VECTOR_DB, 0x80000b0d, 0x80000400, 0x80000603, 0x80000700, 0x80000020, 0x4000,
	0x9b, 0xa09b, 0xc09b, 0xc093, 0x93, 0xf3, 0x82, 0x8b, 0x83, 0x10093, 0x10000, 0xa09f, 0xc0fb, 0x5000, 0x400, 0x16, 0x1ffff,
};

static void mutate(uint32_t encoding)
{
	uint64_t value = fake_field(&cpu, encoding);

	switch (rnd(5)) {
	case 0:
	case 1:
		value ^= 1ull << rnd(64);
		break;
	case 2:
		value ^= 1ull << rnd(32) | 1ull << rnd(32);
		break;
	case 3:
		value = edges[rnd(COUNT(edges))];
		break;
	default:
		value = rnd(2) ? rnd64() & rnd64() & rnd64() : rnd64();
	}
	fake_field_set(&cpu, encoding, value);
}

/* The controls and fields of which a rule mostly needs another one too. */
static const uint16_t hubs[] = {
	NVMX_PIN_CTLS, NVMX_PROC_CTLS, NVMX_PROC_CTLS2, NVMX_EXIT_CTLS, NVMX_ENTRY_CTLS, NVMX_ENTRY_INTR_INFO, NVMX_GUEST_CR0,
	NVMX_GUEST_CR4, NVMX_GUEST_RFLAGS, NVMX_GUEST_INTERRUPTIBILITY, NVMX_GUEST_ACTIVITY, NVMX_GUEST_PENDING_DBG,
	NVMX_GUEST_CS_AR, NVMX_GUEST_SS_AR, NVMX_VMCS_LINK_POINTER, NVMX_GUEST_EFER, NVMX_HOST_CR4, NVMX_GUEST_DEBUGCTL,
	NVMX_GUEST_PDPTE0, NVMX_TPR_THRESHOLD, NVMX_EPT_POINTER,
};

static uint64_t one_of(const uint64_t *values, size_t n)
{
	return values[rnd(n)];
}
#define ONE_OF(...) one_of((const uint64_t[]){ __VA_ARGS__ }, COUNT(((const uint64_t[]){ __VA_ARGS__ })))

static void set(uint32_t encoding, uint64_t value)
{
	fake_field_set(&cpu, encoding, value);
}

static void change(uint32_t encoding, uint64_t clear, uint64_t add)
{
	set(encoding, (fake_field(&cpu, encoding) & ~clear) | add);
}

/* An event, and what it meets. */
static void theme_event(void)
{
	uint64_t vector = ONE_OF(0, 1, 2, 3, 6, 8, 9, 10, 13, 14, 17, 18, 21, 31, 32, 64, 255);
	uint64_t type = ONE_OF(0, 0, 2, 2, 3, 3, 3, 4, 5, 6, 7, 1);

	if (type == NVMX_EVENT_NMI && rnd(8))
		vector = 2;
	if (type == NVMX_EVENT_OTHER && rnd(4))
		vector = 0;
	set(NVMX_ENTRY_INTR_INFO, NVMX_INTR_VALID | type << 8 | vector | (rnd(3) ? 0 : NVMX_INTR_DELIVER_EC) |
	    (rnd(16) ? 0 : 1ull << (12 + rnd(19))));
	set(NVMX_ENTRY_INSTR_LEN, ONE_OF(0, 1, 2, 15, 16));
	set(NVMX_ENTRY_EXC_ERROR_CODE, ONE_OF(0, 0, 0x1f, 0xffff, 0x10000, 0x80000000));
	set(NVMX_GUEST_ACTIVITY, ONE_OF(0, 0, 0, 1, 1, 2, 3, 4));
	set(NVMX_GUEST_INTERRUPTIBILITY, rnd(2) ? 0 : ONE_OF(1, 2, 3, 4, 8, 9, 10, 16, 18, 32));
	change(NVMX_GUEST_RFLAGS, NVMX_RFLAGS_IF, rnd(4) ? NVMX_RFLAGS_IF : 0);
	change(NVMX_PIN_CTLS, 0, rnd(2) ? 0 : NVMX_PIN_NMI | NVMX_PIN_VNMI);
}

static void theme_stepping(void)
{
	change(NVMX_GUEST_RFLAGS, 0, NVMX_RFLAGS_IF | (rnd(2) ? NVMX_RFLAGS_TF : 0));
	set(NVMX_GUEST_DEBUGCTL, ONE_OF(0, 1, 2, 3, 4));
	set(NVMX_GUEST_PENDING_DBG, ONE_OF(0, 0x4000, 0x4000, 0x100f, 0x5001, 0x8000, 0x10, 0x11000, 0x1000f));
	set(NVMX_GUEST_INTERRUPTIBILITY, ONE_OF(0, 1, 2));
	set(NVMX_GUEST_ACTIVITY, ONE_OF(0, 0, 1));
}

static void theme_areas(void)
{
	static const uint16_t areas[][2] = {
		{ NVMX_ENTRY_MSR_LOAD_ADDR, NVMX_ENTRY_MSR_LOAD_COUNT }, { NVMX_EXIT_MSR_STORE_ADDR, NVMX_EXIT_MSR_STORE_COUNT },
		{ NVMX_EXIT_MSR_LOAD_ADDR, NVMX_EXIT_MSR_LOAD_COUNT },
	};
	unsigned n = (unsigned)rnd(3);

	set(areas[n][0], ONE_OF(0, 0x1000, 0x1008, 0x7ffffff0f0, 0x7fffffffe0, 0x7ffffffff0, 0x8000000000, ~0xfull));
	set(areas[n][1], ONE_OF(0, 1, 2, 3, 0x0fffffff, 0x10000000, 0xffffffff));
}

static void theme_segment(void)
{
	unsigned n = (unsigned)rnd(8);

	if (n == FAKE_SEG_LDTR) {
		set(NVMX_GUEST_LDTR_AR, 0x82);
		set(NVMX_GUEST_LDTR_LIMIT, 0xfff);
	}
	switch (rnd(4)) {
	case 0:
		set(NVMX_GUEST_ES_SEL + 2 * n, rnd(16));
		break;
	case 1:
		set(NVMX_GUEST_ES_BASE + 2 * n, ONE_OF(0, 0x100, 0xffffffff, 0x100000000, 0x7fffffffffff, 0x800000000000,
						    0xffff800000000000, 0x00ffffffffffffff, 0x0100000000000000));
		break;
	case 2:
		set(NVMX_GUEST_ES_LIMIT + 2 * n, ONE_OF(0, 0xfff, 0xfffff, 0x100000, 0x100fff, 0xfffffffe, 0xffffffff, 0xffff));
		break;
	default:
		change(NVMX_GUEST_ES_AR + 2 * n, 0, 0);
	}
	if (rnd(2))
		change(NVMX_GUEST_ES_AR + 2 * n, 0x1f, rnd(32));
	if (rnd(2))
		set(NVMX_GUEST_ES_AR + 2 * n, fake_field(&cpu, NVMX_GUEST_ES_AR + 2 * n) ^ 1ull << rnd(20));
}

static void theme_host(void)
{
	static const uint16_t some[] = {
		NVMX_HOST_SS_SEL, NVMX_HOST_CS_SEL, NVMX_HOST_TR_SEL, NVMX_HOST_RIP, NVMX_HOST_CR0, NVMX_HOST_CR4, NVMX_HOST_EFER,
		NVMX_HOST_S_CET, NVMX_HOST_SSP, NVMX_HOST_INT_SSP_TABLE, NVMX_HOST_PKRS, NVMX_HOST_PERF_GLOBAL_CTRL, NVMX_HOST_PAT,
	};

	if (rnd(2)) { /* a host outside IA-32e mode */
		change(NVMX_EXIT_CTLS, NVMX_EXIT_HOST_64, 0);
		change(NVMX_ENTRY_CTLS, NVMX_ENTRY_IA32E, 0);
		set(NVMX_GUEST_CS_AR, 0xc09b);
		set(NVMX_HOST_EFER, ONE_OF(0, 0x500, 0x100, 0x400));
		cpu.a.efer = 0;
	}
	change(NVMX_HOST_CR4, 0, ONE_OF(0, 0, NVMX_CR4_CET, NVMX_CR4_PCIDE, NVMX_CR4_LA57));
	change(NVMX_EXIT_CTLS, 0, nvmx_caps_may(&caps, NVMX_MSR_VMX_TRUE_EXIT_CTLS) & rnd64() & ~(uint64_t)NVMX_EXIT_HOST_64 &
	       ~(uint64_t)NVMX_EXIT_SAVE_PREEMPTION_TIMER);
	if (rnd(4))
		set(some[rnd(COUNT(some))], edges[rnd(COUNT(edges))]);
}

static void theme_protection(void)
{
	const uint32_t loads = NVMX_ENTRY_LOAD_CET | NVMX_ENTRY_LOAD_PKRS | NVMX_ENTRY_LOAD_BNDCFGS | NVMX_ENTRY_LOAD_PERF |
			       NVMX_ENTRY_LOAD_PAT | NVMX_ENTRY_LOAD_EFER;
	static const uint16_t some[] = { NVMX_GUEST_S_CET, NVMX_GUEST_SSP, NVMX_GUEST_INT_SSP_TABLE, NVMX_GUEST_PKRS,
					 NVMX_GUEST_BNDCFGS, NVMX_GUEST_PERF_GLOBAL_CTRL, NVMX_GUEST_PAT, NVMX_GUEST_EFER };
	static const uint16_t hosts[] = { NVMX_HOST_S_CET, NVMX_HOST_SSP, NVMX_HOST_INT_SSP_TABLE, NVMX_HOST_PKRS };

	change(NVMX_ENTRY_CTLS, 0, loads & rnd64());
	change(NVMX_EXIT_CTLS, 0, (NVMX_EXIT_LOAD_CET | NVMX_EXIT_LOAD_PKRS) & rnd64());
	change(NVMX_GUEST_CR4, 0, rnd(3) ? 0 : NVMX_CR4_CET);
	change(NVMX_GUEST_CR0, rnd(3) ? 0 : NVMX_CR0_WP, 0);
	for (unsigned n = 0; n < 2; n++)
		set(rnd(3) ? some[rnd(COUNT(some))] : hosts[rnd(COUNT(hosts))],
		    ONE_OF(0, 1, 2, 3, 4, 8, 0x40, 0x3c0, 0x400, 0x800, 0xc00, 0xffffffff, 0x100000000, 0x7fffffffff03,
			   0x7fffffffff00, 0x0000800000000000, 0x0000800000000004, 0xffff800000000000, 0x01fffffffffff000,
			   0x0100000000000000, 0xff00000000000000, 0x70000000f, 0x500, 0xd01, 0x100, 0x400, 0x0606060606060607));
}

static void theme_controls(void)
{
	static const uint16_t addresses[] = {
		NVMX_VIRTUAL_APIC_ADDR, NVMX_APIC_ACCESS_ADDR, NVMX_POSTED_INT_DESC_ADDR, NVMX_PML_ADDRESS, NVMX_EPTP_LIST_ADDR,
		NVMX_VMREAD_BITMAP, NVMX_VMWRITE_BITMAP, NVMX_VE_INFO_ADDR, NVMX_MSR_BITMAP, NVMX_IO_BITMAP_A, NVMX_IO_BITMAP_B,
		NVMX_EPT_POINTER, NVMX_TPR_THRESHOLD, NVMX_VMFUNC_CTLS, NVMX_TSC_MULTIPLIER, NVMX_VPID, NVMX_POSTED_INT_NV,
	};
	uint64_t proc2 = nvmx_caps_may(&caps, NVMX_MSR_VMX_PROCBASED_CTLS2) & rnd64();

	if (rnd(4))
		proc2 |= NVMX_PROC2_EPT;
	set(NVMX_PROC_CTLS2, proc2);
	change(NVMX_PROC_CTLS, 0, rnd(4) ? NVMX_PROC_TPR_SHADOW : 0);
	change(NVMX_PIN_CTLS, 0, NVMX_PIN_EXT_INT | NVMX_PIN_NMI | (proc2 & NVMX_PROC2_VID && rnd(2) ? NVMX_PIN_POSTED_INT : 0));
	change(NVMX_EXIT_CTLS, 0, rnd(8) ? NVMX_EXIT_ACK_INT : 0);
	set(NVMX_VMFUNC_CTLS, rnd(2));
	if (rnd(2))
		set(addresses[rnd(COUNT(addresses))], rnd(3) ? 0 : ONE_OF( 1, 0xf, 0x10, 0x3f, 0x40, 0x800, 0xff, 0x100, 0x1000, 0x101e, 0x109e,
			0x1016, 0x1018, 0x1026, 0x111e, 0x1ffff, 0x7fffffffc0, 0x7ffffff000, 0x8000000000, 0x800000001e, 0x10000000000));
}

static void theme_pdptes(void)
{
	change(NVMX_ENTRY_CTLS, NVMX_ENTRY_IA32E, 0);
	set(NVMX_GUEST_CS_AR, 0xc09b);
	if (rnd(2))
		change(NVMX_PROC_CTLS2, NVMX_PROC2_EPT | NVMX_PROC2_UNRESTRICTED | NVMX_PROC2_PML | NVMX_PROC2_VMFUNC | NVMX_PROC2_MODE_EXEC, 0);
	set(NVMX_GUEST_CR3, FAKE_L2_DATA + 32 * rnd(8));
	for (unsigned i = 0; i < 4; i++) {
		uint64_t value = rnd(3) ? 0x1001 : (0x1001 | 1ull << rnd(64)) & (rnd(4) ? ~0ull : ~1ull);

		set(NVMX_GUEST_PDPTE0 + 2 * i, value);
		memcpy(mem.ram + (fake_field(&cpu, NVMX_GUEST_CR3) & 0xffffffe0u) + 8 * i, &value, 8);
	}
}

static void make_state(void)
{
	static void (*const themes[])(void) = { theme_event, theme_event, theme_stepping, theme_areas, theme_segment, theme_segment,
						theme_host, theme_protection, theme_controls, theme_pdptes };

	make_caps();
	build_passing();
	cpu.a.efer = rnd(16) ? NVMX_EFER_LME | NVMX_EFER_LMA : 0;
	choose_mode();
	for (uint64_t n = 1 + rnd(2); n; n--)
		themes[rnd(COUNT(themes))]();
	if (!rnd(3))
		mutate(hubs[rnd(COUNT(hubs))]);
	if (!rnd(3))
		mutate(nvmx_field_rows[rnd(NVMX_ROWS)].encoding);
}

static uint64_t at(uint64_t gpa, unsigned len)
{
	uint64_t value = 0;
	const void *p = fake_at(&mem, gpa);

	if (!p)
		return len == 8 ? ~0ull : (1ull << 8 * len) - 1;
	memcpy(&value, p, len);
	return value;
}

static struct nvmx_check_input input(void)
{
	struct nvmx_check_input in = { .v12 = &v12, .caps = &caps, .current_vmcs = cpu.vmcs };

	for (unsigned row = 0; row < NVMX_ROWS; row++)
		nvmx_v12_set(&v12, row, fake_field(&cpu, nvmx_field_rows[row].encoding));
	in.l1_ia32e = cpu.a.efer & NVMX_EFER_LMA;
	in.link_revision = (uint32_t)at(v12.vmcs_link_pointer, 4);
	in.vtpr = (uint8_t)at(v12.virtual_apic_addr + 0x80, 1);
	in.vtpr_known = in.pdpte_known = true;
	for (unsigned i = 0; i < 4; i++)
		in.pdpte[i] = at((v12.guest_cr3 & 0xffffffe0u) + 8 * i, 8);
	return in;
}

struct verdict {
	enum nvmx_consequence kind;
	uint64_t detail; /* the error, or the qualification */
};

static struct verdict of_row(const struct nvmx_check_row *row)
{
	if (!row)
		return (struct verdict){ NVMX_CHECK_PASS, 0 };
	return (struct verdict){ (enum nvmx_consequence)row->consequence,
				 row->consequence == NVMX_CHECK_VMFAIL ? row->error : row->qualification };
}

static struct verdict of_processor(void)
{
	struct fake_arch before = cpu.a;
	struct verdict v = { NVMX_CHECK_PASS, 0 };
	int outcome;

	/* The verdict is wanted, not what the entry then does with MSR areas and events. */
	cpu.stop = FAKE_RUNNING;
	cpu.clock++; /* each state is an instruction of its own */
	outcome = fake_vmenter(&cpu, true);
	if (outcome > 0)
		v = (struct verdict){ NVMX_CHECK_VMFAIL, (uint64_t)outcome };
	else if (cpu.refused)
		v = (struct verdict){ NVMX_CHECK_ENTRY_FAIL, fake_field(&cpu, NVMX_EXIT_QUALIFICATION) };
	cpu.a = before;
	cpu.guest = false;
	return v;
}

/* Whether a row that does not hold gives that verdict too. */
static bool also_by_a_row(const struct nvmx_check_input *in, struct verdict v)
{
	size_t n;
	const struct nvmx_check_row *rows = nvmx_check_rows(&n);

	for (size_t i = 0; i < n; i++)
		if (of_row(&rows[i]).kind == v.kind && of_row(&rows[i]).detail == v.detail && !rows[i].holds(in))
			return true;
	return false;
}

/* True if the readers agree. */
static bool agree(uint64_t seed, const char **refused)
{
	struct nvmx_check_input in;
	const struct nvmx_check_row *row;
	struct verdict ours, theirs;

	random_state = (seed + 1) * 0x9e3779b97f4a7c15ull;
	make_state();
	in = input();
	row = nvmx_check_entry(&in, NVMX_GROUPS_ALL);
	theirs = of_row(row);
	ours = of_processor();
	fake_vmclear(&cpu, FAKE_VMCS_A);
	fake_vmptrld(&cpu, FAKE_VMCS_A);
	*refused = row ? row->id : NULL;
	if (ours.kind == theirs.kind && (ours.detail == theirs.detail || also_by_a_row(&in, ours)))
		return true;
	fprintf(stderr, "seed %llu: the library %s (%d, %llu); the processor %s (%d, %llu)\n", (unsigned long long)seed,
		row ? row->id : "passes", (int)theirs.kind, (unsigned long long)theirs.detail, cpu.refused ? cpu.refused : "passes",
		(int)ours.kind, (unsigned long long)ours.detail);
	return false;
}

static void the_two_readers_agree(void **state)
{
	uint64_t first = setting("NVMX_SEED", 1), runs = setting("NVMX_RUNS", getenv("NVMX_SEED") ? 1 : RUNS);
	uint64_t failed = 0, entered = 0;
	const char *refused;

	(void)state;
	fake_mem_init(&mem, 0);
	fake_memory_image(mem.ram);
	make_caps();
	fake_cpu_init(&cpu, &caps, &mem, &trace);
	fake_l1_state(&cpu.a);
	cpu.native = true;
	assert_int_equal(fake_vmxon(&cpu, FAKE_VMXON_REGION), FAKE_VM_SUCCEED);
	assert_int_equal(fake_vmptrld(&cpu, FAKE_VMCS_A), FAKE_VM_SUCCEED);
	for (uint64_t seed = first; seed < first + runs && failed < 20; seed++) {
		failed += !agree(seed, &refused);
		entered += !refused;
	}
	fake_mem_free(&mem);
	printf("%llu states, %llu of them entered\n", (unsigned long long)runs, (unsigned long long)entered);
	assert_int_equal(failed, 0);
	if (runs >= 1000) /* the states are neither all good nor all bad */
		assert_true(entered > runs / 100 && entered < runs / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_two_readers_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* SDM 26.4, 27.4, 27.6: the MSR-load and MSR-store lists. */
#include "exit.h"

CODE(l_rdmsr, "rdmsr");
CODE(l_wrmsr, "wrmsr");
CODE(l_nop, "nop");

struct msr_entry { u32 index, reserved; u64 value; };
static struct msr_entry *list;
static u8 *bitmap;

static const struct { const char *name; u32 msr; u64 value; } loadable[] = {
	{ "star", MSR_STAR, 0x0013000800000000 }, { "lstar", MSR_LSTAR, 0x123456789000 },
	{ "cstar", MSR_CSTAR, 0x7fff12345678 }, { "sfmask", MSR_SFMASK, 0x47700 },
	{ "kernel_gs_base", MSR_KERNEL_GS_BASE, 0x7edcba987654 }, { "sysenter_cs", MSR_SYSENTER_CS, 0x1230 },
	{ "sysenter_esp", MSR_SYSENTER_ESP, 0x765432100 }, { "sysenter_eip", MSR_SYSENTER_EIP, 0x712345670 },
};

static void prepare(const u8 *code, u32 msr, u64 value)
{
	struct exit_row row = { "", code, { .proc = PROC_MSR_BITMAPS }, .rcx = msr, .rax = (u32)value, .rdx = value >> 32 };

	exit_prepare(&row);
	vmwrite_try(MSR_BITMAP, phys(bitmap));
	memset(list, 0, PAGE_SIZE);
}

static void loads(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(loadable); i++) {
		u64 before = rdmsr(loadable[i].msr);

		prepare(l_rdmsr, loadable[i].msr, 0);
		list[0] = (struct msr_entry){ loadable[i].msr, 0, loadable[i].value };
		vmwrite(ENTRY_MSR_LOAD_ADDRESS, phys(list));
		vmwrite(ENTRY_MSR_LOAD_COUNT, 1);
		list[1] = (struct msr_entry){ loadable[i].msr, 0, before };
		vmwrite(EXIT_MSR_LOAD_ADDRESS, phys(&list[1]));
		vmwrite(EXIT_MSR_LOAD_COUNT, 1);
		check(text("load.%s", loadable[i].name), guest_run(), RUNS);
		check_number(text("load.%s.in_l2", loadable[i].name), (u32)guest.regs.rax | guest.regs.rdx << 32,
			     loadable[i].value);
		check_number(text("load.%s.back", loadable[i].name), rdmsr(loadable[i].msr) == before, 1);
	}
}

/* What L2 wrote is stored at the exit, before the host's value is loaded. */
static void stores(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(loadable); i++) {
		prepare(l_wrmsr, loadable[i].msr, loadable[i].value);
		list[0] = (struct msr_entry){ loadable[i].msr, 0, ~0ull };
		list[1] = (struct msr_entry){ loadable[i].msr, 0, 0x40 };
		vmwrite(EXIT_MSR_STORE_ADDRESS, phys(&list[0]));
		vmwrite(EXIT_MSR_STORE_COUNT, 1);
		vmwrite(EXIT_MSR_LOAD_ADDRESS, phys(&list[1]));
		vmwrite(EXIT_MSR_LOAD_COUNT, 1);
		check(text("store.%s", loadable[i].name), guest_run(), RUNS);
		check_number(text("store.%s.value", loadable[i].name), list[0].value, loadable[i].value);
		check_number(text("store.%s.loaded", loadable[i].name), rdmsr(loadable[i].msr), 0x40);
		wrmsr(loadable[i].msr, 0);
	}
}

static void long_list(void)
{
	prepare(l_nop, 0, 0);
	for (unsigned i = 0; i < 200; i++)
		list[i] = (struct msr_entry){ MSR_LSTAR, 0, 0x1000 * i };
	vmwrite(EXIT_MSR_LOAD_ADDRESS, phys(list));
	vmwrite(EXIT_MSR_LOAD_COUNT, 200);
	check("long.order", guest_run(), RUNS);
	check_number("long.last_wins", rdmsr(MSR_LSTAR), 0x1000 * 199);
	wrmsr(MSR_LSTAR, 0);
}

/* SDM 26.4: what makes loading an entry fail. */
static const struct { const char *name; struct msr_entry entry; } bad[] = {
	{ "fs_base", { MSR_FS_BASE, 0, 0 } }, { "gs_base", { MSR_GS_BASE, 0, 0 } },
	{ "x2apic_800", { 0x800, 0, 0 } }, { "x2apic_8ff", { 0x8ff, 0, 0 } }, { "x2apic_83f", { 0x83f, 0, 0 } },
	{ "smm_monitor", { 0x9b, 0, 0 } },
	{ "reserved0", { MSR_LSTAR, 1, 0 } }, { "reserved31", { MSR_LSTAR, 1u << 31, 0 } },
	{ "noncanonical", { MSR_LSTAR, 0, BIT(62) } }, { "efer_reserved", { MSR_EFER, 0, ~0ull } },
	{ "pat_value", { MSR_PAT, 0, 2 } }, { "read_only", { MSR_VMX_BASIC, 0, 0 } },
};

static void failures(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		unsigned at = i % 3;

		prepare(l_nop, 0, 0);
		for (unsigned k = 0; k < at; k++)
			list[k] = (struct msr_entry){ MSR_CSTAR, 0, 0x1000 * (k + 1) };
		list[at] = bad[i].entry;
		vmwrite(ENTRY_MSR_LOAD_ADDRESS, phys(list));
		vmwrite(ENTRY_MSR_LOAD_COUNT, 3);
		check(text("fail.%s", bad[i].name), guest_run(), text("entry failure 34 q=%u", at + 1));
	}
}

/* SDM 26.8: after a failure L2's state is as it was, the host's is loaded, and the VMCS is not launched. */
static void after_failure(void)
{
	prepare(l_nop, 0, 0);
	list[0] = (struct msr_entry){ MSR_CSTAR, 0, 0x5000 };
	list[1] = (struct msr_entry){ MSR_FS_BASE, 0, 0 };
	list[8] = (struct msr_entry){ MSR_LSTAR, 0, 0x6000 };
	vmwrite(ENTRY_MSR_LOAD_ADDRESS, phys(list));
	vmwrite(ENTRY_MSR_LOAD_COUNT, 2);
	vmwrite(EXIT_MSR_LOAD_ADDRESS, phys(&list[8]));
	vmwrite(EXIT_MSR_LOAD_COUNT, 1);
	vmwrite(ENTRY_INTR_INFO, INTR_VALID | INTR_HARD_EXCEPTION | VEC_UD);
	check("failed", guest_run(), "entry failure 34 q=2");
	check_number("failed.rip", vmread(GUEST_RIP) - phys(l_nop), 0);
	check_number("failed.event_kept", vmread(ENTRY_INTR_INFO), INTR_VALID | INTR_HARD_EXCEPTION | VEC_UD);
	check_number("failed.earlier_loaded", rdmsr(MSR_CSTAR), 0x5000);
	check_number("failed.exit_list", rdmsr(MSR_LSTAR), 0x6000);
	check("failed.not_launched", result_text((enum vmx_result)l2_enter(&guest.regs, 1)), "VMfailValid 5");
	wrmsr(MSR_CSTAR, 0);
	wrmsr(MSR_LSTAR, 0);
}

void conform_lists(void)
{
	theme("list");
	exit_begin();
	list = page_alloc();
	bitmap = page_alloc();
	if (!can(caps.proc, PROC_MSR_BITMAPS)) {
		skip("lists", "MSR bitmaps");
		return;
	}
	loads();
	stores();
	long_list();
	failures();
	after_failure();
}

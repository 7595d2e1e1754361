/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* IA32_PKRS in L2: what entries load and exits save and load (SDM 26.3.2.1, 27.3.1, 27.5.1), and what it then does (4.6.2). */
#include "exit.h"

CODE(p_rdmsr, "rdmsr");
CODE(p_wrmsr, "wrmsr");
CODE(p_read, "movl (%rdx), %eax");
CODE(p_write, "movl %eax, (%rdx)");

enum { KEY = 5, ACCESS_DISABLE = 1, WRITE_DISABLE = 2 };
#define ENTRY ENTRY_LOAD_PKRS
#define EXIT EXIT_LOAD_PKRS
#define HOSTS 0x40000000ull	/* L1's, of a key that nothing has */
#define GUESTS 0x80000000ull

static bool prepare(const u8 *code, u64 pkrs, u32 entry, u32 exit)
{
	struct exit_row row = { "", code, { .entry = entry, .exit = exit } };

	if (!exit_prepare_open(&row))
		return false;
	vmwrite(GUEST_CR4, vmread(GUEST_CR4) | CR4_PKS);
	vmwrite(GUEST_PKRS, pkrs);
	vmwrite(HOST_PKRS, HOSTS);
	guest.regs.rcx = MSR_PKRS;
	return true;
}

static void loads(void)
{
	static const struct { const char *name; u32 entry, exit; } with[] = { { "both", ENTRY, EXIT }, { "entry", ENTRY, 0 },
		{ "exit", 0, EXIT }, { "neither", 0, 0 } };

	for (unsigned i = 0; i < ARRAY_SIZE(with); i++) {
		u64 in_l2 = with[i].entry ? GUESTS : 0x10000000;

		wrmsr(MSR_PKRS, 0x10000000);
		prepare(p_rdmsr, GUESTS, with[i].entry, with[i].exit);
		check(text("%s.rdmsr", with[i].name), guest_run(), RUNS);
		check_number(text("%s.loaded", with[i].name), (u32)guest.regs.rax, in_l2);
		check_number(text("%s.saved", with[i].name), vmread(GUEST_PKRS), in_l2);
		check_number(text("%s.host", with[i].name), rdmsr(MSR_PKRS), with[i].exit ? HOSTS : in_l2);
		prepare(p_wrmsr, GUESTS, with[i].entry, with[i].exit);
		guest.regs.rax = 0x20000000;
		check(text("%s.wrmsr", with[i].name), guest_run(), RUNS);
		check_number(text("%s.written", with[i].name), vmread(GUEST_PKRS), 0x20000000);
		check_number(text("%s.host_again", with[i].name), rdmsr(MSR_PKRS), with[i].exit ? HOSTS : 0x20000000);
	}
	wrmsr(MSR_PKRS, 0);
}

/* Supervisor pages alone have these keys; bit 5 of the page fault's error code tells. */
static void judged(void)
{
	u64 super = window_map(1, phys(page_alloc()), PTE_P | PTE_W | PTE_AD | PTE_KEY(KEY));
	u64 user = window_map(2, phys(page_alloc()), PTE_P | PTE_W | PTE_U | PTE_AD | PTE_KEY(KEY));

	for (unsigned rights = 0; rights < 4; rights++) {
		for (unsigned write = 0; write < 2; write++) {
			bool denied = rights & ACCESS_DISABLE || (write && rights & WRITE_DISABLE);
			const char *id = text("rights%u.%s", rights, write ? "write" : "read");

			prepare(write ? p_write : p_read, (u64)rights << (2 * KEY), ENTRY, EXIT);
			guest.regs.rdx = super;
			guest_run();
			check(id, text("exit %lu err=%lx", vmread(EXIT_REASON), denied ? vmread(EXIT_INTR_ERROR) : 0),
			      denied ? text("exit 0 err=%x", write ? 0x23u : 0x21u) : "exit 18 err=0");
			prepare(write ? p_write : p_read, (u64)rights << (2 * KEY), ENTRY, EXIT);
			guest.regs.rdx = user;
			check(text("%s.user_page", id), guest_run(), RUNS);
			prepare(write ? p_write : p_read, (u64)rights << (2 * KEY), ENTRY, EXIT);
			vmwrite(GUEST_CR4, vmread(GUEST_CR4) & ~CR4_PKS);
			guest.regs.rdx = super;
			check(text("%s.cr4_clear", id), guest_run(), RUNS);
		}
	}
}

void conform_keys(void)
{
	theme("pkrs");
	exit_begin();
	if (!(caps.cr4_fixed1 & CR4_PKS) || !can(caps.entry, ENTRY) || !can(caps.exit, EXIT)) {
		skip("pkrs", "protection keys of supervisor pages");
		return;
	}
	loads();
	judged();
	wrmsr(MSR_PKRS, 0);
}

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* SDM 26.2.2 to 26.2.4: checks on the host-state area. */
#include "entry.h"

static const struct entry_row rows[] = {
	{ "cr0.ne", HOST, .change = { { HOST_CR0, CLEAR, CR0_NE } } },
	{ "cr0.pg", HOST, .change = { { HOST_CR0, CLEAR, CR0_PG } } },
	{ "cr0.pe", HOST, .change = { { HOST_CR0, CLEAR, CR0_PE | CR0_PG } } },
	{ "cr0.bit32", HOST, .change = { { HOST_CR0, OR, BIT(32) } } },
	{ "cr0.bit63", HOST, .change = { { HOST_CR0, OR, BIT(63) } } },
	{ "cr4.vmxe", HOST, .change = { { HOST_CR4, CLEAR, CR4_VMXE } } },
	{ "cr4.pae", HOST, .change = { { HOST_CR4, CLEAR, CR4_PAE } } },
	{ "cr4.bit63", HOST, .change = { { HOST_CR4, OR, BIT(63) } } },
	{ "cr4.bit32", HOST, .change = { { HOST_CR4, OR, BIT(32) } } },
	{ "cr3.wide", HOST, .change = { { HOST_CR3, WIDE } } },
	{ "cr3.bit63", HOST, .change = { { HOST_CR3, OR, BIT(63) } } },
	{ "sysenter_esp", HOST, .change = { { HOST_SYSENTER_ESP, NONCANONICAL } } },
	{ "sysenter_eip", HOST, .change = { { HOST_SYSENTER_EIP, NONCANONICAL } } },
	{ "fs_base", HOST, .change = { { HOST_FS_BASE, NONCANONICAL } } },
	{ "gs_base", HOST, .change = { { HOST_GS_BASE, NONCANONICAL } } },
	{ "tr_base", HOST, .change = { { HOST_TR_BASE, NONCANONICAL } } },
	{ "gdtr_base", HOST, .change = { { HOST_GDTR_BASE, NONCANONICAL } } },
	{ "idtr_base", HOST, .change = { { HOST_IDTR_BASE, NONCANONICAL } } },
	{ "rip", HOST, .change = { { HOST_RIP, NONCANONICAL } } },
	{ "cs.null", HOST, .change = { { HOST_CS_SELECTOR, SET, 0 } } },
	{ "tr.null", HOST, .change = { { HOST_TR_SELECTOR, SET, 0 } } },
	{ "ds.null", RUNS, .change = { { HOST_DS_SELECTOR, SET, 0 } } },
	{ "fs.null", RUNS, .change = { { HOST_FS_SELECTOR, SET, 0 } } },
	{ "address_space", HOST, .change = { { EXIT_CONTROLS, CLEAR, EXIT_HOST_64 } } },
	{ "address_space.guest32", HOST, PROTECTED, .change = { { EXIT_CONTROLS, CLEAR, EXIT_HOST_64 } } },
	{ "efer.lma", HOST, .exit = EXIT_LOAD_EFER, .change = { { HOST_EFER, CLEAR, EFER_LMA } } },
	{ "efer.lme", HOST, .exit = EXIT_LOAD_EFER, .change = { { HOST_EFER, CLEAR, EFER_LME } } },
	{ "efer.both", HOST, .exit = EXIT_LOAD_EFER, .change = { { HOST_EFER, CLEAR, EFER_LME | EFER_LMA } } },
	{ "efer.bit1", HOST, .exit = EXIT_LOAD_EFER, .change = { { HOST_EFER, OR, BIT(1) } } },
	{ "efer.bit9", HOST, .exit = EXIT_LOAD_EFER, .change = { { HOST_EFER, OR, BIT(9) } } },
	{ "efer.bit32", HOST, .exit = EXIT_LOAD_EFER, .change = { { HOST_EFER, OR, BIT(32) } } },
	{ "efer.off", RUNS, .change = { { EXIT_CONTROLS, CLEAR, EXIT_LOAD_EFER }, { HOST_EFER, SET, ~0ull } } },
	{ "perf.bit63", HOST, .exit = EXIT_LOAD_PERF_GLOBAL, .change = { { HOST_PERF_GLOBAL_CTRL, SET, BIT(63) } } },
	{ "pat.type2", HOST, .exit = EXIT_LOAD_PAT, .change = { { HOST_PAT, SET, 0x0007040600070402 } } },
	{ "pat.type3", HOST, .exit = EXIT_LOAD_PAT, .change = { { HOST_PAT, SET, 0x0007040600070306 } } },
	{ "pat.type8", HOST, .exit = EXIT_LOAD_PAT, .change = { { HOST_PAT, SET, 0x0807040600070406 } } },
	{ "pat.type80", HOST, .exit = EXIT_LOAD_PAT, .change = { { HOST_PAT, SET, 0x8007040600070406 } } },
	{ "pat.type7", RUNS, .exit = EXIT_LOAD_PAT, .change = { { HOST_PAT, SET, 0x0107040600070406 } } },
};

static void selectors(void)
{
	static const struct { const char *name; u16 field; } list[] = {
		{ "es", HOST_ES_SELECTOR }, { "cs", HOST_CS_SELECTOR }, { "ss", HOST_SS_SELECTOR },
		{ "ds", HOST_DS_SELECTOR }, { "fs", HOST_FS_SELECTOR }, { "gs", HOST_GS_SELECTOR },
		{ "tr", HOST_TR_SELECTOR } };
	static const struct { const char *name; u16 bits; } bad[] = { { "rpl1", 1 }, { "rpl2", 2 }, { "ti", 4 } };

	for (unsigned i = 0; i < ARRAY_SIZE(list); i++) {
		for (unsigned b = 0; b < ARRAY_SIZE(bad); b++) {
			const char *id = text("%s.%s", list[i].name, bad[b].name);
			struct entry_row row = { id, HOST, .change = { { list[i].field, OR, bad[b].bits } } };

			entry_rows(&row, 1);
		}
	}
}

void conform_entry_host(void)
{
	theme("host");
	entry_begin();
	entry_rows(rows, ARRAY_SIZE(rows));
	selectors();
}

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* SDM 26.3: checks on the guest-state area but segments. */
#include "entry.h"

#define PDPTE "entry failure 33 q=2"
#define STI_NMI "entry failure 33 q=3"
#define LINK "entry failure 33 q=4"
#define EVENT(type_vector) { ENTRY_INTR_INFO, SET, INTR_VALID | (type_vector) }

/* 26.3.1.1 */
static const struct entry_row registers[] = {
	{ "long", RUNS }, { "protected", RUNS, PROTECTED }, { "real", RUNS, REAL }, { "v86", RUNS, V86 },
	{ "pae", RUNS, PAE }, { "plain", RUNS, PLAIN },
	{ "cr0.ne", GUEST, .change = { { GUEST_CR0, CLEAR, CR0_NE } } },
	{ "cr0.bit32", GUEST, .change = { { GUEST_CR0, OR, BIT(32) } } },
	{ "cr0.pg_without_pe", GUEST, REAL, .change = { { GUEST_CR0, OR, CR0_PG } } },
	{ "cr0.plain_pe", GUEST, PLAIN, .change = { { GUEST_CR0, CLEAR, CR0_PE | CR0_PG } } },
	{ "cr0.plain_pg", GUEST, PLAIN, .change = { { GUEST_CR0, CLEAR, CR0_PG } } },
	{ "cr0.long_without_pg", GUEST, .change = { { GUEST_CR0, CLEAR, CR0_PG } } },
	{ "cr0.nw_cd_ignored", RUNS, .change = { { GUEST_CR0, OR, CR0_NW } } },
	{ "cr4.vmxe", GUEST, .change = { { GUEST_CR4, CLEAR, CR4_VMXE } } },
	{ "cr4.long_without_pae", GUEST, .change = { { GUEST_CR4, CLEAR, CR4_PAE } } },
	{ "cr4.bit63", GUEST, .change = { { GUEST_CR4, OR, BIT(63) } } },
	{ "cr4.bit32", GUEST, .change = { { GUEST_CR4, OR, BIT(32) } } },
	{ "cr4.pcide_32", GUEST, PROTECTED, .change = { { GUEST_CR4, OR, CR4_PCIDE } } },
	{ "cr3.wide", GUEST, .change = { { GUEST_CR3, WIDE } } },
	{ "cr3.bit63", GUEST, .change = { { GUEST_CR3, OR, BIT(63) } } },
	{ "debugctl.bit63", GUEST, .entry = ENTRY_LOAD_DEBUG, .change = { { GUEST_DEBUGCTL, SET, BIT(63) } } },
	{ "debugctl.bit32", GUEST, .entry = ENTRY_LOAD_DEBUG, .change = { { GUEST_DEBUGCTL, SET, BIT(32) } } },
	{ "debugctl.bit16", GUEST, .entry = ENTRY_LOAD_DEBUG, .change = { { GUEST_DEBUGCTL, SET, BIT(16) } } },
	{ "dr7.bit32", GUEST, .entry = ENTRY_LOAD_DEBUG, .change = { { GUEST_DR7, OR, BIT(32) } } },
	{ "dr7.bit63", GUEST, .entry = ENTRY_LOAD_DEBUG, .change = { { GUEST_DR7, OR, BIT(63) } } },
	{ "dr7.off", RUNS, .change = { { ENTRY_CONTROLS, CLEAR, ENTRY_LOAD_DEBUG }, { GUEST_DR7, OR, BIT(32) } } },
	{ "sysenter_esp", GUEST, .change = { { GUEST_SYSENTER_ESP, NONCANONICAL } } },
	{ "sysenter_eip", GUEST, .change = { { GUEST_SYSENTER_EIP, NONCANONICAL } } },
	{ "efer.lma", GUEST, .entry = ENTRY_LOAD_EFER, .change = { { GUEST_EFER, CLEAR, EFER_LMA } } },
	{ "efer.lme", GUEST, .entry = ENTRY_LOAD_EFER, .change = { { GUEST_EFER, CLEAR, EFER_LME } } },
	{ "efer.lma_32", GUEST, PROTECTED, .entry = ENTRY_LOAD_EFER, .change = { { GUEST_EFER, OR, EFER_LMA } } },
	{ "efer.lme_without_pg", RUNS, PROTECTED, .entry = ENTRY_LOAD_EFER, .change = { { GUEST_EFER, OR, EFER_LME } } },
	{ "efer.lme_pae", GUEST, PAE, .entry = ENTRY_LOAD_EFER, .change = { { GUEST_EFER, OR, EFER_LME } } },
	{ "efer.bit1", GUEST, .entry = ENTRY_LOAD_EFER, .change = { { GUEST_EFER, OR, BIT(1) } } },
	{ "efer.bit32", GUEST, .entry = ENTRY_LOAD_EFER, .change = { { GUEST_EFER, OR, BIT(32) } } },
	{ "pat.type2", GUEST, .entry = ENTRY_LOAD_PAT, .change = { { GUEST_PAT, SET, 0x0007040600070402 } } },
	{ "pat.type3", GUEST, .entry = ENTRY_LOAD_PAT, .change = { { GUEST_PAT, SET, 0x0307040600070406 } } },
	{ "pat.type8", GUEST, .entry = ENTRY_LOAD_PAT, .change = { { GUEST_PAT, SET, 0x0007040800070406 } } },
	{ "perf.bit63", GUEST, .entry = ENTRY_LOAD_PERF_GLOBAL, .change = { { GUEST_PERF_GLOBAL_CTRL, SET, BIT(63) } } },
	{ "bndcfgs.reserved", GUEST, .entry = ENTRY_LOAD_BNDCFGS, .change = { { GUEST_BNDCFGS, SET, 4 } } },
	{ "bndcfgs.noncanonical", GUEST, .entry = ENTRY_LOAD_BNDCFGS, .change = { { GUEST_BNDCFGS, NONCANONICAL } } },
};

/* 26.3.1.3, 26.3.1.4 */
static const struct entry_row tables_flags[] = {
	{ "gdtr.base", GUEST, .change = { { GUEST_GDTR_BASE, NONCANONICAL } } },
	{ "idtr.base", GUEST, .change = { { GUEST_IDTR_BASE, NONCANONICAL } } },
	{ "gdtr.limit16", GUEST, .change = { { GUEST_GDTR_LIMIT, OR, 0x10000 } } },
	{ "gdtr.limit31", GUEST, .change = { { GUEST_GDTR_LIMIT, OR, 0x80000000 } } },
	{ "idtr.limit16", GUEST, .change = { { GUEST_IDTR_LIMIT, OR, 0x10000 } } },
	{ "idtr.limit31", GUEST, .change = { { GUEST_IDTR_LIMIT, OR, 0x80000000 } } },
	{ "rip.bit47", "exit 0 q=0", .change = { { GUEST_RIP, NONCANONICAL } } },	/* bits 63:48 are identical */
	{ "rip.bit48", GUEST, .change = { { GUEST_RIP, OR, BIT(48) } } },
	{ "rip.bit63", GUEST, .change = { { GUEST_RIP, OR, BIT(63) } } },
	{ "rip.bit32_protected", GUEST, PROTECTED, .change = { { GUEST_RIP, OR, BIT(32) } } },
	{ "rip.bit32_compatibility", GUEST, .change = { { GUEST_CS_AR, SET, 0xc09b }, { GUEST_RIP, OR, BIT(32) } } },
	{ "compatibility", RUNS, .change = { { GUEST_CS_AR, SET, 0xc09b } } },
	{ "rflags.bit1", GUEST, .change = { { GUEST_RFLAGS, CLEAR, 2 } } },
	{ "rflags.bit3", GUEST, .change = { { GUEST_RFLAGS, OR, 8 } } },
	{ "rflags.bit5", GUEST, .change = { { GUEST_RFLAGS, OR, 0x20 } } },
	{ "rflags.bit15", GUEST, .change = { { GUEST_RFLAGS, OR, 0x8000 } } },
	{ "rflags.bit22", GUEST, .change = { { GUEST_RFLAGS, OR, BIT(22) } } },
	{ "rflags.bit63", GUEST, .change = { { GUEST_RFLAGS, OR, BIT(63) } } },
	{ "rflags.vm_long", GUEST, .change = { { GUEST_RFLAGS, OR, FLAGS_VM } } },
	{ "rflags.vm_real", GUEST, V86, .change = { { GUEST_CR0, CLEAR, CR0_PE } } },
	{ "rflags.if_external", GUEST, .change = { EVENT(INTR_EXTERNAL | 0x20) } },
};

#define ACTIVITY(n) { GUEST_ACTIVITY, SET, n }
#define BLOCKED(n) { GUEST_INTERRUPTIBILITY, SET, n }
#define WITH_IF { GUEST_RFLAGS, OR, FLAGS_IF }
#define WITH_TF { GUEST_RFLAGS, OR, FLAGS_TF }
#define PENDING(n) { GUEST_PENDING_DEBUG, SET, n }
#define PENDING_BS BIT(14)
#define BTF { GUEST_DEBUGCTL, SET, 2 }
#define VNMI .pin = PIN_NMI_EXITING | PIN_VIRTUAL_NMIS

/* 26.3.1.5, activity and interruptibility */
static const struct entry_row non_register[] = {
	{ "activity.4", GUEST, .change = { ACTIVITY(4) } },
	{ "activity.bit31", GUEST, .change = { ACTIVITY(0x80000000) } },
	{ "activity.hlt_dpl3", GUEST, .change = { ACTIVITY(ACT_HLT), { GUEST_SS_AR, OR, 0x60 }, { GUEST_CS_AR, OR, 0x60 },
	  { GUEST_SS_SELECTOR, OR, 3 }, { GUEST_CS_SELECTOR, OR, 3 } } },
	{ "activity.hlt_mov_ss", GUEST, .change = { ACTIVITY(ACT_HLT), BLOCKED(BLOCK_MOV_SS) } },
	{ "activity.hlt_sti", GUEST, .change = { ACTIVITY(ACT_HLT), BLOCKED(BLOCK_STI), WITH_IF } },
	{ "activity.shutdown_mov_ss", GUEST, .change = { ACTIVITY(ACT_SHUTDOWN), BLOCKED(BLOCK_MOV_SS) } },
	{ "activity.sipi_sti", GUEST, .change = { ACTIVITY(ACT_WAIT_SIPI), BLOCKED(BLOCK_STI), WITH_IF } },
	{ "activity.hlt_gp", GUEST, .change = { ACTIVITY(ACT_HLT),
	  EVENT(INTR_HARD_EXCEPTION | VEC_GP | INTR_DELIVER_ERROR) } },
	{ "activity.hlt_soft_interrupt", GUEST, .change = { ACTIVITY(ACT_HLT), EVENT(INTR_SOFT_INTERRUPT | 0x20),
	  { ENTRY_INSTRUCTION_LENGTH, SET, 2 } } },
	{ "activity.hlt_bp", GUEST, .change = { ACTIVITY(ACT_HLT), EVENT(INTR_SOFT_EXCEPTION | VEC_BP),
	  { ENTRY_INSTRUCTION_LENGTH, SET, 1 } } },
	{ "activity.shutdown_external", GUEST, .change = { ACTIVITY(ACT_SHUTDOWN), WITH_IF, EVENT(INTR_EXTERNAL | 0x20) } },
	{ "activity.shutdown_db", GUEST, .change = { ACTIVITY(ACT_SHUTDOWN), EVENT(INTR_HARD_EXCEPTION | VEC_DB) } },
	{ "activity.sipi_external", GUEST, .change = { ACTIVITY(ACT_WAIT_SIPI), WITH_IF, EVENT(INTR_EXTERNAL | 0x20) } },
	{ "activity.sipi_nmi", GUEST, .change = { ACTIVITY(ACT_WAIT_SIPI), EVENT(INTR_NMI | 2) } },
	{ "activity.sipi_mc", GUEST, .change = { ACTIVITY(ACT_WAIT_SIPI), EVENT(INTR_HARD_EXCEPTION | VEC_MC) } },
	{ "blocking.bit5", GUEST, .change = { BLOCKED(BIT(5)) } },
	{ "blocking.bit31", GUEST, .change = { BLOCKED(BIT(31)) } },
	{ "blocking.sti_and_mov_ss", GUEST, .change = { BLOCKED(BLOCK_STI | BLOCK_MOV_SS), WITH_IF } },
	{ "blocking.sti_without_if", GUEST, .change = { BLOCKED(BLOCK_STI) } },
	{ "blocking.sti", RUNS, .change = { BLOCKED(BLOCK_STI), WITH_IF } },
	{ "blocking.mov_ss", RUNS, .change = { BLOCKED(BLOCK_MOV_SS) } },
	{ "blocking.nmi", RUNS, .change = { BLOCKED(BLOCK_NMI) } },
	{ "blocking.external_sti", GUEST, .change = { BLOCKED(BLOCK_STI), WITH_IF, EVENT(INTR_EXTERNAL | 0x20) } },
	{ "blocking.external_mov_ss", GUEST, .change = { BLOCKED(BLOCK_MOV_SS), WITH_IF, EVENT(INTR_EXTERNAL | 0x20) } },
	{ "blocking.nmi_mov_ss", GUEST, .change = { BLOCKED(BLOCK_MOV_SS), EVENT(INTR_NMI | 2) } },
	{ "blocking.smi", GUEST, .change = { BLOCKED(BLOCK_SMI) } },
	{ "blocking.virtual_nmi", GUEST, VNMI, .change = { BLOCKED(BLOCK_NMI), EVENT(INTR_NMI | 2) } },
	{ "blocking.enclave_mov_ss", GUEST, .change = { BLOCKED(BLOCK_ENCLAVE | BLOCK_MOV_SS) } },
};

/* 26.3.1.5, pending debug exceptions and the VMCS link pointer; 26.3.1.6 */
static const struct entry_row pending_link[] = {
	{ "pending.bit4", GUEST, .change = { PENDING(BIT(4)) } },
	{ "pending.bit11", GUEST, .change = { PENDING(BIT(11)) } },
	{ "pending.bit13", GUEST, .change = { PENDING(BIT(13)) } },
	{ "pending.bit15", GUEST, .change = { PENDING(BIT(15)) } },
	{ "pending.bit17", GUEST, .change = { PENDING(BIT(17)) } },
	{ "pending.bit63", GUEST, .change = { PENDING(BIT(63)) } },
	{ "pending.sti_tf_without_bs", GUEST, .change = { BLOCKED(BLOCK_STI), { GUEST_RFLAGS, OR, FLAGS_IF | FLAGS_TF } } },
	{ "pending.mov_ss_tf_without_bs", GUEST, .change = { BLOCKED(BLOCK_MOV_SS), WITH_TF } },
	{ "pending.mov_ss_bs_without_tf", GUEST, .change = { BLOCKED(BLOCK_MOV_SS), PENDING(PENDING_BS) } },
	{ "pending.hlt_tf_without_bs", GUEST, .change = { ACTIVITY(ACT_HLT), WITH_TF } },
	{ "pending.hlt_bs_without_tf", GUEST, .change = { ACTIVITY(ACT_HLT), PENDING(PENDING_BS) } },
	{ "pending.mov_ss_tf_btf_bs", GUEST, .change = { BLOCKED(BLOCK_MOV_SS), WITH_TF, BTF, PENDING(PENDING_BS),
	  { ENTRY_CONTROLS, OR, ENTRY_LOAD_DEBUG } } },
	{ "link.none", RUNS, .change = { { VMCS_LINK_POINTER, SET, ~0ull } } },
	{ "link.low", LINK, .change = { { VMCS_LINK_POINTER, PAGE_OF, PAGE_LINK }, { VMCS_LINK_POINTER, OR, 1 } } },
	{ "link.bit11", LINK, .change = { { VMCS_LINK_POINTER, PAGE_OF, PAGE_LINK }, { VMCS_LINK_POINTER, OR, 0x800 } } },
	{ "link.wide", LINK, .change = { { VMCS_LINK_POINTER, PAGE_OF, PAGE_LINK }, { VMCS_LINK_POINTER, WIDE } } },
	{ "link.bit63", LINK, .change = { { VMCS_LINK_POINTER, PAGE_OF, PAGE_LINK }, { VMCS_LINK_POINTER, OR, BIT(63) } } },
	{ "link.almost_none", LINK, .change = { { VMCS_LINK_POINTER, SET, ~1ull } } },
	{ "link.revision", LINK, .change = { { VMCS_LINK_POINTER, PAGE_OF, PAGE_LINK_WRONG } } },
	{ "link.shadow_off", LINK, .change = { { VMCS_LINK_POINTER, PAGE_OF, PAGE_LINK_SHADOW } } },
	{ "link.shadow_on", RUNS, .proc2 = PROC2_VMCS_SHADOWING,
	  .change = { { VMCS_LINK_POINTER, PAGE_OF, PAGE_LINK_SHADOW } } },
	{ "link.plain_shadow_on", LINK, .proc2 = PROC2_VMCS_SHADOWING,
	  .change = { { VMCS_LINK_POINTER, PAGE_OF, PAGE_LINK } } },
	{ "link.plain", RUNS, .change = { { VMCS_LINK_POINTER, PAGE_OF, PAGE_LINK } } },
	{ "link.current", LINK, .change = { { VMCS_LINK_POINTER, PAGE_OF, PAGE_VMCS } } },
	{ "pdpte.bit1", PDPTE, PAE, .change = { { GUEST_PDPTE1, SET, 3 } } },
	{ "pdpte.bit2", PDPTE, PAE, .change = { { GUEST_PDPTE1, SET, 5 } } },
	{ "pdpte.bit5", PDPTE, PAE, .change = { { GUEST_PDPTE2, SET, 0x21 } } },
	{ "pdpte.bit8", PDPTE, PAE, .change = { { GUEST_PDPTE2, SET, 0x101 } } },
	{ "pdpte.wide", PDPTE, PAE, .change = { { GUEST_PDPTE3, SET, 1 }, { GUEST_PDPTE3, WIDE } } },
	{ "pdpte.bit63", PDPTE, PAE, .change = { { GUEST_PDPTE3, SET, BIT(63) | 1 } } },
	{ "pdpte.absent_reserved", RUNS, PAE, .change = { { GUEST_PDPTE3, SET, ~1ull } } },
	{ "pdpte.long_ignored", RUNS, .change = { { GUEST_PDPTE0, SET, 3 } } },
	{ "pdpte.protected_ignored", RUNS, PROTECTED, .change = { { GUEST_PDPTE0, SET, 3 } } },
	{ "pdpte.cr3_not_read_with_ept", RUNS, PAE, .change = { { GUEST_CR3, PAGE_OF, PAGE_PDPT_BAD } } },
};

/* 26.3.1.1 to 26.3.1.6 without EPT: PAE paging reads the PDPTEs at CR3. */
static const struct entry_row pae_memory[] = {
	{ "pdpte.memory", RUNS, PLAIN, .change = { { ENTRY_CONTROLS, CLEAR, ENTRY_GUEST_64 | ENTRY_LOAD_EFER },
	  { GUEST_CS_AR, SET, 0xc09b }, { GUEST_CS_SELECTOR, SET, SEL_CODE32 }, { GUEST_CR3, PAGE_OF, PAGE_PDPT } } },
	{ "pdpte.memory_bad", PDPTE, PLAIN, .change = { { ENTRY_CONTROLS, CLEAR, ENTRY_GUEST_64 | ENTRY_LOAD_EFER },
	  { GUEST_CS_AR, SET, 0xc09b }, { GUEST_CS_SELECTOR, SET, SEL_CODE32 }, { GUEST_CR3, PAGE_OF, PAGE_PDPT_BAD } } },
};

/* 26.3.1.5: whether an NMI may follow STI is the processor's choice, and its failure has a qualification of its own. */
static void nmi_after_sti(void)
{
	static const struct entry_row row = { .id = "blocking.nmi_sti", .change = { BLOCKED(BLOCK_STI), WITH_IF,
		EVENT(INTR_NMI | 2) } };
	const char *got;

	entry_prepare(&row);
	for (unsigned i = 0; i < ARRAY_SIZE(row.change); i++)
		entry_change(&row.change[i]);
	got = guest_run();
	check_true("blocking.nmi_sti", vmread(EXIT_REASON) != (REASON_ENTRY_FAILURE | R_GUEST_STATE) ||
		   vmread(EXIT_QUALIFICATION) == 3 || got[0] == 'V');
}

void conform_entry_guest(void)
{
	theme("guest");
	entry_begin();
	entry_rows(registers, ARRAY_SIZE(registers));
	entry_rows(tables_flags, ARRAY_SIZE(tables_flags));
	entry_rows(non_register, ARRAY_SIZE(non_register));
	nmi_after_sti();
	entry_rows(pending_link, ARRAY_SIZE(pending_link));
	entry_rows(pae_memory, ARRAY_SIZE(pae_memory));
}

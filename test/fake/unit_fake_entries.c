/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What one VM entry or exit leaves for the next: what an exit saves, what an entry does not load, and controls that change in
 * between.  Each script runs bare and nested, and after each VM entry vmcs02 is compared with one made from nothing (rebuild.c).
 */
#include "entries.h"

/* A register that an exit saves under a control, and what L2 writes into it without an exit. */
static const struct saved {
	uint32_t field, save, load;
	enum fake_op op;
	uint32_t msr;
	uint64_t l1s, l2s;
} saved[] = {
	{ NVMX_GUEST_PAT, NVMX_EXIT_SAVE_PAT, NVMX_ENTRY_LOAD_PAT, FAKE_WRMSR, NVMX_MSR_PAT, 0x0007040600070406, 0x0606060606060606 },
	{ NVMX_GUEST_EFER, NVMX_EXIT_SAVE_EFER, NVMX_ENTRY_LOAD_EFER, FAKE_WRMSR, NVMX_MSR_EFER, 0x500, 0xd01 },
	{ NVMX_GUEST_DEBUGCTL, NVMX_EXIT_SAVE_DEBUG, NVMX_ENTRY_LOAD_DEBUG, FAKE_WRMSR, NVMX_MSR_DEBUGCTL, 0, 2 },
};
#define SAVED (sizeof(saved) / sizeof(*saved))

/*
 * Four entries, at each of which the exit's "save" and the entry's "load" are as `save` and `load` say (bit n for entry n).
 * L2 changes the register before each exit.
 */
static void controls_that_change(const struct saved *s, unsigned save, unsigned load)
{
	begin();
	script_enter_vmx(&l1);
	script_vmwrite(&l1, NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_MSR_BITMAPS);
	for (unsigned n = 0; n < 4; n++) {
		script_vmwrite(&l1, NVMX_EXIT_CTLS, EXIT_MUST | NVMX_EXIT_LOAD_PAT | NVMX_EXIT_LOAD_EFER | (save >> n & 1 ? s->save : 0));
		script_vmwrite(&l1, NVMX_ENTRY_CTLS, ENTRY_MUST | NVMX_ENTRY_IA32E | (load >> n & 1 ? s->load : 0));
		if (n)
			script_advance(&l1);
		run(n ? FAKE_VMRESUME : FAKE_VMLAUNCH);
		if (n != 1) /* once L1 does not look, and vmcs02 alone has the register */
			script_vmread(&l1, s->field);
		script_msr(&l2, FAKE_RDMSR, s->msr, 0);
		script_msr(&l2, s->op, s->msr, n & 1 ? s->l1s : s->l2s);
		script_op(&l2, FAKE_VMCALL);
	}
	check();
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 3), NVMX_XR_VMCALL);
}

static void save_and_load_controls_change_between_entries(void **state)
{
	static const uint8_t loads[] = { 0, 6, 9, 15 };

	(void)state;
	for (unsigned i = 0; i < SAVED; i++)
		for (unsigned save = 0; save < 16; save++)
			controls_that_change(&saved[i], save, loads[(save + i) % 4]);
}

/* L2 changes DEBUGCTL, the exit does not save it, and then L1 has exits save it: the next entry loads what L1 wrote. */
static void a_register_that_was_not_saved_is_loaded_anew(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SAVED; i++) {
		controls_that_change(&saved[i], 0xe, 0xf);
		assert_int_equal(fake_seen(&fake_bare, saved[i].field, 1), saved[i].l2s); /* by the third exit: what L2 wrote */
		assert_int_equal(fake_seen(&fake_bare, saved[i].field, 0), saved[i].l1s); /* by the first, which saves nothing: L1's own */
	}
}

#define PDPT FAKE_L2_DATA
#define PD_A (FAKE_L2_DATA + 0x1000)
#define PD_B (FAKE_L2_DATA + 0x2000)

/* L1 is about to enter a 32-bit L2 with PAE: PD_B in memory, PD_A in its VMCS, which lead to the same. */
static void begin_with_pae(uint32_t proc2)
{
	const uint64_t pt = FAKE_L2_DATA + 0x3000;

	begin();
	script_store(&l1, PDPT, PD_B | 1, 8);
	for (unsigned i = 1; i < 4; i++)
		script_store(&l1, PDPT + 8 * i, 0, 8);
	script_store(&l1, PD_A, pt | 0x27, 8);
	script_store(&l1, PD_B, pt | 0x27, 8);
	for (unsigned i = 0; i < 0x70; i++)
		script_store(&l1, pt + 8 * i, i * 0x1000 | 0x67, 8);
	script_enter_vmx(&l1);
	script_vmwrite(&l1, NVMX_PROC_CTLS2, proc2);
	script_vmwrite(&l1, NVMX_ENTRY_CTLS, ENTRY_MUST | NVMX_ENTRY_LOAD_DEBUG | NVMX_ENTRY_LOAD_EFER);
	script_vmwrite(&l1, NVMX_EXIT_CTLS, EXIT_MUST | NVMX_EXIT_SAVE_DEBUG | NVMX_EXIT_SAVE_EFER | NVMX_EXIT_LOAD_EFER);
	script_vmwrite(&l1, NVMX_GUEST_EFER, 0);
	script_vmwrite(&l1, NVMX_GUEST_CS_AR, 0xc09b);
	script_vmwrite(&l1, NVMX_GUEST_CR3, PDPT);
	script_vmwrite(&l1, NVMX_GUEST_PDPTE0, PD_A | 1);
	for (unsigned i = 1; i < 4; i++)
		script_vmwrite(&l1, NVMX_GUEST_PDPTE0 + 2 * i, 0);
}

/* A 32-bit L2 with PAE under EPT, then without, then under EPT again: its PDPTEs are those of vmcs12 (SDM 26.3.2.4), which the
 * exit in between did not save (27.3.4). */
static void pdptes_come_back_with_ept(void **state)
{
	const uint32_t off[] = { 0, NVMX_PROC2_EPT };

	(void)state;
	for (unsigned by_secondary = 0; by_secondary < 2; by_secondary++) {
		begin_with_pae(NVMX_PROC2_EPT);
		run(FAKE_VMLAUNCH);
		for (unsigned n = 0; n < 4; n++) {
			script_vmread(&l1, NVMX_GUEST_PDPTE0);
			if (by_secondary)
				script_vmwrite(&l1, NVMX_PROC_CTLS, n & 1 ? PROC_MUST : PROC_MUST & ~NVMX_PROC_SECONDARY);
			else
				script_vmwrite(&l1, NVMX_PROC_CTLS2, off[n & 1]);
			run_again();
		}
		script_vmread(&l1, NVMX_GUEST_PDPTE0);
		for (unsigned n = 0; n < 5; n++)
			script_op(&l2, FAKE_VMCALL);
		check();
		for (unsigned n = 0; n < 5; n++) {
			assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, n), NVMX_XR_VMCALL);
			assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_PDPTE0, n), PD_A | 1);
		}
	}
}

/* Without EPT each VM entry loads them from memory, where L1 changes them without a VMWRITE (SDM 26.3.2.4). */
static void pdptes_change_between_entries(void **state)
{
	static const uint32_t reasons[] = { NVMX_XR_VMCALL, NVMX_XR_EXCEPTION_NMI, NVMX_XR_VMCALL };

	(void)state;
	begin_with_pae(0);
	script_vmwrite(&l1, NVMX_EXCEPTION_BITMAP, NVMX_BIT(NVMX_VECTOR_PF));
	run(FAKE_VMLAUNCH);
	script_store(&l1, PDPT, 0, 8);
	run_again();
	script_store(&l1, PDPT, PD_A | 1, 8);
	run(FAKE_VMRESUME);
	script_op(&l2, FAKE_VMCALL);
	script_op(&l2, FAKE_VMCALL);
	check();
	for (unsigned n = 0; n < sizeof(reasons) / sizeof(*reasons); n++)
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, n), reasons[n]);
}

static void mov_cr0(struct script *s, uint64_t value)
{
	script_movi(s, 10, value);
	script_add(s, (struct fake_insn){ .op = FAKE_MOV_TO_CR, .reg = 10, .imm = 0 });
}

static void read_cr0(struct script *s)
{
	script_add(s, (struct fake_insn){ .op = FAKE_MOV_FROM_CR, .reg = 10, .imm = 0 });
}

/*
 * Bits of CR0 that no VM transition loads (SDM 26.3.2.1, 27.5.1), in hosts that have them in hardware and in hosts that keep
 * them to themselves, as KVM does: L2 begins with L1's, whatever vmcs12 says, and L1 goes on with L2's.
 */
static const uint64_t host_masks[] = { 0, CD_NW, CD_NW | NVMX_CR0_ET, ~(uint64_t)NVMX_CR0_TS & 0xffffffff };
#define MASKS (sizeof(host_masks) / sizeof(*host_masks))

static void cr0_bits_that_no_transition_loads(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MASKS; i++) {
		begin();
		script_enter_vmx(&l1);
		mov_cr0(&l1, L1_CR0 | NVMX_CR0_CD);
		script_vmwrite(&l1, NVMX_GUEST_CR0, L1_CR0 & ~(uint64_t)NVMX_CR0_ET); /* of these bits of vmcs12 no entry loads one */
		script_vmwrite(&l1, NVMX_HOST_CR0, (L1_CR0 | CD_NW) & ~(uint64_t)NVMX_CR0_ET);
		run(FAKE_VMLAUNCH);
		read_cr0(&l1);
		script_vmread(&l1, NVMX_GUEST_CR0);
		run_again();
		read_cr0(&l1);
		script_vmread(&l1, NVMX_GUEST_CR0);
		mov_cr0(&l1, L1_CR0 | NVMX_CR0_CD);
		run_again();
		script_vmread(&l1, NVMX_GUEST_CR0);
		read_cr0(&l2);
		script_op(&l2, FAKE_VMCALL);
		mov_cr0(&l2, L1_CR0);
		read_cr0(&l2);
		script_op(&l2, FAKE_VMCALL);
		read_cr0(&l2);
		script_op(&l2, FAKE_VMCALL);
		check_with(host_masks[i], FAKE_STOP_END);
		assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_CR0, 0), L1_CR0 | NVMX_CR0_CD);
		assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_CR0, 1), L1_CR0);
		assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_CR0, 2), L1_CR0 | NVMX_CR0_CD);
	}
}

/* L1 owns the bits in L2: they stay all the same, and L2 reads L1's read shadow. */
static void cr0_bits_that_l1_owns(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MASKS; i++) {
		begin();
		script_enter_vmx(&l1);
		mov_cr0(&l1, L1_CR0 | CD_NW);
		script_vmwrite(&l1, NVMX_CR0_MASK, CD_NW);
		script_vmwrite(&l1, NVMX_CR0_SHADOW, NVMX_CR0_CD);
		run(FAKE_VMLAUNCH);
		read_cr0(&l1);
		script_vmread(&l1, NVMX_GUEST_CR0);
		read_cr0(&l2);
		script_op(&l2, FAKE_VMCALL);
		check_with(host_masks[i], FAKE_STOP_END);
		assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_CR0, 0), L1_CR0 | CD_NW);
	}
}

/* An entry that fails loads host state, too: for a check of guest state, and for an MSR.  Guest state is not saved (26.8). */
static void failed_entries_leave_cr0(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * MASKS; i++) {
		begin();
		script_enter_vmx(&l1);
		mov_cr0(&l1, L1_CR0 | NVMX_CR0_CD);
		if (i & 1) {
			script_store(&l1, FAKE_MSR_ENTRY, NVMX_MSR_FS_BASE, 8);
			script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_COUNT, 1);
		} else {
			script_vmwrite(&l1, NVMX_GUEST_RFLAGS, 0);
		}
		run(FAKE_VMLAUNCH);
		read_cr0(&l1);
		script_vmread(&l1, NVMX_GUEST_CR0);
		mov_cr0(&l1, L1_CR0);
		script_vmwrite(&l1, NVMX_GUEST_RFLAGS, 2);
		script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_COUNT, 0);
		run(FAKE_VMLAUNCH);
		script_vmread(&l1, NVMX_GUEST_CR0);
		read_cr0(&l2);
		script_op(&l2, FAKE_VMCALL);
		check_with(host_masks[i / 2], FAKE_STOP_END);
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0) & 0xffff, i & 1 ? NVMX_XR_ENTRY_FAIL_MSR : NVMX_XR_ENTRY_FAIL_GUEST);
		assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_CR0, 0), L1_CR0);
		assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_CR0, 1), L1_CR0);
	}
}

/* MSRs that L1 and L2 share, and that the host has the processor swap with its own at each entry and exit of either. */
static void msrs_that_the_host_swaps(void **state)
{
	static const uint32_t lstar = 0xc0000082, kernel_gs = 0xc0000102;

	(void)state;
	for (unsigned open = 0; open < 2; open++) {
		begin();
		script_store(&l1, FAKE_MSR_ENTRY, lstar, 8);
		script_store(&l1, FAKE_MSR_ENTRY + 8, 0x3333, 8);
		script_store(&l1, FAKE_MSR_STORE, lstar, 8);
		script_store(&l1, FAKE_MSR_EXIT, lstar, 8);
		script_store(&l1, FAKE_MSR_EXIT + 8, 0x4444, 8);
		script_enter_vmx(&l1);
		script_vmwrite(&l1, NVMX_PROC_CTLS, PROC_MUST | (open ? NVMX_PROC_MSR_BITMAPS : 0));
		script_msr(&l1, FAKE_WRMSR, lstar, 0x1111);
		script_msr(&l1, FAKE_WRMSR, kernel_gs, 0x2222);
		for (unsigned lists = 0; lists < 2; lists++) {
			script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_COUNT, lists);
			script_vmwrite(&l1, NVMX_EXIT_MSR_STORE_COUNT, lists);
			script_vmwrite(&l1, NVMX_EXIT_MSR_LOAD_COUNT, lists);
			for (unsigned n = 0; n < 5; n++) { /* without MSR bitmaps each access exits to L1 */
				if (n || lists)
					script_advance(&l1);
				run(n || lists ? FAKE_VMRESUME : FAKE_VMLAUNCH);
			}
			script_msr(&l1, FAKE_RDMSR, lstar, 0);
			script_msr(&l1, FAKE_RDMSR, kernel_gs, 0);
			script_load(&l1, 7, FAKE_MSR_STORE + 8, 8);
			for (unsigned n = 0; n < 5; n++) {
				script_msr(&l2, FAKE_RDMSR, lstar, 0);
				script_msr(&l2, FAKE_RDMSR, kernel_gs, 0);
				script_msr(&l2, FAKE_WRMSR, lstar, 0x5550 + n);
				script_msr(&l2, FAKE_WRMSR, kernel_gs, 0x6660 + n);
				script_op(&l2, FAKE_VMCALL);
			}
		}
		check_on(&(struct fake_machine){ .msr_areas = true }, FAKE_STOP_END);
		check_on(&(struct fake_machine){ .msr_areas = true, .intercept_all_msrs = true }, FAKE_STOP_END);
		check_on(&(struct fake_machine){ .msr_areas = true, .vmcs01_changes = true }, FAKE_STOP_END);
	}
}

/*
 * An APIC-access page that is no RAM of L1's, as where L1 names its own local APIC: the processor compares the address (SDM
 * 29.4).  The same EPT12 then without "virtualize APIC accesses", with another page, and with one in RAM.
 */
static void apic_access_page_without_ram(void **state)
{
	const uint64_t at = FAKE_L2_DATA + 6 * FAKE_PAGE, leaf = FAKE_EPT_A + 3 * FAKE_PAGE + at / FAKE_PAGE * 8, apic = 0x100000;
	const uint32_t on = NVMX_PROC2_EPT | NVMX_PROC2_UNRESTRICTED | NVMX_PROC2_APIC_ACCESS;
	static const struct {
		uint32_t on;
		uint64_t page, leads_to;
		bool apic;
	} entries[] = {
		{ 1, 0x100000, 0x100000, true }, { 1, 0x101000, 0x101000, true }, { 1, 0x101000, FAKE_L2_DATA, false },
		{ 1, 0x101000, 0x101000, true }, { 0, 0x101000, FAKE_L2_DATA, false }, { 1, 0x100000, 0x100000, true },
		{ 0, 0x100000, 0x100000, false }, /* a write where nothing is */
		{ 1, FAKE_L2_DATA + FAKE_PAGE, FAKE_L2_DATA + FAKE_PAGE, true },
	};

	(void)state;
	begin();
	script_enter_vmx(&l1);
	for (unsigned n = 0; n < sizeof(entries) / sizeof(*entries); n++) {
		script_vmwrite(&l1, NVMX_PROC_CTLS2, entries[n].on ? on : on & ~NVMX_PROC2_APIC_ACCESS);
		script_vmwrite(&l1, NVMX_APIC_ACCESS_ADDR, entries[n].page);
		script_store(&l1, leaf, entries[n].leads_to | 0x37, 8);
		script_invalidate(&l1, FAKE_INVEPT, 1, FAKE_EPT_A | 0x1e, 0);
		script_vmwrite(&l1, NVMX_GUEST_RIP, FAKE_L2_CODE);
		run(n ? FAKE_VMRESUME : FAKE_VMLAUNCH);
		script_vmread(&l1, NVMX_EXIT_QUALIFICATION);
		script_vmread(&l1, NVMX_GUEST_RIP);
	}
	script_store(&l2, at + 0xb0, 0, 4);
	script_op(&l2, FAKE_VMCALL);
	check();
	for (unsigned n = 0; n < sizeof(entries) / sizeof(*entries); n++) {
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, n), entries[n].apic ? NVMX_XR_APIC_ACCESS : NVMX_XR_VMCALL);
		if (entries[n].apic)
			assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_QUALIFICATION, n), 0xb0 | 1 << 12);
	}
	assert_true(apic >= FAKE_RAM_SIZE);
}

/*
 * L1 changes its bitmaps in memory, without a word to the processor, which looks at them each time (SDM 25.1.3): what L2 has reached
 * without an exit exits when L1 wants it, and no more when it does not.  (Where vmcs02 is made from nothing all is closed, which is
 * not done behind an MSR list.)
 */
static void bitmaps_change_between_entries(void **state)
{
	const uint64_t msr = FAKE_MSR_BITMAP + NVMX_MSR_SYSENTER_CS / 8, port = FAKE_IO_BITMAP + 0x60 / 8;
	static const uint32_t reasons[] = { NVMX_XR_VMCALL, NVMX_XR_RDMSR, NVMX_XR_IO, NVMX_XR_VMCALL, NVMX_XR_VMCALL };

	(void)state;
	begin();
	script_enter_vmx(&l1);
	script_vmwrite(&l1, NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_MSR_BITMAPS | NVMX_PROC_IO_BITMAPS);
	script_store(&l1, FAKE_L2_DATA, NVMX_MSR_LSTAR, 8);
	script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_ADDR, FAKE_L2_DATA);
	script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_COUNT, 1);
	for (unsigned wants = 0; wants < 3; wants++) {
		script_store(&l1, msr, wants & 1 ? NVMX_BIT(NVMX_MSR_SYSENTER_CS % 8) : 0, 1);
		script_store(&l1, port, wants & 1, 1);
		for (unsigned exits = wants & 1 ? 3 : 1; exits; exits--) {
			if (wants)
				script_advance(&l1);
			run(wants ? FAKE_VMRESUME : FAKE_VMLAUNCH);
		}
		script_msr(&l2, FAKE_RDMSR, NVMX_MSR_SYSENTER_CS, 0);
		script_add(&l2, (struct fake_insn){ .op = FAKE_IN, .imm = 0x60, .size = 1 });
		script_op(&l2, FAKE_VMCALL);
	}
	check();
	assert_int_equal(fake_nested.counters[NVMX_CNT_MSR_GRANT], 4);
	for (unsigned n = 0; n < sizeof(reasons) / sizeof(*reasons); n++)
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, n), reasons[n]);
}

/* What an MSR list has loaded when an entry of it fails is not what the next VM entry begins with (SDM 26.4, 26.8). */
static void a_list_that_failed_leaves_nothing_in_l2(void **state)
{
	const uint64_t l2s = 0x0007040600070406, lists = 0x0606060606060606;

	(void)state;
	begin();
	script_enter_vmx(&l1);
	script_store(&l1, FAKE_L2_DATA, NVMX_MSR_PAT, 8);
	script_store(&l1, FAKE_L2_DATA + 8, lists, 8);
	script_store(&l1, FAKE_L2_DATA + 16, NVMX_MSR_FS_BASE, 8);
	script_vmwrite(&l1, NVMX_ENTRY_CTLS, ENTRY_MUST | NVMX_ENTRY_IA32E | NVMX_ENTRY_LOAD_PAT);
	script_vmwrite(&l1, NVMX_EXIT_CTLS, EXIT_MUST | NVMX_EXIT_SAVE_PAT | NVMX_EXIT_LOAD_PAT | NVMX_EXIT_LOAD_EFER);
	script_vmwrite(&l1, NVMX_GUEST_PAT, l2s);
	script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_ADDR, FAKE_L2_DATA);
	for (unsigned n = 0; n < 3; n++) {
		script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_COUNT, n == 1 ? 2 : 0);
		if (n == 1)
			script_advance(&l1);
		run(n ? FAKE_VMRESUME : FAKE_VMLAUNCH);
		script_vmread(&l1, NVMX_GUEST_PAT);
	}
	script_op(&l2, FAKE_VMCALL);
	script_op(&l2, FAKE_VMCALL);
	check();
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 1), NVMX_XR_ENTRY_FAIL_MSR | NVMX_XR_ENTRY_FAILURE);
	for (unsigned n = 0; n < 3; n++)
		assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_PAT, n), l2s);
}

/* VMCALL of an L1 that is not in VMX operation, before and after (SDM 30.3): the host's, which has no hypercalls here. */
static void vmcall_outside_vmx_operation(void **state)
{
	(void)state;
	begin();
	script_op(&l1, FAKE_VMCALL);
	check();
	assert_int_equal(fake_delivered(&fake_bare, 0x80000306), 1);
	begin();
	script_enter_vmx(&l1);
	script_op(&l1, FAKE_VMCALL);
	script_vmread(&l1, NVMX_VM_INSTR_ERROR);
	script_op(&l1, FAKE_VMXOFF);
	check();
	assert_int_equal(fake_seen(&fake_bare, NVMX_VM_INSTR_ERROR, 0), NVMX_VMERR_VMCALL_IN_ROOT);
}

/* One VM entry with RFLAGS.TF that leaves L1's BTF, or the one that its MSR list loads, in force, and not that of the field. */
static void step_with(uint32_t blocking, uint32_t activity, bool field, bool listed, uint32_t event)
{
	const uint64_t btf = field ? 0 : NVMX_DEBUGCTL_BTF;

	begin();
	script_enter_vmx(&l1);
	script_vmwrite(&l1, NVMX_ENTRY_CTLS, ENTRY_MUST | NVMX_ENTRY_IA32E | (listed ? NVMX_ENTRY_LOAD_DEBUG : 0));
	script_vmwrite(&l1, NVMX_EXIT_CTLS, EXIT_MUST | NVMX_EXIT_SAVE_DEBUG);
	script_vmwrite(&l1, NVMX_GUEST_RFLAGS, 0x202 | NVMX_RFLAGS_TF);
	script_vmwrite(&l1, NVMX_GUEST_DEBUGCTL, field ? NVMX_DEBUGCTL_BTF : 0);
	script_vmwrite(&l1, NVMX_GUEST_PENDING_DBG, field ? 0 : NVMX_PENDING_DBG_BS);
	script_vmwrite(&l1, NVMX_GUEST_INTERRUPTIBILITY, blocking);
	script_vmwrite(&l1, NVMX_GUEST_ACTIVITY, activity);
	script_vmwrite(&l1, NVMX_ENTRY_INTR_INFO, event);
	if (listed) {
		script_store(&l1, FAKE_MSR_ENTRY, NVMX_MSR_DEBUGCTL, 8);
		script_store(&l1, FAKE_MSR_ENTRY + 8, btf, 8);
		script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_ADDR, FAKE_MSR_ENTRY);
		script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_COUNT, 1);
	} else {
		script_msr(&l1, FAKE_WRMSR, NVMX_MSR_DEBUGCTL, btf);
	}
	run(FAKE_VMLAUNCH);
	script_look(&l1, true);
	script_op(&l2, FAKE_NOP);
	script_op(&l2, FAKE_VMCALL);
}

#define STEPS 0x80000301u

/* SDM 26.3.1.5: the field says whether a single step is to be pending.  It is taken although the register has BTF; an event that the
 * entry injects makes it go. */
static void a_step_that_pends_in_spite_of_btf(void **state)
{
	static const struct {
		uint32_t blocking, activity, event;
	} cases[] = {
		{ NVMX_BLOCK_STI, 0, 0 },          { 0, NVMX_ACTIVITY_HLT, 0 },          { NVMX_BLOCK_STI, 0, 0x80000306 },
		{ NVMX_BLOCK_MOVSS, 0, 0x80000306 }, { 0, NVMX_ACTIVITY_HLT, 0x80000055 },
	};

	(void)state;
	for (unsigned i = 0; i < 2 * sizeof(cases) / sizeof(*cases); i++) {
		step_with(cases[i / 2].blocking, cases[i / 2].activity, false, i & 1, cases[i / 2].event);
		check();
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_VMCALL);
		assert_int_equal(fake_delivered(&fake_bare, STEPS), cases[i / 2].event ? 0 : 2); /* it has cleared BTF: NOP steps, too */
	}
}

/* What vmcs02 cannot have as the processor would: a step that pends behind MOV SS although the register has BTF, which is seen without for
 * one instruction; none behind STI or MOV SS where it has none, and L2 is there without blocking.  L2 goes on, and steps. */
static void a_step_that_vmcs02_cannot_have(void **state)
{
	struct fake_machine m = { .code = code, .codes = 2 };

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		const uint32_t blocking = i < 4 ? NVMX_BLOCK_MOVSS : NVMX_BLOCK_STI;

		step_with(blocking, 0, i >= 2, i & 1, 0);
		script_op(&l1, FAKE_END);
		code[0] = l1.code;
		code[1] = l2.code;
		for (unsigned kind = FAKE_KINDS; kind-- > 0;) {
			fake_as(&m, (enum fake_kind)kind);
			fake_run_bare(&m, &fake_bare);
			fake_run_nested(&m, &fake_nested);
			assert_null(fake_nested.refused);
			assert_int_equal(fake_seen(&fake_nested, NVMX_EXIT_REASON, 0), fake_seen(&fake_bare, NVMX_EXIT_REASON, 0));
			assert_int_equal(fake_seen(&fake_nested, NVMX_GUEST_RIP, 0), fake_seen(&fake_bare, NVMX_GUEST_RIP, 0));
			assert_int_equal(fake_delivered(&fake_nested, STEPS), fake_delivered(&fake_bare, STEPS));
		}
		assert_int_equal(fake_delivered(&fake_bare, STEPS), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(save_and_load_controls_change_between_entries),
		cmocka_unit_test(a_register_that_was_not_saved_is_loaded_anew),
		cmocka_unit_test(pdptes_come_back_with_ept),
		cmocka_unit_test(pdptes_change_between_entries),
		cmocka_unit_test(cr0_bits_that_no_transition_loads),
		cmocka_unit_test(cr0_bits_that_l1_owns),
		cmocka_unit_test(failed_entries_leave_cr0),
		cmocka_unit_test(msrs_that_the_host_swaps),
		cmocka_unit_test(apic_access_page_without_ram),
		cmocka_unit_test(a_step_that_pends_in_spite_of_btf),
		cmocka_unit_test(a_step_that_vmcs02_cannot_have),
		cmocka_unit_test(bitmaps_change_between_entries),
		cmocka_unit_test(a_list_that_failed_leaves_nothing_in_l2),
		cmocka_unit_test(vmcall_outside_vmx_operation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

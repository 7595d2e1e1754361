/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Registers of protection over VM entries and exits: bounds, CET state with its shadow stacks, protection keys (SDM 26.3.2.1, 27.3.1,
 * 27.5.1).  Each script runs bare and nested.
 */
#include "entries.h"

/*
 * Bounds, CET state and PKRS: L1 and L2 share them but for what an entry of L1's loads and an exit loads or clears, and each
 * exit saves them (SDM 26.3.2.1, 27.3.1, 27.5.1).  L1 and L2 change them all the time, and L1 its controls.
 */
static void registers_of_protection(void **state)
{
	static const struct {
		uint32_t msr, field, load, undo;
	} r[] = {
		{ NVMX_MSR_BNDCFGS, NVMX_GUEST_BNDCFGS, NVMX_ENTRY_LOAD_BNDCFGS, NVMX_EXIT_CLEAR_BNDCFGS },
		{ NVMX_MSR_S_CET, NVMX_GUEST_S_CET, NVMX_ENTRY_LOAD_CET, NVMX_EXIT_LOAD_CET },
		{ NVMX_MSR_INT_SSP_TABLE, NVMX_GUEST_INT_SSP_TABLE, NVMX_ENTRY_LOAD_CET, NVMX_EXIT_LOAD_CET },
		{ NVMX_MSR_PKRS, NVMX_GUEST_PKRS, NVMX_ENTRY_LOAD_PKRS, NVMX_EXIT_LOAD_PKRS },
	};
	static const uint8_t loads[] = { 0, 15, 5, 6 }, undos[] = { 0, 15, 10, 12, 3 };

	(void)state;
	for (unsigned k = 0; k < sizeof(r) / sizeof(*r) * 20; k += NVMX_TEST_FULL ? 1 : 7) {
		unsigned i = k / 20, load = loads[k % 4], undo = undos[k % 5];

		begin();
		script_enter_vmx(&l1);
		script_vmwrite(&l1, NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_MSR_BITMAPS);
		for (unsigned j = 0; j < FAKE_PROTECTIONS; j++) {
			script_vmwrite(&l1, fake_protections[j].guest, 0x1000);
			if (fake_protections[j].host)
				script_vmwrite(&l1, fake_protections[j].host, 0x3000);
		}
		script_msr(&l1, FAKE_WRMSR, r[i].msr, 0x2000);
		for (unsigned n = 0; n < 4; n++) {
			script_vmwrite(&l1, NVMX_EXIT_CTLS, EXIT_MUST | NVMX_EXIT_SAVE_DEBUG | (undo >> n & 1 ? r[i].undo : 0));
			script_vmwrite(&l1, NVMX_ENTRY_CTLS,
				       ENTRY_MUST | NVMX_ENTRY_IA32E | NVMX_ENTRY_LOAD_DEBUG | (load >> n & 1 ? r[i].load : 0));
			if (n)
				script_advance(&l1);
			run(n ? FAKE_VMRESUME : FAKE_VMLAUNCH);
			if (n != 1)
				script_vmread(&l1, r[i].field);
			script_msr(&l1, FAKE_RDMSR, r[i].msr, 0);
			if (n == 2)
				script_msr(&l1, FAKE_WRMSR, r[i].msr, 0x8000);
			script_msr(&l2, FAKE_RDMSR, r[i].msr, 0);
			script_msr(&l2, FAKE_WRMSR, r[i].msr, 0x4000 + n * 0x1000);
			script_op(&l2, FAKE_VMCALL);
		}
		check_on(&(struct fake_machine){ .protection = true }, FAKE_STOP_END);
		assert_int_equal(fake_seen(&fake_bare, r[i].field, 0), 0x4000);
		assert_int_equal(fake_seen(&fake_bare, r[i].field, 2), 0x7000);
		check_one(&(struct fake_machine){ .protection = true, .moves = k + 1 });
		check_one(&(struct fake_machine){ .protection = true, .intercept_all_msrs = true });
	}
}

#define SHADOW_STACK (FAKE_L2_DATA + 2 * FAKE_PAGE)
#define SHADOW_TOP (SHADOW_STACK + 0x800)

/*
 * L2 calls, exits in what it has called, and returns: its shadow stack is where L1's entry has it, L1 sees it where L2 has left it, and
 * may change it: then L2's return is a #CP (SDM volume 1, 17.2; 26.3.2.1, 27.3.1).  With an exit that loads L1's own, and one that does not.
 */
static void shadow_stacks(void **state)
{
	const uint64_t cr4 = NVMX_CR4_PAE | NVMX_CR4_VMXE | NVMX_CR4_CET;

	(void)state;
	for (unsigned k = 0; k < 16; k++) {
		bool changed = k & 1, intercepted = k & 2, undone = k & 4, on = !(k & 8);

		begin();
		script_store(&l1, FAKE_L2_TABLES + 3 * FAKE_PAGE + SHADOW_STACK / FAKE_PAGE * 8, SHADOW_STACK | 0x61, 8);
		script_store(&l1, SHADOW_TOP, 0x5a5a, 8);
		script_enter_vmx(&l1);
		script_vmwrite(&l1, NVMX_GUEST_CR4, cr4);
		script_vmwrite(&l1, NVMX_GUEST_S_CET, on);
		script_vmwrite(&l1, NVMX_GUEST_SSP, SHADOW_TOP);
		script_vmwrite(&l1, NVMX_HOST_S_CET, 0);
		script_vmwrite(&l1, NVMX_HOST_SSP, 0x3000);
		script_vmwrite(&l1, NVMX_EXCEPTION_BITMAP, intercepted ? NVMX_BIT(NVMX_VECTOR_CP) : 0);
		script_vmwrite(&l1, NVMX_EXIT_CTLS, EXIT_MUST | (undone ? NVMX_EXIT_LOAD_CET : 0));
		script_vmwrite(&l1, NVMX_ENTRY_CTLS, ENTRY_MUST | NVMX_ENTRY_IA32E | NVMX_ENTRY_LOAD_CET);
		run(FAKE_VMLAUNCH);
		script_vmread(&l1, NVMX_GUEST_SSP);
		if (changed)
			script_vmwrite(&l1, NVMX_GUEST_SSP, SHADOW_TOP);
		run_again();
		script_vmread(&l1, NVMX_GUEST_SSP);
		script_vmread(&l1, NVMX_GUEST_S_CET);
		script_vmread(&l1, NVMX_EXIT_INTR_INFO);
		script_vmread(&l1, NVMX_EXIT_INTR_ERROR_CODE);
		script_imm(&l2, FAKE_CALL, 4);
		script_op(&l2, FAKE_NOP); /* where it returns to */
		script_op(&l2, FAKE_VMCALL);
		script_op(&l2, FAKE_VMCALL); /* what it calls */
		script_op(&l2, FAKE_RET);
		script_op(&l2, FAKE_VMCALL); /* behind a #CP */
		check_on(&(struct fake_machine){ .protection = true }, FAKE_STOP_END);
		check_one(&(struct fake_machine){ .protection = true, .moves = k + 1 });
		assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_SSP, 0), on ? SHADOW_TOP - 8 : SHADOW_TOP);
		assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_SSP, 1), SHADOW_TOP);
		assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_S_CET, 0), on);
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 1),
				 on && changed && intercepted ? NVMX_XR_EXCEPTION_NMI : NVMX_XR_VMCALL);
		assert_int_equal(fake_delivered(&fake_bare, 0x80000b15), on && changed && !intercepted);
	}
}

#define USER_CODE 0xa0fb
#define USER_DATA 0xc0f3

/* IA32_U_CET by L1's lists: 1 for L2, 0 for L1, and what L2 leaves of it goes where L1 can see it. */
static void u_cet_in_lists(void)
{
	script_store(&l1, FAKE_MSR_ENTRY, NVMX_MSR_U_CET, 8);
	script_store(&l1, FAKE_MSR_ENTRY + 8, 1, 8);
	script_store(&l1, FAKE_MSR_STORE, NVMX_MSR_U_CET, 8);
	script_store(&l1, FAKE_MSR_EXIT, NVMX_MSR_U_CET, 8);
	script_store(&l1, FAKE_MSR_EXIT + 8, 0, 8);
	script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_COUNT, 1);
	script_vmwrite(&l1, NVMX_EXIT_MSR_STORE_COUNT, 1);
	script_vmwrite(&l1, NVMX_EXIT_MSR_LOAD_COUNT, 1);
}

/*
 * The same in user mode: SSP is loaded and saved as before, and what turns the stack on is IA32_U_CET, which L1 and L2 share: no VM entry
 * and no VM exit loads or saves it (26.3.2.1, 27.3.1, 27.5.1), but for L1's lists (26.4, 27.4, 27.6).
 */
static void shadow_stacks_of_users(void **state)
{
	(void)state;
	for (unsigned k = 0; k < 16; k++) {
		bool changed = k & 1, of_users = k & 2, listed = k & 4, off = (k & 8) && !listed;

		begin();
		script_store(&l1, FAKE_L2_TABLES + 3 * FAKE_PAGE + SHADOW_STACK / FAKE_PAGE * 8, SHADOW_STACK | (of_users ? 0x65 : 0x61), 8);
		script_enter_vmx(&l1);
		script_vmwrite(&l1, NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_MSR_BITMAPS);
		script_vmwrite(&l1, NVMX_GUEST_CR4, NVMX_CR4_PAE | NVMX_CR4_VMXE | NVMX_CR4_CET);
		script_vmwrite(&l1, NVMX_GUEST_S_CET, 0);
		script_vmwrite(&l1, NVMX_GUEST_SSP, SHADOW_TOP);
		script_vmwrite(&l1, NVMX_GUEST_CS_SEL, 0x1b);
		script_vmwrite(&l1, NVMX_GUEST_CS_AR, USER_CODE);
		script_vmwrite(&l1, NVMX_GUEST_SS_SEL, 0x23);
		script_vmwrite(&l1, NVMX_GUEST_SS_AR, USER_DATA);
		script_vmwrite(&l1, NVMX_EXCEPTION_BITMAP, NVMX_BIT(NVMX_VECTOR_CP) | NVMX_BIT(NVMX_VECTOR_PF));
		script_vmwrite(&l1, NVMX_EXIT_CTLS, EXIT_MUST | (k & 8 ? NVMX_EXIT_LOAD_CET : 0));
		script_vmwrite(&l1, NVMX_ENTRY_CTLS, ENTRY_MUST | NVMX_ENTRY_IA32E | NVMX_ENTRY_LOAD_CET);
		if (listed)
			u_cet_in_lists();
		else
			script_msr(&l1, FAKE_WRMSR, NVMX_MSR_U_CET, 1);
		run(FAKE_VMLAUNCH);
		script_vmread(&l1, NVMX_GUEST_SSP);
		script_msr(&l1, FAKE_RDMSR, NVMX_MSR_U_CET, 0);
		script_load(&l1, 0, FAKE_MSR_STORE + 8, 8);
		if (changed)
			script_vmwrite(&l1, NVMX_GUEST_SSP, SHADOW_TOP);
		if (off)
			script_msr(&l1, FAKE_WRMSR, NVMX_MSR_U_CET, 0);
		run_again();
		script_vmread(&l1, NVMX_GUEST_SSP);
		script_vmread(&l1, NVMX_EXIT_INTR_INFO);
		script_imm(&l2, FAKE_CALL, 4);
		script_op(&l2, FAKE_NOP); /* where it returns to */
		script_op(&l2, FAKE_VMCALL);
		script_op(&l2, FAKE_VMCALL); /* what it calls */
		script_op(&l2, FAKE_RET);
		script_op(&l2, FAKE_VMCALL);
		check_on(&(struct fake_machine){ .protection = true }, FAKE_STOP_END);
		check_one(&(struct fake_machine){ .protection = true, .moves = k + 1 });
		check_one(&(struct fake_machine){ .protection = true, .intercept_all_msrs = true });
		assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_SSP, 0), of_users ? SHADOW_TOP - 8 : SHADOW_TOP);
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), of_users ? NVMX_XR_VMCALL : NVMX_XR_EXCEPTION_NMI);
		if (of_users)
			assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 1),
					 changed && !off ? NVMX_XR_EXCEPTION_NMI : NVMX_XR_VMCALL);
	}
}

#define KEYED_PTE(tables) ((tables) + 3 * FAKE_PAGE + FAKE_L2_DATA / FAKE_PAGE * 8)

/* A supervisor page with key 1: L2's accesses are judged by the IA32_PKRS that its entry has loaded, or, without, by L1's (SDM 4.6.2,
 * 26.3.2.1), and L1's after the exit by the one that this has loaded. */
static void protection_keys(void **state)
{
	static const uint64_t pkrs[] = { 0, 4, 8, 12, 0x30 }; /* key 1: all; no access; no write; neither; another key's */

	(void)state;
	for (unsigned k = 0; k < sizeof(pkrs) / sizeof(*pkrs) * 4; k++) {
		bool loads = k & 1, writes = k & 2, forbidden = pkrs[k / 4] & 4 || (writes && pkrs[k / 4] & 8);
		uint64_t pte = FAKE_L2_DATA | 0x63 | NVMX_BIT64(59);

		begin();
		script_store(&l1, KEYED_PTE(FAKE_L2_TABLES), pte, 8);
		script_store(&l1, KEYED_PTE(FAKE_L1_TABLES), pte, 8);
		script_enter_vmx(&l1);
		script_movi(&l1, 10, NVMX_CR4_PAE | NVMX_CR4_VMXE | NVMX_CR4_PKS);
		script_add(&l1, (struct fake_insn){ .op = FAKE_MOV_TO_CR, .reg = 10, .imm = 4 });
		script_vmwrite(&l1, NVMX_GUEST_CR4, NVMX_CR4_PAE | NVMX_CR4_VMXE | NVMX_CR4_PKS);
		script_vmwrite(&l1, NVMX_HOST_CR4, NVMX_CR4_PAE | NVMX_CR4_VMXE | NVMX_CR4_PKS);
		script_vmwrite(&l1, NVMX_EXCEPTION_BITMAP, NVMX_BIT(NVMX_VECTOR_PF));
		script_vmwrite(&l1, NVMX_EXIT_CTLS, EXIT_MUST | NVMX_EXIT_LOAD_PKRS);
		script_vmwrite(&l1, NVMX_ENTRY_CTLS, ENTRY_MUST | NVMX_ENTRY_IA32E | (loads ? NVMX_ENTRY_LOAD_PKRS : 0));
		script_vmwrite(&l1, NVMX_GUEST_PKRS, loads ? pkrs[k / 4] : 12);
		script_msr(&l1, FAKE_WRMSR, NVMX_MSR_PKRS, loads ? 12 : pkrs[k / 4]);
		run(FAKE_VMLAUNCH);
		script_vmread(&l1, NVMX_EXIT_INTR_INFO);
		script_vmread(&l1, NVMX_EXIT_INTR_ERROR_CODE);
		script_load(&l1, 0, FAKE_L2_DATA, 8); /* HOST_PKRS is 0 */
		if (writes)
			script_store(&l2, FAKE_L2_DATA, 0x1234, 8);
		else
			script_load(&l2, 0, FAKE_L2_DATA, 8);
		script_op(&l2, FAKE_VMCALL);
		check_on(&(struct fake_machine){ .protection = true }, FAKE_STOP_END);
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), forbidden ? NVMX_XR_EXCEPTION_NMI : NVMX_XR_VMCALL);
		if (forbidden)
			assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_INTR_ERROR_CODE, 0), writes ? 0x23 : 0x21);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registers_of_protection),
		cmocka_unit_test(shadow_stacks),
		cmocka_unit_test(shadow_stacks_of_users),
		cmocka_unit_test(protection_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

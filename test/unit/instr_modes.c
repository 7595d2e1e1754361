/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Transitions of an L1 and an L2 that are not in 64-bit mode: PDPTEs, and what an entry checks again. */
#include "minihost.h"

#define CR3 0x9000u
#define CR3_IGNORED 0x1fu /* of CR3 with PAE paging (SDM table 4-7) */
static const uint64_t pdptes[4] = { 0x1001, 0x1e6, 0x2001, 0 }; /* one that is not present may hold anything */

static struct nvmx_vmcs12 *vmcs12(struct mini *m)
{
	mini_enter_vmx(m, true);
	memcpy(mini_ram(m, CR3), pdptes, sizeof(pdptes));
	return m->v->cur->v12;
}

/* What the checks of a PAE L2 without EPT read. */
static void gather_of_pae(struct mini *m, uint64_t cr3, struct nvmx_check_input *in)
{
	struct nvmx_vmcs12 *v12 = vmcs12(m);

	*in = (struct nvmx_check_input){ .v12 = v12 };
	v12->guest_cr0 = NVMX_CR0_PG | NVMX_CR0_PE;
	v12->guest_cr4 = NVMX_CR4_PAE;
	v12->guest_cr3 = cr3;
	v12->vmcs_link_pointer = NVMX_NO_ADDR;
	assert_true(nvmx_gather_facts(m->v, v12, in));
	assert_true(in->pdpte_known);
}

static void pdptes_of_l2_are_read_where_cr3_says(void **state)
{
	struct mini *m = *state;
	struct nvmx_check_input in;

	gather_of_pae(m, CR3 | CR3_IGNORED, &in);
	assert_memory_equal(in.pdpte, pdptes, sizeof(pdptes));
}

/* Where L1 has no memory the processor reads ones, which no PDPTE may be: the fields of vmcs12 are no substitute (SDM 26.3.1.6). */
static void pdptes_of_l2_that_are_nowhere(void **state)
{
	struct mini *m = *state;
	struct nvmx_check_input in;

	gather_of_pae(m, MINI_RAM, &in);
	assert_true(in.pdpte[0] == ~0ull && in.pdpte[3] == ~0ull);
}

/* A VM exit to a PAE L1 (SDM 27.5.4): a present PDPTE with reserved bits is a VMX abort. */
static enum nvmx_verdict exit_to_pae(struct mini *m, uint64_t pdpte1)
{
	const struct nvmx_l2_exit exit = { .reason = NVMX_XR_HLT };
	struct nvmx_vmcs12 *v12 = m->v->cur->v12;

	mini_ram(m, CR3)[1] = pdpte1;
	v12->host_cr0 = NVMX_CR0_PG | NVMX_CR0_PE | NVMX_CR0_NE;
	v12->host_cr4 = NVMX_CR4_PAE | NVMX_CR4_VMXE;
	v12->host_cr3 = CR3 | CR3_IGNORED;
	v12->host_ds_sel = 0x10;
	nvmx_vmcs_load(m->v, m->v->cur->page02.hpa);
	m->v->in_l2 = true;
	return nvmx_exit_to_l1(m->v, &exit);
}

static void pdptes_of_l1_are_loaded(void **state)
{
	struct mini *m = *state;

	vmcs12(m);
	assert_int_equal(exit_to_pae(m, pdptes[1]), NVMX_RESUME_L1);
	assert_int_equal(F01(GUEST_PDPTE0), pdptes[0]);
	assert_int_equal(F01(GUEST_PDPTE1), pdptes[1]);
	assert_int_equal(F01(GUEST_PDPTE2), pdptes[2]);
	assert_int_equal(F01(GUEST_ES_AR), 0x1c093); /* of a null selector: unusable (SDM 27.5.2) */
	assert_int_equal(F01(GUEST_DS_AR), 0xc093);
	assert_int_equal(exit_to_pae(m, pdptes[1] | 1), NVMX_STOP);
	assert_int_equal(m->v->stop, NVMX_STOP_VMX_ABORT);
	assert_int_equal(m->v->stop_detail, 2);
}

/* L2, unrestricted, has left or entered IA-32e mode: the exit stores EFER.LMA into the entry control (SDM 27.2). */
static void the_mode_of_l2_is_stored(void **state)
{
	const struct nvmx_l2_exit exit = { .reason = NVMX_XR_HLT };
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = vmcs12(m);

	v12->host_cr0 = NVMX_CR0_PE | NVMX_CR0_NE;
	v12->proc_ctls = NVMX_PROC_SECONDARY;
	for (unsigned i = 0; i < 8; i++) {
		uint32_t before = i & 1 ? NVMX_ENTRY_IA32E : 0, now = i & 2 ? NVMX_ENTRY_IA32E : 0;

		v12->proc_ctls2 = i & 4 ? NVMX_PROC2_UNRESTRICTED : 0;
		v12->exit_ctls = before | now ? NVMX_EXIT_HOST_64 : 0; /* else a VMX abort (SDM 27.5): exit_saves.c */
		v12->entry_ctls = before;
		mini_vmcs(&m->host, m->v->cur->page02.hpa)->field[NVMX_I_ENTRY_CTLS] = now;
		nvmx_vmcs_load(m->v, m->v->cur->page02.hpa);
		m->v->in_l2 = true;
		assert_int_equal(nvmx_exit_to_l1(m->v, &exit), NVMX_RESUME_L1);
		assert_int_equal(v12->entry_ctls, i & 4 ? now : before);
	}
}

/* L1 has left IA-32e mode since the entry before: what depends on it is checked again (SDM 26.2.4). */
static void another_mode_of_l1_is_checked(void **state)
{
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = vmcs12(m);

	v12->exit_ctls = NVMX_EXIT_HOST_64;
	v12->vmcs_link_pointer = NVMX_NO_ADDR;
	v12->launch_state = NVMX_LAUNCH_LAUNCHED;
	m->v->cur->dirty_groups = 0; /* all of it was good */
	m->v->cur->l1_ia32e = true;
	F01(ENTRY_CTLS) = 0;
	mini_failed(m, mini_exec(m, NVMX_XR_VMRESUME), NVMX_VMERR_ENTRY_HOST_STATE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		MINI_TEST(pdptes_of_l2_are_read_where_cr3_says),
		MINI_TEST(pdptes_of_l2_that_are_nowhere),
		MINI_TEST(pdptes_of_l1_are_loaded),
		MINI_TEST(the_mode_of_l2_is_stored),
		MINI_TEST(another_mode_of_l1_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

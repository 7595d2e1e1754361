/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What a VM exit to L1 saves of L2 (SDM 27.3.1), what of it a blob of nested state has, and VMX aborts (SDM 27.7). */
#include "minihost.h"
#include "vmx/instr.h"

static uint64_t *vmcs02(struct mini *m, unsigned row)
{
	return &mini_vmcs(&m->host, m->v->cur->page02.hpa)->field[row];
}

static const struct nvmx_l2_exit hlt = { .reason = NVMX_XR_HLT };

/* An L2 of a 64-bit L1 runs; vmcs02 is all zeroes but for what a test writes. */
static struct nvmx_vmcs12 *in_l2(struct mini *m)
{
	struct nvmx_vmcs12 *v12;

	for (unsigned row = 0; row < NVMX_ROWS; row++)
		if (nvmx_set_has(&m->vm->rows, row) && nvmx_field_rows[row].sync == NVMX_S_RARE)
			nvmx_set_add(&m->vm->rare, row);
	mini_enter_vmx(m, true);
	v12 = m->v->cur->v12;
	v12->host_cr0 = NVMX_CR0_PE | NVMX_CR0_NE | NVMX_CR0_PG;
	v12->host_cr4 = NVMX_CR4_PAE | NVMX_CR4_VMXE;
	v12->exit_ctls = NVMX_EXIT_HOST_64;
	v12->vmcs_link_pointer = NVMX_NO_ADDR;
	nvmx_vmcs_load(m->v, m->v->cur->page02.hpa);
	m->v->in_l2 = true;
	return v12;
}

/* The vCPU as it was before in_l2(). */
static void out(struct mini *m)
{
	m->v->stop = NVMX_STOP_NONE;
	m->v->in_l2 = false;
	nvmx_vmcs_load(m->v, MINI_VMCS01);
	nvmx_vmxoff(&(struct nvmx_insn){ .v = m->v });
	nvmx_vmwrite_flush(m->v);
	mini_state01(m);
	m->v->ctl01[NVMX_WORD_ENTRY] = NVMX_ENTRY_IA32E;
}

/* Rows that an exit saves whenever the processor has them, whether or not L1's entry loads them. */
static const struct {
	unsigned row;
	uint32_t load;
} always[] = {
	{ NVMX_I_GUEST_BNDCFGS, NVMX_ENTRY_LOAD_BNDCFGS }, { NVMX_I_GUEST_S_CET, NVMX_ENTRY_LOAD_CET },
	{ NVMX_I_GUEST_SSP, NVMX_ENTRY_LOAD_CET }, { NVMX_I_GUEST_INT_SSP_TABLE, NVMX_ENTRY_LOAD_CET },
	{ NVMX_I_GUEST_PKRS, NVMX_ENTRY_LOAD_PKRS },
};
#define ALWAYS (sizeof(always) / sizeof(*always))

static void what_has_no_save_control_is_saved(void **state)
{
	struct mini *m = *state;

	for (unsigned loaded = 0; loaded < 2; loaded++) {
		struct nvmx_vmcs12 *v12 = in_l2(m);

		for (unsigned i = 0; i < ALWAYS; i++) {
			v12->entry_ctls |= loaded ? always[i].load : 0;
			nvmx_v12_set(v12, always[i].row, 0x1000);
			*vmcs02(m, always[i].row) = 0x7000 + i;
		}
		assert_int_equal(nvmx_exit_to_l1(m->v, &hlt), NVMX_RESUME_L1);
		nvmx_slot_freshen(m->v, m->v->cur);
		nvmx_vmwrite_flush(m->v);
		for (unsigned i = 0; i < ALWAYS; i++)
			assert_int_equal(nvmx_v12_get(v12, always[i].row), 0x7000 + i);
		out(m);
	}
}

/* And those that have one, by it alone. */
static void what_has_a_save_control_is_saved_by_it(void **state)
{
	static const struct {
		unsigned row;
		uint32_t save;
	} rows[] = {
		{ NVMX_I_GUEST_PAT, NVMX_EXIT_SAVE_PAT }, { NVMX_I_GUEST_EFER, NVMX_EXIT_SAVE_EFER },
		{ NVMX_I_GUEST_DR7, NVMX_EXIT_SAVE_DEBUG }, { NVMX_I_GUEST_DEBUGCTL, NVMX_EXIT_SAVE_DEBUG },
		{ NVMX_I_GUEST_PERF_GLOBAL_CTRL, 0 },
	};
	struct mini *m = *state;

	for (unsigned i = 0; i < 2 * sizeof(rows) / sizeof(*rows); i++) {
		struct nvmx_vmcs12 *v12 = in_l2(m);
		unsigned row = rows[i / 2].row;

		v12->exit_ctls |= i & 1 ? rows[i / 2].save : ~(rows[i / 2].save | NVMX_EXIT_HOST_64) & (NVMX_EXIT_SAVE_PAT |
			NVMX_EXIT_SAVE_EFER | NVMX_EXIT_SAVE_DEBUG);
		nvmx_v12_set(v12, row, 0x1000);
		*vmcs02(m, row) = 0x7000;
		assert_int_equal(nvmx_exit_to_l1(m->v, &hlt), NVMX_RESUME_L1);
		nvmx_slot_freshen(m->v, m->v->cur);
		nvmx_vmwrite_flush(m->v);
		assert_int_equal(nvmx_v12_get(v12, row), i & 1 && rows[i / 2].save ? 0x7000 : 0x1000);
		out(m);
	}
}

/* Registers that the host loads for L1, and so for L2 too, are in vmcs02 alone while L2 runs: the blob has them. */
static void a_blob_has_what_vmcs02_alone_has(void **state)
{
	static const uint16_t offset[ALWAYS] = {
		offsetof(struct nvmx_state_live, bndcfgs), offsetof(struct nvmx_state_live, s_cet), offsetof(struct nvmx_state_live, ssp),
		offsetof(struct nvmx_state_live, int_ssp_table), offsetof(struct nvmx_state_live, pkrs),
	};
	static struct nvmx_state blob;
	const struct nvmx_state_live *live = (const void *)(blob.vmcs12 + NVMX_STATE_LIVE_OFFSET);
	struct mini *m = *state;
	size_t size;

	in_l2(m);
	for (unsigned i = 0; i < ALWAYS; i++)
		*vmcs02(m, always[i].row) = 0x7000 + i;
	for (unsigned has = 0; has < 2; has++) {
		m->v->cur->ctl02[NVMX_WORD_ENTRY] = has ? ~0u : 0;
		assert_int_equal(nvmx_state_save(m->v, &blob, sizeof(blob), 0, &size), NVMX_STATE_OK);
		assert_int_equal(live->size, sizeof(*live));
		for (unsigned i = 0; i < ALWAYS; i++)
			assert_int_equal(*(const uint64_t *)((const char *)live + offset[i]), has ? 0x7000 + i : 0);
	}
	out(m);
}

/* Each cause, and of several the one that comes first on the way (SDM 27.4, 27.5, 27.6). */
enum cause { STORE, MODE, PDPTE, LOAD, CAUSES };
static const uint32_t indicator[CAUSES] = { 1, 6, 2, 4 };

static enum nvmx_verdict exit_with(struct mini *m, unsigned causes)
{
	struct nvmx_vmcs12 *v12 = in_l2(m);

	*mini_ram(m, 0x40000) = NVMX_MSR_SMM_MONITOR_CTL;
	v12->exit_msr_store_addr = v12->exit_msr_load_addr = 0x40000;
	v12->exit_msr_store_count = causes >> STORE & 1;
	v12->exit_msr_load_count = causes >> LOAD & 1;
	v12->proc_ctls = NVMX_PROC_SECONDARY;
	v12->proc_ctls2 = NVMX_PROC2_UNRESTRICTED;
	*vmcs02(m, NVMX_I_ENTRY_CTLS) = causes >> MODE & 1 ? NVMX_ENTRY_IA32E : 0;
	if (causes & (1u << MODE | 1u << PDPTE))
		v12->exit_ctls = 0;
	v12->host_cr3 = 0x41000;
	*mini_ram(m, 0x41000) = causes >> PDPTE & 1 ? 3 : 0x1001;
	return nvmx_exit_to_l1(m->v, &hlt);
}

static void aborts(void **state)
{
	struct mini *m = *state;

	for (unsigned causes = 0; causes < 1u << CAUSES; causes++) {
		unsigned first = causes ? (unsigned)__builtin_ctz(causes) : CAUSES;

		assert_int_equal(exit_with(m, causes), causes ? NVMX_STOP : NVMX_RESUME_L1);
		assert_int_equal(m->v->stop, causes ? NVMX_STOP_VMX_ABORT : NVMX_STOP_NONE);
		if (causes) {
			assert_int_equal(m->v->stop_detail, indicator[first]);
			assert_int_equal(*(uint32_t *)(void *)(m->host.ram + MINI_VMCS12 + offsetof(struct nvmx_vmcs12, abort)),
					 indicator[first]);
		}
		out(m);
	}
}

/* After a stop each call says so again, with the first reason, and touches nothing; a reset ends it. */
static void a_stop_is_final(void **state)
{
	struct mini *m = *state;
	const struct nvmx_state_context context = { 0 };
	struct nvmx_state blob;
	uint64_t reads;
	size_t size;

	for (unsigned by = 0; by < 2; by++) {
		if (by) {
			assert_int_equal(exit_with(m, 1u << STORE), NVMX_STOP); /* L2 is current */
		} else {
			in_l2(m);
			assert_int_equal(nvmx_stop_vm(m->v, NVMX_STOP_NO_MEMORY, 7), NVMX_STOP);
		}
		reads = m->v->counters[NVMX_CNT_VMREAD] + m->v->counters[NVMX_CNT_VMWRITE] + m->v->counters[NVMX_CNT_VMPTRLD];
		for (unsigned again = 0; again < 2; again++) {
			assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_STOP);
			assert_int_equal(nvmx_check_events(m->v, &m->regs), NVMX_STOP);
			assert_int_equal(nvmx_before_l2(m->v), NVMX_STOP);
			assert_int_equal(nvmx_exit_to_l1(m->v, &hlt), NVMX_STOP);
			assert_int_equal(nvmx_inject_exception(m->v, &m->regs, NVMX_GP, true, 0, 0), NVMX_STOP);
			assert_int_equal(nvmx_entry_refused(m->v), NVMX_STOP);
			assert_int_equal(nvmx_state_save(m->v, &blob, sizeof(blob), 0, &size), NVMX_STATE_STOPPED);
			assert_false(nvmx_wants_immediate_exit(m->v) || nvmx_rsm(m->v));
		}
		assert_int_equal(reads, m->v->counters[NVMX_CNT_VMREAD] + m->v->counters[NVMX_CNT_VMWRITE] +
				 m->v->counters[NVMX_CNT_VMPTRLD]);
		assert_int_equal(nvmx_stop_code(m->v), by ? NVMX_STOP_VMX_ABORT : NVMX_STOP_NO_MEMORY);
		assert_int_equal(nvmx_stop_detail(m->v), by ? 1 : 7);
		memset(&blob, 0, sizeof(blob)); /* refused: it stays stopped */
		assert_int_not_equal(nvmx_state_restore(m->v, &blob, sizeof(blob), &context, NULL), NVMX_STATE_OK);
		assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_STOP);
		m->v->stop = NVMX_STOP_NONE;
		out(m);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		MINI_TEST(what_has_no_save_control_is_saved),
		MINI_TEST(what_has_a_save_control_is_saved_by_it),
		MINI_TEST(a_blob_has_what_vmcs02_alone_has),
		MINI_TEST(aborts),
		MINI_TEST(a_stop_is_final),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

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
	m->v->vmcs01.ctl[NVMX_WORD_ENTRY] = NVMX_ENTRY_IA32E;
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
		assert_int_equal(nvmx_state_save(m->v, &blob, sizeof(blob), 0, &size, NULL), NVMX_OK);
		assert_int_equal(live->size, sizeof(*live));
		for (unsigned i = 0; i < ALWAYS; i++)
			assert_int_equal(*(const uint64_t *)((const char *)live + offset[i]), has ? 0x7000 + i : 0);
	}
	out(m);
}

/* NMIs that are blocked for L1, who exits on them and has no virtual NMIs, no IRET of L2's unblocks, though it did in vmcs02 (SDM 25.3). */
static void a_blob_has_nmis_blocked_as_l1_has_them(void **state)
{
	const uint32_t nmi = NVMX_INTR_VALID | NVMX_EVENT_NMI << 8 | 2;
	const struct {
		uint32_t pin, blocked, event, event02;
		bool pending, saved;
	} cases[] = {
		{ NVMX_PIN_NMI, NVMX_BLOCK_NMI, 0, 0, false, true }, { NVMX_PIN_NMI, 0, 0, 0, false, false },
		{ NVMX_PIN_NMI, 0, nmi, 0, false, true }, /* the NMI that L1 injected has blocked them ... */
		{ NVMX_PIN_NMI, 0, nmi, nmi, false, false }, /* ... or is still to be delivered */
		{ NVMX_PIN_NMI, NVMX_BLOCK_NMI, nmi, nmi, true, true }, { NVMX_PIN_NMI, 0, nmi, nmi, true, false },
		{ NVMX_PIN_NMI | NVMX_PIN_VNMI, NVMX_BLOCK_NMI, 0, 0, false, false }, { 0, NVMX_BLOCK_NMI, 0, 0, false, false },
	};
	static struct nvmx_state blob;
	const struct nvmx_vmcs12 *saved = (const void *)blob.vmcs12;
	struct mini *m = *state;
	size_t size;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct nvmx_vmcs12 *v12 = in_l2(m);

		v12->pin_ctls = cases[i].pin;
		v12->guest_interruptibility = cases[i].blocked;
		v12->entry_intr_info = cases[i].event;
		*vmcs02(m, NVMX_I_ENTRY_INTR_INFO) = cases[i].event02;
		*vmcs02(m, NVMX_I_GUEST_INTERRUPTIBILITY) = NVMX_BLOCK_STI;
		m->v->run_pending = cases[i].pending;
		assert_int_equal(nvmx_state_save(m->v, &blob, sizeof(blob), 0, &size, NULL), NVMX_OK);
		assert_int_equal(saved->guest_interruptibility, NVMX_BLOCK_STI | (cases[i].saved ? NVMX_BLOCK_NMI : 0));
		m->v->run_pending = false;
		out(m);
	}
}

/* Which fields of an exit's information the processor defines, by reason (SDM 27.2.1 to 27.2.5, tables 27-9 to 27-17). */
static const uint8_t with_instr_info[] = { 5, 19, 21, 22, 23, 25, 27, 30, 46, 47, 50, 53, 57, 58, 61, 63, 64, 67, 68, 69, 84, 85 };
static const uint8_t with_register_form[] = { 23, 25, 47 };
static const uint8_t with_linear[] = { 5, 28, 30, 48, 66 };
static const uint8_t with_physical[] = { 48, 49, 66 };

static const uint8_t without_qualification[] = { 1, 7, 10, 12, 18, 31, 32, 40, 52 }; /* the most frequent of those that clear it */

static bool among(const uint8_t *list, size_t n, uint32_t reason)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == reason)
			return true;
	return false;
}
#define AMONG(list, reason) among(list, sizeof(list), reason)

static void exit_information_by_reason(void **state)
{
	struct mini *m = *state;

	for (uint32_t reason = 0; reason < 90; reason++)
		for (unsigned reg = 0; reg < 2; reg++) {
			bool info = AMONG(with_instr_info, reason) || reason >= 86; /* of an unknown one all that there may be */
			bool register_form = reg && AMONG(with_register_form, reason), event = reason < 2;
			struct nvmx_exit_info i;

			in_l2(m);
			*vmcs02(m, NVMX_I_EXIT_QUALIFICATION) = 0x11;
			*vmcs02(m, NVMX_I_EXIT_INSTR_LEN) = 3;
			*vmcs02(m, NVMX_I_EXIT_INSTR_INFO) = 0x22 | (reg ? 1u << 10 : 0);
			*vmcs02(m, NVMX_I_GUEST_LINEAR_ADDR) = 0x33;
			*vmcs02(m, NVMX_I_GUEST_PHYS_ADDR) = 0x44;
			*vmcs02(m, NVMX_I_EXIT_INTR_INFO) = 0x80000b0e;
			*vmcs02(m, NVMX_I_EXIT_INTR_ERROR_CODE) = 0x55;
			*vmcs02(m, NVMX_I_IDT_VECTORING_INFO) = reg ? 0x80000b0d : 0xb0d;
			*vmcs02(m, NVMX_I_IDT_VECTORING_ERROR_CODE) = 0x66;
			nvmx_exit_info_read(m->v, reason, &i);
			assert_int_equal(i.reason, reason);
			assert_int_equal(i.qualification, register_form || AMONG(without_qualification, reason) ? 0 : 0x11);
			assert_int_equal(i.instr_len, 3);
			assert_int_equal(i.instr_info, info ? 0x22 | (reg ? 1u << 10 : 0) : 0);
			assert_int_equal(i.linear, AMONG(with_linear, reason) ? 0x33 : 0);
			assert_int_equal(i.physical, AMONG(with_physical, reason) ? 0x44 : 0);
			assert_int_equal(i.intr_info, event ? 0x80000b0e : 0);
			assert_int_equal(i.intr_error, event ? 0x55 : 0);
			assert_int_equal(i.idt_info, reg ? 0x80000b0d : 0xb0d);
			assert_int_equal(i.idt_error, reg ? 0x66 : 0);
			out(m);
		}
}

/* And what of it an exit writes into vmcs12: what the reason does not define stays as it was. */
static void exit_information_in_vmcs12(void **state)
{
	struct mini *m = *state;

	for (uint32_t reason = 2; reason < 86; reason++) {
		const struct nvmx_exit_info exit = { .reason = reason, .qualification = 0x11, .linear = 0x33, .physical = 0x44,
						     .instr_info = 0x22, .instr_len = 3 };
		struct nvmx_vmcs12 *v12 = in_l2(m);

		v12->exit_instr_info = 1;
		v12->guest_linear_addr = 2;
		v12->guest_phys_addr = 3;
		v12->exit_intr_error_code = 4;
		v12->idt_vectoring_error_code = 5;
		v12->entry_intr_info = 0x80000b0e;
		assert_int_equal(nvmx_leave_l2(m->v, &exit), NVMX_RESUME_L1);
		assert_int_equal(v12->exit_reason, reason);
		assert_int_equal(v12->exit_qualification, 0x11);
		assert_int_equal(v12->exit_instr_len, 3);
		assert_int_equal(v12->exit_instr_info, AMONG(with_instr_info, reason) ? 0x22 : 1);
		assert_int_equal(v12->guest_linear_addr, AMONG(with_linear, reason) ? 0x33 : 2);
		assert_int_equal(v12->guest_phys_addr, AMONG(with_physical, reason) ? 0x44 : 3);
		assert_int_equal(v12->exit_intr_error_code, 4);
		assert_int_equal(v12->idt_vectoring_error_code, 5);
		assert_int_equal(v12->entry_intr_info, 0xb0e);
		out(m);
	}
}

/* Segment registers that L1 finds after an exit (SDM 27.5.2), in the order of the encodings, and LDTR and TR after them. */
static void host_state_is_loaded(void **state)
{
	static const struct {
		unsigned row;
		uint64_t host32, host64;
	} loaded[] = {
		{ NVMX_I_GUEST_ES_SEL, 0x10, 0x10 }, { NVMX_I_GUEST_ES_LIMIT, ~0u, ~0u }, { NVMX_I_GUEST_ES_BASE, 0, 0 },
		{ NVMX_I_GUEST_ES_AR, 0xc093, 0xc093 },
		{ NVMX_I_GUEST_CS_SEL, 0x8, 0x8 }, { NVMX_I_GUEST_CS_LIMIT, ~0u, ~0u }, { NVMX_I_GUEST_CS_BASE, 0, 0 },
		{ NVMX_I_GUEST_CS_AR, 0xc09b, 0xa09b },
		{ NVMX_I_GUEST_SS_SEL, 0x18, 0x18 }, { NVMX_I_GUEST_SS_LIMIT, ~0u, ~0u }, { NVMX_I_GUEST_SS_BASE, 0, 0 },
		{ NVMX_I_GUEST_SS_AR, 0xc093, 0xc093 },
		{ NVMX_I_GUEST_DS_SEL, 0, 0 }, { NVMX_I_GUEST_DS_AR, 0x1c093, 0x1c093 },
		/* undefined, and so not written (27.5.2) */
		{ NVMX_I_GUEST_DS_LIMIT, 0x5a5a5a5a, 0x5a5a5a5a }, { NVMX_I_GUEST_DS_BASE, 0x5a5a5a5a, 0x5a5a5a5a },
		{ NVMX_I_GUEST_FS_LIMIT, ~0u, ~0u }, { NVMX_I_GUEST_GS_LIMIT, 0x5a5a5a5a, 0x5a5a5a5a },
		{ NVMX_I_GUEST_FS_SEL, 0x20, 0x20 }, { NVMX_I_GUEST_FS_BASE, 0x1111, 0x1111 }, { NVMX_I_GUEST_FS_AR, 0xc093, 0xc093 },
		{ NVMX_I_GUEST_GS_SEL, 0, 0 }, { NVMX_I_GUEST_GS_BASE, 0x2222, 0x2222 }, { NVMX_I_GUEST_GS_AR, 0x1c093, 0x1c093 },
		{ NVMX_I_GUEST_LDTR_SEL, 0, 0 }, { NVMX_I_GUEST_LDTR_AR, 0x10000, 0x10000 },
		{ NVMX_I_GUEST_TR_SEL, 0x28, 0x28 }, { NVMX_I_GUEST_TR_BASE, 0x3333, 0x3333 }, { NVMX_I_GUEST_TR_LIMIT, 0x67, 0x67 },
		{ NVMX_I_GUEST_TR_AR, 0x8b, 0x8b },
		{ NVMX_I_GUEST_GDTR_BASE, 0x4444, 0x4444 }, { NVMX_I_GUEST_GDTR_LIMIT, 0xffff, 0xffff },
		{ NVMX_I_GUEST_IDTR_BASE, 0x5555, 0x5555 }, { NVMX_I_GUEST_IDTR_LIMIT, 0xffff, 0xffff },
		{ NVMX_I_GUEST_RIP, 0x6666, 0x6666 }, { NVMX_I_GUEST_RSP, 0x7777, 0x7777 }, { NVMX_I_GUEST_RFLAGS, 2, 2 },
		{ NVMX_I_GUEST_CR3, 0x41000, 0x41000 }, { NVMX_I_GUEST_DR7, 0x400, 0x400 }, { NVMX_I_GUEST_DEBUGCTL, 0, 0 },
		{ NVMX_I_GUEST_SYSENTER_CS, 0x88, 0x88 }, { NVMX_I_GUEST_SYSENTER_ESP, 0x8888, 0x8888 },
		{ NVMX_I_GUEST_SYSENTER_EIP, 0x9999, 0x9999 }, { NVMX_I_GUEST_ACTIVITY, 0, 0 },
		{ NVMX_I_GUEST_INTERRUPTIBILITY, 0, 0 }, { NVMX_I_GUEST_PENDING_DBG, 0, 0 },
		/* PAE goes on with 64 bits, PCIDE off without (27.5.1); EFER.LMA and LME follow */
		{ NVMX_I_CR4_SHADOW, NVMX_CR4_VMXE, NVMX_CR4_VMXE | NVMX_CR4_PCIDE | NVMX_CR4_PAE },
		{ NVMX_I_GUEST_EFER, NVMX_EFER_SCE, NVMX_EFER_SCE | NVMX_EFER_LME | NVMX_EFER_LMA },
		{ NVMX_I_GUEST_PAT, 0x0706, 0x0706 }, { NVMX_I_ENTRY_CTLS, 0, NVMX_ENTRY_IA32E },
	};
	struct mini *m = *state;

	for (unsigned host64 = 0; host64 < 2; host64++) {
		struct nvmx_vmcs12 *v12 = in_l2(m);

		m->v->vmcs01.ctl[NVMX_WORD_ENTRY] = NVMX_ENTRY_IA32E;
		v12->exit_ctls = host64 ? NVMX_EXIT_HOST_64 : 0;
		v12->host_es_sel = 0x10, v12->host_cs_sel = 0x8, v12->host_ss_sel = 0x18, v12->host_fs_sel = 0x20;
		v12->host_ds_sel = v12->host_gs_sel = 0;
		v12->host_tr_sel = 0x28;
		v12->host_fs_base = 0x1111, v12->host_gs_base = 0x2222, v12->host_tr_base = 0x3333;
		v12->host_gdtr_base = 0x4444, v12->host_idtr_base = 0x5555;
		v12->host_rip = 0x6666, v12->host_rsp = 0x7777, v12->host_cr3 = 0x41000;
		v12->host_sysenter_cs = 0x88, v12->host_sysenter_esp = 0x8888, v12->host_sysenter_eip = 0x9999;
		v12->host_cr4 = NVMX_CR4_VMXE | NVMX_CR4_PCIDE;
		*vmcs02(m, NVMX_I_GUEST_EFER) = host64 ? NVMX_EFER_SCE : NVMX_EFER_SCE | NVMX_EFER_LME | NVMX_EFER_LMA;
		*vmcs02(m, NVMX_I_GUEST_PAT) = 0x0706;
		for (unsigned i = 0; i < sizeof(loaded) / sizeof(*loaded); i++)
			if (loaded[i].row != NVMX_I_ENTRY_CTLS)
				*mini01(m, loaded[i].row) = 0x5a5a5a5a;
		assert_int_equal(nvmx_exit_to_l1(m->v, &hlt), NVMX_RESUME_L1);
		nvmx_vmwrite_flush(m->v);
		for (unsigned i = 0; i < sizeof(loaded) / sizeof(*loaded); i++)
			assert_int_equal(*mini01(m, loaded[i].row), host64 ? loaded[i].host64 : loaded[i].host32);
		out(m);
	}
}

/* Each cause, and of several the one that comes first on the way (SDM 27.4, 27.5, 27.6). */
enum cause { STORE, MODE, PDPTE, LOAD, CAUSES };
static const uint32_t indicator[CAUSES] = { 1, 6, 2, 4 };

static enum nvmx_verdict exit_with(struct mini *m, unsigned causes)
{
	struct nvmx_vmcs12 *v12 = in_l2(m);

	*mini_ram(m, 0x40000) = NVMX_MSR_SMM_MONITOR_CTL;
	*mini_ram(m, 0x3fff0) = NVMX_MSR_SYSENTER_CS; /* which is loaded before */
	v12->exit_msr_store_addr = 0x40000;
	v12->exit_msr_load_addr = 0x3fff0;
	v12->exit_msr_store_count = causes >> STORE & 1;
	v12->exit_msr_load_count = causes >> LOAD & 1 ? 2 : 0;
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
		assert_int_equal(causes ? m->v->batch_n : 0, 0);
		if (causes) {
			assert_int_equal(m->v->stop_detail, indicator[first]);
			assert_int_equal(*(uint32_t *)(void *)(m->host.ram + MINI_VMCS12 + offsetof(struct nvmx_vmcs12, abort)),
					 indicator[first]);
		}
		out(m);
	}
}

#define LIST 0x40000u

static void *list_not_now(struct nvmx_host *h, uint64_t gpa, bool write)
{
	return gpa == LIST ? NVMX_MAP_NOT_NOW : mini_map(h, gpa, write);
}

/* The ways out of L2; each with what of vmcs02 says so. */
enum way { EXIT, REFLECTED, MADE, MACHINE_CHECK, FAILED, FAILED_MSR, REFUSED, WAYS };

static enum nvmx_verdict go(struct mini *m, enum way way)
{
	*vmcs02(m, NVMX_I_EXIT_QUALIFICATION) = way == FAILED || way == FAILED_MSR ? 3 : 0;
	switch (way) {
	case EXIT:
		*vmcs02(m, NVMX_I_EXIT_REASON) = NVMX_XR_CPUID;
		return nvmx_handle_exit(m->v, &m->regs);
	case REFLECTED:
		*vmcs02(m, NVMX_I_EXIT_REASON) = NVMX_XR_EXCEPTION_NMI;
		*vmcs02(m, NVMX_I_EXIT_INTR_INFO) = 0x80000301;
		m->v->cur->v12->exception_bitmap = m->v->cur->exceptions01 = 2;
		return nvmx_reflect(m->v, &m->regs);
	case MADE:
		return nvmx_exit_to_l1(m->v, &hlt);
	case MACHINE_CHECK:
		*vmcs02(m, NVMX_I_EXIT_REASON) = NVMX_XR_ENTRY_FAIL_MCE | NVMX_XR_ENTRY_FAILURE;
		return nvmx_reflect(m->v, &m->regs);
	case FAILED:
		*vmcs02(m, NVMX_I_EXIT_REASON) = NVMX_XR_ENTRY_FAIL_GUEST | NVMX_XR_ENTRY_FAILURE;
		return nvmx_handle_exit(m->v, &m->regs);
	case FAILED_MSR:
		*vmcs02(m, NVMX_I_EXIT_REASON) = NVMX_XR_ENTRY_FAIL_MSR | NVMX_XR_ENTRY_FAILURE;
		return nvmx_handle_exit(m->v, &m->regs);
	default:
		*vmcs02(m, NVMX_I_VM_INSTR_ERROR) = NVMX_VMERR_ENTRY_CONTROLS;
		return nvmx_entry_refused(m->v);
	}
}

/* What the exit needs of L1's memory is not at hand: L2 has not ended, and the same call goes through when it is. */
static void every_way_out_is_asked_again(void **state)
{
	static const struct { uint32_t reason; uint64_t qualification; } seen[WAYS] = {
		[EXIT] = { NVMX_XR_CPUID, 0 }, [REFLECTED] = { NVMX_XR_EXCEPTION_NMI, 0 }, [MADE] = { NVMX_XR_HLT, 0 },
		[MACHINE_CHECK] = { NVMX_XR_ENTRY_FAIL_MCE | NVMX_XR_ENTRY_FAILURE, 0 },
		[FAILED] = { NVMX_XR_ENTRY_FAIL_GUEST | NVMX_XR_ENTRY_FAILURE, 3 },
		[FAILED_MSR] = { NVMX_XR_ENTRY_FAIL_GUEST | NVMX_XR_ENTRY_FAILURE, 0 },
		[REFUSED] = { NVMX_XR_ENTRY_FAIL_GUEST | NVMX_XR_ENTRY_FAILURE, 0 }, /* no instruction of L1's is there to fail */
	};
	struct mini *m = *state;

	for (enum way way = EXIT; way < WAYS; way++) {
		struct nvmx_vmcs12 *v12 = in_l2(m);
		uint64_t refused = m->v->counters[NVMX_CNT_ENTRY_REFUSED];
		bool pending = way >= MADE; /* the VM entry has not been seen to succeed */

		m->v->run_pending = pending;
		v12->exit_reason = 0x7777;
		v12->exit_msr_load_addr = LIST;
		v12->exit_msr_load_count = 1;
		*(uint32_t *)(void *)mini_ram(m, LIST) = NVMX_MSR_SYSENTER_CS;
		m->ops.map = list_not_now;
		for (unsigned again = 0; again < 3; again++) {
			assert_int_equal(go(m, way), NVMX_AGAIN);
			assert_true(m->v->in_l2 && m->v->run_pending == pending);
			assert_int_equal(v12->exit_reason, 0x7777);
			assert_int_equal(m->v->counters[NVMX_CNT_ENTRY_REFUSED], refused);
		}
		m->ops.map = mini_map;
		assert_int_equal(go(m, way), NVMX_RESUME_L1);
		nvmx_vmwrite_flush(m->v);
		assert_false(m->v->in_l2 || m->v->run_pending || m->v->cur->look02 & NVMX_LOOK_REPEATED);
		assert_int_equal(v12->exit_reason, seen[way].reason);
		assert_int_equal(v12->exit_qualification, seen[way].qualification);
		assert_int_equal(m->v->counters[NVMX_CNT_ENTRY_REFUSED], refused + (way >= MACHINE_CHECK));
		out(m);
	}
}

/* A VM exit invalidates what is cached for VPID 0 where the entry used no other (SDM 28.3.3.1): the VPID that L1 has of the host's. */
static void an_l1_without_vpids_is_flushed(void **state)
{
	struct mini *m = *state;

	for (unsigned has = 0; has < 2; has++) {
		struct nvmx_vmcs12 *v12 = in_l2(m);
		unsigned flushes = m->host.flushes;

		m->v->vmcs01.vpid = 55;
		v12->proc_ctls |= NVMX_PROC_SECONDARY;
		v12->proc_ctls2 |= has ? NVMX_PROC2_VPID : 0;
		assert_int_equal(nvmx_exit_to_l1(m->v, &hlt), NVMX_RESUME_L1);
		assert_int_equal(m->host.flushes - flushes, !has);
		if (!has) {
			assert_int_equal(m->host.flushed_vpid, 55);
			assert_int_equal(m->host.flushed_scope, NVMX_FLUSH_SINGLE);
		}
		m->v->vmcs01.vpid = 0;
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
			assert_int_equal(nvmx_handle_exit_reason(m->v, &m->regs, NVMX_XR_CPUID), NVMX_STOP);
			assert_int_equal(nvmx_reflect(m->v, &m->regs), NVMX_STOP);
			assert_int_equal(nvmx_posted_notification(m->v), NVMX_STOP);
			assert_int_equal(nvmx_complete_instruction(m->v, 2, 0, 0), NVMX_STOP);
			assert_int_equal(nvmx_check_events(m->v, &m->regs), NVMX_STOP);
			assert_int_equal(nvmx_before_l2(m->v), NVMX_STOP);
			assert_int_equal(nvmx_exit_to_l1(m->v, &hlt), NVMX_STOP);
			assert_int_equal(nvmx_inject_exception(m->v, &m->regs, NVMX_VECTOR_GP, true, 0, 0), NVMX_STOP);
			assert_int_equal(nvmx_entry_refused(m->v), NVMX_STOP);
			assert_int_equal(nvmx_stop_vm(m->v, NVMX_STOP_HOST_OP, 99), NVMX_STOP); /* the first reason counts */
			assert_int_equal(nvmx_state_save(m->v, &blob, sizeof(blob), 0, &size, NULL), NVMX_ERR_STOPPED);
			assert_false(nvmx_wants_immediate_exit(m->v) || nvmx_rsm(m->v));
		}
		assert_int_equal(reads, m->v->counters[NVMX_CNT_VMREAD] + m->v->counters[NVMX_CNT_VMWRITE] +
				 m->v->counters[NVMX_CNT_VMPTRLD]);
		assert_int_equal(nvmx_stop_code(m->v), by ? NVMX_STOP_VMX_ABORT : NVMX_STOP_NO_MEMORY);
		assert_int_equal(nvmx_stop_detail(m->v), by ? 1 : 7);
		memset(&blob, 0, sizeof(blob)); /* refused: it stays stopped */
		assert_int_not_equal(nvmx_state_restore(m->v, &blob, sizeof(blob), &context, NULL), NVMX_OK);
		assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_STOP);
		m->v->stop = NVMX_STOP_NONE;
		out(m);
	}
}

/* Also by a blob that is refused late, when the reason was an answer of the host's: that of another time is not this one's. */
/* A blob is a structure: at an address that is not one's it is neither written nor read. */
static void a_blob_is_aligned(void **state)
{
	static union {
		struct nvmx_state blob;
		unsigned char byte[sizeof(struct nvmx_state) + 8];
	} u;
	const struct nvmx_state_context context = { 0 };
	struct nvmx_error_info info;
	struct mini *m = *state;
	size_t size;

	in_l2(m);
	for (unsigned at = 1; at < 8; at++) {
		u.byte[at] = 0x55;
		assert_int_equal(nvmx_state_save(m->v, u.byte + at, sizeof(u.blob), 0, &size, &info), NVMX_ERR_ARGUMENT);
		assert_int_equal(info.refusal, NVMX_REFUSED_STATE_ALIGNED);
		assert_int_equal(info.found, (uintptr_t)u.byte + at);
		assert_int_equal(info.expected, 8);
		assert_int_equal(u.byte[at], 0x55);
		assert_int_equal(nvmx_state_restore(m->v, u.byte + at, sizeof(u.blob), &context, &info), NVMX_ERR_ARGUMENT);
		assert_int_equal(info.refusal, NVMX_REFUSED_STATE_ALIGNED);
	}
	assert_int_equal(nvmx_state_save(m->v, u.byte + 8, sizeof(u.blob), 0, &size, &info), NVMX_OK);
	out(m);
}

static void a_stop_outlives_a_refused_blob(void **state)
{
	const struct nvmx_error_info answer = { .error = NVMX_ERR_ANSWER, .refusal = NVMX_REFUSED_PAGE_POINTER, .found = 5 };
	const struct nvmx_state_context context = { 0 };
	struct nvmx_error_info info;
	struct mini *m = *state;
	struct nvmx_state blob;
	size_t size;

	in_l2(m); /* with controls that no VMLAUNCH takes */
	assert_int_equal(nvmx_state_save(m->v, &blob, sizeof(blob), 0, &size, &info), NVMX_OK);
	assert_int_equal(info.refusal, NVMX_REFUSED_NOTHING);
	nvmx_stop_refused(m->v, NVMX_STOP_HOST_OP, &answer);
	assert_int_equal(nvmx_state_save(m->v, &blob, sizeof(blob), 0, &size, &info), NVMX_ERR_STOPPED);
	assert_int_equal(info.found, NVMX_STOP_HOST_OP);
	assert_int_equal(nvmx_state_restore(m->v, &blob, size, &context, &info), NVMX_ERR_STATE);
	assert_int_equal(info.refusal, NVMX_REFUSED_STATE_CHECKS);
	assert_non_null(info.name);
	assert_int_equal(nvmx_stop_code(m->v), NVMX_STOP_HOST_OP);
	nvmx_stop_info(m->v, &info);
	assert_int_equal(info.refusal, NVMX_REFUSED_PAGE_POINTER);
	out(m);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		MINI_TEST(every_way_out_is_asked_again),
		MINI_TEST(what_has_no_save_control_is_saved),
		MINI_TEST(what_has_a_save_control_is_saved_by_it),
		MINI_TEST(a_blob_has_what_vmcs02_alone_has),
		MINI_TEST(a_blob_has_nmis_blocked_as_l1_has_them),
		MINI_TEST(exit_information_by_reason),
		MINI_TEST(exit_information_in_vmcs12),
		MINI_TEST(host_state_is_loaded),
		MINI_TEST(aborts),
		MINI_TEST(an_l1_without_vpids_is_flushed),
		MINI_TEST(a_stop_is_final),
		MINI_TEST(a_blob_is_aligned),
		MINI_TEST(a_stop_outlives_a_refused_blob),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What vmcs01 has on: for every bit of every word of controls, vmcs02 keeps it, or the host is refused with its name, or the
 * table says why L1's value rules.  The lists here are of the SDM (24.6.1, 24.6.2, 24.7.1, 24.8.1), not of controls.def.
 */
#include "minihost.h"
#include "vmx/merge.h"

#define LOADS (NVMX_ENTRY_LOAD_PERF | NVMX_ENTRY_LOAD_BNDCFGS | NVMX_ENTRY_LOAD_CET | NVMX_ENTRY_LOAD_PKRS)
#define UNDOES (NVMX_EXIT_LOAD_PERF | NVMX_EXIT_CLEAR_BNDCFGS | NVMX_EXIT_LOAD_CET | NVMX_EXIT_LOAD_PKRS)
#define EXIT01 (NVMX_EXIT_SAVE_DEBUG | NVMX_EXIT_HOST_64 | NVMX_EXIT_SAVE_PAT | NVMX_EXIT_LOAD_PAT | NVMX_EXIT_SAVE_EFER | \
		NVMX_EXIT_LOAD_EFER)
#define ENTRY01 (NVMX_ENTRY_LOAD_DEBUG | NVMX_ENTRY_IA32E | NVMX_ENTRY_LOAD_PAT | NVMX_ENTRY_LOAD_EFER)

static int xlate(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out)
{
	(void)h;
	(void)access;
	*out = (struct nvmx_xlate){ .hpa = gpa, .rights = 7, .page_shift = 12, .memtype = 6 };
	return 0;
}

static void flush_ept(struct nvmx_host *h, uint64_t eptp, unsigned scope)
{
	(void)h;
	(void)eptp;
	(void)scope;
}

static int msr_read(struct nvmx_host *h, uint32_t msr, uint64_t *value)
{
	(void)h;
	*value = msr;
	return 0;
}

static int msr_write(struct nvmx_host *h, uint32_t msr, uint64_t value)
{
	(void)h;
	(void)msr;
	(void)value;
	return 0;
}

static int start(struct mini *m, uint32_t flags, struct nvmx_error_info *info)
{
	static struct nvmx_caps hw;
	struct nvmx_vm_config vm = { .size = sizeof(vm), .caps_size = sizeof(hw), .ops = &m->ops, .hw = &hw, .shadow_ept_pages = 16, .flags = flags };
	struct nvmx_vcpu_config config = { .size = sizeof(config), .host = &m->host, .vmcs01 = MINI_VMCS01, .vpid02 = 77 };
	struct nvmx_vcpu *v;
	int error;

	hw = m->vm->hw;
	hw.msr[NVMX_MSR_VMX_PROCBASED_CTLS3 - NVMX_CAPS_FIRST_MSR] = ~0ull;
	m->ops.size = sizeof(m->ops);
	m->ops.abi = NVMX_ABI_VERSION;
	m->ops.translate = xlate;
	m->ops.flush_ept = flush_ept;
	m->ops.l1_msr_read = msr_read;
	m->ops.l1_msr_write = msr_write;
	assert_int_equal(nvmx_vm_init(m->vm, NVMX_VM_SIZE, &vm, &m->vm, info), NVMX_OK);
	error = nvmx_vcpu_init(m->v, NVMX_VCPU_SIZE, m->vm, &config, &v, info);
	if (error)
		nvmx_vm_destroy(m->vm);
	return error;
}

/* The processor's capabilities outlive the VM whose memory they were in. */
static void stop(struct mini *m)
{
	nvmx_vcpu_destroy(m->v);
	nvmx_vm_destroy(m->vm);
}

static void base01(struct mini *m)
{
	mini_state01(m);
	F01(PIN_CTLS) = 0x16;
	F01(PROC_CTLS) = 0x0401e172 | NVMX_PROC_SECONDARY;
	F01(PROC_CTLS2) = NVMX_PROC2_EPT;
	F01(EXIT_CTLS) = EXIT01;
	F01(ENTRY_CTLS) = ENTRY01;
}

/* L1's current VMCS; vmcs02 as an entry makes it. */
static struct nvmx_slot *active(struct mini *m)
{
	mini_enter_vmx(m, true);
	return m->v->cur;
}

static struct mini_vmcs *merged(struct mini *m, struct nvmx_slot *s)
{
	struct nvmx_check_input in = { .v12 = s->v12 };
	struct nvmx_l1_regs l1;
	uint64_t steps;

	steps = nvmx_merge_steps(m->v, s, &in);
	nvmx_vmcs_load(m->v, MINI_VMCS01);
	nvmx_merge_read01(m->v, steps, &l1);
	nvmx_vmcs_load(m->v, s->page02.hpa);
	assert_true(nvmx_merge(m->v, s, steps, &l1, &in));
	nvmx_vmwrite_flush(m->v);
	s->dirty_groups = 0;
	return mini_vmcs(&m->host, s->page02.hpa);
}

static void back_in_l1(struct mini *m)
{
	nvmx_vmwrite_flush(m->v);
	m->v->in_l2 = false;
	nvmx_vmcs_load(m->v, MINI_VMCS01);
}

#define B NVMX_BIT64
/* What vmcs02 does with a control of vmcs01, L1 asking for nothing.  Every other bit is unknown. */
static const struct sdm {
	unsigned row;
	uint64_t kept, refused;
	uint64_t l1s;       /* L1's value, or the engine's rules */
	uint64_t reserved1; /* reserved, may be 1 */
} sdm[NVMX_WORDS_ALL] = {
	[NVMX_WORD_PIN] = { NVMX_I_PIN_CTLS, B(0) | B(3) | B(5), B(6), B(7), 0x16 },
	[NVMX_WORD_PROC] = { NVMX_I_PROC_CTLS, B(3) | B(7) | B(9) | B(10) | B(11) | B(12) | B(15) | B(16) | B(19) | B(20) |
			     B(23) | B(24) | B(25) | B(27) | B(29) | B(30) | B(31), 0,
			     B(2) | B(17) | B(21) | B(22) | B(28), 0x0401e172 },
	[NVMX_WORD_PROC2] = { NVMX_I_PROC_CTLS2, B(1) | B(2) | B(6) | B(10) | B(11) | B(15) | B(16) | B(17) | B(19) | B(22) |
			      B(24) | B(25) | B(28) | B(30) | B(31), B(21) | B(23),
			      B(0) | B(3) | B(4) | B(5) | B(7) | B(8) | B(9) | B(12) | B(13) | B(14) | B(18) | B(20) | B(26) |
			      B(27), 0 },
	[NVMX_WORD_EXIT] = { NVMX_I_EXIT_CTLS, B(2) | B(9) | B(12) | B(18) | B(19) | B(20) | B(21) | B(23) | B(24) | B(25) |
			     B(26) | B(27) | B(28) | B(29) | B(30), B(31), B(15) | B(22), 0x36dff },
	[NVMX_WORD_ENTRY] = { NVMX_I_ENTRY_CTLS, B(2) | B(13) | B(14) | B(15) | B(16) | B(17) | B(18) | B(20) | B(22),
			      B(10) | B(11) | B(19) | B(21) | B(23), B(9), 0x11ff },
	[NVMX_WORD_PROC3] = { NVMX_I_PROC_CTLS3, B(0), B(1) | B(2) | B(3) | B(7), B(4) | B(6), 0 },
};

static const struct nvmx_control_row *row_of(unsigned word, uint64_t bit)
{
	size_t n;
	const struct nvmx_control_row *row = nvmx_control_rows(&n);

	for (; n--; row++)
		if (row->word == word && row->bit == bit)
			return row;
	return NULL;
}

static void set01(struct mini *m, unsigned word, uint64_t bit)
{
	base01(m);
	*mini01(m, sdm[word].row) |= bit;
	if (word == NVMX_WORD_PROC3)
		F01(PROC_CTLS) |= NVMX_PROC_TERTIARY;
}

static void a_bit(struct mini *m, unsigned word, unsigned n)
{
	uint64_t bit = B(n);
	const struct nvmx_control_row *row = row_of(word, bit);
	bool known = (sdm[word].kept | sdm[word].l1s) & bit;
	struct nvmx_error_info info;
	char line[NVMX_DESCRIBE_MAX];
	struct mini_vmcs *vmcs02;

	assert_int_equal(!!row, known || sdm[word].refused & bit);
	set01(m, word, bit);
	if (!known && !(sdm[word].reserved1 & bit)) {
		assert_int_equal(start(m, 0, &info), NVMX_ERR_VMCS01);
		assert_int_equal(info.refusal, row ? NVMX_REFUSED_CONTROL_REFUSED : NVMX_REFUSED_CONTROL_UNKNOWN);
		assert_int_equal(info.expected, n);
		nvmx_describe_error(line, sizeof(line), &info);
		assert_non_null(strstr(line, row ? row->name : nvmx_word_name(word)));
		return;
	}
	assert_int_equal(start(m, 0, NULL), NVMX_OK);
	vmcs02 = merged(m, active(m));
	if (sdm[word].kept & bit)
		assert_int_equal(vmcs02->field[sdm[word].row] & bit, bit);
	else if (known)
		assert_true(row->why[0]);
	if (sdm[word].kept & bit && word == NVMX_WORD_PROC3)
		assert_true(vmcs02->field[NVMX_I_PROC_CTLS] & NVMX_PROC_TERTIARY);
	else
		assert_false(vmcs02->field[NVMX_I_PROC_CTLS] & NVMX_PROC_TERTIARY);
	back_in_l1(m);
	stop(m);
}

static void every_bit_of_every_word(void **state)
{
	struct mini *m = *state;
	struct nvmx_caps hw = m->vm->hw;

	for (unsigned word = 0; word < NVMX_WORDS_ALL; word++)
		for (unsigned n = 0; n < (word == NVMX_WORD_PROC3 ? 64u : 32u); n++) {
			m->vm->hw = hw;
			m->host.current = mini_vmcs(&m->host, MINI_VMCS01);
			a_bit(m, word, n);
		}
}

/* What a processor forces to 1, known or not, is no host's choice: both VMCSs have it. */
static void forced_by_the_processor(void **state)
{
	struct mini *m = *state;

	m->vm->hw.msr[NVMX_MSR_VMX_TRUE_EXIT_CTLS - NVMX_CAPS_FIRST_MSR] |= NVMX_EXIT_SECONDARY;
	m->vm->hw.msr[NVMX_MSR_VMX_TRUE_PINBASED_CTLS - NVMX_CAPS_FIRST_MSR] |= B(8);
	set01(m, NVMX_WORD_EXIT, NVMX_EXIT_SECONDARY);
	F01(PIN_CTLS) |= B(8);
	assert_int_equal(start(m, 0, NULL), NVMX_OK);
	assert_true(merged(m, active(m))->field[NVMX_I_PIN_CTLS] & B(8));
	back_in_l1(m);
	stop(m);
}

/* A kept control has what it needs beside it. */
static void fields_of_kept_controls(void **state)
{
	static const struct {
		uint32_t control;
		unsigned row;
	} rows[] = {
		{ NVMX_PROC2_NOTIFY, NVMX_I_INSTR_TIMEOUT },  { NVMX_PROC2_ENCLV, NVMX_I_ENCLV_EXIT_BITMAP },
		{ NVMX_PROC2_PML, NVMX_I_PML_ADDRESS },       { NVMX_PROC2_PAUSE_LOOP, NVMX_I_PLE_GAP },
		{ NVMX_PROC2_PAUSE_LOOP, NVMX_I_PLE_WINDOW }, { NVMX_PROC2_ENCLS, NVMX_I_ENCLS_EXIT_BITMAP },
	};
	struct mini *m = *state;
	struct nvmx_caps hw = m->vm->hw;
	struct mini_vmcs *vmcs02;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		m->vm->hw = hw;
		set01(m, NVMX_WORD_PROC2, rows[i].control);
		*mini01(m, rows[i].row) = 0x12345000;
		assert_int_equal(start(m, 0, NULL), NVMX_OK);
		assert_int_equal(merged(m, active(m))->field[rows[i].row], 0x12345000);
		back_in_l1(m);
		stop(m);
	}
	m->vm->hw = hw; /* tracing is off in L2, whatever a new VMCS has */
	set01(m, NVMX_WORD_ENTRY, NVMX_ENTRY_LOAD_RTIT);
	F01(GUEST_RTIT_CTL) = 0x1;
	assert_int_equal(start(m, 0, NULL), NVMX_OK);
	vmcs02 = merged(m, active(m));
	assert_int_equal(vmcs02->field[NVMX_I_GUEST_RTIT_CTL], 0);
	back_in_l1(m);
	stop(m);
}

/* The host's log and mode-based execute control belong to its own EPT; L1's to the shadow (SDM 28.3.6, 28.3.2). */
static void controls_of_the_map(void **state)
{
	static const struct {
		uint32_t flags, c12, c01, want;
	} rows[] = {
		{ 0, 0, NVMX_PROC2_PML | NVMX_PROC2_MODE_EXEC, NVMX_PROC2_PML | NVMX_PROC2_MODE_EXEC },
		{ 0, NVMX_PROC2_EPT, NVMX_PROC2_PML | NVMX_PROC2_MODE_EXEC, 0 },
		{ 0, NVMX_PROC2_EPT | NVMX_PROC2_PML | NVMX_PROC2_MODE_EXEC, 0, NVMX_PROC2_MODE_EXEC },
		{ 0, NVMX_PROC2_EPT | NVMX_PROC2_PML, NVMX_PROC2_PML, 0 },
		{ 0, 0, 0, 0 },
		{ NVMX_HOST_NO_PML_IN_L2, 0, NVMX_PROC2_PML, 0 },
	};
	struct mini *m = *state;
	struct nvmx_caps hw = m->vm->hw;
	struct nvmx_slot *s;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		m->vm->hw = hw;
		set01(m, NVMX_WORD_PROC2, rows[i].c01);
		assert_int_equal(start(m, rows[i].flags, NULL), NVMX_OK);
		s = active(m);
		nvmx_slot_write(s, NVMX_I_PROC_CTLS, NVMX_PROC_SECONDARY);
		nvmx_slot_write(s, NVMX_I_PROC_CTLS2, rows[i].c12);
		assert_int_equal(merged(m, s)->field[NVMX_I_PROC_CTLS2] & (NVMX_PROC2_PML | NVMX_PROC2_MODE_EXEC), rows[i].want);
		back_in_l1(m);
		stop(m);
	}
}

/* The two VMCSs fill one log: its index goes with who runs, by VM entry and exit and by SMI and RSM. */
static void index_of_the_log(void **state)
{
	struct mini *m = *state;
	struct mini_vmcs *vmcs02;
	struct nvmx_slot *s;

	set01(m, NVMX_WORD_PROC2, NVMX_PROC2_PML);
	assert_int_equal(start(m, 0, NULL), NVMX_OK);
	s = active(m);
	vmcs02 = merged(m, s);
	F01(PML_INDEX) = 500;
	nvmx_l2_begins(m->v);
	nvmx_vmwrite_flush(m->v);
	assert_ptr_equal(m->host.current, vmcs02);
	assert_int_equal(vmcs02->field[NVMX_I_PML_INDEX], 500);
	vmcs02->field[NVMX_I_PML_INDEX] = 333; /* L2 has written */
	nvmx_smi(m->v);
	assert_int_equal(F01(PML_INDEX), 333);
	F01(PML_INDEX) = 222; /* SMM code */
	nvmx_rsm(m->v);
	assert_ptr_equal(m->host.current, vmcs02);
	assert_int_equal(vmcs02->field[NVMX_I_PML_INDEX], 222);
	vmcs02->field[NVMX_I_PML_INDEX] = 0xffff; /* full */
	nvmx_vmcs_load(m->v, MINI_VMCS01);
	nvmx_l2_ends(m->v);
	nvmx_vmwrite_flush(m->v);
	assert_ptr_equal(m->host.current, mini_vmcs(&m->host, MINI_VMCS01));
	assert_int_equal(F01(PML_INDEX), 0xffff);

	F01(PROC_CTLS2) &= ~(uint64_t)NVMX_PROC2_PML; /* the host stops to log */
	nvmx_vmcs01_changed(m->v);
	merged(m, s);
	vmcs02->field[NVMX_I_PML_INDEX] = 77;
	nvmx_l2_begins(m->v);
	nvmx_l2_ends(m->v);
	assert_int_equal(vmcs02->field[NVMX_I_PML_INDEX], 77);
	back_in_l1(m);
	assert_int_equal(F01(PML_INDEX), 0xffff);
	stop(m);
}

/* Each load that L1 may be offered, with vmcs01's entry and exit controls of the register on and off. */
static void loads_that_are_not_undone(void **state)
{
	static const struct {
		uint32_t load, undo;
		uint64_t cr4;
	} pairs[] = {
		{ NVMX_ENTRY_LOAD_PERF, NVMX_EXIT_LOAD_PERF, 0 },
		{ NVMX_ENTRY_LOAD_BNDCFGS, NVMX_EXIT_CLEAR_BNDCFGS, 0 },
		{ NVMX_ENTRY_LOAD_CET, NVMX_EXIT_LOAD_CET, NVMX_CR4_CET },
		{ NVMX_ENTRY_LOAD_PKRS, NVMX_EXIT_LOAD_PKRS, NVMX_CR4_PKS },
	};
	struct mini *m = *state;
	struct nvmx_caps hw = m->vm->hw;
	const struct nvmx_caps *l1;
	struct nvmx_slot *s;
	uint32_t entry02;

	hw.msr[NVMX_MSR_VMX_CR4_FIXED1 - NVMX_CAPS_FIRST_MSR] |= NVMX_CR4_CET | NVMX_CR4_PKS;
	for (unsigned i = 0; i < 256; i++) {
		uint32_t entry = 0, exit = 0, offered = 0, undo = 0;
		uint64_t cr4 = 0;

		for (unsigned p = 0; p < 4; p++) {
			entry |= i >> p & 1 ? pairs[p].load : 0;
			exit |= i >> (4 + p) & 1 ? pairs[p].undo : 0;
			if (i >> p & 1 && i >> (4 + p) & 1) {
				offered |= pairs[p].load;
				undo |= pairs[p].undo;
				cr4 |= pairs[p].cr4;
			}
		}
		m->vm->hw = hw;
		base01(m);
		F01(ENTRY_CTLS) |= entry;
		F01(EXIT_CTLS) |= exit;
		assert_int_equal(start(m, 0, NULL), NVMX_OK);
		l1 = nvmx_vm_caps(m->vm);
		assert_int_equal(nvmx_caps_may(l1, NVMX_MSR_VMX_TRUE_ENTRY_CTLS) & LOADS, offered);
		assert_int_equal(nvmx_caps_may(l1, NVMX_MSR_VMX_ENTRY_CTLS) & LOADS, offered);
		assert_int_equal(nvmx_caps_may(l1, NVMX_MSR_VMX_TRUE_EXIT_CTLS) & UNDOES, undo);
		assert_int_equal(nvmx_caps_may(l1, NVMX_MSR_VMX_EXIT_CTLS) & UNDOES, undo);
		assert_int_equal(nvmx_caps_get(l1, NVMX_MSR_VMX_CR4_FIXED1) & (NVMX_CR4_CET | NVMX_CR4_PKS), cr4);
		assert_int_equal(nvmx_set_has(&m->vm->rows, NVMX_I_GUEST_PKRS), !!(offered & NVMX_ENTRY_LOAD_PKRS));
		s = active(m);
		s->v12->entry_ctls = LOADS; /* whatever L1 was told: no load for L2 that vmcs01's exit does not undo */
		entry02 = (uint32_t)merged(m, s)->field[NVMX_I_ENTRY_CTLS] & LOADS;
		for (unsigned p = 0; p < 4; p++)
			assert_int_equal(!!(entry02 & pairs[p].load), entry & pairs[p].load || exit & pairs[p].undo);
		back_in_l1(m);
		stop(m);
	}
}

/* A host without use for IA32_PERF_GLOBAL_CTRL: L1 loads it, and gets its own from the host's op. */
static uint64_t perf_written;
static int perf_write(struct nvmx_host *h, uint32_t msr, uint64_t value)
{
	(void)h;
	assert_int_equal(msr, NVMX_MSR_PERF_GLOBAL_CTRL);
	perf_written = value;
	return 0;
}

static void perf_passed_through(void **state)
{
	struct mini *m = *state;
	struct mini_vmcs *vmcs02;
	struct nvmx_slot *s;
	struct nvmx_l2_exit exit = { .reason = NVMX_XR_HLT };

	base01(m);
	assert_int_equal(start(m, NVMX_HOST_PERF_PASSTHROUGH, NULL), NVMX_OK);
	assert_int_equal(nvmx_caps_may(nvmx_vm_caps(m->vm), NVMX_MSR_VMX_TRUE_ENTRY_CTLS) & LOADS, NVMX_ENTRY_LOAD_PERF);
	m->vm->table.l1_msr_write = perf_write;
	s = active(m);
	nvmx_slot_write(s, NVMX_I_ENTRY_CTLS, NVMX_ENTRY_LOAD_PERF);
	nvmx_slot_write(s, NVMX_I_GUEST_PERF_GLOBAL_CTRL, 0x7);
	s->v12->exit_ctls = NVMX_EXIT_HOST_64 | NVMX_EXIT_LOAD_PERF;
	s->v12->host_perf_global_ctrl = 0x3;
	vmcs02 = merged(m, s);
	assert_int_equal(vmcs02->field[NVMX_I_ENTRY_CTLS] & LOADS, NVMX_ENTRY_LOAD_PERF);
	assert_int_equal(vmcs02->field[NVMX_I_EXIT_CTLS] & UNDOES, 0);
	assert_int_equal(vmcs02->field[NVMX_I_GUEST_PERF_GLOBAL_CTRL], 0x7);
	nvmx_l2_begins(m->v);
	assert_int_equal(nvmx_exit_to_l1(m->v, &exit), NVMX_RESUME_L1);
	assert_int_equal(perf_written, 0x3);
	back_in_l1(m);
	stop(m);
}

/*
 * A host that has L1's IA32_PERF_GLOBAL_CTRL in software: each load is the op's, and vmcs02 has the control as vmcs01 has it, for the
 * host's own register.
 */
static unsigned perf_writes;
static int perf_answer;
static int perf_emulate(struct nvmx_host *h, uint32_t msr, uint64_t value)
{
	(void)h;
	assert_int_equal(msr, NVMX_MSR_PERF_GLOBAL_CTRL);
	perf_writes++;
	perf_written = value;
	return perf_answer;
}

static int perf_read(struct nvmx_host *h, uint32_t msr, uint64_t *value)
{
	(void)h;
	assert_int_equal(msr, NVMX_MSR_PERF_GLOBAL_CTRL);
	*value = 0x5;
	return 0;
}

static void perf_emulated(void **state)
{
	struct nvmx_l2_exit exit = { .reason = NVMX_XR_HLT };
	struct mini *m = *state;

	for (unsigned owned = 0; owned < 3; owned++) { /* 1: vmcs01 switches the register for the host itself; 2: loads the host's alone */
		struct mini_vmcs *vmcs01, *vmcs02;
		struct nvmx_slot *s;

		base01(m);
		vmcs01 = mini_vmcs(&m->host, MINI_VMCS01);
		if (owned)
			vmcs01->field[NVMX_I_EXIT_CTLS] |= NVMX_EXIT_LOAD_PERF;
		if (owned == 1) {
			vmcs01->field[NVMX_I_ENTRY_CTLS] |= NVMX_ENTRY_LOAD_PERF;
			vmcs01->field[NVMX_I_GUEST_PERF_GLOBAL_CTRL] = 0x100;
		}
		assert_int_equal(start(m, NVMX_HOST_PERF_EMULATED, NULL), NVMX_OK);
		assert_int_equal(nvmx_caps_may(nvmx_vm_caps(m->vm), NVMX_MSR_VMX_TRUE_ENTRY_CTLS) & LOADS, NVMX_ENTRY_LOAD_PERF);
		m->vm->table.l1_msr_write = perf_emulate;
		m->vm->table.l1_msr_read = perf_read;
		m->vm->caps.perf_global_valid = 0xff;
		perf_writes = 0;
		perf_answer = 0;
		s = active(m);
		nvmx_slot_write(s, NVMX_I_ENTRY_CTLS, NVMX_ENTRY_LOAD_PERF);
		nvmx_slot_write(s, NVMX_I_GUEST_PERF_GLOBAL_CTRL, 0x7);
		s->v12->exit_ctls = NVMX_EXIT_HOST_64 | NVMX_EXIT_LOAD_PERF;
		s->v12->host_perf_global_ctrl = 0x3;
		vmcs02 = merged(m, s);
		assert_int_equal(vmcs02->field[NVMX_I_ENTRY_CTLS] & LOADS, owned == 1 ? NVMX_ENTRY_LOAD_PERF : 0);
		if (owned == 1)
			assert_int_equal(vmcs02->field[NVMX_I_GUEST_PERF_GLOBAL_CTRL], 0x100);
		nvmx_msr_log_begin(m->v, true);
		assert_true(nvmx_msr_load_entry_perf(m->v, s->v12->guest_perf_global_ctrl));
		assert_int_equal(perf_written, 0x7);
		assert_true(nvmx_msr_undo(m->v));
		assert_int_equal(perf_written, 0x5);
		vmcs02->field[NVMX_I_GUEST_PERF_GLOBAL_CTRL] = 0x200;
		nvmx_l2_begins(m->v);
		assert_int_equal(nvmx_exit_to_l1(m->v, &exit), NVMX_RESUME_L1);
		assert_int_equal(perf_written, 0x3);
		assert_int_equal(perf_writes, 3);
		if (owned == 1)
			assert_int_equal(vmcs01->field[NVMX_I_GUEST_PERF_GLOBAL_CTRL], 0x200);
		back_in_l1(m);
		m->vm->caps.perf_global_valid = 0; /* an L1 without the register */
		assert_true(nvmx_msr_load_perf(m->v, 0));
		assert_int_equal(perf_writes, 3);
		stop(m);
	}
}

/* A host that turns a control on, or a pair off, later: L1's next entry stops the VM, with the name. */
static void changed_while_l1_runs(void **state)
{
	static const struct {
		unsigned row;
		uint64_t on, off;
		unsigned rule;
		uint64_t expected;
	} changes[] = {
		{ NVMX_I_PROC_CTLS2, NVMX_PROC2_SPP, 0, NVMX_REFUSED_CONTROL_REFUSED, 23 },
		{ NVMX_I_PIN_CTLS, NVMX_PIN_PREEMPTION_TIMER, 0, NVMX_REFUSED_CONTROL_REFUSED, 6 },
		{ NVMX_I_EXIT_CTLS, 0, NVMX_EXIT_LOAD_PKRS, NVMX_REFUSED_LOAD_NOT_UNDONE, NVMX_ENTRY_LOAD_PKRS },
		{ NVMX_I_ENTRY_CTLS, 0, NVMX_ENTRY_LOAD_PERF, NVMX_REFUSED_LOAD_NOT_UNDONE, NVMX_ENTRY_LOAD_PERF },
		{ NVMX_I_EXIT_CTLS, 0, NVMX_EXIT_SAVE_EFER, NVMX_REFUSED_VMCS01_SAVE_EFER, NVMX_EXIT_SAVE_EFER },
	};
	struct nvmx_error_info info;
	struct nvmx_check_input in = { 0 };
	struct mini *m = *state;
	struct nvmx_caps hw = m->vm->hw;
	struct nvmx_slot *s;

	for (unsigned i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		m->vm->hw = hw;
		base01(m);
		F01(ENTRY_CTLS) |= LOADS;
		F01(EXIT_CTLS) |= UNDOES;
		assert_int_equal(start(m, 0, NULL), NVMX_OK);
		s = active(m);
		merged(m, s);
		back_in_l1(m);
		*mini01(m, changes[i].row) = (*mini01(m, changes[i].row) | changes[i].on) & ~changes[i].off;
		nvmx_vmcs01_changed(m->v);
		assert_false(nvmx_load_vmcs02(m->v, s, &in));
		assert_int_equal(nvmx_stop_code(m->v), NVMX_STOP_CONTROL);
		assert_int_equal(nvmx_stop_detail(m->v), changes[i].rule);
		nvmx_stop_info(m->v, &info);
		assert_int_equal(info.error, NVMX_ERR_VMCS01);
		assert_int_equal(info.refusal, changes[i].rule);
		assert_int_equal(info.expected, changes[i].expected);
		back_in_l1(m);
		stop(m);
	}
}

/* Exits that the host has asked for, and that fields of L1's would narrow: CR3 targets, the page-fault mask and match. */
static void l1_narrows_no_exit(void **state)
{
	static const struct {
		uint32_t bitmap, mask, match;
		bool all;
	} faults[] = {
		{ 0, 0, 0, false },
		{ 1u << NVMX_VECTOR_PF, 0, 0, true },
		{ 0, 0, 1, true },  /* never equal: each page fault exits (25.2) */
		{ 0, 2, 2, true },  /* those of reads do */
		{ 1u << NVMX_VECTOR_PF, 2, 2, true },
	};
	struct mini *m = *state;
	struct nvmx_caps hw = m->vm->hw;
	struct mini_vmcs *vmcs02;
	struct nvmx_slot *s;

	for (unsigned i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
		m->vm->hw = hw;
		base01(m);
		if (i & 1)
			F01(PROC_CTLS) |= NVMX_PROC_CR3_LOAD;
		else
			F01(PROC_CTLS) &= ~(uint64_t)NVMX_PROC_CR3_LOAD;
		F01(EXCEPTION_BITMAP) = faults[i].bitmap;
		F01(PF_EC_MASK) = faults[i].mask;
		F01(PF_EC_MATCH) = faults[i].match;
		assert_int_equal(start(m, 0, NULL), NVMX_OK);
		s = active(m);
		nvmx_slot_write(s, NVMX_I_CR3_TARGET_COUNT, 2);
		nvmx_slot_write(s, NVMX_I_PF_EC_MASK, 1);
		nvmx_slot_write(s, NVMX_I_PF_EC_MATCH, 1);
		vmcs02 = merged(m, s);
		assert_int_equal(vmcs02->field[NVMX_I_CR3_TARGET_COUNT], i & 1 ? 0 : 2);
		assert_int_equal(vmcs02->field[NVMX_I_EXCEPTION_BITMAP] >> NVMX_VECTOR_PF & 1, faults[i].all);
		assert_int_equal(vmcs02->field[NVMX_I_PF_EC_MASK], faults[i].all ? 0 : 1);
		assert_int_equal(vmcs02->field[NVMX_I_PF_EC_MATCH], faults[i].all ? 0 : 1);
		back_in_l1(m);
		stop(m);
	}
}

/* What a host of each make uses is not refused: Linux 6.1 and 6.12, bhyve. */
static void real_hosts_start(void **state)
{
	static const struct {
		uint32_t flags, pin, proc, proc2, exit, entry;
		uint64_t proc3;
	} hosts[] = {
		{ NVMX_HOST_OWNS_INTERRUPTS | NVMX_HOST_OWNS_TIMER | NVMX_HOST_NO_PML_IN_L2, 0xff, 0xf5fbeffe, 0xc71bffff, 0x3bfffff,
		  0x7f3ff, NVMX_PROC3_IPI_VIRT },
		{ NVMX_HOST_OWNS_INTERRUPTS, 0x9f, 0xf779e5f6, 0x40013ba, 0x3fefff, 0xd3ff, 0 },
	};
	struct mini *m = *state;
	struct nvmx_caps hw = m->vm->hw;

	m->ops.pending_events = (unsigned (*)(struct nvmx_host *))(void (*)(void))flush_ept; /* none is called */
	m->ops.ack_interrupt = (int (*)(struct nvmx_host *))(void (*)(void))flush_ept;
	m->ops.take_event = (int (*)(struct nvmx_host *, unsigned))(void (*)(void))flush_ept;
	for (unsigned i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		m->vm->hw = hw;
		base01(m);
		F01(PIN_CTLS) |= hosts[i].pin;
		F01(PROC_CTLS) |= hosts[i].proc;
		F01(PROC_CTLS2) |= hosts[i].proc2;
		F01(PROC_CTLS3) = hosts[i].proc3;
		F01(EXIT_CTLS) |= hosts[i].exit;
		F01(ENTRY_CTLS) |= hosts[i].entry;
		if (hosts[i].proc3)
			F01(PROC_CTLS) |= NVMX_PROC_TERTIARY;
		assert_int_equal(start(m, hosts[i].flags, NULL), NVMX_OK);
		stop(m);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		MINI_TEST(every_bit_of_every_word),   MINI_TEST(fields_of_kept_controls), MINI_TEST(controls_of_the_map),
		MINI_TEST(index_of_the_log),          MINI_TEST(loads_that_are_not_undone),
		MINI_TEST(changed_while_l1_runs),     MINI_TEST(real_hosts_start), MINI_TEST(l1_narrows_no_exit), MINI_TEST(perf_passed_through), MINI_TEST(perf_emulated), MINI_TEST(forced_by_the_processor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

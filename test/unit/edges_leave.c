/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The table of a VM exit of L2 to L1 (src/vmcs/leave.def) holds all that it should and nothing else.  Exits from random states,
 * each repeated once for each thing that it can read, with that one changed: what comes out otherwise, in vmcs12 and in vmcs01, is
 * what the table says, and without any one of its words it would not be.
 */
#include "minihost.h"
#include "vmx/leave.h"

#define TURNS (NVMX_TEST_FULL ? 600u : 200u)
#define PDPTES 0x100000u /* of L1, in its memory: 64 fours */

static uint64_t seed;

static uint64_t draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static uint64_t narrow(unsigned row, uint64_t value)
{
	return nvmx_field_rows[row].size == 8 ? value : value & ((1ull << nvmx_field_rows[row].size * 8) - 1);
}

/* The table, flat: a row, then what it reads. */
enum left {
#define FIRST(name, value, reads) LEFT_##name,
#define LEFT(name, type, when, value, reads) LEFT_##name,
#include "vmcs/leave.def"
	LEFTS
};
enum info { INFO_reason, INFO_intr_info, INFO_intr_error, INFO_instr_len, INFO_instr_info, INFO_qualification, INFO_linear,
	    INFO_physical, INFO_idt_info, INFO_idt_error, INFOS };
enum kind { WRITES_LEFT, WRITES_12, MAY_WRITE_12, UNSAVED_12, WRITES_01, /* a row begins */
	    ROW_12, READS_12, READS_02, READS_01, READS_INFO, READS_LEFT, READS_MEMORY };
struct word {
	uint8_t kind, what;
};
#define R12(FIELD) { READS_12, NVMX_I_##FIELD },
#define R02(FIELD) { READS_02, NVMX_I_##FIELD },
#define R01(FIELD) { READS_01, NVMX_01_##FIELD },
#define INFO(member) { READS_INFO, INFO_##member },
#define L(name) { READS_LEFT, LEFT_##name },
#define MEMORY(what) { READS_MEMORY, 0 },
#define ROW(FIELD) { ROW_12, NVMX_I_##FIELD },
static const struct word table[] = {
#define FIRST(name, value, reads) { WRITES_LEFT, LEFT_##name }, reads
#define SAVE(FIELD, member, value, reads) { WRITES_12, NVMX_I_##FIELD }, reads
#define SAVE_IF(FIELD, member, when, value, reads) { MAY_WRITE_12, NVMX_I_##FIELD }, reads
#define UNSAVED(when, rows, reads) { UNSAVED_12, 0 }, rows reads
#define STORE(FIELD, member, value, reads) { WRITES_12, NVMX_I_##FIELD }, reads
#define STORE_IF(FIELD, member, when, value, reads) { MAY_WRITE_12, NVMX_I_##FIELD }, reads
#define CHANGE_IF(FIELD, when, value, reads) { MAY_WRITE_12, NVMX_I_##FIELD }, reads
#define LEFT(name, type, when, value, reads) { WRITES_LEFT, LEFT_##name }, reads
#define LOAD(FIELD, value, reads) { WRITES_01, NVMX_I_##FIELD }, reads
#define LOAD_IF(FIELD, when, value, reads) { WRITES_01, NVMX_I_##FIELD }, reads
#define CARRY(FIELD, STEP, load, exit, host, reads) { WRITES_01, NVMX_I_##FIELD }, reads
#include "vmcs/leave.def"
};
#define WORDS (sizeof(table) / sizeof(*table))

/* What an exit can read: a field of vmcs12, of vmcs02, of vmcs01 as cached, exit information, L1's memory. */
enum { OF_12 = 0, OF_02 = OF_12 + NVMX_ROWS, OF_01 = OF_02 + NVMX_ROWS, OF_INFO = OF_01 + NVMX_01_COUNT,
       OF_MEMORY = OF_INFO + INFOS, INPUTS };
struct inputs {
	uint64_t w[(INPUTS + 63) / 64];
};

static void add(struct inputs *set, unsigned input)
{
	set->w[input / 64] |= 1ull << input % 64;
}

static bool has(const struct inputs *set, unsigned input)
{
	return set->w[input / 64] >> input % 64 & 1;
}

static void add_all(struct inputs *set, const struct inputs *more)
{
	for (unsigned i = 0; i < sizeof(set->w) / sizeof(*set->w); i++)
		set->w[i] |= more->w[i];
}

/* The inputs that may show in each field of vmcs12 and vmcs01 after the exit, and which fields get a value at all. */
struct shows {
	struct inputs in12[NVMX_ROWS], in01[NVMX_ROWS];
	bool writes12[NVMX_ROWS], writes01[NVMX_ROWS];
};

static void add_read(struct inputs *set, const struct word *w, const struct shows *s, const struct inputs *left)
{
	switch (w->kind) {
	case READS_12: add_all(set, &s->in12[w->what]); break;
	case READS_LEFT: add_all(set, &left[w->what]); break;
	case READS_02: add(set, OF_02 + w->what); break;
	case READS_01: add(set, OF_01 + w->what); break;
	case READS_INFO: add(set, OF_INFO + w->what); break;
	case READS_MEMORY: add(set, OF_MEMORY); break;
	default: break;
	}
}

/* What the exit saves without a word in leave.def: the HOT and RARE rows of fields.def. */
static void derive_saved(struct shows *s)
{
	for (unsigned row = 0; row < NVMX_ROWS; row++) {
		if (nvmx_field_rows[row].sync != NVMX_S_HOT && nvmx_field_rows[row].sync != NVMX_S_RARE)
			continue;
		s->in12[row] = (struct inputs){ { 0 } };
		add(&s->in12[row], OF_02 + row);
		s->writes12[row] = true;
	}
}

/* The fields of one row show what the row reads. */
static void derive_row(const struct word *head, const struct word *end, const struct inputs *set, struct shows *s, struct inputs *left)
{
	s->writes12[head->what] |= head->kind == WRITES_12 || head->kind == MAY_WRITE_12;
	s->writes01[head->what] |= head->kind == WRITES_01;
	switch (head->kind) {
	case WRITES_LEFT: left[head->what] = *set; break;
	case WRITES_12: s->in12[head->what] = *set; break;
	case MAY_WRITE_12: add_all(&s->in12[head->what], set); break;
	case WRITES_01: s->in01[head->what] = *set; break;
	default:
		for (const struct word *w = head; w < end; w++)
			if (w->kind == ROW_12) {
				add_all(&s->in12[w->what], set);
				add(&s->in12[w->what], OF_12 + w->what);
			}
	}
}

/*
 * The table as it would be without a word of it (WORDS: with all).  `quiet`: no NMI of L1's is in the way, so that what is read for
 * its sake does not count: some of that is read elsewhere, too.
 */
static void derive(struct shows *s, size_t without, bool quiet)
{
	struct inputs left[LEFTS] = { { { 0 } } };
	bool saved = false;

	*s = (struct shows){ 0 };
	for (unsigned row = 0; row < NVMX_ROWS; row++)
		add(&s->in12[row], OF_12 + row);
	add(&s->in12[NVMX_I_PROC_CTLS2], OF_12 + NVMX_I_PROC_CTLS); /* as they count */
	for (size_t at = 0, end; at < WORDS; at = end) {
		struct inputs set = { { 0 } };

		if (!saved && table[at].kind != WRITES_LEFT) {
			derive_saved(s);
			saved = true;
		}
		for (end = at + 1; end < WORDS && table[end].kind > WRITES_01; end++)
			if (end != without && !(quiet && table[end].kind == READS_LEFT && table[end].what == LEFT_nmis_blocked))
				add_read(&set, &table[end], s, left);
		derive_row(&table[at], &table[end], &set, s, left);
	}
}

/* What there is before an exit, and after it. */
struct world {
	struct nvmx_vmcs12 v12;
	struct nvmx_vmcs01 c01;
	struct nvmx_exit_info info;
	uint64_t f01[NVMX_ROWS], f02[NVMX_ROWS], pdpte[4 * 64];
};
struct outcome {
	bool exits; /* no VMX abort */
	uint64_t f12[NVMX_ROWS], f01[NVMX_ROWS];
};

static void exit_from(struct mini *m, const struct world *w, struct outcome *out)
{
	struct nvmx_slot *s = m->v->cur;

	nvmx_vmcs_load(m->v, s->page02.hpa);
	*s->v12 = w->v12;
	m->v->vmcs01 = w->c01;
	memcpy(m->host.current->field, w->f02, sizeof(w->f02));
	memcpy(mini01(m, 0), w->f01, sizeof(w->f01));
	memcpy(mini_ram(m, PDPTES), w->pdpte, sizeof(w->pdpte));
	s->cr0_mask02 = w->f02[NVMX_I_CR0_MASK];
	s->cr4_mask02 = w->f02[NVMX_I_CR4_MASK];
	m->v->stop = NVMX_STOP_NONE;
	m->v->in_l2 = true;
	out->exits = nvmx_leave_l2(m->v, &w->info) == NVMX_RESUME_L1;
	nvmx_vmwrite_flush(m->v);
	m->v->in_l2 = false;
	nvmx_slot_freshen(m->v, s);
	for (unsigned row = 0; row < NVMX_ROWS; row++)
		out->f12[row] = nvmx_v12_get(s->v12, row);
	memcpy(out->f01, mini01(m, 0), sizeof(out->f01));
}

static uint32_t any_event(void)
{
	static const uint32_t types[] = { NVMX_EVENT_NMI, NVMX_EVENT_NMI, NVMX_EVENT_HW_EXC, NVMX_EVENT_EXT_INT };

	return (uint32_t)(draw() & 0xff) | types[draw() % 4] << 8 | (draw() % 2 ? NVMX_INTR_DELIVER_EC : 0) |
	       (draw() % 4 ? NVMX_INTR_VALID : 0);
}

static uint32_t any_reason(void)
{
	switch (draw() % 6) {
	case 0: return NVMX_XR_EXCEPTION_NMI;
	case 1: return NVMX_XR_TRIPLE_FAULT;
	case 2: return NVMX_XR_EPT_VIOLATION;
	default: return (uint32_t)(draw() % 90);
	}
}

static uint64_t any_host_cr3(void)
{
	return PDPTES + draw() % 64 * 32;
}

/* L1 has injected an NMI while NMIs were blocked, and it was perhaps not delivered. */
static void any_nmi(struct world *w)
{
	w->v12.entry_intr_info = draw() % 4 ? NVMX_INTR_VALID | NVMX_EVENT_NMI << 8 | 2u : any_event();
	w->v12.guest_rip = w->f02[NVMX_I_GUEST_RIP];
	w->v12.guest_interruptibility |= draw() % 4 ? NVMX_BLOCK_NMI : 0;
	w->v12.pin_ctls &= ~(draw() % 4 ? NVMX_PIN_VNMI : 0);
}

static void any_world(struct world *w, bool quiet)
{
	uint32_t *info[] = { &w->info.intr_error, &w->info.instr_len, &w->info.instr_info, &w->info.idt_error };
	uint64_t *c01 = (uint64_t *)(void *)&w->c01;

	for (unsigned row = 0; row < NVMX_ROWS; row++) {
		nvmx_v12_set(&w->v12, row, narrow(row, draw()));
		w->f01[row] = narrow(row, draw());
		w->f02[row] = narrow(row, draw());
	}
	for (unsigned i = 0; i < sizeof(w->c01) / 8; i++)
		c01[i] = draw();
	w->c01.tsc_multiplier >>= 16; /* less than 1: whatever the timer's value is, it has 32 bits */
	for (unsigned i = 0; i < 4 * 64; i++)
		w->pdpte[i] = draw() % 4 ? (draw() & 0xffffff000) | 1 : draw() & ~1ull;
	for (unsigned i = 0; i < sizeof(info) / sizeof(*info); i++)
		*info[i] = (uint32_t)draw();
	w->info.reason = any_reason();
	w->info.intr_info = any_event();
	w->info.idt_info = any_event();
	w->info.qualification = draw();
	w->info.linear = draw();
	w->info.physical = draw();
	w->v12.entry_intr_info = any_event() & ~NVMX_INTR_VALID;
	if (quiet) {
		w->v12.guest_interruptibility &= ~NVMX_BLOCK_NMI;
		w->v12.pin_ctls |= NVMX_PIN_VNMI;
	} else {
		any_nmi(w);
	}
	w->v12.host_cr3 = any_host_cr3();
	for (unsigned row = NVMX_I_HOST_ES_SEL; row <= NVMX_I_HOST_TR_SEL; row++)
		nvmx_v12_set(&w->v12, row, draw() % 2 ? 1ull << draw() % 16 : 0);
	w->v12.exit_msr_store_count = w->v12.exit_msr_load_count = 0;
	w->f01[NVMX_I_ENTRY_CTLS] = w->c01.ctl[NVMX_WORD_ENTRY];
}

static void change01(struct nvmx_vmcs01 *c, unsigned what, uint64_t bits)
{
	switch (what) {
#define V(member, FIELD, exists) case NVMX_01_##FIELD: c->member ^= (__typeof__(c->member))bits; break;
#include "vmcs/cached01.def"
	}
}

static void change_info(struct nvmx_exit_info *info, unsigned what, uint64_t bits)
{
	switch (what) {
	case INFO_reason: info->reason = info->reason == NVMX_XR_TRIPLE_FAULT ? NVMX_XR_EXCEPTION_NMI : any_reason(); break;
	case INFO_intr_info: info->intr_info ^= (uint32_t)bits; break;
	case INFO_intr_error: info->intr_error ^= (uint32_t)bits; break;
	case INFO_instr_len: info->instr_len ^= (uint32_t)bits; break;
	case INFO_instr_info: info->instr_info ^= (uint32_t)bits; break;
	case INFO_qualification: info->qualification ^= bits; break;
	case INFO_linear: info->linear ^= bits; break;
	case INFO_physical: info->physical ^= bits; break;
	case INFO_idt_info: info->idt_info ^= (uint32_t)bits; break;
	default: info->idt_error ^= (uint32_t)bits;
	}
}

/* Another value of one input.  False: its own effects would be in the way (MSR lists). */
static bool change(struct world *w, unsigned input)
{
	uint64_t bits = draw() % 2 ? ~0ull : 1ull << draw() % 64;
	unsigned row = (input - OF_12) % NVMX_ROWS;

	if (nvmx_field_rows[row].size < 8 && bits != ~0ull)
		bits = 1ull << draw() % (nvmx_field_rows[row].size * 8u);
	if (input >= OF_MEMORY) {
		for (unsigned i = 0; i < 4 * 64; i++)
			w->pdpte[i] ^= 0x5000;
	} else if (input >= OF_INFO) {
		change_info(&w->info, input - OF_INFO, bits);
	} else if (input >= OF_01) {
		change01(&w->c01, input - OF_01, bits);
		w->f01[NVMX_I_ENTRY_CTLS] = w->c01.ctl[NVMX_WORD_ENTRY];
	} else if (input >= OF_02) {
		w->f02[row] = narrow(row, w->f02[row] ^ bits);
	} else if (row == NVMX_I_HOST_CR3) {
		w->v12.host_cr3 = any_host_cr3();
	} else if (row == NVMX_I_EXIT_MSR_STORE_COUNT || row == NVMX_I_EXIT_MSR_LOAD_COUNT) {
		return false;
	} else {
		nvmx_v12_set(&w->v12, row, nvmx_v12_get(&w->v12, row) ^ bits);
	}
	return true;
}

/* In which fields which inputs have shown. */
static void look(struct mini *m, struct shows *seen, bool quiet)
{
	static struct world w, other;
	static struct outcome out, otherwise;

	do {
		any_world(&w, quiet);
		exit_from(m, &w, &out);
	} while (!out.exits);
	for (unsigned input = 0; input < INPUTS; input++) {
		other = w;
		if (!change(&other, input))
			continue;
		exit_from(m, &other, &otherwise);
		for (unsigned row = 0; otherwise.exits && row < NVMX_ROWS; row++) {
			if (otherwise.f12[row] != out.f12[row])
				add(&seen->in12[row], input);
			if (otherwise.f01[row] != out.f01[row])
				add(&seen->in01[row], input);
		}
	}
}

static int write_msr(struct nvmx_host *h, uint32_t msr, uint64_t value)
{
	(void)h;
	(void)value;
	assert_int_equal(msr, NVMX_MSR_PERF_GLOBAL_CTRL);
	return 0;
}

static void begin(struct mini *m)
{
	m->ops.l1_msr_write = write_msr;
	for (unsigned row = 0; row < NVMX_ROWS; row++)
		if (nvmx_field_rows[row].sync == NVMX_S_RARE)
			nvmx_set_add(&m->vm->rare, row);
	mini_enter_vmx(m, true);
}

static void end(struct mini *m)
{
	m->v->stop = NVMX_STOP_NONE;
	nvmx_vmcs_load(m->v, MINI_VMCS01);
}

/* A field in which an input shows of which the table does not say so, or NULL. */
static const char *unsaid_in(const struct inputs seen[NVMX_ROWS], const struct inputs said[NVMX_ROWS], unsigned *input)
{
	for (unsigned row = 0; row < NVMX_ROWS; row++)
		for (*input = 0; *input < INPUTS; ++*input)
			if (has(&seen[row], *input) && !has(&said[row], *input))
				return nvmx_field_rows[row].name;
	return NULL;
}

static const char *unsaid(const struct shows *seen, const struct shows *said, unsigned *input)
{
	const char *field = unsaid_in(seen->in12, said->in12, input);

	return field ? field : unsaid_in(seen->in01, said->in01, input);
}

static void the_table_says_what_is_read(void **state)
{
	static struct shows seen[2], said;
	struct mini *m = *state;
	unsigned input, unmissed = 0;
	const char *field;

	begin(m);
	seed = 88172645463325252ull;
	for (unsigned i = 0; i < TURNS; i++)
		look(m, &seen[i % 2], i % 2);
	for (unsigned quiet = 0; quiet < 2; quiet++) {
		derive(&said, WORDS, quiet);
		field = unsaid(&seen[quiet], &said, &input);
		if (field)
			fail_msg("%s shows what it does not read: input %u", field, input);
	}
	for (size_t i = 0; i < WORDS; i++) {
		bool missed = table[i].kind <= ROW_12;

		for (unsigned quiet = 0; quiet < 2 && !missed; quiet++) {
			derive(&said, i, quiet);
			missed = unsaid(&seen[quiet], &said, &input);
		}
		if (!missed)
			print_error("nobody misses word %zu (kind %d, %d)\n", i, table[i].kind, table[i].what);
		unmissed += !missed;
	}
	assert_int_equal(unmissed, 0);
	end(m);
}

/* Guest state that no exit loads. */
static const uint8_t stays[] = {
	NVMX_I_GUEST_LDTR_BASE, NVMX_I_GUEST_LDTR_LIMIT, NVMX_I_GUEST_INT_STATUS, NVMX_I_PML_INDEX, NVMX_I_VMCS_LINK_POINTER,
	NVMX_I_GUEST_RTIT_CTL, NVMX_I_GUEST_SMBASE, NVMX_I_PREEMPTION_TIMER,
};

static void all_guest_state_is_loaded(void **state)
{
	static struct shows said;
	unsigned others = 0;

	(void)state;
	derive(&said, WORDS, false);
	for (unsigned row = 0; row < NVMX_ROWS; row++) {
		if (nvmx_field_type(nvmx_field_rows[row].encoding) != NVMX_TYPE_GUEST || said.writes01[row])
			continue;
		assert_non_null(memchr(stays, (int)row, sizeof(stays)));
		others++;
	}
	assert_int_equal(others, sizeof(stays));
}

/* Undefined after an exit that makes the segment unusable (SDM 27.5.2). */
static bool is_undefined(const struct nvmx_vmcs12 *v12, unsigned row)
{
	switch (row) {
	case NVMX_I_GUEST_ES_BASE:
	case NVMX_I_GUEST_ES_LIMIT: return !v12->host_es_sel;
	case NVMX_I_GUEST_SS_BASE:
	case NVMX_I_GUEST_SS_LIMIT: return !v12->host_ss_sel;
	case NVMX_I_GUEST_DS_BASE:
	case NVMX_I_GUEST_DS_LIMIT: return !v12->host_ds_sel;
	case NVMX_I_GUEST_FS_LIMIT: return !v12->host_fs_sel;
	case NVMX_I_GUEST_GS_LIMIT: return !v12->host_gs_sel;
	default: return false;
	}
}

/* vmcs01 from nothing: what it held, but for what the host keeps in its VM-entry controls, is in nothing that the exit loads; and what
 * the exit does not load stays, in either VMCS. */
static void nothing_of_the_old_is_left(void **state)
{
	static struct world w;
	static struct outcome out, anew;
	static struct shows said;
	struct mini *m = *state;

	begin(m);
	derive(&said, WORDS, false);
	seed = 20261129;
	for (unsigned i = 0; i < TURNS * 10; i++) {
		any_world(&w, i % 2);
		w.c01.ctl[NVMX_WORD_ENTRY] |= NVMX_CARRYING_LOADS;
		w.v12.exit_ctls &= ~(draw() % 2 ? NVMX_EXIT_HOST_64 : 0);
		w.v12.host_cr0 |= NVMX_CR0_PG;
		w.v12.host_cr4 |= NVMX_CR4_PAE;
		exit_from(m, &w, &out);
		for (unsigned row = 0; row < NVMX_ROWS; row++)
			if (row != NVMX_I_ENTRY_CTLS)
				w.f01[row] = narrow(row, ~w.f01[row]);
		exit_from(m, &w, &anew);
		for (unsigned row = 0; out.exits && row < NVMX_ROWS; row++) {
			bool pdpte = row >= NVMX_I_GUEST_PDPTE0 && row <= NVMX_I_GUEST_PDPTE3;

			if (!said.writes12[row])
				assert_int_equal(anew.f12[row], nvmx_v12_get(&w.v12, row));
			if (said.writes01[row] && !(pdpte && w.v12.exit_ctls & NVMX_EXIT_HOST_64) && !is_undefined(&w.v12, row))
				assert_int_equal(anew.f01[row], out.f01[row]);
			else
				assert_int_equal(anew.f01[row], w.f01[row]);
		}
	}
	end(m);
}

static const uint8_t seen_rows[NVMX_SEEN_COUNT] = {
#define V(FIELD) NVMX_I_##FIELD,
#include "vmcs/seen01.def"
};

/* The VM exits of `w` and of one that differs from it in what vmcs01 held come to the same, whether that was known or not. */
static unsigned writes_of(struct mini *m, const struct world *w, bool known, struct outcome *out)
{
	for (unsigned i = 0; i < NVMX_SEEN_COUNT; i++)
		m->v->seen01[i] = known ? w->f01[seen_rows[i]] : NVMX_UNSEEN;
	m->host.vmwrites = 0;
	exit_from(m, w, out);
	return m->host.vmwrites;
}

/* What the VM entry has seen of vmcs01 (seen01.def) spares VMWRITEs and changes nothing else. */
static void what_is_there_is_not_written(void **state)
{
	static struct outcome out, known;
	static struct world w;
	struct mini *m = *state;
	unsigned writes, exits = 0;

	begin(m);
	seed = 88172645463325252ull;
	for (unsigned i = 0; i < TURNS; i++) {
		any_world(&w, i % 2);
		writes = writes_of(m, &w, false, &out);
		if (!out.exits)
			continue;
		exits++;
		assert_true(writes_of(m, &w, true, &known) <= writes);
		assert_memory_equal(known.f01, out.f01, sizeof(out.f01));
		for (unsigned n = 0; n < NVMX_SEEN_COUNT; n++)
			w.f01[seen_rows[n]] = out.f01[seen_rows[n]];
		assert_int_equal(writes_of(m, &w, true, &known), writes - NVMX_SEEN_COUNT);
		assert_memory_equal(known.f01, out.f01, sizeof(out.f01));
	}
	assert_true(exits > TURNS / 4);
	end(m);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		MINI_TEST(the_table_says_what_is_read),
		cmocka_unit_test(all_guest_state_is_loaded),
		MINI_TEST(nothing_of_the_old_is_left),
		MINI_TEST(what_is_there_is_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

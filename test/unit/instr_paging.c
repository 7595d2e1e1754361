/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* L1's linear memory: every paging mode, each kind of fault with its error code, accessed and dirty flags. */
#include "minihost.h"
#include "vmx/paging.h"

#define P 1ull
#define W 2ull
#define U 4ull
#define A 0x20ull
#define D 0x40ull
#define PS 0x80ull
#define NX (1ull << 63)
#define SMAP (1ull << 21)
#define AC (1ull << 18)
#define DATA 0x300000u /* where test pages are */

enum mode { NONE, PAGING32, PAE, LEVEL4, LEVEL5, MODES };

/* Where a walk of `mode` finds its entries for the linear address of the test; [0] is the last level. */
struct tables {
	uint64_t linear;
	unsigned levels;
	unsigned size;
	uint64_t at[5];
};

static void set(struct mini *m, const struct tables *t, unsigned level, uint64_t entry)
{
	memcpy(m->host.ram + t->at[level], &entry, t->size);
}

static uint64_t get(struct mini *m, const struct tables *t, unsigned level)
{
	uint64_t entry = 0;

	memcpy(&entry, m->host.ram + t->at[level], t->size);
	return entry;
}

/* Builds tables at 0x100000 on that map `linear` by 4-KiB pages to DATA, all rights. */
static struct tables build(struct mini *m, enum mode mode, uint64_t linear)
{
	struct tables t = { .linear = linear, .size = mode == PAGING32 ? 4 : 8 };
	const unsigned bits = mode == PAGING32 ? 10 : 9;

	t.levels = mode == PAGING32 ? 2 : mode == PAE ? 2 : mode == LEVEL4 ? 4 : 5;
	F01(GUEST_CR0) |= NVMX_CR0_PG;
	F01(GUEST_CR4) &= ~(NVMX_CR4_PAE | NVMX_CR4_LA57);
	if (mode != PAGING32)
		F01(GUEST_CR4) |= NVMX_CR4_PAE;
	if (mode == LEVEL5)
		F01(GUEST_CR4) |= NVMX_CR4_LA57;
	F01(ENTRY_CTLS) = mode >= LEVEL4 ? NVMX_ENTRY_IA32E : 0;
	F01(GUEST_CS_AR) = mode >= LEVEL4 ? 0xa09b : 0xc09b;
	F01(GUEST_CR3) = 0x100000 + 0x1000u * (t.levels - 1);
	memset(m->host.ram + 0x100000, 0, 0x10000);
	for (unsigned level = 0; level < t.levels; level++) {
		t.at[level] = 0x100000 + 0x1000u * level + (linear >> (12 + bits * level) & ((1u << bits) - 1)) * t.size;
		set(m, &t, level, (level ? 0x100000 + 0x1000u * (level - 1) : DATA) | P | W | U);
	}
	if (mode == PAE) {
		F01(GUEST_CR3) = 0x10f000;
		*mini01(m, NVMX_I_GUEST_PDPTE0 + (linear >> 30 & 3)) = 0x101000 | P;
	}
	memset(m->host.ram + DATA, 0x5a, 0x2000);
	return t;
}

static struct nvmx_fault fault;

static unsigned plain_reads;

/* Where the plain walk answers, the whole one says the same. */
static int read_at(struct mini *m, const struct nvmx_l1 *l1, uint64_t linear, void *buf, uint32_t len)
{
	uint8_t plain[16];
	bool is_plain = (linear & 0xfff) + len <= 4096 && nvmx_plain_read(m->v, l1, linear, plain, len);
	int failed = nvmx_linear_read(m->v, l1, linear, buf, len, &fault);

	if (is_plain) {
		assert_int_equal(failed, 0);
		assert_memory_equal(plain, buf, len);
		plain_reads++;
	}
	return failed;
}

static int access_at(struct mini *m, uint64_t linear, bool write, unsigned len)
{
	uint8_t buf[16] = { 0 };
	struct nvmx_l1 l1;

	nvmx_l1_mode(m->v, &l1);
	memset(&fault, 0, sizeof(fault));
	return write ? nvmx_linear_write(m->v, &l1, linear, buf, len, &fault)
		     : read_at(m, &l1, linear, buf, len);
}

static void ok(struct mini *m, const struct tables *t, bool write)
{
	assert_int_equal(access_at(m, t->linear, write, 8), 0);
}

static void faulty(struct mini *m, const struct tables *t, bool write, uint32_t error)
{
	assert_int_equal(access_at(m, t->linear, write, 8), -1);
	assert_int_equal(fault.vector, NVMX_VECTOR_PF);
	assert_int_equal(fault.error, error);
	assert_true(fault.cr2 == t->linear);
}

static const uint64_t linears[MODES] = { 0, 0x80412010, 0xc0412010, 0x7f8040412010, 0x00ff408040412010 };

static void each_mode_translates(void **state)
{
	struct mini *m = *state;

	for (enum mode mode = PAGING32; mode < MODES; mode++) {
		struct tables t = build(m, mode, linears[mode]);
		struct nvmx_l1 l1;
		uint64_t value = 0x0123456789abcdef, back = 0;
		unsigned before = plain_reads;

		nvmx_l1_mode(m->v, &l1);
		assert_int_equal(nvmx_linear_write(m->v, &l1, t.linear, &value, 8, &fault), 0);
		assert_true(*mini_ram(m, DATA + 0x10) == value);
		assert_int_equal(read_at(m, &l1, t.linear, &back, 8), 0);
		assert_true(back == value);
		assert_int_equal(plain_reads - before, mode == LEVEL4);
	}
}

static void without_paging(void **state)
{
	struct mini *m = *state;
	struct tables t = { .linear = DATA };

	F01(ENTRY_CTLS) = 0;
	F01(GUEST_CR0) &= ~NVMX_CR0_PG;
	ok(m, &t, true);
	assert_int_equal(*mini_ram(m, DATA), 0);
}

static void not_present(void **state)
{
	struct mini *m = *state;

	for (enum mode mode = PAGING32; mode < MODES; mode++) {
		struct tables t = build(m, mode, linears[mode]);

		for (unsigned level = 0; level < t.levels; level++) {
			uint64_t entry = get(m, &t, level);

			set(m, &t, level, entry & ~P);
			faulty(m, &t, false, 0);
			faulty(m, &t, true, NVMX_PF_W);
			F01(GUEST_SS_AR) |= 3 << 5;
			faulty(m, &t, true, NVMX_PF_W | NVMX_PF_U);
			F01(GUEST_SS_AR) &= ~(3ull << 5);
			set(m, &t, level, entry);
		}
		ok(m, &t, false);
	}
}

static void pae_uses_the_loaded_pdptes(void **state)
{
	struct mini *m = *state;
	struct tables t = build(m, PAE, linears[PAE]);

	F01(GUEST_PDPTE3) = 0;
	faulty(m, &t, false, 0);
	m->v->vmcs01.ctl[NVMX_WORD_PROC2] = 0; /* without EPT for L1 they are where CR3 points */
	*mini_ram(m, 0x10f000 + 3 * 8) = 0x101000 | P;
	ok(m, &t, false);
}

static void reserved_bits(void **state)
{
	static const struct {
		enum mode mode;
		unsigned level;
		uint64_t bits;
	} table[] = {
		{ PAE, 0, 1ull << 40 }, { PAE, 0, 1ull << 51 }, { PAE, 0, 1ull << 62 }, { PAE, 1, 1ull << 40 },
		{ PAE, 1, PS | 1ull << 13 }, { PAE, 1, PS | 1ull << 20 }, { LEVEL4, 0, 1ull << 40 }, { LEVEL4, 0, 1ull << 51 },
		{ LEVEL4, 1, 1ull << 45 }, { LEVEL4, 1, PS | 1ull << 13 }, { LEVEL4, 2, PS | 1ull << 29 },
		{ LEVEL4, 2, PS | 1ull << 13 }, { LEVEL4, 3, PS }, { LEVEL4, 3, 1ull << 40 }, { LEVEL5, 3, PS },
		{ LEVEL5, 4, PS }, { LEVEL5, 4, 1ull << 40 },
	};
	struct mini *m = *state;

	for (unsigned i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct tables t = build(m, table[i].mode, linears[table[i].mode]);

		set(m, &t, table[i].level, get(m, &t, table[i].level) | table[i].bits);
		faulty(m, &t, false, NVMX_PF_P | NVMX_PF_RSVD);
		faulty(m, &t, true, NVMX_PF_P | NVMX_PF_RSVD | NVMX_PF_W);
		for (unsigned level = 0; level < t.levels; level++) /* as entries are that were used */
			set(m, &t, level, get(m, &t, level) | A | D);
		faulty(m, &t, false, NVMX_PF_P | NVMX_PF_RSVD);
	}
}

static void bits_that_are_not_reserved(void **state)
{
	struct mini *m = *state;
	struct tables t = build(m, LEVEL4, linears[LEVEL4]);

	for (unsigned level = 0; level < 4; level++)
		set(m, &t, level, get(m, &t, level) | 0x7ff0000000000e18ull | (level ? D : PS)); /* PAT in a PTE */
	ok(m, &t, true);
	t = build(m, PAGING32, linears[PAGING32]);
	set(m, &t, 0, get(m, &t, 0) | 0xf98); /* PTE: nothing is reserved */
	ok(m, &t, true);
}

static void no_execute_is_reserved_without_nxe(void **state)
{
	struct mini *m = *state;

	for (enum mode mode = PAE; mode < MODES; mode++) {
		struct tables t = build(m, mode, linears[mode]);

		for (unsigned level = 0; level < t.levels; level++) {
			uint64_t entry = get(m, &t, level);

			set(m, &t, level, entry | NX);
			F01(GUEST_EFER) |= NVMX_EFER_NXE;
			ok(m, &t, true);
			F01(GUEST_EFER) &= ~NVMX_EFER_NXE;
			faulty(m, &t, false, NVMX_PF_P | NVMX_PF_RSVD);
			set(m, &t, level, entry);
		}
	}
}

static void large_pages(void **state)
{
	struct mini *m = *state;
	struct tables t = build(m, LEVEL4, 0x7f8040412010);

	set(m, &t, 1, 0x200000 | P | W | PS | 1u << 12); /* 2 MiB; bit 12 is PAT */
	ok(m, &t, true);
	assert_int_equal(*mini_ram(m, 0x200000 + 0x12010), 0);
	t = build(m, LEVEL4, 0x7f8040312010);
	memset(m->host.ram + 0x312010, 0xff, 8);
	set(m, &t, 2, P | W | PS); /* 1 GiB at 0 */
	ok(m, &t, true);
	assert_int_equal(*mini_ram(m, 0x312010), 0);
	t = build(m, PAE, 0xc0412010);
	memset(m->host.ram + 0x212010, 0xff, 8);
	set(m, &t, 1, 0x200000 | P | W | PS);
	ok(m, &t, true);
	assert_int_equal(*mini_ram(m, 0x212010), 0);
}

static void four_megabyte_pages(void **state)
{
	struct mini *m = *state;
	struct tables t = build(m, PAGING32, 0x80312010);

	F01(GUEST_CR4) |= NVMX_CR4_PSE;
	memset(m->host.ram + 0x312010, 0xff, 8);
	set(m, &t, 1, P | W | PS);
	ok(m, &t, true);
	assert_int_equal(*mini_ram(m, 0x312010), 0);
	set(m, &t, 1, P | W | PS | 1u << 21);
	faulty(m, &t, false, NVMX_PF_P | NVMX_PF_RSVD);
	set(m, &t, 1, P | W | PS | 1u << 20); /* address bit 39: nothing there, but below the width of 40 */
	ok(m, &t, false);
	m->vm->caps.maxphyaddr = 36;
	faulty(m, &t, false, NVMX_PF_P | NVMX_PF_RSVD);
	set(m, &t, 1, P | W | PS | 1u << 16); /* bit 35 */
	ok(m, &t, false);
	set(m, &t, 1, P | W | PS | 1u << 17);
	faulty(m, &t, false, NVMX_PF_P | NVMX_PF_RSVD);
	F01(GUEST_CR4) &= ~NVMX_CR4_PSE; /* then bit 7 means nothing */
	set(m, &t, 1, 0x100000 | P | W | PS);
	ok(m, &t, true);
}

static void supervisor_rights(void **state)
{
	struct mini *m = *state;

	for (enum mode mode = PAGING32; mode < MODES; mode++) {
		struct tables t = build(m, mode, linears[mode]);

		for (unsigned level = 0; level < t.levels; level++) {
			uint64_t entry = get(m, &t, level);

			set(m, &t, level, entry & ~W);
			ok(m, &t, false);
			F01(GUEST_CR0) |= NVMX_CR0_WP;
			faulty(m, &t, true, NVMX_PF_P | NVMX_PF_W);
			F01(GUEST_CR0) &= ~NVMX_CR0_WP;
			ok(m, &t, true);
			set(m, &t, level, entry);
		}
	}
}

static void user_rights(void **state)
{
	struct mini *m = *state;

	F01(GUEST_SS_AR) |= 3 << 5;
	for (enum mode mode = PAGING32; mode < MODES; mode++) {
		struct tables t = build(m, mode, linears[mode]);

		ok(m, &t, true);
		for (unsigned level = 0; level < t.levels; level++) {
			uint64_t entry = get(m, &t, level);

			set(m, &t, level, entry & ~U);
			faulty(m, &t, false, NVMX_PF_P | NVMX_PF_U);
			set(m, &t, level, entry & ~W);
			ok(m, &t, false);
			F01(GUEST_CR0) &= ~NVMX_CR0_WP; /* is no help */
			faulty(m, &t, true, NVMX_PF_P | NVMX_PF_U | NVMX_PF_W);
			F01(GUEST_CR0) |= NVMX_CR0_WP;
			set(m, &t, level, entry);
		}
	}
}

static void smap(void **state)
{
	struct mini *m = *state;
	struct tables t = build(m, LEVEL4, linears[LEVEL4]);

	F01(GUEST_CR4) |= SMAP;
	faulty(m, &t, false, NVMX_PF_P);
	faulty(m, &t, true, NVMX_PF_P | NVMX_PF_W);
	F01(GUEST_RFLAGS) |= AC;
	ok(m, &t, true);
	F01(GUEST_RFLAGS) &= ~AC;
	set(m, &t, 2, get(m, &t, 2) & ~U); /* one supervisor entry makes it a supervisor page */
	ok(m, &t, true);
}

/* SDM 4.6.2: keys of supervisor-mode addresses, with paging of 4 and 5 levels. */
static void supervisor_keys(void **state)
{
	struct mini *m = *state;

	F01(GUEST_CR4) |= NVMX_CR4_PKS;
	for (enum mode mode = LEVEL4; mode < MODES; mode++) {
		struct tables t = build(m, mode, linears[mode]);

		set(m, &t, 0, get(m, &t, 0) | 5ull << 59);
		F01(GUEST_PKRS) = 1u << 10; /* access disable */
		ok(m, &t, true); /* a user-mode address */
		set(m, &t, 0, get(m, &t, 0) & ~U);
		faulty(m, &t, false, NVMX_PF_P | NVMX_PF_PK);
		faulty(m, &t, true, NVMX_PF_P | NVMX_PF_W | NVMX_PF_PK);
		F01(GUEST_PKRS) = ~(3u << 10); /* of all others */
		ok(m, &t, true);
		F01(GUEST_PKRS) = 2u << 10; /* write disable */
		ok(m, &t, false);
		F01(GUEST_CR0) |= NVMX_CR0_WP;
		faulty(m, &t, true, NVMX_PF_P | NVMX_PF_W | NVMX_PF_PK);
		F01(GUEST_CR0) &= ~NVMX_CR0_WP;
		ok(m, &t, true);
		F01(GUEST_PKRS) = 1u << 10;
		F01(GUEST_CR4) &= ~NVMX_CR4_PKS;
		ok(m, &t, true);
		F01(GUEST_CR4) |= NVMX_CR4_PKS;
	}
	struct tables pae = build(m, PAE, linears[PAE]);

	set(m, &pae, 0, get(m, &pae, 0) & ~U);
	F01(GUEST_PKRS) = ~0u;
	ok(m, &pae, true);
}

static void flags_are_set_as_hardware_would(void **state)
{
	struct mini *m = *state;

	for (enum mode mode = PAGING32; mode < MODES; mode++) {
		struct tables t = build(m, mode, linears[mode]);

		set(m, &t, 0, get(m, &t, 0) & ~W);
		F01(GUEST_CR0) |= NVMX_CR0_WP;
		faulty(m, &t, true, NVMX_PF_P | NVMX_PF_W);
		assert_int_equal(get(m, &t, 0) & (A | D), 0);
		set(m, &t, 0, get(m, &t, 0) | W);
		ok(m, &t, false);
		for (unsigned level = 0; level < t.levels; level++)
			assert_int_equal(get(m, &t, level) & (A | D), A);
		ok(m, &t, true);
		for (unsigned level = 0; level < t.levels; level++)
			assert_int_equal(get(m, &t, level) & (A | D), level ? A : A | D);
	}
}

static void two_pages(void **state)
{
	struct mini *m = *state;
	struct tables t = build(m, LEVEL4, 0x412ffc);
	uint64_t value = 0x1122334455667788;
	struct nvmx_l1 l1;

	nvmx_l1_mode(m->v, &l1);
	/* The second page is missing: nothing is written to the first. */
	memset(m->host.ram + DATA + 0xffc, 0x5a, 4);
	assert_int_equal(nvmx_linear_write(m->v, &l1, t.linear, &value, 8, &fault), -1);
	assert_int_equal(fault.cr2, 0x413000);
	assert_int_equal(*(uint32_t *)(void *)(m->host.ram + DATA + 0xffc), 0x5a5a5a5a);
	*mini_ram(m, t.at[0] + 8) = 0x310000 | P | W;
	assert_int_equal(nvmx_linear_write(m->v, &l1, t.linear, &value, 8, &fault), 0);
	assert_int_equal(*(uint32_t *)(void *)(m->host.ram + DATA + 0xffc), 0x55667788);
	assert_int_equal(*(uint32_t *)(void *)(m->host.ram + 0x310000), 0x11223344);
	value = 0;
	assert_int_equal(read_at(m, &l1, t.linear, &value, 8), 0);
	assert_true(value == 0x1122334455667788);
}

static void linear_addresses_wrap_at_4_gib(void **state)
{
	struct mini *m = *state;
	struct tables t = build(m, PAGING32, 0xfffffffc);
	struct nvmx_l1 l1;
	uint64_t value = 0;

	/* The page tables of the last and the first 4 MiB. */
	*(uint32_t *)(void *)(m->host.ram + 0x101000) = 0x102000 | P | W;
	*(uint32_t *)(void *)(m->host.ram + 0x102000) = 0x310000 | P | W;
	*(uint32_t *)(void *)(m->host.ram + 0x310000) = 0x77777777;
	nvmx_l1_mode(m->v, &l1);
	assert_int_equal(read_at(m, &l1, t.linear, &value, 8), 0);
	assert_true(value == 0x777777775a5a5a5a);
}

static void memory_that_is_not_there(void **state)
{
	struct mini *m = *state;
	struct tables t = build(m, LEVEL4, linears[LEVEL4]);
	uint64_t value = 0;
	struct nvmx_l1 l1;

	nvmx_l1_mode(m->v, &l1);
	set(m, &t, 0, MINI_RAM | P | W);
	assert_int_equal(read_at(m, &l1, t.linear, &value, 8), 0);
	assert_true(value == ~0ull);
	assert_int_equal(nvmx_linear_write(m->v, &l1, t.linear, &value, 8, &fault), 0);
	set(m, &t, 1, MINI_RAM | P | W); /* an entry of ones has reserved bits */
	faulty(m, &t, false, NVMX_PF_P | NVMX_PF_RSVD);
}

static void tables_in_rom_keep_their_flags(void **state)
{
	struct mini *m = *state;
	struct tables t = build(m, LEVEL4, linears[LEVEL4]);

	m->host.rom = 0x100000;
	m->host.rom_end = 0x110000;
	ok(m, &t, true);
	assert_int_equal(*mini_ram(m, DATA + 0x10), 0);
	assert_int_equal(get(m, &t, 0) & (A | D), 0);
}

/* Another processor of L1 changes an entry between our reading it and our marking it. */
static struct mini *racing;
static const struct tables *racing_tables;
static unsigned racing_maps, racing_at;

static void race(struct nvmx_host *h, uint64_t gpa)
{
	(void)gpa;
	if (++racing_maps == racing_at)
		set(racing, racing_tables, 0, 0x310000 | P | W);
	(void)h;
}

static void an_entry_that_changes_is_read_again(void **state)
{
	struct mini *m = *state;
	struct tables t = build(m, LEVEL4, linears[LEVEL4]);
	uint64_t value = 0;
	struct nvmx_l1 l1;

	nvmx_l1_mode(m->v, &l1);
	*mini_ram(m, 0x310010) = 0x4242;
	racing = m;
	racing_tables = &t;
	racing_maps = 0;
	racing_at = 8; /* four reads, then the accessed flags of the upper three */
	m->host.on_map = race;
	assert_int_equal(read_at(m, &l1, t.linear, &value, 8), 0);
	m->host.on_map = NULL;
	assert_int_equal(value, 0x4242);
	assert_true(get(m, &t, 0) == (0x310000 | P | W | A));
}

/* Bits 62:52 of an entry are ignored: it is never the same twice. */
static void every_map(struct nvmx_host *h, uint64_t gpa)
{
	static uint64_t changes;

	(void)h;
	(void)gpa;
	set(racing, racing_tables, 0, (get(racing, racing_tables, 0) & ~(0x7ffull << 52)) | (++changes & 0x7ff) << 52);
}

static void endless_changes_are_bounded(void **state)
{
	struct mini *m = *state;
	struct tables t = build(m, LEVEL4, linears[LEVEL4]);
	uint64_t value = 0;
	struct nvmx_l1 l1;

	nvmx_l1_mode(m->v, &l1);
	racing = m;
	racing_tables = &t;
	m->host.on_map = every_map;
	assert_int_equal(read_at(m, &l1, t.linear, &value, 8), 0);
	m->host.on_map = NULL;
	assert_true(value == 0x5a5a5a5a5a5a5a5a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MINI_TEST(each_mode_translates),
		MINI_TEST(without_paging),
		MINI_TEST(not_present),
		MINI_TEST(pae_uses_the_loaded_pdptes),
		MINI_TEST(reserved_bits),
		MINI_TEST(bits_that_are_not_reserved),
		MINI_TEST(no_execute_is_reserved_without_nxe),
		MINI_TEST(large_pages),
		MINI_TEST(four_megabyte_pages),
		MINI_TEST(supervisor_rights),
		MINI_TEST(user_rights),
		MINI_TEST(smap),
		MINI_TEST(supervisor_keys),
		MINI_TEST(flags_are_set_as_hardware_would),
		MINI_TEST(two_pages),
		MINI_TEST(linear_addresses_wrap_at_4_gib),
		MINI_TEST(memory_that_is_not_there),
		MINI_TEST(tables_in_rom_keep_their_flags),
		MINI_TEST(an_entry_that_changes_is_read_again),
		MINI_TEST(endless_changes_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

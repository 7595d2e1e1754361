/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "bits.h"
#include "judge.h"

#define NO_FIELD 0xffff

uint64_t judge_probe(unsigned probe, unsigned field)
{
	uint64_t x;

	if (probe < 2)
		return probe ? ~0ull : 0;
	if (probe < 66)
		return NVMX_BIT64(probe - 2);
	if (probe < 130)
		return ~NVMX_BIT64(probe - 66);
	x = ((uint64_t)probe << 32 | field) * 0x9e3779b97f4a7c15ull; /* splitmix64 */
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

bool judge_unknown(const struct transcript *t, const uint16_t *fields, unsigned probe, struct nvmx_vmcs12 *v12)
{
	bool some = false;

	for (const uint16_t *f = fields; *f != NO_FIELD; f++) {
		unsigned row = (unsigned)nvmx_field_find(*f);

		if (t->known[row])
			continue;
		nvmx_v12_set(v12, row, judge_probe(probe, row));
		some = true;
	}
	return some;
}

/* Likewise what a row reads of memory. */
static bool unknown_facts(const struct transcript *t, unsigned probe, struct nvmx_check_input *in)
{
	uint64_t value = judge_probe(probe, NVMX_ROWS);
	bool link = t->npages || t->link_given, some = !in->vtpr_known || !in->pdpte_known || !link;

	if (!link)
		in->link_revision = probe & 1 ? (uint32_t)value : in->v12->revision;
	if (!in->vtpr_known)
		in->vtpr = (uint8_t)value;
	for (unsigned i = 0; !in->pdpte_known && i < 4; i++)
		in->pdpte[i] = value;
	in->vtpr_known = in->pdpte_known = true;
	return some;
}

enum verdict judge_row(const struct transcript *t, const struct nvmx_check_row *row)
{
	for (unsigned probe = 0; probe < PROBES; probe++) {
		struct nvmx_vmcs12 v12 = t->v12;
		bool unknown = judge_unknown(t, row->fields, probe, &v12);
		struct nvmx_check_input in = transcript_input(t, &v12);

		if (row->groups & NVMX_GROUP_FACTS)
			unknown |= unknown_facts(t, probe, &in);
		if (!row->holds(&in))
			return unknown ? NOT_JUDGED : FAILS;
		if (!unknown)
			return HOLDS;
	}
	return HOLDS;
}

static unsigned failing_rows(const struct transcript *t, const struct nvmx_vmcs12 *v12)
{
	struct nvmx_check_input in = transcript_input(t, v12);
	unsigned failing = 0;
	size_t n;
	const struct nvmx_check_row *rows = nvmx_check_rows(&n);

	for (size_t i = 0; i < n; i++) {
		bool known = true;

		for (const uint16_t *f = rows[i].fields; *f != NO_FIELD; f++)
			known &= t->known[nvmx_field_find(*f)];
		failing += known && !rows[i].holds(&in);
	}
	return failing;
}

static unsigned bits_between(const struct change *c)
{
	return (unsigned)__builtin_popcountll(c->from ^ c->to);
}

/* How many rows read a field: the fewer, the more it is the failing row's own. */
static unsigned readers(uint16_t field)
{
	unsigned count = 0;
	size_t n;
	const struct nvmx_check_row *rows = nvmx_check_rows(&n);

	for (size_t i = 0; i < n; i++)
		for (const uint16_t *f = rows[i].fields; *f != NO_FIELD; f++)
			count += *f == nvmx_field_rows[field].encoding;
	return count;
}

static bool better(const struct change *a, const struct change *b)
{
	if (a->failing != b->failing)
		return a->failing < b->failing;
	if (a->field != b->field)
		return readers(a->field) < readers(b->field);
	return bits_between(a) < bits_between(b);
}

/* Takes a change into the sorted list if the row holds with it. */
static unsigned try_change(const struct transcript *t, const struct nvmx_check_row *row, struct change c, unsigned n,
			   struct change changes[MAX_CHANGES])
{
	struct nvmx_vmcs12 v12 = t->v12;
	struct nvmx_check_input in;
	unsigned at;

	nvmx_v12_set(&v12, c.field, c.to);
	c.to = nvmx_v12_get(&v12, c.field);
	in = transcript_input(t, &v12);
	if (c.to == c.from || !row->holds(&in))
		return n;
	c.failing = failing_rows(t, &v12);
	for (unsigned i = 0; i < n; i++)
		if (changes[i].field == c.field && changes[i].to == c.to)
			return n;
	for (at = n; at && better(&c, &changes[at - 1]); at--)
		if (at < MAX_CHANGES)
			changes[at] = changes[at - 1];
	if (at < MAX_CHANGES)
		changes[at] = c;
	return n < MAX_CHANGES ? n + 1 : n;
}

/* What the processor allows: no 0 where it demands 1, no 1 where it does not allow it. */
static uint64_t allowed(const struct transcript *t, uint16_t encoding, uint64_t value)
{
	static const struct { uint16_t encoding; uint32_t msr; } words[] = {
		{ NVMX_PIN_CTLS, NVMX_MSR_VMX_TRUE_PINBASED_CTLS }, { NVMX_PROC_CTLS, NVMX_MSR_VMX_TRUE_PROCBASED_CTLS },
		{ NVMX_PROC_CTLS2, NVMX_MSR_VMX_PROCBASED_CTLS2 }, { NVMX_EXIT_CTLS, NVMX_MSR_VMX_TRUE_EXIT_CTLS },
		{ NVMX_ENTRY_CTLS, NVMX_MSR_VMX_TRUE_ENTRY_CTLS },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (words[i].encoding == encoding)
			return (value | nvmx_caps_must(&t->caps, words[i].msr)) & nvmx_caps_may(&t->caps, words[i].msr);
	if (encoding == NVMX_GUEST_CR0 || encoding == NVMX_HOST_CR0)
		return (value | nvmx_caps_get(&t->caps, NVMX_MSR_VMX_CR0_FIXED0)) & nvmx_caps_get(&t->caps, NVMX_MSR_VMX_CR0_FIXED1);
	if (encoding == NVMX_GUEST_CR4 || encoding == NVMX_HOST_CR4)
		return (value | nvmx_caps_get(&t->caps, NVMX_MSR_VMX_CR4_FIXED0)) & nvmx_caps_get(&t->caps, NVMX_MSR_VMX_CR4_FIXED1);
	return value;
}

/* Values that commonly were meant: (value & and) | or, for fields from `first` to `last`. */
static const struct {
	uint16_t first, last;
	uint64_t and, or;
} masks[] = {
	{ 0, 0xffff, ~0xfffull, 0 },
	{ 0, 0xffff, ~0xfull, 0 },
	{ 0, 0xffff, ~3ull, 0 },
	{ 0, 0xffff, 0xffffffff, 0 },
	{ 0, 0xffff, 0xffff, 0 },
	{ NVMX_GUEST_ES_AR, NVMX_GUEST_TR_AR, ~0xf00ull, 0 },
	{ NVMX_GUEST_ES_AR, NVMX_GUEST_TR_AR, 0x1ffff, 0 },
	{ NVMX_GUEST_ES_AR, NVMX_GUEST_TR_AR, 0, 0xf3 }, /* virtual-8086 mode */
	{ NVMX_GUEST_ES_AR, NVMX_GUEST_TR_AR, ~0xfull, 3 },
	{ NVMX_GUEST_ES_AR, NVMX_GUEST_TR_AR, ~0xfull, 0xb },
	{ NVMX_GUEST_RFLAGS, NVMX_GUEST_RFLAGS, 0x3f7fd5, 2 },
	{ NVMX_GUEST_EFER, NVMX_GUEST_EFER, 0xd01, 0 },
	{ NVMX_HOST_EFER, NVMX_HOST_EFER, 0xd01, 0 },
	{ NVMX_GUEST_PAT, NVMX_GUEST_PAT, 0, 0x0007040600070406 }, /* after RESET */
	{ NVMX_HOST_PAT, NVMX_HOST_PAT, 0, 0x0007040600070406 },
	{ NVMX_EPT_POINTER, NVMX_EPT_POINTER, ~0x3full, 6 | 3 << 3 }, /* write-back, four levels */
	{ NVMX_EPT_POINTER, NVMX_EPT_POINTER, ~0xf80ull, 0 },
	{ NVMX_GUEST_PENDING_DBG, NVMX_GUEST_PENDING_DBG, 0x1500f, 0 },
	{ NVMX_GUEST_PDPTE0, NVMX_GUEST_PDPTE3, ~0x1e6ull, 0 },
};
#define MASKS (sizeof(masks) / sizeof(*masks))
#define MEANT (MASKS + 4)

static uint64_t meant(const struct transcript *t, uint16_t encoding, uint64_t value, size_t which)
{
	uint64_t within = NVMX_BIT64(t->caps.maxphyaddr) - 1;
	unsigned over = 64u - t->caps.linear_width;

	switch (which) {
	case 0: return allowed(t, encoding, value);
	case 1: return value & within;
	case 2: return value & within & ~0xfffull;
	case 3: return (uint64_t)((int64_t)(value << over) >> over); /* canonical */
	default: which -= 4;
	}
	return encoding < masks[which].first || encoding > masks[which].last ? value : (value & masks[which].and) | masks[which].or;
}

/* Of one field: a bit the other way; or what may have been meant, if there is no such bit or the field is no set of bits. */
static unsigned try_field(const struct transcript *t, const struct nvmx_check_row *row, uint16_t encoding,
			  struct change changes[MAX_CHANGES])
{
	struct change c = { .field = (uint16_t)nvmx_field_find(encoding) };
	bool set = bits_named(encoding);
	unsigned n = 0, flips;

	c.from = nvmx_v12_get(&t->v12, c.field);
	for (unsigned bit = 0; bit < 8u * nvmx_field_rows[c.field].size; bit++) {
		if (set && !bit_name(encoding, bit))
			continue;
		c.to = c.from ^ NVMX_BIT64(bit);
		n = try_change(t, row, c, n, changes);
	}
	flips = n;
	for (size_t which = 0; which < MEANT && (!set || !flips || nvmx_field_rows[c.field].group == NVMX_G_PDPTE); which++) {
		c.to = meant(t, encoding, c.from, which);
		n = try_change(t, row, c, n, changes);
	}
	for (unsigned ones = 0; ones < 2 && !n; ones++) {
		c.to = ones ? ~0ull : 0;
		n = try_change(t, row, c, n, changes);
	}
	return n;
}

unsigned judge_changes(const struct transcript *t, const struct nvmx_check_row *row, struct change changes[MAX_CHANGES])
{
	unsigned n = 0;

	for (const uint16_t *f = row->fields; *f != NO_FIELD; f++) {
		struct change found[MAX_CHANGES];
		unsigned k = try_field(t, row, *f, found);

		for (unsigned i = 0; i < k && i < CHANGES_OF_A_FIELD; i++)
			n = try_change(t, row, found[i], n, changes);
	}
	return n;
}

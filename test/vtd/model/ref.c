/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "ref.h"

/* 0: not ended. */
static bool ends_later(uint64_t a, uint64_t b)
{
	return b && (!a || a > b);
}

static void end(struct ref_history *r, uint64_t now)
{
	for (unsigned i = 0; i < r->n; i++)
		if (!r->item[i].ended)
			r->item[i].ended = now;
}

static void add(struct ref_history *r, uint64_t value, uint64_t ended)
{
	unsigned oldest = 0;

	for (unsigned i = 0; i < r->n; i++) {
		if (r->item[i].value == value) {
			if (ends_later(ended, r->item[i].ended))
				r->item[i].ended = ended;
			return;
		}
		if (ends_later(r->item[oldest].ended, r->item[i].ended))
			oldest = i;
	}
	if (r->n == REF_ITEMS) { /* forget the oldest */
		r->anything = true;
		if (!ends_later(ended, r->item[oldest].ended))
			return;
		r->item[oldest] = r->item[--r->n];
	}
	r->item[r->n].value = value;
	r->item[r->n++].ended = ended;
}

void ref_set(struct ref_history *r, uint64_t value, uint64_t now)
{
	end(r, now);
	add(r, value, 0);
}

void ref_prune(struct ref_history *r, uint64_t since, const uint64_t *only)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->n; i++)
		if (!r->item[i].ended || r->item[i].ended > since || (only && r->item[i].value != *only))
			r->item[n++] = r->item[i];
	r->n = (uint8_t)n;
	if (!only)
		r->anything = false;
}

uint64_t ref_now(const struct ref_history *r)
{
	for (unsigned i = 0; i < r->n; i++)
		if (!r->item[i].ended)
			return r->item[i].value;
	return 0;
}

void ref_prune_page(struct ref_page *p, uint64_t since)
{
	ref_prune(&p->is, since, NULL);
	for (unsigned i = 0; i < REF_LEVELS; i++)
		ref_prune(&p->table[i], since, NULL);
}

/* One step of a walk from `table`, an address with the rights so far.  true: to another table; else to the page. */
static bool step(struct nvmx_vtd_host *h, const struct ref_tables *t, uint64_t table, unsigned level, uint64_t iova, uint64_t *to)
{
	uint64_t address = ((1ull << t->host_width) - 1) & ~0xfffull;
	unsigned shift = 12 + 9 * (level - 1), rights = REF_RIGHTS(table);
	const uint64_t *page = hw_word(h, table & ~0xfffull);
	uint64_t e = page ? page[iova >> shift & 511] : 0, large = level > 1 ? e & 0x80 : 0, gpa;

	rights &= (unsigned)e;
	*to = 0;
	if (!rights || e & ~(address | 3) & ~(level == 1 || large ? 0x880ull : 0) & 0xffffffffff800ull)
		return false;
	if (large && (level > 3 || e & address & ((1ull << shift) - 1)))
		return false;
	gpa = e & address;
	if (level > 1 && !large) {
		*to = gpa | rights;
		return true;
	}
	gpa += iova & ((1ull << shift) - 1);
	if (!ref_interrupts(gpa))
		*to = (gpa & ~0xfffull) | rights;
	return false;
}

void ref_follow(struct ref_page *p, struct nvmx_vtd_host *h, const struct ref_tables *t, uint64_t iova, uint64_t now)
{
	bool none = iova >> (12 + 9 * t->levels) || iova >> t->width || ref_interrupts(iova);

	end(&p->is, now);
	for (unsigned i = 0; i < REF_LEVELS; i++)
		end(&p->table[i], now);
	if (none)
		add(&p->is, 0, 0);
	else
		add(&p->table[t->levels - 1], t->root | 3, 0);
	for (unsigned level = t->levels; level; level--) {
		const struct ref_history *from = &p->table[level - 1];

		for (unsigned i = 0; i < from->n; i++) {
			uint64_t to;
			bool table = step(h, t, from->item[i].value, level, iova, &to);

			add(table ? &p->table[level - 2] : &p->is, to, from->item[i].ended);
		}
		p->is.anything |= from->anything;
	}
}

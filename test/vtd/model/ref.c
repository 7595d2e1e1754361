/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "ref.h"

void ref_set(struct ref_history *r, uint64_t value, uint64_t now)
{
	unsigned found = REF_ITEMS;

	for (unsigned i = 0; i < r->n; i++) {
		if (r->item[i].value == value)
			found = i;
		else if (!r->item[i].ended)
			r->item[i].ended = now;
	}
	if (found < REF_ITEMS) {
		r->item[found].ended = 0;
		return;
	}
	if (r->n == REF_ITEMS) { /* forget the oldest */
		unsigned oldest = 0;

		for (unsigned i = 1; i < r->n; i++)
			if (r->item[i].ended < r->item[oldest].ended)
				oldest = i;
		r->item[oldest] = r->item[--r->n];
		r->anything = true;
	}
	r->item[r->n].value = value;
	r->item[r->n++].ended = 0;
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

uint64_t ref_walk(struct nvmx_vtd_host *h, uint64_t root, unsigned levels, uint64_t iova, unsigned width, unsigned host_width)
{
	uint64_t table = root, address = ((1ull << host_width) - 1) & ~0xfffull, rights = 3;

	if (iova >> (12 + 9 * levels) || iova >> width || ref_interrupts(iova))
		return 0;
	for (unsigned level = levels;; level--) {
		unsigned shift = 12 + 9 * (level - 1);
		const uint64_t *page = hw_word(h, table);
		uint64_t e = page ? page[iova >> shift & 511] : 0, large = level > 1 ? e & 0x80 : 0;

		rights &= e;
		if (!(e & 3) || !rights)
			return 0;
		if (e & ~(address | 3) & ~(level == 1 || large ? 0x880ull : 0) & 0xffffffffff800ull)
			return 0;
		if (large && (level > 3 || e & address & ((1ull << shift) - 1)))
			return 0;
		if (level == 1 || large) {
			uint64_t gpa = (e & address) + (iova & ((1ull << shift) - 1));

			return ref_interrupts(gpa) ? 0 : REF_PAGE(gpa, (unsigned)rights);
		}
		table = e & address;
	}
}

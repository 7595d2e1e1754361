/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* An L1 that follows no rule. */
#include "run.h"

static uint64_t any64(struct run *r)
{
	return (uint64_t)rnd(r, 0x80000000) << 33 ^ (uint64_t)rnd(r, 0x80000000) << 16 ^ rnd(r, 0x10000);
}

static uint64_t any_frame(struct run *r)
{
	switch (rnd(r, 8)) {
	case 0: return any64(r) & 0xffffffff000;
	case 1: return BIG_GPA + ((uint64_t)rnd(r, BIG_FRAMES) << 12);
	case 2: return (uint64_t)rnd(r, RAM_FRAMES) << 12;
	default: return (uint64_t)(F_TABLES + rnd(r, 24)) << 12;
	}
}

static uint64_t any_entry(struct run *r)
{
	switch (rnd(r, 16)) {
	case 0: return any64(r);
	case 1: return 0;
	case 2: return (any_frame(r) & ~0x3fffffffull) | 0x80 | rnd(r, 4);
	case 3: return (any_frame(r) & ~0x1fffffull) | 0x80 | rnd(r, 4);
	default: return any_frame(r) | rnd(r, 4);
	}
}

static void any_write(struct run *r)
{
	uint64_t frame = F_TABLES + rnd(r, 24);
	unsigned index = rnd(r, 2) ? rnd(r, 3) : run_iovas[rnd(r, IOVAS)] >> (12 + 9 * rnd(r, 4)) & 511;

	if (hw_word(&r->h, frame << 12))
		hw_word(&r->h, frame << 12)[index] = any_entry(r);
}

static void any_context(struct run *r)
{
	unsigned sid = rnd(r, SIDS);
	uint64_t *e = hw_word(&r->h, ((uint64_t)F_CONTEXTS << 12) + run_source_id(sid) * 16u);

	if (!e)
		return;
	e[0] = any_entry(r);
	e[1] = rnd(r, 4) ? (uint64_t)rnd(r, 5) << 8 | (1 + rnd(r, 2)) : any64(r);
	if (rnd(r, 4))
		e[0] |= 1;
	if (rnd(r, 4))
		e[0] &= ~0xeull;
	if (sid < HW_DEVICES && r->h.device[sid].has_tlb && rnd(r, 2))
		e[0] = (e[0] & ~0xcull) | 1 << 2;
}

static void any_descriptor(struct run *r)
{
	uint64_t iova = run_iovas[rnd(r, IOVAS)];

	if (!hw_word(&r->h, (uint64_t)F_QUEUE << 12))
		return;
	switch (rnd(r, 8)) {
	case 0: drive_queue_put(r, any64(r), any64(r)); break;
	case 1: drive_queue_put(r, (any64(r) & ~0xfull) | rnd(r, 8), rnd(r, 2) ? 0 : any64(r)); break;
	case 2: drive_queue_put(r, (uint64_t)run_source_id(rnd(r, SIDS)) << 32 | 3, iova | rnd(r, 2)); break;
	case 3: drive_queue_put(r, (uint64_t)rnd(r, 0x10000) << 32 | rnd(r, 4) << 4 | 5, any_frame(r) | rnd(r, 1024) << 2); break;
	case 4: drive_queue_put(r, (1 + rnd(r, 3)) << 4 | (uint64_t)rnd(r, 5) << 16 | 1, 0); break;
	default: drive_queue_put(r, (1 + rnd(r, 3)) << 4 | (uint64_t)rnd(r, 5) << 16 | 2, (iova & ~0x7ffffull) | rnd(r, 20));
	}
}

static void any_register(struct run *r)
{
	static const uint32_t offsets[] = { 0x18, 0x20, 0x28, 0x34, 0x38, 0x88, 0x90, 0x9c, 0xa0, 0xb8, 0xf0, 0xf8, 0x22c };
	uint32_t offset = rnd(r, 8) ? offsets[rnd(r, sizeof(offsets) / sizeof(*offsets))] : rnd(r, 0x400);

	run_write(r, offset, rnd(r, 16) ? 4u << rnd(r, 2) : rnd(r, 10), any64(r));
}

/* Back to where something happens. */
static void restart(struct run *r)
{
	run_complete(r);
	run_write(r, 0x34, 4, 0x7f);
	run_write(r, 0x18, 4, 0);
	run_complete(r);
	run_write(r, 0x20, 8, (uint64_t)F_ROOT << 12);
	run_write(r, 0x18, 4, 1u << 30);
	run_complete(r);
	r->tail = 0;
	run_write(r, 0x88, 8, 0);
	run_write(r, 0x90, 8, (uint64_t)F_QUEUE << 12);
	run_write(r, 0x18, 4, 1u << 31 | 1u << 26);
	run_complete(r);
	if (hw_word(&r->h, (uint64_t)F_ROOT << 12))
		*hw_word(&r->h, (uint64_t)F_ROOT << 12) = (uint64_t)F_CONTEXTS << 12 | 1;
}

static void host_changes(struct run *r)
{
	uint64_t gpa = rnd(r, 4) ? (uint64_t)rnd(r, RAM_FRAMES) << 12 : BIG_GPA + ((uint64_t)rnd(r, BIG_FRAMES) << 12);

	run_complete(r);
	run_revoke(r, gpa, gpa >> 12 < F_DATA ? HW_MOVE : rnd(r, 3));
}

void wild_step(struct run *r)
{
	unsigned pick = rnd(r, 1000);

	if (pick < 350)
		any_write(r);
	else if (pick < 400)
		any_context(r);
	else if (pick < 500)
		any_descriptor(r);
	else if (pick < 560)
		run_write(r, 0x88, 8, r->tail);
	else if (pick < 590)
		any_register(r);
	else if (pick < 600)
		restart(r);
	else if (pick < 900)
		judge_dma(r, rnd(r, HW_DEVICES), rnd(r, IOVAS));
	else if (pick < 950)
		judge_translation(r, rnd(r, SIDS), rnd(r, IOVAS));
	else if (pick < 970)
		judge_interrupt(r, rnd(r, 16) * 16);
	else if (pick < 988)
		host_changes(r);
	else if (pick < 991)
		run_replace(r);
	else
		run_complete(r);
	if (rnd(r, 2))
		run_progress(r);
}

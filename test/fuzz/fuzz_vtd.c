/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The virtual VT-d unit, driven by bytes: register accesses of any offset, size and alignment, descriptors, L1's memory,
 * DMA, interrupts, the host's remaps.  The first byte chooses the configuration; then each record is a command and its
 * operands.  The physical unit of the tests is the oracle: no walk of freed pages, no frame that is not L1's, no pages or
 * mappings left behind.
 */
#define FRAMES 64u
#define HW_SLOTS 4096u
#include "vtd_hw.h"
#include "input.h"

struct world {
	struct rig *r;
	struct hw_device dev[4];
	unsigned inflight;
};

/* Work that L1 has started, some of it. */
static void work(struct world *w, unsigned calls)
{
	while (calls-- && nvmx_vtd_run(w->r->u) == NVMX_VTD_MORE)
		;
}

static void set_memory(struct world *w, struct input *in)
{
	uint64_t at = take(in, 3) % (FRAMES * 4096) & ~7ull;

	*word(w->r, at) = take(in, 8);
}

/* An entry of L1's tables: mostly one that means something. */
static void set_entry(struct world *w, struct input *in)
{
	uint64_t how = take(in, 2), table = (16 + (how >> 8 & 15)) << 12, lower = (16 + take(in, 1) % 48) << 12;

	*word(w->r, table + (how & 7) * 8) = lower | (how >> 3 & 3) | (how & 0x20 && how & 0x40 ? SL_LARGE : 0);
}

static void descriptor(struct world *w, struct input *in)
{
	uint64_t tail = rd(w->r, 0x88, 8) & 0xff0, lo = take(in, 8), hi = take(in, 8);

	queue_put(w->r, &tail, lo, hi);
	queue_go(w->r, tail);
}

static void set_up(struct world *w, struct input *in)
{
	uint64_t how = take(in, 1);

	for (unsigned d = 0; d < 4; d++)
		set_context(w->r, (uint16_t)d, (TABLES + ((how >> d & 1) << 12)) | 1 | (how >> 6) << 2,
			    DOMAIN(d + 1) | AW(4 - (how >> 4 & 1)));
	wr(w->r, 0x20, 8, ROOT);
	command(w->r, GCMD_SRTP);
	command(w->r, GCMD_TE);
	wr(w->r, 0x90, 8, QUEUE_BASE);
	command(w->r, GCMD_QIE);
}

static void remap(struct world *w, struct input *in)
{
	struct hw *hw = w->r->host.hw;
	uint64_t gfn = take(in, 1) % FRAMES, how = take(in, 1), n = how >> 2 & 7;

	for (uint64_t i = gfn; i < FRAMES && i <= gfn + n; i++) {
		hw->map[i].rights = how & 3;
		if (how & 0x20)
			hw->map[i].hpa = hw->next_frame += 4096;
	}
	if (nvmx_vtd_host_invalidate(w->r->u, gfn << 12, (n + 1) << 12) == NVMX_VTD_WAITING)
		hw_answer_queued(w->r, NVMX_VTD_FLUSHED); /* only then are the old frames free */
}

static bool is_l1s(struct world *w, uint64_t hpa)
{
	const struct hw *hw = w->r->host.hw;

	if (hpa >> 12 == 0xfffff || hpa >> 12 == w->r->u->flat.dummy_hpa >> 12 || hpa - HW_BIG_HPA < 0x40000000)
		return true;
	for (unsigned i = 0; i < FRAMES; i++)
		if (hw->map[i].rights && hw->map[i].hpa == (hpa & ADDRESS_BITS))
			return true;
	return false;
}

static void dma(struct world *w, struct input *in)
{
	unsigned d = (unsigned)take(in, 1);
	uint64_t iova = (take(in, 8) & 0x7) << 39 | (d >> 5) << 12, got = hw_dma(&w->r->host, &w->dev[d % 4], iova, (d >> 4 & 1) + 1);

	if (w->dev[d % 4].target.kind == NVMX_VTD_DOMAIN && got != HW_FAULT)
		assert_true(is_l1s(w, got));
}

static void translate(struct world *w, struct input *in)
{
	unsigned access = (unsigned)take(in, 1) & 0x7f;
	uint16_t sid = (uint16_t)take(in, 2);
	uint64_t iova = take(in, 8), len = take(in, 2) + 1;
	struct nvmx_vtd_dma out;

	if (!nvmx_vtd_translate(w->r->u, sid, iova, len, access, &out))
		assert_true(out.len && out.len <= len);
	else
		assert_int_equal(out.len, 0);
}

static void interrupt(struct world *w, struct input *in)
{
	uint16_t sid = (uint16_t)take(in, 2);
	uint64_t address = 0xfee00000 | take(in, 3);
	struct nvmx_vtd_msi out;

	nvmx_vtd_interrupt(w->r->u, sid, address, (uint32_t)take(in, 4), (unsigned)take(in, 1), &out);
}

static void device(struct world *w, struct input *in)
{
	unsigned how = (unsigned)take(in, 1), d = how & 3;

	if (how & 0x80)
		nvmx_vtd_physical_fault(w->r->u, (uint16_t)d, take(in, 6), (how >> 4 & 1) + 1);
	else if (how & 0x40)
		nvmx_vtd_tick(w->r->u);
	else if (how & 4) {
		hw_answer_queued(w->r, NVMX_VTD_FLUSHED);
		nvmx_vtd_device_remove(w->r->u, (uint16_t)d);
	} else
		nvmx_vtd_device_add(w->r->u, (uint16_t)d, &w->dev[d], (how >> 3 & 1) | (how >> 3 & 4));
}

static void state(struct world *w, struct input *in)
{
	uint8_t blob[NVMX_VTD_SAVE_SIZE];
	uint64_t how = take(in, 3);

	if (how & 1) {
		nvmx_vtd_reset(w->r->u);
		return;
	}
	if (!nvmx_vtd_save(w->r->u, blob, sizeof(blob)))
		return;
	if (how & 2)
		blob[how >> 2 & 511] ^= (uint8_t)(how >> 16);
	nvmx_vtd_reset(w->r->u);
	nvmx_vtd_restore(w->r->u, blob, sizeof(blob));
}

static void host_changes(struct world *w, struct input *in)
{
	struct hw *hw = w->r->host.hw;
	uint64_t how = take(in, 1);

	hw_answer_queued(w->r, NVMX_VTD_FLUSHED);
	hw->queue = how & 1 && w->r->config.flags & NVMX_VTD_ASSIGN_TABLES;
	hw->answer = how & 2 ? -1 : how & 4 ? -2 : 0;
	hw->limit = how & 8 ? hw->live + (unsigned)(how >> 4) : 0;
	hw->maps_limit = how & 8 ? 1 + (unsigned)(how >> 4) : 0;
	hw->fail_attach = how & 0x40;
	hw->domains_limit = how & 0x80 ? 1 : 0;
	hw->big_broken = how & 0x20;
}

static void command_of(struct world *w, struct input *in)
{
	uint64_t what = take(in, 1), offset, size;

	switch (what % 16) {
	case 0:
	case 1:
	case 2:
		offset = take(in, 2) & 0x13ff;
		size = what >> 4 & 1 ? 4 : what >> 5 & 1 ? 8 : take(in, 1);
		nvmx_vtd_write(w->r->u, (uint32_t)(size == 4 ? offset & ~3ull : size == 8 ? offset & ~7ull : offset),
			       (unsigned)size, take(in, 8));
		break;
	case 3: rd(w->r, (uint32_t)take(in, 2), (unsigned)take(in, 1)); break;
	case 4: set_memory(w, in); break;
	case 5:
	case 6: set_entry(w, in); break;
	case 7:
	case 8: descriptor(w, in); break;
	case 9: translate(w, in); break;
	case 10: interrupt(w, in); break;
	case 11: remap(w, in); break;
	case 12: dma(w, in); break;
	case 13:
		if (what & 0x10)
			set_up(w, in);
		else
			device(w, in);
		break;
	case 14:
		if (what & 0x10)
			state(w, in);
		else
			host_changes(w, in);
		break;
	default:
		hw_answer_queued(w->r, what & 0x10 ? -1 : 0);
		nvmx_vtd_interrupts_done(w->r->u);
		work(w, what >> 5);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t flags[] = { NVMX_VTD_ASSIGN_TABLES, NVMX_VTD_ASSIGN_MAP, 0, NVMX_VTD_ASSIGN_TABLES };
	struct input in = { data, size };
	uint64_t how = take(&in, 1);
	struct rig *r = hw_config(NVMX_VTD_F_ALL & ~(how & 4 ? NVMX_VTD_F_WRITE_BUFFER : NVMX_VTD_F_CACHING_MODE), flags[how & 3]);
	struct world w = { .r = r };

	r->config.work = 1024;
	r->config.pages = how & 8 ? 64 : 512;
	r->config.hw_cap |= how & 16 ? CAP_CM : 0;
	r->config.hw_cap &= ~(how & 32 ? CAP_PSI | CAP_SLLPS_2M | 2ull << CAP_SAGAW_SHIFT : 0);
	r->config.width = how & 64 ? 36 : 0;
	r->config.routes_later = how & 128;
	rig_start(r);
	for (unsigned commands = 0; in.left && commands < 400; commands++)
		command_of(&w, &in);
	r->host.hw->answer = 0;
	hw_answer_queued(w.r, NVMX_VTD_FLUSHED);
	hw_free(r);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * A host and a processor for the tests of src/ept: arrays as L1's memory, a map of it that can change, a ledger of pages
 * and mappings, and a walker of the shadow with a TLB that forgets only what it is told to.
 */
#ifndef EPT_HOST_H
#define EPT_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ept/entry.h"
#include "ept/ept.h"

#define FRAMES 2048u              /* of L1's RAM */
#define HOST_RAM_FRAME 0x100000u  /* L1's frame n is at host frame HOST_RAM_FRAME + n unless it was moved */
#define HOST_PAGE_FRAME 0x400000u /* pages of page_alloc */
#define HOST_PAGES 4096u
#define TLB 64

struct tlb_entry {
	uint64_t eptp, linear, gpa2, hpa;
	unsigned rights;
	bool valid;
};

struct nvmx_host {
	uint64_t (*ram)[512];
	struct { uint64_t frame; uint8_t rights, shift; } map[FRAMES];
	void *pages[HOST_PAGES];
	void **pages_of_all;      /* where the pages are, if hosts have them in common */
	unsigned page_hint, pages_live, pages_peak, page_limit;
	int maps_live, maps_peak;
	unsigned maps_all;
	unsigned translations, flushes, flush_all;
	struct nvmx_vm *vm;       /* that writes are told to */
	bool watched[FRAMES];
	unsigned watches, unwatches, traps; /* frames that were asked for, and let go; writes of L1 that were told of */
	int watch_answer;
	uint64_t watch_batch;
	struct tlb_entry tlb[TLB];
	unsigned tlb_next;
};

struct rig {
	struct nvmx_host host;
	struct nvmx_vm vm;
	struct nvmx_vcpu v;
	struct nvmx_slot slot;
	struct nvmx_vmcs12 *v12;
	uint64_t role;
};

static inline int host_translate(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out)
{
	uint64_t gfn = gpa >> 12;

	h->translations++;
	memset(out, 0xa5, sizeof(*out));
	if (gfn >= FRAMES || access & ~h->map[gfn].rights & 7 || !h->map[gfn].rights)
		return -1;
	if (h->watched[gfn] && access & NVMX_ACCESS_W)
		return -1;
	out->hpa = h->map[gfn].frame << 12 | (gpa & 0xfff);
	out->rights = h->watched[gfn] ? h->map[gfn].rights & ~NVMX_ACCESS_W : h->map[gfn].rights;
	out->page_shift = h->map[gfn].shift;
	for (uint64_t i = gfn & ~511ull; out->page_shift == 21 && i <= (gfn | 511); i++)
		if (h->watched[i]) /* a page with one is in parts */
			out->page_shift = 12;
	out->memtype = 6;
	out->ignore_pat = false;
	return 0;
}

static inline void *host_map(struct nvmx_host *h, uint64_t gpa, bool write)
{
	(void)write;
	assert_false(gpa & 0xfff);
	if (gpa >> 12 >= FRAMES)
		return NULL;
	h->maps_all++;
	if (++h->maps_live > h->maps_peak)
		h->maps_peak = h->maps_live;
	assert_in_range(h->maps_live, 1, 16);
	return h->ram[gpa >> 12];
}

static inline void host_unmap(struct nvmx_host *h, uint64_t gpa, void *page, bool wrote)
{
	(void)wrote;
	assert_ptr_equal(page, h->ram[gpa >> 12]);
	h->maps_live--;
	assert_true(h->maps_live >= 0);
}

static inline void *host_page_alloc(struct nvmx_host *h, uint64_t *hpa)
{
	unsigned n = 0;

	if (h->pages_live >= h->page_limit)
		return NULL;
	while (h->pages[h->page_hint % HOST_PAGES]) {
		h->page_hint++;
		assert_true(n++ < HOST_PAGES);
	}
	n = h->page_hint++ % HOST_PAGES;
	h->pages[n] = aligned_alloc(4096, 4096);
	memset(h->pages[n], 0, 4096);
	*hpa = (uint64_t)(HOST_PAGE_FRAME + n) << 12;
	if (++h->pages_live > h->pages_peak)
		h->pages_peak = h->pages_live;
	return h->pages[n];
}

static inline void host_page_free(struct nvmx_host *h, void *page, uint64_t hpa)
{
	unsigned n = (unsigned)(hpa >> 12) - HOST_PAGE_FRAME;

	assert_true(n < HOST_PAGES && h->pages[n] == page);
	memset(page, 0x5a, 4096);
	free(page);
	h->pages[n] = NULL;
	h->pages_live--;
}

static inline void host_flush_ept(struct nvmx_host *h, uint64_t eptp, unsigned scope)
{
	h->flushes++;
	h->flush_all += scope == NVMX_FLUSH_ALL;
	for (unsigned i = 0; i < TLB; i++)
		if (scope == NVMX_FLUSH_ALL || !((h->tlb[i].eptp ^ eptp) & NVMX_EPTE_ADDR))
			h->tlb[i].valid = false;
}

static inline int host_watch(struct nvmx_host *h, const uint64_t *gpas, size_t n, uint64_t batch)
{
	assert_in_range(n, 1, NVMX_WATCH_BATCH);
	assert_true(batch > h->watch_batch);
	h->watch_batch = batch;
	if (h->watch_answer == -1)
		return -1;
	for (size_t i = 0; i < n; i++) {
		assert_true(gpas[i] >> 12 < FRAMES && !(gpas[i] & 0xfff));
		h->watched[gpas[i] >> 12] = true;
	}
	h->watches += (unsigned)n;
	return h->watch_answer;
}

static inline void host_unwatch(struct nvmx_host *h, uint64_t gpa)
{
	assert_true(gpa >> 12 < FRAMES && !(gpa & 0xfff));
	h->watched[gpa >> 12] = false;
	h->unwatches++;
}

/* A write to L1's memory, by whomever: told of before it is done, if the frame is watched. */
static inline void host_before_write(struct nvmx_host *h, uint64_t gfn)
{
	if (!h->watched[gfn])
		return;
	h->watched[gfn] = false;
	h->traps++;
	nvmx_watch_written(h->vm, gfn << 12, 1);
}

static const struct nvmx_host_ops host_ops = {
	.size = sizeof(host_ops), .abi = NVMX_ABI_VERSION, .translate = host_translate, .map = host_map,
	.unmap = host_unmap, .page_alloc = host_page_alloc, .page_free = host_page_free, .flush_ept = host_flush_ept,
	.watch = host_watch, .unwatch = host_unwatch,
};

static inline void host_init(struct nvmx_host *h)
{
	memset(h, 0, sizeof(*h));
	h->ram = aligned_alloc(4096, FRAMES * 4096u);
	memset(h->ram, 0, FRAMES * 4096u);
	h->page_limit = HOST_PAGES;
	for (unsigned i = 0; i < FRAMES; i++) {
		h->map[i].frame = HOST_RAM_FRAME + i;
		h->map[i].rights = 7;
		h->map[i].shift = 12;
	}
}

#define RIG_EPT_CAPS (NVMX_EPT_X_ONLY | NVMX_EPT_WALK4 | NVMX_EPT_WB | NVMX_EPT_2M | NVMX_EPT_1G | NVMX_EPT_AD | \
		      NVMX_EPT_ADV_INFO | NVMX_EPT_INVEPT | NVMX_EPT_INVEPT_SINGLE | NVMX_EPT_INVEPT_ALL)

/* watches_n: 0, or so many frames may be watched. */
static inline struct rig *rig_watching(uint32_t budget, uint32_t watches_n)
{
	struct rig *r = aligned_alloc(64, (sizeof(*r) + 63) & ~63ul);

	memset(r, 0, sizeof(*r));
	host_init(&r->host);
	r->host.vm = &r->vm;
	r->vm.ops = r->v.ops = &host_ops;
	r->vm.watches = watches_n ? aligned_alloc(64, watches_n * NVMX_WATCH_SIZE) : NULL;
	r->vm.watches_n = watches_n;
	r->vm.caps.maxphyaddr = r->vm.hw.maxphyaddr = 46;
	r->vm.caps.msr[NVMX_MSR_VMX_EPT_VPID_CAP - NVMX_CAPS_FIRST_MSR] = RIG_EPT_CAPS;
	r->vm.hw.msr[NVMX_MSR_VMX_EPT_VPID_CAP - NVMX_CAPS_FIRST_MSR] = RIG_EPT_CAPS;
	r->vm.shadow_ept_pages = budget;
	r->v.vm = &r->vm;
	r->v.host = &r->host;
	r->v12 = calloc(1, sizeof(*r->v12));
	r->slot.v12 = r->v12;
	r->v.cur = &r->slot;
	nvmx_ept_vm_init(&r->vm);
	nvmx_ept_vcpu_init(&r->v);
	return r;
}

static inline struct rig *rig_new(uint32_t budget)
{
	return rig_watching(budget, 0);
}

/* Checks that nothing leaked. */
static inline void rig_free(struct rig *r)
{
	nvmx_ept_vcpu_destroy(&r->v);
	nvmx_ept_vm_destroy(&r->vm);
	assert_int_equal(r->host.pages_live, 0);
	assert_int_equal(r->host.maps_live, 0);
	free(r->vm.watches);
	free(r->host.ram);
	free(r->v12);
	free(r);
}

/* The processor's walk of the shadow: 0, or -1 for an EPT violation.  A misconfigured entry fails the test. */
static inline int hw_walk(struct nvmx_host *h, uint64_t eptp, uint64_t gpa2, uint64_t *hpa, unsigned *rights, unsigned *shift)
{
	uint64_t table = eptp & NVMX_EPTE_ADDR, e;
	void **pages = h->pages_of_all ? h->pages_of_all : h->pages;
	unsigned level = NVMX_EPTP_WALK(eptp);

	*rights = 7;
	for (;; level--) {
		unsigned n = (unsigned)(table >> 12) - HOST_PAGE_FRAME;

		assert_true(n < HOST_PAGES && pages[n]);
		e = __atomic_load_n((uint64_t *)pages[n] + nvmx_ept_index(gpa2, level), __ATOMIC_ACQUIRE);
		if (!(e & 7))
			return -1;
		*rights &= (unsigned)e & 7;
		assert_true(e & 1 || !(e & 2));
		if (level == 1 || (level < 4 && e & NVMX_EPTE_LARGE))
			break;
		assert_false(e & 0xf8);
		table = e & NVMX_EPTE_ADDR;
	}
	assert_false(e & (nvmx_ept_size(level) - 1) & NVMX_EPTE_ADDR);
	*shift = nvmx_ept_shift(level);
	*hpa = (e & NVMX_EPTE_ADDR) | (gpa2 & (nvmx_ept_size(level) - 1));
	return 0;
}

/* An access of L2 through the TLB.  0 and where it goes, or -1 for an EPT violation with its qualification. */
static inline int hw_access(struct nvmx_host *h, uint64_t eptp, uint64_t linear, uint64_t gpa2, unsigned access,
			    uint64_t *hpa, unsigned *rights, uint64_t *qual)
{
	uint64_t page = gpa2 & ~0xfffull;
	unsigned i, shift;

	*qual = access | 0x180;
	for (i = 0; i < TLB; i++) {
		struct tlb_entry *t = &h->tlb[i];

		if (!t->valid || t->gpa2 != page || t->linear != linear || (t->eptp ^ eptp) & NVMX_EPTE_ADDR)
			continue;
		if ((t->rights & access) == access) {
			*hpa = t->hpa | (gpa2 & 0xfff);
			*rights = t->rights;
			return 0;
		}
		t->valid = false; /* a violation invalidates what it used (SDM 28.4.3.1) */
	}
	if (hw_walk(h, eptp, gpa2, hpa, rights, &shift))
		return -1;
	if ((*rights & access) != access) {
		*qual |= (uint64_t)*rights << 3;
		return -1;
	}
	h->tlb[h->tlb_next++ % TLB] = (struct tlb_entry){ eptp, linear, page, *hpa & ~0xfffull, *rights, true };
	return 0;
}

/* L1 writes an entry of one of its tables. */
static inline void l1_set(struct rig *r, unsigned table_gfn, unsigned index, uint64_t entry)
{
	host_before_write(&r->host, table_gfn);
	__atomic_store_n(&r->host.ram[table_gfn][index], entry, __ATOMIC_RELAXED);
}

#define WB_LEAF (6ull << 3)

#endif

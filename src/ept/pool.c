/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Pages for the shadow: taken from the host within the VM's budget, recycled, evicted. */
#include "../mem.h"
#include "shadow.h"

uint64_t *nvmx_ept_take(struct nvmx_ept_vcpu *e, uint64_t *hpa)
{
	uint64_t *page = e->pool;

	e->pool = (uint64_t *)(uintptr_t)page[0];
	*hpa = page[1];
	page[0] = page[1] = 0;
	e->pool_n--;
	return page;
}

void nvmx_ept_give(struct nvmx_ept_vcpu *e, uint64_t *page, uint64_t hpa)
{
	page[0] = (uintptr_t)e->pool;
	page[1] = hpa;
	e->pool = page;
	e->pool_n++;
}

void nvmx_ept_give_page(struct nvmx_ept_vcpu *e, const struct nvmx_page *page)
{
	if (!page->va)
		return;
	nvmx_memset(page->va, 0, 4096);
	nvmx_ept_give(e, page->va, page->hpa);
}

void nvmx_ept_take_heads(struct nvmx_ept_vcpu *e, struct nvmx_ept_home *h, uint32_t n)
{
	struct nvmx_page *dir = &h->heads[n / NVMX_EPT_PAGES];
	struct nvmx_ept_pages *of;

	if (!h->used.va)
		h->used.va = nvmx_ept_take(e, &h->used.hpa);
	if (!dir->va)
		dir->va = nvmx_ept_take(e, &dir->hpa);
	of = nvmx_ept_pages(dir);
	of->va[n % NVMX_EPT_PAGES] = nvmx_ept_take(e, &of->hpa[n % NVMX_EPT_PAGES]);
}

void nvmx_ept_give_heads(struct nvmx_ept_vcpu *e, struct nvmx_ept_home *h, uint32_t n)
{
	bool all = !n;

	for (; n < NVMX_EPT_PAGES * NVMX_EPT_HEADS_DIRS; n++) {
		struct nvmx_page *dir = &h->heads[n / NVMX_EPT_PAGES];
		struct nvmx_ept_pages *of = dir->va;
		uint32_t i = n % NVMX_EPT_PAGES;

		if (!of || !of->va[i])
			break;
		nvmx_ept_give_page(e, &(struct nvmx_page){ of->va[i], of->hpa[i] });
		of->va[i] = NULL;
	}
	for (uint32_t d = 0; all && d < NVMX_EPT_HEADS_DIRS; d++)
		nvmx_ept_give_page(e, &h->heads[d]);
	if (all)
		nvmx_ept_give_page(e, &h->used);
}

/* The budget is the VM's, but no vCPU is kept from its minimum by what the others hold. */
static bool grow(struct nvmx_vcpu *v)
{
	struct nvmx_ept_vcpu *e = nvmx_ept_of(v);
	struct nvmx_ept *vm = nvmx_ept_of_vm(v->vm);
	uint32_t total = __atomic_add_fetch(&vm->pages, 1, __ATOMIC_RELAXED);
	uint64_t *page = NULL, hpa;

	if (total <= v->vm->shadow_ept_pages || e->pages - e->fixed < NVMX_EPT_MIN_PAGES)
		page = nvmx_page_alloc(v, &hpa);
	if (!page) {
		__atomic_sub_fetch(&vm->pages, 1, __ATOMIC_RELAXED);
		return false;
	}
	e->pages++;
	v->counters[NVMX_CNT_EPT_PAGES]++;
	nvmx_ept_give(e, page, hpa);
	return true;
}

/* Without pointers to functions of other files: a static library for any place in memory has no table of addresses. */
static bool recycle(struct nvmx_ept_vcpu *e)
{
	bool got;

	nvmx_ept_hold(e);
	got = nvmx_ept_recycle(e);
	nvmx_ept_release(e);
	return got;
}

static bool evict(struct nvmx_ept_vcpu *e)
{
	bool got;

	nvmx_ept_hold(e);
	got = nvmx_ept_evict(e);
	nvmx_ept_release(e);
	return got;
}

/* More than is needed now, so that not each fault has to get some; less of it where there are other vCPUs that do the same. */
static bool wants_pages(const struct nvmx_ept_vcpu *e)
{
	if (nvmx_ept_is_sharing(e->vm))
		return e->pool_n < NVMX_EPT_STOCK + NVMX_EPT_LEVELS || nvmx_ept_own_pages(e) < NVMX_EPT_OWN_PAGES + NVMX_EPT_SPARE;
	return e->pool_n < NVMX_EPT_RESTOCK;
}

/* Evicts for no more than what is needed now. */
bool nvmx_ept_restock(struct nvmx_vcpu *v)
{
	struct nvmx_ept_vcpu *e = nvmx_ept_of(v);
	bool more = true;

	while (more && (wants_pages(e) || !nvmx_ept_stocked(e)))
		more = recycle(e) || (wants_pages(e) && grow(v)) || (!nvmx_ept_stocked(e) && evict(e));
	return nvmx_ept_stocked(e);
}

uint32_t nvmx_give_pages(struct nvmx_vcpu *v, uint32_t pages)
{
	struct nvmx_ept_vcpu *e = nvmx_ept_of(v);
	uint32_t given = 0;
	uint64_t *page, hpa;

	while (given < pages) {
		if (!e->pool_n) {
			if (recycle(e) || evict(e))
				continue;
			break;
		}
		page = nvmx_ept_take(e, &hpa);
		v->ops->page_free(v->host, page, hpa);
		e->pages--;
		given++;
	}
	__atomic_sub_fetch(&nvmx_ept_of_vm(v->vm)->pages, given, __ATOMIC_RELAXED);
	return given;
}

void nvmx_ept_drain(struct nvmx_vcpu *v)
{
	struct nvmx_ept_vcpu *e = nvmx_ept_of(v);
	uint64_t *page, hpa;

	while (e->pool_n) {
		page = nvmx_ept_take(e, &hpa);
		v->ops->page_free(v->host, page, hpa);
	}
	__atomic_sub_fetch(&nvmx_ept_of_vm(v->vm)->pages, e->pages, __ATOMIC_RELAXED);
	e->pages = 0;
}

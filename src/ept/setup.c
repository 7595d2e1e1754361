/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Set-up and tear-down of the shadow. */
#include "../mem.h"
#include "shadow.h"

_Static_assert(sizeof(struct nvmx_ept) <= sizeof(((struct nvmx_vm *)0)->ept), "room in struct nvmx_vm");
_Static_assert(sizeof(struct nvmx_ept_vcpu) <= sizeof(((struct nvmx_vcpu *)0)->ept), "room in struct nvmx_vcpu");

_Static_assert(sizeof(struct nvmx_ept_watch) == NVMX_WATCH_SIZE, "what the host reserves");

#define DEFAULT_BUDGET 1024
#define SHARING_MIN 512

void nvmx_ept_vm_init(struct nvmx_vm *vm)
{
	*nvmx_ept_of_vm(vm) = (struct nvmx_ept){ .watches = { .at = vm->watches, .n = vm->watches_n }, .clock = 1 };
	if (vm->watches)
		nvmx_memset(vm->watches, 0, vm->watches_n * sizeof(struct nvmx_ept_watch));
	if (!vm->shadow_ept_pages)
		vm->shadow_ept_pages = DEFAULT_BUDGET;
	nvmx_ept_of_vm(vm)->budget = vm->shadow_ept_pages;
}

/* Every page belongs to a vCPU, or went with the last one. */
void nvmx_ept_vm_destroy(struct nvmx_vm *vm)
{
	*nvmx_ept_of_vm(vm) = (struct nvmx_ept){ 0 };
}

void nvmx_ept_vcpu_init(struct nvmx_vcpu *v)
{
	struct nvmx_ept *ve = nvmx_ept_of_vm(v->vm);
	struct nvmx_ept_vcpu *e = nvmx_ept_of(v);

	*e = (struct nvmx_ept_vcpu){ .home.slabs_max = NVMX_EPT_SLABS, .want_pause_next = 1, .watches = &ve->watches, .vm = ve };
	nvmx_ept_lock(&ve->lock);
	e->bit = 1ull << ve->born++ % 64;
	ve->attached++;
	e->next = ve->vcpus;
	__atomic_store_n(&ve->vcpus, v, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&ve->vcpus_n, 1, __ATOMIC_RELAXED); /* read without the lock */
	nvmx_ept_unlock(&ve->lock);
}

const struct nvmx_vcpu *nvmx_ept_vcpu_in(struct nvmx_vm *vm, const void *mem, size_t size)
{
	struct nvmx_ept *ve = nvmx_ept_of_vm(vm);
	uintptr_t from = (uintptr_t)mem, end = from + size;
	struct nvmx_vcpu *v;

	nvmx_ept_lock(&ve->lock);
	for (v = ve->vcpus; v; v = nvmx_ept_of(v)->next)
		if ((uintptr_t)v < end && from < (uintptr_t)v + sizeof(*v))
			break;
	nvmx_ept_unlock(&ve->lock);
	return v;
}

/* Waits for the revocations that may have found this vCPU in the list, and for no others. */
static void leave_list(struct nvmx_vcpu *v)
{
	struct nvmx_ept *ve = nvmx_ept_of_vm(v->vm);
	struct nvmx_vcpu **p;

	nvmx_ept_lock(&ve->lock);
	for (p = &ve->vcpus; *p; p = &nvmx_ept_of(*p)->next)
		if (*p == v) {
			__atomic_store_n(p, nvmx_ept_of(v)->next, __ATOMIC_SEQ_CST);
			__atomic_sub_fetch(&ve->vcpus_n, 1, __ATOMIC_RELAXED);
			break;
		}
	nvmx_ept_unlock(&ve->lock);
	for (uint32_t walk = 0; walk < 2; walk++) {
		__atomic_store_n(&ve->walk, !walk, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&ve->walkers[walk], __ATOMIC_SEQ_CST))
			NVMX_RELAX();
	}
}

/* Lets go of the tables that others use, too. */
static void unshare_slab(struct nvmx_ept_vcpu *e, uint32_t slab)
{
	for (uint32_t i = 1; i < NVMX_EPT_PER_SLAB; i++) {
		struct nvmx_ept_table *t = nvmx_ept_table(&e->home, slab * NVMX_EPT_NUMBERS + i);

		if (t->state == NVMX_EPT_T_FREE || !t->shared)
			continue;
		nvmx_ept_hold(e);
		nvmx_ept_close_window(e, t);
		nvmx_ept_unshare(e, t);
		nvmx_ept_release(e);
	}
}

/* The last one takes with it what sharing took. */
static void detach_from_vm(struct nvmx_ept_vcpu *e)
{
	bool shared;

	nvmx_ept_lock(&e->vm->lock);
	shared = !--e->vm->attached && nvmx_ept_stop_sharing(e->vm);
	nvmx_ept_unlock(&e->vm->lock);
	if (shared)
		nvmx_ept_end_sharing(e);
}

static void free_slab(struct nvmx_vcpu *v, uint32_t slab)
{
	struct nvmx_ept_vcpu *e = nvmx_ept_of(v);
	uint64_t *page = (uint64_t *)nvmx_ept_table(&e->home, slab * NVMX_EPT_NUMBERS);

	for (uint32_t i = 1; i < NVMX_EPT_PER_SLAB; i++) {
		struct nvmx_ept_table *t = nvmx_ept_table(&e->home, slab * NVMX_EPT_NUMBERS + i);

		if (t->state == NVMX_EPT_T_FREE)
			continue;
		if (t->shared)
			continue;
		v->ops->page_free(v->host, t->hw, t->hw_hpa);
		v->ops->page_free(v->host, t->side, t->side_hpa);
		if (t->copy)
			v->ops->page_free(v->host, t->copy, t->copy_hpa);
	}
	v->ops->page_free(v->host, page, page[0]);
}

static void free_page(struct nvmx_vcpu *v, const struct nvmx_page *page)
{
	if (page->va)
		v->ops->page_free(v->host, page->va, page->hpa);
}

/* A page of pages. */
static void free_pages(struct nvmx_vcpu *v, const struct nvmx_page *page)
{
	const struct nvmx_ept_pages *of = page->va;

	for (unsigned i = 0; of && i < NVMX_EPT_PAGES; i++)
		free_page(v, &(struct nvmx_page){ of->va[i], of->hpa[i] });
	free_page(v, page);
}

void nvmx_ept_vcpu_destroy(struct nvmx_vcpu *v)
{
	struct nvmx_ept_vcpu *e = nvmx_ept_of(v);
	uint32_t i;

	leave_list(v);
	for (i = 0; i < e->home.slabs; i++)
		unshare_slab(e, i);
	detach_from_vm(e);
	for (i = 0; i < e->home.slabs; i++)
		free_slab(v, i);
	nvmx_ept_give_heads(e, &e->home, 0);
	free_pages(v, &e->home.dir);
	free_pages(v, &e->root_pages);
	free_page(v, &e->list);
	for (i = 0; i < NVMX_EPT_WINDOWS; i++)
		free_page(v, &e->windows[i].page);
	nvmx_ept_drain(v);
	*e = (struct nvmx_ept_vcpu){ 0 };
}

/* Pages of chain heads, a power of two: so many that chains stay short whatever the budget is, and more than the default's only
 * where they do not take what tables need. */
static uint32_t heads_pages(const struct nvmx_vm *vm, uint32_t vcpus)
{
	const struct nvmx_ept *ve = (const struct nvmx_ept *)vm->ept;
	uint32_t pages = NVMX_EPT_PAGES * NVMX_EPT_HEADS_DIRS, used = __atomic_load_n(&ve->pages, __ATOMIC_RELAXED);

	while (pages > NVMX_EPT_HEADS &&
	       (pages > vm->shadow_ept_pages / 64 / (vcpus ? vcpus : 1) || used + pages > vm->shadow_ept_pages / 2))
		pages /= 2;
	while (pages > 1 && pages > vm->shadow_ept_pages / 64)
		pages /= 2;
	return pages;
}

/* A smaller budget is left to tables. */
static bool may_share(const struct nvmx_vm *vm)
{
	return vm->flags & NVMX_HOST_PAGES_OF_VM && vm->shadow_ept_pages >= SHARING_MIN;
}

/* Most leaves are in the tables that are shared then. */
static uint32_t own_heads_pages(const struct nvmx_vm *vm, uint32_t vcpus)
{
	uint32_t pages = heads_pages(vm, vcpus);

	if (vcpus > 1 && may_share(vm))
		pages /= 8 * vcpus;
	while (pages & (pages - 1))
		pages &= pages - 1;
	return pages ? pages : 1;
}

/* As many as there are pages for, and a power of two; false: there is none. */
static bool make_heads(struct nvmx_vcpu *v)
{
	struct nvmx_ept_vcpu *e = nvmx_ept_of(v);
	uint32_t vcpus = __atomic_load_n(&e->vm->vcpus_n, __ATOMIC_RELAXED);
	uint32_t pages = own_heads_pages(v->vm, vcpus), got = 0;

	if (!nvmx_ept_stock(v))
		return false;
	if (vcpus > 1 && may_share(v->vm))
		nvmx_ept_prepare_shared(v, heads_pages(v->vm, 1));
	for (; got < pages && (!got || nvmx_ept_stock(v)); got++)
		nvmx_ept_take_heads(e, &e->home, got);
	for (pages = 1; pages * 2 <= got;)
		pages *= 2;
	nvmx_ept_give_heads(e, &e->home, pages);
	e->fixed = pages;
	nvmx_ept_hold(e);
	e->home.heads_bits = 10u + (unsigned)__builtin_ctz(pages);
	e->home.heads_n = 1u << e->home.heads_bits;
	nvmx_ept_release(e);
	return true;
}

/* What a vCPU that uses EPT needs once: chain heads, and the directories of records and roots. */
bool nvmx_ept_prepare(struct nvmx_vcpu *v)
{
	struct nvmx_ept_vcpu *e = nvmx_ept_of(v);

	if (e->home.dir.va)
		return true;
	if ((!e->home.heads[0].va && !make_heads(v)) || !nvmx_ept_stock(v))
		return false;
	e->root_pages.va = nvmx_ept_take(e, &e->root_pages.hpa);
	e->home.dir.va = nvmx_ept_take(e, &e->home.dir.hpa);
	if (nvmx_ept_is_sharing(e->vm))
		nvmx_ept_restock(v); /* it shares only what it can spare */
	return true;
}

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Tables of pages, 4 KiB or 2 MiB, whose entries all vCPUs and roots of the VM have in common: made, filled and compared once.  Each
 * that uses one has a record of its own, which is linked, cut and dropped like that of any table; the entries and their chains are the
 * body's.  A body has leaves and nothing else: who needs a link in such a table lets go of the body and makes a table of its own.
 *
 * Who compares a body, or fills it, reads EPT12's entries under the lock of the body's home.  So what it holds is never older than its
 * stamp, or than the watch that its word is of; and a vCPU may use it when the stamp is not older than its own last INVEPT.
 */
#include "shadow.h"

/* What a body stands for: L1's table, its level, and how it is read. */
static uint64_t key_of(const struct nvmx_ept_root *r, unsigned level, uint64_t gpa12)
{
	return gpa12 | (r->rules.ad ? 1 : 0) | (r->rules.execute & NVMX_EPTE_XU ? 2 : 0) | level << 2;
}

static uint8_t level_of(uint64_t key)
{
	return key >> 2 & 7;
}

static struct nvmx_ept_home *home_of(struct nvmx_ept *ve, uint64_t key)
{
	uint64_t frame = key >> 12;

	return &ve->shared[(frame ^ frame >> 9) % NVMX_EPT_HOMES];
}

/* The head of the chain of those that a key may be among, linked by `next`. */
static uint32_t *chain_of(const struct nvmx_ept_home *h, uint64_t key)
{
	uint64_t frame = key >> 12;
	uint32_t n = h->heads_n + ((uint32_t)(frame ^ frame >> 20) & (h->names_n - 1));

	return nvmx_ept_head_at(h, n);
}

/* *full: there are too many to look for it. */
static struct nvmx_ept_table *find(struct nvmx_ept_home *h, uint64_t key, uint64_t epoch, bool *full)
{
	uint32_t number = *chain_of(h, key);
	unsigned left = NVMX_EPT_SHARED_CHAIN;

	for (; number && left; left--) {
		struct nvmx_ept_table *t = nvmx_ept_table(h, number);

		NVMX_LOCK_VISIT(1);
		if (t->key == key && t->epoch == epoch)
			return t;
		number = t->next;
	}
	*full = !left;
	return NULL;
}

static void unname(struct nvmx_ept_home *h, const struct nvmx_ept_table *t)
{
	uint32_t *p = chain_of(h, t->key);

	while (*p != t->number) {
		NVMX_LOCK_VISIT(1);
		p = &nvmx_ept_table(h, *p)->next;
	}
	*p = t->next;
}

/* Whether the vCPU may leave pages to the VM: there are no more than the budget allows, and enough of its own stay. */
static bool may_give(const struct nvmx_ept_vcpu *e)
{
	return nvmx_ept_has_spare(e) && __atomic_load_n(&e->vm->pages, __ATOMIC_RELAXED) <= e->vm->budget;
}

/* Its pages, and what the VM's records take, are the VM's from now on. */
static struct nvmx_ept_table *make(struct nvmx_ept_vcpu *e, struct nvmx_ept_home *h, uint64_t key, bool full)
{
	uint32_t before = e->pool_n, *chain = chain_of(h, key);
	struct nvmx_ept_table *t;

	if (full || !may_give(e) || (!h->free_records && !nvmx_ept_new_slab(e, h)))
		return NULL;
	t = nvmx_ept_table(h, h->free_records);
	h->free_records = t->next;
	h->free_n--;
	*t = (struct nvmx_ept_table){
		.number = t->number, .level = level_of(key), .gpa12 = key & NVMX_EPTE_ADDR, .lo = 512, .state = NVMX_EPT_T_LINKED,
		.key = key, .epoch = e->epoch, .home = (uint8_t)(h - e->vm->shared), .next = *chain, .turns = 1,
		.stamp = __atomic_load_n(&e->vm->clock, __ATOMIC_SEQ_CST),
	};
	t->hw = nvmx_ept_take(e, &t->hw_hpa);
	t->side = nvmx_ept_take(e, &t->side_hpa);
	t->copy = nvmx_ept_take(e, &t->copy_hpa);
	*chain = t->number;
	e->pages -= before - e->pool_n;
	return t;
}

struct nvmx_ept_table *nvmx_ept_share(struct nvmx_ept_vcpu *e, const struct nvmx_ept_root *r, unsigned level, uint64_t gpa12)
{
	uint64_t key = key_of(r, level, gpa12);
	struct nvmx_ept_home *h = home_of(e->vm, key);
	struct nvmx_ept_table *t, *body;
	bool full = false;

	nvmx_ept_look_at(e, NVMX_EPT_SHARED_CHAIN);
	t = nvmx_ept_new_record(e, level, r->number, gpa12);
	if (!t)
		return NULL;
	nvmx_ept_hold_home(h);
	body = find(h, key, e->epoch, &full);
	if (!body)
		body = make(e, h, key, full);
	if (body) {
		__atomic_store_n(&body->refs, body->refs + 1, __ATOMIC_RELAXED);
		body->twice |= body->users & e->bit;
		body->users |= e->bit;
	}
	nvmx_ept_release_home(h);
	if (!body) {
		nvmx_ept_free_record(&e->home, t);
		e->tables--;
		return NULL;
	}
	t->shared = body;
	t->hw = body->hw;
	t->copy = body->copy;
	t->hw_hpa = body->hw_hpa;
	t->generation = r->generation - 1; /* until it is adopted, or compared */
	return t;
}

/* Whether that was the last one: nobody finds the body any more. */
static bool let_go(struct nvmx_ept_home *h, struct nvmx_ept_table *body)
{
	bool last;

	nvmx_ept_hold_home(h);
	__atomic_store_n(&body->refs, body->refs - 1, __ATOMIC_RELAXED);
	last = !body->refs;
	if (last)
		unname(h, body);
	nvmx_ept_release_home(h);
	return last;
}

void nvmx_ept_unshare(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t)
{
	struct nvmx_ept_home *h = nvmx_ept_home_of(e, t);
	struct nvmx_ept_table *body = t->shared;

	nvmx_ept_look_at(e, NVMX_EPT_SHARED_CHAIN);
	if (!let_go(h, body))
		return;
	nvmx_ept_look_at(e, 512);
	nvmx_ept_hold_home(h);
	nvmx_ept_clear_leaves(h, body);
	nvmx_ept_give(e, body->hw, body->hw_hpa);
	nvmx_ept_give(e, body->side, body->side_hpa);
	nvmx_ept_give(e, body->copy, body->copy_hpa);
	nvmx_ept_free_record(h, body);
	nvmx_ept_release_home(h);
	e->pages += 3;
}

bool nvmx_ept_adopt(struct nvmx_ept_vcpu *e, struct nvmx_ept_table *t, struct nvmx_ept_root *r)
{
	const struct nvmx_ept_table *body = t->shared;
	bool clean, current;

	nvmx_ept_look_at(e, NVMX_EPT_IN_WINDOW);
	nvmx_ept_begin(e, t);
	clean = nvmx_ept_is_clean(e, body);
	current = clean || body->stamp >= r->stamp;
	if (clean) {
		t->word = body->word;
		t->place = body->place;
	}
	nvmx_ept_end(e, t);
	if (!current)
		return false;
	nvmx_ept_close_window(e, t);
	t->generation = r->generation;
	if (clean)
		t->since = e->invepts;
	else
		nvmx_ept_add_loose(e, r, t);
	return true;
}

void nvmx_ept_end_shared(struct nvmx_ept_vcpu *e, const struct nvmx_ept_table *t)
{
	if (e->lessened)
		nvmx_ept_tell(e->vm, nvmx_ept_users_but(t->shared, e->bit));
	e->lessened = false;
	nvmx_ept_release_home(nvmx_ept_home_of(e, t));
}

void nvmx_ept_take_shared(struct nvmx_ept_home *h, struct nvmx_ept_table *t, unsigned i, uint64_t hw)
{
	if (hw)
		nvmx_ept_store(t, i, hw);
	else
		nvmx_ept_empty_leaf(h, t, i);
}

/* Chain heads, and a directory of records, for one home. */
static bool prepare_home(struct nvmx_vcpu *v, struct nvmx_ept_home *got, uint32_t heads)
{
	struct nvmx_ept_vcpu *e = nvmx_ept_of(v);
	uint32_t names = heads >= 32 ? heads / 16 : 1, n;

	got->dir.va = nvmx_ept_take(e, &got->dir.hpa);
	for (n = 0; n < heads + names; n++) {
		if (!nvmx_ept_stock(v))
			return false;
		nvmx_ept_take_heads(e, got, n);
	}
	got->heads_n = heads * 1024;
	got->heads_bits = 10u + (unsigned)__builtin_ctz(heads);
	got->names_n = names * 1024;
	got->slabs_max = NVMX_EPT_SLABS;
	return true;
}

/* What none of whose tables is left takes: its pages go to a vCPU. */
static void give_home(struct nvmx_ept_vcpu *e, struct nvmx_ept_home *h)
{
	const struct nvmx_ept_pages *dir = h->dir.va;
	uint32_t slab, i;

	for (slab = 0; slab < h->slabs; slab++) {
		uint64_t *page = ((uint64_t **)dir->va[slab / NVMX_EPT_SLABS_OF_DIR])[slab % NVMX_EPT_SLABS_OF_DIR];

		nvmx_ept_give_page(e, &(struct nvmx_page){ page, page[0] });
	}
	for (i = 0; dir && i < NVMX_EPT_PAGES; i++)
		nvmx_ept_give_page(e, &(struct nvmx_page){ dir->va[i], dir->hpa[i] });
	nvmx_ept_give_page(e, &h->dir);
	nvmx_ept_give_heads(e, h, 0);
}

static void give_homes(struct nvmx_ept_vcpu *e)
{
	uint32_t before = e->pool_n;

	for (struct nvmx_ept_home *h = e->vm->shared; h < e->vm->shared + NVMX_EPT_HOMES; h++) {
		give_home(e, h);
		*h = (struct nvmx_ept_home){ 0 };
	}
	e->pages += e->pool_n - before;
}

void nvmx_ept_prepare_shared(struct nvmx_vcpu *v, uint32_t heads)
{
	struct nvmx_ept_vcpu *e = nvmx_ept_of(v);
	uint32_t idle = NVMX_EPT_NOT_SHARING, pages = e->pages - e->pool_n;
	bool ready = true;

	if (!__atomic_compare_exchange_n(&e->vm->sharing, &idle, NVMX_EPT_PREPARING, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	heads = heads > NVMX_EPT_HOMES ? heads / NVMX_EPT_HOMES : 1;
	for (unsigned i = 0; i < NVMX_EPT_HOMES && ready; i++)
		ready = nvmx_ept_stock(v) && prepare_home(v, &e->vm->shared[i], heads);
	e->pages = pages + e->pool_n;
	if (!ready)
		give_homes(e);
	__atomic_store_n(&e->vm->sharing, ready ? NVMX_EPT_SHARING : NVMX_EPT_NOT_SHARING, __ATOMIC_SEQ_CST);
}

bool nvmx_ept_stop_sharing(struct nvmx_ept *ve)
{
	uint32_t sharing = NVMX_EPT_SHARING;

	return __atomic_compare_exchange_n(&ve->sharing, &sharing, NVMX_EPT_PREPARING, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

void nvmx_ept_end_sharing(struct nvmx_ept_vcpu *e)
{
	give_homes(e);
	__atomic_store_n(&e->vm->sharing, NVMX_EPT_NOT_SHARING, __ATOMIC_SEQ_CST);
}

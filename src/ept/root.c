/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Shadow roots, and INVEPT.  Roots hang in chains by the address of L1's top table, which is what an INVEPT names. */
#include "shadow.h"

struct nvmx_ept_root *nvmx_ept_find_root(const struct nvmx_ept_vcpu *e, uint64_t role12)
{
	struct nvmx_ept_root *r = nvmx_ept_first_root(e, role12);

	while (r && r->role12 != (role12 & ~NVMX_EPT_ROLE_PML))
		r = nvmx_ept_next_root(e, r);
	return r;
}

static uint16_t *head_of(struct nvmx_ept_vcpu *e, uint64_t role12)
{
	return &e->root_heads[nvmx_ept_root_head(role12)];
}

static void unchain(struct nvmx_ept_vcpu *e, const struct nvmx_ept_root *r)
{
	uint16_t *p = head_of(e, r->role12);

	while (*p != r->number + 1)
		p = &nvmx_ept_root_at(e, *p - 1u)->next;
	*p = r->next;
}

static void give_up(struct nvmx_ept_vcpu *e, struct nvmx_ept_root *r)
{
	nvmx_ept_detach_top(e, r->top);
	unchain(e, r);
	*r = (struct nvmx_ept_root){ .number = r->number, .next = e->free_roots };
	e->free_roots = (uint16_t)(r->number + 1);
}

bool nvmx_ept_give_up_root(struct nvmx_ept_vcpu *e)
{
	uint64_t own = e->hot.role12 & ~NVMX_EPT_ROLE_PML;
	unsigned at;

	e->random = e->random * 1664525u + 1013904223u;
	at = e->roots_n ? (e->random >> 16) % e->roots_n : 0;
	for (unsigned left = e->roots_n; left; left--, at = (at + 1) % e->roots_n) {
		struct nvmx_ept_root *r = nvmx_ept_root_at(e, at);

		nvmx_ept_look_at(e, 1);
		NVMX_LOCK_VISIT(1);
		if (!r->role12 || r->role12 == own)
			continue;
		give_up(e, r);
		__atomic_store_n(&e->hot.pending, 1, __ATOMIC_RELEASE); /* it may be in the EPTP list */
		return true;
	}
	return false;
}

/* A place for a root: a free one, a new one, or that of a root that is given up. */
static struct nvmx_ept_root *take_place(struct nvmx_ept_vcpu *e)
{
	struct nvmx_ept_pages *pages = nvmx_ept_pages(&e->root_pages);
	unsigned page = e->roots_n / NVMX_EPT_ROOTS_OF_PAGE;
	struct nvmx_ept_root *r;

	if (!e->free_roots && e->roots_n < NVMX_EPT_ROOTS) {
		if (!pages->va[page])
			pages->va[page] = nvmx_ept_take(e, &pages->hpa[page]);
		r = nvmx_ept_root_at(e, e->roots_n);
		r->number = (uint16_t)e->roots_n++;
		return r;
	}
	if (!e->free_roots && !nvmx_ept_give_up_root(e))
		return NULL;
	r = nvmx_ept_root_at(e, e->free_roots - 1u);
	e->free_roots = r->next;
	return r;
}

/* The root, with an empty top table; false: there is no record for one. */
static bool make_root(struct nvmx_vcpu *v, struct nvmx_ept_root *r, uint64_t role12)
{
	struct nvmx_ept_vcpu *e = nvmx_ept_of(v);
	uint64_t hw = nvmx_caps_get(&v->vm->hw, NVMX_MSR_VMX_EPT_VPID_CAP);
	uint16_t *head = head_of(e, role12);

	*r = (struct nvmx_ept_root){ .number = r->number, .alls = e->invept_alls, .moves = __atomic_load_n(&e->moved, __ATOMIC_SEQ_CST),
				      .stamp = nvmx_ept_tick(e) };
	r->top = nvmx_ept_new_table(e, NVMX_EPTP_WALK(role12), r->number, role12 & NVMX_EPTE_ADDR, false);
	if (!r->top) {
		r->next = e->free_roots;
		e->free_roots = (uint16_t)(r->number + 1);
		return false;
	}
	r->top->state = NVMX_EPT_T_TOP;
	nvmx_ept_rules_init(&r->rules, &v->vm->caps, role12 & NVMX_EPT_ROLE_MODE_EXEC, role12 & NVMX_EPTP_AD);
	r->role12 = role12 & ~NVMX_EPT_ROLE_PML;
	/* The walk length and the A/D flags are L1's, so that page walks count as writes where L1 expects it. */
	r->eptp02 = r->top->hw_hpa | (hw & NVMX_EPT_WB ? 6 : 0) | (role12 & (7u << 3 | NVMX_EPTP_AD));
	r->flush = true;
	r->whole_left = r->whole_next = NVMX_EPT_WHOLE_MIN;
	r->next = *head;
	*head = (uint16_t)(r->number + 1);
	return true;
}

static struct nvmx_ept_root *new_root(struct nvmx_vcpu *v, uint64_t role12)
{
	struct nvmx_ept_vcpu *e = nvmx_ept_of(v);
	unsigned levels = NVMX_EPTP_WALK(role12);
	struct nvmx_ept_root *r;

	if (levels < 4 || levels > NVMX_EPT_LEVELS || !nvmx_ept_prepare(v) || !nvmx_ept_stock(v))
		return NULL;
	nvmx_ept_hold(e);
	r = take_place(e);
	if (r && !make_root(v, r, role12))
		r = NULL;
	nvmx_ept_release(e);
	return r;
}

static uint64_t epoch_of_vm(const struct nvmx_vcpu *v)
{
	return __atomic_load_n(&((const struct nvmx_ept *)v->vm->ept)->epoch, __ATOMIC_SEQ_CST);
}

/* nvmx_host_changed(): no root is as the host has its map now.  New ones are at other addresses, or flushed before they are used. */
static void forget_roots(struct nvmx_ept_vcpu *e, uint64_t epoch)
{
	nvmx_ept_hold(e);
	for (unsigned i = 0; i < e->roots_n; i++) {
		nvmx_ept_look_at(e, 1);
		NVMX_LOCK_VISIT(1);
		if (nvmx_ept_root_at(e, i)->role12)
			give_up(e, nvmx_ept_root_at(e, i));
	}
	e->hot.role12 = 0;
	e->epoch = epoch;
	if (e->listed_n)
		nvmx_ept_list_review(e); /* before a new root can be taken for an old one */
	nvmx_ept_release(e);
}

uint64_t nvmx_ept_root_slow(struct nvmx_vcpu *v, uint64_t role12)
{
	struct nvmx_ept_vcpu *e = nvmx_ept_of(v);
	uint64_t epoch = epoch_of_vm(v);
	struct nvmx_ept_root *r;
	uint64_t moved;
	bool flush;

	if (e->epoch != epoch)
		forget_roots(e, epoch);
	if (e->want_n)
		nvmx_ept_watch_begin(v);
	if (nvmx_ept_has_named(e))
		nvmx_ept_see_to_named(v);
	r = e->hot.role12 == role12 ? nvmx_ept_last_root(e) : nvmx_ept_find_root(e, role12);
	if (!r)
		r = new_root(v, role12);
	if (!r)
		return 0;
	nvmx_ept_hold(e);
	if (nvmx_ept_is_stale(e, r))
		nvmx_ept_cut_off(e, r);
	if (e->listed_n)
		nvmx_ept_look_at(e, NVMX_EPT_LISTED);
	__atomic_store_n(&e->hot.pending, 0, __ATOMIC_SEQ_CST); /* who has something for the vCPU from now on says so after it */
	moved = __atomic_load_n(&e->moved, __ATOMIC_SEQ_CST);
	flush = r->flush || r->moves != moved;
	r->flush = false;
	r->moves = moved;
	__atomic_store_n(&e->seen, moved, __ATOMIC_SEQ_CST);
	e->hot.role12 = role12;
	e->hot.eptp02 = r->eptp02;
	e->hot.ahead = r->ahead;
	e->hot.root = r->number;
	if (epoch_of_vm(v) != epoch || nvmx_ept_has_named(e))
		__atomic_store_n(&e->hot.pending, 1, __ATOMIC_RELEASE); /* it changes again: the kick comes after */
	if (e->listed_n)
		nvmx_ept_list_review(e);
	nvmx_ept_release(e);
	if (flush)
		v->ops->flush_ept(v->host, r->eptp02, NVMX_FLUSH_SINGLE);
	return r->eptp02;
}

void nvmx_ept_invept(struct nvmx_vcpu *v, unsigned type, uint64_t eptp12)
{
	struct nvmx_ept_vcpu *e = nvmx_ept_of(v);

	if (type == NVMX_FLUSH_ALL)
		e->invept_alls++;
	/* Mappings are tagged with bits 51:12 of the EPTP alone (SDM 28.4.1). */
	for (struct nvmx_ept_root *r = nvmx_ept_first_root(e, eptp12); r; r = nvmx_ept_next_root(e, r))
		if (!((r->role12 ^ eptp12) & NVMX_EPTE_ADDR))
			r->stale = true;
	__atomic_store_n(&e->hot.pending, 1, __ATOMIC_RELEASE);
}

void nvmx_ept_moved(struct nvmx_vcpu *v)
{
	struct nvmx_ept_vcpu *e = nvmx_ept_of(v);

	__atomic_store_n(&e->seen, __atomic_add_fetch(&e->moved, 1, __ATOMIC_SEQ_CST), __ATOMIC_SEQ_CST); /* it is not in L2 */
	__atomic_store_n(&e->hot.pending, 1, __ATOMIC_RELEASE);
}

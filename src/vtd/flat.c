/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Assigned devices: which space each belongs to, and the order in which changes reach the hardware. */
#include "state.h"

static bool assigns(const struct nvmx_vtd *u)
{
	return u->config.flags;
}

static struct vtd_space *space(struct nvmx_vtd *u, unsigned i)
{
	return &u->flat.spaces[i];
}

static unsigned number(const struct nvmx_vtd *u, const struct vtd_space *s)
{
	return (unsigned)(s - u->flat.spaces);
}

/* The physical unit's table is as deep as L1's, or one deeper where it has no other. */
static bool open_space(struct nvmx_vtd *u, struct vtd_space *s)
{
	unsigned hw = u->config.hw_cap >> CAP_SAGAW_SHIFT & 0x1f;
	bool deeper = u->config.flags & NVMX_VTD_ASSIGN_TABLES && !(hw & BIT(s->levels - 2u));
	unsigned width = 12 + 9u * s->levels;
	struct nvmx_vtd_domain d = { .levels = s->levels };

	d.width = (uint8_t)(width < u->config.width ? width : u->config.width);
	if (u->config.flags & NVMX_VTD_ASSIGN_TABLES)
		d.root = s->top->hw_hpa;
	if (deeper) {
		s->shim = nvmx_vtd_page(u, &s->shim_hpa);
		if (!s->shim)
			return false;
		s->shim[0] = s->top->hw_hpa | SL_RIGHTS;
		if (u->ops->table_written)
			u->ops->table_written(u->host, s->shim, 4096);
		d.root = s->shim_hpa;
		d.levels++;
	}
	return !u->ops->domain_open(u->host, &d, &s->handle);
}

static void drop_tables(struct nvmx_vtd *u, struct vtd_space *s)
{
	s->top->parent = NULL;
	s->top->next = u->flat.dead;
	u->flat.dead = s->top;
	nvmx_vtd_page_free(u, s->shim, s->shim_hpa);
	*s = (struct vtd_space){ 0 };
	while (u->flat.spaces_end && !space(u, u->flat.spaces_end - 1u)->used)
		u->flat.spaces_end--;
}

static bool is_of(const struct vtd_space *s, const struct vtd_context *c)
{
	return s->table == c->table && s->domain == c->domain && s->levels == c->levels;
}

/* The space of a context, or an empty one. */
static struct vtd_space *find_space(struct nvmx_vtd *u, const struct vtd_context *c)
{
	struct vtd_space *empty = NULL;

	for (unsigned i = 0; i <= u->flat.spaces_end && i < SPACES; i++) {
		struct vtd_space *s = space(u, i);

		if (s->used && is_of(s, c))
			return s;
		if (!s->used && !empty)
			empty = s;
	}
	return empty;
}

/* NULL: the host has no domain or page left. */
static struct vtd_space *get_space(struct nvmx_vtd *u, const struct vtd_context *c)
{
	struct vtd_space *s = find_space(u, c);

	if (!s || s->used)
		return s;
	*s = (struct vtd_space){ .table = c->table, .domain = c->domain, .levels = c->levels, .serial = ++u->flat.serial };
	s->top = nvmx_vtd_table_new(u, number(u, s), c->levels, 0, c->table, false);
	if (s->top && open_space(u, s)) {
		s->used = true;
		if (number(u, s) >= u->flat.spaces_end)
			u->flat.spaces_end = (uint8_t)(number(u, s) + 1);
		nvmx_vtd_range_all(u, s);
		return s;
	}
	nvmx_vtd_trace(u, NVMX_VTD_EV_NO_DOMAIN, c->domain, c->table);
	if (s->top)
		drop_tables(u, s);
	return NULL;
}

/* With ASSIGN_MAP: domain_close drops what detached tables of the space have mapped, so that they need not. */
static void drop_mapped(struct nvmx_vtd *u, unsigned of)
{
	for (struct vtd_table **t = &u->flat.detached; *t;) {
		struct vtd_table *next = (*t)->next;

		if ((*t)->space != of) {
			t = &(*t)->next;
			continue;
		}
		(*t)->next = u->flat.dead;
		u->flat.dead = *t;
		*t = next;
	}
}

static void unref(struct nvmx_vtd *u, const struct vtd_target *t)
{
	struct vtd_space *s = space(u, t->space);

	if (t->kind != NVMX_VTD_DOMAIN || --s->refs)
		return;
	nvmx_vtd_flush_forget(u, s->handle);
	u->ops->domain_close(u->host, s->handle);
	if (u->config.flags & NVMX_VTD_ASSIGN_MAP)
		drop_mapped(u, t->space);
	drop_tables(u, s);
}

static enum nvmx_vtd_target_kind kind_of(struct nvmx_vtd *u, const struct vtd_device *d, struct vtd_context *c)
{
	if (!u->te)
		return NVMX_VTD_IDENTITY;
	if (nvmx_vtd_context_fetch(u, d->source_id, c))
		return NVMX_VTD_BLOCK;
	return c->type == CONTEXT_TT_PASS ? NVMX_VTD_IDENTITY : NVMX_VTD_DOMAIN;
}

static bool same_target(const struct vtd_target *a, const struct vtd_target *b)
{
	return a->kind == b->kind && a->space == b->space && a->device_tlb == b->device_tlb;
}

static void unwant(struct nvmx_vtd *u, struct vtd_device *d)
{
	if (d->pending)
		unref(u, &d->want);
	d->pending = false;
}

/* Where a device goes that L1 has given the domain and table of c. */
static void to_domain(struct nvmx_vtd *u, struct vtd_device *d, const struct vtd_context *c, struct vtd_target *t)
{
	struct vtd_space *s;

	/* What it wanted is kept if it is what it wants, so that work begun on it is not lost. */
	if (d->pending && (d->want.kind != NVMX_VTD_DOMAIN || !is_of(space(u, d->want.space), c)))
		unwant(u, d);
	s = get_space(u, c);
	if (!s) {
		t->kind = NVMX_VTD_BLOCK;
		d->retry = true;
		return;
	}
	s->refs++;
	t->space = (uint8_t)number(u, s);
	t->device_tlb = c->type == CONTEXT_TT_DEVICE_TLB && d->flags & NVMX_VTD_DEVICE_HAS_TLB;
}

/* Reads the context-entry of a device, and decides where it is to go. */
static void evaluate(struct nvmx_vtd *u, struct vtd_device *d)
{
	struct vtd_context c;
	struct vtd_target t = { .kind = (uint8_t)kind_of(u, d, &c) };

	d->dirty = d->retry = false;
	if (t.kind == NVMX_VTD_DOMAIN)
		to_domain(u, d, &c, &t);
	unwant(u, d);
	d->pending = !same_target(&t, &d->now);
	d->want = t;
	if (!d->pending)
		unref(u, &t);
}

static int attach(struct nvmx_vtd *u, struct vtd_device *d, const struct vtd_target *t)
{
	struct nvmx_vtd_target target = { .kind = t->kind, .device_tlb = t->device_tlb };

	if (t->kind == NVMX_VTD_DOMAIN) {
		target.domain = space(u, t->space)->handle;
		space(u, t->space)->live = true;
	}
	return u->ops->attach(u->host, d->device, &target);
}

static const struct vtd_target blocked = { .kind = NVMX_VTD_BLOCK };

static void move(struct nvmx_vtd *u, struct vtd_device *d)
{
	struct vtd_target was = d->now;

	d->pending = false;
	d->now = d->want;
	if (attach(u, d, &d->now)) {
		unref(u, &d->now);
		attach(u, d, &blocked);
		d->now = blocked;
		d->retry = true;
	}
	unref(u, &was);
}

void nvmx_vtd_device_block(struct nvmx_vtd *u, struct vtd_device *d)
{
	struct vtd_target was = d->now;

	attach(u, d, &blocked);
	nvmx_vtd_trace(u, NVMX_VTD_EV_BLOCKED, d->source_id, space(u, was.space)->domain);
	vtd_count(u, NVMX_VTD_CNT_BLOCKED);
	nvmx_vtd_flush_forget_device(u, d);
	d->now = blocked;
	d->retry = true;
	unref(u, &was);
}

static void each_device(struct nvmx_vtd *u, bool (*which)(const struct vtd_device *d),
			void (*action)(struct nvmx_vtd *u, struct vtd_device *d))
{
	for (unsigned i = 0; i < u->flat.devices_end; i++)
		if (u->flat.devices[i].device && which(&u->flat.devices[i]))
			action(u, &u->flat.devices[i]);
}

static bool is_dirty(const struct vtd_device *d)
{
	return d->dirty;
}

static bool is_pending(const struct vtd_device *d)
{
	return d->pending;
}

/* Tables have become free since something could not be made: try it again. */
static bool fed(struct nvmx_vtd *u)
{
	if (!u->flat.starved || (!u->flat.released && !u->flat.dead))
		return false;
	u->flat.starved = false;
	nvmx_vtd_flat_follow_all(u);
	return true;
}

/* Tables first, then the flush, then devices: what a device is moved to is complete, and what is freed is not reached. */
enum nvmx_vtd_verdict nvmx_vtd_flat_work(struct nvmx_vtd *u)
{
	if (u->flat.inflight)
		return NVMX_VTD_WAITING;
	if (!assigns(u))
		return u->flat.device_flushes_n && !nvmx_vtd_flush(u) ? NVMX_VTD_WAITING : NVMX_VTD_DONE;
	for (unsigned round = 0;; round++) {
		each_device(u, is_dirty, evaluate);
		if (!nvmx_vtd_sync(u))
			return NVMX_VTD_MORE;
		if (!nvmx_vtd_flush(u))
			return NVMX_VTD_WAITING;
		if (round || !fed(u)) /* once: what fails again may itself be what is released */
			break;
	}
	each_device(u, is_pending, move);
	nvmx_vtd_reap(u, &u->flat.dead);
	return NVMX_VTD_DONE;
}

bool nvmx_vtd_flat_left(const struct nvmx_vtd *u)
{
	return u->flat.dead;
}

bool nvmx_vtd_flat_room(const struct nvmx_vtd *u)
{
	for (unsigned i = 0; i < u->flat.spaces_end; i++)
		if (u->flat.spaces[i].ranges_n >= RANGES - 1)
			return false;
	return u->flat.device_flushes_n < DEVICE_FLUSHES;
}

/* Whether nothing of L1's waits for the hardware. */
bool nvmx_vtd_flat_idle(const struct nvmx_vtd *u)
{
	for (unsigned i = 0; i < u->flat.spaces_end; i++)
		if (u->flat.spaces[i].ranges_n)
			return false;
	for (unsigned i = 0; i < u->flat.devices_end; i++)
		if (u->flat.devices[i].device && (u->flat.devices[i].dirty || u->flat.devices[i].pending))
			return false;
	return !u->flat.inflight && !u->flat.flushes_n && !u->flat.device_flushes_n;
}

static void follow_device(struct nvmx_vtd *u, struct vtd_device *d)
{
	(void)u;
	d->dirty = true;
}

static bool is_emulated(const struct vtd_device *d)
{
	return d->flags & NVMX_VTD_DEVICE_EMULATED;
}

static bool is_assigned(const struct vtd_device *d)
{
	return !is_emulated(d);
}

static bool wants_retry(const struct vtd_device *d)
{
	return d->retry;
}

void nvmx_vtd_flat_follow_devices(struct nvmx_vtd *u)
{
	each_device(u, is_assigned, follow_device);
}

void nvmx_vtd_flat_follow_all(struct nvmx_vtd *u)
{
	nvmx_vtd_flat_follow_devices(u);
	nvmx_vtd_flat_inv_iotlb(u, &(struct vtd_inv_iotlb){ .granularity = GRANULARITY_GLOBAL });
}

void nvmx_vtd_flat_inv_context(struct nvmx_vtd *u, const struct vtd_inv_context *inv)
{
	for (unsigned i = 0; i < u->flat.devices_end; i++) {
		struct vtd_device *d = &u->flat.devices[i];

		if (is_assigned(d) && (inv->granularity != GRANULARITY_NARROW ||
				       vtd_source_matches(d->source_id, inv->source_id, inv->function_mask)))
			d->dirty = true;
	}
}

/* With caching mode domain id 0 tags what is not present (6.1): Xen names new mappings of any domain by it. */
static bool names(const struct nvmx_vtd *u, const struct vtd_inv_iotlb *inv, const struct vtd_space *s)
{
	return inv->granularity == GRANULARITY_GLOBAL || s->domain == inv->domain ||
	       (!inv->domain && vtd_has(u, NVMX_VTD_F_CACHING_MODE));
}

void nvmx_vtd_flat_inv_iotlb(struct nvmx_vtd *u, const struct vtd_inv_iotlb *inv)
{
	uint64_t size = 4096ull << inv->order;

	each_device(u, wants_retry, follow_device);
	for (unsigned i = 0; i < u->flat.spaces_end; i++) {
		struct vtd_space *s = space(u, i);

		if (!s->used || !names(u, inv, s))
			continue;
		if (inv->granularity == GRANULARITY_NARROW)
			nvmx_vtd_range_add(u, s, inv->iova & ~(size - 1), (inv->iova & ~(size - 1)) + size);
		else
			nvmx_vtd_range_all(u, s);
	}
}

static struct vtd_device *find_device(struct nvmx_vtd *u, uint16_t source_id)
{
	for (unsigned i = 0; i < u->flat.devices_end; i++)
		if (u->flat.devices[i].device && u->flat.devices[i].source_id == source_id)
			return &u->flat.devices[i];
	return NULL;
}

void nvmx_vtd_flat_device_tlb(struct nvmx_vtd *u, uint16_t source_id, uint64_t iova, unsigned order)
{
	struct vtd_device *d = find_device(u, source_id);

	if (!d && !assigns(u))
		nvmx_vtd_flush_source(u, &(struct nvmx_vtd_flush){ .kind = NVMX_VTD_FLUSH_DEVICE_TLB, .order = (uint8_t)order,
								   .iova = iova, .source_id = source_id });
	if (d && (d->now.device_tlb || (is_emulated(d) && d->flags & NVMX_VTD_DEVICE_HAS_TLB)))
		nvmx_vtd_flush_device(u, d, iova, order, TLB_FOR_L1);
}

static struct vtd_device *free_device(struct nvmx_vtd *u)
{
	unsigned i = 0;

	while (i < DEVICES && u->flat.devices[i].device)
		i++;
	if (i == DEVICES)
		return NULL;
	if (i >= u->flat.devices_end)
		u->flat.devices_end = (uint8_t)(i + 1);
	return &u->flat.devices[i];
}

#define DEVICE_FLAGS (NVMX_VTD_DEVICE_HAS_TLB | NVMX_VTD_DEVICE_EMULATED)

int nvmx_vtd_device_add(struct nvmx_vtd *u, uint16_t source_id, void *device, unsigned flags)
{
	bool emulated = flags & NVMX_VTD_DEVICE_EMULATED;
	struct vtd_device *d;

	if ((!assigns(u) && !emulated) || !device || flags & ~DEVICE_FLAGS || find_device(u, source_id))
		return NVMX_ERR_CONFIG;
	if (flags & NVMX_VTD_DEVICE_HAS_TLB && !u->ops->flush)
		return NVMX_ERR_OP_MISSING;
	d = free_device(u);
	if (!d)
		return NVMX_ERR_CONFIG;
	*d = (struct vtd_device){ .device = device, .source_id = source_id, .flags = (uint8_t)flags, .dirty = !emulated,
				  .now = blocked };
	if (!emulated)
		attach(u, d, &blocked);
	return NVMX_OK;
}

static void remove_device(struct nvmx_vtd *u, struct vtd_device *d)
{
	if (is_assigned(d))
		attach(u, d, &blocked);
	unwant(u, d);
	unref(u, &d->now);
	nvmx_vtd_flush_forget_device(u, d);
	*d = (struct vtd_device){ 0 };
	while (u->flat.devices_end && !u->flat.devices[u->flat.devices_end - 1].device)
		u->flat.devices_end--;
}

int nvmx_vtd_device_remove(struct nvmx_vtd *u, uint16_t source_id)
{
	struct vtd_device *d = find_device(u, source_id);

	if (!d)
		return NVMX_ERR_CONFIG;
	remove_device(u, d);
	return NVMX_OK;
}

int nvmx_vtd_flat_init(struct nvmx_vtd *u)
{
	u->flat.flush_new = u->config.hw_cap & (CAP_CM | CAP_RWBF);
	if (!(u->config.flags & NVMX_VTD_ASSIGN_TABLES))
		return NVMX_OK;
	u->flat.dummy = nvmx_vtd_page(u, &u->flat.dummy_hpa);
	return u->flat.dummy ? NVMX_OK : NVMX_ERR_MEMORY;
}

void nvmx_vtd_destroy(struct nvmx_vtd *u)
{
	while (u->flat.devices_end)
		remove_device(u, &u->flat.devices[u->flat.devices_end - 1u]);
	while (u->flat.detached)
		nvmx_vtd_reap_one(u, &u->flat.detached);
	while (u->flat.dead)
		nvmx_vtd_reap_one(u, &u->flat.dead);
	nvmx_vtd_pool_destroy(u);
}

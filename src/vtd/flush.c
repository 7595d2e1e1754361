/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Physical invalidations: collected, merged, and performed by one call. */
#include "state.h"

static bool by_map(const struct nvmx_vtd *u)
{
	return u->config.flags & NVMX_VTD_ASSIGN_MAP;
}

/* The smallest aligned block of 1 << order pages that holds [first, end). */
static unsigned block_order(uint64_t first, uint64_t end)
{
	uint64_t differ = (first ^ (end - 1)) >> 12;

	return differ ? 64u - (unsigned)__builtin_clzll(differ) : 0;
}

static void remove_of_domain(struct nvmx_vtd *u, uint64_t domain)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < u->flat.flushes_n; i++)
		if (u->flat.flushes[i].domain != domain)
			u->flat.flushes[n++] = u->flat.flushes[i];
	u->flat.flushes_n = n;
}

void nvmx_vtd_flush_forget(struct nvmx_vtd *u, uint64_t domain)
{
	remove_of_domain(u, domain);
}

void nvmx_vtd_flush_forget_device(struct nvmx_vtd *u, struct vtd_device *d)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < u->flat.device_flushes_n; i++)
		if (u->flat.device_flushes[i].source_id != d->source_id)
			u->flat.device_flushes[n++] = u->flat.device_flushes[i];
	u->flat.device_flushes_n = n;
	d->asked = d->sent = 0;
}

/* Whether an item that is there already does what `f` asks for. */
static bool covered(struct nvmx_vtd *u, const struct nvmx_vtd_flush *f)
{
	for (uint32_t i = 0; i < u->flat.flushes_n; i++) {
		struct nvmx_vtd_flush *has = &u->flat.flushes[i];

		if (has->domain != f->domain)
			continue;
		if (has->kind == NVMX_VTD_FLUSH_DOMAIN)
			return true;
		if (f->kind == NVMX_VTD_FLUSH_PAGES && has->order == f->order && has->iova == f->iova) {
			has->leaf_only &= f->leaf_only;
			return true;
		}
	}
	return false;
}

static uint32_t count_of_domain(const struct nvmx_vtd *u, uint64_t domain)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < u->flat.flushes_n; i++)
		n += u->flat.flushes[i].domain == domain;
	return n;
}

/* A domain with more ranges than its share is flushed whole: there is room for one item for each space. */
#define SHARE 24u

static void add(struct nvmx_vtd *u, const struct nvmx_vtd_flush *f)
{
	struct nvmx_vtd_flush item = *f;

	if (covered(u, f))
		return;
	if (u->flat.flushes_n >= FLUSHES - SPACES || count_of_domain(u, f->domain) >= SHARE)
		item = (struct nvmx_vtd_flush){ .kind = NVMX_VTD_FLUSH_DOMAIN, .domain = f->domain };
	if (item.kind == NVMX_VTD_FLUSH_DOMAIN)
		remove_of_domain(u, f->domain);
	u->flat.flushes[u->flat.flushes_n++] = item;
}

void nvmx_vtd_flush_add(struct nvmx_vtd *u, const struct vtd_space *s, uint64_t first, uint64_t end, bool leaf_only)
{
	unsigned order = block_order(first, end);
	struct nvmx_vtd_flush f = {
		.kind = NVMX_VTD_FLUSH_PAGES, .order = (uint8_t)order, .leaf_only = leaf_only, .domain = s->handle,
		.iova = first >> 12 >> order << order << 12,
	};

	if (!(u->config.hw_cap & CAP_PSI) || order > CAP_MAMV(u->config.hw_cap))
		f = (struct nvmx_vtd_flush){ .kind = NVMX_VTD_FLUSH_DOMAIN, .domain = s->handle };
	add(u, &f);
}

/* A second range of one device makes it a flush of everything: the list holds each device once. */
void nvmx_vtd_flush_source(struct nvmx_vtd *u, const struct nvmx_vtd_flush *f)
{
	for (uint32_t i = 0; i < u->flat.device_flushes_n; i++) {
		struct nvmx_vtd_flush *has = &u->flat.device_flushes[i];

		if (has->source_id != f->source_id)
			continue;
		if (has->order != f->order || has->iova != f->iova) {
			has->order = EVERYTHING;
			has->iova = 0;
		}
		return;
	}
	u->flat.device_flushes[u->flat.device_flushes_n++] = *f;
}

void nvmx_vtd_flush_device(struct nvmx_vtd *u, struct vtd_device *d, uint64_t iova, unsigned order, unsigned why)
{
	struct nvmx_vtd_flush f = {
		.kind = NVMX_VTD_FLUSH_DEVICE_TLB, .order = (uint8_t)order, .iova = iova, .device = d->device,
		.source_id = d->source_id,
		.domain = d->flags & NVMX_VTD_DEVICE_EMULATED ? 0 : u->flat.spaces[d->now.space].handle,
	};

	d->asked |= (uint8_t)why;
	nvmx_vtd_flush_source(u, &f);
}

/* No cache of the hardware leads to detached tables any more. */
static void bury(struct nvmx_vtd *u)
{
	while (!by_map(u) && u->flat.detached) {
		struct vtd_table *t = u->flat.detached;

		u->flat.detached = t->next;
		t->next = u->flat.dead;
		u->flat.dead = t;
	}
}

/* ITESID and ICESID (10.4.29) belong to the first error that software has not cleared; 0: the unit does not tell. */
static void record_source(struct nvmx_vtd *u, uint32_t error, unsigned shift)
{
	uint64_t *r = &u->reg[REG_IQERCD];

	if (!(u->reg[REG_FSTS] & error))
		*r = (*r & ~(0xffffull << shift)) | (uint64_t)u->flat.suspect << shift;
}

/* 6.5.2.10: L1's waits that the failed invalidation came before are not completed; the queue stops until ITE is cleared. */
static void tell(struct nvmx_vtd *u, int result)
{
	bool timeout = result == NVMX_VTD_FLUSH_TIMEOUT;
	uint32_t error = timeout ? FSTS_ITE : FSTS_ICE;

	if (timeout) {
		u->waits_n = 0;
		u->reg[REG_IQH] = u->head; /* software looks behind it for the waits that it has lost */
	}
	record_source(u, error, timeout ? 32 : 48);
	nvmx_vtd_event_status(u, EVENT_FAULT, error);
}

static unsigned sent(const struct nvmx_vtd *u)
{
	unsigned why = 0;

	for (unsigned i = 0; i < u->flat.devices_end; i++)
		why |= u->flat.devices[i].sent;
	return why;
}

/*
 * L1 hears of what it has asked for.  Where the host waits, a device that may still use the old frame is kept from all
 * memory: the one whose device-TLB did not answer, which the host does not name, or if there is none everyone.
 */
static __attribute__((noinline)) void fail(struct nvmx_vtd *u, int result)
{
	unsigned why = sent(u);

	bool all = u->flat.revoking && !(why & TLB_FOR_HOST);

	for (unsigned i = 0; i < u->flat.devices_end; i++) {
		struct vtd_device *d = &u->flat.devices[i];

		if (d->sent & TLB_FOR_HOST || (all && d->now.kind == NVMX_VTD_DOMAIN))
			nvmx_vtd_device_block(u, d);
	}
	if (why & TLB_FOR_L1 || (!why && !u->flat.revoking && !u->flat.unasked))
		tell(u, result);
}

void nvmx_vtd_flush_reset(struct nvmx_vtd *u)
{
	for (unsigned i = 0; i < u->flat.devices_end; i++) {
		u->flat.devices[i].asked &= TLB_FOR_HOST;
		u->flat.devices[i].sent &= TLB_FOR_HOST;
	}
	u->flat.unasked = u->flat.inflight;
}

/* Which device may fail to answer what is about to be asked: the host does not say. */
static uint16_t suspect(const struct nvmx_vtd *u)
{
	return u->flat.device_flushes_n == 1 ? u->flat.device_flushes[0].source_id : 0;
}

static inline void flushed(struct nvmx_vtd *u)
{
	if (__builtin_expect(u->flat.result < 0, 0))
		fail(u, u->flat.result);
	for (unsigned i = 0; u->flat.tlbs_sent && i < u->flat.devices_end; i++)
		u->flat.devices[i].sent = 0;
	u->flat.result = NVMX_VTD_FLUSHED;
	u->flat.revoking = u->flat.tlbs_sent = u->flat.unasked = false;
	bury(u);
}

/* The device-TLB flushes asked for go out; `again`: they will have to be repeated. */
static void send_devices(struct nvmx_vtd *u, bool again)
{
	nvmx_memcpy(u->flat.flushes + u->flat.flushes_n, u->flat.device_flushes,
	       u->flat.device_flushes_n * sizeof(*u->flat.flushes));
	for (unsigned i = 0; i < u->flat.devices_end; i++) {
		u->flat.devices[i].sent |= u->flat.devices[i].asked;
		if (!again)
			u->flat.devices[i].asked = 0;
	}
	u->flat.tlbs_sent = true;
	if (!again)
		u->flat.device_flushes_n = 0;
}

/* Walks that stand still have changed entries, too, and what they have detached is about to be buried. */
static void collect(struct nvmx_vtd *u)
{
	for (unsigned i = 0; i < u->flat.spaces_end; i++)
		if (u->flat.spaces[i].walking)
			nvmx_vtd_walker_end(u, &u->flat.spaces[i], &u->flat.spaces[i].walker);
}

static bool unfinished(const struct nvmx_vtd *u)
{
	for (unsigned i = 0; i < SPACES; i++)
		if (u->flat.spaces[i].used && u->flat.spaces[i].ranges_n)
			return true;
	return false;
}

/* An answer that is none is no success. */
static int judged(int result)
{
	return result > NVMX_VTD_FLUSHED ? NVMX_VTD_FLUSH_BAD_COMPLETION : result;
}

/* A device-TLB may be filled again from what a walk has yet to change: its flush is repeated when the walk is done. */
bool nvmx_vtd_flush(struct nvmx_vtd *u)
{
	int result = NVMX_VTD_FLUSHED;
	uint32_t n;

	collect(u);
	n = u->flat.flushes_n + u->flat.device_flushes_n;
	u->flat.suspect = u->flat.inflight ? 0 : suspect(u);
	if (u->flat.device_flushes_n)
		send_devices(u, unfinished(u));
	u->flat.flushes_n = 0;
	if (n) {
		vtd_count(u, NVMX_VTD_CNT_FLUSH);
		u->counter[NVMX_VTD_CNT_FLUSH_ITEM] += n;
		result = u->ops->flush(u->host, u->flat.flushes, n);
	}
	if (result == NVMX_VTD_FLUSH_QUEUED)
		u->flat.inflight++;
	else if (judged(result) < u->flat.result)
		u->flat.result = judged(result);
	if (u->flat.inflight)
		return false;
	flushed(u);
	return true;
}

enum nvmx_vtd_verdict nvmx_vtd_flush_done(struct nvmx_vtd *u, int result)
{
	if (!u->flat.inflight)
		return nvmx_vtd_left(u);
	if (judged(result) < u->flat.result)
		u->flat.result = judged(result);
	if (--u->flat.inflight)
		return NVMX_VTD_WAITING;
	flushed(u);
	return nvmx_vtd_work(u);
}

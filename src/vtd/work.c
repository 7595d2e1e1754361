/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Work on behalf of L1, in rounds: take what the queue asks for, bring the flattened tables up to date, flush the
 * hardware once, and only then tell L1 that it is done.
 */
#include "state.h"

/* 6.5.2.8: bits of the status address above the host address width are ignored. */
static void write_status(struct nvmx_vtd *u, const struct vtd_wait *w)
{
	uint64_t frame = w->address & u->address_mask;
	uint32_t *page = u->ops->map(u->host, frame, true);

	if (!page)
		return;
	__atomic_store_n(page + (w->address & 0xfff) / 4, w->data, __ATOMIC_RELEASE);
	u->ops->unmap(u->host, frame, page, true);
}

static void finish_waits(struct nvmx_vtd *u)
{
	for (unsigned i = 0; i < u->waits_n; i++) {
		vtd_count(u, NVMX_VTD_CNT_WAIT);
		if (u->waits[i].write)
			write_status(u, &u->waits[i]);
		if (u->waits[i].interrupt)
			nvmx_vtd_event_status(u, EVENT_INVALIDATION, ICS_IWC);
	}
	u->waits_n = 0;
}

static void finish_commands(struct nvmx_vtd *u)
{
	uint64_t *gsts = &u->reg[REG_GSTS];

	if (u->finish & FINISH_CCMD)
		u->reg[REG_CCMD] &= ~BIT64(63);
	if (u->finish & FINISH_IOTLB)
		u->reg[REG_IOTLB] &= ~BIT64(63);
	if (u->finish & FINISH_WBF)
		*gsts &= ~(uint64_t)GCMD_WBF;
	if (u->finish & FINISH_RTPS)
		*gsts |= GCMD_SRTP;
	if (u->finish & FINISH_TES)
		*gsts = (*gsts & ~(uint64_t)GCMD_TE) | u->te;
	if (u->finish & FINISH_IRTPS)
		*gsts |= GCMD_SIRTP;
	if (u->finish & FINISH_IRES)
		*gsts = (*gsts & ~(uint64_t)(GCMD_IRE | GCMD_CFI)) | u->ir;
	u->finish = 0;
}

/* What is done when the hardware, and the host, have followed. */
static void finish(struct nvmx_vtd *u)
{
	if (u->finish)
		finish_commands(u);
	finish_waits(u);
	u->reg[REG_IQH] = u->head;
	if (u->queue_error)
		nvmx_vtd_queue_error(u);
}

/* false: the host has yet to follow. */
static bool host_follows(struct nvmx_vtd *u)
{
	if (u->routes_end && !nvmx_vtd_tell_routes(u))
		return false;
	if (u->drain)
		u->ops->drain(u->host);
	u->drain = false;
	return true;
}

enum nvmx_vtd_verdict nvmx_vtd_work(struct nvmx_vtd *u)
{
	enum nvmx_vtd_verdict verdict;

	if (u->telling)
		return NVMX_VTD_WAITING;
	u->budget = u->config.work;
	do {
		nvmx_vtd_queue_take(u);
		verdict = nvmx_vtd_flat_work(u);
		if (verdict != NVMX_VTD_DONE)
			return verdict;
		if (!host_follows(u))
			return NVMX_VTD_WAITING;
		finish(u);
	} while (nvmx_vtd_queue_runs(u) && u->budget);
	return nvmx_vtd_queue_runs(u) || nvmx_vtd_flat_left(u) ? NVMX_VTD_MORE : NVMX_VTD_DONE;
}

enum nvmx_vtd_verdict nvmx_vtd_run(struct nvmx_vtd *u)
{
	return nvmx_vtd_work(u);
}

/* For calls that take no part in the work: whoever goes by the last verdict must not lose what was left before. */
enum nvmx_vtd_verdict nvmx_vtd_left(const struct nvmx_vtd *u)
{
	if (u->telling || u->flat.inflight)
		return NVMX_VTD_WAITING;
	return nvmx_vtd_idle(u) && !nvmx_vtd_flat_left(u) ? NVMX_VTD_DONE : NVMX_VTD_MORE;
}

bool nvmx_vtd_idle(const struct nvmx_vtd *u)
{
	return !u->finish && !u->waits_n && !u->queue_error && !u->drain && !u->telling && !u->routes_end &&
	       !nvmx_vtd_queue_runs(u) && nvmx_vtd_flat_idle(u);
}

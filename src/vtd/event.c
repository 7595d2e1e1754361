/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The fault event (VT-d 7.3) and the invalidation completion event (6.5.2.8): a status, a control register with mask (IM)
 * and pending (IP) bits, and a message.  Only a status bit that is set while none was is a new interrupt condition.
 */
#include "state.h"

static const struct {
	enum vtd_reg status, control, data, address, upper;
	uint32_t bits; /* of the status */
} events[] = {
	[EVENT_FAULT] = { REG_FSTS, REG_FECTL, REG_FEDATA, REG_FEADDR, REG_FEUADDR,
			  FSTS_PFO | FSTS_PPF | FSTS_IQE | FSTS_ICE | FSTS_ITE },
	[EVENT_INVALIDATION] = { REG_ICS, REG_IECTL, REG_IEDATA, REG_IEADDR, REG_IEUADDR, ICS_IWC },
};

static void send(struct nvmx_vtd *u, enum vtd_event event)
{
	u->reg[events[event].control] &= ~(uint64_t)EVENT_IP;
	vtd_count(u, NVMX_VTD_CNT_MSI);
	u->ops->interrupt(u->host, u->reg[events[event].address] | u->reg[events[event].upper] << 32,
			  (uint32_t)u->reg[events[event].data]);
}

void nvmx_vtd_event_update(struct nvmx_vtd *u, enum vtd_event event)
{
	uint64_t *control = &u->reg[events[event].control];

	if (!(u->reg[events[event].status] & events[event].bits))
		*control &= ~(uint64_t)EVENT_IP;
	if ((*control & (EVENT_IP | EVENT_IM)) == EVENT_IP)
		send(u, event);
}

void nvmx_vtd_event_status(struct nvmx_vtd *u, enum vtd_event event, uint32_t bits)
{
	uint64_t *status = &u->reg[events[event].status];
	bool before = *status & events[event].bits;

	*status |= bits;
	if (before)
		return;
	u->reg[events[event].control] |= EVENT_IP;
	nvmx_vtd_event_update(u, event);
}

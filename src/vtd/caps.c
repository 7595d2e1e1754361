/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What L1 is offered (VT-d 10.4.2, 10.4.3): what the host asks for, if the physical unit can carry it. */
#include "../refuse.h"
#include "state.h"

#define FRO 0x220ull
#define IRO 0x0f0ull

/* Features that are bits of CAP or ECAP; limited: L1's use of it needs it in the physical unit. */
static const struct {
	uint32_t feature, needs;
	uint64_t cap, ecap;
	bool limited;
} bits[] = {
	{ NVMX_VTD_F_CACHING_MODE, 0, CAP_CM, 0, false },
	{ NVMX_VTD_F_WRITE_BUFFER, 0, CAP_RWBF, 0, false },
	{ NVMX_VTD_F_2M, 0, CAP_SLLPS_2M, 0, false },
	{ NVMX_VTD_F_1G, NVMX_VTD_F_2M, CAP_SLLPS_1G, 0, false },
	{ NVMX_VTD_F_PAGE_FLUSH, 0, CAP_PSI | (uint64_t)MAMV << 48, 0, false },
	{ NVMX_VTD_F_ZERO_LENGTH, 0, CAP_ZLR, 0, true },
	{ NVMX_VTD_F_DRAIN, 0, CAP_DRAIN, 0, true },
	{ NVMX_VTD_F_QUEUE, 0, 0, ECAP_QI, false },
	{ NVMX_VTD_F_DEVICE_TLB, NVMX_VTD_F_QUEUE, 0, ECAP_DT, true },
	{ NVMX_VTD_F_REMAP, NVMX_VTD_F_QUEUE, 0, ECAP_IR | (uint64_t)MHMV << 20, false },
	{ NVMX_VTD_F_EXTENDED, NVMX_VTD_F_REMAP, 0, ECAP_EIM, false },
	{ NVMX_VTD_F_PASS_THROUGH, 0, 0, ECAP_PT, false },
	{ NVMX_VTD_F_SNOOP, 0, 0, ECAP_SC, true },
};
#define BITS (sizeof(bits) / sizeof(*bits))

static int check_hardware(const struct nvmx_vtd_config *c, struct nvmx_error_info *info)
{
	unsigned deepest = c->levels & NVMX_VTD_LEVELS_4 ? NVMX_VTD_LEVELS_4 : NVMX_VTD_LEVELS_3;
	unsigned sagaw = c->hw_cap >> CAP_SAGAW_SHIFT & (NVMX_VTD_LEVELS_3 | NVMX_VTD_LEVELS_4);

	if (sagaw < deepest)
		return nvmx_refuse(info, NVMX_REFUSED_VTD_LEVELS_LACKING, c->levels, sagaw);
	if (c->width > CAP_MGAW(c->hw_cap))
		return nvmx_refuse(info, NVMX_REFUSED_VTD_WIDTH_LACKING, c->width, CAP_MGAW(c->hw_cap));
	for (unsigned i = 0; i < BITS; i++)
		if (c->features & bits[i].feature && bits[i].limited &&
		    (bits[i].cap & ~c->hw_cap || bits[i].ecap & ~c->hw_ecap))
			return nvmx_refuse(info, NVMX_REFUSED_VTD_FEATURES_LACKING, bits[i].feature, 0);
	return NVMX_OK;
}

int nvmx_vtd_check_caps(const struct nvmx_vtd_config *c, struct nvmx_error_info *info)
{
	const unsigned levels = NVMX_VTD_LEVELS_3 | NVMX_VTD_LEVELS_4, widest = c->levels & NVMX_VTD_LEVELS_4 ? 48 : 39;

	if (c->features & ~NVMX_VTD_F_ALL)
		return nvmx_refuse(info, NVMX_REFUSED_VTD_FEATURES_UNKNOWN, c->features & ~NVMX_VTD_F_ALL, NVMX_VTD_F_ALL);
	for (unsigned i = 0; i < BITS; i++)
		if (c->features & bits[i].feature && ~c->features & bits[i].needs)
			return nvmx_refuse(info, NVMX_REFUSED_VTD_FEATURES_NEED, c->features, bits[i].needs);
	if (c->levels & ~levels)
		return nvmx_refuse(info, NVMX_REFUSED_VTD_LEVELS, c->levels, levels);
	if (c->width < 30 || c->width > widest)
		return nvmx_refuse(info, NVMX_REFUSED_VTD_WIDTH, c->width, widest);
	if (c->host_width < 32 || c->host_width > 52)
		return nvmx_refuse(info, NVMX_REFUSED_VTD_HOST_WIDTH, c->host_width, 52);
	if (c->domain_bits < 4 || c->domain_bits > 16 || c->domain_bits & 1)
		return nvmx_refuse(info, NVMX_REFUSED_VTD_DOMAIN_BITS, c->domain_bits, 16);
	return c->flags & NVMX_VTD_ASSIGN_TABLES ? check_hardware(c, info) : NVMX_OK;
}

uint64_t nvmx_vtd_make_cap(const struct nvmx_vtd_config *c)
{
	uint64_t cap = (c->domain_bits - 4u) / 2 | (uint64_t)c->levels << CAP_SAGAW_SHIFT | (c->width - 1ull) << 16 |
		       FRO >> 4 << 24 | (FRCDS - 1ull) << 40;

	for (unsigned i = 0; i < BITS; i++)
		if (c->features & bits[i].feature)
			cap |= bits[i].cap;
	return cap;
}

/* The library reads tables and the queue as a processor does: coherently. */
uint64_t nvmx_vtd_make_ecap(const struct nvmx_vtd_config *c)
{
	uint64_t ecap = ECAP_C | IRO >> 4 << 8;

	for (unsigned i = 0; i < BITS; i++)
		if (c->features & bits[i].feature)
			ecap |= bits[i].ecap;
	return ecap;
}

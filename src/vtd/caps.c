/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What L1 is offered (VT-d 10.4.2, 10.4.3): what the host asks for, if the physical unit can carry it. */
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

static int fail(uint32_t *detail, int error, uint32_t about)
{
	*detail = about;
	return error;
}

static int check_hardware(const struct nvmx_vtd_config *c, uint32_t *detail)
{
	unsigned deepest = c->levels & NVMX_VTD_LEVELS_4 ? NVMX_VTD_LEVELS_4 : NVMX_VTD_LEVELS_3;
	unsigned sagaw = c->hw_cap >> CAP_SAGAW_SHIFT & (NVMX_VTD_LEVELS_3 | NVMX_VTD_LEVELS_4);

	if (sagaw < deepest)
		return fail(detail, NVMX_VTD_ERR_CAPS, NVMX_VTD_ABOUT_LEVELS);
	if (c->width > CAP_MGAW(c->hw_cap))
		return fail(detail, NVMX_VTD_ERR_CAPS, NVMX_VTD_ABOUT_WIDTH);
	for (unsigned i = 0; i < BITS; i++)
		if (c->features & bits[i].feature && bits[i].limited &&
		    (bits[i].cap & ~c->hw_cap || bits[i].ecap & ~c->hw_ecap))
			return fail(detail, NVMX_VTD_ERR_CAPS, NVMX_VTD_ABOUT_FEATURES);
	return NVMX_VTD_OK;
}

int nvmx_vtd_check_caps(const struct nvmx_vtd_config *c, uint32_t *detail)
{
	if (c->features & ~NVMX_VTD_F_ALL)
		return fail(detail, NVMX_VTD_ERR_CONFIG, NVMX_VTD_ABOUT_FEATURES);
	for (unsigned i = 0; i < BITS; i++)
		if (c->features & bits[i].feature && ~c->features & bits[i].needs)
			return fail(detail, NVMX_VTD_ERR_CONFIG, NVMX_VTD_ABOUT_FEATURES);
	if (c->levels & ~(NVMX_VTD_LEVELS_3 | NVMX_VTD_LEVELS_4))
		return fail(detail, NVMX_VTD_ERR_CONFIG, NVMX_VTD_ABOUT_LEVELS);
	if (c->width < 30 || c->width > (c->levels & NVMX_VTD_LEVELS_4 ? 48 : 39))
		return fail(detail, NVMX_VTD_ERR_CONFIG, NVMX_VTD_ABOUT_WIDTH);
	if (c->host_width < 32 || c->host_width > 52)
		return fail(detail, NVMX_VTD_ERR_CONFIG, NVMX_VTD_ABOUT_HOST_WIDTH);
	if (c->domain_bits < 4 || c->domain_bits > 16 || c->domain_bits & 1)
		return fail(detail, NVMX_VTD_ERR_CONFIG, NVMX_VTD_ABOUT_DOMAINS);
	return c->flags & NVMX_VTD_ASSIGN_TABLES ? check_hardware(c, detail) : NVMX_VTD_OK;
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

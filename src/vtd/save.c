/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Saved state.  A blob is judged whole before anything of it is taken over. */
#include "state.h"

#define MAGIC 0x4454564eu /* "NVTD" */
#define VERSION 1u

/* What registers keep beside the bits that software writes. */
static const struct save_row {
	enum vtd_reg reg;
	uint64_t kept;
} save_rows[] = {
	{ REG_GSTS, 0xffffffff }, /* judged apart */
	{ REG_RTADDR, 0 },
	{ REG_CCMD, 3ull << 59 },
	{ REG_FSTS, FSTS_PFO | FSTS_PPF | FSTS_IQE | FSTS_ICE | FSTS_ITE | 0xff00 },
	{ REG_FECTL, EVENT_IP },
	{ REG_FEDATA, 0 },
	{ REG_FEADDR, 0 },
	{ REG_FEUADDR, 0 },
	{ REG_IQH, 0x7fff0 },
	{ REG_IQT, 0 },
	{ REG_IQA, 0 },
	{ REG_ICS, ICS_IWC },
	{ REG_IECTL, EVENT_IP },
	{ REG_IEDATA, 0 },
	{ REG_IEADDR, 0 },
	{ REG_IEUADDR, 0 },
	{ REG_IQERCD, 0xffffffff0000000f },
	{ REG_IRTA, 0 },
	{ REG_IOTLB, 3ull << 57 },
#define FRCD(n) { REG_FRCD##n##_LO, ADDRESS_BITS }, { REG_FRCD##n##_HI, 0xf00000ff0000ffff }
	FRCD(0), FRCD(1), FRCD(2), FRCD(3), FRCD(4), FRCD(5), FRCD(6), FRCD(7),
};
#define ROWS (sizeof(save_rows) / sizeof(*save_rows))

struct blob {
	uint32_t magic, version;
	uint64_t cap, ecap;     /* of the same configuration only */
	uint64_t root, irta, iva;
	uint64_t frcd_next;
	uint64_t reg[ROWS];
};
_Static_assert(sizeof(struct blob) <= NVMX_VTD_SAVE_SIZE, "NVMX_VTD_SAVE_SIZE");

size_t nvmx_vtd_save(const struct nvmx_vtd *u, void *out, size_t size)
{
	struct blob b = {
		.magic = MAGIC, .version = VERSION, .cap = u->reg[REG_CAP], .ecap = u->reg[REG_ECAP], .root = u->root,
		.irta = u->irta, .iva = u->iva, .frcd_next = u->frcd_next,
	};

	if (size < NVMX_VTD_SAVE_SIZE || !nvmx_vtd_idle(u))
		return 0;
	for (unsigned i = 0; i < ROWS; i++)
		b.reg[i] = u->reg[save_rows[i].reg];
	nvmx_memset(out, 0, NVMX_VTD_SAVE_SIZE);
	nvmx_memcpy(out, &b, sizeof(b));
	return NVMX_VTD_SAVE_SIZE;
}

static uint64_t value_of(const struct blob *b, enum vtd_reg reg)
{
	for (unsigned i = 0; i < ROWS; i++)
		if (save_rows[i].reg == reg)
			return b->reg[i];
	return 0;
}

static bool registers_valid(const struct nvmx_vtd *u, const struct blob *b)
{
	for (unsigned i = 0; i < ROWS; i++) {
		enum vtd_reg reg = save_rows[i].reg;
		uint64_t may = nvmx_vtd_reg_writable(u, reg) | save_rows[i].kept;

		if (nvmx_vtd_reg_exists(u, reg) ? b->reg[i] & ~may : b->reg[i] != nvmx_vtd_reg_reset(reg))
			return false;
	}
	return !(value_of(b, REG_CCMD) >> 63) && !(value_of(b, REG_IOTLB) >> 63);
}

/* One-shot commands are completed; the head is 0 without a queue.  It may be beyond one that L1 has made smaller since. */
static bool status_valid(const struct nvmx_vtd *u, const struct blob *b)
{
	uint64_t gsts = value_of(b, REG_GSTS);

	if (gsts & ~(uint64_t)nvmx_vtd_commands(u) || gsts & GCMD_WBF)
		return false;
	return gsts & GCMD_QIE || !value_of(b, REG_IQH);
}

/* PPF says whether a record is pending, and FRI names one that is: the first, which only the unit that saved it knew. */
static bool records_valid(const struct blob *b)
{
	uint64_t fsts = value_of(b, REG_FSTS), fri = fsts >> FSTS_FRI_SHIFT & 0xff;
	bool any = false;

	for (unsigned n = 0; n < FRCDS; n++)
		any |= value_of(b, (enum vtd_reg)(REG_FRCD0_HI + 2 * n)) >> 63;
	if (any != !!(fsts & FSTS_PPF))
		return false;
	return any ? fri < FRCDS && value_of(b, (enum vtd_reg)(REG_FRCD0_HI + 2 * fri)) >> 63 : !fri;
}

static bool valid(const struct nvmx_vtd *u, const struct blob *b)
{
	return b->magic == MAGIC && b->version == VERSION && b->cap == u->reg[REG_CAP] && b->ecap == u->reg[REG_ECAP] &&
	       !(b->root & ~(u->address_mask | RTADDR_TTM)) && !(b->irta & ~nvmx_vtd_reg_writable(u, REG_IRTA)) &&
	       b->frcd_next < FRCDS && registers_valid(u, b) && status_valid(u, b) && records_valid(b);
}

int nvmx_vtd_restore(struct nvmx_vtd *u, const void *in, size_t size)
{
	struct blob b;

	if (size < NVMX_VTD_SAVE_SIZE || u->reg[REG_GSTS] || u->root)
		return NVMX_ERR_STATE;
	nvmx_memcpy(&b, in, sizeof(b));
	if (!valid(u, &b))
		return NVMX_ERR_STATE;
	for (unsigned i = 0; i < ROWS; i++)
		u->reg[save_rows[i].reg] = b.reg[i];
	u->root = b.root;
	u->irta = b.irta;
	u->iva = b.iva;
	u->frcd_next = (uint8_t)b.frcd_next;
	u->te = (uint32_t)u->reg[REG_GSTS] & GCMD_TE;
	u->ir = (uint32_t)u->reg[REG_GSTS] & (GCMD_IRE | GCMD_CFI);
	u->head = u->reg[REG_IQH];
	nvmx_vtd_event_update(u, EVENT_FAULT);
	nvmx_vtd_event_update(u, EVENT_INVALIDATION);
	nvmx_vtd_cache_reset(u);
	nvmx_vtd_inv_irte_all(u);
	nvmx_vtd_flat_follow_all(u);
	return NVMX_OK;
}

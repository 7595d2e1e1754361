/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "controls.h"

static const struct nvmx_control_row rows[] = {
#define C(WORD, NAME, from, why) { #WORD "." #NAME, why, NVMX_##WORD##_##NAME, NVMX_WORD_##WORD, NVMX_FROM_##from },
#include "controls.def"
};
#define ROWS (sizeof(rows) / sizeof(*rows))

const struct nvmx_control_row *nvmx_control_rows(size_t *count)
{
	*count = ROWS;
	return rows;
}

void nvmx_control_masks_make(struct nvmx_control_masks *masks)
{
	*masks = (struct nvmx_control_masks){ 0 };
	for (size_t i = 0; i < ROWS; i++)
		masks->bits[rows[i].word][rows[i].from] |= rows[i].bit;
}

/* Who set the bit, capabilities aside. */
static enum nvmx_provenance wanted_by(enum nvmx_from from, bool b12, bool b01, bool engine)
{
	switch (from) {
	case NVMX_FROM_L1: return b12 ? NVMX_BY_L1 : NVMX_BY_NOBODY;
	case NVMX_FROM_L0: return b01 ? NVMX_BY_L0 : NVMX_BY_NOBODY;
	case NVMX_FROM_EITHER:
		return b12 && b01 ? NVMX_BY_BOTH : b12 ? NVMX_BY_L1 : b01 ? NVMX_BY_L0 : NVMX_BY_NOBODY;
	case NVMX_FROM_BOTH: return b12 && b01 ? NVMX_BY_BOTH : NVMX_BY_NOBODY;
	default: return engine ? NVMX_BY_ENGINE : NVMX_BY_NOBODY;
	}
}

enum nvmx_provenance nvmx_merge_provenance(enum nvmx_word w, uint32_t bit, uint32_t c12, uint32_t c01, uint32_t engine,
					   uint64_t cap)
{
	enum nvmx_provenance by = NVMX_BY_NOBODY;

	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].word == w && rows[i].bit == bit)
			by = wanted_by((enum nvmx_from)rows[i].from, c12 & bit, c01 & bit, engine & bit);
	if (by == NVMX_BY_NOBODY ? (uint32_t)cap & bit : !((uint32_t)(cap >> 32) & bit))
		return NVMX_BY_CAPABILITY;
	return by;
}

static const struct switched {
	uint32_t load, undo, save;
} switched[NVMX_SWITCHED_COUNT] = {
#define S(NAME, load, undo, save) { load, undo, save },
#include "switched.def"
};

bool nvmx_switched_whole(enum nvmx_switched r, uint32_t entry, uint32_t exit)
{
	const struct switched *s = &switched[r];

	return entry & s->load ? s->save == NVMX_EVERY_EXIT || exit & s->save : s->undo != NVMX_EVERY_EXIT && !(exit & s->undo);
}

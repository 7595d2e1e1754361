/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "controls.h"

#define REFUSAL(WORD, NAME, why) #WORD "." #NAME " (" why ")"
#define REFUSAL_L1(WORD, NAME, why) NULL
#define REFUSAL_L0(WORD, NAME, why) NULL
#define REFUSAL_EITHER(WORD, NAME, why) NULL
#define REFUSAL_BOTH(WORD, NAME, why) NULL
#define REFUSAL_MAP(WORD, NAME, why) NULL
#define REFUSAL_MAP01(WORD, NAME, why) NULL
#define REFUSAL_ENGINE(WORD, NAME, why) NULL
#define REFUSAL_REFUSED(WORD, NAME, why) REFUSAL(WORD, NAME, why)

static const struct nvmx_control_row rows[] = {
#define C(WORD, NAME, from, why) \
	{ #WORD "." #NAME, why, REFUSAL_##from(WORD, NAME, why), NVMX_##WORD##_##NAME, NVMX_WORD_##WORD, NVMX_FROM_##from },
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

/* Reserved bits that may be 1, and on some processors must (SDM A.2 to A.5, A.3.1). */
static const uint32_t reserved1[NVMX_WORDS_ALL] = {
	[NVMX_WORD_PIN] = 0x00000016,
	[NVMX_WORD_PROC] = 0x0401e172,
	[NVMX_WORD_EXIT] = 0x00036dff,
	[NVMX_WORD_ENTRY] = 0x000011ff,
};

int nvmx_control_refused(enum nvmx_word w, uint64_t c01)
{
	uint64_t fine = reserved1[w];

	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].word == w && rows[i].from != NVMX_FROM_REFUSED)
			fine |= rows[i].bit;
	return c01 & ~fine ? __builtin_ctzll(c01 & ~fine) : -1;
}

const char *nvmx_control_refusal(unsigned word, unsigned bit)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].word == word && rows[i].bit == 1ull << (bit & 63))
			return rows[i].refusal ? rows[i].refusal : REFUSAL(PIN, PREEMPTION_TIMER, "only with NVMX_HOST_OWNS_TIMER");
	return NULL;
}

const char *nvmx_word_name(unsigned word)
{
	static const char *const names[NVMX_WORDS_ALL] = {
		[NVMX_WORD_PIN] = "PIN_CTLS", [NVMX_WORD_PROC] = "PROC_CTLS", [NVMX_WORD_PROC2] = "PROC_CTLS2",
		[NVMX_WORD_EXIT] = "EXIT_CTLS", [NVMX_WORD_ENTRY] = "ENTRY_CTLS", [NVMX_WORD_PROC3] = "PROC_CTLS3",
	};

	return names[word];
}

/* Who set the bit, capabilities aside. */
static enum nvmx_provenance wanted_by(enum nvmx_from from, bool b12, bool b01, bool engine, bool shadow)
{
	switch (from) {
	case NVMX_FROM_L1: return b12 ? NVMX_BY_L1 : NVMX_BY_NOBODY;
	case NVMX_FROM_REFUSED:
	case NVMX_FROM_L0: return b01 ? NVMX_BY_L0 : NVMX_BY_NOBODY;
	case NVMX_FROM_EITHER:
		return b12 && b01 ? NVMX_BY_BOTH : b12 ? NVMX_BY_L1 : b01 ? NVMX_BY_L0 : NVMX_BY_NOBODY;
	case NVMX_FROM_BOTH: return b12 && b01 ? NVMX_BY_BOTH : NVMX_BY_NOBODY;
	case NVMX_FROM_MAP:
		if (shadow)
			return b12 ? NVMX_BY_L1 : NVMX_BY_NOBODY;
		return b01 ? NVMX_BY_L0 : NVMX_BY_NOBODY;
	case NVMX_FROM_MAP01: return b01 && !shadow ? NVMX_BY_L0 : NVMX_BY_NOBODY;
	default: return engine ? NVMX_BY_ENGINE : NVMX_BY_NOBODY;
	}
}

enum nvmx_provenance nvmx_merge_provenance(enum nvmx_word w, uint32_t bit, uint32_t c12, uint32_t c01, uint32_t engine,
					   uint64_t cap)
{
	enum nvmx_provenance by = NVMX_BY_NOBODY;
	bool shadow = w == NVMX_WORD_PROC2 && c12 & NVMX_PROC2_EPT;

	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].word == w && rows[i].bit == bit)
			by = wanted_by((enum nvmx_from)rows[i].from, c12 & bit, c01 & bit, engine & bit, shadow);
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

uint32_t nvmx_loads_undone(uint32_t exit01)
{
	uint32_t loads = 0;

	for (unsigned i = 0; i < NVMX_SWITCHED_COUNT; i++)
		if (switched[i].undo == NVMX_EVERY_EXIT || exit01 & switched[i].undo)
			loads |= switched[i].load;
	return loads;
}

uint32_t nvmx_undo_of_loads(uint32_t loads)
{
	uint32_t undo = 0;

	for (unsigned i = 0; i < NVMX_SWITCHED_COUNT; i++)
		if (loads & switched[i].load)
			undo |= switched[i].undo | switched[i].save;
	return undo;
}

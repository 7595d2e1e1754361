/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * How the control words of vmcs02 come from vmcs12's and vmcs01's: pure functions over controls.def.
 */
#ifndef NVMX_SRC_CONTROLS_H
#define NVMX_SRC_CONTROLS_H

#include "vmcs.h"

enum nvmx_word {
	NVMX_WORD_PIN,
	NVMX_WORD_PROC,
	NVMX_WORD_PROC2,
	NVMX_WORD_EXIT,
	NVMX_WORD_ENTRY,
	NVMX_WORDS, /* of 32 bits */
	NVMX_WORD_PROC3 = NVMX_WORDS, /* of 64 */
	NVMX_WORDS_ALL
};
enum nvmx_from {
	NVMX_FROM_L1,
	NVMX_FROM_L0,
	NVMX_FROM_EITHER,
	NVMX_FROM_BOTH,
	NVMX_FROM_MAP,
	NVMX_FROM_MAP01,
	NVMX_FROM_ENGINE,
	NVMX_FROM_REFUSED,
	NVMX_FROMS
};

/* The table summed up: the bits of a word with a given provenance. */
struct nvmx_control_masks {
	uint64_t bits[NVMX_WORDS_ALL][NVMX_FROMS];
};
void nvmx_control_masks_make(struct nvmx_control_masks *masks);

struct nvmx_control_row {
	const char *name;
	const char *why;
	const char *refusal; /* its name and why, for the line of a refusal; NULL: not refused */
	uint64_t bit;
	uint8_t word, from;
};
const struct nvmx_control_row *nvmx_control_rows(size_t *count);

/* The lowest control that is on in a word of vmcs01 and that vmcs02 cannot keep: its bit number, or -1.  Bits that are
 * reserved and may be 1 (SDM A.2 to A.5, the default1 class) are none. */
int nvmx_control_refused(enum nvmx_word w, uint64_t c01);
/* Its name and why it is refused, for the answer of nvmx_control_refused() and for the VMX-preemption timer; NULL: it has no row. */
const char *nvmx_control_refusal(unsigned word, unsigned bit);
/* "PIN_CTLS" ...: the field that holds the word. */
const char *nvmx_word_name(unsigned word);

/* Why a bit of a merged word has the value it has. */
enum nvmx_provenance {
	NVMX_BY_NOBODY, /* 0: nobody asked for it, or it has no row */
	NVMX_BY_L1,
	NVMX_BY_L0,
	NVMX_BY_BOTH,
	NVMX_BY_ENGINE,
	NVMX_BY_CAPABILITY /* the hardware forces it to its value */
};

/* vmcs02's word before the processor has its say.  vmcs12 and vmcs01 agree on what EPT is: a secondary control. */
static inline uint64_t nvmx_merge_bits(const struct nvmx_control_masks *masks, enum nvmx_word w, uint64_t c12, uint64_t c01,
				       uint64_t engine)
{
	const uint64_t *m = masks->bits[w];
	bool shadow = w == NVMX_WORD_PROC2 && c12 & NVMX_PROC2_EPT;

	return (c12 & m[NVMX_FROM_L1]) | (c01 & (m[NVMX_FROM_L0] | m[NVMX_FROM_REFUSED])) |
	       ((c12 | c01) & m[NVMX_FROM_EITHER]) | (c12 & c01 & m[NVMX_FROM_BOTH]) | (engine & m[NVMX_FROM_ENGINE]) |
	       (shadow ? c12 & m[NVMX_FROM_MAP] : c01 & (m[NVMX_FROM_MAP] | m[NVMX_FROM_MAP01]));
}

/* `engine` holds the values of the ENGINE bits; `cap` is the hardware's capability MSR of the word (allowed-0 settings in
 * the low half, allowed-1 in the high half). */
static inline uint32_t nvmx_merge_word(const struct nvmx_control_masks *masks, enum nvmx_word w, uint32_t c12,
				       uint32_t c01, uint32_t engine, uint64_t cap)
{
	uint32_t value = (uint32_t)nvmx_merge_bits(masks, w, c12, c01, engine);

	return (value | (uint32_t)cap) & (uint32_t)(cap >> 32);
}

enum nvmx_provenance nvmx_merge_provenance(enum nvmx_word w, uint32_t bit, uint32_t c12, uint32_t c01, uint32_t engine,
					   uint64_t cap);

/* switched.def */
#define NVMX_EVERY_EXIT 0u
enum nvmx_switched {
#define S(NAME, load, undo, save) NVMX_SWITCHED_##NAME,
#include "switched.def"
	NVMX_SWITCHED_COUNT
};
/* Whether these VM-entry and VM-exit controls make the register the guest's own (loaded, and saved), or leave it alone. */
bool nvmx_switched_whole(enum nvmx_switched r, uint32_t entry, uint32_t exit);
/* The VM-entry loads that an exit with these controls undoes; the exit controls that undo loads, and save what they loaded. */
uint32_t nvmx_loads_undone(uint32_t exit01);
uint32_t nvmx_undo_of_loads(uint32_t loads);

#endif

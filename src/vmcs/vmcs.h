/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The field table in C, and vmcs12 storage.  This folder knows nothing of vCPUs, hosts or EPT.
 */
#ifndef NVMX_SRC_VMCS_H
#define NVMX_SRC_VMCS_H

#include <nestvmx/arch.h>
#include <nestvmx/caps.h>
#include <nestvmx/check.h>
#include <nestvmx/fields.h>
#include <nestvmx/vmcs12.h>

/* What makes a field exist (SDM appendix B); evaluated against L1's capabilities by nvmx_field_exists(). */
enum nvmx_exists {
	NVMX_X_ALWAYS,
	NVMX_X_PROC2,
	NVMX_X_PROC3,
	NVMX_X_TPR_SHADOW,
	NVMX_X_APIC_ACCESS,
	NVMX_X_VID,
	NVMX_X_POSTED_INT,
	NVMX_X_MSR_BITMAP,
	NVMX_X_EPT,
	NVMX_X_VPID,
	NVMX_X_PML,
	NVMX_X_VMFUNC,
	NVMX_X_EPTP_SWITCHING,
	NVMX_X_SHADOW_VMCS,
	NVMX_X_VE,
	NVMX_X_XSAVES,
	NVMX_X_ENCLS,
	NVMX_X_ENCLV,
	NVMX_X_NOTIFY,
	NVMX_X_SPP,
	NVMX_X_TSC_SCALING,
	NVMX_X_PREEMPTION_TIMER,
	NVMX_X_PLE,
	NVMX_X_PAT,
	NVMX_X_EFER,
	NVMX_X_PERF,
	NVMX_X_BNDCFGS,
	NVMX_X_RTIT,
	NVMX_X_CET,
	NVMX_X_PKRS,
	NVMX_X_CR3_TARGET,
	NVMX_X_IO_SMM
};

/* How vmcs02's value of a field is made: not at all, copied, or by a step of steps.def. */
enum nvmx_merge {
	NVMX_M_NONE,
	NVMX_M_GUEST,
#define STEP(NAME, reads) NVMX_M_##NAME,
#define LAST(NAME, reads)
#include "steps.def"
	NVMX_M_STEPS_END,
	NVMX_M_BEFORE_LAST = NVMX_M_STEPS_END - 1,
#define STEP(NAME, reads)
#define LAST(NAME, reads) NVMX_M_##NAME,
#include "steps.def"
	NVMX_M_COUNT
};
_Static_assert(NVMX_M_STEPS_END <= 64, "a set of merge steps is one 64-bit word");

enum nvmx_sync { NVMX_S_NO, NVMX_S_HOT, NVMX_S_CALC, NVMX_S_RARE, NVMX_S_INFO };
enum nvmx_hw_shadow { NVMX_H_NO, NVMX_H_RO, NVMX_H_RW };

/*
 * Dirty groups; a check row names those that it reads.  RFLAGS, the primary processor-based controls and the EPT pointer
 * have groups of their own because L1s write them (TF, interrupt window, another address space) far more often than what most
 * rows depend on.  A row that
 * reads PROC_CTLS only for bit 31, through nvmx_v12_proc2(), names CTRL rather than PROC: a change of bit 31 dirties
 * CTRL too (nvmx_dirty_groups).  Likewise a row that reads RFLAGS only for its VM flag names SEG.
 */
enum nvmx_group {
	NVMX_G_CTRL,
	NVMX_G_PROC,
	NVMX_G_FLAGS,
	NVMX_G_EVENT,
	NVMX_G_HOST,
	NVMX_G_REG,
	NVMX_G_SEG,
	NVMX_G_DTABLE,
	NVMX_G_RIP,
	NVMX_G_NONREG,
	NVMX_G_PDPTE,
	NVMX_G_EPTP,
	NVMX_G_INFO  /* no row reads these */
};
#define NVMX_GROUP(g) (1u << NVMX_G_##g)

/* Row numbers. */
enum nvmx_row {
#define F(enc, NAME, sdm, member, exists, merge, sync, shadow, group) NVMX_I_##NAME,
#include "fields.def"
	NVMX_ROWS
};

struct nvmx_field_row {
	const char *name;   /* the SDM's */
	uint16_t encoding;
	uint16_t offset;    /* in struct nvmx_vmcs12 */
	uint8_t size;       /* bytes: 2, 4, 8; natural-width fields are 8 */
	uint8_t exists, merge, sync, shadow, group;
};

extern const struct nvmx_field_row nvmx_field_rows[NVMX_ROWS];

/* A set of rows. */
#define NVMX_SET_WORDS ((NVMX_ROWS + 63) / 64)
struct nvmx_rowset {
	uint64_t w[NVMX_SET_WORDS];
};

static inline void nvmx_set_add(struct nvmx_rowset *s, unsigned row)
{
	s->w[row / 64] |= 1ull << (row % 64);
}

static inline void nvmx_set_del(struct nvmx_rowset *s, unsigned row)
{
	s->w[row / 64] &= ~(1ull << (row % 64));
}

static inline bool nvmx_set_has(const struct nvmx_rowset *s, unsigned row)
{
	return s->w[row / 64] >> (row % 64) & 1;
}

static inline bool nvmx_set_empty(const struct nvmx_rowset *s)
{
	uint64_t any = 0;

	for (unsigned i = 0; i < NVMX_SET_WORDS; i++)
		any |= s->w[i];
	return !any;
}

/* Whether each row of s is in t. */
static inline bool nvmx_set_within(const struct nvmx_rowset *s, const struct nvmx_rowset *t)
{
	_Static_assert(NVMX_SET_WORDS == 3, "each word has its term"); /* compilers do not unroll the loop */
	return !((s->w[0] & ~t->w[0]) | (s->w[1] & ~t->w[1]) | (s->w[2] & ~t->w[2]));
}

/* Whether a row is in both. */
static inline bool nvmx_set_meets(const struct nvmx_rowset *s, const struct nvmx_rowset *t)
{
	uint64_t both = 0;

	for (unsigned i = 0; i < NVMX_SET_WORDS; i++)
		both |= s->w[i] & t->w[i];
	return both;
}

/* for each row of set s, with `row` an unsigned */
#define NVMX_FOR_EACH_ROW(row, s)                                                                         \
	for (unsigned word_##row = 0; word_##row < NVMX_SET_WORDS; word_##row++)                          \
		for (uint64_t bits_##row = (s)->w[word_##row];                                            \
		     bits_##row && ((row) = word_##row * 64 + (unsigned)__builtin_ctzll(bits_##row), 1);  \
		     bits_##row &= bits_##row - 1)

/* The smallest odd factor that gives each field a key of its own.  A new field for which it does not is a compiler's error, of an
 * initializer that overrides another: then the next factor that does is to be taken. */
#define NVMX_FIELD_KEY(enc) ((uint32_t)(enc) * 0x20de67u >> 22)
#define NVMX_FIELD_KEYS 1024
extern const uint8_t nvmx_row_of_key[NVMX_FIELD_KEYS]; /* 0 where there is none: that row has another encoding */

/* The row of an encoding (bit 0, the access type, is ignored), or -1. */
static inline int nvmx_field_find(uint64_t encoding)
{
	uint64_t full = encoding & ~1ull;
	int row = nvmx_row_of_key[NVMX_FIELD_KEY(full)];

	return nvmx_field_rows[row].encoding == full ? row : -1;
}

/* Whether the field is there for a vCPU with these capabilities. */
bool nvmx_field_exists(const struct nvmx_field_row *row, const struct nvmx_caps *caps);

/* IA32_VMX_VMCS_ENUM (SDM A.9): the highest index value of any field that exists. */
uint64_t nvmx_vmcs_enum(const struct nvmx_caps *caps);

static inline uint64_t nvmx_v12_get(const struct nvmx_vmcs12 *v12, unsigned row)
{
	const struct nvmx_field_row *r = &nvmx_field_rows[row];
	const char *p = (const char *)v12 + r->offset;

	if (r->size == 8)
		return *(const uint64_t *)p;
	return r->size == 4 ? *(const uint32_t *)p : *(const uint16_t *)p;
}

static inline void nvmx_v12_set(struct nvmx_vmcs12 *v12, unsigned row, uint64_t value)
{
	const struct nvmx_field_row *r = &nvmx_field_rows[row];
	char *p = (char *)v12 + r->offset;

	if (r->size == 8)
		*(uint64_t *)p = value;
	else if (r->size == 4)
		*(uint32_t *)p = (uint32_t)value;
	else
		*(uint16_t *)p = (uint16_t)value;
}

/* The dirty groups of a write of `new` to `row`, which has not happened yet. */
static inline uint32_t nvmx_dirty_groups(const struct nvmx_vmcs12 *v12, unsigned row, uint64_t new)
{
	uint32_t groups = 1u << nvmx_field_rows[row].group;

	if (row == NVMX_I_PROC_CTLS && (v12->proc_ctls ^ new) & NVMX_PROC_SECONDARY)
		groups |= NVMX_GROUP(CTRL);
	if (row == NVMX_I_GUEST_RFLAGS && (v12->guest_rflags ^ new) & NVMX_RFLAGS_VM)
		groups |= NVMX_GROUP(SEG);
	return groups;
}

/* Type of a field from its encoding (SDM 24.11.2). */
enum nvmx_field_type { NVMX_TYPE_CONTROL, NVMX_TYPE_EXIT_INFO, NVMX_TYPE_GUEST, NVMX_TYPE_HOST };
static inline enum nvmx_field_type nvmx_field_type(uint32_t encoding)
{
	return (enum nvmx_field_type)(encoding >> 10 & 3);
}

/* Secondary controls count only if the primary activates them (SDM 24.6.2). */
static inline uint32_t nvmx_v12_proc2(const struct nvmx_vmcs12 *v12)
{
	return v12->proc_ctls & NVMX_PROC_SECONDARY ? v12->proc_ctls2 : 0;
}

#endif

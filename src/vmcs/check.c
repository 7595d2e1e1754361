/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The VM-entry checks: checks.def expanded into predicates, the public table of rows, and straight-line code that
 * evaluates a block of rows.  An entry that dirtied nothing of a block pays one test for it.
 */
#include "check_rules.h"

/* m(a) m(b) ... for up to eight arguments. */
#define MAP_1(m, a) m(a)
#define MAP_2(m, a, ...) m(a) MAP_1(m, __VA_ARGS__)
#define MAP_3(m, a, ...) m(a) MAP_2(m, __VA_ARGS__)
#define MAP_4(m, a, ...) m(a) MAP_3(m, __VA_ARGS__)
#define MAP_5(m, a, ...) m(a) MAP_4(m, __VA_ARGS__)
#define MAP_6(m, a, ...) m(a) MAP_5(m, __VA_ARGS__)
#define MAP_7(m, a, ...) m(a) MAP_6(m, __VA_ARGS__)
#define MAP_8(m, a, ...) m(a) MAP_7(m, __VA_ARGS__)
#define MAP_N(a, b, c, d, e, f, g, h, map, ...) map
#define MAP(m, ...) MAP_N(__VA_ARGS__, MAP_8, MAP_7, MAP_6, MAP_5, MAP_4, MAP_3, MAP_2, MAP_1, 0)(m, __VA_ARGS__)

/* The encodings of a list of fields.  What is no field ends the list. */
#define NO_FIELD 0xffff
#define LIST_P2 NVMX_PROC_CTLS, NVMX_PROC_CTLS2
#define LIST_VM NVMX_GUEST_RFLAGS
#define LIST_FACTS NO_FIELD
#define LIST_NONE NO_FIELD
enum {
#define F(enc, NAME, sdm, member, exists, merge, sync, shadow, group) LIST_##NAME = enc,
#include "fields.def"
};
#define LIST(name) LIST_##name,
#define FIELDS(...) { MAP(LIST, __VA_ARGS__) NO_FIELD }

/* The set of dirty groups of a list of fields. */
enum {
	GROUP_P2 = NVMX_GROUP(CTRL),
	GROUP_VM = NVMX_GROUP(SEG),
	GROUP_FACTS = NVMX_GROUP_FACTS,
	GROUP_NONE = 0,
#define F(enc, NAME, sdm, member, exists, merge, sync, shadow, group) GROUP_##NAME = NVMX_GROUP(group),
#include "fields.def"
};
#define GROUP(name) GROUP_##name |
#define GROUPS(...) (MAP(GROUP, __VA_ARGS__) 0)

/* Predicates, and the fields that they read. */
#define BLOCK(name)
#define END(name)
#define R(prefix, subject, rule, consequence, error, qualification, section, text, fields, condition)     \
	static bool holds_##prefix##_##subject##_##rule(const struct nvmx_check_input *in)                 \
	{                                                                                                  \
		const struct nvmx_vmcs12 *v = in->v12;                                                     \
                                                                                                           \
		(void)v;                                                                                   \
		return condition;                                                                          \
	}                                                                                                  \
	static const uint16_t fields_##prefix##_##subject##_##rule[] = FIELDS fields;
#include "checks.def"

/* Row numbers. */
enum {
#define BLOCK(name)
#define END(name)
#define R(prefix, subject, rule, ...) ROW_##prefix##_##subject##_##rule,
#include "checks.def"
	ROWS
};

static const struct nvmx_check_row rows[ROWS] = {
#define BLOCK(name)
#define END(name)
#define R(prefix, subject, rule, consequence, error, qualification, section, text, fields, condition)           \
	{ #prefix "." #subject "." #rule, section, text, fields_##prefix##_##subject##_##rule, GROUPS fields,    \
	  consequence, error, qualification, holds_##prefix##_##subject##_##rule },
#include "checks.def"
};

/* One function for each block: the first of its rows that fails. */
#define BLOCK(name)                                                                                          \
	static const struct nvmx_check_row *block_##name(const struct nvmx_check_input *in, uint32_t dirty)  \
	{
#define END(name)                                                                                            \
		return NULL;                                                                                 \
	}
#define R(prefix, subject, rule, consequence, error, qualification, section, text, fields, condition)        \
		if (dirty & GROUPS fields && !holds_##prefix##_##subject##_##rule(in))                       \
			return &rows[ROW_##prefix##_##subject##_##rule];
#include "checks.def"

/* The groups of each block. */
enum {
#define BLOCK(name) GROUPS_##name = 0
#define END(name) ,
#define R(prefix, subject, rule, consequence, error, qualification, section, text, fields, condition) | GROUPS fields
#include "checks.def"
};

const struct nvmx_check_row *nvmx_check_rows(size_t *count)
{
	*count = ROWS;
	return rows;
}

/* The rows that read something of the groups `of`, of which `dirty` are. */
static inline __attribute__((always_inline)) const struct nvmx_check_row *check_blocks(const struct nvmx_check_input *in,
											const uint32_t of, uint32_t dirty)
{
	const struct nvmx_check_row *failed;

#define BLOCK(name)                                                                                                   \
	if (of & GROUPS_##name && dirty & GROUPS_##name && (failed = block_##name(in, dirty)) != NULL)                \
		return failed;
#define END(name)
#define R(...)
#include "checks.def"
	return NULL;
}

/* What an L1 writes that goes on behind the instruction that exited. */
#define GROUPS_OF_GOING_ON (NVMX_GROUP(RIP) | NVMX_GROUP(INFO))

const struct nvmx_check_row *nvmx_check_entry(const struct nvmx_check_input *in, uint32_t dirty_groups)
{
	if (!(dirty_groups & ~GROUPS_OF_GOING_ON))
		return check_blocks(in, GROUPS_OF_GOING_ON, dirty_groups & GROUPS_OF_GOING_ON);
	return check_blocks(in, ~0u, dirty_groups);
}

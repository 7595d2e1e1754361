/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "steps.h"

#define R12(FIELD) { NVMX_EDGE_12, NVMX_I_##FIELD },
#define R01(FIELD) { NVMX_EDGE_01, NVMX_01_##FIELD },
#define AFTER(STEP) { NVMX_EDGE_AFTER, NVMX_M_##STEP },
#define PIN(PAGE) { NVMX_EDGE_PIN, NVMX_PIN_OF_##PAGE },
#define FACT(FACT) { NVMX_EDGE_FACT, NVMX_FACT_##FACT },
#define L1S(when) { NVMX_EDGE_L1S, 0 },
#define L2S(when) { NVMX_EDGE_L2S, 0 },
#define SAID { NVMX_EDGE_SAID, 0 },
#define ALSO12(FIELD) { NVMX_EDGE_ALSO12, NVMX_I_##FIELD },
#define ALSO01(FIELD) { NVMX_EDGE_ALSO01, NVMX_I_##FIELD },
#define USES(STEP) { NVMX_EDGE_USES, NVMX_M_##STEP },
const struct nvmx_edge nvmx_edges[] = {
#define STEP(NAME, reads) { NVMX_EDGE_STEP, NVMX_M_##NAME }, reads
#define LAST(NAME, reads) { NVMX_EDGE_STEP, NVMX_M_##NAME }, reads
#include "steps.def"
};
const size_t nvmx_edge_count = sizeof(nvmx_edges) / sizeof(*nvmx_edges);
#undef R12
#undef R01
#undef AFTER
#undef PIN
#undef FACT
#undef L1S
#undef L2S
#undef SAID
#undef ALSO12
#undef ALSO01
#undef USES

static uint64_t *mask_of(struct nvmx_step_masks *m, const struct nvmx_edge *e)
{
	switch (e->kind) {
	case NVMX_EDGE_12: return &m->of12[e->what];
	case NVMX_EDGE_01: return &m->of01[e->what];
	case NVMX_EDGE_PIN: return &m->of_pin[e->what];
	case NVMX_EDGE_FACT: return &m->of_fact[e->what];
	case NVMX_EDGE_L1S: return &m->l1s;
	case NVMX_EDGE_L2S: return &m->l2s;
	case NVMX_EDGE_SAID: return &m->said;
	default: return NULL;
	}
}

/* Whatever runs `first` runs `then`. */
static void follow(uint64_t *mask, size_t n, unsigned first, unsigned then)
{
	for (size_t i = 0; i < n; i++)
		mask[i] |= (mask[i] >> first & 1) << then;
}

/* A step follows only earlier ones, whose own masks are complete when it comes. */
void nvmx_edges_derive(const struct nvmx_edge *edges, size_t count, struct nvmx_step_masks *m)
{
	unsigned step = 0;

	*m = (struct nvmx_step_masks){ 0 };
	for (size_t i = 0; i < count; i++) {
		const struct nvmx_edge *e = &edges[i];
		uint64_t *mask = mask_of(m, e);

		if (e->kind == NVMX_EDGE_STEP)
			step = e->what;
		if (mask)
			*mask |= 1ull << step;
		if (e->kind != NVMX_EDGE_AFTER)
			continue;
		follow(m->of12, NVMX_ROWS, e->what, step);
		follow(m->of01, NVMX_01_COUNT, e->what, step);
		follow(m->of_pin, NVMX_PINS, e->what, step);
		follow(m->of_fact, NVMX_FACTS, e->what, step);
		follow(&m->said, 1, e->what, step);
	}
	for (unsigned row = 0; row < NVMX_ROWS; row++) {
		if (!m->of12[row])
			nvmx_set_add(&m->quiet, row);
		if (m->l1s >> nvmx_field_rows[row].merge & 1)
			nvmx_set_add(&m->l1s_rows, row);
	}
}

uint64_t nvmx_steps_each(const struct nvmx_step_masks *masks, const struct nvmx_vmcs12 *v12, uint32_t l1s)
{
	uint64_t of_l1 = 0, of_l2 = 0;

#define R12(FIELD)
#define R01(FIELD)
#define AFTER(STEP)
#define PIN(PAGE)
#define FACT(FACT)
#define SAID
#define ALSO12(FIELD)
#define ALSO01(FIELD)
#define USES(STEP)
#define LAST(NAME, reads)
#define L1S(when) || (when)
#define L2S(when)
#define STEP(NAME, reads) of_l1 |= 0 reads ? NVMX_STEP(NAME) : 0;
#include "steps.def"
#undef L1S
#undef L2S
#define L1S(when)
#define L2S(when) || (when)
#define STEP(NAME, reads) of_l2 |= 0 reads ? NVMX_STEP(NAME) : 0;
#define LAST(NAME, reads)
#include "steps.def"
	return (of_l1 & masks->l1s) | (of_l2 & masks->l2s);
}

#undef R12
#undef R01
#undef AFTER
#undef PIN
#undef FACT
#undef SAID
#undef ALSO12
#undef ALSO01
#undef USES
#undef L1S
#undef L2S

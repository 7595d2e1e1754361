/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* L1 with a device in one domain on the physical unit of vtd_hw.h. */
#ifndef NVMX_TEST_VTD_FLAT_H
#define NVMX_TEST_VTD_FLAT_H

#include "vtd_hw.h"

#define SID 0x18u
#define IOVA 0x40201000ull
#define RAM(gpa) (HW_RAM_HPA + (gpa))
#define CM (NVMX_VTD_F_ALL & ~NVMX_VTD_F_WRITE_BUFFER)

struct world {
	struct rig *r;
	uint64_t next;
	struct hw_device dev, dev2;
};

static inline void context(struct world *w, uint16_t sid, uint64_t table, unsigned domain, unsigned type)
{
	set_context(w->r, sid, table | 1 | type << 2, DOMAIN(domain) | AW(4));
}

static inline struct world *begin(struct rig *r)
{
	struct world *w = calloc(1, sizeof(*w));

	w->r = rig_start(r);
	w->next = TABLES + 0x1000;
	return w;
}

static inline void assign(struct world *w)
{
	context(w, SID, TABLES, 5, 0);
	hw_translation(w->r, true);
	hw_add(w->r, SID, &w->dev, 0);
}

static inline struct world *start(uint32_t flags)
{
	struct world *w = begin(hw_config(CM, flags));

	assign(w);
	return w;
}

static inline void end(struct world *w)
{
	hw_free(w->r);
	free(w);
}

static inline uint64_t *at(struct world *w, uint64_t iova, unsigned level)
{
	return entry_of(w->r, TABLES, 4, iova, level, &w->next);
}

static inline uint64_t dma(struct world *w, uint64_t iova, unsigned right)
{
	return hw_dma(&w->r->host, &w->dev, iova, right);
}

static inline uint64_t counter(struct world *w, enum nvmx_vtd_counter c)
{
	return nvmx_vtd_counter(w->r->u, c);
}

static inline void psi(struct world *w, uint64_t iova, unsigned order)
{
	hw_flush_iotlb(w->r, 3, 5, iova | order);
}

static inline void dsi(struct world *w)
{
	hw_flush_iotlb(w->r, 2, 5, 0);
}

/* The case `name`: `test` with tables that the hardware walks, and with a host that maps. */
#define BOTH_WAYS(name, test)                   \
	static void name(void **state)          \
	{                                       \
		(void)state;                    \
		test(NVMX_VTD_ASSIGN_TABLES);   \
		test(NVMX_VTD_ASSIGN_MAP);      \
	}

#endif

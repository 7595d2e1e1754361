/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* A host for the tests of src/vtd: an array as L1's memory, a ledger of mappings, the interrupts that L1 got. */
#ifndef VTD_HOST_H
#define VTD_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "vtd/state.h"

#ifndef FRAMES
#define FRAMES 4096u /* of L1's RAM, from 0 */
#endif

struct nvmx_vtd_host {
	uint64_t (*ram)[512];
	int maps_live, maps_peak;
	unsigned interrupts;
	uint64_t address;
	uint32_t data;
	unsigned traces[8], drains, device_tlbs;
	struct hw *hw; /* the physical unit, in tests that have one */
};

struct rig {
	struct nvmx_vtd_host host;
	struct nvmx_vtd_ops ops;
	struct nvmx_vtd_config config;
	struct nvmx_vtd *u;
	void *memory;
};

static inline void *host_map(struct nvmx_vtd_host *h, uint64_t gpa, bool write)
{
	(void)write;
	assert_int_equal(gpa & 0xfff, 0);
	if (gpa >> 12 >= FRAMES)
		return NULL;
	if (++h->maps_live > h->maps_peak)
		h->maps_peak = h->maps_live;
	return h->ram[gpa >> 12];
}

static inline void host_unmap(struct nvmx_vtd_host *h, uint64_t gpa, void *page, bool wrote)
{
	(void)wrote;
	assert_ptr_equal(page, h->ram[gpa >> 12]);
	h->maps_live--;
	assert_true(h->maps_live >= 0);
}

static inline void host_interrupt(struct nvmx_vtd_host *h, uint64_t address, uint32_t data)
{
	h->interrupts++;
	h->address = address;
	h->data = data;
}

static inline void host_trace(struct nvmx_vtd_host *h, unsigned event, uint64_t a, uint64_t b)
{
	(void)a;
	(void)b;
	assert_true(event < 8);
	h->traces[event]++;
}

/* Each access of this host is done when it is translated. */
static inline void host_drain(struct nvmx_vtd_host *h)
{
	h->drains++;
}

/* Without a physical unit: L1's invalidations of emulated devices' TLBs. */
static inline int host_flush(struct nvmx_vtd_host *h, const struct nvmx_vtd_flush *list, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(list[i].kind, NVMX_VTD_FLUSH_DEVICE_TLB);
	h->device_tlbs += n;
	return NVMX_VTD_FLUSHED;
}

#define VTD_ALL_EMULATED NVMX_VTD_F_ALL

static inline struct rig *rig_config(uint32_t features)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->host.ram = calloc(FRAMES, 4096);
	r->memory = aligned_alloc(64, NVMX_VTD_SIZE);
	memset(r->memory, 0xa5, NVMX_VTD_SIZE);
	r->ops = (struct nvmx_vtd_ops){
		.size = sizeof(r->ops), .abi = NVMX_VTD_ABI_VERSION, .map = host_map, .unmap = host_unmap,
		.interrupt = host_interrupt, .trace = host_trace, .flush = host_flush, .drain = host_drain,
	};
	r->config = (struct nvmx_vtd_config){
		.size = sizeof(r->config), .ops = &r->ops, .host = &r->host, .features = features, .host_width = 40,
	};
	return r;
}

static inline struct rig *rig_start(struct rig *r)
{
	assert_int_equal(nvmx_vtd_init(r->memory, NVMX_VTD_SIZE, &r->config, &r->u, NULL), NVMX_OK);
	return r;
}

static inline struct rig *rig_new(uint32_t features)
{
	return rig_start(rig_config(features));
}

static inline void rig_free(struct rig *r)
{
	assert_int_equal(r->host.maps_live, 0);
	assert_true(r->host.maps_peak <= 4);
	free(r->host.ram);
	free(r->memory);
	free(r);
}

static inline uint64_t rd(struct rig *r, uint32_t offset, unsigned size)
{
	return nvmx_vtd_read(r->u, offset, size);
}

static inline enum nvmx_vtd_verdict wr(struct rig *r, uint32_t offset, unsigned size, uint64_t value)
{
	return nvmx_vtd_write(r->u, offset, size, value);
}

/* L1's structures: the root table at 0x1000, the context table of bus 0 at 0x2000, tables from 0x10000 on. */
#define ROOT 0x1000u
#define CONTEXTS 0x2000u
#define TABLES 0x10000u

static inline uint64_t *word(struct rig *r, uint64_t gpa)
{
	return &r->host.ram[gpa >> 12][(gpa & 0xfff) / 8];
}

static inline void set_context(struct rig *r, uint16_t sid, uint64_t lo, uint64_t hi)
{
	*word(r, ROOT + (sid >> 8) * 16) = CONTEXTS | 1;
	*word(r, CONTEXTS + (sid & 0xff) * 16) = lo;
	*word(r, CONTEXTS + (sid & 0xff) * 16 + 8) = hi;
}

#define DOMAIN(n) ((uint64_t)(n) << 8)
#define AW(levels) ((levels) - 2ull)

/* The entry that translates iova at `level`, with tables made from *next on where there are none. */
static inline uint64_t *entry_of(struct rig *r, uint64_t table, unsigned levels, uint64_t iova, unsigned level,
				 uint64_t *next)
{
	for (;; levels--) {
		uint64_t *e = word(r, table + vtd_index(iova, levels) * 8u);

		if (levels == level)
			return e;
		if (!(*e & 3)) {
			*e = *next | 3;
			*next += 0x1000;
		}
		table = *e & ADDRESS_BITS;
	}
}

static inline void command(struct rig *r, uint32_t bit)
{
	wr(r, 0x18, 4, (rd(r, 0x1c, 4) & 0x96ffffff) | bit);
}

static inline void translation_on(struct rig *r)
{
	wr(r, 0x20, 8, ROOT);
	command(r, GCMD_SRTP);
	assert_true(rd(r, 0x1c, 4) & GCMD_SRTP);
	command(r, GCMD_TE);
	assert_true(rd(r, 0x1c, 4) & GCMD_TE);
}

#define QUEUE_BASE 0x8000u
static inline void queue_on(struct rig *r)
{
	wr(r, 0x88, 8, 0);
	wr(r, 0x90, 8, QUEUE_BASE);
	command(r, GCMD_QIE);
	assert_true(rd(r, 0x1c, 4) & GCMD_QIE);
}

/* Puts a descriptor at the tail, without telling. */
static inline void queue_put(struct rig *r, uint64_t *tail, uint64_t lo, uint64_t hi)
{
	*word(r, QUEUE_BASE + *tail) = lo;
	*word(r, QUEUE_BASE + *tail + 8) = hi;
	*tail = (*tail + 16) % 4096;
}

static inline enum nvmx_vtd_verdict queue_go(struct rig *r, uint64_t tail)
{
	return wr(r, 0x88, 8, tail);
}

/* By register, as a driver without the queue does. */
static inline void flush_context(struct rig *r)
{
	wr(r, 0x28, 8, BIT64(63) | 1ull << 61);
	assert_int_equal(rd(r, 0x28, 8), 1ull << 61 | 1ull << 59);
}

static inline void flush_iotlb(struct rig *r, uint64_t granularity, uint16_t domain, uint64_t address)
{
	wr(r, 0xf0, 8, address);
	wr(r, 0xf8, 8, BIT64(63) | granularity << 60 | (uint64_t)domain << 32);
	assert_int_equal(rd(r, 0xf8, 8) >> 63, 0);
}

#endif

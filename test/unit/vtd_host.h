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
#include "vtd/vtd.h"

#define FRAMES 1024u /* of L1's RAM, from 0 */

struct nvmx_vtd_host {
	uint64_t (*ram)[512];
	int maps_live, maps_peak;
	unsigned interrupts;
	uint64_t address;
	uint32_t data;
	unsigned traces[8];
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

#define VTD_ALL_EMULATED NVMX_VTD_F_ALL

static inline struct rig *rig_config(uint32_t features)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->host.ram = calloc(FRAMES, 4096);
	r->memory = aligned_alloc(64, NVMX_VTD_SIZE);
	memset(r->memory, 0xa5, NVMX_VTD_SIZE);
	r->ops = (struct nvmx_vtd_ops){
		.size = sizeof(r->ops), .abi = NVMX_VTD_ABI_VERSION, .map = host_map, .unmap = host_unmap,
		.interrupt = host_interrupt, .trace = host_trace,
	};
	r->config = (struct nvmx_vtd_config){
		.ops = &r->ops, .host = &r->host, .features = features, .host_width = 40,
	};
	return r;
}

static inline struct rig *rig_start(struct rig *r)
{
	uint32_t detail = 0;

	assert_int_equal(nvmx_vtd_init(r->memory, &r->config, &r->u, &detail), NVMX_VTD_OK);
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

#endif

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "run.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Alignas(64) unsigned char unit_memory[NVMX_VTD_SIZE];
static struct hw_mappings mappings;

void run_new(struct run *r)
{
	memset(r, 0, sizeof(*r));
	hw_new(&r->h);
}

void run_free(struct run *r)
{
	hw_free(&r->h);
}

static bool one_in(struct run *r, unsigned n)
{
	return !rnd(r, n);
}

static void choose_hardware(struct run *r, uint64_t seed)
{
	struct hw_config c = { 0 };

	r->h.random = seed * 0x9e3779b97f4a7c15;
	rnd(r, 2);
	c.coherent = one_in(r, 2);
	c.caches_not_present = one_in(r, 3);
	c.page_flush = !one_in(r, 4);
	c.mamv = c.page_flush ? (uint8_t)(one_in(r, 3) ? 0 : one_in(r, 2) ? 9 : 18) : 0;
	c.has_2m = !one_in(r, 3);
	c.has_1g = c.has_2m && !one_in(r, 3);
	c.four_levels_only = one_in(r, 3);
	c.device_tlb = one_in(r, 2);
	hw_reset(&r->h, &c, r->h.random);
	if (r->flags & RUN_CALLS) {
		memset(&mappings, 0, sizeof(mappings));
		r->h.mappings = &mappings;
	}
	r->h.iovas = run_iovas;
	r->h.iovas_n = IOVAS;
	r->h.delay_flushes = one_in(r, 3);
	for (unsigned i = 0; i < HW_DEVICES; i++)
		r->h.device[i] = (struct hw_device){ .source_id = run_source_id(i),
						     .has_tlb = c.device_tlb && !(r->flags & RUN_CALLS) && one_in(r, 2) };
}

static void choose_unit(struct run *r)
{
	hw_ops(&r->ops);
	r->config = (struct nvmx_vtd_config){
		.size = sizeof(r->config), .ops = &r->ops, .host = &r->h, .hw_cap = hw_cap(&r->h.config), .hw_ecap = hw_ecap(&r->h.config),
		.features = (NVMX_VTD_F_ALL & ~(NVMX_VTD_F_CACHING_MODE | NVMX_VTD_F_DEVICE_TLB | NVMX_VTD_F_EXTENDED |
						NVMX_VTD_F_WRITE_BUFFER)) |
			    (one_in(r, 3) ? 0 : NVMX_VTD_F_CACHING_MODE) |
			    (r->h.config.device_tlb ? NVMX_VTD_F_DEVICE_TLB : 0),
		.flags = r->flags & RUN_CALLS ? NVMX_VTD_ASSIGN_MAP : NVMX_VTD_ASSIGN_TABLES, .host_width = HOST_WIDTH,
		.work = one_in(r, 2) ? 1024 : 0,
		.pages = r->flags & (RUN_WILD | RUN_LOSSY) ? 32u << rnd(r, 6) : 0,
		.width = one_in(r, 2) ? 48 : (uint8_t)(30 + rnd(r, 18)), .routes_later = one_in(r, 3),
	};
	r->h.routes_later = r->config.routes_later;
	r->h.width = r->config.width;
	if (r->h.config.coherent)
		r->ops.table_written = NULL;
	if (r->flags & RUN_LOSSY) {
		r->h.fail_page = 20;
		r->h.fail_domain = 4;
		r->h.fail_attach = 4;
	}
}

static bool set_up(struct run *r)
{
	struct nvmx_error_info info;
	char line[NVMX_DESCRIBE_MAX];
	int error = nvmx_vtd_init(unit_memory, sizeof(unit_memory), &r->config, &r->u, &info);

	for (unsigned tries = 0; error == NVMX_ERR_MEMORY && r->flags & RUN_LOSSY && tries < 100; tries++)
		error = nvmx_vtd_init(unit_memory, sizeof(unit_memory), &r->config, &r->u, &info);
	if (error) {
		nvmx_describe_error(line, sizeof(line), &info);
		printf("nvmx_vtd_init: %s\n", line);
		return false;
	}
	for (unsigned i = 0; i < HW_DEVICES; i++)
		nvmx_vtd_device_add(r->u, run_source_id(i), &r->h.device[i],
				    r->h.device[i].has_tlb ? NVMX_VTD_DEVICE_HAS_TLB : 0);
	run_verdict(r, nvmx_vtd_run(r->u));
	run_complete(r);
	return true;
}

/* Nothing of a unit that is destroyed is left. */
static void destroy(struct run *r)
{
	run_complete(r);
	nvmx_vtd_destroy(r->u);
	if (r->h.used || (r->h.mappings && r->h.mappings->used) || r->h.maps)
		hw_fail(&r->h, "something of the host's is left in use");
	for (unsigned i = 0; i < HW_DOMAINS; i++)
		if (r->h.domain[i].open)
			hw_fail(&r->h, "a domain is left open");
	for (unsigned i = 0; i < HW_DEVICES; i++)
		if (r->h.device[i].target.kind != NVMX_VTD_BLOCK)
			hw_fail(&r->h, "a device is left with a way to memory");
}

void run_replace(struct run *r)
{
	uint8_t blob[NVMX_VTD_SAVE_SIZE], again[NVMX_VTD_SAVE_SIZE];

	run_complete(r);
	if (!nvmx_vtd_save(r->u, blob, sizeof(blob)))
		hw_fail(&r->h, "nothing is saved though no work is left");
	destroy(r);
	if (r->h.failed || !set_up(r))
		return;
	if (nvmx_vtd_restore(r->u, blob, sizeof(blob)))
		hw_fail(&r->h, "what was saved is not restored");
	run_verdict(r, nvmx_vtd_run(r->u));
	run_complete(r);
	if (!nvmx_vtd_save(r->u, again, sizeof(again)) || memcmp(blob, again, sizeof(blob)))
		hw_fail(&r->h, "what was restored is saved as something else");
}

bool run_seed(struct run *r, uint64_t seed, unsigned flags, unsigned steps)
{
	struct nvmx_vtd_host memory = r->h;
	uint64_t totals[] = { r->dmas, r->dmas_ok, r->translations, r->invalidations, r->edits, r->changes, r->faults, r->interrupts };

	memset(r, 0, sizeof(*r));
	r->h = memory;
	r->flags = flags;
	r->seed = seed;
	r->dmas = totals[0], r->dmas_ok = totals[1], r->translations = totals[2], r->invalidations = totals[3];
	r->edits = totals[4], r->changes = totals[5], r->faults = totals[6], r->interrupts = totals[7];
	choose_hardware(r, seed);
	choose_unit(r);
	r->narrow = one_in(r, 3);
	if (!set_up(r))
		return false;
	run_start(r);
	r->started = true;
	for (r->step = 0; r->step < steps && !r->h.failed; r->step++)
		(flags & RUN_WILD ? wild_step : drive_step)(r);
	if (!r->h.failed)
		destroy(r);
	if (r->h.failed)
		printf("seed %llu, flags %u, step %llu: %s\n", (unsigned long long)seed, flags,
		       (unsigned long long)r->step, r->h.why);
	return !r->h.failed;
}

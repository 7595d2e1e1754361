/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "bed.h"
#include <stdlib.h>

#define SECRET 0x07000000ull /* hpa: a page of the host's, which no device may see or change */
#define LEN 64u

struct bed bed;
unsigned checks_passed, checks_failed;

static _Alignas(64) unsigned char unit_memory[NVMX_VTD_SIZE];
static const char *const mode_names[] = { "tables, caching mode", "tables, write buffer", "map calls, caching mode" };

void bed_check(bool ok, const char *what, const char *function, int line)
{
	if (ok) {
		checks_passed++;
		return;
	}
	checks_failed++;
	printf("FAIL %s:%d (%s): %s\n", function, line, mode_names[bed.mode], what);
}

uint64_t counter(enum nvmx_vtd_counter c)
{
	return nvmx_vtd_counter(bed.u, c);
}

static uint8_t random_byte(void)
{
	static uint64_t x = 0x9e3779b97f4a7c15;

	x = x * 6364136223846793005u + 1442695040888963407u;
	return (uint8_t)(x >> 56);
}

static void fill(uint8_t *p)
{
	for (unsigned i = 0; i < LEN; i++)
		p[i] = random_byte();
}

void bed_configure(enum mode mode)
{
	static const uint32_t features = NVMX_VTD_F_2M | NVMX_VTD_F_1G | NVMX_VTD_F_PAGE_FLUSH | NVMX_VTD_F_DRAIN |
					 NVMX_VTD_F_QUEUE | NVMX_VTD_F_PASS_THROUGH;

	host_reset(&bed.host);
	bed.mode = mode;
	bed.config = (struct nvmx_vtd_config){
		.size = sizeof(bed.config), .ops = &host_ops, .host = &bed.host, .hw_cap = unit_read(0x08, 8), .hw_ecap = unit_read(0x10, 8),
		.features = features | (mode == BUFFERED ? 0 : NVMX_VTD_F_CACHING_MODE),
		.flags = mode == CALLS ? NVMX_VTD_ASSIGN_MAP : NVMX_VTD_ASSIGN_TABLES, .host_width = 40,
	};
	if (mode == CALLS)
		memset(pool_alloc(&bed.host.dummy), 0, 0x1000);
}

void bed_start(void)
{
	struct nvmx_error_info info;
	char line[NVMX_DESCRIBE_MAX];
	int error = nvmx_vtd_init(unit_memory, sizeof(unit_memory), &bed.config, &bed.u, &info);

	if (error) {
		nvmx_describe_error(line, sizeof(line), &info);
		printf("nvmx_vtd_init: %s\n", line);
		exit(1);
	}
	memset(machine_memory(SECRET), 0x5a, 0x1000);
	bed.host.u = bed.u;
	bed.queue_on = false;
	bed.tail = bed.queued = bed.exits = bed.rounds = 0;
	bed.next_table = 0x100000;
}

void bed_end(void)
{
	const unsigned char *secret = machine_memory(SECRET);
	unsigned odd = 0;

	nvmx_vtd_destroy(bed.u);
	bed.host.u = NULL;
	for (unsigned i = 0; i < 0x1000; i++)
		odd += secret[i] != 0x5a;
	CHECK(odd == 0);
	CHECK(bed.host.domains == 0);
	CHECK(bed.host.maps == 0);
	CHECK(bed.host.broken == 0);
	for (unsigned i = 0; i < DEVICES; i++)
		CHECK(bed.host.device[i].target.kind == NVMX_VTD_BLOCK);
	host_faults(&bed.host);
	host_free(&bed.host);
	CHECK(pool_used() == 0);
}

static void settle(enum nvmx_vtd_verdict verdict)
{
	while (verdict != NVMX_VTD_DONE) {
		bed.rounds++;
		verdict = verdict == NVMX_VTD_MORE ? nvmx_vtd_run(bed.u) : nvmx_vtd_flush_done(bed.u, NVMX_VTD_FLUSHED);
	}
}

void give(unsigned device, uint16_t source_id)
{
	bed.host.device[device].l1_source_id = source_id;
	CHECK(nvmx_vtd_device_add(bed.u, source_id, &bed.host.device[device], 0) == NVMX_OK);
	settle(nvmx_vtd_run(bed.u));
}

void take_back(unsigned device)
{
	CHECK(nvmx_vtd_device_remove(bed.u, bed.host.device[device].l1_source_id) == NVMX_OK);
}

uint64_t l1_read(uint32_t offset, unsigned size)
{
	bed.exits++;
	return nvmx_vtd_read(bed.u, offset, size);
}

void l1_write(uint32_t offset, unsigned size, uint64_t value)
{
	bed.exits++;
	settle(nvmx_vtd_write(bed.u, offset, size, value));
}

static bool move(unsigned device, uint64_t from, uint64_t to)
{
	edu_read(device, from, LEN);
	edu_write(device, to, LEN);
	host_faults(&bed.host);
	return true;
}

/* Where the device's workspace is: a page of L1's of its own. */
static uint64_t workspace(unsigned device)
{
	return 0x3f00000 + device * 0x1000u;
}

static uint64_t workspace_iova(unsigned device)
{
	return bed.host.device[device].target.kind == NVMX_VTD_IDENTITY ? workspace(device) : SCRATCH + device * 0x1000u;
}

bool reads(unsigned device, uint64_t iova, uint64_t gpa)
{
	uint8_t *from = host_gpa(&bed.host, gpa), *to = host_gpa(&bed.host, workspace(device));

	fill(from);
	memset(to, 0, LEN);
	move(device, iova, workspace_iova(device));
	return !memcmp(from, to, LEN);
}

static bool writes_to(unsigned device, uint64_t iova, uint8_t *to)
{
	uint8_t *from = host_gpa(&bed.host, workspace(device));

	fill(from);
	memset(to, 0, LEN);
	move(device, workspace_iova(device), iova);
	return !memcmp(from, to, LEN);
}

bool writes_hpa(unsigned device, uint64_t iova, uint64_t hpa)
{
	return writes_to(device, iova, machine_memory(hpa));
}

bool writes(unsigned device, uint64_t iova, uint64_t gpa)
{
	return writes_to(device, iova, host_gpa(&bed.host, gpa));
}

bool no_read(unsigned device, uint64_t iova, uint64_t gpa)
{
	static const uint8_t zeros[LEN];
	uint8_t *from = host_gpa(&bed.host, gpa), *to = host_gpa(&bed.host, workspace(device));

	fill(from);
	fill(to);
	move(device, iova, workspace_iova(device));
	return !memcmp(to, zeros, LEN);
}

bool no_write(unsigned device, uint64_t iova, uint64_t gpa)
{
	uint8_t *from = host_gpa(&bed.host, workspace(device)), *to = host_gpa(&bed.host, gpa), before[LEN];

	fill(from);
	fill(to);
	memcpy(before, to, LEN);
	move(device, workspace_iova(device), iova);
	return !memcmp(to, before, LEN);
}

bool both(unsigned device, uint64_t iova, uint64_t gpa)
{
	return reads(device, iova, gpa) && writes(device, iova, gpa);
}

bool neither(unsigned device, uint64_t iova, uint64_t gpa)
{
	return no_read(device, iova, gpa) && no_write(device, iova, gpa);
}

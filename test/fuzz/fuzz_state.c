/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * nvmx_state_restore() of any blob into a vCPU in any state.  The first byte chooses both; then each record changes the
 * blob, its length or guest memory.  A refusal must change nothing; what is accepted is run, and the fake host and its
 * processor are the oracle: vmcs02 may be entered, nothing leaks.
 */
#include <stdlib.h>
#include <string.h>
#include "input.h"
#include "points.h"
#include "vmcs/vmcs.h"

static struct fake_machine m;
static struct fake_result result;

/* The states of all points, made once. */
static const struct nvmx_state *state_at(enum fake_point point, size_t *size)
{
	static struct nvmx_state states[FAKE_POINTS];
	struct nvmx_host *h;
	void *blob;

	if (!states[point].header.size) {
		h = fake_host_at(point, &m, &result);
		blob = fake_host_save(h, size);
		memcpy(&states[point], blob, *size);
		free(blob);
		fake_host_free(h);
	}
	*size = states[point].header.size;
	return &states[point];
}

static void set_bytes(struct nvmx_state *s, size_t size, struct input *in)
{
	size_t at = take(in, 2) % size;

	for (uint64_t n = take(in, 1) % 8 + 1; n && at < size; n--)
		((uint8_t *)s)[at++] = (uint8_t)take(in, 1);
}

static void set_field(struct nvmx_state *s, size_t size, struct input *in)
{
	unsigned row = (unsigned)take(in, 1) % NVMX_ROWS;
	uint64_t value = take(in, nvmx_field_rows[row].size);

	if (size > sizeof(s->header))
		nvmx_v12_set((struct nvmx_vmcs12 *)s->vmcs12, row, value);
}

static void set_live(struct nvmx_state *s, size_t size, struct input *in)
{
	size_t at = take(in, 1) % sizeof(struct nvmx_state_live);
	uint64_t value = take(in, 4);

	if (size > sizeof(s->header))
		memcpy(s->vmcs12 + NVMX_STATE_LIVE_OFFSET + at, &value, 4);
}

static void set_memory(struct nvmx_host *h, struct input *in)
{
	uint64_t at = take(in, 3) % FAKE_RAM_SIZE;

	for (uint64_t n = take(in, 1) % 16 + 1; n && at < FAKE_RAM_SIZE; n--)
		h->mem.ram[at++] = (uint8_t)take(in, 1);
}

/* Changes the blob; returns its length. */
static size_t change(struct nvmx_host *h, struct nvmx_state *s, size_t size, struct input *in)
{
	for (unsigned n = 0; n < 40 && in->left; n++)
		switch (take(in, 1) % 6) {
		case 0: set_bytes(s, size < 160 ? size : 160, in); break;
		case 1: set_bytes(s, size, in); break;
		case 2: set_field(s, size, in); break;
		case 3: set_live(s, size, in); break;
		case 4: set_memory(h, in); break;
		default:
			size = take(in, 2) % (size + 1);
			if (size < sizeof(s->header))
				return size;
			s->header.size = (uint32_t)size;
		}
	return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
	struct input in = { data, length };
	unsigned which = (unsigned)take(&in, 1);
	size_t size;
	const struct nvmx_state *from = state_at((enum fake_point)(which % FAKE_POINTS), &size);
	struct nvmx_host *h = fake_host_at((enum fake_point)(which / FAKE_POINTS % FAKE_POINTS), &m, &result);
	struct nvmx_state *blob = malloc(sizeof(*blob)), *exact;

	memcpy(blob, from, size);
	size = change(h, blob, size, &in);
	exact = malloc(size ? size : 1);
	memcpy(exact, blob, size);
	h->smm = which >> 6 & 1 ? h->smm : which % FAKE_POINTS >= FAKE_AT_SMM;
	if (!fake_host_restore(h, exact, size, NULL)) {
		for (unsigned n = 0; !h->smm && n < 20 && fake_host_step(h); n++)
			;
		FAKE_ASSERT(nvmx_stop_code(h->vcpu) != NVMX_STOP_ENTRY_VMCS02);
	}
	free(exact);
	free(blob);
	fake_host_free(h);
	return 0;
}

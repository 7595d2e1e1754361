/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Write tracking: frames of L1's that the library wants to know of lose the right to be written in the host's EPT. */
#include <string.h>
#include "host.h"

#define EPT_WRITE 2ull

/* The host's EPT maps 2 MiB at address 0: the first entry of each table above the last. */
static uint64_t *leaf(struct nvmx_host *h, uint64_t gpa)
{
	uint64_t *table = fake_at(&h->mem, h->eptp01 & ~0xfffull);

	for (unsigned level = 4; level > 1; level--)
		table = fake_at(&h->mem, table[0] & ~0xfffull);
	return table + gpa / FAKE_PAGE;
}

static void flush(struct nvmx_host *h)
{
	FAKE_ASSERT(fake_invept(&h->cpu, NVMX_FLUSH_SINGLE, h->eptp01, 0) == FAKE_VM_SUCCEED);
}

static void give_back(struct nvmx_host *h, uint64_t gpa)
{
	h->watched[gpa / FAKE_PAGE] = false;
	*leaf(h, gpa) |= EPT_WRITE;
}

void fake_watch_anew(struct nvmx_host *h)
{
	for (unsigned i = 0; i < FAKE_RAM_FRAMES; i++)
		if (h->watched[i])
			*leaf(h, i * FAKE_PAGE) &= ~EPT_WRITE;
}

void fake_watch_end(struct nvmx_host *h)
{
	for (unsigned i = 0; i < FAKE_RAM_FRAMES; i++)
		if (h->watched[i])
			give_back(h, i * FAKE_PAGE);
	h->batch = 0;
}

/* Every other batch is armed at once, the others when the guest runs again. */
int fake_watch(struct nvmx_host *h, const uint64_t *gpas, size_t n, uint64_t batch)
{
	FAKE_ASSERT(h->inside && !h->batch);
	if (h->m->dma_unseen)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (gpas[i] >= FAKE_RAM_SIZE) { /* an EPT pointer may be anything */
			nvmx_watch_written(h->vm, gpas[i], 1);
			continue;
		}
		h->watched[gpas[i] / FAKE_PAGE] = true;
		*leaf(h, gpas[i]) &= ~EPT_WRITE;
	}
	h->r->watched += n;
	if (batch & 1) {
		flush(h);
		return 0;
	}
	h->batch = batch;
	return NVMX_WATCH_BEGUN;
}

void fake_unwatch(struct nvmx_host *h, uint64_t gpa)
{
	FAKE_ASSERT(h->inside);
	if (gpa < FAKE_RAM_SIZE)
		give_back(h, gpa);
}

void fake_watch_arm(struct nvmx_host *h)
{
	if (!h->batch)
		return;
	flush(h);
	nvmx_watch_armed(h->vm, h->batch);
	h->batch = 0;
}

bool fake_watch_written(struct nvmx_host *h, uint64_t gpa)
{
	if (gpa >= FAKE_RAM_SIZE || !h->watched[gpa / FAKE_PAGE])
		return false;
	nvmx_watch_written(h->vm, gpa, 1);
	give_back(h, gpa & ~0xfffull);
	h->r->watched_writes++;
	return true;
}

/* An EPT violation of the guest's on the host's EPT: it tries again. */
bool fake_watch_trapped(struct nvmx_host *h)
{
	return fake_field(&h->cpu, NVMX_EPT_POINTER) == h->eptp01 && fake_field(&h->cpu, NVMX_EXIT_QUALIFICATION) & EPT_WRITE &&
	       fake_watch_written(h, fake_field(&h->cpu, NVMX_GUEST_PHYS_ADDR));
}

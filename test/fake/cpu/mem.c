/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Physical memory.  Host pages are allocations of their own, so that the sanitizer sees a use after free. */
#include <stdlib.h>
#include <string.h>
#include "cpu.h"

void fake_mem_init(struct fake_mem *m, uint64_t ram_base)
{
	memset(m, 0, sizeof(*m));
	m->ram_base = ram_base;
	m->ram = aligned_alloc(FAKE_PAGE, FAKE_RAM_SIZE);
	FAKE_ASSERT(m->ram);
	memset(m->ram, 0, FAKE_RAM_SIZE);
}

void fake_mem_free(struct fake_mem *m)
{
	for (unsigned i = 0; i < FAKE_HOST_FRAMES; i++)
		free(m->host[i]);
	free(m->ram);
}

uint64_t fake_host_page(struct fake_mem *m)
{
	for (unsigned i = 0; i < FAKE_HOST_FRAMES; i++) {
		if (m->host[i])
			continue;
		m->host[i] = aligned_alloc(FAKE_PAGE, FAKE_PAGE);
		memset(m->host[i], 0, FAKE_PAGE);
		m->host_used++;
		return FAKE_HOST_BASE + (uint64_t)i * FAKE_PAGE;
	}
	return 0;
}

void fake_host_page_free(struct fake_mem *m, uint64_t hpa)
{
	uint64_t i = (hpa - FAKE_HOST_BASE) / FAKE_PAGE;

	FAKE_ASSERT(i < FAKE_HOST_FRAMES && m->host[i] && "a page that is freed is in use");
	free(m->host[i]);
	m->host[i] = NULL;
	m->host_used--;
}

bool fake_is_ram(const struct fake_mem *m, uint64_t hpa)
{
	return hpa - m->ram_base < FAKE_RAM_SIZE;
}

/* Neighbouring frames change places, so that nothing may take guest frames as contiguous. */
uint64_t fake_ram_hpa(const struct fake_mem *m, uint64_t gpa)
{
	return m->ram_base ? m->ram_base + (gpa ^ FAKE_PAGE) : gpa;
}

void *fake_at(const struct fake_mem *m, uint64_t hpa)
{
	uint64_t host = (hpa - FAKE_HOST_BASE) / FAKE_PAGE;

	if (fake_is_ram(m, hpa))
		return m->ram + ((hpa - m->ram_base) ^ (m->ram_base ? FAKE_PAGE : 0));
	if (hpa >= FAKE_HOST_BASE && host < FAKE_HOST_FRAMES && m->host[host])
		return m->host[host] + hpa % FAKE_PAGE;
	return NULL;
}

/* Where no memory answers, reads give ones and writes are lost. */
uint64_t fake_phys_read(const struct fake_cpu *c, uint64_t hpa, unsigned len)
{
	uint64_t value = 0;
	void *p = fake_at(c->mem, hpa);

	if (!p)
		return len == 8 ? ~0ull : (1ull << len * 8) - 1;
	memcpy(&value, p, len);
	return value;
}

void fake_phys_write(struct fake_cpu *c, uint64_t hpa, uint64_t value, unsigned len)
{
	void *p = fake_at(c->mem, hpa);

	if (p)
		memcpy(p, &value, len);
}

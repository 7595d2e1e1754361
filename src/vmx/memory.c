/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "../mem.h"
#include "vcpu.h"

#define PAGE 4096u

void *nvmx_not_now(struct nvmx_vcpu *v, uint64_t gpa, unsigned access)
{
	if (!v->not_now) { /* the first one: what comes after it may be nonsense */
		v->awaited_gpa = gpa;
		v->awaited_access = access;
	}
	v->not_now = true;
	return NULL;
}

void *nvmx_held_page(struct nvmx_vcpu *v, uint64_t gpa, bool write)
{
	for (unsigned i = 0; i < v->held_n; i++)
		if (v->held[i].gpa == gpa && (v->held[i].write || !write))
			return v->held[i].page;
	return NULL;
}

bool nvmx_held_keep(struct nvmx_vcpu *v, const void *page, bool wrote)
{
	for (unsigned i = 0; i < v->held_n; i++)
		if (v->held[i].page == page && (v->held[i].write || !wrote)) {
			v->held[i].wrote |= wrote;
			return true;
		}
	return false;
}

static inline uint32_t in_page(uint64_t gpa, uint32_t len)
{
	uint32_t room = PAGE - (uint32_t)(gpa & (PAGE - 1));

	return len < room ? len : room;
}

static __attribute__((__noinline__)) int read_pieces(struct nvmx_vcpu *v, uint64_t gpa, uint8_t *to, uint32_t len)
{
	uint32_t n;

	for (; len; to += n, gpa += n, len -= n) {
		n = in_page(gpa, len);
		if (nvmx_frame_read(v, gpa, to, n))
			return -1;
	}
	return 0;
}

int nvmx_gpa_read(struct nvmx_vcpu *v, uint64_t gpa, void *buf, uint32_t len)
{
	if (len <= PAGE - (gpa & (PAGE - 1)))
		return nvmx_frame_read(v, gpa, buf, len);
	return read_pieces(v, gpa, buf, len);
}

int nvmx_gpa_write(struct nvmx_vcpu *v, uint64_t gpa, const void *buf, uint32_t len)
{
	const uint8_t *from = buf;

	while (len) {
		uint32_t n = in_page(gpa, len);

		if (nvmx_frame_write(v, gpa, from, n))
			return -1;
		from += n;
		gpa += n;
		len -= n;
	}
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "../mem.h"
#include "vcpu.h"

#define PAGE 4096u

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
		uint64_t frame = gpa & ~(uint64_t)(PAGE - 1);
		uint8_t *page = v->ops->map(v->host, frame, true);

		if (!page)
			return -1;
		nvmx_memcpy(page + (gpa & (PAGE - 1)), from, n);
		v->ops->unmap(v->host, frame, page, true);
		from += n;
		gpa += n;
		len -= n;
	}
	return 0;
}

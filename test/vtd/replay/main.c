/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* vtd_replay FILE...: what a real driver did to QEMU's unit, done to the library's: it has to read, find and get the same. */
#include "replay.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTERRUPTS 16u
#define FSTS 0x34u
#define FSTS_PPF 2u
#define FRCD 0x220u

struct nvmx_vtd_host {
	struct nvmx_vtd *u;
	const char *path;
	const struct line *line;  /* being replayed */
	unsigned wrong, compared[128];
	struct { uint64_t address; uint32_t data; } interrupt[INTERRUPTS];
	unsigned interrupts;      /* that the library has sent and the trace has not yet */
	uint32_t record;          /* bytes from the fault record that the driver was told of to the one here */
};

static void *host_map(struct nvmx_vtd_host *h, uint64_t gpa, bool write)
{
	(void)h;
	(void)write;
	return memory_page(gpa);
}

static void host_unmap(struct nvmx_vtd_host *h, uint64_t gpa, void *page, bool wrote)
{
	(void)h;
	(void)gpa;
	(void)page;
	(void)wrote;
}

static void host_interrupt(struct nvmx_vtd_host *h, uint64_t address, uint32_t data)
{
	if (h->interrupts < INTERRUPTS) {
		h->interrupt[h->interrupts].address = address;
		h->interrupt[h->interrupts++].data = data;
	}
}

static void wrong(struct nvmx_vtd_host *h, const char *what, uint64_t want, uint64_t is)
{
	if (h->wrong++ < 10)
		printf("%s:%u: %s: %#" PRIx64 " in the trace, %#" PRIx64 " here\n", h->path, h->line->number, what, want, is);
}

static void same(struct nvmx_vtd_host *h, const char *what, uint64_t want, uint64_t is)
{
	h->compared[(unsigned char)h->line->kind]++;
	if (want != is)
		wrong(h, what, want, is);
}

static uint64_t base(struct nvmx_vtd_host *h, uint32_t offset)
{
	return nvmx_vtd_read(h->u, offset, 8) & ~0xfffull;
}

/* A driver follows FSTS.FRI to the record of a fault: so does the replay, in the unit's own. */
static uint32_t offset_here(const struct nvmx_vtd_host *h, uint64_t offset)
{
	return (uint32_t)offset + (offset >= FRCD ? h->record : 0);
}

static void read_register(struct nvmx_vtd_host *h, const uint64_t *w)
{
	uint64_t is = nvmx_vtd_read(h->u, offset_here(h, w[0]), (unsigned)w[1]);

	h->compared['r']++;
	if (w[0] == FSTS && is & w[2] & FSTS_PPF)
		h->record = (uint32_t)((is >> 8 & 0xff) - (w[2] >> 8 & 0xff)) * 16;
	if (is != w[2] && !explain((uint32_t)w[0], is ^ w[2]))
		wrong(h, "register", w[2], is);
}

static void write_register(struct nvmx_vtd_host *h, const uint64_t *w)
{
	enum nvmx_vtd_verdict verdict = nvmx_vtd_write(h->u, offset_here(h, w[0]), (unsigned)w[1], w[2]);

	if (h->interrupts)
		wrong(h, "interrupts not in the trace", 0, h->interrupts);
	while (verdict == NVMX_VTD_MORE)
		verdict = nvmx_vtd_run(h->u);
}

static void descriptor(struct nvmx_vtd_host *h, const uint64_t *w)
{
	uint64_t *d = memory_word(base(h, 0x90) + w[0] * 16);

	d[0] = w[1];
	d[1] = w[2];
}

/* What is written twice at one place before the driver goes on can be seen once. */
static bool overwritten(const struct line *l, const struct line *end)
{
	for (const struct line *next = l + 1; next < end && next->kind == 's'; next++)
		if (next->word[0] == l->word[0])
			return true;
	return false;
}

static void status(struct nvmx_vtd_host *h, const struct line *end)
{
	const uint64_t *w = h->line->word;

	if (!overwritten(h->line, end))
		same(h, "status", w[1], *memory_word(w[0]) >> (w[0] & 4) * 8 & 0xffffffff);
}

static void unit_interrupt(struct nvmx_vtd_host *h, const uint64_t *w)
{
	if (!h->interrupts) {
		wrong(h, "no interrupt", w[0], 0);
		return;
	}
	same(h, "address of the unit's interrupt", w[0], h->interrupt[0].address);
	same(h, "data of the unit's interrupt", w[1], h->interrupt[0].data);
	memmove(h->interrupt, h->interrupt + 1, --h->interrupts * sizeof(h->interrupt[0]));
}

static uint64_t *context_of(struct nvmx_vtd_host *h, uint64_t sid)
{
	return memory_context(base(h, 0x20), (uint16_t)sid);
}

static void context(struct nvmx_vtd_host *h, const uint64_t *w)
{
	memcpy(context_of(h, w[0]), w + 1, 16);
}

static unsigned level_of(uint64_t mask)
{
	return mask == 0xfff ? 1 : mask == 0x1fffff ? 2 : 3;
}

static void leaf(struct nvmx_vtd_host *h, const uint64_t *w)
{
	*memory_leaf(context_of(h, w[0]), w[1], level_of(w[3])) = w[2];
}

static void translation(struct nvmx_vtd_host *h, const uint64_t *w)
{
	uint64_t entry = *memory_leaf(context_of(h, w[0]), w[1], level_of(w[3]));
	struct nvmx_vtd_dma dma;

	same(h, "fault", 0, nvmx_vtd_translate(h->u, (uint16_t)w[0], w[1], 1, entry & NVMX_VTD_R ? NVMX_VTD_READ : NVMX_VTD_WRITE,
					       &dma));
	same(h, "translation", w[2], dma.gpa);
	same(h, "page", w[3], (1ull << dma.page_shift) - 1);
}

/* The right that was missing is taken from the entry, if there is one. */
static void refused(struct nvmx_vtd_host *h, const uint64_t *w)
{
	unsigned access = w[3] ? NVMX_VTD_WRITE : NVMX_VTD_READ;
	struct nvmx_vtd_dma dma;

	*memory_leaf(context_of(h, w[0]), w[1], 1) &= ~(uint64_t)access;
	same(h, "fault", w[2], nvmx_vtd_translate(h->u, (uint16_t)w[0], w[1], 1, access, &dma));
}

static void remapping_entry(struct nvmx_vtd_host *h, const uint64_t *w)
{
	memcpy(memory_word(base(h, 0xb8) + w[0] * 16), w + 1, 16);
}

/* As a message to the local APICs; QEMU leaves the level bit of edge-triggered ones as it comes. */
static void message(struct nvmx_vtd_host *h, const uint64_t *w)
{
	struct nvmx_vtd_msi m;
	uint64_t data;

	same(h, "interrupt fault", 0, nvmx_vtd_interrupt(h->u, (uint16_t)w[0], w[1], (uint32_t)w[2], 0, &m));
	same(h, "address of an interrupt", w[3], 0xfee00000 | (m.destination & 0xffull) << 12 |
	     (uint64_t)(m.destination >> 8) << 40 | (uint64_t)m.redirection_hint << 3 | (uint64_t)m.logical << 2);
	data = m.vector | (uint64_t)m.delivery_mode << 8 | (uint64_t)m.level << 15;
	same(h, "data of an interrupt", m.level ? w[4] : w[4] & ~0x4000ull, m.level ? data | (uint64_t)m.assert << 14 : data);
}

static void replay_line(struct nvmx_vtd_host *h, const struct line *end)
{
	const uint64_t *w = h->line->word;

	switch (h->line->kind) {
	case 'r': read_register(h, w); break;
	case 'w': write_register(h, w); break;
	case 'd': descriptor(h, w); break;
	case 's': status(h, end); break;
	case 'i': unit_interrupt(h, w); break;
	case 'c': context(h, w); break;
	case 'l': leaf(h, w); break;
	case 't': translation(h, w); break;
	case 'f': refused(h, w); break;
	case 'e': remapping_entry(h, w); break;
	default: message(h, w); break;
	}
}

/* What the library can announce of what QEMU's unit did. */
static uint32_t features_of(const struct trace *t)
{
	static const struct { uint64_t cap, ecap; uint32_t feature; } bits[] = {
		{ 1ull << 7, 0, NVMX_VTD_F_CACHING_MODE }, { 1ull << 4, 0, NVMX_VTD_F_WRITE_BUFFER },
		{ 1ull << 34, 0, NVMX_VTD_F_2M }, { 1ull << 35, 0, NVMX_VTD_F_1G }, { 1ull << 39, 0, NVMX_VTD_F_PAGE_FLUSH },
		{ 1ull << 22, 0, NVMX_VTD_F_ZERO_LENGTH }, { 3ull << 54, 0, NVMX_VTD_F_DRAIN }, { 0, 1 << 1, NVMX_VTD_F_QUEUE },
		{ 0, 1 << 2, NVMX_VTD_F_DEVICE_TLB }, { 0, 1 << 3, NVMX_VTD_F_REMAP }, { 0, 1 << 4, NVMX_VTD_F_EXTENDED },
		{ 0, 1 << 6, NVMX_VTD_F_PASS_THROUGH }, { 0, 1 << 7, NVMX_VTD_F_SNOOP },
	};
	uint32_t features = 0;

	for (unsigned i = 0; i < sizeof(bits) / sizeof(*bits); i++)
		if ((t->cap & bits[i].cap) == bits[i].cap && (t->ecap & bits[i].ecap) == bits[i].ecap)
			features |= bits[i].feature;
	return features;
}

/* The number of differences, or -1. */
/* Translations are compared, and nothing is accessed: nothing is under way, and nothing kept. */
static void host_drain(struct nvmx_vtd_host *h)
{
	(void)h;
}

static int host_flush(struct nvmx_vtd_host *h, const struct nvmx_vtd_flush *list, unsigned n)
{
	(void)h;
	(void)list;
	(void)n;
	return NVMX_VTD_FLUSHED;
}

static int replay(const struct trace *t, struct nvmx_vtd_host *h)
{
	static _Alignas(64) unsigned char memory[NVMX_VTD_SIZE];
	const struct nvmx_vtd_ops ops = { .size = sizeof(ops), .abi = NVMX_VTD_ABI_VERSION, .map = host_map, .unmap = host_unmap,
					  .interrupt = host_interrupt, .flush = host_flush, .drain = host_drain };
	const struct nvmx_vtd_config config = {
		.size = sizeof(config), .ops = &ops, .host = h, .features = features_of(t), .levels = t->cap >> 8 & 6, .width = (t->cap >> 16 & 0x3f) + 1,
		.host_width = PHYSICAL_WIDTH, .domain_bits = (uint8_t)(4 + 2 * (t->cap & 7)),
	};
	struct nvmx_error_info info;
	char line[NVMX_DESCRIBE_MAX];
	int error = nvmx_vtd_init(memory, sizeof(memory), &config, &h->u, &info);

	if (error) {
		nvmx_describe_error(line, sizeof(line), &info);
		printf("%s: %s\n", h->path, line);
		return -1;
	}
	memory_reset();
	for (unsigned i = 0; i < t->lines; i++) {
		h->line = &t->line[i];
		replay_line(h, t->line + t->lines);
	}
	if (h->interrupts)
		wrong(h, "interrupts not in the trace", 0, h->interrupts);
	nvmx_vtd_destroy(h->u);
	memory_reset();
	return (int)h->wrong;
}

int main(int argc, char **argv)
{
	static struct trace trace;
	unsigned passed = 0, failed = 0;

	for (int i = 1; i < argc; i++) {
		struct nvmx_vtd_host h = { .path = argv[i] };
		const unsigned *n = h.compared;

		if (trace_load(&trace, argv[i]))
			return 2;
		if (replay(&trace, &h))
			failed++;
		else
			passed++;
		printf("%s: registers %u, status %u, unit's interrupts %u, translations %u, refusals %u, interrupts %u; %u differ\n",
		       argv[i], n['r'], n['s'], n['i'] / 2, n['t'] / 3, n['f'], n['m'] / 3, h.wrong);
	}
	for (unsigned i = 0; i < explained_count; i++)
		printf("explained: %u of register %03x (VT-d %s): %s\n", explained[i].seen, explained[i].offset,
		       explained[i].section, explained[i].why);
	printf("%u passed, %u failed, 0 skipped\n", passed, failed);
	return failed || !passed;
}

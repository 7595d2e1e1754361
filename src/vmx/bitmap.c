/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * vmcs02's MSR and I/O bitmaps.  They start all ones.  An access that exits and that neither L1 nor the host intercepts
 * opens its bit and is retried.  L1 may change its bitmaps without a VMWRITE, so each entry compares the words that hold
 * an opened bit with L1's: a handful of words instead of a merge of pages.
 */
#include "../mem.h"
#include "merge.h"
#include "port.h"
#include "route.h"

#define WORDS 512u
#define PAGE_BITS (WORDS * 64)

bool nvmx_grants_make(struct nvmx_vcpu *v, struct nvmx_grants *g)
{
	if (g->page.va)
		return true;
	g->page.va = nvmx_page_alloc(v, &g->page.hpa);
	if (!g->page.va)
		return false;
	nvmx_memset(g->page.va, 0xff, WORDS * sizeof(uint64_t));
	return true;
}

void nvmx_grants_close(struct nvmx_grants *g)
{
	uint64_t *own = g->page.va;

	while (g->n)
		own[g->word[--g->n]] = ~0ull;
}

enum { OPEN_R = 1, OPEN_W = 2, OPEN_RW = OPEN_R | OPEN_W };
enum {
	REACH_PLAIN,
	REACH_GUEST,
	REACH_APIC,
	REACH_SWITCHED, /* from here on the rows of switched.def */
	REACH_BEFORE = REACH_SWITCHED - 1,
#define S(NAME, load, undo, save) REACH_##NAME,
#include "../vmcs/switched.def"
};

static const struct open_row {
	uint32_t first, last;
	uint8_t access, reach;
} open_rows[] = {
#define O(first, last, access, reach) { first, last, OPEN_##access, REACH_##reach },
#include "open.def"
};
#define OPEN_ROWS (sizeof(open_rows) / sizeof(*open_rows))

/* Whether L2's access to the processor's own MSR is as good as L1's. */
static bool may_open(const struct nvmx_vcpu *v, const struct nvmx_slot *s, uint32_t msr, bool write)
{
	size_t i = 0;

	while (i < OPEN_ROWS && msr - open_rows[i].first > open_rows[i].last - open_rows[i].first)
		i++;
	if (i == OPEN_ROWS || !(open_rows[i].access & (write ? OPEN_W : OPEN_R)))
		return false;
	if (open_rows[i].reach == REACH_APIC)
		return v->vm->flags & NVMX_HOST_APIC_PASSTHROUGH;
	return open_rows[i].reach < REACH_SWITCHED ||
	       nvmx_switched_whole((enum nvmx_switched)(open_rows[i].reach - REACH_SWITCHED), s->ctl02[NVMX_WORD_ENTRY],
				   s->ctl02[NVMX_WORD_EXIT]);
}

#define X2APIC_FIRST 0x800u
#define X2APIC_WORDS 4u
#define X2APIC_TPR 8u    /* MSRs by their offset from X2APIC_FIRST */
#define X2APIC_EOI 0x0bu
#define X2APIC_SELF_IPI 0x3fu
#define X2APIC_READ (X2APIC_FIRST / 64) /* words of the bitmap */
#define X2APIC_WRITE ((X2APIC_FIRST + 2048 * 8) / 64)

/*
 * The bits of a word of the MSR bitmap whose MSRs the processor virtualizes for L2 out of L1's virtual-APIC page (SDM 29.5):
 * the host has no say in those, whatever it does with its own APIC.
 */
static uint64_t virtual_x2apic(const struct nvmx_vmcs12 *v12, unsigned word)
{
	uint32_t proc2 = nvmx_v12_proc2(v12);
	unsigned read = word - X2APIC_READ, write = word - X2APIC_WRITE;

	if (!(proc2 & NVMX_PROC2_X2APIC_MODE))
		return 0;
	if (read < X2APIC_WORDS)
		return proc2 & NVMX_PROC2_APIC_REGS ? ~0ull : read ? 0 : NVMX_BIT64(X2APIC_TPR);
	if (write)
		return 0;
	return NVMX_BIT64(X2APIC_TPR) |
	       (proc2 & NVMX_PROC2_VID ? NVMX_BIT64(X2APIC_EOI) | NVMX_BIT64(X2APIC_SELF_IPI) : 0);
}

/* What the host closes in a word of the MSR bitmap: what it intercepts for L1, and its own APIC; not what is virtual. */
static uint64_t closed_msrs(const struct nvmx_vcpu *v, const struct nvmx_slot *s, const uint8_t *host, unsigned word)
{
	bool is_x2apic = word - X2APIC_READ < X2APIC_WORDS || word - X2APIC_WRITE < X2APIC_WORDS;
	uint64_t closed = ~0ull;

	if (host && !(is_x2apic && !(v->vm->flags & NVMX_HOST_APIC_PASSTHROUGH)))
		nvmx_memcpy(&closed, host + 8 * word, sizeof(closed));
	return is_x2apic ? closed & ~virtual_x2apic(s->v12, word) : closed;
}

static void review_l1(struct nvmx_vcpu *v, struct nvmx_grants *g, uint64_t gpa)
{
	const volatile uint64_t *l1;
	uint64_t *own = g->page.va;

	if (!g->n)
		return;
	l1 = nvmx_map_at_hand(v, gpa); /* else all is closed, and L2's next access asks */
	for (unsigned i = 0; i < g->n; i++)
		own[g->word[i]] |= l1 ? l1[g->word[i]] : ~0ull;
	if (l1)
		nvmx_unmap_frame(v, gpa, (void *)(uintptr_t)l1, false);
}

static void review_ports(struct nvmx_grants *g, const uint8_t *host)
{
	uint64_t *own = g->page.va, word;

	for (unsigned i = 0; host && i < g->n; i++) {
		nvmx_memcpy(&word, host + 8 * g->word[i], sizeof(word));
		own[g->word[i]] |= word;
	}
}

void nvmx_bitmaps_review_host(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	const uint8_t *host_io = v->config.io_bitmap01;
	uint64_t *own = s->msr.page.va;

	for (unsigned i = 0; i < s->msr.n; i++)
		own[s->msr.word[i]] |= closed_msrs(v, s, v->config.msr_bitmap01, s->msr.word[i]);
	review_ports(&s->io[0], host_io);
	review_ports(&s->io[1], host_io ? host_io + 4096 : NULL);
}

void nvmx_bitmaps_review(struct nvmx_vcpu *v, struct nvmx_slot *s)
{
	const struct nvmx_vmcs12 *v12 = s->v12;

	if (v12->proc_ctls & NVMX_PROC_MSR_BITMAPS)
		review_l1(v, &s->msr, v12->msr_bitmap);
	if (v12->proc_ctls & NVMX_PROC_IO_BITMAPS) {
		review_l1(v, &s->io[0], v12->io_bitmap_a);
		review_l1(v, &s->io[1], v12->io_bitmap_b);
	}
	nvmx_bitmaps_review_host(v, s);
}

static bool l1_bit(struct nvmx_vcpu *v, uint64_t gpa, uint32_t bit)
{
	uint8_t byte;

	return nvmx_gpa_read(v, gpa + bit / 8, &byte, 1) || byte >> (bit % 8) & 1;
}

static bool host_bit(const uint8_t *bitmap, uint32_t bit)
{
	return bitmap[bit / 8] >> (bit % 8) & 1;
}

/* Clears a bit of the page; a word that is not in the list yet takes a place, the oldest when all are taken. */
static void open_bit(struct nvmx_grants *g, uint32_t bit)
{
	uint64_t *own = g->page.va;
	unsigned i = 0;

	while (i < g->n && g->word[i] != bit / 64)
		i++;
	if (i == NVMX_GRANT_WORDS) {
		i = g->next++ % NVMX_GRANT_WORDS;
		own[g->word[i]] = ~0ull;
	} else if (i == g->n) {
		g->n++;
	}
	g->word[i] = (uint16_t)(bit / 64);
	own[bit / 64] &= ~(1ull << (bit % 64));
}

bool nvmx_l1_wants_msr(struct nvmx_vcpu *v, uint32_t msr, bool write)
{
	int bit = nvmx_msr_bit(msr, write);

	return bit < 0 || l1_bit(v, v->cur->v12->msr_bitmap, (uint32_t)bit);
}

bool nvmx_host_wants_msr(const struct nvmx_vcpu *v, uint32_t msr, bool write)
{
	int bit = nvmx_msr_bit(msr, write);

	return bit < 0 || !v->config.msr_bitmap01 || host_bit(v->config.msr_bitmap01, (uint32_t)bit);
}

bool nvmx_open_msr(struct nvmx_vcpu *v, uint32_t msr, bool write)
{
	int bit = nvmx_msr_bit(msr, write);
	bool is_virtual;

	if (bit < 0 || !v->cur->msr.page.va)
		return false;
	is_virtual = virtual_x2apic(v->cur->v12, (unsigned)bit / 64) >> (bit % 64) & 1;
	if (!is_virtual && (!v->config.msr_bitmap01 || host_bit(v->config.msr_bitmap01, (uint32_t)bit) ||
			    !may_open(v, v->cur, msr, write)))
		return false;
	v->counters[NVMX_CNT_MSR_GRANT]++;
	open_bit(&v->cur->msr, (uint32_t)bit);
	return true;
}

/* An access that wraps around the 16-bit port space exits whatever the bitmaps hold (SDM 25.1.3). */
static bool wraps(uint64_t qualification)
{
	return nvmx_io_port(qualification) + nvmx_io_size(qualification) > 0x10000;
}

bool nvmx_l1_wants_io(struct nvmx_vcpu *v, uint64_t qualification)
{
	const struct nvmx_vmcs12 *v12 = v->cur->v12;
	uint32_t port = nvmx_io_port(qualification);

	if (wraps(qualification))
		return true;
	for (uint32_t i = 0; i < nvmx_io_size(qualification); i++, port++)
		if (l1_bit(v, port < PAGE_BITS ? v12->io_bitmap_a : v12->io_bitmap_b, port % PAGE_BITS))
			return true;
	return false;
}

int nvmx_l1_wants_port(struct nvmx_vcpu *v, uint16_t port, unsigned size)
{
	const struct nvmx_vmcs12 *v12 = v->cur->v12;
	bool wants;

	if (!(v12->proc_ctls & NVMX_PROC_IO_BITMAPS))
		return (v12->proc_ctls & NVMX_PROC_UNCOND_IO) != 0;
	wants = nvmx_l1_wants_io(v, (uint64_t)port << 16 | (size - 1));
	if (!v->not_now)
		return wants;
	v->not_now = false;
	return -1;
}

bool nvmx_open_io(struct nvmx_vcpu *v, uint64_t qualification)
{
	uint32_t port = nvmx_io_port(qualification);
	struct nvmx_slot *s = v->cur;

	if (wraps(qualification) || !s->io[0].page.va || !s->io[1].page.va)
		return false;
	for (uint32_t i = 0; i < nvmx_io_size(qualification); i++)
		if (v->config.io_bitmap01 ? host_bit(v->config.io_bitmap01, port + i) : !v->config.io_passthrough)
			return false;
	v->counters[NVMX_CNT_MSR_GRANT]++;
	for (uint32_t i = 0; i < nvmx_io_size(qualification); i++, port++)
		open_bit(&s->io[port / PAGE_BITS], port % PAGE_BITS);
	return true;
}

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The callbacks of <nestvmx/host.h>. */
#include "owner.h"

static bool is_away(const struct nvmx_host *h, uint64_t gpa)
{
	return gpa / FAKE_PAGE == h->away / FAKE_PAGE;
}

static int translate(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out)
{
	(void)access;
	if (gpa >= FAKE_RAM_SIZE)
		return -1;               /* no RAM: an access of L2 is the host's to emulate */
	if (is_away(h, gpa))
		return NVMX_NOT_NOW;     /* swapped out: the call is made again when page_in() has been there */
	*out = (struct nvmx_xlate){ .hpa = fake_ram_hpa(&h->mem, gpa), .rights = NVMX_ACCESS_RWX, .page_shift = 12, .memtype = NVMX_MEMTYPE_WB };
	return 0;
}

static void *map(struct nvmx_host *h, uint64_t gpa, bool write)
{
	(void)write;
	if (gpa >= FAKE_RAM_SIZE)
		return NULL;
	return is_away(h, gpa) ? NVMX_MAP_NOT_NOW : h->mem.ram + gpa;
}

static void unmap(struct nvmx_host *h, uint64_t gpa, void *page, bool wrote)
{
	(void)h, (void)gpa, (void)page, (void)wrote; /* a host that logs what is written marks gpa dirty if `wrote` */
}

static int pin(struct nvmx_host *h, uint64_t gpa, uint64_t *hpa)
{
	if (gpa >= FAKE_RAM_SIZE)
		return -1;
	*hpa = fake_ram_hpa(&h->mem, gpa);
	return is_away(h, gpa) ? NVMX_NOT_NOW : 0;
}

static void unpin(struct nvmx_host *h, uint64_t gpa, uint64_t hpa)
{
	(void)h, (void)gpa, (void)hpa;
}

static void *page_alloc(struct nvmx_host *h, uint64_t *hpa)
{
	*hpa = fake_host_page(&h->mem);
	return *hpa ? fake_at(&h->mem, *hpa) : NULL;
}

static void page_free(struct nvmx_host *h, void *page, uint64_t hpa)
{
	(void)page;
	fake_host_page_free(&h->mem, hpa);
}

static void vmcs_load(struct nvmx_host *h, uint64_t hpa)
{
	assert_int_equal(fake_vmptrld(&h->cpu, hpa), FAKE_VM_SUCCEED);
}

static void vmcs_clear(struct nvmx_host *h, uint64_t hpa)
{
	assert_int_equal(fake_vmclear(&h->cpu, hpa), FAKE_VM_SUCCEED);
}

static void read_many(struct nvmx_host *h, const uint32_t *fields, uint64_t *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(fake_vmread(&h->cpu, fields[i], &values[i]), FAKE_VM_SUCCEED);
}

static void write_many(struct nvmx_host *h, const uint32_t *fields, const uint64_t *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(fake_vmwrite(&h->cpu, fields[i], values[i]), FAKE_VM_SUCCEED);
}

static void flush_ept(struct nvmx_host *h, uint64_t eptp, unsigned scope)
{
	assert_int_equal(fake_invept(&h->cpu, scope, eptp, 0), FAKE_VM_SUCCEED);
}

static void flush_vpid(struct nvmx_host *h, uint16_t vpid, unsigned scope, uint64_t linear)
{
	assert_int_equal(fake_invvpid(&h->cpu, scope, vpid, linear), FAKE_VM_SUCCEED);
}

static int read_msr(struct nvmx_host *h, uint32_t msr, uint64_t *value)
{
	return fake_rdmsr(&h->cpu, msr, value) ? 0 : -1;
}

static int write_msr(struct nvmx_host *h, uint32_t msr, uint64_t value)
{
	return fake_wrmsr(&h->cpu, msr, value) ? 0 : -1;
}

static void set_cr2(struct nvmx_host *h, uint64_t cr2)
{
	h->cpu.a.cr2 = cr2;
}

/* One CPU: nobody else is in L2. */
static void kick_others(struct nvmx_host *h)
{
	h->kicks++;
}

/* What waits for L1, whoever runs. */
static unsigned pending_events(struct nvmx_host *h)
{
	return (fake_highest(h->pending) >= 0 ? NVMX_PENDING_INTR : 0) | (h->nmi ? NVMX_PENDING_NMI : 0);
}

/* A VM exit to L1 acknowledges the interrupt: it is L1's now. */
static int ack_interrupt(struct nvmx_host *h)
{
	int vector = fake_highest(h->pending);

	if (vector >= 0)
		h->pending[vector / 64] &= ~(1ull << vector % 64);
	return vector;
}

static int take_event(struct nvmx_host *h, unsigned event)
{
	if (event == NVMX_PENDING_NMI)
		h->nmi = false;
	return 0; /* no SIPI is ever pending here */
}

const struct nvmx_host_ops owner_ops = {
	.size = sizeof(owner_ops), .abi = NVMX_ABI_VERSION,
	.translate = translate, .map = map, .unmap = unmap, .pin = pin, .unpin = unpin,
	.page_alloc = page_alloc, .page_free = page_free,
	.vmcs_load = vmcs_load, .vmcs_clear = vmcs_clear, .vmcs_read_many = read_many, .vmcs_write_many = write_many,
	.flush_ept = flush_ept, .flush_vpid = flush_vpid,
	.l1_msr_read = read_msr, .l1_msr_write = write_msr, .set_cr2 = set_cr2, .kick_others = kick_others,
	.pending_events = pending_events, .ack_interrupt = ack_interrupt, .take_event = take_event,
};

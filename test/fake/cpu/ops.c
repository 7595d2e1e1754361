/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* A host's callbacks, one call of the processor each. */
#include <nestvmx/fake_ops.h>

static struct fake_host *on(struct nvmx_host *h)
{
	return (struct fake_host *)(void *)h;
}

static int translate(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out)
{
	(void)access;
	if (gpa >= FAKE_RAM_SIZE)
		return -1;
	*out = (struct nvmx_xlate){ .hpa = fake_ram_hpa(&on(h)->mem, gpa), .rights = NVMX_ACCESS_RWX, .page_shift = 12, .memtype = NVMX_MEMTYPE_WB };
	return 0;
}

static void *map(struct nvmx_host *h, uint64_t gpa, bool write)
{
	(void)write;
	return gpa < FAKE_RAM_SIZE ? on(h)->mem.ram + gpa : NULL;
}

static void unmap(struct nvmx_host *h, uint64_t gpa, void *page, bool wrote)
{
	(void)h, (void)gpa, (void)page, (void)wrote;
}

static int pin(struct nvmx_host *h, uint64_t gpa, uint64_t *hpa)
{
	if (gpa >= FAKE_RAM_SIZE)
		return -1;
	*hpa = fake_ram_hpa(&on(h)->mem, gpa);
	return 0;
}

static void unpin(struct nvmx_host *h, uint64_t gpa, uint64_t hpa)
{
	(void)h, (void)gpa, (void)hpa;
}

static void *page_alloc(struct nvmx_host *h, uint64_t *hpa)
{
	*hpa = fake_host_page(&on(h)->mem);
	return *hpa ? fake_at(&on(h)->mem, *hpa) : NULL;
}

static void page_free(struct nvmx_host *h, void *page, uint64_t hpa)
{
	(void)page;
	fake_host_page_free(&on(h)->mem, hpa);
}

static void vmcs_load(struct nvmx_host *h, uint64_t hpa)
{
	FAKE_ASSERT(fake_vmptrld(&on(h)->cpu, hpa) == FAKE_VM_SUCCEED);
}

static void vmcs_clear(struct nvmx_host *h, uint64_t hpa)
{
	FAKE_ASSERT(fake_vmclear(&on(h)->cpu, hpa) == FAKE_VM_SUCCEED);
}

static void vmcs_read_many(struct nvmx_host *h, const uint32_t *fields, uint64_t *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		FAKE_ASSERT(fake_vmread(&on(h)->cpu, fields[i], &values[i]) == FAKE_VM_SUCCEED);
}

static void vmcs_write_many(struct nvmx_host *h, const uint32_t *fields, const uint64_t *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		FAKE_ASSERT(fake_vmwrite(&on(h)->cpu, fields[i], values[i]) == FAKE_VM_SUCCEED);
}

static void flush_ept(struct nvmx_host *h, uint64_t eptp, unsigned scope)
{
	FAKE_ASSERT(fake_invept(&on(h)->cpu, scope, eptp, 0) == FAKE_VM_SUCCEED);
}

static void flush_vpid(struct nvmx_host *h, uint16_t vpid, unsigned scope, uint64_t linear)
{
	FAKE_ASSERT(fake_invvpid(&on(h)->cpu, scope, vpid, linear) == FAKE_VM_SUCCEED);
}

static int l1_msr_read(struct nvmx_host *h, uint32_t msr, uint64_t *value)
{
	return fake_rdmsr(&on(h)->cpu, msr, value) ? 0 : -1;
}

static int l1_msr_write(struct nvmx_host *h, uint32_t msr, uint64_t value)
{
	return fake_wrmsr(&on(h)->cpu, msr, value) ? 0 : -1;
}

static void set_cr2(struct nvmx_host *h, uint64_t cr2)
{
	on(h)->cpu.a.cr2 = cr2;
}

const struct nvmx_host_ops fake_ready_ops = {
	.size = sizeof(fake_ready_ops), .abi = NVMX_ABI_VERSION,
	.translate = translate, .map = map, .unmap = unmap, .pin = pin, .unpin = unpin,
	.page_alloc = page_alloc, .page_free = page_free,
	.vmcs_load = vmcs_load, .vmcs_clear = vmcs_clear, .vmcs_read_many = vmcs_read_many, .vmcs_write_many = vmcs_write_many,
	.flush_ept = flush_ept, .flush_vpid = flush_vpid,
	.l1_msr_read = l1_msr_read, .l1_msr_write = l1_msr_write, .set_cr2 = set_cr2,
};

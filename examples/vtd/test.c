/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* L1's driver, written from the VT-d specification, and what the devices then reach. */
#include "vmm.h"

/* Registers (10.4) and bits of GCMD. */
enum { GCMD = 0x18, GSTS = 0x1c, RTADDR = 0x20, FSTS = 0x34, FECTL = 0x38, FEDATA = 0x3c, FEADDR = 0x40, IQH = 0x80, IQT = 0x88, IQA = 0x90 };
#define TE 0x80000000u
#define SRTP 0x40000000u
#define QIE 0x04000000u

/* Where L1 has its structures. */
enum { ROOT = 0x1000, CONTEXTS = 0x2000, QUEUE = 0x3000, TABLES = 0x10000, DATA = 0x80000 };

static uint64_t *word(struct nvmx_vtd_host *h, uint64_t gpa)
{
	return (uint64_t *)(void *)(h->ram + gpa);
}

/* A page of the domain's three-level table. */
static void set_page(struct nvmx_vtd_host *h, uint64_t iova, uint64_t entry)
{
	*word(h, TABLES) = (TABLES + 0x1000) | 3;
	*word(h, TABLES + 0x1000) = (TABLES + 0x2000) | 3;
	*word(h, TABLES + 0x2000 + (iova >> 12) * 8) = entry;
}

static void set_context(struct nvmx_vtd_host *h, unsigned source_id)
{
	*word(h, ROOT) = CONTEXTS | 1;
	*word(h, CONTEXTS + source_id * 16) = TABLES | 1;
	*word(h, CONTEXTS + source_id * 16 + 8) = 1 | 7u << 8; /* three levels, domain 7 */
}

static void command(struct nvmx_vtd_host *h, uint32_t bit)
{
	vmm_mmio_write(h, GCMD, 4, (vmm_mmio_read(h, GSTS, 4) & (TE | QIE)) | bit);
	assert_true(vmm_mmio_read(h, GSTS, 4) & bit);
}

/* A descriptor (6.5.2), for which L1 waits. */
static void invalidate(struct nvmx_vtd_host *h, uint64_t low, uint64_t high)
{
	uint64_t tail = vmm_mmio_read(h, IQT, 8);

	*word(h, QUEUE + tail) = low;
	*word(h, QUEUE + tail + 8) = high;
	tail = (tail + 16) % 4096;
	vmm_mmio_write(h, IQT, 8, tail);
	assert_int_equal(vmm_mmio_read(h, IQH, 8), tail);
}

static void driver_starts(struct nvmx_vtd_host *h)
{
	memset(h, 0, sizeof(*h));
	vmm_start(h);
	vmm_mmio_write(h, FEDATA, 4, 0x41);
	vmm_mmio_write(h, FEADDR, 4, 0xfee00000);
	vmm_mmio_write(h, FECTL, 4, 0); /* faults interrupt */
	vmm_mmio_write(h, IQA, 8, QUEUE);
	command(h, QIE);
	set_context(h, CARD);
	set_context(h, DISK);
	set_page(h, 0x5000, DATA | 3);
	set_page(h, 0x6000, (DATA + 0x2000) | 1); /* read only */
	vmm_mmio_write(h, RTADDR, 8, ROOT);
	command(h, SRTP);
	invalidate(h, 1 | 1u << 4, 0); /* context-cache, global */
	invalidate(h, 2 | 1u << 4, 0); /* IOTLB, global */
	command(h, TE);
}

static struct nvmx_vtd_host host;

static void an_emulated_device(void **state)
{
	char packet[] = "over two pages", back[sizeof(packet)] = { 0 };

	(void)state;
	driver_starts(&host);
	assert_true(card_dma(&host, 0x5ffe, packet, 2, true));
	assert_memory_equal(host.ram + DATA + 0xffe, "ov", 2);
	memcpy(host.ram + DATA + 0x2000, packet + 2, sizeof(packet) - 2);
	assert_true(card_dma(&host, 0x5ffe, back, sizeof(back), false)); /* two frames that are not neighbours */
	assert_memory_equal(back, packet, sizeof(packet));
	assert_int_equal(host.interrupts, 0);
	assert_false(card_dma(&host, 0x6000, packet, 1, true));
	assert_int_equal(host.interrupts, 1);
	assert_int_equal(host.interrupt_data, 0x41);
	assert_true(vmm_mmio_read(&host, FSTS, 4) & 2); /* a fault is pending */
	nvmx_vtd_destroy(host.unit);
}

/* The VMM hears of mappings when L1 invalidates, as caching mode has it. */
static void an_assigned_device(void **state)
{
	(void)state;
	driver_starts(&host);
	assert_ptr_equal(disk_dma(&host, 0x5010, NVMX_VTD_W), host.ram + DATA + 0x10);
	assert_null(disk_dma(&host, 0x6000, NVMX_VTD_W));
	assert_null(disk_dma(&host, 0x7000, NVMX_VTD_R));
	set_page(&host, 0x7000, (DATA + 0x3000) | 3);
	invalidate(&host, 2 | 3u << 4 | 7u << 16, 0x7000); /* the page, of domain 7 */
	assert_ptr_equal(disk_dma(&host, 0x7000, NVMX_VTD_R), host.ram + DATA + 0x3000);
	set_page(&host, 0x5000, 0);
	invalidate(&host, 2 | 3u << 4 | 7u << 16, 0x5000);
	assert_null(disk_dma(&host, 0x5010, NVMX_VTD_R));
	nvmx_vtd_destroy(host.unit);
	assert_int_equal(host.disk_at, NVMX_VTD_BLOCK);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(an_emulated_device), cmocka_unit_test(an_assigned_device) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

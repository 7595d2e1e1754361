/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VT-d unit for L1, by <nestvmx/vtd.h>: its register page, a DMAR table, its interrupts. There is no physical unit behind
 * it, so L1's devices reach memory as they always did: L1 may pass them through, and is stopped when it asks for more.
 */
#include "metal.h"

#include <nestvmx/vtd.h>

#define FEATURES (NVMX_VTD_F_QUEUE | NVMX_VTD_F_PASS_THROUGH | NVMX_VTD_F_CACHING_MODE)
#define QUALIFICATION_WRITE 2
#define QUALIFICATION_LINEAR 0x180	/* a linear address, and the access is its translation's end */
#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc
#define PCI_ENABLE 0x80000000u
#define MESSAGE_RANGE 0xfee
#define MESSAGE_LOGICAL 4
#define ICR_LOGICAL 0x800u
#define ICR_ASSERT 0x4000u
#define FIRST_VECTOR 16
#define MAX_FUNCTIONS 64

static struct nvmx_vtd *unit;
static volatile uint8_t lock;
static uint16_t function[MAX_FUNCTIONS];	/* of PCI bus 0: requester ids */
static uint32_t functions;
static struct cpu *running;			/* the processor that holds the lock */

bool vtd_owns(uint64_t address)
{
	return machine.vtd && address - VTD_REGISTERS < PAGE;
}

static void *op_map(struct nvmx_vtd_host *h, uint64_t gpa, bool write)
{
	(void)h;
	(void)write;
	return memory_ram(gpa) ? phys(gpa) : NULL;
}

static void op_unmap(struct nvmx_vtd_host *h, uint64_t gpa, void *page, bool wrote)
{
	(void)h;
	(void)page;
	if (wrote)
		watch_written(gpa);
}

/* Fixed and lowest-priority messages become an IPI; L1 has no use for others from here. */
static void op_interrupt(struct nvmx_vtd_host *h, uint64_t address, uint32_t data)
{
	uint32_t to = (uint32_t)(address >> 12 & 0xff) | (uint32_t)(address >> 40) << 8;

	(void)h;
	if ((address >> 20 & 0xfff) != MESSAGE_RANGE || (data >> 8 & 7) > 1 || (data & 0xff) < FIRST_VECTOR)
		return;
	apic_send(running, to, (data & 0xff) | (address & MESSAGE_LOGICAL ? ICR_LOGICAL : 0) | ICR_ASSERT);
}

static const struct nvmx_vtd_ops ops = {
	.size = sizeof(ops),
	.abi = NVMX_VTD_ABI_VERSION,
	.map = op_map,
	.unmap = op_unmap,
	.interrupt = op_interrupt,
};

/* Those of bus 0; behind bridges nobody asks for DMA on the machines that this is for. */
static void find_functions(void)
{
	uint32_t i;

	for (i = 0; i < 256 && functions < MAX_FUNCTIONS; i++) {
		outl(PCI_ADDRESS, PCI_ENABLE | i << 8);
		if ((inl(PCI_DATA) & 0xffff) != 0xffff)
			function[functions++] = (uint16_t)i;
	}
}

static uint8_t physical_width(void)
{
	uint32_t width = cpuid(0x80000008, 0).eax & 0xff;

	return (uint8_t)(width < 32 ? 32 : width > 52 ? 52 : width);
}

/* While metal starts, behind memory_choose_own. */
void vtd_create(void)
{
	struct nvmx_vtd_config config = {
		.size = sizeof(config), .ops = &ops, .features = FEATURES, .host_width = physical_width(),
	};
	struct nvmx_vtd_drhd drhd = { .base = VTD_REGISTERS, .include_all = true };
	struct nvmx_vtd_dmar_config dmar = {
		.host_width = config.host_width, .oem_id = "NESTVM", .oem_table_id = "METAL   ", .drhd = &drhd, .drhd_count = 1,
	};
	static uint8_t table[256];
	struct nvmx_error_info info;
	char line[NVMX_DESCRIBE_MAX];

	if (!machine.vtd)
		return;
	if (memory_ram(VTD_REGISTERS))
		stop("no place for the VT-d unit at %lx", (uint64_t)VTD_REGISTERS);
	if (nvmx_vtd_init(pages_alloc(NVMX_VTD_SIZE), NVMX_VTD_SIZE, &config, &unit, &info)) {
		nvmx_describe_error(line, sizeof(line), &info);
		stop("the VT-d unit: %s", line);
	}
	acpi_add_table(table, nvmx_vtd_dmar(table, sizeof(table), &dmar));
	find_functions();
}

/* Not a fault of the context-entry, and not what is passed through: L1 has tables of its own for the device. */
static bool translated(uint16_t source_id)
{
	struct nvmx_vtd_dma dma;
	enum nvmx_vtd_fault fault = nvmx_vtd_translate(unit, source_id, 0, 1,
						       NVMX_VTD_READ | NVMX_VTD_UNCACHED | NVMX_VTD_SILENT, &dma);

	switch (fault) {
	case NVMX_VTD_FAULT_NONE: return dma.gpa != 0 || dma.page_shift <= 30;
	case NVMX_VTD_FAULT_WRITE:
	case NVMX_VTD_FAULT_READ:
	case NVMX_VTD_FAULT_TABLE:
	case NVMX_VTD_FAULT_ENTRY_RSVD:
	case NVMX_VTD_FAULT_INTERRUPT_RANGE: return true;
	default: return false;
	}
}

static void check_functions(void)
{
	uint32_t i;

	for (i = 0; i < functions; i++)
		if (translated(function[i]))
			stop("L1 has DMA of PCI function %lx translated, and there is no IOMMU to do it",
			     (uint64_t)function[i]);
}

static uint64_t access(struct cpu *cpu, const struct mmio *m, uint32_t offset)
{
	enum nvmx_vtd_verdict verdict = NVMX_VTD_DONE;
	uint64_t value = 0;

	while (__atomic_test_and_set(&lock, __ATOMIC_ACQUIRE))
		cpu_relax();
	running = cpu;
	if (m->write)
		verdict = nvmx_vtd_write(unit, offset, m->size, m->value);
	else
		value = nvmx_vtd_read(unit, offset, m->size);
	while (verdict == NVMX_VTD_MORE)
		verdict = nvmx_vtd_run(unit);
	if (m->write)
		check_functions();
	__atomic_clear(&lock, __ATOMIC_RELEASE);
	return value;
}

/* L1's access to the register page. */
bool vtd_access(struct cpu *cpu, uint64_t address)
{
	uint64_t qualification = vmread(EXIT_QUALIFICATION);
	struct mmio m;

	if (!vtd_owns(address))
		return false;
	if ((qualification & QUALIFICATION_LINEAR) != QUALIFICATION_LINEAR || vmread(IDT_VECTORING_INFO) & EVENT_VALID ||
	    !mmio_decode(cpu, &m) || m.write != !!(qualification & QUALIFICATION_WRITE) || address % PAGE + m.size > PAGE)
		stop_cpu(cpu, "not a MOV that uses the VT-d unit's registers");
	mmio_complete(cpu, &m, access(cpu, &m, (uint32_t)(address % PAGE)));
	return true;
}

void vtd_stats(void)
{
	uint32_t i;

	for (i = 0; machine.vtd && i < NVMX_VTD_CNT_COUNT; i++)
		log_line("stat vtd_%s %lu", nvmx_vtd_counter_name(i), nvmx_vtd_counter(unit, i));
}

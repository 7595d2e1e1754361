/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two facts from the ACPI tables: the processors' APIC ids (MADT) and the power-off port (FADT). And a table more for L1.
 */
#include "metal.h"

#define EBDA_SEGMENT 0x40e
#define MADT_LOCAL_APIC 0
#define MADT_ENABLED 1
#define MADT_ENTRIES 44
#define FADT_PM1A_CONTROL 64
#define RSDP_SIZE 20
#define RSDP_CHECKSUM 8
#define RSDP_REVISION 15
#define RSDP_RSDT 16
#define TABLE_CHECKSUM 9

struct table {
	char signature[4];
	uint32_t length;
	uint8_t rest[28];
	uint32_t entry[];
};

static uint64_t rsdp_address;

static bool checksum_ok(const uint8_t *p, size_t n)
{
	uint8_t sum = 0;

	while (n--)
		sum = (uint8_t)(sum + *p++);
	return sum == 0;
}

static const uint8_t *find_rsdp(uint64_t start, uint64_t end)
{
	for (; start < end; start += 16)
		if (memcmp(phys(start), "RSD PTR ", 8) == 0 && checksum_ok(phys(start), RSDP_SIZE)) {
			rsdp_address = start;
			return phys(start);
		}
	return NULL;
}

static const struct table *find_rsdt(void)
{
	const uint8_t *rsdp;
	uint16_t ebda;
	uint32_t address;

	memcpy(&ebda, phys(EBDA_SEGMENT), sizeof(ebda));
	rsdp = find_rsdp((uint64_t)ebda << 4, ((uint64_t)ebda << 4) + 1024);
	if (!rsdp)
		rsdp = find_rsdp(0xe0000, 0x100000);
	if (!rsdp)
		return NULL;
	memcpy(&address, rsdp + RSDP_RSDT, sizeof(address));
	return phys(address);
}

static const uint8_t *find_table(const struct table *rsdt, const char *signature)
{
	uint32_t i, n = (rsdt->length - sizeof(*rsdt)) / 4;

	for (i = 0; i < n; i++)
		if (memcmp(phys(rsdt->entry[i]), signature, 4) == 0)
			return phys(rsdt->entry[i]);
	return NULL;
}

static void read_processors(const uint8_t *madt)
{
	const uint8_t *end = madt + ((const struct table *)madt)->length;
	const uint8_t *p;

	for (p = madt + MADT_ENTRIES; p + 2 <= end && p[1]; p += p[1])
		if (p[0] == MADT_LOCAL_APIC && (p[4] & MADT_ENABLED) && machine.apic_ids < MAX_CPUS)
			machine.apic_id[machine.apic_ids++] = p[3];
}

/* Without tables metal knows one processor and powers off in the emulators' way only. */
void acpi_read(void)
{
	const struct table *rsdt = find_rsdt();
	const uint8_t *madt, *fadt;

	if (!rsdt)
		return;
	madt = find_table(rsdt, "APIC");
	fadt = find_table(rsdt, "FACP");
	if (madt)
		read_processors(madt);
	if (fadt)
		memcpy(&machine.power_port, fadt + FADT_PM1A_CONTROL, sizeof(machine.power_port));
}

static uint8_t checksum(const uint8_t *p, size_t n)
{
	uint8_t sum = 0;

	while (n--)
		sum = (uint8_t)(sum - *p++);
	return sum;
}

/* The RSDP lies in what is ROM for L1: L1 sees a copy of that page. Revision 0 makes it use the RSDT alone. */
static void point_to(uint32_t rsdt)
{
	uint8_t *rsdp;

	machine.rsdp_at = rsdp_address & -PAGE;
	machine.rsdp = page_alloc();
	memcpy(phys(machine.rsdp), phys(machine.rsdp_at), PAGE);
	rsdp = phys(machine.rsdp + rsdp_address % PAGE);
	rsdp[RSDP_REVISION] = 0;
	rsdp[RSDP_CHECKSUM] = 0;
	memcpy(rsdp + RSDP_RSDT, &rsdt, sizeof(rsdt));
	rsdp[RSDP_CHECKSUM] = checksum(rsdp, RSDP_SIZE);
}

/* The page below metal's own memory gets the table and an RSDT that names it; behind memory_choose_own. */
void acpi_add_table(const void *table, size_t size)
{
	const struct table *old = find_rsdt();
	struct table *rsdt;
	uint8_t *bytes;

	if (!old || old->length + 4 + size > PAGE)
		stop("no ACPI tables to add one to");
	if (find_table(old, table))
		stop("the machine has an ACPI table of its own like the one to add");
	machine.acpi_page = machine.own_base - PAGE;
	bytes = phys(machine.acpi_page);
	rsdt = phys(machine.acpi_page + size);
	memcpy(bytes, table, size);
	memcpy(rsdt, old, old->length);
	bytes = (uint8_t *)rsdt;
	rsdt->entry[(old->length - sizeof(*old)) / 4] = (uint32_t)machine.acpi_page;
	rsdt->length += 4;
	bytes[TABLE_CHECKSUM] = 0;
	bytes[TABLE_CHECKSUM] = checksum(bytes, rsdt->length);
	point_to((uint32_t)(machine.acpi_page + size));
}

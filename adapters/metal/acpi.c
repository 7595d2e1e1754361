/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two facts from the ACPI tables: the processors' APIC ids (MADT) and the power-off port (FADT).
 */
#include "metal.h"

#define EBDA_SEGMENT 0x40e
#define MADT_LOCAL_APIC 0
#define MADT_ENABLED 1
#define MADT_ENTRIES 44
#define FADT_PM1A_CONTROL 64
#define RSDP_RSDT 16

struct table {
	char signature[4];
	uint32_t length;
	uint8_t rest[28];
	uint32_t entry[];
};

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
		if (memcmp(phys(start), "RSD PTR ", 8) == 0 && checksum_ok(phys(start), 20))
			return phys(start);
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

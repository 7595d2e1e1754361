/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "acpi.h"
#include "aml.h"
#include "machine.h"
#include "uart.h"
#include <err.h>
#include <nestvmx/vtd.h>
#include <string.h>

#define HEADER 36u
#define FADT_SIZE 276u /* ACPI 6.4, 5.2.9 */
#define FADT_FLAGS (3u << 4 | 1u << 10) /* no fixed buttons, a reset register */
#define FADT_HARDWARE_REDUCED (1u << 20)
#define BOOT_NO_VGA (1u << 2)
#define BOOT_NO_RTC (1u << 5)
#define SCI_PIN 9u
#define SLEEP_TYPE 5u

static uint8_t *area;
static size_t used;
static bool legacy;

static void put(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static uint8_t *reserve(size_t n)
{
	uint8_t *at = area + used;

	used += (n + 63) & ~63ull;
	if (used > HIGH_RAM - BIOS_AREA)
		errx(2, "the ACPI tables do not fit");
	return at;
}

static uint64_t address_of(const uint8_t *table)
{
	return BIOS_AREA + (uint64_t)(table - area);
}

static void check_sum(uint8_t *table, size_t n, unsigned at)
{
	uint8_t sum = 0;

	table[at] = 0;
	for (size_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + table[i]);
	table[at] = (uint8_t)-sum;
}

static void finish(uint8_t *table, const char *signature, unsigned revision, size_t n)
{
	memcpy(table, signature, 4);
	put(table + 4, n, 4);
	table[8] = (uint8_t)revision;
	memcpy(table + 10, "NVMX  NVMXVMM ", 14);
	put(table + 24, 1, 4);
	memcpy(table + 28, "NVMX", 4);
	put(table + 32, 1, 4);
	check_sum(table, n, 9);
}

/* Bus 0; all ports but those of the configuration mechanism; the window for BARs. */
static const uint8_t bus_resources[] = {
	0x88, 13, 0, 2, 0x0c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0,
	0x47, 1, 0xf8, 0x0c, 0xf8, 0x0c, 1, 8,
	0x88, 13, 0, 1, 0x0c, 3, 0, 0, 0x00, 0x10, 0xff, 0xff, 0, 0, 0x00, 0xf0,
	0x87, 23, 0, 0, 0x0c, 1, 0, 0, 0, 0, 0, 0, 0, 0xe0, 0xff, 0xff, 0xff, 0xef, 0, 0, 0, 0, 0, 0, 0, 0x10,
};
static const uint8_t uart_resources[] = {
	0x47, 1, (uint8_t)UART_PORT, UART_PORT >> 8, (uint8_t)UART_PORT, UART_PORT >> 8, 1, 8, 0x22, 1u << UART_PIN, 0,
};

static uint64_t build_dsdt(void)
{
	struct aml a = { .at = reserve(512), .n = HEADER, .size = 512 };
	size_t scope = aml_begin(&a, "\x10"), device, package;

	aml_bytes(&a, "_SB_", 4);
	device = aml_device(&a, "PCI0");
	aml_name(&a, "_HID");
	aml_eisa_id(&a, "PNP0A03");
	aml_name(&a, "_CRS");
	aml_resources(&a, bus_resources, sizeof(bus_resources));
	aml_end(&a, device);
	device = aml_device(&a, "COM1");
	aml_name(&a, "_HID");
	aml_eisa_id(&a, "PNP0501");
	aml_name(&a, "_CRS");
	aml_resources(&a, uart_resources, sizeof(uart_resources));
	aml_end(&a, device);
	aml_end(&a, scope);
	aml_name(&a, "_S5_");
	package = aml_begin(&a, "\x12");
	aml_bytes(&a, "\x02", 1);
	aml_byte(&a, SLEEP_TYPE);
	aml_byte(&a, SLEEP_TYPE);
	aml_end(&a, package);
	finish(a.at, "DSDT", 2, a.n);
	return address_of(a.at);
}

/* A generic address of a byte of I/O space (5.2.3.2). */
static void put_port(uint8_t *at, uint16_t port)
{
	put(at, 0x01000801, 4);
	put(at + 4, port, 8);
}

static void put_fixed_hardware(uint8_t *t)
{
	uint8_t *facs = reserve(64);

	memcpy(facs, "FACS", 4);
	put(facs + 4, 64, 4);
	put(t + 36, address_of(facs), 4);
	put(t + 46, SCI_PIN, 2);
	put(t + 56, ACPI_PM1_EVENT_PORT, 4);
	put(t + 64, ACPI_PM1_CONTROL_PORT, 4);
	t[88] = 4; /* bytes of the event registers, and of the control register */
	t[89] = 2;
}

static uint64_t build_fadt(uint64_t dsdt)
{
	uint8_t *t = reserve(FADT_SIZE);

	if (legacy)
		put_fixed_hardware(t);
	put(t + 109, BOOT_NO_VGA | (legacy ? 0 : BOOT_NO_RTC), 2);
	put(t + 112, FADT_FLAGS | (legacy ? 0 : FADT_HARDWARE_REDUCED), 4);
	put_port(t + 116, ACPI_RESET_PORT);
	t[128] = 6; /* the value to reset with */
	put(t + 140, dsdt, 8);
	put_port(t + 244, ACPI_SLEEP_PORT);
	put_port(t + 256, ACPI_SLEEP_PORT + 1);
	finish(t, "FACP", 6, FADT_SIZE);
	return address_of(t);
}

static uint64_t build_madt(void)
{
	uint8_t *t = reserve(HEADER + 28);

	put(t + HEADER, 0xfee00000, 4);
	t[HEADER + 4] = legacy; /* PCAT_COMPAT: there are 8259s */
	put(t + HEADER + 8, 0x00000800, 4); /* local APIC 0 of processor 0 */
	put(t + HEADER + 12, 1, 4);
	put(t + HEADER + 16, 0x00000c01, 4); /* I/O APIC 0 */
	put(t + HEADER + 20, IOAPIC_BASE, 4);
	finish(t, "APIC", 4, HEADER + 28);
	return address_of(t);
}

static uint64_t build_dmar(bool interrupt_remapping, uint8_t host_width)
{
	struct nvmx_vtd_scope ioapic = { .type = NVMX_VTD_SCOPE_IOAPIC, .path_len = 1,
					 .path = { { IOAPIC_SOURCE_ID >> 3, IOAPIC_SOURCE_ID & 7 } } };
	struct nvmx_vtd_drhd drhd = { .base = UNIT_BASE, .include_all = true, .scopes = &ioapic, .scope_count = 1 };
	struct nvmx_vtd_dmar_config config = {
		.host_width = host_width, .interrupt_remapping = interrupt_remapping, .drhd = &drhd, .drhd_count = 1,
		.oem_id = "NVMX ", .oem_table_id = "NVMXVMM",
	};
	uint8_t *t = reserve(256);
	size_t n = nvmx_vtd_dmar(t, 256, &config);

	if (!n || n > 256)
		errx(2, "nvmx_vtd_dmar: %zu", n);
	return address_of(t);
}

static uint64_t build_xsdt(const uint64_t *tables, unsigned n)
{
	uint8_t *t = reserve(HEADER + 8 * n);

	for (unsigned i = 0; i < n; i++)
		put(t + HEADER + 8 * i, tables[i], 8);
	finish(t, "XSDT", 1, HEADER + 8 * n);
	return address_of(t);
}

void acpi_build(bool with_legacy, bool interrupt_remapping, uint8_t host_width)
{
	uint64_t tables[3];
	uint8_t *rsdp;

	legacy = with_legacy;
	area = machine_ram(BIOS_AREA, HIGH_RAM - BIOS_AREA);
	if (!area)
		errx(2, "L1 has too little memory");
	rsdp = reserve(HEADER);
	tables[0] = build_fadt(build_dsdt());
	tables[1] = build_madt();
	tables[2] = build_dmar(interrupt_remapping, host_width);
	memcpy(rsdp, "RSD PTR \0NVMX  \2", 16);
	put(rsdp + 20, HEADER, 4);
	put(rsdp + 24, build_xsdt(tables, 3), 8);
	check_sum(rsdp, 20, 8);
	check_sum(rsdp, HEADER, 32);
}

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "bus.h"
#include "acpi.h"
#include "ioapic.h"
#include "machine.h"
#include "msix.h"
#include "pci.h"
#include "uart.h"
#include "unit.h"
#include <string.h>

static uint64_t value_of(const uint8_t *data, unsigned size)
{
	uint64_t value = 0;

	memcpy(&value, data, size);
	return value;
}

void bus_port(uint16_t port, uint8_t *data, unsigned size, bool write)
{
	uint32_t value = write ? (uint32_t)value_of(data, size) : 0xffffffff;

	if (port >= UART_PORT && port < UART_PORT + 8 && size == 1) {
		if (write)
			uart_write(port - UART_PORT, (uint8_t)value);
		else
			value = uart_read(port - UART_PORT);
	} else if (port >= 0xcf8 && port + size <= 0xd00 && port != ACPI_RESET_PORT) {
		value = pci_port(port, size, value, write);
	} else if (write && port == ACPI_SLEEP_PORT && value & ACPI_SLEEP_ENABLE) {
		machine_turn_off(0);
	} else if (write && port == ACPI_RESET_PORT) {
		machine_turn_off(1);
	}
	if (!write)
		memcpy(data, &value, size);
}

void bus_memory(uint64_t address, uint8_t *data, unsigned size, bool write)
{
	uint64_t value = write ? value_of(data, size) : ~0ull;

	if (address >= UNIT_BASE && address < UNIT_BASE + 0x1000) {
		value = unit_access((uint32_t)(address - UNIT_BASE), size, value, write);
		if (unit_routes_changed())
			msix_update();
	}
	if (address >= IOAPIC_BASE && address < IOAPIC_BASE + 0x1000)
		value = ioapic_access((uint32_t)(address - IOAPIC_BASE), (uint32_t)value, write);
	else if (address >= PCI_WINDOW && address < PCI_WINDOW_END)
		value = pci_memory(address, size, value, write);
	if (!write)
		memcpy(data, &value, size);
}

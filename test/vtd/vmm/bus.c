/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "bus.h"
#include "acpi.h"
#include "ioapic.h"
#include "machine.h"
#include "msix.h"
#include "pci.h"
#include "pit.h"
#include "rtc.h"
#include "suite.h"
#include "uart.h"
#include "unit.h"
#include <string.h>

static uint64_t value_of(const uint8_t *data, unsigned size)
{
	uint64_t value = 0;

	memcpy(&value, data, size);
	return value;
}

static void power(uint16_t port, uint32_t value)
{
	if ((port == ACPI_SLEEP_PORT && value & ACPI_SLEEP_ENABLE) ||
	    (port == ACPI_PM1_CONTROL_PORT && value & ACPI_PM1_SLEEP_ENABLE))
		machine_turn_off(0);
	else if (port == ACPI_RESET_PORT)
		machine_turn_off(1);
	else if (port == SUITE_EXIT_PORT)
		machine_turn_off(value ? 1 : 0);
}

static uint32_t read_port(uint16_t port, unsigned size)
{
	if (port >= UART_PORT && port < UART_PORT + 8 && size == 1)
		return uart_read(port - UART_PORT);
	if (port >= 0xcf8 && port + size <= 0xd00)
		return pci_port(port, size, 0, false);
	if ((port >= PIT_PORT && port < PIT_PORT + 4) || port == PIT_GATE_PORT)
		return pit_read(port);
	if (port == RTC_PORT + 1)
		return rtc_read();
	if (port == SUITE_DATA_PORT)
		return suite_read();
	if (port >= ACPI_PM1_EVENT_PORT && port < ACPI_PM1_CONTROL_PORT)
		return 0;
	return port == ACPI_PM1_CONTROL_PORT ? ACPI_PM1_SCI_ENABLED : ~0u;
}

static void replace_unit(void)
{
	unit_replace();
	if (unit_routes_changed())
		msix_update();
}

static void write_port(uint16_t port, unsigned size, uint32_t value)
{
	if (port >= UART_PORT && port < UART_PORT + 8 && size == 1)
		uart_write(port - UART_PORT, (uint8_t)value);
	else if (port >= 0xcf8 && port + size <= 0xd00 && port != ACPI_RESET_PORT)
		pci_port(port, size, value, true);
	else if ((port >= PIT_PORT && port < PIT_PORT + 4) || port == PIT_GATE_PORT)
		pit_write(port, (uint8_t)value);
	else if (port == RTC_PORT)
		rtc_select((uint8_t)value);
	else if (port == UNIT_REPLACE_PORT)
		replace_unit();
	else if (port == SUITE_SELECT_PORT)
		suite_select((uint16_t)value);
	else
		power(port, value);
}

void bus_port(uint16_t port, uint8_t *data, unsigned size, bool write)
{
	uint32_t value;

	if (write) {
		write_port(port, size, (uint32_t)value_of(data, size));
		return;
	}
	value = read_port(port, size);
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

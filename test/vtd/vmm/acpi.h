/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * L1's ACPI tables: one PCI bus, one serial port, the unit.  Hardware-reduced, but on a legacy machine, where all registers
 * of its fixed hardware do nothing but to turn it off.
 */
#ifndef VTD_VMM_ACPI_H
#define VTD_VMM_ACPI_H

#include <stdbool.h>
#include <stdint.h>

#define ACPI_SLEEP_PORT 0x600u
#define ACPI_SLEEP_ENABLE 0x20u
#define ACPI_PM1_EVENT_PORT 0x604u
#define ACPI_PM1_CONTROL_PORT 0x608u
#define ACPI_PM1_SCI_ENABLED 1u
#define ACPI_PM1_SLEEP_ENABLE 0x2000u
#define ACPI_RESET_PORT 0xcf9u
#define ACPI_RSDP BIOS_AREA

/* Writes them to L1's memory at BIOS_AREA. */
void acpi_build(bool with_legacy, bool interrupt_remapping, uint8_t host_width);

#endif

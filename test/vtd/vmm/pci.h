/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* L1's only PCI bus: a host bridge, the assigned device at 00:04.0, an edu device at 00:05.0. */
#ifndef VTD_VMM_PCI_H
#define VTD_VMM_PCI_H

#include <stdbool.h>
#include <stdint.h>

void pci_create(bool assigned);
uint32_t pci_port(uint16_t port, unsigned size, uint32_t value, bool write);
uint64_t pci_memory(uint64_t address, unsigned size, uint64_t value, bool write);

#endif

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "pci.h"
#include "assigned.h"
#include "machine.h"

#define ADDRESS_PORT 0xcf8u
#define DATA_PORT 0xcfcu
#define ENABLED 0x80000000u

static uint32_t selected;

static uint32_t bridge_read(unsigned offset, unsigned size)
{
	/* A bridge of Red Hat's list, class 06 00 00. */
	static const uint32_t header[] = { 0x00081b36, 0, 0x06000000, 0 };
	uint32_t value = offset < sizeof(header) ? header[offset / 4] >> 8 * (offset & 3) : 0;

	return size == 4 ? value : value & ((1u << 8 * size) - 1);
}

static uint32_t config(unsigned offset, unsigned size, uint32_t value, bool write)
{
	uint16_t source_id = (uint16_t)(selected >> 8);

	if (!(selected & ENABLED))
		return ~0u;
	if (source_id == DEVICE_SOURCE_ID && write)
		assigned_config_write(offset, size, value);
	else if (source_id == DEVICE_SOURCE_ID)
		return assigned_config_read(offset, size);
	else if (source_id == 0 && !write)
		return bridge_read(offset, size);
	return ~0u;
}

uint32_t pci_port(uint16_t port, unsigned size, uint32_t value, bool write)
{
	if (port >= DATA_PORT)
		return config((selected & 0xfc) | (port & 3), size, value, write);
	if (port != ADDRESS_PORT || size != 4)
		return ~0u;
	if (write)
		selected = value;
	return selected;
}

uint64_t pci_memory(uint64_t address, unsigned size, uint64_t value, bool write)
{
	return assigned_memory(address, size, value, write);
}

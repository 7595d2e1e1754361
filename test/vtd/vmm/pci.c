/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "pci.h"
#include "assigned.h"
#include "edu.h"
#include "machine.h"

#define ADDRESS_PORT 0xcf8u
#define DATA_PORT 0xcfcu
#define ENABLED 0x80000000u
#define CONFIG_SIZE 256u

static uint32_t selected;
static bool has_assigned;

void pci_create(bool assigned)
{
	has_assigned = assigned;
	edu_create();
}

static uint32_t bridge_read(unsigned offset, unsigned size)
{
	/* A bridge of Red Hat's list, class 06 00 00. */
	static const uint32_t header[] = { 0x00081b36, 0, 0x06000000, 0 };
	uint32_t value = offset < sizeof(header) ? header[offset / 4] >> 8 * (offset & 3) : 0;

	return size == 4 ? value : value & ((1u << 8 * size) - 1);
}

static uint32_t config_read(uint16_t source_id, unsigned offset, unsigned size)
{
	if (source_id == DEVICE_SOURCE_ID && has_assigned)
		return assigned_config_read(offset, size);
	if (source_id == EDU_SOURCE_ID)
		return edu_config_read(offset, size);
	return source_id ? ~0u : bridge_read(offset, size);
}

static void config_write(uint16_t source_id, unsigned offset, unsigned size, uint32_t value)
{
	if (source_id == DEVICE_SOURCE_ID && has_assigned)
		assigned_config_write(offset, size, value);
	else if (source_id == EDU_SOURCE_ID)
		edu_config_write(offset, size, value);
}

static uint32_t config(unsigned offset, unsigned size, uint32_t value, bool write)
{
	uint16_t source_id = (uint16_t)(selected >> 8);

	if (!(selected & ENABLED) || offset + size > CONFIG_SIZE)
		return ~0u;
	if (!write)
		return config_read(source_id, offset, size);
	config_write(source_id, offset, size, value);
	return 0;
}

uint32_t pci_port(uint16_t port, unsigned size, uint32_t value, bool write)
{
	if (port >= DATA_PORT)
		return config((selected & 0xff) | (port & 3), size, value, write); /* kvm-unit-tests leave bits 1:0 there */
	if (port != ADDRESS_PORT || size != 4)
		return ~0u;
	if (write)
		selected = value;
	return selected;
}

uint64_t pci_memory(uint64_t address, unsigned size, uint64_t value, bool write)
{
	if (edu_memory(address, size, &value, write))
		return value;
	return has_assigned ? assigned_memory(address, size, value, write) : ~0ull;
}

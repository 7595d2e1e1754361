/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "edu.h"
#include "ioapic.h"
#include "machine.h"
#include "unit.h"
#include <stdio.h>
#include <string.h>

#define COMMAND 0x04u
#define COMMAND_MEMORY 2u
#define COMMAND_MASTER 4u
#define BAR0 0x10u
#define MSI 0x40u
#define MSI_ENABLE 0x10000u
#define CONFIG 0x100u
#define BAR_SIZE 0x100000u
#define PIN 10u

enum {
	ID = 0x00, ALIVE = 0x04, INTERRUPTS = 0x24, RAISE = 0x60, ACKNOWLEDGE = 0x64, SOURCE = 0x80, TARGET = 0x88,
	COUNT = 0x90, RUN = 0x98, REGISTERS = 0xa0
};
#define RUN_START 1u
#define RUN_TO_MEMORY 2u
#define RUN_INTERRUPT 4u
#define DMA_INTERRUPT 0x100u
#define BUFFER 0x40000u
#define BUFFER_SIZE 4096u

/* 1234:11e8, class 00 ff 00, interrupt pin A, a 64-bit MSI capability. */
static uint8_t config[CONFIG];
static uint8_t writable[CONFIG];
static uint8_t registers[REGISTERS], buffer[BUFFER_SIZE];
static uint64_t moved, refused;

static uint32_t get(const uint8_t *from)
{
	uint32_t value;

	memcpy(&value, from, 4);
	return value;
}

static uint64_t get64(const uint8_t *from)
{
	return get(from) | (uint64_t)get(from + 4) << 32;
}

static void put(uint8_t *to, uint32_t value)
{
	memcpy(to, &value, 4);
}

void edu_create(void)
{
	put(config, 0x11e81234);
	put(config + COMMAND, 0x00100000 | COMMAND_MEMORY); /* as a BIOS leaves it */
	put(config + 0x08, 0x00ff0010);
	put(config + BAR0, EDU_BASE);
	config[0x34] = MSI;
	put(config + 0x3c, 0x0100 | PIN);
	put(config + MSI, 0x00800005);
	put(writable + COMMAND, 0x0406);
	put(writable + BAR0, ~(BAR_SIZE - 1));
	writable[0x3c] = 0xff;
	put(writable + MSI, MSI_ENABLE);
	put(writable + MSI + 4, ~3u);
	put(writable + MSI + 8, ~0u);
	put(writable + MSI + 12, 0xffff);
}

uint32_t edu_config_read(unsigned offset, unsigned size)
{
	uint32_t value = 0;

	memcpy(&value, config + offset, size);
	return value;
}

void edu_config_write(unsigned offset, unsigned size, uint32_t value)
{
	for (unsigned i = 0; i < size; i++, offset++)
		config[offset] = (uint8_t)((config[offset] & ~writable[offset]) | ((value >> 8 * i) & writable[offset]));
}

static void interrupt(uint32_t causes)
{
	bool before = get(registers + INTERRUPTS);

	put(registers + INTERRUPTS, get(registers + INTERRUPTS) | causes);
	if (get(config + MSI) & MSI_ENABLE)
		unit_message(EDU_SOURCE_ID, (struct msi){ .address = get64(config + MSI + 4), .data = get(config + MSI + 12) });
	else if (!before && get(registers + INTERRUPTS))
		ioapic_edge(PIN);
}

static bool move(uint64_t iova, uint32_t at, uint64_t len, bool to_memory)
{
	while (len) {
		struct nvmx_vtd_dma dma;
		void *memory = NULL;

		if (unit_translate(EDU_SOURCE_ID, iova, len, to_memory, &dma))
			memory = machine_ram(dma.gpa, dma.len);
		if (!memory)
			return false;
		if (to_memory)
			memcpy(memory, buffer + at, dma.len);
		else
			memcpy(buffer + at, memory, dma.len);
		iova += dma.len;
		at += (uint32_t)dma.len;
		len -= dma.len;
	}
	return true;
}

static void run(uint32_t command)
{
	uint64_t source = get64(registers + SOURCE), target = get64(registers + TARGET), len = get64(registers + COUNT);
	bool to_memory = command & RUN_TO_MEMORY;
	uint64_t inside = (to_memory ? source : target) - BUFFER;

	if (!(get(config + COMMAND) & COMMAND_MASTER) || inside > BUFFER_SIZE || len > BUFFER_SIZE - inside)
		return;
	if (move(to_memory ? target : source, (uint32_t)inside, len, to_memory))
		moved++;
	else
		refused++;
	if (command & RUN_INTERRUPT)
		interrupt(DMA_INTERRUPT);
}

static void write_register(unsigned at, unsigned size, uint64_t value)
{
	uint32_t v = (uint32_t)value;

	if (at >= SOURCE && at < RUN && size <= RUN - at)
		memcpy(registers + at, &value, size);
	else if (at == ALIVE)
		put(registers + ALIVE, ~v);
	else if (at == RAISE)
		interrupt(v);
	else if (at == ACKNOWLEDGE)
		put(registers + INTERRUPTS, get(registers + INTERRUPTS) & ~v);
	else if (at == RUN && v & RUN_START)
		run(v);
}

bool edu_memory(uint64_t address, unsigned size, uint64_t *value, bool write)
{
	uint64_t at = address - (get(config + BAR0) & ~0xfu);

	if (!(get(config + COMMAND) & COMMAND_MEMORY) || at >= BAR_SIZE)
		return false;
	if (write) {
		write_register((unsigned)at, size, *value);
		return true;
	}
	*value = 0;
	if (at == ID)
		*value = 0x010000ed;
	else if (at < REGISTERS && size <= REGISTERS - at)
		memcpy(value, registers + at, size);
	return true;
}

void edu_report(void)
{
	printf("vmm: edu moved=%llu refused=%llu\n", (unsigned long long)moved, (unsigned long long)refused);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a device of L1's may write memory where metal does not see it. It may not as long as no PCI function is a bus master and
 * every channel of the ISA DMA controllers is masked: until L1 makes an end of either, metal sees what it writes to the ports that
 * do. Metal knows one machine with no other way to them, Intel's 440FX; on every other one a device always may.
 */
#include "metal.h"

#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc
#define PCI_ENABLE 0x80000000u
#define PCI_REGISTER 0xfcu
#define PCI_COMMAND 4
#define PCI_CLASS 8
#define BUS_MASTER 4u
#define IO_SPACE 1u
#define PCI_UHCI_BASE 0x20
#define UHCI_RUN 1
#define CLASS_UHCI 0xc0300u
#define CLASS_BRIDGE 6u			/* what is behind them is a bus master of its own, or an ISA channel */
#define FUNCTIONS 0x10000u
#define INTEL_440FX 0x12378086u
#define CASCADE 0			/* channel 4 leads to the first controller, and is none of a device */
#define CPUID_7_EBX_PROCESSOR_TRACE (1u << 25)	/* it can write to physical addresses (SDM 35.2.6) */

/* Of both controllers: the mask of one channel, clear all, all masks. */
static const uint16_t isa_mask[2][3] = { { 0x0a, 0x0e, 0x0f }, { 0xd4, 0xdc, 0xde } };
enum { MASK_ONE, MASK_CLEAR, MASK_ALL };

static uint32_t config_read(uint32_t function, uint32_t offset)
{
	outl(PCI_ADDRESS, PCI_ENABLE | function << 8 | offset);
	return inl(PCI_DATA);
}

/* A USB controller that the BIOS has left as it was, and stopped: its driver makes it a bus master again. */
static void quieten_uhci(uint32_t function, uint32_t command)
{
	uint32_t base = config_read(function, PCI_UHCI_BASE) & ~3u;

	if (!(command & IO_SPACE) || !base || inw((uint16_t)base) & UHCI_RUN)
		return;
	outl(PCI_ADDRESS, PCI_ENABLE | function << 8 | PCI_COMMAND);
	outw(PCI_DATA, (uint16_t)(command & ~BUS_MASTER));
}

static bool has_bus_master(void)
{
	uint32_t f, class, command;

	for (f = 0; f < FUNCTIONS; f++) {
		command = config_read(f, PCI_COMMAND);
		class = config_read(f, PCI_CLASS) >> 8;
		if ((config_read(f, 0) & 0xffff) == 0xffff || !(command & BUS_MASTER) || class >> 16 == CLASS_BRIDGE)
			continue;
		if (class == CLASS_UHCI)
			quieten_uhci(f, command);
		if (config_read(f, PCI_COMMAND) & BUS_MASTER)
			return true;
	}
	return false;
}

/* While metal starts. What the BIOS has left of the ISA channels cannot be read: its floppy driver masks its own. */
void dma_create(void)
{
	machine.dma = config_read(0, 0) != INTEL_440FX || cpuid(7, 0).ebx & CPUID_7_EBX_PROCESSOR_TRACE || has_bus_master();
}

static void intercept(bool on)
{
	uint32_t i;

	for (i = 0; i < 4; i++)
		io_intercept((uint16_t)(PCI_DATA + i), on);
	for (i = 0; i < 6; i++)
		io_intercept(isa_mask[i / 3][i % 3], on);
}

void dma_watch(void)
{
	if (!machine.dma)
		intercept(true);
}

bool dma_owns(uint16_t port, uint32_t size)
{
	uint32_t i;

	for (i = 0; i < 6; i++)
		if ((uint32_t)isa_mask[i / 3][i % 3] - port < size)
			return true;
	return port < PCI_DATA + 4 && port + size > PCI_DATA;
}

static bool unmasks(uint16_t port, uint8_t value)
{
	uint32_t second = port >= 0xc0, i;

	for (i = 0; i < 3 && isa_mask[second][i] != port; i++)
		;
	switch (i) {
	case MASK_ONE: return !(value & 4) && !(second && (value & 3) == CASCADE);
	case MASK_CLEAR: return true;
	case MASK_ALL: return (value & 15) != 15 && !(second && (value & 15) == 15 - (1 << CASCADE));
	default: return false;
	}
}

/* L1 is about to write to these ports. */
void dma_write(uint16_t port, uint32_t size, uint32_t value)
{
	bool begins;

	if (size == 1 && port < PCI_DATA)
		begins = unmasks(port, (uint8_t)value);
	else if (port == PCI_DATA)
		begins = (inl(PCI_ADDRESS) & PCI_REGISTER) == PCI_COMMAND && value & BUS_MASTER;
	else
		begins = port < PCI_DATA;	/* what else reaches these ports: no driver's way */
	if (begins)
		dma_begins();
}

/* From here on L1's devices are out of sight. */
void dma_begins(void)
{
	intercept(false);
	machine.dma = 1;
	watch_end();
}

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "assigned.h"
#include "machine.h"
#include "msix.h"
#include <err.h>

#define COMMAND 0x04u
#define COMMAND_MEMORY 2u
#define BAR0 0x10u
#define BARS_END 0x28u
#define ROM 0x30u
#define CAPABILITIES 0x34u
#define INTERRUPT 0x3cu /* line and pin */
#define BAR_IO 1u
#define BAR_64 4u
#define MSIX_ID 0x11u
#define PAGE 4096ull

static struct vfio *vfio;
static struct place {
	uint64_t base, size; /* size 0: no memory BAR */
	bool wide, mapped;
} places[VFIO_REGIONS];
static unsigned msix;
static uint64_t trapped, trapped_end; /* of msix_bar(): the pages of the table and the pending bits */

static unsigned find_msix(void)
{
	unsigned at = vfio_config_read(vfio, CAPABILITIES, 1) & 0xfc;

	for (unsigned i = 0; at && i < 48; i++, at = vfio_config_read(vfio, at + 1, 1) & 0xfc)
		if (vfio_config_read(vfio, at, 1) == MSIX_ID)
			return at;
	errx(2, "the device has no MSI-X");
}

static void create_msix(void)
{
	uint32_t table = vfio_config_read(vfio, msix + 4, 4), pending = vfio_config_read(vfio, msix + 8, 4);
	unsigned n = (vfio_config_read(vfio, msix + 2, 2) & 0x7ff) + 1;
	uint64_t first = table & ~7u, last = first + 16ull * n, other = pending & ~7u;

	if ((table & 7) != (pending & 7) || (table & 7) >= VFIO_REGIONS)
		errx(2, "MSI-X in two BARs");
	trapped = (first < other ? first : other) & ~(PAGE - 1);
	trapped_end = ((last > other + n / 8 + 8 ? last : other + n / 8 + 8) + PAGE - 1) & ~(PAGE - 1);
	msix_create(vfio, n, table & 7, first, other);
}

/* Where a BIOS would have put them. */
static void place_bars(void)
{
	uint64_t next = PCI_WINDOW;

	for (unsigned i = 0; i < VFIO_REGIONS; i++) {
		struct place *p = &places[i];
		uint32_t bar = vfio_config_read(vfio, BAR0 + 4 * i, 4);

		if (!vfio->region[i].size || bar & BAR_IO)
			continue;
		p->size = vfio->region[i].size;
		p->wide = bar & BAR_64;
		next = (next + p->size - 1) & ~(p->size - 1);
		vfio_config_write(vfio, BAR0 + 4 * i, 4, (uint32_t)next);
		if (p->wide)
			vfio_config_write(vfio, BAR0 + 4 * ++i, 4, 0);
		next += p->size < PAGE ? PAGE : p->size;
	}
}

/* Each region takes two slots: before and behind what is trapped. */
static void map_region(unsigned i, bool on)
{
	struct place *p = &places[i];
	uint64_t hole = i == msix_bar() ? trapped : p->size, end = i == msix_bar() ? trapped_end : p->size;
	uint8_t *memory = vfio->region[i].memory;

	p->mapped = on;
	if (!memory || p->size < PAGE)
		return;
	if (hole)
		machine_map(1 + 2 * i, p->base, memory, on ? hole : 0);
	if (end < p->size)
		machine_map(2 + 2 * i, p->base + end, memory + end, on ? p->size - end : 0);
}

static void follow_bars(void)
{
	bool on = vfio_config_read(vfio, COMMAND, 2) & COMMAND_MEMORY;

	for (unsigned i = 0; i < VFIO_REGIONS; i++) {
		struct place *p = &places[i];
		uint64_t base;

		if (!p->size)
			continue;
		base = vfio_config_read(vfio, BAR0 + 4 * i, 4) & ~0xfu;
		if (p->wide)
			base |= (uint64_t)vfio_config_read(vfio, BAR0 + 4 * i + 4, 4) << 32;
		if (p->mapped && (!on || base != p->base))
			map_region(i, false);
		p->base = base;
		if (on && !p->mapped && base >= PCI_WINDOW && base + p->size <= PCI_WINDOW_END)
			map_region(i, true);
	}
}

void assigned_create(struct vfio *v)
{
	vfio = v;
	msix = find_msix();
	create_msix();
	place_bars();
	follow_bars();
}

/* Neither the ROM nor the interrupt pin is L1's. */
static bool hidden(unsigned offset)
{
	return (offset >= ROM && offset < ROM + 4) || (offset >= INTERRUPT && offset < INTERRUPT + 2);
}

uint32_t assigned_config_read(unsigned offset, unsigned size)
{
	uint32_t value = hidden(offset) ? 0 : vfio_config_read(vfio, offset, size);

	if (offset == msix + 2)
		return msix_control();
	if (offset == msix && size == 4)
		return (value & 0xffff) | (uint32_t)msix_control() << 16;
	return value;
}

void assigned_config_write(unsigned offset, unsigned size, uint32_t value)
{
	if (hidden(offset))
		return;
	if (offset == msix && size == 4)
		msix_set_control((uint16_t)(value >> 16));
	else if (offset == msix + 2 && size == 2)
		msix_set_control((uint16_t)value);
	else if (offset < msix || offset >= msix + 12)
		vfio_config_write(vfio, offset, size, value);
	if (offset < BARS_END)
		follow_bars();
}

uint64_t assigned_memory(uint64_t address, unsigned size, uint64_t value, bool write)
{
	for (unsigned i = 0; i < VFIO_REGIONS; i++) {
		const struct place *p = &places[i];
		uint64_t at = address - p->base;

		if (!p->mapped || at >= p->size)
			continue;
		if (i == msix_bar() && msix_covers(at))
			return msix_access(at, size, value, write);
		if (!write)
			return vfio_region_read(vfio, i, at, size);
		vfio_region_write(vfio, i, at, size, value);
	}
	return ~0ull;
}

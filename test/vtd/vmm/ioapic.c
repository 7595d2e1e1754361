/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "ioapic.h"
#include "machine.h"
#include "unit.h"

enum { SELECT = 0, WINDOW = 0x10 };
enum { ID, VERSION, ARBITRATION, ENTRIES = 0x10 };
#define MASKED 0x10000ull
#define WRITABLE (~0x5000ull) /* not: delivery status, remote IRR */
#define ASSERT 0x4000u

static uint32_t selected, id;
static uint16_t source_id;
static uint64_t entries[IOAPIC_PINS] = { [0 ... IOAPIC_PINS - 1] = MASKED };
static bool waiting[IOAPIC_PINS]; /* an edge that came while masked is not lost to a driver that polls */

void ioapic_create(uint16_t its_source_id)
{
	source_id = its_source_id;
}

/* The request of an entry, in either format (VT-d 5.1.2, 5.1.5.1): bits 63:48 are 19:4 of the address, 11 is 2. */
static void send(uint64_t e)
{
	unit_message(source_id, (struct msi){
		.address = 0xfee00000 | (e >> 48) << 4 | (e >> 11 & 1) << 2,
		.data = (uint32_t)(e & 0x87ff) | ASSERT,
	});
}

void ioapic_edge(unsigned pin)
{
	if (machine_legacy())
		machine_edge(pin);
	else if (entries[pin] & MASKED)
		waiting[pin] = true;
	else
		send(entries[pin]);
}

static void write_entry(unsigned n, bool high, uint32_t value)
{
	uint64_t *e = &entries[n];

	*e = high ? (*e & 0xffffffff) | (uint64_t)value << 32 : (*e >> 32 << 32) | (value & WRITABLE);
	if (!(*e & MASKED) && waiting[n]) {
		waiting[n] = false;
		send(*e);
	}
}

static uint32_t read_register(void)
{
	if (selected == VERSION)
		return (IOAPIC_PINS - 1) << 16 | 0x20;
	if (selected == ID || selected == ARBITRATION)
		return id;
	if (selected >= ENTRIES && selected < ENTRIES + 2 * IOAPIC_PINS)
		return (uint32_t)(entries[(selected - ENTRIES) / 2] >> (selected & 1 ? 32 : 0));
	return 0;
}

uint32_t ioapic_access(uint32_t offset, uint32_t value, bool write)
{
	if (!write)
		return offset == SELECT ? selected : offset == WINDOW ? read_register() : 0;
	if (offset == SELECT)
		selected = value & 0xff;
	else if (offset == WINDOW && selected == ID)
		id = value & 0x0f000000;
	else if (offset == WINDOW && selected >= ENTRIES && selected < ENTRIES + 2 * IOAPIC_PINS)
		write_entry((selected - ENTRIES) / 2, selected & 1, value);
	return 0;
}

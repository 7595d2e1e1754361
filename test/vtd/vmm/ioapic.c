/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "ioapic.h"
#include "machine.h"
#include "unit.h"
#include <pthread.h>

enum { SELECT = 0, WINDOW = 0x10 };
enum { ID, VERSION, ARBITRATION, ENTRIES = 0x10 };
#define MASKED 0x10000ull
#define WRITABLE (~0x5000ull) /* not: delivery status, remote IRR */
#define ASSERT 0x4000u

static uint32_t selected, id;
static uint16_t source_id;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
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
	if (machine_irqchip()) {
		machine_edge(pin);
		return;
	}
	pthread_mutex_lock(&lock);
	if (entries[pin] & MASKED)
		waiting[pin] = true;
	else
		send(entries[pin]);
	pthread_mutex_unlock(&lock);
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

static void write_register(uint32_t value)
{
	if (selected == ID)
		id = value & 0x0f000000;
	else if (selected >= ENTRIES && selected < ENTRIES + 2 * IOAPIC_PINS)
		write_entry((selected - ENTRIES) / 2, selected & 1, value);
}

uint32_t ioapic_access(uint32_t offset, uint32_t value, bool write)
{
	uint32_t result = 0;

	pthread_mutex_lock(&lock);
	if (offset == SELECT && write)
		selected = value & 0xff;
	else if (offset == SELECT)
		result = selected;
	else if (offset == WINDOW && write)
		write_register(value);
	else if (offset == WINDOW)
		result = read_register();
	pthread_mutex_unlock(&lock);
	return result;
}

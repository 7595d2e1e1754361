/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "pit.h"
#include "ioapic.h"
#include <err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#define HZ 1193182ull
#define NS 1000000000ull
#define PIN 0u
#define CONTROL (PIT_PORT + 3)
#define GATE 1u
#define OUTPUT 0x20u
#define IDLE_NS 10000000ull

static struct counter {
	uint32_t reload;    /* 0: 65536 */
	uint64_t since;     /* when it was loaded */
	uint16_t latch;
	bool latched, high; /* high: the next byte is the upper one */
} counters[3];
static _Atomic uint64_t period; /* of counter 0; 0: it is not programmed */
static uint8_t gate;
static bool present;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

static uint64_t elapsed(const struct counter *c)
{
	return (now() - c->since) * HZ / NS;
}

static void *tick(void *unused)
{
	for (;;) {
		uint64_t ns = period;
		struct timespec t = { .tv_nsec = (long)(ns ? ns : IDLE_NS) };

		nanosleep(&t, NULL);
		if (ns)
			ioapic_edge(PIN);
	}
	return unused;
}

void pit_create(void)
{
	pthread_t thread;

	present = true;
	if (pthread_create(&thread, NULL, tick, NULL))
		errx(2, "no thread");
}

static void load(unsigned n, uint8_t value)
{
	struct counter *c = &counters[n];

	c->reload = c->high ? (c->reload & 0xff) | (uint32_t)value << 8 : value;
	c->high = !c->high;
	if (c->high)
		return;
	c->since = now();
	if (n == 0)
		period = (c->reload ? c->reload : 0x10000) * NS / HZ;
}

/* Lower byte first, always: what software programs. */
static void control(uint8_t value)
{
	struct counter *c = &counters[value >> 6 == 3 ? 0 : value >> 6];

	if (value >> 6 == 3)
		return;
	c->high = false;
	if (value & 0x30) {
		c->latched = false;
		return;
	}
	c->latch = (uint16_t)(c->reload - elapsed(c));
	c->latched = true;
}

void pit_write(unsigned port, uint8_t value)
{
	if (!present)
		return;
	if (port == PIT_GATE_PORT) {
		if (value & ~gate & GATE)
			counters[2].since = now();
		gate = value & 3;
	} else if (port == CONTROL) {
		control(value);
	} else {
		load(port - PIT_PORT, value);
	}
}

uint8_t pit_read(unsigned port)
{
	struct counter *c = port < CONTROL ? &counters[port - PIT_PORT] : &counters[2];
	uint16_t value;

	if (!present)
		return 0xff;
	if (port == PIT_GATE_PORT)
		return gate | (gate & GATE && !c->high && elapsed(c) >= c->reload ? OUTPUT : 0);
	if (port == CONTROL)
		return 0xff;
	value = c->latched ? c->latch : (uint16_t)(c->reload - elapsed(c));
	c->high = !c->high;
	if (c->high)
		return (uint8_t)value;
	c->latched = false;
	return (uint8_t)(value >> 8);
}

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "msix.h"
#include "machine.h"
#include "unit.h"
#include <err.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ENABLE 0x8000u
#define MASK_ALL 0x4000u
#define MASKED 1u
#define TICK_MS 250

/* A table entry: address, its upper half, data, control. */
static struct vector {
	uint32_t entry[4];
	int fd;
	bool pending;
} vectors[VFIO_VECTORS];
static unsigned count, bar;
static uint64_t table_at, pending_at;
static uint16_t control;
static struct vfio *vfio;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t delivered, routed, updates;

static struct msi message(const struct vector *v)
{
	return (struct msi){ .address = v->entry[0] | (uint64_t)v->entry[1] << 32, .data = v->entry[2] };
}

static bool masked(const struct vector *v)
{
	return v->entry[3] & MASKED || (control & (ENABLE | MASK_ALL)) != ENABLE;
}

static void deliver(struct vector *v)
{
	v->pending = masked(v);
	if (v->pending)
		return;
	delivered++;
	unit_message(DEVICE_SOURCE_ID, message(v));
}

/* What came while there was no route is in the eventfd. */
static void drain(struct vector *v)
{
	uint64_t n;

	if (read(v->fd, &n, sizeof(n)) == sizeof(n))
		deliver(v);
}

static void update(void)
{
	struct route routes[VFIO_VECTORS] = { 0 };
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++)
		if (!masked(&vectors[i]) && unit_remap(DEVICE_SOURCE_ID, message(&vectors[i]), &routes[n].msi))
			routes[n++].fd = vectors[i].fd;
	machine_routes(routes, n);
	updates++;
	if (n > routed)
		routed = n;
}

/* What came while it was masked; a vector that is masked still keeps it. */
static void deliver_pending(void)
{
	for (unsigned i = 0; i < count; i++)
		if (vectors[i].pending)
			deliver(&vectors[i]);
}

void msix_update(void)
{
	pthread_mutex_lock(&lock);
	update();
	pthread_mutex_unlock(&lock);
}

static void *listen(void *unused)
{
	struct pollfd fds[VFIO_VECTORS];

	for (unsigned i = 0; i < count; i++)
		fds[i] = (struct pollfd){ .fd = vectors[i].fd, .events = POLLIN };
	for (;;) {
		if (!poll(fds, count, TICK_MS))
			unit_tick();
		pthread_mutex_lock(&lock);
		for (unsigned i = 0; i < count; i++)
			if (fds[i].revents)
				drain(&vectors[i]);
		pthread_mutex_unlock(&lock);
	}
	return unused;
}

void msix_create(struct vfio *v, unsigned n, unsigned in_bar, uint64_t table, uint64_t pending)
{
	pthread_t thread;

	vfio = v;
	count = n < VFIO_VECTORS ? n : VFIO_VECTORS;
	bar = in_bar;
	table_at = table;
	pending_at = pending;
	for (unsigned i = 0; i < count; i++) {
		vectors[i] = (struct vector){ .entry = { 0, 0, 0, MASKED }, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
		if (vectors[i].fd < 0)
			err(2, "eventfd");
	}
	if (pthread_create(&thread, NULL, listen, NULL))
		errx(2, "no thread");
}

unsigned msix_bar(void)
{
	return bar;
}

uint16_t msix_control(void)
{
	return control | (uint16_t)(count - 1);
}

static void connect(bool on)
{
	int fds[VFIO_VECTORS] = { 0 };

	for (unsigned i = 0; i < count; i++)
		fds[i] = vectors[i].fd;
	vfio_vectors(vfio, fds, on ? count : 0);
}

void msix_set_control(uint16_t value)
{
	uint16_t changed;

	pthread_mutex_lock(&lock);
	changed = control ^ value;
	control = value & (ENABLE | MASK_ALL);
	if (changed & ENABLE)
		connect(control & ENABLE);
	if (changed & (ENABLE | MASK_ALL)) {
		update();
		deliver_pending();
	}
	pthread_mutex_unlock(&lock);
}

bool msix_covers(uint64_t offset)
{
	return offset - table_at < 16ull * count || offset - pending_at < VFIO_VECTORS / 8;
}

static uint64_t pending_bits(void)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < count; i++)
		bits |= (uint64_t)vectors[i].pending << i;
	return bits;
}

static void write_entry(struct vector *v, unsigned at, unsigned size, uint64_t value)
{
	bool was = masked(v);

	memcpy((uint8_t *)v->entry + at, &value, size);
	if (was && masked(v))
		return;
	update();
	deliver_pending();
}

uint64_t msix_access(uint64_t offset, unsigned size, uint64_t value, bool write)
{
	uint64_t at = offset - table_at, result = 0;

	if ((size != 4 && size != 8) || offset & (size - 1))
		return ~0ull;
	pthread_mutex_lock(&lock);
	if (at >= 16ull * count)
		result = pending_bits() >> 8 * (offset - pending_at);
	else if (write)
		write_entry(&vectors[at / 16], at % 16, size, value);
	else
		memcpy(&result, (const uint8_t *)vectors[at / 16].entry + at % 16, size);
	pthread_mutex_unlock(&lock);
	return result;
}

void msix_report(void)
{
	printf("vmm: msix routes=%llu updates=%llu by-thread=%llu\n", (unsigned long long)routed,
	       (unsigned long long)updates, (unsigned long long)delivered);
}

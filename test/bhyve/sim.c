/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Threads that hand on one baton, and the rest of sim.h. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim.h"

#define THREADS 8
#define WAITS_MAX 100000u /* so often nobody waits for something that will come */

static struct {
	void (*run)(void *arg);
	void *arg, *own;
	bool live;
	pthread_t id;
} threads[THREADS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t handed_on = PTHREAD_COND_INITIALIZER;
static unsigned turn, waits;
static _Thread_local unsigned self;

void sim_complain(const char *format, va_list list)
{
	fflush(stdout);
	fputs("broken: ", stderr);
	vfprintf(stderr, format, list);
	fputc('\n', stderr);
}

void sim_abort(void)
{
	abort();
}

void sim_die(const char *why)
{
	fprintf(stderr, "broken: %s\n", why);
	abort();
}

void *sim_alloc(size_t size, size_t align)
{
	void *p = aligned_alloc(align, (size + align - 1) / align * align);

	if (!p)
		sim_die("no memory for the test");
	memset(p, 0, size);
	return p;
}

void sim_free(void *p)
{
	free(p);
}

void sim_begin(void *own)
{
	memset(threads, 0, sizeof(threads));
	threads[0].own = own;
	threads[0].live = true;
	self = turn = waits = 0;
}

void sim_end(void)
{
	for (unsigned i = 1; i < THREADS; i++)
		if (threads[i].live)
			sim_die("a thread is left over");
	threads[0].live = false;
}

void *sim_own(void)
{
	return threads[self].own;
}

void sim_become(void *own)
{
	for (unsigned i = 0; i < THREADS; i++)
		if (i != self && threads[i].live && threads[i].own == own)
			sim_die("two threads on one processor");
	threads[self].own = own;
}

static bool hand_on(void)
{
	unsigned next = turn;

	do
		next = (next + 1) % THREADS;
	while (!threads[next].live && next != turn);
	if (next == turn)
		return false;
	turn = next;
	pthread_cond_broadcast(&handed_on);
	return true;
}

static void await_turn(void)
{
	while (turn != self)
		pthread_cond_wait(&handed_on, &lock);
}

bool sim_others(void)
{
	bool others;

	if (++waits > WAITS_MAX)
		sim_die("a thread waits for what never comes");
	pthread_mutex_lock(&lock);
	others = hand_on();
	await_turn();
	pthread_mutex_unlock(&lock);
	return others;
}

static void *body(void *arg)
{
	unsigned n = (unsigned)(uintptr_t)arg;

	self = n;
	pthread_mutex_lock(&lock);
	await_turn();
	pthread_mutex_unlock(&lock);
	threads[n].run(threads[n].arg);
	pthread_mutex_lock(&lock);
	hand_on();
	threads[n].live = false;
	pthread_mutex_unlock(&lock);
	return NULL;
}

void sim_start(void (*run)(void *arg), void *arg, void *own)
{
	unsigned n = 1;

	while (n < THREADS && threads[n].run)
		n++;
	if (n == THREADS)
		sim_die("no room for another thread");
	threads[n].run = run;
	threads[n].arg = arg;
	threads[n].own = own;
	threads[n].live = true;
	if (pthread_create(&threads[n].id, NULL, body, (void *)(uintptr_t)n))
		sim_die("cannot start a thread");
}

void sim_join(void)
{
	while (sim_others())
		;
	for (unsigned i = 1; i < THREADS; i++)
		if (threads[i].run)
			pthread_join(threads[i].id, NULL);
	memset(threads + 1, 0, sizeof(threads) - sizeof(threads[0]));
}

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The host's interrupt handlers take frames back while a vCPU on the same processor is at work in the library, or another
 * interrupted one is: signals in place of interrupts, which the port's macros keep out of the library's locks.  Without them the
 * handler would wait for ever for what it has interrupted.
 */
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>
#include "../unit/ept_mapped.h"

#define INTERRUPTS 2000u

static struct rig *r;
static volatile sig_atomic_t interrupts, off; /* off: interrupts are disabled */
static sigset_t timer_alone;

unsigned long irq_off(void)
{
	unsigned long was = (unsigned long)off;

	if (!was)
		sigprocmask(SIG_BLOCK, &timer_alone, NULL);
	off = 1;
	return was;
}

void irq_restore(unsigned long flags)
{
	off = (sig_atomic_t)flags;
	if (!flags)
		sigprocmask(SIG_UNBLOCK, &timer_alone, NULL);
}

/* As on the processor, a handler runs with interrupts off. */
static void interrupt(int signal)
{
	uint64_t frame = DATA + (uint64_t)interrupts % 520;

	(void)signal;
	off = 1;
	if (interrupts % 16 == 15)
		nvmx_host_invalidate(&r->vm, NULL, 0, ~0ull);
	else if (interrupts % 2)
		nvmx_host_write_protect(&r->vm, NULL, frame << 12, 4096);
	else
		nvmx_host_invalidate(&r->vm, NULL, frame << 12, 4096);
	interrupts++;
	off = 0;
}

static void test_revocations_by_interrupts(void **state)
{
	const struct itimerval often = { { 0, 100 }, { 0, 100 } }, never = { { 0, 0 }, { 0, 0 } };
	struct sigaction action = { .sa_handler = interrupt };
	struct nvmx_ept_fault f;
	unsigned faults, rounds = 0;

	(void)state;
	sigemptyset(&timer_alone);
	sigaddset(&timer_alone, SIGALRM);
	r = mapped_rig(0);
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	for (; interrupts < (int)INTERRUPTS; rounds++) {
		nvmx_ept_invept(&r->v, NVMX_FLUSH_SINGLE, EPTP);
		nvmx_ept_root(&r->v, EPTP);
		nvmx_ept_ahead(&r->v, EPTP);
		for (uint64_t i = 0; i < 512; i++) {
			faults = 0;
			assert_int_equal(touch(r, i << 12, NVMX_ACCESS_W, &faults, &f), NVMX_EPT_RETRY);
		}
		nvmx_ept_invept_range(&r->v, EPTP, 0, 0xfffff);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	signal(SIGALRM, SIG_IGN);
	print_message("%u rounds\n", rounds);
	rig_free(r);
}

int main(void)
{
	const struct itimerval dead = { { 0, 0 }, { 60, 0 } }; /* of the process's own time: a deadlock spins */
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_revocations_by_interrupts) };

	setitimer(ITIMER_VIRTUAL, &dead, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

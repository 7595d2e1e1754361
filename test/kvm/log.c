/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Dirty logging: each page that changed must be in the log, however the log is had and whenever it was fetched last. */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "torture.h"

#define PAGES (MEMORY / PAGE)
#define RING_ENTRIES 16384u	/* more pages than are written between two looks at it */

static void log_on(void)
{
	vm_slot(&vm, 0, KVM_MEM_LOG_DIRTY_PAGES, 0, MEMORY, vm.mem);
}

static void read_log(uint8_t *bits)
{
	struct kvm_dirty_log log = { .slot = 0, .dirty_bitmap = bits };

	if (ioctl(vm.fd, KVM_GET_DIRTY_LOG, &log))
		err(1, "KVM_GET_DIRTY_LOG");
}

/* Pages of `after` that differ from `before` and are not in the log; `before` follows. */
static unsigned unlogged_in(uint8_t *before, const uint8_t *after, const uint8_t *bits)
{
	unsigned missing = 0;

	for (unsigned page = 0; page < PAGES; page++) {
		const uint8_t *now = after + (size_t)page * PAGE;
		uint8_t *was = before + (size_t)page * PAGE;

		if (!memcmp(now, was, PAGE))
			continue;
		memcpy(was, now, PAGE);
		if (bits[page / 8] >> page % 8 & 1)
			continue;
		missing++;
		fprintf(stderr, "torture: dirty: page %#x has changed and is not in the log\n", page);
	}
	return missing;
}

static unsigned unlogged(uint8_t *before, const uint8_t *bits)
{
	return unlogged_in(before, vm.mem, bits);
}

/* A KVM_RUN that a signal ends when KVM has all but entered the guest. */
static void almost_enter(void)
{
	struct { struct kvm_signal_mask head; uint64_t set; } none = { .head.len = sizeof(none.set) };
	sigset_t alarm;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarm, NULL);
	raise(SIGALRM);
	VM_CPU(&vm, KVM_SET_SIGNAL_MASK, &none);
	if (ioctl(vm.cpu, KVM_RUN, 0) != -1 || errno != EINTR)
		errx(1, "KVM_RUN with a signal that waits");
	VM_CPU(&vm, KVM_SET_SIGNAL_MASK, NULL);
	sigwaitinfo(&alarm, NULL);
	sigprocmask(SIG_UNBLOCK, &alarm, NULL);
}

/* One instruction of the guest's. */
static void single_step(void)
{
	struct kvm_guest_debug on = { .control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP }, off = { 0 };

	VM_CPU(&vm, KVM_SET_GUEST_DEBUG, &on);
	if (ioctl(vm.cpu, KVM_RUN, 0) || vm.run->exit_reason != KVM_EXIT_DEBUG)
		errx(1, "a single step ends with exit %u", vm.run->exit_reason);
	VM_CPU(&vm, KVM_SET_GUEST_DEBUG, &off);
}

int step(void)
{
	uint8_t *before = malloc(MEMORY), bits[PAGES / 8];
	unsigned missing = 0, in_l2 = 0;

	if (!before)
		err(1, "malloc");
	log_on();
	while (in_l2 < count && run_for(most) == VM_INTERRUPTED) {
		almost_enter();
		if (!in_l2_now())
			continue;
		in_l2++;
		read_log(bits);
		memcpy(before, vm.mem, MEMORY);
		single_step();
		read_log(bits);
		missing += unlogged(before, bits);
	}
	free(before);
	return finish("step", in_l2, in_l2) || missing;
}

/* --- The ways to have a log */

static void manual(uint64_t how)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args[0] = how };

	if (ioctl(vm.fd, KVM_ENABLE_CAP, &cap))
		err(1, "KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2");
	log_on();
}

static void manual_on(void)
{
	manual(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
}

static void manual_on_all_set(void)
{
	manual(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET);
}

static void read_and_clear(uint8_t *bits)
{
	struct kvm_clear_dirty_log clear = { .num_pages = PAGES, .dirty_bitmap = bits };

	read_log(bits);
	if (ioctl(vm.fd, KVM_CLEAR_DIRTY_LOG, &clear))
		err(1, "KVM_CLEAR_DIRTY_LOG");
}

static struct kvm_dirty_gfn *ring;
static uint32_t ring_at;

/* A machine has its rings from the start. */
static void ring_on(void)
{
	snapshot_take(&vm, &snapshot);
	vm_close(&vm);
	vm.ring = RING_ENTRIES * sizeof(*ring);
	vm_create(&vm);
	snapshot_put(&vm, &snapshot, NESTED_LAST);
	ring = mmap(NULL, vm.ring, PROT_READ | PROT_WRITE, MAP_SHARED, vm.cpu, KVM_DIRTY_LOG_PAGE_OFFSET * (off_t)PAGE);
	if (ring == MAP_FAILED)
		err(1, "the dirty ring");
	log_on();
}

static void read_ring(uint8_t *bits)
{
	struct kvm_dirty_gfn *g;

	memset(bits, 0, PAGES / 8);
	while (g = ring + ring_at % RING_ENTRIES, __atomic_load_n(&g->flags, __ATOMIC_ACQUIRE) & KVM_DIRTY_GFN_F_DIRTY) {
		if (g->offset < PAGES)
			bits[g->offset / 8] |= (uint8_t)(1u << g->offset % 8);
		__atomic_store_n(&g->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
		ring_at++;
	}
	if (ioctl(vm.fd, KVM_RESET_DIRTY_RINGS, 0) < 0)
		err(1, "KVM_RESET_DIRTY_RINGS");
}

static void log_anew(uint8_t *bits)
{
	(void)bits;
	vm_slot(&vm, 0, 0, 0, MEMORY, vm.mem);
	log_on();
}

/* `since`: what is written from here on `fetch` tells of. */
static const struct log {
	const char *name;
	void (*on)(void), (*since)(uint8_t *bits), (*fetch)(uint8_t *bits);
} logs[] = {
	{ "get", log_on, read_log, read_log },
	{ "clear", manual_on, read_and_clear, read_and_clear },
	{ "set", manual_on_all_set, read_and_clear, read_and_clear },
	{ "anew", log_on, log_anew, read_log },
	{ "ring", ring_on, read_ring, read_ring },
};

static const struct log *log_called(const char *name)
{
	for (unsigned i = 0; i < sizeof(logs) / sizeof(*logs); i++)
		if (!strcmp(logs[i].name, name))
			return logs + i;
	errx(1, "no log called %s", name);
}

/* As step, but the guest runs on for a moment, and nothing but the log asks KVM to do anything between the two attempts. */
int gap(const char *name)
{
	const struct log *log = log_called(name);
	uint8_t *before = malloc(MEMORY), bits[PAGES / 8];
	unsigned missing = 0, in_l2 = 0, changed = 0;

	if (!before)
		err(1, "malloc");
	log->on();
	while (in_l2 < count && run_for(most) == VM_INTERRUPTED) {
		almost_enter();
		log->since(bits);
		if (!in_l2_now())
			continue;
		in_l2++;
		log->since(bits);
		memcpy(before, vm.mem, MEMORY);
		wake_after(8);
		if (run() != VM_INTERRUPTED)
			break;
		log->fetch(bits);
		changed += memcmp(before, vm.mem, MEMORY) != 0;
		missing += unlogged(before, bits);
	}
	free(before);
	printf("torture: gap: memory changed %u times, %u pages missing\n", changed, missing);
	return finish("gap", in_l2, in_l2) || missing || !changed;
}

int dirty(void)
{
	uint8_t *before = malloc(MEMORY), bits[PAGES / 8];
	unsigned n, missing = 0, in_l2 = 0;
	bool on = false;

	if (!before)
		err(1, "malloc");
	for (n = 0; n < count && run_for(most) == VM_INTERRUPTED; n++) {
		struct kvm_regs regs;

		VM_CPU(&vm, KVM_GET_REGS, &regs);
		in_l2 += in_l2_now();
		if (on) {
			read_log(bits);
			missing += unlogged(before, bits);
		}
		if (on && random_up_to(4) > 1)
			continue;
		on = !on;
		vm_slot(&vm, 0, on ? KVM_MEM_LOG_DIRTY_PAGES : 0, 0, MEMORY, vm.mem);
		if (on)
			memcpy(before, vm.mem, MEMORY);
	}
	free(before);
	return finish("dirty", n, in_l2) || missing;
}

/*
 * Other virtual CPUs run on.  What has changed from one copy of the memory to the next was written between the two, and so between
 * the fetch of the log before the first and the one behind the second.
 */
int dirty_beside(void)
{
	uint8_t *before = malloc(MEMORY), *after = malloc(MEMORY), bits[PAGES / 8];
	unsigned n, missing = 0, changed = 0;

	if (!before || !after)
		err(1, "malloc");
	log_on();
	for (n = 0; n < count; n++) {
		read_log(bits);
		memcpy(before, vm.mem, MEMORY);
		if (run_for(most) != VM_INTERRUPTED)
			break;
		memcpy(after, vm.mem, MEMORY);
		read_log(bits);
		changed += memcmp(before, after, MEMORY) != 0;
		missing += unlogged_in(before, after, bits);
	}
	free(before);
	free(after);
	return finish("dirty", n, changed) || missing;
}

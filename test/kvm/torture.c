/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What happens to an L1 from below: a user of KVM's that moves it, watches its writes, takes memory from it or kills it,
 * while it runs a multiboot image that checks itself (test/l1/work.c; test/l1/pair.c for two virtual CPUs).
 *
 *	torture [-c CPUS] MODE COUNT MILLISECONDS IMAGE [ARGUMENT...]
 *
 *	move WHEN        every so often to a new virtual machine, nested state set first, early (before the registers), last or at
 *	                 any place among the other parts
 *	dirty            with the log of written pages on and off; each page that changed must be in it
 *	step             the log is fetched between a KVM_RUN that ends short of L2 and one instruction of L2's
 *	gap LOG          the same, and L2 runs on for some milliseconds; LOG: get (KVM_GET_DIRTY_LOG), clear (KVM_CLEAR_DIRTY_LOG), set
 *	                 (the same, all pages in it at first), anew (it is switched off and on instead of fetched), ring
 *	nested STEP      what can be asked of a virtual CPU in L2: init, early, again, rewind, rsm (nested_steps.c)
 *	slots            with a memory slot at 64 MiB that comes and goes while the guest runs
 *	fork             its memory is shared with a short-lived child, so each page that is written to gets another frame
 *	apart            slots and fork by turns, where the virtual CPUs are offered different things
 *	hop              each virtual CPU goes from one of the host's processors to another
 *	kill             SIGKILL, each time after a while
 *	held FILE        a thread of its is kept in a page fault in FILE, of a frozen file system, before L1's first VMXON (COUNT is not used)
 *	refuse           given nested state that must be refused while L2 runs
 *	save FILE        once, after a while, to a file (COUNT is not used) ...
 *	load FILE        ... and on from there (IMAGE is not used)
 *
 * COUNT times, at random moments up to so many milliseconds apart; then the guest runs to its end, but for kill and save.
 * With more than one virtual CPU: dirty, slots, apart, fork, hop, kill.
 * Exit status 0: all went well.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "refuse.h"
#include "torture.h"

#define SLOT_GPA (64u << 20)
#define SLOT_BYTES (8 * PAGE)

struct vm vm = { .size = MEMORY };
struct snapshot snapshot;
unsigned count, most;
static uint32_t seed = 1;

uint32_t random_up_to(uint32_t limit)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % limit + 1;
}

static void wake(int signal)
{
	(void)signal;
	vm.run->immediate_exit = 1;
}

void wake_after(uint32_t ms)
{
	struct itimerval t = { .it_value = { ms / 1000, ms % 1000 * 1000 } };

	setitimer(ITIMER_REAL, &t, NULL);
}

enum vm_end run(void)
{
	enum vm_end end;

	do
		end = vm_step(&vm);
	while (end == VM_RUNS || (end == VM_INTERRUPTED && !vm.run->immediate_exit));
	vm.run->immediate_exit = 0;
	return end;
}

enum vm_end run_for(uint32_t ms)
{
	wake_after(random_up_to(ms));
	return run();
}

int finish(const char *what, unsigned n, unsigned in_l2)
{
	wake_after(0);
	if (run() != VM_OFF)
		return 1;
	printf("torture: %s: %u times, %u of them in L2\n", what, n, in_l2);
	return n == count && in_l2 ? 0 : 1;
}

bool in_l2_now(void)
{
	snapshot.nested.state.size = SNAPSHOT_NESTED;
	VM_CPU(&vm, KVM_GET_NESTED_STATE, &snapshot.nested);
	return snapshot_in_l2(&snapshot);
}

static unsigned nested_at(const char *when)
{
	if (!strcmp(when, "any"))
		return random_up_to(NESTED_LAST + 1) - 1;
	return !strcmp(when, "first") ? NESTED_FIRST : !strcmp(when, "early") ? NESTED_EARLY : NESTED_LAST;
}

static int move(const char *when)
{
	unsigned n, in_l2 = 0;
	char what[32];

	for (n = 0; n < count && run_for(most) == VM_INTERRUPTED; n++) {
		snapshot_take(&vm, &snapshot);
		in_l2 += snapshot_in_l2(&snapshot);
		vm_close(&vm);
		vm_create(&vm);
		snapshot_put(&vm, &snapshot, nested_at(when));
	}
	snprintf(what, sizeof(what), "move %s", when);
	return finish(what, n, in_l2);
}

static atomic_uint changes;

static void pause_up_to(uint32_t ms)
{
	struct timespec pause;

	ms = random_up_to(ms);
	pause = (struct timespec){ ms / 1000, ms % 1000 * 1000000l };
	nanosleep(&pause, NULL);
}

static void *change_beside(void *change)
{
	for (unsigned i = 0; i < count; i++) {
		pause_up_to(most);
		((void (*)(unsigned))change)(i);
		atomic_fetch_add(&changes, 1);
	}
	return NULL;
}

/* The guest runs to its end while a thread changes something. */
static int beside(const char *what, void (*change)(unsigned i))
{
	pthread_t thread;
	int status;

	if (pthread_create(&thread, NULL, change_beside, (void *)change))
		errx(1, "no thread");
	status = run() == VM_OFF ? 0 : 1;
	printf("torture: %s: %u times\n", what, atomic_load(&changes));
	return status || atomic_load(&changes) != count;
}

static void *slot_memory;

/* The log of the slot is switched on and off beside it. */
static void change_slots(unsigned i)
{
	vm_slot(&vm, 1, i & 2 ? KVM_MEM_LOG_DIRTY_PAGES : 0, SLOT_GPA, i & 1 ? 0 : SLOT_BYTES, slot_memory);
	vm_slot(&vm, 0, i & 4 ? KVM_MEM_LOG_DIRTY_PAGES : 0, 0, MEMORY, vm.mem);
}

static void make_slot_memory(void)
{
	slot_memory = mmap(NULL, SLOT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (slot_memory == MAP_FAILED)
		err(1, "slots");
}

static int slots(void)
{
	make_slot_memory();
	return beside("slots", change_slots);
}

#define MSR_EPT_VPID_CAP 0x48c
#define EPT_1G_PAGES (1u << 17)

/* The other virtual CPUs are offered less than the first one. */
static void offer_less(void)
{
	struct { struct kvm_msrs head; struct kvm_msr_entry entry; } msrs;

	for (unsigned i = 0; i < vm.others; i++) {
		memset(&msrs, 0, sizeof(msrs));
		msrs.head.nmsrs = 1;
		msrs.entry.index = MSR_EPT_VPID_CAP;
		if (ioctl(vm.other[i], KVM_GET_MSRS, &msrs) != 1 || !(msrs.entry.data & EPT_1G_PAGES))
			errx(1, "apart: no 1-GiB pages to take away");
		msrs.entry.data &= ~(uint64_t)EPT_1G_PAGES;
		if (ioctl(vm.other[i], KVM_SET_MSRS, &msrs) != 1)
			err(1, "apart: KVM_SET_MSRS");
	}
}

static void fork_child(unsigned i)
{
	pid_t child = fork();

	(void)i;
	if (child < 0)
		err(1, "fork");
	if (!child) {
		pause_up_to(most);
		_exit(0);
	}
	if (waitpid(child, NULL, 0) < 0)
		err(1, "waitpid");
}

/* Slots and frames both. */
static void change_both(unsigned i)
{
	if (i & 1)
		fork_child(i);
	else
		change_slots(i / 2);
}

static int apart(void)
{
	make_slot_memory();
	return beside("apart", change_both);
}

static pid_t thread_of_cpu[1 + VM_OTHERS];

static void know_thread(unsigned number)
{
	thread_of_cpu[number] = gettid();
}

static void move_thread(unsigned i)
{
	unsigned number = i % (vm.others + 1), processors = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(random_up_to(processors) - 1, &set);
	if (sched_setaffinity(thread_of_cpu[number], sizeof(set), &set))
		err(1, "sched_setaffinity");
}

static int hop(void)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		errx(1, "hop: a host with one processor");
	return beside("hop", move_thread);
}

static int kill_it(int argc, char **argv)
{
	unsigned n;
	int status;

	for (n = 0; n < count; n++) {
		pid_t child = fork();

		if (child < 0)
			err(1, "fork");
		if (!child) {
			vm_create(&vm);
			vm_load(&vm, argv[0], argc - 1, argv + 1);
			vm_run_others(&vm, NULL);
			_exit(run() == VM_OFF ? 2 : 3);
		}
		pause_up_to(most);
		kill(child, SIGKILL);
		if (waitpid(child, &status, 0) < 0 || !WIFSIGNALED(status))
			errx(1, "kill: the guest has ended before: %#x", status);
	}
	printf("torture: kill: %u times\n", n);
	return 0;
}

static _Atomic pid_t faulting;

static void *fault_in(void *page)
{
	atomic_store(&faulting, gettid());
	*(volatile char *)page = 1;
	return NULL;
}

/* In uninterruptible sleep. */
static bool is_stuck(pid_t thread)
{
	char path[48], state = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", thread);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%*d %*s %c", &state) != 1 || fclose(f))
		return false;
	return state == 'D';
}

/* Who is in a page fault keeps others from changing the process's memory map. */
static int held(const char *file)
{
	int fd = open(file, O_RDWR);
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	pthread_t thread;

	if (page == MAP_FAILED || pthread_create(&thread, NULL, fault_in, page))
		err(1, "held: %s", file);
	while (!is_stuck(atomic_load(&faulting)))
		pause_up_to(most);
	printf("torture: held: in a page fault\n");
	fflush(stdout);
	if (run() != VM_OFF)
		return 1;
	printf("torture: held: 1 times\n");
	return 0;
}

static void file_io(FILE *f, bool write)
{
	size_t (*io)(void *, size_t, size_t, FILE *) = write ? (size_t (*)(void *, size_t, size_t, FILE *))fwrite : fread;

	if (!f || io(&snapshot, sizeof(snapshot), 1, f) != 1 || io(vm.mem, MEMORY, 1, f) != 1 || fclose(f))
		err(1, "the file of the state");
}

/* A state without nested state shows nothing. */
bool run_to_l2(void)
{
	do {
		if (run_for(most) != VM_INTERRUPTED)
			return false;
		snapshot_take(&vm, &snapshot);
	} while (!snapshot_in_l2(&snapshot));
	return true;
}

static int refuse_states(void)
{
	unsigned n, wrong = 0;

	for (n = 0; n < count && run_to_l2(); n++)
		wrong += refuse(&vm);
	return finish("refuse", n, n) || wrong;
}

static int save(const char *file)
{
	if (!run_to_l2())
		return 1;
	file_io(fopen(file, "w"), true);
	printf("torture: save: %u bytes of nested state\n", snapshot.nested.state.size);
	return 0;
}

static int load(const char *file)
{
	file_io(fopen(file, "r"), false);
	snapshot_put(&vm, &snapshot, NESTED_LAST);
	return finish("load", count, 1);
}

static int by_name(const char *mode, const char *word)
{
	if (!strcmp(mode, "move"))
		return move(word);
	if (!strcmp(mode, "save"))
		return save(word);
	if (!strcmp(mode, "held"))
		return held(word);
	if (!strcmp(mode, "dirty"))
		return vm.others ? dirty_beside() : dirty();
	if (!strcmp(mode, "step"))
		return step();
	if (!strcmp(mode, "gap"))
		return gap(word);
	if (!strcmp(mode, "nested"))
		return nested_step(word);
	if (!strcmp(mode, "slots"))
		return slots();
	if (!strcmp(mode, "apart"))
		return apart();
	if (!strcmp(mode, "fork"))
		return beside("fork", fork_child);
	if (!strcmp(mode, "hop"))
		return hop();
	if (!strcmp(mode, "refuse"))
		return refuse_states();
	errx(1, "no mode called %s", mode);
}

static bool one_of(const char *mode, const char *const *modes)
{
	while (*modes && strcmp(mode, *modes))
		modes++;
	return *modes;
}

static bool has_word(const char *mode)
{
	static const char *const modes[] = { "move", "save", "load", "gap", "nested", "held", NULL };

	return one_of(mode, modes);
}

static bool for_several(const char *mode)
{
	static const char *const modes[] = { "dirty", "slots", "apart", "fork", "hop", "kill", NULL };

	return one_of(mode, modes);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = wake };
	const char *mode, *word = NULL;

	if (argc > 2 && !strcmp(argv[1], "-c")) {
		vm.others = (unsigned)strtoul(argv[2], NULL, 0) - 1;
		argc -= 2;
		argv += 2;
	}
	mode = argc > 1 ? argv[1] : "";
	if (has_word(mode)) {
		word = argc > 2 ? argv[2] : "";
		argc--;
		argv++;
	}
	if (argc < 5 || vm.others > VM_OTHERS || (vm.others && !for_several(mode)))
		errx(1, "usage: torture [-c CPUS] MODE [WORD] COUNT MILLISECONDS IMAGE ...; the modes are at the head of torture.c");
	count = (unsigned)strtoul(argv[2], NULL, 0);
	most = (unsigned)strtoul(argv[3], NULL, 0);
	sigaction(SIGALRM, &action, NULL);
	if (!strcmp(mode, "kill"))
		return kill_it(argc - 4, argv + 4);
	vm_create(&vm);
	if (!strcmp(mode, "load"))
		return load(word);
	vm_load(&vm, argv[4], argc - 5, argv + 5);
	know_thread(0);
	if (!strcmp(mode, "apart"))
		offer_less();
	vm_run_others(&vm, know_thread);
	return by_name(mode, word);
}

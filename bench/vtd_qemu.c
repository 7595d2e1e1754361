/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What an invalidation costs QEMU's own intel-iommu: the instructions of its main thread, stepped through with ptrace from
 * qtest's command to its answer, for one invalidation with its wait and for many by one write of the tail.  Beside vtd-cost.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define RAM (64u << 20)
#define UNIT 0xfed90000u
#define QUEUE 0x100000u
#define STATUS 0x110000u
#define ROOT 0x120000u
#define PSI (2 | 3 << 4 | 5 << 16)
#define DSI (2 | 2 << 4 | 5 << 16)
#define STEPS 1000000u
#define ROUNDS 4u
#define MANY 120u /* of 128 that the ring holds */

static int to_qemu;
static pid_t qemu;
static uint8_t *ram;
static uint64_t tail;

static void die(const char *why)
{
	fprintf(stderr, "vtd-qemu-cost: %s\n", why);
	exit(1);
}

static void run_qemu(int memory, int socket)
{
	char backend[96], chardev[64];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(backend, sizeof(backend), "memory-backend-file,id=m,size=64M,share=on,mem-path=/proc/self/fd/%d", memory);
	snprintf(chardev, sizeof(chardev), "socket,id=q,fd=%d", socket);
	execlp("qemu-system-x86_64", "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-machine",
	       "q35,accel=tcg,memory-backend=m", "-S", "-m", "64M", "-object", backend, "-chardev", chardev, "-object",
	       "qtest,id=t,chardev=q,log=/dev/null", "-device", "intel-iommu,aw-bits=48,caching-mode=on", (char *)NULL);
	_exit(127);
}

static void start(void)
{
	int memory = memfd_create("ram", 0), pair[2];

	if (memory < 0 || ftruncate(memory, RAM) || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		die("no memory or socket");
	fcntl(pair[0], F_SETFD, FD_CLOEXEC);
	ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	qemu = fork();
	if (ram == MAP_FAILED || qemu < 0)
		die("no memory or process");
	if (!qemu)
		run_qemu(memory, pair[1]);
	close(pair[1]);
	to_qemu = pair[0];
}

static void send_write(uint32_t offset, unsigned size, uint64_t value)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "write%c 0x%08x 0x%08" PRIx64 "\n", size == 8 ? 'q' : 'l', UNIT + offset, value);

	if (write(to_qemu, line, (size_t)n) != n)
		die("QEMU has ended");
}

static bool answered(int flags)
{
	char line[64];
	ssize_t n = recv(to_qemu, line, sizeof(line), flags);

	if (!n || (n > 0 && strncmp(line, "OK", 2)))
		die("QEMU has ended, or did not understand");
	return n > 0;
}

static void write_register(uint32_t offset, unsigned size, uint64_t value)
{
	send_write(offset, size, value);
	answered(0);
}

/* Instructions from the command to its answer. */
static unsigned count_write(uint32_t offset, uint64_t value)
{
	unsigned steps = 0;
	int status;

	if (ptrace(PTRACE_SEIZE, qemu, NULL, NULL) || ptrace(PTRACE_INTERRUPT, qemu, NULL, NULL) ||
	    waitpid(qemu, &status, __WALL) != qemu)
		die("QEMU cannot be stepped through");
	send_write(offset, 4, value);
	for (; !answered(MSG_DONTWAIT); steps++)
		if (steps == STEPS || ptrace(PTRACE_SINGLESTEP, qemu, NULL, NULL) || waitpid(qemu, &status, __WALL) != qemu ||
		    !WIFSTOPPED(status))
			die("QEMU does not answer");
	ptrace(PTRACE_DETACH, qemu, NULL, NULL);
	return steps;
}

static void put(uint64_t lo, uint64_t hi)
{
	memcpy(ram + QUEUE + tail, &lo, 8);
	memcpy(ram + QUEUE + tail + 8, &hi, 8);
	tail = (tail + 16) % 4096;
}

/* As many invalidations, each with its wait, by one write of the tail. */
static unsigned invalidate(unsigned n, uint64_t lo, uint64_t hi)
{
	static uint32_t wait;
	uint32_t status;
	unsigned steps;

	for (unsigned i = 0; i < n; i++) {
		put(lo, hi);
		put(5 | 1 << 5 | (uint64_t)++wait << 32, STATUS);
	}
	steps = count_write(0x88, tail);
	memcpy(&status, ram + STATUS, 4);
	if (status != wait)
		die("the waits were not completed");
	return steps;
}

/* What one costs more; the main loop's own work, which varies, counts for little beside so many. */
static void measure(const char *name, uint64_t lo, uint64_t hi)
{
	unsigned one = STEPS, many = STEPS;

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned n = invalidate(1, lo, hi);

		one = n < one ? n : one;
		n = invalidate(MANY, lo, hi);
		many = n < many ? n : many;
	}
	printf("bench %s %u\n", name, (many - one) / (MANY - 1));
}

int main(void)
{
	start();
	write_register(0x20, 8, ROOT);
	write_register(0x18, 4, 1u << 30);
	write_register(0x90, 8, QUEUE);
	write_register(0x18, 4, 1u << 26);
	write_register(0x18, 4, 1u << 31 | 1u << 26);
	measure("vtd_qemu_queue_psi", PSI, 0x40201000);
	measure("vtd_qemu_queue_dsi", DSI, 0);
	kill(qemu, SIGKILL);
	return 0;
}

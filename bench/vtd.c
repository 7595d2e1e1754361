/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What the virtual VT-d unit costs, in instructions of the library and of the smallest host: the parent steps through the
 * child instruction by instruction between two breakpoints.  The same on every run.  Prints "bench NAME INSTRUCTIONS".
 */
#define _GNU_SOURCE
#include <nestvmx/vtd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define RAM (96u << 20)
#define ROOT 0x1000u
#define CONTEXTS 0x2000u
#define QUEUE 0x8000u
#define STATUS 0x9000u
#define IRT 0xa000u
#define TABLES 0x100000u
#define SID 0x18u
#define IOVA 0x40000000ull
#define MIB 8u /* of the domain, in 4-KiB pages from IOVA on */

struct nvmx_vtd_host {
	uint8_t *ram;
};

static void *map(struct nvmx_vtd_host *h, uint64_t gpa, bool write)
{
	(void)write;
	return gpa < RAM ? h->ram + gpa : NULL;
}

static void unmap(struct nvmx_vtd_host *h, uint64_t gpa, void *page, bool wrote)
{
	(void)h, (void)gpa, (void)page, (void)wrote;
}

static void interrupt(struct nvmx_vtd_host *h, uint64_t address, uint32_t data)
{
	(void)h, (void)address, (void)data;
}

static void *page_alloc(struct nvmx_vtd_host *h, uint64_t *hpa)
{
	static uint8_t pool[1024][4096] __attribute__((aligned(4096)));
	static unsigned n;

	(void)h;
	if (n == 1024)
		return NULL;
	*hpa = (uintptr_t)pool[n];
	return pool[n++];
}

static void page_free(struct nvmx_vtd_host *h, void *page, uint64_t hpa)
{
	(void)h, (void)page, (void)hpa;
}

static int domain_open(struct nvmx_vtd_host *h, const struct nvmx_vtd_domain *d, uint64_t *domain)
{
	(void)h, (void)d;
	*domain = 1;
	return 0;
}

static void domain_close(struct nvmx_vtd_host *h, uint64_t domain)
{
	(void)h, (void)domain;
}

static int attach(struct nvmx_vtd_host *h, void *device, const struct nvmx_vtd_target *target)
{
	(void)h, (void)device, (void)target;
	return 0;
}

static int flush(struct nvmx_vtd_host *h, const struct nvmx_vtd_flush *list, unsigned n)
{
	(void)h, (void)list, (void)n;
	return NVMX_VTD_FLUSHED;
}

static int frame(struct nvmx_vtd_host *h, uint64_t gpa, struct nvmx_vtd_frame *out)
{
	(void)h;
	*out = (struct nvmx_vtd_frame){ 0x100000000 + gpa, NVMX_VTD_R | NVMX_VTD_W, 12 };
	return gpa < RAM ? 0 : -1;
}

static void drain(struct nvmx_vtd_host *h)
{
	(void)h;
}

static const struct nvmx_vtd_ops ops = {
	.size = sizeof(ops), .abi = NVMX_VTD_ABI_VERSION, .map = map, .unmap = unmap, .interrupt = interrupt,
	.page_alloc = page_alloc, .page_free = page_free, .domain_open = domain_open, .domain_close = domain_close,
	.attach = attach, .flush = flush, .frame = frame, .drain = drain,
};

static struct nvmx_vtd_host host;
static struct nvmx_vtd *unit;
static uint64_t tail;

static uint64_t *word(uint64_t gpa)
{
	return (uint64_t *)(host.ram + gpa);
}

/* L1's entry for page n of the domain. */
static uint64_t *entry(unsigned n)
{
	return word(TABLES + 0x3000 + n / 512 * 4096ull + n % 512 * 8);
}

static void l1_memory(void)
{
	*word(ROOT) = CONTEXTS | 1;
	*word(CONTEXTS + SID * 16) = TABLES | 1;
	*word(CONTEXTS + SID * 16 + 8) = 5 << 8 | 2;
	*word(TABLES) = (TABLES + 0x1000) | 3;
	*word(TABLES + 0x1000 + (IOVA >> 30) * 8) = (TABLES + 0x2000) | 3;
	for (unsigned i = 0; i < MIB / 2; i++)
		*word(TABLES + 0x2000 + i * 8) = (TABLES + 0x3000 + i * 4096) | 3;
	for (unsigned n = 0; n < MIB * 256; n++)
		*entry(n) = (0x1000000 + (n % 0x4000) * 4096ull) | 3;
	*word(IRT) = 1 | 0x31 << 16;
}

static void wr(uint32_t offset, unsigned size, uint64_t value)
{
	while (nvmx_vtd_write(unit, offset, size, value) == NVMX_VTD_MORE)
		while (nvmx_vtd_run(unit) == NVMX_VTD_MORE)
			;
}

static void put(uint64_t lo, uint64_t hi)
{
	*word(QUEUE + tail) = lo;
	*word(QUEUE + tail + 8) = hi;
	tail = (tail + 16) % 4096;
}

/* As a driver in strict mode: an invalidation, a wait, one register write. */
static void invalidate(uint64_t lo, uint64_t hi)
{
	put(lo, hi);
	put(5 | 1 << 5 | 2ull << 32, STATUS);
	wr(0x88, 8, tail);
}

#define PSI (2 | 3 << 4 | 5 << 16)
#define DSI (2 | 2 << 4 | 5 << 16)

static void set_up(void)
{
	static _Alignas(64) uint8_t memory[NVMX_VTD_SIZE];
	struct nvmx_vtd_config config = {
		.size = sizeof(config), .ops = &ops, .host = &host, .features = NVMX_VTD_F_ALL & ~NVMX_VTD_F_WRITE_BUFFER, .host_width = 40,
		.flags = NVMX_VTD_ASSIGN_TABLES, .work = 1u << 30,
		.hw_cap = 6ull << 8 | 47ull << 16 | 1ull << 22 | 3ull << 34 | 1ull << 39 | 18ull << 48 | 3ull << 54,
		.hw_ecap = 0xc7,
	};

	host.ram = calloc(1, RAM);
	if (!host.ram || nvmx_vtd_init(memory, sizeof(memory), &config, &unit, NULL))
		exit(2);
	l1_memory();
	wr(0x20, 8, ROOT);
	wr(0x18, 4, 1u << 30);
	wr(0xb8, 8, IRT | 7);
	wr(0x18, 4, 1u << 24);
	wr(0x90, 8, QUEUE);
	wr(0x18, 4, 1u << 26);
	wr(0x18, 4, 1u << 26 | 1u << 25);
	wr(0x18, 4, 1u << 31 | 1u << 26 | 1u << 25);
}

static struct nvmx_vtd_dma dma;
static struct nvmx_vtd_msi msi;

static void flatten(void)
{
	static int device;

	if (nvmx_vtd_device_add(unit, SID, &device, 0) || nvmx_vtd_run(unit) != NVMX_VTD_DONE)
		exit(3);
}

static void unmap_4k(void)
{
	*entry(77) = 0;
	invalidate(PSI, IOVA + 77 * 4096);
}

static void map_4k(void)
{
	*entry(77) = 0x1234003;
	invalidate(PSI, IOVA + 77 * 4096);
}

static void flush_psi(void)
{
	invalidate(PSI, IOVA + 99 * 4096);
}

static void flush_dsi(void)
{
	invalidate(DSI, 0);
}

/* Many by one write of the tail, while no device is assigned: what vtd-qemu-cost counts in QEMU. */
#define MANY 120u
static void many(uint64_t lo, uint64_t hi)
{
	for (unsigned i = 0; i < MANY; i++) {
		put(lo, hi);
		put(5 | 1 << 5 | 2ull << 32, STATUS);
	}
	wr(0x88, 8, tail);
}

static void queue_psi(void)
{
	many(PSI, IOVA + 99 * 4096);
}

static void queue_dsi(void)
{
	many(DSI, 0);
}

static void warm_up(void)
{
	nvmx_vtd_translate(unit, SID, IOVA + 5 * 4096, 64, NVMX_VTD_READ, &dma);
	nvmx_vtd_interrupt(unit, SID, 0xfee00010, 0, 0, &msi);
}

static void translate_warm(void)
{
	nvmx_vtd_translate(unit, SID, IOVA + 5 * 4096, 64, NVMX_VTD_READ, &dma);
}

static void translate_uncached(void)
{
	nvmx_vtd_translate(unit, SID, IOVA + 5 * 4096, 64, NVMX_VTD_READ | NVMX_VTD_UNCACHED, &dma);
}

static void remap_warm(void)
{
	nvmx_vtd_interrupt(unit, SID, 0xfee00010, 0, 0, &msi);
}

/* In this order; those without a name are not measured. */
static const struct row {
	const char *name;
	void (*run)(void);
	unsigned divisor;
} rows[] = {
	{ NULL, set_up, 1 },
	{ "vtd_queue_psi", queue_psi, MANY },
	{ "vtd_queue_dsi", queue_dsi, MANY },
	{ "vtd_flatten_mib", flatten, MIB },
	{ "vtd_unmap_4k", unmap_4k, 1 },
	{ "vtd_map_4k", map_4k, 1 },
	{ "vtd_flush_psi", flush_psi, 1 },
	{ "vtd_flush_dsi", flush_dsi, 1 },
	{ NULL, warm_up, 1 },
	{ "vtd_translate_warm", translate_warm, 1 },
	{ "vtd_translate_uncached", translate_uncached, 1 },
	{ "vtd_interrupt_warm", remap_warm, 1 },
};
#define ROWS (sizeof(rows) / sizeof(*rows))

static void child(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	for (unsigned i = 0; i < ROWS; i++) {
		if (rows[i].name)
			raise(SIGUSR1);
		rows[i].run();
		if (rows[i].name)
			raise(SIGUSR2);
	}
	_exit(dma.len == 64 && msi.vector == 0x31 ? 0 : 1);
}

/* Goes on until the child stops; which signal did it, or -1 when it has ended. */
static int stopped(pid_t pid, enum __ptrace_request how, int *status)
{
	ptrace(how, pid, NULL, NULL);
	if (waitpid(pid, status, 0) < 0 || !WIFSTOPPED(*status))
		return -1;
	return WSTOPSIG(*status);
}

int main(void)
{
	static uint64_t count[ROWS];
	pid_t pid = fork();
	int status, signal;

	if (pid < 0)
		return 1;
	if (!pid)
		child();
	if (waitpid(pid, &status, 0) < 0)
		return 1;
	for (unsigned i = 0; i < ROWS; i++) {
		if (!rows[i].name)
			continue;
		while (WIFSTOPPED(status) && WSTOPSIG(status) != SIGUSR1)
			if (stopped(pid, PTRACE_CONT, &status) < 0)
				return 1;
		while ((signal = stopped(pid, PTRACE_SINGLESTEP, &status)) == SIGTRAP)
			count[i]++;
		if (signal != SIGUSR2)
			return 1;
	}
	if (stopped(pid, PTRACE_CONT, &status) >= 0 || WEXITSTATUS(status))
		return 1;
	for (unsigned i = 0; i < ROWS; i++)
		if (rows[i].name)
			printf("bench %s %llu\n", rows[i].name, (unsigned long long)count[i] / rows[i].divisor);
	return 0;
}

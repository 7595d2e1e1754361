/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What the shadow of a large L2 costs: 64 GiB in pages of 4 KiB, 1 TiB in pages of 2 MiB, by one vCPU and by several that use the same
 * pages.  Instructions of the library for each page touched first, for an INVEPT and a touch after it, for a frame that the host takes
 * back; bytes of the shadow for each page.  A child does it, and its parent steps through what it marks.  Without an argument prints
 * "bench NAME VALUE"; with `tables` what docs/ept.md has.
 */
#define _GNU_SOURCE
#include <nestvmx/nestvmx.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include "ept/ept.h"

#define CPUS 8u
#define SIZES 4u
#define STRAYS 16u
#define PAGES_MAX (1u << 17)
#define RAM_PAGES (3u * 16384 + 4096) /* of L1: its tables */
#define DATA (1ull << 45)            /* L1-physical address of L2's first page */
#define EPTP (1ull << 12 | 3 << 3 | 6)
enum { PDPT = 2, PD = 4, PT = 4096 }; /* L1's frames with the first table of each level; the top one is frame 1 */

/* A GiB is `tables` tables of L1's at `level`. */
static const struct kind {
	const char *name;
	unsigned level;
	uint32_t budget; /* pages that the shadow may have, PAGES_MAX at most */
	unsigned gib[SIZES];
	const char *sizes[SIZES];
} kinds[] = {
	{ "4k", 1, PAGES_MAX, { 1, 4, 16, 64 }, { "1g", "4g", "16g", "64g" } },
	{ "2m", 2, 4096, { 64, 256, 512, 1024 }, { "64g", "256g", "512g", "1t" } },
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

/* What the child finds, in memory of both. */
static struct found {
	struct figures {
		uint64_t fill, stray, revoke; /* instructions, counted by the parent */
		uint64_t leaves, pages;       /* in the shadow, beside what it has from the first fault on: chain heads, most of it */
	} of[SIZES];
} *found;

struct nvmx_host {
	unsigned cpu;
};

static uint64_t (*ram)[512];
static uint8_t *pool;
static uint64_t pool_n;

static int translate(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out)
{
	(void)h, (void)access;
	*out = (struct nvmx_xlate){ .hpa = gpa, .rights = 7, .page_shift = 30, .memtype = 6 };
	return 0;
}

static void *map(struct nvmx_host *h, uint64_t gpa, bool write)
{
	(void)h, (void)write;
	return gpa >> 12 < RAM_PAGES ? ram[gpa >> 12] : NULL;
}

static void unmap(struct nvmx_host *h, uint64_t gpa, void *page, bool wrote)
{
	(void)h, (void)gpa, (void)page, (void)wrote;
}

static void *page_alloc(struct nvmx_host *h, uint64_t *hpa)
{
	void *page = pool + pool_n * 4096;

	(void)h;
	if (pool_n == PAGES_MAX)
		return NULL;
	*hpa = ++pool_n << 12;
	return page;
}

static void page_free(struct nvmx_host *h, void *page, uint64_t hpa)
{
	(void)h, (void)page, (void)hpa;
}

static void flush_ept(struct nvmx_host *h, uint64_t eptp, unsigned scope)
{
	(void)h, (void)eptp, (void)scope;
}

static void kick_others(struct nvmx_host *h)
{
	(void)h;
}

static const struct nvmx_host_ops ops = {
	.translate = translate, .map = map, .unmap = unmap, .page_alloc = page_alloc, .page_free = page_free, .flush_ept = flush_ept,
	.kick_others = kick_others,
};

static struct nvmx_vm *vm;
static struct nvmx_vcpu *cpu[CPUS];
static const struct kind *kind;

static unsigned tables_of(unsigned gib)
{
	return kind->level == 1 ? gib * 512 : gib;
}

static void *zeroed(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		exit(2);
	madvise(p, size, MADV_HUGEPAGE);
	return p;
}

/* L1's tables for all that is ever mapped. */
static void l1_memory(void)
{
	unsigned gib = kind->gib[SIZES - 1], tables = tables_of(gib), first = kind->level == 1 ? PT : PD;
	uint64_t leaf = DATA | 6 << 3 | 7 | (kind->level == 2 ? 1 << 7 : 0);

	for (unsigned i = 0; i < 2; i++)
		ram[1][i] = (PDPT + i) * 0x1000ull | 7;
	for (unsigned i = 0; i < gib; i++)
		ram[PDPT + i / 512][i % 512] = (PD + i) * 0x1000ull | 7;
	for (unsigned i = 0; i < tables && kind->level == 1; i++)
		ram[PD + i / 512][i % 512] = (PT + i) * 0x1000ull | 7;
	for (uint64_t i = 0; i < tables * 512ull; i++)
		ram[first + i / 512][i % 512] = leaf + (i << (kind->level == 1 ? 12 : 21));
}

static uint64_t gpa2_of(uint64_t table, uint64_t page)
{
	return (table << 9 | page) << (kind->level == 1 ? 12 : 21);
}

static void violation(struct nvmx_vcpu *v, uint64_t gpa2)
{
	struct nvmx_ept_fault fault;

	if (nvmx_ept_violation(v, EPTP, gpa2, 0x182, &fault) != NVMX_EPT_RETRY)
		exit(3);
}

/* L2 goes through the pages of a table, none of which the shadow has. */
static void fill(uint64_t table)
{
	uint64_t *filled = &cpu[0]->counters[NVMX_CNT_EPT_FILL], before = *filled;

	while (*filled - before < 512)
		violation(cpu[0], gpa2_of(table, *filled - before));
}

static void stray(uint64_t table)
{
	nvmx_ept_invept(cpu[0], NVMX_FLUSH_SINGLE, EPTP);
	if (!nvmx_ept_root(cpu[0], EPTP))
		exit(3);
	nvmx_ept_ahead(cpu[0], EPTP);
	violation(cpu[0], gpa2_of(table, 0));
}

/* The shadow is as large as it is to be, but for the last table. */
static void measure(struct figures *f, unsigned tables, uint64_t first)
{
	raise(SIGUSR1);
	fill(tables - 1);
	raise(SIGUSR2);
	f->leaves = cpu[0]->counters[NVMX_CNT_EPT_FILL];
	f->pages = pool_n - first;
	for (unsigned i = 0; i < STRAYS; i++) /* it learns whether L2 comes back */
		stray(tables / 2 + i * 7 % (tables / 2));
	raise(SIGUSR1);
	for (unsigned i = 0; i < STRAYS; i++)
		stray(1 + i * 7 % (tables / 2));
	raise(SIGUSR2);
	raise(SIGUSR1);
	nvmx_host_invalidate(vm, cpu[0], DATA + gpa2_of(tables / 3, 100), 4096);
	raise(SIGUSR2);
	violation(cpu[0], gpa2_of(tables / 3, 100));
}

static struct nvmx_vcpu *new_vcpu(void)
{
	static struct nvmx_host host[CPUS];
	static unsigned n;
	struct nvmx_vcpu *v = zeroed(NVMX_VCPU_SIZE);

	v->vm = vm;
	v->ops = &ops;
	v->host = &host[n++];
	nvmx_ept_vcpu_init(v);
	return v;
}

static void set_up(unsigned vcpus)
{
	uint64_t caps = NVMX_EPT_WALK4 | NVMX_EPT_WB | NVMX_EPT_2M;

	ram = zeroed(RAM_PAGES * 4096ull);
	pool = zeroed(PAGES_MAX * 4096ull);
	l1_memory();
	vm = zeroed(NVMX_VM_SIZE);
	vm->ops = &ops;
	vm->flags = NVMX_HOST_PAGES_OF_VM;
	vm->shadow_ept_pages = kind->budget;
	vm->caps.maxphyaddr = vm->hw.maxphyaddr = 52;
	vm->caps.msr[NVMX_MSR_VMX_EPT_VPID_CAP - NVMX_CAPS_FIRST_MSR] = caps;
	vm->hw.msr[NVMX_MSR_VMX_EPT_VPID_CAP - NVMX_CAPS_FIRST_MSR] = caps;
	nvmx_ept_vm_init(vm);
	for (unsigned i = 0; i < vcpus; i++)
		cpu[i] = new_vcpu();
}

/* One vCPU, and larger and larger shadows. */
static void grow(void)
{
	unsigned next = 0;
	uint64_t first;

	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	set_up(1);
	raise(SIGUSR1); /* what the two signals cost */
	raise(SIGUSR2);
	if (!nvmx_ept_root(cpu[0], EPTP))
		exit(3);
	first = pool_n;
	for (unsigned size = 0; size < SIZES; size++) {
		unsigned tables = tables_of(kind->gib[size]);

		while (next < tables - 1)
			fill(next++);
		measure(&found->of[size], tables, first);
		next++;
	}
	_exit(0);
}

/* All of it by n vCPUs, each of which comes to every page, in another order. */
static void share(unsigned n)
{
	unsigned tables = tables_of(kind->gib[SIZES - 1]);
	uint64_t leaves = 0;

	set_up(n);
	for (unsigned t = 0; t < tables; t++)
		for (unsigned i = 0; i < n; i++)
			for (unsigned page = 0; page < 512;) {
				uint64_t before = cpu[i]->counters[NVMX_CNT_EPT_FILL];

				violation(cpu[i], gpa2_of((t + i * 37) % tables, page));
				before = cpu[i]->counters[NVMX_CNT_EPT_FILL] - before;
				page = before ? page + (unsigned)before : 512; /* none: another one's are there */
			}
	for (unsigned i = 0; i < n; i++)
		leaves += cpu[i]->counters[NVMX_CNT_EPT_FILL];
	found->of[0] = (struct figures){ .leaves = leaves, .pages = pool_n };
	_exit(0);
}

/* Lets the child go on until the signal; how many instructions that was, if they are counted. */
static uint64_t run_to(pid_t pid, int wanted, enum __ptrace_request how)
{
	uint64_t n = 0;
	int status;

	for (;; n++) {
		ptrace(how, pid, NULL, NULL);
		if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status))
			exit(4);
		if (WSTOPSIG(status) == wanted)
			return n;
		if (WSTOPSIG(status) != SIGTRAP)
			exit(4);
	}
}

/* Of the next thing that the child marks. */
static uint64_t count(pid_t pid)
{
	run_to(pid, SIGUSR1, PTRACE_CONT);
	return run_to(pid, SIGUSR2, PTRACE_SINGLESTEP);
}

static pid_t start(void (*run)(void))
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		exit(4);
	if (!pid)
		run();
	return pid;
}

static void ended(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
		exit(4);
}

static void measure_sizes(struct figures of[SIZES])
{
	pid_t pid = start(grow);
	uint64_t marks;
	int status;

	if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status)) /* at its first mark */
		exit(4);
	marks = run_to(pid, SIGUSR2, PTRACE_SINGLESTEP);
	for (unsigned size = 0; size < SIZES; size++) {
		uint64_t fill = count(pid) - marks, stray = (count(pid) - marks) / STRAYS, revoke = count(pid) - marks;

		of[size] = found->of[size];
		of[size].fill = fill;
		of[size].stray = stray;
		of[size].revoke = revoke;
	}
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	ended(pid);
}

static unsigned sharing; /* vCPUs */

static void share_all(void)
{
	share(sharing);
}

static struct figures measure_vcpus(unsigned n)
{
	sharing = n;
	ended(start(share_all));
	return found->of[0];
}

#define ULL(x) ((unsigned long long)(x))
#define PERCENT(a, b) ULL(((a) * 100 + (b) - 1) / (b))

static void rows(const struct figures of[SIZES])
{
	const char *k = kind->name;
	struct figures one, all;

	for (unsigned size = 0; size < SIZES; size += SIZES - 1) {
		const struct figures *f = &of[size];
		const char *s = kind->sizes[size];

		printf("bench ept_%s_fill512_%s %llu\n", k, s, ULL(f->fill));
		printf("bench ept_%s_stray_%s %llu\n", k, s, ULL(f->stray));
		printf("bench ept_%s_revoke_%s %llu\n", k, s, ULL(f->revoke));
		printf("bench ept_%s_bytes512_%s %llu\n", k, s, ULL(f->pages * 4096 * 512 / f->leaves));
	}
	one = measure_vcpus(1);
	all = measure_vcpus(CPUS);
	printf("bench ept_%s_leaves_8cpu %llu\n", k, PERCENT(all.leaves, one.leaves));
	printf("bench ept_%s_pages_8cpu %llu\n", k, PERCENT(all.pages, one.pages));
}

static void tables(const struct figures of[SIZES])
{
	struct figures one = measure_vcpus(1);

	printf("| pages of %s | fill 512 | INVEPT, touch | revoke | bytes for 512 |\n|---|---:|---:|---:|---:|\n", kind->name);
	for (unsigned size = 0; size < SIZES; size++)
		printf("| %u GiB | %llu | %llu | %llu | %llu |\n", kind->gib[size], ULL(of[size].fill), ULL(of[size].stray),
		       ULL(of[size].revoke), ULL(of[size].pages * 4096 * 512 / of[size].leaves));
	printf("\n| vCPUs | leaves made | pages | of one's |\n|---:|---:|---:|---:|\n");
	for (unsigned n = 1; n <= CPUS; n *= 2) {
		struct figures all = measure_vcpus(n);

		printf("| %u | %llu | %llu | %llu %% |\n", n, ULL(all.leaves), ULL(all.pages), PERCENT(all.pages, one.pages));
	}
	printf("\n");
}

int main(int argc, char **argv)
{
	bool as_tables = argc > 1 && !strcmp(argv[1], "tables");

	found = mmap(NULL, sizeof(*found), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (found == MAP_FAILED)
		return 2;
	for (kind = kinds; kind < kinds + KINDS; kind++) {
		struct figures of[SIZES];

		measure_sizes(of);
		if (as_tables)
			tables(of);
		else
			rows(of);
	}
	return 0;
}

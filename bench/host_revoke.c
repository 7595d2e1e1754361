/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * `bench host_revoke_4k N`: the instructions of nvmx_host_invalidate() for one 4-KiB frame that a shadow of 512 pages maps
 * once.  The ops do nothing, so that the figure is the library's own.  A child does it, and its parent counts by
 * single-stepping from one SIGSTOP to the next.
 */
#include <nestvmx/nestvmx.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#include "ept/ept.h"

#define PAGES 512u
#define DATA 16u /* L1's first frame for L2; 1 to 4 are EPT12's tables */
#define EPTP (0x1000ull | 3 << 3 | 6)

struct nvmx_host {
	uint64_t (*ram)[512];
	unsigned flushes;
};

static int translate(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out)
{
	(void)h;
	(void)access;
	*out = (struct nvmx_xlate){ .hpa = gpa, .rights = 7, .page_shift = 12, .memtype = 6 };
	return 0;
}

static void *map(struct nvmx_host *h, uint64_t gpa, bool write)
{
	(void)write;
	return h->ram[gpa >> 12];
}

static void unmap(struct nvmx_host *h, uint64_t gpa, void *page, bool wrote)
{
	(void)h;
	(void)gpa;
	(void)page;
	(void)wrote;
}

static void *page_alloc(struct nvmx_host *h, uint64_t *hpa)
{
	void *page = aligned_alloc(4096, 4096);

	(void)h;
	memset(page, 0, 4096);
	*hpa = (uintptr_t)page;
	return page;
}

static void flush_ept(struct nvmx_host *h, uint64_t eptp, unsigned scope)
{
	(void)eptp;
	(void)scope;
	h->flushes++;
}

static const struct nvmx_host_ops ops = {
	.translate = translate, .map = map, .unmap = unmap, .page_alloc = page_alloc, .flush_ept = flush_ept,
};

static void fill(struct nvmx_vcpu *v, uint64_t (*ram)[512])
{
	struct nvmx_ept_fault fault;

	for (unsigned level = 4; level > 1; level--)
		ram[5 - level][0] = (6 - level) * 0x1000ull | 7;
	for (uint64_t i = 0; i < PAGES; i++)
		ram[4][i] = (DATA + i) << 12 | 6 << 3 | 7;
	for (uint64_t i = 0; i < PAGES; i++)
		if (nvmx_ept_violation(v, EPTP, i << 12, 0x182, &fault) != NVMX_EPT_RETRY)
			abort();
	if (v->counters[NVMX_CNT_EPT_FILL] != PAGES)
		abort();
}

static __attribute__((noinline)) void begin(void)
{
	__asm__ volatile("");
}

static __attribute__((noinline)) void end(void)
{
	__asm__ volatile("nop");
}

static int child(void)
{
	struct nvmx_host host = { .ram = aligned_alloc(4096, 8 * 4096) };
	struct nvmx_vm *vm = aligned_alloc(64, NVMX_VM_SIZE);
	struct nvmx_vcpu *v = aligned_alloc(64, NVMX_VCPU_SIZE);

	memset(vm, 0, NVMX_VM_SIZE);
	memset(v, 0, NVMX_VCPU_SIZE);
	memset(host.ram, 0, 8 * 4096);
	vm->ops = v->ops = &ops;
	vm->caps.maxphyaddr = vm->hw.maxphyaddr = 52;
	vm->caps.msr[NVMX_MSR_VMX_EPT_VPID_CAP - NVMX_CAPS_FIRST_MSR] = NVMX_EPT_WALK4 | NVMX_EPT_WB;
	vm->hw.msr[NVMX_MSR_VMX_EPT_VPID_CAP - NVMX_CAPS_FIRST_MSR] = NVMX_EPT_WALK4 | NVMX_EPT_WB;
	v->vm = vm;
	v->host = &host;
	nvmx_ept_vm_init(vm);
	nvmx_ept_vcpu_init(v);
	fill(v, host.ram);
	nvmx_host_invalidate(vm, v, (DATA + 7ull) << 12, 4096);
	host.flushes = 0;
	ptrace(PTRACE_TRACEME, 0, 0, 0);
	raise(SIGSTOP);
	begin();
	nvmx_host_invalidate(vm, v, (DATA + 100ull) << 12, 4096);
	end();
	return host.flushes == 1 ? 0 : 1;
}

/* Steps the child to `address`: the instructions that it took, or -1. */
static long steps_to(pid_t pid, void (*address)(void))
{
	struct user_regs_struct regs;
	int status;

	for (long n = 0;; n++) {
		if (ptrace(PTRACE_GETREGS, pid, 0, &regs))
			return -1;
		if (regs.rip == (uintptr_t)address)
			return n;
		if (ptrace(PTRACE_SINGLESTEP, pid, 0, 0) || waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status))
			return -1;
	}
}

int main(void)
{
	pid_t pid = fork();
	int status;
	long n = -1;

	if (!pid)
		_exit(child());
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status) || steps_to(pid, begin) < 0)
		return 1;
	n = steps_to(pid, end);
	if (n < 0 || ptrace(PTRACE_CONT, pid, 0, 0) || waitpid(pid, &status, 0) < 0 || status)
		return 1;
	printf("bench host_revoke_4k %ld\n", n);
	return 0;
}

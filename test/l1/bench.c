/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * What nested VMX costs a guest hypervisor, in ticks of its own TSC: `bench <name> <ticks>`, each the minimum over
 * several rounds after a warm-up round.
 */
#include "bench.h"
#include "console.h"
#include "memory.h"

void l2_cpuid_loop(void);
asm(".globl l2_cpuid_loop\n"
    "l2_cpuid_loop:\n"
    "	xorl %eax, %eax\n"
    "	xorl %ecx, %ecx\n"
    "	cpuid\n"
    "	jmp l2_cpuid_loop\n");

u8 l2_stack[4096] __attribute__((aligned(16)));

void row(const char *name, u64 ticks) { printf("bench %s %lu\n", name, ticks); }

static void bench_l1_cpuid(void)
{
	row("l1_cpuid", LOOP_TICKS("xorl %%eax, %%eax; xorl %%ecx, %%ecx; cpuid", "i"(0)));
}

void expect_exit(struct l2 *l2, u32 reason)
{
	enum vmx_result r = l2_run(l2);

	if (r != VMX_OK || vmread(EXIT_REASON) != reason)
		fatal("result %d error %lu exit reason %lx qualification %lx rip %lx", r,
		      vmread(VM_INSTRUCTION_ERROR), vmread(EXIT_REASON), vmread(EXIT_QUALIFICATION),
		      vmread(GUEST_RIP));
}

static void bench_roundtrip(struct l2 *l2)
{
	u64 best = ~0ull;

	l2_setup(l2, L2_LONG, (u64)l2_cpuid_loop, (u64)l2_stack + sizeof(l2_stack));
	expect_exit(l2, R_CPUID);
	for (unsigned round = 0; round <= ROUNDS; round++) {
		u64 t = rdtsc();

		for (unsigned i = 0; i < REPEAT; i++) {
			vmwrite(GUEST_RIP, vmread(GUEST_RIP) + vmread(EXIT_INSTRUCTION_LENGTH));
			expect_exit(l2, R_CPUID);
		}
		t = (rdtsc() - t) / REPEAT;
		if (round && t < best)
			best = t;
	}
	row("l2_cpuid_roundtrip", best);
}

/* Nothing but round trips, for who counts what the host does for them. */
static void turn_round(struct l2 *l2, u64 turns)
{
	l2_setup(l2, L2_LONG, (u64)l2_cpuid_loop, (u64)l2_stack + sizeof(l2_stack));
	expect_exit(l2, R_CPUID);
	while (turns--) {
		vmwrite(GUEST_RIP, vmread(GUEST_RIP) + vmread(EXIT_INSTRUCTION_LENGTH));
		expect_exit(l2, R_CPUID);
	}
}

/* Exit-information and guest RIP are what hosts shadow; HOST_RSP is outside what Linux's KVM does. */
static void bench_fields(void)
{
	u64 rsp = vmread(HOST_RSP), rip = vmread(GUEST_RIP);

	row("vmread_shadowed", LOOP_TICKS("vmread %1, %%rax", "r"((u64)EXIT_REASON)));
	row("vmread_unshadowed", LOOP_TICKS("vmread %1, %%rax", "r"((u64)HOST_RSP)));
	row("vmwrite_guest_rip", LOOP_TICKS("vmwrite %2, %1", "r"((u64)GUEST_RIP), "r"(rip)));
	row("vmwrite_unshadowed", LOOP_TICKS("vmwrite %2, %1", "r"((u64)HOST_RSP), "r"(rsp)));
}

static void bench_switch(struct l2 *l2)
{
	u64 other = phys(vmcs_alloc());

	vmclear(other);
	row("vmptrld_vmclear", LOOP_TICKS("vmptrld %1; vmclear %1", "m"(other)));
	if (vmptrld(phys(l2->vmcs)) != VMX_OK)
		fatal("VMPTRLD failed");
}

static void all_rows(struct l2 *l2)
{
	bench_roundtrip(l2);
	bench_fields();
	bench_switch(l2);
	bench_ept(l2);
	bench_large(l2);
	bench_many(l2);
	bench_eptp_switch(l2);
	bench_vmcs_switch(l2);
	bench_vmcs_reload(l2);
	bench_vmfunc(l2);
	bench_sets(l2);
	bench_worst(l2);
}

/* All rows, or what an option picks of them. */
static void some_rows(struct l2 *l2)
{
	if (l1_option("turns", 0))
		turn_round(l2, l1_option("turns", 0));
	else if (l1_option("roundtrip", 0))
		bench_roundtrip(l2);
	else if (l1_option("many", 0))
		bench_many(l2);
	else if (l1_option("sets", 0))
		bench_sets(l2);
	else if (l1_option("worst", 0))
		bench_worst(l2);
	else if (l1_option("search", 0))
		bench_search(l2, l1_option("search", 0));
	else if (l1_option("smp", 0))
		bench_two_processors(l2);
	else
		all_rows(l2);
}

void l1_main(void)
{
	struct l2 l2 = { 0 };

	if (!vmx_init())
		fatal("no VMX");
	vmx_enable();
	bench_l1_cpuid();
	l2.ept = ept_alloc();
	ept_identity(l2.ept, 1);
	some_rows(&l2);
	vmclear(phys(l2.vmcs));
	vmxoff();
	printf("bench done\n");
}

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* metal's Hyper-V interface: leaves, MSRs, the hypercall page, who may call; and how processors are made to leave L2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* A processor of the test's own in place of <vmx.h>. */
#define METAL_VMX_H
#define EXIT_REASONS 80
#define RFLAGS_IF 0x200ull
#define ACTIVITY_HLT 1
enum { GUEST_IA32_EFER, GUEST_CS_ACCESS_RIGHTS, GUEST_SS_ACCESS_RIGHTS, GUEST_ACTIVITY_STATE, GUEST_RFLAGS, FIELDS };
struct cpuid_regs { uint32_t eax, ebx, ecx, edx; };
static uint64_t fields[FIELDS];
static bool invariant;
static void (*relaxed)(void);

static uint64_t vmread(unsigned field)
{
	return fields[field];
}

static struct cpuid_regs cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_regs r = { leaf == 0x80000000u ? 0x80000008u : 0, 0, 0, leaf == 0x80000007u && invariant ? 0x100 : 0 };

	(void)subleaf;
	return r;
}

static void *phys(uint64_t address)
{
	return (void *)(uintptr_t)address;
}

static void cpu_relax(void)
{
	if (relaxed)
		relaxed();
}

#include "../../adapters/metal/hyperv.c"
#include "../../adapters/metal/kick.c"

#define CPUS 3u

struct machine machine;
static struct cpu cpu[CPUS];
static _Alignas(4096) uint8_t ram[2 * 4096];
static struct range range;
static uint64_t told;
static unsigned calls, skipped, inits, befores, rans;
static uint32_t init_to[64];
static uint64_t call_input, call_first, call_second;

const struct range *memory_ram(uint64_t address)
{
	return address - (uintptr_t)ram < sizeof(ram) ? &range : NULL;
}

bool watch_written(uint64_t address)
{
	told = address;
	return true;
}

int nvmx_hv_flush_guest_mapping(struct nvmx_vcpu *v, uint64_t input, uint64_t first, uint64_t second, uint64_t *result)
{
	(void)v;
	calls++;
	call_input = input;
	call_first = first;
	call_second = second;
	*result = 0x123;
	return 0;
}

void skip_instruction(struct cpu *c)
{
	(void)c;
	skipped++;
}

_Noreturn void stop_cpu(struct cpu *c, const char *reason)
{
	(void)c;
	(void)reason;
	abort();
}

void apic_send_init(const struct cpu *self, uint32_t to)
{
	assert_int_not_equal(self->apic_id, to);
	init_to[inits++ % 64] = to;
}

enum nvmx_verdict nvmx_before_l2(struct nvmx_vcpu *v)
{
	(void)v;
	befores++;
	return NVMX_RESUME_L2;
}

void nvmx_l2_ran(struct nvmx_vcpu *v)
{
	(void)v;
	assert_int_equal(befores, rans++);
}

bool nest_other_verdict(struct cpu *c, enum nvmx_verdict verdict)
{
	(void)c;
	assert_int_equal(verdict, NVMX_RESUME_L2);
	return false;
}

static int setup(void **state)
{
	(void)state;
	memset(&machine, 0, sizeof(machine));
	memset(cpu, 0, sizeof(cpu));
	memset(ram, 0, sizeof(ram));
	memset(fields, 0, sizeof(fields));
	guest_os_id = hypercall_page = tsc_invariant = 0;
	told = 0;
	calls = skipped = inits = befores = rans = 0;
	relaxed = NULL;
	invariant = true;
	machine.hyperv = 1;
	machine.cpus = CPUS;
	for (uint32_t i = 0; i < CPUS; i++) {
		machine.cpu[i] = &cpu[i];
		cpu[i].index = i;
		cpu[i].apic_id = 10 + i;
		cpu[i].started = 1;
	}
	return 0;
}

static void leaves(void **state)
{
	char name[13] = "";

	(void)state;
	assert_true(hyperv_cpuid(cpu, 0x40000000));
	for (unsigned i = 0; i < 3; i++)
		memcpy(name + 4 * i, &cpu[0].regs[(const unsigned[]){ RBX, RCX, RDX }[i]], 4);
	assert_string_equal(name, "Microsoft Hv");
	assert_int_equal(cpu[0].regs[RAX], 0x4000000a);
	assert_true(hyperv_cpuid(cpu, 0x40000001) && !memcmp(&cpu[0].regs[RAX], "Hv#1", 4));
	assert_true(hyperv_cpuid(cpu, 0x40000003) && cpu[0].regs[RAX] == 0x8060);
	invariant = false;
	assert_true(hyperv_cpuid(cpu, 0x40000003) && cpu[0].regs[RAX] == 0x60);
	assert_true(hyperv_cpuid(cpu, 0x4000000a) && cpu[0].regs[RAX] == 1u << 18);
	assert_false(hyperv_cpuid(cpu, 0x4000000b) || hyperv_cpuid(cpu, 0x3fffffff) || hyperv_cpuid(cpu, 0x40000100));
	machine.hyperv = 0;
	assert_false(hyperv_cpuid(cpu, 0x40000000));
}

static void msrs(void **state)
{
	static const struct { uint32_t msr; uint64_t value; bool readable, writable; } rows[] = {
		{ 0x40000000, 0x8100, true, true }, { 0x40000002, 2, true, false }, { 0x40000003, 0, false, false },
		{ 0x40000070, 0, false, false }, { 0x40000073, 0x5001, true, true }, { 0x40000118, 1, true, true },
		{ 0x40000118, 2, true, false }, { 0x40000020, 0, false, false },
	};
	uint64_t value;

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (hyperv_msr_write(&cpu[2], rows[i].msr, rows[i].value) != rows[i].writable ||
		    hyperv_msr_read(&cpu[2], rows[i].msr, &value) != rows[i].readable)
			fail_msg("row %u", i);
		if (rows[i].writable || rows[i].msr == 0x40000002)
			assert_int_equal(value, rows[i].value);
	}
	assert_true(hyperv_msr_read(&cpu[2], 0x40000118, &value) && value == 1);
	invariant = false;
	assert_false(hyperv_msr_write(cpu, 0x40000118, 1) || hyperv_msr_read(cpu, 0x40000118, &value));
}

/* It needs the guest OS identity, and RAM of L1's; what is watched there is told of first. */
static void hypercall_page_of_l1(void **state)
{
	static const uint8_t code[] = { 0x0f, 0x01, 0xc1, 0xc3, 0 };
	uint64_t page = (uintptr_t)ram, value;

	(void)state;
	assert_true(hyperv_msr_write(cpu, 0x40000001, page | 1));
	assert_true(hyperv_msr_read(cpu, 0x40000001, &value) && value == page && !ram[0]);
	hyperv_msr_write(cpu, 0x40000000, 7);
	assert_false(hyperv_msr_write(cpu, 0x40000001, (page + sizeof(ram)) | 1));
	assert_true(hyperv_msr_write(cpu, 0x40000001, page | 1));
	assert_true(told == page && !memcmp(ram, code, sizeof(code)));
	hyperv_msr_write(cpu, 0x40000000, 0);
	assert_true(hyperv_msr_read(cpu, 0x40000001, &value) && value == page);
	hyperv_msr_write(cpu, 0x40000000, 7);
	assert_true(hyperv_msr_write(cpu, 0x40000001, page | 3));
	assert_true(hyperv_msr_write(cpu, 0x40000001, 0));
	assert_true(hyperv_msr_read(cpu, 0x40000001, &value) && value == (page | 3));
}

static void who_may_call(void **state)
{
	(void)state;
	fields[GUEST_IA32_EFER] = 0xd01;
	fields[GUEST_CS_ACCESS_RIGHTS] = 0xa09b;
	fields[GUEST_SS_ACCESS_RIGHTS] = 0xc093;
	cpu[0].regs[RCX] = 0x1000000b0;
	cpu[0].regs[RDX] = 0x5000;
	cpu[0].regs[R8] = 0x6000;
	assert_false(hyperv_call(cpu)); /* no page */
	hyperv_msr_write(cpu, 0x40000000, 7);
	hyperv_msr_write(cpu, 0x40000001, (uintptr_t)ram | 1);
	assert_true(hyperv_call(cpu));
	assert_true(calls == 1 && skipped == 1 && call_input == 0x1000000b0 && call_first == 0x5000 && call_second == 0x6000);
	assert_int_equal(cpu[0].regs[RAX], 0x123);
	fields[GUEST_SS_ACCESS_RIGHTS] = 0xc0f3;
	assert_false(hyperv_call(cpu));
	fields[GUEST_SS_ACCESS_RIGHTS] = 0xc093;
	fields[GUEST_CS_ACCESS_RIGHTS] = 0xc09b;
	assert_false(hyperv_call(cpu));
	fields[GUEST_CS_ACCESS_RIGHTS] = 0xa09b;
	fields[GUEST_IA32_EFER] = 0x100;
	assert_false(hyperv_call(cpu));
	fields[GUEST_IA32_EFER] = 0xd01;
	cpu[0].in_l2 = 1;
	assert_false(hyperv_call(cpu));
	cpu[0].in_l2 = 0;
	machine.hyperv = 0;
	assert_false(hyperv_call(cpu));
	assert_int_equal(calls, 1);
}

/* The processors exit one after the other, the second when it was sent a second INIT. */
static void exit_of_others(void)
{
	static unsigned at;

	if (++at == 3)
		assert_true(kick_came(&cpu[1]));
	if (inits == 3)
		assert_true(kick_came(&cpu[2]));
}

static void kick(void **state)
{
	(void)state;
	relaxed = exit_of_others;
	cpu[1].in_l2 = 1;
	kick_others(&cpu[0]);
	assert_true(inits == 3 && init_to[0] == 11 && init_to[1] == 12 && init_to[2] == 12);
	assert_true(befores == 1 && rans == 1 && !cpu[0].due && !cpu[0].kicks && !cpu[1].due);
	assert_false(kick_came(&cpu[1])); /* L1's own INIT */
}

static void cannot_be(void)
{
	fail_msg("nobody is to be waited for");
}

/* Processors that are not in L2: one that kicks itself, one that L1 has not started, one that has halted for good. */
static void nobody_to_kick(void **state)
{
	(void)state;
	relaxed = cannot_be;
	cpu[0].kicks = 1;
	cpu[2].started = 0;
	kick_others(&cpu[1]);
	assert_int_equal(inits, 0);
	cpu[0].kicks = 0;
	cpu[0].halted = 1;
	kick_others(&cpu[1]);
	assert_int_equal(inits, 0);
	cpu[0].due = DUE_KICK; /* one that began while the processor ran ends it in its HLT */
	fields[GUEST_ACTIVITY_STATE] = ACTIVITY_HLT;
	cpu[0].halted = 0;
	assert_true(kick_came(&cpu[0]) && cpu[0].halted);
	cpu[0].due = DUE_KICK | DUE_FLUSH;
	fields[GUEST_RFLAGS] = RFLAGS_IF;
	assert_true(kick_came(&cpu[0]) && !cpu[0].halted && cpu[0].due == DUE_FLUSH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(leaves, setup), cmocka_unit_test_setup(msrs, setup),
		cmocka_unit_test_setup(hypercall_page_of_l1, setup), cmocka_unit_test_setup(who_may_call, setup),
		cmocka_unit_test_setup(kick, setup), cmocka_unit_test_setup(nobody_to_kick, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

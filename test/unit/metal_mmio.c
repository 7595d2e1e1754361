/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* metal's decoder of MOVs: lengths and operands of what an assembler makes, in three modes, fetched through L1's paging. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

/* A processor of the test's own in place of <vmx.h>. */
#define METAL_VMX_H
#include <stdbool.h>
#define CR0_PG 0x80000000ull
#define CR4_PAE 0x20ull
#define EXIT_REASONS 80
enum vmcs_field {
	GUEST_CS_BASE, GUEST_CS_ACCESS_RIGHTS, GUEST_IA32_EFER, GUEST_CR0, GUEST_CR3, GUEST_CR4, GUEST_RIP, GUEST_RSP,
	GUEST_RFLAGS, FIELDS
};
static uint64_t field[FIELDS], pdpte[4];
static uint8_t ram[16 * 4096];

static uint64_t vmread(enum vmcs_field f)
{
	return (unsigned)f >= 0x280a ? pdpte[((unsigned)f - 0x280a) / 2] : field[f];
}

static void vmwrite(enum vmcs_field f, uint64_t value)
{
	field[f] = value;
}

static void *phys(uint64_t address)
{
	return ram + address;
}

#include "../../adapters/metal/mmio.c"

const struct range *memory_ram(uint64_t address)
{
	static struct range all;

	return address < sizeof(ram) ? &all : NULL;
}

void skip_bytes(uint64_t length)
{
	field[GUEST_RIP] += length;
}

static struct cpu cpu;

/* Code at linear 0x400ffa, six bytes before a page's end; the next page lies elsewhere. */
#define RIP 0x400ffaull
#define PAGE_1 0x5000u
#define PAGE_2 0x8000u

static void put(uint64_t at, uint64_t value)
{
	memcpy(ram + at, &value, 8);
}

static void mode(unsigned bits)
{
	memset(field, 0, sizeof(field));
	memset(ram, 0, sizeof(ram));
	field[GUEST_CR0] = CR0_PG;
	field[GUEST_RIP] = RIP;
	field[GUEST_RFLAGS] = RFLAGS_RF | 2;
	if (bits == 64) { /* 4 levels */
		field[GUEST_CR3] = 0x1000;
		field[GUEST_CR4] = CR4_PAE;
		field[GUEST_IA32_EFER] = EFER_LMA;
		field[GUEST_CS_ACCESS_RIGHTS] = ACCESS_LONG;
		field[GUEST_CS_BASE] = 0x123000; /* not used */
		put(0x1000, 0x2007);
		put(0x2000, 0x3007);
		put(0x3000 + 2 * 8, 0x4007);
		put(0x4000, PAGE_1 | 7);
		put(0x4000 + 8, PAGE_2 | 7);
	} else if (bits == 32) { /* PAE: PDPTEs of the VMCS */
		field[GUEST_CR4] = CR4_PAE;
		field[GUEST_CS_ACCESS_RIGHTS] = ACCESS_DEFAULT_32;
		pdpte[0] = 0x3001;
		put(0x3000 + 2 * 8, 0x4007);
		put(0x4000, PAGE_1 | 7);
		put(0x4000 + 8, PAGE_2 | 7);
	} else { /* two levels of 4-byte entries, and a base */
		field[GUEST_CR3] = 0x3000;
		field[GUEST_CS_BASE] = 0x400000;
		field[GUEST_RIP] = 0xffa;
		put(0x3000 + 4, 0x4007);
		put(0x4000, (uint64_t)(PAGE_2 | 7) << 32 | PAGE_1 | 7);
	}
}

static void code(const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		ram[i < 6 ? PAGE_1 + 0xffa + i : PAGE_2 + i - 6] = (uint8_t)bytes[i];
}

#define GPR(n) (0x1111111111111111ull * (n))
#define REG(n) n, false, false
#define HIGH(n) n, false, true
#define IMM 0, true, false

static const struct row {
	unsigned bits;
	const char *text, *bytes;
	unsigned length, size;
	bool write;
	unsigned reg;
	bool immediate, high;
	uint64_t value;   /* written; or what the register is after a read of f0e1d2c3b4a59687 */
} rows[] = {
#define B(bytes) bytes, sizeof(bytes) - 1
	{ 64, "mov %eax,(%rdi)", B("\x89\x07"), 4, true, REG(0), 0 },
	{ 64, "mov %rax,0x88(%rdi)", B("\x48\x89\x87\x88\0\0\0"), 8, true, REG(0), 0 },
	{ 64, "mov %r9d,0x88(%rdi,%rcx,4)", B("\x44\x89\x8c\x8f\x88\0\0\0"), 4, true, REG(9), 0x99999999 },
	{ 64, "mov %cl,0x10(%rsp)", B("\x88\x4c\x24\x10"), 1, true, REG(1), 0x11 },
	{ 64, "mov %ah,0x10(%rbx)", B("\x88\x63\x10"), 1, true, HIGH(4), 0x12 },
	{ 64, "mov %sil,0x10(%rbx)", B("\x40\x88\x73\x10"), 1, true, REG(6), 0x66 },
	{ 64, "mov %ax,0x12345678(%r13)", B("\x66\x41\x89\x85\x78\x56\x34\x12"), 2, true, REG(0), 0 },
	{ 64, "movl $0x80000000,0x22c(%rbx)", B("\xc7\x83\x2c\x02\0\0\0\0\0\x80"), 4, true, IMM, 0x80000000 },
	{ 64, "movq $-2,0x20(%rbx)", B("\x48\xc7\x43\x20\xfe\xff\xff\xff"), 8, true, IMM, ~1ull },
	{ 64, "movw $0x1234,(%r12)", B("\x66\x41\xc7\x04\x24\x34\x12"), 2, true, IMM, 0x1234 },
	{ 64, "movb $0x12,(%rbp)", B("\xc6\x45\0\x12"), 1, true, IMM, 0x12 },
	{ 64, "mov 0x1c(%rdi),%eax", B("\x8b\x47\x1c"), 4, false, REG(0), 0xb4a59687 },
	{ 64, "mov 0x8(%rdi),%r15", B("\x4c\x8b\x7f\x08"), 8, false, REG(15), 0xf0e1d2c3b4a59687 },
	{ 64, "mov (%rip),%esp", B("\x8b\x25\0\0\0\0"), 4, false, REG(4), 0xb4a59687 },
	{ 64, "mov 0x7,%ecx", B("\x8b\x0c\x25\x07\0\0\0"), 4, false, REG(1), 0xb4a59687 },
	{ 64, "mov %gs:0x8(%rax),%bh", B("\x65\x8a\x78\x08"), 1, false, HIGH(7), 0x3333333333338733 },
	{ 64, "movzbl 0x4(%rax),%edx", B("\x0f\xb6\x50\x04"), 1, false, REG(2), 0x87 },
	{ 64, "movzwl 0x4(%rax),%r8d", B("\x44\x0f\xb7\x40\x04"), 2, false, REG(8), 0x9687 },
	{ 64, "movzwq 0x4(%rax),%rdx", B("\x48\x0f\xb7\x50\x04"), 2, false, REG(2), 0x9687 },
	{ 64, "movzbw 0x4(%rax),%dx", B("\x66\x0f\xb6\x50\x04"), 1, false, REG(2), 0x2222222222220087 },
	{ 64, "mov 0x8(%rdi),%dx", B("\x66\x8b\x57\x08"), 2, false, REG(2), 0x2222222222229687 },
	{ 64, "movabs 0x1122334455667788,%eax", B("\xa1\x88\x77\x66\x55\x44\x33\x22\x11"), 4, false, REG(0), 0xb4a59687 },
	{ 64, "movabs 0x1122334455667788,%al", B("\xa0\x88\x77\x66\x55\x44\x33\x22\x11"), 1, false, REG(0), 0x87 },
	{ 64, "movabs %rax,0x1122334455667788", B("\x48\xa3\x88\x77\x66\x55\x44\x33\x22\x11"), 8, true, REG(0), 0 },
	{ 64, "mov %ecx,(%edi)", B("\x67\x89\x0f"), 4, true, REG(1), 0x11111111 },
	{ 32, "mov %eax,0x12345678", B("\xa3\x78\x56\x34\x12"), 4, true, REG(0), 0 },
	{ 32, "mov 0x12345678,%ecx", B("\x8b\x0d\x78\x56\x34\x12"), 4, false, REG(1), 0xb4a59687 },
	{ 32, "mov %ecx,0x4(%esp,%ebx,2)", B("\x89\x4c\x5c\x04"), 4, true, REG(1), 0x11111111 },
	{ 32, "movw $0x1234,0x4(%eax)", B("\x66\xc7\x40\x04\x34\x12"), 2, true, IMM, 0x1234 },
	{ 32, "mov %bx,(%bx,%si)", B("\x67\x66\x89\x18"), 2, true, REG(3), 0x3333 },
	{ 32, "mov %ebx,0x1234(%bp)", B("\x67\x89\x9e\x34\x12"), 4, true, REG(3), 0x33333333 },
	{ 16, "mov %eax,0x10(%bx)", B("\x66\x89\x47\x10"), 4, true, REG(0), 0 },
	{ 16, "mov %cx,0x1234", B("\x89\x0e\x34\x12"), 2, true, REG(1), 0x1111 },
	{ 16, "mov 0x10(%eax),%ecx", B("\x67\x66\x8b\x48\x10"), 4, false, REG(1), 0xb4a59687 },
};

static uint64_t register_of(const struct row *row)
{
	unsigned n = row->high ? row->reg - 4 : row->reg;

	return n == RSP ? field[GUEST_RSP] : cpu.regs[n];
}

static void test_movs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *row = &rows[i];
		uint64_t rip;
		struct mmio m;

		mode(row->bits);
		code(row->bytes, row->length);
		for (unsigned n = 0; n < 16; n++)
			cpu.regs[n] = GPR(n);
		cpu.regs[RAX] = 0x1200; /* AH */
		if (!row->high && row->write)
			cpu.regs[RAX] = 0;
		field[GUEST_RSP] = GPR(4);
		rip = field[GUEST_RIP];
		if (!mmio_decode(&cpu, &m) || m.length != row->length || m.size != row->size || m.write != row->write ||
		    m.immediate != row->immediate || (m.write && m.value != row->value))
			fail_msg("%s: length %u size %u value %#llx", row->text, m.length, m.size, (unsigned long long)m.value);
		if (!row->write && row->reg == RAX)
			cpu.regs[RAX] = 0;
		mmio_complete(&cpu, &m, 0xf0e1d2c3b4a59687);
		if (!row->write && register_of(row) != row->value)
			fail_msg("%s: %#llx", row->text, (unsigned long long)register_of(row));
		assert_int_equal(field[GUEST_RIP], rip + row->length);
		assert_int_equal(field[GUEST_RFLAGS], 2);
	}
}

static void test_others(void **state)
{
	static const struct { const char *bytes; size_t length; } other[] = {
		{ B("\x83\x08\x01") }, { B("\x87\x07") }, { B("\x89\xc3") }, { B("\x0f\x20\xc0") }, { B("\xff\x07") },
		{ B("\x0f\xbe\x07") }, { B("\xf0\x83\x07\x01") }, { B("\xf3\xa4") }, { B("\xc7\x4f\x08\0\0\0\0") },
		{ B("\x48\x66\x89\x07") }, { B("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x89\x07") },
	};
	struct mmio m;

	(void)state;
	for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++) {
		mode(64);
		code(other[i].bytes, other[i].length);
		if (mmio_decode(&cpu, &m))
			fail_msg("decoded: number %zu", i);
	}
}

/* What cannot be fetched is not decoded: the second page is not there, or not L1's memory; nor are the tables. */
static void test_fetch(void **state)
{
	static const uint64_t second[] = { 0, 0x100007, 0x100000006 };
	struct mmio m;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		mode(64);
		code("\x48\x89\x87\x88\0\0\0", 7);
		put(0x4000 + 8, second[i]);
		assert_false(mmio_decode(&cpu, &m));
		code("\x89\x07", 2); /* ends before it */
		assert_true(mmio_decode(&cpu, &m));
	}
	mode(64);
	code("\x89\x07", 2);
	field[GUEST_CR3] = 0x7000000;
	assert_false(mmio_decode(&cpu, &m));
	mode(64);
	put(0x3000 + 2 * 8, 0x83); /* a large page, at 0 */
	memcpy(ram + 0xffa, "\x8b\x47\x1c", 3);
	assert_true(mmio_decode(&cpu, &m));
	mode(16);
	memset(ram, 0, sizeof(ram));
	field[GUEST_CR4] = CR4_PSE;
	put(0x3000 + 4, 0x83); /* 4 MiB */
	memcpy(ram + 0xffa, "\x8b\x47\x1c", 3);
	assert_true(mmio_decode(&cpu, &m));
	field[GUEST_CR0] = 0; /* no paging */
	field[GUEST_CS_BASE] = 0x3000;
	memcpy(ram + 0x3ffa, "\x8b\x47\x1c", 3);
	assert_true(mmio_decode(&cpu, &m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_movs), cmocka_unit_test(test_others), cmocka_unit_test(test_fetch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

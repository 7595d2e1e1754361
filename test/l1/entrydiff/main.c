/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* See README.md for the format of what this prints. */
#include "console.h"
#include "entrydiff.h"
#include "l1.h"
#include "memory.h"
#include "trap.h"

extern u64 boot_pml4[];
static struct world world;
static struct l2 sleeper;
static struct l2_regs regs;
static u64 efer, pat;

static void print_machine(void)
{
	static const u32 leaves[][2] = { { 1, 0 }, { 7, 0 }, { 0xa, 0 }, { 0xd, 1 }, { 0x14, 0 },
		{ 0x80000001, 0 }, { 0x80000008, 0 } };
	u32 last = caps.vmfunc ? MSR_VMX_VMFUNC : caps.has_true ? MSR_VMX_TRUE_ENTRY : MSR_VMX_EPT_VPID_CAP;

	printf("entrydiff 2\nwidth %u %u\n", caps.phys_bits, caps.linear_bits);
	for (unsigned i = 0; i < ARRAY_SIZE(leaves); i++) {
		struct cpuid c = cpuid(leaves[i][0], leaves[i][1]);

		printf("cpuid %x %x %x %x %x %x\n", leaves[i][0], leaves[i][1], c.eax, c.ebx, c.ecx, c.edx);
	}
	printf("msr %x %lx\n", MSR_FEATURE_CONTROL, rdmsr(MSR_FEATURE_CONTROL));
	for (u32 m = MSR_VMX_BASIC; m <= last; m++) {
		if (m == MSR_VMX_PROCBASED2 && !can(caps.proc, PROC_SECONDARY))
			continue;
		if (m == MSR_VMX_EPT_VPID_CAP && !caps.ept_vpid)
			continue;
		printf("msr %x %lx\n", m, rdmsr(m));
	}
}

/* Lets the transmitter drain while L2 is halted, which an emulator skips over; polling would cost it instructions. */
static void sleep_in_l2(void)
{
	enum vmx_result r;

	vmwrite(PREEMPTION_TIMER_VALUE, 16384 >> (caps.misc & 31));
	vmwrite(GUEST_ACTIVITY, ACT_HLT);
	vmwrite(GUEST_INTERRUPTIBILITY, 0);	/* Bochs saves what an earlier wait-for-SIPI state left behind */
	r = l2_run(&sleeper);
	if (r != VMX_OK || vmread(EXIT_REASON) != R_PREEMPTION_TIMER)
		fatal("the sleeping L2 does not wake: result %d error %lu exit reason %lx", r,
		      vmread(VM_INSTRUCTION_ERROR), vmread(EXIT_REASON));
}

static bool sleeper_build(void)
{
	if (!can(caps.pin, PIN_PREEMPTION_TIMER) || !(caps.misc & BIT(6)))
		return false;
	l2_setup(&sleeper, L2_LONG, phys(world.code), phys(world.code));
	vmwrite(PIN_CONTROLS, fit(caps.pin, PIN_PREEMPTION_TIMER));
	return true;
}

static char text[65536];
static unsigned text_len;
static bool can_sleep;

static void text_flush(void)
{
	if (can_sleep) {
		vmptrld(phys(sleeper.vmcs));
		console_wait = sleep_in_l2;
	}
	for (unsigned i = 0; i < text_len; i++)
		console_putc(text[i]);
	console_wait = NULL;
	text_len = 0;
	vmptrld(phys(world.vmcs));
}

static void put_char(char c) { text[text_len++] = c; }

static void put_word(const char *s)
{
	while (*s)
		put_char(*s++);
}

static void put_hex(u64 v)
{
	unsigned digits = 1;

	while (digits < 16 && v >> (4 * digits))
		digits++;
	while (digits--)
		put_char("0123456789abcdef"[v >> (4 * digits) & 15]);
}

static void put_decimal(u32 v)
{
	char buf[10], *p = buf + sizeof(buf);

	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	while (p < buf + sizeof(buf))
		put_char(*p++);
}

/* What an entry came to; each that there was has a letter, in order. */
struct outcome { u32 result, number; u64 qualification; };
enum { FIRST_LETTER = '!', MAX_OUTCOMES = 90, LETTERS_IN_LINE = 120 };
static struct outcome outcomes[MAX_OUTCOMES];
static unsigned outcome_count, line_len;

static struct outcome outcome_of(enum vmx_result r, u32 reason)
{
	struct outcome o = { .result = r };

	if (r == VMX_FAIL_VALID)
		o.number = (u32)vmread(VM_INSTRUCTION_ERROR);
	if (r == VMX_OK)
		o.number = reason;
	if (r == VMX_OK && reason & REASON_ENTRY_FAILURE)
		o.qualification = vmread(EXIT_QUALIFICATION);
	return o;
}

static void put_outcome(const struct outcome *o)
{
	if (o->result == VMX_FAIL_INVALID) {
		put_word("invalid");
	} else if (o->result == VMX_FAIL_VALID) {
		put_word("valid ");
		put_decimal(o->number);
	} else if (o->number & REASON_ENTRY_FAILURE) {
		put_word("exit ");
		put_decimal(o->number & 0xffff);
		put_char(' ');
		put_hex(o->qualification);
	} else {
		put_word("entered ");
		put_decimal(o->number & 0xffff);
	}
	put_char('\n');
}

static void end_line(void)
{
	if (line_len)
		put_char('\n');
	line_len = 0;
}

static char new_letter(const struct outcome *o)
{
	char letter = (char)(FIRST_LETTER + outcome_count);

	if (outcome_count == MAX_OUTCOMES)
		fatal("more outcomes than letters");
	outcomes[outcome_count++] = *o;
	end_line();
	put_word("outcome ");
	put_char(letter);
	put_char(' ');
	put_outcome(o);
	return letter;
}

static char letter_of(const struct outcome *o)
{
	for (unsigned i = 0; i < outcome_count; i++) {
		if (outcomes[i].result == o->result && outcomes[i].number == o->number &&
		    outcomes[i].qualification == o->qualification)
			return (char)(FIRST_LETTER + i);
	}
	return new_letter(o);
}

static void put_letter(char letter)
{
	if (line_len == LETTERS_IN_LINE)
		end_line();
	if (!line_len)
		put_word("o ");
	put_char(letter);
	line_len++;
}

/* What was loaded for L2, and no exit control has undone. */
static void restore_msrs(void)
{
	wrmsr(MSR_EFER, efer);
	wrmsr(MSR_PAT, pat);
	if (can(caps.exit, EXIT_LOAD_CET)) {
		wrmsr(MSR_S_CET, 0);
		wrmsr(MSR_SSP_TABLE, 0);
	}
	if (can(caps.exit, EXIT_LOAD_PKRS))
		wrmsr(MSR_PKRS, 0);
}

/* L2 has run: its state was saved over the base's. */
static void restore_all(const struct base *b)
{
	for (unsigned i = 0; i < b->count; i++)
		vmwrite(b->field[i], b->value[i]);
	world_refresh(&world);
}

static void one_state(const struct base *b, u64 *seed, u64 *digest, bool *launched)
{
	struct mutant m;
	struct outcome o;
	enum vmx_result r;
	u32 reason = 0;

	mutate(&world, b, seed, &m);
	for (unsigned i = 0; i < m.count; i++) {
		vmwrite(m.m[i].field, m.m[i].value);
		m.m[i].value = vmread(m.m[i].field);
	}
	*digest = mutant_digest(*digest, &m);
	r = (enum vmx_result)l2_enter(&regs, *launched);
	if (r == VMX_OK) {
		reason = (u32)vmread(EXIT_REASON);
		restore_msrs();
	}
	o = outcome_of(r, reason);
	put_letter(letter_of(&o));
	if (r == VMX_OK && !(reason & REASON_ENTRY_FAILURE)) {
		*launched = true;
		restore_all(b);
	} else {
		for (unsigned i = 0; i < m.count; i++)
			vmwrite(m.m[i].field, base_value(b, m.m[i].field));
	}
	if (text_len > sizeof(text) - 1024)
		text_flush();
}

static void print_base(const struct base *b, u32 from, u32 count, u64 seed)
{
	printf("# %s\n", b->name);
	for (unsigned i = 0; i < b->count; i++)
		printf("base %x %lx\n", b->field[i], b->value[i]);
	printf("states %u %u %lx\n", from, count, seed);
}

static void check_base(const struct base *b, bool *launched)
{
	enum vmx_result r = (enum vmx_result)l2_enter(&regs, 0);

	if (r != VMX_OK || vmread(EXIT_REASON) & REASON_ENTRY_FAILURE)
		fatal("base %s is not valid: result %d error %lu exit reason %lx qualification %lx", b->name, r,
		      vmread(VM_INSTRUCTION_ERROR), vmread(EXIT_REASON), vmread(EXIT_QUALIFICATION));
	*launched = true;
	restore_msrs();
	restore_all(b);
}

static void run_base(unsigned n, u64 seed, u32 from, u32 count)
{
	static struct base b;
	u64 digest = 0;
	bool launched;

	if (!base_load(&world, n, &b))
		return;
	check_base(&b, &launched);
	print_base(&b, from, count, seed);
	for (u32 i = 0; i < count; i++)
		one_state(&b, &seed, &digest, &launched);
	end_line();
	text_flush();
	printf("digest %lx\n", digest);
	vmclear(phys(world.vmcs));
}

void l1_main(void)
{
	u64 seed = l1_option("seed", 1), count = l1_option("count", 100000), from = 0;

	if (!vmx_init())
		fatal("no VMX");
	vmx_enable();
	write_cr0(read_cr0() | CR0_WP);	/* without which no CR4 with CET is valid */
	boot_pml4[0] &= ~4ull;	/* supervisor pages: a HOST_CR4 with SMEP or SMAP must not stop L1 */
	write_cr3(read_cr3());
	outb(0x21, 0xff);	/* no interrupts from the machine's timer */
	outb(0xa1, 0xff);
	efer = rdmsr(MSR_EFER);
	pat = rdmsr(MSR_PAT);
	print_machine();
	world_build(&world);
	can_sleep = sleeper_build();
	world_print(&world);
	for (unsigned n = 0; n < BASES; n++) {
		u64 upto = count * (n + 1) / BASES;

		run_base(n, seed * BASES + n, (u32)from, (u32)(upto - from));
		from = upto;
	}
	printf("end %lu\n", count);
}

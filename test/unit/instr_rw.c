/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* VMREAD and VMWRITE: every encoding, both ways, in both operand sizes, with register and memory operands. */
#include "minihost.h"

#define PATTERN 0x1122334455667788ull

static void narrow(struct mini *m) /* L1 in 32-bit mode without paging */
{
	F01(ENTRY_CTLS) = 0;
	F01(GUEST_CS_AR) = 0xc09b;
	F01(GUEST_CR0) &= ~NVMX_CR0_PG;
}

static enum nvmx_verdict vmread(struct mini *m, uint64_t encoding)
{
	F01(EXIT_INSTR_INFO) = INFO_REG(RDX, RCX);
	m->regs.gpr[RCX] = encoding;
	m->regs.gpr[RDX] = 0xdeadbeefdeadbeef;
	return mini_exec(m, NVMX_XR_VMREAD);
}

static enum nvmx_verdict vmwrite(struct mini *m, uint64_t encoding, uint64_t value)
{
	F01(EXIT_INSTR_INFO) = INFO_REG(RDX, RCX);
	m->regs.gpr[RCX] = encoding;
	m->regs.gpr[RDX] = value;
	return mini_exec(m, NVMX_XR_VMWRITE);
}

static bool supported(struct mini *m, uint32_t encoding)
{
	int row = nvmx_field_find(encoding);

	if (encoding & 1 && (encoding >> 13) != 1)
		return false;
	return row >= 0 && nvmx_field_exists(&nvmx_field_rows[row], &m->vm->caps);
}

static uint64_t stored(struct mini *m, uint32_t encoding)
{
	return nvmx_v12_get(m->v->cur->v12, (unsigned)nvmx_field_find(encoding));
}

/* What a write of PATTERN leaves in a field that was all ones. */
static uint64_t after_write(uint32_t encoding, bool wide)
{
	switch (encoding >> 13) {
	case 0: return PATTERN & 0xffff;
	case 1:
		if (encoding & 1)
			return PATTERN << 32 | 0xffffffff;
		return wide ? PATTERN : PATTERN & 0xffffffff;
	case 2: return PATTERN & 0xffffffff;
	default: return wide ? PATTERN : PATTERN & 0xffffffff;
	}
}

static void write_every(struct mini *m, bool wide, bool ro_writable)
{
	unsigned written = 0, refused = 0;

	for (uint32_t encoding = 0; encoding < 0x8000; encoding++) {
		if (!supported(m, encoding)) {
			mini_failed(m, vmwrite(m, encoding, PATTERN), 12);
			continue;
		}
		nvmx_v12_set(m->v->cur->v12, (unsigned)nvmx_field_find(encoding), ~0ull);
		if (nvmx_field_type(encoding) == NVMX_TYPE_EXIT_INFO && !ro_writable) {
			mini_failed(m, vmwrite(m, encoding, PATTERN), 13);
			refused++;
			continue;
		}
		memset(&m->v->cur->dirty, 0, sizeof(m->v->cur->dirty));
		mini_succeeded(m, vmwrite(m, encoding, PATTERN));
		assert_true(stored(m, encoding) == after_write(encoding, wide));
		assert_true(nvmx_set_has(&m->v->cur->dirty, (unsigned)nvmx_field_find(encoding)));
		written++;
	}
	assert_true(written > 150);
	assert_true(ro_writable ? refused == 0 : refused > 10);
}

static void vmwrite_of_every_encoding(void **state)
{
	struct mini *m = *state;

	mini_enter_vmx(m, true);
	write_every(m, true, false);
	narrow(m);
	write_every(m, false, false);
	mini_cap(m, NVMX_MSR_VMX_MISC, NVMX_MISC_VMWRITE_RO | 4u << 16);
	write_every(m, false, true);
}

static void read_every(struct mini *m, bool wide)
{
	for (uint32_t encoding = 0; encoding < 0x8000; encoding++) {
		int row = nvmx_field_find(encoding);
		uint64_t want;

		if (!supported(m, encoding)) {
			mini_failed(m, vmread(m, encoding), 12);
			assert_true(m->regs.gpr[RDX] == 0xdeadbeefdeadbeef);
			continue;
		}
		nvmx_v12_set(m->v->cur->v12, (unsigned)row, PATTERN);
		want = nvmx_v12_get(m->v->cur->v12, (unsigned)row) >> (encoding & 1 ? 32 : 0);
		mini_succeeded(m, vmread(m, encoding));
		assert_true(m->regs.gpr[RDX] == (wide ? want : (uint32_t)want));
	}
}

static void vmread_of_every_encoding(void **state)
{
	struct mini *m = *state;

	mini_enter_vmx(m, true);
	read_every(m, true);
	narrow(m);
	read_every(m, false);
}

static void high_bits_of_the_encoding(void **state)
{
	struct mini *m = *state;
	static const uint64_t bits[] = { 1u << 15, 1u << 16, 1u << 31, 1ull << 32, 1ull << 63 };

	mini_enter_vmx(m, true);
	for (unsigned i = 0; i < sizeof(bits) / sizeof(*bits); i++) {
		mini_failed(m, vmread(m, NVMX_GUEST_RIP | bits[i]), 12);
		mini_failed(m, vmwrite(m, NVMX_GUEST_RIP | bits[i], 0), 12);
	}
	narrow(m); /* only 32 bits of the register are an operand */
	mini_succeeded(m, vmread(m, NVMX_GUEST_RIP | 1ull << 32));
	mini_succeeded(m, vmwrite(m, NVMX_GUEST_RIP | 1ull << 63, 0));
	mini_failed(m, vmread(m, NVMX_GUEST_RIP | 1u << 31), 12);
}

static void fields_follow_capabilities(void **state)
{
	struct mini *m = *state;

	mini_enter_vmx(m, true);
	mini_succeeded(m, vmread(m, NVMX_EPT_POINTER));
	nvmx_set_del(&m->vm->rows, NVMX_I_EPT_POINTER);
	mini_failed(m, vmread(m, NVMX_EPT_POINTER), 12);
	mini_failed(m, vmwrite(m, NVMX_EPT_POINTER, 0), 12);
}

static void without_a_current_vmcs(void **state)
{
	struct mini *m = *state;

	mini_enter_vmx(m, false);
	mini_failed_invalid(m, vmread(m, NVMX_GUEST_RIP));
	mini_failed_invalid(m, vmwrite(m, 0x7ffe, 0)); /* before the field is looked at */
	F01(EXIT_INSTR_INFO) = INFO_MEM(RCX); /* and before the operand is */
	m->regs.gpr[RAX] = 1ull << 63;
	mini_failed_invalid(m, mini_exec(m, NVMX_XR_VMWRITE));
	mini_failed_invalid(m, mini_exec(m, NVMX_XR_VMREAD));
}

/* At CPL 3 each ends by #GP(0), whatever the field, and nothing is read or written. */
static void without_the_privilege(void **state)
{
	static const uint32_t fields[] = { NVMX_GUEST_RIP, NVMX_GUEST_FS_BASE, NVMX_EXIT_REASON, 0x7ffe };
	struct mini *m = *state;
	struct nvmx_vmcs12 before;

	mini_enter_vmx(m, true);
	m->v->cur->v12->guest_rip = 0x1234;
	before = *m->v->cur->v12;
	F01(GUEST_SS_AR) |= 3u << 5;
	for (unsigned i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		mini_faulted(m, vmwrite(m, fields[i], PATTERN), NVMX_VECTOR_GP, 0);
		mini_faulted(m, vmread(m, fields[i]), NVMX_VECTOR_GP, 0);
		assert_true(m->regs.gpr[RDX] == 0xdeadbeefdeadbeef);
		F01(EXIT_INSTR_INFO) = INFO_MEM(RCX);
		m->regs.gpr[RAX] = MINI_OPERAND;
		*mini_ram(m, MINI_OPERAND) = PATTERN;
		mini_faulted(m, mini_exec(m, NVMX_XR_VMWRITE), NVMX_VECTOR_GP, 0);
		mini_faulted(m, mini_exec(m, NVMX_XR_VMREAD), NVMX_VECTOR_GP, 0);
		assert_true(*mini_ram(m, MINI_OPERAND) == PATTERN);
	}
	assert_memory_equal(&before, m->v->cur->v12, sizeof(before));
}

static void stack_pointer_is_in_the_vmcs(void **state)
{
	struct mini *m = *state;

	mini_enter_vmx(m, true);
	m->v->cur->v12->guest_rip = 0x123456789abc;
	F01(EXIT_INSTR_INFO) = INFO_REG(RSP, RCX);
	m->regs.gpr[RCX] = NVMX_GUEST_RIP;
	m->regs.gpr[RSP] = 99; /* not used */
	mini_succeeded(m, mini_exec(m, NVMX_XR_VMREAD));
	assert_int_equal(F01(GUEST_RSP), 0x123456789abc);
	F01(GUEST_RSP) = 0x777;
	mini_succeeded(m, mini_exec(m, NVMX_XR_VMWRITE));
	assert_int_equal(m->v->cur->v12->guest_rip, 0x777);
}

static void memory_operands(void **state)
{
	struct mini *m = *state;

	mini_enter_vmx(m, true);
	F01(EXIT_INSTR_INFO) = INFO_MEM(RCX);
	m->regs.gpr[RAX] = MINI_OPERAND;
	m->regs.gpr[RCX] = NVMX_HOST_CR3;
	m->v->cur->v12->host_cr3 = PATTERN;
	memset(m->host.ram + MINI_OPERAND, 0xee, 16);
	mini_succeeded(m, mini_exec(m, NVMX_XR_VMREAD));
	assert_true(*mini_ram(m, MINI_OPERAND) == PATTERN);
	assert_true(*mini_ram(m, MINI_OPERAND + 8) == 0xeeeeeeeeeeeeeeee);
	*mini_ram(m, MINI_OPERAND) = ~PATTERN;
	mini_succeeded(m, mini_exec(m, NVMX_XR_VMWRITE));
	assert_true(m->v->cur->v12->host_cr3 == ~PATTERN);
	narrow(m);
	*mini_ram(m, MINI_OPERAND) = 0;
	mini_succeeded(m, mini_exec(m, NVMX_XR_VMREAD)); /* 4 bytes */
	assert_true(*mini_ram(m, MINI_OPERAND) == (~PATTERN & 0xffffffff));
	*mini_ram(m, MINI_OPERAND) = PATTERN;
	mini_succeeded(m, mini_exec(m, NVMX_XR_VMWRITE));
	assert_true(m->v->cur->v12->host_cr3 == (PATTERN & 0xffffffff));
}

/* SDM 30.3: VMREAD looks at the field before the operand, VMWRITE at the operand before the field. */
static void order_of_faults(void **state)
{
	struct mini *m = *state;

	mini_enter_vmx(m, true);
	F01(EXIT_INSTR_INFO) = INFO_MEM(RCX);
	m->regs.gpr[RAX] = 1ull << 63;
	m->regs.gpr[RCX] = 0x7ffe;
	mini_failed(m, mini_exec(m, NVMX_XR_VMREAD), 12);
	mini_faulted(m, mini_exec(m, NVMX_XR_VMWRITE), NVMX_VECTOR_GP, 0);
	m->regs.gpr[RCX] = NVMX_GUEST_RIP;
	mini_faulted(m, mini_exec(m, NVMX_XR_VMREAD), NVMX_VECTOR_GP, 0);
	m->regs.gpr[RCX] = NVMX_EXIT_REASON;
	mini_faulted(m, mini_exec(m, NVMX_XR_VMWRITE), NVMX_VECTOR_GP, 0);
}

static void a_vmread_costs_little(void **state)
{
	struct mini *m = *state;

	mini_enter_vmx(m, true);
	m->host.vmreads = m->host.vmwrites = m->host.loads = 0;
	mini_succeeded(m, vmread(m, NVMX_HOST_RSP));
	assert_true(m->host.vmreads <= 7 && m->host.vmwrites <= 2 && m->host.loads == 0);
}

static void is_left_alone(struct mini *m, uint32_t reason)
{
	uint64_t executed = m->v->counters[NVMX_CNT_INSTR], rax = m->regs.gpr[RAX];

	assert_false(nvmx_handle_exit_at_once(m->v, &m->regs, reason));
	assert_true(F01(GUEST_RIP) == 0x5000 && F01(ENTRY_INTR_INFO) == 0 && m->regs.gpr[RAX] == rax);
	assert_true(m->v->counters[NVMX_CNT_INSTR] == executed);
}

/* What is done at once is done as ever, by no op and in no other VMCS; the rest is left as it is. */
static void at_once(void **state)
{
	struct mini *m = *state;
	uint64_t instructions;

	m->regs.gpr[RCX] = NVMX_HOST_RSP;
	m->regs.gpr[RAX] = PATTERN;
	F01(EXIT_INSTR_INFO) = INFO_REG(RAX, RCX);
	is_left_alone(m, NVMX_XR_VMREAD); /* #UD */
	mini_enter_vmx(m, false);
	is_left_alone(m, NVMX_XR_VMREAD); /* VMfailInvalid */
	mini_vmcs_region(m, MINI_VMCS12, NVMX_VMCS12_REVISION);
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_VMCS12));
	m->regs.gpr[RAX] = PATTERN;
	F01(EXIT_INSTR_INFO) = INFO_REG(RAX, RCX);
	m->host.loads = 0;
	instructions = nvmx_counter(m->v, NVMX_CNT_INSTR);
	assert_true(nvmx_handle_exit_at_once(m->v, &m->regs, NVMX_XR_VMWRITE));
	assert_int_equal(nvmx_counter(m->v, NVMX_CNT_INSTR), instructions + 1);
	mini_succeeded(m, NVMX_RESUME_L1);
	assert_true(m->v->cur->v12->host_rsp == PATTERN);
	m->regs.gpr[RAX] = 0;
	assert_true(nvmx_handle_exit_at_once(m->v, &m->regs, NVMX_XR_VMREAD));
	mini_succeeded(m, NVMX_RESUME_L1);
	assert_true(m->regs.gpr[RAX] == PATTERN && m->host.loads == 0);

	is_left_alone(m, NVMX_XR_VMPTRST);
	F01(EXIT_INSTR_INFO) = INFO_MEM(RCX);
	is_left_alone(m, NVMX_XR_VMREAD);
	is_left_alone(m, NVMX_XR_VMWRITE);
	F01(EXIT_INSTR_INFO) = INFO_REG(RAX, RCX);
	F01(GUEST_SS_AR) |= 0x60;
	is_left_alone(m, NVMX_XR_VMREAD);
	F01(GUEST_SS_AR) &= ~0x60ull;
	nvmx_set_add(&m->v->cur->stale, NVMX_I_GUEST_ES_AR);
	m->regs.gpr[RCX] = NVMX_GUEST_ES_AR;
	is_left_alone(m, NVMX_XR_VMREAD); /* vmcs02 has it */
	is_left_alone(m, NVMX_XR_VMWRITE);
	m->regs.gpr[RCX] = NVMX_EXIT_REASON;
	is_left_alone(m, NVMX_XR_VMWRITE); /* VMfailValid */
	m->regs.gpr[RCX] = NVMX_HOST_RSP;
	m->v->in_l2 = true;
	is_left_alone(m, NVMX_XR_VMREAD); /* L1's, not L2's */
	m->v->in_l2 = false;
	m->v->traced = NVMX_TRACE_BIT(NVMX_TRACE_EXIT);
	is_left_alone(m, NVMX_XR_VMREAD);
	m->v->traced = 0;
	m->v->stop = NVMX_STOP_NO_MEMORY;
	is_left_alone(m, NVMX_XR_VMREAD);
	m->v->stop = 0;
	nvmx_smi(m->v);
	is_left_alone(m, NVMX_XR_VMREAD); /* #UD in SMM, whatever L1's current VMCS (SDM 34.14.3) */
	nvmx_rsm(m->v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MINI_TEST(vmwrite_of_every_encoding),
		MINI_TEST(vmread_of_every_encoding),
		MINI_TEST(high_bits_of_the_encoding),
		MINI_TEST(fields_follow_capabilities),
		MINI_TEST(without_a_current_vmcs),
		MINI_TEST(without_the_privilege), MINI_TEST(stack_pointer_is_in_the_vmcs),
		MINI_TEST(memory_operands),
		MINI_TEST(order_of_faults),
		MINI_TEST(a_vmread_costs_little),
		MINI_TEST(at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* MSR accesses of L1 and L2 that exit, in the old form and with an immediate; what an exit reason shows L1. */
#include "minihost.h"
#include "vmx/merge.h"
#include "vmx/route.h"

#define L1_BITMAP 0x60000u
#define LSTAR 0xc0000082u
#define MISC_ENABLE 0x1a0u
#define HOST_RIP 0x7000u
#define BUS_LOCK NVMX_BIT(26)
#define ENCLAVE NVMX_BIT(27)

static const uint8_t host_opens[4096];

static uint64_t *vmcs02(struct mini *m, unsigned row)
{
	return &mini_vmcs(&m->host, m->v->cur->page02.hpa)->field[row];
}
#define F02(NAME) (*vmcs02(m, NVMX_I_##NAME))

/* L2 is current, in 64-bit mode, with L1's MSR bitmap all zero. */
static struct nvmx_vmcs12 *in_l2(struct mini *m)
{
	struct nvmx_vmcs12 *v12;

	if (!m->v->cur)
		mini_enter_vmx(m, true);
	v12 = m->v->cur->v12;
	for (unsigned row = 0; row < NVMX_ROWS; row++)
		*vmcs02(m, row) = 0;
	v12->proc_ctls = NVMX_PROC_MSR_BITMAPS;
	v12->msr_bitmap = L1_BITMAP;
	v12->exit_ctls = NVMX_EXIT_HOST_64;
	v12->host_rip = HOST_RIP;
	v12->vmcs_link_pointer = NVMX_NO_ADDR;
	F02(GUEST_CR0) = NVMX_CR0_PE | NVMX_CR0_NE | NVMX_CR0_PG;
	F02(GUEST_RIP) = 0x6000;
	F02(GUEST_RFLAGS) = 2;
	F02(EXIT_INSTR_LEN) = 9;
	assert_true(nvmx_grants_make(m->v, &m->v->cur->msr));
	nvmx_vmcs_load(m->v, m->v->cur->page02.hpa);
	m->v->in_l2 = true;
	return v12;
}

static void out_of_l2(struct mini *m)
{
	nvmx_vmwrite_flush(m->v);
	m->v->in_l2 = false;
	nvmx_vmcs_load(m->v, MINI_VMCS01);
	m->v->config.msr_bitmap01 = NULL;
}

static enum nvmx_verdict l2_exits(struct mini *m, uint32_t reason, uint32_t msr, unsigned reg)
{
	enum nvmx_verdict verdict;

	F02(EXIT_REASON) = reason;
	F02(EXIT_QUALIFICATION) = msr; /* of the immediate forms; else undefined */
	F02(EXIT_INSTR_INFO) = reg << 3;
	m->regs.gpr[RCX] = (reason & 0xffff) < 80 ? msr : 0xdeadbeef;
	verdict = nvmx_handle_exit(m->v, &m->regs);
	nvmx_vmwrite_flush(m->v);
	return verdict;
}

static bool open_in_02(struct mini *m, uint32_t msr, bool write)
{
	const uint8_t *page = m->v->cur->msr.page.va;
	int bit = nvmx_msr_bit(msr, write);

	return !(page[bit / 8] >> bit % 8 & 1);
}

/* RDMSR and WRMSRNS with an immediate are judged by L1's bitmap as the others are (SDM 25.1.3). */
static void immediate_forms_ask_the_bitmap(void **state)
{
	static const struct {
		uint32_t reason;
		bool write;
	} forms[] = { { NVMX_XR_RDMSR, false }, { NVMX_XR_WRMSR, true }, { NVMX_XR_RDMSR_IMM, false },
		      { NVMX_XR_WRMSRNS_IMM, true } };
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12;
	uint8_t *l1 = m->host.ram + L1_BITMAP;

	for (unsigned i = 0; i < 4; i++) {
		int bit = nvmx_msr_bit(LSTAR, forms[i].write);

		v12 = in_l2(m);
		m->v->config.msr_bitmap01 = host_opens;
		assert_int_equal(l2_exits(m, forms[i].reason, MISC_ENABLE, RBX), NVMX_HOST); /* in no table: the host's */
		assert_int_equal(l2_exits(m, forms[i].reason, LSTAR, RBX), NVMX_RESUME_L2);
		assert_true(open_in_02(m, LSTAR, forms[i].write));
		assert_int_equal(F02(GUEST_RIP), 0x6000); /* executes again */
		m->v->config.msr_bitmap01 = NULL;
		assert_int_equal(l2_exits(m, forms[i].reason, LSTAR, RBX), NVMX_HOST);
		l1[bit / 8] |= (uint8_t)(1u << bit % 8);
		assert_int_equal(l2_exits(m, forms[i].reason, LSTAR, RBX), NVMX_RESUME_L1);
		assert_int_equal(v12->exit_reason, forms[i].reason);
		if (i >= 2) {
			assert_int_equal(v12->exit_qualification, LSTAR);
			assert_int_equal(v12->exit_instr_info, RBX << 3);
		}
		l1[bit / 8] = 0;
		v12 = in_l2(m);
		v12->proc_ctls = 0; /* without bitmaps every access exits to L1 */
		assert_int_equal(l2_exits(m, forms[i].reason, LSTAR, RBX), NVMX_RESUME_L1);
		nvmx_grants_close(&m->v->cur->msr);
	}
	out_of_l2(m);
}

/* The library's own MSRs, with the register that the instruction names. */
static void immediate_forms_of_own_msrs(void **state)
{
	struct mini *m = *state;
	uint64_t basic = nvmx_caps_get(&m->vm->caps, NVMX_MSR_VMX_BASIC), to_host;

	in_l2(m);
	to_host = nvmx_counter(m->v, NVMX_CNT_EXIT_HOST);
	assert_int_equal(l2_exits(m, NVMX_XR_RDMSR_IMM, LSTAR, RBX), NVMX_HOST);
	assert_int_equal(nvmx_counter(m->v, NVMX_CNT_EXIT_HOST), to_host + 1);
	assert_int_equal(l2_exits(m, NVMX_XR_RDMSR_IMM, NVMX_MSR_VMX_BASIC, RBX), NVMX_RESUME_L2);
	assert_int_equal(m->regs.gpr[RBX], basic);
	assert_int_equal(F02(GUEST_RIP), 0x6009);
	assert_int_equal(l2_exits(m, NVMX_XR_RDMSR_IMM, NVMX_MSR_VMX_BASIC, RSP), NVMX_RESUME_L2);
	assert_int_equal(F02(GUEST_RSP), basic);
	m->v->feature_control = 0;
	m->regs.gpr[RBX] = NVMX_FC_LOCK | NVMX_FC_VMX_OUTSIDE_SMX;
	assert_int_equal(l2_exits(m, NVMX_XR_WRMSRNS_IMM, NVMX_MSR_FEATURE_CONTROL, RBX), NVMX_RESUME_L2);
	assert_int_equal(m->v->feature_control, NVMX_FC_LOCK | NVMX_FC_VMX_OUTSIDE_SMX);
	m->v->feature_control = 0;
	F02(GUEST_RSP) = NVMX_FC_LOCK;
	assert_int_equal(l2_exits(m, NVMX_XR_WRMSRNS_IMM, NVMX_MSR_FEATURE_CONTROL, RSP), NVMX_RESUME_L2);
	assert_int_equal(m->v->feature_control, NVMX_FC_LOCK);
	F02(GUEST_RIP) = 0x6000;
	assert_int_equal(l2_exits(m, NVMX_XR_WRMSRNS_IMM, NVMX_MSR_VMX_BASIC, RBX), NVMX_RESUME_L2); /* read-only */
	assert_int_equal(F02(ENTRY_INTR_INFO), 0x80000b0d);
	assert_int_equal(F02(GUEST_RIP), 0x6000);
	out_of_l2(m);
	F01(EXIT_REASON) = NVMX_XR_RDMSR_IMM; /* and L1's own */
	F01(EXIT_QUALIFICATION) = NVMX_MSR_VMX_BASIC;
	F01(EXIT_INSTR_INFO) = RDX << 3;
	assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_RESUME_L1);
	assert_int_equal(m->regs.gpr[RDX], basic);
	F01(EXIT_QUALIFICATION) = LSTAR;
	to_host = nvmx_counter(m->v, NVMX_CNT_EXIT_HOST);
	assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_HOST);
	assert_int_equal(nvmx_counter(m->v, NVMX_CNT_EXIT_HOST), to_host); /* which counts L2's */
}

/* All of 480H to 49FH is the library's: what L1 is not offered does not exist (SDM A.3, A.4.2), and is never the host's. */
static void capability_msrs_without_a_control(void **state)
{
	struct mini *m = *state;
	uint64_t value;

	mini_enter_vmx(m, true);
	for (uint32_t msr = 0x492; msr < 0x4a0; msr++) {
		mini_cap(m, NVMX_MSR_VMX_TRUE_PROCBASED_CTLS, (uint64_t)~NVMX_PROC_TERTIARY << 32);
		mini_cap(m, NVMX_MSR_VMX_PROCBASED_CTLS, (uint64_t)~NVMX_PROC_TERTIARY << 32);
		assert_int_equal(nvmx_msr_read(m->v, msr, &value), -1);
		assert_int_equal(nvmx_msr_write(m->v, msr, 0), -1);
		F01(EXIT_REASON) = NVMX_XR_RDMSR;
		m->regs.gpr[RCX] = msr;
		assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_RESUME_L1);
		assert_int_equal(F01(ENTRY_INTR_INFO), 0x80000b0d);
		F01(ENTRY_INTR_INFO) = 0;
		in_l2(m);
		m->v->config.msr_bitmap01 = host_opens;
		assert_int_equal(l2_exits(m, NVMX_XR_RDMSR, msr, 0), NVMX_RESUME_L2);
		assert_int_equal(F02(ENTRY_INTR_INFO), 0x80000b0d);
		assert_false(open_in_02(m, msr, false));
		out_of_l2(m);
	}
	assert_int_equal(nvmx_msr_read(m->v, 0x47f, &value), 1);
	assert_int_equal(nvmx_msr_read(m->v, 0x4a0, &value), 1);
}

/* Bits of the exit reason that tell what only the host asked for (SDM 24.9.1) are not in vmcs12; what L1 may have asked for is. */
static void exit_reasons_flags(void **state)
{
	struct mini *m = *state;
	struct nvmx_l2_exit exit = { .reason = NVMX_XR_HLT | BUS_LOCK };

	in_l2(m);
	assert_int_equal(l2_exits(m, NVMX_XR_CPUID | BUS_LOCK | NVMX_BIT(25) | NVMX_BIT(28), 0, 0), NVMX_RESUME_L1);
	assert_int_equal(m->v->cur->v12->exit_reason, NVMX_XR_CPUID);
	in_l2(m);
	assert_int_equal(l2_exits(m, NVMX_XR_CPUID | ENCLAVE, 0, 0), NVMX_RESUME_L1);
	assert_int_equal(m->v->cur->v12->exit_reason, NVMX_XR_CPUID | ENCLAVE);
	in_l2(m);
	assert_int_equal(nvmx_exit_to_l1(m->v, &exit), NVMX_RESUME_L1);
	assert_int_equal(m->v->cur->v12->exit_reason, NVMX_XR_HLT);
	in_l2(m); /* the flags change nothing about who gets the exit */
	assert_int_equal(l2_exits(m, NVMX_XR_RDMSR | BUS_LOCK, LSTAR, 0), NVMX_HOST);
	out_of_l2(m);
	F01(EXIT_REASON) = NVMX_XR_RDMSR | BUS_LOCK;
	m->regs.gpr[RCX] = NVMX_MSR_VMX_BASIC;
	assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_RESUME_L1);
	F01(EXIT_REASON) = NVMX_XR_VMPTRST | BUS_LOCK;
	F01(EXIT_INSTR_INFO) = INFO_MEM(0);
	m->regs.gpr[RAX] = MINI_OPERAND;
	assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_RESUME_L1);
	assert_int_equal(*mini_ram(m, MINI_OPERAND), MINI_VMCS12);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		MINI_TEST(immediate_forms_ask_the_bitmap),
		MINI_TEST(immediate_forms_of_own_msrs),
		MINI_TEST(capability_msrs_without_a_control),
		MINI_TEST(exit_reasons_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

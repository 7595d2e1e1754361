/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Exceptions into the guest, skipping an instruction, and the library's own MSRs. */
#include "minihost.h"

#define HW_EXC(vector) (NVMX_INTR_VALID | 3u << 8 | (vector))

static void combinations(void **state)
{
	static const uint8_t benign[] = { 1, 3, 4, 5, 6, 7, 16, 17, 18, 19 };
	static const uint8_t contributory[] = { 0, 10, 11, 12, 13, 21 };
	static const uint8_t page_fault[] = { 14, 20 };
	const struct {
		const uint8_t *vector;
		unsigned n;
	} class[] = { { benign, sizeof(benign) }, { contributory, sizeof(contributory) },
		      { page_fault, sizeof(page_fault) }, { (const uint8_t[]){ 8 }, 1 } };
	static const enum nvmx_combined want[4][4] = { /* SDM table 6-5 */
		{ 0, 0, 0, 0 },
		{ 0, NVMX_DOUBLE_FAULT, 0, 0 },
		{ 0, NVMX_DOUBLE_FAULT, NVMX_DOUBLE_FAULT, 0 },
		{ 0, NVMX_TRIPLE_FAULT, NVMX_TRIPLE_FAULT, 0 },
	};

	(void)state;
	for (unsigned first = 0; first < 4; first++)
		for (unsigned second = 0; second < 4; second++)
			for (unsigned i = 0; i < class[first].n; i++)
				for (unsigned j = 0; j < class[second].n; j++)
					assert_int_equal(nvmx_combine_exceptions(HW_EXC(class[first].vector[i]),
										 class[second].vector[j]),
							 want[first][second]);
	assert_int_equal(nvmx_combine_exceptions(13 | 3 << 8, 13), NVMX_SERIAL); /* not valid */
	assert_int_equal(nvmx_combine_exceptions(NVMX_INTR_VALID | 13, 13), NVMX_SERIAL); /* external interrupt 13 */
	assert_int_equal(nvmx_combine_exceptions(NVMX_INTR_VALID | 4u << 8 | 14, 14), NVMX_SERIAL); /* INT 14 */
}

static void raising_while_delivering(void **state)
{
	struct mini *m = *state;

	F01(IDT_VECTORING_INFO) = HW_EXC(NVMX_VECTOR_GP);
	nvmx_raise(m->v, NVMX_VECTOR_NP, true, 0x18);
	nvmx_vmwrite_flush(m->v);
	mini_faulted(m, NVMX_RESUME_L1, NVMX_VECTOR_DF, 0);
	F01(ENTRY_INTR_INFO) = HW_EXC(NVMX_VECTOR_PF); /* the host has queued one */
	nvmx_raise(m->v, NVMX_VECTOR_PF, true, 2);
	nvmx_vmwrite_flush(m->v);
	mini_faulted(m, NVMX_RESUME_L1, NVMX_VECTOR_DF, 0);
	F01(IDT_VECTORING_INFO) = HW_EXC(NVMX_VECTOR_UD);
	nvmx_raise(m->v, NVMX_VECTOR_PF, true, 2);
	nvmx_vmwrite_flush(m->v);
	mini_faulted(m, NVMX_RESUME_L1, NVMX_VECTOR_PF, 2);
	F01(IDT_VECTORING_INFO) = HW_EXC(NVMX_VECTOR_DF);
	assert_int_equal(nvmx_raise_gp0(m->v), NVMX_RESUME_L1);
	nvmx_vmwrite_flush(m->v);
	assert_int_equal(F01(ENTRY_INTR_INFO), 0);
	assert_int_equal(F01(GUEST_ACTIVITY), NVMX_ACTIVITY_SHUTDOWN);
	/* The shutdown state would hold back the interrupts of a host that owns them (26.7.2). */
	F01(GUEST_ACTIVITY) = NVMX_ACTIVITY_ACTIVE;
	m->vm->flags = NVMX_HOST_OWNS_INTERRUPTS;
	assert_int_equal(nvmx_raise_gp0(m->v), NVMX_STOP);
	assert_int_equal(nvmx_stop_code(m->v), NVMX_STOP_TRIPLE_FAULT);
	assert_int_equal(F01(GUEST_ACTIVITY), NVMX_ACTIVITY_ACTIVE);
}

static void faults_set_rf(void **state)
{
	struct mini *m = *state;

	nvmx_raise_ud(m->v);
	nvmx_vmwrite_flush(m->v);
	assert_int_equal(F01(GUEST_RFLAGS), 0x202 | NVMX_RFLAGS_RF);
	F01(GUEST_RFLAGS) = 0x202;
	nvmx_raise(m->v, NVMX_VECTOR_DB, false, 0);
	nvmx_vmwrite_flush(m->v);
	assert_int_equal(F01(GUEST_RFLAGS), 0x202);
}

/* An exit while the delivery of an event ended HLT: the exception that goes in instead may not find HLT (SDM 26.3.1.5). */
static void exceptions_end_hlt(void **state)
{
	struct mini *m = *state;

	F01(GUEST_ACTIVITY) = NVMX_ACTIVITY_HLT;
	F01(IDT_VECTORING_INFO) = NVMX_INTR_VALID | 0x40;
	nvmx_raise(m->v, NVMX_VECTOR_PF, true, 9);
	nvmx_vmwrite_flush(m->v);
	mini_faulted(m, NVMX_RESUME_L1, NVMX_VECTOR_PF, 9);
	assert_int_equal(F01(GUEST_ACTIVITY), NVMX_ACTIVITY_ACTIVE);
}

static void no_error_code_in_real_mode(void **state)
{
	struct mini *m = *state;

	F01(GUEST_CR0) = NVMX_CR0_NE;
	nvmx_raise_gp0(m->v);
	nvmx_vmwrite_flush(m->v);
	mini_faulted(m, NVMX_RESUME_L1, NVMX_VECTOR_GP, -1);
}

static void the_hosts_queue_is_preferred(void **state)
{
	struct mini *m = *state;

	m->ops.inject_l1 = mini_inject;
	assert_int_equal(nvmx_raise_ud(m->v), NVMX_RESUME_L1);
	nvmx_vmwrite_flush(m->v);
	assert_true(m->host.injected == 1 && m->host.injected_vector == NVMX_VECTOR_UD);
	assert_int_equal(F01(ENTRY_INTR_INFO), 0);
	m->v->in_l2 = true; /* an L2 event never goes there */
	assert_int_equal(nvmx_raise_ud(m->v), NVMX_RESUME_L2);
	nvmx_vmwrite_flush(m->v);
	assert_int_equal(m->host.injected, 1);
	assert_int_equal(F01(ENTRY_INTR_INFO), HW_EXC(NVMX_VECTOR_UD));
	m->v->in_l2 = false;
}

static void step(struct mini *m)
{
	nvmx_skip(m->v);
	nvmx_vmwrite_flush(m->v);
}

static void skipping_moves_rip(void **state)
{
	struct mini *m = *state;

	F01(GUEST_RIP) = 0xfffffffe;
	step(m);
	assert_int_equal(F01(GUEST_RIP), 0x100000002);
	F01(GUEST_CS_AR) = 0xc09b; /* compatibility mode */
	F01(GUEST_RIP) = 0xfffffffe;
	step(m);
	assert_int_equal(F01(GUEST_RIP), 2);
	F01(ENTRY_CTLS) = 0;
	F01(GUEST_RIP) = 0xfffffffd;
	step(m);
	assert_int_equal(F01(GUEST_RIP), 1);
	step(m);
	assert_int_equal(F01(GUEST_RIP), 5);
}

static void skipping_ends_blocking_and_rf(void **state)
{
	struct mini *m = *state;

	F01(GUEST_INTERRUPTIBILITY) = NVMX_BLOCK_STI | NVMX_BLOCK_NMI;
	F01(GUEST_RFLAGS) = 0x202 | NVMX_RFLAGS_RF;
	step(m);
	assert_int_equal(F01(GUEST_INTERRUPTIBILITY), NVMX_BLOCK_NMI);
	assert_int_equal(F01(GUEST_RFLAGS), 0x202);
	assert_int_equal(F01(GUEST_PENDING_DBG), 0);
}

static void skipping_keeps_single_stepping(void **state)
{
	struct mini *m = *state;

	F01(GUEST_RFLAGS) = 0x302;
	F01(GUEST_PENDING_DBG) = 1;
	step(m);
	assert_int_equal(F01(GUEST_PENDING_DBG), 0x4001);
	F01(GUEST_PENDING_DBG) = 0;
	F01(GUEST_DEBUGCTL) = NVMX_DEBUGCTL_BTF;
	step(m);
	assert_int_equal(F01(GUEST_PENDING_DBG), 0);
}

/* All of it together: VMCALL with TF, RF and STI blocking. */
static void an_instruction_steps(void **state)
{
	struct mini *m = *state;

	mini_enter_vmx(m, true);
	F01(GUEST_RFLAGS) = 0x302 | NVMX_RFLAGS_RF | NVMX_RFLAGS_CF | NVMX_RFLAGS_OF | NVMX_RFLAGS_SF;
	F01(GUEST_INTERRUPTIBILITY) = NVMX_BLOCK_STI;
	mini_failed(m, mini_exec(m, NVMX_XR_VMCALL), 1);
	assert_int_equal(F01(GUEST_RFLAGS), 0x302 | NVMX_RFLAGS_ZF);
	assert_int_equal(F01(GUEST_INTERRUPTIBILITY), 0);
	assert_int_equal(F01(GUEST_PENDING_DBG), 0x4000);
}

static void feature_control(void **state)
{
	struct mini *m = *state;
	uint64_t value;

	m->v->feature_control = 0;
	assert_int_equal(nvmx_msr_write(m->v, NVMX_MSR_FEATURE_CONTROL, 1 << 20), -1); /* reserved */
	assert_int_equal(nvmx_msr_write(m->v, NVMX_MSR_FEATURE_CONTROL, NVMX_FC_VMX_OUTSIDE_SMX), 0);
	assert_int_equal(nvmx_msr_write(m->v, NVMX_MSR_FEATURE_CONTROL, 0), 0);
	assert_int_equal(nvmx_msr_write(m->v, NVMX_MSR_FEATURE_CONTROL, NVMX_FC_LOCK), 0);
	assert_int_equal(nvmx_msr_write(m->v, NVMX_MSR_FEATURE_CONTROL, NVMX_FC_LOCK), -1); /* locked */
	assert_int_equal(nvmx_msr_read(m->v, NVMX_MSR_FEATURE_CONTROL, &value), 0);
	assert_int_equal(value, NVMX_FC_LOCK);
	mini_vmcs_region(m, MINI_VMXON, NVMX_VMCS12_REVISION);
	mini_faulted(m, mini_exec_pointer(m, NVMX_XR_VMXON, MINI_VMXON), NVMX_VECTOR_GP, 0);
}

static void capability_msrs(void **state)
{
	struct mini *m = *state;
	uint64_t value;

	for (uint32_t msr = NVMX_CAPS_FIRST_MSR; msr < NVMX_CAPS_FIRST_MSR + NVMX_CAPS_MSRS; msr++) {
		assert_int_equal(nvmx_msr_read(m->v, msr, &value), 0);
		assert_true(value == nvmx_caps_get(&m->vm->caps, msr));
		assert_int_equal(nvmx_msr_write(m->v, msr, value), -1);
	}
	assert_int_equal(nvmx_msr_read(m->v, NVMX_CAPS_FIRST_MSR - 1, &value), 1);
	assert_int_equal(nvmx_msr_read(m->v, NVMX_CAPS_FIRST_MSR + NVMX_CAPS_MSRS, &value), -1); /* not offered: not there */
	assert_int_equal(nvmx_msr_read(m->v, 0x4a0, &value), 1);
	assert_int_equal(nvmx_msr_write(m->v, NVMX_MSR_EFER, 0), 1);
}

static void msrs_exist_by_capability(void **state)
{
	struct mini *m = *state;
	uint64_t value;

	mini_cap(m, NVMX_MSR_VMX_PROCBASED_CTLS2, (uint64_t)NVMX_PROC2_UNRESTRICTED << 32);
	assert_int_equal(nvmx_msr_read(m->v, NVMX_MSR_VMX_EPT_VPID_CAP, &value), -1);
	assert_int_equal(nvmx_msr_read(m->v, NVMX_MSR_VMX_VMFUNC, &value), -1);
	assert_int_equal(nvmx_msr_read(m->v, NVMX_MSR_VMX_PROCBASED_CTLS2, &value), 0);
	mini_cap(m, NVMX_MSR_VMX_PROCBASED_CTLS, 0);
	assert_int_equal(nvmx_msr_read(m->v, NVMX_MSR_VMX_PROCBASED_CTLS2, &value), -1);
	assert_int_equal(nvmx_msr_read(m->v, NVMX_MSR_VMX_PROCBASED_CTLS3, &value), -1);
	mini_cap(m, NVMX_MSR_VMX_BASIC, NVMX_VMCS12_REVISION);
	for (uint32_t msr = NVMX_MSR_VMX_TRUE_PINBASED_CTLS; msr <= NVMX_MSR_VMX_TRUE_ENTRY_CTLS; msr++)
		assert_int_equal(nvmx_msr_read(m->v, msr, &value), -1);
	assert_int_equal(nvmx_msr_read(m->v, NVMX_MSR_VMX_MISC, &value), 0);
}

static void physical_memory_in_pieces(void **state)
{
	struct mini *m = *state;
	static uint8_t buf[3 * 4096], back[3 * 4096];

	for (unsigned i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)(i * 7 + i / 256);
	assert_int_equal(nvmx_gpa_write(m->v, 0x300ff0, buf, 9000), 0);
	assert_int_equal(nvmx_gpa_read(m->v, 0x300ff0, back, 9000), 0);
	assert_memory_equal(buf, back, 9000);
	assert_memory_equal(m->host.ram + 0x300ff0, buf, 9000);
	assert_int_equal(nvmx_gpa_read(m->v, MINI_RAM - 8, back, 16), -1);
	assert_int_equal(nvmx_gpa_write(m->v, MINI_RAM, buf, 1), -1);
	assert_int_equal(nvmx_gpa_read(m->v, ~0ull, back, 2), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MINI_TEST(combinations),
		MINI_TEST(raising_while_delivering),
		MINI_TEST(faults_set_rf),
		MINI_TEST(exceptions_end_hlt),
		MINI_TEST(no_error_code_in_real_mode),
		MINI_TEST(the_hosts_queue_is_preferred),
		MINI_TEST(skipping_moves_rip),
		MINI_TEST(skipping_ends_blocking_and_rf),
		MINI_TEST(skipping_keeps_single_stepping),
		MINI_TEST(an_instruction_steps),
		MINI_TEST(feature_control),
		MINI_TEST(capability_msrs),
		MINI_TEST(msrs_exist_by_capability),
		MINI_TEST(physical_memory_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

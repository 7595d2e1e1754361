/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What comes of an EPT violation of L2, by what the shadow EPT says to it: its answers are made up here. */
#include "l2_rig.h"
#include "ept/ept.h"

#define GPA 0x12345678u
#define WRITE 0x182u /* a write, of a linear address, to a page that is not there (SDM table 27-7) */

static enum nvmx_ept_answer answer;
static const struct nvmx_ept_fault fault = { .reason = NVMX_XR_EPT_VIOLATION, .qualification = 0x18a, .suppress_ve = true,
					     .gpa1 = 0x7000, .access = NVMX_ACCESS_W };

enum nvmx_ept_answer __wrap_nvmx_ept_violation(struct nvmx_vcpu *v, uint64_t role12, uint64_t gpa2, uint64_t qual, struct nvmx_ept_fault *out);
enum nvmx_ept_answer __wrap_nvmx_ept_violation(struct nvmx_vcpu *v, uint64_t role12, uint64_t gpa2, uint64_t qual, struct nvmx_ept_fault *out)
{
	(void)role12;
	assert_int_equal(gpa2, GPA);
	assert_int_equal(qual & ~(uint64_t)NVMX_INTR_NMI_UNBLOCK, WRITE);
	*out = fault;
	v->not_now = answer == NVMX_EPT_NOT_NOW;
	return answer;
}

static enum nvmx_verdict violate(struct mini *m, enum nvmx_ept_answer with, uint64_t qualification, uint32_t idt_info)
{
	struct nvmx_vmcs12 *v12 = in_l2(m);

	v12->proc_ctls = NVMX_PROC_SECONDARY;
	v12->proc_ctls2 = NVMX_PROC2_EPT;
	v12->ept_pointer = 0x1000 | 3 << 3 | 6;
	F02(EXIT_REASON) = NVMX_XR_EPT_VIOLATION;
	F02(EXIT_QUALIFICATION) = qualification;
	F02(GUEST_PHYS_ADDR) = GPA;
	F02(IDT_VECTORING_INFO) = idt_info;
	answer = with;
	return nvmx_handle_exit(m->v, &m->regs);
}

/* L2 goes on: with the IRET that was to unblock NMIs (SDM 27.2.3), or with the event whose delivery failed, of which that bit says nothing. */
static void l2_goes_on(void **state)
{
	static const struct {
		enum nvmx_ept_answer answer;
		enum nvmx_verdict verdict;
	} cases[] = { { NVMX_EPT_RETRY, NVMX_RESUME_L2 }, { NVMX_EPT_TO_HOST, NVMX_HOST } };
	struct mini *m = *state;
	uint64_t gpa, filled;
	unsigned access;

	for (unsigned i = 0; i < 8; i++) {
		bool iret = i & 2, event = i & 4;

		filled = m->v->counters[NVMX_CNT_EPT_FAULT];
		assert_int_equal(violate(m, cases[i & 1].answer, WRITE | (iret ? NVMX_INTR_NMI_UNBLOCK : 0), event ? INTERRUPT : 0),
				 cases[i & 1].verdict);
		assert_int_equal(F02(GUEST_INTERRUPTIBILITY), iret && !event ? NVMX_BLOCK_NMI : 0);
		assert_int_equal(F02(ENTRY_INTR_INFO), event ? INTERRUPT : 0);
		assert_int_equal(m->v->counters[NVMX_CNT_EPT_FAULT] - filled, cases[i & 1].answer == NVMX_EPT_RETRY);
		if (cases[i & 1].answer == NVMX_EPT_TO_HOST) {
			assert_true(nvmx_host_fault(m->v, &gpa, &access));
			assert_int_equal(gpa, fault.gpa1);
			assert_int_equal(access, fault.access);
		}
	}
	out_of_l2(m);
}

static void it_does_not(void **state)
{
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12;

	assert_int_equal(violate(m, NVMX_EPT_NOT_NOW, WRITE | NVMX_INTR_NMI_UNBLOCK, 0), NVMX_AGAIN);
	assert_true(m->v->in_l2 && !m->v->not_now);
	assert_int_equal(F02(GUEST_INTERRUPTIBILITY), 0); /* as it exited */
	assert_int_equal(violate(m, NVMX_EPT_TO_L1, WRITE | NVMX_INTR_NMI_UNBLOCK, INTERRUPT), NVMX_RESUME_L1);
	v12 = m->v->cur->v12;
	assert_int_equal(v12->exit_reason, NVMX_XR_EPT_VIOLATION);
	assert_int_equal(v12->exit_qualification, fault.qualification);
	assert_int_equal(v12->guest_phys_addr, GPA);
	assert_int_equal(v12->idt_vectoring_info, INTERRUPT);
	assert_int_equal(violate(m, NVMX_EPT_NOMEM, WRITE, 0), NVMX_STOP);
	assert_int_equal(nvmx_stop_code(m->v), NVMX_STOP_NO_MEMORY);
	assert_int_equal(nvmx_stop_detail(m->v), GPA);
	m->v->stop = NVMX_STOP_NONE;
	out_of_l2(m);
}

int main(void)
{
	static const struct CMUnitTest tests[] = { MINI_TEST(l2_goes_on), MINI_TEST(it_does_not) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

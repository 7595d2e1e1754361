/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Whose an exit of L1 is: what docs/exits.md says of it, and the host's part in exits of L2 that L1 did not ask for. */
#include "minihost.h"
#include "vmx/route.h"

enum { HOST, LIBRARY, CALL, MSR };
static const struct {
	uint8_t from_l1;
	const char *host;
} rows[NVMX_XR_COUNT] = {
#define X(NAME, FROM_L1, does) [NVMX_XR_##NAME] = { FROM_L1, does },
#include "../../tools/nvmx-explain/exits.def"
};

static enum nvmx_verdict exits(struct mini *m, uint32_t reason, uint32_t msr)
{
	F01(EXIT_REASON) = reason;
	F01(EXIT_QUALIFICATION) = msr;
	m->regs.gpr[1] = msr;
	F01(ENTRY_INTR_INFO) = 0;
	return nvmx_handle_exit(m->v, &m->regs);
}

static void each_reason(struct mini *m, bool vmx_operation)
{
	for (uint32_t reason = 0; reason < NVMX_XR_COUNT; reason++) {
		bool librarys = rows[reason].from_l1 == LIBRARY || (rows[reason].from_l1 == CALL && vmx_operation);

		if (!nvmx_route_row(reason)->name)
			continue;
		if (rows[reason].from_l1 == MSR)
			assert_int_equal(exits(m, reason, NVMX_MSR_VMX_BASIC), NVMX_RESUME_L1);
		assert_int_equal(exits(m, reason, NVMX_MSR_EFER), librarys ? NVMX_RESUME_L1 : NVMX_HOST);
	}
}

static void outside_vmx_operation(void **state)
{
	each_reason(*state, false);
}

/* At CPL 3 a VMX instruction ends before it does anything. */
static void in_vmx_operation(void **state)
{
	struct mini *m = *state;

	mini_enter_vmx(m, false);
	F01(GUEST_SS_AR) |= 3u << 5;
	each_reason(m, true);
}

/* Whatever can come to the host is described, and what cannot is not. */
static void all_are_described(void **state)
{
	(void)state;
	for (uint32_t reason = 0; reason < NVMX_XR_COUNT; reason++) {
		const struct nvmx_route_row *row = nvmx_route_row(reason);

		assert_int_equal(!!row->name, !!rows[reason].host);
		if (!row->name)
			continue;
		assert_int_equal(!rows[reason].host[0], rows[reason].from_l1 == LIBRARY);
		/* No exit of L2's comes to the host: the row begins with L1. */
		if (row->rule == NVMX_RULE_ALWAYS && rows[reason].host[0])
			assert_memory_equal(rows[reason].host, "L1: ", 4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { MINI_TEST(outside_vmx_operation), MINI_TEST(in_vmx_operation),
					    cmocka_unit_test(all_are_described) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

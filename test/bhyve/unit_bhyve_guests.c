/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* An L1 in bhyve and its L2: VMX instructions, and VM exits by their reasons.  What both see is what a processor shows. */
#include "cases.h"

static struct fake_insn insn(enum fake_op op)
{
	return (struct fake_insn){ .op = (uint8_t)op };
}

/* L2 executes it, then VMCALL; L1 sees the first exit, and goes on. */
static void exits(struct fake_insn i, uint64_t reason)
{
	struct machine m;

	script_add(&l2, i);
	script_op(&l2, FAKE_VMCALL);
	script_advance(&l1);
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, false);
	m = machine();
	same(&m, FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), reason);
	assert_int_equal(seen(NVMX_EXIT_REASON, 1), NVMX_XR_VMCALL);
}

/* L2 executes it without an exit that L1 sees. */
static void stays(struct fake_insn i)
{
	struct machine m;

	script_add(&l2, i);
	script_op(&l2, FAKE_VMCALL);
	m = machine();
	same(&m, FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_VMCALL);
}

static void an_l2_runs(void **state)
{
	struct machine m;

	(void)state;
	begin();
	enter_times(2);
	script_op(&l2, FAKE_CPUID);
	script_op(&l2, FAKE_VMCALL);
	m = machine();
	same(&m, FAKE_STOP_END);
	assert_int_equal(nested.counters[0][NVMX_CNT_ENTRY], 2);
	assert_int_equal(nested.said[0], 0);
	assert_int_equal(nested.barriers, 2); /* each time from L2 to L1 */
}

static void an_l1_without_vmx_runs(void **state)
{
	struct machine m;

	(void)state;
	script_start(&l1, FAKE_L1_CODE);
	script_start(&l2, FAKE_L2_CODE);
	script_op(&l1, FAKE_CPUID);
	script_msr(&l1, FAKE_RDMSR, NVMX_MSR_PAT, 0);
	script_msr(&l1, FAKE_WRMSR, NVMX_MSR_PAT, 0x0007040600070406);
	script_add(&l1, (struct fake_insn){ .op = FAKE_IN, .imm = 0x3f8, .size = 1 });
	m = machine();
	same(&m, FAKE_STOP_END);
	assert_int_equal(nested.counters[0][NVMX_CNT_INSTR], 0);
}

static void capabilities_are_read(void **state)
{
	struct machine m;

	(void)state;
	begin();
	script_movi(&l1, 0, 1);
	script_op(&l1, FAKE_CPUID);
	for (uint32_t msr = NVMX_CAPS_FIRST_MSR; msr <= NVMX_MSR_VMX_VMFUNC; msr++)
		script_msr(&l1, FAKE_RDMSR, msr, 0);
	script_msr(&l1, FAKE_RDMSR, NVMX_MSR_FEATURE_CONTROL, 0);
	script_msr(&l1, FAKE_WRMSR, NVMX_MSR_VMX_BASIC, 0);
	m = machine();
	same(&m, FAKE_STOP_END);
}

static void vmx_instructions_outside_vmx_operation(void **state)
{
	static const enum fake_op plain[] = { FAKE_VMXOFF, FAKE_VMLAUNCH, FAKE_VMRESUME, FAKE_VMCALL, FAKE_VMFUNC };
	struct machine m;

	(void)state;
	script_start(&l1, FAKE_L1_CODE);
	script_start(&l2, FAKE_L2_CODE);
	for (unsigned i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		script_op(&l1, plain[i]);
	script_pointer(&l1, FAKE_VMPTRLD, FAKE_VMCS_A);
	script_pointer(&l1, FAKE_VMCLEAR, FAKE_VMCS_A);
	script_vmread(&l1, NVMX_GUEST_RIP);
	script_vmwrite(&l1, NVMX_GUEST_RIP, 0);
	script_invalidate(&l1, FAKE_INVEPT, 2, 0, 0);
	m = machine();
	same(&m, FAKE_STOP_END);
}

static void vmx_instructions_that_fail(void **state)
{
	struct machine m;

	(void)state;
	script_start(&l1, FAKE_L1_CODE);
	script_start(&l2, FAKE_L2_CODE);
	script_pointer(&l1, FAKE_VMXON, FAKE_VMXON_REGION + 8);
	script_pointer(&l1, FAKE_VMXON, FAKE_VMXON_REGION);
	script_op(&l1, FAKE_VMLAUNCH);                             /* no current VMCS */
	script_vmread(&l1, NVMX_GUEST_RIP);
	script_pointer(&l1, FAKE_VMPTRLD, FAKE_VMXON_REGION);
	script_pointer(&l1, FAKE_VMPTRLD, FAKE_L2_DATA);           /* no revision */
	script_pointer(&l1, FAKE_VMCLEAR, 1ull << 45);
	script_vmcs(&l1, FAKE_VMCS_A, FAKE_L2_CODE);
	script_pointer(&l1, FAKE_VMXON, FAKE_VMXON_REGION);        /* in VMX root operation */
	script_vmread(&l1, NVMX_VM_INSTR_ERROR);
	script_vmread(&l1, 0x6c20);                                /* no such field */
	script_vmread(&l1, NVMX_VM_INSTR_ERROR);
	script_op(&l1, FAKE_VMRESUME);                             /* not launched */
	script_vmread(&l1, NVMX_VM_INSTR_ERROR);
	script_invalidate(&l1, FAKE_INVEPT, 7, 0, 0);
	script_vmread(&l1, NVMX_VM_INSTR_ERROR);
	script_invalidate(&l1, FAKE_INVVPID, 1, 0, 0);
	script_vmread(&l1, NVMX_VM_INSTR_ERROR);
	script_op(&l1, FAKE_VMCALL);
	script_vmread(&l1, NVMX_VM_INSTR_ERROR);
	script_pointer(&l1, FAKE_VMPTRST, 0);
	script_op(&l1, FAKE_VMXOFF);
	script_op(&l1, FAKE_VMXOFF);
	m = machine();
	same(&m, FAKE_STOP_END);
}

static void vmx_operation_is_left_and_entered_again(void **state)
{
	struct machine m;

	(void)state;
	begin();
	enter_times(1);
	script_op(&l1, FAKE_VMXOFF);
	script_op(&l1, FAKE_CPUID);
	script_enter_vmx(&l1);
	enter_times(1);
	script_op(&l2, FAKE_CPUID);
	m = machine();
	same(&m, FAKE_STOP_END);
	assert_int_equal(nested.counters[0][NVMX_CNT_ENTRY], 2);
}

/* What VMX operation fixes, L1 cannot change in it (SDM 23.8). */
static void l1_keeps_the_bits_of_vmx_operation(void **state)
{
	static const struct {
		uint8_t cr;
		uint64_t value;
	} moves[] = { { 4, NVMX_CR4_PAE }, { 0, 0x80050013 }, { 4, NVMX_CR4_PAE | NVMX_CR4_VMXE | NVMX_CR4_PGE } };
	struct machine m;

	(void)state;
	begin();
	for (unsigned i = 0; i < 3; i++) {
		script_movi(&l1, 3, moves[i].value);
		script_add(&l1, (struct fake_insn){ .op = FAKE_MOV_TO_CR, .reg = 3, .imm = moves[i].cr });
	}
	m = machine();
	same(&m, FAKE_STOP_END);
	assert_int_equal(delivered(0x80000b0d), 2);
}

static void two_vmcss_take_turns(void **state)
{
	struct machine m;

	(void)state;
	begin();
	enter_times(1);
	script_vmcs(&l1, FAKE_VMCS_B, FAKE_L2_CODE + 2);
	enter_times(1);
	for (unsigned i = 0; i < 4; i++) {
		script_pointer(&l1, FAKE_VMPTRLD, i & 1 ? FAKE_VMCS_B : FAKE_VMCS_A);
		script_run(&l1, FAKE_VMRESUME);
		script_look(&l1, false);
		script_advance(&l1);
	}
	for (unsigned i = 0; i < 6; i++)
		script_op(&l2, FAKE_CPUID);
	m = machine();
	same(&m, FAKE_STOP_END);
	assert_int_equal(nested.counters[0][NVMX_CNT_ENTRY], 6);
}

#define WITH(control) { NVMX_PROC_CTLS, PROC_MUST | (control) }
#define WITH2(control) { NVMX_PROC_CTLS2, NVMX_PROC2_EPT | NVMX_PROC2_UNRESTRICTED | (control) }
#define EXITS(name, op, reason, ...)                         \
	static void name(void **state)                       \
	{                                                    \
		(void)state;                                 \
		LAUNCH(__VA_ARGS__);                         \
		exits(insn(op), reason);                     \
	}
EXITS(cpuid_exits, FAKE_CPUID, NVMX_XR_CPUID, WITH(0))
EXITS(hlt_exits, FAKE_HLT, NVMX_XR_HLT, WITH(NVMX_PROC_HLT))
EXITS(pause_exits, FAKE_PAUSE, NVMX_XR_PAUSE, WITH(NVMX_PROC_PAUSE))
EXITS(rdtsc_exits, FAKE_RDTSC, NVMX_XR_RDTSC, WITH(NVMX_PROC_RDTSC))
EXITS(rdmsr_exits_without_bitmaps, FAKE_RDMSR, NVMX_XR_RDMSR, WITH(0))
EXITS(wbinvd_exits, FAKE_WBINVD, NVMX_XR_WBINVD, WITH2(NVMX_PROC2_WBINVD))
EXITS(monitor_exits, FAKE_MONITOR, NVMX_XR_MONITOR, WITH(NVMX_PROC_MONITOR))
EXITS(mwait_exits, FAKE_MWAIT, NVMX_XR_MWAIT, WITH(NVMX_PROC_MWAIT))

static void a_port_exits(void **state)
{
	(void)state;
	LAUNCH(WITH(NVMX_PROC_UNCOND_IO));
	exits((struct fake_insn){ .op = FAKE_OUT, .imm = 0x80, .size = 2 }, NVMX_XR_IO);
}

static void a_port_is_the_hosts(void **state)
{
	(void)state;
	LAUNCH(WITH(NVMX_PROC_IO_BITMAPS));
	stays((struct fake_insn){ .op = FAKE_IN, .imm = 0x3f8, .size = 1 });
	assert_int_equal(nested.user, 1);
}

static void an_msr_is_the_hosts(void **state)
{
	(void)state;
	LAUNCH(WITH(NVMX_PROC_MSR_BITMAPS));
	script_movi(&l2, 1, NVMX_MSR_PAT);
	stays(insn(FAKE_RDMSR));
}

static void an_msr_that_is_not_there(void **state)
{
	(void)state;
	LAUNCH(WITH(NVMX_PROC_MSR_BITMAPS));
	script_movi(&l2, 1, 0x123);
	stays(insn(FAKE_RDMSR));
	assert_int_equal(delivered(0x80000b0d), 1);
}

static void cr0_exits_by_its_mask(void **state)
{
	(void)state;
	LAUNCH({ NVMX_CR0_MASK, NVMX_CR0_TS }, { NVMX_CR0_SHADOW, 0 });
	script_movi(&l2, 3, 0x8005003b);
	exits((struct fake_insn){ .op = FAKE_MOV_TO_CR, .reg = 3, .imm = 0 }, NVMX_XR_CR_ACCESS);
}

static void cr4_without_a_mask_of_l1s(void **state)
{
	(void)state;
	LAUNCH(WITH(0));
	script_movi(&l2, 3, NVMX_CR4_PAE | NVMX_CR4_VMXE | NVMX_CR4_PGE);
	stays((struct fake_insn){ .op = FAKE_MOV_TO_CR, .reg = 3, .imm = 4 });
}

static void cr3_exits(void **state)
{
	(void)state;
	LAUNCH(WITH(NVMX_PROC_CR3_LOAD));
	script_movi(&l2, 3, FAKE_L2_TABLES);
	exits((struct fake_insn){ .op = FAKE_MOV_TO_CR, .reg = 3, .imm = 3 }, NVMX_XR_CR_ACCESS);
}

static void an_exception_exits(void **state)
{
	(void)state;
	LAUNCH({ NVMX_EXCEPTION_BITMAP, NVMX_BIT(NVMX_VECTOR_UD) });
	script_add(&l2, (struct fake_insn){ .op = FAKE_RAISE, .imm = NVMX_VECTOR_UD });
	{
		struct machine m = machine();

		same(&m, FAKE_STOP_END);
	}
	assert_int_equal(seen(NVMX_EXIT_INTR_INFO, 0), 0x80000306);
}

static void an_exception_is_l2s(void **state)
{
	(void)state;
	LAUNCH({ NVMX_EXCEPTION_BITMAP, NVMX_BIT(NVMX_VECTOR_UD) });
	stays((struct fake_insn){ .op = FAKE_RAISE, .imm = NVMX_VECTOR_GP });
	assert_int_equal(delivered(0x80000b0d), 1);
}

static void int3_and_int_are_l2s(void **state)
{
	(void)state;
	LAUNCH(WITH(0));
	script_op(&l2, FAKE_INT3);
	stays((struct fake_insn){ .op = FAKE_INT, .imm = 0x80 });
}

static void an_event_is_injected(void **state)
{
	(void)state;
	LAUNCH({ NVMX_ENTRY_INTR_INFO, 0x80000b0d }, { NVMX_ENTRY_EXC_ERROR_CODE, 8 });
	stays(insn(FAKE_NOP));
	assert_int_equal(delivered(0x80000b0d), 1);
}

static void the_timer_exits(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH({ NVMX_PIN_CTLS, PIN_MUST | NVMX_PIN_PREEMPTION_TIMER }, { NVMX_PREEMPTION_TIMER, 3 });
	for (unsigned i = 0; i < 8; i++)
		script_op(&l2, FAKE_NOP);
	m = machine();
	same(&m, FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_PREEMPTION_TIMER);
}

static void the_monitor_trap_flag_exits(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH(WITH(NVMX_PROC_MTF));
	script_op(&l2, FAKE_NOP);
	script_op(&l2, FAKE_CPUID);
	m = machine();
	same(&m, FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_MTF);
}

static void an_ept_violation_is_l1s(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH({ NVMX_EPT_POINTER, FAKE_EPT_B | 0x1e });
	script_load(&l2, 3, FAKE_L2_DATA + 3 * FAKE_PAGE + 8, 8);
	m = machine();
	same(&m, FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_EPT_VIOLATION);
	assert_int_equal(seen(NVMX_GUEST_PHYS_ADDR, 0), FAKE_L2_DATA + 3 * FAKE_PAGE + 8);
}

static void an_ept_misconfiguration_is_l1s(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH({ NVMX_EPT_POINTER, FAKE_EPT_B | 0x1e });
	script_store(&l2, FAKE_L2_DATA + 4 * FAKE_PAGE, 1, 8);
	m = machine();
	same(&m, FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_EPT_MISCONFIG);
}

static void an_l2_without_ept_runs(void **state)
{
	(void)state;
	LAUNCH({ NVMX_PROC_CTLS2, 0 });
	script_store(&l2, FAKE_L2_DATA, 0x1234, 8);
	script_load(&l2, 3, FAKE_L2_DATA, 8);
	stays(insn(FAKE_NOP));
}

static void an_l2_with_a_vpid_runs(void **state)
{
	(void)state;
	LAUNCH(WITH2(NVMX_PROC2_VPID));
	script_store(&l2, FAKE_L2_DATA, 0x1234, 8);
	exits(insn(FAKE_CPUID), NVMX_XR_CPUID);
}

static void msr_areas_are_l1s(void **state)
{
	static const uint32_t msrs[] = { NVMX_MSR_LSTAR, NVMX_MSR_KERNEL_GS_BASE, NVMX_MSR_PAT, NVMX_MSR_TSC_AUX };

	(void)state;
	script_start(&l1, FAKE_L1_CODE);
	script_start(&l2, FAKE_L2_CODE);
	for (unsigned i = 0; i < 3; i++) {
		script_store(&l1, FAKE_MSR_ENTRY + 16 * i, msrs[i], 8);
		script_store(&l1, FAKE_MSR_ENTRY + 16 * i + 8, i == 2 ? 0x0606060606060606 : 0x1000 + i, 8);
		script_store(&l1, FAKE_MSR_EXIT + 16 * i, msrs[i], 8);
		script_store(&l1, FAKE_MSR_EXIT + 16 * i + 8, i == 2 ? 0x0007040600070406 : 0x2000 + i, 8);
		script_store(&l1, FAKE_MSR_STORE + 16 * i, msrs[i], 8);
	}
	script_enter_vmx(&l1);
	script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_COUNT, 3);
	script_vmwrite(&l1, NVMX_EXIT_MSR_LOAD_COUNT, 3);
	script_vmwrite(&l1, NVMX_EXIT_MSR_STORE_COUNT, 3);
	script_run(&l1, FAKE_VMLAUNCH);
	for (unsigned i = 0; i < 3; i++)
		script_load(&l1, 3, FAKE_MSR_STORE + 16 * i + 8, 8);
	script_look(&l1, true);
	script_op(&l2, FAKE_NOP);
	stays(insn(FAKE_NOP));
}

static void l2_has_a_pat_of_its_own(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH({ NVMX_ENTRY_CTLS, 0x11fb | NVMX_ENTRY_IA32E | NVMX_ENTRY_LOAD_DEBUG | NVMX_ENTRY_LOAD_PAT },
	       { NVMX_EXIT_CTLS, 0x36dfb | NVMX_EXIT_HOST_64 | NVMX_EXIT_SAVE_DEBUG | NVMX_EXIT_SAVE_PAT | NVMX_EXIT_LOAD_PAT },
	       { NVMX_GUEST_PAT, 0x0606060606060606 }, { NVMX_HOST_PAT, 0x0407040600070406 }, WITH(NVMX_PROC_MSR_BITMAPS));
	script_msr(&l1, FAKE_RDMSR, NVMX_MSR_PAT, 0);
	script_msr(&l2, FAKE_RDMSR, NVMX_MSR_PAT, 0);
	script_msr(&l2, FAKE_WRMSR, NVMX_MSR_PAT, 0x0706050400070406);
	script_msr(&l2, FAKE_WRMSR, NVMX_MSR_PAT, 0x0206050400070406);
	script_op(&l2, FAKE_VMCALL);
	m = machine();
	same(&m, FAKE_STOP_END);
	assert_int_equal(delivered(0x80000b0d), 1);
	assert_int_equal(seen(NVMX_GUEST_PAT, 0), 0x0706050400070406);
}

static void eptp_switching(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH(WITH2(NVMX_PROC2_VMFUNC), { NVMX_VMFUNC_CTLS, 1 }, { NVMX_EPTP_LIST_ADDR, FAKE_EPTP_LIST });
	script_movi(&l2, 0, 0);
	script_movi(&l2, 1, 1);
	script_op(&l2, FAKE_VMFUNC);
	script_load(&l2, 3, FAKE_L2_DATA + FAKE_PAGE, 8);
	script_op(&l2, FAKE_VMCALL);
	m = machine();
	same(&m, FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EPT_POINTER, 0), FAKE_EPT_B | 0x1e);
}

static void a_bad_guest_state_is_refused(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH({ NVMX_GUEST_RFLAGS, 0 });
	m = machine();
	same(&m, FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_ENTRY_FAIL_GUEST | NVMX_XR_ENTRY_FAILURE);
}

static void bad_controls_are_refused(void **state)
{
	struct machine m;

	(void)state;
	begin();
	script_vmwrite(&l1, NVMX_PIN_CTLS, 0);
	script_op(&l1, FAKE_VMLAUNCH);
	script_vmread(&l1, NVMX_VM_INSTR_ERROR);
	m = machine();
	same(&m, FAKE_STOP_END);
	assert_int_equal(seen(NVMX_VM_INSTR_ERROR, 0), 7);
}

static void a_triple_fault_of_l2(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH({ NVMX_GUEST_IDTR_LIMIT, 0 });
	script_add(&l2, (struct fake_insn){ .op = FAKE_RAISE, .imm = NVMX_VECTOR_UD });
	m = machine();
	same(&m, FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_TRIPLE_FAULT);
}

static void the_time_stamp_counter_has_l1s_offset(void **state)
{
	(void)state;
	LAUNCH(WITH(NVMX_PROC_TSC_OFFSET), { NVMX_TSC_OFFSET, 0x123456 });
	script_op(&l2, FAKE_RDTSC);
	stays(insn(FAKE_NOP));
}

static void keep_tsc(struct script *s, uint64_t at)
{
	script_op(s, FAKE_RDTSC);
	for (unsigned i = 0; i < 2; i++) /* EAX, EDX */
		script_add(s, (struct fake_insn){ .op = FAKE_STORE, .mem = true, .reg = i ? 2 : 0, .reg2 = FAKE_NO_REG, .seg = FAKE_DS,
						  .base = FAKE_NO_REG, .index = FAKE_NO_REG, .asize = 8, .size = 4,
						  .disp = at + 4 * i });
}

static uint64_t kept(unsigned n)
{
	uint64_t value;

	memcpy(&value, nested.ram + FAKE_L2_DATA + 8 * n, 8);
	return value;
}

/* L2, whom L1 lets at it, sets L1's time-stamp counter: L2's own, which has L1's offset, moves as far (SDM 24.6.5). */
static void l2_sets_the_time_stamp_counter(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH({ NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_MSR_BITMAPS | NVMX_PROC_TSC_OFFSET }, { NVMX_TSC_OFFSET, 0x10000000000 });
	keep_tsc(&l1, FAKE_L2_DATA + 8);
	script_msr(&l2, FAKE_WRMSR, NVMX_MSR_TSC, 0x5000000000);
	keep_tsc(&l2, FAKE_L2_DATA);
	script_op(&l2, FAKE_VMCALL);
	m = machine();
	m.sets_tsc = true;
	machine_all(&m);
	assert_int_equal(nested.stop[0], FAKE_STOP_END);
	assert_int_equal(delivered(0x80000b0d), 0);
	assert_in_range(kept(0), 0x15000000000, 0x15000100000);
	assert_in_range(kept(1), 0x5000000000, 0x5000100000);
}

/* L2's counter runs three times as fast as L1's, and so moves three times as far. */
static void l2_sets_the_counter_that_l1_scales(void **state)
{
	struct machine m;

	(void)state;
	LAUNCH({ NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_MSR_BITMAPS | NVMX_PROC_TSC_OFFSET | NVMX_PROC_SECONDARY },
	       { NVMX_PROC_CTLS2, NVMX_PROC2_TSC_SCALING }, { NVMX_TSC_MULTIPLIER, 3ull << 48 }, { NVMX_TSC_OFFSET, 0x10000000000 });
	keep_tsc(&l1, FAKE_L2_DATA + 16);
	for (unsigned i = 0; i < 2; i++) { /* forth and back */
		script_msr(&l2, FAKE_WRMSR, NVMX_MSR_TSC, i ? 0x4000000000 : 0x5000000000);
		keep_tsc(&l2, FAKE_L2_DATA + 8 * i);
	}
	script_op(&l2, FAKE_VMCALL);
	m = machine();
	m.sets_tsc = true;
	machine_all(&m);
	assert_int_equal(nested.stop[0], FAKE_STOP_END);
	assert_int_equal(seen(NVMX_EXIT_REASON, 0), NVMX_XR_VMCALL);
	assert_in_range(kept(0), 0x1f000000000, 0x1f000300000);
	assert_in_range(kept(1), 0x1c000000000, 0x1c000300000);
	assert_in_range(kept(2), 0x4000000000, 0x4000100000);
}

static void l1_sets_the_time_stamp_counter(void **state)
{
	struct machine m;

	(void)state;
	script_start(&l1, FAKE_L1_CODE);
	script_start(&l2, FAKE_L2_CODE);
	script_msr(&l1, FAKE_WRMSR, NVMX_MSR_TSC, 0x5000000000);
	script_enter_vmx(&l1);
	script_vmwrite(&l1, NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_TSC_OFFSET);
	script_vmwrite(&l1, NVMX_TSC_OFFSET, 0x10000000000);
	enter_times(1);
	keep_tsc(&l1, FAKE_L2_DATA + 8);
	keep_tsc(&l2, FAKE_L2_DATA);
	script_op(&l2, FAKE_VMCALL);
	m = machine();
	m.sets_tsc = true;
	machine_all(&m);
	assert_in_range(kept(0), 0x15000000000, 0x15000100000);
	assert_in_range(kept(1), 0x5000000000, 0x5000100000);
}

static void xsetbv_exits_always(void **state)
{
	(void)state;
	LAUNCH(WITH(0));
	script_movi(&l2, 1, 0);
	script_movi(&l2, 0, 3);
	script_movi(&l2, 2, 0);
	exits(insn(FAKE_XSETBV), NVMX_XR_XSETBV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_l2_runs),
		cmocka_unit_test(an_l1_without_vmx_runs),
		cmocka_unit_test(capabilities_are_read),
		cmocka_unit_test(vmx_instructions_outside_vmx_operation),
		cmocka_unit_test(vmx_instructions_that_fail),
		cmocka_unit_test(vmx_operation_is_left_and_entered_again),
		cmocka_unit_test(l1_keeps_the_bits_of_vmx_operation),
		cmocka_unit_test(two_vmcss_take_turns),
		cmocka_unit_test(cpuid_exits),
		cmocka_unit_test(hlt_exits),
		cmocka_unit_test(pause_exits),
		cmocka_unit_test(rdtsc_exits),
		cmocka_unit_test(rdmsr_exits_without_bitmaps),
		cmocka_unit_test(wbinvd_exits),
		cmocka_unit_test(monitor_exits),
		cmocka_unit_test(mwait_exits),
		cmocka_unit_test(a_port_exits),
		cmocka_unit_test(a_port_is_the_hosts),
		cmocka_unit_test(an_msr_is_the_hosts),
		cmocka_unit_test(an_msr_that_is_not_there),
		cmocka_unit_test(cr0_exits_by_its_mask),
		cmocka_unit_test(cr4_without_a_mask_of_l1s),
		cmocka_unit_test(cr3_exits),
		cmocka_unit_test(an_exception_exits),
		cmocka_unit_test(an_exception_is_l2s),
		cmocka_unit_test(int3_and_int_are_l2s),
		cmocka_unit_test(an_event_is_injected),
		cmocka_unit_test(the_timer_exits),
		cmocka_unit_test(the_monitor_trap_flag_exits),
		cmocka_unit_test(an_ept_violation_is_l1s),
		cmocka_unit_test(an_ept_misconfiguration_is_l1s),
		cmocka_unit_test(an_l2_without_ept_runs),
		cmocka_unit_test(an_l2_with_a_vpid_runs),
		cmocka_unit_test(msr_areas_are_l1s),
		cmocka_unit_test(l2_has_a_pat_of_its_own),
		cmocka_unit_test(eptp_switching),
		cmocka_unit_test(a_bad_guest_state_is_refused),
		cmocka_unit_test(bad_controls_are_refused),
		cmocka_unit_test(a_triple_fault_of_l2),
		cmocka_unit_test(the_time_stamp_counter_has_l1s_offset),
		cmocka_unit_test(l2_sets_the_time_stamp_counter),
		cmocka_unit_test(l2_sets_the_counter_that_l1_scales),
		cmocka_unit_test(l1_sets_the_time_stamp_counter),
		cmocka_unit_test(xsetbv_exits_always),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Hand-written scripts: what the guests see is what the SDM says, bare and nested alike. */
#include "scripts.h"

static void plain_instructions(void **state)
{
	(void)state;
	begin();
	script_op(&l1, FAKE_NOP);
	script_movi(&l1, 0, 1);
	script_op(&l1, FAKE_CPUID);
	script_msr(&l1, FAKE_RDMSR, NVMX_MSR_PAT, 0);
	check(FAKE_STOP_END);
}

static void vmx_without_vmxon(void **state)
{
	(void)state;
	begin();
	script_op(&l1, FAKE_VMXOFF);
	script_pointer(&l1, FAKE_VMPTRLD, FAKE_VMCS_A);
	script_vmread(&l1, NVMX_GUEST_RIP);
	check(FAKE_STOP_END);
}

static void launch_and_cpuid(void **state)
{
	(void)state;
	begin();
	script_enter_vmx(&l1);
	script_run(&l1, FAKE_VMLAUNCH);
	script_look(&l1, true);
	script_advance(&l1);
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, true);
	script_op(&l2, FAKE_CPUID);
	script_op(&l2, FAKE_NOP);
	script_op(&l2, FAKE_VMCALL);
	check(FAKE_STOP_END);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_CPUID);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_INSTR_LEN, 0), 2);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 1), NVMX_XR_VMCALL);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_RIP, 2), FAKE_L2_CODE + 3);
}

/* State of L2's that L1 reads at each exit is in the hardware shadow after a while, also what L1 has written, and that of another VMCS. */
static void segments_read_at_each_exit(void **state)
{
	(void)state;
	begin();
	script_enter_vmx(&l1);
	for (unsigned i = 0; i < 24; i++) {
		script_run(&l1, i ? FAKE_VMRESUME : FAKE_VMLAUNCH);
		script_vmread(&l1, NVMX_GUEST_FS_BASE);
		script_vmread(&l1, NVMX_GUEST_GS_SEL);
		script_vmread(&l1, NVMX_GUEST_SYSENTER_ESP);
		script_vmwrite(&l1, NVMX_GUEST_FS_BASE, 0x1000u * i);
		if (i == 16) {
			script_vmread(&l1, NVMX_GUEST_FS_BASE);
			script_pointer(&l1, FAKE_VMPTRLD, FAKE_VMCS_B);
			script_vmread(&l1, NVMX_GUEST_FS_BASE);
			script_pointer(&l1, FAKE_VMPTRLD, FAKE_VMCS_A);
		}
		script_advance(&l1);
		script_op(&l2, FAKE_CPUID);
	}
	check(FAKE_STOP_END);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_FS_BASE, 12), 0x1000u * 11);
}

#define PROC_MUST (0x04006172u | NVMX_PROC_SECONDARY)

static uint64_t launched_at; /* instructions up to VMLAUNCH: an event of that time arrives as L2 begins */

/* One VMLAUNCH of L2 with some fields changed, and a look. */
static void launch_with(const struct script_value *v, size_t n)
{
	script_enter_vmx(&l1);
	for (size_t i = 0; i < n; i++)
		script_vmwrite(&l1, v[i].field, v[i].value);
	script_run(&l1, FAKE_VMLAUNCH);
	launched_at = l1.code.n;
	script_look(&l1, true);
}
#define LAUNCH(...)                                                                \
	do {                                                                       \
		static const struct script_value values[] = { __VA_ARGS__ };       \
		launch_with(values, sizeof(values) / sizeof(*values));             \
	} while (0)

/* VMCLEAR, VMPTRLD and VMLAUNCH of a vmcs12 whose L2 has run, with what L1 may do between them: L2 goes on where it was. */
static void load_again(unsigned between)
{
	static const struct script_value changes[] = {
		{ NVMX_EXCEPTION_BITMAP, 1u << NVMX_VECTOR_BP }, { NVMX_GUEST_RFLAGS, 0x202 }, { NVMX_TSC_OFFSET, 0x10000 },
		{ NVMX_HOST_FS_BASE, 0x4321 }, { NVMX_CR4_SHADOW, NVMX_CR4_PAE }, { NVMX_VPID, 6 }, { NVMX_EPT_POINTER, FAKE_EPT_B | 0x1e },
	};
	size_t n = sizeof(changes) / sizeof(*changes);

	script_pointer(&l1, FAKE_VMCLEAR, FAKE_VMCS_A);
	if (between == n) { /* another L2 runs */
		script_vmcs(&l1, FAKE_VMCS_B, FAKE_L2_CODE);
		script_run(&l1, FAKE_VMLAUNCH);
	} else if (between == n + 1) { /* the end of VMX operation */
		script_op(&l1, FAKE_VMXOFF);
		script_pointer(&l1, FAKE_VMXON, FAKE_VMXON_REGION);
	} else if (between == n + 2) { /* what its EPT leads to */
		script_store(&l1, FAKE_EPT_A + 3 * FAKE_PAGE + FAKE_L2_DATA / FAKE_PAGE * 8, (FAKE_L2_DATA + FAKE_PAGE) | 0x37, 8);
		script_invalidate(&l1, FAKE_INVEPT, NVMX_FLUSH_ALL, 0, 0);
	}
	script_pointer(&l1, FAKE_VMPTRLD, FAKE_VMCS_A);
	if (between < n)
		script_vmwrite(&l1, changes[between].field, changes[between].value);
	script_run(&l1, FAKE_VMLAUNCH);
	script_look(&l1, true);
	script_advance(&l1);
}

static void a_vmcs_is_cleared_and_loaded_again(void **state)
{
	(void)state;
	for (unsigned between = 0; between < 7 + 4; between++) {
		begin();
		script_enter_vmx(&l1);
		script_run(&l1, FAKE_VMLAUNCH);
		script_look(&l1, true);
		script_advance(&l1);
		for (unsigned n = 0; n < 3; n++) {
			script_load(&l2, 3, FAKE_L2_DATA, 8);
			script_op(&l2, FAKE_CPUID);
			load_again(between);
		}
		script_op(&l2, FAKE_INT3);
		script_op(&l2, FAKE_VMCALL);
		check(FAKE_STOP_END);
	}
}

static void exception_by_the_host_comes_once(void **state)
{
	(void)state;
	begin();
	script_msr(&l1, FAKE_RDMSR, 0x40000000, 0);
	script_enter_vmx(&l1);
	script_run(&l1, FAKE_VMLAUNCH);
	script_op(&l2, FAKE_VMCALL);
	check(FAKE_STOP_END);
	assert_int_equal(fake_delivered(&fake_bare, 0x80000b0d), 1);
}

static void injected_mtf_needs_no_control(void **state)
{
	(void)state;
	begin();
	LAUNCH({ NVMX_ENTRY_INTR_INFO, 0x80000700 });
	script_op(&l2, FAKE_NOP);
	script_op(&l2, FAKE_VMCALL);
	check(FAKE_STOP_END);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_MTF);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_RIP, 0), FAKE_L2_CODE);
}

static void mtf_follows_an_emulated_instruction(void **state)
{
	(void)state;
	begin();
	LAUNCH({ NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_MTF | NVMX_PROC_MSR_BITMAPS });
	script_movi(&l1, SCRIPT_FIELD, NVMX_GUEST_RIP);
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, false);
	script_movi(&l2, 1, NVMX_MSR_VMX_BASIC);
	script_op(&l2, FAKE_RDMSR);
	script_op(&l2, FAKE_VMCALL);
	check(FAKE_STOP_END);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 1), NVMX_XR_MTF);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_RIP, 1), FAKE_L2_CODE + 12);
}

static void tsc_multiplier_counts_with_offsetting_only(void **state)
{
	(void)state;
	begin();
	LAUNCH({ NVMX_PROC_CTLS2, NVMX_PROC2_EPT | NVMX_PROC2_UNRESTRICTED | NVMX_PROC2_TSC_SCALING },
	       { NVMX_TSC_MULTIPLIER, 3ull << 48 });
	script_vmwrite(&l1, NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_TSC_OFFSET);
	script_advance(&l1);
	script_run(&l1, FAKE_VMRESUME);
	script_op(&l2, FAKE_RDTSC);
	script_op(&l2, FAKE_VMCALL);
	script_op(&l2, FAKE_RDTSC);
	script_op(&l2, FAKE_VMCALL);
	check(FAKE_STOP_END);
}

/* The stack that the trap's delivery needs is not in the shadow EPT: it goes in again, and STI blocks no more (SDM 27.1). */
static void trap_behind_sti_is_delivered_again(void **state)
{
	(void)state;
	begin();
	LAUNCH({ NVMX_GUEST_RFLAGS, 2 | NVMX_RFLAGS_TF });
	script_op(&l2, FAKE_STI);
	script_op(&l2, FAKE_NOP);
	script_op(&l2, FAKE_VMCALL);
	check(FAKE_STOP_END);
	assert_true(fake_delivered(&fake_bare, 0x80000301) > 0);
}

static void reflected_fault_saves_rf(void **state)
{
	(void)state;
	begin();
	LAUNCH({ NVMX_EXCEPTION_BITMAP, NVMX_BIT(NVMX_VECTOR_GP) }, { NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_MSR_BITMAPS });
	script_msr(&l2, FAKE_WRMSR, NVMX_MSR_VMX_BASIC, 0);
	check(FAKE_STOP_END);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_INTR_INFO, 0), 0x80000b0d);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_RFLAGS, 0), 2 | NVMX_RFLAGS_RF);
}

/* L2's paging structures are not in memory: the host finds page fault, double fault and triple fault one after the other, and
 * the first that L1 intercepts is an exit, without the events before it (SDM 25.2, 27.2.4). */
static void faults_found_by_the_host_combine(void **state)
{
	static const struct {
		uint64_t bitmap;
		uint32_t reason, info;
	} cases[] = {
		{ NVMX_BIT(NVMX_VECTOR_PF), NVMX_XR_EXCEPTION_NMI, 0x80000b0e },
		{ NVMX_BIT(NVMX_VECTOR_DF), NVMX_XR_EXCEPTION_NMI, 0x80000b08 },
		{ 0, NVMX_XR_TRIPLE_FAULT, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		begin();
		script_enter_vmx(&l1);
		script_vmwrite(&l1, NVMX_PROC_CTLS2, 0); /* no EPT12: what is not there is missing in the host's */
		script_vmwrite(&l1, NVMX_GUEST_CR3, 0x80010000);
		script_vmwrite(&l1, NVMX_EXCEPTION_BITMAP, cases[i].bitmap);
		script_run(&l1, FAKE_VMLAUNCH);
		script_look(&l1, true);
		script_vmread(&l1, NVMX_IDT_VECTORING_INFO);
		script_op(&l2, FAKE_VMCALL);
		check(FAKE_STOP_END);
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), cases[i].reason);
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_INTR_INFO, 0), cases[i].info);
		assert_int_equal(fake_seen(&fake_bare, NVMX_IDT_VECTORING_INFO, 0), 0);
	}
}

static void interrupt_exits_or_is_delivered(void **state)
{
	static const struct fake_outside one[] = { { 320, FAKE_EXT_INT, 0x51 } };

	(void)state;
	begin();
	LAUNCH({ NVMX_PIN_CTLS, 0x17 }, { NVMX_EXIT_CTLS, 0x36dfb | NVMX_EXIT_HOST_64 | NVMX_EXIT_ACK_INT });
	script_op(&l2, FAKE_NOP);
	script_op(&l2, FAKE_VMCALL);
	check_with(FAKE_STOP_END, one, 1);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_EXT_INT);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_INTR_INFO, 0), 0x80000051);
	begin();
	LAUNCH({ NVMX_GUEST_RFLAGS, 0x202 });
	script_op(&l2, FAKE_NOP);
	script_op(&l2, FAKE_VMCALL);
	check_with(FAKE_STOP_END, one, 1);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_VMCALL);
	assert_int_equal(fake_delivered(&fake_bare, 0x80000051), 1);
}

static void nmi_exits_once_and_not_while_blocked(void **state)
{
	struct fake_outside one[] = { { 0, FAKE_NMI, 0 } };

	(void)state;
	begin();
	LAUNCH({ NVMX_PIN_CTLS, 0x16 | NVMX_PIN_NMI });
	one[0].clock = launched_at;
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, false);
	script_op(&l2, FAKE_VMCALL);
	check_with(FAKE_STOP_END, one, 1);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_INTR_INFO, 0), 0x80000202);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 1), NVMX_XR_VMCALL);
	begin();
	LAUNCH({ NVMX_PIN_CTLS, 0x16 | NVMX_PIN_NMI }, { NVMX_GUEST_INTERRUPTIBILITY, NVMX_BLOCK_NMI });
	one[0].clock = launched_at;
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, false);
	script_op(&l2, FAKE_NOP);
	script_op(&l2, FAKE_IRET); /* unblocks none where NMIs exit (SDM 25.3): they stay blocked behind the VM exit, too */
	script_op(&l2, FAKE_NOP);
	script_op(&l2, FAKE_VMCALL);
	script_op(&l2, FAKE_VMCALL);
	check_with(FAKE_STOP_END, one, 1);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_VMCALL);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_INTERRUPTIBILITY, 0), NVMX_BLOCK_NMI);
}

/* Nor does it end what an NMI has blocked that L1 has injected; where L1 has virtual NMIs, or lets L2 have NMIs, it does. */
static void an_iret_unblocks_what_is_l2s(void **state)
{
	static const uint32_t pins[] = { 0x16, 0x16 | NVMX_PIN_NMI, 0x16 | NVMX_PIN_NMI | NVMX_PIN_VNMI };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		const struct script_value values[] = { { NVMX_ENTRY_INTR_INFO, 0x80000202 }, { NVMX_PIN_CTLS, pins[i] } };

		begin();
		launch_with(values, 2);
		script_op(&l2, FAKE_IRET);
		script_op(&l2, FAKE_VMCALL);
		script_op(&l2, FAKE_IRET);
		script_op(&l2, FAKE_VMCALL);
		script_run(&l1, FAKE_VMRESUME);
		script_look(&l1, false);
		check(FAKE_STOP_END);
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_VMCALL);
		assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_INTERRUPTIBILITY, 0), i == 1 ? NVMX_BLOCK_NMI : 0);
		assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_INTERRUPTIBILITY, 1), i == 1 ? NVMX_BLOCK_NMI : 0);
	}
}

/*
 * An NMI for L2 itself waits for the end of STI's blocking (SDM 24.4.2, table 24-3) beside an interrupt.  The one that L1 wants exits
 * meanwhile, and the NMI is L1's then; the one that is L2's comes behind the NMI.
 */
static void an_nmi_of_l2s_waits_for_sti(void **state)
{
	struct fake_outside both[] = { { 0, FAKE_NMI, 0 }, { 0, FAKE_EXT_INT, 0x51 } };

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		const bool exits = i & 1, takes = i & 2, by_l2 = i & 4;
		const struct script_value values[] = {
			{ NVMX_PIN_CTLS, 0x16 | (exits ? NVMX_PIN_EXT_INT : 0) },
			{ NVMX_EXIT_CTLS, 0x36dfb | NVMX_EXIT_HOST_64 | (takes ? NVMX_EXIT_ACK_INT : 0) },
			{ NVMX_GUEST_RFLAGS, by_l2 ? 2 : 0x202 },
			{ NVMX_GUEST_INTERRUPTIBILITY, by_l2 ? 0 : NVMX_BLOCK_STI },
		};

		begin();
		launch_with(values, 4);
		both[0].clock = both[1].clock = launched_at + by_l2;
		if (by_l2)
			script_op(&l2, FAKE_STI);
		script_op(&l2, FAKE_NOP);
		script_op(&l2, FAKE_NOP);
		script_op(&l2, FAKE_VMCALL);
		check_with(FAKE_STOP_END, both, 2);
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), exits ? NVMX_XR_EXT_INT : NVMX_XR_VMCALL);
		assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_INTERRUPTIBILITY, 0), exits ? NVMX_BLOCK_STI : NVMX_BLOCK_NMI);
		assert_int_equal(fake_delivered(&fake_bare, 0x80000202), 1);
		assert_int_equal(fake_delivered(&fake_bare, 0x80000051), !exits);
	}
}

static void nmi_goes_in_while_nmis_are_blocked(void **state)
{
	(void)state;
	begin();
	LAUNCH({ NVMX_ENTRY_INTR_INFO, 0x80000202 }, { NVMX_GUEST_INTERRUPTIBILITY, NVMX_BLOCK_NMI });
	script_op(&l2, FAKE_VMCALL);
	check(FAKE_STOP_END);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_VMCALL);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_INTERRUPTIBILITY, 0), NVMX_BLOCK_NMI);
}

/* An injected NMI whose delivery fails, by an exit that tells of the NMI and by one that does not: NMIs are blocked as they
 * were, in L1 after the exit too. */
static void nmi_that_is_not_delivered_leaves_nmis_blocked(void **state)
{
	(void)state;
	begin();
	LAUNCH({ NVMX_ENTRY_INTR_INFO, 0x80000202 }, { NVMX_GUEST_INTERRUPTIBILITY, NVMX_BLOCK_NMI },
	       { NVMX_GUEST_IDTR_LIMIT, 0 });
	script_op(&l2, FAKE_VMCALL);
	check(FAKE_STOP_END);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_TRIPLE_FAULT);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_INTERRUPTIBILITY, 0), NVMX_BLOCK_NMI);
	begin();
	script_store(&l1, FAKE_EPT_A + 3 * FAKE_PAGE + FAKE_L2_STACK / FAKE_PAGE * 8, 0, 8);
	LAUNCH({ NVMX_ENTRY_INTR_INFO, 0x80000202 }, { NVMX_GUEST_INTERRUPTIBILITY, NVMX_BLOCK_NMI });
	script_op(&l2, FAKE_VMCALL);
	check(FAKE_STOP_END);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_EPT_VIOLATION);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_INTERRUPTIBILITY, 0), NVMX_BLOCK_NMI);
}

/* One that found NMIs open has blocked them before its delivery fails (SDM 27.1), virtual ones too. */
static void nmi_that_is_not_delivered_blocks_nmis(void **state)
{
	static const uint32_t pins[] = { 0x16, 0x16 | NVMX_PIN_NMI, 0x16 | NVMX_PIN_NMI | NVMX_PIN_VNMI };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		const struct script_value values[] = { { NVMX_ENTRY_INTR_INFO, 0x80000202 }, { NVMX_PIN_CTLS, pins[i] } };

		begin();
		script_store(&l1, FAKE_EPT_A + 3 * FAKE_PAGE + FAKE_L2_STACK / FAKE_PAGE * 8, 0, 8);
		launch_with(values, 2);
		script_op(&l2, FAKE_VMCALL);
		check(FAKE_STOP_END);
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_EPT_VIOLATION);
		assert_int_equal(fake_seen(&fake_bare, NVMX_IDT_VECTORING_INFO, 0), 0x80000202);
		assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_INTERRUPTIBILITY, 0), NVMX_BLOCK_NMI);
	}
}

static void event_that_is_not_valid_leaves_nmis_blocked(void **state)
{
	(void)state;
	begin();
	LAUNCH({ NVMX_ENTRY_INTR_INFO, 0x202 }, { NVMX_GUEST_INTERRUPTIBILITY, NVMX_BLOCK_NMI });
	script_op(&l2, FAKE_VMCALL);
	check(FAKE_STOP_END);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_VMCALL);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_INTERRUPTIBILITY, 0), NVMX_BLOCK_NMI);
}

static void init_and_startup_exit(void **state)
{
	static const struct fake_outside init[] = { { 320, FAKE_INIT, 0 } }, sipi[] = { { 320, FAKE_SIPI, 0x9a } };
	struct fake_machine m;

	(void)state;
	begin();
	LAUNCH({ NVMX_GUEST_ACTIVITY, NVMX_ACTIVITY_WAIT_SIPI });
	script_op(&l2, FAKE_NOP);
	check_with(FAKE_STOP_END, sipi, 1);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_SIPI);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_QUALIFICATION, 0), 0x9a);
	begin();
	LAUNCH({ NVMX_GUEST_ACTIVITY, NVMX_ACTIVITY_HLT });
	m = machine(NVMX_HOST_OWNS_INTERRUPTS); /* any other host keeps an INIT of L1's from the processor */
	m.outside = init;
	m.outsides = 1;
	assert_true(fake_same(&m, true));
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_INIT);
}

static void msr_list_failures(void **state)
{
	(void)state;
	begin();
	script_store(&l1, FAKE_MSR_ENTRY, 0xc0000082, 8);
	script_store(&l1, FAKE_MSR_ENTRY + 8, 0x1234, 8);
	script_store(&l1, FAKE_MSR_ENTRY + 16, 0xc0000100, 8);
	LAUNCH({ NVMX_ENTRY_MSR_LOAD_COUNT, 2 });
	check(FAKE_STOP_END);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_ENTRY_FAIL_MSR | NVMX_XR_ENTRY_FAILURE);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_QUALIFICATION, 0), 2);
	begin();
	script_store(&l1, FAKE_MSR_EXIT, 0x12345, 8);
	LAUNCH({ NVMX_EXIT_MSR_LOAD_COUNT, 1 });
	script_op(&l2, FAKE_VMCALL);
	check(FAKE_STOP_ABORT);
}

/* What WRMSR refuses, and the MSRs that no list loads: entry failure 34, and on the exit VMX abort 4 (SDM 26.4, 27.6, 27.7). */
static void msr_lists_refuse_values(void **state)
{
	static const struct script_value bad[] = {
		{ NVMX_MSR_PAT, 0x0207040600070406 }, { NVMX_MSR_EFER, NVMX_BIT64(40) }, { NVMX_MSR_DEBUGCTL, 0x100 },
		{ NVMX_MSR_SYSENTER_ESP, NVMX_BIT64(50) }, { NVMX_MSR_SYSENTER_EIP, NVMX_BIT64(50) },
		{ NVMX_MSR_LSTAR, NVMX_BIT64(50) }, { NVMX_MSR_KERNEL_GS_BASE, NVMX_BIT64(50) }, { NVMX_MSR_TSC_AUX, NVMX_BIT64(32) },
		{ NVMX_MSR_FMASK, NVMX_BIT64(32) }, { NVMX_MSR_GS_BASE, 0 }, { 0x808, 0 }, { NVMX_MSR_SMBASE, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		for (unsigned on_exit = 0; on_exit < 2; on_exit++) {
			uint64_t at = on_exit ? FAKE_MSR_EXIT : FAKE_MSR_ENTRY;

			begin();
			script_store(&l1, at, NVMX_MSR_SYSENTER_CS, 8);
			script_store(&l1, at + 16, bad[i].field, 8);
			script_store(&l1, at + 24, bad[i].value, 8);
			script_enter_vmx(&l1);
			script_vmwrite(&l1, on_exit ? NVMX_EXIT_MSR_LOAD_COUNT : NVMX_ENTRY_MSR_LOAD_COUNT, 2);
			script_run(&l1, FAKE_VMLAUNCH);
			script_look(&l1, true);
			script_op(&l2, FAKE_VMCALL);
			check(on_exit ? FAKE_STOP_ABORT : FAKE_STOP_END);
			if (on_exit)
				continue;
			assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_ENTRY_FAIL_MSR | NVMX_XR_ENTRY_FAILURE);
			assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_QUALIFICATION, 0), 2);
		}
}

/* EFER and PAT that a VM exit does not load stay as the entry, which failed after loading them, left them. */
static void failed_msr_list_leaves_loaded_registers(void **state)
{
	static const struct script_value efer[] = { /* of the list, and under which entry controls */
		{ 0, NVMX_EFER_LME | NVMX_EFER_LMA }, { 0, NVMX_EFER_LME | NVMX_EFER_LMA | NVMX_EFER_SCE | NVMX_EFER_NXE },
		{ NVMX_ENTRY_LOAD_EFER, NVMX_EFER_LME | NVMX_EFER_LMA }, { NVMX_ENTRY_LOAD_PAT, NVMX_EFER_LME | NVMX_EFER_LMA },
	};

	(void)state;
	for (unsigned i = 0; i < 2 * sizeof(efer) / sizeof(*efer); i++) {
		begin();
		script_store(&l1, FAKE_MSR_ENTRY, i & 1 ? NVMX_MSR_EFER : NVMX_MSR_SYSENTER_CS, 8);
		script_store(&l1, FAKE_MSR_ENTRY + 8, efer[i / 2].value, 8);
		script_store(&l1, FAKE_MSR_ENTRY + 16, NVMX_MSR_PAT, 8);
		script_store(&l1, FAKE_MSR_ENTRY + 24, 0x0606060606060606, 8);
		script_store(&l1, FAKE_MSR_ENTRY + 32, NVMX_MSR_FS_BASE, 8);
		script_enter_vmx(&l1);
		script_vmwrite(&l1, NVMX_ENTRY_MSR_LOAD_COUNT, 3);
		script_vmwrite(&l1, NVMX_EXIT_CTLS, 0x36dfb | NVMX_EXIT_HOST_64);
		script_vmwrite(&l1, NVMX_ENTRY_CTLS, 0x11fb | NVMX_ENTRY_IA32E | efer[i / 2].field);
		script_vmwrite(&l1, NVMX_GUEST_PAT, 0x0404040404040404);
		script_vmwrite(&l1, NVMX_GUEST_EFER, NVMX_EFER_LME | NVMX_EFER_LMA | NVMX_EFER_SCE | NVMX_EFER_NXE);
		script_run(&l1, FAKE_VMLAUNCH);
		script_look(&l1, true);
		script_msr(&l1, FAKE_RDMSR, NVMX_MSR_PAT, 0);
		script_msr(&l1, FAKE_RDMSR, NVMX_MSR_EFER, 0);
		check(FAKE_STOP_END);
		assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_QUALIFICATION, 0), 3);
	}
}

/* L2's own EFER is in vmcs02 alone while L1 has not read it; the CR0 step, which the read shadow runs, implies EFER's. */
static void write_of_the_cr0_shadow_keeps_efer(void **state)
{
	(void)state;
	begin();
	script_enter_vmx(&l1);
	script_vmwrite(&l1, NVMX_PROC_CTLS, PROC_MUST | NVMX_PROC_MSR_BITMAPS);
	script_vmwrite(&l1, NVMX_EXIT_CTLS, 0x36dfb | NVMX_EXIT_HOST_64 | NVMX_EXIT_SAVE_EFER | NVMX_EXIT_LOAD_EFER);
	script_vmwrite(&l1, NVMX_ENTRY_CTLS, 0x11fb | NVMX_ENTRY_IA32E | NVMX_ENTRY_LOAD_EFER);
	script_run(&l1, FAKE_VMLAUNCH);
	script_vmread(&l1, NVMX_EXIT_REASON);
	script_vmwrite(&l1, NVMX_CR0_SHADOW, 0x80050033);
	script_advance(&l1);
	script_run(&l1, FAKE_VMRESUME);
	script_vmread(&l1, NVMX_GUEST_EFER);
	script_msr(&l2, FAKE_WRMSR, NVMX_MSR_EFER, 0xd01);
	script_op(&l2, FAKE_VMCALL);
	script_msr(&l2, FAKE_RDMSR, NVMX_MSR_EFER, 0);
	script_op(&l2, FAKE_VMCALL);
	check(FAKE_STOP_END);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_VMCALL);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_EFER, 0), 0xd01);
}

/* L2's VMREAD or VMWRITE of the guest RIP in its shadow VMCS with an operand in memory. */
static void shadow_access(enum fake_op op, uint64_t address)
{
	script_movi(&l2, SCRIPT_FIELD, NVMX_GUEST_RIP);
	script_add(&l2, (struct fake_insn){ .op = (uint8_t)op, .reg2 = SCRIPT_FIELD, .mem = true, .seg = FAKE_DS,
					    .base = FAKE_NO_REG, .index = FAKE_NO_REG, .asize = 8, .size = 8, .disp = address });
}

#define SHADOWING                                                                                                  \
	{ NVMX_PROC_CTLS2, NVMX_PROC2_EPT | NVMX_PROC2_UNRESTRICTED | NVMX_PROC2_SHADOW_VMCS },                    \
	{ NVMX_VMREAD_BITMAP, FAKE_VMREAD_BITMAP }, { NVMX_VMWRITE_BITMAP, FAKE_VMWRITE_BITMAP },                  \
	{ NVMX_VMCS_LINK_POINTER, FAKE_VMCS_SHADOW }, { NVMX_EPT_POINTER, FAKE_EPT_B | 0x1e }

static void run_on(unsigned times)
{
	while (times--) {
		script_advance(&l1);
		script_run(&l1, FAKE_VMRESUME);
		script_look(&l1, false);
	}
}

static void shadow_access_to_memory(void **state)
{
	(void)state;
	begin();
	LAUNCH(SHADOWING);
	script_store(&l2, FAKE_L2_DATA, 0x1122334455667788, 8);
	shadow_access(FAKE_VMWRITE, FAKE_L2_DATA);
	shadow_access(FAKE_VMREAD, FAKE_L2_DATA + 0x100);
	script_load(&l2, 7, FAKE_L2_DATA + 0x100, 8);
	script_op(&l2, FAKE_VMCALL);
	check(FAKE_STOP_END);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_VMCALL);
	assert_int_equal(*(uint64_t *)(void *)(fake_bare.ram + FAKE_L2_DATA + 0x100), 0x1122334455667788);
}

/* EPT_B: page 2 read-only, 3 not present, 4 misconfigured. */
static void shadow_access_to_memory_exits(void **state)
{
	(void)state;
	begin();
	LAUNCH(SHADOWING);
	run_on(4);
	shadow_access(FAKE_VMWRITE, FAKE_L2_DATA + 2 * FAKE_PAGE + 8);
	shadow_access(FAKE_VMREAD, FAKE_L2_DATA + 2 * FAKE_PAGE + 8);
	shadow_access(FAKE_VMWRITE, FAKE_L2_DATA + 3 * FAKE_PAGE + 16);
	shadow_access(FAKE_VMREAD, FAKE_L2_DATA + 4 * FAKE_PAGE + 16);
	script_op(&l2, FAKE_VMCALL);
	check(FAKE_STOP_END);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 0), NVMX_XR_EPT_VIOLATION);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_PHYS_ADDR, 0), FAKE_L2_DATA + 2 * FAKE_PAGE + 8);
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_LINEAR_ADDR, 0), FAKE_L2_DATA + 2 * FAKE_PAGE + 8);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_QUALIFICATION, 0) & 0x3f, 2 | 1 << 3);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 1), NVMX_XR_EPT_VIOLATION);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_REASON, 2), NVMX_XR_EPT_MISCONFIG);
}

#define L2_PTE(page) (FAKE_L2_TABLES + 3 * FAKE_PAGE + (FAKE_L2_DATA / FAKE_PAGE + (page)) * 8)

/* L2's own paging: a page fault that L1 intercepts and one that it does not, and the accessed flag of a table that L1's EPT
 * write-protects. */
static void shadow_access_through_l2s_paging(void **state)
{
	(void)state;
	begin();
	script_store(&l1, L2_PTE(5), 0, 8);
	script_store(&l1, L2_PTE(6), (FAKE_L2_DATA + 6 * FAKE_PAGE) | 7, 8);
	LAUNCH(SHADOWING, { NVMX_EXCEPTION_BITMAP, NVMX_BIT(NVMX_VECTOR_PF) });
	script_vmwrite(&l1, NVMX_EXCEPTION_BITMAP, 0);
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, false);
	script_store(&l1, FAKE_EPT_B + 3 * FAKE_PAGE + (L2_PTE(6) / FAKE_PAGE) * 8, (L2_PTE(6) & ~0xfffull) | 0x31, 8);
	script_invalidate(&l1, FAKE_INVEPT, 1, FAKE_EPT_B | 0x1e, 0);
	script_vmwrite(&l1, NVMX_GUEST_RIP, FAKE_L2_CODE + 13);
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, false);
	shadow_access(FAKE_VMREAD, FAKE_L2_DATA + 5 * FAKE_PAGE);
	shadow_access(FAKE_VMREAD, FAKE_L2_DATA + 6 * FAKE_PAGE);
	script_op(&l2, FAKE_VMCALL);
	check(FAKE_STOP_END);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_INTR_INFO, 0), 0x80000b0e);
	assert_int_equal(fake_seen(&fake_bare, NVMX_EXIT_QUALIFICATION, 0), FAKE_L2_DATA + 5 * FAKE_PAGE);
}

/* The host changes vmcs01 while vmcs02 holds what L2 has left there and nobody has read. */
static void vmcs01_changes_leave_l2_alone(void **state)
{
	struct fake_machine m;

	(void)state;
	begin();
	script_enter_vmx(&l1);
	script_run(&l1, FAKE_VMLAUNCH);
	script_advance(&l1);
	script_run(&l1, FAKE_VMRESUME);
	script_look(&l1, true);
	script_imm(&l2, FAKE_LIDT, 0x123);
	script_msr(&l2, FAKE_WRMSR, NVMX_MSR_SYSENTER_CS, 0x77);
	script_op(&l2, FAKE_VMCALL);
	script_add(&l2, (struct fake_insn){ .op = FAKE_SIDT, .reg = 5 });
	script_op(&l2, FAKE_VMCALL);
	m = machine(0);
	m.vmcs01_changes = true;
	assert_true(fake_same(&m, true));
	assert_int_equal(fake_seen(&fake_bare, NVMX_GUEST_IDTR_LIMIT, 0), 0x123);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_instructions),
		cmocka_unit_test(vmx_without_vmxon),
		cmocka_unit_test(launch_and_cpuid), cmocka_unit_test(segments_read_at_each_exit),
		cmocka_unit_test(a_vmcs_is_cleared_and_loaded_again),
		cmocka_unit_test(exception_by_the_host_comes_once),
		cmocka_unit_test(injected_mtf_needs_no_control),
		cmocka_unit_test(mtf_follows_an_emulated_instruction),
		cmocka_unit_test(tsc_multiplier_counts_with_offsetting_only),
		cmocka_unit_test(trap_behind_sti_is_delivered_again),
		cmocka_unit_test(reflected_fault_saves_rf),
		cmocka_unit_test(faults_found_by_the_host_combine),
		cmocka_unit_test(interrupt_exits_or_is_delivered),
		cmocka_unit_test(nmi_exits_once_and_not_while_blocked),
		cmocka_unit_test(an_iret_unblocks_what_is_l2s),
		cmocka_unit_test(an_nmi_of_l2s_waits_for_sti),
		cmocka_unit_test(nmi_goes_in_while_nmis_are_blocked),
		cmocka_unit_test(nmi_that_is_not_delivered_leaves_nmis_blocked),
		cmocka_unit_test(nmi_that_is_not_delivered_blocks_nmis),
		cmocka_unit_test(event_that_is_not_valid_leaves_nmis_blocked),
		cmocka_unit_test(init_and_startup_exit),
		cmocka_unit_test(msr_list_failures),
		cmocka_unit_test(msr_lists_refuse_values),
		cmocka_unit_test(failed_msr_list_leaves_loaded_registers),
		cmocka_unit_test(shadow_access_to_memory),
		cmocka_unit_test(shadow_access_to_memory_exits),
		cmocka_unit_test(shadow_access_through_l2s_paging),
		cmocka_unit_test(write_of_the_cr0_shadow_keeps_efer),
		cmocka_unit_test(vmcs01_changes_leave_l2_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

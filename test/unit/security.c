/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * Known vulnerabilities of other hypervisors, by class, that no other test has for itself.  test/security/guards says which
 * line of the library each is about.
 */
#include "minihost.h"
#include "check_states.h"
#include "vmx/merge.h"
#include <nestvmx/enlighten.h>

/* Pages that L1's VM gives to the processor for L2, other than those that L1 uses itself. */
#define TPR_PAGE 0x30000u
#define APIC_PAGE 0x31000u

static unsigned barriers;

static void barrier(struct nvmx_host *h, unsigned kinds)
{
	(void)h;
	barriers |= kinds;
}

static struct nvmx_slot *active(struct mini *m)
{
	nvmx_control_masks_make(&m->vm->masks);
	mini_enter_vmx(m, true);
	return m->v->cur;
}

/* vmcs02 of a VM entry of L1's. */
static struct mini_vmcs *merged(struct mini *m, struct nvmx_slot *s)
{
	struct nvmx_check_input in = { 0 };

	assert_true(nvmx_load_vmcs02(m->v, s, &in));
	nvmx_vmwrite_flush(m->v);
	return mini_vmcs(&m->host, s->page02.hpa);
}

/* L2 runs; vmcs02 is all zeroes but for what a test writes. */
static struct nvmx_vmcs12 *in_l2(struct mini *m)
{
	struct nvmx_vmcs12 *v12;

	active(m);
	v12 = m->v->cur->v12;
	v12->host_cr0 = NVMX_CR0_PE | NVMX_CR0_NE | NVMX_CR0_PG;
	v12->host_cr4 = NVMX_CR4_PAE | NVMX_CR4_VMXE;
	v12->exit_ctls = NVMX_EXIT_HOST_64;
	v12->vmcs_link_pointer = NVMX_NO_ADDR;
	nvmx_vmcs_load(m->v, m->v->cur->page02.hpa);
	m->v->in_l2 = true;
	return v12;
}

static void back_in_l1(struct mini *m)
{
	nvmx_vmwrite_flush(m->v);
	m->v->in_l2 = false;
	nvmx_vmcs_load(m->v, MINI_VMCS01);
}

static void branch_predictions_end_with_l2(void **state)
{
	const struct nvmx_l2_exit hlt = { .reason = NVMX_XR_HLT };
	struct mini *m = *state;

	m->ops.barrier = barrier;
	in_l2(m);
	barriers = 0;
	assert_int_equal(nvmx_exit_to_l1(m->v, &hlt), NVMX_RESUME_L1);
	assert_int_equal(barriers, NVMX_BARRIER_IBPB);
}

/* A valid L2 of a 64-bit L1, with capabilities that allow it. */
static void enter(struct mini *m)
{
	uint8_t maxphyaddr = m->vm->caps.maxphyaddr;

	active(m);
	full_caps(&m->vm->caps);
	m->vm->caps.maxphyaddr = maxphyaddr;
	long_mode(m->v->cur->v12);
	m->v->cur->v12->revision = NVMX_VMCS12_REVISION;
	assert_int_equal(nvmx_enter_l2(m->v, true), NVMX_RESUME_L2);
}

static void caches_are_flushed_before_l2(void **state)
{
	struct mini *m = *state;

	m->ops.barrier = barrier;
	barriers = 0;
	enter(m);
	assert_true(m->v->in_l2);
	assert_int_equal(barriers, NVMX_BARRIER_L2_ENTRY);
	back_in_l1(m);
}

static void smm_is_another_guest(void **state)
{
	struct mini *m = *state;

	m->ops.barrier = barrier;
	in_l2(m);
	barriers = 0;
	nvmx_smi(m->v);
	assert_int_equal(barriers, NVMX_BARRIER_IBPB);
	assert_false(m->v->in_l2);
	m->v->smm.in_l2 = false;
	assert_true(nvmx_rsm(m->v));
}

/* L1 asks for VMCS shadowing: hardware would walk L1's link pointer and bitmaps as host-physical addresses. */
static void vmreads_of_l2_exit(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s = active(m);

	nvmx_slot_write(s, NVMX_I_PROC_CTLS, NVMX_PROC_SECONDARY);
	nvmx_slot_write(s, NVMX_I_PROC_CTLS2, NVMX_PROC2_SHADOW_VMCS);
	nvmx_slot_write(s, NVMX_I_VMCS_LINK_POINTER, 0x70000);
	assert_false(merged(m, s)->field[NVMX_I_PROC_CTLS2] & NVMX_PROC2_SHADOW_VMCS);
	assert_int_equal(merged(m, s)->field[NVMX_I_VMCS_LINK_POINTER], NVMX_NO_ADDR);
	back_in_l1(m);
}

/* The host's APIC of L1 is no APIC of L2: neither is the host's control kept for it, nor L1's address taken for the host's. */
static void the_hosts_apic_is_not_l2s(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s = active(m);
	struct mini_vmcs *vmcs02;

	m->host.pins_at = 0x40000000;
	m->v->vmcs01.ctl[NVMX_WORD_PROC2] |= NVMX_PROC2_APIC_ACCESS;
	m->v->vmcs01.ctl[NVMX_WORD_PROC] |= NVMX_PROC_TPR_SHADOW;
	nvmx_slot_write(s, NVMX_I_PROC_CTLS, NVMX_PROC_SECONDARY);
	nvmx_slot_write(s, NVMX_I_PROC_CTLS2, 0);
	vmcs02 = merged(m, s);
	assert_false(vmcs02->field[NVMX_I_PROC_CTLS] & NVMX_PROC_TPR_SHADOW);
	assert_false(vmcs02->field[NVMX_I_PROC_CTLS2] & NVMX_PROC2_APIC_ACCESS);
	nvmx_slot_write(s, NVMX_I_PROC_CTLS, NVMX_PROC_SECONDARY | NVMX_PROC_TPR_SHADOW);
	nvmx_slot_write(s, NVMX_I_PROC_CTLS2, NVMX_PROC2_APIC_ACCESS);
	nvmx_slot_write(s, NVMX_I_VIRTUAL_APIC_ADDR, TPR_PAGE);
	nvmx_slot_write(s, NVMX_I_APIC_ACCESS_ADDR, APIC_PAGE);
	nvmx_vmcs_load(m->v, MINI_VMCS01);
	merged(m, s);
	assert_int_equal(vmcs02->field[NVMX_I_VIRTUAL_APIC_ADDR], m->host.pins_at + TPR_PAGE);
	assert_int_equal(vmcs02->field[NVMX_I_APIC_ACCESS_ADDR], m->host.pins_at + APIC_PAGE);
	back_in_l1(m);
}

static void vmcs02_returns_to_the_host(void **state)
{
	static const unsigned rows[] = {
		NVMX_I_HOST_CR0, NVMX_I_HOST_CR3, NVMX_I_HOST_CR4, NVMX_I_HOST_RIP, NVMX_I_HOST_RSP, NVMX_I_HOST_CS_SEL,
		NVMX_I_HOST_SS_SEL, NVMX_I_HOST_TR_SEL, NVMX_I_HOST_FS_BASE, NVMX_I_HOST_GS_BASE, NVMX_I_HOST_TR_BASE,
		NVMX_I_HOST_GDTR_BASE, NVMX_I_HOST_IDTR_BASE, NVMX_I_HOST_SYSENTER_CS, NVMX_I_HOST_SYSENTER_ESP,
		NVMX_I_HOST_SYSENTER_EIP, NVMX_I_EXIT_MSR_LOAD_ADDR, NVMX_I_EXIT_MSR_STORE_ADDR, NVMX_I_ENTRY_MSR_LOAD_ADDR,
		NVMX_I_EXIT_MSR_LOAD_COUNT, NVMX_I_EXIT_MSR_STORE_COUNT, NVMX_I_ENTRY_MSR_LOAD_COUNT,
	};
	struct mini *m = *state;
	struct nvmx_slot *s = active(m);
	struct mini_vmcs *vmcs02;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		*mini01(m, rows[i]) = 0x1000 + 8 * i;
		nvmx_slot_write(s, rows[i], 0x666);
	}
	vmcs02 = merged(m, s);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(vmcs02->field[rows[i]], 0x1000 + 8 * i);
	back_in_l1(m);
}

/* Fields of an exit that the processor leaves undefined are zero for L1, and nothing that was on the host's stack. */
static void exit_information_has_nothing_of_the_stack(void **state)
{
	struct mini *m = *state;
	struct nvmx_exit_info info;

	in_l2(m);
	mini_vmcs(&m->host, m->v->cur->page02.hpa)->field[NVMX_I_IDT_VECTORING_INFO] = 0;
	memset(&info, 0xa5, sizeof(info));
	nvmx_exit_info_read(m->v, NVMX_XR_CPUID, &info);
	assert_int_equal(info.intr_info | info.intr_error | info.instr_info | info.idt_error, 0);
	assert_int_equal(info.linear | info.physical, 0);
	back_in_l1(m);
}

/* What a blob of nested state has behind vmcs12 is zeroes, not what the host's buffer had. */
static void a_blob_has_nothing_of_the_buffer(void **state)
{
	struct mini *m = *state;
	struct nvmx_state *blob = malloc(sizeof(*blob));
	size_t size;

	active(m);
	memset(blob, 0xa5, sizeof(*blob));
	assert_int_equal(nvmx_state_save(m->v, blob, sizeof(*blob), 0, &size, NULL), NVMX_OK);
	for (size_t i = NVMX_VMCS12_USED; i < sizeof(blob->vmcs12); i++)
		assert_int_equal(blob->vmcs12[i], 0);
	free(blob);
}

/* Another processor of L1's changes the region before VMPTRLD can look at it a second time. */
static unsigned looks;
static void change_revision(struct nvmx_host *h, uint64_t gpa)
{
	if (gpa == MINI_VMCS12 && ++looks == 2)
		*(uint32_t *)(void *)(h->ram + gpa) = NVMX_VMCS12_REVISION | NVMX_SHADOW_VMCS_INDICATOR;
}

static void the_copy_that_was_checked_counts(void **state)
{
	struct mini *m = *state;

	mini_enter_vmx(m, false);
	mini_vmcs_region(m, MINI_VMCS12, NVMX_VMCS12_REVISION);
	m->host.on_map = change_revision;
	for (unsigned active = 0; active < 2; active++) {
		looks = 0;
		mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_VMCS12));
		assert_int_equal(looks, 1);
		assert_int_equal(m->v->cur->v12->revision, NVMX_VMCS12_REVISION);
	}
	m->host.on_map = NULL;
}

/* An exit of L1's for a VMX instruction that nobody takes would kill the VM, or the host. */
static void no_vmx_instruction_is_left_over(void **state)
{
	static const uint8_t instructions[] = { 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 50, 53, 59 }; /* SDM appendix C */
	struct mini *m = *state;

	active(m);
	F01(EXIT_INSTR_INFO) = INFO_MEM(0);
	m->regs.gpr[RAX] = MINI_OPERAND;
	for (unsigned i = 0; i < sizeof(instructions); i++) {
		F01(EXIT_REASON) = instructions[i];
		F01(GUEST_SS_AR) |= 3u << 5; /* at CPL 3 each ends with a fault, or by CF or ZF */
		assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_RESUME_L1);
		F01(ENTRY_INTR_INFO) = 0;
	}
	F01(GUEST_SS_AR) &= ~(3ull << 5);
}

static void no_mapping_outlives_an_instruction(void **state)
{
	struct mini *m = *state;

	mini_vmcs_region(m, MINI_VMXON, NVMX_VMCS12_REVISION);
	for (unsigned i = 0; i < 20; i++) { /* more than a vCPU may hold */
		mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMXON, MINI_VMXON));
		assert_int_equal(m->host.mapped, 0);
		mini_succeeded(m, mini_exec(m, NVMX_XR_VMXOFF));
	}
}

/* L1's VMCSs, and the pages that L2's processor used, are given up with VMXOFF: what L1 does with their memory then counts. */
static void vmxoff_gives_up_what_l2_had(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s = active(m);

	nvmx_slot_write(s, NVMX_I_PROC_CTLS, NVMX_PROC_TPR_SHADOW);
	nvmx_slot_write(s, NVMX_I_VIRTUAL_APIC_ADDR, TPR_PAGE);
	merged(m, s);
	assert_int_equal(m->host.pins, 1);
	back_in_l1(m);
	mini_succeeded(m, mini_exec(m, NVMX_XR_VMXOFF));
	assert_int_equal(m->host.pins, 0);
	for (unsigned i = 0; i < NVMX_SLOT_PLACES; i++)
		assert_true(m->v->slots[i].gpa == NVMX_NO_ADDR);
}

/* The right revision at an address that is no page's. */
static void vmxon_takes_pages_alone(void **state)
{
	struct mini *m = *state;

	mini_vmcs_region(m, MINI_VMXON, NVMX_VMCS12_REVISION);
	*mini_ram(m, MINI_VMXON + 64) = NVMX_VMCS12_REVISION;
	mini_failed_invalid(m, mini_exec_pointer(m, NVMX_XR_VMXON, MINI_VMXON + 64));
	assert_int_equal(m->v->vmxon_ptr, NVMX_NO_ADDR);
}

/* L2's hypercalls, and its shutdown, are L1's business whatever the host does with those of L1. */
static void exits_that_nothing_asks_for_are_l1s(void **state)
{
	static const uint8_t reasons[] = { 2, 10, 13, 18, 20, 50, 53, 55 };
	struct mini *m = *state;

	m->vm->flags = NVMX_HOST_HYPERCALLS | NVMX_HOST_OWNS_INTERRUPTS;
	for (unsigned i = 0; i < sizeof(reasons); i++) {
		in_l2(m)->pin_ctls = 0;
		mini_vmcs(&m->host, m->v->cur->page02.hpa)->field[NVMX_I_EXIT_REASON] = reasons[i];
		mini_vmcs(&m->host, m->v->cur->page02.hpa)->field[NVMX_I_IDT_VECTORING_INFO] = 0;
		assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_RESUME_L1);
		assert_false(m->v->in_l2);
		assert_int_equal(m->v->cur->v12->exit_reason, reasons[i]);
		nvmx_vmxoff(&(struct nvmx_insn){ .v = m->v });
		nvmx_vmwrite_flush(m->v);
		mini_state01(m);
		m->v->vmcs01.ctl[NVMX_WORD_ENTRY] = NVMX_ENTRY_IA32E;
	}
	m->vm->flags = 0;
}

/* A processor with SEAM exits for these at any CPL; no guest has SEAM, and none can ask for the exit. */
static void instructions_of_seam_are_undefined(void **state)
{
	const uint32_t ud = NVMX_INTR_VALID | NVMX_EVENT_HW_EXC << 8 | NVMX_VECTOR_UD;
	struct mini *m = *state;

	for (uint32_t reason = NVMX_XR_SEAMCALL; reason <= NVMX_XR_TDCALL; reason++) {
		F01(EXIT_REASON) = reason;
		assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_RESUME_L1);
		assert_int_equal(F01(ENTRY_INTR_INFO), ud);
		F01(ENTRY_INTR_INFO) = 0;
		for (unsigned intercepted = 0; intercepted < 2; intercepted++) {
			struct nvmx_vmcs12 *v12 = in_l2(m);
			uint64_t *field = mini_vmcs(&m->host, m->v->cur->page02.hpa)->field;

			v12->exception_bitmap = intercepted << NVMX_VECTOR_UD;
			field[NVMX_I_EXIT_REASON] = reason;
			field[NVMX_I_IDT_VECTORING_INFO] = 0;
			field[NVMX_I_ENTRY_INTR_INFO] = 0;
			assert_int_equal(nvmx_handle_exit(m->v, &m->regs), intercepted ? NVMX_RESUME_L1 : NVMX_RESUME_L2);
			nvmx_vmwrite_flush(m->v);
			if (intercepted) {
				assert_int_equal(v12->exit_reason, NVMX_XR_EXCEPTION_NMI);
				assert_int_equal(v12->exit_intr_info, ud);
			} else {
				assert_int_equal(field[NVMX_I_ENTRY_INTR_INFO], ud);
				back_in_l1(m);
			}
			nvmx_vmxoff(&(struct nvmx_insn){ .v = m->v });
			nvmx_vmwrite_flush(m->v);
			mini_state01(m);
			m->v->vmcs01.ctl[NVMX_WORD_ENTRY] = NVMX_ENTRY_IA32E;
		}
	}
}

static int take_msr(struct nvmx_host *h, uint32_t msr, uint64_t value)
{
	(void)h;
	(void)msr;
	(void)value;
	return 0;
}

static void a_list_of_msrs_has_an_end(void **state)
{
	const uint32_t most = 512; /* IA32_VMX_MISC[27:25] is 0 (SDM A.6) */
	struct mini *m = *state;

	m->ops.l1_msr_write = take_msr;
	for (uint32_t i = 0; i < 2 * most; i++)
		*mini_ram(m, 0x40000 + 16 * i) = NVMX_MSR_TSC_AUX;
	assert_int_equal(nvmx_msr_load_list(m->v, 0x40000, most), 0);
	assert_int_equal(nvmx_msr_load_list(m->v, 0x40000, 0xffffffff), most + 1);
}

/* The host neither passes the ports through nor has a bitmap that opens this one. */
static void only_the_host_opens_ports(void **state)
{
	static uint8_t bitmap01[8192];
	struct mini *m = *state;
	const uint64_t out_80 = 0x80ull << 16;
	struct nvmx_slot *s = active(m);

	nvmx_slot_write(s, NVMX_I_PROC_CTLS, NVMX_PROC_IO_BITMAPS);
	nvmx_slot_write(s, NVMX_I_IO_BITMAP_A, 0x32000);
	nvmx_slot_write(s, NVMX_I_IO_BITMAP_B, 0x33000);
	merged(m, s);
	assert_false(nvmx_open_io(m->v, out_80));
	memset(bitmap01, 0xff, sizeof(bitmap01));
	m->v->config.io_bitmap01 = bitmap01;
	assert_false(nvmx_open_io(m->v, out_80));
	bitmap01[0x80 / 8] = 0;
	assert_true(nvmx_open_io(m->v, out_80));
	m->v->config.io_bitmap01 = NULL;
	back_in_l1(m);
}

/* What the host emulates for L2 is held against L1's bitmaps and controls, byte by byte, as the processor's own access would be. */
static void ports_that_the_host_emulates_for_l2(void **state)
{
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = active(m)->v12;

	v12->io_bitmap_a = 0x32000;
	v12->io_bitmap_b = 0x33000;
	m->host.ram[0x32000 + 0x71 / 8] = 1u << (0x71 % 8);
	m->host.ram[0x33000] = 1; /* port 8000H */
	assert_false(nvmx_l1_wants_port(m->v, 0x71, 1));
	v12->proc_ctls = NVMX_PROC_UNCOND_IO;
	assert_true(nvmx_l1_wants_port(m->v, 0x70, 1));
	v12->proc_ctls = NVMX_PROC_UNCOND_IO | NVMX_PROC_IO_BITMAPS;
	assert_false(nvmx_l1_wants_port(m->v, 0x70, 1));
	assert_true(nvmx_l1_wants_port(m->v, 0x70, 2));
	assert_true(nvmx_l1_wants_port(m->v, 0x6e, 4));
	assert_false(nvmx_l1_wants_port(m->v, 0x72, 4));
	assert_false(nvmx_l1_wants_port(m->v, 0x7ffe, 2));
	assert_true(nvmx_l1_wants_port(m->v, 0x7ffe, 4));
	assert_true(nvmx_l1_wants_port(m->v, 0x8000, 1));
	assert_false(nvmx_l1_wants_port(m->v, 0xffff, 1));
	assert_true(nvmx_l1_wants_port(m->v, 0xffff, 2)); /* wraps around (SDM 25.1.3) */
	v12->io_bitmap_a = MINI_RAM; /* no RAM reads as ones */
	assert_true(nvmx_l1_wants_port(m->v, 0x70, 1));
}

/* So are exceptions that it finds in them, by vector and page-fault error code (SDM 25.2). */
static void exceptions_that_the_host_finds_for_l2(void **state)
{
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	v12->exception_bitmap = NVMX_BIT(NVMX_VECTOR_GP) | NVMX_BIT(NVMX_VECTOR_PF);
	v12->pf_ec_mask = 3;
	v12->pf_ec_match = 2; /* writes to what is not present */
	assert_true(nvmx_l1_wants_exception(m->v, NVMX_VECTOR_GP, 0));
	assert_false(nvmx_l1_wants_exception(m->v, NVMX_VECTOR_UD, 0));
	assert_true(nvmx_l1_wants_exception(m->v, NVMX_VECTOR_PF, 2));
	assert_true(nvmx_l1_wants_exception(m->v, NVMX_VECTOR_PF, 6));
	assert_false(nvmx_l1_wants_exception(m->v, NVMX_VECTOR_PF, 3));
	v12->exception_bitmap = NVMX_BIT(NVMX_VECTOR_DB) | NVMX_BIT(NVMX_VECTOR_AC) | NVMX_BIT(NVMX_VECTOR_MC);
	assert_false(nvmx_l1_wants_exception(m->v, NVMX_VECTOR_PF, 2));
	assert_true(nvmx_l1_wants_exception(m->v, NVMX_VECTOR_PF, 3)); /* the reverse, with a 0 in the bitmap */
	assert_true(nvmx_l1_wants_exception(m->v, NVMX_VECTOR_DB, 0) && nvmx_l1_wants_exception(m->v, NVMX_VECTOR_AC, 0) &&
		    nvmx_l1_wants_exception(m->v, NVMX_VECTOR_MC, 0));
	back_in_l1(m);
	assert_false(nvmx_l1_wants_exception(m->v, NVMX_VECTOR_DB, 0));
}

/* A hypercall of 32-bit code has no say in the upper halves of registers. */
static void registers_of_32bit_code_are_narrow(void **state)
{
	struct mini *m = *state;

	m->vm->flags |= NVMX_ENLIGHTENED;
	active(m);
	F01(ENTRY_CTLS) &= ~(uint64_t)NVMX_ENTRY_IA32E;
	F01(GUEST_EFER) = 0;
	F01(GUEST_CS_AR) = 0xc09b;
	m->v->vmcs01.ctl[NVMX_WORD_ENTRY] = 0;
	m->regs.gpr[RAX] = NVMX_HC_INVEPT_RANGE;
	m->regs.gpr[RBX] = 0xdead00000000501e;
	m->regs.gpr[RCX] = 0xdead000000003000;
	m->regs.gpr[RDX] = 0xdead000000001000;
	mini_succeeded(m, mini_exec(m, NVMX_XR_VMCALL));
	assert_int_equal(m->ranges, 1);
	assert_int_equal(m->invept_eptp, 0x501e);
	assert_int_equal(m->range, 0x3000);
}

/* An L2 that would fail in hardware, or worse, is refused by the row that is made for it, and by no other. */
static void refused_by(struct state *s, const char *id)
{
	const struct nvmx_check_row *row = nvmx_check_entry(&s->in, NVMX_GROUPS_ALL);

	assert_non_null(row);
	assert_string_equal(row->id, id);
}

static void control_registers_of_l2_are_supported(void **unused)
{
	struct state s;

	(void)unused;
	make_base(&s, LONG_MODE);
	s.v12.guest_cr4 |= NVMX_BIT64(31);
	refused_by(&s, "guest.cr4.fixed");
	make_base(&s, LONG_MODE);
	s.v12.guest_cr4 &= ~(uint64_t)NVMX_CR4_VMXE;
	refused_by(&s, "guest.cr4.fixed");
}

static void rip_of_l2_is_canonical(void **unused)
{
	struct state s;

	(void)unused;
	make_base(&s, LONG_MODE);
	s.v12.guest_rip = NVMX_BIT64(50);
	refused_by(&s, "guest.rip.width");
}

static void notification_vectors_are_vectors(void **unused)
{
	struct state s;

	(void)unused;
	make_base(&s, LONG_MODE);
	s.v12.pin_ctls |= NVMX_PIN_POSTED_INT | NVMX_PIN_EXT_INT;
	s.v12.proc_ctls |= NVMX_PROC_TPR_SHADOW;
	s.v12.proc_ctls2 = NVMX_PROC2_VID;
	s.v12.exit_ctls |= NVMX_EXIT_ACK_INT;
	s.v12.posted_int_nv = 0x100;
	refused_by(&s, "ctrl.posted_int.vector");
}

static void ept_walks_have_four_or_five_levels(void **unused)
{
	struct state s;

	(void)unused;
	for (unsigned levels = 1; levels <= 8; levels++) {
		make_base(&s, LONG_MODE);
		s.v12.proc_ctls2 = NVMX_PROC2_EPT;
		s.v12.ept_pointer = 0x1000 | (levels - 1) << 3 | 6;
		if (levels == 4 || levels == 5)
			assert_null(nvmx_check_entry(&s.in, NVMX_GROUPS_ALL));
		else
			refused_by(&s, "ctrl.eptp.walk_length");
	}
}

/* "Save VMX-preemption timer value" is a VM-exit control; the same bit of the processor-based ones is NMI-window exiting. */
static void the_timer_is_saved_where_it_runs(void **unused)
{
	struct state s;

	(void)unused;
	make_base(&s, LONG_MODE);
	s.v12.pin_ctls |= NVMX_PIN_NMI | NVMX_PIN_VNMI;
	s.v12.proc_ctls |= NVMX_PROC_NMI_WINDOW;
	assert_null(nvmx_check_entry(&s.in, NVMX_GROUPS_ALL));
	s.v12.exit_ctls |= NVMX_EXIT_SAVE_PREEMPTION_TIMER;
	refused_by(&s, "ctrl.exit.save_timer_without_timer");
	s.v12.pin_ctls |= NVMX_PIN_PREEMPTION_TIMER;
	assert_null(nvmx_check_entry(&s.in, NVMX_GROUPS_ALL));
}

static void debugctl_of_l2_is_supported(void **unused)
{
	struct state s;

	(void)unused;
	make_base(&s, LONG_MODE);
	s.v12.entry_ctls |= NVMX_ENTRY_LOAD_DEBUG;
	s.v12.guest_debugctl = NVMX_BIT64(20);
	refused_by(&s, "guest.debugctl.reserved");
}

static void msr_areas_are_in_the_address_space(void **unused)
{
	struct state s;

	(void)unused;
	make_base(&s, LONG_MODE);
	s.v12.exit_msr_store_addr = (1ull << 46) - 16;
	s.v12.exit_msr_store_count = 1;
	assert_null(nvmx_check_entry(&s.in, NVMX_GROUPS_ALL));
	s.v12.exit_msr_store_count = 2;
	refused_by(&s, "ctrl.exit_msr_store.end");
}

/* A control that L1 is not offered fails its VM entry, whatever the processor has. */
static void withheld_controls_fail_the_entry(void **unused)
{
	static const struct {
		uint32_t msr;
		size_t offset;
		const char *row;
	} words[] = {
		{ NVMX_MSR_VMX_TRUE_PINBASED_CTLS, offsetof(struct nvmx_vmcs12, pin_ctls), "ctrl.pin.reserved" },
		{ NVMX_MSR_VMX_TRUE_PROCBASED_CTLS, offsetof(struct nvmx_vmcs12, proc_ctls), "ctrl.proc.reserved" },
		{ NVMX_MSR_VMX_PROCBASED_CTLS2, offsetof(struct nvmx_vmcs12, proc_ctls2), "ctrl.proc2.reserved" },
		{ NVMX_MSR_VMX_TRUE_EXIT_CTLS, offsetof(struct nvmx_vmcs12, exit_ctls), "ctrl.exit.reserved" },
		{ NVMX_MSR_VMX_TRUE_ENTRY_CTLS, offsetof(struct nvmx_vmcs12, entry_ctls), "ctrl.entry.reserved" },
	};
	struct nvmx_caps l1;
	struct state s;
	unsigned withheld = 0;

	(void)unused;
	make_base(&s, LONG_MODE);
	for (unsigned i = 0; i < 5; i++) /* a processor that has every control */
		set_msr(&s.caps, words[i].msr, s.caps.msr[words[i].msr - NVMX_CAPS_FIRST_MSR] | ~0ull << 32);
	nvmx_caps_compute(&s.caps, 0, false, &l1);
	for (unsigned i = 0; i < 5; i++)
		for (unsigned bit = 0; bit < 32; bit++) {
			if (nvmx_caps_may(&l1, words[i].msr) >> bit & 1)
				continue;
			withheld++;
			make_base(&s, LONG_MODE);
			s.in.caps = &l1;
			*(uint32_t *)(void *)((char *)&s.v12 + words[i].offset) |= NVMX_BIT(bit);
			refused_by(&s, words[i].row);
		}
	assert_in_range(withheld, 50, 90);
}

static void a_vmcs_is_not_its_own_shadow(void **unused)
{
	struct state s;

	(void)unused;
	make_base(&s, LONG_MODE);
	s.v12.proc_ctls2 = NVMX_PROC2_SHADOW_VMCS;
	s.v12.vmcs_link_pointer = CURRENT_VMCS;
	s.in.link_revision = NVMX_VMCS12_REVISION | NVMX_SHADOW_VMCS_INDICATOR;
	refused_by(&s, "guest.link.current");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		MINI_TEST(branch_predictions_end_with_l2),
		MINI_TEST(caches_are_flushed_before_l2),
		MINI_TEST(smm_is_another_guest),
		MINI_TEST(vmreads_of_l2_exit),
		MINI_TEST(the_hosts_apic_is_not_l2s),
		MINI_TEST(vmcs02_returns_to_the_host),
		MINI_TEST(exit_information_has_nothing_of_the_stack),
		MINI_TEST(a_blob_has_nothing_of_the_buffer),
		MINI_TEST(the_copy_that_was_checked_counts),
		MINI_TEST(no_vmx_instruction_is_left_over),
		MINI_TEST(no_mapping_outlives_an_instruction),
		MINI_TEST(vmxoff_gives_up_what_l2_had),
		MINI_TEST(vmxon_takes_pages_alone),
		MINI_TEST(exits_that_nothing_asks_for_are_l1s),
		MINI_TEST(instructions_of_seam_are_undefined),
		MINI_TEST(a_list_of_msrs_has_an_end),
		MINI_TEST(only_the_host_opens_ports),
		MINI_TEST(ports_that_the_host_emulates_for_l2),
		MINI_TEST(exceptions_that_the_host_finds_for_l2),
		MINI_TEST(registers_of_32bit_code_are_narrow),
		cmocka_unit_test(control_registers_of_l2_are_supported),
		cmocka_unit_test(rip_of_l2_is_canonical),
		cmocka_unit_test(notification_vectors_are_vectors),
		cmocka_unit_test(ept_walks_have_four_or_five_levels),
		cmocka_unit_test(the_timer_is_saved_where_it_runs),
		cmocka_unit_test(debugctl_of_l2_is_supported),
		cmocka_unit_test(msr_areas_are_in_the_address_space),
		cmocka_unit_test(withheld_controls_fail_the_entry),
		cmocka_unit_test(a_vmcs_is_not_its_own_shadow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

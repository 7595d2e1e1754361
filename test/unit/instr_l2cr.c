/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What the library does of L2 itself: control registers that exit for the host's sake, EPTP switching, #VE, windows. */
#include "minihost.h"
#include "ept/ept.h"

#define CR(n, type, reg) ((uint64_t)(n) | (uint64_t)(type) << 4 | (uint64_t)(reg) << 8)
enum { MOV_TO, MOV_FROM, CLTS, LMSW };
#define LMSW_OF(value) (CR(0, LMSW, 0) | (uint64_t)(value) << 16)
#define L2_CR0 (NVMX_CR0_PE | NVMX_CR0_NE | NVMX_CR0_PG)
#define EPTP_LIST 0x90000u
#define GOOD_EPTP (0x70000u | 3u << 3 | 6u)
#define VE_AREA 0x92000u

static uint64_t *vmcs02(struct mini *m, unsigned row)
{
	return &mini_vmcs(&m->host, m->v->cur->page02.hpa)->field[row];
}
#define F02(NAME) (*vmcs02(m, NVMX_I_##NAME))

static struct nvmx_vmcs12 *in_l2(struct mini *m)
{
	struct nvmx_vmcs12 *v12;

	mini_enter_vmx(m, true);
	v12 = m->v->cur->v12;
	for (unsigned row = 0; row < NVMX_ROWS; row++)
		*vmcs02(m, row) = 0;
	v12->guest_cr0 = F02(GUEST_CR0) = L2_CR0;
	v12->guest_cr4 = F02(GUEST_CR4) = NVMX_CR4_PAE | NVMX_CR4_VMXE;
	m->v->cur->cr0_mask02 = ~0ull;
	m->v->cur->cr4_mask02 = ~0ull;
	F02(GUEST_RIP) = 0x6000;
	F02(EXIT_INSTR_LEN) = 3;
	F02(GUEST_RSP) = L2_CR0 | NVMX_CR0_TS;
	nvmx_vmcs_load(m->v, m->v->cur->page02.hpa);
	m->v->in_l2 = true;
	return v12;
}

static void out_of_l2(struct mini *m)
{
	nvmx_vmwrite_flush(m->v);
	m->v->in_l2 = false;
	nvmx_vmcs_load(m->v, MINI_VMCS01);
}

static void access_cr(struct mini *m, uint64_t qualification)
{
	assert_int_equal(nvmx_l2_cr_access(m->v, &m->regs, qualification), NVMX_RESUME_L2);
	nvmx_vmwrite_flush(m->v);
	assert_int_equal(F02(GUEST_RIP), 0x6003);
	F02(GUEST_RIP) = 0x6000;
}

static void mov_to_cr0(void **state)
{
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	m->regs.gpr[RBX] = L2_CR0 | NVMX_CR0_TS | NVMX_CR0_WP;
	v12->cr0_mask = NVMX_CR0_WP; /* L1's own: what L2 writes there would have exited to L1 if it differed from the shadow */
	v12->cr0_shadow = NVMX_CR0_WP;
	access_cr(m, CR(0, MOV_TO, RBX));
	assert_int_equal(v12->guest_cr0, L2_CR0 | NVMX_CR0_TS);
	assert_int_equal(F02(GUEST_CR0), L2_CR0 | NVMX_CR0_TS);
	assert_int_equal(F02(CR0_SHADOW), L2_CR0 | NVMX_CR0_TS | NVMX_CR0_WP);
	m->regs.gpr[RSP] = 0; /* not where L2's RSP is */
	v12->guest_cr0 = L2_CR0;
	access_cr(m, CR(0, MOV_TO, RSP));
	assert_int_equal(v12->guest_cr0, L2_CR0 | NVMX_CR0_TS);
	out_of_l2(m);
}

static void clts_and_lmsw(void **state)
{
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	v12->guest_cr0 = L2_CR0 | NVMX_CR0_TS;
	access_cr(m, CR(0, CLTS, 0));
	assert_int_equal(v12->guest_cr0, L2_CR0);
	access_cr(m, LMSW_OF(0xfffe)); /* MP, EM and TS alone; PE stays (LMSW in SDM volume 2) */
	assert_int_equal(v12->guest_cr0, L2_CR0 | 0xe);
	access_cr(m, LMSW_OF(1));
	assert_int_equal(v12->guest_cr0, L2_CR0);
	assert_int_equal(F02(GUEST_CR0), L2_CR0);
	out_of_l2(m);
}

static void mov_to_cr4(void **state)
{
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	m->v->config.cr4_kept = NVMX_BIT(18);
	m->regs.gpr[RCX] = NVMX_CR4_PAE | NVMX_CR4_VMXE | NVMX_CR4_PSE;
	access_cr(m, CR(4, MOV_TO, RCX));
	assert_int_equal(v12->guest_cr4, NVMX_CR4_PAE | NVMX_CR4_VMXE | NVMX_CR4_PSE);
	assert_int_equal(F02(GUEST_CR4), v12->guest_cr4 | NVMX_BIT(18));
	assert_int_equal(F02(CR4_SHADOW), v12->guest_cr4);
	out_of_l2(m);
}

/* ET and reserved bits of CR0 stay; CR4 that the host keeps is no bit of L2's. */
static void bits_that_a_move_leaves(void **state)
{
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	v12->guest_cr0 |= NVMX_CR0_ET;
	m->regs.gpr[RBX] = L2_CR0 | NVMX_CR0_TS | NVMX_BIT64(6) | NVMX_BIT64(15) | NVMX_BIT64(17) | NVMX_BIT64(19) | NVMX_BIT64(28);
	access_cr(m, CR(0, MOV_TO, RBX));
	assert_int_equal(v12->guest_cr0, L2_CR0 | NVMX_CR0_TS | NVMX_CR0_ET);
	assert_int_equal(F02(GUEST_CR0), v12->guest_cr0);
	assert_int_equal(F02(CR0_SHADOW), v12->guest_cr0);
	out_of_l2(m);
}

/* The VPID that the L2 runs on, and none if the host has none: then the exit and the entry flush. */
static void a_move_flushes_by_vpid(void **state)
{
	struct mini *m = *state;

	in_l2(m);
	m->v->config.vpid02 = 70;
	m->v->config.vpid02_n = 3;
	m->v->cur->vpid02 = 72;
	m->host.flushes = 0;
	m->regs.gpr[RBX] = NVMX_CR4_PAE | NVMX_CR4_VMXE | NVMX_CR4_PSE; /* flushes nothing */
	access_cr(m, CR(4, MOV_TO, RBX));
	assert_int_equal(m->host.flushes, 0);
	m->regs.gpr[RBX] |= NVMX_CR4_PGE;
	access_cr(m, CR(4, MOV_TO, RBX));
	assert_int_equal(m->host.flushes, 1);
	assert_int_equal(m->host.flushed_vpid, 72);
	assert_int_equal(m->host.flushed_scope, NVMX_FLUSH_SINGLE);
	m->v->config.vpid02 = m->v->cur->vpid02 = 0;
	m->regs.gpr[RBX] ^= NVMX_CR4_PGE;
	access_cr(m, CR(4, MOV_TO, RBX));
	assert_int_equal(m->host.flushes, 1);
	out_of_l2(m);
}

/* Values that VMX operation forbids L2 raise #GP (SDM 25.3, 23.8). */
static void forbidden_values(void **state)
{
	static const struct {
		uint64_t qualification, value;
		bool unrestricted, code64;
	} cases[] = {
		{ CR(0, MOV_TO, RBX), NVMX_CR0_PE | NVMX_CR0_PG, false, false },	/* NE */
		{ CR(0, MOV_TO, RBX), NVMX_CR0_NE | NVMX_CR0_PE, false, false },	/* PG */
		{ CR(0, MOV_TO, RBX), NVMX_CR0_PE | NVMX_CR0_PG, true, false },	/* NE even so */
		{ CR(0, MOV_TO, RBX), L2_CR0 | NVMX_BIT64(32), false, true },
		{ CR(4, MOV_TO, RBX), NVMX_CR4_PAE, false, false },			/* VMXE */
		{ CR(4, MOV_TO, RBX), NVMX_CR4_VMXE | NVMX_BIT64(22), false, false },
	};
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		v12->proc_ctls = NVMX_PROC_SECONDARY;
		v12->proc_ctls2 = cases[i].unrestricted ? NVMX_PROC2_UNRESTRICTED : 0;
		F02(ENTRY_CTLS) = cases[i].code64 ? NVMX_ENTRY_IA32E : 0;
		F02(GUEST_CS_AR) = cases[i].code64 ? 0xa09b : 0xc09b;
		m->regs.gpr[RBX] = cases[i].value;
		assert_int_equal(nvmx_l2_cr_access(m->v, &m->regs, cases[i].qualification), NVMX_RESUME_L2);
		nvmx_vmwrite_flush(m->v);
		assert_int_equal(F02(ENTRY_INTR_INFO), 0x80000b0d);
		assert_int_equal(F02(ENTRY_EXC_ERROR_CODE), 0);
		assert_int_equal(F02(GUEST_RIP), 0x6000);
		assert_int_equal(v12->guest_cr0, L2_CR0);
		assert_int_equal(v12->guest_cr4, NVMX_CR4_PAE | NVMX_CR4_VMXE);
		F02(ENTRY_INTR_INFO) = 0;
	}
	v12->proc_ctls2 = NVMX_PROC2_UNRESTRICTED;
	m->regs.gpr[RBX] = NVMX_CR0_NE;
	access_cr(m, CR(0, MOV_TO, RBX));
	assert_int_equal(v12->guest_cr0, NVMX_CR0_NE);
	out_of_l2(m);
}

/* SDM 9.8.5: CR0.PG with IA32_EFER.LME enters and leaves IA-32e mode. */
static void paging_switches_the_mode(void **state)
{
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	v12->proc_ctls = NVMX_PROC_SECONDARY;
	v12->proc_ctls2 = NVMX_PROC2_UNRESTRICTED;
	F02(GUEST_EFER) = NVMX_EFER_LME | NVMX_EFER_LMA;
	F02(ENTRY_CTLS) = NVMX_ENTRY_IA32E | NVMX_ENTRY_LOAD_EFER;
	m->regs.gpr[RBX] = NVMX_CR0_NE | NVMX_CR0_PE;
	access_cr(m, CR(0, MOV_TO, RBX));
	assert_int_equal(F02(GUEST_EFER), NVMX_EFER_LME);
	assert_int_equal(F02(ENTRY_CTLS), NVMX_ENTRY_LOAD_EFER);
	m->regs.gpr[RBX] = L2_CR0;
	access_cr(m, CR(0, MOV_TO, RBX));
	assert_int_equal(F02(GUEST_EFER), NVMX_EFER_LME | NVMX_EFER_LMA);
	assert_int_equal(F02(ENTRY_CTLS), NVMX_ENTRY_IA32E | NVMX_ENTRY_LOAD_EFER);
	F02(GUEST_EFER) = 0;
	F02(ENTRY_CTLS) = 0;
	m->regs.gpr[RBX] = NVMX_CR0_NE | NVMX_CR0_PE;
	access_cr(m, CR(0, MOV_TO, RBX));
	assert_int_equal(F02(GUEST_EFER), 0);
	assert_int_equal(F02(ENTRY_CTLS), 0);
	out_of_l2(m);
}

static void others_are_the_hosts(void **state)
{
	struct mini *m = *state;

	in_l2(m);
	assert_int_equal(nvmx_l2_cr_access(m->v, &m->regs, CR(3, MOV_TO, RBX)), NVMX_HOST);
	assert_int_equal(nvmx_l2_cr_access(m->v, &m->regs, CR(0, MOV_FROM, RBX)), NVMX_HOST);
	assert_int_equal(nvmx_l2_cr_access(m->v, &m->regs, CR(8, MOV_TO, RBX)), NVMX_HOST);
	out_of_l2(m);
}

/* What VMX operation forbids L1 (SDM 23.8), and SMM (34.14.3). */
static void l1_control_registers(void **state)
{
	struct mini *m = *state;

	assert_int_equal(nvmx_l1_cr_check(m->v, 0, 0), 0);
	assert_int_equal(nvmx_l1_cr_check(m->v, 4, 0), 0);
	mini_enter_vmx(m, false);
	assert_int_equal(nvmx_l1_cr_check(m->v, 0, L2_CR0), 0);
	assert_int_equal(nvmx_l1_cr_check(m->v, 0, L2_CR0 & ~NVMX_CR0_NE), -1);
	assert_int_equal(nvmx_l1_cr_check(m->v, 0, L2_CR0 & ~NVMX_CR0_PG), -1);
	assert_int_equal(nvmx_l1_cr_check(m->v, 0, L2_CR0 | NVMX_BIT64(40)), -1);
	assert_int_equal(nvmx_l1_cr_check(m->v, 4, NVMX_CR4_VMXE), 0);
	assert_int_equal(nvmx_l1_cr_check(m->v, 4, NVMX_CR4_PAE), -1);
	assert_int_equal(nvmx_l1_cr_check(m->v, 4, NVMX_CR4_VMXE | NVMX_BIT64(22)), -1);
	m->v->smm.active = true;
	assert_int_equal(nvmx_l1_cr_check(m->v, 4, NVMX_CR4_VMXE), -1);
	m->v->smm.active = false;
}

static bool vmfunc(struct mini *m, uint64_t function, uint64_t index)
{
	bool done;

	m->regs.gpr[RAX] = function;
	m->regs.gpr[RCX] = index;
	done = nvmx_vmfunc(m->v, &m->regs);
	nvmx_vmwrite_flush(m->v);
	assert_int_equal(F02(GUEST_RIP), done ? 0x6003 : 0x6000);
	F02(GUEST_RIP) = 0x6000;
	return done;
}

/* SDM 25.5.6.3: ECX below 512, an entry that VM entry would take; anything else is a VM exit that changes nothing. */
static void eptp_switching(void **state)
{
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	v12->proc_ctls = NVMX_PROC_SECONDARY;
	v12->proc_ctls2 = NVMX_PROC2_EPT;
	v12->vmfunc_ctls = 1;
	v12->eptp_list_addr = EPTP_LIST;
	v12->ept_pointer = 0x1111;
	v12->eptp_index = 99;
	*mini_ram(m, EPTP_LIST + 8 * 5) = GOOD_EPTP;
	*mini_ram(m, EPTP_LIST + 8 * 511) = GOOD_EPTP + 0x1000;
	*mini_ram(m, EPTP_LIST + 8 * 6) = GOOD_EPTP | NVMX_BIT64(50);
	assert_false(vmfunc(m, 0, 6));
	assert_false(vmfunc(m, 0, 7));		/* an empty entry */
	assert_false(vmfunc(m, 0, 512));
	assert_false(vmfunc(m, 0, 0xffffffff));
	assert_false(vmfunc(m, 1, 5));		/* not enabled */
	assert_false(vmfunc(m, 64, 5));
	assert_int_equal(v12->ept_pointer, 0x1111);
	assert_true(vmfunc(m, 1ull << 32, 1ull << 40 | 5)); /* EAX and ECX */
	assert_int_equal(v12->ept_pointer, GOOD_EPTP);
	assert_int_equal(v12->eptp_index, 5);	/* with each processor that supports #VE, whatever the control */
	assert_true(vmfunc(m, 0, 511));
	assert_int_equal(v12->ept_pointer, GOOD_EPTP + 0x1000);
	assert_int_equal(v12->eptp_index, 511);
	m->vm->caps.msr[NVMX_MSR_VMX_PROCBASED_CTLS2 - NVMX_CAPS_FIRST_MSR] &= ~((uint64_t)NVMX_PROC2_VE << 32);
	assert_true(vmfunc(m, 0, 5));
	assert_int_equal(v12->eptp_index, 511);
	v12->eptp_list_addr = MINI_RAM;		/* no memory there */
	assert_false(vmfunc(m, 0, 5));
	v12->eptp_list_addr = EPTP_LIST;
	v12->vmfunc_ctls = 0;
	assert_false(vmfunc(m, 0, 5));
	out_of_l2(m);
}

/* SDM 25.5.7: what the area gets, and when a violation stays a VM exit. */
static void virtualization_exception(void **state)
{
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);
	struct nvmx_exit_info exit = { .reason = NVMX_XR_EPT_VIOLATION, .qualification = 0x182, .linear = 0xabc000,
				       .physical = 0xdef000 };

	v12->proc_ctls = NVMX_PROC_SECONDARY;
	v12->ve_info_addr = VE_AREA;
	v12->eptp_index = 7;
	assert_false(nvmx_ve(m->v, &exit));	/* the control is off */
	v12->proc_ctls2 = NVMX_PROC2_VE;
	exit.idt_info = NVMX_INTR_VALID;
	assert_false(nvmx_ve(m->v, &exit));	/* an event was being delivered */
	exit.idt_info = 0;
	exit.reason = NVMX_XR_EPT_MISCONFIG;
	assert_false(nvmx_ve(m->v, &exit));
	exit.reason = NVMX_XR_EPT_VIOLATION;
	F02(GUEST_CR0) = NVMX_CR0_NE;
	assert_false(nvmx_ve(m->v, &exit));	/* real mode */
	F02(GUEST_CR0) = L2_CR0;
	assert_int_equal(*mini_ram(m, VE_AREA), 0);
	assert_true(nvmx_ve(m->v, &exit));
	assert_int_equal(*mini_ram(m, VE_AREA), 0xffffffff00000030ull);
	assert_int_equal(*mini_ram(m, VE_AREA + 8), 0x182);
	assert_int_equal(*mini_ram(m, VE_AREA + 16), 0xabc000);
	assert_int_equal(*mini_ram(m, VE_AREA + 24), 0xdef000);
	assert_int_equal(*mini_ram(m, VE_AREA + 32) & 0xffff, 7);
	exit.qualification = 1;
	assert_false(nvmx_ve(m->v, &exit));	/* the area is in use */
	assert_int_equal(*mini_ram(m, VE_AREA + 8), 0x182);
	v12->ve_info_addr = MINI_RAM;
	assert_false(nvmx_ve(m->v, &exit));	/* no memory there */
	out_of_l2(m);
}

/* SDM 27.3.3: RF is saved as a fault's stack image would have it; #DB's does not. */
static void an_exception_of_the_hosts_saves_rf(void **state)
{
	static const struct {
		unsigned vector;
		uint64_t rf;
	} cases[] = { { NVMX_VECTOR_GP, NVMX_RFLAGS_RF }, { NVMX_VECTOR_DB, 0 } };
	struct mini *m = *state;

	for (unsigned i = 0; i < 2; i++) {
		struct nvmx_vmcs12 *v12 = i ? m->v->cur->v12 : in_l2(m);

		nvmx_vmcs_load(m->v, m->v->cur->page02.hpa);
		m->v->in_l2 = true;
		v12->exception_bitmap = NVMX_BIT(NVMX_VECTOR_GP) | NVMX_BIT(NVMX_VECTOR_DB);
		F02(GUEST_RFLAGS) = 2;
		assert_int_equal(nvmx_inject_exception(m->v, &m->regs, cases[i].vector, false, 0, 0), NVMX_RESUME_L1);
		assert_int_equal(F02(GUEST_RFLAGS), 2 | cases[i].rf);
	}
}

static unsigned waiting;
static unsigned pending_events(struct nvmx_host *h)
{
	(void)h;
	return waiting;
}

/* L1's interrupt window opens while the host still has something for L2 that comes first (SDM 6.9, 25.2). */
static enum nvmx_verdict window_exit(struct mini *m, struct nvmx_vmcs12 *v12, unsigned events, uint64_t blocking)
{
	enum nvmx_verdict verdict;

	waiting = events;
	v12->proc_ctls |= NVMX_PROC_INT_WINDOW;
	F02(EXIT_REASON) = NVMX_XR_INT_WINDOW;
	F02(GUEST_INTERRUPTIBILITY) = blocking;
	F02(ENTRY_INTR_INFO) = 0;
	verdict = nvmx_handle_exit(m->v, &m->regs);
	if (verdict == NVMX_RESUME_L2)
		assert_int_equal(nvmx_check_events(m->v, &m->regs), NVMX_HOST); /* so it goes in before L2 runs again */
	return verdict;
}

static void an_nmi_precedes_the_interrupt_window(void **state)
{
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	m->ops.pending_events = pending_events;
	m->vm->flags |= NVMX_HOST_OWNS_INTERRUPTS;
	assert_int_equal(window_exit(m, v12, NVMX_PENDING_NMI, 0), NVMX_RESUME_L2);
	assert_true(m->v->in_l2);
	assert_int_equal(window_exit(m, v12, NVMX_PENDING_NMI, NVMX_BLOCK_NMI), NVMX_RESUME_L1);
	nvmx_vmcs_load(m->v, m->v->cur->page02.hpa);
	m->v->in_l2 = true;
	assert_int_equal(window_exit(m, v12, NVMX_PENDING_INTR, 0), NVMX_RESUME_L1);
}

#define EVENT (NVMX_INTR_VALID | 0x40u)

/* NVMX_HOST_REINJECTS: the event whose delivery an exit interrupted is the host's to deliver again. */
static void who_reinjects(void **state)
{
	struct mini *m = *state;

	in_l2(m);
	for (unsigned by_host = 0; by_host < 2; by_host++) {
		m->vm->flags = by_host ? NVMX_HOST_REINJECTS : 0;
		F02(EXIT_REASON) = NVMX_XR_EPT_VIOLATION;
		F02(EXIT_QUALIFICATION) = NVMX_ACCESS_R;
		F02(GUEST_PHYS_ADDR) = MINI_RAM; /* no memory: the host emulates what is there */
		F02(IDT_VECTORING_INFO) = EVENT | NVMX_INTR_NMI_UNBLOCK; /* undefined here (SDM 27.2.4), and refused by the entry */
		F02(ENTRY_INTR_INFO) = 0;
		assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_HOST);
		assert_int_equal(F02(ENTRY_INTR_INFO), by_host ? 0 : EVENT);
	}
	out_of_l2(m);
}

static int as_it_is(struct nvmx_host *h, uint64_t gpa, unsigned access, struct nvmx_xlate *out)
{
	(void)h;
	(void)access;
	*out = (struct nvmx_xlate){ gpa, 7, 12, 6, false };
	return 0;
}

static void no_tlb(struct nvmx_host *h, uint64_t eptp, unsigned scope)
{
	(void)h;
	(void)eptp;
	(void)scope;
}

/* An IRET that had unblocked NMIs executes again (SDM 27.2.3): after a fill of the shadow. */
static void an_iret_refilled_blocks_nmis_again(void **state)
{
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	m->ops.translate = as_it_is;
	m->ops.flush_ept = no_tlb;
	nvmx_ept_vm_init(m->vm);
	nvmx_ept_vcpu_init(m->v);
	v12->proc_ctls = NVMX_PROC_SECONDARY;
	v12->proc_ctls2 = NVMX_PROC2_EPT;
	v12->ept_pointer = GOOD_EPTP;
	for (unsigned i = 0; i < 3; i++)
		*mini_ram(m, 0x70000 + i * 0x1000) = (0x71000 + i * 0x1000) | 7;
	*mini_ram(m, 0x73000) = 0x74000 | 6 << 3 | 7;
	F02(EXIT_REASON) = NVMX_XR_EPT_VIOLATION;
	F02(EXIT_QUALIFICATION) = 0x180 | NVMX_ACCESS_R | NVMX_BIT64(12);
	assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_RESUME_L2);
	assert_int_equal(m->v->counters[NVMX_CNT_EPT_FAULT], 1);
	assert_int_equal(F02(GUEST_INTERRUPTIBILITY), NVMX_BLOCK_NMI);
	out_of_l2(m);
	nvmx_ept_vcpu_destroy(m->v);
	nvmx_ept_vm_destroy(m->vm);
}

static void an_iret_that_faulted_blocks_nmis_again(void **state)
{
	struct mini *m = *state;

	in_l2(m);
	F02(EXIT_REASON) = NVMX_XR_EPT_VIOLATION;
	F02(GUEST_PHYS_ADDR) = MINI_RAM;
	for (unsigned unblocked = 0; unblocked < 2; unblocked++) {
		F02(EXIT_QUALIFICATION) = NVMX_ACCESS_R | (unblocked ? NVMX_BIT64(12) : 0);
		assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_HOST);
		assert_int_equal(F02(GUEST_INTERRUPTIBILITY), unblocked ? NVMX_BLOCK_NMI : 0);
	}
	F02(GUEST_INTERRUPTIBILITY) = 0;
	F02(IDT_VECTORING_INFO) = EVENT; /* then the bit says nothing */
	assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_HOST);
	assert_int_equal(F02(GUEST_INTERRUPTIBILITY), 0);
	out_of_l2(m);
}

/* NVMX_HOST_OWNS_TIMER: reason 52 is the host's timer's. */
static void whose_timer_it_is(void **state)
{
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	v12->pin_ctls |= NVMX_PIN_PREEMPTION_TIMER;
	v12->exit_ctls |= NVMX_EXIT_SAVE_PREEMPTION_TIMER;
	v12->preemption_timer = 77;
	F02(EXIT_REASON) = NVMX_XR_PREEMPTION_TIMER;
	m->vm->flags = NVMX_HOST_OWNS_TIMER;
	assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_HOST);
	assert_true(m->v->in_l2);
	assert_int_equal(v12->preemption_timer, 77);
	m->vm->flags = 0;
	assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_RESUME_L1);
	assert_int_equal(v12->exit_reason, NVMX_XR_PREEMPTION_TIMER);
	assert_int_equal(v12->preemption_timer, 0);
}

/* RSP of L2 is in vmcs02, not among the registers that the host hands over. */
static void a_move_from_rsp_is_routed_by_rsp(void **state)
{
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	v12->cr0_mask = NVMX_CR0_TS;
	v12->cr0_shadow = L2_CR0;
	m->regs.gpr[RSP] = L2_CR0;
	F02(EXIT_REASON) = NVMX_XR_CR_ACCESS;
	F02(EXIT_QUALIFICATION) = CR(0, MOV_TO, RSP);
	F02(GUEST_RSP) = L2_CR0;
	assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_RESUME_L2);
	F02(GUEST_RSP) = L2_CR0 | NVMX_CR0_TS;
	assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_RESUME_L1);
}

/* NVMX_HOST_EMULATES_CR: nothing of L2's has changed when the host gets the exit. */
static void who_emulates_a_move_to_cr0(void **state)
{
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	m->regs.gpr[RBX] = L2_CR0 | NVMX_CR0_TS;
	F02(CR0_SHADOW) = L2_CR0;
	F02(EXIT_REASON) = NVMX_XR_CR_ACCESS;
	F02(EXIT_QUALIFICATION) = CR(0, MOV_TO, RBX);
	m->vm->flags = NVMX_HOST_EMULATES_CR;
	assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_HOST);
	assert_int_equal(v12->guest_cr0, L2_CR0);
	assert_int_equal(F02(GUEST_RIP), 0x6000);
	m->vm->flags = 0;
	assert_int_equal(nvmx_handle_exit(m->v, &m->regs), NVMX_RESUME_L2);
	assert_int_equal(v12->guest_cr0, L2_CR0 | NVMX_CR0_TS);
	assert_int_equal(F02(GUEST_RIP), 0x6003);
	out_of_l2(m);
}

/* nvmx_exit_to_l1: L1 sees what the host says, and what vmcs02 was to deliver is the host's to have told of. */
static void an_exit_that_the_host_found(void **state)
{
	const struct nvmx_l2_exit exit = { .reason = NVMX_XR_EXCEPTION_NMI, .qualification = 0x1234, .intr_info = EVENT + 1,
		.intr_error = 5, .idt_info = EVENT, .idt_error = 6, .instr_len = 2 };
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);
	uint64_t hpa = m->v->cur->page02.hpa;

	m->v->run_pending = true;
	F02(ENTRY_INTR_INFO) = EVENT + 2;
	assert_int_equal(nvmx_exit_to_l1(m->v, &exit), NVMX_RESUME_L1);
	assert_false(m->v->in_l2 || m->v->run_pending);
	assert_int_equal(mini_vmcs(&m->host, hpa)->field[NVMX_I_ENTRY_INTR_INFO], 0);
	assert_int_equal(v12->exit_reason, NVMX_XR_EXCEPTION_NMI);
	assert_int_equal(v12->exit_qualification, 0x1234);
	assert_int_equal(v12->exit_intr_info, EVENT + 1);
	assert_int_equal(v12->idt_vectoring_info, EVENT);
	assert_int_equal(v12->exit_instr_len, 2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		MINI_TEST(mov_to_cr0),
		MINI_TEST(clts_and_lmsw),
		MINI_TEST(mov_to_cr4),
		MINI_TEST(bits_that_a_move_leaves),
		MINI_TEST(a_move_flushes_by_vpid),
		MINI_TEST(forbidden_values),
		MINI_TEST(paging_switches_the_mode),
		MINI_TEST(others_are_the_hosts),
		MINI_TEST(l1_control_registers),
		MINI_TEST(eptp_switching),
		MINI_TEST(virtualization_exception),
		MINI_TEST(an_exception_of_the_hosts_saves_rf),
		MINI_TEST(an_nmi_precedes_the_interrupt_window),
		MINI_TEST(who_reinjects),
		MINI_TEST(an_iret_refilled_blocks_nmis_again),
		MINI_TEST(an_iret_that_faulted_blocks_nmis_again),
		MINI_TEST(whose_timer_it_is),
		MINI_TEST(who_emulates_a_move_to_cr0),
		MINI_TEST(a_move_from_rsp_is_routed_by_rsp),
		MINI_TEST(an_exit_that_the_host_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

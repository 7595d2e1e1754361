/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Bitmaps and exceptions that vmcs02 has from both: who asked for the exit, nobody, the host, L1 or both, decides who gets it. */
#include "minihost.h"
#include "vmx/route.h"

#define BITMAP12 0x90000u /* L1's: I/O A and B, MSRs, VMREAD and VMWRITE */
#define LINK (MINI_VMCS12 + 0x5000u)
#define L2_CR0 (NVMX_CR0_PE | NVMX_CR0_NE | NVMX_CR0_PG)

enum asker { NOBODY, HOST, L1, BOTH, ASKERS };

static uint8_t host_bitmap[8192];
static uint64_t l2_xss;
static int xss_reads;

static uint64_t *vmcs02(struct mini *m, unsigned row)
{
	return &mini_vmcs(&m->host, m->v->cur->page02.hpa)->field[row];
}
#define F02(NAME) (*vmcs02(m, NVMX_I_##NAME))

static int read_msr(struct nvmx_host *h, uint32_t msr, uint64_t *value)
{
	(void)h;
	assert_int_equal(msr, 0xda0);
	xss_reads++;
	*value = l2_xss;
	return xss_reads < 0 ? -1 : 0;
}

static int write_msr(struct nvmx_host *h, uint32_t msr, uint64_t value)
{
	(void)h;
	(void)msr;
	(void)value;
	return 0;
}

/* L2 runs; L1 asked for nothing. */
static struct nvmx_vmcs12 *in_l2(struct mini *m)
{
	struct nvmx_vmcs12 *v12;

	m->ops.l1_msr_read = read_msr;
	m->ops.l1_msr_write = write_msr;
	mini_enter_vmx(m, true);
	v12 = m->v->cur->v12;
	for (unsigned row = 0; row < NVMX_ROWS; row++)
		*vmcs02(m, row) = 0;
	v12->proc_ctls = NVMX_PROC_SECONDARY;
	v12->exit_ctls = NVMX_EXIT_HOST_64;
	v12->vmcs_link_pointer = NVMX_NO_ADDR;
	v12->guest_cr0 = F02(GUEST_CR0) = L2_CR0;
	v12->host_cr0 = L2_CR0;
	v12->guest_cr4 = F02(GUEST_CR4) = v12->host_cr4 = NVMX_CR4_PAE | NVMX_CR4_VMXE;
	F02(GUEST_RIP) = 0x6000;
	F02(GUEST_RFLAGS) = 2;
	F02(EXIT_INSTR_LEN) = 3;
	F02(ENTRY_CTLS) = NVMX_ENTRY_IA32E;
	F02(GUEST_CS_AR) = 0xa09b;
	F02(GUEST_SS_AR) = 0xc093;
	nvmx_vmcs_load(m->v, m->v->cur->page02.hpa);
	m->v->in_l2 = true;
	memset(host_bitmap, 0, sizeof(host_bitmap));
	memset(m->host.ram + BITMAP12, 0, 8192);
	return v12;
}

static void again(struct mini *m)
{
	nvmx_vmwrite_flush(m->v);
	nvmx_vmcs_load(m->v, m->v->cur->page02.hpa);
	m->v->in_l2 = true;
	F02(GUEST_RIP) = 0x6000;
	F02(ENTRY_INTR_INFO) = 0;
}

static void out_of_l2(struct mini *m)
{
	nvmx_vmwrite_flush(m->v);
	m->v->in_l2 = false;
	nvmx_vmcs_load(m->v, MINI_VMCS01);
}

/* True: L1 gets the exit. */
static bool l1_gets(struct mini *m, uint32_t reason)
{
	static const unsigned counter[] = { [NVMX_RESUME_L1] = NVMX_CNT_EXIT_TO_L1, [NVMX_RESUME_L2] = NVMX_CNT_EXIT_L0,
					    [NVMX_HOST] = NVMX_CNT_EXIT_HOST };
	uint64_t before[NVMX_CNT_COUNT];
	enum nvmx_verdict verdict;
	bool left;

	F02(EXIT_REASON) = reason;
	memcpy(before, m->v->counters, sizeof(before));
	verdict = nvmx_handle_exit(m->v, &m->regs);
	left = !m->v->in_l2;
	assert_int_equal(verdict == NVMX_RESUME_L1, left);
	assert_true(verdict <= NVMX_HOST);
	for (unsigned i = 0; i < sizeof(counter) / sizeof(*counter) && !(reason & NVMX_XR_ENTRY_FAILURE); i++)
		assert_int_equal(m->v->counters[counter[i]] - before[counter[i]], i == verdict);
	if (left)
		assert_int_equal(m->v->cur->v12->exit_reason, reason);
	again(m);
	return left;
}

static void xsaves_and_xrstors(void **state)
{
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	v12->proc_ctls2 = NVMX_PROC2_XSAVES;
	for (uint32_t reason = NVMX_XR_XSAVES; reason <= NVMX_XR_XRSTORS; reason++)
		for (enum asker a = HOST; a < ASKERS; a++) {
			v12->xss_exit_bitmap = a & L1 ? 0x100 : 0x800;
			F02(XSS_EXIT_BITMAP) = v12->xss_exit_bitmap | (a & HOST ? 0x100 : 0);
			l2_xss = 0x900;
			m->regs.gpr[RAX] = 0x100;
			m->regs.gpr[RDX] = 0;
			assert_int_equal(l1_gets(m, reason), a >= L1);
			/* L1's component is asked for, but not in use by IA32_XSS: it was the host's that exited. */
			F02(XSS_EXIT_BITMAP) = v12->xss_exit_bitmap | 0x1000;
			m->regs.gpr[RAX] = 0x1000 | (uint32_t)v12->xss_exit_bitmap;
			l2_xss = 0x1000;
			assert_false(l1_gets(m, reason));
			/* A component above 31 comes from EDX. */
			v12->xss_exit_bitmap = F02(XSS_EXIT_BITMAP) = a & L1 ? 1ull << 62 : 0;
			m->regs.gpr[RAX] = 0;
			m->regs.gpr[RDX] = 1u << 30;
			assert_int_equal(l1_gets(m, reason), a >= L1);
		}
	assert_true(xss_reads > 0);
	xss_reads = -1000; /* a host that does not say what IA32_XSS holds: what L1 asked for is L1's */
	v12->xss_exit_bitmap = 1;
	F02(XSS_EXIT_BITMAP) = 3;
	m->regs.gpr[RAX] = 3;
	assert_true(l1_gets(m, NVMX_XR_XSAVES));
	out_of_l2(m);
}

static void encls(void **state)
{
	static const uint32_t leaf[] = { 0, 7, 62, 63, 200 };
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	for (unsigned i = 0; i < 5; i++)
		for (enum asker a = NOBODY; a < ASKERS; a++) {
			uint64_t bit = 1ull << (leaf[i] < 63 ? leaf[i] : 63);

			m->regs.gpr[RAX] = leaf[i];
			v12->proc_ctls2 = NVMX_PROC2_ENCLS;
			v12->encls_exit_bitmap = a & L1 ? bit : ~bit;
			F02(ENCLS_EXIT_BITMAP) = v12->encls_exit_bitmap | (a & HOST ? bit : 0);
			assert_int_equal(l1_gets(m, NVMX_XR_ENCLS), a >= L1);
			v12->proc_ctls2 = 0;
			assert_false(l1_gets(m, NVMX_XR_ENCLS));
		}
	out_of_l2(m);
}

/* The host's bitmap and L1's: bit `bit` of the pages, and its neighbours asked for by the other. */
static void ask(struct mini *m, enum asker a, uint32_t bit)
{
	memset(host_bitmap, a & HOST ? 0 : 0xff, sizeof(host_bitmap));
	memset(m->host.ram + BITMAP12, a & L1 ? 0 : 0xff, 8192);
	if (a & HOST)
		host_bitmap[bit / 8] |= (uint8_t)(1u << bit % 8);
	else
		host_bitmap[bit / 8] &= (uint8_t)~(1u << bit % 8);
	if (a & L1)
		m->host.ram[BITMAP12 + bit / 8] |= (uint8_t)(1u << bit % 8);
	else
		m->host.ram[BITMAP12 + bit / 8] &= (uint8_t)~(1u << bit % 8);
}

static void ports(void **state)
{
	static const uint32_t port[] = { 0, 0x80, 0x7fff, 0x8000, 0xffff };
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);
	struct nvmx_why why;

	v12->proc_ctls |= NVMX_PROC_IO_BITMAPS | NVMX_PROC_UNCOND_IO; /* the bitmaps replace it (SDM 24.6.2) */
	v12->io_bitmap_a = BITMAP12;
	v12->io_bitmap_b = BITMAP12 + 0x1000;
	m->v->config.io_bitmap01 = host_bitmap;
	for (unsigned i = 0; i < 5; i++)
		for (enum asker a = NOBODY; a < ASKERS; a++) {
			ask(m, a, port[i]);
			F02(EXIT_QUALIFICATION) = (uint64_t)port[i] << 16;
			assert_int_equal(l1_gets(m, NVMX_XR_IO), a >= L1);
		}
	v12->proc_ctls &= ~NVMX_PROC_IO_BITMAPS;
	assert_true(l1_gets(m, NVMX_XR_IO));
	v12->proc_ctls &= ~NVMX_PROC_UNCOND_IO;
	assert_false(l1_gets(m, NVMX_XR_IO));
	for (unsigned all = 0; all < 2; all++) { /* the host's, by its bitmaps or because it wants all of them */
		m->v->vmcs01.ctl[NVMX_WORD_PROC] = NVMX_PROC_SECONDARY | (all ? NVMX_PROC_UNCOND_IO : 0);
		nvmx_why_host(m->v, &m->regs, &why);
		assert_int_equal(why.cause, all ? NVMX_CAUSE_CONTROL : NVMX_CAUSE_IO_BITMAP);
		assert_int_equal(why.detail, all ? NVMX_WORD_PROC << 8 | 24 : 0xffff);
	}
	out_of_l2(m);
}

static void msrs(void **state)
{
	static const uint32_t msr[] = { 0x10, 0x1fff, 0xc0000080, 0xc0001fff };
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	v12->proc_ctls |= NVMX_PROC_MSR_BITMAPS;
	v12->msr_bitmap = BITMAP12;
	m->v->config.msr_bitmap01 = host_bitmap;
	for (unsigned i = 0; i < 4; i++)
		for (enum asker a = NOBODY; a < ASKERS; a++)
			for (unsigned write = 0; write < 2; write++) {
				ask(m, a, (write ? 0x4000 : 0) + (msr[i] >> 31 ? 0x2000 : 0) + (msr[i] & 0x1fff));
				m->regs.gpr[RCX] = msr[i];
				assert_int_equal(l1_gets(m, write ? NVMX_XR_WRMSR : NVMX_XR_RDMSR), a >= L1);
			}
	v12->proc_ctls &= ~NVMX_PROC_MSR_BITMAPS;
	assert_true(l1_gets(m, NVMX_XR_RDMSR));
	out_of_l2(m);
}

static void vmread_and_vmwrite(void **state)
{
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	v12->proc_ctls2 = NVMX_PROC2_SHADOW_VMCS;
	v12->vmcs_link_pointer = LINK;
	v12->vmread_bitmap = v12->vmwrite_bitmap = BITMAP12;
	mini_vmcs_region(m, LINK, NVMX_VMCS12_REVISION | NVMX_SHADOW_VMCS_INDICATOR);
	F02(EXIT_INSTR_INFO) = INFO_REG(RDX, RCX);
	m->regs.gpr[RCX] = NVMX_GUEST_RIP;
	for (enum asker a = NOBODY; a < ASKERS; a += L1) {
		ask(m, a, NVMX_GUEST_RIP & 0x7fff);
		assert_int_equal(l1_gets(m, NVMX_XR_VMREAD), a >= L1);
		assert_int_equal(l1_gets(m, NVMX_XR_VMWRITE), a >= L1);
	}
	v12->proc_ctls2 = 0;
	assert_true(l1_gets(m, NVMX_XR_VMREAD));
	out_of_l2(m);
}

/* The host hears first of #DB, #AC and #MC that it intercepts, and may hand them on; what it did not ask for is L1's at once. */
static void exceptions(void **state)
{
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	for (unsigned vector = 0; vector < 32; vector++) {
		bool host_first = vector == 1 || vector == 17 || vector == 18;

		for (enum asker a = HOST; a < ASKERS; a++) {
			v12->exception_bitmap = a & L1 ? 1u << vector : ~(1u << vector);
			m->v->cur->exceptions01 = a & HOST ? 1u << vector : ~(1u << vector);
			v12->pf_ec_mask = v12->pf_ec_match = 0;
			F02(EXIT_INTR_INFO) = 0x80000300 | vector;
			F02(EXIT_QUALIFICATION) = vector == 1 ? 0x4000 : 0;
			assert_int_equal(l1_gets(m, NVMX_XR_EXCEPTION_NMI), a == L1 || (a == BOTH && !host_first));
			assert_int_equal(nvmx_reflect(m->v, &m->regs), host_first && a >= L1 ? NVMX_RESUME_L1 : NVMX_HOST);
			assert_int_equal(m->v->in_l2, !(host_first && a >= L1));
			if (host_first && a >= L1) {
				assert_int_equal(v12->exit_reason, NVMX_XR_EXCEPTION_NMI);
				assert_int_equal(v12->exit_intr_info, 0x80000300 | vector);
				assert_int_equal(v12->exit_qualification, vector == 1 ? 0x4000 : 0);
			}
			again(m);
		}
	}
	out_of_l2(m);
}

/* A machine check is that of the machine's owner, whoever asked for the exit; and so is one in the middle of a VM entry. */
static void machine_checks_of_an_owner(void **state)
{
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	v12->exception_bitmap = 1u << 18 | 1u << 17;
	F02(EXIT_INTR_INFO) = 0x80000312;
	assert_true(l1_gets(m, NVMX_XR_EXCEPTION_NMI));
	assert_true(l1_gets(m, NVMX_XR_ENTRY_FAIL_MCE | NVMX_XR_ENTRY_FAILURE));
	m->vm->flags |= NVMX_HOST_OWNS_INTERRUPTS;
	assert_false(l1_gets(m, NVMX_XR_EXCEPTION_NMI));
	F02(EXIT_INTR_INFO) = 0x80000311;
	assert_true(l1_gets(m, NVMX_XR_EXCEPTION_NMI));
	m->v->run_pending = true;
	assert_false(l1_gets(m, NVMX_XR_ENTRY_FAIL_MCE | NVMX_XR_ENTRY_FAILURE));
	assert_true(m->v->run_pending);
	F02(EXIT_REASON) = NVMX_XR_ENTRY_FAIL_MCE | NVMX_XR_ENTRY_FAILURE;
	assert_int_equal(nvmx_reflect(m->v, &m->regs), NVMX_RESUME_L1);
	assert_int_equal(v12->exit_reason, NVMX_XR_ENTRY_FAIL_MCE | NVMX_XR_ENTRY_FAILURE);
	assert_false(m->v->in_l2 || m->v->run_pending);
	assert_int_equal(nvmx_reflect(m->v, &m->regs), NVMX_HOST); /* L1 runs: nothing to hand on */
	m->vm->flags = 0;
	again(m);
	m->v->cur->exceptions01 = 1u << 18;
	assert_false(l1_gets(m, NVMX_XR_ENTRY_FAIL_MCE | NVMX_XR_ENTRY_FAILURE));
	F02(EXIT_REASON) = NVMX_XR_CPUID;
	assert_int_equal(nvmx_reflect(m->v, &m->regs), NVMX_HOST);
	out_of_l2(m);
}

/* Physical events of a host that owns interrupts are its own, whatever L1 has asked for; what they make pending for L1 comes by
 * nvmx_check_events(). */
static void events_of_an_owner(void **state)
{
	static const uint32_t reasons[] = { NVMX_XR_EXT_INT, NVMX_XR_INIT, NVMX_XR_SIPI, NVMX_XR_EXCEPTION_NMI };
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	v12->pin_ctls = NVMX_PIN_EXT_INT | NVMX_PIN_NMI;
	for (unsigned owns = 0; owns < 2; owns++)
		for (unsigned i = 0; i < 4; i++) {
			m->vm->flags = owns ? NVMX_HOST_OWNS_INTERRUPTS : 0;
			F02(EXIT_INTR_INFO) = 0x80000202;
			assert_int_equal(l1_gets(m, reasons[i]), !owns);
		}
	m->vm->flags = 0;
	out_of_l2(m);
}

/* Exits that only the host's control causes, one after the other through the exit loop's call. */
static void controls_of_the_host_alone(void **state)
{
	static const uint32_t reasons[] = {
		NVMX_XR_EXT_INT, NVMX_XR_HLT, NVMX_XR_INVLPG, NVMX_XR_RDPMC, NVMX_XR_RDTSC, NVMX_XR_RDTSCP, NVMX_XR_MOV_DR,
		NVMX_XR_MWAIT, NVMX_XR_MTF, NVMX_XR_MONITOR, NVMX_XR_PAUSE, NVMX_XR_GDTR_IDTR, NVMX_XR_LDTR_TR,
		NVMX_XR_WBINVD, NVMX_XR_RDRAND, NVMX_XR_INVPCID, NVMX_XR_RDSEED, NVMX_XR_XSAVES, NVMX_XR_XRSTORS,
		NVMX_XR_UMWAIT, NVMX_XR_TPAUSE, NVMX_XR_PCONFIG, NVMX_XR_SPP, NVMX_XR_LOADIWKEY, NVMX_XR_ENCLV, NVMX_XR_ENQCMD,
		NVMX_XR_ENQCMDS, NVMX_XR_BUS_LOCK, NVMX_XR_NOTIFY, NVMX_XR_RDMSRLIST, NVMX_XR_WRMSRLIST, NVMX_XR_PML_FULL,
		NVMX_XR_PREEMPTION_TIMER, NVMX_XR_VMFUNC, NVMX_XR_ENCLS, NVMX_XR_EOI, NVMX_XR_APIC_WRITE, NVMX_XR_INT_WINDOW,
	};
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);

	v12->proc_ctls2 = NVMX_PROC2_XSAVES | NVMX_PROC2_USER_WAIT | NVMX_PROC2_PAUSE_LOOP | NVMX_PROC2_RDTSCP;
	F02(XSS_EXIT_BITMAP) = 0x100;
	F02(GUEST_SS_AR) = 0xc0f3;
	m->regs.gpr[RAX] = 0x100;
	for (unsigned i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (l1_gets(m, reasons[i]))
			fail_msg("L1 gets exit %u", reasons[i]);
	m->v->cur->ctl02[NVMX_WORD_PROC] = NVMX_PROC_SECONDARY;
	assert_true(l1_gets(m, 200)); /* unconditional in a processor to come */
	m->v->cur->ctl02[NVMX_WORD_PROC] = NVMX_PROC_TERTIARY;
	assert_false(l1_gets(m, 200)); /* a tertiary control that has no row */
	out_of_l2(m);
}

/* An exit that is not looked up first is L1's in every host, whatever vmcs12 has, and no other is among them. */
static void always_l1s(void **state)
{
	struct mini *m = *state;
	struct nvmx_vmcs12 *v12 = in_l2(m);
	struct nvmx_route_in in;
	unsigned always = 0;

	m->vm->flags = ~0u;
	for (uint32_t reason = 0; reason < NVMX_XR_COUNT + 2; reason++) {
		if (!nvmx_route_always(reason))
			continue;
		always++;
		for (unsigned all = 0; all < 2; all++) {
			v12->pin_ctls = v12->exception_bitmap = v12->proc_ctls2 = all ? ~0u : 0;
			v12->proc_ctls = all ? ~0u : NVMX_PROC_SECONDARY;
			in = (struct nvmx_route_in){ .reason = reason };
			assert_int_equal(nvmx_route_exit(m->v, &m->regs, &in), NVMX_ROUTE_L1);
		}
	}
	assert_true(always > 15);
	assert_true(nvmx_route_always(NVMX_XR_CPUID));
	assert_true(nvmx_route_always(NVMX_XR_VMCALL));
	for (unsigned i = 0; i < 64; i++) /* a number above 63 is none of them */
		assert_false(nvmx_route_always(i + 64));
	v12->proc_ctls = NVMX_PROC_SECONDARY;
	v12->pin_ctls = v12->exception_bitmap = v12->proc_ctls2 = 0;
	m->vm->flags = 0;
	out_of_l2(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MINI_TEST(xsaves_and_xrstors), MINI_TEST(encls), MINI_TEST(ports), MINI_TEST(msrs), MINI_TEST(vmread_and_vmwrite),
		MINI_TEST(exceptions), MINI_TEST(machine_checks_of_an_owner), MINI_TEST(events_of_an_owner), MINI_TEST(controls_of_the_host_alone),
		MINI_TEST(always_l1s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* VMREAD and VMWRITE of an L2 to whom L1 gave VMCS shadowing (SDM 24.6.15, 25.1.3, 30.3). */
#include "minihost.h"

#define LINK (MINI_VMCS12 + 0x5000u)
#define READ_BITMAP 0x90000u
#define WRITE_BITMAP 0x91000u

static uint64_t *vmcs02(struct mini *m, unsigned row)
{
	return &mini_vmcs(&m->host, m->v->cur->page02.hpa)->field[row];
}
#define F02(NAME) (*vmcs02(m, NVMX_I_##NAME))

static struct nvmx_vmcs12 *linked(struct mini *m)
{
	return (struct nvmx_vmcs12 *)(void *)(m->host.ram + LINK);
}

/* L2 runs in 64-bit mode at CPL 0 with every field open. */
static void in_l2(struct mini *m)
{
	struct nvmx_vmcs12 *v12;

	mini_enter_vmx(m, true);
	v12 = m->v->cur->v12;
	v12->vmcs_link_pointer = LINK;
	v12->vmread_bitmap = READ_BITMAP;
	v12->vmwrite_bitmap = WRITE_BITMAP;
	mini_vmcs_region(m, LINK, NVMX_VMCS12_REVISION | NVMX_SHADOW_VMCS_INDICATOR);
	for (unsigned row = 0; row < NVMX_ROWS; row++)
		*vmcs02(m, row) = 0;
	F02(GUEST_RIP) = 0x6000;
	F02(EXIT_INSTR_LEN) = 3;
	F02(ENTRY_CTLS) = NVMX_ENTRY_IA32E;
	F02(GUEST_CS_AR) = 0xa09b;
	F02(GUEST_SS_AR) = 0xc093;
	F02(EXIT_INSTR_INFO) = INFO_REG(RDX, RCX);
	nvmx_vmcs_load(m->v, m->v->cur->page02.hpa);
	m->v->in_l2 = true;
}

static void out_of_l2(struct mini *m)
{
	nvmx_vmwrite_flush(m->v);
	m->v->in_l2 = false;
	nvmx_vmcs_load(m->v, MINI_VMCS01);
}

static bool access_field(struct mini *m, uint64_t encoding, bool write, uint64_t value)
{
	enum nvmx_verdict verdict = NVMX_STOP;
	bool handled;

	m->regs.gpr[RCX] = encoding;
	m->regs.gpr[RDX] = value;
	handled = nvmx_l2_shadow_access(m->v, &m->regs, write, &verdict);
	nvmx_vmwrite_flush(m->v);
	assert_int_equal(verdict, handled ? NVMX_RESUME_L2 : NVMX_STOP);
	return handled;
}

static void ended(struct mini *m, uint64_t status)
{
	assert_int_equal(F02(GUEST_RFLAGS) & 0x8d5, status);
	assert_int_equal(F02(GUEST_RIP), 0x6003);
	F02(GUEST_RIP) = 0x6000;
}

static void fields_of_the_linked_vmcs(void **state)
{
	struct mini *m = *state;

	in_l2(m);
	linked(m)->guest_rip = 0x123456789a;
	assert_true(access_field(m, NVMX_GUEST_RIP, false, 0));
	ended(m, 0);
	assert_int_equal(m->regs.gpr[RDX], 0x123456789a);
	assert_true(access_field(m, NVMX_GUEST_CS_SEL, true, 0x12345678));
	ended(m, 0);
	assert_int_equal(linked(m)->guest_cs_sel, 0x5678);
	assert_int_equal(linked(m)->guest_ss_sel, 0);
	linked(m)->tsc_offset = 0x1111111122222222;
	assert_true(access_field(m, NVMX_TSC_OFFSET + 1, false, 0));
	assert_int_equal(m->regs.gpr[RDX], 0x11111111);
	ended(m, 0);
	assert_true(access_field(m, NVMX_TSC_OFFSET + 1, true, 0x33333333));
	assert_true(linked(m)->tsc_offset == 0x3333333322222222);
	F02(GUEST_RIP) = 0x6000;
	F02(ENTRY_CTLS) = 0; /* 32-bit operands */
	linked(m)->host_rsp = ~0ull;
	assert_true(access_field(m, 1ull << 40 | NVMX_HOST_RSP, false, 0));
	ended(m, 0);
	assert_int_equal(m->regs.gpr[RDX], 0xffffffff);
	assert_true(access_field(m, NVMX_HOST_RSP, true, ~0ull));
	assert_true(linked(m)->host_rsp == 0xffffffff);
	out_of_l2(m);
}

static void a_linked_vmcs_that_is_active(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *first, *s;

	nvmx_set_add(&m->vm->hw_rw, NVMX_I_GUEST_RSP);
	in_l2(m);
	out_of_l2(m);
	first = m->v->cur;
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMPTRLD, LINK));
	s = m->v->cur;
	s->v12->guest_rsp = 0x777;
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_VMCS12));
	assert_ptr_equal(m->v->cur, first);
	nvmx_vmcs_load(m->v, first->page02.hpa);
	m->v->in_l2 = true;
	assert_true(access_field(m, NVMX_GUEST_RSP, false, 0));
	assert_int_equal(m->regs.gpr[RDX], 0x777);
	assert_true(access_field(m, NVMX_GUEST_RSP, true, 0x888));
	assert_int_equal(s->v12->guest_rsp, 0x888);
	assert_int_equal(linked(m)->guest_rsp, 0);
	nvmx_set_add(&s->stale, NVMX_I_GUEST_DR7);
	mini_vmcs(&m->host, s->page02.hpa)->field[NVMX_I_GUEST_DR7] = 0x400;
	assert_true(access_field(m, NVMX_GUEST_DR7, false, 0));
	assert_int_equal(m->regs.gpr[RDX], 0x400);
	out_of_l2(m);
	/* Current again it shows L1 what L2 wrote. */
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMPTRLD, LINK));
	assert_ptr_equal(m->v->cur, s);
	assert_int_equal(mini_vmcs(&m->host, s->page_shadow.hpa)->field[NVMX_I_GUEST_RSP], 0x888);
}

static void a_linked_vmcs_that_is_gone(void **state)
{
	struct mini *m = *state;

	in_l2(m);
	m->v->cur->v12->vmcs_link_pointer = MINI_RAM;
	assert_true(access_field(m, NVMX_GUEST_CS_SEL, false, 0));
	assert_int_equal(m->regs.gpr[RDX], 0xffff);
	assert_true(access_field(m, NVMX_GUEST_CS_SEL, true, 0));
	out_of_l2(m);
}

static void bitmaps_decide(void **state)
{
	struct mini *m = *state;

	in_l2(m);
	m->host.ram[READ_BITMAP + NVMX_GUEST_RIP / 8] = 1u << NVMX_GUEST_RIP % 8;
	m->host.ram[WRITE_BITMAP + 0x7fff / 8] = 0x80;
	assert_false(access_field(m, NVMX_GUEST_RIP, false, 0));
	assert_true(access_field(m, NVMX_GUEST_RIP, true, 0));
	ended(m, 0);
	assert_false(access_field(m, 0x7fff, true, 0));
	assert_true(access_field(m, 0x7fff, false, 0));
	ended(m, NVMX_RFLAGS_ZF);
	assert_false(access_field(m, 0x8000, false, 0));
	assert_false(access_field(m, 1ull << 63, true, 0));
	m->v->cur->v12->vmread_bitmap = MINI_RAM;
	assert_false(access_field(m, NVMX_GUEST_CR0, false, 0));
	out_of_l2(m);
}

/* Without paging and without EPT: the address is L1's. */
static void memory_operands(void **state)
{
	struct mini *m = *state;

	in_l2(m);
	F02(EXIT_INSTR_INFO) = INFO_MEM(RCX);
	m->regs.gpr[RAX] = MINI_OPERAND;
	*mini_ram(m, MINI_OPERAND) = 0x123456789abc;
	assert_true(access_field(m, NVMX_GUEST_RSP, true, 0));
	ended(m, 0);
	assert_int_equal(linked(m)->guest_rsp, 0x123456789abc);
	*mini_ram(m, MINI_OPERAND) = 0;
	assert_true(access_field(m, NVMX_GUEST_RSP, false, 0));
	ended(m, 0);
	assert_int_equal(*mini_ram(m, MINI_OPERAND), 0x123456789abc);
	out_of_l2(m);
}

static void failures(void **state)
{
	struct mini *m = *state;

	in_l2(m);
	assert_true(access_field(m, 0x7ffe, true, 0));
	ended(m, NVMX_RFLAGS_ZF);
	assert_int_equal(m->v->cur->v12->vm_instr_error, 12);
	assert_true(access_field(m, NVMX_EXIT_REASON, true, 5));
	ended(m, NVMX_RFLAGS_ZF);
	assert_int_equal(m->v->cur->v12->vm_instr_error, 13);
	assert_true(access_field(m, NVMX_EXIT_REASON, false, 5));
	ended(m, 0);
	m->v->cur->v12->vmcs_link_pointer = NVMX_NO_ADDR;
	assert_true(access_field(m, 0x7ffe, false, 0));
	ended(m, NVMX_RFLAGS_CF);
	F02(GUEST_SS_AR) |= 3 << 5;
	F02(GUEST_CR0) = NVMX_CR0_PE;
	assert_true(access_field(m, NVMX_GUEST_RIP, false, 0));
	assert_int_equal(F02(ENTRY_INTR_INFO), 0x80000b0d);
	assert_int_equal(F02(GUEST_RIP), 0x6000);
	out_of_l2(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MINI_TEST(fields_of_the_linked_vmcs),
		MINI_TEST(a_linked_vmcs_that_is_active),
		MINI_TEST(a_linked_vmcs_that_is_gone),
		MINI_TEST(bitmaps_decide),
		MINI_TEST(memory_operands),
		MINI_TEST(failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* Every VMX instruction but VMREAD and VMWRITE: each way in which it ends (SDM chapter 30). */
#include "minihost.h"
#include <nestvmx/enlighten.h>
#include "invept/invept.h"
#include "vmcs/values.h"

static const uint32_t all[] = { NVMX_XR_VMCALL, NVMX_XR_VMCLEAR, NVMX_XR_VMLAUNCH, NVMX_XR_VMPTRLD, NVMX_XR_VMPTRST,
				NVMX_XR_VMREAD, NVMX_XR_VMRESUME, NVMX_XR_VMWRITE, NVMX_XR_VMXOFF, NVMX_XR_VMXON,
				NVMX_XR_INVEPT, NVMX_XR_INVVPID, NVMX_XR_VMFUNC };
#define ALL (sizeof(all) / sizeof(*all))

static void outside_vmx_operation_is_ud(void **state)
{
	struct mini *m = *state;

	for (unsigned i = 0; i < ALL; i++)
		if (all[i] == NVMX_XR_VMCALL) /* the host's: nothing has changed */
			assert_int_equal(mini_exec(m, all[i]), NVMX_HOST);
		else if (all[i] != NVMX_XR_VMXON)
			mini_faulted(m, mini_exec_pointer(m, all[i], MINI_VMCS12), NVMX_VECTOR_UD, -1);
}

static void wrong_modes_are_ud(void **state)
{
	struct mini *m = *state;

	mini_enter_vmx(m, true);
	for (unsigned i = 0; i < ALL; i++) {
		F01(ENTRY_CTLS) &= ~(uint64_t)NVMX_ENTRY_IA32E; /* the two modes that IA-32e mode does not have */
		F01(GUEST_CR0) &= ~NVMX_CR0_PE;
		mini_faulted(m, mini_exec_pointer(m, all[i], MINI_VMCS12), NVMX_VECTOR_UD, -1);
		F01(GUEST_CR0) |= NVMX_CR0_PE;
		F01(GUEST_RFLAGS) |= NVMX_RFLAGS_VM;
		mini_faulted(m, mini_exec_pointer(m, all[i], MINI_VMCS12), NVMX_VECTOR_UD, -1);
		F01(GUEST_RFLAGS) &= ~NVMX_RFLAGS_VM;
		F01(ENTRY_CTLS) |= NVMX_ENTRY_IA32E;
		F01(GUEST_CS_AR) &= ~(uint64_t)NVMX_AR_L;
		mini_faulted(m, mini_exec_pointer(m, all[i], MINI_VMCS12), NVMX_VECTOR_UD, -1);
		F01(GUEST_CS_AR) |= NVMX_AR_L;
	}
}

static void user_mode_is_gp(void **state)
{
	struct mini *m = *state;

	F01(GUEST_SS_AR) |= 3 << 5;
	mini_faulted(m, mini_exec_pointer(m, NVMX_XR_VMXON, MINI_VMXON), NVMX_VECTOR_GP, 0);
	F01(GUEST_SS_AR) &= ~(3ull << 5);
	mini_enter_vmx(m, true);
	F01(GUEST_SS_AR) |= 3 << 5;
	for (unsigned i = 0; i < ALL; i++) {
		if (all[i] == NVMX_XR_VMFUNC)
			mini_faulted(m, mini_exec_pointer(m, all[i], MINI_VMCS12), NVMX_VECTOR_UD, -1);
		else
			mini_faulted(m, mini_exec_pointer(m, all[i], MINI_VMCS12), NVMX_VECTOR_GP, 0);
	}
	F01(EXIT_INSTR_INFO) = INFO_REG(RAX, RCX);
	mini_faulted(m, mini_exec(m, NVMX_XR_VMREAD), NVMX_VECTOR_GP, 0);
	mini_faulted(m, mini_exec(m, NVMX_XR_VMWRITE), NVMX_VECTOR_GP, 0);
}

static void operand_faults_reach_l1(void **state)
{
	static const uint32_t with_operand[] = { NVMX_XR_VMCLEAR, NVMX_XR_VMPTRLD, NVMX_XR_VMPTRST, NVMX_XR_INVEPT,
						 NVMX_XR_INVVPID };
	struct mini *m = *state;

	*mini_ram(m, MINI_PD + 8) = 0; /* 2 to 4 MiB */
	m->regs.gpr[RCX] = 2;
	F01(EXIT_INSTR_INFO) = INFO_MEM(RCX);
	m->regs.gpr[RAX] = 0x200123;
	mini_faulted(m, mini_exec(m, NVMX_XR_VMXON), NVMX_VECTOR_PF, 0);
	mini_enter_vmx(m, true);
	F01(EXIT_INSTR_INFO) = INFO_MEM(RCX);
	for (unsigned i = 0; i < sizeof(with_operand) / sizeof(*with_operand); i++) {
		m->regs.gpr[RAX] = 0x200123;
		m->host.cr2 = 0;
		mini_faulted(m, mini_exec(m, with_operand[i]), NVMX_VECTOR_PF, with_operand[i] == NVMX_XR_VMPTRST ? 2 : 0);
		assert_int_equal(m->host.cr2, 0x200123);
		m->regs.gpr[RAX] = 0x8000000000000000;
		mini_faulted(m, mini_exec(m, with_operand[i]), NVMX_VECTOR_GP, 0);
	}
}

static void vmxon_conditions(void **state)
{
	struct mini *m = *state;

	mini_vmcs_region(m, MINI_VMXON, NVMX_VMCS12_REVISION);
	F01(CR4_SHADOW) = 0; /* what L1 sees; the processor's own VMXE stays 1 */
	mini_faulted(m, mini_exec_pointer(m, NVMX_XR_VMXON, MINI_VMXON), NVMX_VECTOR_UD, -1);
	F01(CR4_SHADOW) = NVMX_CR4_VMXE;
	F01(GUEST_CR0) &= ~NVMX_CR0_NE;
	mini_faulted(m, mini_exec_pointer(m, NVMX_XR_VMXON, MINI_VMXON), NVMX_VECTOR_GP, 0);
	F01(GUEST_CR0) |= NVMX_CR0_NE;
	F01(GUEST_CR4) |= NVMX_CR4_PCIDE << 8;
	mini_faulted(m, mini_exec_pointer(m, NVMX_XR_VMXON, MINI_VMXON), NVMX_VECTOR_GP, 0);
	F01(GUEST_CR4) &= ~(NVMX_CR4_PCIDE << 8);
	m->v->feature_control = NVMX_FC_VMX_OUTSIDE_SMX;
	mini_faulted(m, mini_exec_pointer(m, NVMX_XR_VMXON, MINI_VMXON), NVMX_VECTOR_GP, 0);
	m->v->feature_control = NVMX_FC_LOCK | NVMX_FC_VMX_IN_SMX;
	mini_faulted(m, mini_exec_pointer(m, NVMX_XR_VMXON, MINI_VMXON), NVMX_VECTOR_GP, 0);
	m->v->feature_control = NVMX_FC_LOCK | NVMX_FC_VMX_OUTSIDE_SMX;
	assert_int_equal(m->v->vmxon_ptr, NVMX_NO_ADDR);
	mini_failed_invalid(m, mini_exec_pointer(m, NVMX_XR_VMXON, MINI_VMXON + 8));
	mini_failed_invalid(m, mini_exec_pointer(m, NVMX_XR_VMXON, 1ull << 40));
	mini_cap(m, NVMX_MSR_VMX_BASIC, nvmx_caps_get(&m->vm->caps, NVMX_MSR_VMX_BASIC) | NVMX_BIT64(48)); /* 32 bits (A.1) */
	assert_true(nvmx_good_pointer(m->v, 0xfffff000));
	assert_false(nvmx_good_pointer(m->v, 1ull << 32));
	mini_cap(m, NVMX_MSR_VMX_BASIC, nvmx_caps_get(&m->vm->caps, NVMX_MSR_VMX_BASIC) & ~NVMX_BIT64(48));
	mini_failed_invalid(m, mini_exec_pointer(m, NVMX_XR_VMXON, MINI_RAM));
	mini_vmcs_region(m, MINI_VMXON, NVMX_VMCS12_REVISION + 1);
	mini_failed_invalid(m, mini_exec_pointer(m, NVMX_XR_VMXON, MINI_VMXON));
	mini_vmcs_region(m, MINI_VMXON, NVMX_VMCS12_REVISION | NVMX_SHADOW_VMCS_INDICATOR);
	mini_failed_invalid(m, mini_exec_pointer(m, NVMX_XR_VMXON, MINI_VMXON));
	assert_int_equal(m->v->vmxon_ptr, NVMX_NO_ADDR);
	mini_enter_vmx(m, false);
	mini_failed_invalid(m, mini_exec_pointer(m, NVMX_XR_VMXON, MINI_VMXON)); /* no current VMCS to tell */
	mini_vmcs_region(m, MINI_VMCS12, NVMX_VMCS12_REVISION);
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_VMCS12));
	mini_failed(m, mini_exec_pointer(m, NVMX_XR_VMXON, MINI_VMXON), 15);
}

static void vmxoff_leaves(void **state)
{
	struct mini *m = *state;

	mini_enter_vmx(m, true);
	m->v->cur->v12->guest_rip = 0x1234;
	m->v->cur->v12->launch_state = 1;
	m->v->cur->newer = true;
	mini_succeeded(m, mini_exec(m, NVMX_XR_VMXOFF));
	assert_int_equal(m->v->vmxon_ptr, NVMX_NO_ADDR);
	assert_null(m->v->cur);
	assert_int_equal(((struct nvmx_vmcs12 *)(void *)(m->host.ram + MINI_VMCS12))->guest_rip, 0x1234);
	mini_faulted(m, mini_exec(m, NVMX_XR_VMXOFF), NVMX_VECTOR_UD, -1);
}

static void vmclear_operands(void **state)
{
	struct mini *m = *state;

	mini_enter_vmx(m, true);
	mini_failed(m, mini_exec_pointer(m, NVMX_XR_VMCLEAR, MINI_VMCS12 + 0x800), 2);
	mini_failed(m, mini_exec_pointer(m, NVMX_XR_VMCLEAR, 1ull << 40), 2);
	mini_failed(m, mini_exec_pointer(m, NVMX_XR_VMCLEAR, MINI_VMXON), 3);
	/* One that is not active here: only its launch state is known to be touched. */
	mini_vmcs_region(m, MINI_VMCS12 + 0x1000, 0x77);
	*(uint32_t *)(void *)(m->host.ram + MINI_VMCS12 + 0x1008) = 1;
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMCLEAR, MINI_VMCS12 + 0x1000));
	assert_int_equal(*(uint32_t *)(void *)(m->host.ram + MINI_VMCS12 + 0x1008), 0);
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMCLEAR, MINI_RAM)); /* nothing there */
	assert_non_null(m->v->cur);
	m->v->cur->v12->launch_state = 1;
	m->v->cur->v12->guest_rsp = 0xabc;
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMCLEAR, MINI_VMCS12));
	assert_null(m->v->cur);
	assert_int_equal(*(uint32_t *)(void *)(m->host.ram + MINI_VMCS12 + 8), 0);
	assert_int_equal(((struct nvmx_vmcs12 *)(void *)(m->host.ram + MINI_VMCS12))->guest_rsp, 0xabc);
	/* Without a current VMCS the same failures have no error number. */
	mini_failed_invalid(m, mini_exec_pointer(m, NVMX_XR_VMCLEAR, MINI_VMXON));
}

static void vmptrld_operands(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s;

	mini_enter_vmx(m, true);
	s = m->v->cur;
	mini_failed(m, mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_VMCS12 + 1), 9);
	mini_failed(m, mini_exec_pointer(m, NVMX_XR_VMPTRLD, 1ull << 51), 9);
	mini_failed(m, mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_VMXON), 10);
	mini_failed(m, mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_VMCS12 + 0x1000), 11);
	mini_failed(m, mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_RAM), 11);
	mini_cap(m, NVMX_MSR_VMX_PROCBASED_CTLS2, (uint64_t)~NVMX_PROC2_SHADOW_VMCS << 32);
	mini_vmcs_region(m, MINI_VMCS12 + 0x1000, NVMX_VMCS12_REVISION | NVMX_SHADOW_VMCS_INDICATOR);
	mini_failed(m, mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_VMCS12 + 0x1000), 11);
	assert_ptr_equal(m->v->cur, s);
	mini_cap(m, NVMX_MSR_VMX_PROCBASED_CTLS2, ~0ull << 32);
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_VMCS12 + 0x1000));
	assert_int_equal(m->v->cur->gpa, MINI_VMCS12 + 0x1000);
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_VMCS12 + 0x1000));
	assert_int_equal(m->v->cur->gpa, MINI_VMCS12 + 0x1000);
	mini_failed_invalid(m, mini_exec(m, NVMX_XR_VMLAUNCH)); /* a shadow VMCS enters nothing */
}

static void vmptrld_without_memory_stops(void **state)
{
	struct mini *m = *state;

	mini_enter_vmx(m, false);
	mini_vmcs_region(m, MINI_VMCS12, NVMX_VMCS12_REVISION);
	for (unsigned pages = 0; pages < 2; pages++) {
		m->host.pages_left = pages;
		assert_int_equal(mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_VMCS12), NVMX_STOP);
		assert_int_equal(m->v->stop, NVMX_STOP_NO_MEMORY);
		assert_null(m->v->cur);
	}
	m->host.pages_left = MINI_PAGES - 1; /* one page stays with the slot */
}

static void vmptrst_stores(void **state)
{
	struct mini *m = *state;

	mini_enter_vmx(m, false);
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMPTRST, 1));
	assert_true(*mini_ram(m, MINI_OPERAND) == ~0ull);
	mini_vmcs_region(m, MINI_VMCS12, NVMX_VMCS12_REVISION);
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_VMCS12));
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMPTRST, 1));
	assert_int_equal(*mini_ram(m, MINI_OPERAND), MINI_VMCS12);
}

static void entry_conditions(void **state)
{
	struct mini *m = *state;

	mini_enter_vmx(m, false);
	mini_failed_invalid(m, mini_exec(m, NVMX_XR_VMLAUNCH));
	mini_failed_invalid(m, mini_exec(m, NVMX_XR_VMRESUME));
	mini_vmcs_region(m, MINI_VMCS12, NVMX_VMCS12_REVISION);
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_VMCS12));
	mini_failed(m, mini_exec(m, NVMX_XR_VMRESUME), 5);
	F01(GUEST_INTERRUPTIBILITY) = NVMX_BLOCK_MOVSS;
	mini_failed(m, mini_exec(m, NVMX_XR_VMRESUME), 26);
	assert_int_equal(F01(GUEST_INTERRUPTIBILITY), 0);
	F01(GUEST_INTERRUPTIBILITY) = NVMX_BLOCK_MOVSS;
	mini_failed(m, mini_exec(m, NVMX_XR_VMLAUNCH), 26);
	assert_int_equal(m->entries, 0);
	assert_int_equal(mini_exec(m, NVMX_XR_VMLAUNCH), NVMX_RESUME_L2);
	assert_true(m->entries == 1 && m->launch);
	m->v->cur->v12->launch_state = 1;
	mini_failed(m, mini_exec(m, NVMX_XR_VMLAUNCH), 4);
	assert_int_equal(mini_exec(m, NVMX_XR_VMRESUME), NVMX_RESUME_L2);
	assert_true(m->entries == 2 && !m->launch);
}

static void vmcall_and_vmfunc_in_root(void **state)
{
	struct mini *m = *state;

	mini_enter_vmx(m, false);
	mini_failed_invalid(m, mini_exec(m, NVMX_XR_VMCALL));
	mini_faulted(m, mini_exec(m, NVMX_XR_VMFUNC), NVMX_VECTOR_UD, -1);
	mini_vmcs_region(m, MINI_VMCS12, NVMX_VMCS12_REVISION);
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMPTRLD, MINI_VMCS12));
	mini_failed(m, mini_exec(m, NVMX_XR_VMCALL), 1);
}

/* A host with hypercalls: its own outside the library's number, whatever L1's mode; VMfail without, and #UD by mode. */
static void vmcall_of_a_host_with_hypercalls(void **state)
{
	struct mini *m = *state;
	struct mini_vmcs before;

	for (unsigned vmx = 0; vmx < 2; vmx++) {
		for (unsigned flags = 0; flags < 4; flags++) {
			m->vm->flags = (flags & 1 ? NVMX_HOST_HYPERCALLS : 0) | (flags & 2 ? NVMX_ENLIGHTENED : 0);
			for (unsigned own = 0; own < 2; own++) {
				bool hosts = !vmx || (flags & 1 && !(flags & 2 && own));

				m->regs.gpr[RAX] = own ? NVMX_HC_INVEPT_RANGE : 5;
				before = *mini_vmcs(&m->host, MINI_VMCS01);
				for (unsigned mode = 0; hosts && mode < 3; mode++) {
					F01(GUEST_CR0) = mode == 1 ? 0x10 : before.field[NVMX_I_GUEST_CR0];
					F01(GUEST_SS_AR) = mode == 2 ? 0xc0f3 : before.field[NVMX_I_GUEST_SS_AR];
					assert_int_equal(mini_exec(m, NVMX_XR_VMCALL), NVMX_HOST);
					F01(GUEST_CR0) = before.field[NVMX_I_GUEST_CR0];
					F01(GUEST_SS_AR) = before.field[NVMX_I_GUEST_SS_AR];
					assert_memory_equal(&before, mini_vmcs(&m->host, MINI_VMCS01), sizeof(before));
				}
				if (!hosts && own && flags & 2)
					mini_failed(m, mini_exec(m, NVMX_XR_VMCALL), 28);
				else if (!hosts)
					mini_failed(m, mini_exec(m, NVMX_XR_VMCALL), 1);
			}
		}
		if (!vmx)
			mini_enter_vmx(m, true);
	}
}

/* In place of the shadow EPT's (test/CMakeLists.txt). */
void __wrap_nvmx_ept_invept(struct nvmx_vcpu *v, unsigned type, uint64_t eptp12);

void __wrap_nvmx_ept_invept(struct nvmx_vcpu *v, unsigned type, uint64_t eptp12)
{
	(void)v;
	(void)type;
	mini_now->invepts++;
	mini_now->invept_eptp = eptp12;
}

static enum nvmx_verdict invalidate(struct mini *m, uint32_t reason, uint64_t type, uint64_t low, uint64_t high)
{
	F01(EXIT_INSTR_INFO) = INFO_MEM(RCX);
	m->regs.gpr[RAX] = MINI_OPERAND;
	m->regs.gpr[RCX] = type;
	*mini_ram(m, MINI_OPERAND) = low;
	*mini_ram(m, MINI_OPERAND + 8) = high;
	return mini_exec(m, reason);
}

#define EPTP_GOOD (0x5000 | 3 << 3 | 6)

static void invept_operands(void **state)
{
	static const uint64_t bad_eptp[] = {
		EPTP_GOOD ^ 1, /* memory type 7 */ EPTP_GOOD ^ 2, /* 4 */ EPTP_GOOD ^ 8, /* 3 levels */
		(EPTP_GOOD & ~0x38) | 4 << 3, /* 5 levels */ EPTP_GOOD | 1 << 6, EPTP_GOOD | 1 << 7, EPTP_GOOD | 1 << 8,
		EPTP_GOOD | 1 << 11, EPTP_GOOD | 1ull << 40, EPTP_GOOD | 1ull << 63,
	};
	struct mini *m = *state;

	mini_enter_vmx(m, true);
	mini_failed(m, invalidate(m, NVMX_XR_INVEPT, 0, EPTP_GOOD, 0), 28);
	mini_failed(m, invalidate(m, NVMX_XR_INVEPT, 3, EPTP_GOOD, 0), 28);
	mini_failed(m, invalidate(m, NVMX_XR_INVEPT, 1ull << 32 | 1, EPTP_GOOD, 0), 28);
	for (unsigned i = 0; i < sizeof(bad_eptp) / sizeof(*bad_eptp); i++)
		mini_failed(m, invalidate(m, NVMX_XR_INVEPT, 1, bad_eptp[i], 0), 28);
	assert_int_equal(m->invepts, 0);
	mini_succeeded(m, invalidate(m, NVMX_XR_INVEPT, 1, EPTP_GOOD, 0));
	assert_int_equal(m->invept_eptp, EPTP_GOOD);
	mini_succeeded(m, invalidate(m, NVMX_XR_INVEPT, 1, EPTP_GOOD & ~6, 0));
	mini_succeeded(m, invalidate(m, NVMX_XR_INVEPT, 2, bad_eptp[0], 0));
	assert_int_equal(m->invepts, 3);
	assert_int_equal(m->v->counters[NVMX_CNT_INVEPT], 3);
	mini_cap(m, NVMX_MSR_VMX_EPT_VPID_CAP,
		 nvmx_caps_get(&m->vm->caps, NVMX_MSR_VMX_EPT_VPID_CAP) & ~NVMX_EPT_INVEPT_SINGLE);
	mini_failed(m, invalidate(m, NVMX_XR_INVEPT, 1, EPTP_GOOD, 0), 28);
	mini_cap(m, NVMX_MSR_VMX_EPT_VPID_CAP, 0);
	mini_faulted(m, invalidate(m, NVMX_XR_INVEPT, 1, EPTP_GOOD, 0), NVMX_VECTOR_UD, -1);
	mini_faulted(m, invalidate(m, NVMX_XR_INVVPID, 1, 1, 0), NVMX_VECTOR_UD, -1);
}

static void eptp_by_capability(void **state)
{
	struct mini *m = *state;
	struct nvmx_caps *caps = &m->vm->caps;

	mini_cap(m, NVMX_MSR_VMX_EPT_VPID_CAP, NVMX_EPT_WALK5 | NVMX_EPT_WB | NVMX_EPT_AD | NVMX_EPT_SSS);
	assert_false(nvmx_eptp_ok(caps, EPTP_GOOD));
	assert_true(nvmx_eptp_ok(caps, 0x5000 | 1 << 7 | 1 << 6 | 4 << 3 | 6));
	assert_false(nvmx_eptp_ok(caps, 0x5000 | 4 << 3));
	mini_cap(m, NVMX_MSR_VMX_EPT_VPID_CAP, NVMX_EPT_WALK4 | NVMX_EPT_UC);
	assert_false(nvmx_eptp_ok(caps, EPTP_GOOD));
}

static void invvpid_operands(void **state)
{
	struct mini *m = *state;

	mini_enter_vmx(m, true);
	m->v->vpid[0].of12 = 5;
	mini_failed(m, invalidate(m, NVMX_XR_INVVPID, 4, 5, 0), 28);
	mini_failed(m, invalidate(m, NVMX_XR_INVVPID, 1ull << 32, 5, 0), 28);
	for (unsigned type = 0; type < 4; type++)
		mini_failed(m, invalidate(m, NVMX_XR_INVVPID, type, 1ull << 16 | 5, 0), 28);
	mini_failed(m, invalidate(m, NVMX_XR_INVVPID, 0, 0, 0), 28);
	mini_failed(m, invalidate(m, NVMX_XR_INVVPID, 1, 0, 0), 28);
	mini_failed(m, invalidate(m, NVMX_XR_INVVPID, 3, 0, 0), 28);
	mini_failed(m, invalidate(m, NVMX_XR_INVVPID, 0, 5, 1ull << 47), 28);
	assert_int_equal(m->host.flushes, 0);
	mini_succeeded(m, invalidate(m, NVMX_XR_INVVPID, 0, 5, 0x1234000));
	assert_true(m->host.flushes == 1 && m->host.flushed_vpid == 77 && m->host.flushed_scope == NVMX_FLUSH_ADDRESS &&
		    m->host.flushed_linear == 0x1234000);
	mini_succeeded(m, invalidate(m, NVMX_XR_INVVPID, 1, 6, 0)); /* has no translations */
	mini_succeeded(m, invalidate(m, NVMX_XR_INVVPID, 3, 5, 0));
	assert_int_equal(m->host.flushed_scope, NVMX_FLUSH_SINGLE_NON_GLOBAL);
	assert_int_equal(m->host.flushes, 2);
	m->vm->caps.linear_width = 57; /* L2 may use what L1's own CR4.LA57 does not allow */
	m->v->vpid[0].of12 = 5;
	mini_succeeded(m, invalidate(m, NVMX_XR_INVVPID, 0, 5, 1ull << 47));
	assert_true(m->host.flushes == 2 && !m->v->vpid[0].of12); /* all of the VPID: a host with 4-level paging is not asked for it */
	mini_failed(m, invalidate(m, NVMX_XR_INVVPID, 0, 5, 1ull << 56), 28);
	F01(GUEST_CR4) |= NVMX_CR4_LA57;
	mini_failed(m, invalidate(m, NVMX_XR_INVVPID, 0, 5, 1ull << 56), 28);
}

/* L1 enters with `vpid` (0: without); where that runs. */
static uint16_t enter_with(struct mini *m, uint16_t vpid)
{
	struct nvmx_vmcs12 v12 = { .proc_ctls = NVMX_PROC_SECONDARY, .proc_ctls2 = vpid ? NVMX_PROC2_VPID : 0, .vpid = vpid };

	return nvmx_vpid_enter(m->v, &v12);
}

static void page_invalidation(void **state)
{
	struct mini *m = *state;
	uint32_t r[4];

	mini_enter_vmx(m, true);
	m->regs.gpr[RAX] = NVMX_HC_INVEPT_RANGE;
	m->regs.gpr[RBX] = EPTP_GOOD;
	m->regs.gpr[RCX] = 0x5000;
	m->regs.gpr[RDX] = 0x2000;
	mini_failed(m, mini_exec(m, NVMX_XR_VMCALL), 1); /* not offered */
	assert_false(nvmx_cpuid(m->vm, 0x40000000, 0x40000000, r));
	m->vm->flags |= NVMX_ENLIGHTENED;
	mini_succeeded(m, mini_exec(m, NVMX_XR_VMCALL));
	assert_true(m->ranges == 1 && m->invept_eptp == EPTP_GOOD && m->range == 0x5000 && m->range_end == 0x6fff);
	m->regs.gpr[RDX] = 0;
	mini_failed(m, mini_exec(m, NVMX_XR_VMCALL), 28);
	m->regs.gpr[RDX] = 0x1001;
	mini_failed(m, mini_exec(m, NVMX_XR_VMCALL), 28);
	m->regs.gpr[RDX] = 0x1000;
	m->regs.gpr[RCX] = 0x5008;
	mini_failed(m, mini_exec(m, NVMX_XR_VMCALL), 28);
	m->regs.gpr[RCX] = -0x1000ull;
	mini_succeeded(m, mini_exec(m, NVMX_XR_VMCALL));
	m->regs.gpr[RDX] = 0x2000;
	mini_failed(m, mini_exec(m, NVMX_XR_VMCALL), 28);
	m->regs.gpr[RCX] = 0x5000;
	m->regs.gpr[RBX] = EPTP_GOOD | 0x100;
	mini_failed(m, mini_exec(m, NVMX_XR_VMCALL), 28);
	m->regs.gpr[RAX]++;
	mini_failed(m, mini_exec(m, NVMX_XR_VMCALL), 1);
	assert_int_equal(m->ranges, 2);
	m->regs.gpr[RAX]--;
	F01(GUEST_SS_AR) |= 3 << 5;
	mini_faulted(m, mini_exec(m, NVMX_XR_VMCALL), NVMX_VECTOR_GP, 0);
	assert_true(nvmx_cpuid(m->vm, 0x40000100, 0x40000100, r));
	assert_true(r[0] == 0x40000101 && !memcmp(r + 1, "libnestvmx\0\0", 12));
	assert_true(nvmx_cpuid(m->vm, 0x40000100, 0x40000101, r));
	assert_true(r[0] == 1 && !r[1] && !r[2] && !r[3]);
	assert_false(nvmx_cpuid(m->vm, 0x40000100, 0x40000102, r) || nvmx_cpuid(m->vm, 0x40000100, 0x400000ff, r));
}

static void vpids_are_kept_apart(void **state)
{
	struct mini *m = *state;
	uint16_t first, second;

	m->v->config.vpid02_n = 3;
	first = enter_with(m, 5);
	assert_true(m->host.flushes == 1 && m->host.flushed_vpid == first && m->host.flushed_scope == NVMX_FLUSH_SINGLE);
	second = enter_with(m, 9);
	assert_true(m->host.flushes == 2 && m->host.flushed_vpid == second && second != first);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(enter_with(m, 9), second);
		assert_int_equal(enter_with(m, 5), first);
	}
	assert_int_equal(m->host.flushes, 2);
	assert_int_equal(enter_with(m, 0), 77); /* each entry without VPID flushes, the others stay */
	assert_int_equal(enter_with(m, 0), 77);
	assert_int_equal(m->host.flushes, 4);
	assert_true(first > 77 && second > 77);
	assert_int_equal(enter_with(m, 5), first);
	assert_int_equal(m->host.flushes, 4);
	assert_int_equal(enter_with(m, 70), second); /* there is no third: the older one goes */
	assert_int_equal(m->host.flushes, 5);
	assert_int_equal(m->host.flushed_vpid, second);
	assert_int_equal(enter_with(m, 5), first);
	assert_int_equal(enter_with(m, 9), second);
	assert_int_equal(m->host.flushes, 6);
}

/* However many the host gives, 16 are used. */
static void more_vpids_than_places(void **state)
{
	struct mini *m = *state;

	m->v->config.vpid02_n = 60000;
	for (unsigned round = 0; round < 2; round++)
		for (uint16_t vpid12 = 1; vpid12 <= 40; vpid12++)
			assert_in_range(enter_with(m, vpid12), 78, 77 + 15);
	assert_int_equal(m->host.flushes, 80);
	for (uint16_t vpid12 = 26; vpid12 <= 40; vpid12++)
		enter_with(m, vpid12);
	assert_int_equal(m->host.flushes, 80);
}

/* INVVPID with one VPID for all of L1's; and of a VPID that the host's does not hold. */
static void invvpid_of_one_for_all(void **state)
{
	struct mini *m = *state;

	enter_with(m, 5);
	nvmx_invvpid(m->v, NVMX_FLUSH_ALL, 0, 0);
	enter_with(m, 5);
	assert_int_equal(m->host.flushes, 2);
	nvmx_vpid_forget(m->v);
	enter_with(m, 5);
	assert_int_equal(m->host.flushes, 3);
	nvmx_invvpid(m->v, NVMX_FLUSH_SINGLE, 6, 0);
	nvmx_invvpid(m->v, NVMX_FLUSH_ADDRESS, 6, 0x1000);
	enter_with(m, 5);
	assert_int_equal(m->host.flushes, 3);
	m->v->config.vpid02 = 0;
	nvmx_invvpid(m->v, NVMX_FLUSH_ADDRESS, 5, 0x1000);
	assert_int_equal(m->host.flushes, 3); /* the host has no VPID to flush */
}

static void one_vpid_for_all(void **state)
{
	struct mini *m = *state;

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(enter_with(m, 5), 77);
	assert_int_equal(m->host.flushes, 1);
	enter_with(m, 6);
	enter_with(m, 5);
	enter_with(m, 0);
	enter_with(m, 5);
	assert_int_equal(m->host.flushes, 5);
	m->v->config.vpid02 = 0; /* entries and exits of the processor flush */
	assert_int_equal(enter_with(m, 5), 0);
	assert_int_equal(enter_with(m, 6), 0);
	assert_int_equal(m->host.flushes, 5);
}

/* INVVPID of all of a VPID is one flush at its next entry, however often L1 executes it; others are not touched. */
static void invvpid_waits_for_entry(void **state)
{
	struct mini *m = *state;
	uint16_t first, second;

	mini_enter_vmx(m, true);
	m->v->config.vpid02_n = 3;
	first = enter_with(m, 5);
	second = enter_with(m, 9);
	for (unsigned i = 0; i < 5; i++)
		mini_succeeded(m, invalidate(m, NVMX_XR_INVVPID, 1, 5, 0));
	assert_int_equal(m->host.flushes, 2);
	assert_int_equal(enter_with(m, 9), second);
	assert_int_equal(m->host.flushes, 2);
	assert_int_equal(enter_with(m, 5), first);
	assert_true(m->host.flushes == 3 && m->host.flushed_vpid == first);
	mini_succeeded(m, invalidate(m, NVMX_XR_INVVPID, 2, 0, 0));
	enter_with(m, 5);
	second = enter_with(m, 9);
	assert_int_equal(m->host.flushes, 5);
	mini_succeeded(m, invalidate(m, NVMX_XR_INVVPID, 0, 9, 0x1234000));
	assert_true(m->host.flushes == 6 && m->host.flushed_vpid == second && m->host.flushed_scope == NVMX_FLUSH_ADDRESS);
	m->vm->hw.msr[NVMX_MSR_VMX_EPT_VPID_CAP - NVMX_CAPS_FIRST_MSR] = NVMX_EPT_INVVPID | NVMX_EPT_INVVPID_SINGLE;
	mini_succeeded(m, invalidate(m, NVMX_XR_INVVPID, 0, 5, 0)); /* the processor has no such type */
	assert_int_equal(m->host.flushes, 6);
	enter_with(m, 5);
	assert_int_equal(m->host.flushes, 7);
	nvmx_vpid_forget(m->v); /* the vCPU has moved */
	enter_with(m, 5);
	enter_with(m, 9);
	assert_int_equal(m->host.flushes, 9);
}

static void types_are_32_bits_outside_64bit_mode(void **state)
{
	struct mini *m = *state;

	mini_enter_vmx(m, true);
	F01(ENTRY_CTLS) = 0;
	F01(GUEST_CS_AR) = 0xc09b;
	F01(GUEST_CR0) &= ~NVMX_CR0_PG;
	mini_succeeded(m, invalidate(m, NVMX_XR_INVEPT, 1ull << 32 | 2, 0, 0));
	assert_int_equal(m->invepts, 1);
}

/* An instruction that fails changes nothing but RIP, RFLAGS and the error field. */
static void failures_change_nothing_else(void **state)
{
	struct mini *m = *state;
	struct nvmx_vmcs12 before12;
	struct nvmx_regs regs;
	uint64_t before[NVMX_ROWS];
	static uint8_t ram[MINI_RAM];
	struct { uint32_t reason; uint64_t pointer; } fails[] = {
		{ NVMX_XR_VMXON, MINI_VMXON }, { NVMX_XR_VMCLEAR, MINI_VMXON }, { NVMX_XR_VMCLEAR, 1 },
		{ NVMX_XR_VMPTRLD, 2 }, { NVMX_XR_VMPTRLD, MINI_VMXON }, { NVMX_XR_VMPTRLD, 0x30000 },
		{ NVMX_XR_VMRESUME, 0 }, { NVMX_XR_VMCALL, 0 }, { NVMX_XR_INVEPT, 0 }, { NVMX_XR_INVVPID, 0x10000 },
		{ NVMX_XR_VMREAD, 0 }, { NVMX_XR_VMWRITE, 0 },
	};

	mini_enter_vmx(m, true);
	m->regs.gpr[RCX] = 1;
	m->regs.gpr[RAX] = MINI_OPERAND;
	for (unsigned i = 0; i < sizeof(fails) / sizeof(*fails); i++) {
		bool rw = fails[i].reason == NVMX_XR_VMREAD || fails[i].reason == NVMX_XR_VMWRITE;

		F01(EXIT_INSTR_INFO) = rw ? INFO_REG(RDX, RCX) : INFO_MEM(RCX);
		*mini_ram(m, MINI_OPERAND) = fails[i].pointer;
		memcpy(before, m->host.vmcs[MINI_PAGES].field, sizeof(before));
		before12 = *m->v->cur->v12;
		regs = m->regs;
		memcpy(ram, m->host.ram, MINI_RAM);
		assert_int_equal(mini_exec(m, fails[i].reason), NVMX_RESUME_L1);
		assert_true(F01(GUEST_RFLAGS) & NVMX_RFLAGS_ZF);
		assert_int_not_equal(m->v->cur->v12->vm_instr_error, 0);
		m->v->cur->v12->vm_instr_error = 0;
		F01(GUEST_RFLAGS) = before[NVMX_I_GUEST_RFLAGS];
		F01(GUEST_RIP) = before[NVMX_I_GUEST_RIP];
		assert_memory_equal(before, m->host.vmcs[MINI_PAGES].field, sizeof(before));
		assert_memory_equal(&before12, m->v->cur->v12, sizeof(before12));
		assert_memory_equal(&regs, &m->regs, sizeof(regs));
		/* Reading the operand sets accessed flags, nothing else. */
		for (unsigned at = MINI_PML4; at < MINI_PD + 4096; at += 8)
			*(uint64_t *)(void *)(ram + at) |= *mini_ram(m, at) & 0x20;
		assert_memory_equal(ram, m->host.ram, MINI_RAM);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MINI_TEST(outside_vmx_operation_is_ud),
		MINI_TEST(wrong_modes_are_ud),
		MINI_TEST(user_mode_is_gp),
		MINI_TEST(operand_faults_reach_l1),
		MINI_TEST(vmxon_conditions),
		MINI_TEST(vmxoff_leaves),
		MINI_TEST(vmclear_operands),
		MINI_TEST(vmptrld_operands),
		MINI_TEST(vmptrld_without_memory_stops),
		MINI_TEST(vmptrst_stores),
		MINI_TEST(entry_conditions),
		MINI_TEST(vmcall_and_vmfunc_in_root),
		MINI_TEST(vmcall_of_a_host_with_hypercalls),
		MINI_TEST(invept_operands),
		MINI_TEST(eptp_by_capability),
		MINI_TEST(invvpid_operands), MINI_TEST(page_invalidation), MINI_TEST(vpids_are_kept_apart), MINI_TEST(more_vpids_than_places),
		MINI_TEST(invvpid_of_one_for_all), MINI_TEST(one_vpid_for_all),
		MINI_TEST(invvpid_waits_for_entry),
		MINI_TEST(types_are_32_bits_outside_64bit_mode),
		MINI_TEST(failures_change_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

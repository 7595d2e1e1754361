/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "l2.h"
#include "console.h"
#include "memory.h"
#include "trap.h"

extern const u8 l2_exit[], l2_exit_stack_top[];

/* Access rights in the VMCS's form, SDM table 24-2. */
enum { AR_CODE64 = 0xa09b, AR_CODE32 = 0xc09b, AR_CODE16 = 0x009b, AR_DATA32 = 0xc093, AR_DATA16 = 0x0093,
       AR_UNUSABLE = 0x10000, AR_TSS = 0x008b };

void l2_host_state(void)
{
	struct desc_ptr g = sgdt(), i = sidt();

	vmwrite(HOST_CR0, read_cr0());
	vmwrite(HOST_CR3, read_cr3());
	vmwrite(HOST_CR4, read_cr4());
	vmwrite(HOST_CS_SELECTOR, SEL_CODE64);
	vmwrite(HOST_SS_SELECTOR, SEL_DATA);
	vmwrite(HOST_DS_SELECTOR, SEL_DATA);
	vmwrite(HOST_ES_SELECTOR, SEL_DATA);
	vmwrite(HOST_FS_SELECTOR, SEL_DATA);
	vmwrite(HOST_GS_SELECTOR, SEL_DATA);
	vmwrite(HOST_TR_SELECTOR, SEL_TSS);
	vmwrite(HOST_FS_BASE, 0);
	vmwrite(HOST_GS_BASE, 0);
	vmwrite(HOST_TR_BASE, (u64)&tss);
	vmwrite(HOST_GDTR_BASE, g.base);
	vmwrite(HOST_IDTR_BASE, i.base);
	vmwrite(HOST_SYSENTER_CS, 0);
	vmwrite(HOST_SYSENTER_ESP, 0);
	vmwrite(HOST_SYSENTER_EIP, 0);
	vmwrite(HOST_RSP, (u64)l2_exit_stack_top);
	vmwrite(HOST_RIP, (u64)l2_exit);
	if (can(caps.exit, EXIT_LOAD_EFER))
		vmwrite(HOST_EFER, rdmsr(MSR_EFER));
	if (can(caps.exit, EXIT_LOAD_PAT))
		vmwrite(HOST_PAT, rdmsr(MSR_PAT));
}

static void zero_controls(void)
{
	static const u16 fields[] = { EXCEPTION_BITMAP, PF_ERROR_MASK, PF_ERROR_MATCH, CR3_TARGET_COUNT,
		EXIT_MSR_STORE_COUNT, EXIT_MSR_LOAD_COUNT, ENTRY_MSR_LOAD_COUNT, ENTRY_INTR_INFO,
		ENTRY_ERROR_CODE, ENTRY_INSTRUCTION_LENGTH, TSC_OFFSET, CR0_MASK, CR4_MASK,
		CR0_READ_SHADOW, CR4_READ_SHADOW };

	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++)
		vmwrite(fields[i], 0);
}

void l2_controls(struct l2 *l2, enum l2_mode mode)
{
	u64 secondary = 0, exit = EXIT_HOST_64, entry = mode == L2_LONG ? ENTRY_GUEST_64 : 0;

	if (l2->ept)
		secondary |= PROC2_EPT | PROC2_UNRESTRICTED;
	if (can(caps.exit, EXIT_LOAD_EFER | EXIT_SAVE_EFER) && can(caps.entry, ENTRY_LOAD_EFER)) {
		exit |= EXIT_LOAD_EFER | EXIT_SAVE_EFER;
		entry |= ENTRY_LOAD_EFER;
	}
	vmwrite(PIN_CONTROLS, fit(caps.pin, 0));
	vmwrite(PROC_CONTROLS, fit(caps.proc, secondary ? PROC_SECONDARY : 0));
	if (can(caps.proc, PROC_SECONDARY))
		vmwrite(PROC_CONTROLS2, fit(caps.proc2, secondary));
	vmwrite(EXIT_CONTROLS, fit(caps.exit, exit));
	vmwrite(ENTRY_CONTROLS, fit(caps.entry, entry));
	zero_controls();
	if (l2->ept)
		vmwrite(EPT_POINTER, ept_pointer(l2->ept));
}

static void segment(unsigned index, u16 selector, u64 base, u32 limit, u32 ar)
{
	vmwrite(GUEST_ES_SELECTOR + 2 * index, selector);
	vmwrite(GUEST_ES_BASE + 2 * index, base);
	vmwrite(GUEST_ES_LIMIT + 2 * index, limit);
	vmwrite(GUEST_ES_AR + 2 * index, ar);
}

static void segments(enum l2_mode mode)
{
	enum { CS = 1, LDTR = 6, TR = 7 };
	bool real = mode == L2_REAL;

	for (unsigned i = 0; i < 6; i++)
		segment(i, real ? 0 : SEL_DATA, 0, real ? 0xffff : 0xffffffff, real ? AR_DATA16 : AR_DATA32);
	if (mode == L2_LONG)
		segment(CS, SEL_CODE64, 0, 0xffffffff, AR_CODE64);
	else if (mode == L2_PROTECTED)
		segment(CS, SEL_CODE32, 0, 0xffffffff, AR_CODE32);
	else
		segment(CS, 0, 0, 0xffff, AR_CODE16);
	segment(LDTR, 0, 0, 0, AR_UNUSABLE);
	segment(TR, real ? 0 : SEL_TSS, real ? 0 : (u64)&tss, real ? 0xffff : sizeof(tss) - 1, AR_TSS);
}

void l2_guest_state(enum l2_mode mode, u64 rip, u64 rsp)
{
	static const u16 zero[] = { GUEST_INTERRUPTIBILITY, GUEST_ACTIVITY, GUEST_PENDING_DEBUG, GUEST_DEBUGCTL,
		GUEST_SYSENTER_CS, GUEST_SYSENTER_ESP, GUEST_SYSENTER_EIP };
	u64 cr0 = read_cr0(), efer = rdmsr(MSR_EFER);
	struct desc_ptr g = sgdt(), i = sidt();

	if (mode != L2_LONG) {
		cr0 &= mode == L2_REAL ? ~(CR0_PG | CR0_PE) : ~CR0_PG;
		efer = 0;
	}
	segments(mode);
	vmwrite(GUEST_CR0, cr0);
	vmwrite(GUEST_CR3, mode == L2_LONG ? read_cr3() : 0);
	vmwrite(GUEST_CR4, mode == L2_LONG ? read_cr4() : read_cr4() & ~CR4_PAE);
	vmwrite(GUEST_GDTR_BASE, g.base);
	vmwrite(GUEST_GDTR_LIMIT, g.limit);
	vmwrite(GUEST_IDTR_BASE, mode == L2_REAL ? 0 : i.base);
	vmwrite(GUEST_IDTR_LIMIT, mode == L2_REAL ? 0x3ff : i.limit);
	for (unsigned f = 0; f < ARRAY_SIZE(zero); f++)
		vmwrite(zero[f], 0);
	vmwrite(GUEST_DR7, 0x400);
	vmwrite(GUEST_RIP, rip);
	vmwrite(GUEST_RSP, rsp);
	vmwrite(GUEST_RFLAGS, FLAGS_FIXED);
	vmwrite(VMCS_LINK_POINTER, ~0ull);
	if (can(caps.entry, ENTRY_LOAD_EFER))
		vmwrite(GUEST_EFER, efer);
	if (can(caps.entry, ENTRY_LOAD_PAT))
		vmwrite(GUEST_PAT, rdmsr(MSR_PAT));
}

void l2_setup(struct l2 *l2, enum l2_mode mode, u64 rip, u64 rsp)
{
	if (!l2->vmcs)
		l2->vmcs = vmcs_alloc();
	l2->launched = false;
	if (vmclear(phys(l2->vmcs)) != VMX_OK || vmptrld(phys(l2->vmcs)) != VMX_OK)
		fatal("VMCS cannot be loaded");
	l2_host_state();
	l2_controls(l2, mode);
	l2_guest_state(mode, rip, rsp);
}

enum vmx_result l2_run(struct l2 *l2)
{
	enum vmx_result r = (enum vmx_result)l2_enter(&l2->regs, l2->launched);

	if (r == VMX_OK && !(vmread(EXIT_REASON) & REASON_ENTRY_FAILURE))
		l2->launched = true;
	return r;
}

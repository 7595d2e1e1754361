/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The valid states that mutations start from. All of them leave L2 at once: the preemption timer starts at 0, every
 * exception, NMI and external interrupt exits, and the IDT has no room for any vector.
 */
#include "entrydiff.h"
#include "memory.h"

enum kind { LONG, COMPAT, LONG_NO_EPT, LONG_FULL, LONG_PLAIN, PROTECTED, PAE_EPT, PAE_NO_EPT, REAL, V86 };

static const char *const names[BASES] = { "long", "compatibility", "long-no-ept", "long-all-controls",
	"long-plain", "protected", "pae-ept", "pae-no-ept", "real", "virtual-8086" };

#define FIELD(encoding, name) encoding,
static const u16 all_fields[] = {
#include "vmcs_fields.def"
};
#undef FIELD

static bool writable(u16 field) { return (field >> 10 & 3) != 1; }

/* Fields of controls that are never turned on (mutate.c), which stay 0 and which the judge does not know. */
static bool beyond(u16 field)
{
	static const u16 fields[] = { GUEST_UINV, SECONDARY_EXIT_CONTROLS, SPEC_CTRL_MASK, SPEC_CTRL_SHADOW, GUEST_SPEC_CTRL,
		HOST_SPEC_CTRL };

	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
		if (field == fields[i])
			return true;
	}
	return false;
}

static bool no_ept(enum kind k) { return k == LONG_NO_EPT || k == LONG_PLAIN || k == PAE_NO_EPT; }

static void clear_fields(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(all_fields); i++) {
		if (writable(all_fields[i]))
			vmwrite_try(all_fields[i], 0);
	}
}

static void point(const struct world *w)
{
	static const u16 bitmaps[] = { IO_BITMAP_A, IO_BITMAP_B, MSR_BITMAP, VMREAD_BITMAP, VMWRITE_BITMAP,
		PML_ADDRESS, EPTP_LIST_ADDRESS, VE_INFO_ADDRESS, POSTED_INT_DESC_ADDRESS };

	for (unsigned i = 0; i < ARRAY_SIZE(bitmaps); i++)
		vmwrite_try(bitmaps[i], phys(w->bitmap));
	vmwrite_try(VIRTUAL_APIC_ADDRESS, phys(w->vapic));
	vmwrite_try(APIC_ACCESS_ADDRESS, phys(w->apic_access));
	vmwrite_try(EXIT_MSR_STORE_ADDRESS, phys(w->msr_fine));
	vmwrite_try(EXIT_MSR_LOAD_ADDRESS, phys(w->msr_fine));
	vmwrite_try(ENTRY_MSR_LOAD_ADDRESS, phys(w->msr_fine));
	vmwrite_try(EPT_POINTER, ept_pointer(w->ept));
	vmwrite_try(VIRTUAL_PROCESSOR_ID, 1);
	vmwrite_try(TSC_MULTIPLIER, 1ull << 48);
	vmwrite_try(PREEMPTION_TIMER_VALUE, 0);
}

static void leave_at_once(enum kind k)
{
	u64 pin = PIN_EXTINT_EXITING | PIN_NMI_EXITING | PIN_PREEMPTION_TIMER;

	vmwrite(PIN_CONTROLS, fit(caps.pin, vmread(PIN_CONTROLS) | pin));
	vmwrite(PROC_CONTROLS, fit(caps.proc, vmread(PROC_CONTROLS) | PROC_HLT_EXITING));
	vmwrite(EXCEPTION_BITMAP, 0xffffffff);
	vmwrite(GUEST_IDTR_LIMIT, 0);
	if (k == LONG_NO_EPT && can(caps.proc2, PROC2_VPID)) {
		vmwrite(PROC_CONTROLS, vmread(PROC_CONTROLS) | PROC_SECONDARY);
		vmwrite(PROC_CONTROLS2, fit(caps.proc2, PROC2_VPID));
	}
}

/* Everything that can be on together. */
static void all_controls(void)
{
	u64 off2 = PROC2_APIC_ACCESSES | PROC2_SUB_PAGE | PROC2_ENCLS_EXITING | BIT(28) | BIT(27) | BIT(24) | BIT(30);
	u64 proc = ~(PROC_TERTIARY | PROC_CR8_LOAD_EXITING | PROC_CR8_STORE_EXITING | PROC_MTF);

	vmwrite(PIN_CONTROLS, fit(caps.pin, ~0ull));
	vmwrite(PROC_CONTROLS, fit(caps.proc, proc));
	vmwrite(PROC_CONTROLS2, fit(caps.proc2, ~off2));
	vmwrite(EXIT_CONTROLS, fit(caps.exit, ~controls_beyond(EXIT_CONTROLS)));
	vmwrite(ENTRY_CONTROLS, fit(caps.entry, ~(ENTRY_TO_SMM | ENTRY_DEACTIVATE_DUAL | controls_beyond(ENTRY_CONTROLS))));
	if (can(caps.proc2, PROC2_VMFUNC))
		vmwrite(VM_FUNCTION_CONTROLS, caps.vmfunc & 1);
}

static void pae_state(const struct world *w, enum kind k)
{
	vmwrite(GUEST_CR0, read_cr0());
	vmwrite(GUEST_CR3, phys(w->pae_pdpt));
	vmwrite(GUEST_CR4, read_cr4());
	if (k == PAE_EPT)
		vmwrite(GUEST_PDPTE0, w->pae_pdpt[0]);
}

static void real_segments(enum kind k)
{
	for (unsigned i = 0; i < 6; i++) {
		vmwrite(GUEST_ES_SELECTOR + 2 * i, 0x1000);
		vmwrite(GUEST_ES_BASE + 2 * i, 0x10000);
		vmwrite(GUEST_ES_LIMIT + 2 * i, 0xffff);
		if (k == V86)
			vmwrite(GUEST_ES_AR + 2 * i, 0xf3);
	}
	if (k == V86) {
		vmwrite(GUEST_RFLAGS, FLAGS_FIXED | FLAGS_VM | FLAGS_IF);
		vmwrite(GUEST_CR0, (read_cr0() & ~CR0_PG) | CR0_PE);
	}
}

static enum l2_mode mode_of(enum kind k)
{
	if (k <= LONG_PLAIN)
		return L2_LONG;
	return k == REAL || k == V86 ? L2_REAL : L2_PROTECTED;
}

static bool offered(enum kind k)
{
	if (no_ept(k))
		return true;
	return can(caps.proc, PROC_SECONDARY) && can(caps.proc2, PROC2_EPT | PROC2_UNRESTRICTED);
}

static void shape(const struct world *w, enum kind k)
{
	if (mode_of(k) == L2_LONG)
		vmwrite(GUEST_CR3, phys(w->pml4));
	if (k == COMPAT) {
		vmwrite(GUEST_CS_AR, 0xc09b);
		vmwrite(GUEST_CS_SELECTOR, SEL_CODE32);
	}
	if (k == LONG_FULL)
		all_controls();
	if (k == PAE_EPT || k == PAE_NO_EPT)
		pae_state(w, k);
	if (k == REAL || k == V86)
		real_segments(k);
	if (k == LONG_PLAIN) {
		vmwrite(EXIT_CONTROLS, fit(caps.exit, EXIT_HOST_64));
		vmwrite(ENTRY_CONTROLS, fit(caps.entry, ENTRY_GUEST_64));
	}
}

static void snapshot(struct base *b)
{
	u64 v = 0;

	memset(b->slot, 0, sizeof(b->slot));
	b->count = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(all_fields); i++) {
		if (!writable(all_fields[i]) || beyond(all_fields[i]) || vmread_try(all_fields[i], &v) != VMX_OK)
			continue;
		base_add(b, all_fields[i], v);
	}
}

bool base_load(const struct world *w, unsigned n, struct base *b)
{
	enum kind k = (enum kind)n;
	struct l2 l2 = { .vmcs = w->vmcs, .ept = no_ept(k) ? NULL : w->ept };
	bool low = k == REAL || k == V86;

	if (!offered(k))
		return false;
	vmclear(phys(w->vmcs));
	vmptrld(phys(w->vmcs));
	clear_fields();
	l2_setup(&l2, mode_of(k), low ? 0 : phys(w->code), low ? 0xff0 : phys(w->code) + 0xff0);
	point(w);
	shape(w, k);
	leave_at_once(k);
	b->name = names[n];
	snapshot(b);
	return true;
}

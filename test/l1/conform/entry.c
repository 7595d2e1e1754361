/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
#include "entry.h"

#define LOW_CODE 0x8000ull	/* L2-physical, for real-address and virtual-8086 mode */

CODE(entry_code, "");

static u8 *named[PAGES_NAMED];

static u8 *link_page(u32 revision)
{
	u8 *p = page_alloc();

	*(u32 *)p = revision;
	return p;
}

void entry_begin(void)
{
	static u64 *pd;

	if (named[0])
		return;
	pd = page_alloc();
	pd[0] = 0xe3;
	for (unsigned i = 0; i < PAGES_NAMED; i++)
		named[i] = page_alloc();
	named[PAGE_LINK] = link_page(caps.revision);
	named[PAGE_LINK_SHADOW] = link_page(caps.revision | 1u << 31);
	named[PAGE_LINK_WRONG] = link_page(caps.revision + 1);
	named[PAGE_VMCS] = guest.vmcs;
	((u64 *)named[PAGE_PDPT])[0] = phys(pd) | 1;
	((u64 *)named[PAGE_PDPT_BAD])[0] = phys(pd) | 3;
	named[PAGE_VTPR50][0x80] = 0x50;
	if (guest.ept)
		ept_map(guest.ept, LOW_CODE, phys(named[PAGE_SPARE]), 1, EPT_RWX | EPT_WB);
}

static void addresses(void)
{
	static const u16 fields[] = { IO_BITMAP_A, IO_BITMAP_B, MSR_BITMAP, VIRTUAL_APIC_ADDRESS, APIC_ACCESS_ADDRESS,
		POSTED_INT_DESC_ADDRESS, PML_ADDRESS, VMREAD_BITMAP, VMWRITE_BITMAP, VE_INFO_ADDRESS,
		EPTP_LIST_ADDRESS, EXIT_MSR_STORE_ADDRESS, EXIT_MSR_LOAD_ADDRESS, ENTRY_MSR_LOAD_ADDRESS };

	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++)
		vmwrite_try(fields[i], phys(named[PAGE_VTPR50]));
	named[PAGE_VTPR50][0x80] = 0x50;
	vmwrite_try(VIRTUAL_PROCESSOR_ID, 1);
	vmwrite_try(TPR_THRESHOLD, 0);
	vmwrite_try(VM_FUNCTION_CONTROLS, 0);
	vmwrite_try(TSC_MULTIPLIER, 1ull << 48);
	vmwrite_try(POSTED_INT_VECTOR, 0x40);
	vmwrite_try(GUEST_INTERRUPT_STATUS, 0);
}

static bool turn_on(u16 field, u64 capability, u32 bits)
{
	if (!can(capability, bits))
		return false;
	if (bits)
		vmwrite(field, vmread(field) | bits);
	return true;
}

static void virtual_8086(void)
{
	for (unsigned i = 0; i < 6; i++) {
		vmwrite(GUEST_ES_AR + 2 * i, 0xf3);
		vmwrite(GUEST_ES_LIMIT + 2 * i, 0xffff);
	}
	vmwrite(GUEST_CR0, vmread(GUEST_CR0) | CR0_PE);
	vmwrite(GUEST_RFLAGS, FLAGS_FIXED | FLAGS_VM);
}

static void user_segments(void)
{
	vmwrite(GUEST_CS_SELECTOR, SEL_CODE64_CPL3);
	vmwrite(GUEST_CS_AR, 0xa0fb);
	vmwrite(GUEST_SS_SELECTOR, SEL_DATA_CPL3);
	vmwrite(GUEST_SS_AR, 0xc0f3);
}

u64 entry_code_rip(enum start start, const u8 *code)
{
	if (start != REAL && start != V86)
		return phys(code);
	memcpy(named[PAGE_SPARE] + 0x800, code, 64);
	return LOW_CODE + 0x800;
}

static void start_state(enum start start)
{
	bool low = start == REAL || start == V86;
	u64 *ept = guest.ept;

	guest.regs = (struct l2_regs){ 0 };
	if (start == PLAIN)
		guest.ept = NULL;
	l2_setup(&guest, low ? L2_REAL : start == PROTECTED || start == PAE ? L2_PROTECTED : L2_LONG,
		 entry_code_rip(start, entry_code), low ? 0x7000 : phys(guest_stack) + sizeof(guest_stack));
	guest.ept = ept;
	if (start == V86)
		virtual_8086();
	if (start == USER)
		user_segments();
	if (start == COMPAT) {
		vmwrite(GUEST_CS_SELECTOR, SEL_CODE32);
		vmwrite(GUEST_CS_AR, 0xc09b);
	}
	if (start == PAE) {
		vmwrite(GUEST_CR0, read_cr0());
		vmwrite(GUEST_CR4, read_cr4() | CR4_PAE);
		vmwrite(GUEST_CR3, phys(named[PAGE_PDPT]));
		vmwrite_try(GUEST_PDPTE0, *(u64 *)named[PAGE_PDPT]);
		for (unsigned i = 1; i < 4; i++)
			vmwrite_try(GUEST_PDPTE0 + 2 * i, 0);
	}
}

/* Whatever is entered leaves: exceptions exit, no vector can be delivered, and a halted L2 is woken by the timer. */
static void come_back(void)
{
	vmwrite(EXCEPTION_BITMAP, 0xffffffff);
	vmwrite(GUEST_IDTR_LIMIT, 0);
	if (!can(caps.pin, PIN_PREEMPTION_TIMER))
		return;
	vmwrite(PIN_CONTROLS, vmread(PIN_CONTROLS) | PIN_PREEMPTION_TIMER);
	vmwrite(PREEMPTION_TIMER_VALUE, 1u << 22 >> (caps.misc & 31));
}

bool entry_prepare(const struct entry_row *row)
{
	bool unrestricted = row->start == PROTECTED || row->start == REAL || row->start == V86 || row->start == PAE;

	if (unrestricted && !guest.ept)
		return false;
	start_state(row->start);
	come_back();
	addresses();
	if (row->proc2 && !turn_on(PROC_CONTROLS, caps.proc, (u32)PROC_SECONDARY))
		return false;
	if (row->proc2 && !(row->start == PLAIN))
		vmwrite(PROC_CONTROLS2, vmread(PROC_CONTROLS2) | (u32)caps.proc2);
	return turn_on(PIN_CONTROLS, caps.pin, row->pin) && turn_on(PROC_CONTROLS, caps.proc, row->proc) &&
	       turn_on(PROC_CONTROLS2, caps.proc2, row->proc2) && turn_on(EXIT_CONTROLS, caps.exit, row->exit) &&
	       turn_on(ENTRY_CONTROLS, caps.entry, row->entry);
}

void entry_change(const struct change *c)
{
	u64 v = vmread(c->field);

	switch ((enum how)c->how) {
	case SET: v = c->v; break;
	case OR: v |= c->v; break;
	case CLEAR: v &= ~c->v; break;
	case WIDE: v |= BIT(caps.phys_bits); break;
	case NONCANONICAL: v = 1ull << (caps.linear_bits - 1); break;
	case PAGE_OF: v = phys(named[c->v]); break;
	case NONE: return;
	}
	vmwrite(c->field, v);
}

void entry_rows(const struct entry_row *rows, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (!entry_prepare(&rows[i])) {
			skip(rows[i].id, "not offered");
			continue;
		}
		for (unsigned c = 0; c < ARRAY_SIZE(rows[i].change); c++)
			entry_change(&rows[i].change[c]);
		check(rows[i].id, guest_run(), rows[i].want);
	}
}

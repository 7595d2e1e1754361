/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* What of vmcs12 and vmcs01 reaches vmcs02, field by field, and what of vmcs02 reaches L1 again. */
#include "minihost.h"
#include "vmx/merge.h"

#define REGION MINI_VMCS12
#define L1S 0x1111000011110000ull
#define HOSTS 0x0000222200002222ull

static struct nvmx_slot *active(struct mini *m)
{
	nvmx_control_masks_make(&m->vm->masks);
	mini_enter_vmx(m, false);
	mini_vmcs_region(m, REGION, NVMX_VMCS12_REVISION);
	mini_succeeded(m, mini_exec_pointer(m, NVMX_XR_VMPTRLD, REGION));
	return m->v->cur;
}

/* All of vmcs12 into vmcs02, as an entry does, of a host that says whatever it changes. */
static struct mini_vmcs *merged(struct mini *m, struct nvmx_slot *s)
{
	struct nvmx_check_input in = { .v12 = s->v12 };
	struct nvmx_l1_regs l1;
	uint64_t steps;

	assert_int_equal(nvmx_vmcs01_changed(m->v), NVMX_OK);
	m->v->refused01.refusal = 0; /* loads that vmcs01 does not do are offered here, as init would not */
	steps = nvmx_merge_steps(m->v, s, &in);
	nvmx_vmcs_load(m->v, MINI_VMCS01);
	nvmx_merge_read01(m->v, steps, &l1);
	nvmx_vmcs_load(m->v, s->page02.hpa);
	nvmx_slot_learn_shared(m->v, s);
	assert_true(nvmx_merge(m->v, s, steps, &l1, &in));
	nvmx_vmwrite_flush(m->v);
	s->dirty_groups = 0;
	return mini_vmcs(&m->host, s->page02.hpa);
}

static uint64_t narrow(unsigned row, uint64_t value)
{
	return nvmx_field_rows[row].size == 8 ? value : value & ((1ull << nvmx_field_rows[row].size * 8) - 1);
}

/* A field that vmcs02 has from L1 under a secondary control of L1's. */
static void fields_of_a_secondary_control(void **state)
{
	static const struct {
		uint32_t control;
		unsigned row;
	} rows[] = {
		{ NVMX_PROC2_PAUSE_LOOP, NVMX_I_PLE_GAP }, { NVMX_PROC2_PAUSE_LOOP, NVMX_I_PLE_WINDOW },
		{ NVMX_PROC2_VID, NVMX_I_EOI_EXIT_BITMAP0 }, { NVMX_PROC2_VID, NVMX_I_EOI_EXIT_BITMAP1 },
		{ NVMX_PROC2_VID, NVMX_I_EOI_EXIT_BITMAP2 }, { NVMX_PROC2_VID, NVMX_I_EOI_EXIT_BITMAP3 },
		{ NVMX_PROC2_ENCLS, NVMX_I_ENCLS_EXIT_BITMAP },
	};
	struct mini *m = *state;
	struct nvmx_slot *s = active(m);
	struct mini_vmcs *vmcs02;

	nvmx_slot_write(s, NVMX_I_PROC_CTLS, NVMX_PROC_SECONDARY);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		nvmx_slot_write(s, NVMX_I_PROC_CTLS2, 0);
		vmcs02 = merged(m, s);
		vmcs02->field[rows[i].row] = 0;
		nvmx_slot_write(s, NVMX_I_PROC_CTLS2, rows[i].control);
		nvmx_slot_write(s, rows[i].row, L1S);
		merged(m, s);
		assert_int_equal(vmcs02->field[rows[i].row], narrow(rows[i].row, L1S));
		assert_int_equal(vmcs02->field[NVMX_I_PROC_CTLS2] & rows[i].control, rows[i].control);
	}
}

/* Exits that the host wants stay on beside L1's. */
static void exit_bitmaps_of_both(void **state)
{
	static const struct {
		uint32_t control;
		unsigned row;
	} rows[] = { { NVMX_PROC2_XSAVES, NVMX_I_XSS_EXIT_BITMAP }, { NVMX_PROC2_ENCLS, NVMX_I_ENCLS_EXIT_BITMAP } };
	struct mini *m = *state;
	struct nvmx_slot *s = active(m);

	F01(PROC_CTLS2) |= NVMX_PROC2_XSAVES | NVMX_PROC2_ENCLS;
	nvmx_slot_write(s, NVMX_I_PROC_CTLS, NVMX_PROC_SECONDARY);
	nvmx_slot_write(s, NVMX_I_PROC_CTLS2, NVMX_PROC2_XSAVES | NVMX_PROC2_ENCLS);
	for (unsigned i = 0; i < 2; i++) {
		*mini01(m, rows[i].row) = HOSTS;
		nvmx_slot_write(s, rows[i].row, L1S);
		assert_int_equal(merged(m, s)->field[rows[i].row], L1S | HOSTS);
	}
	nvmx_slot_write(s, NVMX_I_PROC_CTLS2, 0); /* ENCLS exits for the host alone, with the host's leaves alone */
	assert_int_equal(merged(m, s)->field[NVMX_I_ENCLS_EXIT_BITMAP], HOSTS);
}

/* What is open to L2 was opened under vmcs02's controls: a change of those that count closes it, that of a window does not. */
static void controls_close_msrs(void **state)
{
	static const struct {
		unsigned row;
		uint32_t value;
		bool closes;
	} changes[] = {
		{ NVMX_I_PROC_CTLS, NVMX_PROC_SECONDARY | NVMX_PROC_MSR_BITMAPS | NVMX_PROC_INT_WINDOW, false },
		{ NVMX_I_ENTRY_CTLS, NVMX_ENTRY_IA32E, false },
		{ NVMX_I_PROC_CTLS2, NVMX_PROC2_RDTSCP, false },
		{ NVMX_I_PROC_CTLS2, NVMX_PROC2_X2APIC_MODE, true },
		{ NVMX_I_PROC_CTLS2, NVMX_PROC2_APIC_REGS, true },
		{ NVMX_I_PROC_CTLS2, NVMX_PROC2_VID, true },
		{ NVMX_I_PROC_CTLS, NVMX_PROC_SECONDARY | NVMX_PROC_MSR_BITMAPS | NVMX_PROC_TPR_SHADOW, true },
	};
	static const uint8_t open_to_l1[4096];
	const unsigned bit = 1024 + 0x102 / 8; /* reads of IA32_KERNEL_GS_BASE */
	struct mini *m = *state;
	struct nvmx_slot *s = active(m);
	uint8_t *page;

	m->v->config.msr_bitmap01 = open_to_l1;
	nvmx_slot_write(s, NVMX_I_PROC_CTLS, NVMX_PROC_SECONDARY | NVMX_PROC_MSR_BITMAPS);
	for (unsigned i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		merged(m, s);
		page = s->msr.page.va;
		assert_true(nvmx_open_msr(m->v, 0xc0000102, false));
		assert_int_equal(page[bit], 0xff & ~(1u << 2));
		nvmx_slot_write(s, changes[i].row, changes[i].value);
		merged(m, s);
		assert_int_equal(page[bit], changes[i].closes ? 0xff : 0xff & ~(1u << 2));
	}
	m->v->config.msr_bitmap01 = NULL;
}

/* Of a host that owns interrupts the processor takes no notification but the one with the host's own vector. */
static void notifications_of_owners(void **state)
{
	static const struct {
		uint32_t flags, vector;
		bool on;
		uint64_t nv;
	} cases[] = {
		{ 0, 0, true, 0xf2 },
		{ NVMX_HOST_OWNS_INTERRUPTS | NVMX_HOST_POSTS, 0, false, 0xf2 },
		{ NVMX_HOST_OWNS_INTERRUPTS | NVMX_HOST_POSTS, 0x50, true, 0x50 },
	};
	struct mini *m = *state;
	struct nvmx_slot *s = active(m);

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct mini_vmcs *vmcs02;

		m->vm->flags = cases[i].flags;
		m->vm->posted_vector02 = (uint8_t)cases[i].vector;
		nvmx_slot_write(s, NVMX_I_PROC_CTLS, NVMX_PROC_SECONDARY | NVMX_PROC_TPR_SHADOW);
		nvmx_slot_write(s, NVMX_I_PROC_CTLS2, NVMX_PROC2_VID);
		nvmx_slot_write(s, NVMX_I_PIN_CTLS, NVMX_PIN_POSTED_INT);
		nvmx_slot_write(s, NVMX_I_VIRTUAL_APIC_ADDR, 0x30000);
		nvmx_slot_write(s, NVMX_I_POSTED_INT_DESC_ADDR, 0x32040);
		nvmx_slot_write(s, NVMX_I_POSTED_INT_NV, 0xf2);
		vmcs02 = merged(m, s);
		assert_int_equal(!!(vmcs02->field[NVMX_I_PIN_CTLS] & NVMX_PIN_POSTED_INT), cases[i].on);
		assert_int_equal(vmcs02->field[NVMX_I_POSTED_INT_NV], cases[i].nv);
	}
	m->vm->flags = 0;
	m->vm->posted_vector02 = 0;
}

/* The pages that the processor uses on L2's behalf are pinned while L1 names them, and their addresses are the host's. */
static void pages_of_the_apic(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s = active(m);
	struct mini_vmcs *vmcs02;

	nvmx_slot_write(s, NVMX_I_PROC_CTLS, NVMX_PROC_SECONDARY | NVMX_PROC_TPR_SHADOW);
	nvmx_slot_write(s, NVMX_I_PROC_CTLS2, NVMX_PROC2_APIC_ACCESS | NVMX_PROC2_VID);
	nvmx_slot_write(s, NVMX_I_PIN_CTLS, NVMX_PIN_POSTED_INT);
	nvmx_slot_write(s, NVMX_I_VIRTUAL_APIC_ADDR, 0x30000);
	nvmx_slot_write(s, NVMX_I_APIC_ACCESS_ADDR, 0x31000);
	nvmx_slot_write(s, NVMX_I_POSTED_INT_DESC_ADDR, 0x32040);
	nvmx_slot_write(s, NVMX_I_POSTED_INT_NV, 0xf2);
	nvmx_slot_write(s, NVMX_I_TPR_THRESHOLD, 5);
	vmcs02 = merged(m, s);
	assert_int_equal(vmcs02->field[NVMX_I_VIRTUAL_APIC_ADDR], 0x30000);
	assert_int_equal(vmcs02->field[NVMX_I_APIC_ACCESS_ADDR], 0x31000);
	assert_int_equal(vmcs02->field[NVMX_I_POSTED_INT_DESC_ADDR], 0x32040);
	assert_int_equal(vmcs02->field[NVMX_I_POSTED_INT_NV], 0xf2);
	assert_int_equal(vmcs02->field[NVMX_I_TPR_THRESHOLD], 5);
	assert_int_equal(m->host.pins, 3);

	nvmx_slot_write(s, NVMX_I_APIC_ACCESS_ADDR, 0x33000); /* another frame: the old one is let go */
	assert_int_equal(merged(m, s)->field[NVMX_I_APIC_ACCESS_ADDR], 0x33000);
	assert_int_equal(m->host.pins, 3);
	nvmx_slot_write(s, NVMX_I_PIN_CTLS, 0);
	nvmx_slot_write(s, NVMX_I_PROC_CTLS2, 0);
	nvmx_slot_write(s, NVMX_I_PROC_CTLS, 0);
	assert_int_equal(merged(m, s)->field[NVMX_I_PROC_CTLS] & NVMX_PROC_TPR_SHADOW, 0);
	assert_int_equal(m->host.pins, 0);
}

/* Frames that the host has moved are pinned anew by the next VM entry, but for those that a running L2 uses. */
/* The shadow EPT leads to the library's own page where the vmcs12 that runs has its APIC-access page, and nowhere else. */
static void the_own_page_of_the_apic_follows(void **state)
{
	static const struct {
		bool own;
		uint64_t gpa, mapped, left;
	} cases[] = { { true, 0x9000, 0x9001, 0x9001 }, { true, 0x9000, 0xa001, 0 }, { false, 0x9000, 0x9001, 0 } };
	struct mini *m = *state;
	struct nvmx_slot *s = active(m);

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		s->apic_access = (struct nvmx_pin){ .gpa = cases[i].gpa, .held = true, .own = cases[i].own };
		m->v->apic_mapped = cases[i].mapped;
		nvmx_own_apic_page_review(m->v, s);
		assert_int_equal(m->v->apic_mapped, cases[i].left);
	}
	s->apic_access = (struct nvmx_pin){ .held = false };
}

static void pages_of_the_apic_move(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s = active(m);

	nvmx_slot_write(s, NVMX_I_PROC_CTLS, NVMX_PROC_SECONDARY | NVMX_PROC_TPR_SHADOW);
	nvmx_slot_write(s, NVMX_I_PROC_CTLS2, NVMX_PROC2_APIC_ACCESS);
	nvmx_slot_write(s, NVMX_I_VIRTUAL_APIC_ADDR, 0x30000);
	nvmx_slot_write(s, NVMX_I_APIC_ACCESS_ADDR, 0x31000);
	merged(m, s);
	m->host.pins_at = 0x100000;
	assert_int_equal(merged(m, s)->field[NVMX_I_VIRTUAL_APIC_ADDR], 0x30000);
	m->v->in_l2 = true;
	nvmx_pins_moved(m->v);
	assert_int_equal(m->host.pins, 2);
	m->v->in_l2 = false;
	nvmx_pins_moved(m->v);
	assert_int_equal(m->host.pins, 0);
	assert_int_equal(merged(m, s)->field[NVMX_I_VIRTUAL_APIC_ADDR], 0x130000);
	assert_int_equal(merged(m, s)->field[NVMX_I_APIC_ACCESS_ADDR], 0x131000);
	assert_int_equal(m->host.pins, 2);
}

/* FREEZE_WHILE_SMM is the host's while L2 runs, and LBR, which it accepts, the processor does not get: L1 sees neither. */
static void bits_of_debugctl_that_are_the_hosts(void **state)
{
	const uint64_t freeze = NVMX_BIT64(14), lbr = 1, btf = NVMX_DEBUGCTL_BTF;
	struct mini *m = *state;
	struct nvmx_slot *s = active(m);
	struct nvmx_vmcs12 copy;
	struct mini_vmcs *vmcs02;

	m->v->config.debugctl_hidden = freeze | lbr;
	nvmx_set_add(&m->vm->rare, NVMX_I_GUEST_DEBUGCTL);
	nvmx_slot_write(s, NVMX_I_ENTRY_CTLS, NVMX_ENTRY_LOAD_DEBUG);
	nvmx_slot_write(s, NVMX_I_EXIT_CTLS, NVMX_EXIT_SAVE_DEBUG);
	nvmx_slot_write(s, NVMX_I_GUEST_DEBUGCTL, btf | lbr);
	vmcs02 = merged(m, s);
	assert_int_equal(vmcs02->field[NVMX_I_GUEST_DEBUGCTL], btf);
	vmcs02->field[NVMX_I_GUEST_DEBUGCTL] |= freeze;
	copy = *s->v12;
	nvmx_sync_copy(m->v, s, &copy);
	assert_int_equal(copy.guest_debugctl, btf | lbr);
	nvmx_sync_from_l2(m->v, s);
	nvmx_slot_freshen_row(m->v, s, NVMX_I_GUEST_DEBUGCTL);
	assert_int_equal(s->v12->guest_debugctl, btf | lbr);

	vmcs02->field[NVMX_I_GUEST_DEBUGCTL] = freeze; /* a #DB clears BTF (SDM 17.3.1.4) */
	nvmx_sync_from_l2(m->v, s);
	nvmx_slot_freshen(m->v, s);
	assert_int_equal(s->v12->guest_debugctl, lbr);

	*mini01(m, NVMX_I_GUEST_DEBUGCTL) = freeze | btf;
	nvmx_slot_write(s, NVMX_I_ENTRY_CTLS, 0);
	assert_int_equal(merged(m, s)->field[NVMX_I_GUEST_DEBUGCTL], btf);
}

/* Without L1's TPR shadow the host's is not L2's: accesses to CR8 exit. */
static void the_hosts_tpr_shadow_is_not_l2s(void **state)
{
	const uint32_t cr8 = NVMX_PROC_CR8_LOAD | NVMX_PROC_CR8_STORE;
	struct mini *m = *state;
	struct nvmx_slot *s = active(m);
	struct mini_vmcs *vmcs02;

	F01(PROC_CTLS) |= NVMX_PROC_TPR_SHADOW;
	vmcs02 = merged(m, s);
	assert_int_equal(vmcs02->field[NVMX_I_PROC_CTLS] & (NVMX_PROC_TPR_SHADOW | cr8), cr8);
}

/* With L1's TPR shadow CR8 is a register of L1's virtual-APIC page (SDM 29.3): exits that the host wants for L1's own are not for it. */
static void the_hosts_cr8_is_not_that_of_a_shadow(void **state)
{
	const uint32_t cr8 = NVMX_PROC_CR8_LOAD | NVMX_PROC_CR8_STORE;
	static const struct { uint32_t c12, cr8; } cases[] = {
		{ 0, NVMX_PROC_CR8_LOAD | NVMX_PROC_CR8_STORE },
		{ NVMX_PROC_CR8_LOAD, NVMX_PROC_CR8_LOAD | NVMX_PROC_CR8_STORE },
		{ NVMX_PROC_TPR_SHADOW, 0 },
		{ NVMX_PROC_TPR_SHADOW | NVMX_PROC_CR8_STORE, NVMX_PROC_CR8_STORE },
	};
	struct mini *m = *state;
	struct nvmx_slot *s = active(m);

	F01(PROC_CTLS) |= cr8;
	nvmx_slot_write(s, NVMX_I_VIRTUAL_APIC_ADDR, 0x50000);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		nvmx_slot_write(s, NVMX_I_PROC_CTLS, cases[i].c12);
		assert_int_equal(merged(m, s)->field[NVMX_I_PROC_CTLS] & cr8, cases[i].cr8);
	}
}

/* Where L1 does not intercept I/O the host's bitmaps decide; "unconditional I/O exiting" of L1's goes before them. */
static void the_hosts_io_bitmaps(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s = active(m);
	struct mini_vmcs *vmcs02;

	F01(PROC_CTLS) |= NVMX_PROC_IO_BITMAPS;
	F01(IO_BITMAP_A) = 0x51000;
	F01(IO_BITMAP_B) = 0x52000;
	vmcs02 = merged(m, s);
	assert_int_equal(vmcs02->field[NVMX_I_IO_BITMAP_A], 0x51000);
	assert_int_equal(vmcs02->field[NVMX_I_IO_BITMAP_B], 0x52000);
	assert_true(vmcs02->field[NVMX_I_PROC_CTLS] & NVMX_PROC_IO_BITMAPS);
	nvmx_slot_write(s, NVMX_I_PROC_CTLS, NVMX_PROC_UNCOND_IO);
	merged(m, s);
	assert_int_equal(vmcs02->field[NVMX_I_PROC_CTLS] & (NVMX_PROC_IO_BITMAPS | NVMX_PROC_UNCOND_IO),
			 NVMX_PROC_UNCOND_IO);
}

static const struct {
	unsigned guest, host; /* no host field: the exit clears */
	uint32_t load, exit;
} shared[] = {
	{ NVMX_I_GUEST_BNDCFGS, 0, NVMX_ENTRY_LOAD_BNDCFGS, NVMX_EXIT_CLEAR_BNDCFGS },
	{ NVMX_I_GUEST_S_CET, NVMX_I_HOST_S_CET, NVMX_ENTRY_LOAD_CET, NVMX_EXIT_LOAD_CET },
	{ NVMX_I_GUEST_SSP, NVMX_I_HOST_SSP, NVMX_ENTRY_LOAD_CET, NVMX_EXIT_LOAD_CET },
	{ NVMX_I_GUEST_INT_SSP_TABLE, NVMX_I_HOST_INT_SSP_TABLE, NVMX_ENTRY_LOAD_CET, NVMX_EXIT_LOAD_CET },
	{ NVMX_I_GUEST_PKRS, NVMX_I_HOST_PKRS, NVMX_ENTRY_LOAD_PKRS, NVMX_EXIT_LOAD_PKRS },
};
#define SHARED (sizeof(shared) / sizeof(*shared))

/* SDM 26.3.2.1: loaded from vmcs12 under the control, else L1's own value goes on, the one of this entry. */
static void a_register_is_l1s_unless_loaded(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s = active(m);
	struct mini_vmcs *vmcs02;

	for (unsigned i = 0; i < SHARED; i++)
		F01(ENTRY_CTLS) |= shared[i].load;
	for (unsigned i = 0; i < SHARED; i++) {
		nvmx_slot_write(s, shared[i].guest, L1S);
		nvmx_slot_write(s, NVMX_I_ENTRY_CTLS, shared[i].load);
		vmcs02 = merged(m, s);
		assert_int_equal(vmcs02->field[shared[i].guest], L1S);
		nvmx_slot_write(s, NVMX_I_ENTRY_CTLS, 0);
		for (uint64_t value = HOSTS; value < HOSTS + 3; value++) { /* L1 changes it without writing vmcs12 */
			*mini01(m, shared[i].guest) = value;
			merged(m, s);
			assert_int_equal(vmcs02->field[shared[i].guest], value);
			assert_true(vmcs02->field[NVMX_I_ENTRY_CTLS] & shared[i].load);
		}
	}
}

/* Without "load IA32_EFER" LMA follows the "IA-32e mode guest" control, and LME that too where L2 pages (SDM 26.3.2.1). */
static void efer_without_its_control(void **state)
{
	static const struct { uint32_t entry; uint64_t cr0, l1s, l2s; } cases[] = {
		{ NVMX_ENTRY_IA32E, NVMX_CR0_PG, 0, NVMX_EFER_LMA | NVMX_EFER_LME },
		{ 0, NVMX_CR0_PG, NVMX_EFER_LMA | NVMX_EFER_LME | NVMX_EFER_NXE, NVMX_EFER_NXE },
		{ 0, 0, NVMX_EFER_LMA | NVMX_EFER_LME, NVMX_EFER_LME },
	};
	struct mini *m = *state;
	struct nvmx_slot *s = active(m);

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		F01(GUEST_EFER) = cases[i].l1s;
		nvmx_slot_write(s, NVMX_I_ENTRY_CTLS, cases[i].entry);
		nvmx_slot_write(s, NVMX_I_GUEST_CR0, cases[i].cr0);
		assert_int_equal(merged(m, s)->field[NVMX_I_GUEST_EFER], cases[i].l2s);
	}
}

/* SDM 24.6.5: L1's multiplier scales the host's offset, which is signed, before L1's own is added. */
static void the_hosts_tsc_offset_is_scaled(void **state)
{
	static const struct { uint64_t host, multiplier, offset; } cases[] = {
		{ 0x1000, 1ull << 47, 0x800 + 5 },
		{ -0x1000ull, 1ull << 47, -0x800ull + 5 },
		{ -0x1000ull, 3ull << 48, -0x3000ull + 5 },
	};
	struct mini *m = *state;
	struct nvmx_slot *s = active(m);
	struct mini_vmcs *vmcs02;

	F01(PROC_CTLS) |= NVMX_PROC_TSC_OFFSET;
	nvmx_slot_write(s, NVMX_I_PROC_CTLS, NVMX_PROC_SECONDARY | NVMX_PROC_TSC_OFFSET);
	nvmx_slot_write(s, NVMX_I_PROC_CTLS2, NVMX_PROC2_TSC_SCALING);
	nvmx_slot_write(s, NVMX_I_TSC_OFFSET, 5);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		F01(TSC_OFFSET) = cases[i].host;
		nvmx_slot_write(s, NVMX_I_TSC_MULTIPLIER, cases[i].multiplier);
		vmcs02 = merged(m, s);
		assert_int_equal(vmcs02->field[NVMX_I_TSC_OFFSET], cases[i].offset);
		assert_int_equal(vmcs02->field[NVMX_I_TSC_MULTIPLIER], cases[i].multiplier);
	}
}

/* SDM 26.2.1.1: L1's multiplier passes the checks with any value but 0, and the product with the host's has to. */
static void a_product_of_tsc_multipliers_is_not_0(void **state)
{
	static const struct { uint64_t host, multiplier, product; } cases[] = {
		{ 1ull << 47, 3ull << 48, 3ull << 47 },
		{ 1ull << 47, 1, 1 },
		{ 1ull << 56, 1ull << 56, 1 }, /* no multiplier has 65 bits */
	};
	struct mini *m = *state;
	struct nvmx_slot *s = active(m);

	F01(PROC_CTLS) |= NVMX_PROC_SECONDARY | NVMX_PROC_TSC_OFFSET;
	F01(PROC_CTLS2) |= NVMX_PROC2_TSC_SCALING;
	nvmx_slot_write(s, NVMX_I_PROC_CTLS, NVMX_PROC_SECONDARY | NVMX_PROC_TSC_OFFSET);
	nvmx_slot_write(s, NVMX_I_PROC_CTLS2, NVMX_PROC2_TSC_SCALING);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		F01(TSC_MULTIPLIER) = cases[i].host;
		nvmx_slot_write(s, NVMX_I_TSC_MULTIPLIER, cases[i].multiplier);
		assert_int_equal(merged(m, s)->field[NVMX_I_TSC_MULTIPLIER], cases[i].product);
	}
}

/* The field of vmcs02 that L2 changed and no exit has read is newer than vmcs12's. */
static void what_l2_left_is_not_overwritten(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s = active(m);
	struct mini_vmcs *vmcs02;

	for (unsigned i = 0; i < SHARED; i++) {
		nvmx_slot_write(s, shared[i].guest, L1S);
		nvmx_slot_write(s, NVMX_I_ENTRY_CTLS, shared[i].load);
		vmcs02 = merged(m, s);
		vmcs02->field[shared[i].guest] = 7;
		nvmx_set_add(&s->stale, shared[i].guest);
		nvmx_slot_write(s, NVMX_I_ENTRY_CTLS, shared[i].load | NVMX_ENTRY_LOAD_PAT);
		merged(m, s);
		assert_int_equal(vmcs02->field[shared[i].guest], 7);
		nvmx_set_del(&s->stale, shared[i].guest);
	}
}

/* Before L1's value takes its place, vmcs12 learns it: the entry may yet fail. */
static void what_l2_left_is_learnt(void **state)
{
	static const unsigned rows[] = { NVMX_I_GUEST_PAT, NVMX_I_GUEST_EFER, NVMX_I_GUEST_DR7, NVMX_I_GUEST_DEBUGCTL };
	struct mini *m = *state;
	struct nvmx_slot *s = active(m);
	struct mini_vmcs *vmcs02;

	for (unsigned i = 0; i < SHARED; i++)
		F01(ENTRY_CTLS) |= shared[i].load;
	nvmx_slot_write(s, NVMX_I_ENTRY_CTLS, NVMX_ENTRY_IA32E);
	for (unsigned i = 0; i < SHARED + 4; i++) {
		const unsigned row = i < SHARED ? shared[i].guest : rows[i - SHARED];

		vmcs02 = merged(m, s);
		vmcs02->field[row] = 7;
		nvmx_set_add(&s->stale, row);
		*mini01(m, row) = HOSTS;
		merged(m, s);
		assert_int_not_equal(vmcs02->field[row], 7);
		assert_int_equal(nvmx_v12_get(s->v12, row), 7);
		assert_false(nvmx_set_has(&s->stale, row));
	}
}

#define CARRYING_STEPS (NVMX_STEP(PERF) | NVMX_STEP(BNDCFGS) | NVMX_STEP(CET) | NVMX_STEP(PKRS))
/* A host that does not load them leaves L1's in the processor: no field of its VMCSs is touched. */
static void a_host_that_loads_none(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s = active(m);
	uint64_t left[NVMX_CARRIED] = { 0 };
	struct mini_vmcs *vmcs02 = merged(m, s);

	for (unsigned i = 0; i < SHARED; i++) {
		*mini01(m, shared[i].guest) = HOSTS;
		vmcs02->field[shared[i].guest] = 7;
	}
	assert_int_equal(s->each & CARRYING_STEPS, 0);
	nvmx_slot_write(s, NVMX_I_ENTRY_CTLS, NVMX_ENTRY_IA32E);
	merged(m, s);
	nvmx_carry_left(m->v, s->v12, left);
	nvmx_vmcs_load(m->v, MINI_VMCS01);
	nvmx_carry_to_l1(m->v, s->v12, left);
	nvmx_vmwrite_flush(m->v);
	for (unsigned i = 0; i < SHARED; i++) {
		assert_int_equal(vmcs02->field[shared[i].guest], 7);
		assert_int_equal(*mini01(m, shared[i].guest), HOSTS);
	}
}

/* SDM 27.5.1: the exit loads L1's value from its host field (or clears it) under the control; else L2's stays. */
static void an_exit_loads_or_leaves(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s = active(m);
	struct mini_vmcs *vmcs02;

	for (unsigned i = 0; i < SHARED; i++)
		F01(ENTRY_CTLS) |= shared[i].load;
	vmcs02 = merged(m, s);
	for (unsigned i = 0; i < SHARED; i++)
		for (unsigned load = 0; load < 2; load++) {
			uint64_t left[NVMX_CARRIED] = { 0 };

			nvmx_slot_write(s, NVMX_I_EXIT_CTLS, load ? shared[i].exit : 0);
			if (shared[i].host)
				nvmx_slot_write(s, shared[i].host, L1S);
			vmcs02->field[shared[i].guest] = 7;
			nvmx_vmcs_load(m->v, s->page02.hpa);
			nvmx_carry_left(m->v, s->v12, left);
			nvmx_vmcs_load(m->v, MINI_VMCS01);
			nvmx_carry_to_l1(m->v, s->v12, left);
			nvmx_vmwrite_flush(m->v);
			assert_int_equal(*mini01(m, shared[i].guest), !load ? 7 : shared[i].host ? L1S : 0);
		}
}

/* vmcs02 has the exceptions of both; whose they are is remembered, and taken anew when the host says that vmcs01 changed. */
static void exceptions_of_both(void **state)
{
	struct mini *m = *state;
	struct nvmx_slot *s = active(m);
	struct mini_vmcs *vmcs02;

	F01(EXCEPTION_BITMAP) = 0x60042;
	nvmx_slot_write(s, NVMX_I_EXCEPTION_BITMAP, 0x2001);
	vmcs02 = merged(m, s);
	assert_int_equal(vmcs02->field[NVMX_I_EXCEPTION_BITMAP], 0x62043);
	assert_int_equal(s->exceptions01, 0x60042);
	F01(EXCEPTION_BITMAP) = 0x40000;
	nvmx_vmcs_load(m->v, MINI_VMCS01);
	nvmx_vmcs01_changed(m->v);
	merged(m, s);
	assert_int_equal(vmcs02->field[NVMX_I_EXCEPTION_BITMAP], 0x42001);
	assert_int_equal(s->exceptions01, 0x40000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MINI_TEST(fields_of_a_secondary_control),
		MINI_TEST(exit_bitmaps_of_both),
		MINI_TEST(controls_close_msrs),
		MINI_TEST(notifications_of_owners), MINI_TEST(pages_of_the_apic),
		MINI_TEST(pages_of_the_apic_move), MINI_TEST(the_own_page_of_the_apic_follows),
		MINI_TEST(bits_of_debugctl_that_are_the_hosts),
		MINI_TEST(the_hosts_tpr_shadow_is_not_l2s), MINI_TEST(the_hosts_cr8_is_not_that_of_a_shadow),
		MINI_TEST(the_hosts_io_bitmaps),
		MINI_TEST(a_register_is_l1s_unless_loaded),
		MINI_TEST(efer_without_its_control),
		MINI_TEST(the_hosts_tsc_offset_is_scaled),
		MINI_TEST(a_product_of_tsc_multipliers_is_not_0),
		MINI_TEST(what_l2_left_is_not_overwritten),
		MINI_TEST(what_l2_left_is_learnt),
		MINI_TEST(a_host_that_loads_none),
		MINI_TEST(an_exit_loads_or_leaves),
		MINI_TEST(exceptions_of_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

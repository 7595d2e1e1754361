/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/* The field table: encodings, layout, look-up, existence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "vmcs/steps.h"

/*
 * Where each of Linux's kernels has the fields in its page of the revision 0x11e57ed0, which saved states depend on (DESIGN:
 * ecosystem): O(the first of the kernels below that has it there, member, offset).
 */
enum { LINUX_6_1, LINUX_6_12, LINUX_7_0, KERNELS };
static const char *const kernels[KERNELS] = { "6.1", "6.12", "7.0" };
static const unsigned fields_of_kernel[KERNELS] = { 141, 141, 147 };
static const struct layout {
	const char *name;
	unsigned since;
	size_t offset, size, want;
} linux_layout[] = {
#define O(since, member, want) \
	{ #member, since, offsetof(struct nvmx_vmcs12, member), sizeof(((struct nvmx_vmcs12 *)0)->member), want },
	O(LINUX_6_1, io_bitmap_a, 40)
	O(LINUX_6_1, io_bitmap_b, 48)
	O(LINUX_6_1, msr_bitmap, 56)
	O(LINUX_6_1, exit_msr_store_addr, 64)
	O(LINUX_6_1, exit_msr_load_addr, 72)
	O(LINUX_6_1, entry_msr_load_addr, 80)
	O(LINUX_6_1, tsc_offset, 88)
	O(LINUX_6_1, virtual_apic_addr, 96)
	O(LINUX_6_1, apic_access_addr, 104)
	O(LINUX_6_1, posted_int_desc_addr, 112)
	O(LINUX_6_1, ept_pointer, 120)
	O(LINUX_6_1, eoi_exit_bitmap0, 128)
	O(LINUX_6_1, eoi_exit_bitmap1, 136)
	O(LINUX_6_1, eoi_exit_bitmap2, 144)
	O(LINUX_6_1, eoi_exit_bitmap3, 152)
	O(LINUX_6_1, xss_exit_bitmap, 160)
	O(LINUX_6_1, guest_phys_addr, 168)
	O(LINUX_6_1, vmcs_link_pointer, 176)
	O(LINUX_6_1, guest_debugctl, 184)
	O(LINUX_6_1, guest_pat, 192)
	O(LINUX_6_1, guest_efer, 200)
	O(LINUX_6_1, guest_perf_global_ctrl, 208)
	O(LINUX_6_1, guest_pdpte0, 216)
	O(LINUX_6_1, guest_pdpte1, 224)
	O(LINUX_6_1, guest_pdpte2, 232)
	O(LINUX_6_1, guest_pdpte3, 240)
	O(LINUX_6_1, guest_bndcfgs, 248)
	O(LINUX_6_1, host_pat, 256)
	O(LINUX_6_1, host_efer, 264)
	O(LINUX_6_1, host_perf_global_ctrl, 272)
	O(LINUX_6_1, vmread_bitmap, 280)
	O(LINUX_6_1, vmwrite_bitmap, 288)
	O(LINUX_6_1, vmfunc_ctls, 296)
	O(LINUX_6_1, eptp_list_addr, 304)
	O(LINUX_6_1, pml_address, 312)
	O(LINUX_6_1, encls_exit_bitmap, 320)
	O(LINUX_6_1, tsc_multiplier, 328)
	O(LINUX_6_1, cr0_mask, 344)
	O(LINUX_6_1, cr4_mask, 352)
	O(LINUX_6_1, cr0_shadow, 360)
	O(LINUX_6_1, cr4_shadow, 368)
	O(LINUX_6_1, exit_qualification, 408)
	O(LINUX_6_1, guest_linear_addr, 416)
	O(LINUX_6_1, guest_cr0, 424)
	O(LINUX_6_1, guest_cr3, 432)
	O(LINUX_6_1, guest_cr4, 440)
	O(LINUX_6_1, guest_es_base, 448)
	O(LINUX_6_1, guest_cs_base, 456)
	O(LINUX_6_1, guest_ss_base, 464)
	O(LINUX_6_1, guest_ds_base, 472)
	O(LINUX_6_1, guest_fs_base, 480)
	O(LINUX_6_1, guest_gs_base, 488)
	O(LINUX_6_1, guest_ldtr_base, 496)
	O(LINUX_6_1, guest_tr_base, 504)
	O(LINUX_6_1, guest_gdtr_base, 512)
	O(LINUX_6_1, guest_idtr_base, 520)
	O(LINUX_6_1, guest_dr7, 528)
	O(LINUX_6_1, guest_rsp, 536)
	O(LINUX_6_1, guest_rip, 544)
	O(LINUX_6_1, guest_rflags, 552)
	O(LINUX_6_1, guest_pending_dbg, 560)
	O(LINUX_6_1, guest_sysenter_esp, 568)
	O(LINUX_6_1, guest_sysenter_eip, 576)
	O(LINUX_6_1, host_cr0, 584)
	O(LINUX_6_1, host_cr3, 592)
	O(LINUX_6_1, host_cr4, 600)
	O(LINUX_6_1, host_fs_base, 608)
	O(LINUX_6_1, host_gs_base, 616)
	O(LINUX_6_1, host_tr_base, 624)
	O(LINUX_6_1, host_gdtr_base, 632)
	O(LINUX_6_1, host_idtr_base, 640)
	O(LINUX_6_1, host_sysenter_esp, 648)
	O(LINUX_6_1, host_sysenter_eip, 656)
	O(LINUX_6_1, host_rsp, 664)
	O(LINUX_6_1, host_rip, 672)
	O(LINUX_7_0, host_s_cet, 680)
	O(LINUX_7_0, host_ssp, 688)
	O(LINUX_7_0, host_int_ssp_table, 696)
	O(LINUX_7_0, guest_s_cet, 704)
	O(LINUX_7_0, guest_ssp, 712)
	O(LINUX_7_0, guest_int_ssp_table, 720)
	O(LINUX_6_1, pin_ctls, 744)
	O(LINUX_6_1, proc_ctls, 748)
	O(LINUX_6_1, exception_bitmap, 752)
	O(LINUX_6_1, pf_ec_mask, 756)
	O(LINUX_6_1, pf_ec_match, 760)
	O(LINUX_6_1, cr3_target_count, 764)
	O(LINUX_6_1, exit_ctls, 768)
	O(LINUX_6_1, exit_msr_store_count, 772)
	O(LINUX_6_1, exit_msr_load_count, 776)
	O(LINUX_6_1, entry_ctls, 780)
	O(LINUX_6_1, entry_msr_load_count, 784)
	O(LINUX_6_1, entry_intr_info, 788)
	O(LINUX_6_1, entry_exc_error_code, 792)
	O(LINUX_6_1, entry_instr_len, 796)
	O(LINUX_6_1, tpr_threshold, 800)
	O(LINUX_6_1, proc_ctls2, 804)
	O(LINUX_6_1, vm_instr_error, 808)
	O(LINUX_6_1, exit_reason, 812)
	O(LINUX_6_1, exit_intr_info, 816)
	O(LINUX_6_1, exit_intr_error_code, 820)
	O(LINUX_6_1, idt_vectoring_info, 824)
	O(LINUX_6_1, idt_vectoring_error_code, 828)
	O(LINUX_6_1, exit_instr_len, 832)
	O(LINUX_6_1, exit_instr_info, 836)
	O(LINUX_6_1, guest_es_limit, 840)
	O(LINUX_6_1, guest_cs_limit, 844)
	O(LINUX_6_1, guest_ss_limit, 848)
	O(LINUX_6_1, guest_ds_limit, 852)
	O(LINUX_6_1, guest_fs_limit, 856)
	O(LINUX_6_1, guest_gs_limit, 860)
	O(LINUX_6_1, guest_ldtr_limit, 864)
	O(LINUX_6_1, guest_tr_limit, 868)
	O(LINUX_6_1, guest_gdtr_limit, 872)
	O(LINUX_6_1, guest_idtr_limit, 876)
	O(LINUX_6_1, guest_es_ar, 880)
	O(LINUX_6_1, guest_cs_ar, 884)
	O(LINUX_6_1, guest_ss_ar, 888)
	O(LINUX_6_1, guest_ds_ar, 892)
	O(LINUX_6_1, guest_fs_ar, 896)
	O(LINUX_6_1, guest_gs_ar, 900)
	O(LINUX_6_1, guest_ldtr_ar, 904)
	O(LINUX_6_1, guest_tr_ar, 908)
	O(LINUX_6_1, guest_interruptibility, 912)
	O(LINUX_6_1, guest_activity, 916)
	O(LINUX_6_1, guest_sysenter_cs, 920)
	O(LINUX_6_1, host_sysenter_cs, 924)
	O(LINUX_6_1, preemption_timer, 928)
	O(LINUX_6_1, vpid, 960)
	O(LINUX_6_1, posted_int_nv, 962)
	O(LINUX_6_1, guest_es_sel, 964)
	O(LINUX_6_1, guest_cs_sel, 966)
	O(LINUX_6_1, guest_ss_sel, 968)
	O(LINUX_6_1, guest_ds_sel, 970)
	O(LINUX_6_1, guest_fs_sel, 972)
	O(LINUX_6_1, guest_gs_sel, 974)
	O(LINUX_6_1, guest_ldtr_sel, 976)
	O(LINUX_6_1, guest_tr_sel, 978)
	O(LINUX_6_1, guest_int_status, 980)
	O(LINUX_6_1, host_es_sel, 982)
	O(LINUX_6_1, host_cs_sel, 984)
	O(LINUX_6_1, host_ss_sel, 986)
	O(LINUX_6_1, host_ds_sel, 988)
	O(LINUX_6_1, host_fs_sel, 990)
	O(LINUX_6_1, host_gs_sel, 992)
	O(LINUX_6_1, host_tr_sel, 994)
	O(LINUX_6_1, pml_index, 996)
#undef O
};
#define LAYOUT (sizeof(linux_layout) / sizeof(*linux_layout))
#define LINUX_PAGE 1000u /* what no kernel has reached yet begins behind that */

static void layout_is_that_of_each_kernel(void **state)
{
	(void)state;
	for (unsigned kernel = 0; kernel < KERNELS; kernel++) {
		uint8_t used[LINUX_PAGE] = { 0 };
		unsigned fields = 0;

		for (const struct layout *l = linux_layout; l < linux_layout + LAYOUT; l++) {
			if (l->since > kernel)
				continue;
			fields++;
			if (l->offset != l->want)
				fail_msg("%s is at %zu, Linux %s has it at %zu", l->name, l->offset, kernels[kernel], l->want);
			memset(used + l->want, 1, l->size);
		}
		assert_int_equal(fields, fields_of_kernel[kernel]);
		for (const struct layout *l = linux_layout; l < linux_layout + LAYOUT; l++)
			if (l->since > kernel && memchr(used + l->offset, 1, l->size))
				fail_msg("%s is where Linux %s has something else", l->name, kernels[kernel]);
	}
}

/* A field that no kernel has is out of the way of all that they may add. */
static void other_fields_are_behind_linux(void **state)
{
	(void)state;
	for (unsigned row = 0; row < NVMX_ROWS; row++) {
		bool known = false;

		for (const struct layout *l = linux_layout; l < linux_layout + LAYOUT; l++)
			known |= l->offset == nvmx_field_rows[row].offset;
		assert_true(known || nvmx_field_rows[row].offset >= 1024);
	}
}

static void public_encodings_match(void **state)
{
	(void)state;
#define F(enc, NAME, sdm, member, exists, merge, sync, shadow, group) \
	assert_int_equal(NVMX_##NAME, enc);                           \
	assert_int_equal(nvmx_field_find(enc), NVMX_I_##NAME);
#include "vmcs/fields.def"
}

static void sizes_follow_encodings(void **state)
{
	static const uint8_t size[4] = { 2, 8, 4, 8 };

	(void)state;
	for (unsigned i = 0; i < NVMX_ROWS; i++) {
		assert_int_equal(nvmx_field_rows[i].size, size[nvmx_field_rows[i].encoding >> 13]);
		assert_true(i == 0 || nvmx_field_rows[i].encoding > nvmx_field_rows[i - 1].encoding);
	}
}

static void unknown_encodings_have_no_row(void **state)
{
	unsigned found = 0;

	(void)state;
	for (uint32_t enc = 0; enc < 0x10000; enc += 2)
		found += nvmx_field_find(enc) >= 0;
	assert_int_equal(found, NVMX_ROWS);
	assert_int_equal(nvmx_field_find(0x80006800u), -1);
	assert_int_equal(nvmx_field_find(0x00016800u), -1);
	assert_int_equal(nvmx_field_find(NVMX_TSC_OFFSET + 1), NVMX_I_TSC_OFFSET);
}

static void fields_do_not_overlap(void **state)
{
	uint8_t used[NVMX_VMCS12_SIZE] = { 0 };

	(void)state;
	for (unsigned i = 0; i < NVMX_ROWS; i++)
		for (unsigned b = 0; b < nvmx_field_rows[i].size; b++)
			assert_int_equal(used[nvmx_field_rows[i].offset + b]++, 0);
}

static void get_and_set_keep_the_width(void **state)
{
	static struct nvmx_vmcs12 v12;

	(void)state;
	for (unsigned i = 0; i < NVMX_ROWS; i++) {
		unsigned bits = nvmx_field_rows[i].size * 8u;

		memset(&v12, 0, sizeof(v12));
		nvmx_v12_set(&v12, i, ~0ull);
		assert_true(nvmx_v12_get(&v12, i) == (bits == 64 ? ~0ull : (1ull << bits) - 1));
		nvmx_v12_set(&v12, i, 0);
		for (size_t b = 0; b < sizeof(v12); b++)
			assert_int_equal(((uint8_t *)&v12)[b], 0);
	}
}

static void fields_exist_by_capability(void **state)
{
	struct nvmx_caps caps = { .maxphyaddr = 39, .linear_width = 48 };
	const struct nvmx_field_row *vpid = &nvmx_field_rows[NVMX_I_VPID];

	(void)state;
	assert_false(nvmx_field_exists(vpid, &caps));
	assert_true(nvmx_field_exists(&nvmx_field_rows[NVMX_I_GUEST_CR0], &caps));
	assert_int_equal(nvmx_vmcs_enum(&caps), NVMX_GUEST_SYSENTER_CS & 0x3fe); /* the highest index of a base field */
	caps.msr[NVMX_MSR_VMX_PROCBASED_CTLS2 - NVMX_CAPS_FIRST_MSR] = (uint64_t)NVMX_PROC2_VPID << 32;
	assert_true(nvmx_field_exists(vpid, &caps));
	assert_false(nvmx_field_exists(&nvmx_field_rows[NVMX_I_CR3_TARGET0], &caps));
	caps.msr[NVMX_MSR_VMX_MISC - NVMX_CAPS_FIRST_MSR] = 1u << 16;
	assert_true(nvmx_field_exists(&nvmx_field_rows[NVMX_I_CR3_TARGET0], &caps));
	assert_false(nvmx_field_exists(&nvmx_field_rows[NVMX_I_CR3_TARGET1], &caps));
}

/* The 1-setting of which control makes a field exist, by encodings and bit numbers (SDM appendix B). */
static const struct {
	uint32_t msr, encoding;
	uint8_t bit;
} made_by[] = {
#define PIN NVMX_MSR_VMX_TRUE_PINBASED_CTLS
#define PROC NVMX_MSR_VMX_TRUE_PROCBASED_CTLS
#define PROC2 NVMX_MSR_VMX_PROCBASED_CTLS2
#define ENTRY NVMX_MSR_VMX_TRUE_ENTRY_CTLS
	{ PIN, 0x0002, 7 },    { PIN, 0x2016, 7 },    { PIN, 0x482e, 6 },    { PROC, 0x2004, 28 },  { PROC, 0x2012, 21 },
	{ PROC, 0x401c, 21 },  { PROC, 0x401e, 31 },  { PROC, 0x2034, 17 },  { PROC2, 0x0000, 5 },  { PROC2, 0x0004, 18 },
	{ PROC2, 0x0810, 9 },  { PROC2, 0x0812, 17 }, { PROC2, 0x200e, 17 }, { PROC2, 0x2014, 0 },  { PROC2, 0x2018, 13 },
	{ PROC2, 0x201a, 1 },  { PROC2, 0x201c, 9 },  { PROC2, 0x201e, 9 },  { PROC2, 0x2020, 9 },  { PROC2, 0x2022, 9 },
	{ PROC2, 0x2026, 14 }, { PROC2, 0x2028, 14 }, { PROC2, 0x202a, 18 }, { PROC2, 0x202c, 20 }, { PROC2, 0x202e, 15 },
	{ PROC2, 0x2032, 25 }, { PROC2, 0x2036, 28 }, { PROC2, 0x2400, 1 },  { PROC2, 0x280a, 1 },  { PROC2, 0x280c, 1 },
	{ PROC2, 0x280e, 1 },  { PROC2, 0x2810, 1 },  { PROC2, 0x4020, 10 }, { PROC2, 0x4022, 10 }, { PROC2, 0x4024, 31 },
	{ ENTRY, 0x2804, 14 }, { ENTRY, 0x2806, 15 }, { ENTRY, 0x2808, 13 }, { ENTRY, 0x2812, 16 }, { ENTRY, 0x2814, 18 },
	{ ENTRY, 0x2818, 22 }, { ENTRY, 0x2c00, 14 }, { ENTRY, 0x2c02, 15 }, { ENTRY, 0x2c04, 13 }, { ENTRY, 0x2c06, 22 },
	{ ENTRY, 0x6828, 20 }, { ENTRY, 0x682a, 20 }, { ENTRY, 0x682c, 20 }, { ENTRY, 0x6c18, 20 }, { ENTRY, 0x6c1a, 20 },
	{ ENTRY, 0x6c1c, 20 },
#undef PIN
#undef PROC
#undef PROC2
#undef ENTRY
};

/* With one control alone, and with all but that one. */
static void fields_exist_by_one_control(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(made_by) / sizeof(*made_by); i++) {
		struct nvmx_caps one = { .maxphyaddr = 39, .linear_width = 48 }, others = one;
		int row = nvmx_field_find(made_by[i].encoding);
		uint64_t bit = NVMX_BIT64(32 + made_by[i].bit);

		assert_true(row >= 0);
		for (uint32_t m = 0; m < NVMX_CAPS_MSRS; m++)
			others.msr[m] = ~0ull;
		others.msr[made_by[i].msr - NVMX_CAPS_FIRST_MSR] &= ~bit;
		one.msr[made_by[i].msr - NVMX_CAPS_FIRST_MSR] = bit;
		if (!nvmx_field_exists(&nvmx_field_rows[row], &one) || nvmx_field_exists(&nvmx_field_rows[row], &others))
			fail_msg("%04x", made_by[i].encoding);
	}
}

static bool among(uint16_t encoding, const uint16_t *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == encoding)
			return true;
	return false;
}
#define AMONG(encoding, list) among(encoding, list, sizeof(list) / sizeof(*(list)))

/* Who writes a field is a matter of its type (SDM 24.11.2, 27.2, 27.3): exits write all exit information, and the guest state that L2
 * can change; of host state vmcs02 has the host's own.  What differs is named. */
static void columns_follow_the_type(void **state)
{
	static const uint16_t controls_changed[] = { NVMX_EPTP_INDEX, NVMX_EPT_POINTER, NVMX_ENTRY_CTLS };
	static const uint16_t by_instructions[] = { NVMX_VM_INSTR_ERROR, NVMX_IO_RCX, NVMX_IO_RSI, NVMX_IO_RDI, NVMX_IO_RIP };
	static const uint16_t not_saved[] = { NVMX_VMCS_LINK_POINTER, NVMX_GUEST_RTIT_CTL, NVMX_GUEST_SMBASE, NVMX_GUEST_PERF_GLOBAL_CTRL };
	static const uint16_t computed[] = { NVMX_GUEST_INT_STATUS, NVMX_PML_INDEX, NVMX_PREEMPTION_TIMER, NVMX_GUEST_CR0, NVMX_GUEST_CR4 };

	(void)state;
	for (unsigned row = 0; row < NVMX_ROWS; row++) {
		const struct nvmx_field_row *r = &nvmx_field_rows[row];
		unsigned sync = NVMX_S_NO;

		switch (nvmx_field_type(r->encoding)) {
		case NVMX_TYPE_CONTROL:
			sync = AMONG(r->encoding, controls_changed) ? NVMX_S_CALC : NVMX_S_NO;
			break;
		case NVMX_TYPE_EXIT_INFO:
			sync = AMONG(r->encoding, by_instructions) ? NVMX_S_NO : NVMX_S_INFO;
			break;
		case NVMX_TYPE_GUEST:
			sync = AMONG(r->encoding, not_saved) ? NVMX_S_NO : AMONG(r->encoding, computed) ? NVMX_S_CALC
				: r->sync == NVMX_S_HOT ? NVMX_S_HOT : NVMX_S_RARE;
			break;
		case NVMX_TYPE_HOST:
			break;
		}
		if (r->sync != sync)
			fail_msg("%s: sync is %u", r->name, r->sync);
		if (r->merge != NVMX_M_NONE && (nvmx_field_type(r->encoding) & 1)) /* exit information, host state */
			fail_msg("%s: merge is %u", r->name, r->merge);
	}
}

/* The step that makes a field of vmcs02 is one that reads it in vmcs12; but vmcs02's bitmaps are the library's, its tertiary controls
 * the host's. */
static void steps_read_what_they_make(void **state)
{
	static const uint16_t others[] = { NVMX_IO_BITMAP_A, NVMX_IO_BITMAP_B, NVMX_MSR_BITMAP, NVMX_PROC_CTLS3 };

	(void)state;
	for (unsigned row = 0; row < NVMX_ROWS; row++) {
		unsigned made_by = nvmx_field_rows[row].merge, step = 0;
		bool reads = false;

		for (size_t i = 0; i < nvmx_edge_count; i++) {
			if (nvmx_edges[i].kind == NVMX_EDGE_STEP)
				step = nvmx_edges[i].what;
			else if (step == made_by && nvmx_edges[i].what == row &&
				 (nvmx_edges[i].kind == NVMX_EDGE_12 || nvmx_edges[i].kind == NVMX_EDGE_ALSO12))
				reads = true;
		}
		if (made_by != NVMX_M_NONE && made_by != NVMX_M_GUEST && reads == AMONG(nvmx_field_rows[row].encoding, others))
			fail_msg("%s is made by step %u, which does not read it", nvmx_field_rows[row].name, made_by);
	}
}

/* What KVM shadows for its L1s (Linux 6.1 and later), as encodings: an L1 that is KVM was made with these in mind.  The
 * guest-physical address's other half, 2401H, is 2400H's; 440EH is beyond what KVM has. */
static void what_kvm_shadows_is_shadowed(void **state)
{
	static const uint16_t read_write[] = {
		0x0810, 0x0812, 0x0c08, 0x0c0a, 0x4000, 0x4002, 0x4004, 0x4016, 0x4018, 0x401a, 0x401c, 0x4824, 0x482e, 0x6000,
		0x6004, 0x6006, 0x6800, 0x6802, 0x6804, 0x681c, 0x681e, 0x6820, 0x6c06, 0x6c08,
	};
	static const uint16_t read_only[] = {
		0x2400, 0x4402, 0x4404, 0x4406, 0x4408, 0x440a, 0x440c, 0x440e, 0x4816, 0x4818, 0x6400, 0x640a,
	};

	(void)state;
	for (unsigned row = 0; row < NVMX_ROWS; row++) {
		const struct nvmx_field_row *r = &nvmx_field_rows[row];

		if (r->shadow != (AMONG(r->encoding, read_write) ? NVMX_H_RW : AMONG(r->encoding, read_only) ? NVMX_H_RO : NVMX_H_NO))
			fail_msg("%04X is otherwise on KVM", r->encoding);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout_is_that_of_each_kernel),
		cmocka_unit_test(other_fields_are_behind_linux),
		cmocka_unit_test(public_encodings_match),
		cmocka_unit_test(sizes_follow_encodings),
		cmocka_unit_test(unknown_encodings_have_no_row),
		cmocka_unit_test(fields_do_not_overlap),
		cmocka_unit_test(get_and_set_keep_the_width),
		cmocka_unit_test(fields_exist_by_capability),
		cmocka_unit_test(fields_exist_by_one_control),
		cmocka_unit_test(columns_follow_the_type),
		cmocka_unit_test(steps_read_what_they_make),
		cmocka_unit_test(what_kvm_shadows_is_shadowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

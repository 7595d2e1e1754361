/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later */
/*
 * The vmcs12 page: the VMCS that L1 keeps for L2, as libnestvmx lays it out in L1's memory.
 *
 * The layout up to byte 1023 is that of Linux's nested VMX (VMCS12_REVISION 0x11e57ed0), so that a saved state moves
 * between the two.  Fields that Linux lacks start at byte 1024 and exist only with capabilities outside the compatible
 * profile.  L1 must not look inside (SDM 24.11.1); the library treats a page read from L1 as hostile and copies it once.
 */
#ifndef NESTVMX_VMCS12_H
#define NESTVMX_VMCS12_H

#include <nestvmx/version.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The VMCS revision identifier announced to L1 in IA32_VMX_BASIC[30:0], and its shadow-VMCS indicator (SDM 24.2). */
#define NVMX_VMCS12_REVISION 0x11e57ed0u
#define NVMX_SHADOW_VMCS_INDICATOR 0x80000000u
#define NVMX_VMCS12_SIZE 4096

/* Values of launch_state (SDM 24.1). */
#define NVMX_LAUNCH_CLEAR 0u
#define NVMX_LAUNCH_LAUNCHED 1u

/* The page behind L1's VMCS pointer. */
struct nvmx_vmcs12 {
	uint32_t revision;     /* bit 31: shadow-VMCS indicator */
	uint32_t abort;        /* VMX-abort indicator (SDM 27.7) */
	uint32_t launch_state; /* NVMX_LAUNCH_CLEAR or _LAUNCHED */
	uint8_t pad0[28]; /* unused */
	uint64_t io_bitmap_a;
	uint64_t io_bitmap_b;
	uint64_t msr_bitmap;
	uint64_t exit_msr_store_addr;
	uint64_t exit_msr_load_addr;
	uint64_t entry_msr_load_addr;
	uint64_t tsc_offset;
	uint64_t virtual_apic_addr;
	uint64_t apic_access_addr;
	uint64_t posted_int_desc_addr;
	uint64_t ept_pointer;
	uint64_t eoi_exit_bitmap0;
	uint64_t eoi_exit_bitmap1;
	uint64_t eoi_exit_bitmap2;
	uint64_t eoi_exit_bitmap3;
	uint64_t xss_exit_bitmap;
	uint64_t guest_phys_addr;
	uint64_t vmcs_link_pointer;
	uint64_t guest_debugctl;
	uint64_t guest_pat;
	uint64_t guest_efer;
	uint64_t guest_perf_global_ctrl;
	uint64_t guest_pdpte0;
	uint64_t guest_pdpte1;
	uint64_t guest_pdpte2;
	uint64_t guest_pdpte3;
	uint64_t guest_bndcfgs;
	uint64_t host_pat;
	uint64_t host_efer;
	uint64_t host_perf_global_ctrl;
	uint64_t vmread_bitmap;
	uint64_t vmwrite_bitmap;
	uint64_t vmfunc_ctls;
	uint64_t eptp_list_addr;
	uint64_t pml_address;
	uint64_t encls_exit_bitmap;
	uint64_t tsc_multiplier;
	uint8_t pad1[8]; /* unused */
	uint64_t cr0_mask;
	uint64_t cr4_mask;
	uint64_t cr0_shadow;
	uint64_t cr4_shadow;
	uint8_t pad2[32]; /* unused */
	uint64_t exit_qualification;
	uint64_t guest_linear_addr;
	uint64_t guest_cr0;
	uint64_t guest_cr3;
	uint64_t guest_cr4;
	uint64_t guest_es_base;
	uint64_t guest_cs_base;
	uint64_t guest_ss_base;
	uint64_t guest_ds_base;
	uint64_t guest_fs_base;
	uint64_t guest_gs_base;
	uint64_t guest_ldtr_base;
	uint64_t guest_tr_base;
	uint64_t guest_gdtr_base;
	uint64_t guest_idtr_base;
	uint64_t guest_dr7;
	uint64_t guest_rsp;
	uint64_t guest_rip;
	uint64_t guest_rflags;
	uint64_t guest_pending_dbg;
	uint64_t guest_sysenter_esp;
	uint64_t guest_sysenter_eip;
	uint64_t host_cr0;
	uint64_t host_cr3;
	uint64_t host_cr4;
	uint64_t host_fs_base;
	uint64_t host_gs_base;
	uint64_t host_tr_base;
	uint64_t host_gdtr_base;
	uint64_t host_idtr_base;
	uint64_t host_sysenter_esp;
	uint64_t host_sysenter_eip;
	uint64_t host_rsp;
	uint64_t host_rip;
	uint64_t host_s_cet;   /* from here on to guest_int_ssp_table since Linux 7.0 */
	uint64_t host_ssp;
	uint64_t host_int_ssp_table;
	uint64_t guest_s_cet;
	uint64_t guest_ssp;
	uint64_t guest_int_ssp_table;
	uint8_t pad3[16]; /* unused */
	uint32_t pin_ctls;
	uint32_t proc_ctls;
	uint32_t exception_bitmap;
	uint32_t pf_ec_mask;
	uint32_t pf_ec_match;
	uint32_t cr3_target_count;
	uint32_t exit_ctls;
	uint32_t exit_msr_store_count;
	uint32_t exit_msr_load_count;
	uint32_t entry_ctls;
	uint32_t entry_msr_load_count;
	uint32_t entry_intr_info;
	uint32_t entry_exc_error_code;
	uint32_t entry_instr_len;
	uint32_t tpr_threshold;
	uint32_t proc_ctls2;
	uint32_t vm_instr_error;
	uint32_t exit_reason;
	uint32_t exit_intr_info;
	uint32_t exit_intr_error_code;
	uint32_t idt_vectoring_info;
	uint32_t idt_vectoring_error_code;
	uint32_t exit_instr_len;
	uint32_t exit_instr_info;
	uint32_t guest_es_limit;
	uint32_t guest_cs_limit;
	uint32_t guest_ss_limit;
	uint32_t guest_ds_limit;
	uint32_t guest_fs_limit;
	uint32_t guest_gs_limit;
	uint32_t guest_ldtr_limit;
	uint32_t guest_tr_limit;
	uint32_t guest_gdtr_limit;
	uint32_t guest_idtr_limit;
	uint32_t guest_es_ar;
	uint32_t guest_cs_ar;
	uint32_t guest_ss_ar;
	uint32_t guest_ds_ar;
	uint32_t guest_fs_ar;
	uint32_t guest_gs_ar;
	uint32_t guest_ldtr_ar;
	uint32_t guest_tr_ar;
	uint32_t guest_interruptibility;
	uint32_t guest_activity;
	uint32_t guest_sysenter_cs;
	uint32_t host_sysenter_cs;
	uint32_t preemption_timer;
	uint8_t pad4[28]; /* unused */
	uint16_t vpid;
	uint16_t posted_int_nv;
	uint16_t guest_es_sel;
	uint16_t guest_cs_sel;
	uint16_t guest_ss_sel;
	uint16_t guest_ds_sel;
	uint16_t guest_fs_sel;
	uint16_t guest_gs_sel;
	uint16_t guest_ldtr_sel;
	uint16_t guest_tr_sel;
	uint16_t guest_int_status;
	uint16_t host_es_sel;
	uint16_t host_cs_sel;
	uint16_t host_ss_sel;
	uint16_t host_ds_sel;
	uint16_t host_fs_sel;
	uint16_t host_gs_sel;
	uint16_t host_tr_sel;
	uint16_t pml_index;
	uint8_t pad5[26]; /* unused */

	/* Fields that Linux lacks. */
	uint64_t executive_vmcs;
	uint64_t ve_info_addr;
	uint64_t spptp;
	uint64_t proc_ctls3;
	uint64_t guest_rtit_ctl;
	uint64_t guest_pkrs;
	uint64_t host_pkrs;
	uint64_t cr3_target0;
	uint64_t cr3_target1;
	uint64_t cr3_target2;
	uint64_t cr3_target3;
	uint64_t io_rcx;
	uint64_t io_rsi;
	uint64_t io_rdi;
	uint64_t io_rip;
	uint8_t old_cet[48];   /* of this library before Linux had it: 0 in a saved state */
	uint32_t ple_gap;
	uint32_t ple_window;
	uint32_t guest_smbase;
	uint16_t eptp_index;
	uint16_t pad7; /* unused */
	uint64_t enclv_exit_bitmap;
	uint32_t instr_timeout;
	uint8_t pad6[2876]; /* unused */
} __attribute__((packed, aligned(8)));

NVMX_STATIC_ASSERT(sizeof(struct nvmx_vmcs12) == NVMX_VMCS12_SIZE, "a VMCS region is one page");

#ifdef __cplusplus
}
#endif

#endif

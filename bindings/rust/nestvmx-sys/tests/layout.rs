// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
// Written by bindings/rust/generate.
use nestvmx_sys::*;
use std::mem::{align_of, size_of, MaybeUninit};
use std::ptr::addr_of;

macro_rules! layout {
    ($name:ident, $size:expr, $align:expr; $($field:ident = $offset:expr),*) => {
        assert_eq!((size_of::<$name>(), align_of::<$name>()), ($size, $align), stringify!($name));
        let it = MaybeUninit::<$name>::uninit();
        let _at = it.as_ptr();
        $(assert_eq!(unsafe { addr_of!((*_at).$field) } as usize - _at as usize, $offset, stringify!($name.$field));)*
    };
}

#[test]
#[rustfmt::skip]
fn layout() {
    layout!(nvmx_caps, 192, 8; msr = 0, efer_valid = 152, debugctl_valid = 160, perf_global_valid = 168, feature_control = 176, maxphyaddr = 184, linear_width = 185);
    layout!(nvmx_vmcs12, 4096, 8; revision = 0, abort = 4, launch_state = 8, pad0 = 12, io_bitmap_a = 40, io_bitmap_b = 48, msr_bitmap = 56, exit_msr_store_addr = 64, exit_msr_load_addr = 72, entry_msr_load_addr = 80, tsc_offset = 88, virtual_apic_addr = 96, apic_access_addr = 104, posted_int_desc_addr = 112, ept_pointer = 120, eoi_exit_bitmap0 = 128, eoi_exit_bitmap1 = 136, eoi_exit_bitmap2 = 144, eoi_exit_bitmap3 = 152, xss_exit_bitmap = 160, guest_phys_addr = 168, vmcs_link_pointer = 176, guest_debugctl = 184, guest_pat = 192, guest_efer = 200, guest_perf_global_ctrl = 208, guest_pdpte0 = 216, guest_pdpte1 = 224, guest_pdpte2 = 232, guest_pdpte3 = 240, guest_bndcfgs = 248, host_pat = 256, host_efer = 264, host_perf_global_ctrl = 272, vmread_bitmap = 280, vmwrite_bitmap = 288, vmfunc_ctls = 296, eptp_list_addr = 304, pml_address = 312, encls_exit_bitmap = 320, tsc_multiplier = 328, pad1 = 336, cr0_mask = 344, cr4_mask = 352, cr0_shadow = 360, cr4_shadow = 368, pad2 = 376, exit_qualification = 408, guest_linear_addr = 416, guest_cr0 = 424, guest_cr3 = 432, guest_cr4 = 440, guest_es_base = 448, guest_cs_base = 456, guest_ss_base = 464, guest_ds_base = 472, guest_fs_base = 480, guest_gs_base = 488, guest_ldtr_base = 496, guest_tr_base = 504, guest_gdtr_base = 512, guest_idtr_base = 520, guest_dr7 = 528, guest_rsp = 536, guest_rip = 544, guest_rflags = 552, guest_pending_dbg = 560, guest_sysenter_esp = 568, guest_sysenter_eip = 576, host_cr0 = 584, host_cr3 = 592, host_cr4 = 600, host_fs_base = 608, host_gs_base = 616, host_tr_base = 624, host_gdtr_base = 632, host_idtr_base = 640, host_sysenter_esp = 648, host_sysenter_eip = 656, host_rsp = 664, host_rip = 672, host_s_cet = 680, host_ssp = 688, host_int_ssp_table = 696, guest_s_cet = 704, guest_ssp = 712, guest_int_ssp_table = 720, pad3 = 728, pin_ctls = 744, proc_ctls = 748, exception_bitmap = 752, pf_ec_mask = 756, pf_ec_match = 760, cr3_target_count = 764, exit_ctls = 768, exit_msr_store_count = 772, exit_msr_load_count = 776, entry_ctls = 780, entry_msr_load_count = 784, entry_intr_info = 788, entry_exc_error_code = 792, entry_instr_len = 796, tpr_threshold = 800, proc_ctls2 = 804, vm_instr_error = 808, exit_reason = 812, exit_intr_info = 816, exit_intr_error_code = 820, idt_vectoring_info = 824, idt_vectoring_error_code = 828, exit_instr_len = 832, exit_instr_info = 836, guest_es_limit = 840, guest_cs_limit = 844, guest_ss_limit = 848, guest_ds_limit = 852, guest_fs_limit = 856, guest_gs_limit = 860, guest_ldtr_limit = 864, guest_tr_limit = 868, guest_gdtr_limit = 872, guest_idtr_limit = 876, guest_es_ar = 880, guest_cs_ar = 884, guest_ss_ar = 888, guest_ds_ar = 892, guest_fs_ar = 896, guest_gs_ar = 900, guest_ldtr_ar = 904, guest_tr_ar = 908, guest_interruptibility = 912, guest_activity = 916, guest_sysenter_cs = 920, host_sysenter_cs = 924, preemption_timer = 928, pad4 = 932, vpid = 960, posted_int_nv = 962, guest_es_sel = 964, guest_cs_sel = 966, guest_ss_sel = 968, guest_ds_sel = 970, guest_fs_sel = 972, guest_gs_sel = 974, guest_ldtr_sel = 976, guest_tr_sel = 978, guest_int_status = 980, host_es_sel = 982, host_cs_sel = 984, host_ss_sel = 986, host_ds_sel = 988, host_fs_sel = 990, host_gs_sel = 992, host_tr_sel = 994, pml_index = 996, pad5 = 998, executive_vmcs = 1024, ve_info_addr = 1032, spptp = 1040, proc_ctls3 = 1048, guest_rtit_ctl = 1056, guest_pkrs = 1064, host_pkrs = 1072, cr3_target0 = 1080, cr3_target1 = 1088, cr3_target2 = 1096, cr3_target3 = 1104, io_rcx = 1112, io_rsi = 1120, io_rdi = 1128, io_rip = 1136, old_cet = 1144, ple_gap = 1192, ple_window = 1196, guest_smbase = 1200, eptp_index = 1204, pad7 = 1206, enclv_exit_bitmap = 1208, instr_timeout = 1216, pad6 = 1220);
    layout!(nvmx_check_input, 72, 8; v12 = 0, caps = 8, current_vmcs = 16, pdpte = 24, link_revision = 56, vtpr = 60, vtpr_known = 61, pdpte_known = 62, l1_ia32e = 63, in_smm = 64);
    layout!(nvmx_check_row, 48, 8; id = 0, sdm = 8, text = 16, fields = 24, groups = 32, consequence = 36, error = 37, qualification = 38, holds = 40);
    layout!(nvmx_error_info, 40, 8; error = 0, refusal = 4, name = 8, about = 16, found = 24, expected = 32);
    layout!(nvmx_xlate, 16, 8; hpa = 0, rights = 8, page_shift = 9, memtype = 10, ignore_pat = 11);
    layout!(nvmx_host_ops, 248, 8; size = 0, abi = 4, translate = 8, map = 16, unmap = 24, pin = 32, unpin = 40, page_alloc = 48, page_free = 56, vmcs_load = 64, vmcs_clear = 72, vmcs_read_many = 80, vmcs_write_many = 88, flush_ept = 96, flush_vpid = 104, l1_msr_read = 112, l1_msr_write = 120, l1_state_loaded = 128, pending_events = 136, ack_interrupt = 144, inject_l1 = 152, barrier = 160, kick_others = 168, trace = 176, take_event = 184, set_cr2 = 192, inject_l2 = 200, make_vmcs02 = 208, set_dr6 = 216, watch = 224, unwatch = 232, end_interrupt = 240);
    layout!(nvmx_state_header, 128, 8; flags = 0, format = 2, size = 4, vmxon_pa = 8, vmcs12_pa = 16, smm_flags = 24, pad = 26, vmx_flags = 28, preemption_timer_deadline = 32, reserved = 40);
    layout!(nvmx_state, 8320, 8; header = 0, vmcs12 = 128, shadow_vmcs12 = 4224);
    layout!(nvmx_state_live, 152, 8; magic = 0, efer = 8, pat = 16, debugctl = 24, dr7 = 32, bndcfgs = 40, perf_global_ctrl = 48, pdpte = 56, timer_deadline = 88, event_info = 96, event_error = 100, event_len = 104, flags = 108, size = 112, pad = 116, pkrs = 120, s_cet = 128, ssp = 136, int_ssp_table = 144);
    layout!(nvmx_state_context, 16, 8; l1_tsc = 0, smm = 8);
    layout!(nvmx_why, 8, 4; owner = 0, cause = 1, shared = 2, detail = 4);
    layout!(nvmx_vm_config, 72, 8; size = 0, caps_size = 4, ops = 8, hw = 16, withheld = 24, flags = 32, shadow_ept_pages = 36, limit = 40, watches = 48, watches_n = 56, posted_vector02 = 60, beyond = 64);
    layout!(nvmx_vcpu_config, 72, 8; size = 0, vpid02 = 4, vpid02_n = 6, host = 8, vmcs01 = 16, msr_bitmap01 = 24, io_bitmap01 = 32, io_passthrough = 40, cr4_kept = 48, cr4_hidden = 56, debugctl_hidden = 64);
    layout!(nvmx_regs, 128, 8; gpr = 0);
    layout!(nvmx_l2_exit, 40, 8; reason = 0, intr_info = 4, intr_error = 8, idt_info = 12, idt_error = 16, instr_len = 20, qualification = 24, physical = 32);
    layout!(nvmx_view, 72, 8; vmcs12 = 0, vmcs12_gpa = 8, vmxon_gpa = 16, shadow_vmcs = 24, pin = 32, proc_ = 36, proc2 = 40, exit = 44, entry = 48, msr_bitmap = 56, eptp = 64);
    layout!(nvmx_field_exits, 32, 8; name = 0, encoding = 8, vmreads = 16, vmwrites = 24);
    layout!(nvmx_vtd_frame, 16, 8; hpa = 0, rights = 8, page_shift = 9);
    layout!(nvmx_vtd_target, 16, 8; kind = 0, device_tlb = 4, domain = 8);
    layout!(nvmx_vtd_domain, 16, 8; root = 0, levels = 8, width = 9);
    layout!(nvmx_vtd_flush, 40, 8; kind = 0, order = 1, leaf_only = 2, domain = 8, iova = 16, device = 24, source_id = 32);
    layout!(nvmx_vtd_ops, 136, 8; size = 0, abi = 4, map = 8, unmap = 16, interrupt = 24, interrupts_changed = 32, trace = 40, page_alloc = 48, page_free = 56, domain_open = 64, domain_close = 72, attach = 80, flush = 88, frame = 96, table_written = 104, dma_map = 112, dma_unmap = 120, drain = 128);
    layout!(nvmx_vtd_config, 72, 8; size = 0, ops = 8, host = 16, hw_cap = 24, hw_ecap = 32, features = 40, flags = 44, levels = 48, width = 49, host_width = 50, domain_bits = 51, pages = 52, work = 56, fault_burst = 60, routes_later = 64);
    layout!(nvmx_vtd_dma, 24, 8; gpa = 0, len = 8, rights = 16, page_shift = 17, snoop = 18, untranslated_only = 19);
    layout!(nvmx_vtd_msi, 12, 4; destination = 0, vector = 4, delivery_mode = 5, logical = 6, redirection_hint = 7, level = 8, assert = 9);
    layout!(nvmx_vtd_scope__bindgen_ty_1, 2, 1; device = 0, function = 1);
    layout!(nvmx_vtd_scope, 12, 1; type_ = 0, enumeration_id = 1, start_bus = 2, path_len = 3, path = 4);
    layout!(nvmx_vtd_drhd, 32, 8; base = 0, segment = 8, include_all = 10, scopes = 16, scope_count = 24);
    layout!(nvmx_vtd_rmrr, 40, 8; base = 0, limit = 8, segment = 16, scopes = 24, scope_count = 32);
    layout!(nvmx_vtd_dmar_config, 56, 8; host_width = 0, interrupt_remapping = 1, x2apic_opt_out = 2, device_tlbs = 3, oem_id = 4, oem_table_id = 10, drhd = 24, drhd_count = 32, rmrr = 40, rmrr_count = 48);
}

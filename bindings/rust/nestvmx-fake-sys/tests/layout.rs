// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
// Written by bindings/rust/generate.
use nestvmx_fake_sys::*;
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
    layout!(fake_insn, 32, 8; op = 0, reg = 1, reg2 = 2, mem = 3, seg = 4, base = 5, index = 6, scale = 7, asize = 8, size = 9, disp = 16, imm = 24);
    layout!(fake_code, 40, 8; linear = 0, insn = 8, n = 16, index = 24, bytes = 32);
    layout!(fake_seg, 24, 8; sel = 0, limit = 4, ar = 8, base = 16);
    layout!(fake_arch, 656, 8; gpr = 0, rip = 128, rflags = 136, cr0 = 144, cr2 = 152, cr3 = 160, cr4 = 168, cr8 = 176, dr = 184, dr6 = 216, dr7 = 224, xcr0 = 232, seg = 240, gdtr_base = 432, idtr_base = 440, gdtr_limit = 448, idtr_limit = 452, efer = 456, pat = 464, debugctl = 472, perf = 480, sysenter_cs = 488, sysenter_esp = 496, sysenter_eip = 504, bndcfgs = 512, xss = 520, s_cet = 528, ssp = 536, ssp_table = 544, pkrs = 552, tsc_aux = 560, star = 568, lstar = 576, fmask = 584, kernel_gs = 592, u_cet = 600, pdpte = 608, pending_dbg = 640, activity = 648, blocking = 652);
    layout!(fake_record, 72, 8; seen = 0, rip = 8, rflags = 16, info = 24, error = 32, gpr = 40, control = 48, segment = 56, rest = 64);
    layout!(fake_trace, 294952, 8; record = 0, n = 294912, keep = 294920, last_reason = 294928, last_intr = 294932, last_vect = 294936, last_qual = 294944);
    layout!(fake_outside, 16, 8; clock = 0, source = 8, vector = 9);
    layout!(fake_dma, 24, 8; clock = 0, gpa = 8, value = 16);
    layout!(fake_mem, 8216, 8; ram_base = 0, ram = 8, host = 16, host_used = 8208);
    layout!(fake_tlb_entry, 40, 8; linear = 0, hpa = 8, eptp = 16, vpid = 24, rights = 26, dirty = 27, user = 28, mode = 32);
    layout!(fake_dislike, 24, 8; field = 0, value = 8, error = 16);
    layout!(fake_cpu, 3792, 8; a = 0, caps = 656, dislike = 664, dislikes = 672, mem = 680, code = 688, codes = 696, native = 704, vmxon = 712, vmcs = 720, guest = 728, hides_nmi_blocking = 729, feature_control = 736, stop = 744, clock = 752, last_fetch = 760, steps = 768, entered_at = 776, entries = 784, last_insn = 792, outside = 800, outsides = 1056, outside_next = 1064, dma = 1072, intr = 1096, nmi = 1128, init = 1129, sipi = 1130, sipi_vector = 1131, mtf = 1132, virtual_interrupt = 1133, below_threshold = 1134, stalled = 1136, apic_write = 1144, apic_offset = 1146, tsc_base = 1152, last_field = 1160, timer = 1168, timer_on = 1176, vectoring = 1180, vectoring_error = 1184, vectoring_len = 1188, supervisor = 1192, shadow_stack = 1193, tlb = 1200, flushes = 3760, switches = 3768, trace = 3776, refused = 3784);
    layout!(fake_protection, 20, 4; msr = 0, guest = 4, host = 6, load = 8, undo = 12, offset = 16);
    layout!(script, 323120, 8; insn = 0, index = 192000, code = 323072, here = 323112);
    layout!(script_value, 16, 8; field = 0, value = 8);
}

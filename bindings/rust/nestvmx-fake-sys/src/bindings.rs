// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
// Written by bindings/rust/generate.
use nestvmx_sys::nvmx_caps;

pub const FAKE_PAGE: u32 = 4096;
pub const FAKE_NONE: i32 = -1;
pub const FAKE_NO_REG: u32 = 16;
pub const FAKE_DS: u32 = 3;
pub const FAKE_TRACE_MAX: u32 = 4096;
pub const FAKE_RAM_FRAMES: u32 = 128;
pub const FAKE_RAM_SIZE: u32 = 524288;
pub const FAKE_HOST_FRAMES: u32 = 1024;
pub const FAKE_HOST_BASE: u32 = 268435456;
pub const FAKE_RAM_BASE: u32 = 1073741824;
pub const FAKE_TIMER_FAR: u32 = 2147483648;
pub const FAKE_MAX_STEPS: u32 = 20000;
pub const FAKE_MAX_ENTRIES: u32 = 20000;
pub const FAKE_TLB: u32 = 64;
pub const FAKE_OUTSIDE_MAX: u32 = 16;
pub const FAKE_PROTECTIONS: u32 = 5;
pub const FAKE_CR0_KEPT: i64 = -2147811376;
pub const FAKE_CR0_IGNORED: u32 = 536543184;
pub const FAKE_VM_SUCCEED: u32 = 0;
pub const FAKE_VM_INVALID: i32 = -1;
pub const FAKE_VM_ENTERED: i32 = -2;
pub const SCRIPT_INSNS: u32 = 6000;
pub const SCRIPT_BYTES: u32 = 65536;
pub type __uint8_t = crate::ctypes::c_uchar;
pub type __uint16_t = crate::ctypes::c_ushort;
pub type __uint32_t = crate::ctypes::c_uint;
pub type __uint64_t = crate::ctypes::c_ulong;
extern "C" {
    pub fn fake_die(
        file: *const crate::ctypes::c_char,
        line: crate::ctypes::c_int,
        what: *const crate::ctypes::c_char,
    );
}
pub const fake_op_FAKE_NOP: fake_op = 0;
pub const fake_op_FAKE_MOVI: fake_op = 1;
pub const fake_op_FAKE_LOAD: fake_op = 2;
pub const fake_op_FAKE_STORE: fake_op = 3;
pub const fake_op_FAKE_NEXT: fake_op = 4;
pub const fake_op_FAKE_END: fake_op = 5;
pub const fake_op_FAKE_CPUID: fake_op = 6;
pub const fake_op_FAKE_INVD: fake_op = 7;
pub const fake_op_FAKE_XSETBV: fake_op = 8;
pub const fake_op_FAKE_HLT: fake_op = 9;
pub const fake_op_FAKE_MWAIT: fake_op = 10;
pub const fake_op_FAKE_MONITOR: fake_op = 11;
pub const fake_op_FAKE_PAUSE: fake_op = 12;
pub const fake_op_FAKE_RDPMC: fake_op = 13;
pub const fake_op_FAKE_RDTSC: fake_op = 14;
pub const fake_op_FAKE_WBINVD: fake_op = 15;
pub const fake_op_FAKE_RDRAND: fake_op = 16;
pub const fake_op_FAKE_RDSEED: fake_op = 17;
pub const fake_op_FAKE_SGDT: fake_op = 18;
pub const fake_op_FAKE_SIDT: fake_op = 19;
pub const fake_op_FAKE_LGDT: fake_op = 20;
pub const fake_op_FAKE_LIDT: fake_op = 21;
pub const fake_op_FAKE_SLDT: fake_op = 22;
pub const fake_op_FAKE_STR: fake_op = 23;
pub const fake_op_FAKE_LLDT: fake_op = 24;
pub const fake_op_FAKE_LTR: fake_op = 25;
pub const fake_op_FAKE_MOV_DR: fake_op = 26;
pub const fake_op_FAKE_TASK_SWITCH: fake_op = 27;
pub const fake_op_FAKE_INVLPG: fake_op = 28;
pub const fake_op_FAKE_RDTSCP: fake_op = 29;
pub const fake_op_FAKE_INVPCID: fake_op = 30;
pub const fake_op_FAKE_XSAVES: fake_op = 31;
pub const fake_op_FAKE_XRSTORS: fake_op = 32;
pub const fake_op_FAKE_RDMSR: fake_op = 33;
pub const fake_op_FAKE_WRMSR: fake_op = 34;
pub const fake_op_FAKE_IN: fake_op = 35;
pub const fake_op_FAKE_OUT: fake_op = 36;
pub const fake_op_FAKE_MOV_TO_CR: fake_op = 37;
pub const fake_op_FAKE_MOV_FROM_CR: fake_op = 38;
pub const fake_op_FAKE_CLTS: fake_op = 39;
pub const fake_op_FAKE_LMSW: fake_op = 40;
pub const fake_op_FAKE_SPLIT_LOCK: fake_op = 41;
pub const fake_op_FAKE_STALL: fake_op = 42;
pub const fake_op_FAKE_INT: fake_op = 43;
pub const fake_op_FAKE_INT3: fake_op = 44;
pub const fake_op_FAKE_RAISE: fake_op = 45;
pub const fake_op_FAKE_STI: fake_op = 46;
pub const fake_op_FAKE_CLI: fake_op = 47;
pub const fake_op_FAKE_MOV_SS: fake_op = 48;
pub const fake_op_FAKE_IRET: fake_op = 49;
pub const fake_op_FAKE_CALL: fake_op = 50;
pub const fake_op_FAKE_RET: fake_op = 51;
pub const fake_op_FAKE_VMXON: fake_op = 52;
pub const fake_op_FAKE_VMXOFF: fake_op = 53;
pub const fake_op_FAKE_VMCLEAR: fake_op = 54;
pub const fake_op_FAKE_VMPTRLD: fake_op = 55;
pub const fake_op_FAKE_VMPTRST: fake_op = 56;
pub const fake_op_FAKE_VMREAD: fake_op = 57;
pub const fake_op_FAKE_VMWRITE: fake_op = 58;
pub const fake_op_FAKE_VMLAUNCH: fake_op = 59;
pub const fake_op_FAKE_VMRESUME: fake_op = 60;
pub const fake_op_FAKE_VMCALL: fake_op = 61;
pub const fake_op_FAKE_VMFUNC: fake_op = 62;
pub const fake_op_FAKE_INVEPT: fake_op = 63;
pub const fake_op_FAKE_INVVPID: fake_op = 64;
pub const fake_op_FAKE_OPS: fake_op = 65;
pub type fake_op = crate::ctypes::c_uint;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct fake_insn {
    pub op: u8,
    pub reg: u8,
    pub reg2: u8,
    pub mem: bool,
    pub seg: u8,
    pub base: u8,
    pub index: u8,
    pub scale: u8,
    pub asize: u8,
    pub size: u8,
    pub disp: u64,
    pub imm: u64,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct fake_code {
    pub linear: u64,
    pub insn: *const fake_insn,
    pub n: usize,
    pub index: *const u16,
    pub bytes: usize,
}
extern "C" {
    pub fn fake_length(i: *const fake_insn) -> crate::ctypes::c_uint;
}
extern "C" {
    pub fn fake_op_name(op: crate::ctypes::c_uint) -> *const crate::ctypes::c_char;
}
pub const fake_more_fields_NVMX_LAST_PID_POINTER_INDEX: fake_more_fields = 8;
pub const fake_more_fields_NVMX_PID_POINTER_TABLE: fake_more_fields = 8258;
pub type fake_more_fields = crate::ctypes::c_uint;
pub const FAKE_SEG_ES: _bindgen_ty_1 = 0;
pub const FAKE_SEG_CS: _bindgen_ty_1 = 1;
pub const FAKE_SEG_SS: _bindgen_ty_1 = 2;
pub const FAKE_SEG_DS: _bindgen_ty_1 = 3;
pub const FAKE_SEG_FS: _bindgen_ty_1 = 4;
pub const FAKE_SEG_GS: _bindgen_ty_1 = 5;
pub const FAKE_SEG_LDTR: _bindgen_ty_1 = 6;
pub const FAKE_SEG_TR: _bindgen_ty_1 = 7;
pub type _bindgen_ty_1 = crate::ctypes::c_uint;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct fake_seg {
    pub sel: u16,
    pub limit: u32,
    pub ar: u32,
    pub base: u64,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct fake_arch {
    pub gpr: [u64; 16usize],
    pub rip: u64,
    pub rflags: u64,
    pub cr0: u64,
    pub cr2: u64,
    pub cr3: u64,
    pub cr4: u64,
    pub cr8: u64,
    pub dr: [u64; 4usize],
    pub dr6: u64,
    pub dr7: u64,
    pub xcr0: u64,
    pub seg: [fake_seg; 8usize],
    pub gdtr_base: u64,
    pub idtr_base: u64,
    pub gdtr_limit: u32,
    pub idtr_limit: u32,
    pub efer: u64,
    pub pat: u64,
    pub debugctl: u64,
    pub perf: u64,
    pub sysenter_cs: u64,
    pub sysenter_esp: u64,
    pub sysenter_eip: u64,
    pub bndcfgs: u64,
    pub xss: u64,
    pub s_cet: u64,
    pub ssp: u64,
    pub ssp_table: u64,
    pub pkrs: u64,
    pub tsc_aux: u64,
    pub star: u64,
    pub lstar: u64,
    pub fmask: u64,
    pub kernel_gs: u64,
    pub u_cet: u64,
    pub pdpte: [u64; 4usize],
    pub pending_dbg: u64,
    pub activity: u32,
    pub blocking: u32,
}
pub const fake_seen_FAKE_SEEN_FETCH: fake_seen = 0;
pub const fake_seen_FAKE_SEEN_VMREAD: fake_seen = 1;
pub const fake_seen_FAKE_SEEN_EVENT: fake_seen = 2;
pub const fake_seen_FAKE_SEEN_STOP: fake_seen = 3;
pub type fake_seen = crate::ctypes::c_uint;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct fake_record {
    pub seen: u8,
    pub rip: u64,
    pub rflags: u64,
    pub info: u64,
    pub error: u64,
    pub gpr: u64,
    pub control: u64,
    pub segment: u64,
    pub rest: u64,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct fake_trace {
    pub record: [fake_record; 4096usize],
    pub n: usize,
    pub keep: *mut fake_arch,
    pub last_reason: u32,
    pub last_intr: u32,
    pub last_vect: u32,
    pub last_qual: u64,
}
extern "C" {
    pub fn fake_trace_differs(x: *const fake_trace, y: *const fake_trace) -> crate::ctypes::c_long;
}
extern "C" {
    pub fn fake_trace_read(t: *const fake_trace, field: u32, n: usize, value: *mut u64) -> bool;
}
extern "C" {
    pub fn fake_trace_print(
        t: *const fake_trace,
        name: *const crate::ctypes::c_char,
        from: usize,
        to: usize,
    );
}
extern "C" {
    pub fn fake_arch_differences(x: *const fake_arch, y: *const fake_arch);
}
pub const fake_source_FAKE_EXT_INT: fake_source = 0;
pub const fake_source_FAKE_NMI: fake_source = 1;
pub const fake_source_FAKE_INIT: fake_source = 2;
pub const fake_source_FAKE_SIPI: fake_source = 3;
pub type fake_source = crate::ctypes::c_uint;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct fake_outside {
    pub clock: u64,
    pub source: u8,
    pub vector: u8,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct fake_dma {
    pub clock: u64,
    pub gpa: u64,
    pub value: u64,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct fake_mem {
    pub ram_base: u64,
    pub ram: *mut u8,
    pub host: [*mut u8; 1024usize],
    pub host_used: crate::ctypes::c_uint,
}
extern "C" {
    pub fn fake_mem_init(m: *mut fake_mem, ram_base: u64);
}
extern "C" {
    pub fn fake_mem_free(m: *mut fake_mem);
}
extern "C" {
    pub fn fake_host_page(m: *mut fake_mem) -> u64;
}
extern "C" {
    pub fn fake_host_page_free(m: *mut fake_mem, hpa: u64);
}
extern "C" {
    pub fn fake_at(m: *const fake_mem, hpa: u64) -> *mut crate::ctypes::c_void;
}
extern "C" {
    pub fn fake_is_ram(m: *const fake_mem, hpa: u64) -> bool;
}
extern "C" {
    pub fn fake_ram_hpa(m: *const fake_mem, gpa: u64) -> u64;
}
pub const fake_stop_FAKE_RUNNING: fake_stop = 0;
pub const fake_stop_FAKE_EXITED: fake_stop = 1;
pub const fake_stop_FAKE_STOP_END: fake_stop = 2;
pub const fake_stop_FAKE_STOP_SHUTDOWN: fake_stop = 3;
pub const fake_stop_FAKE_STOP_HUNG: fake_stop = 4;
pub const fake_stop_FAKE_STOP_ABORT: fake_stop = 5;
pub const fake_stop_FAKE_STOP_STEPS: fake_stop = 6;
pub type fake_stop = crate::ctypes::c_uint;
extern "C" {
    pub fn fake_stop_name(stop: fake_stop) -> *const crate::ctypes::c_char;
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct fake_tlb_entry {
    pub linear: u64,
    pub hpa: u64,
    pub eptp: u64,
    pub vpid: u16,
    pub rights: u8,
    pub dirty: bool,
    pub user: bool,
    pub mode: u64,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct fake_dislike {
    pub field: u32,
    pub value: u64,
    pub error: u32,
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct fake_cpu {
    pub a: fake_arch,
    pub caps: *const nvmx_caps,
    pub dislike: *const fake_dislike,
    pub dislikes: usize,
    pub mem: *mut fake_mem,
    pub code: *const fake_code,
    pub codes: usize,
    pub native: bool,
    pub vmxon: u64,
    pub vmcs: u64,
    pub guest: bool,
    pub hides_nmi_blocking: bool,
    pub feature_control: u64,
    pub stop: fake_stop,
    pub clock: u64,
    pub last_fetch: u64,
    pub steps: u64,
    pub entered_at: u64,
    pub entries: u64,
    pub last_insn: *const fake_insn,
    pub outside: [fake_outside; 16usize],
    pub outsides: usize,
    pub outside_next: usize,
    pub dma: fake_dma,
    pub intr: [u64; 4usize],
    pub nmi: bool,
    pub init: bool,
    pub sipi: bool,
    pub sipi_vector: u8,
    pub mtf: bool,
    pub virtual_interrupt: bool,
    pub below_threshold: bool,
    pub stalled: u64,
    pub apic_write: bool,
    pub apic_offset: u16,
    pub tsc_base: u64,
    pub last_field: u64,
    pub timer: u64,
    pub timer_on: bool,
    pub vectoring: u32,
    pub vectoring_error: u32,
    pub vectoring_len: u32,
    pub supervisor: bool,
    pub shadow_stack: bool,
    pub tlb: [fake_tlb_entry; 64usize],
    pub flushes: u64,
    pub switches: u64,
    pub trace: *mut fake_trace,
    pub refused: *const crate::ctypes::c_char,
}
extern "C" {
    pub fn fake_cpu_init(
        c: *mut fake_cpu,
        caps: *const nvmx_caps,
        mem: *mut fake_mem,
        trace: *mut fake_trace,
    );
}
extern "C" {
    pub fn fake_hw_caps(caps: *mut nvmx_caps);
}
extern "C" {
    pub fn fake_hw_caps_ipis(caps: *mut nvmx_caps);
}
extern "C" {
    pub fn fake_run(c: *mut fake_cpu);
}
extern "C" {
    pub fn fake_idle(c: *mut fake_cpu);
}
extern "C" {
    pub fn fake_outside_at(c: *mut fake_cpu, clock: u64, source: fake_source, vector: u8);
}
extern "C" {
    pub fn fake_cpu_move(to: *mut fake_cpu, from: *const fake_cpu);
}
extern "C" {
    pub fn fake_take_outside(c: *mut fake_cpu);
}
extern "C" {
    pub fn fake_highest(set: *const u64) -> crate::ctypes::c_int;
}
extern "C" {
    pub fn fake_insn_at(c: *const fake_cpu, linear: u64) -> *const fake_insn;
}
extern "C" {
    pub fn fake_see(c: *mut fake_cpu, seen: fake_seen, info: u64, error: u64);
}
extern "C" {
    pub fn fake_rdmsr(c: *mut fake_cpu, msr: u32, value: *mut u64) -> bool;
}
extern "C" {
    pub fn fake_wrmsr(c: *mut fake_cpu, msr: u32, value: u64) -> bool;
}
extern "C" {
    pub fn fake_cpuid(leaf: u32, gpr: *mut u64);
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct fake_protection {
    pub msr: u32,
    pub guest: u16,
    pub host: u16,
    pub load: u32,
    pub undo: u32,
    pub offset: u16,
}
extern "C" {
    pub static fake_protections: [fake_protection; 5usize];
}
extern "C" {
    pub fn fake_has(c: *const fake_cpu, p: *const fake_protection) -> bool;
}
extern "C" {
    pub fn fake_vmxon(c: *mut fake_cpu, addr: u64) -> crate::ctypes::c_int;
}
extern "C" {
    pub fn fake_vmclear(c: *mut fake_cpu, addr: u64) -> crate::ctypes::c_int;
}
extern "C" {
    pub fn fake_vmptrld(c: *mut fake_cpu, addr: u64) -> crate::ctypes::c_int;
}
extern "C" {
    pub fn fake_vmread(c: *mut fake_cpu, field: u64, value: *mut u64) -> crate::ctypes::c_int;
}
extern "C" {
    pub fn fake_vmwrite(c: *mut fake_cpu, field: u64, value: u64) -> crate::ctypes::c_int;
}
extern "C" {
    pub fn fake_invept(
        c: *mut fake_cpu,
        type_: u64,
        eptp: u64,
        reserved: u64,
    ) -> crate::ctypes::c_int;
}
extern "C" {
    pub fn fake_invvpid(
        c: *mut fake_cpu,
        type_: u64,
        low: u64,
        linear: u64,
    ) -> crate::ctypes::c_int;
}
extern "C" {
    pub fn fake_vmenter(c: *mut fake_cpu, launch: bool) -> crate::ctypes::c_int;
}
extern "C" {
    pub fn fake_field(c: *const fake_cpu, field: u32) -> u64;
}
extern "C" {
    pub fn fake_field_set(c: *mut fake_cpu, field: u32, value: u64);
}
extern "C" {
    pub fn fake_value(m: *const fake_mem, hpa: u64, field: u32) -> *mut u64;
}
extern "C" {
    pub fn fake_launched(m: *const fake_mem, hpa: u64) -> bool;
}
extern "C" {
    pub fn fake_proc2(c: *const fake_cpu) -> u32;
}
extern "C" {
    pub fn fake_proc3(c: *const fake_cpu) -> u64;
}
extern "C" {
    pub fn fake_new_region(c: *mut fake_cpu) -> u64;
}
pub const FAKE_L1_TABLES: _bindgen_ty_2 = 4096;
pub const FAKE_L1_IDT: _bindgen_ty_2 = 24576;
pub const FAKE_L1_STACK: _bindgen_ty_2 = 32768;
pub const FAKE_L1_DATA: _bindgen_ty_2 = 32768;
pub const FAKE_L1_CODE: _bindgen_ty_2 = 65536;
pub const FAKE_L2_CODE: _bindgen_ty_2 = 131072;
pub const FAKE_L2_CODE_B: _bindgen_ty_2 = 163840;
pub const FAKE_VMXON_REGION: _bindgen_ty_2 = 196608;
pub const FAKE_VMCS_A: _bindgen_ty_2 = 200704;
pub const FAKE_VMCS_B: _bindgen_ty_2 = 204800;
pub const FAKE_VMCS_SHADOW: _bindgen_ty_2 = 208896;
pub const FAKE_MSR_BITMAP: _bindgen_ty_2 = 229376;
pub const FAKE_IO_BITMAP: _bindgen_ty_2 = 233472;
pub const FAKE_MSR_ENTRY: _bindgen_ty_2 = 241664;
pub const FAKE_MSR_STORE: _bindgen_ty_2 = 245760;
pub const FAKE_MSR_EXIT: _bindgen_ty_2 = 249856;
pub const FAKE_VAPIC: _bindgen_ty_2 = 253952;
pub const FAKE_VMREAD_BITMAP: _bindgen_ty_2 = 258048;
pub const FAKE_VMWRITE_BITMAP: _bindgen_ty_2 = 262144;
pub const FAKE_EPT_A: _bindgen_ty_2 = 266240;
pub const FAKE_EPT_B: _bindgen_ty_2 = 282624;
pub const FAKE_L2_DATA: _bindgen_ty_2 = 327680;
pub const FAKE_L2_STACK: _bindgen_ty_2 = 364544;
pub const FAKE_L2_IDT: _bindgen_ty_2 = 368640;
pub const FAKE_L2_TABLES: _bindgen_ty_2 = 372736;
pub const FAKE_EPTP_LIST: _bindgen_ty_2 = 393216;
pub type _bindgen_ty_2 = crate::ctypes::c_uint;
extern "C" {
    pub fn fake_memory_image(ram: *mut u8);
}
extern "C" {
    pub fn fake_l1_state(a: *mut fake_arch);
}
extern "C" {
    pub fn fake_write_guest(c: *mut fake_cpu);
}
extern "C" {
    pub fn fake_write_host(c: *mut fake_cpu);
}
extern "C" {
    pub fn fake_write_controls(c: *mut fake_cpu, eptp: u64);
}
extern "C" {
    pub fn fake_new_ept(c: *mut fake_cpu) -> u64;
}
extern "C" {
    pub fn fake_setup(
        c: *mut fake_cpu,
        m: *mut fake_mem,
        ram_base: u64,
        caps: *const nvmx_caps,
        code: *const fake_code,
        codes: usize,
        trace: *mut fake_trace,
    );
}
extern "C" {
    pub fn fake_native(c: *mut fake_cpu) -> u64;
}
extern "C" {
    pub fn fake_run_alone(
        caps: *const nvmx_caps,
        code: *const fake_code,
        codes: usize,
        trace: *mut fake_trace,
    ) -> fake_stop;
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct script {
    pub insn: [fake_insn; 6000usize],
    pub index: [u16; 65536usize],
    pub code: fake_code,
    pub here: u64,
}
pub const SCRIPT_VALUE: _bindgen_ty_3 = 15;
pub const SCRIPT_FIELD: _bindgen_ty_3 = 14;
pub const SCRIPT_RESULT: _bindgen_ty_3 = 13;
pub const SCRIPT_L2_RIP: _bindgen_ty_3 = 8;
pub type _bindgen_ty_3 = crate::ctypes::c_uint;
extern "C" {
    pub fn script_start(s: *mut script, linear: u64);
}
extern "C" {
    pub fn script_full(s: *const script) -> bool;
}
extern "C" {
    pub fn script_add(s: *mut script, i: fake_insn);
}
extern "C" {
    pub fn script_op(s: *mut script, op: fake_op);
}
extern "C" {
    pub fn script_imm(s: *mut script, op: fake_op, imm: u64);
}
extern "C" {
    pub fn script_movi(s: *mut script, reg: crate::ctypes::c_uint, value: u64);
}
extern "C" {
    pub fn script_load(
        s: *mut script,
        reg: crate::ctypes::c_uint,
        addr: u64,
        size: crate::ctypes::c_uint,
    );
}
extern "C" {
    pub fn script_store(s: *mut script, addr: u64, value: u64, size: crate::ctypes::c_uint);
}
extern "C" {
    pub fn script_pointer(s: *mut script, op: fake_op, gpa: u64);
}
extern "C" {
    pub fn script_invalidate(s: *mut script, op: fake_op, type_: u64, low: u64, high: u64);
}
extern "C" {
    pub fn script_msr(s: *mut script, op: fake_op, msr: u32, value: u64);
}
extern "C" {
    pub fn script_vmwrite(s: *mut script, field: u32, value: u64);
}
extern "C" {
    pub fn script_vmread(s: *mut script, field: u32);
}
extern "C" {
    pub fn script_enter_vmx(s: *mut script);
}
extern "C" {
    pub fn script_vmcs(s: *mut script, region: u64, rip: u64);
}
extern "C" {
    pub fn script_run(s: *mut script, op: fake_op);
}
extern "C" {
    pub fn script_look(s: *mut script, all: bool);
}
extern "C" {
    pub fn script_advance(s: *mut script);
}
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct script_value {
    pub field: u32,
    pub value: u64,
}
extern "C" {
    pub static mut script_defaults: [script_value; 0usize];
}
extern "C" {
    pub static script_default_count: usize;
}
extern "C" {
    pub fn script_default(field: u32) -> u64;
}

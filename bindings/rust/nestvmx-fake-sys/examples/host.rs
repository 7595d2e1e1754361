// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
//! A whole host in Rust that embeds libnestvmx, on the fake processor: it runs L1, which runs L2, and both see what they see without a
//! host.
use nestvmx_fake_sys::*;
use nestvmx_sys::*;
use std::alloc::{alloc_zeroed, Layout};
use std::ffi::{c_void, CStr};
use std::mem::{size_of, zeroed};
use std::ptr::null_mut;
use std::slice::{from_raw_parts, from_raw_parts_mut};

#[repr(C, align(64))]
struct Memory<const N: usize>([u8; N]);

/// What each op gets, behind the library's opaque `struct nvmx_host`.
struct Host {
    cpu: fake_cpu,
    mem: fake_mem,
    hw: nvmx_caps,
    vcpu: *mut nvmx_vcpu,
    vm_memory: Memory<{ NVMX_VM_SIZE as usize }>,
    vcpu_memory: Memory<{ NVMX_VCPU_SIZE as usize }>,
}

/// The library calls an op with the pointer that it was given, while nobody else uses the host.
unsafe fn host<'a>(h: *mut nvmx_host) -> &'a mut Host {
    &mut *h.cast()
}

/// On the heap, all zero: the structures are large.
fn boxed<T>() -> Box<T> {
    unsafe { Box::from_raw(alloc_zeroed(Layout::new::<T>()).cast()) }
}

unsafe extern "C" fn translate(h: *mut nvmx_host, gpa: u64, _access: u32, out: *mut nvmx_xlate) -> i32 {
    if gpa >= u64::from(FAKE_RAM_SIZE) {
        return -1;
    }
    *out = nvmx_xlate { hpa: fake_ram_hpa(&host(h).mem, gpa), rights: 7, page_shift: 12, memtype: 6, ignore_pat: false };
    0
}

unsafe extern "C" fn map(h: *mut nvmx_host, gpa: u64, _write: bool) -> *mut c_void {
    if gpa >= u64::from(FAKE_RAM_SIZE) {
        return null_mut();
    }
    host(h).mem.ram.add(gpa as usize).cast()
}

unsafe extern "C" fn unmap(_: *mut nvmx_host, _gpa: u64, _page: *mut c_void, _wrote: bool) {}

unsafe extern "C" fn pin(h: *mut nvmx_host, gpa: u64, hpa: *mut u64) -> i32 {
    *hpa = fake_ram_hpa(&host(h).mem, gpa);
    if gpa < u64::from(FAKE_RAM_SIZE) { 0 } else { -1 }
}

unsafe extern "C" fn unpin(_: *mut nvmx_host, _gpa: u64, _hpa: u64) {}

unsafe extern "C" fn page_alloc(h: *mut nvmx_host, hpa: *mut u64) -> *mut c_void {
    *hpa = fake_host_page(&mut host(h).mem);
    fake_at(&host(h).mem, *hpa)
}

unsafe extern "C" fn page_free(h: *mut nvmx_host, _page: *mut c_void, hpa: u64) {
    fake_host_page_free(&mut host(h).mem, hpa);
}

unsafe extern "C" fn vmcs_load(h: *mut nvmx_host, hpa: u64) {
    assert_eq!(fake_vmptrld(&mut host(h).cpu, hpa), FAKE_VM_SUCCEED as i32);
}

unsafe extern "C" fn vmcs_clear(h: *mut nvmx_host, hpa: u64) {
    assert_eq!(fake_vmclear(&mut host(h).cpu, hpa), FAKE_VM_SUCCEED as i32);
}

unsafe extern "C" fn read_many(h: *mut nvmx_host, fields: *const u32, values: *mut u64, n: usize) {
    for (field, value) in from_raw_parts(fields, n).iter().zip(from_raw_parts_mut(values, n)) {
        assert_eq!(fake_vmread(&mut host(h).cpu, (*field).into(), value), FAKE_VM_SUCCEED as i32);
    }
}

unsafe extern "C" fn write_many(h: *mut nvmx_host, fields: *const u32, values: *const u64, n: usize) {
    for (field, value) in from_raw_parts(fields, n).iter().zip(from_raw_parts(values, n)) {
        assert_eq!(fake_vmwrite(&mut host(h).cpu, (*field).into(), *value), FAKE_VM_SUCCEED as i32);
    }
}

unsafe extern "C" fn flush_ept(h: *mut nvmx_host, eptp: u64, scope: u32) {
    fake_invept(&mut host(h).cpu, scope.into(), eptp, 0);
}

unsafe extern "C" fn flush_vpid(h: *mut nvmx_host, vpid: u16, scope: u32, linear: u64) {
    fake_invvpid(&mut host(h).cpu, scope.into(), vpid.into(), linear);
}

unsafe extern "C" fn msr_read(h: *mut nvmx_host, msr: u32, value: *mut u64) -> i32 {
    if fake_rdmsr(&mut host(h).cpu, msr, value) { 0 } else { -1 }
}

unsafe extern "C" fn msr_write(h: *mut nvmx_host, msr: u32, value: u64) -> i32 {
    if fake_wrmsr(&mut host(h).cpu, msr, value) { 0 } else { -1 }
}

unsafe extern "C" fn set_cr2(h: *mut nvmx_host, cr2: u64) {
    host(h).cpu.a.cr2 = cr2;
}

fn ops() -> nvmx_host_ops {
    nvmx_host_ops {
        size: size_of::<nvmx_host_ops>() as u32,
        abi: NVMX_ABI_VERSION,
        translate: Some(translate),
        map: Some(map),
        unmap: Some(unmap),
        pin: Some(pin),
        unpin: Some(unpin),
        page_alloc: Some(page_alloc),
        page_free: Some(page_free),
        vmcs_load: Some(vmcs_load),
        vmcs_clear: Some(vmcs_clear),
        vmcs_read_many: Some(read_many),
        vmcs_write_many: Some(write_many),
        flush_ept: Some(flush_ept),
        flush_vpid: Some(flush_vpid),
        l1_msr_read: Some(msr_read),
        l1_msr_write: Some(msr_write),
        set_cr2: Some(set_cr2),
        ..unsafe { zeroed() }
    }
}

fn must(error: i32, info: &nvmx_error_info) {
    let mut line = [0i8; NVMX_DESCRIBE_MAX as usize];
    if error != 0 {
        unsafe { nvmx_describe_error(line.as_mut_ptr(), line.len(), info) };
        panic!("{}", unsafe { CStr::from_ptr(line.as_ptr()) }.to_string_lossy());
    }
}

/// An exit that is the host's own: here CPUID of L1 alone.
unsafe fn emulate(h: &mut Host, regs: &mut nvmx_regs) -> nvmx_verdict {
    assert_eq!(fake_field(&h.cpu, nvmx_field_NVMX_EXIT_REASON), nvmx_exit_reason_NVMX_XR_CPUID.into());
    fake_cpuid(regs.gpr[0] as u32, regs.gpr.as_mut_ptr());
    nvmx_complete_instruction(h.vcpu, 0, 0, 0)
}

unsafe fn run(h: &mut Host) -> fake_stop {
    loop {
        let launch = if nvmx_in_l2(h.vcpu) { nvmx_must_launch(h.vcpu) } else { !fake_launched(&h.mem, h.cpu.vmcs) };
        let mut regs: nvmx_regs = zeroed();

        assert_eq!(fake_vmenter(&mut h.cpu, launch), FAKE_VM_ENTERED);
        fake_run(&mut h.cpu);
        if h.cpu.stop != fake_stop_FAKE_EXITED {
            return h.cpu.stop;
        }
        regs.gpr = h.cpu.a.gpr;
        let mut verdict = nvmx_handle_exit(h.vcpu, &mut regs);
        if verdict == nvmx_verdict_NVMX_HOST {
            verdict = emulate(h, &mut regs);
        }
        if verdict == nvmx_verdict_NVMX_STOP {
            let mut why = zeroed();
            nvmx_stop_info(h.vcpu, &mut why);
            must(why.error, &why);
        }
        regs.gpr[4] = h.cpu.a.gpr[4]; // RSP is in the VMCS
        h.cpu.a.gpr = regs.gpr;
    }
}

/// L1 looks who it is, and runs an L2 that does the same and then calls it.
unsafe fn write_scripts(l1: &mut script, l2: &mut script) {
    script_start(l1, FAKE_L1_CODE.into());
    script_op(l1, fake_op_FAKE_CPUID);
    script_enter_vmx(l1);
    for op in [fake_op_FAKE_VMLAUNCH, fake_op_FAKE_VMRESUME] {
        script_run(l1, op);
        script_look(l1, true);
        script_advance(l1);
    }
    script_op(l1, fake_op_FAKE_END);
    script_start(l2, FAKE_L2_CODE.into());
    script_op(l2, fake_op_FAKE_CPUID);
    script_op(l2, fake_op_FAKE_VMCALL);
}

/// Runs the scripts nested and bare; how often L1 entered L2.
fn an_l2_runs() -> u64 {
    let (mut h, mut l1, mut l2): (Box<Host>, Box<script>, Box<script>) = (boxed(), boxed(), boxed());
    let (mut nested, mut bare): (Box<fake_trace>, Box<fake_trace>) = (boxed(), boxed());
    let ops = ops();

    unsafe {
        let mut info: nvmx_error_info = zeroed();
        let mut vm = null_mut();
        let this: *mut Host = &mut *h;

        write_scripts(&mut l1, &mut l2);
        let code = [l1.code, l2.code];
        fake_hw_caps(&mut h.hw);
        let hw = h.hw;
        fake_setup(&mut h.cpu, &mut (*this).mem, FAKE_RAM_BASE.into(), &(*this).hw, code.as_ptr(), 2, &mut *nested);
        let vmcs01 = fake_native(&mut h.cpu);
        let vm_config = nvmx_vm_config {
            size: size_of::<nvmx_vm_config>() as u32,
            caps_size: size_of::<nvmx_caps>() as u32,
            ops: &ops,
            hw: &hw,
            ..zeroed()
        };
        let vcpu_config =
            nvmx_vcpu_config { size: size_of::<nvmx_vcpu_config>() as u32, host: this.cast(), vmcs01, vpid02: 2, ..zeroed() };
        must(nvmx_vm_init(h.vm_memory.0.as_mut_ptr().cast(), h.vm_memory.0.len(), &vm_config, &mut vm, &mut info), &info);
        let vcpu_memory = h.vcpu_memory.0.as_mut_ptr().cast();
        must(nvmx_vcpu_init(vcpu_memory, h.vcpu_memory.0.len(), vm, &vcpu_config, &mut h.vcpu, &mut info), &info);

        assert_eq!(run(&mut *this), fake_stop_FAKE_STOP_END);
        let entries = nvmx_counter(h.vcpu, nvmx_counter_NVMX_CNT_ENTRY);
        fake_run_alone(nvmx_vm_caps(vm), code.as_ptr(), 2, &mut *bare);
        assert_eq!(fake_trace_differs(&*bare, &*nested), -1, "nested differs from bare");
        nvmx_vcpu_destroy(h.vcpu);
        nvmx_vm_destroy(vm);
        fake_mem_free(&mut h.mem);
        entries
    }
}

fn main() {
    println!("L1 entered L2 {} times, and both saw what they see on a processor of their own", an_l2_runs());
}

#[test]
fn nested_as_bare() {
    assert_eq!(an_l2_runs(), 2);
}

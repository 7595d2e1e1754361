// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
//! The library is linked and answers.
use nestvmx_sys::*;
use std::ffi::CStr;
use std::mem::{size_of, zeroed};
use std::ptr::null_mut;

#[repr(align(64))]
struct Memory([u8; NVMX_VM_SIZE as usize]);

/// A processor with each control that the library knows.
fn processor() -> nvmx_caps {
    let mut hw: nvmx_caps = unsafe { zeroed() };
    for msr in &mut hw.msr {
        *msr = !0 << 32;
    }
    hw.maxphyaddr = 39;
    hw.linear_width = 48;
    hw
}

#[test]
fn version() {
    let linked = unsafe { CStr::from_ptr(nvmx_version()) };
    assert_eq!(linked.to_bytes_with_nul(), NVMX_VERSION_STRING);
}

#[test]
fn capabilities() {
    let hw = processor();
    let mut all: nvmx_caps = unsafe { zeroed() };
    let mut without_ept: nvmx_caps = unsafe { zeroed() };
    unsafe {
        nvmx_caps_compute(&hw, 0, false, &mut all);
        nvmx_caps_compute(&hw, 1 << nvmx_feature_NVMX_FEATURE_EPT, false, &mut without_ept);
    }
    let controls = |c: &nvmx_caps| c.msr[(NVMX_MSR_VMX_PROCBASED_CTLS2 - NVMX_MSR_VMX_BASIC) as usize] >> 32;
    assert_ne!(controls(&all) & u64::from(NVMX_PROC2_EPT), 0);
    assert_eq!(controls(&without_ept) & u64::from(NVMX_PROC2_EPT | NVMX_PROC2_UNRESTRICTED), 0);
}

#[test]
fn another_abi_is_refused() {
    let hw = processor();
    let mut memory = Box::new(Memory([0; NVMX_VM_SIZE as usize]));
    let mut ops: nvmx_host_ops = unsafe { zeroed() };
    let mut config: nvmx_vm_config = unsafe { zeroed() };
    let mut info: nvmx_error_info = unsafe { zeroed() };
    let mut vm = null_mut();
    ops.size = size_of::<nvmx_host_ops>() as _;
    ops.abi = NVMX_ABI_VERSION + 1;
    config.size = size_of::<nvmx_vm_config>() as _;
    config.caps_size = size_of::<nvmx_caps>() as _;
    config.ops = &ops;
    config.hw = &hw;
    let error = unsafe { nvmx_vm_init(memory.0.as_mut_ptr().cast(), memory.0.len(), &config, &mut vm, &mut info) };
    assert_eq!((error, info.refusal), (nvmx_error_NVMX_ERR_ABI, nvmx_refusal_NVMX_REFUSED_OPS_ABI));
    assert_eq!(info.found, u64::from(ops.abi));
}

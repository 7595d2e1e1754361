// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
//! The C interface of libnestvmx, as its headers have it: nested Intel VMX for a hypervisor. The headers are the manual.
//!
//! The library is compiled from its sources; it needs no libc but memcpy, memmove, memset and memcmp, which
//! `compiler_builtins` has. Constants of enums are `u32`, named as in C after their type.
#![no_std]
#![allow(non_camel_case_types, non_upper_case_globals, non_snake_case)]

#[cfg(not(target_arch = "x86_64"))]
compile_error!("libnestvmx is for 64-bit x86 alone");

/// C's types on x86-64.
pub mod ctypes {
    pub use core::ffi::c_void;
    pub type c_char = i8;
    pub type c_schar = i8;
    pub type c_uchar = u8;
    pub type c_short = i16;
    pub type c_ushort = u16;
    pub type c_int = i32;
    pub type c_uint = u32;
    pub type c_long = i64;
    pub type c_ulong = u64;
    pub type c_longlong = i64;
    pub type c_ulonglong = u64;
}

#[rustfmt::skip]
mod bindings;
pub use bindings::*;

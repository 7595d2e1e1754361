// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
//! A fake VMX processor, as `<nestvmx/fake.h>` has it: for the tests of a hypervisor that embeds libnestvmx. The header is the manual.
#![allow(non_camel_case_types, non_upper_case_globals, non_snake_case)]

pub use nestvmx_sys::ctypes;

#[rustfmt::skip]
mod bindings;
pub use bindings::*;

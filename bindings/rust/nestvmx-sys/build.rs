// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
//! Compiles the library as one file (tools/amalgamate) with the flags that the file itself names. CC and AR as usual.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|e| panic!("{:?}: {}", command, e));
    assert!(status.success(), "{:?} failed", command);
}

fn tool(variable: &str, otherwise: &str) -> Command {
    println!("cargo:rerun-if-env-changed={}", variable);
    Command::new(env::var(variable).unwrap_or_else(|_| otherwise.into()))
}

/// The line of flags in the comment at the top of the source.
fn flags(source: &Path) -> Vec<String> {
    let text = fs::read_to_string(source).expect("the amalgamated source");
    let line = text.lines().find_map(|l| l.strip_prefix(" *\t-")).expect("its flags");
    format!("-{}", line).split(' ').map(String::from).collect()
}

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    let top = here.join("../../..");
    let (source, object) = (out.join("nestvmx.c"), out.join("nestvmx.o"));

    for watched in ["src", "include", "sources.mk", "tools/amalgamate"] {
        println!("cargo:rerun-if-changed={}", top.join(watched).display());
    }
    run(Command::new(top.join("tools/amalgamate")).arg(&out));
    let optimise = format!("-O{}", env::var("OPT_LEVEL").unwrap());
    run(tool("CC", "cc").args(flags(&source)).args(["-std=c11", &optimise, "-fPIC", "-fvisibility=hidden", "-I"])
        .arg(&out).arg("-c").arg(&source).arg("-o").arg(&object));
    run(tool("AR", "ar").arg("crs").arg(out.join("libnestvmx.a")).arg(&object));
    println!("cargo:rustc-link-search=native={}", out.display());
    println!("cargo:rustc-link-lib=static=nestvmx");
    println!("cargo:include={}", out.display());
}

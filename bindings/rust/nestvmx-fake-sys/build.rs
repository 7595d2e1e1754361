// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-or-later
//! Compiles the fake processor. CC and AR as usual.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|e| panic!("{:?}: {}", command, e));
    assert!(status.success(), "{:?} failed", command);
}

fn tool(variable: &str, otherwise: &str) -> Command {
    println!("cargo:rerun-if-env-changed={}", variable);
    Command::new(env::var(variable).unwrap_or_else(|_| otherwise.into()))
}

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    let (sources, include) = (here.join("../../../test/fake/cpu"), here.join("../../../include"));
    let mut objects = Vec::new();

    for file in fs::read_dir(&sources).expect("the fake processor's sources") {
        let source = file.unwrap().path();
        if source.extension().map_or(true, |e| e != "c") {
            continue;
        }
        let object = out.join(source.file_stem().unwrap()).with_extension("o");
        run(tool("CC", "cc").args(["-std=gnu11", "-O1", "-fPIC", "-I"]).arg(&include).arg("-c").arg(&source).arg("-o").arg(&object));
        objects.push(object);
    }
    run(tool("AR", "ar").arg("crs").arg(out.join("libnestvmx-fake.a")).args(&objects));
    println!("cargo:rerun-if-changed={}", sources.display());
    println!("cargo:rerun-if-changed={}", include.display());
    println!("cargo:rustc-link-search=native={}", out.display());
    println!("cargo:rustc-link-lib=static=nestvmx-fake");
}

//! Says what is missing to build OpenSSL from source before its own build fails with a long message.

use std::process::{Command, Stdio, exit};

/// Modules of perl that OpenSSL's build uses, and that small installations leave out.
const MODULES: [&str; 3] = ["-MFindBin", "-MIPC::Cmd", "-MFile::Compare"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PATH");
    println!("cargo::rerun-if-env-changed=OPENSSL_NO_VENDOR");
    let vendored = std::env::var_os("CARGO_FEATURE_VENDORED").is_some();
    if !vendored || std::env::var_os("OPENSSL_NO_VENDOR").is_some() {
        return;
    }
    let mut missing = Vec::new();
    if !works("perl", &["-e", "1"]) {
        missing.push("perl");
    } else if !works("perl", &[&MODULES[..], &["-e", "1"]].concat()) {
        missing.push("perl's core modules (packages perl or perl-core)");
    }
    if cfg!(unix) && !["make", "gmake"].iter().any(|make| works(make, &["--version"])) {
        missing.push("make");
    }
    if !missing.is_empty() {
        println!(
            "cargo::error=building OpenSSL needs {}: install it, or use the machine's OpenSSL (with its headers) by \
             --no-default-features --features system",
            missing.join(" and ")
        );
        exit(1);
    }
}

/// Whether a program is there and runs.
fn works(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

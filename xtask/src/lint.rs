//! Everything that reads the code without running it.

use crate::report::{Outcome, Report};
use crate::shell::{self, Failure, cargo, has_cargo_command};
use crate::{boundaries, fuzz, skipped};

/// fmt, clippy, docs, boundaries, cargo-deny: all of them run, whichever fails.
pub(crate) fn run(report: &mut Report) {
    report.step("fmt", |_| {
        run_cargo(&["fmt", "--all", "--check"])?;
        run_cargo(&["fmt", "--manifest-path", fuzz::MANIFEST, "--check"])
    });
    report.step("clippy", |_| {
        run_cargo(&["clippy", "--workspace", "--all-targets", "--keep-going", "--", "--deny", "warnings"])
    });
    report.step("docs", |_| {
        let mut command = cargo(["doc", "--workspace", "--no-deps"]);
        shell::run(command.env("RUSTDOCFLAGS", "--deny warnings"))?;
        Ok(Outcome::Passed)
    });
    report.step("boundaries", boundaries::check);
    report.step("deny", |_| deny());
}

/// Licences, duplicate versions and sources, offline. Advisories need a database from the network: `cargo deny check
/// advisories`.
fn deny() -> Result<Outcome, Failure> {
    if !has_cargo_command("deny") {
        return Ok(skipped("cargo-deny is not installed: cargo install --locked cargo-deny"));
    }
    run_cargo(&["deny", "--all-features", "check", "bans", "licenses", "sources"])
}

fn run_cargo(arguments: &[&str]) -> Result<Outcome, Failure> {
    shell::run(&mut cargo(arguments))?;
    Ok(Outcome::Passed)
}

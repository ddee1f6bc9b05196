//! Benchmarks that need more set-up than `cargo bench`.

use std::process::Command;

use crate::python::{self, Python};
use crate::report::{Outcome, Report};
use crate::shell::{self, Failure, cargo, target};

/// Runs `bench echo`: our echo example and py-ipv8's echo node, in turn, under one load generator.
pub(crate) fn run(arguments: &[String], report: &mut Report) -> Result<(), Failure> {
    match arguments.split_first() {
        Some((name, rest)) if name == "echo" => {
            report.step("bench echo", |_| echo(rest));
            Ok(())
        }
        Some((name, _)) if !name.starts_with('-') => {
            Err(Failure::Usage(format!("no benchmark {name:?}: there is echo")))
        }
        _ => Err(Failure::Usage("say which benchmark: there is echo".to_owned())),
    }
}

fn echo(arguments: &[String]) -> Result<Outcome, Failure> {
    shell::run(&mut cargo(["build", "--release", "--package", "ipv8-bench", "--bins"]))?;
    shell::run(&mut cargo(["build", "--release", "--package", "ipv8-rs", "--example", "echo"]))?;
    let mut rounds = Command::new(target()?.join("release").join("echo_rounds"));
    rounds.args(arguments);
    match python::set_up()? {
        Python::Ready(python) => rounds.env("IPV8_PYTHON", python),
        Python::Missing(reason) => return Err(Failure::Failed(reason)),
    };
    shell::run(&mut rounds)?;
    Ok(Outcome::Passed)
}

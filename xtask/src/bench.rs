//! Benchmarks that need more set-up than `cargo bench`.

use std::process::Command;

use crate::python::{self, Python};
use crate::report::{Outcome, Report};
use crate::shell::{self, Failure, cargo, target};

/// Runs `bench echo`: our echo example and py-ipv8's echo node, in turn, under one load generator; or `bench nodes`: many
/// nodes in one process, ours and py-ipv8's in turn; or `bench dht`: operations of the DHT in such a process.
pub(crate) fn run(arguments: &[String], report: &mut Report) -> Result<(), Failure> {
    match arguments.split_first() {
        Some((name, rest)) if name == "echo" => {
            report.step("bench echo", |_| compare("echo_rounds", ["ipv8-rs", "echo"], rest));
            Ok(())
        }
        Some((name, rest)) if name == "nodes" => {
            report.step("bench nodes", |_| compare("many_nodes", ["ipv8-bench", "many"], rest));
            Ok(())
        }
        Some((name, rest)) if name == "dht" => {
            report.step("bench dht", |_| compare("dht_rounds", ["ipv8-bench", "dht"], rest));
            Ok(())
        }
        Some((name, _)) if !name.starts_with('-') => {
            Err(Failure::Usage(format!("no benchmark {name:?}: there are echo, nodes and dht")))
        }
        _ => Err(Failure::Usage("say which benchmark: there are echo, nodes and dht".to_owned())),
    }
}

/// Runs a program of the benchmarks that starts our example of a package and py-ipv8's side in turn.
fn compare(program: &str, [package, example]: [&str; 2], arguments: &[String]) -> Result<Outcome, Failure> {
    shell::run(&mut cargo(["build", "--release", "--package", "ipv8-bench", "--bins"]))?;
    shell::run(&mut cargo(["build", "--release", "--package", package, "--example", example]))?;
    let mut rounds = Command::new(target()?.join("release").join(program));
    rounds.args(arguments);
    match python::set_up()? {
        Python::Ready(python) => rounds.env("IPV8_PYTHON", python),
        Python::Missing(reason) => return Err(Failure::Failed(reason)),
    };
    shell::run(&mut rounds)?;
    Ok(Outcome::Passed)
}

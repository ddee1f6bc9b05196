//! Set-up, tests and checks of the workspace: `cargo xtask`.
//!
//! Standard library only, so that it compiles in a second.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a command line tool: it prints, and it measures real time"
)]

mod bench;
mod boundaries;
mod crash;
mod fuzz;
mod hashes;
mod instructions;
mod lint;
mod python;
mod report;
mod shell;
mod system;
mod test;

use std::env;
use std::process::ExitCode;

use crate::report::{Outcome, Report};
use crate::shell::Failure;

const HELP: &str = "\
Set-up, tests and checks of the workspace.

Usage: cargo xtask COMMAND

  test [--strict] [-- ARGS]   set up everything, then run all tests. Installs py-ipv8 into a virtual environment under
                              target/ and, as root on Debian or Ubuntu, iproute2 and nftables; builds the programs that
                              the live tests start, runs cargo test --workspace ARGS, and says at the end what was
                              skipped and why. --strict makes a skip a failure
  lint                        fmt, clippy and docs with warnings as errors, boundaries, cargo-deny
  boundaries                  which crate may depend on which, and how long a file may be
  fuzz [--seconds N] [TARGET…]  run fuzz targets (default: all of them, 10 seconds each)
  bench [--quick] [--save] [--compare]
                              all of the following in one go, some ten minutes, and their figures in one table. --quick
                              takes half of that, for a look; --save writes medians to bench/figures.json; --compare prints how
                              they differ from those in that file
  bench echo [ARGS]           our echo node against py-ipv8's, in turn (ARGS of all: see bench echo --help)
  bench functions [ARGS]      codecs, signatures, turns of a node, the DHT, events of the simulator
  bench nodes [ARGS]          200 nodes in one process, ours and py-ipv8's, in turn
  bench dht [ARGS]            storing, finding and connecting among 20 and 50 nodes in one process, ours and py-ipv8's, in
                              turn
  bench overload [ARGS]       our echo node under up to three times what it can do
  crash [--rounds N] [--seed S]  kill a node that writes N times (default: 200), and look on its disk for all that it
                              acknowledged
  instructions [--update]     count the instructions of pieces of work with valgrind and compare them with
                              bench/instructions.txt; --update writes that file anew
  hashes [--update]           run the built-in scenarios and compare them with crates/scenario/scenarios/HASHES; --update
                              writes that file anew, for a change of behaviour that is meant
  python -- ARGS              run the Python that has py-ipv8, e.g. cargo xtask python -- interop/peers/tracker.py
  ci                          lint, test and fuzz: what has to pass before a merge

Environment: IPV8_PYTHON names a Python that already has pyipv8 3.2.1; none is set up then.
Exit status: 0 done, 1 something failed, 2 wrong usage.";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let mut report = Report::new();
    match dispatch(&arguments, &mut report) {
        Ok(()) => report.finish(),
        Err(Failure::Usage(message)) => {
            eprintln!("error: {message}\nTry cargo xtask --help");
            ExitCode::from(2)
        }
        Err(Failure::Failed(message)) => {
            report.finish();
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String], report: &mut Report) -> Result<(), Failure> {
    let Some((command, rest)) = arguments.split_first() else {
        println!("{HELP}");
        return Ok(());
    };
    if matches!(command.as_str(), "help" | "--help" | "-h")
        || (command != "bench" && rest.iter().any(|word| word == "--help" || word == "-h"))
    {
        println!("{HELP}");
        return Ok(());
    }
    match command.as_str() {
        "test" => {
            let options = test::Options::parse(rest)?;
            test::run(&options, report)
        }
        "lint" => {
            no_arguments(rest)?;
            lint::run(report);
            Ok(())
        }
        "boundaries" => {
            no_arguments(rest)?;
            report.step("boundaries", boundaries::check);
            Ok(())
        }
        "fuzz" => {
            let options = fuzz::Options::parse(rest)?;
            fuzz::run(&options, report)
        }
        "bench" => bench::run(rest, report),
        "crash" => crash::run(rest, report),
        "instructions" => {
            report.step("instructions", |notes| instructions::run(rest, notes));
            Ok(())
        }
        "hashes" => hashes::run(rest),
        "python" => {
            let rest = rest.strip_prefix(&["--".to_owned()]).unwrap_or(rest);
            python::exec(rest)
        }
        "ci" => {
            no_arguments(rest)?;
            lint::run(report);
            report.step("test", |notes| test::check(&test::Options::default(), notes));
            report.step("instructions", |notes| instructions::run(&[], notes));
            fuzz::run(&fuzz::Options::default(), report)
        }
        unknown => Err(Failure::Usage(format!("unknown command {unknown:?}"))),
    }
}

fn no_arguments(rest: &[String]) -> Result<(), Failure> {
    match rest.first() {
        None => Ok(()),
        Some(word) => Err(Failure::Usage(format!("unexpected argument {word:?}"))),
    }
}

/// A step that was never wanted on this machine: what it lacks and how to get it.
fn skipped(reason: impl Into<String>) -> Outcome {
    Outcome::Skipped(reason.into())
}

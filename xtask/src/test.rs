//! All tests, with everything they need set up first.

use std::collections::BTreeMap;

use crate::python::{self, Python};
use crate::report::{Notes, Outcome, Report};
use crate::shell::{self, Failure, cargo, tee};
use crate::system;

/// What live tests start as child processes, as arguments of `cargo build --release`. One package at a time, so that
/// features which other members ask for (a simulator's, a test's) do not get into what is shipped.
const PROGRAMS: [&[&str]; 2] = [&["--package", "ipv8-cli"], &["--package", "ipv8-rs", "--examples"]];

/// What `cargo xtask test` was asked for.
#[derive(Default)]
pub(crate) struct Options {
    /// A skipped test is a failure.
    strict: bool,
    /// For `cargo test`.
    arguments: Vec<String>,
}

impl Options {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut words = arguments.iter();
        for word in words.by_ref() {
            match word.as_str() {
                "--strict" => options.strict = true,
                "--" => break,
                _ => {
                    return Err(Failure::Usage(format!(
                        "unexpected argument {word:?}: arguments of cargo test go after --"
                    )));
                }
            }
        }
        options.arguments = words.cloned().collect();
        Ok(options)
    }
}

/// Runs the tests as the only step.
pub(crate) fn run(options: &Options, report: &mut Report) -> Result<(), Failure> {
    report.step("test", |notes| check(options, notes));
    Ok(())
}

/// Sets up, builds, tests; the notes say what was tested and what was skipped.
pub(crate) fn check(options: &Options, notes: &mut Notes) -> Result<Outcome, Failure> {
    let mut skips = Skips::default();
    let mut tests = cargo(["test", "--workspace", "--no-fail-fast"]);
    tests.args(&options.arguments);
    match python::set_up()? {
        Python::Ready(python) => {
            notes.push(format!("py-ipv8: {}", python.display()));
            tests.env("IPV8_PYTHON", python);
        }
        Python::Missing(reason) => {
            notes.push("py-ipv8: none, so no live test against it".to_owned());
            skips.add("set-up of py-ipv8", &reason);
            tests.env_remove("IPV8_PYTHON");
        }
    }
    system::set_up(notes);
    for program in PROGRAMS {
        shell::run(cargo(["build", "--release"]).args(program))?;
    }
    let mut counts = Counts::default();
    let result = tee(&mut tests, |line| {
        counts.add(line);
        if let Some((_, skip)) = line.split_once("skipped: ")
            && let Some((who, reason)) = skip.split_once(": ")
        {
            skips.add(who, reason);
        }
        true
    });
    notes.push(counts.to_string());
    skips.tell(notes);
    result?;
    if counts.suites == 0 {
        return Err(Failure::Failed("no test ran".to_owned()));
    }
    if options.strict && !skips.0.is_empty() {
        return Err(Failure::Failed("something was skipped".to_owned()));
    }
    Ok(Outcome::Passed)
}

/// Skipped tests by reason.
#[derive(Default)]
struct Skips(BTreeMap<String, Vec<String>>);

impl Skips {
    fn add(&mut self, who: &str, reason: &str) {
        self.0.entry(reason.to_owned()).or_default().push(who.to_owned());
    }

    fn tell(&self, notes: &mut Notes) {
        if self.0.is_empty() {
            notes.push("skipped: nothing".to_owned());
        }
        for (reason, who) in &self.0 {
            notes.push(format!("skipped: {} ({reason})", who.join(", ")));
        }
    }
}

/// The sums of the runners' closing lines.
#[derive(Default)]
struct Counts {
    suites: u64,
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Counts {
    /// Reads a line such as `test result: ok. 7 passed; 0 failed; 0 ignored; …`; any other is ignored.
    fn add(&mut self, line: &str) {
        let Some((_, result)) = line.split_once("test result: ") else {
            return;
        };
        self.suites += 1;
        for part in result.split([';', '.']) {
            let Some((number, what)) = part.trim().split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "tests: {} passed, {} failed, {} ignored, in {} suites",
            self.passed, self.failed, self.ignored, self.suites
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_add_up() {
        let mut counts = Counts::default();
        for line in [
            "running 2 tests",
            "test result: ok. 7 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.22s",
            "\u{1b}[32mtest result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 9.00s",
        ] {
            counts.add(line);
        }
        assert_eq!(counts.to_string(), "tests: 8 passed, 2 failed, 1 ignored, in 2 suites");
    }

    #[test]
    fn skips_are_told_once_a_reason() {
        let (mut skips, mut notes) = (Skips::default(), Notes::new());
        skips.add("one", "no network");
        skips.add("two", "no network");
        skips.tell(&mut notes);
        assert_eq!(notes, ["skipped: one, two (no network)"]);
    }

    #[test]
    fn options_leave_the_rest_to_cargo() {
        let words = ["--strict", "--", "--strict", "x"].map(str::to_owned);
        let options = Options::parse(&words).unwrap();
        assert!(options.strict);
        assert_eq!(options.arguments, ["--strict", "x"]);
        assert!(Options::parse(&["x".to_owned()]).is_err());
    }
}

//! `bench`: everything about speed in one go, or one benchmark.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::HELP;
use crate::python::{self, Python};
use crate::report::{Outcome, Report};
use crate::shell::{self, Failure, cargo, root, target};

/// A benchmark: a program of `bench`, and what it needs.
struct Bench {
    name: &'static str,
    program: &'static str,
    needs: Needs,
    /// Its arguments when all are run, and when they are only looked at.
    usual: &'static [&'static str],
    quick: &'static [&'static str],
}

/// What a benchmark starts.
#[derive(Clone, Copy)]
enum Needs {
    /// An example of a package.
    Example([&'static str; 2]),
    /// An example of a package, and py-ipv8.
    Both([&'static str; 2]),
    /// The benches of functions.
    Functions,
}

/// In the order in which they run.
const BENCHES: [Bench; 5] = [
    Bench {
        name: "echo",
        program: "echo_rounds",
        needs: Needs::Both(["ipv8-rs", "echo"]),
        usual: &["--rounds", "3", "--secs", "2", "--peers", "64,1,4096", "--nodes", "ours,alone,two,py"],
        quick: &["--rounds", "1", "--secs", "1", "--peers", "64,4096", "--nodes", "ours,alone,two,py"],
    },
    Bench {
        name: "functions",
        program: "functions",
        needs: Needs::Functions,
        usual: &["--rounds", "3"],
        quick: &["--rounds", "1", "--time", "0.05"],
    },
    Bench {
        name: "nodes",
        program: "many_nodes",
        needs: Needs::Both(["ipv8-bench", "many"]),
        usual: &["--rounds", "1"],
        quick: &["--rounds", "1", "--nodes", "50"],
    },
    Bench {
        name: "dht",
        program: "dht_rounds",
        needs: Needs::Both(["ipv8-bench", "dht"]),
        usual: &["--rounds", "1", "--nodes", "20", "--limit", "lifted", "--operations", "50"],
        quick: &["--rounds", "1", "--nodes", "20", "--limit", "lifted", "--operations", "10", "--only", "ours"],
    },
    Bench {
        name: "overload",
        program: "overload",
        needs: Needs::Example(["ipv8-rs", "echo"]),
        usual: &["--secs", "2"],
        quick: &["--secs", "1"],
    },
];

/// Packages with benches of functions, and the benches. One package at a time, so that each has its usual features.
const FUNCTIONS: [(&str, &[&str]); 3] =
    [("ipv8-wire", &["codec"]), ("ipv8-crypto", &["keys"]), ("ipv8-bench", &["codecs", "node", "dht", "sim"])];

/// The committed figures.
const FIGURES: &str = "bench/figures.json";

/// Runs all benchmarks, or the one that is named with its own arguments.
pub(crate) fn run(arguments: &[String], report: &mut Report) -> Result<(), Failure> {
    let named = arguments.split_first().filter(|(name, _)| !name.starts_with('-'));
    let Some((name, rest)) = named else {
        if arguments.iter().any(|word| word == "--help" || word == "-h") {
            println!("{HELP}");
            return Ok(());
        }
        return all(&Options::parse(arguments)?, report);
    };
    let Some(bench) = BENCHES.iter().find(|bench| bench.name == name) else {
        let names = BENCHES.map(|bench| bench.name).join(", ");
        return Err(Failure::Usage(format!("no benchmark {name:?}: there are {names}; without a name all are run")));
    };
    report.step(&format!("bench {name}"), |_| {
        let mut command = bench.command()?;
        shell::run(command.args(rest))?;
        Ok(Outcome::Passed)
    });
    Ok(())
}

/// What all benchmarks were asked for.
#[derive(Default)]
struct Options {
    quick: bool,
    save: bool,
    compare: bool,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut options = Self::default();
        for word in arguments {
            match word.as_str() {
                "--quick" => options.quick = true,
                "--save" => options.save = true,
                "--compare" => options.compare = true,
                _ => return Err(Failure::Usage(format!("unexpected argument {word:?}"))),
            }
        }
        if options.quick && (options.save || options.compare) {
            let why =
                "a quick look measures less, and some of it otherwise: its figures are not to be kept or compared";
            return Err(Failure::Usage(why.to_owned()));
        }
        Ok(options)
    }
}

/// Builds all, runs all, and puts their figures together.
fn all(options: &Options, report: &mut Report) -> Result<(), Failure> {
    let directory = target()?.join("bench");
    let failed = |error| Failure::Failed(format!("cannot make {}: {error}", directory.display()));
    fs::create_dir_all(&directory).map_err(failed)?;
    // What takes the processors is over before the first is measured.
    let commands: Result<Vec<Command>, Failure> = BENCHES.iter().map(Bench::command).collect();
    let mut parts = Vec::new();
    for (bench, mut command) in BENCHES.iter().zip(commands?) {
        let part = directory.join(format!("{}.json", bench.name));
        // An earlier run may have left one.
        if part.exists() {
            fs::remove_file(&part).map_err(|error| Failure::Failed(format!("{}: {error}", part.display())))?;
        }
        report.step(bench.name, |_| {
            command.args(if options.quick { bench.quick } else { bench.usual }).arg("--save").arg(&part);
            shell::run(&mut command)?;
            Ok(Outcome::Passed)
        });
        parts.push(part);
    }
    report.step("figures", |_| together(options, &parts));
    Ok(())
}

/// Prints what was measured in one table, compares it with what is committed, and writes it, whichever was asked for.
fn together(options: &Options, parts: &[PathBuf]) -> Result<Outcome, Failure> {
    let measured: Vec<&PathBuf> = parts.iter().filter(|part| part.exists()).collect();
    if measured.is_empty() {
        return Ok(Outcome::Skipped("nothing was measured".to_owned()));
    }
    let complete = measured.len() == parts.len();
    let mut command = Command::new(program("figures")?);
    command.args(measured).stdin(Stdio::null());
    let kept = root().join(FIGURES);
    if options.compare {
        command.arg("--compare").arg(&kept);
    }
    if options.save && complete {
        command.arg("--save").arg(&kept);
    }
    shell::run(&mut command)?;
    if options.save && !complete {
        return Err(Failure::Failed(format!("{FIGURES} was not written: not all was measured")));
    }
    Ok(Outcome::Passed)
}

impl Bench {
    /// Builds the program and all that it starts, and gives the command that lacks its arguments only.
    fn command(&self) -> Result<Command, Failure> {
        shell::run(&mut cargo(["build", "--release", "--package", "ipv8-bench", "--bins"]))?;
        let mut command = Command::new(program(self.program)?);
        command.stdin(Stdio::null());
        match self.needs {
            Needs::Example(example) => build_example(example)?,
            Needs::Both(example) => {
                build_example(example)?;
                match python::set_up()? {
                    Python::Ready(python) => command.env("IPV8_PYTHON", python),
                    Python::Missing(reason) => return Err(Failure::Failed(reason)),
                };
            }
            Needs::Functions => {
                command.args(functions()?);
            }
        }
        Ok(command)
    }
}

fn program(name: &str) -> Result<PathBuf, Failure> {
    Ok(target()?.join("release").join(name))
}

fn build_example([package, example]: [&str; 2]) -> Result<(), Failure> {
    shell::run(&mut cargo(["build", "--release", "--package", package, "--example", example]))
}

/// Builds the benches of functions, and gives their programs.
fn functions() -> Result<Vec<PathBuf>, Failure> {
    let mut all = Vec::new();
    for (package, benches) in FUNCTIONS {
        let mut command = cargo(["bench", "--no-run", "--message-format", "json-render-diagnostics"]);
        command.args(["--package", package]);
        command.args(benches.iter().flat_map(|bench| ["--bench", bench]));
        let mut built = programs(&shell::output(command.stderr(Stdio::inherit()))?);
        if built.len() != benches.len() {
            return Err(Failure::Failed(format!("cargo built {} of the benches {benches:?}", built.len())));
        }
        built.sort();
        all.append(&mut built);
    }
    Ok(all)
}

/// The programs of benches among the artifacts of cargo's messages.
fn programs(messages: &str) -> Vec<PathBuf> {
    let of_bench = |line: &&str| line.contains("\"kind\":[\"bench\"]");
    // Without a JSON parser, as the target directory is read.
    let program = |line: &str| {
        let (_, rest) = line.split_once("\"executable\":\"")?;
        let (path, _) = rest.split_once('"')?;
        Some(Path::new(&path.replace("\\\\", "\\")).to_owned())
    };
    messages.lines().filter(of_bench).filter_map(program).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_benches_are_found() {
        let messages = r#"
{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"a"},"executable":null}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"b"},"executable":"/t/release/b"}
{"reason":"compiler-artifact","target":{"kind":["bench"],"name":"c"},"executable":"/t/release/deps/c-1"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(programs(messages), [Path::new("/t/release/deps/c-1")]);
    }

    #[test]
    fn a_quick_look_is_not_kept_or_compared() {
        let parse = |words: &[&str]| Options::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert!(parse(&["--compare", "--save"]).is_ok_and(|options| options.compare && options.save));
        assert!(parse(&["--quick"]).is_ok_and(|options| options.quick));
        assert!(matches!(parse(&["--quick", "--save"]), Err(Failure::Usage(_))));
        assert!(matches!(parse(&["--quick", "--compare"]), Err(Failure::Usage(_))));
        assert!(matches!(parse(&["--slow"]), Err(Failure::Usage(_))));
    }
}

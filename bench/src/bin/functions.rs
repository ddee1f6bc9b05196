//! What functions cost, with the medians of all rounds: `cargo xtask bench functions`.
//!
//! The benches themselves are those of `cargo bench`; their medians are read from what they print.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use clap::Parser;
use ipv8_bench::{Better, Figures, FiguresError, Keep, Row, Spread, exit_code, in_turn, medians_ns, print_table};

/// Benches of functions: codecs, keys, turns of a node, the DHT, the simulator. Nanoseconds, medians of all rounds.
#[derive(Parser)]
#[command(name = "cargo xtask bench functions")]
struct Arguments {
    /// How often each is measured.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds for each function in each round.
    #[arg(long, value_name = "S", default_value_t = 0.15)]
    time: f64,
    /// Only those whose names hold this.
    #[arg(long, value_name = "PATTERN")]
    filter: Option<String>,
    /// Programs of benches, with divan's options; xtask gives them.
    #[arg(required = true, hide = true)]
    benches: Vec<PathBuf>,
    #[command(flatten)]
    keep: Keep,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0} does not start: {1}")]
    Start(String, std::io::Error),
    #[error("{0} failed, or measured nothing")]
    Bench(String),
    #[error(transparent)]
    Figures(#[from] FiguresError),
}

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let benches: Vec<&Path> = arguments.benches.iter().map(PathBuf::as_path).collect();
    let results = in_turn(arguments.rounds, &benches, |bench, _| measure(arguments, bench))?;
    let mut figures = Figures::default();
    for (bench, rounds) in benches.iter().zip(&results) {
        let rows = rows(rounds);
        let table = format!("function {}", name(bench));
        if !rows.is_empty() {
            print_table(&table, &["ours"], &rows);
        }
        figures.add(&table, &["ours"], &rows);
    }
    Ok(arguments.keep.apply(&figures)?)
}

/// What `NAME-0123456789abcdef` measures.
fn name(bench: &Path) -> String {
    let name = bench.file_stem().unwrap_or_default().to_string_lossy();
    name.rsplit_once('-').map_or(&*name, |(name, _)| name).to_owned()
}

/// Runs all functions of a program, and gives their names and medians.
fn measure(arguments: &Arguments, bench: &Path) -> Result<Vec<(String, f64)>, Failure> {
    let name = name(bench);
    eprintln!("{name}");
    let mut command = Command::new(bench);
    let time = arguments.time.to_string();
    // Without a least time a hundred samples of some microseconds would do, which a neighbour can spoil.
    command.args(["--bench", "--color", "never", "--min-time", &time, "--max-time", &time]).args(&arguments.filter);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| Failure::Start(name.clone(), error))?;
    let medians = medians_ns(&String::from_utf8_lossy(&output.stdout));
    // A filter may leave nothing.
    if !output.status.success() || (medians.is_empty() && arguments.filter.is_none()) {
        return Err(Failure::Bench(name));
    }
    Ok(medians)
}

/// A row for each function.
fn rows(rounds: &[Vec<(String, f64)>]) -> Vec<Row> {
    let names = rounds.first().into_iter().flatten().map(|(name, _)| name);
    let row = |name: &String| {
        let of_round = |round: &Vec<(String, f64)>| round.iter().find(|(known, _)| known == name).map(|(_, ns)| *ns);
        let spread: Spread = rounds.iter().filter_map(of_round).collect();
        let digits = usize::from(spread.most < 1e3) * 2;
        Row { name: name.clone(), unit: "ns", digits, better: Some(Better::Less), sides: vec![spread] }
    };
    names.map(row).collect()
}

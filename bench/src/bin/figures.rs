//! Puts figures of several programs together, in one table: the end of `cargo xtask bench`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use ipv8_bench::{Figures, FiguresError, Keep, exit_code};

/// Puts figures together, prints them in one table, and keeps or compares them.
#[derive(Parser)]
struct Arguments {
    /// Files of figures.
    #[arg(required = true, value_name = "FILE")]
    parts: Vec<PathBuf>,
    #[command(flatten)]
    keep: Keep,
}

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), FiguresError> {
    let mut parts = arguments.parts.iter().map(|part| Figures::read(part));
    // The first one was measured before the others put their load on the machine.
    let mut all = parts.next().unwrap_or_else(|| Ok(Figures::default()))?;
    for part in parts {
        all.figures.extend(part?.figures);
    }
    all.print();
    arguments.keep.apply(&all)
}

//! Many nodes in one process, ours and py-ipv8's: `cargo xtask bench nodes`.
//!
//! Each round runs both in turn, in fresh processes, and medians of rounds are compared: other load on the machine moves
//! even processor time.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use ipv8_interop::{Process, ProcessError, example, python, script};
use serde_json::{Value, json};

/// Many nodes of one overlay in one process: ours (bench/examples/many.rs) against py-ipv8's (interop/peers/many.py), in
/// turn, with medians of all rounds and their ratio.
#[derive(Parser)]
#[command(name = "cargo xtask bench nodes")]
struct Arguments {
    /// How often each is measured.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Nodes in the process.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(2..))]
    nodes: u32,
    /// How they meet: all walk to the first one, or all have it as their tracker.
    #[arg(long, value_name = "walk|bootstrap", default_value = "walk", value_parser = ["walk", "bootstrap"])]
    mode: String,
    /// Measure only ours or only py.
    #[arg(long, value_name = "ours|py", value_parser = ["ours", "py"])]
    only: Option<String>,
    /// Print every measurement as JSON, one object per line, and no table.
    #[arg(long)]
    json: bool,
}

/// Seconds that are measured once all know ten peers, while they look for twenty, and again when most have them.
const STEADY: [&str; 2] = ["8", "8"];
/// Until all know ten peers, at the slowest.
const WITHIN: Duration = Duration::from_secs(90);

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error("{0} is missing: use cargo xtask bench nodes")]
    Missing(&'static str),
    #[error("an event lacks {0}")]
    Field(&'static str),
}

/// What one process said.
struct Measured {
    goal: Value,
    steady: Vec<Value>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let sides: Vec<&str> =
        ["ours", "py"].into_iter().filter(|side| arguments.only.as_deref().is_none_or(|only| only == *side)).collect();
    let mut results: Vec<Vec<Vec<f64>>> = sides.iter().map(|_| Vec::new()).collect();
    for round in 1..=arguments.rounds {
        for (side, runs) in sides.iter().zip(&mut results) {
            let measured = measure(side, arguments)?;
            if arguments.json {
                println!(
                    "{}",
                    json!({"side": side, "round": round, "nodes": arguments.nodes, "mode": arguments.mode,
                           "goal": measured.goal, "steady": measured.steady})
                );
            }
            runs.push(figures(&measured, arguments.nodes)?);
        }
    }
    if !arguments.json {
        print_table(arguments, &sides, &results);
    }
    Ok(())
}

fn measure(side: &str, arguments: &Arguments) -> Result<Measured, Failure> {
    let mut command = if side == "ours" {
        example("many").ok_or(Failure::Missing("the release example many"))?
    } else {
        script(&python().ok_or(Failure::Missing("a Python with py-ipv8"))?, "many.py")
    };
    command.args(["--nodes", &arguments.nodes.to_string(), "--mode", &arguments.mode]);
    command.args(["--steady", &STEADY.join(",")]);
    let mut process = Process::spawn(side, command)?;
    let goal = process.wait_for("that all know ten peers", WITHIN, |event| event["event"] == "goal")?;
    let mut steady = Vec::new();
    for _ in STEADY {
        steady.push(process.wait_for("its next figures", WITHIN, |event| event["event"] == "steady")?);
    }
    Ok(Measured { goal, steady })
}

/// Names of the figures, with the digits that are worth printing, in the order of [`figures`]. Of all, less is better.
const FIGURES: [(&str, usize); 7] = [
    ("seconds until all know 10 peers", 2),
    ("CPU ms a node until then", 2),
    ("bytes sent by a node until then", 0),
    ("CPU ms a node and second, while looking for 20", 3),
    ("CPU ms a node and second, after that", 3),
    ("resident KiB a node", 1),
    ("peers a node", 1),
];

fn figures(measured: &Measured, nodes: u32) -> Result<Vec<f64>, Failure> {
    let nodes = f64::from(nodes);
    let number =
        |event: &Value, field: &'static str| event.get(field).and_then(Value::as_f64).ok_or(Failure::Field(field));
    let rate = |event: &Value| Ok::<_, Failure>(number(event, "cpu")? * 1e3 / nodes / number(event, "seconds")?);
    let goal = &measured.goal;
    let (Some(looking), Some(idle)) = (measured.steady.first(), measured.steady.last()) else {
        return Err(Failure::Field("steady"));
    };
    Ok(vec![
        number(goal, "seconds")?,
        number(goal, "cpu")? * 1e3 / nodes,
        number(goal, "bytes")? / nodes,
        rate(looking)?,
        rate(idle)?,
        number(idle, "resident")? / nodes / 1_024.0,
        number(idle, "peers")?,
    ])
}

fn print_table(arguments: &Arguments, sides: &[&str], results: &[Vec<Vec<f64>>]) {
    println!("\n{} nodes, {}: median (least to most) of {} rounds", arguments.nodes, arguments.mode, arguments.rounds);
    print!("{:48}", "");
    for side in sides {
        print!("{side:>28}");
    }
    println!("{:>14}", if sides.len() == 2 { "py is" } else { "" });
    for (index, (name, digits)) in FIGURES.into_iter().enumerate() {
        print!("{name:48}");
        let medians: Vec<f64> = results
            .iter()
            .map(|runs| {
                let mut values: Vec<f64> = runs.iter().filter_map(|figures| figures.get(index).copied()).collect();
                values.sort_by(f64::total_cmp);
                let (least, most) = (values.first().copied(), values.last().copied());
                let median = median(&values);
                let spread = format!(
                    "{median:.digits$} ({:.digits$}–{:.digits$})",
                    least.unwrap_or_default(),
                    most.unwrap_or_default()
                );
                print!("{spread:>28}");
                median
            })
            .collect();
        match *medians {
            [ours, py] if ours > 0.0 => println!("{:>12.1} ×", py / ours),
            _ => println!(),
        }
    }
}

/// Of values in order.
fn median(values: &[f64]) -> f64 {
    let at = |index: usize| values.get(index).copied().unwrap_or_default();
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { at(middle) } else { f64::midpoint(at(middle.saturating_sub(1)), at(middle)) }
}

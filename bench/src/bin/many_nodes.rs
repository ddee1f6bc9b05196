//! Many nodes in one process, ours and py-ipv8's, each round in fresh processes: `cargo xtask bench nodes`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use ipv8_bench::{Better, Figures, FiguresError, Keep, Row, What, exit_code, in_turn, print_table};
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
    #[command(flatten)]
    keep: Keep,
}

/// Seconds that are measured once all know ten peers, while they look for twenty, and again when most have them.
const STEADY: [&str; 2] = ["8", "8"];
/// Until all know ten peers, at the slowest.
const WITHIN: Duration = Duration::from_secs(90);

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Figures(#[from] FiguresError),
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
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let sides: Vec<&str> =
        ["ours", "py"].into_iter().filter(|side| arguments.only.as_deref().is_none_or(|only| only == *side)).collect();
    let results = in_turn(arguments.rounds, &sides, |side, round| {
        let measured = measure(side, arguments)?;
        if arguments.json {
            println!(
                "{}",
                json!({"side": side, "round": round, "nodes": arguments.nodes, "mode": arguments.mode,
                       "goal": measured.goal, "steady": measured.steady})
            );
        }
        figures(&measured, arguments.nodes)
    })?;
    let row = |(index, what): (usize, &What)| Row::new(*what, &results, |run| run.get(index).copied());
    let rows: Vec<Row> = FIGURES.iter().enumerate().map(row).collect();
    let title = format!("{} nodes, {}", arguments.nodes, arguments.mode);
    if !arguments.json {
        print_table(&title, &sides, &rows);
    }
    let mut figures = Figures::default();
    figures.add(&title, &sides, &rows);
    Ok(arguments.keep.apply(&figures)?)
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

/// In the order of [`figures`].
const FIGURES: [What; 7] = [
    less("seconds until all know 10 peers", "s", 2),
    less("CPU ms a node until then", "ms", 2),
    less("bytes sent by a node until then", "bytes", 0),
    less("CPU ms a node and second, while looking for 20", "ms", 3),
    less("CPU ms a node and second, after that", "ms", 3),
    less("resident KiB a node", "KiB", 1),
    What { name: "peers a node", unit: "", digits: 1, better: None },
];

const fn less(name: &'static str, unit: &'static str, digits: usize) -> What {
    What { name, unit, digits, better: Some(Better::Less) }
}

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

//! The DHT of many nodes in one process, ours and py-ipv8's, each round in fresh processes, with the same keys of nodes and the
//! same operations: `cargo xtask bench dht`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use ipv8_bench::{Better, Figures, FiguresError, Keep, Row, What, exit_code, in_turn, print_table};
use ipv8_interop::{Process, ProcessError, example, python, script};
use serde_json::{Value, json};

/// The DHT of many nodes in one process: ours (bench/examples/dht.rs) against py-ipv8's (interop/peers/dht_load.py), in turn,
/// with medians of all rounds and their ratio. Buckets are refreshed on neither side.
#[derive(Parser)]
#[command(name = "cargo xtask bench dht")]
struct Arguments {
    /// How often each is measured; every round has keys and operations of its own.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Nodes in the process.
    #[arg(long, value_name = "N", default_values_t = [20, 50], value_delimiter = ',', value_parser = clap::value_parser!(u32).range(2..))]
    nodes: Vec<u32>,
    /// With the limit of ten queries in five seconds, without it on both sides, or first one and then the other.
    #[arg(long, value_name = "shipped|lifted|both", default_value = "both", value_parser = ["shipped", "lifted", "both"])]
    limit: String,
    /// Operations of each kind.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    operations: u32,
    /// How many of them at once.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    at_once: u32,
    /// Measure only ours or only py.
    #[arg(long, value_name = "ours|py", value_parser = ["ours", "py"])]
    only: Option<String>,
    /// Print every measurement as JSON, one object per line, and no table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keep: Keep,
}

/// Until the next line of a process, at the slowest: a phase takes a minute and what was started by then, and the pauses.
const WITHIN: Duration = Duration::from_secs(180);
/// Seconds between two kinds of operations, so that questions of one do not count for the limit of the next; without a
/// limit one is enough.
const PAUSE: [&str; 2] = ["5.5", "1"];

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Figures(#[from] FiguresError),
    #[error("{0} is missing: use cargo xtask bench dht")]
    Missing(&'static str),
    #[error("an event lacks {0}")]
    Field(&'static str),
}

/// The phases, in their order.
const PHASES: [&str; 7] = [
    "sequential store",
    "sequential find",
    "store unsigned",
    "store signed",
    "find unsigned",
    "find signed",
    "connect",
];

/// What one process said.
struct Measured {
    goal: Value,
    idle: Value,
    phases: Vec<Value>,
}

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let sides: Vec<&str> =
        ["ours", "py"].into_iter().filter(|side| arguments.only.as_deref().is_none_or(|only| only == *side)).collect();
    let limits = ["shipped", "lifted"].into_iter().filter(|limit| ["both", *limit].contains(&arguments.limit.as_str()));
    let mut figures = Figures::default();
    for limit in limits {
        for nodes in &arguments.nodes {
            compare(arguments, &sides, (limit, *nodes), &mut figures)?;
        }
    }
    Ok(arguments.keep.apply(&figures)?)
}

fn compare(
    arguments: &Arguments,
    sides: &[&str],
    (limit, nodes): (&str, u32),
    all: &mut Figures,
) -> Result<(), Failure> {
    let results = in_turn(arguments.rounds, sides, |side, round| {
        let measured = measure(side, arguments, limit, nodes, round)?;
        if arguments.json {
            println!(
                "{}",
                json!({"side": side, "round": round, "nodes": nodes, "limit": limit, "goal": measured.goal,
                       "idle": measured.idle, "phases": measured.phases})
            );
        }
        figures(&measured, nodes)
    })?;
    for (table, name) in ["process"].into_iter().chain(PHASES).enumerate() {
        let names = if table == 0 { &PROCESS[..] } else { &FIGURES[..] };
        let figure = |run: &Vec<Vec<f64>>, index| run.get(table)?.get(index).copied();
        let row = |(index, what): (usize, &What)| Row::new(*what, &results, |run| figure(run, index));
        let rows: Vec<Row> = names.iter().enumerate().map(row).collect();
        let title = format!("dht, {nodes} nodes, limit {limit}, {name}");
        if !arguments.json {
            print_table(&title, sides, &rows);
        }
        all.add(&title, sides, &rows);
    }
    Ok(())
}

fn measure(side: &str, arguments: &Arguments, limit: &str, nodes: u32, round: u32) -> Result<Measured, Failure> {
    let mut command = if side == "ours" {
        example("dht").ok_or(Failure::Missing("the release example dht"))?
    } else {
        script(&python().ok_or(Failure::Missing("a Python with py-ipv8"))?, "dht_load.py")
    };
    command.args(["--nodes", &nodes.to_string(), "--seed", &round.to_string()]);
    command.args(["--operations", &arguments.operations.to_string(), "--at-once", &arguments.at_once.to_string()]);
    let [shipped, lifted] = PAUSE;
    command.args(["--pause", if limit == "lifted" { lifted } else { shipped }]);
    command.args((limit == "lifted").then_some("--no-limit"));
    let mut process = Process::spawn(side, command)?;
    let goal = process.wait_for("that all know ten nodes", WITHIN, |event| event["event"] == "goal")?;
    let idle = process.wait_for("its figures without load", WITHIN, |event| event["event"] == "idle")?;
    let mut phases = Vec::new();
    for phase in PHASES {
        phases.push(process.wait_for(phase, WITHIN, |event| event["event"] == "phase" && event["name"] == phase)?);
    }
    Ok(Measured { goal, idle, phases })
}

/// The figures of a phase, in the order of [`phase`].
const FIGURES: [What; 10] = [
    less("median ms", "ms", 1),
    less("p95 ms", "ms", 1),
    less("slowest ms", "ms", 1),
    What { name: "operations a second", unit: "/s", digits: 1, better: Some(Better::More) },
    less("CPU ms an operation, less what is used idle", "ms", 2),
    less("CPU ms an operation, in all", "ms", 2),
    told("succeeded, %", 1),
    told("questions that were waited for in vain, sent again", 0),
    told("queries that were dropped by the limit", 0),
    told("not started within a minute", 0),
];

/// Those of the process.
const PROCESS: [What; 5] = [
    told("seconds until all know 10 nodes", 1),
    told("nodes in a table", 1),
    less("idle CPU ms a second and node", "ms", 3),
    less("resident KiB a node, idle", "KiB", 1),
    less("resident KiB a node, at the end", "KiB", 1),
];

const fn less(name: &'static str, unit: &'static str, digits: usize) -> What {
    What { name, unit, digits, better: Some(Better::Less) }
}

/// Without a comparison.
const fn told(name: &'static str, digits: usize) -> What {
    What { name, unit: "", digits, better: None }
}

fn number(event: &Value, field: &'static str) -> Result<f64, Failure> {
    event.get(field).and_then(Value::as_f64).ok_or(Failure::Field(field))
}

/// Of the process, then of each phase.
fn figures(measured: &Measured, nodes: u32) -> Result<Vec<Vec<f64>>, Failure> {
    let (nodes, idle) = (f64::from(nodes), &measured.idle);
    let idle_rate = number(idle, "cpu")? / number(idle, "seconds")?;
    let end = measured.phases.last().ok_or(Failure::Field("phase"))?;
    let mut all = vec![vec![
        number(&measured.goal, "seconds")?,
        number(idle, "known")?,
        idle_rate * 1e3 / nodes,
        number(idle, "resident")? / nodes / 1_024.0,
        number(end, "resident")? / nodes / 1_024.0,
    ]];
    for event in &measured.phases {
        all.push(phase(event, idle_rate)?);
    }
    Ok(all)
}

fn phase(event: &Value, idle_rate: f64) -> Result<Vec<f64>, Failure> {
    let times = event.get("ms").and_then(Value::as_array).ok_or(Failure::Field("ms"))?;
    let mut times: Vec<f64> = times.iter().filter_map(Value::as_f64).collect();
    times.sort_by(f64::total_cmp);
    let (started, seconds, cpu) = (number(event, "started")?, number(event, "seconds")?, number(event, "cpu")?);
    // The time that so many of a hundred did not exceed.
    let percentile = |percent: usize| times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).copied();
    Ok(vec![
        percentile(50).ok_or(Failure::Field("ms"))?,
        percentile(95).ok_or(Failure::Field("ms"))?,
        percentile(100).ok_or(Failure::Field("ms"))?,
        started / seconds,
        (cpu - idle_rate * seconds).max(0.0) * 1e3 / started,
        cpu * 1e3 / started,
        number(event, "succeeded")? / started * 100.0,
        // Ours asks again before it gives up; the reference does not.
        number(event, "timeouts")? + number(event, "retries").unwrap_or_default(),
        number(event, "dropped")?,
        number(event, "total")? - started,
    ])
}

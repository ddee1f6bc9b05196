//! Our echo node against the reference's: `cargo xtask bench echo`.
//!
//! Other load on the machine moves even figures per second of processor time, so the two run in turn within each
//! round, and medians of rounds are compared.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Parser;
use ipv8_bench::{Load, LoadError, Measured, Mode, Packets, Poll, community};
use ipv8_interop::{Process, ProcessError, example, python, script};
use serde_json::json;

/// Any community: both nodes get the same.
const COMMUNITY: &str = "6563686f2d62656e63686d61726b2d6e6f646573";
const REQUESTS: u32 = 20_000;
const KEYS: u8 = 64;
const WARM_UP: Duration = Duration::from_millis(500);
const START_WITHIN: Duration = Duration::from_secs(30);
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Our echo node (examples/echo.rs) against py-ipv8's, in turn, with medians of all rounds and their ratio.
#[derive(Parser)]
#[command(name = "cargo xtask bench echo")]
struct Arguments {
    /// How often each node is measured.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds of each measurement.
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    secs: u64,
    /// Requests in flight, one or more numbers; 1 gives the round trip of an idle node.
    #[arg(long, value_name = "N", default_values_t = [64, 1], value_delimiter = ',')]
    window: Vec<usize>,
    /// Kinds of requests.
    #[arg(long, default_values_t = [Mode::Signed, Mode::Unsigned], value_delimiter = ',')]
    mode: Vec<Mode>,
    /// Measure only ours or only py.
    #[arg(long, value_name = "ours|py", value_parser = ["ours", "py"])]
    only: Option<String>,
    /// Print every measurement and the medians as JSON, one object per line, and no table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug)]
enum Failure {
    Load(LoadError),
    Process(ProcessError),
    Missing(&'static str),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Load(error) => error.fmt(f),
            Self::Process(error) => error.fmt(f),
            Self::Missing(what) => write!(f, "{what} is missing: use cargo xtask bench echo"),
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Self::Load(error)
    }
}

impl From<ProcessError> for Failure {
    fn from(error: ProcessError) -> Self {
        Self::Process(error)
    }
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    Ours,
    Py,
}

impl Node {
    fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Py => "py",
        }
    }

    fn start(self) -> Result<Process, Failure> {
        let mut command: Command = match self {
            Self::Ours => {
                let mut command = example("echo").ok_or(Failure::Missing("the release example echo"))?;
                command.arg("--json");
                command
            }
            Self::Py => {
                let python = python().ok_or(Failure::Missing("a Python with py-ipv8"))?;
                script(&python, "echo.py")
            }
        };
        command.args(["--listen", "127.0.0.1:0", "--community", COMMUNITY]);
        command.args(["--seconds", "600"]);
        Ok(Process::spawn(self.name(), command)?)
    }
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
    let nodes: Vec<Node> = [Node::Ours, Node::Py]
        .into_iter()
        .filter(|node| arguments.only.as_deref().is_none_or(|only| only == node.name()))
        .collect();
    for &mode in &arguments.mode {
        let community = community(COMMUNITY).map_err(|_| Failure::Missing("a community of forty digits"))?;
        let mut packets = Packets::new(mode, community, REQUESTS, KEYS);
        for &window in &arguments.window {
            let mut results: BTreeMap<Node, Vec<Measured>> = BTreeMap::new();
            for round in 1..=arguments.rounds {
                for &node in &nodes {
                    let measured = measure(node, &mut packets, window, arguments.secs)?;
                    if arguments.json {
                        let mut line = measured.to_json();
                        if let Some(fields) = line.as_object_mut() {
                            fields.insert("node".to_owned(), node.name().into());
                            fields.insert("mode".to_owned(), mode.name().into());
                            fields.insert("window".to_owned(), window.into());
                            fields.insert("round".to_owned(), round.into());
                        }
                        println!("{line}");
                    }
                    results.entry(node).or_default().push(measured);
                }
            }
            if arguments.json {
                print_json(mode, window, &results);
            } else {
                print_table(mode, window, arguments, &results);
            }
        }
    }
    Ok(())
}

/// A fresh node for each measurement: none starts with what another one left in its caches.
fn measure(node: Node, packets: &mut Packets, window: usize, secs: u64) -> Result<Measured, Failure> {
    let mut process = node.start()?;
    let started = process.started(START_WITHIN)?;
    let load = Load {
        target: started.listen,
        window,
        duration: Duration::from_secs(secs),
        warm_up: WARM_UP,
        poll: Poll::Spin,
        pid: Some(process.id()),
    };
    let measured = load.run(packets)?;
    process.terminate(STOP_WITHIN)?;
    Ok(measured)
}

/// A figure of a measurement: its name, how to get it, whether more is better.
type Figure = (&'static str, fn(&Measured) -> f64, bool);

const FIGURES: [Figure; 6] = [
    ("replies per server CPU s", |m| m.replies_per_cpu_second().unwrap_or_default(), true),
    ("replies/s", Measured::replies_per_second, true),
    ("round trip, median µs", |m| m.rtt_median_us, false),
    ("round trip, 99 % µs", |m| m.rtt_p99_us, false),
    ("lost", |m| m.lost as f64, false),
    ("bad", |m| m.bad as f64, false),
];

fn print_table(mode: Mode, window: usize, arguments: &Arguments, results: &BTreeMap<Node, Vec<Measured>>) {
    println!(
        "\n{mode}, window {window}: median (least to most) of {} rounds of {} s",
        arguments.rounds, arguments.secs
    );
    let heads: Vec<&str> = results.keys().map(|node| node.name()).collect();
    print!("{:26}", "");
    for head in &heads {
        print!("{head:>34}");
    }
    println!("{:>12}", "ours is");
    for (name, figure, more_is_better) in FIGURES {
        print!("{name:26}");
        let spreads: Vec<Spread> = results.values().map(|runs| Spread::of(runs, figure)).collect();
        for spread in &spreads {
            print!("{:>34}", spread.to_string());
        }
        match ratio(&spreads, more_is_better) {
            Some(ratio) => println!("{ratio:>10.2} ×"),
            None => println!(),
        }
    }
}

fn print_json(mode: Mode, window: usize, results: &BTreeMap<Node, Vec<Measured>>) {
    for (name, figure, more_is_better) in FIGURES {
        let spreads: Vec<Spread> = results.values().map(|runs| Spread::of(runs, figure)).collect();
        let medians: BTreeMap<&str, f64> =
            results.keys().zip(&spreads).map(|(node, spread)| (node.name(), spread.median)).collect();
        let line = json!({
            "mode": mode.name(),
            "window": window,
            "figure": name,
            "medians": medians,
            "ours_is_times_better": ratio(&spreads, more_is_better),
        });
        println!("{line}");
    }
}

/// How many times better the first is than the second; `None` without both, or where one is 0.
fn ratio(spreads: &[Spread], more_is_better: bool) -> Option<f64> {
    let [ours, py] = spreads else { return None };
    if ours.median <= 0.0 || py.median <= 0.0 {
        return None;
    }
    Some(if more_is_better { ours.median / py.median } else { py.median / ours.median })
}

/// A figure over all rounds.
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn of(runs: &[Measured], figure: fn(&Measured) -> f64) -> Self {
        let mut values: Vec<f64> = runs.iter().map(figure).collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or_default();
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { at(middle) } else { f64::midpoint(at(middle.saturating_sub(1)), at(middle)) };
        Self { median, least: at(0), most: at(values.len().saturating_sub(1)) }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Round trips are small numbers, rates are large ones.
        let digits = usize::from(self.most < 10_000.0 && self.most.fract() != 0.0);
        write!(f, "{:.digits$} ({:.digits$}–{:.digits$})", self.median, self.least, self.most)
    }
}

//! Our echo node against the reference's: `cargo xtask bench echo`.
//!
//! Other load on the machine moves even figures per second of processor time, so all nodes run in turn within each
//! round, and medians of rounds are compared.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

mod figures;
mod nodes;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use figures::Runs;
use ipv8_bench::{LoadError, Mode, Packets, community};
use ipv8_interop::ProcessError;
use nodes::{COMMUNITY, Node};
use serde_json::json;

const REQUESTS: u32 = 20_000;

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
    /// Peers: how many keys the requests are signed with in turn, one or more numbers.
    #[arg(long, value_name = "N", default_values_t = [64], value_delimiter = ',',
          value_parser = clap::value_parser!(u16).range(1..))]
    peers: Vec<u16>,
    /// Kinds of requests.
    #[arg(long, default_values_t = [Mode::Signed, Mode::Unsigned], value_delimiter = ',')]
    mode: Vec<Mode>,
    /// Who is measured: ours, ours with each signature verified alone, ours on two threads, py-ipv8's.
    #[arg(long, value_name = "ours|alone|two|py", default_values_t = [Node::Ours, Node::Py], value_delimiter = ',')]
    nodes: Vec<Node>,
    /// Print every measurement and the medians as JSON, one object per line, and no table.
    #[arg(long)]
    json: bool,
    /// Write the medians to this file.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Print how they differ from those in this file.
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
}

#[derive(Debug)]
enum Failure {
    Load(LoadError),
    Process(ProcessError),
    Missing(&'static str),
    File(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Load(error) => error.fmt(f),
            Self::Process(error) => error.fmt(f),
            Self::Missing(what) => write!(f, "{what} is missing: use cargo xtask bench echo"),
            Self::File(what) => write!(f, "figures cannot be kept or read: {what}"),
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

impl From<ipv8_bench::CpuError> for Failure {
    fn from(error: ipv8_bench::CpuError) -> Self {
        Self::Load(error.into())
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
    let community = community(COMMUNITY).map_err(|_| Failure::Missing("a community of forty digits"))?;
    let mut all = serde_json::Map::new();
    for &mode in &arguments.mode {
        // Unsigned requests have no keys.
        let peers = if mode == Mode::Signed { arguments.peers.as_slice() } else { &[1] };
        for &peers in peers {
            let mut packets = Packets::new(mode, community, REQUESTS, peers);
            for &window in &arguments.window {
                let load = match mode {
                    Mode::Signed => format!("signed, window {window}, {peers} peers"),
                    Mode::Unsigned => format!("unsigned, window {window}"),
                };
                let runs = measure(arguments, &load, window, &mut packets)?;
                let medians = figures::medians(&runs);
                if arguments.json {
                    println!("{}", json!({"load": load, "medians": medians}));
                } else {
                    figures::print_table(&load, &runs);
                }
                all.insert(load, medians);
            }
        }
    }
    let all = all.into();
    if let Some(path) = &arguments.compare {
        figures::compare(path, &all)?;
    }
    arguments.save.as_ref().map_or(Ok(()), |path| figures::save(path, &all))
}

/// All rounds of one load.
fn measure(arguments: &Arguments, load: &str, window: usize, packets: &mut Packets) -> Result<Runs, Failure> {
    let mut runs = Runs::new();
    for round in 1..=arguments.rounds {
        for &node in &arguments.nodes {
            let (measured, resident) = node.measure(packets, window, arguments.secs)?;
            if arguments.json {
                let mut line = measured.to_json();
                if let Some(fields) = line.as_object_mut() {
                    fields.insert("node".to_owned(), node.name().into());
                    fields.insert("load".to_owned(), load.into());
                    fields.insert("round".to_owned(), round.into());
                    fields.insert("resident_bytes".to_owned(), resident.into());
                }
                println!("{line}");
            }
            runs.entry(node).or_default().push((measured, resident));
        }
    }
    Ok(runs)
}

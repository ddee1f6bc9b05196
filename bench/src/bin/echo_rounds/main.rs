//! Our echo node against the reference's: `cargo xtask bench echo`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

mod figures;
mod nodes;

use std::process::ExitCode;

use clap::Parser;
use figures::Run;
use ipv8_bench::{
    CpuError, Figures, FiguresError, Keep, LoadError, Mode, Packets, community, exit_code, in_turn, print_table,
};
use ipv8_interop::ProcessError;
use nodes::{COMMUNITY, Node};

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
    /// Print every measurement as JSON, one object per line, and no table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keep: Keep,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Cpu(#[from] CpuError),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Figures(#[from] FiguresError),
    #[error("{0} is missing: use cargo xtask bench echo")]
    Missing(&'static str),
}

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let community = community(COMMUNITY).map_err(|_| Failure::Missing("a community of forty digits"))?;
    let mut figures = Figures::default();
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
                let rows = figures::rows(&measure(arguments, &load, window, &mut packets)?);
                if !arguments.json {
                    print_table(&load, &arguments.nodes, &rows);
                }
                figures.add(&format!("echo {load}"), &arguments.nodes, &rows);
            }
        }
    }
    Ok(arguments.keep.apply(&figures)?)
}

/// All rounds of one load.
fn measure(arguments: &Arguments, load: &str, window: usize, packets: &mut Packets) -> Result<Vec<Vec<Run>>, Failure> {
    in_turn(arguments.rounds, &arguments.nodes, |node, round| {
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
        Ok((measured, resident))
    })
}

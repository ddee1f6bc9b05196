//! What can be typed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use ipv8_crypto::Curve;
use ipv8_discovery::TrackerLimits;

use crate::dht::args::DhtCommand;
use crate::failure::Failure;

/// Network overlays between public keys, compatible with py-ipv8.
#[derive(Parser, Debug)]
#[command(name = "ipv8", version, max_term_width = 100)]
pub(crate) struct Args {
    /// Log more, to standard error: -v, -vv, -vvv; IPV8_LOG=ipv8_core=debug,warn chooses
    #[arg(short, long, global = true, action = clap::ArgAction::Count, display_order = 900)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Generate, show and use keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Show what packets say: one packet in hex per line, or a capture (pcapng or pcap)
    Decode(DecodeOptions),
    /// Let a tracker and some peers meet in this process, on loopback
    Demo(DemoOptions),
    /// Run a node until it is stopped
    Run(RunOptions),
    /// Store and find values in the DHT, and find peers
    #[command(subcommand)]
    Dht(DhtCommand),
    /// Write, check and show configurations
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Run a bootstrap server for every community
    Tracker(TrackerOptions),
    /// Run a network of simulated nodes: a built-in scenario, or a file
    Simulate(SimulateOptions),
}

#[derive(Subcommand, Debug)]
pub(crate) enum KeyCommand {
    /// Draw a private key and write it to a file
    Generate {
        /// Kind of key; peers use curve25519 today
        #[arg(long, default_value = Curve::Curve25519.name(), value_parser = curve())]
        curve: Curve,
        /// File to write, readable by its owner only
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Replace the file if it exists
        #[arg(long)]
        force: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the public part of a key
    Show {
        /// A private or a public key, binary or PEM
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Sign standard input and print the signature in hex
    Sign {
        /// File with the private key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// Check a signature of standard input: exit status 0 if it is valid, 1 if not
    Verify {
        /// The public key
        #[arg(long, value_name = "HEX", value_parser = hex_bytes)]
        public: HexBytes,
        /// The signature
        #[arg(long, value_name = "HEX", value_parser = hex_bytes)]
        signature: HexBytes,
    },
}

/// What `ipv8 decode` is asked for.
#[derive(clap::Args, Debug, Default)]
pub struct DecodeOptions {
    /// Print one JSON object per packet
    #[arg(long)]
    pub(crate) json: bool,
    /// File to read; standard input without it, or for -
    pub(crate) file: Option<PathBuf>,
}

/// What `ipv8 demo` is asked for.
#[derive(clap::Args, Debug)]
pub(crate) struct DemoOptions {
    /// How many peers take part, 2 to 100
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = peers)]
    pub(crate) peers: usize,
    /// Run for so long, instead of until all have found each other
    #[arg(long, value_name = "S", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) seconds: Option<Duration>,
    /// Print one JSON object per event
    #[arg(long)]
    pub(crate) json: bool,
}

/// What `ipv8 run` is asked for.
#[derive(clap::Args, Debug)]
pub(crate) struct RunOptions {
    #[command(flatten)]
    pub(crate) node: NodeOptions,
    /// Print one JSON object per event
    #[arg(long)]
    pub(crate) json: bool,
}

/// What a node is made of: a configuration, and what goes before it.
#[derive(clap::Args, Debug, Default)]
pub(crate) struct NodeOptions {
    /// Configuration: TOML, or the reference's dictionary as JSON; without it, IPV8_CONFIG, or defaults
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where to listen, once for IPv4 and once for IPv6; port 0 picks a free one. Without it, 0.0.0.0:8090 or the next
    /// free port
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) listen: Vec<String>,
    /// File with the node's private key, made if it is not there; without it, a fresh key
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<String>,
    /// A tracker to find first peers with, beside the public ones; may be given again
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) bootstrap: Vec<String>,
    /// Leave out the public trackers
    #[arg(long)]
    pub(crate) no_default_bootstrap: bool,
    /// How much to trust what the node is told: reference, compatible or hardened
    #[arg(long, value_name = "NAME")]
    pub(crate) hardening: Option<String>,
    /// Keep peers in this file between two runs
    #[arg(long, value_name = "FILE")]
    pub(crate) peer_file: Option<String>,
    /// Directory that relative paths of the configuration start from
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) working_directory: Option<String>,
    /// What to log: error, warn, info, debug, trace, or ipv8_core=debug,warn
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log: Option<String>,
    /// How to log: text or json
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
    /// Keep what the DHT has in this file between two runs
    #[arg(long, value_name = "FILE")]
    pub(crate) dht_file: Option<String>,
    /// Where to serve the REST interface, for this machine; nowhere without it
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) api: Option<String>,
}

#[derive(Subcommand, Debug)]
pub(crate) enum ConfigCommand {
    /// Write a configuration with all keys and what they mean
    Init {
        /// File to write; standard output without it
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Replace the file if it exists
        #[arg(long)]
        force: bool,
    },
    /// Say what is wrong with a configuration, if anything is: exit status 2 then
    Check {
        #[command(flatten)]
        node: NodeOptions,
    },
    /// Print every value with where it comes from
    Show {
        #[command(flatten)]
        node: NodeOptions,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the reference of all keys, as Markdown
    Reference,
}

/// What `ipv8 simulate` is asked for.
#[derive(clap::Args, Debug)]
pub(crate) struct SimulateOptions {
    /// A built-in scenario (see --list), or a TOML file
    #[arg(required_unless_present_any = ["list", "replay"])]
    pub(crate) scenario: Option<String>,
    /// How many nodes, instead of as many as the scenario says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) nodes: Option<u32>,
    /// What all randomness comes from, instead of what the scenario says
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
    /// End after so many virtual seconds, and leave out what would happen later
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) until: Option<Duration>,
    /// Run the nodes in so many threads; the results are the same
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: u16,
    /// Record every packet in this file (pcapng), which Wireshark opens and `ipv8 decode` reads
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// Run again what a trace has recorded, and say where the two first differ: exit status 1 if they do
    #[arg(long, value_name = "FILE", conflicts_with_all = ["scenario", "nodes", "seed", "until", "trace", "plots", "show"])]
    pub(crate) replay: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Draw plots into this directory: SVG files, and index.html with all of them
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) plots: Option<PathBuf>,
    /// Run although it would not fit into the memory that is free
    #[arg(long)]
    pub(crate) force: bool,
    /// List the built-in scenarios
    #[arg(long, conflicts_with_all = ["scenario", "replay"])]
    pub(crate) list: bool,
    /// Print the scenario's file, to be copied and changed
    #[arg(long)]
    pub(crate) show: bool,
}

/// What `ipv8 tracker` is asked for.
#[derive(clap::Args, Debug)]
pub(crate) struct TrackerOptions {
    /// Where to listen, once for IPv4 and once for IPv6; port 0 picks a free one. Without it, 0.0.0.0:8090 or the next
    /// free port
    #[arg(long, value_name = "IP:PORT", value_parser = socket_address)]
    pub(crate) listen: Vec<SocketAddr>,
    /// File with the private key, made if it is not there; without it, a fresh key
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Where to list the peers over HTTP, at /services; nowhere without it
    #[arg(long, value_name = "IP:PORT", value_parser = socket_address)]
    pub(crate) api: Option<SocketAddr>,
    /// Spend at most 20 ms of each second on the signatures of one host, and drop what is too much before any cryptography
    #[arg(long)]
    pub(crate) hardened: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) limits: TrackerCaps,
}

/// How much a tracker remembers.
#[derive(clap::Args, Debug, Clone, Copy)]
pub(crate) struct TrackerCaps {
    /// Peers that are remembered, of all communities together
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    max_peers: u32,
    /// Peers that are remembered of one community, the newest ones
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    max_peers_of_community: u32,
    /// Communities that are remembered
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    max_communities: u32,
    /// Peers that are remembered at one IPv4 address or IPv6 /64, of all communities together
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    max_peers_of_host: u32,
    /// The same, of one community
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..))]
    max_peers_of_host_in_community: u32,
}

impl From<TrackerCaps> for TrackerLimits {
    fn from(caps: TrackerCaps) -> Self {
        let size = |cap: u32| usize::try_from(cap).unwrap_or(usize::MAX);
        Self {
            peers: size(caps.max_peers_of_community),
            communities: size(caps.max_communities),
            peers_in_all: size(caps.max_peers),
            peers_of_host: size(caps.max_peers_of_host),
            peers_of_host_in_one: size(caps.max_peers_of_host_in_community),
        }
    }
}

fn peers(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|peers| (2..=100).contains(peers)).ok_or_else(|| "give a number from 2 to 100".to_owned())
}

pub(crate) fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write IP:PORT, or [IPv6]:PORT".to_owned())
}

/// The longest time that can be asked for is a year.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: Option<f64> = text.parse().ok();
    seconds
        .filter(|seconds| (0.0..=31_536_000.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "give a number of seconds, a year of them at most".to_owned())
}

/// Bytes given in hex.
#[derive(Clone, Debug)]
pub(crate) struct HexBytes(pub(crate) Vec<u8>);

fn hex_bytes(text: &str) -> Result<HexBytes, String> {
    hex::decode(text).map(HexBytes).map_err(|error| format!("not hex ({error}): write two digits per byte"))
}

fn curve() -> impl clap::builder::TypedValueParser<Value = Curve> {
    PossibleValuesParser::new(Curve::ALL.map(Curve::name)).try_map(|name| name.parse())
}

/// What arguments that were not understood mean: help that was asked for is printed, all else is one line.
pub(crate) fn explain(error: &clap::Error) -> Result<(), Failure> {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => error.print().map_err(|error| Failure::output(&error)),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            Err(Failure::Usage(format!("a command is missing: {}", commands(error))))
        }
        _ => Err(Failure::Usage(condense(&error.to_string()))),
    }
}

/// The commands that could have been given, out of the help text.
fn commands(error: &clap::Error) -> String {
    let text = error.to_string();
    let names: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    format!("give one of {} (see --help)", names.join(", "))
}

/// The error and its tips in one line, without the usage.
fn condense(text: &str) -> String {
    let mut parts = Vec::new();
    for paragraph in text.split("\n\n") {
        let words = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        if words.starts_with("Usage:") || words.starts_with("For more information") || words.is_empty() {
            continue;
        }
        parts.push(words.strip_prefix("error: ").map(str::to_owned).unwrap_or(words));
    }
    format!("{} (see --help)", parts.join("; "))
}

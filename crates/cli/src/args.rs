//! What can be typed.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use ipv8_crypto::Curve;

use crate::failure::Failure;

/// Network overlays between public keys: keys and packets of IPv8.
#[derive(Parser, Debug)]
#[command(name = "ipv8", version, about, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Generate, show and use keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Show what packets say: one packet in hex per line
    Decode(DecodeOptions),
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
    /// File to read instead of standard input
    pub(crate) file: Option<PathBuf>,
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

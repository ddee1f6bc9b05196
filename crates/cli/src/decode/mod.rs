//! `ipv8 decode`: what packets say, by the same message types that the node reads.
//!
//! | module | holds |
//! |---|---|
//! | `fields` | names and values of a payload, as the reference has them |
//! | `base`, `discovery`, `dht` | the messages of the built-in overlays |
//! | `catalogue` | which message an id of a community stands for |
//! | `packet` | from bytes to what is shown of them |
//! | `capture` | the packets of pcapng and pcap files |
//! | `lines` | input, line by line, in bounded memory |
//! | `human` | the form for people |

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

mod base;
mod capture;
mod catalogue;
mod dht;
mod discovery;
mod fields;
mod human;
mod lines;
mod packet;

pub use fields::{Fields, Value};
pub use packet::{Decoded, Unreadable, decode_line, decode_packet};

pub use crate::args::DecodeOptions;
use crate::failure::Failure;
use crate::output;
use lines::Lines;

/// Decodes all packets of the input; fails quietly if one could not be read, for the output tells which.
pub(crate) fn run(options: &DecodeOptions) -> Result<(), Failure> {
    let stdout = io::stdout().lock();
    match options.file.as_deref().filter(|path| *path != Path::new("-")) {
        None => decode(io::stdin().lock(), stdout, options.json, "standard input"),
        Some(path) => {
            let name = path.display().to_string();
            let file = File::open(path).map_err(|error| {
                Failure::Failed(format!("cannot read {name}: {error}; give a file of packets in hex, or a capture"))
            })?;
            decode(BufReader::with_capacity(1 << 16, file), stdout, options.json, &name)
        }
    }
}

fn decode(mut input: impl BufRead, output: impl Write, json: bool, name: &str) -> Result<(), Failure> {
    let is_capture = capture::is_next(&mut input).map_err(|error| cannot_read(name, &error))?;
    let decode = if is_capture { capture::decode_all } else { decode_lines };
    decode(input, output, json, name)
}

fn cannot_read(name: &str, error: &io::Error) -> Failure {
    Failure::Failed(format!("cannot read {name}: {error}"))
}

fn decode_lines(input: impl BufRead, output: impl Write, json: bool, name: &str) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(output);
    let mut lines = Lines::new(input);
    let mut number: u64 = 0;
    let mut failures: u64 = 0;
    loop {
        let read = lines.next().map_err(|error| cannot_read(name, &error))?;
        let Some(line) = read else { break };
        number = number.saturating_add(1);
        let decoded = line.and_then(decode_line);
        failures = failures.saturating_add(u64::from(decoded.is_err()));
        match (json, &decoded) {
            (true, Ok(packet)) => output::json(&mut out, packet)?,
            (true, Err(unreadable)) => output::json(&mut out, unreadable)?,
            (false, _) => output::line(&mut out, &human::text(number, &decoded))?,
        }
        // Whoever types packets sees each at once; a file goes out in large pieces.
        if lines.drained() {
            output::flush(&mut out)?;
        }
    }
    output::flush(&mut out)?;
    match failures {
        0 => Ok(()),
        _ if json => Err(Failure::Quiet),
        _ => Err(Failure::Failed(format!("{failures} of {number} packets could not be read"))),
    }
}

//! Traces: every packet of a run in a file, and a run against such a file.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use ipv8_scenario::{Ended, Options, Scenario};
use ipv8_sim::capture::{Comparison, Difference, Origin, PcapNg, ReadError, Reader, Recorded, compare};
use serde::Serialize;

use crate::args::SimulateOptions;
use crate::decode::decode_packet;
use crate::failure::{Failure, one_line};
use crate::output;

/// Names of the settings that a trace keeps beside the scenario's text and the seed.
const NODES: &str = "nodes";
const UNTIL: &str = "until";

/// This program, as a trace names it.
const PROGRAM: &str = concat!("ipv8 ", env!("CARGO_PKG_VERSION"));

/// Begins a trace file that is enough to run the scenario again.
pub(super) fn create(
    path: &Path,
    options: &SimulateOptions,
    scenario: &Scenario,
    text: &str,
) -> Result<PcapNg<BufWriter<File>>, Failure> {
    let failed = |error| Failure::Failed(format!("cannot write the trace {}: {error}", path.display()));
    let mut origin = Origin::new(PROGRAM, scenario.seed).set(NODES, scenario.nodes).scenario(text);
    if let Some(until) = options.until {
        origin = origin.set(UNTIL, until.as_nanos());
    }
    let file = File::create(path).map_err(failed)?;
    PcapNg::new(BufWriter::new(file), &origin).map_err(failed)
}

/// Runs again what a trace has recorded, and tells whether it is the same.
pub(super) fn replay(out: &mut impl Write, options: &SimulateOptions, path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    let file = File::open(path).map_err(|error| Failure::Failed(format!("cannot read the trace {shown}: {error}")))?;
    let unreadable = |error: ReadError| Failure::Failed(format!("cannot read the trace {shown}: {error}"));
    let reader = Reader::new(BufReader::new(file)).map_err(unreadable)?;
    let Some(origin) = reader.origin().filter(|origin| !origin.scenario.is_empty()).cloned() else {
        let what = "holds no scenario: only traces of `ipv8 simulate --trace` can be run again";
        return Err(Failure::Failed(format!("{shown} {what}")));
    };
    if origin.program != PROGRAM {
        let program = one_line(&origin.program);
        tracing::warn!("the trace was written by {program}, this is {PROGRAM}: another version may well run otherwise");
    }
    let scenario = recorded(&origin, &shown.to_string())?;
    let mut interrupted = false;
    let compared = compare(reader, |sink| {
        let (outcome, captured) = super::simulate(options, &scenario, Options::default().capture(sink))?;
        interrupted = outcome.ended == Ended::Interrupted;
        captured.map_err(|error| Wrong(Failure::Failed(format!("cannot compare with {shown}: {error}"))))
    });
    match compared.map_err(|Wrong(failure)| failure)? {
        // A comparison ends a run as well, but at a packet of it.
        Comparison::Differs(difference) if interrupted && difference.run.is_none() => {
            let packets = difference.number.saturating_sub(1);
            Err(Failure::Failed(format!("interrupted: the run is the same for {packets} packets so far")))
        }
        comparison => tell(out, options.json, &comparison),
    }
}

/// What came of running a trace again, as JSON.
#[derive(Serialize)]
struct Replayed {
    same: bool,
    /// How many packets are the same.
    packets: u64,
    /// Whether the trace has an end, or was cut short.
    complete: bool,
    /// The place in the packets after these of the first byte that differs.
    first_byte: Option<usize>,
    recorded: Option<Packet>,
    run: Option<Packet>,
}

/// A packet that differs.
#[derive(Serialize)]
struct Packet {
    /// Virtual seconds.
    at: f64,
    fate: Option<String>,
    from: String,
    to: String,
    message: Option<&'static str>,
    bytes: String,
}

impl Packet {
    fn new(packet: &Recorded, difference: &Difference) -> Self {
        let at = packet.at.unwrap_or_default().saturating_sub(difference.unix_origin).as_secs_f64();
        let (from, to) = (packet.from.to_string(), packet.to.to_string());
        Self { at, fate: packet.fate(), from, to, message: message(packet), bytes: hex::encode(&packet.bytes) }
    }
}

fn tell(out: &mut impl Write, json: bool, comparison: &Comparison) -> Result<(), Failure> {
    match comparison {
        Comparison::Same { packets, complete } => {
            if json {
                let (packets, complete) = (*packets, *complete);
                let same = Replayed { same: true, packets, complete, first_byte: None, recorded: None, run: None };
                output::json(out, &same)?;
            } else {
                let end = if *complete { "" } else { "; the trace was cut short there" };
                output::line(out, &format!("the run is the same: {packets} packets{end}"))?;
            }
            output::flush(out)
        }
        Comparison::Differs(difference) => {
            if json {
                output::json(out, &parted(difference))?;
            } else {
                output::line(out, &difference.to_string())?;
                for (name, packet) in [("recorded", &difference.recorded), ("this run", &difference.run)] {
                    if let Some(message) = packet.as_ref().and_then(message) {
                        output::line(out, &format!("  the message, {name}: {message}"))?;
                    }
                }
            }
            output::flush(out)?;
            Err(Failure::Quiet)
        }
    }
}

fn parted(difference: &Difference) -> Replayed {
    let packet = |packet: &Option<Recorded>| packet.as_ref().map(|packet| Packet::new(packet, difference));
    Replayed {
        same: false,
        packets: difference.number.saturating_sub(1),
        complete: true,
        first_byte: difference.first_byte(),
        recorded: packet(&difference.recorded),
        run: packet(&difference.run),
    }
}

/// The name of the message in a packet, if it is known.
fn message(packet: &Recorded) -> Option<&'static str> {
    decode_packet(&packet.bytes).ok()?.message
}

/// The scenario of a trace, with what was set beside it.
fn recorded(origin: &Origin, trace: &str) -> Result<Scenario, Failure> {
    let file = format!("the scenario in {trace}");
    let scenario = Scenario::from_toml(&file, &origin.scenario);
    let mut scenario = scenario.map_err(|error| Failure::Problems(error.lines().collect()))?;
    scenario.seed = origin.seed;
    if let Some(nodes) = origin.setting(NODES).and_then(|nodes| nodes.parse().ok()) {
        scenario.nodes = nodes;
    }
    if let Some(until) = origin.setting(UNTIL).and_then(|nanos| nanos.parse().ok()) {
        scenario = scenario.until(Duration::from_nanos(until));
    }
    Ok(scenario)
}

/// Why a comparison did not come to its end.
struct Wrong(Failure);

impl From<ReadError> for Wrong {
    fn from(error: ReadError) -> Self {
        Self(Failure::Failed(format!("cannot read the trace: {error}")))
    }
}

impl From<Failure> for Wrong {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

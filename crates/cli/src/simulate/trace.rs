//! Traces: every packet of a run in a file, and a run against such a file.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use ipv8_scenario::{Options, Scenario};
use ipv8_sim::capture::{Comparison, Origin, PcapNg, ReadError, Reader, compare};

use crate::args::SimulateOptions;
use crate::failure::Failure;
use crate::output;

/// Names of the settings that a trace keeps beside the scenario's text and the seed.
const NODES: &str = "nodes";
const UNTIL: &str = "until";

/// Begins a trace file that is enough to run the scenario again.
pub(super) fn create(
    path: &Path,
    options: &SimulateOptions,
    scenario: &Scenario,
    text: &str,
) -> Result<PcapNg<BufWriter<File>>, Failure> {
    let failed = |error| Failure::Failed(format!("cannot write the trace {}: {error}", path.display()));
    let program = concat!("ipv8 ", env!("CARGO_PKG_VERSION"));
    let mut origin = Origin::new(program, scenario.seed).set(NODES, scenario.nodes).scenario(text);
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
    let scenario = recorded(&origin, &shown.to_string())?;
    let compared = compare(reader, |sink| {
        let (_, captured) = super::simulate(options, &scenario, Options::default().capture(sink))?;
        captured.map_err(|error| Wrong(Failure::Failed(format!("cannot compare with {shown}: {error}"))))
    });
    match compared.map_err(|Wrong(failure)| failure)? {
        Comparison::Same { packets, complete } => {
            let end = if complete { "" } else { "; the trace was cut short there" };
            output::line(out, &format!("the run is the same: {packets} packets{end}"))?;
            output::flush(out)
        }
        Comparison::Differs(difference) => {
            output::line(out, &difference.to_string())?;
            output::flush(out)?;
            Err(Failure::Quiet)
        }
    }
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

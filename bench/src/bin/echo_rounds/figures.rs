//! What is told of a measurement.

use ipv8_bench::{Better, Measured, Row, What};

/// One measurement, and the memory of the node after it.
pub(crate) type Run = (Measured, u64);

/// A figure of a measurement, and how to get it.
type Figure = (What, fn(&Run) -> Option<f64>);

const FIGURES: [Figure; 7] = [
    (more("replies per server CPU s", "/s"), |(m, _)| m.replies_per_cpu_second()),
    (more("replies/s", "/s"), |(m, _)| Some(m.replies_per_second())),
    (less("round trip, median µs", "µs", 1), |(m, _)| Some(m.rtt_median_us)),
    (less("round trip, 99 % µs", "µs", 1), |(m, _)| Some(m.rtt_p99_us)),
    (less("lost", "", 0), |(m, _)| Some(m.lost as f64)),
    (less("bad", "", 0), |(m, _)| Some(m.bad as f64)),
    (less("resident, KiB", "KiB", 0), |(_, resident)| Some((*resident / 1_024) as f64)),
];

const fn more(name: &'static str, unit: &'static str) -> What {
    What { name, unit, digits: 0, better: Some(Better::More) }
}

const fn less(name: &'static str, unit: &'static str, digits: usize) -> What {
    What { name, unit, digits, better: Some(Better::Less) }
}

/// The figures of the runs of each node.
pub(crate) fn rows(results: &[Vec<Run>]) -> Vec<Row> {
    FIGURES.iter().map(|(what, figure)| Row::new(*what, results, figure)).collect()
}

//! What was measured: medians of rounds, printed, kept in a file and compared with what was kept.

use std::collections::BTreeMap;
use std::path::Path;

use ipv8_bench::Measured;
use serde_json::{Value, json};

use crate::{Failure, nodes::Node};

/// One measurement, and the memory of the node after it.
pub(crate) type Run = (Measured, u64);

/// A figure of a measurement: its name, how to get it, whether more is better.
type Figure = (&'static str, fn(&Run) -> f64, bool);

const FIGURES: [Figure; 7] = [
    ("replies per server CPU s", |(m, _)| m.replies_per_cpu_second().unwrap_or_default(), true),
    ("replies/s", |(m, _)| m.replies_per_second(), true),
    ("round trip, median µs", |(m, _)| m.rtt_median_us, false),
    ("round trip, 99 % µs", |(m, _)| m.rtt_p99_us, false),
    ("lost", |(m, _)| m.lost as f64, false),
    ("bad", |(m, _)| m.bad as f64, false),
    ("resident, KiB", |(_, resident)| (*resident / 1_024) as f64, false),
];

/// The runs of each node under one load.
pub(crate) type Runs = BTreeMap<Node, Vec<Run>>;

/// Prints a table of one load, with the ratio of our first node to py-ipv8's.
pub(crate) fn print_table(load: &str, runs: &Runs) {
    println!("\n{load}: median (least to most)");
    print!("{:26}", "");
    for node in runs.keys() {
        print!("{:>30}", node.name());
    }
    println!("{:>12}", if runs.contains_key(&Node::Py) { "ours is" } else { "" });
    for (name, figure, more_is_better) in FIGURES {
        print!("{name:26}");
        let spreads: BTreeMap<Node, Spread> =
            runs.iter().map(|(node, runs)| (*node, Spread::of(runs, figure))).collect();
        for spread in spreads.values() {
            print!("{:>30}", spread.to_string());
        }
        match ratio(&spreads, more_is_better) {
            Some(ratio) => println!("{ratio:>10.2} ×"),
            None => println!(),
        }
    }
}

/// Medians of one load: by figure and node.
pub(crate) fn medians(runs: &Runs) -> Value {
    let of = |figure| -> Value {
        let median =
            |(node, runs): (&Node, &Vec<Run>)| (node.name().to_owned(), json!(Spread::of(runs, figure).median));
        runs.iter().map(median).collect::<serde_json::Map<_, _>>().into()
    };
    FIGURES.iter().map(|(name, figure, _)| ((*name).to_owned(), of(*figure))).collect::<serde_json::Map<_, _>>().into()
}

/// Writes the medians of all loads.
pub(crate) fn save(path: &Path, medians: &Value) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(medians).map_err(|error| Failure::File(error.to_string()))?;
    std::fs::write(path, text + "\n").map_err(|error| Failure::File(format!("{}: {error}", path.display())))
}

/// Prints how what was measured differs from what a file keeps. The ratio to py-ipv8, measured in the same run, says more than
/// the figures, which another machine or other load change.
pub(crate) fn compare(path: &Path, measured: &Value) -> Result<(), Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::File(format!("{}: {error}", path.display())))?;
    let kept: Value = serde_json::from_str(&text).map_err(|error| Failure::File(error.to_string()))?;
    println!("\nchange against {}", path.display());
    println!("{:40}{:26}{:8}{:>12}{:>12}{:>10}", "", "", "", "kept", "now", "change");
    for (load, figures) in measured.as_object().into_iter().flatten() {
        for (figure, nodes) in figures.as_object().into_iter().flatten() {
            for (node, now) in nodes.as_object().into_iter().flatten() {
                let before = kept.get(load).and_then(|kept| kept.get(figure)?.get(node)?.as_f64());
                let (Some(before), Some(now)) = (before, now.as_f64()) else { continue };
                let change = if before == 0.0 { 0.0 } else { (now / before - 1.0) * 100.0 };
                println!("{load:40}{figure:26}{node:8}{before:>12.1}{now:>12.1}{change:>+9.1} %");
            }
        }
    }
    Ok(())
}

/// How many times better ours is than py-ipv8's; `None` without both, or where one is 0.
fn ratio(spreads: &BTreeMap<Node, Spread>, more_is_better: bool) -> Option<f64> {
    let (ours, py) = (spreads.get(&Node::Ours)?.median, spreads.get(&Node::Py)?.median);
    let both = ours > 0.0 && py > 0.0;
    both.then_some(if more_is_better { ours / py } else { py / ours })
}

/// A figure over all rounds.
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn of(runs: &[Run], figure: fn(&Run) -> f64) -> Self {
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

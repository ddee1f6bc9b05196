//! Outcomes that no run has are drawn all the same, without a panic.

use std::time::Duration;

use ipv8_scenario::{
    Graph, GraphNode, Histogram, Mark, Outcome, Point, Series, Unit,
    report::{json, table},
};

use crate::{
    plots::{assert_well_formed, drawn},
    sample,
};

#[track_caller]
fn survives(outcome: &Outcome, name: &str) -> usize {
    let files = drawn(outcome, name);
    for (name, text) in &files {
        assert_well_formed(name, text);
        assert!(!text.contains("NaN") && !text.contains("inf"), "{name}");
    }
    assert!(table(outcome).lines().count() > 5);
    assert!(serde_json::from_str::<serde_json::Value>(&json(outcome)).is_ok());
    files.len()
}

fn point(at: Duration, value: f64) -> Point {
    Point { at, min: value, low: value, median: value, high: value, max: value, mean: value }
}

#[test]
fn nothing_at_all() {
    let mut outcome = sample::outcome();
    outcome.series.clear();
    outcome.histograms.clear();
    outcome.graphs.clear();
    outcome.marks.clear();
    assert_eq!(survives(&outcome, "nothing"), 1);
}

#[test]
fn numbers_that_are_none_or_huge_or_tiny() {
    let all = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -1.0, 0.0, f64::MIN_POSITIVE, 1e-9];
    for unit in [Unit::Count, Unit::Bytes, Unit::BytesPerSecond, Unit::PerSecond, Unit::Seconds, Unit::Share] {
        let mut outcome = sample::outcome();
        for (number, value) in all.into_iter().enumerate() {
            let times = [Duration::ZERO, Duration::from_nanos(1), Duration::MAX];
            let points = times[..=number % 3].iter().map(|at| point(*at, value)).collect();
            outcome.series.push(Series { name: "odd/../name", title: "Odd", unit, points });
        }
        let spread = Point { min: f64::NAN, max: f64::INFINITY, ..point(Duration::from_secs(1), 3.0) };
        outcome.series.push(Series { name: "", title: "", unit, points: vec![spread; 5_000] });
        // The empty metric of the sample has none.
        assert_eq!(survives(&outcome, &format!("odd-{unit:?}")), 7 + all.len() + 1);
    }
}

#[test]
fn many_marks_and_long_ones() {
    let mut outcome = sample::outcome();
    outcome.marks = (0..2_000).map(|n| Mark { at: Duration::from_millis(n * 100), text: "word ".repeat(50) }).collect();
    survives(&outcome, "marks");
    outcome.marks.truncate(8);
    survives(&outcome, "marks-8");
}

#[test]
fn graphs_and_histograms_that_contradict_themselves() {
    let mut outcome = sample::outcome();
    let node = GraphNode { number: 7, kind: "open" };
    for nodes in [vec![node], vec![node; 3], vec![GraphNode { number: u32::MAX, kind: "<kind>" }, node]] {
        let edges = vec![(7, 7), (7, u32::MAX), (u32::MAX, 7), (1, 2)];
        outcome.graphs.push(Graph { at: Duration::from_millis(1_500), nodes, edges });
    }
    for counts in [vec![(0, 0)], vec![(0, u32::MAX), (u32::MAX, u32::MAX)], vec![(9, 1), (3, 1)], vec![(u32::MAX, 1)]] {
        outcome.histograms.push(Histogram { name: "h", title: "H", at: Duration::ZERO, counts });
    }
    assert_eq!(survives(&outcome, "contradictions"), 7 + 3 + 4);
}

//! An outcome as a run may have it.

use std::time::Duration;

use ipv8_scenario::{Ended, Fact, Graph, GraphNode, Histogram, Mark, Outcome, Point, Series, Totals, Unit};

fn point(second: u32, median: f64, spread: f64) -> Point {
    let at = Duration::from_secs(u64::from(second));
    let low = (median - spread / 2.0).max(0.0);
    let min = (median - spread).max(0.0);
    Point { at, min, low, median, high: median + spread / 2.0, max: median + 2.0 * spread, mean: median + spread / 8.0 }
}

fn single(second: u32, value: f64) -> Point {
    let at = Duration::from_secs(u64::from(second));
    Point { at, min: value, low: value, median: value, high: value, max: value, mean: value }
}

fn mark(second: u64, text: &str) -> Mark {
    Mark { at: Duration::from_secs(second), text: text.to_owned() }
}

/// Two halves that know each other little; each node knows some that come after it.
pub(crate) fn graph(nodes: u32) -> Graph {
    let kinds = ["open", "full cone", "port-restricted", "symmetric"];
    let mut list = vec![GraphNode { number: 0, kind: "tracker" }];
    let mut edges = Vec::new();
    let mut state = 1_u32;
    for number in 1..nodes {
        list.push(GraphNode { number, kind: kinds[number as usize % 4] });
        for known in 0..4 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let half = nodes / 2;
            let other =
                if known > 0 || number % 10 > 0 { (state >> 8) % half + number / half * half } else { state % nodes };
            if other != number && other < nodes {
                edges.push((number, other));
            }
        }
    }
    edges.sort_unstable();
    edges.dedup();
    Graph { at: Duration::from_secs(30), nodes: list, edges }
}

pub(crate) fn outcome() -> Outcome {
    let grows = |second: u32| 20.0 * f64::from(second) / f64::from(second + 12);
    let latency = |second: u32| if (30..40).contains(&second) { f64::NAN } else { 0.1 + 0.02 * f64::from(second % 7) };
    Outcome {
        scenario: "partition".to_owned(),
        seed: 7,
        nodes: 100,
        ended: Ended::TimeLimit,
        virtual_time: Duration::from_secs(120),
        trace_hash: 0x0123_4567_89ab_cdef,
        totals: Totals {
            sent: 123_456,
            sent_bytes: 20_123_456,
            delivered: 120_000,
            delivered_bytes: 19_500_000,
            duplicated: 12,
            lost: vec![("link", 3_000), ("partition", 456), ("no host", 0)],
            events: 400_000,
            turns: 300_000,
        },
        series: vec![
            Series {
                name: "peers_known",
                title: "Peers known",
                unit: Unit::Count,
                points: (0..=120).map(|second| point(second, grows(second), 4.0)).collect(),
            },
            Series {
                name: "sent",
                title: "Bytes sent",
                unit: Unit::BytesPerSecond,
                points: (0..=120)
                    .map(|second| single(second, 90_000.0 + 1_000.0 * f64::from(second * 37 % 11)))
                    .collect(),
            },
            Series {
                name: "latency",
                title: "Request latency",
                unit: Unit::Seconds,
                points: (0..=120).map(|second| point(second, latency(second), 0.04)).collect(),
            },
            Series {
                name: "failed",
                title: "Requests that failed",
                unit: Unit::Share,
                points: (0..=120)
                    .map(|second| single(second, if (30..60).contains(&second) { 0.48 } else { 0.01 }))
                    .collect(),
            },
            Series { name: "nothing", title: "Nothing measured", unit: Unit::Count, points: Vec::new() },
        ],
        histograms: vec![Histogram {
            name: "in_degree",
            title: "Nodes that know a node",
            at: Duration::from_secs(120),
            counts: vec![(3, 2), (4, 5), (5, 11), (6, 20), (7, 25), (8, 18), (9, 11), (10, 6), (14, 2)],
        }],
        graphs: vec![graph(50)],
        marks: vec![
            mark(30, "partition into 2 parts"),
            mark(33, "tracker down"),
            mark(60, "heal"),
            mark(118, "flash crowd of 50 nodes <&>"),
        ],
        facts: vec![
            Fact {
                name: "t10",
                title: "time until the median node knows 10 peers".to_owned(),
                value: 12.34,
                unit: Unit::Seconds,
            },
            Fact { name: "ok", title: "requests answered".to_owned(), value: 0.8731, unit: Unit::Share },
        ],
    }
}

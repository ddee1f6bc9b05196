//! JSON for programs.

use std::time::Duration;

use serde::Serialize;

use crate::outcome::{Ended, Fact, Graph, Histogram, Mark, Outcome, Point, Series, Totals, Unit};

/// The whole outcome as one JSON object in one line, without a line break at its end.
///
/// Names are those of the fields of [`Outcome`]. Times are seconds, numbers have six decimals at most, and what is no
/// number is `null`. The hash is in hex, as it has more digits than a number of JSON. The fields are always there, in
/// the same order: equal outcomes are equal texts.
#[must_use]
pub fn json(outcome: &Outcome) -> String {
    // The types below have no maps, and no numbers that JSON does not have.
    serde_json::to_string(&Run::from(outcome)).unwrap_or_default()
}

#[derive(Serialize)]
struct Run<'a> {
    scenario: &'a str,
    seed: u64,
    nodes: u32,
    ended: &'static str,
    virtual_time: Number,
    trace_hash: String,
    totals: Counts,
    facts: Vec<Figure<'a>>,
    marks: Vec<Moment<'a>>,
    series: Vec<Metric>,
    histograms: Vec<Counted<'a>>,
    graphs: Vec<Known<'a>>,
}

impl<'a> From<&'a Outcome> for Run<'a> {
    fn from(outcome: &'a Outcome) -> Self {
        Self {
            scenario: &outcome.scenario,
            seed: outcome.seed,
            nodes: outcome.nodes,
            ended: match outcome.ended {
                Ended::Goal => "goal",
                Ended::TimeLimit => "time_limit",
                Ended::Interrupted => "interrupted",
            },
            virtual_time: outcome.virtual_time.into(),
            trace_hash: format!("{:016x}", outcome.trace_hash),
            totals: (&outcome.totals).into(),
            facts: outcome.facts.iter().map(Figure::from).collect(),
            marks: outcome.marks.iter().map(Moment::from).collect(),
            series: outcome.series.iter().map(Metric::from).collect(),
            histograms: outcome.histograms.iter().map(Counted::from).collect(),
            graphs: outcome.graphs.iter().map(Known::from).collect(),
        }
    }
}

/// A number with six decimals at most.
#[derive(Serialize)]
struct Number(Option<f64>);

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        const DECIMALS: f64 = 1e6;
        let rounded = (value * DECIMALS).round() / DECIMALS;
        // Above 2^53 there are no decimals to round, and the product may be too large.
        let value = if rounded.is_finite() { rounded } else { value };
        Self(value.is_finite().then_some(value + 0.0))
    }
}

impl From<Duration> for Number {
    fn from(time: Duration) -> Self {
        time.as_secs_f64().into()
    }
}

#[derive(Serialize)]
struct Counts {
    sent: u64,
    sent_bytes: u64,
    delivered: u64,
    delivered_bytes: u64,
    duplicated: u64,
    lost: Vec<(&'static str, u64)>,
    events: u64,
    turns: u64,
}

impl From<&Totals> for Counts {
    fn from(totals: &Totals) -> Self {
        let Totals { sent, sent_bytes, delivered, delivered_bytes, duplicated, lost, events, turns } = totals.clone();
        Self { sent, sent_bytes, delivered, delivered_bytes, duplicated, lost, events, turns }
    }
}

#[derive(Serialize)]
struct Figure<'a> {
    name: &'static str,
    title: &'a str,
    value: Number,
    unit: &'static str,
}

impl<'a> From<&'a Fact> for Figure<'a> {
    fn from(fact: &'a Fact) -> Self {
        Self { name: fact.name, title: &fact.title, value: fact.value.into(), unit: unit(fact.unit) }
    }
}

#[derive(Serialize)]
struct Moment<'a> {
    at: Number,
    text: &'a str,
}

impl<'a> From<&'a Mark> for Moment<'a> {
    fn from(mark: &'a Mark) -> Self {
        Self { at: mark.at.into(), text: &mark.text }
    }
}

#[derive(Serialize)]
struct Metric {
    name: &'static str,
    title: &'static str,
    unit: &'static str,
    points: Vec<Values>,
}

impl From<&Series> for Metric {
    fn from(series: &Series) -> Self {
        let points = series.points.iter().map(Values::from).collect();
        Self { name: series.name, title: series.title, unit: unit(series.unit), points }
    }
}

#[derive(Serialize)]
struct Values {
    at: Number,
    min: Number,
    low: Number,
    median: Number,
    high: Number,
    max: Number,
    mean: Number,
}

impl From<&Point> for Values {
    fn from(point: &Point) -> Self {
        Self {
            at: point.at.into(),
            min: point.min.into(),
            low: point.low.into(),
            median: point.median.into(),
            high: point.high.into(),
            max: point.max.into(),
            mean: point.mean.into(),
        }
    }
}

#[derive(Serialize)]
struct Counted<'a> {
    name: &'static str,
    title: &'static str,
    at: Number,
    counts: &'a [(u32, u32)],
}

impl<'a> From<&'a Histogram> for Counted<'a> {
    fn from(histogram: &'a Histogram) -> Self {
        let Histogram { name, title, at, counts } = histogram;
        Self { name, title, at: (*at).into(), counts }
    }
}

#[derive(Serialize)]
struct Known<'a> {
    at: Number,
    nodes: Vec<(u32, &'static str)>,
    edges: &'a [(u32, u32)],
}

impl<'a> From<&'a Graph> for Known<'a> {
    fn from(graph: &'a Graph) -> Self {
        let nodes = graph.nodes.iter().map(|node| (node.number, node.kind)).collect();
        Self { at: graph.at.into(), nodes, edges: &graph.edges }
    }
}

const fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "count",
        Unit::Bytes => "bytes",
        Unit::BytesPerSecond => "bytes_per_second",
        Unit::PerSecond => "per_second",
        Unit::Seconds => "seconds",
        Unit::Share => "share",
    }
}

//! What came out of a run.
//!
//! Nothing in it depends on the machine or on how long the run took: the same scenario, seed and code give the same
//! [`Outcome`], to the last bit of every number.

use std::time::Duration;

use crate::run::mix;

/// What came out of one run of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The name of the scenario.
    pub scenario: String,
    /// What made the run repeatable.
    pub seed: u64,
    /// How many nodes the scenario has, trackers not counted.
    pub nodes: u32,
    /// Why the run ended.
    pub ended: Ended,
    /// The virtual time that passed.
    pub virtual_time: Duration,
    /// The hash over every delivery, see [`World::trace_hash`](ipv8_sim::World::trace_hash).
    pub trace_hash: u64,
    /// What was counted over all nodes and the whole run.
    pub totals: Totals,
    /// Metrics over time.
    pub series: Vec<Series>,
    /// How a number was spread over the nodes at some moments.
    pub histograms: Vec<Histogram>,
    /// Who knew whom at some moments.
    pub graphs: Vec<Graph>,
    /// What happened when.
    pub marks: Vec<Mark>,
    /// Single figures.
    pub facts: Vec<Fact>,
}

impl Outcome {
    /// A hash over every number of it, times and counts included; texts are not in it. With [`Outcome::trace_hash`], equal
    /// digests mean equal outcomes, as far as 64 bits can tell.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut digest = Digest::default();
        digest.add(self.seed).add(u64::from(self.nodes)).time(self.virtual_time).add(self.trace_hash);
        let Totals { sent, sent_bytes, delivered, delivered_bytes, duplicated, lost, events, turns } = &self.totals;
        for number in [sent, sent_bytes, delivered, delivered_bytes, duplicated, events, turns] {
            digest.add(*number);
        }
        lost.iter().for_each(|(_, count)| {
            digest.add(*count);
        });
        for point in self.series.iter().flat_map(|series| &series.points) {
            let Point { at, min, low, median, high, max, mean } = point;
            digest.time(*at);
            for value in [min, low, median, high, max, mean] {
                digest.add(value.to_bits());
            }
        }
        for histogram in &self.histograms {
            digest.time(histogram.at);
            for (value, nodes) in &histogram.counts {
                digest.add(u64::from(*value)).add(u64::from(*nodes));
            }
        }
        for graph in &self.graphs {
            digest.time(graph.at);
            for node in &graph.nodes {
                digest.add(u64::from(node.number));
            }
            for (from, to) in &graph.edges {
                digest.add(u64::from(*from)).add(u64::from(*to));
            }
        }
        self.marks.iter().for_each(|mark| {
            digest.time(mark.at);
        });
        self.facts.iter().for_each(|fact| {
            digest.add(fact.value.to_bits());
        });
        digest.0
    }
}

/// Numbers mixed into one, in order.
#[derive(Default)]
struct Digest(u64);

impl Digest {
    fn add(&mut self, word: u64) -> &mut Self {
        self.0 = mix(self.0, word);
        self
    }

    fn time(&mut self, time: Duration) -> &mut Self {
        self.add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    }
}

/// Why a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// The goal was reached.
    Goal,
    /// The time was over.
    TimeLimit,
    /// Somebody interrupted it: the outcome is what had happened by then.
    Interrupted,
}

/// What was counted over a whole run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Datagrams that were sent.
    pub sent: u64,
    /// Their bytes, without headers of lower layers.
    pub sent_bytes: u64,
    /// Datagrams that arrived, copies included.
    pub delivered: u64,
    /// Their bytes, without headers of lower layers.
    pub delivered_bytes: u64,
    /// Copies that links made.
    pub duplicated: u64,
    /// Datagrams that were lost, by reason, in the order of [`Loss::ALL`](ipv8_sim::Loss::ALL); every reason is there.
    pub lost: Vec<(&'static str, u64)>,
    /// Events of the world: deliveries, wake-ups, starts, resolved names.
    pub events: u64,
    /// Turns that nodes took.
    pub turns: u64,
}

/// One metric over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name in files, in lower case with underscores.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// What its values are.
    pub unit: Unit,
    /// Its values, by time.
    pub points: Vec<Point>,
}

/// How a metric was spread over the nodes at one moment. Where there is one value only, all are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// When.
    pub at: Duration,
    /// The least value.
    pub min: f64,
    /// A tenth of the values is below.
    pub low: f64,
    /// Half of the values are below.
    pub median: f64,
    /// A tenth of the values is above.
    pub high: f64,
    /// The greatest value.
    pub max: f64,
    /// Their mean.
    pub mean: f64,
}

/// What the values of a metric are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// A number of things.
    Count,
    /// Bytes.
    Bytes,
    /// Bytes in a second.
    BytesPerSecond,
    /// Things in a second.
    PerSecond,
    /// Seconds.
    Seconds,
    /// A part of all: 0 is none, 1 is all.
    Share,
}

/// How a whole number was spread over the nodes at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    /// Its name in files, in lower case with underscores.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// When.
    pub at: Duration,
    /// Each value that occurs with how many nodes had it, by value.
    pub counts: Vec<(u32, u32)>,
}

/// Who knew whom at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    /// When.
    pub at: Duration,
    /// The nodes that were up, by number.
    pub nodes: Vec<GraphNode>,
    /// Pairs of numbers: the first knew the second. In order.
    pub edges: Vec<(u32, u32)>,
}

/// A node of a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GraphNode {
    /// Its number, from 0.
    pub number: u32,
    /// What it is: `open`, `full cone` and so on, or `tracker`.
    pub kind: &'static str,
}

/// Something that happened to the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub at: Duration,
    /// What, in a few words.
    pub text: String,
}

/// A single figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Its name in files, in lower case with underscores.
    pub name: &'static str,
    /// What it is, for people.
    pub title: String,
    /// The figure.
    pub value: f64,
    /// What it is a figure of.
    pub unit: Unit,
}

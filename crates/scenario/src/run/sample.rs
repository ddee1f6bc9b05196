//! Metrics over time, and the figures at the end.

use std::time::Duration;

use ipv8_core::Time;
use ipv8_sim::{Loss, Metrics};

use super::{
    Simulation,
    graph::Knowing,
    tally::{Latencies, Tally},
};
use crate::{
    outcome::{Ended, Fact, Outcome, Point, Series, Totals, Unit},
    scenario::{Metric, Scenario},
};

/// The metrics so far, and where they stood at the last look.
#[derive(Debug)]
pub(super) struct Sampler {
    series: Vec<(Metric, Vec<Point>)>,
    last: Time,
    metrics: Metrics,
    /// Datagrams and bytes that each node had sent.
    sent: Vec<(u64, u64)>,
}

impl Sampler {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let asked = scenario.requests.is_some();
        let has =
            |metric: &Metric| (asked || !metric.needs_requests()) && (scenario.dht.is_some() || !metric.needs_dht());
        let wanted = |metric: &Metric| scenario.measure.metrics.contains(metric) && has(metric);
        let series = Metric::ALL.into_iter().filter(wanted).map(|metric| (metric, Vec::new())).collect();
        Self { series, last: Time::ZERO, metrics: Metrics::default(), sent: Vec::new() }
    }
}

/// What one look finds, over all nodes that are up.
struct Look {
    peers: Vec<u64>,
    messages: Vec<u64>,
    bytes: Vec<u64>,
    knowing: Knowing,
    recent: Tally,
    /// Searches in the DHT that succeeded, and how many did not.
    found: (Latencies, u64),
}

impl Simulation {
    /// Adds one point to each metric.
    pub(super) fn sample(&mut self) {
        let now = self.world.now();
        let seconds = now.since(self.sampler.last).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        let look = self.look();
        let metrics = self.world.metrics().clone();
        let lost = metrics.lost_in_all() - self.sampler.metrics.lost_in_all();
        let sent = metrics.sent + metrics.duplicated - self.sampler.metrics.sent - self.sampler.metrics.duplicated;
        let at = now.since(Time::ZERO);
        let single =
            |value: f64| Point { at, min: value, low: value, median: value, high: value, max: value, mean: value };
        for (metric, points) in &mut self.sampler.series {
            points.push(match metric {
                Metric::Up => single(f64::from(look.knowing.up)),
                Metric::Peers => spread(at, &look.peers, 1.0),
                Metric::Messages => spread(at, &look.messages, seconds),
                Metric::Bytes => spread(at, &look.bytes, seconds),
                Metric::Losses => single(share(lost, sent)),
                Metric::Stale => single(share(look.knowing.stale, look.knowing.entries)),
                Metric::Connected => single(share(u64::from(look.knowing.connected), u64::from(look.knowing.up))),
                Metric::Latency => {
                    let of = |thousandths| look.recent.recent.quantile(thousandths);
                    let mean = look.recent.recent.mean();
                    Point { at, min: of(0), low: of(100), median: of(500), high: of(900), max: of(1_000), mean }
                }
                Metric::Failures => {
                    let failed = look.recent.recent_failed;
                    single(share(failed, failed + look.recent.recent.count()))
                }
                Metric::Found => {
                    let (found, failed) = &look.found;
                    let all = found.count() + failed;
                    single(if all == 0 { f64::NAN } else { share(found.count(), all) })
                }
                Metric::FindLatency => {
                    let found = &look.found.0;
                    let of = |thousandths| if found.count() == 0 { f64::NAN } else { found.quantile(thousandths) };
                    let mean = if found.count() == 0 { f64::NAN } else { found.mean() };
                    Point { at, min: of(0), low: of(100), median: of(500), high: of(900), max: of(1_000), mean }
                }
            });
        }
        self.sampler.last = now;
        self.sampler.metrics = metrics;
    }

    fn look(&mut self) -> Look {
        let wants = |metric| self.sampler.series.iter().any(|(wanted, _)| *wanted == metric);
        let needs_graph = wants(Metric::Stale) || wants(Metric::Connected);
        let mut knowing = if needs_graph { self.knowing() } else { Knowing::default() };
        let (mut peers, mut messages, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
        self.sampler.sent.resize(self.members.len(), (0, 0));
        for (member, before) in self.members.iter().zip(&mut self.sampler.sent) {
            if !self.world.is_up(member.id) {
                *before = (0, 0);
                continue;
            }
            let node = self.world.node(member.id);
            let stats = node.stats();
            // One that started anew counts from there.
            let fresh = stats.sent < before.0 || stats.sent_bytes < before.1;
            let since = if fresh { (0, 0) } else { *before };
            peers.push(number(node.network(|network| network.count_serving(self.overlay)).unwrap_or_default()));
            messages.push(stats.sent - since.0);
            bytes.push(stats.sent_bytes - since.1);
            *before = (stats.sent, stats.sent_bytes);
        }
        knowing.up = u32::try_from(peers.len()).unwrap_or(u32::MAX);
        let (recent, recent_failed) = self.tally.lock().take_recent();
        let found = self.dht.tally.lock().take_recent();
        Look { peers, messages, bytes, knowing, found, recent: Tally { recent, recent_failed, ..Tally::default() } }
    }

    /// Ends the run: looks a last time, and says what came out.
    #[must_use]
    pub fn finish(mut self, ended: Ended) -> Outcome {
        self.sample();
        self.take_histograms();
        let metrics = self.world.metrics();
        let totals = Totals {
            sent: metrics.sent,
            sent_bytes: metrics.sent_bytes,
            delivered: metrics.delivered,
            delivered_bytes: metrics.delivered_bytes,
            duplicated: metrics.duplicated,
            lost: Loss::ALL.into_iter().map(|reason| (reason.as_str(), metrics.lost(reason))).collect(),
            events: metrics.events,
            turns: metrics.turns,
        };
        let facts = self.facts();
        let series = self.sampler.series.into_iter().map(|(metric, points)| Series {
            name: metric.name(),
            title: metric.title(),
            unit: metric.unit(),
            points,
        });
        Outcome {
            scenario: self.scenario.name,
            seed: self.scenario.seed,
            nodes: self.scenario.nodes,
            ended,
            virtual_time: self.world.now().since(Time::ZERO),
            trace_hash: self.world.trace_hash(),
            totals,
            series: series.collect(),
            histograms: self.histograms,
            graphs: self.graphs,
            marks: self.marks,
            facts,
        }
    }

    fn facts(&self) -> Vec<Fact> {
        let mut facts = Vec::new();
        let mut fact = |name, title: String, value, unit| facts.push(Fact { name, title, value, unit });
        let wanted = self.scenario.measure.peers;
        let now = self.world.now();
        // One that has not come so far is later than all that have.
        let mut times: Vec<_> = self
            .members
            .iter()
            .filter(|member| member.start < now)
            .map(|member| member.reached.unwrap_or(Duration::MAX))
            .collect();
        times.sort_unstable();
        let reached = times.iter().filter(|time| **time < Duration::MAX).count();
        fact(
            "reached",
            format!("nodes that came to know {wanted} peers"),
            share(number(reached), number(times.len())),
            Unit::Share,
        );
        for (name, who, hundredths) in [("reached_median", "half", 50), ("reached_p90", "nine of ten", 90)] {
            if let Some(time) = rank(&times, hundredths).filter(|time| *time < Duration::MAX) {
                let title = format!("time until {who} of the nodes knew {wanted} peers, from the start of each");
                fact(name, title, time.as_secs_f64(), Unit::Seconds);
            }
        }
        let up: Vec<_> = self.members.iter().filter(|member| self.world.is_up(member.id)).collect();
        let mut peers: Vec<_> = up.iter().map(|member| number(self.peers_of(member))).collect();
        peers.sort_unstable();
        let alone = peers.iter().filter(|peers| **peers == 0).count();
        fact("up_at_end", "nodes that are up in the end".to_owned(), whole(number(up.len())), Unit::Count);
        let median = rank(&peers, 50).unwrap_or_default();
        fact("peers_at_end", "peers known in the end, median".to_owned(), whole(median), Unit::Count);
        fact("alone_at_end", "nodes without a peer in the end".to_owned(), whole(number(alone)), Unit::Count);
        let knowing = self.knowing();
        let connected = share(u64::from(knowing.connected), u64::from(knowing.up));
        fact(
            "connected_at_end",
            "part of nodes in the largest connected group in the end".to_owned(),
            connected,
            Unit::Share,
        );
        let stale = share(knowing.stale, knowing.entries);
        fact("stale_at_end", "part of known peers that are down in the end".to_owned(), stale, Unit::Share);
        if self.scenario.requests.is_some() {
            let tally = self.tally.lock();
            let ended = tally.all.count() + tally.failed;
            fact("requests", "requests that ended".to_owned(), whole(ended), Unit::Count);
            fact(
                "requests_answered",
                "part of them that was answered".to_owned(),
                share(tally.all.count(), ended),
                Unit::Share,
            );
            for (name, which, thousandths) in [
                ("latency_median", "median", 500),
                ("latency_p90", "90th percentile", 900),
                ("latency_p99", "99th percentile", 990),
            ] {
                let title = format!("time to an answer, {which}");
                fact(name, title, tally.all.quantile(thousandths), Unit::Seconds);
            }
        }
        self.dht_facts(&mut facts);
        let mut fact = |name, title: String, value, unit| facts.push(Fact { name, title, value, unit });
        if !self.scenario.attackers.is_empty() {
            let hostile = &self.world.metrics().hostile;
            fact("hostile", "datagrams that attackers sent".to_owned(), whole(hostile.sent), Unit::Count);
            fact("hostile_bytes", "bytes that attackers sent".to_owned(), whole(hostile.sent_bytes), Unit::Bytes);
            let title = "honest datagrams that found a socket's buffer full".to_owned();
            fact("socket_losses", title, whole(self.world.metrics().lost(Loss::Socket)), Unit::Count);
        }
        facts
    }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// A count as a figure; counts beyond 2^53 do not occur.
#[allow(clippy::cast_precision_loss, reason = "for people to read, and the same on every machine")]
pub(super) fn whole(count: u64) -> f64 {
    count as f64
}

/// A part of all; none of nothing.
pub(super) fn share(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { whole(part) / whole(all) }
}

/// The value of sorted ones below which are so many hundredths of them.
fn rank<T: Copy>(sorted: &[T], hundredths: usize) -> Option<T> {
    sorted.get(sorted.len().checked_sub(1)? * hundredths / 100).copied()
}

/// How numbers are spread, each divided by the same; zeros if there are none.
fn spread(at: Duration, numbers: &[u64], divisor: f64) -> Point {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    let of = |hundredths| rank(&sorted, hundredths).map_or(0.0, |number| whole(number) / divisor);
    let sum = sorted.iter().fold(0_u64, |sum, number| sum.saturating_add(*number));
    let mean = if sorted.is_empty() { 0.0 } else { whole(sum) / whole(number(sorted.len())) / divisor };
    Point { at, min: of(0), low: of(10), median: of(50), high: of(90), max: of(100), mean }
}

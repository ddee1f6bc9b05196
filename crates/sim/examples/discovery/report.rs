//! What was measured, and how it is told.

use std::{fmt::Write, time::Duration};

use ipv8_core::Time;
use ipv8_sim::Spread;

use crate::network::Requests;

/// When nodes knew so many peers, and what they had sent by then.
pub(crate) struct Goal {
    peers: usize,
    /// For each node: after how long, packets, bytes, and whether it was reached at all.
    nodes: Vec<Option<(Duration, u64, u64, bool)>>,
    missing: usize,
}

impl Goal {
    pub(crate) fn new(peers: usize, nodes: usize) -> Self {
        Self { peers, nodes: vec![None; nodes], missing: nodes }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.missing == 0
    }

    pub(crate) fn has(&self, place: usize) -> bool {
        self.nodes.get(place).is_none_or(Option::is_some)
    }

    pub(crate) fn take(
        &mut self,
        place: usize,
        started: Time,
        reached: Option<Time>,
        now: Time,
        packets: u64,
        bytes: u64,
    ) {
        if let Some(node) = self.nodes.get_mut(place) {
            let after = reached.unwrap_or(now).since(started);
            *node = Some((after, packets, bytes, reached.is_some()));
            self.missing -= 1;
        }
    }

    fn sorted<T: Ord>(&self, of: impl Fn(&(Duration, u64, u64, bool)) -> T) -> Vec<T> {
        let mut all: Vec<_> = self.nodes.iter().flatten().map(of).collect();
        all.sort();
        all
    }

    fn unreached(&self) -> usize {
        self.nodes.iter().flatten().filter(|node| !node.3).count()
    }
}

/// One world.
pub(crate) struct Run {
    pub(crate) goals: [Goal; 2],
    pub(crate) last: Time,
    /// Bytes a second and node when all are done.
    pub(crate) steady: u64,
    pub(crate) peers: Spread,
    pub(crate) requests: Requests,
    /// Answers that introduced nobody, a peer that was known, another one.
    pub(crate) answers: [u64; 3],
    /// Requests that were dropped because the asked one had more peers than it takes.
    pub(crate) refused: u64,
}

impl Run {
    pub(crate) fn details(&self) -> String {
        let Requests { sent, to_tracker, lost, no_host, nat } = self.requests;
        let [nobody, known, new] = self.answers;
        format!(
            "  ended at {:?}; {:?}\n  requests: {sent}, {to_tracker} to the tracker; {lost} lost, {no_host} to nowhere, {nat} \
             into NATs, {} over the limit\n  answers: {nobody} introduced nobody, {known} a known peer, {new} another one",
            self.last, self.peers, self.refused,
        )
    }
}

/// The least, the middle and the greatest over all runs.
fn over(runs: &[Run], of: impl Fn(&Run) -> f64) -> (f64, f64, f64) {
    let mut all: Vec<_> = runs.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    let at = |index: usize| all.get(index).copied().unwrap_or_default();
    (at(0), at(all.len() / 2), at(all.len().saturating_sub(1)))
}

#[allow(clippy::cast_precision_loss, reason = "for people to read")]
pub(crate) fn table(name: &str, runs: &[Run]) -> String {
    let mut out = String::new();
    let mut line = |what: &str, unit: &str, of: &dyn Fn(&Run) -> f64| {
        let (least, middle, most) = over(runs, of);
        let _ = writeln!(out, "  {what:<34} {middle:>9.1} {unit:<8} ({least:.1} to {most:.1})");
    };
    let goals: [fn(&Run) -> &Goal; 2] = [|run| &run.goals[0], |run| &run.goals[1]];
    for goal in goals {
        let peers = runs.first().map_or(0, |run| goal(run).peers);
        let pick = |sorted: Vec<f64>, hundredths: usize| -> f64 {
            let index = sorted.len() * hundredths / 100;
            sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
        };
        let seconds = |run: &Run| -> Vec<f64> { goal(run).sorted(|n| n.0).iter().map(Duration::as_secs_f64).collect() };
        let packets = |run: &Run| -> Vec<f64> { goal(run).sorted(|n| n.1).iter().map(|n| *n as f64).collect() };
        let bytes = |run: &Run| -> Vec<f64> { goal(run).sorted(|n| n.2).iter().map(|n| *n as f64 / 1e3).collect() };
        let mean = |all: Vec<f64>| all.iter().sum::<f64>() / all.len().max(1) as f64;
        line(&format!("{peers} peers, median"), "s", &|run| pick(seconds(run), 50));
        line(&format!("{peers} peers, 99 in 100"), "s", &|run| pick(seconds(run), 99));
        line(&format!("{peers} peers, last"), "s", &|run| pick(seconds(run), 100));
        line(&format!("{peers} peers, bytes, mean"), "kB", &|run| mean(bytes(run)));
        line(&format!("{peers} peers, bytes, median"), "kB", &|run| pick(bytes(run), 50));
        line(&format!("{peers} peers, bytes, most"), "kB", &|run| pick(bytes(run), 100));
        line(&format!("{peers} peers, packets, mean"), "", &|run| mean(packets(run)));
        line(&format!("{peers} peers, never reached"), "nodes", &|run| goal(run).unreached() as f64);
    }
    line("all nodes done after", "s", &|run| run.last.since_origin().as_secs_f64());
    line("bytes when done, a node", "B/s", &|run| run.steady as f64);
    format!("{name}: middle of {} worlds (least to most)\n{out}", runs.len())
}

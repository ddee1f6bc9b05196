//! What nodes store in the DHT, and what others find of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ipv8_core::{Time, crypto::Mid};
use ipv8_dht::{Dht, DhtCommunity, DhtConfig, Family, NodeId, Sign, TraceEvent, TraceStep};
use rand::RngExt;

use super::{
    Simulation, part_of,
    plan::Action,
    random::{For, generator},
    sample::{share, whole},
    tally::Latencies,
};
use crate::{
    outcome::{Fact, Unit},
    scenario::Dht as Plan,
};

/// How long nodes have to be up before they store or look for anything.
const SETTLED: Duration = Duration::from_secs(60);

/// How many of the nodes closest to a random key are looked for.
const CLOSEST: usize = 8;

/// What became of one kind of operation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operations {
    ended: u64,
    succeeded: u64,
    /// Of those that succeeded: until they did, and until they were over.
    latency: Latencies,
    whole: Latencies,
    /// Nodes that were asked, and how far the one was that told, or the farthest of the eight.
    asked: Counts,
    hops: Counts,
}

/// How often each number came.
#[derive(Clone, Debug, Default)]
struct Counts(BTreeMap<u32, u64>);

impl Counts {
    fn add(&mut self, number: usize) {
        *self.0.entry(u32::try_from(number).unwrap_or(u32::MAX)).or_default() += 1;
    }

    fn mean(&self) -> f64 {
        let sum = self.0.iter().map(|(number, times)| u64::from(*number) * times).sum();
        share(sum, self.0.values().sum())
    }

    /// The number below which are so many hundredths of all.
    fn quantile(&self, hundredths: u64) -> f64 {
        let rank = self.0.values().sum::<u64>().saturating_sub(1) * hundredths / 100;
        let mut before = 0;
        for (number, times) in &self.0 {
            before += times;
            if before > rank {
                return f64::from(*number);
            }
        }
        0.0
    }
}

/// What was found at one moment of the values of one kind of publishers.
#[derive(Clone, Copy, Debug, Default)]
struct Survival {
    looked_for: u64,
    found: u64,
    /// No node that was up and honest had it when the search began.
    gone: u64,
}

/// What nodes counted of the DHT, all together.
#[derive(Clone, Debug, Default)]
pub(crate) struct DhtTally {
    pub(crate) stores: Operations,
    pub(crate) finds: Operations,
    pub(crate) searches: Operations,
    /// How many of the eight closest nodes searches found.
    closest: u64,
    closest_in_all: u64,
    /// Searches that were told something else than what was stored.
    false_values: u64,
    /// Stores that could not be tried: no publisher was up.
    no_publisher: u64,
    survival: BTreeMap<(usize, bool), Survival>,
    /// Since the last look.
    recent: Latencies,
    recent_failed: u64,
}

impl DhtTally {
    /// Takes what happened to searches for values since the last look.
    pub(crate) fn take_recent(&mut self) -> (Latencies, u64) {
        (std::mem::take(&mut self.recent), std::mem::take(&mut self.recent_failed))
    }
}

/// It, shared by all nodes of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedDht(Arc<Mutex<DhtTally>>);

impl SharedDht {
    pub(crate) fn lock(&self) -> MutexGuard<'_, DhtTally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a run remembers of the DHT beside what it counts.
#[derive(Debug, Default)]
pub(super) struct DhtRun {
    pub(super) tally: SharedDht,
    /// Who published each value, by its number.
    publishers: BTreeMap<u32, u32>,
}

/// How the nodes of a scenario take part in the DHT.
pub(super) fn config(plan: Option<&Plan>) -> DhtConfig {
    DhtConfig { republish: plan.and_then(|plan| plan.republish), ..DhtConfig::default() }
}

fn key(seed: u64, value: u32) -> [u8; 20] {
    generator(seed, For::Value, u64::from(value)).random()
}

/// What is stored as the value of a number.
fn data(value: u32) -> [u8; 4] {
    value.to_be_bytes()
}

fn asked(trace: &[TraceStep]) -> usize {
    trace.iter().filter(|step| step.event == TraceEvent::Asked).count()
}

impl Simulation {
    pub(super) fn plan_dht(&mut self) {
        let Some(plan) = self.scenario.dht.clone() else { return };
        for value in 0..plan.values {
            let at = plan.store_at + part_of(plan.store_over, value, plan.values);
            self.plan.add(Time::ZERO + at, Action::Publish(value));
            let moments = u32::try_from(plan.find_at.len()).unwrap_or(u32::MAX);
            let Some(moment) = value.checked_rem(moments) else { continue };
            let Some(at) = plan.find_at.get(usize::try_from(moment).unwrap_or(usize::MAX)) else { continue };
            let at = *at + part_of(plan.find_over, value, plan.values);
            self.plan.add(Time::ZERO + at, Action::Find(value));
        }
    }

    /// Whether a node can be the one that stores or looks for something.
    fn is_settled(&self, number: u32) -> bool {
        let member = usize::try_from(number).ok().and_then(|index| self.members.get(index));
        let now = self.world.now();
        member.is_some_and(|member| !member.malicious && self.world.is_up(member.id) && now >= member.since + SETTLED)
    }

    /// A random node that can, from this number on.
    fn settled(&self, from: u32, rng: &mut impl rand::Rng) -> Option<u32> {
        let all = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
        let able: Vec<u32> = (from.min(all)..all).filter(|number| self.is_settled(*number)).collect();
        (!able.is_empty()).then(|| able.get(rng.random_range(0..able.len())).copied()).flatten()
    }

    fn dht_of(&self, number: u32) -> Option<Dht> {
        let member = self.members.get(usize::try_from(number).ok()?)?;
        self.world.find::<DhtCommunity>(member.id).map(Dht::new)
    }

    /// A node stores a value for the first time.
    pub(super) fn publish(&mut self, value: u32) {
        let Some(plan) = self.scenario.dht.clone() else { return };
        let mut rng = generator(self.scenario.seed, For::Value, 1 << 32 | u64::from(value));
        // Each moment gets as many values of the one kind of publishers as of the other.
        let turn = value / u32::try_from(plan.find_at.len()).unwrap_or(1).max(1);
        let publisher = match (plan.staying, turn % 2) {
            (1.., 0) => Some(turn / 2 % plan.staying).filter(|number| self.is_settled(*number)),
            _ => self.settled(plan.staying, &mut rng),
        };
        match publisher {
            Some(publisher) => {
                self.dht.publishers.insert(value, publisher);
                self.store_by(publisher, value);
            }
            None => self.dht.tally.lock().no_publisher += 1,
        }
    }

    /// A node that came back publishes what it had published, if it is still there.
    pub(super) fn publish_again(&mut self, publisher: u32) {
        if !self.is_settled(publisher) {
            return;
        }
        let of = |(value, by): (&u32, &u32)| (*by == publisher).then_some(*value);
        let values: Vec<u32> = self.dht.publishers.iter().filter_map(of).collect();
        for value in values {
            self.store_by(publisher, value);
        }
    }

    /// A node came back.
    pub(super) fn remember(&mut self, number: u32) {
        let remembers = self.scenario.dht.as_ref().is_some_and(|plan| plan.remember);
        if remembers && self.dht.publishers.values().any(|publisher| *publisher == number) {
            self.plan.add(self.world.now() + SETTLED, Action::PublishAgain(number));
        }
    }

    fn store_by(&self, publisher: u32, value: u32) {
        let Some(dht) = self.dht_of(publisher) else { return };
        let (key, tally, handle) = (key(self.scenario.seed, value), self.dht.tally.clone(), dht.handle().clone());
        let started = self.world.now();
        let storing = async move {
            let stored = dht.store(key, &data(value), Sign::Yes).await;
            let Ok(now) = dht.handle().with(|_, cx| cx.now()) else { return };
            let mut tally = tally.lock();
            let stores = &mut tally.stores;
            stores.ended += 1;
            if let Ok(stored) = stored {
                stores.succeeded += 1;
                stores.latency.add(now - started);
                stores.whole.add(now - started);
                stores.asked.add(asked(&stored.trace) + stored.nodes.len());
                let ours = |step: &&TraceStep| stored.nodes.iter().any(|node| node.mid() == step.node.mid());
                stores.hops.add(farthest(stored.trace.iter().filter(ours)));
            }
        };
        // Refused only while the node goes down.
        drop(handle.spawn(storing));
    }

    /// Some node looks for a value, and some other for the nodes that are closest to a random key.
    pub(super) fn look_for(&mut self, value: u32) {
        let Some(plan) = &self.scenario.dht else { return };
        let Some(publisher) = self.dht.publishers.get(&value).copied() else { return };
        let moment = usize::try_from(value).unwrap_or(usize::MAX).checked_rem(plan.find_at.len()).unwrap_or_default();
        let name = (moment, publisher < plan.staying);
        let mut rng = generator(self.scenario.seed, For::Value, 2 << 32 | u64::from(value));
        let (Some(finder), Some(searcher)) = (self.settled(0, &mut rng), self.settled(0, &mut rng)) else { return };
        self.find_by(finder, value, name);
        self.search_by(searcher, rng.random());
    }

    fn find_by(&self, finder: u32, value: u32, name: (usize, bool)) {
        let key = key(self.scenario.seed, value);
        let holds = |number: u32| {
            let has = |dht: Dht| dht.handle().with(|dht, _| !dht.store(Family::V4).get(&key, 0, 1).is_empty());
            self.is_number_up(number) && self.dht_of(number).is_some_and(|dht| has(dht).unwrap_or(false))
        };
        let gone = !(0..).take(self.members.len()).any(holds);
        let Some(dht) = self.dht_of(finder) else { return };
        let (tally, started, handle) = (self.dht.tally.clone(), self.world.now(), dht.handle().clone());
        let finding = async move {
            let now = || dht.handle().with(|_, cx| cx.now()).unwrap_or(started);
            let (mut found, mut others) = (None, false);
            let mut trace = Vec::new();
            if let Ok(mut values) = dht.values(key) {
                while let Ok(Some(next)) = values.next().await {
                    let right = next.data == data(value) && next.signer.is_some();
                    others |= !right;
                    if right && found.is_none() {
                        found = Some(now());
                    }
                }
                trace = values.finish().map(|(_, trace)| trace).unwrap_or_default();
            }
            // Its node went down meanwhile.
            if dht.handle().with(|_, _| ()).is_err() {
                return;
            }
            let mut tally = tally.lock();
            tally.false_values += u64::from(others);
            let survival = tally.survival.entry(name).or_default();
            survival.looked_for += 1;
            survival.found += u64::from(found.is_some());
            survival.gone += u64::from(gone);
            tally.finds.ended += 1;
            let Some(found) = found else {
                tally.recent_failed += 1;
                return;
            };
            tally.recent.add(found - started);
            tally.finds.succeeded += 1;
            tally.finds.latency.add(found - started);
            tally.finds.whole.add(now() - started);
            tally.finds.asked.add(asked(&trace));
            // One that has it itself needs nobody.
            let told = |step: &&TraceStep| matches!(step.event, TraceEvent::Values(_)) && step.at <= found - started;
            tally.finds.hops.add(farthest(trace.iter().rfind(told).into_iter()));
        };
        drop(handle.spawn(finding));
    }

    fn search_by(&self, searcher: u32, target: [u8; 20]) {
        let Some(dht) = self.dht_of(searcher) else { return };
        let closest = self.closest(&target, searcher);
        let (tally, started, handle) = (self.dht.tally.clone(), self.world.now(), dht.handle().clone());
        let searching = async move {
            let result = dht.trace_nodes(target).await;
            let Ok(now) = dht.handle().with(|_, cx| cx.now()) else { return };
            let mut tally = tally.lock();
            let searches = &mut tally.searches;
            searches.ended += 1;
            if let Ok((nodes, trace)) = result {
                searches.succeeded += u64::from(!nodes.is_empty());
                searches.latency.add(now - started);
                searches.whole.add(now - started);
                searches.asked.add(asked(&trace));
                let ours = |step: &&TraceStep| nodes.iter().any(|node| node.mid() == step.node.mid());
                searches.hops.add(farthest(trace.iter().filter(ours)));
                let right = nodes.iter().filter(|node| closest.contains(&node.mid())).count();
                tally.closest += u64::try_from(right).unwrap_or(u64::MAX);
                tally.closest_in_all += u64::try_from(closest.len()).unwrap_or(u64::MAX);
            }
        };
        drop(handle.spawn(searching));
    }

    /// The nodes that are up and closest to a key, one of them left out.
    fn closest(&self, target: &[u8; 20], without: u32) -> BTreeSet<Mid> {
        let up = (0..).zip(&self.members).filter(|(number, m)| *number != without && self.world.is_up(m.id));
        let mut all: Vec<_> = up
            .map(|(_, member)| {
                let (mid, ip) = (self.world.node(member.id).key().mid(), self.world.address(member.id).ip());
                (NodeId::new(ip, &mid).distance(target), mid)
            })
            .collect();
        all.sort_unstable_by_key(|(distance, _)| *distance);
        all.into_iter().take(CLOSEST).map(|(_, mid)| mid).collect()
    }

    pub(super) fn dht_facts(&self, facts: &mut Vec<Fact>) {
        if self.scenario.dht.is_none() {
            return;
        }
        let tally = self.dht.tally.lock();
        let mut fact = |name, title: &str, value, unit| facts.push(Fact { name, title: title.to_owned(), value, unit });
        for (names, what, op) in [
            (&STORE_NAMES, "stores", &tally.stores),
            (&FIND_NAMES, "searches for values", &tally.finds),
            (&SEARCH_NAMES, "searches for nodes", &tally.searches),
        ] {
            let titles = TITLES.map(|title| format!("{what}: {title}"));
            let values = [
                (whole(op.ended), Unit::Count),
                (share(op.succeeded, op.ended), Unit::Share),
                (op.latency.quantile(500), Unit::Seconds),
                (op.latency.quantile(900), Unit::Seconds),
                (op.latency.quantile(990), Unit::Seconds),
                (op.whole.quantile(500), Unit::Seconds),
                (op.hops.mean(), Unit::Count),
                (op.hops.quantile(99), Unit::Count),
                (op.asked.mean(), Unit::Count),
                (op.asked.quantile(99), Unit::Count),
            ];
            for ((name, title), (value, unit)) in names.iter().zip(titles).zip(values) {
                fact(*name, &title, value, unit);
            }
        }
        let closest = share(tally.closest, tally.closest_in_all);
        fact("dht_closest", "part of the eight closest nodes that searches found", closest, Unit::Share);
        let others = whole(tally.false_values);
        fact("dht_false_values", "searches that were told something else than was stored", others, Unit::Count);
        let none = whole(tally.no_publisher);
        fact("dht_no_publisher", "values that nobody was there to store", none, Unit::Count);
        let moments = self.scenario.dht.iter().flat_map(|plan| &plan.find_at);
        for (index, (at, names)) in moments.zip(SURVIVAL_NAMES).enumerate() {
            for (staying, who, [looked_for, found, gone]) in
                [(true, "publishers that stay", names[0]), (false, "other publishers", names[1])]
            {
                let Some(survival) = tally.survival.get(&(index, staying)) else { continue };
                let at = crate::report::moment(*at);
                let title = format!("values of {who}, looked for after {at}");
                fact(looked_for, &title, whole(survival.looked_for), Unit::Count);
                fact(found, "  part that was found", share(survival.found, survival.looked_for), Unit::Share);
                fact(gone, "  part that no node had any more", share(survival.gone, survival.looked_for), Unit::Share);
            }
        }
    }
}

/// The most hops in a part of a trace.
fn farthest<'a>(steps: impl Iterator<Item = &'a TraceStep>) -> usize {
    usize::try_from(steps.map(|step| step.hops).max().unwrap_or_default()).unwrap_or(usize::MAX)
}

/// In the order of the figures below.
const TITLES: [&str; 10] = [
    "ended",
    "part that succeeded",
    "time until success, median",
    "time until success, 90th percentile",
    "time until success, 99th percentile",
    "time until the end, median",
    "hops, mean",
    "hops, 99th percentile",
    "nodes asked, mean",
    "nodes asked, 99th percentile",
];

const STORE_NAMES: [&str; 10] = [
    "dht_stores",
    "dht_stored",
    "dht_store_median",
    "dht_store_p90",
    "dht_store_p99",
    "dht_store_end",
    "dht_store_hops",
    "dht_store_hops_p99",
    "dht_store_asked",
    "dht_store_asked_p99",
];

const FIND_NAMES: [&str; 10] = [
    "dht_finds",
    "dht_found",
    "dht_find_median",
    "dht_find_p90",
    "dht_find_p99",
    "dht_find_end",
    "dht_find_hops",
    "dht_find_hops_p99",
    "dht_find_asked",
    "dht_find_asked_p99",
];

const SEARCH_NAMES: [&str; 10] = [
    "dht_searches",
    "dht_searched",
    "dht_search_median",
    "dht_search_p90",
    "dht_search_p99",
    "dht_search_end",
    "dht_search_hops",
    "dht_search_hops_p99",
    "dht_search_asked",
    "dht_search_asked_p99",
];

/// For each moment: of publishers that stay, then of others.
const SURVIVAL_NAMES: [[[&str; 3]; 2]; Plan::MOST_MOMENTS] = [
    [["dht_stay_1", "dht_stay_1_found", "dht_stay_1_gone"], ["dht_go_1", "dht_go_1_found", "dht_go_1_gone"]],
    [["dht_stay_2", "dht_stay_2_found", "dht_stay_2_gone"], ["dht_go_2", "dht_go_2_found", "dht_go_2_gone"]],
    [["dht_stay_3", "dht_stay_3_found", "dht_stay_3_gone"], ["dht_go_3", "dht_go_3_found", "dht_go_3_gone"]],
    [["dht_stay_4", "dht_stay_4_found", "dht_stay_4_gone"], ["dht_go_4", "dht_go_4_found", "dht_go_4_gone"]],
    [["dht_stay_5", "dht_stay_5_found", "dht_stay_5_gone"], ["dht_go_5", "dht_go_5_found", "dht_go_5_gone"]],
    [["dht_stay_6", "dht_stay_6_found", "dht_stay_6_gone"], ["dht_go_6", "dht_go_6_found", "dht_go_6_gone"]],
];

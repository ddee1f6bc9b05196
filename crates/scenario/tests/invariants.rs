//! What holds in every scenario whatever its seed: nobody panics, nothing grows without bound, every question ends, and
//! nodes that are left alone find each other and forget those who are gone. With SEEDS=100, a hundred seeds are tried
//! instead of one.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "what fails here fails the test; runs share the cores"
)]

use std::{collections::BTreeMap, thread, time::Duration};

use ipv8_core::{Limits, Target, Time};
use ipv8_scenario::{BUILTINS, Builtin, Clocks, HardeningLevel, NatMix, Scenario, Simulation, Walker};

/// After how long without peers a node is reported. The default walk asks its tracker every half a minute, and each time
/// an answer or what follows it may be lost.
const ALONE: Duration = Duration::from_secs(240);

/// After how long a peer that is down has to be forgotten: it is silent for 57.5 s, pinged, and looked at every few seconds.
const GONE: Duration = Duration::from_secs(180);

fn seeds() -> u64 {
    std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(1)
}

/// Every seed but the first of four has something added to it that nodes have to bear.
fn harsher(mut scenario: Scenario) -> Scenario {
    match scenario.seed % 4 {
        0 => {
            scenario.overlay.hardening = HardeningLevel::Hardened;
            scenario.link.duplication = 0.1;
            scenario.link.reordering = Some((0.1, Duration::from_secs(4)));
        }
        2 => {
            let share = 0.17;
            let (full_cone, address_restricted, port_restricted, symmetric) = (share, share, share, share);
            scenario.nat = NatMix { full_cone, address_restricted, port_restricted, symmetric, behind_each: 3 };
            scenario.link.loss = 0.1;
        }
        3 => {
            scenario.clocks = Clocks { skew: 50_000, off: Duration::from_secs(86_400) };
            scenario.overlay.walkers = vec![
                Walker::new("SteeredWalk", Target::Always),
                Walker::new("RandomChurn", Target::Always),
                Walker::new("PeriodicSimilarity", Target::Always),
            ];
            scenario.link.bursts = Some((Duration::from_secs(30), Duration::from_secs(3), 0.9));
        }
        _ => {}
    }
    scenario
}

/// What is wrong in a run.
fn faults(builtin: &Builtin, seed: u64) -> Vec<String> {
    let scenario = harsher(Scenario { seed, nodes: 20, ..builtin.scenario().unwrap() });
    let mut simulation = Simulation::new(&scenario).unwrap();
    let mut alone_since = BTreeMap::new();
    let mut down_since = BTreeMap::new();
    let mut faults = Vec::new();
    let mut step = 0_u32;
    loop {
        let ended = simulation.step();
        step += 1;
        if step.is_multiple_of(50) || ended.is_some() {
            let world = simulation.world();
            let now = world.now();
            let mids: BTreeMap<_, _> = simulation.nodes().map(|id| (world.node(id).key().mid(), id)).collect();
            for id in simulation.nodes() {
                if world.is_up(id) {
                    down_since.remove(&id);
                } else {
                    down_since.entry(id).or_insert(now);
                    alone_since.remove(&id);
                }
            }
            for id in simulation.nodes().filter(|id| world.is_up(*id)) {
                let node = world.node(id);
                let peers: Vec<_> = node.network(|network| network.peers().map(|peer| peer.mid()).collect()).unwrap();
                if peers.is_empty() {
                    let since: Time = *alone_since.entry(id).or_insert(now);
                    if now.since(since) > ALONE {
                        faults.push(format!("{id} has had no peer since {since:?}, it is {now:?}"));
                        alone_since.insert(id, now);
                    }
                } else {
                    alone_since.remove(&id);
                }
                for peer in peers {
                    let Some(down) = mids.get(&peer).and_then(|peer| down_since.get(peer)) else { continue };
                    if now.since(*down) > GONE {
                        let record = node.network(|network| {
                            network.get(&peer).map(|record| (record.created(), record.last_response()))
                        });
                        faults.push(format!("{id} knows {peer}, down since {down:?}, it is {now:?}: {record:?}"));
                    }
                }
                let stats = node.stats();
                if stats.panics > 0 {
                    faults.push(format!("{id} panicked"));
                }
                let size = node.network(|network| network.len()).unwrap_or_default();
                if size > Limits::default().peers {
                    faults.push(format!("{id} knows {size} peers"));
                }
                let (tasks, requests) = node.pending();
                if tasks > 200 || requests > 200 {
                    faults.push(format!("{id} has {tasks} tasks and {requests} requests"));
                }
            }
        }
        if ended.is_some() {
            break;
        }
    }
    faults.into_iter().map(|fault| format!("{} seed {seed}: {fault}", builtin.name)).collect()
}

#[test]
fn nothing_goes_wrong_in_any_built_in_scenario() {
    let (seeds, only) = (seeds(), std::env::var("ONLY").ok());
    let wanted = BUILTINS.iter().filter(|builtin| only.as_deref().is_none_or(|only| only == builtin.name));
    let runs: Vec<_> = wanted
        .map(|builtin| thread::spawn(move || (1..=seeds).flat_map(|seed| faults(builtin, seed)).collect::<Vec<_>>()))
        .collect();
    let faults: Vec<_> = runs.into_iter().flat_map(|run| run.join().unwrap()).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

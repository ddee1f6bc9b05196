//! The honest nodes, what they ask each other, and what is measured.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    net::SocketAddr,
    time::Duration,
};

use ipv8_core::{
    Community, Context, Handle, Hardening, OverlayConfig, Peer, Routes, Schedule, Target, Time,
    crypto::Mid,
    wire::{CommunityId, Message, community_id},
};
use ipv8_discovery::RandomWalk;
use ipv8_sim::{AttackerOptions, CpuModel, Link, NodeId, NodeOptions, World};

use crate::attacks::Attack;

/// How long nodes have to find each other before it begins.
const WARM_UP: Duration = Duration::from_secs(60);

/// When an answer is too late.
const LIMIT: Duration = Duration::from_secs(5);

/// The newcomer starts so long after the attack, and joined when it knows so many honest peers.
const NEWCOMER: (Duration, usize) = (Duration::from_secs(5), 5);

#[derive(Message, Clone, Debug)]
#[message(id = 1)]
struct Question {
    number: u32,
}

#[derive(Message, Clone, Debug)]
#[message(id = 2)]
struct Answer {
    number: u32,
}

/// Asks random peers at a rate, and answers.
#[derive(Default)]
pub(crate) struct Workload {
    /// Between two questions; none are asked if zero.
    every: Duration,
    next: u32,
    asked: BTreeMap<u32, (Mid, Time)>,
    /// Whom it asked when, and how long the answer took.
    done: Vec<(Mid, Time, Option<Duration>)>,
}

impl Community for Workload {
    const ID: CommunityId = community_id!("f100d00000000000000000000000000000000001");

    fn routes(r: &mut Routes<Self>) {
        r.on(|_: &mut Self, cx: &mut Context<'_>, from: &Peer, question: Question| {
            cx.send(from, Answer { number: question.number });
        });
        r.on(|workload: &mut Self, cx: &mut Context<'_>, from: &Peer, answer: Answer| {
            if workload.asked.get(&answer.number).is_some_and(|(asked, _)| *asked == from.mid())
                && let Some((asked, at)) = workload.asked.remove(&answer.number)
            {
                workload.done.push((asked, at, Some(cx.now() - at)));
            }
        });
    }

    fn started(&mut self, cx: &mut Context<'_>) {
        if !self.every.is_zero() {
            // Not all of them at the same time.
            let ask = |workload: &mut Self, cx: &mut Context<'_>| workload.ask(cx);
            if let Err(error) = cx.schedule(Schedule::every(self.every), ask) {
                tracing::error!(%error, "nothing is asked");
            }
        }
    }
}

impl Workload {
    fn ask(&mut self, cx: &mut Context<'_>) {
        let Some(peer) = cx.random_peer() else { return };
        self.next += 1;
        self.asked.insert(self.next, (peer.mid(), cx.now()));
        cx.send(&peer, Question { number: self.next });
    }
}

/// One experiment.
pub(crate) struct Setting {
    pub(crate) seed: u64,
    pub(crate) nodes: u8,
    pub(crate) rate: u32,
    pub(crate) times: u32,
    pub(crate) slower: u32,
    pub(crate) lasts: Duration,
    pub(crate) hardening: Hardening,
}

/// What became of the requests that were made during the attack.
#[derive(Default)]
pub(crate) struct Seen {
    /// How long answers of honest peers took.
    took: Vec<Duration>,
    /// Requests to honest peers that were not answered in time.
    unanswered: usize,
    /// Requests that went to a key of the attacker.
    wasted: usize,
    /// How long newcomers took to join; none if they did not.
    joined: Vec<Option<Duration>>,
    /// Datagrams of honest nodes and of the attacker, in a second.
    traffic: (u64, u64),
}

fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([98, number, 1, 1], 8_090))
}

fn node(setting: &Setting, number: u8, every: Duration) -> NodeOptions {
    let first: Vec<_> = (1..=3).map(|step| address((number + step) % setting.nodes)).collect();
    NodeOptions::default()
        .address(address(number))
        .hardening(setting.hardening.clone())
        .cpu(CpuModel::default().slower(setting.slower))
        .setup(move |node| {
            let overlay = OverlayConfig::new(Workload { every, ..Workload::default() })
                .strategy(RandomWalk::default(), Target::Peers(20));
            if let Ok(handle) = node.load(overlay) {
                let _ = handle.with(|_, cx| first.iter().for_each(|address| cx.walk_to(*address)));
            }
        })
}

/// Lets an attack happen.
pub(crate) fn run(setting: &Setting, attack: Attack) -> Result<Seen, Box<dyn Error>> {
    let mut world = World::builder(setting.seed).link(Link::default()).build();
    let every = Duration::from_secs(1) / setting.rate.max(1);
    let nodes: Vec<NodeId> = (0..setting.nodes).map(|number| world.add_node(node(setting, number, every))).collect();
    world.run_for(WARM_UP / 2);
    let before = world.metrics().sent;
    world.run_for(WARM_UP / 2);
    let before_attack = (world.metrics().sent - before) / (WARM_UP / 2).as_secs().max(1);
    let known = world.peers_known(nodes.iter().copied());
    if known.min + 5 < nodes.len() {
        return Err(format!("nodes know {known:?} of {} peers: there is nothing to attack", nodes.len() - 1).into());
    }
    let begin = world.now().since_origin();
    let rate = u32::try_from(before_attack)?.saturating_mul(setting.times);
    let end = begin + setting.lasts;
    attack.place(&mut world, AttackerOptions::new(rate).between(begin, end), &nodes)?;
    world.run_for(NEWCOMER.0);
    let newcomer = world.add_node(node(setting, setting.nodes, Duration::ZERO));
    let mids: Vec<Mid> = nodes.iter().map(|id| world.node(*id).key().mid()).collect();
    let start = world.now();
    let knows = |world: &World| {
        let known = |mid: &&Mid| world.node(newcomer).network(|network| network.get(mid).is_some()) == Some(true);
        mids.iter().filter(known).count()
    };
    let left = setting.lasts.saturating_sub(NEWCOMER.0);
    let joined = world.run_while(|world| knows(world) < NEWCOMER.1, left).then(|| world.now() - start);
    world.run_until(Time::from_duration(end));
    let hostile = world.metrics().hostile.sent / setting.lasts.as_secs().max(1);
    world.run_for(LIMIT);
    let honest: BTreeSet<Mid> = mids.iter().copied().chain([world.node(newcomer).key().mid()]).collect();
    let mut seen = Seen { joined: vec![joined], traffic: (before_attack, hostile), ..Seen::default() };
    for id in &nodes {
        let handle: Option<Handle<Workload>> = world.find(*id);
        let Some(handle) = handle else { continue };
        let (done, open) = handle.with(|workload, _| {
            let open: Vec<_> = workload.asked.values().map(|(mid, at)| (*mid, *at, None)).collect();
            (std::mem::take(&mut workload.done), open)
        })?;
        for (mid, at, took) in done.into_iter().chain(open) {
            if at.since_origin() < begin || at.since_origin() >= end {
                continue;
            }
            match took.filter(|took| *took <= LIMIT) {
                _ if !honest.contains(&mid) => seen.wasted += 1,
                Some(took) => seen.took.push(took),
                None => seen.unanswered += 1,
            }
        }
    }
    Ok(seen)
}

impl Seen {
    pub(crate) fn add(&mut self, other: Self) {
        self.took.extend(other.took);
        self.unanswered += other.unanswered;
        self.wasted += other.wasted;
        self.joined.extend(other.joined);
        self.traffic = other.traffic;
    }

    /// The time that this part of the answers took at most.
    fn part(&self, percent: usize) -> Option<Duration> {
        let mut took = self.took.clone();
        took.sort_unstable();
        took.get((took.len().saturating_sub(1)) * percent / 100).copied()
    }

    /// Answered ones of those that were made, and wasted ones, in per mille.
    fn shares(&self) -> [usize; 2] {
        let all = (self.took.len() + self.unanswered + self.wasted).max(1);
        [self.took.len() * 1_000 / all, self.wasted * 1_000 / all]
    }

    fn joining(&self) -> String {
        let mut joined: Vec<_> = self.joined.clone();
        joined.sort_unstable_by_key(|joined| joined.unwrap_or(Duration::MAX));
        match joined.get(joined.len() / 2).copied().flatten() {
            Some(took) => format!("{:.0} s", took.as_secs_f64()),
            None => "never".into(),
        }
    }

    pub(crate) fn line(&self) -> String {
        let millis = |percent| self.part(percent).map_or("-".into(), |took| format!("{:.0}", took.as_secs_f64() * 1e3));
        let [answered, wasted] = self.shares().map(|share| format!("{}.{}", share / 10, share % 10));
        let (honest, hostile) = self.traffic;
        format!(
            "answered {answered:>5} %  median {:>5} ms  p99 {:>5} ms  to the attacker {wasted:>5} %  newcomer {:>6}  ({honest} + {hostile} a second)",
            millis(50),
            millis(99),
            self.joining()
        )
    }

    /// One cell of the table.
    pub(crate) fn cell(&self) -> String {
        let millis =
            |percent| self.part(percent).map_or("–".into(), |took| format!("{:.0}", took.as_secs_f64() * 1e3));
        let [answered, _] = self.shares().map(|share| format!("{}.{}", share / 10, share % 10));
        format!("{answered} %, {} / {} ms, {}", millis(50), millis(99), self.joining())
    }
}

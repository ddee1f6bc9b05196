//! What happens to the network.

use std::time::Duration;

use ipv8_core::Time;
use ipv8_sim::NodeId;
use rand::RngExt;

use super::{
    Simulation, attackers, part_of,
    plan::Action,
    random::{For, draw, generator},
};
use crate::{
    outcome::Mark,
    scenario::{Count, Happening, Length, MOST_NODES, Parts},
};

impl Simulation {
    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::Event(index) => self.event(index),
            Action::Leave(number) => self.leave(number),
            Action::Return(number) => self.come_back(number),
            Action::Restart(numbers) => {
                let count = numbers.iter().filter(|number| self.start_again(**number)).count();
                self.mark(format!("{} again", nodes(count)));
            }
            Action::Mark(text) => self.mark(text),
            Action::Publish(value) => self.publish(value),
            Action::PublishAgain(number) => self.publish_again(number),
            Action::Find(value) => self.look_for(value),
            Action::Sample => {
                self.sample();
                self.plan.add(self.world.now() + self.scenario.measure.every, Action::Sample);
            }
            Action::Graph => {
                let graph = self.graph();
                self.graphs.push(graph);
            }
            Action::Histograms => self.take_histograms(),
        }
    }

    fn mark(&mut self, text: impl Into<String>) {
        self.marks.push(Mark { at: self.world.now().since(Time::ZERO), text: text.into() });
    }

    fn event(&mut self, index: usize) {
        let Some(event) = self.scenario.events.get(index) else { return };
        match event.what.clone() {
            Happening::Partition(parts) => self.part(parts),
            Happening::Heal => {
                self.world.fabric_mut().links_mut().heal();
                self.mark("heal");
            }
            Happening::TrackersDown => {
                for id in self.trackers.clone() {
                    self.world.crash(id);
                }
                self.mark("trackers down");
            }
            Happening::TrackersUp => {
                for id in self.trackers.clone() {
                    self.world.restart(id);
                }
                self.mark("trackers up");
            }
            Happening::Crash { count, pause, keep_peers } => self.crash_some(index, count, pause, keep_peers),
            Happening::FlashCrowd { count, within } => {
                let count = count.of(self.scenario.nodes);
                for number in 0..count {
                    self.add_node(part_of(within, number, count));
                }
                self.mark(format!("{count} more nodes"));
            }
            Happening::Link(link) => {
                let regions = attackers::regions(&self.scenario, &link);
                let links = self.world.fabric_mut().links_mut();
                links.set_all(link.link());
                if let Some(regions) = regions {
                    links.set_regions(regions);
                }
                self.mark("another link");
            }
        }
    }

    fn part(&mut self, parts: Parts) {
        self.mark(match &parts {
            Parts::Equal(parts) => format!("partition into {parts}"),
            Parts::Share(share) => format!("partition, {} apart", percent(*share)),
            Parts::Region(name) => format!("partition, {name} apart"),
        });
        let trackers = self.scenario.trackers.count;
        let links = self.world.fabric_mut().links_mut();
        if let Parts::Region(name) = parts {
            let Some(regions) = links.regions().cloned() else { return };
            let apart = regions.find(&name);
            let is_apart = move |id: NodeId| regions.of(id) == apart;
            links.partition(move |from, to| is_attacker(from) || is_attacker(to) || is_apart(from) == is_apart(to));
        } else {
            let part = move |id: NodeId| id.index().checked_sub(trackers).map_or(0, |number| part(&parts, number));
            links.partition(move |from, to| is_attacker(from) || is_attacker(to) || part(from) == part(to));
        }
    }

    fn crash_some(&mut self, index: usize, count: Count, pause: Option<Duration>, keep_peers: bool) {
        let mut up: Vec<u32> =
            (0..).zip(&self.members).filter(|(_, m)| self.world.is_up(m.id)).map(|(n, _)| n).collect();
        let count = count.of(u32::try_from(up.len()).unwrap_or(u32::MAX));
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(up.len());
        let mut rng = generator(self.scenario.seed, For::Event, u64::try_from(index).unwrap_or(u64::MAX));
        for place in 0..count {
            let other = rng.random_range(place..up.len());
            up.swap(place, other);
        }
        up.truncate(count);
        up.sort_unstable();
        for number in &up {
            self.go_down(*number, keep_peers);
            if let Some(member) = self.member(*number).filter(|_| pause.is_none()) {
                member.gone = true;
            }
        }
        self.mark(format!("{} down", nodes(count)));
        if let Some(pause) = pause {
            self.plan.add(self.world.now() + pause, Action::Restart(up));
        }
    }

    /// Decides whether a new node comes and goes, and when it goes first.
    pub(super) fn begin_sessions(&mut self, number: u32) {
        let Some(sessions) = self.scenario.sessions else { return };
        let mut rng = generator(self.scenario.seed, For::Session, u64::from(number) << 32);
        let stays = self.scenario.dht.as_ref().is_some_and(|dht| number < dht.staying);
        let churns = rng.random_bool(sessions.share.clamp(0.0, 1.0)) && !stays;
        let Some(member) = self.member(number) else { return };
        member.churns = churns;
        let start = member.start;
        if churns {
            let stay = self.length(number, sessions.length);
            self.plan.add(start + stay, Action::Leave(number));
        }
    }

    /// The next length of a node's sessions.
    fn length(&mut self, number: u32, length: Length) -> Duration {
        let seed = self.scenario.seed;
        let Some(member) = self.member(number) else { return Duration::MAX };
        member.drawn += 1;
        draw(length, &mut generator(seed, For::Session, u64::from(number) << 32 | member.drawn))
    }

    fn leave(&mut self, number: u32) {
        let Some(sessions) = self.scenario.sessions else { return };
        let Some(member) = self.member(number) else { return };
        let (id, gone) = (member.id, member.gone);
        if gone {
            return;
        }
        let (next, length) = match self.world.is_up(id) {
            true => {
                self.go_down(number, sessions.keep_peers);
                (Action::Return(number), sessions.pause)
            }
            // An event was faster.
            false => (Action::Leave(number), sessions.length),
        };
        let after = self.length(number, length);
        self.plan.add(self.world.now() + after, next);
    }

    fn come_back(&mut self, number: u32) {
        let Some(sessions) = self.scenario.sessions else { return };
        self.start_again(number);
        let stay = self.length(number, sessions.length);
        self.plan.add(self.world.now() + stay, Action::Leave(number));
    }

    fn go_down(&mut self, number: u32, keep_peers: bool) {
        let Some(id) = self.member(number).map(|member| member.id) else { return };
        let saved = keep_peers.then(|| self.world.node(id).save_peers());
        self.world.crash(id);
        if let Some(member) = self.member(number) {
            member.saved = saved;
        }
    }

    /// Starts a node that is down; false if it is up.
    fn start_again(&mut self, number: u32) -> bool {
        let Some(member) = self.member(number) else { return false };
        let (id, saved) = (member.id, member.saved.take());
        if self.world.is_up(id) {
            return false;
        }
        self.world.restart(id);
        let now = self.world.now();
        if let Some(member) = self.member(number) {
            member.since = now;
        }
        self.remember(number);
        if let Some(saved) = saved
            && let Err(error) = self.world.node(id).load_peers(&saved)
        {
            tracing::error!(%error, "a node of a scenario starts again without the peers that it had");
        }
        true
    }

    fn member(&mut self, number: u32) -> Option<&mut super::Member> {
        self.members.get_mut(usize::try_from(number).ok()?)
    }
}

/// The part that a node is in. Of a share, the nodes of the second part are spread evenly over all.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole numbers of a bounded product")]
pub(super) fn part(parts: &Parts, number: u32) -> u32 {
    match parts {
        Parts::Equal(parts) => number % (*parts).max(1),
        Parts::Share(share) => {
            let up_to = |number: u32| (f64::from(number) * share).floor() as u32;
            up_to(number.saturating_add(1)) - up_to(number)
        }
        Parts::Region(_) => 0,
    }
}

/// The simulator counts attackers down from the highest number.
const fn is_attacker(id: NodeId) -> bool {
    id.index() > MOST_NODES + 1_000
}

fn nodes(count: usize) -> String {
    if count == 1 { "1 node".to_owned() } else { format!("{count} nodes") }
}

/// A share in whole percents.
fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

//! Who knows whom.

use ipv8_core::Time;

use super::Simulation;
use crate::outcome::{Graph, GraphNode, Histogram};

/// What is seen in one pass over all nodes that are up.
#[derive(Clone, Debug, Default)]
pub(super) struct Knowing {
    /// Peers that nodes know, and those of them that are down.
    pub(super) entries: u64,
    pub(super) stale: u64,
    /// Nodes that are up, and those in the largest connected group.
    pub(super) up: u32,
    pub(super) connected: u32,
}

impl Simulation {
    /// Calls back for each node that is up with each peer that it knows, by number, in order.
    fn each_known(&self, mut known: impl FnMut(u32, u32)) {
        let mut peers = Vec::new();
        for (number, member) in (0..).zip(&self.members) {
            if !self.world.is_up(member.id) {
                continue;
            }
            peers.clear();
            self.world.node(member.id).network(|network| {
                peers.extend(network.serving(self.overlay).filter_map(|peer| self.numbers.get(&peer.mid()).copied()));
            });
            peers.sort_unstable();
            for peer in &peers {
                known(number, *peer);
            }
        }
    }

    pub(super) fn is_number_up(&self, number: u32) -> bool {
        let member = usize::try_from(number).ok().and_then(|index| self.members.get(index));
        member.is_some_and(|member| self.world.is_up(member.id))
    }

    pub(super) fn knowing(&self) -> Knowing {
        let mut groups = Groups::new(self.members.len());
        let mut knowing = Knowing::default();
        self.each_known(|number, peer| {
            knowing.entries += 1;
            if self.is_number_up(peer) {
                groups.join(number, peer);
            } else {
                knowing.stale += 1;
            }
        });
        let mut sizes = vec![0_u32; self.members.len()];
        for (number, _) in (0..).zip(&self.members).filter(|(_, member)| self.world.is_up(member.id)) {
            knowing.up += 1;
            let group = groups.of(number);
            if let Some(size) = usize::try_from(group).ok().and_then(|group| sizes.get_mut(group)) {
                *size += 1;
            }
        }
        knowing.connected = sizes.into_iter().max().unwrap_or_default();
        knowing
    }

    /// The graph at this moment.
    pub(super) fn graph(&self) -> Graph {
        let up = (0..).zip(&self.members).filter(|(_, member)| self.world.is_up(member.id));
        let nodes = up.map(|(number, member)| GraphNode { number, kind: member.kind.name() }).collect();
        let mut edges = Vec::new();
        self.each_known(|number, peer| {
            // Those that are down are not in the picture.
            if self.is_number_up(peer) {
                edges.push((number, peer));
            }
        });
        Graph { at: self.world.now().since(Time::ZERO), nodes, edges }
    }

    /// Takes the distributions of peers and of in-degrees, unless they were taken at this moment already.
    pub(super) fn take_histograms(&mut self) {
        let at = self.world.now().since(Time::ZERO);
        if self.histograms.iter().any(|histogram| histogram.at == at) {
            return;
        }
        let (mut out_degrees, mut in_degrees) = (vec![0_u32; self.members.len()], vec![0_u32; self.members.len()]);
        let count = |degrees: &mut Vec<u32>, number: u32| {
            if let Some(degree) = usize::try_from(number).ok().and_then(|index| degrees.get_mut(index)) {
                *degree += 1;
            }
        };
        self.each_known(|number, peer| {
            count(&mut out_degrees, number);
            count(&mut in_degrees, peer);
        });
        for (name, title, degrees) in
            [("peers", "peers known to a node", out_degrees), ("in_degree", "nodes that know a node", in_degrees)]
        {
            let mut degrees: Vec<_> =
                (0..).zip(degrees).filter(|(number, _)| self.is_number_up(*number)).map(|(_, degree)| degree).collect();
            degrees.sort_unstable();
            let counts = degrees.chunk_by(|a, b| a == b);
            let counts =
                counts.filter_map(|same| Some((*same.first()?, u32::try_from(same.len()).unwrap_or(u32::MAX))));
            self.histograms.push(Histogram { name, title, at, counts: counts.collect() });
        }
    }
}

/// Numbers in groups that grow together.
struct Groups(Vec<u32>);

impl Groups {
    fn new(count: usize) -> Self {
        Self((0..).take(count).collect())
    }

    fn parent(&self, number: u32) -> u32 {
        usize::try_from(number).ok().and_then(|index| self.0.get(index)).copied().unwrap_or(number)
    }

    fn of(&mut self, mut number: u32) -> u32 {
        loop {
            let parent = self.parent(number);
            if parent == number {
                return number;
            }
            // Halves the way for the next one.
            let grandparent = self.parent(parent);
            if let Some(place) = usize::try_from(number).ok().and_then(|index| self.0.get_mut(index)) {
                *place = grandparent;
            }
            number = grandparent;
        }
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.of(a), self.of(b));
        let (low, high) = (a.min(b), a.max(b));
        if let Some(place) = usize::try_from(high).ok().and_then(|index| self.0.get_mut(index)) {
            *place = low;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_grow_together() {
        let mut groups = Groups::new(6);
        for (a, b) in [(0, 1), (2, 3), (3, 1), (4, 4)] {
            groups.join(a, b);
        }
        let all: Vec<_> = (0..6).map(|number| groups.of(number)).collect();
        assert_eq!(all, [0, 0, 0, 0, 4, 5]);
    }
}

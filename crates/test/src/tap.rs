//! The network of a net: another one, with somebody who listens, holds back and changes.

use std::{net::SocketAddr, time::Duration};

use ipv8_sim::{Delivery, Fabric, Hosts, Loss, NodeId, Packet};
use rand::rngs::Xoshiro256PlusPlus;
use smallvec::SmallVec;

use crate::{
    log::{SharedLog, captured},
    packet::{Captured, End, Party},
};

/// What is done with a packet that a node sends: see [`Net::intercept`](crate::Net::intercept).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It goes its way.
    Deliver,
    /// It is lost.
    Drop,
    /// It takes so much longer.
    Delay(Duration),
    /// It arrives twice.
    Duplicate,
    /// These bytes arrive in its place, at once and from its sender's own address, whatever NATs there are.
    Replace(Vec<u8>),
}

/// Decides on a packet; `None` leaves it to the next rule.
pub(crate) type Rule = Box<dyn FnMut(&Captured) -> Option<Fate> + Send>;

/// A network with a tap on it.
pub(crate) struct Tap<F> {
    pub(crate) inner: F,
    pub(crate) log: SharedLog,
    pub(crate) rules: Vec<Rule>,
    /// Packets that are to arrive in the place of others: from, to, bytes.
    pub(crate) replaced: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
}

impl<F: Fabric> Tap<F> {
    fn decide(&mut self, packet: &Captured) -> Fate {
        self.rules.iter_mut().find_map(|rule| rule(packet)).unwrap_or(Fate::Deliver)
    }
}

/// Nodes have the numbers in which they were added to the world.
pub(crate) fn number(id: NodeId) -> usize {
    usize::try_from(id.index()).unwrap_or(usize::MAX)
}

pub(crate) fn party(address: SocketAddr, hosts: &Hosts) -> Party {
    Party { node: hosts.at(address).map(number), address }
}

impl<F: Fabric> Fabric for Tap<F> {
    fn route(
        &mut self,
        packet: &Packet<'_>,
        hosts: &Hosts,
        rng: &mut Xoshiro256PlusPlus,
    ) -> Result<SmallVec<[Delivery; 1]>, Loss> {
        let from = Party { node: Some(number(packet.from)), address: packet.source };
        let seen = captured(packet.now, from, party(packet.to, hosts), packet.bytes);
        let fate = self.decide(&seen);
        let mut log = self.log.lock();
        log.now = log.now.max(packet.now);
        if matches!(fate, Fate::Drop | Fate::Replace(_)) {
            log.ended(seen.from, seen.to, packet.bytes, End::Intercepted);
            if let Fate::Replace(bytes) = fate {
                self.replaced.push((packet.source, packet.to, bytes));
            }
            // Which is nearest to what happened, for those who look at the world's counters.
            return Err(Loss::Link);
        }
        let mut deliveries = match self.inner.route(packet, hosts, rng) {
            Ok(deliveries) => deliveries,
            Err(loss) => {
                log.ended(seen.from, seen.to, packet.bytes, End::Lost(loss));
                return Err(loss);
            }
        };
        match fate {
            Fate::Delay(delay) => deliveries.iter_mut().for_each(|delivery| delivery.at = delivery.at + delay),
            Fate::Duplicate => {
                let copies: SmallVec<[Delivery; 1]> = deliveries.iter().copied().collect();
                deliveries.extend(copies);
            }
            _ => {}
        }
        for (index, delivery) in deliveries.iter().enumerate() {
            log.sent(Captured { copy: index > 0, ..seen.clone() }, delivery);
        }
        Ok(deliveries)
    }

    fn arrive(&mut self, delivery: &Delivery, bytes: &[u8], hosts: &Hosts) -> Result<NodeId, Loss> {
        let result = self.inner.arrive(delivery, bytes, hosts);
        self.log.lock().arrived(delivery, bytes, result.map(number));
        result
    }
}

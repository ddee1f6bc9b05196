//! The network of the experiment: NATs, and what becomes of introduction requests.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use ipv8_core::wire::PREFIX_LEN;
use ipv8_sim::{
    Delivery, Fabric, Hosts, Link, Loss, NodeId, Packet,
    nat::{Nat, NatId, Nats},
};
use rand::rngs::Xoshiro256PlusPlus;
use smallvec::SmallVec;

/// Where the tracker is.
pub(crate) const TRACKER: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(198, 19, 255, 1), 6421));

/// 198.19.0.0/16, the second half of what is for NATs: no addresses of LANs.
const INTERNET: u32 = 0xc613_0000;

/// The ids of introduction requests, of the old and of the new style, which are in the byte after the prefix.
const REQUESTS: [u8; 2] = [246, 234];

fn is_request(datagram: &[u8]) -> bool {
    datagram.get(PREFIX_LEN).is_some_and(|id| REQUESTS.contains(id))
}

/// What became of the introduction requests that were sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requests {
    pub(crate) sent: u64,
    pub(crate) to_tracker: u64,
    pub(crate) lost: u64,
    pub(crate) no_host: u64,
    pub(crate) nat: u64,
}

/// NATs that also count.
pub(crate) struct Network {
    nats: Nats,
    last: Option<NatId>,
    behind: u32,
    pub(crate) requests: Requests,
}

impl Network {
    pub(crate) fn new(link: Link) -> Self {
        Self { nats: Nats::new(link), last: None, behind: 0, requests: Requests::default() }
    }

    /// The address of a node: on the Internet, or behind a NAT. Those behind NATs are spread evenly over all numbers.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole numbers of a bounded product")]
    pub(crate) fn place(&mut self, number: u32, part: f64) -> SocketAddr {
        let up_to = |number: u32| (f64::from(number) * part.clamp(0.0, 1.0)).floor() as u32;
        if up_to(number + 1) == up_to(number) {
            return SocketAddr::from((Ipv4Addr::from_bits(INTERNET | (number + 1)), 8090));
        }
        self.behind += 1;
        let nat = match self.last {
            Some(nat) if self.behind.is_multiple_of(4) => nat,
            _ => self.nats.add(kind(self.behind)),
        };
        self.last = Some(nat);
        self.nats.lease(nat)
    }

    fn count(&mut self, loss: Loss) {
        match loss {
            Loss::NoHost => self.requests.no_host += 1,
            Loss::Nat => self.requests.nat += 1,
            _ => self.requests.lost += 1,
        }
    }
}

/// Of ten: five port-restricted, two symmetric, two full cone, one address-restricted.
fn kind(number: u32) -> Nat {
    // Seven has no factor in common with ten, so that all kinds are met in turn, and not one after the other.
    match number * 7 % 10 {
        0..=4 => Nat::port_restricted(),
        5 | 6 => Nat::symmetric(),
        7 | 8 => Nat::full_cone(),
        _ => Nat::address_restricted(),
    }
}

impl Fabric for Network {
    fn route(
        &mut self,
        packet: &Packet<'_>,
        hosts: &Hosts,
        rng: &mut Xoshiro256PlusPlus,
    ) -> Result<SmallVec<[Delivery; 1]>, Loss> {
        let is_request = is_request(packet.bytes);
        if is_request {
            self.requests.sent += 1;
            self.requests.to_tracker += u64::from(packet.to == TRACKER);
        }
        self.nats.route(packet, hosts, rng).inspect_err(|loss| {
            if is_request {
                self.count(*loss);
            }
        })
    }

    fn arrive(&mut self, delivery: &Delivery, bytes: &[u8], hosts: &Hosts) -> Result<NodeId, Loss> {
        self.nats.arrive(delivery, bytes, hosts).inspect_err(|loss| {
            if is_request(bytes) {
                self.count(*loss);
            }
        })
    }
}

//! Another network than the ready one takes its place.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::net::SocketAddr;

use common::{Lamport, secs};
use ipv8_sim::{Delivery, Fabric, Hosts, Loss, NodeOptions, Packet, World};
use rand::rngs::Xoshiro256PlusPlus;
use smallvec::SmallVec;

/// Hides the ports of all senders behind port 9, and knows which node is meant by an address with that port.
#[derive(Default)]
struct OnePort {
    packets: usize,
}

impl Fabric for OnePort {
    fn route(
        &mut self,
        packet: &Packet<'_>,
        hosts: &Hosts,
        _: &mut Xoshiro256PlusPlus,
    ) -> Result<SmallVec<[Delivery; 1]>, Loss> {
        self.packets += 1;
        let to = SocketAddr::new(packet.to.ip(), 8090);
        hosts.at(to).ok_or(Loss::NoHost)?;
        let source = SocketAddr::new(packet.source.ip(), 9);
        Ok(SmallVec::from([Delivery { at: packet.now + secs(1), to, source }]))
    }
}

#[test]
fn nodes_know_each_other_as_the_network_shows_them() {
    let mut world = World::builder(1).fabric(OnePort::default()).build();
    let [a, b] = [(); 2].map(|()| world.add_node(NodeOptions::default()));
    let [lamport, _] = [a, b].map(|id| world.node(id).load(Lamport::default()).unwrap());
    let outside = SocketAddr::new(world.address(b).ip(), 9);
    lamport.with(|_, cx| cx.walk_to(outside)).unwrap();
    world.run_for(secs(10));
    assert_eq!(
        lamport.with(|_, cx| cx.peers().iter().map(|peer| peer.address()).collect::<Vec<_>>()),
        Ok(vec![outside])
    );
    assert!(world.fabric().packets > 2);
}

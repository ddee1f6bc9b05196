//! Ids to refresh a bucket with lie in that bucket.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::net::{IpAddr, SocketAddr};

use ipv8_core::{
    Peer, Time,
    crypto::{Curve, PrivateKey},
};
use ipv8_dht::{
    NodeId,
    routing::{BUCKET_SIZE, DhtNode, RoutingTable},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

fn filled(rng: &mut StdRng, nodes: usize) -> RoutingTable {
    let mut table = RoutingTable::new(NodeId([0x5a; 20]));
    for _ in 0..nodes {
        let key = PrivateKey::generate(Curve::Curve25519, rng).unwrap();
        let address = SocketAddr::new(IpAddr::from(rng.random::<[u8; 4]>()), 1);
        table.add(DhtNode::new(Peer::new(key.public().clone(), address)), Time::ZERO);
    }
    table
}

#[test]
fn random_ids_lie_in_their_bucket() {
    let mut rng = StdRng::from_seed([1; 32]);
    let table = filled(&mut rng, 500);
    assert!(table.buckets().count() > 5);
    for bucket in table.buckets() {
        let ids: Vec<_> = (0..200).map(|_| bucket.random_id(&mut rng)).collect();
        assert!(ids.iter().all(|id| bucket.owns(id)));
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(ids.iter().all(|id| table.bucket(&NodeId(*id)).unwrap().start() == bucket.start()));
    }
}

#[test]
fn a_table_is_bounded_and_keeps_its_nodes_when_our_id_changes() {
    let mut rng = StdRng::from_seed([2; 32]);
    let mut table = filled(&mut rng, 2_000);
    assert!(table.buckets().all(|bucket| bucket.nodes().len() <= BUCKET_SIZE));
    assert!(table.len() <= table.buckets().count() * BUCKET_SIZE);
    table.set_own(NodeId([0xa5; 20]), Time::ZERO);
    assert_eq!(table.own(), NodeId([0xa5; 20]));
    // Of those near the old id the new table has room for few; but it is not empty.
    assert!(table.len() >= 2 * BUCKET_SIZE, "{} nodes are left", table.len());
    assert!(table.buckets().all(|bucket| bucket.nodes().iter().all(|node| bucket.owns(&node.id().0))));
}

//! Fifty nodes meet through one of them, over links that lose packets, and count.

mod common;

use common::{Lamport, add_walkers, secs};
use ipv8_core::MaxPeers;
use ipv8_sim::{Link, Loss, NodeOptions, World, testing::walk::Meet};

#[test]
fn fifty_nodes_meet_through_one_in_spite_of_loss() {
    let mut world = World::builder(11).link(Link::default().loss(0.1)).record(20).build();
    let nodes = add_walkers(&mut world, 50, 20, Lamport::default);
    world.run_for(secs(60));
    let known = world.peers_known();
    assert!(known.min >= 20 && known.max <= 49, "{known:?}");
    for id in nodes {
        let lamport = world.overlay::<Lamport>(id).unwrap();
        let (joined, clock) = lamport.with(|lamport, _| (lamport.joined, lamport.clock)).unwrap();
        assert_eq!(joined, world.node(id).network(|network| network.len()).unwrap(), "{id} was told of all its peers");
        assert!(clock >= 100, "the clock of {id} is at {clock}");
        assert_eq!(world.node(id).stats().dropped_in_all(), 0);
    }
    let metrics = world.metrics();
    let lost = metrics.lost(Loss::Link) * 100 / metrics.sent;
    assert!((8..=12).contains(&lost), "{lost} % of {} were lost", metrics.sent);
}

#[test]
fn a_meeting_place_is_found_by_its_name() {
    let mut world = World::new(1);
    let place = world.add_node(NodeOptions::default());
    world.node(place).load(Lamport::default()).unwrap();
    world.host("tracker.test", world.address(place));
    let loads = |host: &'static str| {
        NodeOptions::default().setup(move |node| {
            let overlay = ipv8_core::OverlayConfig::new(Lamport::default()).max_peers(MaxPeers::Limit(1));
            let overlay = overlay.bootstrapper(Meet::named(host, 8090));
            node.load(overlay).unwrap();
        })
    };
    let finder = world.add_node(loads("tracker.test"));
    let lost = world.add_node(loads("nowhere.test"));
    for id in [finder, lost] {
        world.overlay::<Lamport>(id).unwrap().with(|_, cx| cx.bootstrap()).unwrap();
    }
    world.run_for(secs(1));
    assert_eq!(world.node(finder).network(|network| network.len()), Some(1));
    assert_eq!(world.node(lost).network(|network| network.len()), Some(0));
}

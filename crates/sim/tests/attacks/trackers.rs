//! A tracker that lies keeps nobody apart who also knows an honest one.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::AtomicU32, atomic::Ordering},
};

use ipv8_core::{Context, DropReason, Hardening, MaxPeers, OverlayConfig, Target, messages::NO_ADDRESS, wire::Address};
use ipv8_discovery::{RandomWalk, Tracker, TrackerBootstrapper};
use ipv8_sim::{NodeId, NodeOptions};

use crate::scene::{Lie, Plain, Scene, knows, liar, plain, presets, public, scene, secs};

const VICTIM: &str = "198.51.100.99:53";

/// What a lying tracker introduces.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Introduces {
    Itself,
    Fakes,
    Victim,
    Nobody,
}

fn tracker(scene: &mut Scene, lies: Option<Introduces>, address: SocketAddr) {
    match lies {
        None => {
            scene.add_node(NodeOptions::default().address(address).setup(|node| {
                node.load(OverlayConfig::new(Tracker::default()).any_prefix()).unwrap();
            }));
        }
        Some(lies) => {
            let made_up = Arc::new(AtomicU32::new(0));
            liar(scene, address, move |_| {
                let introduces = match lies {
                    Introduces::Itself => address,
                    Introduces::Victim => VICTIM.parse().unwrap(),
                    Introduces::Nobody => SocketAddr::V4(NO_ADDRESS),
                    Introduces::Fakes => {
                        let number = made_up.fetch_add(1, Ordering::Relaxed);
                        SocketAddr::from((std::net::Ipv4Addr::from(0x6100_0000 + (number << 8)), 8_090))
                    }
                };
                Lie { destination: Some("198.51.100.66:666".parse().unwrap()), introduces }
            });
        }
    }
}

/// Twenty nodes that know these trackers, after two minutes.
fn after_two_minutes(scene: &mut Scene, hardening: &Hardening, trackers: &[SocketAddr]) -> Vec<NodeId> {
    let nodes: Vec<NodeId> = (1..=20)
        .map(|number| {
            let trackers: Vec<Address> = trackers.iter().map(|address| Address::from(*address)).collect();
            let options = NodeOptions::default().address(public(number)).hardening(hardening.clone());
            scene.add_node(options.setup(move |node| {
                let overlay = OverlayConfig::new(Plain::default())
                    .max_peers(MaxPeers::Unlimited)
                    .strategy(RandomWalk::default(), Target::Peers(10))
                    .bootstrapper(TrackerBootstrapper::new(trackers.clone()));
                node.load(overlay).unwrap();
            }))
        })
        .collect();
    scene.run_for(secs(120));
    nodes
}

#[test]
fn with_an_honest_tracker_besides_all_find_each_other() {
    let (honest, lying) = (public(250), public(251));
    for (name, hardening) in presets() {
        for lies in [Introduces::Itself, Introduces::Fakes, Introduces::Victim, Introduces::Nobody] {
            let mut alone = scene(1);
            tracker(&mut alone, Some(lies), lying);
            let nodes = after_two_minutes(&mut alone, &hardening, &[lying]);
            let known: usize = nodes.iter().map(|node| knows(&alone, *node, &nodes)).sum();
            assert_eq!(known, 0, "{name}, {lies:?}: alone, the lying one keeps all apart");

            let mut both = scene(1);
            tracker(&mut both, None, honest);
            tracker(&mut both, Some(lies), lying);
            let nodes = after_two_minutes(&mut both, &hardening, &[lying, honest]);
            for node in &nodes {
                assert!(
                    knows(&both, *node, &nodes) >= 10,
                    "{name}, {lies:?}: {node} knows {}",
                    knows(&both, *node, &nodes)
                );
                let wan = plain(&both, *node).with(|_, cx: &mut Context<'_>| cx.wan()).unwrap();
                assert!(name != "hardened" || wan == both.address(*node), "{name}, {lies:?}: {wan}");
                assert_eq!(both.node(*node).stats().dropped(DropReason::RateLimited), 0);
            }
            let at_victim = both.fabric().sent_to(VICTIM.parse().unwrap());
            assert!(at_victim <= 20 * 24, "{name}, {lies:?}: {at_victim}");
        }
    }
}

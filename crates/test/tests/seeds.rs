//! A run depends on its seed alone, whoever looks at it; a failing one says how to see it again.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::{process::Command, time::Duration};

use common::{Doubler, Shout};
use ipv8_core::{MaxPeers, OverlayConfig, Target};
use ipv8_discovery::{RandomWalk, Tracker, TrackerBootstrapper};
use ipv8_sim::World;
use ipv8_test::{Link, Net, NodeOptions, NodeSpec, assert_received, for_seeds};

const HALF_A_MINUTE: Duration = Duration::from_secs(30);

fn lossy() -> Link {
    Link::default().loss(0.1).duplication(0.1)
}

/// Ten nodes that walk for half a minute; `look` is called every five seconds.
fn walked(seed: u64, look: impl Fn(&mut Net)) -> u64 {
    let mut net = Net::builder().seed(seed).link(lossy()).build();
    for _ in 0..10 {
        net.add(NodeSpec::new(|| OverlayConfig::new(Doubler::default()).max_peers(MaxPeers::Unlimited)).walking());
    }
    net.add_tracker();
    for _ in 0..6 {
        net.advance(HALF_A_MINUTE / 6);
        look(&mut net);
    }
    assert!(net.peers::<Doubler>(0).len() >= 3, "{:?}", net.peers::<Doubler>(0));
    net.trace_hash()
}

#[test]
fn looking_changes_nothing() {
    let quiet = walked(5, |_| {});
    assert_eq!(quiet, walked(5, |_| {}));
    assert_ne!(quiet, walked(6, |_| {}));
    let looked = walked(5, |net| {
        net.describe::<Shout>();
        assert!(!net.trace().is_empty() && !net.packets().is_empty());
        assert_received!(net, 0, []);
        let peers = net.peers::<Doubler>(3);
        assert_eq!(net.at(3, |_: &mut Doubler, cx| cx.peer_count()), peers.len());
        net.intercept(|_| ipv8_test::Fate::Deliver);
        net.forget();
    });
    assert_eq!(quiet, looked);
}

#[test]
fn the_kit_itself_changes_nothing() {
    let mut world = World::builder(5).link(lossy()).build();
    for _ in 0..10 {
        world.add_node(NodeOptions::default().setup(|node| {
            let overlay = OverlayConfig::new(Doubler::default())
                .max_peers(MaxPeers::Unlimited)
                .strategy(RandomWalk::default(), Target::Peers(20))
                .bootstrapper(TrackerBootstrapper::new(["tracker.test:6421".parse().unwrap()]));
            node.load(overlay).unwrap();
        }));
    }
    let address = "10.255.0.1:6421".parse().unwrap();
    world.add_node(NodeOptions::default().address(address).setup(|node| {
        node.load(OverlayConfig::new(Tracker::default()).any_prefix()).unwrap();
    }));
    world.host("tracker.test", address);
    world.run_for(HALF_A_MINUTE);
    assert_eq!(walked(5, |_| {}), world.trace_hash());
}

/// Sends a shout over a bad link and wants it to arrive.
fn shout_over(mut net: Net) {
    let to = net.address(1);
    net.at(0, |_: &mut Doubler, cx| cx.send_to(to, Shout { number: 258 }));
    net.deliver();
    assert_received!(net, 1, [Shout { number: 258 }]);
}

#[test]
#[ignore = "fails on purpose: the test below runs it and reads what it says"]
fn fails_on_purpose() {
    for_seeds(0..100, |net| shout_over(net.link(Link::default().loss(0.2)).of(2, |_| Doubler::default())));
}

/// Runs the failing test by itself, and returns what it says.
fn run_failing(seed: Option<&str>) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "fails_on_purpose", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env_remove("IPV8_TEST_SEED").env("RUST_BACKTRACE", "0");
    command.envs(seed.map(|seed| ("IPV8_TEST_SEED", seed)));
    let output = command.output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_failing_test_tells_its_seed_and_its_packets() {
    let said = run_failing(None);
    let line = said.lines().find(|line| line.contains("the first of 0..100")).unwrap_or_else(|| panic!("{said}"));
    let seed: u64 = line.split(' ').nth(2).unwrap().parse().unwrap();
    assert_eq!(
        line,
        format!(
            "ipv8-test: seed {seed} fails, the first of 0..100 ({seed} passed); IPV8_TEST_SEED={seed} runs it alone"
        )
    );
    let trace = format!(
        "trace of seed {seed} at 0.0000 s:\n  0.0000  node 0 -> node 1  Shout {{ number: 258 }}  LOST: link\n\
         IPV8_TEST_SEED={seed} runs it again\n"
    );
    assert!(said.contains(&trace), "{said}");
    assert!(said.contains("note: Shout { number: 258 } from node 0 would have been it: LOST: link"), "{said}");
    // The same again, and that only.
    let again = run_failing(Some(&seed.to_string()));
    assert!(again.contains(&trace), "{again}");
    assert!(!again.contains("the first of"), "{again}");
    let wrong = run_failing(Some("many"));
    assert!(
        wrong.contains("IPV8_TEST_SEED is \"many\": it has to be a number from 0 to 18446744073709551615"),
        "{wrong}"
    );
}

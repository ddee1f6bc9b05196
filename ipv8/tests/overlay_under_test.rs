//! The community of the first tutorial, tested as the tutorial on testing says.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

include!("common/clock.rs");

use ipv8::Curve;
use ipv8_test::{Latency, Link, Net, NodeSpec, assert_encoding, assert_received, assert_sent, for_seeds};

fn clock(net: &Net, node: usize) -> u32 {
    net.at(node, |community: &mut MyCommunity, _| community.clock)
}

#[test]
fn it_is_the_community_that_the_tutorials_show() {
    let code = include_str!("common/clock.rs");
    assert!(include_str!("../docs/tutorial/testing.md").contains(code));
    // The first one prints the clock too, and has a service around it.
    let shown = include_str!("../docs/tutorial/overlay.md");
    for line in code.lines().filter(|line| !line.starts_with("use ")) {
        assert!(shown.contains(line), "{line}");
    }
}

/// What fails in the second tutorial fails as it shows.
#[test]
fn failures_are_those_that_the_tutorial_shows() {
    let shown = include_str!("../docs/tutorial/testing.md");
    let said = std::panic::catch_unwind(|| {
        let mut net = Net::of(3, |_| MyCommunity::default());
        net.deliver_packets(4);
        assert_received!(net, 0, [from 2 => Clock { clock: 0 }]);
    });
    let said = said.unwrap_err().downcast::<String>().unwrap();
    assert!(shown.contains(&format!("```text\n{said}\ntrace of seed 1 at")), "{said}");
    let said = std::panic::catch_unwind(|| Net::of(2, |_| MyCommunity::default()).deliver());
    let said = said.unwrap_err().downcast::<String>().unwrap();
    let (shown_part, _) = said.split_once("\nUse").unwrap();
    assert!(shown.contains(&format!("```text\n{shown_part}\n```")), "{said}");
}

#[test]
fn three_peers_establish_an_ever_increasing_clock() {
    let link = Link::default().latency(Latency::Uniform(Duration::from_millis(20), Duration::from_millis(80)));
    let mut net = Net::builder().link(link).build();
    for _ in 0..3 {
        net.add(NodeSpec::new(MyCommunity::default).curve(Curve::Medium));
    }
    net.introduce_all();
    let mut last = [0; 3];
    for _ in 0..3 {
        net.advance(Duration::from_secs(1));
        let now = [0, 1, 2].map(|node| clock(&net, node));
        assert!(now.iter().zip(last).all(|(now, last)| *now > last + 10), "{now:?} after {last:?}");
        last = now;
    }
    assert!(last.iter().max().unwrap() - last.iter().min().unwrap() < 10, "{last:?}");
}

#[test]
fn whoever_counts_no_longer_begins() {
    let mut net = Net::of(2, |_| MyCommunity::default());
    net.deliver_packets(8);
    let begins = |net: &Net, node| net.at(node, |_: &mut MyCommunity, cx| cx.task("start").is_some());
    assert!(begins(&net, 0) && begins(&net, 1));
    net.intercept(|_| ipv8_test::Fate::Drop);
    net.deliver();
    net.forget();
    net.advance(Duration::from_secs(60));
    assert!(!begins(&net, 0) && !begins(&net, 1));
    assert_sent!(net, 0, []);
}

#[test]
fn a_clock_answers_with_a_later_one() {
    let mut net = Net::of(2, |_| MyCommunity { clock: 7 });
    let to = net.peer(1);
    net.at(0, |_: &mut MyCommunity, cx| cx.send(&to, Clock { clock: u32::MAX }));
    net.deliver_packets(3);
    assert_received!(net, 0, [from 1 => Clock { clock: u32::MAX }]);
    assert_received!(net, 1, [Clock { clock: u32::MAX }, Clock { clock: u32::MAX }]);
    assert_encoding(&Clock { clock: 1 }, "00000001");
}

#[test]
fn peers_that_nobody_introduces_find_each_other_and_count() {
    for_seeds(0..5, |net| {
        let mut net = net.link(Link::default().loss(0.1)).build();
        for _ in 0..5 {
            net.add(NodeSpec::new(MyCommunity::default).walking());
        }
        net.add_tracker();
        net.advance(Duration::from_secs(60));
        for node in 0..5 {
            assert!(net.peers::<MyCommunity>(node).len() >= 3);
            assert!(clock(&net, node) > 0, "{node} counts");
        }
    });
}

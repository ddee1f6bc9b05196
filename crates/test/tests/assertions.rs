//! Each assertion holds when it should, and fails with a text that says what there was.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use common::{Doubler, Question, Shout, failure};
use ipv8_test::{Captured, Net, assert_received, assert_sent};

/// Three nodes; the first shouted 1, 2 and 3 at the second, the third shouted 2.
fn shouted() -> Net {
    let mut net = Net::of(3, |_| Doubler::default());
    let to = net.address(1);
    for (from, number) in [(0, 1), (0, 2), (2, 2), (0, 3)] {
        net.at(from, |_: &mut Doubler, cx| cx.send_to(to, Shout { number }));
        net.deliver();
    }
    net
}

#[test]
fn what_was_received_can_be_told_in_many_ways() {
    let net = shouted();
    let two = 2;
    assert_received!(net, 1, [Shout { number: 1 }, == Shout { number: two }, from 2 => Shout { number } if *number == two, Shout { .. }]);
    assert_received!(net, 1, unordered [Shout { number: 3 }, Shout { number: 2 }, Shout { .. }, from 0 => Shout { number: 2.. }]);
    assert_received!(net, 1, contains [from 0 => Shout { number: 1 }, from 0 => == Shout { number: 3 }]);
    assert_received!(net, 1, none [Shout { number: 4.. }, from 1 => Shout { .. }, Question { .. }]);
    assert_received!(net, 0, []);
    assert_sent!(net, 0, [to 1 => Shout { number: 1 }, Shout { number: 2 }, Shout { number: 3 },]);
    assert_eq!(net.received::<Shout>(1).iter().map(|shout| shout.number).collect::<Vec<_>>(), [1, 2, 2, 3]);
    assert_eq!(net.at(1, |doubler: &mut Doubler, _| doubler.heard.clone()), [1, 2, 2, 3]);
    assert_eq!(net.sent::<Shout>(2), [Shout { number: 2 }]);
}

#[test]
fn a_message_too_few_in_order() {
    let net = shouted();
    let text =
        failure(|| assert_received!(net, 1, [Shout { number: 1 }, from 2 => Shout { number: 2 }, Shout { number: 3 }]));
    assert_eq!(
        text,
        "\
node 1 should have received exactly these messages in this order:
  1. Shout { number: 1 }
> 2. from node 2: Shout { number: 2 }
  3. Shout { number: 3 }
but it received:
  1. from node 0: Shout { number: 1 }
> 2. from node 0: Shout { number: 2 }
  3. from node 2: Shout { number: 2 }
  4. from node 0: Shout { number: 3 }
seed 1"
    );
}

#[test]
fn nothing_was_expected_or_something() {
    let net = shouted();
    let text = failure(|| assert_sent!(net, 2, []));
    assert!(text.contains("> 1. to node 1: Shout (message 3, 25 bytes)"), "nobody named its type: {text}");
    net.describe::<Shout>();
    let text = failure(|| assert_sent!(net, 2, []));
    assert_eq!(
        text,
        "\
node 2 should have sent exactly these messages in this order:
  nothing
but it sent:
> 1. to node 1: Shout { number: 2 }
seed 1"
    );
    let text = failure(|| assert_received!(net, 2, [== Shout { number: 2 }]));
    assert_eq!(
        text,
        "\
node 2 should have received exactly these messages in this order:
> 1. Shout { number: 2 }
but it received:
  nothing
seed 1"
    );
}

#[test]
fn other_modes_fail_too() {
    let net = shouted();
    let text = failure(|| assert_received!(net, 1, unordered [Shout { .. }, Shout { number: 1 }, Shout { number: 3 }]));
    assert!(text.contains("> 3. from node 2: Shout { number: 2 }"), "{text}");
    let text = failure(|| assert_received!(net, 1, unordered [Shout { number: 3 }, Shout { number: 3 }]));
    assert!(text.contains("in any order:\n  1. Shout { number: 3 }\n> 2. Shout { number: 3 }\n"), "{text}");
    let text = failure(|| assert_received!(net, 1, contains [Shout { number: 3 }, Shout { number: 1 }]));
    assert!(text.contains("among others:\n  1. Shout { number: 3 }\n> 2. Shout { number: 1 }\n"), "{text}");
    let text = failure(|| assert_received!(net, 1, none [Shout { number: 9 }, Shout { number: 3 }]));
    assert!(text.contains("none of these messages:\n  1. Shout { number: 9 }\n> 2. Shout { number: 3 }\n"), "{text}");
    assert!(text.contains("> 4. from node 0: Shout { number: 3 }"), "{text}");
}

#[test]
fn what_did_not_arrive_says_why() {
    let mut net = Net::of(2, |_| Doubler::default());
    let to = net.address(1);
    net.at(0, |_: &mut Doubler, cx| cx.send_to(to, Shout { number: 1 }));
    let text = failure(|| assert_received!(net, 1, [Shout { number: 1 }]));
    // The node has not had its turn yet.
    assert!(text.ends_with("nothing\nseed 1"), "{text}");
    net.drop_next(Captured::is::<Shout>);
    net.deliver();
    let text = failure(|| assert_received!(net, 1, [Shout { number: 1 }]));
    assert!(text.ends_with("note: Shout { number: 1 } from node 0 would have been it: INTERCEPTED\nseed 1"), "{text}");
    assert_received!(net, 1, []);
    assert_sent!(net, 0, [Shout { number: 1 }]);
}

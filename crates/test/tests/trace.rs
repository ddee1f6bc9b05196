//! The trace says who sent what to whom, with fields, and what became of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::time::Duration;

use common::{Answer, Doubler, Question, Shout};
use ipv8_test::{Captured, Latency, Link, Net, NodeSpec};

#[test]
fn everything_is_in_the_trace() {
    let link = Link::default().latency(Latency::Constant(Duration::from_millis(50)));
    let mut net = Net::builder().link(link).allow_panics().build();
    let alice = net.add(NodeSpec::new(Doubler::default).named("alice"));
    let bob = net.add(NodeSpec::new(Doubler::default).named("bob"));
    net.introduce(alice, bob);
    net.describe::<Question>();
    net.describe::<Shout>();
    let (to, address) = (net.peer(bob), net.address(bob));
    net.at(alice, |_: &mut Doubler, cx| cx.send(&to, Question { identifier: 7, value: 21 }));
    net.deliver();
    net.drop_next(Captured::is::<Question>);
    net.at(alice, |_: &mut Doubler, cx| cx.send(&to, Question { identifier: 8, value: 1_000 }));
    net.deliver();
    net.at(alice, |_: &mut Doubler, cx| cx.send(&to, Question { identifier: 9, value: 1_000 }));
    net.deliver();
    net.inject(alice, "9.9.9.9:9".parse::<std::net::SocketAddr>().unwrap(), *b"hello");
    net.deliver();
    net.crash(bob);
    net.at(alice, |_: &mut Doubler, cx| {
        cx.send_to(address, Shout { number: 1 });
        cx.send_to("0.0.0.0:0".parse().unwrap(), Shout { number: 2 });
    });
    net.deliver();
    net.restart(bob);
    net.at(alice, |_: &mut Doubler, cx| cx.send_to(address, Shout { number: 3 }));
    net.advance(Duration::from_millis(1));
    assert_eq!(
        net.trace(),
        "\
trace of seed 1 at 0.2010 s:
  0.0000  alice -> bob  Question { identifier: 7, value: 21 }  (arrived 0.0500)
  0.0500  bob -> alice  Answer (message 2, 171 bytes)  (arrived 0.1000)  DROPPED: unsolicited
  0.1000  alice -> bob  Question { identifier: 8, value: 1000 }  INTERCEPTED
  0.1000  alice -> bob  Question { identifier: 9, value: 1000 }  (arrived 0.1500)
  0.1500  bob: Doubler panicked, handling message 1: 1000 is too much
  0.1500  9.9.9.9:9 -> alice  5 bytes that are no packet  injected  DROPPED: prefix
  0.1500  bob: crashes
  0.1500  alice: Doubler could not send message 3: 0.0.0.0:0 is no address to send to
  0.1500  alice -> bob  Shout { number: 1 }  LOST: down
  0.2000  bob: starts again
  0.2000  alice -> bob  Shout { number: 3 }  on its way
"
    );
    net.describe::<Answer>();
    assert!(net.trace().contains("bob -> alice  Answer { identifier: 7, value: 42 }  (arrived"), "{}", net.trace());
}

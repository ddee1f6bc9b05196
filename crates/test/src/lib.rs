//! A test kit for IPv8 communities: many nodes in one ordinary `#[test]`, without sockets, threads and waiting.
//!
//! A [`Net`] holds nodes that run your communities, unmodified, under virtual time: an hour passes as fast as the nodes do
//! what they do in it, and a test that passed once passes always. Whatever they send is captured, can be asserted on, held
//! back, damaged and replayed; a test that fails prints every packet, with the fields of its message and what became of it.
//!
//! ```
//! use ipv8_core::{Community, Context, Peer, Routes, wire::{CommunityId, Message, community_id}};
//! use ipv8_test::{Net, assert_received};
//!
//! #[derive(Message, Clone, Debug)]
//! #[message(id = 1, reply = Sum)]
//! struct Add {
//!     identifier: u32,
//!     numbers: Vec<u32>,
//! }
//!
//! #[derive(Message, Clone, Debug)]
//! #[message(id = 2)]
//! struct Sum {
//!     identifier: u32,
//!     sum: u32,
//! }
//!
//! struct Calculator;
//!
//! impl Community for Calculator {
//!     const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");
//!
//!     fn routes(r: &mut Routes<Self>) {
//!         r.on(Self::on_add).reply::<Sum>();
//!     }
//! }
//!
//! impl Calculator {
//!     fn on_add(&mut self, cx: &mut Context<'_>, from: &Peer, add: Add) {
//!         cx.send(from, Sum { identifier: add.identifier, sum: add.numbers.iter().sum() });
//!     }
//! }
//!
//! // Two nodes that know each other; links that lose nothing and take a microsecond.
//! let mut net = Net::of(2, |_| Calculator);
//! let (calculator, other) = (net.handle::<Calculator>(0), net.peer(1));
//!
//! let answer = net.run(async { calculator.request(&other, Add { identifier: 0, numbers: vec![40, 2] }).await });
//!
//! assert_eq!(answer.map(|answer| answer.sum), Ok(42));
//! assert_received!(net, 1, [from 0 => Add { numbers, .. } if numbers == &[40, 2]]);
//! assert_received!(net, 0, [Sum { sum: 42, .. }]);
//! ```
//!
//! # What there is
//!
//! | to | use |
//! |---|---|
//! | make nodes that know each other | [`Net::of`]; [`Net::add`] with a [`NodeSpec`] (several communities, key, curve, name, settings) and [`Net::introduce`] |
//! | let them find each other | [`Net::walk_all`], [`Net::walking`], [`NodeSpec::walking`] with [`Net::add_tracker`] |
//! | have links with latency or loss, partitions, NATs | [`NetBuilder::link`], [`Net::set_pair`], [`Net::partition`], [`NetBuilder::fabric`] |
//! | deliver what was sent, and what that sets off | [`Net::deliver`]; [`Net::deliver_packets`] if it never ends |
//! | let time pass | [`Net::advance`], [`Net::advance_until`], [`Net::expire_requests`] |
//! | run a future | [`Net::run`] |
//! | look into, or act as, a community | [`Net::at`], [`Net::handle`], [`Net::peers`], [`Net::report`], [`Net::tasks`], [`Net::pending`] |
//! | tell who received or sent what | [`assert_received!`], [`assert_sent!`], [`Net::received`], [`Net::sent`], [`Net::forget`] |
//! | see what was dropped, and why | [`Net::drops`], [`Net::dropped_packets`], [`Captured::end`] |
//! | send what no honest node would | [`Net::inject`] with [`Net::signed_by`] and a [`key`], or a captured packet as it was or [`Captured::corrupted`] |
//! | lose, delay, double or change packets | [`Net::intercept`], [`Net::drop_next`], [`Net::delay_next`], [`Net::duplicate_next`] |
//! | keep a message's bytes as they are | [`assert_encoding`] |
//! | end nodes | [`Net::crash`], [`Net::restart`] |
//! | try many seeds | [`for_seeds`] |
//!
//! # When a test fails
//!
//! An assertion says what was expected, what there was, and where they differ:
//!
//! ```text
//! node 1 should have received exactly these messages in this order:
//! > 1. from node 0: Add { identifier: 7, .. }
//! but it received:
//!   nothing
//! note: Add { identifier: 7, numbers: [40, 2] } from node 0 would have been it: LOST: link
//! seed 1
//! ```
//!
//! and the net, when it is dropped by a panic of any kind, prints its [trace](Net::trace) and its seed:
//!
//! ```text
//! trace of seed 1 at 0.0000 s:
//!   0.0000  node 0 -> node 1  Add { identifier: 7, numbers: [40, 2] }  LOST: link
//! IPV8_TEST_SEED=1 runs it again
//! ```
//!
//! The fields of a message are shown once its type was named, by an assertion or by [`Net::describe`]; the kit knows those
//! that every node speaks.
//!
//! A handler that panics would be counted and logged by a node in the field, and the node would go on. Here it fails the
//! test, unless [`NetBuilder::allow_panics`] was called.
//!
//! # Seeds
//!
//! Keys, latencies, losses, what strategies draw: everything comes from the seed of the net, which is 1 unless
//! [`NetBuilder::seed`] says another one or `IPV8_TEST_SEED` stands in the environment, which goes before both.
//! [`for_seeds`] runs a test with many of them and reports the first that fails. Looking changes nothing: a net that is
//! looked at has the same [hash](Net::trace_hash) as one that is not. Keys of other curves than
//! [`Curve25519`](ipv8_crypto::Curve::Curve25519) are the exception: OpenSSL makes them, with randomness of its own.
//!
//! # Features
//!
//! `legacy`: keys of the binary curves, by the system's OpenSSL.
#![allow(clippy::panic, reason = "a test kit tells of failures by panicking")]

mod captured;
mod drive;
mod expect;
mod golden;
mod inject;
mod log;
mod net;
mod packet;
mod seeds;
mod spec;
mod tap;
mod trace;

pub use ipv8_sim::{Latency, Link, Loss, NodeOptions, nat};

pub use self::{
    golden::{assert_encoding, encoding},
    inject::Origin,
    net::Net,
    packet::{Captured, End, Party},
    seeds::{for_seeds, key},
    spec::{NetBuilder, NodeSpec},
    tap::Fate,
};

/// What the macros need and nobody else.
#[doc(hidden)]
pub mod __private {
    pub use crate::expect::{Expected, Mode, Side, items, like, same};
}

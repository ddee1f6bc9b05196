//! What may happen to requests and caches.

use std::time::Duration;

use ipv8_core::{RequestOptions, Retry};
use proptest::prelude::*;

/// Peers that are asked.
pub(crate) const PEERS: usize = 3;

/// What happens next; numbers pick among what is there.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A future asks, is polled, and waits.
    Await(usize, Options),
    /// A function is told.
    Call(usize, Options),
    /// A task of the node asks.
    Task(usize, Options),
    /// A cache is stored, with a future.
    Store,
    /// An answer to a question that was asked at some time, the last few most likely; a duplicate if it was answered.
    Answer(usize),
    /// The same from another peer.
    AnswerOfAnother(usize),
    /// The same with another identifier.
    WrongIdentifier(usize, u16),
    /// The same in the other kind of message.
    WrongMessage(usize),
    /// Time passes, with as many turns as are due: less than the minute in all for which ends are remembered.
    Wait(u16),
    /// Whoever waits goes away.
    Drop(usize),
    /// A peer is removed from the graph.
    Remove(usize),
    /// The community is unloaded and loaded again.
    Reload,
}

/// How something is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    timeout: u16,
    times: u32,
    factor: u32,
}

impl Options {
    pub(crate) fn get(self) -> RequestOptions {
        let timeout = Duration::from_millis(self.timeout.into());
        RequestOptions::within(timeout).retry(Retry::times(self.times).backoff(self.factor))
    }
}

fn options() -> impl Strategy<Value = Options> {
    (0_u16..2_000, 0_u32..3, 0_u32..3).prop_map(|(timeout, times, factor)| Options { timeout, times, factor })
}

/// Any of them; those that are usual more often.
pub(crate) fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..PEERS, options()).prop_map(|(peer, options)| Event::Await(peer, options)),
        4 => (0..PEERS, options()).prop_map(|(peer, options)| Event::Call(peer, options)),
        3 => (0..PEERS, options()).prop_map(|(peer, options)| Event::Task(peer, options)),
        3 => Just(Event::Store),
        6 => (0_usize..6).prop_map(Event::Answer),
        2 => (0_usize..6).prop_map(Event::AnswerOfAnother),
        2 => (0_usize..6, 1_u16..).prop_map(|(which, other)| Event::WrongIdentifier(which, other)),
        1 => (0_usize..6).prop_map(Event::WrongMessage),
        4 => (0_u16..900).prop_map(Event::Wait),
        2 => (0_usize..6).prop_map(Event::Drop),
        1 => (0..PEERS).prop_map(Event::Remove),
        1 => Just(Event::Reload),
    ]
}

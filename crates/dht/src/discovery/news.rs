//! Punctures of the peers that are looked for: where they come from, the peer can be reached.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Weak},
    task::{Context as TaskContext, Poll, Waker},
};

use ipv8_core::{Context, Peer};
use ipv8_crypto::Mid;
use parking_lot::Mutex;

/// Punctures that wait to be taken in by one search. A peer sends one puncture for each node that remembers it.
const MOST_WAITING: usize = 8;

/// Searches of one peer that are told.
const MOST_SEARCHES: usize = 64;

#[derive(Debug, Default)]
struct Waiting {
    peers: VecDeque<Peer>,
    waker: Option<Waker>,
}

/// Where punctures of one peer came from, for one search. Dropping it ends the wait.
#[derive(Debug, Default)]
pub(crate) struct News(Arc<Mutex<Waiting>>);

impl News {
    /// The next one: the peer where its puncture came from.
    pub(crate) fn poll_next(&self, cx: &TaskContext<'_>) -> Poll<Peer> {
        let mut waiting = self.0.lock();
        if let Some(peer) = waiting.peers.pop_front() {
            return Poll::Ready(peer);
        }
        waiting.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// The peers that are looked for, each with who looks. At most as many as the node expects punctures of
/// ([`Context::expect_puncture`]), and 64 searches of each.
#[derive(Debug, Default)]
pub(crate) struct Awaited(BTreeMap<Mid, Vec<Weak<Mutex<Waiting>>>>);

impl Awaited {
    /// Begins to wait for the punctures of a peer. If too many are waited for, nothing will come.
    pub(crate) fn wait(&mut self, cx: &mut Context<'_>, peer: Mid) -> News {
        let news = News::default();
        self.forget_ended(cx);
        if cx.expect_puncture(peer) {
            let searches = self.0.entry(peer).or_default();
            if searches.len() < MOST_SEARCHES {
                searches.push(Arc::downgrade(&news.0));
            }
        }
        news
    }

    /// A puncture came.
    pub(crate) fn punctured(&self, from: &Peer) {
        for waiting in self.0.get(&from.mid()).into_iter().flatten().filter_map(Weak::upgrade) {
            let waker = {
                let mut waiting = waiting.lock();
                let known = waiting.peers.iter().any(|peer| peer.address() == from.address());
                if !known && waiting.peers.len() < MOST_WAITING {
                    waiting.peers.push_back(from.clone());
                }
                waiting.waker.take()
            };
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// Forgets the searches that are over.
    pub(crate) fn forget_ended(&mut self, cx: &mut Context<'_>) {
        self.0.retain(|peer, searches| {
            searches.retain(|search| search.strong_count() > 0);
            if searches.is_empty() {
                cx.expect_no_puncture(peer);
            }
            !searches.is_empty()
        });
    }
}

//! The community of the demo: the clock of the overlay tutorial, a step at a time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipv8_core::{Community, Context, Peer, Routes, Schedule};
use ipv8_crypto::Mid;
use ipv8_wire::{CommunityId, Message, community_id};

/// Peers that try to establish an ever-increasing global clock value.
#[derive(Message, Clone, Debug)]
#[message(id = 1)]
struct Clock {
    clock: u32,
}

/// Answers each clock with a later one, like the overlay of the tutorial, but after a pause: the tutorial's peers answer
/// at once, as fast as they can, which is more than a demo has to show.
pub(crate) struct Lamport {
    pub(crate) clock: u32,
    /// Where members were when they were found for the first time.
    pub(crate) found: BTreeMap<Mid, SocketAddr>,
    /// All that take part. What others say is ignored, so that nobody can fill this process.
    members: Arc<BTreeMap<Mid, usize>>,
    pause: Duration,
}

impl Lamport {
    pub(crate) fn new(members: Arc<BTreeMap<Mid, usize>>, pause: Duration) -> Self {
        Self { clock: 0, found: BTreeMap::new(), members, pause }
    }

    fn on_clock(&mut self, cx: &mut Context<'_>, from: &Peer, message: Clock) {
        if !self.members.contains_key(&from.mid()) {
            return;
        }
        self.clock = self.clock.max(message.clock).saturating_add(1);
        let from = from.clone();
        // Without a name it cannot clash with another.
        let _ = cx.schedule(Schedule::once().after(self.pause), move |this: &mut Self, cx: &mut Context<'_>| {
            cx.send(&from, Clock { clock: this.clock });
        });
    }
}

impl Community for Lamport {
    const ID: CommunityId = community_id!("9d6a3a6b0d3a4c8f1e51d18c5a5cf3a0c8f6b8f1");

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_clock);
    }

    fn peer_added(&mut self, cx: &mut Context<'_>, peer: &Peer) {
        if self.members.contains_key(&peer.mid()) {
            self.found.entry(peer.mid()).or_insert(peer.address());
            cx.send(peer, Clock { clock: self.clock });
        }
    }
}

//! What a turn does about requests and caches: timeouts, peers that went, communities that go.

use super::{
    asking::RequestId,
    cache::CacheKey,
    error::RequestError,
    passthrough::Passthrough,
    table::{Answer, Pending, RequestKey, Then},
};
use crate::{community::OverlayId, peer::Peer, state::State, timers::Timer};

impl State {
    /// The time of a request ran out: it is asked again, or over.
    pub(crate) fn request_timed_out(&mut self, key: RequestKey) {
        let now = self.now;
        let Some(pending) = self.requests.get_mut(&key) else { return };
        if let Some(again) = pending.again.as_mut().filter(|again| again.left > 0) {
            again.left -= 1;
            pending.wait = pending.wait.saturating_mul(again.factor);
            pending.waited = pending.waited.saturating_add(pending.wait);
            pending.timer = self.timers.set(now + pending.wait, Timer::RequestTimeout(key));
            let (peer, to, fixed) = (pending.peer, again.to, again.fixed);
            let (packet, signed) = (again.packet.clone(), again.signed);
            self.stats.retries += 1;
            self.enter(key.overlay, None, |_, cx| {
                let to = if fixed { to } else { cx.address_of_mid(&peer).unwrap_or(to) };
                // What cannot be sent is counted there, and the next try may fare better.
                if signed { cx.send_unsigned(to, packet) } else { cx.send_packet(to, packet) }
            });
        } else if let Some(pending) = self.requests.take(&key, now) {
            self.stats.timeouts += 1;
            let error = RequestError::TimedOut(pending.waited);
            self.tell(key, pending.then, Err(error));
        }
    }

    /// The time of a cache ran out.
    pub(crate) fn cache_timed_out(&mut self, overlay: OverlayId, key: CacheKey) {
        self.enter(overlay, None, |community, cx| {
            let now = cx.state.now;
            if let Some(entry) = cx.overlay.caches.as_mut().and_then(|caches| caches.take(&key, now)) {
                cx.state.stats.timeouts += 1;
                entry.cache.timed_out(community.as_any_mut(), cx, key.number);
            }
        });
    }

    /// Lets the time of every request and cache run out now.
    pub(crate) fn expire_requests(&mut self) -> usize {
        let timers = self.timers.take_all(|timer| matches!(timer, Timer::RequestTimeout(_) | Timer::CacheTimeout(..)));
        let count = timers.len();
        for timer in timers {
            match timer {
                Timer::RequestTimeout(key) => self.request_timed_out(key),
                Timer::CacheTimeout(overlay, key) => self.cache_timed_out(overlay, key),
                _ => {}
            }
        }
        self.run_hooks();
        count
    }

    /// A peer of an overlay is no longer known: nobody waits for it any more.
    pub(crate) fn peer_gone(&mut self, overlay: OverlayId, peer: &Peer) {
        let mid = peer.mid();
        for (key, pending) in self.requests.take_peer(overlay, &mid, self.now) {
            self.end(key, pending, RequestError::PeerGone(mid));
        }
    }

    /// Ends all requests and caches of an overlay that is about to go, and refuses new ones.
    pub(crate) fn end_requests(&mut self, overlay: OverlayId) {
        self.enter(overlay, None, |_, cx| {
            cx.overlay.over = true;
            let caches = cx.overlay.caches.take();
            for timer in caches.iter().flat_map(|caches| caches.timers()) {
                cx.state.timers.cancel(timer);
            }
            // Futures that belong to them are cancelled here.
            drop(caches);
        });
        for (key, pending) in self.requests.take_overlay(overlay, self.now) {
            self.end(key, pending, RequestError::Unloaded);
        }
    }

    /// Ends a request whose caller is not interested any more; false if it is over.
    pub(crate) fn give_up(&mut self, id: RequestId) -> bool {
        let (key, serial) = id.parts();
        if !self.requests.is_waiting(&key, serial) {
            return false;
        }
        let pending = self.requests.take(&key, self.now);
        pending.is_some_and(|pending| {
            self.timers.cancel(pending.timer);
            true
        })
    }

    /// Overrides the timeouts of an overlay, and returns what did before; `None` if it is not loaded.
    pub(crate) fn swap_passthrough(
        &mut self,
        overlay: OverlayId,
        with: Option<Box<Passthrough>>,
    ) -> Option<Option<Box<Passthrough>>> {
        self.enter(overlay, None, |_, cx| std::mem::replace(&mut cx.overlay.passthrough, with))
    }

    fn end(&mut self, key: RequestKey, pending: Pending, error: RequestError) {
        self.timers.cancel(pending.timer);
        self.tell(key, pending.then, Err(error));
    }

    fn tell(&mut self, key: RequestKey, then: Then, result: Result<Answer, RequestError>) {
        match then {
            Then::Fill(slot) => slot.fill(result),
            Then::Call(function) => {
                self.enter(key.overlay, None, |community, cx| function(community.as_any_mut(), cx, result));
            }
        }
    }
}

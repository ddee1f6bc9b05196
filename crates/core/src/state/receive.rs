//! The way in: from a batch of datagrams to the handlers of communities.

use std::{cell::Cell, net::SocketAddr};

use ipv8_wire::{PREFIX_LEN, VERSION};
use smallvec::SmallVec;

use super::State;
use crate::{
    beacon::beacon_community,
    community::OverlayId,
    context::Received,
    inbound::{Accepted, Gate},
    observe::Observation,
    stats::DropReason,
};

/// What arrives is mostly alone in its turn, which then need not allocate.
type FewOrMany<'a> = SmallVec<[Accepted<'a>; 2]>;

impl State {
    /// Takes in a batch of datagrams, in order.
    pub(crate) fn receive(&mut self, batch: &[(SocketAddr, &[u8])]) {
        let mut accepted = FewOrMany::with_capacity(batch.len());
        for (source, datagram) in batch {
            self.stats.received += 1;
            self.stats.received_bytes += u64::try_from(datagram.len()).unwrap_or(u64::MAX);
            match self.accept(*source, datagram) {
                Ok(packet) => accepted.push(packet),
                Err(DropReason::Prefix) if self.take_beacon(*source, datagram) => {
                    self.observe(&Observation::Delivered { source: *source, datagram, message: "beacon" });
                }
                Err(reason) => self.drop_datagram(*source, datagram, reason),
            }
        }
        let verdicts = self.inbound.verify(&accepted, self.clock.as_ref());
        self.stats.verified += verdicts.checked;
        self.stats.verify_time += verdicts.took;
        for (packet, holds) in accepted.iter().zip(&verdicts.holds) {
            if packet.sender.is_some()
                && let Some(traffic) = self.traffic(packet.overlay)
            {
                traffic.verified(packet.id, verdicts.share(packet));
            }
            self.deliver(packet, *holds);
            self.run_hooks();
        }
    }

    fn accept<'a>(&mut self, source: SocketAddr, datagram: &'a [u8]) -> Result<Accepted<'a>, DropReason> {
        self.network.heard(source, self.now);
        let id = self.addressee(datagram).ok_or(DropReason::Prefix)?;
        let now = self.now;
        let place = usize::try_from(id.index).ok().and_then(|index| self.places.get_mut(index));
        let overlay = place.and_then(|place| place.overlay.as_mut()).ok_or(DropReason::Prefix)?;
        overlay.traffic.received(datagram.get(PREFIX_LEN).copied(), datagram.len(), now);
        if let Some(network) = &mut overlay.own_network {
            network.heard(source, now);
        }
        let network = overlay.own_network.as_ref().unwrap_or(&self.network);
        let gate =
            Gate { hardening: &self.hardening, network, asked: &overlay.asked, expected: &overlay.expected, now };
        self.inbound.accept(id, &overlay.routes, source, datagram, &gate)
    }

    /// Passes a beacon on to the bootstrappers of its community; false if it is none, or for nobody here.
    fn take_beacon(&mut self, source: SocketAddr, datagram: &[u8]) -> bool {
        let Some(overlay) = beacon_community(datagram).and_then(|community| self.overlay_of(community)) else {
            return false;
        };
        let passed = self.enter(overlay, None, |_, cx| {
            cx.with_bootstrappers(|bootstrapper, cx| bootstrapper.beacon(cx, source));
            !cx.overlay.bootstrappers.is_empty()
        });
        passed.unwrap_or(false)
    }

    /// The overlay that a datagram is for.
    fn addressee(&self, datagram: &[u8]) -> Option<OverlayId> {
        let prefix = datagram.first_chunk::<PREFIX_LEN>()?;
        let others = self.catch_all.last().filter(|_| prefix.starts_with(&[0, VERSION]));
        self.prefixes.get(prefix).or(others).copied()
    }

    fn deliver(&mut self, packet: &Accepted<'_>, holds: bool) {
        let Some(overlay) = self.place(packet.overlay).and_then(|place| place.overlay.as_mut()) else {
            // Unloaded by the handler of an earlier packet of its batch.
            return self.drop_datagram(packet.source, packet.datagram, DropReason::Prefix);
        };
        let routes = overlay.routes.clone();
        let Some(route) = routes.get(packet.id) else {
            return;
        };
        if !holds {
            // The reference reads before it verifies, so a packet with both faults counts as one of bad format.
            let readable = (route.check)(packet.payload).is_ok();
            let reason = if readable { DropReason::Signature } else { DropReason::Format };
            self.drop_datagram(packet.source, packet.datagram, reason);
            return;
        }
        let received = Received { packet, dropped: Cell::new(false) };
        let outcome = self.enter(packet.overlay, Some(&received), |community, cx| {
            (route.dispatch)(community.as_any_mut(), cx, &received)
        });
        match outcome {
            Some(Err(error)) => {
                tracing::debug!(%error, message = route.name, source = %packet.source, "cannot be read");
                self.drop_datagram(packet.source, packet.datagram, DropReason::Format);
            }
            _ if received.dropped.get() => self.stats.discarded += 1,
            _ => {
                self.stats.delivered += 1;
                if let Some(traffic) = self.traffic(packet.overlay) {
                    traffic.delivered(packet.id);
                }
                let Accepted { source, datagram, .. } = *packet;
                self.observe(&Observation::Delivered { source, datagram, message: route.name });
            }
        }
    }

    fn drop_datagram(&mut self, source: SocketAddr, datagram: &[u8], reason: DropReason) {
        self.stats.drop(reason);
        self.stats.discarded += 1;
        if reason == DropReason::Prefix {
            self.stats.unknown_bytes += u64::try_from(datagram.len()).unwrap_or(u64::MAX);
        } else if let Some(traffic) = self.addressee(datagram).and_then(|id| self.traffic(id)) {
            traffic.dropped(datagram.get(PREFIX_LEN).copied(), reason);
        }
        tracing::debug!(%source, size = datagram.len(), reason = reason.as_str(), "dropped");
        self.observe(&Observation::Dropped { source, datagram, reason });
    }
}

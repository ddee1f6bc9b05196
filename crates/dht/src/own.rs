//! Our own addresses as the DHT uses them: not what somebody said last, but what held for a while.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use ipv8_core::{Context, Time};

use crate::{
    community::DhtCommunity,
    family::{Families, Family, is_public},
    id::NodeId,
};

/// How long a node must be told the same new address of its own before its id follows, and before it takes whoever is said to be
/// there for itself: one answer that lies changes neither. (The reference keeps the id that it had first.)
///
/// The first address that is known is used at once, and so is the first on the Internet instead of one of a LAN.
pub const OWN_ADDRESS_AFTER: Duration = Duration::from_secs(60);

/// What held for long enough, and what may follow it.
#[derive(Clone, Copy, Debug)]
struct Held<T> {
    taken: Option<T>,
    /// What is said now, if it is something else, and since when.
    next: Option<(T, Time)>,
}

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self { taken: None, next: None }
    }
}

impl<T: Copy + PartialEq> Held<T> {
    /// What holds if this is said now.
    fn with(&self, says: T, at_once: impl FnOnce(Option<T>) -> bool, now: Time) -> Self {
        if self.taken == Some(says) {
            return Self { next: None, ..*self };
        }
        let since = self.next.filter(|(next, _)| *next == says).map_or(now, |(_, since)| since);
        if at_once(self.taken) || now.since(since) >= OWN_ADDRESS_AFTER {
            Self { taken: Some(says), next: None }
        } else {
            Self { next: Some((says, since)), ..*self }
        }
    }
}

/// Our addresses of one family.
#[derive(Clone, Copy, Debug, Default)]
struct Own {
    ip: Held<IpAddr>,
    at: Held<SocketAddr>,
}

/// Our addresses that held.
#[derive(Debug, Default)]
pub(crate) struct OwnAddresses(Families<Own>);

impl OwnAddresses {
    fn with(&self, cx: &Context<'_>, family: Family) -> Own {
        let own = *self.0.get(family);
        let says = match family {
            Family::V4 => cx.wan(),
            Family::V6 => cx.preferred(),
        };
        if Family::of(says) != family || says.ip().is_unspecified() {
            return own;
        }
        let (ip, now) = (says.ip(), cx.now());
        let at_once = |taken: Option<IpAddr>| taken.is_none_or(|taken| is_public(ip) && !is_public(taken));
        Own { ip: own.ip.with(ip, at_once, now), at: own.at.with(says, |_| false, now) }
    }
}

impl DhtCommunity {
    /// Looks what is said of our addresses, and returns our id. The table is made anew around it if it changed.
    pub(crate) fn note_own(&mut self, cx: &Context<'_>, family: Family) -> Option<NodeId> {
        let own = self.own.with(cx, family);
        *self.own.0.get_mut(family) = own;
        let id = NodeId::new(own.ip.taken?, &cx.my_mid());
        if let Some(table) = self.table_mut(family) {
            table.set_own(id, cx.now());
        }
        Some(id)
    }

    /// Where nodes of a family see us, as far as that held ([`OWN_ADDRESS_AFTER`]); `None` while it is not known.
    pub(crate) fn own_ip(&self, cx: &Context<'_>, family: Family) -> Option<IpAddr> {
        self.own.with(cx, family).ip.taken
    }

    /// Our own id as nodes of this family compute it; `None` while our address is not known. It follows a new address after
    /// [`OWN_ADDRESS_AFTER`].
    #[must_use]
    pub fn own_id(&self, cx: &Context<'_>, family: Family) -> Option<NodeId> {
        self.own_ip(cx, family).map(|ip| NodeId::new(ip, &cx.my_mid()))
    }

    /// Whether an address is our own for certain: the one in our LAN, or one at which others saw us for long enough.
    pub(crate) fn is_here(&self, cx: &Context<'_>, address: SocketAddr) -> bool {
        cx.lan() == address || self.own.with(cx, Family::of(address)).at.taken == Some(address)
    }
}

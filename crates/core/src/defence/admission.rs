//! Who may have signatures checked: a budget for each source, before any cryptography.

use std::net::{IpAddr, SocketAddr};

use hashlink::LruCache;
use ipv8_crypto::{Curve, Mid, PublicKey};

use crate::{
    defence::hardening::Admission,
    defence::limits::{Bucket, host},
    time::Time,
};

/// Strangers, and peers, that are remembered.
const MOST_SOURCES: usize = 4_096;

/// Who a message seems to come from, before its signature is checked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sender {
    /// A verified peer, writing from where we know it.
    Peer(Mid),
    /// Somebody who was asked for an introduction, and has not answered yet.
    Asked,
    /// Anybody else.
    Stranger,
}

/// Who pays for a check.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Payer {
    /// A verified peer, writing from where we know it.
    Peer(Mid),
    /// Whoever is at this host, which was asked.
    Asked(IpAddr),
    /// Whoever is at this host.
    Stranger(IpAddr),
}

/// What sources have left.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: Admission,
    strangers: Option<Bucket>,
    by_host: LruCache<IpAddr, Bucket>,
    /// Apart from the strangers', who can write the same source on what they send before we ask there.
    by_asked: LruCache<IpAddr, Bucket>,
    by_peer: LruCache<Mid, Bucket>,
    /// Keys that cost something to read and were read before, in the bytes in which they came.
    read: LruCache<Box<[u8]>, ()>,
}

impl Budget {
    pub(crate) fn new(limits: Admission) -> Self {
        Self {
            limits,
            strangers: None,
            by_host: LruCache::new(MOST_SOURCES),
            by_asked: LruCache::new(MOST_SOURCES),
            by_peer: LruCache::new(MOST_SOURCES),
            read: LruCache::new(MOST_SOURCES),
        }
    }

    /// Who pays for a message that seems to be of this sender; none if its signature may not be checked.
    pub(crate) fn admit(&mut self, sender: Sender, source: SocketAddr, now: Time) -> Option<Payer> {
        match sender {
            Sender::Peer(mid) => {
                let rate = self.limits.per_peer;
                let bucket = Bucket::of(&mut self.by_peer, &mid, rate, now)?;
                return bucket.has_some(rate, now).then_some(Payer::Peer(mid));
            }
            Sender::Asked => {
                let (rate, host) = (self.limits.per_stranger, host(source.ip()));
                let bucket = Bucket::of(&mut self.by_asked, &host, rate, now)?;
                if bucket.has_some(rate, now) {
                    return Some(Payer::Asked(host));
                }
            }
            Sender::Stranger => {}
        }
        let all = self.strangers.get_or_insert_with(|| Bucket::full(self.limits.strangers, now));
        if !all.has_some(self.limits.strangers, now) {
            return None;
        }
        let (rate, host) = (self.limits.per_stranger, host(source.ip()));
        let bucket = Bucket::of(&mut self.by_host, &host, rate, now)?;
        bucket.has_some(rate, now).then_some(Payer::Stranger(host))
    }

    /// Takes a price in microseconds.
    pub(crate) fn charge(&mut self, payer: Payer, price: u32) {
        match payer {
            Payer::Peer(mid) => {
                if let Some(bucket) = self.by_peer.get_mut(&mid) {
                    bucket.take(price);
                }
            }
            Payer::Asked(host) => {
                if let Some(bucket) = self.by_asked.get_mut(&host) {
                    bucket.take(price);
                }
            }
            Payer::Stranger(host) => {
                if let Some(bucket) = self.by_host.get_mut(&host) {
                    bucket.take(price);
                }
                if let Some(bucket) = &mut self.strangers {
                    bucket.take(price);
                }
            }
        }
    }

    /// Takes the price of reading a key, which is paid once.
    pub(crate) fn charge_for_reading(&mut self, payer: Payer, key: &[u8]) {
        let price = price_of_reading(key);
        if price > 0 && self.read.get(key).is_none() {
            self.charge(payer, price);
        }
    }

    /// Remembers a key whose signature held: whoever cannot sign with it cannot have others forgotten.
    pub(crate) fn has_read(&mut self, key: &[u8]) {
        if price_of_reading(key) > 0 && self.read.get(key).is_none() {
            self.read.insert(key.into(), ());
        }
    }

    /// How many hosts and peers are remembered.
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.by_host.len() + self.by_asked.len(), self.by_peer.len())
    }
}

/// What one check costs, in microseconds: measured with OpenSSL 3.0 and ed25519-dalek on an EPYC of 2 vCPUs.
pub(crate) fn price(key: &PublicKey) -> u32 {
    match key.curve() {
        Some(Curve::Curve25519) => 33,
        Some(Curve::VeryLow) => 330,
        Some(Curve::Low) => 500,
        Some(Curve::Medium) => 1_500,
        Some(Curve::High) => 3_900,
        // The slowest curve that OpenSSL has a name for.
        None => 8_000,
    }
}

/// What it costs to read a key: nothing for those of curve25519, some hundred microseconds at most for those that OpenSSL
/// has to read. It is paid for what turns out to be no key, too.
fn price_of_reading(key: &[u8]) -> u32 {
    if key.starts_with(b"LibNaCLPK:") { 0 } else { 100 }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ipv8_crypto::PrivateKey;
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;
    use crate::defence::hardening::Rate;

    fn key(number: u8) -> PublicKey {
        PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([number; 32])).unwrap().public().clone()
    }

    fn host(number: u32) -> SocketAddr {
        SocketAddr::new(IpAddr::V4((0x0909_0000 + number).into()), 1)
    }

    fn budget() -> Budget {
        Budget::new(Admission {
            per_stranger: Rate::new(66, 33),
            strangers: Rate::new(330, 33),
            per_peer: Rate::new(3_300, 33),
        })
    }

    /// How many of a hundred messages are let in.
    fn admitted(budget: &mut Budget, sender: Sender, from: SocketAddr, now: Time) -> usize {
        let mut count = 0;
        for _ in 0..100 {
            if let Some(payer) = budget.admit(sender, from, now) {
                budget.charge(payer, price(&key(1)));
                count += 1;
            }
        }
        count
    }

    #[test]
    fn strangers_pay_for_themselves_and_for_all() {
        let mut budget = budget();
        let each: Vec<_> =
            (0..6).map(|number| admitted(&mut budget, Sender::Stranger, host(number), Time::ZERO)).collect();
        assert_eq!(each, [2, 2, 2, 2, 2, 0]);
        let later = Time::from_duration(Duration::from_secs(1));
        assert_eq!(admitted(&mut budget, Sender::Stranger, host(0), later), 1);
    }

    #[test]
    fn who_was_asked_is_heard_although_strangers_used_up_everything() {
        let mut budget = budget();
        for number in 0..6 {
            admitted(&mut budget, Sender::Stranger, host(number), Time::ZERO);
        }
        assert_eq!([0, 9].map(|number| admitted(&mut budget, Sender::Asked, host(number), Time::ZERO)), [2, 2]);
        assert_eq!(admitted(&mut budget, Sender::Asked, host(9), Time::ZERO), 0, "but not without end");
    }

    #[test]
    fn a_known_peer_has_a_budget_of_its_own() {
        let mut budget = budget();
        let peer = Sender::Peer(key(1).mid());
        for number in 0..6 {
            admitted(&mut budget, Sender::Stranger, host(number), Time::ZERO);
        }
        assert_eq!(admitted(&mut budget, Sender::Stranger, host(9), Time::ZERO), 0);
        assert_eq!(admitted(&mut budget, peer, host(9), Time::ZERO), 100);
        assert_eq!(admitted(&mut budget, peer, host(9), Time::ZERO), 0);
    }

    #[test]
    fn sources_are_bounded() {
        let mut budget = Budget::new(Admission {
            per_stranger: Rate::new(66, 33),
            strangers: Rate::new(u32::MAX, 33),
            per_peer: Rate::new(66, 33),
        });
        for number in 0..10_000 {
            budget.admit(Sender::Stranger, host(number), Time::ZERO);
            budget.admit(Sender::Asked, host(number), Time::ZERO);
        }
        assert_eq!(budget.len(), (2 * MOST_SOURCES, 0));
    }
}

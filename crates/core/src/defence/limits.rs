//! Token buckets, and what counts as one place.

use std::{
    hash::Hash,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use hashlink::LruCache;

use crate::{
    defence::hardening::{PunctureLimits, Rate},
    time::Time,
};

/// One token, as buckets count: a rate of one a second makes one of these each nanosecond.
const TOKEN: i64 = 1_000_000_000;

/// Targets of punctures that are remembered, and hosts that ask for them.
const TARGETS: usize = 1_024;

/// What part of all punctures each introducer may have although strangers ask for as many as they can.
const SHARE_OF_INTRODUCER: u32 = 16;

/// Tokens that come at a [`Rate`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    level: i64,
    at: Time,
}

impl Bucket {
    pub(crate) fn full(rate: Rate, now: Time) -> Self {
        Self { level: i64::from(rate.burst) * TOKEN, at: now }
    }

    /// The time in which an empty one is full again.
    fn fills_in(rate: Rate) -> Duration {
        Duration::from_secs(u64::from(rate.burst)).checked_div(rate.per_second).unwrap_or(Duration::MAX)
    }

    /// Whether a whole token is left besides half of the burst.
    fn has_one_above_half(&mut self, rate: Rate, now: Time) -> bool {
        self.refill(rate, now);
        self.level >= i64::from(rate.burst / 2) * TOKEN + TOKEN
    }

    /// Whether something is left, however little.
    pub(crate) fn has_some(&mut self, rate: Rate, now: Time) -> bool {
        self.refill(rate, now);
        self.level > 0
    }

    /// Whether a whole token is left.
    pub(crate) fn has_one(&mut self, rate: Rate, now: Time) -> bool {
        self.refill(rate, now);
        self.level >= TOKEN
    }

    /// Takes tokens that may not be there yet.
    pub(crate) fn take(&mut self, tokens: u32) {
        self.level = self.level.saturating_sub(i64::from(tokens).saturating_mul(TOKEN));
    }

    /// The bucket of this key, which is full if there is none yet. (`LruCache::entry` lets a cache grow by one too many.)
    pub(crate) fn of<'a, K: Hash + Eq + Clone>(
        buckets: &'a mut LruCache<K, Self>,
        key: &K,
        rate: Rate,
        now: Time,
    ) -> Option<&'a mut Self> {
        if buckets.peek(key).is_none() {
            buckets.insert(key.clone(), Self::full(rate, now));
        }
        buckets.get_mut(key)
    }

    fn refill(&mut self, rate: Rate, now: Time) {
        let passed = i64::try_from(now.since(self.at).as_nanos()).unwrap_or(i64::MAX);
        self.at = self.at.max(now);
        let come = passed.saturating_mul(i64::from(rate.per_second));
        self.level = self.level.saturating_add(come).min(i64::from(rate.burst) * TOKEN);
    }
}

/// How many punctures were sent on request.
#[derive(Debug)]
pub(crate) struct Punctures {
    in_all: Option<Bucket>,
    targets: LruCache<IpAddr, Bucket>,
    introducers: LruCache<IpAddr, Bucket>,
    /// When one was asked for.
    last: Time,
}

impl Default for Punctures {
    fn default() -> Self {
        let (targets, introducers) = (LruCache::new(TARGETS), LruCache::new(TARGETS));
        Self { in_all: None, targets, introducers, last: Time::ZERO }
    }
}

impl Punctures {
    /// Whether one more may be sent to this target, which is then counted. Introducers whom we know have a part of all
    /// punctures that strangers leave alone; one that used up its own is treated as they are.
    pub(crate) fn admit(
        &mut self,
        limits: PunctureLimits,
        introducer: Option<SocketAddr>,
        target: SocketAddr,
        now: Time,
    ) -> bool {
        let part = |tokens: u32| (tokens / SHARE_OF_INTRODUCER).max(1);
        let share = Rate::new(part(limits.in_all.burst), part(limits.in_all.per_second));
        let all_full = [limits.in_all, limits.per_target, share].map(Bucket::fills_in).into_iter().max();
        // What nobody drew from for so long need not be remembered.
        if all_full.is_some_and(|time| now.since(self.last) >= time) {
            *self = Self::default();
        }
        self.last = now;
        let in_all = self.in_all.get_or_insert_with(|| Bucket::full(limits.in_all, now));
        let mut own = introducer.and_then(|source| Bucket::of(&mut self.introducers, &host(source.ip()), share, now));
        if own.as_mut().is_some_and(|own| !own.has_one(share, now)) {
            own = None;
        }
        let left = match own {
            Some(_) => in_all.has_one(limits.in_all, now),
            None => in_all.has_one_above_half(limits.in_all, now),
        };
        if !left {
            return false;
        }
        let ip = target.ip();
        if !is_site(ip) {
            let rate = limits.per_target;
            let Some(target) = Bucket::of(&mut self.targets, &host(ip), rate, now) else { return false };
            if !target.has_one(rate, now) {
                return false;
            }
            target.take(1);
        }
        in_all.take(1);
        if let Some(own) = own {
            own.take(1);
        }
        true
    }

    /// How many targets and introducers are remembered.
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.targets.len(), self.introducers.len())
    }
}

/// Whether an address is one of a LAN or of this machine, which cannot be reached from elsewhere: loopback, link-local,
/// RFC 1918, RFC 4193.
pub(crate) fn is_site(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// What one customer has: an IPv4 address, or a /64.
pub(crate) fn host(ip: IpAddr) -> IpAddr {
    masked(ip, 32, 64)
}

/// What one organisation has: a /24, or a /48.
pub(crate) fn network(ip: IpAddr) -> IpAddr {
    masked(ip, 24, 48)
}

/// What one provider has: a /16, or a /32.
pub(crate) fn region(ip: IpAddr) -> IpAddr {
    masked(ip, 16, 32)
}

fn masked(ip: IpAddr, v4_bits: u32, v6_bits: u32) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - v4_bits).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - v6_bits).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_duration(Duration::from_millis(millis))
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let rate = Rate::new(3, 2);
        let mut bucket = Bucket::full(rate, at(0));
        let mut taken = |millis: u64| {
            let some = bucket.has_one(rate, at(millis));
            if some {
                bucket.take(1);
            }
            some
        };
        assert_eq!([0, 0, 0, 0].map(&mut taken), [true, true, true, false]);
        assert_eq!([499, 500, 501].map(&mut taken), [false, true, false]);
        // Never more than the burst, however long it was left alone.
        assert_eq!([100_000, 100_000, 100_000, 100_000].map(&mut taken), [true, true, true, false]);
        assert!(!taken(0), "time that goes back gives nothing");
    }

    #[test]
    fn a_debt_is_paid_before_there_is_some_again() {
        let rate = Rate::new(1, 10);
        let mut bucket = Bucket::full(rate, at(0));
        assert!(bucket.has_some(rate, at(0)));
        bucket.take(11);
        assert!(!bucket.has_some(rate, at(1_000)));
        assert!(bucket.has_some(rate, at(1_001)));
        bucket.take(u32::MAX);
        assert!(!bucket.has_some(rate, at(10_000_000)));
    }

    #[test]
    fn places_are_told_apart_by_their_prefixes() {
        let ip = |text: &str| -> IpAddr { text.parse().unwrap() };
        assert_eq!(region(ip("198.51.100.23")), ip("198.51.0.0"));
        assert_eq!(network(ip("198.51.100.23")), ip("198.51.100.0"));
        assert_eq!(host(ip("198.51.100.23")), ip("198.51.100.23"));
        assert_eq!(host(ip("::ffff:198.51.100.23")), ip("198.51.100.23"));
        assert_eq!(region(ip("2001:db8:1:2:3:4:5:6")), ip("2001:db8::"));
        assert_eq!(network(ip("2001:db8:1:2:3:4:5:6")), ip("2001:db8:1::"));
        assert_eq!(host(ip("2001:db8:1:2:3:4:5:6")), ip("2001:db8:1:2::"));
        for (address, expected) in [("127.0.0.9", true), ("10.1.1.1", true), ("169.254.1.1", true), ("::1", true)] {
            assert_eq!(is_site(ip(address)), expected, "{address}");
        }
        for address in ["100.64.1.1", "8.8.8.8", "2001:db8::1"] {
            assert!(!is_site(ip(address)), "{address}");
        }
    }

    #[test]
    fn punctures_are_limited_for_each_target_and_in_all() {
        let limits = PunctureLimits { per_target: Rate::new(2, 1), in_all: Rate::new(10, 1) };
        let mut punctures = Punctures::default();
        let mut sent = |text: &str| punctures.admit(limits, None, text.parse().unwrap(), at(0));
        assert_eq!(["9.9.9.9:1", "9.9.9.9:2", "9.9.9.9:3"].map(&mut sent), [true, true, false], "ports are no targets");
        assert_eq!(["127.0.0.1:1"; 4].map(&mut sent), [true, true, true, false], "half of all");
        assert!(!sent("8.8.8.8:1"));
    }

    #[test]
    fn introducers_have_the_half_that_strangers_do_not_get_and_share_it() {
        let limits = PunctureLimits { per_target: Rate::new(1_000, 1), in_all: Rate::new(160, 16) };
        let mut punctures = Punctures::default();
        let mut sent = |by: Option<u8>, millis: u64| {
            let by = by.map(|number| SocketAddr::from(([98, number, 1, 1], 8_090)));
            (0..200).filter(|_| punctures.admit(limits, by, "9.9.9.9:1".parse().unwrap(), at(millis))).count()
        };
        assert_eq!(sent(None, 0), 80);
        assert_eq!([sent(Some(1), 0), sent(Some(2), 0), sent(Some(1), 0)], [10, 10, 0]);
        assert_eq!([sent(Some(1), 1_000), sent(None, 1_000)], [1, 0], "what comes is for introducers, too");
        assert_eq!(sent(None, 3_000), 27, "strangers have the rest");
        assert_eq!(punctures.len(), (1, 2));
        assert!(punctures.admit(limits, None, "9.9.8.8:1".parse().unwrap(), at(1_003_000)));
        assert_eq!(punctures.len(), (1, 0), "what is full again is forgotten");
    }

    #[test]
    fn the_targets_that_are_remembered_are_bounded() {
        let limits = PunctureLimits { per_target: Rate::new(2, 1), in_all: Rate::new(1_000_000, 1) };
        let mut punctures = Punctures::default();
        for number in 0..10_000_u32 {
            let target = IpAddr::V4(Ipv4Addr::from_bits(0x0909_0000 + number));
            let by = SocketAddr::new(IpAddr::V4(Ipv4Addr::from_bits(0x6209_0000 + number)), 1);
            assert!(punctures.admit(limits, Some(by), SocketAddr::new(target, 1), at(0)));
        }
        assert_eq!(punctures.len(), (TARGETS, TARGETS));
    }
}

//! Values in memory.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use indexmap::IndexMap;

use super::{Entry, Put, Source, Store, StoreLimits};
use crate::{
    id::Key,
    keep::{Rows, SavedValue},
};

/// Keeps values in memory, at most as many as its limits say.
#[derive(Debug, Default)]
pub struct MemoryStore {
    limits: StoreLimits,
    /// Nothing is empty.
    keys: IndexMap<Key, Vec<Kept>>,
    /// What each source has, by when it expires.
    sources: HashMap<Source, BTreeMap<Expiry, Name>>,
    /// Those that share an IPv6 network of 48 bits.
    sites: HashMap<Source, Site>,
    /// Which sites, and which IPv4 addresses, have most. Our own values count as none.
    heaviest: BTreeSet<Load>,
    expiries: BTreeMap<Expiry, Name>,
    /// Of the last value. They are in the order in which values were put.
    serial: u64,
    len: usize,
    /// What changed, if that is of interest.
    changes: Option<Rows<SavedValue>>,
}

/// When, and which of several.
type Expiry = (Duration, u64);

/// Key and id.
type Name = (Key, [u8; 20]);

/// How many values a source has, and which goes first of two that have as many: that of which something expires first.
type Load = (usize, Reverse<Expiry>, Source);

#[derive(Debug, Default)]
struct Site {
    len: usize,
    loads: BTreeSet<Load>,
}

#[derive(Debug)]
struct Kept {
    entry: Entry,
    expiry: Expiry,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new(limits: StoreLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// A store that goes on where another ended, and notes what changes ([`Store::take_changes`]): first of all that values
    /// are gone because they are too old, or more than the limits allow.
    ///
    /// No value is kept for longer than its age from now on, so that those put before the clock went backwards are not kept
    /// for too long.
    #[must_use]
    pub fn restore(limits: StoreLimits, saved: BTreeMap<u64, SavedValue>, now: Duration) -> Self {
        let mut store = Self::new(limits);
        let mut gone: BTreeSet<u64> = saved.keys().copied().collect();
        for (serial, SavedValue { entry, expires }) in saved {
            store.serial = serial;
            if expires >= now {
                let expires = expires.min(now.saturating_add(entry.max_age));
                store.admit(entry, (expires, serial));
            }
        }
        for (_, serial) in store.expiries.keys() {
            gone.remove(serial);
        }
        store.changes = Some(Rows { put: BTreeMap::new(), removed: gone });
        store
    }

    /// When a value that comes now will be too old.
    const fn next_expiry(&mut self, max_age: Duration, now: Duration) -> Expiry {
        self.serial = self.serial.wrapping_add(1);
        (now.saturating_add(max_age), self.serial)
    }

    fn insert(&mut self, entry: Entry, expiry: Expiry) {
        let (name, source) = ((entry.key, entry.id), entry.source);
        if let Some(changes) = &mut self.changes {
            changes.put(expiry.1, SavedValue { entry: entry.clone(), expires: expiry.0 });
        }
        self.expiries.insert(expiry, name);
        self.change_source(source, |has| {
            has.insert(expiry, name);
        });
        let values = self.keys.entry(entry.key).or_default();
        if values.is_empty() {
            // Most keys have one value; without this there would be room for four.
            values.reserve_exact(1);
        }
        values.insert(0, Kept { entry, expiry });
        values.sort_by_key(|kept| kept.entry.id == kept.entry.key);
        self.len += 1;
    }

    fn remove(&mut self, (key, id): &Name) -> Option<Entry> {
        let values = self.keys.get_mut(key)?;
        let place = values.iter().position(|kept| kept.entry.id == *id)?;
        let Kept { entry, expiry } = values.remove(place);
        if values.is_empty() {
            self.keys.swap_remove(key);
        }
        if let Some(changes) = &mut self.changes {
            changes.remove(expiry.1);
        }
        self.expiries.remove(&expiry);
        self.change_source(entry.source, |has| {
            has.remove(&expiry);
        });
        self.len = self.len.saturating_sub(1);
        Some(entry)
    }

    fn change_source(&mut self, source: Source, change: impl FnOnce(&mut BTreeMap<Expiry, Name>)) {
        let (load, before) = (self.load(source), self.rank(source));
        let has = self.sources.entry(source).or_default();
        change(has);
        if has.is_empty() {
            self.sources.remove(&source);
        }
        let after = self.load(source);
        if let Some(site) = source.site() {
            let of = self.sites.entry(site).or_default();
            if let Some(load) = load {
                of.loads.remove(&load);
                of.len = of.len.saturating_sub(load.0);
            }
            if let Some(load) = after {
                of.len = of.len.saturating_add(load.0);
                of.loads.insert(load);
            }
            if of.len == 0 {
                self.sites.remove(&site);
            }
        }
        if let Some(before) = before {
            self.heaviest.remove(&before);
        }
        self.heaviest.extend(self.rank(source));
    }

    /// How much a source has; `None` if nothing that counts.
    fn load(&self, source: Source) -> Option<Load> {
        let has = self.sources.get(&source).filter(|_| source != Source::Own)?;
        has.first_key_value().map(|(first, _)| (has.len(), Reverse(*first), source))
    }

    /// How much its site has, or itself if that is the same.
    fn rank(&self, source: Source) -> Option<Load> {
        let Some(site) = source.site() else { return self.load(source) };
        let of = self.sites.get(&site)?;
        of.loads.last().map(|(_, first, _)| (of.len, *first, site))
    }

    /// What goes if a source has too much, if anything does.
    fn least_of(&self, source: Source) -> Option<Name> {
        self.sources.get(&source)?.first_key_value().map(|(_, name)| *name)
    }

    /// What goes if there is too much in all.
    fn least(&self) -> Option<Name> {
        let heaviest = self.heaviest.last().map(|(_, _, source)| *source);
        let of_site = |site: Source| self.sites.get(&site).and_then(|of| of.loads.last()).map(|(_, _, source)| *source);
        self.least_of(heaviest.map_or(Source::Own, |source| source.site().and_then(of_site).unwrap_or(source)))
    }

    /// How much a source has under a key, or its site.
    fn count_under(&self, key: &Key, source: Source) -> usize {
        let is_near = |kept: &&Kept| {
            let other = kept.entry.source;
            other == source || (source.site().is_some() && other.site() == source.site())
        };
        let values = self.keys.get(key).filter(|_| source != Source::Own);
        values.into_iter().flatten().filter(is_near).count()
    }

    /// What goes if there is too much under a key.
    fn least_under(&self, key: &Key) -> Option<Name> {
        let values = self.keys.get(key)?;
        let (mut of_source, mut of_site): (HashMap<Source, usize>, HashMap<Source, usize>) = Default::default();
        for source in values.iter().map(|kept| kept.entry.source).filter(|source| *source != Source::Own) {
            *of_source.entry(source).or_default() += 1;
            *of_site.entry(source.site().unwrap_or(source)).or_default() += 1;
        }
        let count = |kept: &&Kept| {
            let source = kept.entry.source;
            (of_site.get(&source.site().unwrap_or(source)), of_source.get(&source))
        };
        let worst = values.iter().max_by_key(|kept| (count(kept), Reverse(kept.expiry)))?;
        Some((*key, worst.entry.id))
    }

    /// Whose a value is that one source brought first, and another one brings now. It is its first source's: otherwise whoever
    /// stores it too could take it along by a flood. Unless the first one does just that: has more under the key, or half of
    /// what a source may have, and more than the other. The value itself is not counted.
    fn whose(&self, key: &Key, first: Source, now: Source) -> Source {
        let under = |source| self.count_under(key, source);
        let len = |source| self.load(source).map_or(0, |load| load.0);
        let floods = len(first) >= self.limits.per_source / 2 && len(first) > len(now);
        let has_room = self.sources.get(&now).is_none_or(|has| has.len() < self.limits.per_source);
        if has_room && (now == Source::Own || under(first) > under(now) || floods) { now } else { first }
    }

    /// Keeps a value that will be too old then, if there is room for it.
    fn admit(&mut self, entry: Entry, expiry: Expiry) -> Put {
        let (name, source) = ((entry.key, entry.id), entry.source);
        let known = self.keys.get(&entry.key).and_then(|all| all.iter().find(|kept| kept.entry.id == entry.id));
        if let Some(known) = known {
            if known.entry.version > entry.version {
                return Put::Older;
            }
            let first = known.entry.source;
            self.remove(&name);
            let source = self.whose(&entry.key, first, source);
            self.insert(Entry { source, ..entry }, expiry);
            return Put::Kept;
        }
        self.insert(entry, expiry);
        let mut put = Put::Kept;
        let mut remove = |store: &mut Self, goes: Option<Name>| {
            if let Some(goes) = goes {
                store.remove(&goes);
                if goes == name {
                    put = Put::NoRoom;
                }
            }
        };
        // What goes because of one limit may be of another source, so that the others are still to be looked at.
        if self.keys.get(&name.0).is_some_and(|values| values.len() > self.limits.per_key) {
            let goes = self.least_under(&name.0);
            remove(self, goes);
        }
        if self.sources.get(&source).is_some_and(|has| has.len() > self.limits.per_source) {
            let goes = self.least_of(source);
            remove(self, goes);
        }
        if self.len > self.limits.total {
            let goes = self.least();
            remove(self, goes);
        }
        put
    }
}

impl Store for MemoryStore {
    fn put(&mut self, entry: Entry, now: Duration) -> Put {
        let expiry = self.next_expiry(entry.max_age, now);
        self.admit(entry, expiry)
    }

    fn get(&self, key: &Key, offset: usize, limit: usize) -> Vec<Vec<u8>> {
        let mut turns: HashMap<Source, usize> = HashMap::new();
        let mut values: Vec<_> = self.keys.get(key).into_iter().flatten().map(|kept| (0, kept)).collect();
        for (turn, kept) in &mut values {
            let turns = turns.entry(kept.entry.source).or_default();
            *turn = *turns;
            *turns += 1;
        }
        values.sort_by_key(|(turn, kept)| (kept.entry.id == kept.entry.key, *turn));
        values.into_iter().skip(offset).take(limit).map(|(_, kept)| kept.entry.value.clone()).collect()
    }

    fn expire(&mut self, now: Duration) -> usize {
        let mut gone = 0;
        // At exactly its age a value is not expired yet.
        while let Some((expiry, name)) = self.expiries.first_key_value().map(|(expiry, name)| (*expiry, *name))
            && expiry.0 < now
        {
            self.remove(&name);
            gone += 1;
        }
        gone
    }

    fn len(&self) -> usize {
        self.len
    }

    fn for_each(&self, call: &mut dyn FnMut(&Entry)) {
        self.keys.values().flatten().for_each(|kept| call(&kept.entry));
    }

    fn take_changes(&mut self) -> Rows<SavedValue> {
        self.changes.as_mut().map(std::mem::take).unwrap_or_default()
    }
}

//! What peers serve: each list once, however many peers have it.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};

use hashbrown::HashTable;
use ipv8_wire::CommunityId;

/// Lists that nobody has may stay until there are so many more.
const SPARE: usize = 16;

/// The communities of a peer, in the order in which they became known: eight bytes in a record.
#[derive(Clone, Debug, Default)]
pub(super) struct Services(Option<Arc<Box<[CommunityId]>>>);

impl Services {
    pub(super) fn as_slice(&self) -> &[CommunityId] {
        self.0.as_ref().map_or(&[], |list| list)
    }
}

/// The lists of all peers. Most of them serve the same communities, and learn of them in the same order.
#[derive(Debug, Default)]
pub(super) struct ServiceLists {
    lists: HashTable<Arc<Box<[CommunityId]>>>,
    hasher: RandomState,
    /// How many there were when those without a peer were last forgotten.
    kept: usize,
}

impl ServiceLists {
    pub(super) fn list(&mut self, services: &[CommunityId]) -> Services {
        if services.is_empty() {
            return Services::default();
        }
        let hash = self.hasher.hash_one(services);
        if let Some(known) = self.lists.find(hash, |known| ***known == *services) {
            return Services(Some(known.clone()));
        }
        if self.lists.len() >= self.kept * 2 + SPARE {
            self.lists.retain(|list| Arc::strong_count(list) > 1);
            self.kept = self.lists.len();
            self.lists.shrink_to(self.kept, |list| self.hasher.hash_one(&***list));
        }
        let list = Arc::new(Box::<[CommunityId]>::from(services));
        self.lists.insert_unique(hash, list.clone(), |list| self.hasher.hash_one(&***list));
        Services(Some(list))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(number: u32) -> CommunityId {
        let mut id = [0; 20];
        id[..4].copy_from_slice(&number.to_be_bytes());
        CommunityId(id)
    }

    #[test]
    fn equal_lists_are_one() {
        let mut lists = ServiceLists::default();
        let [a, b] = [lists.list(&[numbered(1), numbered(2)]), lists.list(&[numbered(1), numbered(2)])];
        assert!(std::ptr::eq(a.as_slice(), b.as_slice()));
        let other = lists.list(&[numbered(2), numbered(1)]);
        assert_eq!((other.as_slice(), lists.lists.len()), ([numbered(2), numbered(1)].as_slice(), 2));
        assert!(lists.list(&[]).as_slice().is_empty());
    }

    #[test]
    fn lists_that_no_peer_has_any_more_are_forgotten() {
        let mut lists = ServiceLists::default();
        let kept: Vec<_> = (0..100).map(|number| lists.list(&[numbered(number)])).collect();
        for number in 100..100_000 {
            lists.list(&[numbered(number)]);
        }
        assert!(lists.lists.len() <= 2 * kept.len() + SPARE, "{}", lists.lists.len());
        for (number, services) in (0..).zip(&kept) {
            assert!(std::ptr::eq(lists.list(&[numbered(number)]).as_slice(), services.as_slice()));
        }
    }
}

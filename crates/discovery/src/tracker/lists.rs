//! Members in numbered slots, strung on lists: every change takes the same time, however many there are.

use super::members::Member;

/// No slot.
const NONE: u32 = u32::MAX;

/// Things in slots whose numbers stay while they are there, and are used again afterwards.
#[derive(Debug)]
pub(super) struct Slab<T> {
    slots: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn get(&self, number: u32) -> Option<&T> {
        self.slots.get(index(number))?.as_ref()
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.slots.get_mut(index(number))?.as_mut()
    }

    /// Puts something into a slot and returns its number; `None` if all numbers are taken.
    pub(super) fn insert(&mut self, item: T) -> Option<u32> {
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                let number = u32::try_from(self.slots.len()).ok().filter(|number| *number < NONE)?;
                self.slots.push(None);
                number
            }
        };
        *self.slots.get_mut(index(number))? = Some(item);
        Some(number)
    }

    pub(super) fn remove(&mut self, number: u32) -> Option<T> {
        let item = self.slots.get_mut(index(number))?.take()?;
        self.free.push(number);
        Some(item)
    }

    /// What is in these slots, in the order of their numbers.
    pub(super) fn range(&self, from: usize, most: usize) -> impl Iterator<Item = &T> {
        self.slots.iter().skip(from).take(most).flatten()
    }

    /// How many slots there are, free ones included.
    pub(super) fn slots(&self) -> usize {
        self.slots.len()
    }
}

pub(super) fn index(number: u32) -> usize {
    // Fits wherever this program runs; where not, there is no such slot.
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The neighbours of a member on a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    before: u32,
    after: u32,
}

impl Default for Link {
    fn default() -> Self {
        Self { before: NONE, after: NONE }
    }
}

/// Which of its links a list strings a member by: it is on one list of each kind.
#[derive(Clone, Copy, Debug)]
pub(super) enum Chain {
    /// The members of a community, the one whose request is the newest at the end.
    Order,
    /// Who is to be looked at next.
    Due,
}

/// The ends of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    front: u32,
    back: u32,
}

impl Default for List {
    fn default() -> Self {
        Self { front: NONE, back: NONE }
    }
}

impl List {
    pub(super) fn front(&self) -> Option<u32> {
        (self.front != NONE).then_some(self.front)
    }

    /// The members of the list from front to back.
    pub(super) fn iter<'a>(
        &self,
        members: &'a Slab<Member>,
        chain: Chain,
    ) -> impl Iterator<Item = &'a Member> + use<'a> {
        let mut next = self.front;
        std::iter::from_fn(move || {
            let member = members.get(next)?;
            next = member.link(chain).after;
            Some(member)
        })
    }

    /// Appends a member that is on no list of this kind.
    pub(super) fn push_back(&mut self, members: &mut Slab<Member>, chain: Chain, number: u32) {
        let before = self.back;
        if let Some(member) = members.get_mut(number) {
            *member.link_mut(chain) = Link { before, after: NONE };
        }
        match members.get_mut(before) {
            Some(last) => last.link_mut(chain).after = number,
            None => self.front = number,
        }
        self.back = number;
    }

    /// Takes a member off this list, which it must be on.
    pub(super) fn unlink(&mut self, members: &mut Slab<Member>, chain: Chain, number: u32) {
        let Some(member) = members.get_mut(number) else { return };
        let Link { before, after } = std::mem::take(member.link_mut(chain));
        match members.get_mut(before) {
            Some(other) => other.link_mut(chain).after = after,
            None => self.front = after,
        }
        match members.get_mut(after) {
            Some(other) => other.link_mut(chain).before = before,
            None => self.back = before,
        }
    }
}

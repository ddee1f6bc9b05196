//! Values in an order that changes at both ends and in the middle, in one array.

/// No place.
const NONE: u32 = u32::MAX;

/// Names a value of a [`Chain`] while it is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place(u32);

#[derive(Clone, Debug)]
struct Link<T> {
    value: Option<T>,
    before: u32,
    /// Of a free place: the next free one.
    after: u32,
}

/// A doubly linked list whose links are numbers of 32 bits: eight bytes for each value, where one of pointers takes sixteen
/// and an allocation. What it is sought by is the user's: a table of [`Place`]s, which are half as large as pointers.
#[derive(Clone, Debug)]
pub(crate) struct Chain<T> {
    links: Vec<Link<T>>,
    first: u32,
    last: u32,
    free: u32,
    len: usize,
}

impl<T> Default for Chain<T> {
    fn default() -> Self {
        Self { links: Vec::new(), first: NONE, last: NONE, free: NONE, len: 0 }
    }
}

impl<T> Chain<T> {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, place: Place) -> Option<&T> {
        self.link(place.0)?.value.as_ref()
    }

    pub(crate) fn first(&self) -> Option<Place> {
        (self.first != NONE).then_some(Place(self.first))
    }

    /// From the first to the last.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Place, &T)> {
        let link = |place: u32| Some((place, self.link(place)?));
        let links = std::iter::successors(link(self.first), move |(_, before)| link(before.after));
        links.filter_map(|(place, link)| Some((Place(place), link.value.as_ref()?)))
    }

    /// Adds a value after all others; none is added if there are four thousand million.
    pub(crate) fn push_back(&mut self, value: T) -> Option<Place> {
        let place = if self.free == NONE {
            let place = u32::try_from(self.links.len()).ok().filter(|place| *place != NONE)?;
            make_room(&mut self.links);
            self.links.push(Link { value: Some(value), before: NONE, after: NONE });
            place
        } else {
            let place = self.free;
            let link = self.link_mut(place)?;
            let next_free = link.after;
            link.value = Some(value);
            self.free = next_free;
            place
        };
        self.len += 1;
        self.link_at_end(place);
        Some(Place(place))
    }

    /// Makes a value the last one.
    pub(crate) fn move_to_back(&mut self, place: Place) {
        if place.0 != self.last && self.get(place).is_some() {
            self.unlink(place.0);
            self.link_at_end(place.0);
        }
    }

    pub(crate) fn remove(&mut self, place: Place) -> Option<T> {
        self.get(place)?;
        self.unlink(place.0);
        let free = std::mem::replace(&mut self.free, place.0);
        let link = self.link_mut(place.0)?;
        link.after = free;
        self.len -= 1;
        self.link_mut(place.0)?.value.take()
    }

    fn link(&self, place: u32) -> Option<&Link<T>> {
        self.links.get(place as usize)
    }

    fn link_mut(&mut self, place: u32) -> Option<&mut Link<T>> {
        self.links.get_mut(place as usize)
    }

    fn link_at_end(&mut self, place: u32) {
        let last = std::mem::replace(&mut self.last, place);
        if let Some(link) = self.link_mut(place) {
            (link.before, link.after) = (last, NONE);
        }
        match self.link_mut(last) {
            Some(before) => before.after = place,
            None => self.first = place,
        }
    }

    fn unlink(&mut self, place: u32) {
        let Some(link) = self.link(place) else { return };
        let (before, after) = (link.before, link.after);
        match self.link_mut(before) {
            Some(link) => link.after = after,
            None => self.first = after,
        }
        match self.link_mut(after) {
            Some(link) => link.before = before,
            None => self.last = before,
        }
    }
}

/// Makes room for one more. Where a vector would double, this adds an eighth: there are as many of these as peers, who come
/// one by one.
pub(crate) fn make_room<T>(values: &mut Vec<T>) {
    if values.len() == values.capacity() {
        values.reserve_exact((values.len() / 8).max(4));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Push,
        Remove(usize),
        MoveToBack(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            2 => Just(Step::Push),
            1 => (0..20_usize).prop_map(Step::Remove),
            1 => (0..20_usize).prop_map(Step::MoveToBack),
        ];
        prop::collection::vec(step, 0..200)
    }

    proptest! {
        #[test]
        fn it_is_the_list_that_it_stands_for(steps in steps()) {
            let mut chain = Chain::default();
            let mut list: VecDeque<(Place, usize)> = VecDeque::new();
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push => list.push_back((chain.push_back(number).unwrap(), number)),
                    Step::Remove(at) => {
                        if let Some((place, value)) = list.remove(at) {
                            prop_assert_eq!(chain.remove(place), Some(value));
                            prop_assert_eq!(chain.remove(place), None);
                        }
                    }
                    Step::MoveToBack(at) => {
                        if let Some(one) = list.remove(at) {
                            chain.move_to_back(one.0);
                            list.push_back(one);
                        }
                    }
                }
                let found: Vec<_> = chain.iter().map(|(place, value)| (place, *value)).collect();
                prop_assert_eq!(&found, &list.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(chain.len(), list.len());
                prop_assert_eq!(chain.first(), list.front().map(|one| one.0));
                prop_assert!(list.iter().all(|(place, value)| chain.get(*place) == Some(value)));
            }
        }
    }

    #[test]
    fn places_are_used_again() {
        let mut chain = Chain::default();
        for round in 0..100 {
            let places: Vec<_> = (0..10).map(|number| chain.push_back(round * 10 + number).unwrap()).collect();
            for place in places {
                chain.remove(place);
            }
        }
        assert!(chain.links.len() <= 10);
    }
}

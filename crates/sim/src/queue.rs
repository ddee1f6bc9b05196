//! What is to happen when: a heap of events in a total order.

use std::{cmp::Reverse, collections::BinaryHeap};

use ipv8_core::Time;

/// When an event is due, and what orders events that are due at the same time: first the number of the node that
/// caused them, then the order in which they were set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Due {
    pub(crate) at: Time,
    source: u32,
    sequence: u64,
}

/// Events in the order in which they happen.
///
/// The heap holds small keys only, the events themselves stay where they are put: moving keys is what a heap does most.
#[derive(Debug)]
pub(crate) struct Queue<E> {
    heap: BinaryHeap<Reverse<(Due, usize)>>,
    events: Vec<Option<E>>,
    free: Vec<usize>,
    sequence: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), events: Vec::new(), free: Vec::new(), sequence: 0 }
    }
}

impl<E> Queue<E> {
    /// Adds an event that a node caused.
    pub(crate) fn push(&mut self, at: Time, source: u32, event: E) {
        let due = Due { at, source, sequence: self.sequence };
        self.sequence += 1;
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                self.events.push(None);
                self.events.len() - 1
            }
        };
        if let Some(slot) = self.events.get_mut(place) {
            *slot = Some(event);
        }
        self.heap.push(Reverse((due, place)));
    }

    /// When the first event is due.
    pub(crate) fn next_at(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse((due, _))| due.at)
    }

    /// Takes the first event.
    pub(crate) fn pop(&mut self) -> Option<(Time, E)> {
        let Reverse((due, place)) = self.heap.pop()?;
        self.free.push(place);
        Some((due.at, self.events.get_mut(place)?.take()?))
    }

    /// How many events wait.
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_then_source_then_in_the_order_they_were_set() {
        let mut queue = Queue::default();
        let later = Time::from_nanos(2);
        let sooner = Time::from_nanos(1);
        for (at, source, event) in [(later, 0, "f"), (sooner, 3, "d"), (sooner, 1, "a"), (sooner, 3, "e")] {
            queue.push(at, source, event);
        }
        assert_eq!(queue.pop(), Some((sooner, "a")));
        queue.push(sooner, 1, "b");
        queue.push(sooner, 2, "c");
        let rest: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|(_, event)| event).collect();
        assert_eq!(rest, ["b", "c", "d", "e", "f"]);
        assert_eq!(queue.events.len(), 4 + 1, "places are used again");
    }
}

//! What is to happen when: a heap of events in a total order.

use std::{cmp::Reverse, collections::BinaryHeap};

use ipv8_core::Time;

/// When an event is due, and what orders events that are due at the same time: first the number of the node that
/// caused them, then the order in which that node did. No two events have the same, however many threads make them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Due {
    pub(crate) at: Time,
    pub(crate) source: u32,
    pub(crate) sequence: u64,
}

/// Events in the order in which they happen.
///
/// The heap holds small keys only, the events themselves stay where they are put: moving keys is what a heap does most.
#[derive(Debug)]
pub(crate) struct Queue<E> {
    heap: BinaryHeap<Reverse<(Due, usize)>>,
    events: Vec<Option<E>>,
    free: Vec<usize>,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), events: Vec::new(), free: Vec::new() }
    }
}

impl<E> Queue<E> {
    /// Adds an event.
    pub(crate) fn push(&mut self, due: Due, event: E) {
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
    pub(crate) fn next(&self) -> Option<Due> {
        self.heap.peek().map(|Reverse((due, _))| *due)
    }

    /// Takes the first event.
    pub(crate) fn pop(&mut self) -> Option<(Due, E)> {
        let Reverse((due, place)) = self.heap.pop()?;
        self.free.push(place);
        Some((due, self.events.get_mut(place)?.take()?))
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
    fn events_come_by_time_then_source_then_in_the_order_of_that_source() {
        let mut queue = Queue::default();
        let due = |at, source, sequence| Due { at: Time::from_nanos(at), source, sequence };
        for (due, event) in [(due(2, 0, 0), "f"), (due(1, 3, 8), "e"), (due(1, 1, 5), "a"), (due(1, 3, 7), "d")] {
            queue.push(due, event);
        }
        assert_eq!(queue.pop(), Some((due(1, 1, 5), "a")));
        queue.push(due(1, 2, 0), "c");
        queue.push(due(1, 1, 6), "b");
        assert_eq!(queue.next(), Some(due(1, 1, 6)));
        let rest: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|(_, event)| event).collect();
        assert_eq!(rest, ["b", "c", "d", "e", "f"]);
        assert_eq!(queue.events.len(), 4 + 1, "places are used again");
    }
}

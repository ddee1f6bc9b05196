//! The order in which overlays are loaded.

/// Why there is no order.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OrderError {
    /// One waits for another that nobody declared.
    #[error("{launcher} is to be loaded after {dependency}, which is not there: add it, or take it from `after`")]
    Missing {
        /// The one that waits.
        launcher: String,
        /// What it waits for.
        dependency: String,
    },
    /// Some wait for each other.
    #[error("{} wait for each other: take one of these out of another's `after`", names.join(", "))]
    Cycle {
        /// Their names, each waiting for the next, and the last for the first.
        names: Vec<String>,
    },
}

impl OrderError {
    /// One of those that cannot be ordered.
    pub(crate) fn launcher(&self) -> Option<&str> {
        match self {
            Self::Missing { launcher, .. } => Some(launcher),
            Self::Cycle { names } => names.first().map(String::as_str),
        }
    }
}

/// What one overlay says of its order.
pub(crate) struct Item<'a> {
    pub(crate) name: &'a str,
    pub(crate) after: &'a [String],
    /// Whether it will be loaded at all. Nobody waits for one that is not, as in the reference.
    pub(crate) launched: bool,
}

/// The order in which to load: as given, but each after those that it names. What is not launched is left out.
pub(crate) fn order(items: &[Item<'_>]) -> Result<Vec<usize>, OrderError> {
    let mut waits: Vec<Vec<usize>> = Vec::with_capacity(items.len());
    for item in items {
        let mut on = Vec::new();
        for dependency in item.after.iter().filter(|_| item.launched) {
            let all = items.iter().enumerate().filter(|(_, other)| other.name == dependency);
            let mut declared = false;
            for (index, other) in all {
                declared = true;
                if other.launched {
                    on.push(index);
                }
            }
            if !declared {
                let (launcher, dependency) = (item.name.to_owned(), dependency.clone());
                return Err(OrderError::Missing { launcher, dependency });
            }
        }
        waits.push(on);
    }
    let mut done = vec![false; items.len()];
    let is_done = |done: &[bool], index: usize| done.get(index).copied().unwrap_or(true);
    let mut order = Vec::with_capacity(items.len());
    let wanted = items.iter().filter(|item| item.launched).count();
    while order.len() < wanted {
        let next = items.iter().zip(&waits).enumerate().position(|(index, (item, on))| {
            item.launched && !is_done(&done, index) && on.iter().all(|on| is_done(&done, *on))
        });
        let Some(next) = next else { return Err(cycle(items, &waits, &done)) };
        if let Some(done) = done.get_mut(next) {
            *done = true;
        }
        order.push(next);
    }
    Ok(order)
}

/// Goes from one that waits to what it waits for until one comes again.
fn cycle(items: &[Item<'_>], waits: &[Vec<usize>], done: &[bool]) -> OrderError {
    let is_open = |index: &usize| done.get(*index) == Some(&false);
    let mut way: Vec<usize> = Vec::new();
    let mut at = (0..items.len()).find(|index| is_open(index) && items.get(*index).is_some_and(|item| item.launched));
    while let Some(index) = at {
        if let Some(start) = way.iter().position(|there| *there == index) {
            way.drain(..start);
            break;
        }
        way.push(index);
        at = waits.get(index).and_then(|on| on.iter().copied().find(|on| is_open(on)));
    }
    OrderError::Cycle {
        names: way.iter().filter_map(|index| items.get(*index)).map(|item| item.name.to_owned()).collect(),
    }
}

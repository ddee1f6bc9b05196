//! Other timeouts than those that code asks for, for tests (the reference's `passthrough`, `protocol.md` section 7).

use std::{any::TypeId, sync::Weak, time::Duration};

use crate::{community::OverlayId, handle::HandleError, node::Shared};

/// Which timeouts are overridden, and with what: [`Handle::passthrough`](crate::Handle::passthrough).
///
/// ```
/// use std::time::Duration;
/// use ipv8_core::Passthrough;
/// # struct Answer;
/// # struct MyCache;
///
/// let all_at_once = Passthrough::at_once();
/// let some_sooner = Passthrough::after(Duration::from_millis(100)).only::<MyCache>().only::<Answer>();
/// ```
#[derive(Clone, Debug)]
pub struct Passthrough {
    timeout: Duration,
    /// All if empty.
    only: Vec<TypeId>,
}

impl Passthrough {
    /// What is added times out in the turn in which it is added, once the handler that added it is done.
    #[must_use]
    pub const fn at_once() -> Self {
        Self::after(Duration::ZERO)
    }

    /// What is added times out after this time.
    #[must_use]
    pub const fn after(timeout: Duration) -> Self {
        Self { timeout, only: Vec::new() }
    }

    /// Only for caches of this type, or requests whose answers are of this type; may be called again for others.
    #[must_use]
    pub fn only<T: 'static>(mut self) -> Self {
        self.only.push(TypeId::of::<T>());
        self
    }

    /// The timeout of a cache of this type, or of a request with an answer of this type.
    pub(crate) fn timeout_of<T: 'static>(&self) -> Option<Duration> {
        (self.only.is_empty() || self.only.contains(&TypeId::of::<T>())).then_some(self.timeout)
    }
}

/// While it lives, timeouts are overridden; then what was before holds again. Guards of one community end in the opposite
/// order of their beginnings.
#[derive(Debug)]
#[must_use = "timeouts are overridden while the guard lives"]
pub struct PassthroughGuard {
    shared: Weak<Shared>,
    overlay: OverlayId,
    before: Option<Box<Passthrough>>,
}

impl PassthroughGuard {
    pub(crate) fn begin(
        shared: Weak<Shared>,
        overlay: OverlayId,
        passthrough: Passthrough,
    ) -> Result<Self, HandleError> {
        let node = shared.upgrade().ok_or(HandleError::Unloaded)?;
        let before = node
            .with(|state| state.swap_passthrough(overlay, Some(Box::new(passthrough))))
            .ok_or(HandleError::Reentrant)?
            .ok_or(HandleError::Unloaded)?;
        Ok(Self { shared, overlay, before })
    }
}

impl Drop for PassthroughGuard {
    fn drop(&mut self) {
        if let Some(node) = self.shared.upgrade() {
            let (overlay, before) = (self.overlay, self.before.take());
            node.with_or_later(move |state| drop(state.swap_passthrough(overlay, before)));
        }
    }
}

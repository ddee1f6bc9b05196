//! How many requests and caches may wait.

/// How many requests and caches may wait at once. What comes on top is refused with an error that names the limit.
///
/// ```
/// use ipv8_core::RequestLimits;
///
/// let frugal = RequestLimits { in_all: 100, ..RequestLimits::default() };
/// assert_eq!(frugal.per_peer, 256);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestLimits {
    /// Requests to one peer, of all communities of the node: 256. Who needs more at once from one peer asks in larger
    /// portions; and forty silent peers, not one, are needed to use up all requests.
    pub per_peer: usize,
    /// Requests of the node to all peers: 10,000. One takes 300 to 450 bytes, and with a [`Retry`](super::Retry) those of its
    /// packet on top.
    pub in_all: usize,
    /// Caches of each community: 10,000. One takes some 200 bytes beside its own.
    pub caches: usize,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self { per_peer: 256, in_all: 10_000, caches: 10_000 }
    }
}

//! What a node of the DHT did not do, and why. Datagrams that are dropped whole count in the statistics of the node too
//! ([`DropReason`](ipv8_core::DropReason)): as `rate limited` those that ask too much, as `refused` those that may not store.

/// Counters of a node of the DHT, since it was loaded; see [`DhtCommunity::stats`](crate::DhtCommunity::stats).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DhtStats {
    /// Queries of nodes that asked too much.
    pub queries_limited: u64,
    /// Store requests with a token that was not valid: made up, too old, or told to somebody else or at another address.
    pub tokens_refused: u64,
    /// Store requests with too many values, or with one that is too long.
    pub stores_too_large: u64,
    /// Values that were not kept because they are none, or their signature does not hold.
    pub values_invalid: u64,
    /// Values that were not kept because a newer one of the same signer is there.
    pub values_older: u64,
    /// Values that were not kept for want of room: theirs was the source that has most.
    pub values_no_room: u64,
    /// Values that were kept, or kept for longer.
    pub values_kept: u64,
    /// Nodes that others named and that were not asked: their addresses cannot be those of nodes, or are ours.
    pub nodes_refused: u64,
    /// Nodes that did not enter a routing table because too many of their address or network are in it.
    pub nodes_crowded: u64,
    /// Nodes that were asked in a search and did not answer.
    pub nodes_silent: u64,
}

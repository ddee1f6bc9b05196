//! What can be set.

use std::time::Duration;

use crate::store::StoreLimits;

/// How a node takes part in the DHT. The default is what the reference does.
#[derive(Clone, Debug)]
pub struct DhtConfig {
    /// How much is stored for others, for each address family.
    pub store: StoreLimits,
    /// Whether a node that asks more than [`QUERY_LIMIT`](crate::routing::QUERY_LIMIT) questions within five seconds is not
    /// answered, and whether we wait rather than ask that much, as by default. False is for measurements among nodes that all
    /// have it so: nodes of the reference would not answer us.
    pub limit_queries: bool,
    /// How often values are stored again that were stored with [`Dht::store`](crate::Dht::store), until
    /// [`Dht::forget`](crate::Dht::forget). `None`, as by default, is never: after an hour or two they are gone, as with the
    /// reference.
    pub republish: Option<Duration>,
    /// How often the buckets of the routing table are looked at; those in which nothing changed for a quarter of an hour
    /// are searched for nodes. `None` is never, for tests.
    pub maintenance: Option<Duration>,
    /// How often values that are too old are removed; until then they are still found.
    pub expiry: Duration,
    /// How often the secret behind our tokens changes. A token is good for at least as long, and at most twice.
    pub token_rotation: Duration,
    /// Whether others find this node by its key hash, and it remembers others so that they are found: the reference's
    /// `DHTDiscoveryCommunity`, otherwise its `DHTCommunity`. [`Dht::connect_peer`](crate::Dht::connect_peer) works either way.
    pub peers: bool,
}

impl Default for DhtConfig {
    /// Queries are limited, no republishing, maintenance every minute, expiry every hour, new tokens every five minutes, and peers.
    fn default() -> Self {
        Self {
            store: StoreLimits::default(),
            limit_queries: true,
            republish: None,
            maintenance: Some(Duration::from_secs(60)),
            expiry: Duration::from_secs(3_600),
            token_rotation: Duration::from_secs(300),
            peers: true,
        }
    }
}

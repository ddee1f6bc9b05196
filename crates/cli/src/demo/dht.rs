//! What the demo does with its DHT: one peer stores a signed value, another finds it, and then the one who signed it.

use std::time::Duration;

use ipv8_core::{HandleError, MaxPeers, OverlayConfig, Target};
use ipv8_crypto::Mid;
use ipv8_dht::{ConnectError, Dht, DhtCommunity, FindError, PingChurn, Sign, StoreError, key_of};
use ipv8_discovery::{RandomWalk, TrackerBootstrapper};
use ipv8_wire::Address;
use tokio::sync::mpsc::Sender;

use super::events::DhtEvent;

/// What the value is stored under: the SHA-1 of this.
const NAME: &str = "the greeting of the demo";

/// What is stored: a signed value has 23 bytes at most.
const GREETING: &[u8] = b"hello from peer 1";

/// Time between two attempts: tables are still filling, and a peer is not remembered at once.
const PAUSE: Duration = Duration::from_millis(250);

/// The overlay of a peer.
pub(super) fn overlay(peers: usize, tracker: Address) -> OverlayConfig<DhtCommunity> {
    DhtCommunity::default()
        .overlay()
        .strategy(RandomWalk::default(), Target::Peers(peers))
        .strategy(PingChurn::default(), Target::Always)
        .bootstrapper(TrackerBootstrapper::new([tracker]))
        .max_peers(MaxPeers::Unlimited)
}

/// One of those who take part.
pub(super) struct Actor {
    pub(super) node: usize,
    pub(super) dht: Dht,
}

/// Goes on until all of it worked, or nobody listens any more.
pub(super) async fn play(first: Actor, mid: Mid, last: Actor, events: Sender<DhtEvent>) {
    // Errors are those of nodes that were stopped: there is nobody to tell.
    let _ = try_to(first, mid, last, events).await;
}

async fn try_to(first: Actor, mid: Mid, last: Actor, events: Sender<DhtEvent>) -> Result<(), HandleError> {
    let key = key_of(NAME);
    let stored_on = loop {
        match first.dht.store(key, GREETING, Sign::Yes).await {
            Ok(stored) => break stored.nodes.len(),
            Err(StoreError::Handle(error)) => return Err(error),
            Err(error) => tracing::debug!(%error, "not stored yet"),
        }
        first.dht.handle().sleep(PAUSE).await;
    };
    let _ = events.send(DhtEvent::Stored { node: first.node, key: hex::encode(key), stored_on }).await;
    let value = loop {
        match last.dht.find_values(key).await {
            Ok(values) => {
                if let Some(value) = values.into_iter().find(|value| value.signer_mid() == Some(mid)) {
                    break value;
                }
            }
            Err(FindError::Handle(error)) => return Err(error),
            Err(error) => tracing::debug!(%error, "not found yet"),
        }
        last.dht.handle().sleep(PAUSE).await;
    };
    let found = DhtEvent::Found { node: last.node, key: hex::encode(key), value: value.data, signer: mid };
    let _ = events.send(found).await;
    let address = loop {
        match last.dht.connect_peer(mid).await {
            Ok(peers) => {
                if let Some(peer) = peers.first() {
                    break peer.address();
                }
            }
            Err(ConnectError::Handle(error)) => return Err(error),
            Err(error) => tracing::debug!(%error, "not connected yet"),
        }
        last.dht.handle().sleep(PAUSE).await;
    };
    let _ = events.send(DhtEvent::Connected { node: last.node, mid, address, found: first.node }).await;
    Ok(())
}

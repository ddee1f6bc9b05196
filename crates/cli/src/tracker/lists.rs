//! What a tracker tells over HTTP: the reference's `/services`, and `/healthz`.
//!
//! `GET /services` answers as the reference's tracker does: an object with the hex of each community id, and for each a list
//! of its peers as the reference writes them, `Peer<IP:PORT, base64 of the mid>`; IPv6 addresses stand in brackets. The list
//! is up to a second old: it is put together once for all who ask in that time, a part at a time, so that the tracker answers
//! its peers meanwhile.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipv8_core::{Handle, HandleError};
use ipv8_discovery::Tracker;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How old a list may be.
const FRESH: Duration = Duration::from_secs(1);

/// Peers that are taken from the tracker at a time: some 50 µs.
const PAGE: usize = 500;

/// The routes of a tracker.
pub(super) fn routes(tracker: Handle<Tracker>) -> Router {
    Router::new()
        .route("/services", get(services))
        .route("/healthz", get(health))
        .with_state(Arc::new(Lists { tracker, cached: Mutex::new(None) }))
}

/// What all connections share.
struct Lists {
    tracker: Handle<Tracker>,
    cached: Mutex<Option<(Instant, Bytes)>>,
}

impl Lists {
    /// The list of all peers. Held while it is put together, so that others wait for the same one.
    async fn services(&self) -> Result<Bytes, HandleError> {
        let mut cached = self.cached.lock().await;
        if let Some((at, list)) = &*cached
            && at.elapsed() < FRESH
        {
            return Ok(list.clone());
        }
        // The old one makes room for the new one.
        *cached = None;
        let list = Bytes::from(self.list().await?);
        *cached = Some((Instant::now(), list.clone()));
        Ok(list)
    }

    async fn list(&self) -> Result<String, HandleError> {
        let mut communities: BTreeMap<[u8; 20], String> = BTreeMap::new();
        let (mut size, mut next) = (2, Some(0));
        while let Some(from) = next {
            let (page, after) = self.tracker.with(|tracker, _| tracker.page(from, PAGE))?;
            for listed in page {
                let peers = communities.entry(listed.community.0).or_default();
                let before = peers.len();
                if before > 0 {
                    peers.push(',');
                }
                // Nothing in it needs to be escaped, and writing to a string does not fail.
                let _ = write!(peers, "\"Peer<{}, {}>\"", listed.address, STANDARD.encode(listed.mid));
                size += peers.len() - before;
            }
            next = after;
            // Others have their turn.
            tokio::task::yield_now().await;
        }
        let mut list = String::with_capacity(size + communities.len() * 48);
        list.push('{');
        for (id, peers) in communities {
            if list.len() > 1 {
                list.push(',');
            }
            let _ = write!(list, "\"{}\":[{peers}]", hex::encode(id));
        }
        list.push('}');
        Ok(list)
    }
}

async fn services(State(lists): State<Arc<Lists>>) -> Response {
    answer(lists.services().await)
}

async fn health(State(lists): State<Arc<Lists>>) -> Response {
    let peers = lists.tracker.with(|tracker, _| tracker.len());
    answer(peers.map(|peers| Bytes::from(format!("{{\"peers\":{peers}}}"))))
}

fn answer(json: Result<Bytes, HandleError>) -> Response {
    match json {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    }
}

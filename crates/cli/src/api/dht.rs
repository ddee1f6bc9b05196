//! The routes of /dht of a running node: those of the reference's REST interface, with the same objects.
//!
//! | route | does |
//! |---|---|
//! | `GET /dht/statistics` | sizes of the tables |
//! | `GET /dht/values` | the values that are kept here, 10,000 at most |
//! | `GET /dht/values/{key}` | looks for the values of a key; `?trace=1` tells what happened |
//! | `PUT /dht/values/{key}` | stores `{"value": HEX}`, signed unless `"sign"` is false; tells `stored_on` |
//! | `DELETE /dht/values/{key}` | stops storing again what was stored under a key (not in the reference) |
//! | `GET /dht/peers/{mid}` | connects to a peer; `?trace=1` as above |
//! | `GET /dht/buckets`, `GET /dht/buckets/{prefix}/refresh` | the routing tables; looks for nodes that belong there |
//!
//! What is wrong with a request has status 400 and `{"success": false, "error": TEXT}`; what went wrong with the work has 500
//! and `{"success": false, "error": {"code", "message"}}`.

use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::response::Response;
use axum::routing::get;
use ipv8_crypto::Mid;
use ipv8_dht::{Dht, Family, FindError, Key, Sign, TraceEvent, TraceStep, Value};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use tokio::sync::Semaphore;
use tokio::task::JoinError;
use tokio::time::Instant;

use super::shapes::{self, FoundPeer, FoundValue, KeptValue, Refusal, answer};
use super::{not_from_pages, nowhere};
use crate::dht::trace::Step;

/// Bytes of a request: a value is 340 at most.
const MOST_BODY: usize = 4_096;

/// Searches of clients at once; others wait.
const MOST_AT_ONCE: usize = 16;

/// How long one may take, with waiting.
const WITHIN: Duration = Duration::from_secs(30);

/// Values that are listed.
const MOST_LISTED: usize = 10_000;

/// What all requests share.
struct Api {
    dht: Option<Dht>,
    searches: Semaphore,
    lists: Semaphore,
}

type Shared = State<Arc<Api>>;

/// The routes of a node that has a DHT, or none.
pub(crate) fn routes(dht: Option<Dht>) -> Router {
    let api = Api { dht, searches: Semaphore::new(MOST_AT_ONCE), lists: Semaphore::new(1) };
    Router::new()
        .route("/dht/statistics", get(statistics))
        .route("/dht/values", get(kept))
        .route("/dht/values/{key}", get(find).put(store).delete(forget))
        .route("/dht/peers/{mid}", get(connect))
        .route("/dht/buckets", get(buckets))
        // The first bucket has no bits.
        .route("/dht/buckets//refresh", get(refresh_first))
        .route("/dht/buckets/{prefix}/refresh", get(refresh))
        .fallback(nowhere)
        .layer(DefaultBodyLimit::max(MOST_BODY))
        .layer(from_fn(not_from_pages))
        .with_state(Arc::new(api))
}

impl Api {
    fn dht(&self) -> Result<&Dht, Refusal> {
        self.dht.as_ref().ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "DHT community not found"))
    }

    /// Does something that asks other nodes, when there are not too many who do, but does not wait for ever.
    async fn search<T>(&self, work: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
        let work = async {
            // Nobody closes it.
            let _permit = self.searches.acquire().await.ok();
            work.await
        };
        let what = "it took more than 30 seconds: too much is going on, try again later";
        tokio::time::timeout(WITHIN, work).await.map_err(|_| Refusal::new(StatusCode::GATEWAY_TIMEOUT, what))?
    }
}

/// What a handler answers.
type Answer = Result<Response, Refusal>;

fn done(body: &impl Serialize) -> Answer {
    Ok(answer(StatusCode::OK, body))
}

/// Twenty bytes of a path.
fn twenty(what: &str, text: &str) -> Result<Key, Refusal> {
    let bytes = hex::decode(text).ok().and_then(|bytes| Key::try_from(bytes).ok());
    bytes.ok_or_else(|| Refusal::new(StatusCode::BAD_REQUEST, format!("the {what} must be 40 hex digits")))
}

async fn statistics(State(api): Shared) -> Answer {
    let statistics = api.dht()?.handle().with(|dht, cx| {
        let mut statistics = json!({
            "peer_id": cx.my_mid().to_string(),
            "num_tokens": dht.token_count(),
            "endpoints": shapes::endpoints(dht),
        });
        if let (true, Some(statistics)) = (dht.config().peers, statistics.as_object_mut()) {
            let [stored, for_us] = shapes::peer_counts(dht, &cx.my_mid());
            statistics.insert("num_peers_in_store".to_owned(), json!(stored));
            statistics.insert("num_store_for_me".to_owned(), json!(for_us));
        }
        statistics
    });
    done(&json!({"statistics": statistics?}))
}

/// What is kept here. Its signatures are checked again to read it, which is done elsewhere, for one client at a time.
async fn kept(State(api): Shared) -> Answer {
    let dht = api.dht()?;
    let _permit = api.lists.acquire().await.ok();
    let raw = dht.handle().with(|dht, _| {
        let mut raw = Vec::new();
        for family in Family::ALL {
            dht.store(family).for_each(&mut |entry| {
                if raw.len() < MOST_LISTED {
                    raw.push((family, entry.key, entry.value.clone()));
                }
            });
        }
        raw
    })?;
    let read = move || {
        let mut keys: BTreeMap<String, Vec<KeptValue>> = BTreeMap::new();
        for (family, key, bytes) in raw {
            if let Ok(value) = Value::decode(&bytes) {
                keys.entry(hex::encode(key)).or_default().push(KeptValue::new(family, &key, &value));
            }
        }
        done(&keys)
    };
    let failed = |error: JoinError| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    tokio::task::spawn_blocking(read).await.map_err(failed)?
}

async fn find(State(api): Shared, Path(key): Path<String>, RawQuery(query): RawQuery) -> Answer {
    let (dht, key, traced) = (api.dht()?, twenty("key", &key)?, wants_trace(query.as_deref()));
    let search = async {
        let begun = Instant::now();
        let mut values = dht.values(key)?;
        while values.next().await?.is_some() {}
        let (values, trace) = values.finish()?;
        let count = |wanted: fn(&TraceEvent) -> bool| trace.iter().filter(|step| wanted(&step.event)).count();
        let requests: HashSet<_> = trace.iter().map(|step| step.node.mid()).collect();
        let mut body = json!({
            "values": values.iter().map(|value| FoundValue::new(&key, value)).collect::<Vec<_>>(),
            "debug": {
                "requests": requests.len(),
                "responses": count(|event| matches!(event, TraceEvent::Values(_) | TraceEvent::Nodes { .. })),
                "responses_with_nodes": count(|event| matches!(event, TraceEvent::Nodes { .. })),
                "responses_with_values": count(|event| matches!(event, TraceEvent::Values(_))),
                "time": begun.elapsed().as_secs_f64(),
            },
        });
        add_trace(&mut body, &trace, traced);
        done(&body)
    };
    api.search(search).await
}

fn wants_trace(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|part| part == "trace=1"))
}

fn add_trace(body: &mut Json, trace: &[TraceStep], wanted: bool) {
    if let (true, Some(body)) = (wanted, body.as_object_mut()) {
        body.insert("trace".to_owned(), json!(trace.iter().map(Step::from).collect::<Vec<_>>()));
    }
}

/// What is to be stored.
#[derive(Deserialize)]
struct Put {
    value: String,
    #[serde(default = "signed")]
    sign: bool,
}

/// As in the reference, which knows of nothing else.
const fn signed() -> bool {
    true
}

async fn store(State(api): Shared, Path(key): Path<String>, body: Bytes) -> Answer {
    let bad = |what: &str| Refusal::new(StatusCode::BAD_REQUEST, what);
    let (dht, key) = (api.dht()?, twenty("key", &key)?);
    let put: Put = serde_json::from_slice(&body)
        .map_err(|_| bad("incorrect parameters: send {\"value\": HEX}, and \"sign\": false if you like"))?;
    let value = hex::decode(&put.value).map_err(|_| bad("incorrect parameters: the value must be in hex"))?;
    let sign = if put.sign { Sign::Yes } else { Sign::No };
    let stored = api.search(async { Ok(dht.store(key, &value, sign).await?) }).await?;
    let again = dht.handle().with(|dht, _| dht.config().republish)?;
    done(&json!({
        "success": true, "key": hex::encode(key), "stored_on": stored.nodes.len(), "stored_here": stored.here,
        "republished_every": again.map(|every| every.as_secs()),
    }))
}

async fn forget(State(api): Shared, Path(key): Path<String>) -> Answer {
    let forgotten = api.dht()?.forget(&twenty("key", &key)?).await?;
    done(&json!({"success": true, "forgotten": forgotten}))
}

async fn connect(State(api): Shared, Path(mid): Path<String>, RawQuery(query): RawQuery) -> Answer {
    let (dht, mid, traced) = (api.dht()?, twenty("mid", &mid)?, wants_trace(query.as_deref()));
    let search = async {
        let (peers, trace) = dht.trace_peer(Mid(mid), None).await;
        let mut body = json!({"peers": peers?.iter().map(FoundPeer::from).collect::<Vec<_>>()});
        add_trace(&mut body, &trace, traced);
        done(&body)
    };
    api.search(search).await
}

async fn buckets(State(api): Shared) -> Answer {
    // Without a DHT the reference says that there are none.
    let Some(dht) = &api.dht else { return done(&shapes::Buckets::default()) };
    done(&dht.handle().with(|dht, cx| shapes::buckets(dht, cx))?)
}

async fn refresh_first(State(api): Shared) -> Answer {
    refresh_bucket(&api, "").await
}

async fn refresh(State(api): Shared, Path(prefix): Path<String>) -> Answer {
    refresh_bucket(&api, &prefix).await
}

async fn refresh_bucket(api: &Api, prefix: &str) -> Answer {
    let bad = |what: &str| Refusal::new(StatusCode::BAD_REQUEST, what);
    let dht = api.dht.as_ref().ok_or_else(|| bad("DHT community is not loaded"))?;
    let targets = dht.handle().with(|dht, cx| {
        let tables = Family::ALL.into_iter().filter_map(|family| dht.table(family));
        let found: Vec<_> = tables.flat_map(|table| table.buckets()).filter(|b| shapes::prefix(b) == prefix).collect();
        found.into_iter().map(|bucket| bucket.random_id(cx.rng())).collect::<Vec<_>>()
    })?;
    if targets.is_empty() {
        return Err(bad("no such bucket"));
    }
    let search = async {
        for target in targets {
            match dht.find_nodes(target).await {
                // With this status in the reference.
                Err(error @ FindError::NoNodes) => return Err(Refusal::new(StatusCode::OK, error.to_string())),
                found => drop(found?),
            }
        }
        done(&json!({"success": true}))
    };
    api.search(search).await
}

//! `ipv8 dht`: stores and finds values, and finds peers; by a node that lives as long as the command, or by one that runs.

pub(crate) mod args;
mod client;
mod join;
pub(crate) mod trace;

use std::future::Future;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use ipv8::dht::value::{MAX_VALUE_LEN, max_data_len};
use ipv8::dht::{ConnectError, Dht, FindError, Key, Sign, StoreError};
use ipv8_core::Peer;
use ipv8_crypto::{Mid, PublicKey};
use serde_json::json;
use tokio::time::Instant;

use self::args::{Common, DhtCommand};
use self::client::Client;
use self::join::{Joined, Starting};
use self::trace::Step;
use crate::failure::Failure;
use crate::output;
use crate::runtime::{self, Stop};

/// How often a peer is looked for that nobody knows: it may just have come.
const ATTEMPTS: u32 = 3;

/// Time between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// How long nodes are waited for that do not confirm at once: until they are asked again, and had time to answer that. With the
/// node of this command, what is not over ends.
const SETTLE: Duration = Duration::from_secs(2);

/// What became of a value.
pub(crate) struct Put {
    stored_on: usize,
    /// How often it is stored again.
    republished: Option<Duration>,
}

/// What was found under a key.
pub(crate) struct Found {
    values: Vec<FoundValue>,
    trace: Vec<Step>,
}

/// One value of a key.
pub(crate) struct FoundValue {
    data: Vec<u8>,
    public_key: Option<Vec<u8>>,
}

/// What was found of a peer.
pub(crate) struct FoundPeers {
    peers: Vec<FoundPeer>,
    trace: Vec<Step>,
}

/// A peer that answered.
pub(crate) struct FoundPeer {
    public_key: Vec<u8>,
    address: SocketAddr,
}

/// Does what is asked for.
pub(crate) fn run(command: DhtCommand) -> Result<(), Failure> {
    match command {
        DhtCommand::Put { common, sign, hex, key, value } => {
            let value = bytes(value, hex)?;
            let key = args::key(&key);
            put(&common, key, &value, sign)
        }
        DhtCommand::Get { common, trace, key } => get(&common, args::key(&key), trace),
        DhtCommand::FindPeer { common, trace, mid } => find_peer(&common, mid, trace),
        DhtCommand::Forget { api, timeout, json, key } => {
            let key = args::key(&key);
            let client = Client::new(api);
            runtime::block_on(async {
                let forgotten = Patience::new(timeout).within(&mut Stop::new()?, client.forget(&key)).await?;
                let object = json!({"forgotten": forgotten, "key": hex::encode(key)});
                print(json, &object, || match forgotten {
                    0 => vec!["the node stored nothing under this key, or has stopped already".to_owned()],
                    _ => vec![format!("the node will not store {forgotten} of its values again")],
                })
            })
        }
    }
}

fn bytes(value: String, is_hex: bool) -> Result<Vec<u8>, Failure> {
    if !is_hex {
        return Ok(value.into_bytes());
    }
    hex::decode(value).map_err(|error| Failure::Usage(format!("VALUE is not hex ({error}): write two digits per byte")))
}

/// Who does it.
enum Worker<'j> {
    Api(Client),
    /// A node of its own, and the time that is left.
    Own(&'j Joined, Duration),
}

/// Does something with a node that runs, or with one of its own, which ends with it.
async fn with_worker<T, F: AsyncFnOnce(&Worker<'_>) -> Result<T, Failure>>(
    common: &Common,
    starting: Option<Starting>,
    work: F,
) -> Result<T, Failure> {
    let mut stop = Stop::new()?;
    let patience = Patience::new(common.timeout);
    let Some(starting) = starting else {
        let Some(api) = common.api else { return Err(Failure::Quiet) };
        return patience.within(&mut stop, work(&Worker::Api(Client::new(api)))).await;
    };
    // Names are looked up for that, which takes as long as whoever is asked for them likes.
    let joined = patience.within(&mut stop, starting.start()).await?;
    let working = async {
        joined.join(patience.left()).await?;
        work(&Worker::Own(&joined, patience.left())).await
    };
    let result = patience.within(&mut stop, working).await;
    joined.end().await;
    result
}

/// How long a user waits.
struct Patience {
    begun: Instant,
    all: Duration,
}

impl Patience {
    fn new(all: Duration) -> Self {
        Self { begun: Instant::now(), all }
    }

    fn left(&self) -> Duration {
        self.all.saturating_sub(self.begun.elapsed())
    }

    /// Waits for work, but not beyond its time, nor when the user has had enough.
    async fn within<T>(&self, stop: &mut Stop, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        tokio::select! {
            result = tokio::time::timeout(self.left(), work) => result.unwrap_or_else(|_| {
                let seconds = self.all.as_secs_f64();
                Err(Failure::Failed(format!("it was not done within {seconds} s: give it more with --timeout")))
            }),
            () = stop.requested() => Err(Failure::Failed("stopped before it was done".to_owned())),
        }
    }
}

fn put(common: &Common, key: Key, value: &[u8], sign: bool) -> Result<(), Failure> {
    let signing = if sign { Sign::Yes } else { Sign::No };
    let starting = Starting::prepare(common)?;
    // How long a signed value of a running node may be depends on its key; it says so itself.
    let most = match &starting {
        Some(starting) => max_data_len(signing, starting.public_key()),
        None => MAX_VALUE_LEN - 1,
    };
    if value.len() > most {
        return Err(Failure::failed(StoreError::TooLong { len: value.len(), most }));
    }
    let signer = starting.as_ref().map(|starting| starting.public_key().mid());
    let done = runtime::block_on(async {
        with_worker(common, starting, async |worker| match worker {
            Worker::Api(client) => client.put(&key, value, sign).await,
            Worker::Own(joined, left) => {
                let begun = Instant::now();
                let mut stored = joined.dht().store(key, value, signing).await.map_err(Failure::failed)?;
                // What is stored by now is, even if the time is over.
                let left = left.saturating_sub(begun.elapsed()) / 2;
                joined.dht().settle(&mut stored, SETTLE.min(left)).await;
                Ok(Put { stored_on: stored.nodes.len(), republished: None })
            }
        })
        .await
    })?;
    let Put { stored_on, republished } = done;
    let hex_key = hex::encode(key);
    print(common.json, &json!({"stored_on": stored_on, "key": hex_key}), || {
        let by = match (sign, signer) {
            (true, Some(signer)) => format!(", signed by {signer}"),
            (true, None) => ", signed by the node".to_owned(),
            (false, _) => String::new(),
        };
        let nodes = if stored_on == 1 { "node" } else { "nodes" };
        vec![format!("stored on {stored_on} {nodes} under {hex_key}{by}")]
    })?;
    if common.json {
        return Ok(());
    }
    match republished {
        Some(every) => note(&format!(
            "the node stores it again every {} minutes, until `ipv8 dht forget`",
            every.as_secs().div_ceil(60)
        )),
        None => note("nodes forget it after an hour, unless it is stored again: a node that runs does so (--api)"),
    }
    Ok(())
}

fn get(common: &Common, key: Key, traced: bool) -> Result<(), Failure> {
    let starting = Starting::prepare(common)?;
    let Found { values, trace } = runtime::block_on(async {
        with_worker(common, starting, async |worker| match worker {
            Worker::Api(client) => client.get(&key).await,
            Worker::Own(joined, _) => find(joined.dht(), key).await.map_err(Failure::failed),
        })
        .await
    })?;
    let list: Vec<_> = values
        .iter()
        .map(|value| json!({"value": hex::encode(&value.data), "public_key": value.public_key.as_ref().map(hex::encode)}))
        .collect();
    let object = with_trace(json!({"values": list}), &trace, traced);
    print(common.json, &object, || {
        let mut lines: Vec<_> = trace.iter().filter(|_| traced).map(Step::text).collect();
        lines.extend(values.iter().map(FoundValue::text));
        if values.is_empty() {
            lines.push(format!("nothing is stored under {}", hex::encode(key)));
        }
        lines
    })
}

async fn find(dht: &Dht, key: Key) -> Result<Found, FindError> {
    let mut values = dht.values(key)?;
    while values.next().await?.is_some() {}
    let (values, trace) = values.finish()?;
    let values = values.into_iter().map(|value| {
        let public_key = value.signer_bytes().map(<[u8]>::to_vec);
        FoundValue { data: value.data, public_key }
    });
    Ok(Found { values: values.collect(), trace: trace.iter().map(Step::from).collect() })
}

impl FoundValue {
    /// The value, as text if it is some, and who signed it.
    fn text(&self) -> String {
        let value = match std::str::from_utf8(&self.data) {
            Ok(text) if !text.chars().any(char::is_control) => format!("\"{text}\""),
            _ => hex::encode(&self.data),
        };
        let signer = self.public_key.as_ref().map(|key| match PublicKey::from_bytes(key) {
            Ok(key) => format!("signed by {}", key.mid()),
            Err(_) => format!("signed by the key {}", hex::encode(key)),
        });
        format!("{value}  {}", signer.unwrap_or_else(|| "not signed".to_owned()))
    }
}

fn find_peer(common: &Common, mid: Mid, traced: bool) -> Result<(), Failure> {
    let starting = Starting::prepare(common)?;
    let found = runtime::block_on(async {
        with_worker(common, starting, async |worker| match worker {
            Worker::Api(client) => client.find_peer(&mid).await,
            Worker::Own(joined, _) => connect(joined.dht(), mid).await.map_err(Failure::failed),
        })
        .await
    });
    let (FoundPeers { peers, trace }, failure) = match found {
        Ok(found) => (found, None),
        // Programs get their object all the same.
        Err(failure) if common.json => (FoundPeers { peers: Vec::new(), trace: Vec::new() }, Some(failure)),
        Err(failure) => return Err(failure),
    };
    let list: Vec<_> = peers
        .iter()
        .map(|FoundPeer { public_key, address }| {
            json!({"mid": mid.to_string(), "public_key": hex::encode(public_key), "address": address})
        })
        .collect();
    let object = with_trace(json!({"peers": list}), &trace, traced);
    print(common.json, &object, || {
        let mut lines: Vec<_> = trace.iter().filter(|_| traced).map(Step::text).collect();
        lines.extend(peers.iter().map(|peer| format!("{mid} answers at {}", peer.address)));
        lines
    })?;
    failure.map_or(Ok(()), Err)
}

/// Looks for a peer some times: one that just came is not known at once, and its NAT may open late.
async fn connect(dht: &Dht, mid: Mid) -> Result<FoundPeers, ConnectError> {
    let mut attempt = 1;
    loop {
        let (found, trace) = dht.trace_peer(mid, None).await;
        match found {
            Err(ConnectError::NotFound { .. } | ConnectError::NotReachable { .. }) if attempt < ATTEMPTS => {
                attempt += 1;
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error),
            Ok(peers) => {
                let found =
                    |peer: &Peer| FoundPeer { public_key: peer.key().as_bytes().to_vec(), address: peer.address() };
                let peers = peers.iter().map(found).collect();
                return Ok(FoundPeers { peers, trace: trace.iter().map(Step::from).collect() });
            }
        }
    }
}

fn with_trace(mut object: serde_json::Value, trace: &[Step], wanted: bool) -> serde_json::Value {
    if let (true, Some(object)) = (wanted, object.as_object_mut()) {
        object.insert("trace".to_owned(), json!(trace));
    }
    object
}

/// Prints the object, or the lines that say the same to people.
fn print(as_json: bool, object: &serde_json::Value, lines: impl FnOnce() -> Vec<String>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    if as_json {
        output::json(&mut out, object)?;
    } else {
        for line in lines() {
            output::line(&mut out, &line)?;
        }
    }
    output::flush(&mut out)
}

/// Says something to people who watch.
fn note(text: &str) {
    let _ = writeln!(io::stderr(), "ipv8: note: {text}");
}

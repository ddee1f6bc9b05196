//! Ten nodes of a DHT in one process: one stores a signed value, another finds it, and then finds who signed it.
//!
//! ```text
//! cargo run --release --example dht
//! cargo run --release --example dht -- --bootstrap tracker.example.org:6421   # in a DHT that is there already
//! ```
#![allow(clippy::print_stdout, reason = "printing is what examples do")]

mod common;

use std::{collections::BTreeSet, future::Future, time::Duration};

use anyhow::{Context as _, bail, ensure};
use clap::Parser;
use common::Common;
use ipv8::{
    Curve, MaxPeers, Mid, RandomWalk, Service, Target,
    dht::{ConnectError, Dht, DhtCommunity, Family, PingChurn, Sign, key_of, routing::RoutingTable},
};
use serde_json::{Value as Json, json};

const NODES: usize = 10;

/// How long it may take, unless `--seconds` says otherwise.
const PATIENCE: f64 = 60.0;

/// Time between two looks, or two attempts.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Parser)]
#[command(about = "Ten nodes that store and find a signed value, and connect to a peer by its mid")]
struct Flags {
    #[command(flatten)]
    common: Common,
}

/// One of the nodes.
struct One {
    service: Service,
    dht: Dht,
}

impl One {
    /// Starts a node; the first has the address and the key of the flags.
    async fn start(common: &Common) -> anyhow::Result<Self> {
        let overlay = DhtCommunity::default()
            .overlay()
            .id(common.community.unwrap_or(ipv8::dht::DHT_COMMUNITY))
            .max_peers(MaxPeers::Unlimited)
            .strategy(RandomWalk::default(), Target::Peers(20))
            .strategy(PingChurn::default(), Target::Always);
        let service = common.builder(Curve::Curve25519).overlay(overlay).start().await?;
        let handle = service.handle::<DhtCommunity>().context("the DHT is not loaded")?;
        Ok(Self { service, dht: Dht::new(handle) })
    }

    fn mid(&self) -> Mid {
        self.service.mid()
    }

    /// How many nodes it knows.
    fn known(&self) -> anyhow::Result<usize> {
        let tables =
            |dht: &mut DhtCommunity| Family::ALL.iter().filter_map(|f| dht.table(*f)).map(RoutingTable::len).sum();
        Ok(self.dht.handle().with(|dht, _| tables(dht))?)
    }
}

/// Tells what happened to a node, as an object or as a line.
fn tell(json: bool, one: &One, what: &str, more: Json, text: &str) {
    let mid = one.mid().to_string();
    if !json {
        println!("{mid} {text}");
        return;
    }
    let mut event = json!({"event": "message", "mid": mid, "what": what});
    if let (Some(event), Json::Object(more)) = (event.as_object_mut(), more) {
        event.extend(more);
    }
    println!("{event}");
}

/// Waits until every node knows a few others, and tells whom the first one meets.
async fn meet(nodes: &[One], json: bool) -> anyhow::Result<()> {
    let [first, others @ ..] = nodes else { bail!("there are no nodes") };
    let contact = *first.service.local_addresses().first().context("the first node has no address")?;
    let mut met = BTreeSet::new();
    loop {
        for one in others.iter().filter(|one| one.known().is_ok_and(|known| known == 0)) {
            one.dht.handle().with(|_, cx| cx.walk_to(contact))?;
        }
        for peer in first.dht.handle().with(|_, cx| cx.peers())? {
            if met.insert(peer.mid()) {
                common::print_peer(json, &peer);
            }
        }
        let enough = nodes.iter().map(One::known).collect::<Result<Vec<_>, _>>()?;
        if enough.iter().all(|known| *known >= NODES / 2) {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Everything that the example shows.
async fn show(nodes: &[One], json: bool) -> anyhow::Result<()> {
    meet(nodes, json).await?;
    let [owner, .., seeker] = nodes else { bail!("there are too few nodes") };

    // A name that nobody else will use.
    let key = key_of(format!("the value of {}", owner.mid()));
    let stored = owner.dht.store(key, b"my value", Sign::Yes).await?;
    let on = stored.nodes.len();
    let more = json!({"key": hex(&key), "stored_on": on});
    tell(json, owner, "stored", more, &format!("stored a value on {on} nodes"));

    let mut values = seeker.dht.values(key)?;
    let mut found = false;
    // One by one, as they arrive.
    while let Some(value) = values.next().await? {
        let signer = value.signer_mid().map(|mid| mid.to_string());
        let text = String::from_utf8_lossy(&value.data).into_owned();
        found |= text == "my value" && value.signer_mid() == Some(owner.mid());
        let line = format!("found \"{text}\", signed by {}", signer.as_deref().unwrap_or("nobody"));
        tell(json, seeker, "found", json!({"value": text, "signer": signer}), &line);
    }
    ensure!(found, "the value was not found");

    // A peer is remembered by others some seconds after its start.
    let peers = loop {
        match seeker.dht.connect_peer(owner.mid()).await {
            Err(ConnectError::NotFound { .. } | ConnectError::NotReachable { .. }) => tokio::time::sleep(PAUSE).await,
            found => break found?,
        }
    };
    let peer = peers.first().context("no peer was found")?;
    ensure!(peer.key() == owner.service.key(), "another peer was found");
    let more = json!({"peer": peer.mid().to_string(), "address": peer.address().to_string()});
    tell(json, seeker, "connected", more, &format!("reached the one who signed it at {}", peer.address()));
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Does this until it is done, time is up, or somebody has had enough.
async fn within(common: &Common, work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let limited = Common { seconds: common.seconds.or(Some(PATIENCE)), ..common.clone() };
    tokio::select! {
        result = work => result,
        stopped = limited.until_stopped() => bail!("it was not done: {:?}", stopped?),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    common::log_to_stderr();
    let Flags { common } = Flags::parse();
    let mut nodes = Vec::new();
    let mut flags = common.clone();
    for _ in 0..NODES {
        let one = One::start(&flags).await?;
        common.print_started(&one.service);
        nodes.push(one);
        // The others get ports and keys of their own.
        flags.listen.set_port(0);
        flags.key = None;
    }
    let result = within(&common, show(&nodes, common.json)).await;
    for one in nodes {
        one.service.stop().await;
    }
    result?;
    println!("{}", if common.json { "{\"event\":\"done\"}" } else { "all of it worked" });
    Ok(())
}

//! Nodes of the reference and ours form one DHT on loopback: what either stores, the other finds, with the right signer.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use ipv8::{
    Curve, MaxPeers, RandomWalk, Service, Target,
    dht::{Dht, DhtCommunity, Family, PingChurn, Sign, routing::RoutingTable},
};
use ipv8_interop::{Process, Started, python, script};
use serde_json::{Value, json};

/// Generous: interpreters start slowly on a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// Nodes of the reference, in one process.
struct Theirs {
    /// Only away while it is asked.
    process: Option<Process>,
    started: Started,
    keys: Vec<String>,
}

impl Theirs {
    fn start(nodes: usize) -> Option<Self> {
        let mut command = script(&python()?, "dht.py");
        command.args(["--listen", "127.0.0.1:0", "--nodes", &nodes.to_string()]);
        let mut process = Process::spawn_to_ask("nodes of the reference", command).unwrap();
        let event = process.wait_for("its start", SOON, |event| event["event"] == "started").unwrap();
        let keys = event["all"].as_array().unwrap().iter().map(|one| one["key"].as_str().unwrap().to_owned()).collect();
        let started = Started {
            listen: event["listen"].as_str().unwrap().parse().unwrap(),
            mid: event["mid"].as_str().unwrap().to_owned(),
        };
        Some(Self { process: Some(process), started, keys })
    }

    /// Asks on a thread of its own: our nodes go on meanwhile.
    async fn ask(&mut self, request: &Value) -> Value {
        let (mut process, question) = (self.process.take().unwrap(), request.clone());
        let asked = tokio::task::spawn_blocking(move || {
            let answer = process.ask(&question, SOON).unwrap();
            (process, answer)
        });
        let (process, answer) = asked.await.unwrap();
        self.process = Some(process);
        assert!(answer.get("error").is_none(), "{request}: {answer}");
        answer
    }

    /// The values of a key that one of them finds: data and signer in hex.
    async fn find(&mut self, node: usize, key: [u8; 20]) -> Vec<(String, Option<String>)> {
        let answer = self.ask(&json!({"do": "find", "node": node, "key": hex::encode(key)})).await;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let values = answer["values"].as_array().unwrap();
        values.iter().map(|value| (text(&value["data"]).unwrap(), text(&value["key"]))).collect()
    }

    fn stop(mut self) {
        assert!(self.process.take().unwrap().terminate(SOON).unwrap().success());
    }
}

/// A node of ours that walks from one of theirs.
async fn ours(contact: SocketAddr) -> (Service, Dht) {
    let overlay = DhtCommunity::default()
        .overlay()
        .max_peers(MaxPeers::Unlimited)
        .strategy(RandomWalk::default(), Target::Always)
        .strategy(PingChurn::default(), Target::Always)
        .no_bootstrappers();
    let service = ipv8::builder()
        .fresh_key(Curve::Curve25519)
        .listen(SocketAddr::from(([127, 0, 0, 1], 0)))
        .no_default_bootstrap()
        .overlay(overlay)
        .start()
        .await
        .unwrap();
    let handle = service.handle::<DhtCommunity>().unwrap();
    handle.with(|_, cx| cx.walk_to(contact)).unwrap();
    (service, Dht::new(handle))
}

fn known(dht: &Dht) -> usize {
    dht.handle().with(|dht, _| dht.table(Family::V4).map_or(0, RoutingTable::len)).unwrap()
}

/// Waits until everybody knows at least so many nodes.
async fn meet(theirs: &mut Theirs, ours: &[(Service, Dht)], least: usize) {
    let end = Instant::now() + SOON;
    loop {
        let answer = theirs.ask(&json!({"do": "known"})).await;
        let mut counts: Vec<_> =
            answer["nodes"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).collect();
        counts.extend(ours.iter().map(|(_, dht)| known(dht) as u64));
        if counts.iter().all(|count| *count >= least as u64) {
            return;
        }
        assert!(Instant::now() < end, "nodes known: {counts:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn stop(ours: Vec<(Service, Dht)>) {
    for (service, _) in ours {
        let stats = service.stats();
        assert_eq!(stats.panics, 0);
        service.stop().await;
    }
}

/// Stores on both sides, and looks on both sides.
async fn store_and_find(theirs: &mut Theirs, ours: &[(Service, Dht)]) {
    let mut slowest = Duration::ZERO;
    for number in 0..ours.len() {
        let (their_key, our_key) =
            ([u8::try_from(number * 20 + 3).unwrap(); 20], [u8::try_from(number * 20 + 11).unwrap(); 20]);
        let (service, dht) = &ours[number];
        let node = number % theirs.keys.len();

        let data = hex::encode(format!("theirs {number}"));
        for sign in [false, true] {
            let request =
                json!({"do": "store", "node": node, "key": hex::encode(their_key), "data": data, "sign": sign});
            assert!(theirs.ask(&request).await["stored"].as_u64().unwrap() > 0);
        }
        let begun = Instant::now();
        let found = dht.find_values(their_key).await.unwrap();
        slowest = slowest.max(begun.elapsed());
        let found: Vec<_> = found
            .iter()
            .map(|value| (hex::encode(&value.data), value.signer.as_ref().map(|key| hex::encode(key.as_bytes()))))
            .collect();
        assert_eq!(found, [(data.clone(), Some(theirs.keys[node].clone())), (data, None)], "theirs, value {number}");

        let begun = Instant::now();
        let text = format!("ours {number}");
        for sign in [Sign::No, Sign::Yes] {
            let stored = dht.store(our_key, text.as_bytes(), sign).await.unwrap();
            assert!(!stored.nodes.is_empty());
        }
        slowest = slowest.max(begun.elapsed());
        let (data, key) = (hex::encode(text), hex::encode(service.key().as_bytes()));
        let found = theirs.find((node + 1) % theirs.keys.len(), our_key).await;
        assert_eq!(found, [(data.clone(), Some(key)), (data, None)], "ours, value {number}");
    }
    // Twice the time in which a dead node is given up, for a busy machine: nobody is dead.
    assert!(slowest < Duration::from_secs(4), "{slowest:?}");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn one_node_of_each() {
    let Some(mut theirs) = Theirs::start(1) else { return };
    runtime().block_on(async {
        let ours = vec![ours(theirs.started.listen).await];
        meet(&mut theirs, &ours, 1).await;
        store_and_find(&mut theirs, &ours).await;
        stop(ours).await;
    });
    theirs.stop();
}

#[test]
fn ten_nodes_of_each() {
    let Some(mut theirs) = Theirs::start(10) else { return };
    runtime().block_on(async {
        let mut all = Vec::new();
        for _ in 0..10 {
            all.push(ours(theirs.started.listen).await);
        }
        // With ids that begin alike, since all are at one address, not everybody has room for everybody.
        meet(&mut theirs, &all, 10).await;
        store_and_find(&mut theirs, &all).await;
        stop(all).await;
    });
    theirs.stop();
}

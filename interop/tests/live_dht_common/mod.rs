//! Nodes of the reference and ours in one DHT on loopback.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use ipv8::{
    Curve, MaxPeers, RandomWalk, Service, Target,
    dht::{Dht, DhtCommunity, Family, PingChurn, routing::RoutingTable},
};
use ipv8_interop::{Process, Started, python, script};
use serde_json::{Value, json};

/// Generous: interpreters start slowly on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// Nodes of the reference, in one process.
pub(crate) struct Theirs {
    /// Only away while it is asked.
    process: Option<Process>,
    pub(crate) started: Started,
    pub(crate) keys: Vec<String>,
    pub(crate) mids: Vec<String>,
    pub(crate) addresses: Vec<SocketAddr>,
}

impl Theirs {
    pub(crate) fn start(nodes: usize, flags: &[&str]) -> Option<Self> {
        let mut command = script(&python()?, "dht.py");
        command.args(["--listen", "127.0.0.1:0", "--nodes", &nodes.to_string()]).args(flags);
        let mut process = Process::spawn_to_ask("nodes of the reference", command).unwrap();
        let event = process.wait_for("its start", SOON, |event| event["event"] == "started").unwrap();
        let of = |name: &str| -> Vec<String> {
            event["all"].as_array().unwrap().iter().map(|one| one[name].as_str().unwrap().to_owned()).collect()
        };
        let (keys, mids) = (of("key"), of("mid"));
        let addresses = of("listen").iter().map(|text| text.parse().unwrap()).collect();
        let started = Started {
            listen: event["listen"].as_str().unwrap().parse().unwrap(),
            mid: event["mid"].as_str().unwrap().to_owned(),
        };
        Some(Self { process: Some(process), started, keys, mids, addresses })
    }

    /// Asks on a thread of its own: our nodes go on meanwhile.
    pub(crate) async fn ask(&mut self, request: &Value) -> Value {
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
    pub(crate) async fn find(&mut self, node: usize, key: [u8; 20]) -> Vec<(String, Option<String>)> {
        let answer = self.ask(&json!({"do": "find", "node": node, "key": hex::encode(key)})).await;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let values = answer["values"].as_array().unwrap();
        values.iter().map(|value| (text(&value["data"]).unwrap(), text(&value["key"]))).collect()
    }

    pub(crate) fn stop(mut self) {
        assert!(self.process.take().unwrap().terminate(SOON).unwrap().success());
    }
}

/// A node of ours that walks from one of theirs.
pub(crate) async fn ours(contact: SocketAddr) -> (Service, Dht) {
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

pub(crate) fn known(dht: &Dht) -> usize {
    dht.handle().with(|dht, _| dht.table(Family::V4).map_or(0, RoutingTable::len)).unwrap()
}

/// Waits until everybody knows at least so many nodes.
pub(crate) async fn meet(theirs: &mut Theirs, ours: &[(Service, Dht)], least: usize) {
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

pub(crate) async fn stop(ours: Vec<(Service, Dht)>) {
    for (service, _) in ours {
        let stats = service.stats();
        assert_eq!(stats.panics, 0);
        service.stop().await;
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

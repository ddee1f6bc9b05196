//! The example on storing states and the reference's version of it count to ten together, with a replay attack; and a
//! peer of the reference that never answers leaves nothing behind.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

use std::{net::SocketAddr, path::Path, process::Command, time::Duration};

use ipv8::{
    Cache, Community, CommunityId, Context, Curve, Message, OverlayConfig, RequestError, RequestOptions, Retry, Routes,
    community_id,
};
use ipv8_interop::{Process, Started, binary, example, python, script};
use serde_json::Value;

const COMMUNITY: &str = "726571756573742d63616368652d746573742121";
/// Generous: interpreters start slowly on a busy machine.
const SOON: Duration = Duration::from_secs(40);

/// Who runs a program.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Side {
    Ours,
    Theirs,
}

/// Starts a program that finds its first peers at a node. `None` where the program is missing.
fn start(name: &str, command: Option<Command>, bootstrap: Option<&Started>) -> Option<(Process, Started)> {
    let mut command = command?;
    command.args(["--listen", "127.0.0.1:0"]);
    if let Some(node) = bootstrap {
        command.args(["--bootstrap", &node.listen.to_string()]);
    }
    let mut process = Process::spawn(name, command).unwrap();
    let started = process.started(SOON).unwrap();
    Some((process, started))
}

fn tracker(side: Side, python: &Path) -> Option<(Process, Started)> {
    let command = match side {
        Side::Ours => binary("ipv8").map(|mut command| {
            command.args(["tracker", "--json"]);
            command
        }),
        Side::Theirs => Some(script(python, "tracker.py")),
    };
    start(&format!("{side:?} tracker"), command, None)
}

fn peer(side: Side, python: &Path, bootstrap: Option<&Started>) -> Option<(Process, Started)> {
    let command = match side {
        Side::Ours => example("request_cache").map(|mut command| {
            command.arg("--json");
            command
        }),
        Side::Theirs => Some(script(python, "request_cache.py")),
    };
    let command = command.map(|mut command| {
        command.args(["--community", COMMUNITY, "--seconds", "60"]);
        command
    });
    start(&format!("{side:?} peer"), command, bootstrap)
}

/// Waits until a peer has counted to ten, and returns the values of the answers that it took.
fn values(peer: &mut Process, of: &Started) -> Vec<u64> {
    let mut values = Vec::new();
    loop {
        let wanted = |event: &Value| event["event"] == "message" || event["event"] == "done";
        let event = peer.wait_for("an answer", SOON, wanted).unwrap();
        if event["event"] == "done" {
            assert_eq!(event["value"], 10);
            return values;
        }
        assert_eq!(event["mid"], *of.mid);
        values.push(event["value"].as_u64().unwrap());
    }
}

/// Two peers count, started in this order.
fn count(first: Side, second: Side, through: Through) {
    let Some(python) = python() else { return };
    let (tracker, contact) = match through {
        Through::Tracker(side) => {
            let Some((tracker, contact)) = tracker(side, &python) else { return };
            (Some(tracker), Some(contact))
        }
        Through::First => (None, None),
    };
    let Some((mut first_peer, first_started)) = peer(first, &python, contact.as_ref()) else { return };
    let contact = contact.as_ref().unwrap_or(&first_started);
    let Some((mut second_peer, second_started)) = peer(second, &python, Some(contact)) else { return };
    // Each was asked everything twice, and answered twice; each took every answer once.
    let all: Vec<u64> = (1..=10).collect();
    assert_eq!(values(&mut first_peer, &second_started), all, "{first:?}");
    assert_eq!(values(&mut second_peer, &first_started), all, "{second:?}");
    for (side, mut process) in [(first, first_peer), (second, second_peer)] {
        // Ours ends by itself.
        let status = match side {
            Side::Ours => process.wait(SOON).unwrap(),
            Side::Theirs => process.terminate(SOON).unwrap(),
        };
        assert!(status.success(), "{side:?}: {status}");
    }
    if let Some(mut tracker) = tracker {
        assert!(tracker.terminate(SOON).unwrap().success());
    }
}

/// How two peers find each other.
#[derive(Clone, Copy, Debug)]
enum Through {
    Tracker(Side),
    /// The second one knows where the first is. (A node of the reference never counts a bootstrap node among its peers.)
    First,
}

#[test]
fn theirs_starts_and_ours_joins() {
    count(Side::Theirs, Side::Ours, Through::Tracker(Side::Theirs));
}

#[test]
fn ours_starts_and_theirs_joins() {
    count(Side::Ours, Side::Theirs, Through::Tracker(Side::Ours));
}

#[test]
fn ours_counts_with_ours() {
    count(Side::Ours, Side::Ours, Through::Tracker(Side::Theirs));
}

#[test]
fn ours_joins_theirs_without_a_tracker() {
    count(Side::Theirs, Side::Ours, Through::First);
}

#[derive(Message, Clone, Debug)]
#[message(id = 1, reply = CountResponse)]
struct CountRequest {
    value: u32,
    identifier: u32,
}

#[derive(Message, Clone, Debug)]
#[message(id = 2)]
struct CountResponse {
    value: u32,
    identifier: u32,
}

/// Waits for an answer that never comes.
struct Waiting;

impl Cache for Waiting {
    type Community = Asker;
    const PREFIX: &'static str = "waiting";

    fn timeout(&self) -> Duration {
        Duration::from_millis(500)
    }

    fn timed_out(self, asker: &mut Asker, _: &mut Context<'_>, _: u64) {
        asker.timed_out += 1;
    }
}

#[derive(Default)]
struct Asker {
    timed_out: usize,
    told: Vec<RequestError>,
}

impl Community for Asker {
    const ID: CommunityId = community_id!("726571756573742d63616368652d746573742121");

    fn routes(r: &mut Routes<Self>) {
        r.reply::<CountResponse>();
    }
}

impl Asker {
    fn on_end(&mut self, _: &mut Context<'_>, end: Result<CountResponse, RequestError>) {
        self.told.push(end.unwrap_err());
    }
}

#[test]
fn a_peer_that_never_answers_leaves_nothing_behind() {
    const EACH: usize = 50;
    let Some(python) = python() else { return };
    let mut command = script(&python, "request_cache.py");
    command.args(["--listen", "127.0.0.1:0", "--community", COMMUNITY, "--silent"]);
    let mut silent = Process::spawn("a silent peer", command).unwrap();
    let started = silent.started(SOON).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let service = ipv8::builder()
            .fresh_key(Curve::Curve25519)
            .listen(SocketAddr::from(([127, 0, 0, 1], 0)))
            .no_default_bootstrap()
            .overlay(OverlayConfig::new(Asker::default()).no_strategies().no_bootstrappers())
            .start()
            .await
            .unwrap();
        let asker = service.handle::<Asker>().unwrap();
        asker.with(|_, cx| cx.walk_to(started.listen)).unwrap();
        let peer = loop {
            if let Some(peer) = asker.with(|_, cx| cx.peers().pop()).unwrap() {
                break peer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(peer.mid().to_string(), started.mid);
        let queues = || {
            let queues = service.node().report().queues;
            [queues.requests, queues.caches, queues.timers, queues.tasks]
        };
        assert_eq!(queues(), [0; 4]);

        // All three ways at once: futures, functions, caches.
        let question = CountRequest { value: 0, identifier: 0 };
        let options = RequestOptions::within(Duration::from_millis(200)).retry(Retry::times(2));
        asker
            .with(|_, cx| {
                for _ in 0..EACH {
                    cx.request_within(options, &peer, question.clone(), Asker::on_end).unwrap();
                    let identifier = cx.add_cache(Waiting).unwrap();
                    cx.send(&peer, CountRequest { value: 1, identifier });
                }
            })
            .unwrap();
        let asked: Vec<_> = (0..EACH)
            .map(|_| {
                let (asker, peer, question) = (asker.clone(), peer.clone(), question.clone());
                tokio::spawn(async move { asker.request_within(options, &peer, question).await })
            })
            .collect();
        tokio::task::yield_now().await;
        assert_eq!(queues(), [2 * EACH, EACH, 3 * EACH, 0]);
        let timed_out = RequestError::TimedOut(Duration::from_millis(600));
        for answer in asked {
            let error = tokio::time::timeout(SOON, answer).await.expect("no request hangs").unwrap().unwrap_err();
            assert_eq!(error, timed_out);
        }
        let told = || asker.with(|asker, _| (asker.told.clone(), asker.timed_out)).unwrap();
        while told().0.len() < EACH || told().1 < EACH {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(told(), (vec![timed_out; EACH], EACH));
        assert_eq!(queues(), [0; 4], "nothing is left");
        let stats = service.stats();
        assert_eq!((stats.timeouts, stats.retries), (3 * EACH as u64, 4 * EACH as u64));
        service.stop().await;
    });
    // It did get the questions: three times each that was retried.
    for number in 0..EACH * 7 {
        silent.wait_for(&format!("question {number}"), SOON, |event| event["event"] == "asked").unwrap();
    }
    assert!(silent.terminate(SOON).unwrap().success());
}

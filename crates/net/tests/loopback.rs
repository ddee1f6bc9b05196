//! Nodes on real sockets: they meet, ask, are used from outside, and stop.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]
#![allow(clippy::disallowed_methods, reason = "real sockets take real time")]

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use ipv8_core::{
    Bootstrapper, Community, Context, Handle, OverlayConfig, Peer, RequestError, Routes,
    crypto::{Curve, PrivateKey},
    wire::{CommunityId, Message, community_id},
};
use ipv8_net::{Endpoint, Listen, Running};
use rand::{SeedableRng, rngs::StdRng};

#[derive(Message, Clone, Debug)]
#[message(id = 1, reply = Answer)]
struct Question {
    value: u32,
    identifier: u16,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[message(id = 2)]
struct Answer {
    value: u32,
    identifier: u16,
}

struct Quiz {
    silent: bool,
}

impl Community for Quiz {
    const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_question);
        r.reply::<Answer>();
    }
}

impl Quiz {
    fn on_question(&mut self, cx: &mut Context<'_>, from: &Peer, asked: Question) {
        if !self.silent {
            cx.send(from, Answer { value: asked.value + 1, identifier: asked.identifier });
        }
    }
}

/// Walks to whatever a name stands for.
struct ByName {
    host: &'static str,
    port: u16,
    found: Option<usize>,
}

impl Bootstrapper for ByName {
    fn name(&self) -> &'static str {
        "ByName"
    }

    fn started(&mut self, cx: &mut Context<'_>) {
        cx.resolve(self.host, self.port);
    }

    fn bootstrap(&mut self, _: &mut Context<'_>) {}

    fn is_initialized(&self) -> bool {
        self.found.is_some()
    }

    fn keep_alive(&mut self, _: &mut Context<'_>) {}

    fn resolved(&mut self, cx: &mut Context<'_>, _: &str, _: u16, addresses: &[SocketAddr]) {
        self.found = Some(addresses.len());
        for address in addresses.iter().filter(|address| address.is_ipv4()) {
            cx.walk_to(*address);
        }
    }
}

fn start(number: u8, config: OverlayConfig<Quiz>) -> (Running, Handle<Quiz>) {
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([number; 32])).unwrap();
    let endpoint = Endpoint::bind(&[Listen::exactly("127.0.0.1:0".parse().unwrap())], key).unwrap();
    let handle = endpoint.node().load(config).unwrap();
    (endpoint.run(), handle)
}

fn quiz(silent: bool) -> OverlayConfig<Quiz> {
    OverlayConfig::new(Quiz { silent })
}

async fn first_peer(handle: &Handle<Quiz>) -> Peer {
    for _ in 0..500 {
        if let Some(peer) = handle.with(|_, cx| cx.peers().pop()).unwrap() {
            return peer;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no peer within five seconds");
}

#[tokio::test]
async fn a_question_from_outside_the_node_is_answered() {
    let (a, a_quiz) = start(1, quiz(false));
    let (b, _) = start(2, quiz(false));
    a_quiz.with(|_, cx| cx.walk_to(b.local_addresses()[0])).unwrap();
    let peer = first_peer(&a_quiz).await;
    assert_eq!(peer.mid(), b.node().key().mid());
    let answer = a_quiz.request(&peer, Question { value: 41, identifier: 0 }).await.unwrap();
    assert_eq!(answer.value, 42);
    assert_eq!(a.node().pending(), (0, 0));
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn a_request_times_out_and_leaves_nothing_behind() {
    let (a, a_quiz) = start(3, quiz(false));
    let (b, _) = start(4, quiz(true));
    a_quiz.with(|_, cx| cx.walk_to(b.local_addresses()[0])).unwrap();
    let peer = first_peer(&a_quiz).await;
    let limit = Duration::from_millis(100);
    let outcome = a_quiz.request_within(limit, &peer, Question { value: 0, identifier: 0 }).await;
    assert_eq!(outcome, Err(RequestError::TimedOut(limit)));
    assert_eq!(a.node().pending(), (0, 0));
}

#[tokio::test]
async fn a_task_of_the_node_runs_on_sockets() {
    let (a, a_quiz) = start(5, quiz(false));
    let (b, _) = start(6, quiz(false));
    a_quiz.with(|_, cx| cx.walk_to(b.local_addresses()[0])).unwrap();
    let peer = first_peer(&a_quiz).await;
    let (done, mut answers) = tokio::sync::mpsc::unbounded_channel();
    let begin = Instant::now();
    a_quiz
        .with(|_, cx| {
            let handle = cx.handle::<Quiz>().unwrap();
            cx.spawn(async move {
                handle.sleep(Duration::from_millis(50)).await;
                let answer = handle.request(&peer, Question { value: 1, identifier: 0 }).await;
                done.send(answer).unwrap();
            });
        })
        .unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(5), answers.recv()).await.unwrap().unwrap();
    assert_eq!(answer.unwrap().value, 2);
    assert!(begin.elapsed() >= Duration::from_millis(50));
    drop(a);
}

#[tokio::test]
async fn names_are_resolved_by_the_driver() {
    let (b, b_quiz) = start(8, quiz(false));
    let port = b.local_addresses()[0].port();
    let (a, a_quiz) = start(7, quiz(false).bootstrapper(ByName { host: "localhost", port, found: None }));
    assert_eq!(first_peer(&a_quiz).await.mid(), b.node().key().mid());
    assert_eq!(first_peer(&b_quiz).await.mid(), a.node().key().mid());
}

#[tokio::test]
async fn stopping_is_quick_and_closes_the_socket() {
    let (a, a_quiz) = start(9, quiz(false));
    let address = a.local_addresses()[0];
    let begin = Instant::now();
    a.stop().await;
    assert!(begin.elapsed() < Duration::from_secs(2));
    assert!(!a_quiz.is_loaded());
    std::net::UdpSocket::bind(address).unwrap();
}

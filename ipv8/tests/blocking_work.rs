//! Work that blocks, in one community, unmodified on sockets and in the simulator: the node goes on meanwhile.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use ipv8::{
    BlockingError, Community, CommunityId, Context, Message, OverlayConfig, Peer, RequestError, Routes, Service,
    community_id,
};
use ipv8_sim::{NodeOptions, World};

#[derive(Message, Clone, Debug)]
#[message(id = 1, reply = Product)]
struct Factors {
    a: u32,
    b: u32,
    identifier: u16,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[message(id = 2)]
struct Product {
    value: u64,
    identifier: u16,
}

#[derive(Message, Clone, Debug)]
#[message(id = 3, reply = Pong)]
struct Ping {
    identifier: u16,
}

#[derive(Message, Clone, Debug)]
#[message(id = 4)]
struct Pong {
    identifier: u16,
}

type Work = Arc<dyn Fn(u32, u32) -> u64 + Send + Sync>;

/// Multiplies for others, which takes long.
struct Multiplier {
    work: Work,
    failed: Option<BlockingError>,
}

impl Community for Multiplier {
    const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8b1");

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_factors);
        r.on(|_: &mut Self, cx: &mut Context<'_>, from: &Peer, ping: Ping| {
            cx.send(from, Pong { identifier: ping.identifier });
        });
        r.reply::<Product>();
        r.reply::<Pong>();
    }
}

impl Multiplier {
    fn on_factors(&mut self, cx: &mut Context<'_>, from: &Peer, factors: Factors) {
        let Some(handle) = cx.handle::<Self>() else { return };
        let (from, work, Factors { a, b, identifier }) = (from.clone(), self.work.clone(), factors);
        cx.spawn(async move {
            let product = handle.blocking(move || work(a, b)).await;
            let _ = handle.with(|this, cx| match product {
                Ok(value) => cx.send(&from, Product { value, identifier }),
                Err(error) => this.failed = Some(error),
            });
        });
    }
}

fn multiplier(work: impl Fn(u32, u32) -> u64 + Send + Sync + 'static) -> OverlayConfig<Multiplier> {
    OverlayConfig::new(Multiplier { work: Arc::new(work), failed: None }).no_strategies().no_bootstrappers()
}

fn multiply(a: u32, b: u32) -> u64 {
    assert_ne!(a, 13, "on purpose");
    u64::from(a) * u64::from(b)
}

const LONG: Duration = Duration::from_secs(3);
const ASK: Factors = Factors { a: 6, b: 7, identifier: 0 };

#[test]
fn in_the_simulator_work_takes_the_time_that_it_is_given() {
    let run = || {
        let mut world = World::new(1);
        let asker = world.add_node(NodeOptions::default());
        let worker = world.add_node(NodeOptions::default().blocking_takes(LONG));
        let asker = world.node(asker).load(multiplier(multiply)).unwrap();
        let handle = world.node(worker).load(multiplier(multiply)).unwrap();
        let peer = Peer::new(world.node(worker).key().clone(), world.address(worker));
        let (ask, ping) = (asker.clone(), asker.clone());
        let times = async move {
            let now = |handle: &ipv8::Handle<Multiplier>| handle.with(|_, cx| cx.now().since_origin()).unwrap();
            let other = peer.clone();
            let product = ask.spawn({
                let ask = ask.clone();
                async move { (ask.request(&other, ASK).await, now(&ask)) }
            });
            ping.request(&peer, Ping { identifier: 0 }).await.unwrap();
            let pong = now(&ping);
            let (product, done) = product.unwrap().await.unwrap();
            let refused = ping.request_within(LONG * 2, &peer, Factors { a: 13, ..ASK }).await;
            assert!(matches!(refused, Err(RequestError::TimedOut(_))));
            (pong, done, product.unwrap().value)
        };
        let (pong, done, value) = world.complete(&asker, LONG * 10, times).unwrap();
        assert_eq!(value, 42);
        assert!(pong < Duration::from_millis(200), "{pong:?}: the node goes on while it works");
        assert!(done >= LONG && done < LONG + Duration::from_millis(200), "{done:?}");
        let failed = handle.with(|this, _| this.failed.clone()).unwrap();
        assert!(matches!(failed, Some(BlockingError::Panicked(said)) if said.contains("on purpose")));
        (pong, done, world.trace_hash())
    };
    assert_eq!(run(), run());
}

async fn start(config: OverlayConfig<Multiplier>) -> Service {
    let here: SocketAddr = "127.0.0.1:0".parse().unwrap();
    ipv8::builder().listen(here).no_default_bootstrap().overlay(config).start().await.unwrap()
}

#[tokio::test]
async fn on_sockets_the_node_goes_on_while_work_blocks() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let worker = start(multiplier(move |a, b| {
        // On the thread of the runtime this would wait for ever: there is but one.
        wait.lock().unwrap().recv().unwrap();
        multiply(a, b)
    }))
    .await;
    let asker = start(multiplier(multiply)).await;
    let handle = asker.handle::<Multiplier>().unwrap();
    let peer = Peer::new(worker.key().clone(), worker.local_addresses()[0]);
    let asked = {
        let (handle, peer) = (handle.clone(), peer.clone());
        tokio::spawn(async move { handle.request(&peer, ASK).await })
    };
    while worker.node().pending().0 == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    handle.request(&peer, Ping { identifier: 0 }).await.unwrap();
    assert!(!asked.is_finished());
    go.send(()).unwrap();
    assert_eq!(asked.await.unwrap().unwrap().value, 42);
    asker.stop().await;
    let report = worker.stop().await;
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
async fn work_that_never_ends_does_not_keep_a_node_from_stopping() {
    let (_never, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let worker = start(multiplier(move |_, _| {
        let _ = wait.lock().unwrap().recv();
        0
    }))
    .await;
    let handle = worker.handle::<Multiplier>().unwrap();
    let outside = {
        let handle = handle.clone();
        let work = handle.with(|this, _| this.work.clone()).unwrap();
        tokio::spawn(async move { handle.blocking(move || work(1, 1)).await })
    };
    tokio::task::yield_now().await;
    let report = worker.stop().await;
    assert!(report.is_clean() && report.took < Duration::from_secs(2), "{report}");
    assert!(!outside.is_finished());
    outside.abort();
}

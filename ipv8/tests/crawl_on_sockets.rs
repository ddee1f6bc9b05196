//! The simulator's lookup (`crates/sim/tests/crawl.rs`), unmodified, on real sockets: a task of the node, no runtime of its
//! own, four requests in flight.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "real sockets take real time; what fails fails the test"
)]

use std::time::Duration;

use ipv8::{MaxPeers, OverlayConfig, RandomWalk, Service, Target, discovery::Tracker};
use ipv8_sim::testing::crawl::{CLOSEST, Crawler, crawl, distance};

const NODES: usize = 20;
const PATIENCE: Duration = Duration::from_secs(60);

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = std::time::Instant::now();
    while !holds() {
        assert!(begin.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn peers(service: &Service) -> usize {
    service.handle::<Crawler>().unwrap().with(|_, cx| cx.peer_count()).unwrap()
}

#[tokio::test]
async fn a_crawl_finds_the_closest_nodes_on_sockets() {
    let here = "127.0.0.1:0".parse().unwrap();
    let tracker = OverlayConfig::new(Tracker::default()).any_prefix().no_strategies().no_bootstrappers();
    let tracker = ipv8::builder().no_default_bootstrap().listen(here).overlay(tracker).start().await.unwrap();
    let mut services = Vec::new();
    for _ in 0..NODES {
        let crawler = OverlayConfig::new(Crawler::default())
            .max_peers(MaxPeers::Unlimited)
            .strategy(RandomWalk::default(), Target::Peers(NODES - 1));
        let builder = ipv8::builder().listen(here).bootstrap(tracker.local_addresses()[0].to_string());
        services.push(builder.overlay(crawler).start().await.unwrap());
    }
    until("every node knows a few others", || services.iter().all(|service| peers(service) >= 5)).await;

    // As the tables of a DHT fill: everybody looks for itself first.
    for service in &services {
        let handle = service.handle::<Crawler>().unwrap();
        crawl(handle, service.mid()).await.unwrap();
    }
    let (from, to) = (&services[3], &services[11]);
    let target = to.mid();
    let (done, found) = tokio::sync::oneshot::channel();
    let handle = from.handle::<Crawler>().unwrap();
    let lookup = crawl(handle.clone(), target);
    handle
        .with(|_, cx| {
            cx.spawn(async move {
                let _ = done.send(lookup.await);
            })
        })
        .unwrap();
    let found = tokio::time::timeout(PATIENCE, found).await.unwrap().unwrap().unwrap();

    let mut truth: Vec<_> = services.iter().map(Service::mid).filter(|mid| *mid != from.mid()).collect();
    truth.sort_by_key(|mid| distance(mid, &target.0));
    truth.truncate(CLOSEST);
    assert_eq!(found.closest.iter().map(ipv8::Peer::mid).collect::<Vec<_>>(), truth);
    assert_eq!(found.closest[0].address(), to.local_addresses()[0]);
    assert_eq!(from.node().pending(), (0, 0), "tasks and requests ended");
}

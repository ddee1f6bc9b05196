//! An async lookup runs as a task of its node: two hundred nodes, four requests in flight, no runtime.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use common::{add_tracker, add_walkers, secs};
use ipv8_core::crypto::Mid;
use ipv8_sim::{
    Link, NodeId, World,
    testing::crawl::{CLOSEST, Crawler, Found, MOST_ASKED, crawl, distance},
};

/// Two hundred nodes that walked until they knew fifteen others, and then all looked for themselves at once.
fn overlay(link: Link) -> (World, Vec<NodeId>) {
    let mut world = World::builder(5).link(link).record(20).build();
    add_tracker(&mut world);
    let nodes = add_walkers(&mut world, 200, 15, Crawler::default);
    // Long enough for a second round to the tracker, for those whose first one was lost.
    world.run_for(secs(45));
    for id in &nodes {
        let handle = world.find::<Crawler>(*id).unwrap();
        let task = |own| {
            let crawl = crawl(handle.clone(), own);
            async move { assert!(!crawl.await.unwrap().closest.is_empty()) }
        };
        handle.with(|_, cx| cx.spawn(task(cx.my_mid()))).unwrap();
    }
    world.run_for(secs(20));
    let ended = |id: &NodeId| world.node(*id).pending() == (0, 0) && world.node(*id).stats().panics == 0;
    assert!(nodes.iter().all(ended), "all joined");
    (world, nodes)
}

fn mids(world: &World, nodes: &[NodeId]) -> Vec<Mid> {
    nodes.iter().map(|id| world.node(*id).key().mid()).collect()
}

/// Looks for the id of one node from another.
fn look(world: &mut World, from: NodeId, target: Mid) -> Found {
    let handle = world.find::<Crawler>(from).unwrap();
    world.complete(&handle, secs(60), crawl(handle.clone(), target)).unwrap().unwrap()
}

#[test]
fn a_crawl_finds_the_closest_nodes_of_all() {
    let (mut world, nodes) = overlay(Link::default());
    for (from, to) in [(17, 42), (100, 3), (199, 150)] {
        let (asker, target) = (nodes[from], mids(&world, &nodes)[to]);
        let own = world.node(asker).key().mid();
        let mut truth = mids(&world, &nodes);
        truth.retain(|mid| *mid != own);
        truth.sort_by_key(|mid| distance(mid, &target.0));
        truth.truncate(CLOSEST);
        let found = look(&mut world, asker, target);
        assert_eq!(found.closest.iter().map(|peer| peer.mid()).collect::<Vec<_>>(), truth, "from {from} to {to}");
        assert_eq!(found.closest[0].address(), world.address(nodes[to]));
        assert!(found.asked <= MOST_ASKED && found.silent == 0, "{found:?}");
    }
    assert!(nodes.iter().all(|id| world.node(*id).pending() == (0, 0)), "tasks and requests ended");
}

#[test]
fn a_crawl_goes_round_nodes_that_do_not_answer() {
    let (mut world, nodes) = overlay(Link::default());
    let target = mids(&world, &nodes)[42];
    let before = look(&mut world, nodes[17], target);
    // The closest three are gone.
    for gone in &before.closest[..3] {
        let id = nodes.iter().copied().find(|id| world.address(*id) == gone.address()).unwrap();
        world.crash(id);
    }
    let after = look(&mut world, nodes[17], target);
    assert!(after.silent >= 3, "{after:?}");
    assert_eq!(after.closest[..5], before.closest[3..]);
}

#[test]
fn a_crawl_over_bad_links_runs_the_same_way_twice() {
    let run = || {
        let (mut world, nodes) = overlay(Link::default().loss(0.1).duplication(0.05));
        let target = mids(&world, &nodes)[42];
        let started = world.now();
        let found = look(&mut world, nodes[17], target);
        (found, world.now().since(started), world.trace_hash())
    };
    let first = run();
    assert_eq!(first.0.closest.len(), CLOSEST);
    assert_eq!(run(), first);
}

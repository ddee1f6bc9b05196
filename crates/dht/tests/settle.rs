//! Who ends soon waits for those that did not confirm at once.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::time::Duration;

use common::{grown, run, world};
use ipv8_dht::{DhtConfig, Sign};
use ipv8_sim::Link;

#[test]
fn with_loss_those_that_confirm_when_asked_again_are_counted() {
    let (mut later, mut settled) = (0, 0);
    for seed in 0..4 {
        let mut world = world(40 + seed, Link::default().loss(0.2));
        let nodes = grown(&mut world, 20, &DhtConfig::default());
        let [before, after] = run(&mut world, *nodes.first().unwrap(), |dht| async move {
            let mut stored = dht.store([7; 20], b"value", Sign::No).await.unwrap();
            let before = [stored.nodes.len(), stored.later];
            dht.settle(&mut stored, Duration::from_secs(2)).await;
            [before, [stored.nodes.len(), stored.later]]
        });
        let ([nodes, waiting], [all, left]) = (before, after);
        assert_eq!((all - nodes) + left, waiting, "{before:?} {after:?}");
        later += waiting;
        settled += all - nodes;
    }
    assert!(later > 0, "choose other seeds: none was late");
    assert!(settled > 0, "{later} were late, and none confirmed");
}

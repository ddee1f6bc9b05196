//! Requests and caches under any order of events: at most one end each, and what is promised about which; nothing is left
//! in the end, and nobody waits forever.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod events;
mod world;

use std::time::Duration;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn everything_ends_once_and_leaves_nothing(seed: u8, events in prop::collection::vec(events::event(), 1..60)) {
        let mut world = world::World::new(seed);
        for event in &events {
            world.step(event);
            world.check();
        }
        // Nobody waits for longer than the longest patience: 2 + 4 + 8 seconds.
        world.wait(Duration::from_secs(15));
        world.check();
        world.check_that_nothing_is_left();
    }
}

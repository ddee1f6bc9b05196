//! How IPv8 peers find each other: strategies that walk, bootstrappers, and the tracker.
//!
//! | item | what it does |
//! |---|---|
//! | [`RandomWalk`] | walks to introduced addresses and asks for introductions |
//! | [`TrackerBootstrapper`] | finds first peers through trackers |
//! | [`Tracker`] | is one: introduces the peers of any community to each other |

mod bootstrap;
mod tracker;
mod walk;

pub use self::{
    bootstrap::{DEFAULT_TRACKERS, TrackerBootstrapper},
    tracker::{Tracker, TrackerLimits},
    walk::RandomWalk,
};

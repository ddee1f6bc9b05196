//! How IPv8 peers find each other: strategies that walk, bootstrappers, and the tracker.
//!
//! | item | what it does |
//! |---|---|
//! | [`RandomWalk`] | walks to introduced addresses and asks for introductions |
//! | [`SteeredWalk`] | the same by better rules, as an option |
//! | [`EdgeWalk`] | walks from peer to peer, depth first |
//! | [`RandomChurn`] | drops peers that are gone |
//! | [`PeriodicSimilarity`] | tells peers our communities now and then |
//! | [`TrackerBootstrapper`] | finds first peers through trackers |
//! | [`DiscoveryCommunity`] | tells peers of other communities which ones we are in |
//! | [`strategies`], [`bootstrappers`] | all of them by name, for configurations |
//! | [`UdpBroadcastBootstrapper`] | finds first peers in the LAN by broadcasting beacons |
//! | [`Tracker`] | is one: introduces the peers of any community to each other |

mod bootstrap;
mod broadcast;
mod catalog;
mod churn;
mod edge;
pub mod messages;
mod overlay;
mod pace;
mod similarity;
mod steered_walk;
mod tracker;
mod walk;

pub use ipv8_core::beacon::{BEACON_LEN, beacon, beacon_community};

pub use self::{
    bootstrap::{DEFAULT_TRACKERS, TrackerBootstrapper},
    broadcast::UdpBroadcastBootstrapper,
    catalog::{bootstrappers, strategies},
    churn::RandomChurn,
    edge::EdgeWalk,
    overlay::{DISCOVERY_COMMUNITY, DiscoveryCommunity},
    similarity::PeriodicSimilarity,
    steered_walk::SteeredWalk,
    tracker::{Listed, Tracker, TrackerLimits},
    walk::RandomWalk,
};

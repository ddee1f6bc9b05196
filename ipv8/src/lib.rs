#![doc = include_str!("../README.md")]
//!
//! ---
//!
//! # Where things are
//!
//! This crate joins the others and adds the [`Builder`]. A community is written with what stands at the root; the modules
//! hold the rest: [`core`] (the node), [`wire`] (bytes and formats), [`crypto`] (keys), [`discovery`] (strategies,
//! bootstrappers, the tracker), [`dht`], [`net`] (sockets); [`config`] reads files, [`launcher`] declares overlays for
//! them. [`tutorial`] walks through a first overlay, [`tutorial::discovery_strategy`] through a strategy of one's own,
//! [`tutorial::request_cache`] through requests and what is remembered between messages, [`tutorial::dht`] through the
//! distributed hash table, [`tutorial::testing`] through tests of an overlay.
#![allow(clippy::disallowed_methods, reason = "the builder draws fresh keys from the operating system")]

mod builder;
pub mod config;
mod keys;
pub mod launcher;
mod load;
mod peer_file;
mod service;

/// Creating your first overlay, step by step.
#[doc = include_str!("../docs/tutorial/overlay.md")]
pub mod tutorial {
    /// Testing an overlay with many nodes, without sockets and without waiting.
    #[doc = include_str!("../docs/tutorial/testing.md")]
    pub mod testing {}

    /// Network I/O without bursts, and a strategy of your own.
    #[doc = include_str!("../docs/tutorial/discovery-strategy.md")]
    pub mod discovery_strategy {}

    /// Storing states: caches, requests, and a replay attack.
    #[doc = include_str!("../docs/tutorial/request-cache.md")]
    pub mod request_cache {}

    /// Storing and finding values, and finding peers, in a distributed hash table.
    #[doc = include_str!("../docs/tutorial/dht.md")]
    pub mod dht {}

    /// What a community does by itself: tasks, their times, their names and their end.
    #[doc = include_str!("../docs/tasks.md")]
    pub mod tasks {}
}

pub use ipv8_core::{
    self as core, BlockingError, Bootstrapper, Cache, CacheError, Cancelled, Community, Context, DropReason, Elapsed,
    Handle, HandleError, Hardening, JoinError, LastTask, MaxPeers, Node, OverlayConfig, Passthrough, Peer, Promise,
    Promised, Received, RequestError, RequestId, RequestLimit, RequestLimits, RequestOptions, Retry, Routes, Schedule,
    SendError, Settings, SettingsError, Stats, Strategy, StrategyCatalog, Target, Task, TaskError, TaskInfo, TaskRef,
    Time, UnloadReport, Value, handlers, promise,
};
pub use ipv8_crypto::{self as crypto, Curve, Mid, PrivateKey, PublicKey};
pub use ipv8_dht as dht;
pub use ipv8_discovery::{self as discovery, RandomWalk, TrackerBootstrapper};
pub use ipv8_net::{self as net, StopReport};
pub use ipv8_wire::{self as wire, Address, CommunityId, Message, Payload, community_id};

pub use self::{
    builder::{Builder, DEFAULT_PORT, DEFAULT_SAVE_INTERVAL, StartError, builder},
    config::Config,
    keys::KeySource,
    launcher::{Launcher, Launchers},
    peer_file::{LoadedPeers, PeerFile, PeerFileError},
    service::Service,
};

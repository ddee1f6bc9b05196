//! Runs IPv8 nodes under deterministic virtual time.
//!
//! A [`World`] holds nodes, the links between them and what is to happen when. It has no runtime and no clock: virtual
//! time jumps from one event to the next, so that a quiet hour costs nothing and a run depends on its seed alone, with
//! [any number of threads](WorldBuilder::threads). The communities in it are the same code that runs on sockets.
//!
//! ```
//! use std::time::Duration;
//! use ipv8_core::{Community, Context, Peer, Routes, wire::{CommunityId, Message, community_id}};
//! use ipv8_sim::{Link, NodeOptions, World};
//!
//! #[derive(Message, Clone, Debug)]
//! #[message(id = 1)]
//! struct Hello {
//!     number: u32,
//! }
//!
//! #[derive(Default)]
//! struct Greeter {
//!     heard: u32,
//! }
//!
//! impl Community for Greeter {
//!     const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");
//!
//!     fn routes(r: &mut Routes<Self>) {
//!         r.on(|greeter: &mut Self, _: &mut Context<'_>, _: &Peer, m: Hello| greeter.heard += m.number);
//!         r.every(Duration::from_secs(1), |_: &mut Self, cx: &mut Context<'_>| {
//!             for peer in cx.peers() {
//!                 cx.send(&peer, Hello { number: 1 });
//!             }
//!         });
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut world = World::builder(7).link(Link::default().loss(0.1)).build();
//! let (alice, bob) = (world.add_node(NodeOptions::default()), world.add_node(NodeOptions::default()));
//! let greeter = world.node(alice).load(Greeter::default())?;
//! world.node(bob).load(Greeter::default())?;
//! let to_bob = world.address(bob);
//! greeter.with(|_, cx| cx.walk_to(to_bob))?;
//! world.run_for(Duration::from_secs(60));
//! assert!(greeter.with(|greeter, _| greeter.heard)? > 40);
//! # Ok(())
//! # }
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`world`] | nodes, time, what happens next |
//! | [`options`] | how a world and its nodes are made |
//! | [`link`] | latency, loss, duplication, reordering, bandwidth, regions, partitions; the [`Fabric`] seam for other networks |
//! | [`nat`] | networks with nodes behind NATs |
//! | [`capture`] | every packet, for files that Wireshark opens, and for comparing runs |
//! | [`cpu`] | what the work of a node costs, where that matters |
//! | [`attack`] | attackers: what they send, whom, how much, and what they hear |
//! | [`trace`] | the hash of a run, and its last packets |
//! | [`metrics`] | what was counted |
//!
//! A test that panics while it owns a world prints the world's seed, its time and its last packets.

pub mod attack;
pub mod capture;
pub mod cpu;
pub mod link;
pub mod metrics;
pub mod nat;
pub mod options;
#[cfg(feature = "testing")]
pub mod testing;
pub mod trace;
pub mod world;

mod queue;
mod seed;

pub use self::{
    attack::{Attacker, AttackerOptions},
    cpu::CpuModel,
    link::{Delivery, Fabric, Hosts, Latency, Link, Links, Packet, RegionId, Regions},
    metrics::{Hostile, Loss, Metrics, Spread},
    options::{NodeOptions, WorldBuilder},
    world::{AttackerId, CompleteError, NodeId, World},
};

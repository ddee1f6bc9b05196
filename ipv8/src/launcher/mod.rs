//! Launchers: reusable declarations of overlays.
//!
//! A [`Launcher`] says once how an overlay is made and run: with which key, which strategies look for its peers, what it
//! is told in its settings, what happens when it starts, and which overlays come before it. It can then be given to a
//! [`Builder`](crate::Builder), to several of them, or be named in a configuration file: the reference's
//! `CommunityLauncher`, of which its tutorial says that it is the shortest way.
//!
//! ```
//! # use ipv8::{Community, CommunityId, Context, Routes, Strategy, Target, community_id};
//! # struct Mine { size: usize }
//! # impl Community for Mine {
//! #     const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");
//! #     fn routes(_: &mut Routes<Self>) {}
//! # }
//! # impl Mine { fn greet(&mut self, _: &mut Context<'_>) {} }
//! # #[derive(Default)] struct MyStrategy;
//! # impl Strategy for MyStrategy {
//! #     fn name(&self) -> &'static str { "MyStrategy" }
//! #     fn step(&mut self, _: &mut Context<'_>) {}
//! # }
//! use ipv8::launcher::{Launcher, Launchers};
//!
//! let mine = Launcher::new(|settings| Ok(Mine { size: settings.take_usize("size").unwrap_or(3) }))
//!     .strategy(MyStrategy::default, Target::Always)
//!     .after("DiscoveryCommunity")
//!     .on_start(|mine, cx| mine.greet(cx));
//!
//! let launchers = Launchers::standard().with(mine);
//! assert_eq!(launchers.names().collect::<Vec<_>>(), ["DiscoveryCommunity", "DHTDiscoveryCommunity", "DHTCommunity", "Mine"]);
//! ```
//!
//! `ipv8::builder().launchers(&launchers)` then loads them all, and [`Layers::read`](crate::config::Layers::read) lets a
//! configuration file choose and adjust them by these names. [`Launchers::load`] loads them into a node that is there already,
//! a simulated one for instance.
//!
//! # The reference's decorators
//!
//! | py-ipv8 | here |
//! |---|---|
//! | `@overlay(Class)` | [`Launcher::new`], [`Launcher::of`] |
//! | `@name("x")` | [`Launcher::name`] |
//! | `@kwargs(a="b")` | [`Launcher::setting`] |
//! | `@walk_strategy(Class, target_peers=20)` | [`Launcher::strategy`], [`Launcher::named_strategy`] |
//! | `@bootstrapper(Class)` | [`Launcher::bootstrapper`], [`Launcher::named_bootstrapper`] |
//! | `@after("x")` | [`Launcher::after`] |
//! | `@precondition("…")` | [`Launcher::only_if`] |
//! | `@set_in_session("x")`, `finalize` | [`Launcher::loaded`] |
//! | `prepare` | the closure given to [`Launcher::new`] |
//! | `get_my_peer` | [`Launcher::key`], [`Launcher::key_alias`], [`Launcher::fresh_key`] |
//! | `on_start` of the configuration | [`Launcher::on_start`], [`Launcher::method`] |

mod declare;
mod order;
mod prepare;
mod standard;

pub(crate) use self::{
    declare::Erased,
    order::order,
    prepare::{Call, DEFAULT_TARGET, KeyChoice, Loading, Named, Overrides, Prepared, Start},
    standard::take_republish,
};
pub use self::{
    declare::{Launcher, Launchers},
    order::OrderError,
};

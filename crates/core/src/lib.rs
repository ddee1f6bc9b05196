//! The node of IPv8, without I/O.
//!
//! A [`Node`] loads communities (see [`Community`]), finds out who their peers are, authenticates every message, and
//! polls the tasks of communities in its own turns. It performs no I/O and reads no clock: a driver hands in time,
//! datagrams and randomness, and takes out datagrams and deadlines. The same community thus runs on real sockets and in a
//! simulator with thousands of nodes under virtual time.
//!
//! | module | holds |
//! |---|---|
//! | [`community`], [`routes`], [`context`] | what users write: communities, handlers, what a handler can do |
//! | [`handle`] | the async view: tasks and sleeps |
//! | [`schedule`], [`blocking`], `unload` | tasks: when they run, what takes long, how they end |
//! | [`request`] | requests that wait for their answer, states that wait for more |
//! | [`node`] | the turn, and the driver's side |
//! | [`network`] | the graph of peers and addresses |
//! | [`messages`], `intro` | introductions and punctures |
//! | [`strategy`], [`bootstrap`], [`beacon`] | how peers are looked for |
//! | [`hardening`], `defence` | what is believed, and what is done for strangers |
//! | [`catalog`], [`settings`] | both by name, from a configuration |
//! | [`stats`], [`observe`] | what is counted, for each overlay and message; what becomes of each datagram |

pub mod beacon;
pub mod blocking;
pub mod bootstrap;
pub mod catalog;
pub mod community;
pub mod context;
pub mod handle;
pub mod messages;
pub mod network;
pub mod node;
pub mod observe;
pub mod request;
#[macro_use]
pub mod routes;
pub mod schedule;
pub mod settings;
mod sorted;
pub mod stats;
pub mod strategy;

mod addresses;
mod chain;
mod defence;
mod driver_waker;
mod inbound;
mod intro;
mod join;
mod keys;
mod outbox;
mod peer;
mod scheduled;
mod state;
mod tasks;
mod time;
mod timers;
mod unload;
mod watch;

pub use ipv8_crypto as crypto;
pub use ipv8_wire as wire;

pub use self::{
    addresses::Interfaces,
    blocking::{Blocking, BlockingError, BlockingJob},
    bootstrap::{Bootstrapper, Resolve},
    catalog::{BootstrapperCatalog, MakeError, StrategyCatalog},
    community::{Community, MaxPeers, OverlayConfig, OverlayId},
    context::{Context, Received},
    defence::hardening::{self, DefenceTables, Hardening},
    handle::{Elapsed, Handle, HandleError, Sleep},
    join::{JoinError, Task},
    keys::KeyCache,
    network::{Limits, Network, PeerRecord, PeersError},
    node::{Clock, LoadError, Node, NodeConfig, Outlook},
    observe::{Observation, Observer},
    outbox::{MAX_DATAGRAM, SendError, Transmit},
    peer::Peer,
    request::{
        Cache, CacheError, CacheNumber, Cancelled, Passthrough, PassthroughGuard, Promise, Promised, RequestError,
        RequestId, RequestLimit, RequestLimits, RequestOptions, Retry, promise,
    },
    routes::{Outcome, RouteError, Routes, SenderOf},
    schedule::{Schedule, TaskError, TaskInfo, TaskRef},
    settings::{Settings, SettingsError, Value},
    stats::{DriverCounters, DriverStats, DropReason, Stats, StatsReport},
    strategy::{Strategy, StrategyInfo, Target},
    tasks::TaskId,
    time::Time,
    unload::{DEFAULT_UNLOAD_LIMIT, LastTask, UnloadReport, Unloading},
    watch::Busy,
};

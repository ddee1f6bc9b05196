//! `ipv8 tracker`: a bootstrap server for every community.

mod lists;

use std::net::{Ipv4Addr, SocketAddr};

use ipv8::net::{BindError, Endpoint, Listen};
use ipv8_core::hardening::{Admission, Rate};
use ipv8_core::{Handle, Hardening, NodeConfig, OverlayConfig};
use ipv8_crypto::{Curve, Mid, PrivateKey, keyfile};
use ipv8_discovery::{Tracker, TrackerLimits};
use serde::Serialize;

use crate::api::Server;
use crate::args::TrackerOptions;
use crate::failure::Failure;
use crate::key::system_rng;
use crate::output::Events;
use crate::runtime::{self, Asked, Signals};
use crate::statistics::Numbers;

/// Where a tracker listens unless told otherwise, or at the next free port: as the reference's.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8_090);

/// Serves until told to stop.
pub(crate) fn run(options: &TrackerOptions) -> Result<(), Failure> {
    let mut rng = system_rng()?;
    let key = match &options.key {
        Some(path) => keyfile::load_or_generate(path, Curve::Curve25519, &mut rng).map_err(Failure::failed)?,
        None => PrivateKey::generate(Curve::Curve25519, &mut rng).map_err(Failure::failed)?,
    };
    let mut listen: Vec<_> = options.listen.iter().copied().map(Listen::exactly).collect();
    if listen.is_empty() {
        listen.push(Listen::or_next(DEFAULT_LISTEN));
    }
    let events = Events::start(options.json)?;
    let result = runtime::block_on(async {
        let mut signals = Signals::new()?;
        let api = match options.api {
            Some(address) => Some(Server::bind(address).await?),
            None => None,
        };
        let hardening = if options.hardened { hardened() } else { Hardening::default() };
        let tracker = start_with(&listen, key, options.limits.into(), hardening)?;
        let result = tracker.watch(api, &mut signals, &events).await;
        let last = tracker.statistics();
        runtime::goodbye(tracker.stop()).await;
        result.and_then(|()| last?.print(&events))
    });
    result.and(events.finish())
}

/// A tracker that runs.
#[must_use = "the tracker ends when this is dropped"]
pub(crate) struct Running {
    node: ipv8::net::Running,
    tracker: Handle<Tracker>,
}

/// Starts a tracker with default limits in the current runtime.
pub(crate) fn start(listen: Listen, key: PrivateKey) -> Result<Running, Failure> {
    start_with(&[listen], key, TrackerLimits::default(), Hardening::default())
}

/// Admission for a tracker, to which everybody is a stranger. A host may have 20 milliseconds of each second for its
/// signatures: 600 with keys of today, some 10 with the slowest ones. All hosts together may have 800, so that there is time
/// left to answer.
fn hardened() -> Hardening {
    let admission = Admission {
        per_stranger: Rate::new(100_000, 20_000),
        strangers: Rate::new(1_000_000, 800_000),
        per_peer: Rate::new(100_000, 20_000),
    };
    Hardening { admission: Some(admission), ..Hardening::hardened() }
}

fn start_with(
    listen: &[Listen],
    key: PrivateKey,
    limits: TrackerLimits,
    hardening: Hardening,
) -> Result<Running, Failure> {
    let config = |seed| NodeConfig { hardening, ..NodeConfig::new(key, seed) };
    let endpoint = Endpoint::bind_with(listen, config).map_err(|error| match error {
        BindError::SameFamily { .. } => Failure::Usage(format!("--listen: {error}")),
        error => Failure::failed(error),
    })?;
    let tracker =
        endpoint.node().load(OverlayConfig::new(Tracker::new(limits)).any_prefix()).map_err(Failure::failed)?;
    Ok(Running { node: endpoint.run(), tracker })
}

#[derive(Serialize)]
struct Started {
    event: &'static str,
    /// The first address, for those who know of one only.
    listen: String,
    addresses: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api: Option<String>,
    mid: String,
}

/// What was counted so far; `peers` and `communities` are those of the moment.
#[derive(Serialize)]
struct Statistics {
    event: &'static str,
    peers: usize,
    communities: usize,
    #[serde(flatten)]
    numbers: Numbers,
    #[serde(skip)]
    table: String,
}

impl Statistics {
    fn print(&self, events: &Events) -> Result<(), Failure> {
        let Self { peers, communities, table, .. } = self;
        events.print(self, || format!("{peers} peers in {communities} communities\n{table}"))
    }
}

impl Running {
    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.node.local_addresses().first().copied().unwrap_or(DEFAULT_LISTEN)
    }

    pub(crate) fn mid(&self) -> Mid {
        self.node.node().key().mid()
    }

    pub(crate) async fn stop(self) {
        self.node.stop_within(runtime::LAST_TASKS).await;
    }

    /// Tells what happens until the tracker is to stop.
    async fn watch(&self, api: Option<Server>, signals: &mut Signals, events: &Events) -> Result<(), Failure> {
        self.print_started(api.as_ref(), events)?;
        let serve = async {
            match api {
                Some(api) => api.serve(lists::routes(self.tracker.clone())).await,
                None => std::future::pending().await,
            }
        };
        let mut serve = std::pin::pin!(serve);
        loop {
            tokio::select! {
                asked = signals.next() => match asked {
                    Asked::Stop => return Ok(()),
                    Asked::Statistics => self.statistics()?.print(events)?,
                },
                () = &mut serve => return Ok(()),
            }
        }
    }

    /// What was counted until now.
    fn statistics(&self) -> Result<Statistics, Failure> {
        let now = self.tracker.with(|tracker, _| (tracker.len(), tracker.communities().count()));
        let (peers, communities) = now.map_err(Failure::failed)?;
        let report = self.node.report();
        let table = report.to_string().trim_end().to_owned();
        Ok(Statistics { event: "statistics", peers, communities, numbers: Numbers::of(&report), table })
    }

    fn print_started(&self, api: Option<&Server>, events: &Events) -> Result<(), Failure> {
        let started = Started {
            event: "started",
            listen: self.address().to_string(),
            addresses: self.node.local_addresses().iter().map(ToString::to_string).collect(),
            api: api.map(|api| api.address().to_string()),
            mid: self.mid().to_string(),
        };
        events.print(&started, || {
            let addresses = started.addresses.join(" and ");
            let api = started.api.as_ref().map(|api| format!("\nit lists its peers at http://{api}/services"));
            format!("the tracker listens at {addresses} as {}{}", started.mid, api.unwrap_or_default())
        })
    }
}

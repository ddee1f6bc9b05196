//! `ipv8 tracker`: a bootstrap server for every community.

mod api;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use ipv8::net::{BindError, Endpoint, Listen};
use ipv8_core::{Handle, OverlayConfig};
use ipv8_crypto::{Curve, Mid, PrivateKey, keyfile};
use ipv8_discovery::{Tracker, TrackerLimits};
use serde::Serialize;

use self::api::Api;
use crate::args::TrackerOptions;
use crate::failure::Failure;
use crate::key::system_rng;
use crate::output;
use crate::runtime::{self, Stop};

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
    runtime::block_on(async {
        let mut stop = Stop::new()?;
        let api = match options.api {
            Some(address) => Some(Api::bind(address).await?),
            None => None,
        };
        let tracker = start_with(&listen, key, options.limits.into())?;
        let result = tracker.print_started(api.as_ref(), options.json);
        if result.is_ok() {
            let serve = async {
                match api {
                    Some(api) => api.serve(tracker.tracker.clone()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.requested() => {}
                () = serve => {}
            }
        }
        runtime::goodbye(tracker.stop()).await;
        result
    })
}

/// A tracker that runs.
#[must_use = "the tracker ends when this is dropped"]
pub(crate) struct Running {
    node: ipv8::net::Running,
    tracker: Handle<Tracker>,
}

/// Starts a tracker with default limits in the current runtime.
pub(crate) fn start(listen: Listen, key: PrivateKey) -> Result<Running, Failure> {
    start_with(&[listen], key, TrackerLimits::default())
}

fn start_with(listen: &[Listen], key: PrivateKey, limits: TrackerLimits) -> Result<Running, Failure> {
    let endpoint = Endpoint::bind(listen, key).map_err(|error| match error {
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

impl Running {
    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.node.local_addresses().first().copied().unwrap_or(DEFAULT_LISTEN)
    }

    pub(crate) fn mid(&self) -> Mid {
        self.node.node().key().mid()
    }

    pub(crate) async fn stop(self) {
        self.node.stop().await;
    }

    fn print_started(&self, api: Option<&Api>, json: bool) -> Result<(), Failure> {
        let started = Started {
            event: "started",
            listen: self.address().to_string(),
            addresses: self.node.local_addresses().iter().map(ToString::to_string).collect(),
            api: api.map(|api| api.address().to_string()),
            mid: self.mid().to_string(),
        };
        let mut out = io::stdout();
        if json {
            output::json(&mut out, &started)?;
        } else {
            let addresses = started.addresses.join(" and ");
            output::line(&mut out, &format!("the tracker listens at {addresses} as {}", started.mid))?;
            if let Some(api) = &started.api {
                output::line(&mut out, &format!("it lists its peers at http://{api}/services"))?;
            }
        }
        output::flush(&mut out)
    }
}

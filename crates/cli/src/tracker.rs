//! `ipv8 tracker`: a bootstrap server for every community.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use ipv8::net::{Endpoint, Listen};
use ipv8_core::OverlayConfig;
use ipv8_crypto::{Curve, Mid, PrivateKey, keyfile};
use ipv8_discovery::Tracker;
use serde::Serialize;

use crate::args::TrackerOptions;
use crate::failure::Failure;
use crate::key::system_rng;
use crate::output;
use crate::runtime::{self, Stop};

/// Where a tracker listens unless told otherwise, or at the next free port: as the reference's.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8_090);

/// Serves until told to stop.
pub(crate) fn run(options: &TrackerOptions) -> Result<(), Failure> {
    if options.api.is_some() {
        return Err(Failure::Usage("--api is not available yet: start the tracker without it".to_owned()));
    }
    if let Some(SocketAddr::V6(address)) = options.listen {
        return Err(Failure::Usage(format!("--listen {address}: trackers speak IPv4 only, give an IPv4 address")));
    }
    let mut rng = system_rng()?;
    let key = match &options.key {
        Some(path) => keyfile::load_or_generate(path, Curve::Curve25519, &mut rng).map_err(Failure::failed)?,
        None => PrivateKey::generate(Curve::Curve25519, &mut rng).map_err(Failure::failed)?,
    };
    let listen = options.listen.map_or(Listen::or_next(DEFAULT_LISTEN), Listen::exactly);
    runtime::block_on(async {
        let mut stop = Stop::new()?;
        let tracker = start(listen, key)?;
        let result = tracker.print_started(options.json);
        if result.is_ok() {
            stop.requested().await;
        }
        runtime::goodbye(tracker.stop()).await;
        result
    })
}

/// A tracker that runs.
#[must_use = "the tracker ends when this is dropped"]
pub(crate) struct Running {
    node: ipv8::net::Running,
}

/// Starts a tracker in the current runtime.
pub(crate) fn start(listen: Listen, key: PrivateKey) -> Result<Running, Failure> {
    let endpoint = Endpoint::bind(&[listen], key).map_err(Failure::failed)?;
    endpoint.node().load(OverlayConfig::new(Tracker::default()).any_prefix()).map_err(Failure::failed)?;
    Ok(Running { node: endpoint.run() })
}

#[derive(Serialize)]
struct Started {
    event: &'static str,
    listen: String,
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

    fn print_started(&self, json: bool) -> Result<(), Failure> {
        let started = Started { event: "started", listen: self.address().to_string(), mid: self.mid().to_string() };
        let mut out = io::stdout();
        if json {
            output::json(&mut out, &started)?;
        } else {
            output::line(&mut out, &format!("the tracker listens at {} as {}", started.listen, started.mid))?;
        }
        output::flush(&mut out)
    }
}

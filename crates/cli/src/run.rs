//! `ipv8 run`: a node until it is stopped.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use ipv8::Service;
use ipv8::dht::{Dht, DhtCommunity};
use ipv8_crypto::Mid;
use serde::Serialize;
use tokio::time::MissedTickBehavior;

use crate::api::{self, Server};
use crate::args::RunOptions;
use crate::failure::Failure;
use crate::output::Events;
use crate::runtime::{self, Asked, Signals};
use crate::statistics::Statistics;
use crate::{config, logs};

/// How often is looked which peers came and went.
const LOOK: Duration = Duration::from_millis(250);

/// Runs until told to stop.
pub(crate) fn run(options: &RunOptions, verbose: u8) -> Result<(), Failure> {
    let config = config::read(&options.node, verbose)?;
    logs::start_with(&config.log)?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let events = Events::start(options.json)?;
    let result = runtime::block_on(async {
        let mut signals = Signals::new()?;
        let api = match config.api {
            Some(address) => Some(Server::bind(address).await?),
            None => None,
        };
        let service = config.into_builder().start().await.map_err(Failure::failed)?;
        let result = watch(&service, api, &mut signals, &events).await;
        let statistics = Statistics::of(service.report());
        runtime::goodbye(service.stop_within(runtime::LAST_TASKS)).await;
        result.and_then(|()| statistics.print(&events))
    });
    result.and(events.finish())
}

/// Tells what happens until the program is to stop.
async fn watch(service: &Service, api: Option<Server>, signals: &mut Signals, events: &Events) -> Result<(), Failure> {
    Event::started(service, api.as_ref()).print(events)?;
    let serve = async {
        match api {
            Some(api) => api.serve(api::dht::routes(service.handle::<DhtCommunity>().map(Dht::new))).await,
            None => std::future::pending().await,
        }
    };
    let mut serve = std::pin::pin!(serve);
    let mut known = BTreeMap::new();
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::Stop => return Ok(()),
                Asked::Statistics => Statistics::of(service.report()).print(events)?,
            },
            () = &mut serve => return Ok(()),
            _ = looks.tick() => {
                for event in changes(service, &mut known) {
                    event.print(events)?;
                }
            }
        }
    }
}

/// Something that happened.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event {
    /// The node runs.
    Started {
        listen: Vec<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        api: Option<String>,
        mid: String,
        public_key: String,
    },
    /// A peer was met.
    Peer { mid: String, address: Option<SocketAddr> },
    /// A peer is no longer known.
    PeerLost { mid: String },
}

impl Event {
    fn started(service: &Service, api: Option<&Server>) -> Self {
        Self::Started {
            listen: service.local_addresses().iter().map(ToString::to_string).collect(),
            api: api.map(|api| api.address().to_string()),
            mid: service.mid().to_string(),
            public_key: hex::encode(service.key().as_bytes()),
        }
    }

    fn print(&self, events: &Events) -> Result<(), Failure> {
        events.print(self, || match self {
            Self::Started { listen, api, mid, .. } => {
                let api = api.as_ref().map(|api| format!("\nits DHT can be used at http://{api}/dht"));
                format!("the node listens at {} as {mid}{}", listen.join(" and "), api.unwrap_or_default())
            }
            Self::Peer { mid, address: Some(address) } => format!("met {mid} at {address}"),
            Self::Peer { mid, address: None } => format!("met {mid}"),
            Self::PeerLost { mid } => format!("lost {mid}"),
        })
    }
}

/// The peers that came and went since the last look. Peers of overlays with a network of their own are not seen here.
fn changes(service: &Service, known: &mut BTreeMap<Mid, Option<SocketAddr>>) -> Vec<Event> {
    let now: Option<BTreeMap<_, _>> = service
        .node()
        .network(|network| network.peers().map(|peer| (peer.mid(), peer.addresses().preferred())).collect());
    let Some(now) = now else { return Vec::new() };
    let lost = known.keys().filter(|mid| !now.contains_key(mid)).map(|mid| Event::PeerLost { mid: mid.to_string() });
    let new = now.iter().filter(|(mid, _)| !known.contains_key(mid));
    let new = new.map(|(mid, address)| Event::Peer { mid: mid.to_string(), address: *address });
    let events = lost.chain(new).collect();
    *known = now;
    events
}

//! A node of the DHT that lives as long as a command.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use ipv8::dht::messages::PingRequest;
use ipv8::dht::routing::DhtNode;
use ipv8::dht::{Dht, DhtCommunity, DhtConfig, Family, PingChurn};
use ipv8::{Builder, Service};
use ipv8_core::{Handle, MaxPeers, Peer, RequestOptions, Retry, Target};
use ipv8_crypto::{Curve, PrivateKey, PublicKey, keyfile};
use ipv8_discovery::{DEFAULT_TRACKERS, RandomWalk};
use ipv8_wire::Address;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::args::Common;
use crate::failure::Failure;
use crate::key::system_rng;
use crate::runtime;

/// Time between two looks at who is there.
const LOOK: Duration = Duration::from_millis(20);

/// Time between two steps of the walk: this node is in a hurry, and soon gone.
const STEP: Duration = Duration::from_millis(100);

/// Time between two requests to one that we start from, until there are enough nodes.
const ASK_AGAIN: Duration = Duration::from_millis(400);

/// With so many nodes a search can begin: as many as it begins with.
const ENOUGH: usize = 8;

/// With fewer, it begins when nobody new came for so long after all were asked for others.
const ASKED_ALL: Duration = Duration::from_millis(300);

/// The same while some of them have not answered.
const SETTLED: Duration = Duration::from_millis(1_000);

/// How long is waited whether one that we start from is a node of the DHT, or a tracker: 0.5 seconds, then once more.
const PING: Duration = Duration::from_millis(500);

/// What is needed for a node.
pub(super) struct Starting {
    key: PrivateKey,
    contacts: Vec<Address>,
}

impl Starting {
    /// Reads what was said; `None` if another node does the work.
    ///
    /// # Errors
    /// If there is nowhere to start from, or the key cannot be used.
    pub(super) fn prepare(common: &Common) -> Result<Option<Self>, Failure> {
        if common.api.is_some() {
            return Ok(None);
        }
        let mut contacts = common.bootstrap.clone();
        if common.default_bootstrap {
            contacts.extend(DEFAULT_TRACKERS.iter().filter_map(|tracker| tracker.parse().ok()));
        }
        if contacts.is_empty() {
            return Err(Failure::Usage(
                "where to start from is missing: give --bootstrap HOST:PORT, --default-bootstrap for the public trackers, or \
                 --api IP:PORT of a node that runs (see --help)"
                    .to_owned(),
            ));
        }
        let mut rng = system_rng()?;
        let key = match &common.key_file {
            Some(path) => keyfile::load_or_generate(path, Curve::Curve25519, &mut rng).map_err(Failure::failed)?,
            None => PrivateKey::generate(Curve::Curve25519, &mut rng).map_err(Failure::failed)?,
        };
        Ok(Some(Self { key, contacts }))
    }

    /// The key that signs.
    pub(super) fn public_key(&self) -> &PublicKey {
        self.key.public()
    }

    /// Starts the node.
    ///
    /// # Errors
    /// If there is no socket for it.
    pub(super) async fn start(self) -> Result<Joined, Failure> {
        let mut contacts = Vec::new();
        for contact in &self.contacts {
            contacts.extend(resolve(contact).await.into_iter().map(Contact::new));
        }
        if contacts.is_empty() {
            let names: Vec<_> = self.contacts.iter().map(ToString::to_string).collect();
            return Err(Failure::Failed(format!("no address is known of {}: check --bootstrap", names.join(", "))));
        }
        let overlay = DhtCommunity::new(DhtConfig { maintenance: None, peers: false, ..DhtConfig::default() })
            .overlay()
            .max_peers(MaxPeers::Unlimited)
            .strategy(RandomWalk::default(), Target::Peers(ENOUGH))
            .strategy(PingChurn::default(), Target::Always)
            .no_bootstrappers();
        let builder = ipv8::builder().key(self.key).no_default_bootstrap().walker_interval(STEP).overlay(overlay);
        let service = listen(builder, &contacts).start().await.map_err(Failure::failed)?;
        let handle = service.handle::<DhtCommunity>().ok_or(Failure::Quiet)?;
        Ok(Joined { service, dht: Dht::new(handle), contacts })
    }
}

/// Listens wherever it takes to reach those that we start from: on loopback only if all of them are there.
fn listen(builder: Builder, contacts: &[Contact]) -> Builder {
    let of = |is_v4: bool| contacts.iter().filter(move |contact| contact.address.is_ipv4() == is_v4);
    let is_near = |contact: &Contact| contact.address.ip().is_loopback();
    let mut builder = builder;
    if of(true).next().is_some() {
        let ip = if of(true).all(is_near) { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
        builder = builder.listen(SocketAddr::from((ip, 0)));
    }
    if of(false).next().is_some() {
        let ip = if of(false).all(is_near) { Ipv6Addr::LOCALHOST } else { Ipv6Addr::UNSPECIFIED };
        builder = builder.listen(SocketAddr::from((ip, 0)));
    }
    builder
}

/// The addresses that are meant: of a name those of IPv4, or if there are none, those of IPv6.
async fn resolve(contact: &Address) -> Vec<SocketAddr> {
    match contact {
        Address::V4(address) => vec![(*address).into()],
        Address::V6(address) => vec![(*address).into()],
        Address::Domain(host, port) => {
            let found = tokio::net::lookup_host((host.as_str(), *port)).await;
            let found: Vec<_> = found.map(Iterator::collect).unwrap_or_default();
            let v4: Vec<_> = found.iter().copied().filter(SocketAddr::is_ipv4).collect();
            if v4.is_empty() { found } else { v4 }
        }
    }
}

/// One that we start from.
#[derive(Clone, Copy)]
struct Contact {
    address: SocketAddr,
    asked: Option<Instant>,
    is: Is,
}

/// What is known of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Is {
    /// It did not answer.
    Silent,
    /// It answered, and is asked whether it is a node.
    Tested,
    /// It is a node of the DHT.
    Node,
    /// It knows others, but is no node.
    Tracker,
}

impl Contact {
    const fn new(address: SocketAddr) -> Self {
        Self { address, asked: None, is: Is::Silent }
    }
}

/// A node that runs.
#[must_use = "the node ends when this is dropped"]
pub(super) struct Joined {
    service: Service,
    dht: Dht,
    contacts: Vec<Contact>,
}

impl Joined {
    /// Its DHT.
    pub(super) const fn dht(&self) -> &Dht {
        &self.dht
    }

    /// Meets nodes: until there are enough to search from, or no more come.
    ///
    /// # Errors
    /// If there was none in this time.
    pub(super) async fn join(&self, patience: Duration) -> Result<(), Failure> {
        let mut contacts = self.contacts.clone();
        let begun = Instant::now();
        if tokio::time::timeout(patience.mul_f64(0.95), self.meet(&mut contacts)).await.is_ok_and(|met| met.is_ok()) {
            return Ok(());
        }
        let seconds = begun.elapsed().as_secs_f64().round();
        let names: Vec<_> = contacts.iter().map(|contact| contact.address.to_string()).take(3).collect();
        let more = if contacts.len() > names.len() { " and others" } else { "" };
        let names = format!("{}{more}", names.join(", "));
        Err(Failure::Failed(if contacts.iter().all(|contact| contact.is == Is::Silent) {
            format!("no node of the DHT was found within {seconds} s: nothing answers at {names}: check --bootstrap")
        } else {
            format!(
                "no node of the DHT was found within {seconds} s: {names} answered, but knew none that does: are there others?"
            )
        }))
    }

    async fn meet(&self, contacts: &mut [Contact]) -> Result<(), ipv8_core::HandleError> {
        let handle = self.dht.handle();
        let mut tests: JoinSet<(usize, Is)> = JoinSet::new();
        let mut searches: JoinSet<()> = JoinSet::new();
        let (mut known, mut last_new) = (0, Instant::now());
        loop {
            while let Some(Ok((place, is))) = tests.try_join_next() {
                if let Some(contact) = contacts.get_mut(place) {
                    contact.is = is;
                }
            }
            while searches.try_join_next().is_some() {}
            let now = Instant::now();
            for (place, contact) in contacts.iter_mut().enumerate() {
                if let Some(peer) = look_after(handle, contact, now)? {
                    let handle = handle.clone();
                    tests.spawn(async move {
                        let is = if ping(&handle, &peer).await { Is::Node } else { Is::Tracker };
                        (place, is)
                    });
                }
            }
            let (good, own) = handle.with(|dht, cx| (good(dht), cx.my_mid().0))?;
            if good > known {
                (known, last_new) = (good, now);
                if good < ENOUGH && searches.is_empty() {
                    // They know others. It is no matter if they do not say so.
                    let dht = self.dht.clone();
                    searches.spawn(async move { drop(dht.find_nodes(own).await) });
                }
            }
            let settled = if searches.is_empty() { ASKED_ALL } else { SETTLED };
            if good >= ENOUGH || good > 0 && last_new.elapsed() >= settled {
                tracing::info!(nodes = good, "joined the DHT");
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Says goodbye.
    pub(super) async fn end(self) {
        runtime::goodbye(self.service.stop_within(runtime::LAST_TASKS)).await;
    }
}

/// Asks one that we start from for others, if it is time. One that answered, but did not show yet that it is a node, is kept out
/// of the routing table, since a tracker there would be waited for in vain; it is given back to be tested.
fn look_after(
    handle: &Handle<DhtCommunity>,
    contact: &mut Contact,
    now: Instant,
) -> Result<Option<Peer>, ipv8_core::HandleError> {
    handle.with(|dht, cx| {
        let family = Family::of(contact.address);
        if contact.is != Is::Node && contact.asked.is_none_or(|asked| now >= asked + ASK_AGAIN) {
            contact.asked = Some(now);
            cx.walk_to(contact.address);
        }
        if contact.is == Is::Node {
            return None;
        }
        let there = |node: &&DhtNode| node.address() == contact.address;
        let node = dht.table(family)?.nodes().find(there)?;
        if node.last_response.is_some() {
            contact.is = Is::Node;
            return None;
        }
        let (id, peer) = (node.id(), node.peer().clone());
        dht.remove_node(family, &id);
        match contact.is {
            Is::Silent => {
                contact.is = Is::Tested;
                Some(peer)
            }
            Is::Tracker => {
                cx.network_mut().blacklist(contact.address);
                None
            }
            Is::Tested | Is::Node => None,
        }
    })
}

/// Whether it answers as nodes of the DHT do. It enters the table then.
async fn ping(handle: &Handle<DhtCommunity>, peer: &Peer) -> bool {
    let Ok(asked) = handle.with(|_, cx| cx.now()) else { return false };
    let options = RequestOptions::within(PING).retry(Retry::times(1).backoff(2));
    if handle.request_within(options, peer, PingRequest { identifier: 0 }).await.is_err() {
        return false;
    }
    let added = handle.with(|dht, cx| {
        let (mut node, now) = (DhtNode::new(peer.clone()), cx.now());
        node.answered(now, now.since(asked));
        dht.add_node(cx, node).is_some()
    });
    added.unwrap_or(false)
}

/// How many nodes answered, and did not fall silent since.
fn good(dht: &DhtCommunity) -> usize {
    let tables = Family::ALL.into_iter().filter_map(|family| dht.table(family));
    tables.flat_map(|table| table.nodes()).filter(|node| node.last_response.is_some() && node.failed == 0).count()
}

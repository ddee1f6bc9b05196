//! Malicious nodes of the DHT.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ipv8_core::{
    Community, Context, Peer, Routes,
    crypto::{Curve, PrivateKey, PublicKey},
    wire::CommunityId,
};
use ipv8_dht::{
    DHT_COMMUNITY, NodeId,
    id::Distance,
    messages::{FindRequest, FindResponse, Node, PingRequest, PingResponse, StoreRequest, StoreResponse},
    store::{Entry, Put, Store},
    value,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Nodes and values in a message.
const MOST_IN_MESSAGE: usize = 8;

/// Keys of nodes that liars invent; all of them share these.
const INVENTED: usize = 256;

/// Addresses of which a liar chooses the closest one.
const ADDRESSES: u32 = 256;

/// What malicious nodes know of each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Colluders(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    nodes: Vec<(SocketAddr, PublicKey)>,
    invented: Vec<PublicKey>,
}

impl Colluders {
    /// Prepares for liars.
    pub(crate) fn invent(&self, seed: u64) {
        let mut bytes = [0; 32];
        bytes.iter_mut().zip(seed.to_be_bytes()).for_each(|(to, from)| *to = from);
        let mut rng = StdRng::from_seed(bytes);
        let keys = (0..INVENTED).filter_map(|_| PrivateKey::generate(Curve::Curve25519, &mut rng).ok());
        self.lock().invented = keys.map(|key| key.public().clone()).collect();
    }

    pub(crate) fn add(&self, address: SocketAddr, key: PublicKey) {
        self.lock().nodes.push((address, key));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Eight nodes that look close to a target: two liars, then invented ones where nobody is, then invented ones at the address of
    /// the closest liar. An id begins with a checksum of the address, and an address where nobody is can be chosen freely, so that
    /// those are closer to the target than any node that there is.
    fn lies(&self, target: &[u8; 20], rng: &mut StdRng) -> Vec<Node> {
        let known = self.lock();
        let distance = |address: SocketAddr, key: &PublicKey| NodeId::new(address.ip(), &key.mid()).distance(target);
        let mut liars: Vec<(Distance, &(SocketAddr, PublicKey))> =
            known.nodes.iter().map(|node| (distance(node.0, &node.1), node)).collect();
        liars.sort_unstable_by_key(|(distance, _)| *distance);
        let mut named: Vec<Node> =
            liars.iter().take(2).map(|(_, (address, key))| Node { address: *address, key: key.clone() }).collect();
        let Some(close) = named.first().map(|node| node.address) else { return named };
        let nowhere =
            |rng: &mut StdRng| SocketAddr::from((Ipv4Addr::from_bits(0x5000_0000 | rng.random::<u32>() >> 4), 8_090));
        for key in &known.invented {
            if named.len() >= MOST_IN_MESSAGE - 2 {
                break;
            }
            let tried = (0..ADDRESSES).map(|_| nowhere(rng)).min_by_key(|address| distance(*address, key));
            let is_close = |address: &SocketAddr| liars.iter().all(|(other, _)| distance(*address, key) < *other);
            named.extend(tried.filter(is_close).map(|address| Node { address, key: key.clone() }));
        }
        let mut keys: Vec<_> = known.invented.iter().map(|key| (distance(close, key), key)).collect();
        keys.sort_unstable_by_key(|(distance, _)| *distance);
        named.extend(keys.into_iter().map(|(_, key)| Node { address: close, key: key.clone() }));
        named.truncate(MOST_IN_MESSAGE);
        named
    }
}

/// Confirms all, and keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Forgetful;

impl Store for Forgetful {
    fn put(&mut self, _: Entry, _: Duration) -> Put {
        Put::Kept
    }

    fn get(&self, _: &[u8; 20], _: usize, _: usize) -> Vec<Vec<u8>> {
        Vec::new()
    }

    fn expire(&mut self, _: Duration) -> usize {
        0
    }

    fn len(&self) -> usize {
        0
    }

    fn for_each(&self, _: &mut dyn FnMut(&Entry)) {}
}

/// A node of the DHT that is a liar, or silent; those that forget are of the honest kind, with a store that forgets.
pub(crate) struct Malicious {
    answers: bool,
    colluders: Colluders,
}

impl Malicious {
    /// One that lies, or else is silent.
    pub(crate) const fn new(answers: bool, colluders: Colluders) -> Self {
        Self { answers, colluders }
    }

    fn on_ping(&mut self, cx: &mut Context<'_>, from: &Peer, request: PingRequest) {
        cx.send(from, PingResponse { identifier: request.identifier });
    }

    fn on_find(&mut self, cx: &mut Context<'_>, from: &Peer, request: FindRequest) {
        let FindRequest { identifier, target, force_nodes, .. } = request;
        let (mut values, mut nodes) = (Vec::new(), Vec::new());
        if !self.answers {
            return;
        }
        match cx.rng().random_range(0..4) {
            // A value of nobody, and one whose signature does not hold.
            0 if !force_nodes => {
                values.push(value::encode_unsigned(&target));
                let mut signed = value::encode_signed(&target, u32::MAX, cx.private_key()).unwrap_or_default();
                signed.extend([0; 64]);
                values.push(signed);
            }
            1 => {}
            _ => nodes = self.colluders.lies(&target, cx.rng()),
        }
        cx.send(from, FindResponse { identifier, token: [7; 20], values, nodes });
    }

    fn on_store(&mut self, cx: &mut Context<'_>, from: &Peer, request: StoreRequest) {
        if self.answers {
            cx.send(from, StoreResponse { identifier: request.identifier });
        }
    }
}

impl Community for Malicious {
    const ID: CommunityId = DHT_COMMUNITY;

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_ping).on(Self::on_find).on(Self::on_store);
    }
}

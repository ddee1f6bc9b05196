//! The DiscoveryCommunity: peers tell each other which communities they are in.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use ipv8_core::{
    Community, Context, DropReason, Peer, PeerRecord, Routes, SendError, Strategy, Target, Time, handlers,
    messages::{Flags, Introduced, old_style},
    network::Addresses,
};
use ipv8_crypto::{Mid, PrivateKey};
use ipv8_wire::{CommunityId, community_id};

use crate::{
    PeriodicSimilarity, RandomChurn,
    messages::{DiscoveryIntroductionRequest, Ping, Pong, SimilarityRequest, SimilarityResponse},
};

/// The id of the [`DiscoveryCommunity`].
pub const DISCOVERY_COMMUNITY: CommunityId = community_id!("7e313685c1912a141279f8248fc8db5899c5df5a");

/// How long a pong is waited for (the reference's, `protocol.md` section 5).
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Pings that may wait for their pong at once; beyond them none is sent.
const MOST_PINGS: usize = 1_000;

/// Peers of all communities find each other here: they ask which communities the other one is in, and remember it in the
/// network that all communities of the node share (`protocol.md` sections 4 and 5).
///
/// A node may use several keys. It then sends one message for each of them, signed with it, that lists the communities in
/// which it is used; so peers learn which key to expect where.
#[derive(Debug, Default)]
pub struct DiscoveryCommunity {
    pings: BTreeMap<u16, Waiting>,
}

/// A ping without its pong.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    peer: Mid,
    address: SocketAddr,
    sent: Time,
}

impl Community for DiscoveryCommunity {
    const ID: CommunityId = DISCOVERY_COMMUNITY;

    fn routes(r: &mut Routes<Self>) {
        r.replace(Self::on_introduction_request);
        handlers!(r, Self::on_similarity_request, Self::on_similarity_response, Self::on_ping, Self::on_pong,);
    }

    fn default_strategies() -> Vec<(Box<dyn Strategy>, Target)> {
        vec![
            (Box::new(RandomChurn::default()), Target::Always),
            (Box::new(PeriodicSimilarity::default()), Target::Always),
        ]
    }

    fn send_ping(&mut self, cx: &mut Context<'_>, peer: &Peer) -> bool {
        self.ping(cx, peer);
        true
    }

    fn introduced(&mut self, cx: &mut Context<'_>, from: &Peer, _: &Introduced) {
        self.ask_similarity(cx, from.address());
    }
}

impl DiscoveryCommunity {
    /// Tells the peer at an address which communities we are in, once for each of our keys, and asks for its own.
    pub fn ask_similarity(&mut self, cx: &mut Context<'_>, address: SocketAddr) {
        for (key, communities) in own_communities(cx) {
            let sent = similarity_request(cx, &key, communities).map(|packet| cx.send_packet(address, packet));
            log_refusal(sent);
        }
    }

    /// Measures the round trip to a peer: the pong, if it comes within five seconds, adds to [`PeerRecord::pings`].
    pub fn ping(&mut self, cx: &mut Context<'_>, peer: &Peer) {
        let now = cx.now();
        self.pings.retain(|_, waiting| waiting.sent + PING_TIMEOUT > now);
        if self.pings.len() >= MOST_PINGS {
            tracing::debug!(%peer, "not pinged: {MOST_PINGS} pongs are waited for already");
            return;
        }
        let global_time = cx.claim_global_time();
        let identifier = sixteen_bits(global_time);
        let packet = cx.pack_as(cx.community_id(), cx.private_key(), Some(global_time), &Ping { identifier });
        let address = cx.network().get(&peer.mid()).and_then(|record| record.addresses().preferred());
        let address = address.unwrap_or_else(|| peer.address());
        self.pings.insert(identifier, Waiting { peer: peer.mid(), address, sent: now });
        log_refusal(packet.map(|packet| cx.send_packet(address, packet)));
    }

    /// The answer is always one of the old style, and the LAN address that the sender claims is not remembered. Whom the
    /// old form wants to be introduced to is not looked at: the reference reads it so that it never matches.
    fn on_introduction_request(&mut self, cx: &mut Context<'_>, from: &Peer, message: DiscoveryIntroductionRequest) {
        let Some(source) = cx.received().map(ipv8_core::Received::source) else { return };
        if cx.is_over_peer_limit() || cx.is_crowded_out(&from.mid(), source) {
            cx.count_drop(DropReason::PeerLimit);
            return;
        }
        let service = cx.community_id();
        meet(cx, from, source);
        cx.network_mut().discover_services(&from.mid(), &[service]);
        let request = message.request;
        let asker = Peer::new(from.key().clone(), source);
        cx.answer_introduction(request.destination_address.into(), &asker, request.identifier, None, false);
    }

    /// Remembers the sender's communities, even if we do not know the sender, and names ours.
    fn on_similarity_request(&mut self, cx: &mut Context<'_>, from: &Peer, message: SimilarityRequest) {
        cx.network_mut().discover_services(&from.mid(), &message.preference_list);
        for (key, communities) in own_communities(cx) {
            let sent = similarity_response(cx, &key, message.identifier, communities)
                .map(|packet| cx.send_packet(from.address(), packet));
            log_refusal(sent);
        }
    }

    fn on_similarity_response(&mut self, cx: &mut Context<'_>, from: &Peer, message: SimilarityResponse) {
        if cx.is_over_peer_limit() && cx.network().get(&from.mid()).is_none() {
            cx.count_drop(DropReason::PeerLimit);
            return;
        }
        meet(cx, from, from.address());
        cx.network_mut().discover_services(&from.mid(), &message.preference_list);
    }

    fn on_ping(&mut self, cx: &mut Context<'_>, from: &SocketAddr, message: Ping) {
        cx.send_to(*from, Pong { identifier: message.identifier });
    }

    /// A pong counts once, in time, and only from where its ping went: anybody can send one.
    fn on_pong(&mut self, cx: &mut Context<'_>, from: &SocketAddr, message: Pong) {
        let now = cx.now();
        let waiting = self.pings.get(&message.identifier).copied();
        match waiting.filter(|waiting| waiting.address == *from && waiting.sent + PING_TIMEOUT > now) {
            Some(waiting) => {
                self.pings.remove(&message.identifier);
                if let Some(record) = cx.network_mut().get_mut(&waiting.peer) {
                    record.add_ping(now - waiting.sent);
                }
            }
            None => cx.count_drop(DropReason::Unsolicited),
        }
    }
}

/// Makes the sender of a message a verified peer at this address.
fn meet(cx: &mut Context<'_>, peer: &Peer, address: SocketAddr) {
    let mut addresses = Addresses::default();
    addresses.set(address);
    let record = PeerRecord::new(peer.key().clone(), addresses, cx.now());
    cx.network_mut().add_verified(&record);
}

/// Makes a similarity request that is signed with one of our keys.
fn similarity_request(
    cx: &mut Context<'_>,
    key: &PrivateKey,
    preference_list: Vec<CommunityId>,
) -> Result<Vec<u8>, SendError> {
    let global_time = cx.claim_global_time();
    let request = SimilarityRequest {
        identifier: sixteen_bits(global_time),
        lan_address: old_style(cx.lan()),
        wan_address: old_style(cx.wan()),
        flags: Flags::default(),
        preference_list,
    };
    cx.pack_as(cx.community_id(), key, Some(global_time), &request)
}

/// Makes a similarity response that is signed with one of our keys.
fn similarity_response(
    cx: &mut Context<'_>,
    key: &PrivateKey,
    identifier: u16,
    preference_list: Vec<CommunityId>,
) -> Result<Vec<u8>, SendError> {
    let global_time = cx.claim_global_time();
    let response = SimilarityResponse { identifier, preference_list, tb_overlap: Vec::new() };
    cx.pack_as(cx.community_id(), key, Some(global_time), &response)
}

/// Our keys with the communities in which each is used, in the order in which they were loaded.
fn own_communities(cx: &Context<'_>) -> Vec<(PrivateKey, Vec<CommunityId>)> {
    let mut keys: Vec<(PrivateKey, Vec<CommunityId>)> = Vec::new();
    for (community, key) in cx.communities() {
        match keys.iter_mut().find(|(known, _)| known.public() == key.public()) {
            Some((_, communities)) => communities.push(community),
            None => keys.push((key.clone(), vec![community])),
        }
    }
    keys
}

fn log_refusal(sent: Result<(), SendError>) {
    if let Err(error) = sent {
        tracing::debug!(%error, "message not sent");
    }
}

/// What identifiers keep of a global time.
fn sixteen_bits(global_time: u64) -> u16 {
    u16::try_from(global_time % 65_536).unwrap_or_default()
}

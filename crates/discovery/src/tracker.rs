//! A bootstrap server: introduces the peers of any community to each other, without being in any of them.

use std::{
    net::{SocketAddr, SocketAddrV4},
    time::Duration,
};

use hashlink::LinkedHashMap;
use indexmap::IndexMap;
use ipv8_core::{
    Community, Context, Peer, Routes, Time,
    messages::{Flags, IntroductionRequest, IntroductionResponse, NO_ADDRESS, PunctureRequest},
};
use ipv8_crypto::Mid;
use ipv8_wire::CommunityId;
use rand::RngExt;

/// How often silent peers are looked for.
const CHURN_INTERVAL: Duration = Duration::from_secs(5);

/// A peer that was not heard of for so long is asked whether it is still there, and again at this interval.
const PING_AFTER: Duration = Duration::from_secs(27);

/// A peer that was not heard of for so long is forgotten.
const DROP_AFTER: Duration = Duration::from_secs(58);

/// How much a tracker remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackerLimits {
    /// Peers of one community; the newest stay, as in the reference.
    pub peers: usize,
    /// Communities; those heard of last stay.
    pub communities: usize,
}

impl Default for TrackerLimits {
    /// 100 peers (the reference's number) of 10,000 communities.
    fn default() -> Self {
        Self { peers: 100, communities: 10_000 }
    }
}

/// A peer of one community.
#[derive(Clone, Copy, Debug)]
struct Member {
    address: SocketAddrV4,
    lan: SocketAddrV4,
    heard: Time,
    pinged: Time,
}

/// Answers the introduction requests of every community id (`protocol.md` section 5, "Tracker").
///
/// Load it with [`OverlayConfig::any_prefix`](ipv8_core::OverlayConfig::any_prefix). Answers carry the asked community's
/// id and are signed with the tracker's own key. Old style only, and thus IPv4 only, as the reference's tracker.
#[derive(Debug, Default)]
pub struct Tracker {
    limits: TrackerLimits,
    communities: LinkedHashMap<CommunityId, IndexMap<Mid, Member>>,
}

impl Tracker {
    /// A tracker with limits of its own.
    #[must_use]
    pub fn new(limits: TrackerLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// The communities that have peers, with how many, the one heard of last at the end.
    pub fn communities(&self) -> impl Iterator<Item = (CommunityId, usize)> {
        self.communities.iter().map(|(id, members)| (*id, members.len()))
    }

    /// The peers of a community: member id and address, the newest at the end.
    pub fn peers(&self, community: CommunityId) -> impl Iterator<Item = (Mid, SocketAddr)> {
        self.communities
            .get(&community)
            .into_iter()
            .flatten()
            .map(|(mid, member)| (*mid, SocketAddr::V4(member.address)))
    }

    fn on_request(&mut self, cx: &mut Context<'_>, from: &Peer, request: IntroductionRequest) {
        let Some((community, SocketAddr::V4(source))) =
            cx.received().and_then(|received| Some((received.community_id()?, received.source())))
        else {
            return;
        };
        let chosen = self.choose(cx, community, &from.mid());
        self.remember(community, from.mid(), source, request.source_lan_address, cx.now());
        if let Err(error) = answer(cx, community, source, &request, chosen) {
            tracing::debug!(%error, %source, "an introduction was not answered");
        }
    }

    /// A peer that we asked whether it is there answers; one that takes no more peers is not introduced any more.
    fn on_response(&mut self, cx: &mut Context<'_>, from: &Peer, response: IntroductionResponse) {
        let Some((community, source)) =
            cx.received().and_then(|received| Some((received.community_id()?, received.source())))
        else {
            return;
        };
        let Some(members) = self.communities.get_mut(&community) else { return };
        if response.flags.has(Flags::PEER_LIMIT) {
            members.shift_remove(&from.mid());
            if members.is_empty() {
                self.communities.remove(&community);
            }
        } else if let (Some(member), SocketAddr::V4(address)) = (members.get_mut(&from.mid()), source) {
            member.heard = cx.now();
            member.address = address;
        }
    }

    /// A random peer of the community other than the asker.
    fn choose(&self, cx: &mut Context<'_>, community: CommunityId, asker: &Mid) -> Option<Member> {
        let members = self.communities.get(&community)?;
        let own = members.get_index_of(asker);
        let others = members.len() - usize::from(own.is_some());
        if others == 0 {
            return None;
        }
        let drawn = cx.rng().random_range(0..others);
        // Those after the asker move up by one.
        let index = drawn + usize::from(own.is_some_and(|own| drawn >= own));
        members.get_index(index).map(|(_, member)| *member)
    }

    fn remember(&mut self, community: CommunityId, mid: Mid, address: SocketAddrV4, lan: SocketAddrV4, now: Time) {
        let members = self.communities.entry(community).or_insert_with(IndexMap::new);
        // The newest at the end.
        members.shift_remove(&mid);
        members.insert(mid, Member { address, lan, heard: now, pinged: now });
        if members.len() > self.limits.peers {
            members.shift_remove_index(0);
        }
        self.communities.to_back(&community);
        if self.communities.len() > self.limits.communities {
            self.communities.pop_front();
        }
    }

    /// Forgets silent peers, and asks those that have been quiet for a while.
    fn churn(&mut self, cx: &mut Context<'_>) {
        let now = cx.now();
        let mut ask = Vec::new();
        for (community, members) in &mut self.communities {
            members.retain(|_, member| member.heard + DROP_AFTER > now);
            for member in members.values_mut() {
                if member.heard + PING_AFTER <= now && member.pinged + PING_AFTER <= now {
                    member.pinged = now;
                    ask.push((*community, member.address));
                }
            }
        }
        let empty: Vec<_> =
            self.communities.iter().filter(|(_, members)| members.is_empty()).map(|(id, _)| *id).collect();
        for community in empty {
            self.communities.remove(&community);
        }
        for (community, address) in ask {
            match cx.introduction_request_for(community, address.into(), false) {
                Ok(packet) => cx.send_packet(address.into(), packet),
                Err(error) => tracing::debug!(%error, "a peer was not asked whether it is there"),
            }
        }
    }
}

impl Community for Tracker {
    /// Nobody's: a tracker is in no community.
    const ID: CommunityId = CommunityId([0; 20]);

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_request);
        r.on(Self::on_response);
        r.every(CHURN_INTERVAL, Self::churn);
    }
}

/// Asks the introduced peer to open its NAT, then tells the asker of it; both in the name of their community.
fn answer(
    cx: &mut Context<'_>,
    community: CommunityId,
    asker: SocketAddrV4,
    request: &IntroductionRequest,
    introduced: Option<Member>,
) -> Result<(), ipv8_core::SendError> {
    let global_time = cx.claim_global_time() % 65_536;
    if let Some(member) = introduced {
        // The reference names its own address as the walker's in the LAN, where a puncture would be lost.
        let puncture = PunctureRequest {
            lan_walker_address: request.source_lan_address,
            wan_walker_address: asker,
            identifier: request.identifier,
        };
        let time = cx.claim_global_time();
        let packet = cx.pack_as(community, cx.private_key(), Some(time), &puncture)?;
        cx.send_packet(member.address.into(), packet);
    }
    let (lan, wan) = match introduced {
        None => (NO_ADDRESS, NO_ADDRESS),
        // On our own machine: others reach it at our address.
        Some(member) if cx.is_own_address((*member.address.ip()).into()) => match cx.wan() {
            SocketAddr::V4(own) => (member.address, SocketAddrV4::new(*own.ip(), member.address.port())),
            SocketAddr::V6(_) => (member.address, member.address),
        },
        Some(member) => (member.lan, member.address),
    };
    let response = IntroductionResponse {
        destination_address: asker,
        source_lan_address: v4(cx.lan()),
        source_wan_address: v4(cx.wan()),
        lan_introduction_address: lan,
        wan_introduction_address: wan,
        flags: Flags::old_response(false, false),
        identifier: request.identifier,
        extra_bytes: Vec::new(),
    };
    let packet = cx.pack_as(community, cx.private_key(), Some(global_time), &response)?;
    cx.send_packet(asker.into(), packet);
    Ok(())
}

fn v4(address: SocketAddr) -> SocketAddrV4 {
    match address {
        SocketAddr::V4(v4) => v4,
        SocketAddr::V6(_) => NO_ADDRESS,
    }
}

//! A bootstrap server: introduces the peers of any community to each other, without being in any of them.

use std::{
    net::{SocketAddr, SocketAddrV4},
    time::Duration,
};

use hashlink::LinkedHashMap;
use indexmap::IndexMap;
use ipv8_core::{
    Community, Context, DropReason, Peer, Routes, Time,
    messages::{Flags, IntroductionRequest, IntroductionResponse, NO_ADDRESS, PunctureRequest},
};
use ipv8_crypto::Mid;
use ipv8_wire::CommunityId;
use rand::RngExt;

/// How often silent peers are looked for: often enough that many of them do not make one long turn.
const CHURN_INTERVAL: Duration = Duration::from_secs(1);

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
    /// Peers of all communities together; those of the communities heard of last stay.
    pub peers_in_all: usize,
}

impl Default for TrackerLimits {
    /// 100 peers (the reference's number) of 10,000 communities, but no more than 100,000 peers.
    fn default() -> Self {
        Self { peers: 100, communities: 10_000, peers_in_all: 100_000 }
    }
}

/// A peer of one community.
#[derive(Clone, Copy, Debug)]
struct Member {
    address: SocketAddrV4,
    lan: SocketAddrV4,
    heard: Time,
    ping: Option<Ping>,
}

/// A question whether a peer is there, until it is answered.
#[derive(Clone, Copy, Debug)]
struct Ping {
    sent: Time,
    identifier: u16,
}

/// Answers the introduction requests of every community id (`protocol.md` section 5, "Tracker").
///
/// Load it with [`OverlayConfig::any_prefix`](ipv8_core::OverlayConfig::any_prefix). Answers carry the asked community's
/// id and are signed with the tracker's own key. Old style only, and thus IPv4 only, as the reference's tracker.
#[derive(Debug, Default)]
pub struct Tracker {
    limits: TrackerLimits,
    communities: LinkedHashMap<CommunityId, IndexMap<Mid, Member>>,
    /// Members of all communities together.
    members: usize,
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

    /// A peer that we asked whether it is there answers; one that takes no more peers is not introduced any more. What we
    /// did not ask for is dropped: it may be the copy of an old answer, sent by somebody else.
    fn on_response(&mut self, cx: &mut Context<'_>, from: &Peer, response: IntroductionResponse) {
        let Some((community, source)) =
            cx.received().and_then(|received| Some((received.community_id()?, received.source())))
        else {
            return;
        };
        let mid = from.mid();
        let asked = self.communities.get_mut(&community).and_then(|members| members.get_mut(&mid)).filter(|member| {
            SocketAddr::V4(member.address) == source
                && member.ping.is_some_and(|ping| ping.identifier == response.identifier)
        });
        let Some(member) = asked else {
            cx.count_drop(DropReason::Unsolicited);
            return;
        };
        member.heard = cx.now();
        member.ping = None;
        if response.flags.has(Flags::PEER_LIMIT) {
            self.forget(community, |members| members.shift_remove(&mid));
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
        if members.shift_remove(&mid).is_none() {
            self.members += 1;
        }
        members.insert(mid, Member { address, lan, heard: now, ping: None });
        if members.len() > self.limits.peers {
            self.forget(community, |members| members.shift_remove_index(0).map(|(_, member)| member));
        }
        self.communities.to_back(&community);
        if self.communities.len() > self.limits.communities
            && let Some((_, members)) = self.communities.pop_front()
        {
            self.members -= members.len();
        }
        if self.members > self.limits.peers_in_all
            && let Some(quietest) = self.communities.front().map(|(id, _)| *id)
        {
            self.forget(quietest, |members| members.shift_remove_index(0).map(|(_, member)| member));
        }
    }

    /// Takes a member off the list of a community, and the list with its last member.
    fn forget(&mut self, community: CommunityId, take: impl FnOnce(&mut IndexMap<Mid, Member>) -> Option<Member>) {
        let Some(members) = self.communities.get_mut(&community) else { return };
        if take(members).is_some() {
            self.members -= 1;
        }
        if members.is_empty() {
            self.communities.remove(&community);
        }
    }

    /// Forgets silent peers, and asks those that have been quiet for a while.
    fn churn(&mut self, cx: &mut Context<'_>) {
        let now = cx.now();
        let mut ask = Vec::new();
        for (community, members) in &mut self.communities {
            let before = members.len();
            members.retain(|_, member| member.heard + DROP_AFTER > now);
            self.members -= before - members.len();
            for (mid, member) in members {
                let asked = member.ping.map_or(member.heard, |ping| ping.sent);
                if asked + PING_AFTER <= now {
                    ask.push((*community, *mid, member.address));
                }
            }
        }
        let empty: Vec<_> =
            self.communities.iter().filter(|(_, members)| members.is_empty()).map(|(id, _)| *id).collect();
        for community in empty {
            self.communities.remove(&community);
        }
        for (community, mid, address) in ask {
            match cx.introduction_request_for(community, address.into(), false) {
                Ok(packet) => cx.send_packet(address.into(), packet),
                Err(error) => tracing::debug!(%error, "a peer was not asked whether it is there"),
            }
            // The request took this time, and has its lowest bits as its identifier.
            let identifier = u16::try_from(cx.global_time() % 65_536).unwrap_or_default();
            if let Some(member) = self.communities.get_mut(&community).and_then(|members| members.get_mut(&mid)) {
                member.ping = Some(Ping { sent: now, identifier });
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

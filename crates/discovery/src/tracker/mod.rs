//! A bootstrap server: introduces the peers of any community to each other, without being in any of them.

mod members;

use std::{
    net::{SocketAddr, SocketAddrV4},
    time::Duration,
};

use ipv8_core::{
    Community, Context, DropReason, Peer, Routes,
    messages::{Flags, IntroductionRequest, IntroductionResponse, NO_ADDRESS, PunctureRequest, old_style},
};
use ipv8_crypto::Mid;
use ipv8_wire::CommunityId;

use self::members::{Member, Members, Ping};

/// How often silent peers are looked for: often enough that many of them do not make one long turn.
const CHURN_INTERVAL: Duration = Duration::from_secs(1);

/// How many peers are asked in one turn whether they are there. Each question has to be signed.
const PINGS_PER_CHURN: usize = 500;

/// How much a tracker remembers.
///
/// Measured on a 64-bit machine, a community takes 550 bytes with one peer, 1,600 with ten, and 11,000 with a hundred: with
/// the default limits, some 25 megabytes at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackerLimits {
    /// Peers of one community, at least one; the newest stay, as in the reference.
    pub peers: usize,
    /// Communities, at least one. A new one takes the place of the one with the fewest peers, of the one heard of longest
    /// ago among equals; so that whoever makes up community ids drives out no community that others are in.
    pub communities: usize,
    /// Peers of all communities together, at least one. The oldest peer of the community with the most of them makes room.
    pub peers_in_all: usize,
}

impl Default for TrackerLimits {
    /// 100 peers (the reference's number) of 10,000 communities, but no more than 100,000 peers.
    fn default() -> Self {
        Self { peers: 100, communities: 10_000, peers_in_all: 100_000 }
    }
}

/// Answers the introduction requests of every community id (`protocol.md` section 5, "Tracker").
///
/// Load it with [`OverlayConfig::any_prefix`](ipv8_core::OverlayConfig::any_prefix). Answers carry the asked community's
/// id and are signed with the tracker's own key. Old style only, and thus IPv4 only, as the reference's tracker.
///
/// A peer that is silent for 27 seconds is asked whether it is there, by an introduction request; after 58 seconds without
/// an answer it is forgotten. At most 500 peers are asked in a second, community by community: where there are more than
/// some 13,000 silent ones, they are asked later, and stay until then.
#[derive(Debug, Default)]
pub struct Tracker {
    members: Members,
}

impl Tracker {
    /// A tracker with limits of its own.
    #[must_use]
    pub fn new(limits: TrackerLimits) -> Self {
        Self { members: Members::new(limits) }
    }

    /// The communities that have peers, with how many, the one heard of last at the end.
    pub fn communities(&self) -> impl Iterator<Item = (CommunityId, usize)> {
        self.members.communities()
    }

    /// The peers of a community: member id and address, the newest at the end.
    pub fn peers(&self, community: CommunityId) -> impl Iterator<Item = (Mid, SocketAddr)> {
        self.members.of(community).map(|(mid, member)| (*mid, SocketAddr::V4(member.address)))
    }

    fn on_request(&mut self, cx: &mut Context<'_>, from: &Peer, request: IntroductionRequest) {
        let Some((community, SocketAddr::V4(source))) =
            cx.received().and_then(|received| Some((received.community_id()?, received.source())))
        else {
            return;
        };
        let chosen = self.members.choose(cx.rng(), community, &from.mid());
        let member = Member { address: source, lan: request.source_lan_address, heard: cx.now(), ping: None };
        self.members.remember(community, from.mid(), member);
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
        let asked = self.members.get_mut(community, &mid).filter(|member| {
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
            self.members.forget(community, &mid);
        }
    }

    /// Forgets silent peers, and asks those that have been quiet for a while.
    fn churn(&mut self, cx: &mut Context<'_>) {
        let now = cx.now();
        for (community, mid, address) in self.members.churn(now, PINGS_PER_CHURN) {
            match cx.introduction_request_for(community, address.into(), false) {
                Ok(packet) => cx.send_packet(address.into(), packet),
                Err(error) => tracing::debug!(%error, "a peer was not asked whether it is there"),
            }
            // The request took this time, and has its lowest bits as its identifier.
            let identifier = u16::try_from(cx.global_time() % 65_536).unwrap_or_default();
            if let Some(member) = self.members.get_mut(community, &mid) {
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
        source_lan_address: old_style(cx.lan()),
        source_wan_address: old_style(cx.wan()),
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

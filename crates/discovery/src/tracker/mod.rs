//! A bootstrap server: introduces the peers of any community to each other, without being in any of them.

mod hosts;
mod lists;
mod members;
#[cfg(test)]
mod model;

use std::{
    net::{SocketAddr, SocketAddrV4},
    time::Duration,
};

use ipv8_core::{
    Community, Context, DropReason, Peer, Routes, SendError,
    messages::{
        Flags, Introduction, IntroductionRequest, IntroductionResponse, NO_ADDRESS, NewIntroductionRequest,
        NewIntroductionResponse, NewPunctureRequest, PunctureRequest, old_style,
    },
};
use ipv8_crypto::Mid;
use ipv8_wire::CommunityId;

pub use self::members::Listed;
use self::members::{Member, Members, Outcome, Question, Seen};

/// How often silent peers are looked for: often enough that many of them do not make one long turn.
const CHURN_INTERVAL: Duration = Duration::from_millis(100);

/// How many peers are asked in one turn whether they are there. Each question has to be signed, which takes some 17 µs:
/// a turn of 7 ms. At this rate 100,000 peers are asked every 27 seconds.
const PINGS_PER_CHURN: usize = 400;

/// How much a tracker remembers, and of whom.
///
/// What this takes is measured in `docs/PERFORMANCE.md`: some 200 bytes for each peer, and as many for each community.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackerLimits {
    /// Peers of one community, at least one; the newest stay. A peer that is seen at an IPv4 and at an IPv6 address counts
    /// twice. (The reference keeps the newest hundred of all communities together.)
    pub peers: usize,
    /// Communities, at least one. A new one takes the place of the one with the fewest peers, of the one heard of longest
    /// ago among equals; so that whoever makes up community ids drives out no community that others are in.
    pub communities: usize,
    /// Peers of all communities together, at least one. The oldest peer of the community with the most of them makes room.
    pub peers_in_all: usize,
    /// Places that one host may take in all communities together, at least one: an IPv4 address, or a /64 of IPv6. Who is
    /// beyond that is answered but not remembered. Hosts on loopback and in networks that are not part of the Internet may
    /// take all.
    pub peers_of_host: usize,
    /// The same in one community, so that one host with many keys does not become all that a community hears of.
    pub peers_of_host_in_one: usize,
}

impl Default for TrackerLimits {
    /// 100 peers (the reference's number) of 10,000 communities, but no more than 100,000 peers; 25 of one host in a
    /// community, and 1,000 of it in all.
    fn default() -> Self {
        Self { peers: 100, communities: 10_000, peers_in_all: 100_000, peers_of_host: 1_000, peers_of_host_in_one: 25 }
    }
}

/// Answers the introduction requests of every community id (`protocol.md` section 5, "Tracker").
///
/// Load it with [`OverlayConfig::any_prefix`](ipv8_core::OverlayConfig::any_prefix). Answers carry the asked community's
/// id and are signed with the tracker's own key.
///
/// The reference's tracker speaks the old style over IPv4 only. This one also takes requests of the new style, over either
/// family, and answers them in the new style. It introduces a peer at an address of a family that it has seen the asker
/// use: IPv4 peers to whoever asks in the old style, and peers of both families to one that asked over both.
///
/// A peer that is silent for 27 seconds is asked whether it is there, by an introduction request; after 58 seconds without
/// an answer it is forgotten. At most 4,000 peers are asked in a second: where there are more than some 100,000 silent
/// ones, they are asked later, and stay until then.
///
/// A peer that writes from another address than before is introduced there once it answered a question from there, or after
/// it fell silent where it was: its request may be a copy, which anybody can send who was sent one. (The reference follows
/// every request.)
#[derive(Debug, Default)]
pub struct Tracker {
    members: Members,
}

/// Who asks, and in which way it is answered.
struct Asker {
    mid: Mid,
    community: CommunityId,
    /// Where the request came from.
    address: SocketAddr,
    /// Where it was seen at the other family.
    other: Option<SocketAddr>,
    is_old_style: bool,
    request: Introduction,
}

impl Tracker {
    /// A tracker with limits of its own.
    #[must_use]
    pub fn new(limits: TrackerLimits) -> Self {
        Self { members: Members::new(limits) }
    }

    /// How many peers are remembered, of all communities together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether no peer is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The communities that have peers, with how many, the one heard of last at the end.
    pub fn communities(&self) -> impl Iterator<Item = (CommunityId, usize)> {
        self.members.communities()
    }

    /// The peers of a community: member id and address, the newest at the end.
    pub fn peers(&self, community: CommunityId) -> impl Iterator<Item = (Mid, SocketAddr)> {
        self.members.of(community)
    }

    /// A part of all peers, in no order that means anything, for those who list them without making a turn long: what is in
    /// `most` places from one on, 0 being the first, and where to go on, if there is more. Peers that come and go between
    /// two calls may be missed, but none is listed twice.
    #[must_use]
    pub fn page(&self, from: usize, most: usize) -> (Vec<Listed>, Option<usize>) {
        self.members.page(from, most)
    }

    fn on_old_request(&mut self, cx: &mut Context<'_>, from: &Peer, request: IntroductionRequest) {
        self.on_request(cx, from, request.into(), true);
    }

    fn on_new_request(&mut self, cx: &mut Context<'_>, from: &Peer, request: NewIntroductionRequest) {
        self.on_request(cx, from, request.into(), false);
    }

    fn on_request(&mut self, cx: &mut Context<'_>, from: &Peer, request: Introduction, is_old_style: bool) {
        let Some((community, address)) =
            cx.received().and_then(|received| Some((received.community_id()?, received.source())))
        else {
            return;
        };
        if is_old_style && address.is_ipv6() {
            // An old-style answer has no room for where it goes.
            cx.count_drop(DropReason::NoAddress);
            return;
        }
        let mid = from.mid();
        let other = self.members.at_other_family(community, &mid, address).filter(|_| !is_old_style);
        let asker = Asker { mid, community, address, other, is_old_style, request };
        let families = [asker.v4().is_some(), asker.v6().is_some()];
        let chosen = self.members.choose(cx.rng(), community, &asker.mid, families);
        if let Err(error) = asker.answer(cx, chosen) {
            tracing::debug!(%error, source = %address, "an introduction was not answered");
        }
        let seen = Seen {
            address,
            lan: old_style(asker.request.source_lan),
            new_style: asker.request.new_style,
            at: cx.now(),
        };
        match self.members.remember(community, mid, seen) {
            Outcome::Member | Outcome::Elsewhere(None) => {}
            Outcome::HostIsFull => {
                tracing::debug!(source = %address, "a host with many peers was answered, and not remembered");
            }
            Outcome::Elsewhere(Some(question)) => {
                let identifier = ask(cx, &question);
                self.members.challenged(&question, identifier);
            }
        }
    }

    fn on_old_response(&mut self, cx: &mut Context<'_>, from: &Peer, response: IntroductionResponse) {
        self.on_response(cx, from, response.identifier, response.flags.has(Flags::PEER_LIMIT));
    }

    fn on_new_response(&mut self, cx: &mut Context<'_>, from: &Peer, response: NewIntroductionResponse) {
        self.on_response(cx, from, response.identifier, false);
    }

    /// A peer that we asked whether it is there answers; one that takes no more peers is not introduced any more. What we
    /// did not ask for is dropped: it may be the copy of an old answer, sent by somebody else.
    fn on_response(&mut self, cx: &mut Context<'_>, from: &Peer, identifier: u16, is_full: bool) {
        let Some((community, source)) =
            cx.received().and_then(|received| Some((received.community_id()?, received.source())))
        else {
            return;
        };
        let answer = (source, identifier);
        if !self.members.answered(community, &from.mid(), answer, is_full, cx.now()) {
            cx.count_drop(DropReason::Unsolicited);
        }
    }

    /// Forgets silent peers, and asks those that have been quiet for a while.
    fn churn(&mut self, cx: &mut Context<'_>) {
        for question in self.members.churn(cx.now(), PINGS_PER_CHURN) {
            let identifier = ask(cx, &question);
            self.members.asked(&question, identifier);
        }
    }
}

/// Asks a peer whether it is there, and returns the identifier of the question.
fn ask(cx: &mut Context<'_>, question: &Question) -> u16 {
    // In the new style over IPv6, and in the old one, which everybody understands, over IPv4.
    match cx.introduction_request_for(question.community, question.address, false) {
        Ok(packet) => cx.send_packet(question.address, packet),
        Err(error) => tracing::debug!(%error, "a peer was not asked whether it is there"),
    }
    // The request took this time, and has its lowest bits as its identifier.
    u16::try_from(cx.global_time() % 65_536).unwrap_or_default()
}

impl Community for Tracker {
    /// Nobody's: a tracker is in no community.
    const ID: CommunityId = CommunityId([0; 20]);

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_old_request);
        r.on(Self::on_new_request);
        r.on(Self::on_old_response);
        r.on(Self::on_new_response);
        r.every(CHURN_INTERVAL, Self::churn);
    }
}

impl Asker {
    fn v4(&self) -> Option<SocketAddr> {
        [Some(self.address), self.other].into_iter().flatten().find(SocketAddr::is_ipv4)
    }

    fn v6(&self) -> Option<SocketAddr> {
        [Some(self.address), self.other].into_iter().flatten().find(SocketAddr::is_ipv6)
    }

    /// Asks the chosen member to open its NAT for the asker, and introduces it.
    fn answer(&self, cx: &mut Context<'_>, chosen: Option<&Member>) -> Result<(), SendError> {
        // The response takes its time before the puncture request does, although it is sent after it.
        let global_time = Some(cx.claim_global_time() % 65_536);
        if let Some(member) = chosen {
            self.ask_to_puncture(cx, member)?;
        }
        let (lan, wan) = chosen.map_or((NO_ADDRESS, SocketAddr::V4(NO_ADDRESS)), |member| self.introduce(cx, member));
        let introduced_new_style = chosen.is_some_and(|member| member.new_style);
        let Self { community, address: to, request, .. } = self;
        let packet = match to {
            SocketAddr::V4(asker) if self.is_old_style => {
                let response = IntroductionResponse {
                    destination_address: *asker,
                    source_lan_address: old_style(cx.lan()),
                    source_wan_address: old_style(cx.wan()),
                    lan_introduction_address: lan,
                    wan_introduction_address: old_style(wan),
                    flags: Flags::old_response(introduced_new_style, false),
                    identifier: request.identifier,
                    extra_bytes: Vec::new(),
                };
                cx.pack_as(*community, cx.private_key(), global_time, &response)?
            }
            _ => {
                let response = NewIntroductionResponse {
                    destination_address: *to,
                    source_lan_address: cx.lan(),
                    source_wan_address: cx.preferred(),
                    lan_introduction_address: lan.into(),
                    wan_introduction_address: wan,
                    identifier: request.identifier,
                    flags: Flags::new_response(introduced_new_style),
                    extra_bytes: Vec::new(),
                };
                cx.pack_as(*community, cx.private_key(), global_time, &response)?
            }
        };
        cx.send_packet(*to, packet);
        Ok(())
    }

    /// Asks a member to open its NAT for the asker, at the asker's address of the member's family.
    fn ask_to_puncture(&self, cx: &mut Context<'_>, member: &Member) -> Result<(), SendError> {
        let walker = if member.address.is_ipv4() { self.v4() } else { self.v6() };
        let (time, identifier) = (Some(cx.claim_global_time()), self.request.identifier);
        let packet = match walker {
            None => return Ok(()),
            // Everybody understands the old style, which has room for these.
            Some(SocketAddr::V4(wan_walker_address)) if self.is_old_style || !member.new_style => {
                // The reference names its own address as the walker's in the LAN, where a puncture would be lost.
                let lan_walker_address = old_style(self.request.source_lan);
                let request = PunctureRequest { lan_walker_address, wan_walker_address, identifier };
                cx.pack_as(self.community, cx.private_key(), time, &request)?
            }
            Some(wan_walker_address) => {
                let lan_walker_address = self.request.source_lan;
                let request = NewPunctureRequest { lan_walker_address, wan_walker_address, identifier };
                cx.pack_as(self.community, cx.private_key(), time, &request)?
            }
        };
        cx.send_packet(member.address, packet);
        Ok(())
    }

    /// How a member is introduced: where it is in its LAN, and elsewhere.
    fn introduce(&self, cx: &Context<'_>, member: &Member) -> (SocketAddrV4, SocketAddr) {
        // LAN addresses are IPv4 addresses, which mean nothing to one without any.
        let lan = if self.v4().is_some() { member.lan } else { NO_ADDRESS };
        match member.address {
            // On our own machine: others reach it at our address.
            SocketAddr::V4(own) if cx.is_own_address((*own.ip()).into()) => match cx.wan() {
                SocketAddr::V4(wan) => (own, SocketAddrV4::new(*wan.ip(), own.port()).into()),
                SocketAddr::V6(_) => (own, own.into()),
            },
            elsewhere => (lan, elsewhere),
        }
    }
}

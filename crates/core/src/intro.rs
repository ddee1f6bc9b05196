//! Introductions and punctures: how peers meet (`protocol.md` section 5).
//!
//! A walker asks a peer for an introduction; the peer asks a third one to open its NAT for the walker (puncture request)
//! and tells the walker where the third one is; the third one sends a puncture, and the walker walks to it.

use std::net::SocketAddr;

use ipv8_crypto::Mid;
use ipv8_wire::CommunityId;
use rand::RngExt;

use crate::{
    community::{Community, MaxPeers},
    context::{Context, Received},
    defence::asked::Answer,
    defence::hardening::Unsolicited,
    defence::votes::Voter,
    messages::{
        Flags, Introduced, Introduction, IntroductionRequest, IntroductionResponse, NO_ADDRESS, NewIntroductionRequest,
        NewIntroductionResponse, NewPuncture, NewPunctureRequest, Puncture, PunctureRequest, old_style,
    },
    network::{Addresses, PeerRecord},
    outbox::{self, SendError},
    peer::Peer,
    routes::Routes,
    stats::DropReason,
};

/// Peers whose punctures one community waits for.
const MOST_EXPECTED: usize = 256;

/// Registers what every community answers.
pub(crate) fn base_routes<C: Community>(r: &mut Routes<C>) {
    r.base::<IntroductionRequest, _>(|c, cx, from, m| on_request(c, cx, from, m.into()))
        .base::<NewIntroductionRequest, _>(|c, cx, from, m| on_request(c, cx, from, m.into()))
        .base::<IntroductionResponse, _>(|c, cx, from, m| on_response(c, cx, from, m.into()))
        .base::<NewIntroductionResponse, _>(|c, cx, from, m| on_response(c, cx, from, m.into()))
        .base::<PunctureRequest, _>(|_, cx, from, m| {
            let walker = (m.lan_walker_address.into(), m.wan_walker_address.into());
            on_puncture_request(cx, from, walker, m.identifier, false);
        })
        .base::<NewPunctureRequest, _>(|_, cx, from, m| {
            let walker = (m.lan_walker_address, m.wan_walker_address);
            on_puncture_request(cx, from, walker, m.identifier, true);
        })
        // A puncture has done its work by arriving; a peer that we know is from now on where it came from, or asked.
        .base_move::<Puncture>()
        .base_move::<NewPuncture>();
}

fn on_request<C: Community>(community: &mut C, cx: &mut Context<'_>, from: &Received<'_>, request: Introduction) {
    if cx.is_over_peer_limit() {
        cx.count_drop(DropReason::PeerLimit);
        return;
    }
    if from.key().is_some_and(|key| cx.is_crowded_out(&key.mid(), from.source())) {
        cx.count_drop(DropReason::PeerLimit);
        return;
    }
    let Some(sender) = cx.meet(from, request.new_style, |addresses| {
        if let SocketAddr::V4(lan) = request.source_lan
            && lan != NO_ADDRESS
        {
            addresses.lan = Some(lan);
        }
    }) else {
        return;
    };
    cx.answer_introduction(request.destination, &sender.peer, request.identifier, None, sender.new_style);
    community.introduction_requested(cx, &sender.peer, &request);
}

fn on_response<C: Community>(community: &mut C, cx: &mut Context<'_>, from: &Received<'_>, response: Introduced) {
    let answer = cx.take_answer(from, response.identifier);
    let how = cx.state.hardening.unsolicited;
    match how {
        Unsolicited::Drop if !answer.is_solicited() => {
            cx.count_drop(DropReason::Unsolicited);
            if answer == Answer::Elsewhere {
                cx.ask_whoever_answered(from, response.new_style);
            }
            return;
        }
        // As an introduction request would be; an answer never is.
        Unsolicited::Distrust if !answer.is_solicited() && cx.is_over_peer_limit() && !cx.knows_sender(from) => {
            cx.count_drop(DropReason::PeerLimit);
            return;
        }
        _ => {}
    }
    let (now, wan) = (cx.state.now, cx.state.hardening.wan);
    let voter = Voter { address: from.source(), is_public: cx.network().is_blacklisted(from.source()) };
    cx.state.own.told(wan, voter, answer, response.destination, now);
    if answer == Answer::Here
        && let Some(sender) = from.sender_key().filter(|sender| sender.canonical)
    {
        cx.network_mut().moved_to(&sender.key.mid(), from.source());
    }
    if from.key().is_some_and(|key| cx.is_crowded_out(&key.mid(), from.source())) {
        cx.count_drop(DropReason::PeerLimit);
        return;
    }
    let Some(sender) = cx.meet(from, response.new_style, |_| ()) else {
        return;
    };
    let mid = sender.peer.mid();
    let service = cx.overlay.community_id;
    if sender.new_style {
        offer_interface(cx, &sender.peer, &response);
    }
    let ours = cx.state.own.wan.ip();
    let lan = response.lan_introduction;
    let mut found: [Option<SocketAddr>; 2] = [None, None];
    match response.wan_introduction {
        Some(wan) if wan.ip() != ours => found = [lan, Some(wan)],
        // Behind the same NAT: the LAN address, or our own LAN with the port seen from outside.
        Some(wan) => {
            found = match lan {
                Some(lan) => [Some(lan), None],
                None => [Some(wan), Some(SocketAddr::new(cx.state.own.lan().ip(), wan.port()))],
            };
        }
        None => {}
    }
    let own = &cx.state.own;
    let found = found.map(|address| address.filter(|address| own.may_be_peer(*address)));
    let taken = how == Unsolicited::Trust || answer != Answer::None;
    for address in found.into_iter().flatten().filter(|_| taken) {
        if !cx.is_deaf(address) {
            cx.network_mut().discover_address(mid, address, Some(service), response.introduced_new_style);
        }
    }
    community.introduced(cx, &sender.peer, &response);
}

/// A new-style peer named an address of another class than the one it uses; if we have a socket for it, remember the
/// address and ask the peer to open its NAT there.
fn offer_interface(cx: &mut Context<'_>, peer: &Peer, response: &Introduced) {
    let offered = response.source_wan;
    if offered.is_ipv4() == peer.address().is_ipv4() || !cx.state.own.has_class(offered) {
        return;
    }
    let service = cx.overlay.community_id;
    cx.network_mut().discover_address(peer.mid(), offered, Some(service), true);
    if let Some(own) = cx.state.own.of_class(offered) {
        let nowhere = SocketAddr::V4(NO_ADDRESS);
        match cx.puncture_request(nowhere, own, response.identifier, true) {
            Ok(packet) => cx.send_packet(peer.address(), packet),
            Err(error) => cx.refuse(&error),
        }
    }
}

fn on_puncture_request(
    cx: &mut Context<'_>,
    from: &Received<'_>,
    (lan, wan): (SocketAddr, SocketAddr),
    identifier: u16,
    new_style: bool,
) {
    let target = if wan.ip() == cx.state.own.wan.ip() { lan } else { wan };
    // Anybody can ask for this, so nothing is sent, or even signed, to where no peer can be.
    if !cx.state.own.may_be_peer(target) {
        cx.count_drop(DropReason::NoAddress);
        return;
    }
    if let Some(limits) = cx.state.hardening.punctures {
        let introducer = Some(from.source()).filter(|source| cx.is_introducer(*source));
        if !cx.state.punctures.admit(limits, introducer, target, cx.state.now) {
            cx.count_drop(DropReason::RateLimited);
            return;
        }
    }
    match cx.write_puncture(wan, identifier, new_style) {
        Ok(unsigned) => cx.send_unsigned(target, unsigned),
        Err(error) => cx.refuse(&error),
    }
}

/// Somebody whose signature we checked, as the introduction rules see it.
pub(crate) struct Met {
    pub(crate) peer: Peer,
    pub(crate) new_style: bool,
}

/// What introductions add to the context. These are what strategies, bootstrappers and communities with introductions of
/// their own are made of.
impl Context<'_> {
    /// Makes the sender of a message a verified peer of this community.
    pub(crate) fn meet(
        &mut self,
        from: &Received<'_>,
        new_style: bool,
        change: impl FnOnce(&mut Addresses),
    ) -> Option<Met> {
        let sender = from.sender_key()?;
        self.identify(from);
        let mid = sender.key.mid();
        let now = self.state.now;
        let service = self.overlay.community_id;
        let network = self.network_mut();
        let known = sender.canonical && network.get(&mid).is_some();
        let record = if known {
            network.update(&mid, |addresses, style| {
                change(addresses);
                *style |= new_style;
            });
            network.get(&mid)?.clone()
        } else {
            let mut addresses = Addresses::default();
            addresses.set(from.source());
            change(&mut addresses);
            let mut record = PeerRecord::new(sender.key.clone(), addresses, now);
            record.set_new_style(new_style);
            record
        };
        network.add_verified(&record);
        network.discover_services(&mid, &[service]);
        Some(Met { peer: record.peer()?, new_style: record.new_style() })
    }

    /// What the response in `from` is an answer to. One that was asked for counts once.
    fn take_answer(&mut self, from: &Received<'_>, identifier: u16) -> Answer {
        let now = self.state.now;
        from.sender_key()
            .map_or(Answer::None, |sender| self.overlay.asked.answer(identifier, from.source(), sender.key.mid(), now))
    }

    /// Tells the node that this community makes an introduction request of its own, with an identifier of its own, so
    /// that the response counts as asked for. What [`Context::walk_to`], [`Context::request_introduction`] and
    /// [`Context::introduction_request`] make is known already.
    ///
    /// The last 1,024 requests of 30 seconds are remembered.
    pub fn expect_introduction(&mut self, from: SocketAddr, identifier: u16) {
        self.overlay.asked.ask(identifier, from, None, self.state.now);
    }

    /// Has [`Community::punctured`] called for the punctures of this peer, known or not, until
    /// [`Context::expect_no_puncture`]. The signatures of others' punctures are not even checked: a stranger's tell nothing. False
    /// if 256 peers are expected already.
    pub fn expect_puncture(&mut self, of: Mid) -> bool {
        let expected = &mut self.overlay.expected;
        if expected.len() >= MOST_EXPECTED && !expected.contains(&of) {
            return false;
        }
        expected.insert(of);
        true
    }

    /// Ends [`Context::expect_puncture`].
    pub fn expect_no_puncture(&mut self, of: &Mid) {
        self.overlay.expected.remove(of);
    }

    fn knows_sender(&self, from: &Received<'_>) -> bool {
        from.key().is_some_and(|key| self.network().get(&key.mid()).is_some())
    }

    /// Whether somebody is no peer, and cannot become one because there are so many at its host
    /// ([`Hardening::peers_per_host`](crate::Hardening)): its introduction requests are dropped.
    #[must_use]
    pub fn is_crowded_out(&self, mid: &Mid, source: SocketAddr) -> bool {
        self.network().is_crowded(source) && self.network().get(mid).is_none()
    }

    /// Whether somebody at this address may introduce us to others: a peer, a tracker, or who is being asked by us.
    fn is_introducer(&self, address: SocketAddr) -> bool {
        let network = self.network();
        network.by_address(address).is_some()
            || network.is_blacklisted(address)
            || self.overlay.asked.is_open(address, self.state.now)
    }

    /// Whether an address was asked so often without an answer that it is left alone for a while.
    fn is_deaf(&self, address: SocketAddr) -> bool {
        let most = self.state.hardening.unanswered_walks;
        most.is_some_and(|most| self.overlay.asked.unanswered(address, self.state.now) >= most)
    }

    /// Somebody answered from another address than the one that was asked; asked there, it can show that it is there.
    fn ask_whoever_answered(&mut self, from: &Received<'_>, new_style: bool) {
        if let Some(key) = from.key() {
            self.challenge(key.mid(), from.source(), new_style);
        }
    }

    /// Asks whoever is at an address for an introduction: if the answer is by the owner of this key, it is there.
    pub(crate) fn challenge(&mut self, mid: Mid, address: SocketAddr, new_style: bool) {
        if self.overlay.asked.may_challenge(mid, self.state.now) {
            self.request_introduction_at(address, new_style, None);
        }
    }

    /// Whether this community has more peers than it takes, so that introduction requests are dropped.
    #[must_use]
    pub fn is_over_peer_limit(&self) -> bool {
        matches!(self.overlay.max_peers, MaxPeers::Limit(limit) if self.peer_count() > limit)
    }

    /// Answers an introduction request that reached us at `ours`, by introducing the asker to a random peer of this
    /// community, or to the one given. The other one is asked to open its NAT first.
    pub fn answer_introduction(
        &mut self,
        ours: SocketAddr,
        asker: &Peer,
        identifier: u16,
        introduction: Option<Peer>,
        new_style: bool,
    ) {
        let to = self.where_to_answer(asker);
        let chosen = match introduction {
            Some(peer) => self.network().get(&peer.mid()).cloned(),
            None => self.choose_introduction(asker, new_style),
        };
        // The response takes its time before the puncture request does, although it is sent after it.
        let global_time = self.claim_global_time() % 65_536;
        if let Some(other) = chosen.as_ref().and_then(|record| record.addresses().preferred()) {
            match self.puncture_request(ours, to, identifier, new_style) {
                Ok(packet) => self.send_packet(other, packet),
                Err(error) => self.refuse(&error),
            }
        }
        let (lan, wan) = chosen.as_ref().map_or_else(
            || (SocketAddr::V4(NO_ADDRESS), SocketAddr::V4(NO_ADDRESS)),
            |record| self.introduction_addresses(record),
        );
        let introduced_new_style = chosen.as_ref().is_some_and(PeerRecord::new_style);
        let extra_bytes = self.overlay.response_extra.clone();
        let sent = if new_style {
            let response = NewIntroductionResponse {
                destination_address: to,
                source_lan_address: self.state.own.lan(),
                source_wan_address: self.state.own.preferred(),
                lan_introduction_address: lan,
                wan_introduction_address: wan,
                identifier,
                flags: Flags::new_response(introduced_new_style),
                extra_bytes,
            };
            self.post(to, Some(global_time), &response)
        } else {
            let limit_reached = matches!(self.overlay.max_peers, MaxPeers::Limit(limit) if limit <= self.peer_count());
            let response = IntroductionResponse {
                destination_address: old_style(to),
                source_lan_address: self.state.own.lan_v4(),
                source_wan_address: self.state.own.wan_v4(),
                lan_introduction_address: old_style(lan),
                wan_introduction_address: old_style(wan),
                flags: Flags::old_response(introduced_new_style, limit_reached),
                identifier,
                extra_bytes,
            };
            self.post(to, Some(global_time), &response)
        };
        if let Err(error) = sent {
            self.refuse(&error);
        }
    }

    /// Where the asker is. A known one that has yet to show that it moved is where it was.
    fn where_to_answer(&self, asker: &Peer) -> SocketAddr {
        let claimed = asker.address();
        let known = self.network().get(&asker.mid()).filter(|_| self.state.hardening.challenge_moves);
        match known.map(PeerRecord::addresses) {
            Some(addresses) if !addresses.was_at(claimed) => addresses.preferred().unwrap_or(claimed),
            _ => claimed,
        }
    }

    /// A random peer other than the asker; an asker of the old style can be introduced to IPv4 peers only.
    fn choose_introduction(&mut self, asker: &Peer, new_style: bool) -> Option<PeerRecord> {
        let service = self.overlay.community_id;
        let (network, rng) = self.network_and_rng();
        let own = asker.mid();
        let same_place = network.by_address(asker.address()).map(PeerRecord::mid);
        let fits = |record: &&PeerRecord| {
            let mid = record.mid();
            mid != own
                && Some(mid) != same_place
                && record.addresses().preferred().is_some_and(|address| new_style || address.is_ipv4())
        };
        let available = network.serving(service).filter(fits).count();
        if available == 0 {
            return None;
        }
        network.serving(service).filter(fits).nth(rng.random_range(0..available)).cloned()
    }

    /// How a peer is introduced: one on our own machine by its address and our WAN address, others by the LAN address
    /// that they claim and the address that we see.
    fn introduction_addresses(&self, record: &PeerRecord) -> (SocketAddr, SocketAddr) {
        let nowhere = SocketAddr::V4(NO_ADDRESS);
        match record.addresses().preferred() {
            Some(SocketAddr::V4(address)) if self.state.own.is_ours((*address.ip()).into()) => {
                (address.into(), SocketAddr::new(self.state.own.wan.ip(), address.port()))
            }
            Some(address) => (record.addresses().lan.map_or(nowhere, SocketAddr::V4), address),
            None => (nowhere, nowhere),
        }
    }

    /// Makes an introduction request to an address, without sending it: new style to IPv6 or if asked. A response from
    /// there counts as asked for.
    ///
    /// # Errors
    /// If the message cannot be written or signed.
    pub fn introduction_request(&mut self, to: SocketAddr, new_style: bool) -> Result<Vec<u8>, SendError> {
        self.introduction_request_for(self.overlay.community_id, to, new_style)
    }

    /// The same in the name of another community, as trackers send it. The response goes to whoever has that community's
    /// messages, who has to know the identifier: the lowest 16 bits of [`Context::global_time`].
    ///
    /// # Errors
    /// If the message cannot be written or signed.
    pub fn introduction_request_for(
        &mut self,
        community: CommunityId,
        to: SocketAddr,
        new_style: bool,
    ) -> Result<Vec<u8>, SendError> {
        let mut packet = self.write_introduction_request(community, to, new_style, None)?;
        outbox::sign(&*self.state.signer, &self.overlay.key, &mut packet)?;
        Ok(packet)
    }

    /// The same up to its signature.
    fn write_introduction_request(
        &mut self,
        community: CommunityId,
        to: SocketAddr,
        new_style: bool,
        of: Option<Mid>,
    ) -> Result<Vec<u8>, SendError> {
        if self.state.hardening.random_identifiers {
            // Received times are never merged into the clock, and nobody minds how far it goes on.
            let step = self.state.rng.random_range(0..65_536);
            self.set_global_time(self.global_time().saturating_add(step));
        }
        let global_time = self.claim_global_time() % 65_536;
        // Always fits: it was just reduced.
        let identifier = u16::try_from(global_time).unwrap_or_default();
        if community == self.overlay.community_id {
            self.overlay.asked.ask(identifier, to, of, self.state.now);
        }
        let extra_bytes = self.overlay.request_extra.clone();
        match to {
            SocketAddr::V4(destination_address) if !new_style => {
                let request = IntroductionRequest {
                    destination_address,
                    source_lan_address: self.state.own.lan_v4(),
                    source_wan_address: self.state.own.wan_v4(),
                    flags: Flags(Flags::ADVICE),
                    identifier,
                    extra_bytes,
                };
                self.write_as(community, Some(global_time), &request)
            }
            _ => {
                let request = NewIntroductionRequest {
                    destination_address: to,
                    source_lan_address: self.state.own.lan(),
                    source_wan_address: self.state.own.preferred(),
                    identifier,
                    flags: Flags::default(),
                    extra_bytes,
                };
                self.write_as(community, Some(global_time), &request)
            }
        }
    }

    /// Makes a puncture for a walker at `wan`, without sending it.
    ///
    /// # Errors
    /// If the message cannot be written or signed.
    pub fn puncture(&mut self, wan: SocketAddr, identifier: u16, new_style: bool) -> Result<Vec<u8>, SendError> {
        let mut packet = self.write_puncture(wan, identifier, new_style)?;
        outbox::sign(&*self.state.signer, &self.overlay.key, &mut packet)?;
        Ok(packet)
    }

    /// The same up to its signature.
    fn write_puncture(&mut self, wan: SocketAddr, identifier: u16, new_style: bool) -> Result<Vec<u8>, SendError> {
        let community = self.overlay.community_id;
        let global_time = Some(self.claim_global_time());
        if new_style {
            let puncture =
                NewPuncture { source_lan_address: self.state.own.lan(), source_wan_address: wan, identifier };
            self.write_as(community, global_time, &puncture)
        } else {
            let puncture = Puncture {
                source_lan_address: self.state.own.lan_v4(),
                source_wan_address: old_style(wan),
                identifier,
            };
            self.write_as(community, global_time, &puncture)
        }
    }

    /// Makes a request to open a NAT for a walker, without sending it: new style if asked, or if an address is no IPv4
    /// address. (The reference counts no address, 0.0.0.0:0, as such.)
    ///
    /// # Errors
    /// If the message cannot be written.
    pub fn puncture_request(
        &mut self,
        lan: SocketAddr,
        wan: SocketAddr,
        identifier: u16,
        new_style: bool,
    ) -> Result<Vec<u8>, SendError> {
        let global_time = Some(self.claim_global_time());
        match (lan, wan) {
            (SocketAddr::V4(lan_walker_address), SocketAddr::V4(wan_walker_address))
                if !new_style && lan_walker_address != NO_ADDRESS && wan_walker_address != NO_ADDRESS =>
            {
                self.pack_at(global_time, &PunctureRequest { lan_walker_address, wan_walker_address, identifier })
            }
            _ => self.pack_at(
                global_time,
                &NewPunctureRequest { lan_walker_address: lan, wan_walker_address: wan, identifier },
            ),
        }
    }

    /// Walks to an address: sends it an introduction request.
    pub fn walk_to(&mut self, address: SocketAddr) {
        let new_style = self.network().is_new_style(address);
        self.request_introduction_at(address, new_style, None);
    }

    /// Asks a peer for an introduction.
    pub fn request_introduction(&mut self, peer: &Peer) {
        let known = self.network().get(&peer.mid());
        let new_style = known.is_some_and(PeerRecord::new_style);
        let address = known.and_then(|record| record.addresses().preferred()).unwrap_or_else(|| peer.address());
        self.request_introduction_at(address, new_style, Some(peer.mid()));
    }

    fn request_introduction_at(&mut self, address: SocketAddr, new_style: bool, of: Option<Mid>) {
        let community = self.overlay.community_id;
        self.network_mut().walked(address, community);
        match self.write_introduction_request(community, address, new_style, of) {
            Ok(unsigned) => self.send_unsigned(address, unsigned),
            Err(error) => self.refuse(&error),
        }
    }

    /// Asks a random peer for an introduction, or the bootstrappers if there is none. One time in twenty, with peers, the
    /// bootstrappers are asked all the same, so that a network that fell into parts grows together again.
    pub fn new_introduction(&mut self) {
        let Some(peer) = self.random_peer() else {
            self.bootstrap();
            return;
        };
        let ready = self.overlay.bootstrappers.iter().any(|bootstrapper| bootstrapper.is_initialized());
        if ready && self.state.rng.random_bool(0.05) {
            self.with_bootstrappers(|bootstrapper, cx| bootstrapper.keep_alive(cx));
        } else {
            self.request_introduction(&peer);
        }
    }

    /// Lets all bootstrappers that are initialized keep contact with their sources: one that knows trackers asks a random
    /// one of them. False if there is none. Unlike [`Context::bootstrap`], the caller limits how often.
    pub fn keep_alive(&mut self) -> bool {
        let mut any = false;
        self.with_bootstrappers(|bootstrapper, cx| {
            if bootstrapper.is_initialized() {
                any = true;
                bootstrapper.keep_alive(cx);
            }
        });
        any
    }

    /// Asks all bootstrappers for first peers.
    pub fn bootstrap(&mut self) {
        self.with_bootstrappers(|bootstrapper, cx| bootstrapper.bootstrap(cx));
    }
}

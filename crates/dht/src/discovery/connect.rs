//! Looking for a peer by its member id: whom to ask, and which of the addresses that are told it answers at.

use std::{
    collections::BTreeSet,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use ipv8_core::{Handle, HandleError, Peer, RequestOptions, Retry, Sleep, Time};
use ipv8_crypto::Mid;

use super::news::News;
use crate::{
    community::{DhtCommunity, MOST_IN_MESSAGE, TARGET_NODES},
    crawl::Contact,
    crowd::Crowd,
    family::Family,
    lookup::{Lookup, Question, TraceEvent, TraceStep, is_plausible},
    messages::{ConnectPeerRequest, ConnectPeerResponse, PingRequest},
    pace::turn,
    routing::NodeStatus,
};

/// Addresses that one search pings at most: liars among the nodes can have us send three pings to each of so many.
pub const MOST_ADDRESSES: usize = 24;

/// Of these, as many as one node may name: one of each family.
const MOST_OF_ONE: usize = 2;

/// Addresses of punctures that one search pings at most, beside these.
const MOST_PUNCTURED: usize = 8;

/// How long a peer that is known already has, before others are asked where it is.
const HEAD_START: Duration = Duration::from_millis(500);

/// While the search for the closest nodes goes on, so many of those that answered are asked already: that takes a third off the time
/// of a search, and no more questions.
const EAGER: usize = 2;

/// How long a peer is waited for: 0.3 seconds, then pinged again after 0.3 and 0.6 more, and given up after 2.1 in all. The
/// first ping may come before the peer has opened its NAT. (The reference pings nobody.)
fn ping_patience(at: SocketAddr) -> RequestOptions {
    RequestOptions::within(Duration::from_millis(300)).retry(Retry::times(2).backoff(2)).at(at)
}

/// How long a node is waited for: as in a search. The reference waits for five seconds and asks once.
fn patience(at: SocketAddr) -> RequestOptions {
    RequestOptions::within(Duration::from_millis(700)).retry(Retry::times(1).backoff(2)).at(at)
}

/// Why no peer was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// It is our own id.
    #[error("this is the id of the node itself: there is nobody to connect to")]
    Own,
    /// No other node is known, and the peer is not either.
    #[error("no other node of the DHT is known yet: wait until peers are found, or check the bootstrappers")]
    NoNodes,
    /// None of the nodes that are known is there any more.
    #[error("none of the nodes of the DHT that are known answers: check the connection to the network")]
    Silent,
    /// Nobody knows the peer.
    #[error(
        "none of {asked} nodes knows where the peer is: check its id; one that has just started is found a minute later"
    )]
    NotFound {
        /// How many nodes were asked.
        asked: usize,
    },
    /// The peer does not answer.
    #[error(
        "the peer answers at none of {told} addresses that are known of it: it has gone, or its NAT lets nobody in; try again \
         later"
    )]
    NotReachable {
        /// How many addresses were tried.
        told: usize,
    },
    /// The community could not be reached.
    #[error(transparent)]
    Handle(#[from] HandleError),
}

type Pinged = (Peer, Time, bool);
type Told = (Contact, Option<ConnectPeerResponse>);

/// What happens next in a search.
enum Event {
    /// A ping is over.
    Pinged(Pinged),
    /// A puncture of the peer came from where it is here.
    Punctured(Peer),
    /// A node told what it knows.
    Told(Told),
    /// The search for nodes went on, or is over.
    Step(Result<bool, HandleError>),
    /// The peers that were known have had their time.
    HeadStartOver,
    /// Nothing is left to wait for.
    Nothing,
}

/// One search.
pub(crate) struct Connecting {
    handle: Handle<DhtCommunity>,
    peer: Mid,
    started: Time,
    news: News,
    head_start: Option<Pin<Box<Sleep>>>,
    /// The search for the nodes that are closest to its id, and when it began.
    lookup: Option<Lookup>,
    looked: bool,
    pings: Crowd<Pinged>,
    /// Where it was pinged because somebody named the address, and because a puncture came from there.
    pinged: BTreeSet<SocketAddr>,
    punctured: BTreeSet<SocketAddr>,
    asking: Crowd<Told>,
    asked: BTreeSet<(Mid, Family)>,
    trace: Vec<TraceStep>,
}

impl Connecting {
    /// Begins with what is known here: where the peer asked to be remembered, where it is as a peer or a node, and where the
    /// caller thinks that it is.
    pub(crate) fn new(
        handle: &Handle<DhtCommunity>,
        peer: Mid,
        hint: Option<&Peer>,
    ) -> Result<Result<Self, ConnectError>, HandleError> {
        let begun = handle.with(|dht, cx| {
            if cx.my_mid() == peer {
                return Err(ConnectError::Own);
            }
            let mut known: Vec<Peer> = hint.filter(|hint| hint.mid() == peer).cloned().into_iter().collect();
            known.extend(dht.discovery.stored.of(peer, cx.now()).cloned());
            if let Some(record) = cx.network().get(&peer) {
                known.extend(record.addresses().seen().map(|address| Peer::new(record.key().clone(), address)));
            }
            let tables = Family::ALL.into_iter().filter_map(|family| dht.table(family));
            let nodes = tables.flat_map(|table| table.nodes());
            known.extend(
                nodes
                    .filter(|node| node.peer().mid() == peer && node.status(cx.now()) != NodeStatus::Bad)
                    .map(|node| node.peer().clone()),
            );
            Ok((dht.discovery.awaited.wait(cx, peer), known, cx.now()))
        })?;
        let (news, known, started) = match begun {
            Ok(begun) => begun,
            Err(error) => return Ok(Err(error)),
        };
        let mut connecting = Self {
            handle: handle.clone(),
            peer,
            started,
            news,
            head_start: None,
            lookup: None,
            looked: false,
            pings: Crowd::default(),
            pinged: BTreeSet::new(),
            punctured: BTreeSet::new(),
            asking: Crowd::default(),
            asked: BTreeSet::new(),
            trace: Vec::new(),
        };
        for peer in known {
            connecting.ping(peer, started);
        }
        if connecting.pings.is_empty() {
            connecting.look()?;
        } else {
            connecting.head_start = Some(Box::pin(handle.sleep(HEAD_START)));
        }
        Ok(Ok(connecting))
    }

    /// Runs to the first answer of the peer, or until everybody was asked.
    pub(crate) async fn run(&mut self) -> Result<Vec<Peer>, ConnectError> {
        loop {
            match self.next().await {
                Event::Pinged((peer, asked, true)) => return Ok(vec![self.found(peer, asked)?]),
                Event::Pinged((peer, _, false)) => {
                    self.note(peer, TraceEvent::Silent)?;
                    // Those that were known are nowhere: others may know more.
                    if self.pings.is_empty() && self.head_start.take().is_some() {
                        self.look()?;
                    }
                }
                Event::Punctured(peer) => self.punctured(peer)?,
                Event::Told((node, answer)) => self.told(node, answer)?,
                Event::Step(more) => {
                    let ended = !more?;
                    self.ask(if ended { TARGET_NODES } else { EAGER })?;
                    if ended {
                        self.end_lookup();
                    }
                }
                Event::HeadStartOver => self.look()?,
                Event::Nothing => return Err(self.failure()),
            }
        }
    }

    /// What happened, in order.
    pub(crate) fn into_trace(mut self) -> Vec<TraceStep> {
        self.end_lookup();
        self.trace.sort_by_key(|step| step.at);
        self.trace
    }

    /// Waits for whatever comes first.
    async fn next(&mut self) -> Event {
        let Self { pings, asking, lookup, head_start, news, .. } = self;
        // What a step has done until it waits is kept where it belongs, so that it may be given up there.
        let mut step = lookup.as_mut().map(|lookup| Box::pin(lookup.step()));
        let idle = pings.is_empty() && asking.is_empty() && step.is_none() && head_start.is_none();
        let poll = |cx: &mut TaskContext<'_>| {
            if let Poll::Ready(pinged) = pings.poll_next(cx) {
                return Poll::Ready(Event::Pinged(pinged));
            }
            if let Poll::Ready(peer) = news.poll_next(cx) {
                return Poll::Ready(Event::Punctured(peer));
            }
            if let Poll::Ready(told) = asking.poll_next(cx) {
                return Poll::Ready(Event::Told(told));
            }
            if let Some(Poll::Ready(more)) = step.as_mut().map(|step| step.as_mut().poll(cx)) {
                return Poll::Ready(Event::Step(more));
            }
            if let Some(Poll::Ready(())) = head_start.as_mut().map(|sleep| sleep.as_mut().poll(cx)) {
                return Poll::Ready(Event::HeadStartOver);
            }
            if idle { Poll::Ready(Event::Nothing) } else { Poll::Pending }
        };
        std::future::poll_fn(poll).await
    }

    /// Looks for the nodes that are closest to the peer's id.
    fn look(&mut self) -> Result<(), HandleError> {
        self.head_start = None;
        let question = Question { target: self.peer.0, force_nodes: true, offset: 0 };
        self.lookup = Lookup::new(&self.handle, question)?;
        self.looked |= self.lookup.is_some();
        Ok(())
    }

    /// Asks those that are closest of the nodes that answered, so many of each family, for the peer.
    fn ask(&mut self, most: usize) -> Result<(), HandleError> {
        let Some(lookup) = &self.lookup else { return Ok(()) };
        for (family, nodes) in lookup.answering() {
            for node in nodes.into_iter().take(most) {
                if !self.asked.insert((node.peer.mid(), family)) {
                    continue;
                }
                let at = self.handle.with(|_, cx| cx.now().since(self.started))?;
                self.trace.push(TraceStep { at, node: node.peer.clone(), hops: 0, event: TraceEvent::AskedForPeer });
                let (handle, target) = (self.handle.clone(), self.peer.0);
                self.asking.push(async move {
                    let answer = ask_for_peer(&handle, &node, target).await;
                    (node, answer)
                });
            }
        }
        Ok(())
    }

    fn end_lookup(&mut self) {
        if let Some(lookup) = self.lookup.take() {
            let since = lookup.started().since(self.started);
            let steps = lookup.into_trace();
            self.trace.extend(steps.into_iter().map(|step| TraceStep { at: step.at.saturating_add(since), ..step }));
        }
    }

    /// A node told where the peer is, or did not answer. Only what can be the peer is pinged: under its key, at an address
    /// where a node can be, for which we have a socket.
    fn told(&mut self, node: Contact, answer: Option<ConnectPeerResponse>) -> Result<(), HandleError> {
        let Some(answer) = answer else { return self.note(node.peer, TraceEvent::Silent) };
        let (target, by) = (self.peer, node.address());
        let (named, possible, now) = self.handle.with(|dht, cx| {
            let named: Vec<_> = answer.nodes.into_iter().take(MOST_IN_MESSAGE).collect();
            let is_possible =
                |peer: &Peer| peer.mid() == target && is_plausible(dht, cx, peer, by) && cx.can_reach(peer.address());
            let count = named.len();
            let peers = named.into_iter().map(|node| Peer::new(node.key, node.address));
            (count, peers.filter(is_possible).take(MOST_OF_ONE).collect::<Vec<_>>(), cx.now())
        })?;
        let refused = named.saturating_sub(possible.len());
        self.note(node.peer, TraceEvent::Told { named, refused })?;
        for peer in possible {
            self.ping(peer, now);
        }
        Ok(())
    }

    /// The peer opened its NAT for us, or what is repeated by somebody else looks like it.
    fn punctured(&mut self, peer: Peer) -> Result<(), HandleError> {
        let (is_possible, now) =
            self.handle.with(|dht, cx| (is_plausible(dht, cx, &peer, peer.address()), cx.now()))?;
        if !is_possible || self.punctured.len() >= MOST_PUNCTURED || !self.punctured.insert(peer.address()) {
            return Ok(());
        }
        self.note(peer.clone(), TraceEvent::Punctured)?;
        // Even if it was pinged there before: that may have been too early.
        self.start_ping(peer, now);
        Ok(())
    }

    /// Pings the peer where it may be, unless that was done.
    fn ping(&mut self, peer: Peer, now: Time) {
        if self.pinged.len() < MOST_ADDRESSES && self.pinged.insert(peer.address()) {
            self.start_ping(peer, now);
        }
    }

    fn start_ping(&mut self, peer: Peer, now: Time) {
        let at = now.since(self.started);
        self.trace.push(TraceStep { at, node: peer.clone(), hops: 0, event: TraceEvent::Pinged });
        let handle = self.handle.clone();
        self.pings.push(async move {
            let (asked, answered) = ping(&handle, &peer).await;
            (peer, asked, answered)
        });
    }

    /// The peer answered.
    fn found(&mut self, peer: Peer, asked: Time) -> Result<Peer, HandleError> {
        self.note(peer.clone(), TraceEvent::Answered)?;
        self.end_lookup();
        self.handle.with(|dht, cx| dht.connected(cx, &peer, asked))?;
        Ok(peer)
    }

    fn failure(&self) -> ConnectError {
        let told = self.pinged.union(&self.punctured).count();
        if told > 0 {
            ConnectError::NotReachable { told }
        } else if !self.asked.is_empty() {
            ConnectError::NotFound { asked: self.asked.len() }
        } else if self.looked {
            ConnectError::Silent
        } else {
            ConnectError::NoNodes
        }
    }

    fn note(&mut self, node: Peer, event: TraceEvent) -> Result<(), HandleError> {
        let at = self.handle.with(|_, cx| cx.now().since(self.started))?;
        self.trace.push(TraceStep { at, node, hops: 0, event });
        Ok(())
    }
}

/// Asks one node where a peer is; it has the peer open its NAT for us.
async fn ask_for_peer(handle: &Handle<DhtCommunity>, node: &Contact, target: [u8; 20]) -> Option<ConnectPeerResponse> {
    let lan_address = handle.with(|_, cx| cx.lan()).ok()?;
    let request = ConnectPeerRequest { identifier: 0, lan_address, target };
    handle.request_within(patience(node.address()), &node.peer, request).await.ok()
}

/// Pings a peer where it may be, as soon as it may be asked something: when that was, and whether it answered.
async fn ping(handle: &Handle<DhtCommunity>, peer: &Peer) -> (Time, bool) {
    let Ok(asked) = turn(handle, peer.mid()).await else { return (Time::ZERO, false) };
    let request = PingRequest { identifier: 0 };
    let answer = handle.request_within(ping_patience(peer.address()), peer, request).await;
    (asked, answer.is_ok())
}

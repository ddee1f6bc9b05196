//! A search under way: an async function over [`Crawl`], in both address families at once.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use ipv8_core::{Context, Handle, HandleError, Peer, RequestOptions, Retry, Time};

use crate::{
    community::{DhtCommunity, MOST_IN_MESSAGE},
    crawl::{Answer, Contact, Crawl, FIRST_NODES},
    crowd::Crowd,
    family::{Family, may_be_node},
    id::Key,
    lane::{GIVEN_UP, Lane},
    messages::{FindRequest, FindResponse},
    routing::DhtNode,
    value::Value,
};

/// How long a node is waited for: 0.7 seconds, then asked again, since datagrams get lost, and waited for another 1.4. The
/// reference waits for two seconds and asks once.
fn patience(at: SocketAddr) -> RequestOptions {
    RequestOptions::within(Duration::from_millis(700)).retry(Retry::times(1).backoff(2)).at(at)
}

/// One line of the trace of a search.
#[derive(Clone, Debug)]
pub struct TraceStep {
    /// Since the search began.
    pub at: Duration,
    /// Which node it is about.
    pub node: Peer,
    /// How far it is along the way by which it was heard of: 1 for a node of our own table, one more than the node that named
    /// it for all others. 0 where it is told of a peer that is to be connected, and of those who are asked for it.
    pub hops: u32,
    /// What happened.
    pub event: TraceEvent,
}

/// What happened to a node in a search.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TraceEvent {
    /// It was asked.
    Asked,
    /// It has so many values.
    Values(usize),
    /// It named nodes.
    Nodes {
        /// How many.
        named: usize,
        /// How many of them cannot be nodes: their addresses are reserved, or our own.
        refused: usize,
    },
    /// It did not answer, or could not be asked.
    Silent,
    /// It was asked where a peer is.
    AskedForPeer,
    /// It told where a peer is.
    Told {
        /// How many nodes it named.
        named: usize,
        /// How many of them are not the peer, or at addresses where it cannot be, or too many.
        refused: usize,
    },
    /// It is the peer, and was pinged.
    Pinged,
    /// It is the peer, and opened its NAT for us.
    Punctured,
    /// It is the peer, and answered a ping.
    Answered,
}

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) target: Key,
    pub(crate) force_nodes: bool,
    pub(crate) offset: u32,
}

/// Which lane a node was asked for, the node, and its answer.
type Asked = (usize, Contact, Option<FindResponse>);

/// A search under way.
pub(crate) struct Lookup {
    handle: Handle<DhtCommunity>,
    question: Question,
    lanes: Vec<Lane>,
    asking: Crowd<Asked>,
    started: Time,
    trace: Vec<TraceStep>,
}

impl Lookup {
    /// Begins in every family in which a node is known; `None` if there is none.
    pub(crate) fn new(handle: &Handle<DhtCommunity>, question: Question) -> Result<Option<Self>, HandleError> {
        let (lanes, started) = handle.with(|dht, cx| {
            let lane = |family| {
                let closest = dht.table(family)?.closest(&question.target, FIRST_NODES, None, cx.now());
                let closest = closest.into_iter().map(|node| Contact::new(where_it_is(cx, family, node.peer())));
                let crawl = Crawl::new(question.target, closest);
                Lane::new(family, crawl, !question.force_nodes)
            };
            (Family::ALL.into_iter().filter_map(lane).collect::<Vec<_>>(), cx.now())
        })?;
        let handle = handle.clone();
        Ok((!lanes.is_empty()).then_some(Self {
            handle,
            question,
            lanes,
            asking: Crowd::default(),
            started,
            trace: Vec::new(),
        }))
    }

    /// Leaves out some nodes that told us a token lately: for those who want to store. They count as if they had answered.
    pub(crate) fn sparing(mut self) -> Self {
        self.lanes.iter_mut().for_each(|lane| lane.may_spare = true);
        self
    }

    /// Asks whom it may, and takes one answer in. False when the search is over.
    pub(crate) async fn step(&mut self) -> Result<bool, HandleError> {
        loop {
            let (now, blocked) = self.ask_next()?;
            if self.lanes.iter().any(|lane| lane.must_wait(now)) {
                let changes = self.lanes.iter().filter_map(|lane| lane.changes_at(now)).min();
                let handle = self.handle.clone();
                let first = self.asking.next();
                let answer = match changes {
                    Some(changes) => handle.timeout(changes.since(now), first).await.ok().flatten(),
                    None => first.await,
                };
                let Some((lane, node, answer)) = answer else { continue };
                self.take_in(lane, node, answer)?;
                return Ok(true);
            }
            let Some(free) = blocked else {
                self.give_up(now)?;
                return Ok(false);
            };
            self.handle.sleep(free.since(now)).await;
        }
    }

    /// Those who were waited for long enough, in vain, are noted as silent.
    fn give_up(&mut self, now: Time) -> Result<(), HandleError> {
        let (lanes, trace, at) = (&mut self.lanes, &mut self.trace, now.since(self.started));
        self.handle.with(|dht, _| {
            for lane in lanes {
                for waiting in lane.waiting.drain(..).filter(|waiting| now.since(waiting.since) >= GIVEN_UP) {
                    dht.stats.nodes_silent += 1;
                    let (node, hops) = (waiting.node.peer.clone(), waiting.hops);
                    trace.push(TraceStep { at, node, hops, event: TraceEvent::Silent });
                    let known = dht.table_mut(lane.family).and_then(|table| table.get_mut(&waiting.node.id));
                    if let Some(known) = known.filter(|known| known.address() == waiting.node.address()) {
                        known.timed_out();
                    }
                }
            }
        })
    }

    /// Runs to its end.
    pub(crate) async fn run(&mut self) -> Result<(), HandleError> {
        while self.step().await? {}
        Ok(())
    }

    /// Asks as many nodes as may be asked. Says what time it is, and if some may not yet, when the first of them may be.
    fn ask_next(&mut self) -> Result<(Time, Option<Time>), HandleError> {
        let (lanes, question, started) = (&mut self.lanes, self.question, self.started);
        let (chosen, now, blocked) = self.handle.with(|dht, cx| {
            let (mut chosen, mut blocked, now) = (Vec::new(), None::<Time>, cx.now());
            for (place, lane) in lanes.iter_mut().enumerate() {
                loop {
                    match lane.next(dht, now) {
                        Ok(Some(todo)) => {
                            dht.pace.note(todo.node.peer.mid(), now);
                            if let Some(puncture) = &todo.puncture {
                                ask_for_puncture(dht, cx, &todo.node, puncture, question);
                            }
                            chosen.push((place, lane.family, todo.node, todo.hops, now.since(started)));
                        }
                        Ok(None) => break,
                        Err(free) => {
                            blocked = Some(blocked.map_or(free, |other| free.min(other)));
                            break;
                        }
                    }
                }
            }
            (chosen, now, blocked)
        })?;
        for (place, family, node, hops, at) in chosen {
            self.trace.push(TraceStep { at, node: node.peer.clone(), hops, event: TraceEvent::Asked });
            let handle = self.handle.clone();
            self.asking.push(async move {
                let answer = ask(&handle, family, &node, question).await;
                (place, node, answer)
            });
        }
        Ok((now, blocked))
    }

    fn take_in(&mut self, lane: usize, node: Contact, answer: Option<FindResponse>) -> Result<(), HandleError> {
        let (started, force_nodes) = (self.started, self.question.force_nodes);
        let Some(lane) = self.lanes.get_mut(lane) else { return Ok(()) };
        let waiting = lane.waiting.iter().find(|waiting| waiting.node == node);
        let (hops, late) = waiting.map_or((1, false), |waiting| (waiting.hops, waiting.late));
        lane.waiting.retain(|waiting| waiting.node != node);
        match answer {
            None => {
                if !late {
                    lane.crawl.is_late(&node);
                }
                lane.crawl.was_silent();
            }
            Some(_) if late => lane.crawl.was_late(&node),
            Some(_) => {}
        }
        let (event, at) = self.handle.with(|dht, cx| {
            let at = cx.now().since(started);
            let Some(answer) = answer else {
                dht.stats.nodes_silent += 1;
                return (TraceEvent::Silent, at);
            };
            let mut nodes = answer.nodes;
            if !force_nodes && !answer.values.is_empty() {
                let count = answer.values.len();
                let values: Vec<_> = answer.values.into_iter().take(MOST_IN_MESSAGE).collect();
                if values.iter().any(|value| Value::decode(value).is_ok()) {
                    lane.crawl.answered(node.clone(), Answer::Values(values));
                    return (TraceEvent::Values(count), at);
                }
                // What somebody made up neither ends a search nor contradicts others.
                nodes.clear();
            }
            let nodes: Vec<_> = nodes
                .into_iter()
                .take(MOST_IN_MESSAGE)
                .map(|named| {
                    let named = Contact::new(Peer::new(named.key, named.address));
                    let named = may_be_asked(dht, cx, lane.family, &named, &node).then_some(named)?;
                    Some(Contact::new(where_it_is(cx, lane.family, &named.peer)))
                })
                .collect();
            let (named, refused) = (nodes.len(), nodes.iter().filter(|node| node.is_none()).count());
            dht.stats.nodes_refused += u64::try_from(refused).unwrap_or(u64::MAX);
            lane.crawl.answered(node.clone(), Answer::Nodes(nodes));
            (TraceEvent::Nodes { named, refused }, at)
        })?;
        self.trace.push(TraceStep { at, node: node.peer, hops, event });
        Ok(())
    }

    /// The nodes that answered or were spared in each family, closest first.
    pub(crate) fn answering(&self) -> Vec<(Family, Vec<Contact>)> {
        self.lanes.iter().map(|lane| (lane.family, lane.answering())).collect()
    }

    /// The values that were met so far.
    pub(crate) fn values(&self) -> impl Iterator<Item = &[u8]> {
        self.lanes.iter().flat_map(|lane| lane.crawl.values())
    }

    /// For each family in which values were found: the closest node that has none, and the values.
    pub(crate) fn to_cache(&self) -> Vec<(Family, Contact, Vec<Vec<u8>>)> {
        let of = |lane: &Lane| {
            let node = lane.crawl.cache_candidate()?.clone();
            // Nobody is made to keep what somebody made up.
            let values = lane.crawl.values().into_iter().filter(|value| Value::decode(value).is_ok());
            let values: Vec<_> = values.take(MOST_IN_MESSAGE).map(<[u8]>::to_vec).collect();
            (!values.is_empty()).then_some((lane.family, node, values))
        };
        self.lanes.iter().filter_map(of).collect()
    }

    /// When it began.
    pub(crate) const fn started(&self) -> Time {
        self.started
    }

    /// What happened, in order.
    pub(crate) fn into_trace(self) -> Vec<TraceStep> {
        self.trace
    }
}

/// Where a node is asked that others name: there, since its id depends on its address, and a known key may be named at an address
/// that is not its own. But if it is known to be at another port there, at that one.
pub(crate) fn where_it_is(cx: &Context<'_>, family: Family, named: &Peer) -> Peer {
    let known = cx.network().get(&named.mid()).into_iter().flat_map(|record| record.addresses().seen());
    let address = known.filter(|known| Family::of(*known) == family && known.ip() == named.address().ip()).last();
    Peer::new(named.key().clone(), address.unwrap_or_else(|| named.address()))
}

/// Whether a node that `by` named can be asked by us.
fn may_be_asked(dht: &DhtCommunity, cx: &Context<'_>, family: Family, named: &Contact, by: &Contact) -> bool {
    Family::of(named.address()) == family && is_plausible(dht, cx, &named.peer, by.address())
}

/// Whether somebody that was named by one at an address is not us, and can be where it is said to be.
pub(crate) fn is_plausible(dht: &DhtCommunity, cx: &Context<'_>, named: &Peer, by: SocketAddr) -> bool {
    let address = named.address();
    let everybody = |ip| cx.broadcast_addresses().iter().any(|broadcast| IpAddr::V4(*broadcast) == ip);
    may_be_node(address, by)
        && named.key() != cx.my_key()
        && !dht.is_here(cx, address)
        && !everybody(address.ip())
        && !cx.network().is_blacklisted(address)
}

/// Has a node open its NAT for us, by way of the one that named it: whoever is asked for a key has the closest node punctured.
/// The answer itself is of no use. Left out where it would tell nobody anything: for nodes that know us, for those that
/// cannot be behind a NAT from here, and when the other one was asked too much lately.
fn ask_for_puncture(dht: &mut DhtCommunity, cx: &mut Context<'_>, node: &Contact, by: &Contact, question: Question) {
    let (family, now, mid) = (Family::of(node.address()), cx.now(), by.peer.mid());
    let known =
        dht.table(family).and_then(|table| table.get(&node.id)).is_some_and(|node| node.last_response.is_some());
    let near = node.address().ip().is_loopback() || node.address().ip() == cx.lan().ip();
    if known || near || dht.pace.free_at(&mid) > now {
        return;
    }
    dht.pace.note(mid, now);
    let request = FindRequest {
        identifier: 0,
        lan_address: cx.lan(),
        target: node.id.0,
        offset: 0,
        force_nodes: question.force_nodes,
    };
    let nothing = |_: &mut DhtCommunity, _: &mut Context<'_>, _: Result<FindResponse, _>| {};
    let options = RequestOptions::within(Duration::from_secs(2)).at(by.address());
    if let Err(error) = cx.request_within(options, &by.peer, request, nothing) {
        tracing::debug!(%error, "no puncture was asked for");
    }
}

/// Asks one node, and notes how it behaves.
pub(crate) async fn ask(
    handle: &Handle<DhtCommunity>,
    family: Family,
    node: &Contact,
    question: Question,
) -> Option<FindResponse> {
    let (asked, lan_address) = handle.with(|_, cx| (cx.now(), cx.lan())).ok()?;
    let Question { target, force_nodes, offset } = question;
    let request = FindRequest { identifier: 0, lan_address, target, offset, force_nodes };
    let answer = handle.request_within(patience(node.address()), &node.peer, request).await;
    let noted = handle.with(|dht, cx| {
        let now = cx.now();
        if let Ok(answer) = &answer {
            let mut newcomer = DhtNode::new(node.peer.clone());
            newcomer.answered(now, now.since(asked));
            dht.add_node(cx, newcomer);
            dht.remember_token(node, answer.token, now);
        } else {
            dht.forget_token(node);
        }
        dht.heard_at(now, family, node, asked, answer.as_ref().err());
    });
    noted.ok()?;
    answer.ok()
}

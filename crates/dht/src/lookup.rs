//! A search under way: an async function over [`Crawl`], in both address families at once.

use std::{collections::BTreeSet, future::Future, pin::Pin, task::Poll, time::Duration};

use ipv8_core::{Context, Handle, HandleError, Peer, RequestOptions, Retry, Time};
use ipv8_crypto::Mid;

use crate::{
    community::{DhtCommunity, MOST_IN_MESSAGE, TARGET_NODES},
    crawl::{Answer, Contact, Crawl, FIRST_NODES, IN_FLIGHT, Todo},
    family::{Family, may_be_node},
    id::{Distance, Key},
    messages::{FindRequest, FindResponse},
    routing::DhtNode,
    value::Value,
};

/// How long a node is waited for: 0.7 seconds, then asked again, since datagrams get lost, and waited for another 1.4. The
/// reference waits for two seconds and asks once.
fn patience() -> RequestOptions {
    RequestOptions::within(Duration::from_millis(700)).retry(Retry::times(1).backoff(2))
}

/// After how long a node that has not answered holds up nobody: another is asked in its place. (With the reference, four silent
/// nodes hold up a search for two seconds.)
const STALLED: Duration = Duration::from_millis(700);

/// After how long nobody waits for it if enough others have answered: long enough for an answer to the second question, if the
/// first was lost.
const GIVEN_UP: Duration = Duration::from_millis(1_200);

/// One line of the trace of a search.
#[derive(Clone, Debug)]
pub struct TraceStep {
    /// Since the search began.
    pub at: Duration,
    /// Which node it is about.
    pub node: Peer,
    /// How far it is along the way by which it was heard of: 1 for a node of our own table, one more than the node that named
    /// it for all others.
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
}

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) target: Key,
    pub(crate) force_nodes: bool,
    pub(crate) offset: u32,
}

/// The search in one family.
struct Lane {
    family: Family,
    crawl: Crawl,
    waiting: Vec<Waiting>,
}

/// A node that was asked.
struct Waiting {
    node: Contact,
    hops: u32,
    since: Time,
    late: bool,
}

impl Lane {
    /// Takes the next node to ask, or tells when one can be asked.
    fn next(&mut self, dht: &DhtCommunity, now: Time) -> Result<Option<Todo>, Time> {
        for waiting in self.waiting.iter_mut().filter(|waiting| now.since(waiting.since) >= STALLED && !waiting.late) {
            waiting.late = true;
            self.crawl.is_late(&waiting.node);
        }
        let fresh = self.waiting.iter().filter(|waiting| !waiting.late).count();
        if fresh >= IN_FLIGHT || self.crawl.is_done() {
            return Ok(None);
        }
        let horizon = self.crawl.horizon(TARGET_NODES);
        let target = *self.crawl.target();
        let wanted = |todo: &Todo| horizon.is_none_or(|horizon| todo.node.id.distance(&target) < horizon);
        let free_at = |todo: &Todo| dht.pace.free_at(&todo.node.peer.mid());
        // Who is not to be believed is asked for want of others only.
        let believed: BTreeSet<Mid> =
            self.crawl.todo().iter().filter(|todo| self.crawl.is_believed(todo)).map(|t| t.node.peer.mid()).collect();
        let any = horizon.is_none()
            && fresh == 0
            && !self.crawl.todo().iter().any(|t| wanted(t) && believed.contains(&t.node.peer.mid()));
        let wanted = |todo: &Todo| wanted(todo) && (any || believed.contains(&todo.node.peer.mid()));
        if let Some(todo) = self.crawl.take(|todo| wanted(todo) && free_at(todo) <= now) {
            self.waiting.push(Waiting { node: todo.node.clone(), hops: todo.hops, since: now, late: false });
            return Ok(Some(todo));
        }
        // Those that are left were asked too much lately.
        match self.crawl.todo().iter().filter(|todo| wanted(todo)).map(free_at).min() {
            Some(free) => Err(free),
            None => Ok(None),
        }
    }

    /// Whether an answer that is waited for could still change anything.
    fn must_wait(&self, now: Time) -> bool {
        let horizon = self.crawl.horizon(TARGET_NODES);
        let target = self.crawl.target();
        let could = |waiting: &Waiting, horizon: Distance| {
            waiting.node.id.distance(target) < horizon && now.since(waiting.since) < GIVEN_UP
        };
        self.waiting.iter().any(|waiting| horizon.is_none_or(|horizon| could(waiting, horizon)))
    }

    /// When waiting on makes a difference the next time although nobody answers.
    fn changes_at(&self, now: Time) -> Option<Time> {
        let times = self.waiting.iter().flat_map(|waiting| [waiting.since + STALLED, waiting.since + GIVEN_UP]);
        times.filter(|time| *time > now).min()
    }
}

type Asking = Pin<Box<dyn Future<Output = (usize, Contact, Option<FindResponse>)> + Send>>;

/// A search under way.
pub(crate) struct Lookup {
    handle: Handle<DhtCommunity>,
    question: Question,
    lanes: Vec<Lane>,
    asking: Vec<Asking>,
    started: Time,
    trace: Vec<TraceStep>,
}

impl Lookup {
    /// Begins in every family in which a node is known; `None` if there is none.
    pub(crate) fn new(handle: &Handle<DhtCommunity>, question: Question) -> Result<Option<Self>, HandleError> {
        let (lanes, started) = handle.with(|dht, cx| {
            let lane = |family| {
                let closest = dht.table(family)?.closest(&question.target, FIRST_NODES, None, cx.now());
                let crawl = Crawl::new(question.target, closest.into_iter().map(Contact::from));
                (!crawl.is_done()).then_some(Lane { family, crawl, waiting: Vec::new() })
            };
            (Family::ALL.into_iter().filter_map(lane).collect::<Vec<_>>(), cx.now())
        })?;
        let handle = handle.clone();
        Ok((!lanes.is_empty()).then_some(Self {
            handle,
            question,
            lanes,
            asking: Vec::new(),
            started,
            trace: Vec::new(),
        }))
    }

    /// Asks whom it may, and takes one answer in. False when the search is over.
    pub(crate) async fn step(&mut self) -> Result<bool, HandleError> {
        loop {
            let (now, blocked) = self.ask_next()?;
            if self.lanes.iter().any(|lane| lane.must_wait(now)) {
                let changes = self.lanes.iter().filter_map(|lane| lane.changes_at(now)).min();
                let handle = self.handle.clone();
                let first = self.first_answer();
                let answer = match changes {
                    Some(changes) => handle.timeout(changes.since(now), first).await.ok(),
                    None => Some(first.await),
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
                    if let Some(node) = dht.table_mut(lane.family).and_then(|table| table.get_mut(&waiting.node.id)) {
                        node.timed_out();
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
            self.asking.push(Box::pin(async move {
                let answer = ask(&handle, family, &node, question).await;
                (place, node, answer)
            }));
        }
        Ok((now, blocked))
    }

    /// The first that is ready of those that are waited for; ties go to the one that waits for longest.
    async fn first_answer(&mut self) -> (usize, Contact, Option<FindResponse>) {
        std::future::poll_fn(|cx| {
            let ready = self.asking.iter_mut().enumerate().find_map(|(place, asking)| match asking.as_mut().poll(cx) {
                Poll::Ready(result) => Some((place, result)),
                Poll::Pending => None,
            });
            match ready {
                Some((place, result)) => {
                    drop(self.asking.remove(place));
                    Poll::Ready(result)
                }
                None => Poll::Pending,
            }
        })
        .await
    }

    fn take_in(&mut self, lane: usize, node: Contact, answer: Option<FindResponse>) -> Result<(), HandleError> {
        let (started, force_nodes) = (self.started, self.question.force_nodes);
        let Some(lane) = self.lanes.get_mut(lane) else { return Ok(()) };
        let waiting = lane.waiting.iter().find(|waiting| waiting.node.id == node.id);
        let (hops, late) = waiting.map_or((1, false), |waiting| (waiting.hops, waiting.late));
        lane.waiting.retain(|waiting| waiting.node.id != node.id);
        match answer {
            None => lane.crawl.was_silent(),
            Some(_) if late => lane.crawl.was_late(&node),
            Some(_) => {}
        }
        let (event, at) = self.handle.with(|dht, cx| {
            let at = cx.now().since(started);
            let Some(answer) = answer else {
                dht.stats.nodes_silent += 1;
                return (TraceEvent::Silent, at);
            };
            if !force_nodes && !answer.values.is_empty() {
                let count = answer.values.len();
                let values = answer.values.into_iter().take(MOST_IN_MESSAGE).collect();
                lane.crawl.answered(node.clone(), Answer::Values(values));
                return (TraceEvent::Values(count), at);
            }
            let nodes: Vec<_> = answer
                .nodes
                .into_iter()
                .take(MOST_IN_MESSAGE)
                .map(|named| {
                    let named = Contact::new(Peer::new(named.key, named.address));
                    may_be_asked(cx, lane.family, &named, &node).then_some(named)
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

    /// The nodes that answered in each family, closest first.
    pub(crate) fn answering(&self) -> Vec<(Family, Vec<Contact>)> {
        self.lanes.iter().map(|lane| (lane.family, lane.crawl.answering().into_iter().cloned().collect())).collect()
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

    /// What happened, in order.
    pub(crate) fn into_trace(self) -> Vec<TraceStep> {
        self.trace
    }
}

/// Whether a node that `by` named can be asked by us.
fn may_be_asked(cx: &Context<'_>, family: Family, named: &Contact, by: &Contact) -> bool {
    let address = named.address();
    Family::of(address) == family
        && may_be_node(address, by.address())
        && named.peer.key() != cx.my_key()
        && ![cx.wan(), cx.lan(), cx.preferred()].contains(&address)
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
    if let Err(error) = cx.request_within(Duration::from_secs(2), &by.peer, request, nothing) {
        tracing::debug!(%error, "no puncture was asked for");
    }
}

/// Asks one node, and notes how it behaves.
async fn ask(
    handle: &Handle<DhtCommunity>,
    family: Family,
    node: &Contact,
    question: Question,
) -> Option<FindResponse> {
    let (asked, lan_address) = handle.with(|_, cx| (cx.now(), cx.lan())).ok()?;
    let Question { target, force_nodes, offset } = question;
    let request = FindRequest { identifier: 0, lan_address, target, offset, force_nodes };
    let answer = handle.request_within(patience(), &node.peer, request).await;
    let noted = handle.with(|dht, cx| {
        let now = cx.now();
        if let Ok(answer) = &answer {
            let mut newcomer = DhtNode::new(node.peer.clone());
            newcomer.answered(now, now.since(asked));
            dht.add_node(cx, newcomer);
            dht.remember_token(node.id, answer.token, now);
        }
        dht.heard(now, family, &node.id, asked, answer.as_ref().err());
    });
    noted.ok()?;
    answer.ok()
}

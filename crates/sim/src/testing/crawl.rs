//! A lookup like that of a DHT, written as one async function: the proof that tasks of a node are enough for it.
//!
//! Nodes are found by their member ids, closest first by the XOR of the two. The same code is to run under the simulator
//! and on sockets.

use std::{
    collections::BTreeMap,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use ipv8_core::{
    Community, Context, Handle, HandleError, Peer, Routes,
    crypto::{Mid, PublicKey},
    wire::{CommunityId, Message, Payload, community_id},
};

/// How many contacts an answer names, and a crawl returns.
pub const CLOSEST: usize = 8;

/// Requests of one crawl that are under way at once.
pub const IN_FLIGHT: usize = 4;

/// Nodes that one crawl asks at most.
pub const MOST_ASKED: usize = 24;

/// Contacts that a node remembers besides its peers.
pub const MOST_CONTACTS: usize = 256;

/// How long one node is waited for.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Asks for the contacts that are closest to a target.
#[derive(Message, Clone, Debug)]
#[message(id = 1, reply = FindResponse)]
pub struct FindRequest {
    /// Comes back in the answer.
    pub identifier: u32,
    /// What is looked for.
    pub target: [u8; 20],
}

/// The closest contacts that the answerer knows, at most [`CLOSEST`].
#[derive(Message, Clone, Debug)]
#[message(id = 2)]
pub struct FindResponse {
    /// The request's.
    pub identifier: u32,
    /// The contacts, closest first.
    pub contacts: Vec<Contact>,
}

/// A node in an answer.
#[derive(Payload, Clone, Debug)]
pub struct Contact {
    /// Where it is.
    pub address: SocketAddr,
    /// Its public key.
    pub key: Vec<u8>,
}

/// A community whose nodes tell each other of their peers, and of those that asked or answered them.
#[derive(Debug, Default)]
pub struct Crawler {
    contacts: BTreeMap<[u8; 20], Peer>,
}

impl Community for Crawler {
    const ID: CommunityId = community_id!("6352415721c2a0e37b6e8c1a50a2b94e0a7ab0de");

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_request).reply::<FindResponse>();
    }
}

impl Crawler {
    fn on_request(&mut self, cx: &mut Context<'_>, from: &Peer, request: FindRequest) {
        let contacts = self
            .closest_known(cx, &request.target)
            .into_iter()
            .map(|peer| Contact { address: peer.address(), key: peer.key().as_bytes().to_vec() })
            .collect();
        cx.send(from, FindResponse { identifier: request.identifier, contacts });
        self.remember(from.clone());
    }

    fn remember(&mut self, peer: Peer) {
        if self.contacts.len() < MOST_CONTACTS {
            self.contacts.insert(peer.mid().0, peer);
        }
    }

    fn closest_known(&self, cx: &Context<'_>, target: &[u8; 20]) -> Vec<Peer> {
        let mut peers: Vec<_> = cx.peers();
        peers.extend(self.contacts.values().cloned());
        peers.sort_by_cached_key(|peer| distance(&peer.mid(), target));
        peers.dedup();
        peers.truncate(CLOSEST);
        peers
    }
}

/// What a crawl found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The nodes that answered and are closest to the target, closest first, at most [`CLOSEST`].
    pub closest: Vec<Peer>,
    /// Nodes that were asked.
    pub asked: usize,
    /// Those of them that did not answer in time.
    pub silent: usize,
}

/// Finds the nodes that are closest to a target: asks the closest ones that are known for closer ones, four at a time,
/// until the closest eight have all answered. A node that looks for its own id joins: its neighbours then know it.
///
/// # Errors
/// If the community is not loaded any more.
pub async fn crawl(handle: Handle<Crawler>, target: Mid) -> Result<Found, HandleError> {
    let (own, known) = handle.with(|crawler, cx| (cx.my_mid(), crawler.closest_known(cx, target.as_bytes())))?;
    let mut candidates = Candidates { target, own, all: BTreeMap::new() };
    candidates.extend(known);
    let mut under_way = FirstOf::default();
    let mut found = Found { closest: Vec::new(), asked: 0, silent: 0 };
    loop {
        while under_way.len() < IN_FLIGHT
            && found.asked < MOST_ASKED
            && let Some(peer) = candidates.next()
        {
            found.asked += 1;
            let handle = handle.clone();
            under_way.push(async move {
                let question = FindRequest { identifier: 0, target: target.0 };
                let answer = handle.request_within(PATIENCE, &peer, question).await;
                (peer, answer)
            });
        }
        let Some((peer, answer)) = under_way.next().await else {
            found.closest = candidates.answered();
            return Ok(found);
        };
        candidates.set(&peer, if answer.is_ok() { State::Answered } else { State::Silent });
        match answer {
            Ok(answer) => {
                candidates.extend(answer.contacts.iter().filter_map(Contact::peer));
                handle.with(|crawler, _| crawler.remember(peer))?;
            }
            Err(_) => found.silent += 1,
        }
    }
}

impl Contact {
    /// The peer that it stands for, unless its key cannot be read.
    fn peer(&self) -> Option<Peer> {
        PublicKey::from_bytes(&self.key).ok().map(|key| Peer::new(key, self.address))
    }
}

/// The XOR of both.
#[must_use]
pub fn distance(mid: &Mid, target: &[u8; 20]) -> [u8; 20] {
    let mut distance = mid.0;
    distance.iter_mut().zip(target).for_each(|(byte, other)| *byte ^= other);
    distance
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Asked,
    Answered,
    Silent,
}

/// Everybody that the crawl heard of, closest first.
struct Candidates {
    target: Mid,
    own: Mid,
    all: BTreeMap<[u8; 20], (Peer, State)>,
}

impl Candidates {
    /// Adds nodes that are new. One answer adds at most 255, and few are asked.
    fn extend(&mut self, peers: impl IntoIterator<Item = Peer>) {
        for peer in peers.into_iter().filter(|peer| peer.mid() != self.own) {
            self.all.entry(distance(&peer.mid(), &self.target.0)).or_insert((peer, State::New));
        }
    }

    /// Takes the closest one that was not asked, if it is among the eight closest that are not known to be silent.
    fn next(&mut self) -> Option<Peer> {
        let promising = self.all.values_mut().filter(|(_, state)| *state != State::Silent).take(CLOSEST);
        let (peer, state) = promising.into_iter().find(|(_, state)| *state == State::New)?;
        *state = State::Asked;
        Some(peer.clone())
    }

    fn set(&mut self, peer: &Peer, state: State) {
        if let Some(entry) = self.all.get_mut(&distance(&peer.mid(), &self.target.0)) {
            entry.1 = state;
        }
    }

    fn answered(&self) -> Vec<Peer> {
        let answered = self.all.values().filter(|(_, state)| *state == State::Answered);
        answered.take(CLOSEST).map(|(peer, _)| peer.clone()).collect()
    }
}

/// A few futures of which the first that is ready is wanted; ties go to the one that waits for longest.
struct FirstOf<T>(Vec<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T> Default for FirstOf<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> FirstOf<T> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn push(&mut self, future: impl Future<Output = T> + Send + 'static) {
        self.0.push(Box::pin(future));
    }

    /// The next result; `None` when all were handed out.
    async fn next(&mut self) -> Option<T> {
        std::future::poll_fn(|cx: &mut TaskContext<'_>| {
            if self.0.is_empty() {
                return Poll::Ready(None);
            }
            let ready = self.0.iter_mut().enumerate().find_map(|(place, future)| match future.as_mut().poll(cx) {
                Poll::Ready(result) => Some((place, result)),
                Poll::Pending => None,
            });
            match ready {
                Some((place, result)) => {
                    drop(self.0.remove(place));
                    Poll::Ready(Some(result))
                }
                None => Poll::Pending,
            }
        })
        .await
    }
}

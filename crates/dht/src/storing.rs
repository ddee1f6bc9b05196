//! Storing values on nodes.

use std::{future::Future, net::SocketAddr, pin::Pin, sync::Arc, task::Poll, time::Duration};

use ipv8_core::{Handle, HandleError, Peer, RequestOptions, Retry, Task, Time};
use parking_lot::Mutex;

use crate::{
    community::{DhtCommunity, MAX_AGE, MOST_IN_MESSAGE, TARGET_NODES},
    crawl::Contact,
    crowd::Crowd,
    family::Family,
    id::Key,
    lookup::{Question, TraceStep, ask},
    messages::StoreRequest,
    pace::turn,
    store::{Put, Source},
    token::Token,
};

/// How long a node is waited for: 1.5 seconds, then asked again, and waited for another 3. To store twice does no harm. The
/// reference waits for 5 seconds and asks once.
pub(crate) fn patience(at: SocketAddr) -> RequestOptions {
    RequestOptions::within(Duration::from_millis(1_500)).retry(Retry::times(1).backoff(2)).at(at)
}

/// With so many nodes that confirmed, those that cannot be asked yet are not waited for.
const ENOUGH: usize = 2;

/// Nodes that take longer than this to confirm hold up nobody if half of them did.
const AT_ONCE: Duration = Duration::from_millis(700);

/// Nodes that are stored on later at a time, see [`Stored::later`].
pub const MOST_LATER: usize = 256;

/// Who has a value.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// The nodes that said so.
    pub nodes: Vec<Peer>,
    /// On how many more it may be stored yet: they were asked too much lately and are as soon as that is possible, within
    /// seconds usually, or they were asked and did not answer at once. Whether they keep it is not told. At most
    /// [`MOST_LATER`] such tasks of a node run; nodes beyond are given up, and do not count here.
    pub later: usize,
    /// Whether this node keeps it too, being one of the closest.
    pub here: bool,
    /// Whether it is stored again and again: not unless [`DhtConfig::republish`](crate::DhtConfig::republish) says so, if
    /// there are [`MOST_PUBLICATIONS`](crate::MOST_PUBLICATIONS) already, or if a newer one of ours took its place meanwhile.
    /// [`Dht::forget`](crate::Dht::forget) makes room.
    pub republished: bool,
    /// How the nodes were searched for, in order.
    pub trace: Vec<TraceStep>,
    /// Those later ones.
    pub(crate) outstanding: Outstanding,
}

/// Who may confirm later. Whether or not somebody waits for them, they go on while the community is loaded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outstanding(Arc<Mutex<Vec<Task<Option<Peer>>>>>);

impl Outstanding {
    pub(crate) fn extend(&self, other: &Self) {
        let more = std::mem::take(&mut *other.0.lock());
        self.0.lock().extend(more);
    }
}

impl Stored {
    /// Waits, not beyond a time, for the nodes that may have it later, and adds those that confirmed: for who ends soon, and
    /// with it what is not over.
    pub(crate) async fn settle(&mut self, handle: &Handle<DhtCommunity>, within: Duration) {
        let mut waiting = Crowd::default();
        for task in std::mem::take(&mut *self.outstanding.0.lock()) {
            waiting.push(task);
        }
        let all = async {
            while let Some(ended) = waiting.next().await {
                self.later = self.later.saturating_sub(1);
                self.nodes.extend(ended.ok().flatten());
            }
        };
        // Those that take longer may still confirm.
        let _ = handle.timeout(within, all).await;
    }
}

/// Stores values under a key on some nodes, closest first, that told us a token lately; and here, if there are few of them or
/// we are closer than the last. Returns who confirmed it. Nodes that we asked too much lately are stored on later; they are
/// waited for only if less than two others confirmed. What is kept here counts as the source's.
pub(crate) async fn store_on(
    handle: &Handle<DhtCommunity>,
    family: Family,
    (key, values): (Key, Vec<Vec<u8>>),
    nodes: &[Contact],
    source: Source,
) -> Result<Stored, HandleError> {
    let values: Vec<_> = values.into_iter().take(MOST_IN_MESSAGE).collect();
    let here = handle.with(|dht, cx| {
        let farthest = nodes.iter().map(|node| node.id.distance(&key)).max();
        let own = dht.own_id(cx, family).map(|own| own.distance(&key));
        let here = nodes.len() < TARGET_NODES || own.is_some_and(|own| Some(own) < farthest);
        // The last one stored comes first.
        let kept = |value: &Vec<u8>| here && dht.keep(cx, family, (key, value), source, MAX_AGE) == Ok(Put::Kept);
        values.iter().rev().map(kept).fold(false, |any, kept| any | kept)
    })?;
    let (mut now, mut later): (Vec<Storing>, Vec<Storing>) = (Vec::new(), Vec::new());
    let blocked = handle.with(|dht, cx| {
        let is_blocked = |node: &Contact| dht.pace.free_at(&node.peer.mid()) > cx.now();
        nodes.iter().map(is_blocked).collect::<Vec<_>>()
    })?;
    for (node, blocked) in nodes.iter().zip(blocked) {
        let (handle, node, values) = (handle.clone(), node.clone(), values.clone());
        let storing = Box::pin(async move { store_at(&handle, family, &node, key, values).await });
        if blocked { later.push(storing) } else { now.push(storing) }
    }
    let (mut confirmed, mut left) = most(handle, now).await;
    left.extend(later);
    if confirmed.len() < ENOUGH {
        let (more, still_left) = most(handle, left).await;
        confirmed.extend(more);
        left = still_left;
    }
    let later = handle.with(|dht, _| admit_later(&mut dht.storing_later, left.len()))?;
    let outstanding = Outstanding::default();
    for storing in left.into_iter().take(later) {
        let of = handle.clone();
        let task = async move {
            let confirmed = storing.await;
            // Without its community there is nothing to count.
            let _ = of.with(|dht, _| dht.storing_later = dht.storing_later.saturating_sub(1));
            confirmed
        };
        outstanding.0.lock().push(handle.spawn(task)?);
    }
    Ok(Stored { nodes: confirmed, later, here, outstanding, ..Stored::default() })
}

/// Of so many nodes that could be stored on later, how many are, and run from now on.
fn admit_later(running: &mut usize, wanted: usize) -> usize {
    let admitted = wanted.min(MOST_LATER.saturating_sub(*running));
    *running = running.saturating_add(admitted);
    admitted
}

type Storing = Pin<Box<dyn Future<Output = Option<Peer>> + Send>>;

/// Waits for all of them, or until half of them confirmed if others do not answer at once. Returns who confirmed, in their
/// order, and what is not over.
async fn most(handle: &Handle<DhtCommunity>, storing: Vec<Storing>) -> (Vec<Peer>, Vec<Storing>) {
    let half = storing.len().div_ceil(2);
    let mut storing: Vec<(Option<Storing>, Option<Peer>)> = storing.into_iter().map(|one| (Some(one), None)).collect();
    let mut at_once = std::pin::pin!(handle.sleep(AT_ONCE));
    let mut is_late = false;
    std::future::poll_fn(|cx| {
        for (future, confirmed) in &mut storing {
            if let Some(Poll::Ready(peer)) = future.as_mut().map(|future| future.as_mut().poll(cx)) {
                (*future, *confirmed) = (None, peer);
            }
        }
        is_late = is_late || at_once.as_mut().poll(cx).is_ready();
        let confirmed = storing.iter().filter(|(_, confirmed)| confirmed.is_some()).count();
        let is_over = storing.iter().all(|(future, _)| future.is_none()) || (is_late && confirmed >= half.max(ENOUGH));
        if is_over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    let (left, confirmed): (Vec<_>, Vec<_>) = storing.into_iter().unzip();
    (confirmed.into_iter().flatten().collect(), left.into_iter().flatten().collect())
}

/// Stores on one node; once that is possible, if we asked it too much lately. If its token is too old by then, it is asked for
/// another.
async fn store_at(
    handle: &Handle<DhtCommunity>,
    family: Family,
    node: &Contact,
    target: Key,
    values: Vec<Vec<u8>>,
) -> Option<Peer> {
    let (asked, token) = match turn_and_token(handle, node).await? {
        (asked, Some(token)) => (asked, token),
        (_, None) => {
            ask(handle, family, node, Question { target, force_nodes: true, offset: 0 }).await?;
            let (asked, token) = turn_and_token(handle, node).await?;
            (asked, token?)
        }
    };
    let request = StoreRequest { identifier: 0, token, target, values };
    let answer = handle.request_within(patience(node.address()), &node.peer, request).await;
    let noted = handle.with(|dht, cx| {
        dht.heard_at(cx.now(), family, node, asked, answer.as_ref().err());
        if answer.is_err() {
            dht.forget_token(node);
        }
    });
    noted.ok()?;
    answer.ok().map(|_| node.peer.clone())
}

/// Waits until a node may be asked something: when that was, and its token if that is still good.
async fn turn_and_token(handle: &Handle<DhtCommunity>, node: &Contact) -> Option<(Time, Option<Token>)> {
    let asked = turn(handle, node.peer.mid()).await.ok()?;
    Some((asked, handle.with(|dht, _| dht.token_of(&node.id, asked)).ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

    use ipv8_sim::{NodeOptions, World};

    use super::*;
    use crate::value::encode_unsigned;

    #[test]
    fn a_node_whose_token_is_gone_is_asked_for_another() {
        let mut world = World::builder(1).build();
        let mut add = || {
            world.add_node(NodeOptions::default().setup(|node| {
                node.load(DhtCommunity::default().overlay().no_strategies()).unwrap();
            }))
        };
        let (one, other) = (add(), add());
        world.run_for(Duration::from_secs(1));
        let handle = world.find::<DhtCommunity>(one).unwrap();
        let node = Contact::new(Peer::new(world.node(other).key().clone(), world.address(other)));
        let storing = {
            let handle = handle.clone();
            async move { store_at(&handle, Family::V4, &node, [1; 20], vec![encode_unsigned(b"one")]).await }
        };
        let stored = world.complete(&handle, Duration::from_secs(60), storing).unwrap();
        assert_eq!(stored.map(|peer| peer.mid()), Some(world.node(other).key().mid()));
        let kept = world.find::<DhtCommunity>(other).unwrap().with(|dht, _| dht.store(Family::V4).len());
        assert_eq!(kept.unwrap(), 1);
    }

    #[test]
    fn no_more_nodes_are_stored_on_later_than_the_limit() {
        let mut running = 0;
        let admitted: usize = (0..1_000).map(|_| admit_later(&mut running, 7)).sum();
        assert_eq!((admitted, running), (MOST_LATER, MOST_LATER));
        running -= 3;
        assert_eq!((admit_later(&mut running, 7), running), (3, MOST_LATER));
    }
}

//! Storing values on nodes.

use std::{future::Future, net::SocketAddr, pin::Pin, sync::Arc, task::Poll, time::Duration};

use ipv8_core::{Handle, HandleError, Peer, RequestOptions, Retry, Task};

use parking_lot::Mutex;

use crate::{
    community::{DhtCommunity, MAX_AGE, MOST_IN_MESSAGE, TARGET_NODES},
    crawl::Contact,
    discovery::crowd::Crowd,
    family::Family,
    id::Key,
    lookup::TraceStep,
    messages::StoreRequest,
    store::{Put, Source},
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

/// Who has a value.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// The nodes that said so.
    pub nodes: Vec<Peer>,
    /// On how many more it may be stored within seconds: they were asked too much lately, or did not answer at once.
    pub later: usize,
    /// Whether this node keeps it too, being one of the closest.
    pub here: bool,
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
    let later = left.len();
    let outstanding = Outstanding::default();
    for storing in left {
        outstanding.0.lock().push(handle.spawn(storing)?);
    }
    Ok(Stored { nodes: confirmed, later, here, trace: Vec::new(), outstanding })
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

/// Stores on one node; once that is possible, if we asked it too much lately.
async fn store_at(
    handle: &Handle<DhtCommunity>,
    family: Family,
    node: &Contact,
    target: Key,
    values: Vec<Vec<u8>>,
) -> Option<Peer> {
    let mid = node.peer.mid();
    let (asked, token) = loop {
        let ready = handle.with(|dht, cx| {
            let (now, free) = (cx.now(), dht.pace.free_at(&mid));
            if free > now {
                return Err(free.since(now));
            }
            dht.pace.note(mid, now);
            Ok((now, dht.token_of(&node.id, now)))
        });
        match ready.ok()? {
            Ok((asked, token)) => break (asked, token?),
            Err(wait) => handle.sleep(wait).await,
        }
    };
    let request = StoreRequest { identifier: 0, token, target, values };
    let answer = handle.request_within(patience(node.address()), &node.peer, request).await;
    let noted = handle.with(|dht, cx| {
        dht.heard(cx.now(), family, &node.id, asked, answer.as_ref().err());
        if answer.is_err() {
            dht.forget_token(&node.id);
        }
    });
    noted.ok()?;
    answer.ok().map(|_| node.peer.clone())
}

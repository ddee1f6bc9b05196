//! What a node does unasked: fills its routing table, forgets old values and tokens, stores its own values again.

use std::time::Duration;

use ipv8_core::{Context, Handle, HandleError, Schedule};
use rand::RngExt;

use crate::{
    community::{DhtCommunity, TARGET_NODES},
    discovery::LOOK_AFTER_PEERS,
    family::Family,
    id::Key,
    keep::PING_CANDIDATES,
    lookup::{Lookup, Question},
    publish::Publications,
    routing::RoutingTable,
    store::Source,
    storing::store_on,
};

/// A bucket in which nothing changed for so long is searched for nodes.
const STALE: Duration = Duration::from_secs(15 * 60);

/// How often our own neighbourhood is searched, so that we and those who came meanwhile know each other: values are stored on
/// neighbours. (The reference does it once, if at all.)
const NEIGHBOURHOOD: Duration = Duration::from_secs(10 * 60);

/// Buckets that are searched at a time. (The reference searches all that are due at once.)
const REFRESHES: usize = 2;

/// Values of ours that are stored again at a time.
const REPUBLICATIONS: usize = 16;

/// How often it is looked whether values of ours are to be stored again.
const LOOK_FOR_DUE: Duration = Duration::from_secs(10);

/// When a value is stored again that could not be.
const RETRY: Duration = Duration::from_secs(120);

/// How often the nodes of the routing tables are written to a disk.
const SAVE_NODES: Duration = Duration::from_secs(300);

/// How often what changed by itself, such as values that became too old, is written to a disk.
const WRITE: Duration = Duration::from_secs(10);

type Work = fn(&mut DhtCommunity, &mut Context<'_>);

impl DhtCommunity {
    pub(crate) fn start_maintenance(&mut self, cx: &mut Context<'_>) {
        repeat(cx, self.config.token_rotation, Self::rotate_tokens);
        repeat(cx, self.config.expiry, Self::expire);
        if let Some(every) = self.config.maintenance {
            repeat(cx, every, Self::refresh);
        }
        if self.config.peers {
            repeat(cx, LOOK_AFTER_PEERS, Self::look_after_peers);
        }
        if self.config.republish.is_some() {
            repeat(cx, LOOK_FOR_DUE, Self::republish);
        }
        if self.journal.is_some() {
            self.restore_publications(cx);
            repeat(cx, PING_CANDIDATES, Self::ping_candidates);
            repeat(cx, SAVE_NODES, Self::save_nodes);
            repeat(cx, WRITE, Self::write_soon);
            Self::write_at_unload(cx);
            self.write_soon(cx);
        }
    }

    fn restore_publications(&mut self, cx: &mut Context<'_>) {
        let (now, unix, saved) = (cx.now(), cx.unix_time(), std::mem::take(&mut self.saved));
        let every = self.config.republish.unwrap_or_default();
        let due = |due: Duration| {
            // Later than that only if the clock went backwards.
            let wait = due.saturating_sub(unix).min(every.mul_f64(1.1));
            if wait.is_zero() { now + every.mul_f64(cx.rng().random_range(0.0..0.1)) } else { now + wait }
        };
        self.publications = Publications::restore(saved, due);
    }

    fn expire(&mut self, cx: &mut Context<'_>) {
        let now = cx.unix_time();
        for family in Family::ALL {
            let gone = self.store_mut(family).expire(now);
            if gone > 0 {
                tracing::debug!(?family, gone, "values expired");
            }
        }
    }

    /// Searches the buckets in which nothing changed for longest, for ids that belong there; and, as soon as there
    /// are nodes and now and then from then on, for our own id, so that our neighbours and we know each other.
    fn refresh(&mut self, cx: &mut Context<'_>) {
        let now = cx.now();
        for family in Family::ALL {
            let Some(own) = self.table(family).filter(|table| !table.is_empty()).map(RoutingTable::own) else {
                continue;
            };
            let joined = self.joined.get_mut(family);
            if joined.is_none_or(|last| now.since(last) >= NEIGHBOURHOOD) {
                *joined = Some(now);
                search(cx, own.0);
            }
        }
        let mut due = Vec::new();
        for family in Family::ALL {
            let buckets = self.table(family).into_iter().flat_map(|table| table.buckets());
            let stale = buckets.filter(|bucket| bucket.changed().is_none_or(|changed| now.since(changed) > STALE));
            due.extend(stale.map(|bucket| (bucket.changed(), family, bucket.clone())));
        }
        due.sort_by_key(|(changed, family, bucket)| (*changed, *family, *bucket.start()));
        for (_, family, bucket) in due.into_iter().take(REFRESHES) {
            let target = bucket.random_id(cx.rng());
            if let Some(table) = self.table_mut(family) {
                table.refreshed(bucket.start(), now);
            }
            search(cx, target);
        }
    }

    fn republish(&mut self, cx: &mut Context<'_>) {
        let Some(every) = self.config.republish else { return };
        if Family::ALL.iter().all(|family| self.table(*family).is_none_or(RoutingTable::is_empty)) {
            return;
        }
        let now = cx.now();
        let due = self.publications.take_due(now, REPUBLICATIONS, || now + jittered(every, cx));
        if !due.is_empty() {
            self.write_soon(cx);
        }
        let Some(handle) = cx.handle::<Self>() else { return };
        for (key, value) in due {
            let handle = handle.clone();
            cx.spawn(async move {
                let stored = store_near(&handle, key, value.clone()).await?;
                if stored.is_none_or(|(stored, _)| stored.nodes.is_empty()) {
                    tracing::debug!("a value was not stored again");
                    handle.with(|dht, cx| {
                        let soon = cx.now() + jittered(RETRY.min(every), cx);
                        dht.publications.reschedule(key, value, soon);
                    })?;
                }
                Ok::<(), HandleError>(())
            });
        }
    }
}

/// Looks for nodes near an id; those that answer enter the table.
fn search(cx: &mut Context<'_>, target: Key) {
    let Some(handle) = cx.handle::<DhtCommunity>() else { return };
    cx.spawn(async move {
        let question = Question { target, force_nodes: true, offset: 0 };
        if let Ok(Some(mut lookup)) = Lookup::new(&handle, question) {
            // Without its community there is nothing left to do.
            let _ = lookup.run().await;
        }
    });
}

/// Finds the nodes that are closest to a key and stores a value there, in each family.
pub(crate) async fn store_near(
    handle: &Handle<DhtCommunity>,
    key: Key,
    value: Vec<u8>,
) -> Result<Option<(crate::Stored, usize)>, HandleError> {
    let question = Question { target: key, force_nodes: true, offset: 0 };
    let Some(lookup) = Lookup::new(handle, question)? else { return Ok(None) };
    let mut lookup = lookup.sparing();
    lookup.run().await?;
    let (mut stored, mut asked) = (crate::Stored::default(), 0);
    for (family, nodes) in lookup.answering() {
        let nodes: Vec<_> = nodes.into_iter().take(TARGET_NODES).collect();
        let more = store_on(handle, family, (key, vec![value.clone()]), &nodes, Source::Own).await?;
        asked += nodes.len();
        stored.nodes.extend(more.nodes);
        stored.later += more.later;
        stored.outstanding.extend(&more.outstanding);
        stored.here |= more.here;
    }
    stored.trace = lookup.into_trace();
    Ok(Some((stored, asked)))
}

/// Calls a method now and then, each time a tenth earlier or later: nodes that were started together do not keep in step.
fn repeat(cx: &mut Context<'_>, every: Duration, work: Work) {
    let delay = jittered(every, cx);
    let again = move |dht: &mut DhtCommunity, cx: &mut Context<'_>| {
        work(dht, cx);
        repeat(cx, every, work);
    };
    // Refused only while the community is being unloaded.
    let _ = cx.schedule(Schedule::once().after(delay), again);
}

pub(crate) fn jittered(time: Duration, cx: &mut Context<'_>) -> Duration {
    time.mul_f64(cx.rng().random_range(0.9..1.1))
}

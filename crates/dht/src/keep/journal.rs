//! What waits to be written, and the task that has it written.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use ipv8_core::{BlockingError, Context, Handle, HandleError};
use parking_lot::Mutex;

use super::{
    Batch, Disk, DiskError, KeepStats, MOST_NODES, MOST_WAITING, SavedNode,
    ticket::{Tell, Ticket, ticket},
};
use crate::{community::DhtCommunity, family::Family, messages::StoreResponse, routing::DhtNode};

/// The longest time between two tries to write.
const LONGEST_PAUSE: u64 = 10;

/// Of failures in a row, every so many is a warning.
const WARN_EVERY: u64 = 100;

/// The disk, and which batch it had last: one that is dropped while it is written, and written again with others, must not
/// come after them.
struct Slot {
    disk: Box<dyn Disk>,
    last: u64,
}

impl Slot {
    fn commit(&mut self, number: u64, batch: &Batch) -> Result<(), DiskError> {
        if number <= self.last {
            return Ok(());
        }
        if !batch.is_empty() {
            self.disk.commit(batch)?;
        }
        self.last = number;
        Ok(())
    }
}

/// Who waits for the disk.
enum Waiting {
    Response { to: SocketAddr, identifier: u32 },
    User(Tell),
}

pub(crate) struct Journal {
    slot: Arc<Mutex<Slot>>,
    /// What is to be written, and who waits for that.
    pending: Batch,
    waiting: Vec<Waiting>,
    /// What is being written, and who waits for that.
    in_flight: Option<(Arc<Batch>, Vec<Waiting>)>,
    /// Whether the task runs.
    running: bool,
    number: u64,
    /// Failures since it last succeeded.
    failed: u64,
    stats: KeepStats,
}

impl Journal {
    pub(crate) fn new(disk: Box<dyn Disk>) -> Self {
        Self {
            slot: Arc::new(Mutex::new(Slot { disk, last: 0 })),
            pending: Batch::default(),
            waiting: Vec::new(),
            in_flight: None,
            running: false,
            number: 0,
            failed: 0,
            stats: KeepStats::default(),
        }
    }

    pub(crate) fn stats(&self) -> KeepStats {
        let in_flight = self.in_flight.as_ref().map_or(0, |(_, waiting)| waiting.len());
        KeepStats { waiting: self.waiting.len().saturating_add(in_flight), ..self.stats.clone() }
    }

    fn is_clean(&self) -> bool {
        self.pending.is_empty() && self.in_flight.is_none()
    }

    fn unacknowledged(&mut self) {
        self.stats.unacknowledged = self.stats.unacknowledged.saturating_add(1);
    }

    /// What is to be written next, if anything is or anybody waits.
    fn take(&mut self) -> Option<(u64, Arc<Batch>)> {
        if self.pending.is_empty() && self.waiting.is_empty() {
            return None;
        }
        let batch = Arc::new(std::mem::take(&mut self.pending));
        self.in_flight = Some((batch.clone(), std::mem::take(&mut self.waiting)));
        self.number += 1;
        Some((self.number, batch))
    }

    /// The last batch is to be written again, with what came meanwhile; whoever waited is returned.
    fn put_back(&mut self) -> Vec<Waiting> {
        let Some((batch, waiting)) = self.in_flight.take() else { return Vec::new() };
        let later = std::mem::replace(&mut self.pending, Arc::unwrap_or_clone(batch));
        self.pending.then(later);
        waiting
    }

    /// The same of a batch of which it is not known whether it was written, or still will be: what was in it and is gone by
    /// now must be removed all the same.
    fn put_back_unknown(&mut self) -> Vec<Waiting> {
        let Batch { v4, v6, publications, .. } = &self.pending;
        let (v4, v6, publications) = (v4.removed.clone(), v6.removed.clone(), publications.removed.clone());
        let waiting = self.put_back();
        self.pending.v4.removed.extend(v4);
        self.pending.v6.removed.extend(v6);
        self.pending.publications.removed.extend(publications);
        waiting
    }
}

impl DhtCommunity {
    /// How writing to the disk goes; `None` if there is none.
    #[must_use]
    pub fn keeping(&self) -> Option<KeepStats> {
        self.journal.as_ref().map(Journal::stats)
    }

    /// Notes what changed.
    fn absorb(&mut self, cx: &Context<'_>) {
        let (now, unix) = (cx.now(), cx.unix_time());
        let Some(journal) = &mut self.journal else { return };
        journal.pending.v4.then(self.stores.get_mut(Family::V4).take_changes());
        journal.pending.v6.then(self.stores.get_mut(Family::V6).take_changes());
        journal.pending.publications.then(self.publications.take_changes(now, unix));
    }

    /// Has what changed written soon.
    pub(crate) fn write_soon(&mut self, cx: &mut Context<'_>) {
        self.absorb(cx);
        let Some(journal) = &mut self.journal else { return };
        let idle = journal.pending.is_empty() && journal.waiting.is_empty();
        if idle || journal.running || cx.is_unloading() {
            return;
        }
        let Some(handle) = cx.handle::<Self>() else { return };
        journal.running = true;
        cx.spawn(async move {
            // Without its community there is nothing left to do.
            let _ = write(&handle, true).await;
        });
    }

    /// Answers a store request, once all that was stored is written.
    pub(crate) fn acknowledge(&mut self, cx: &mut Context<'_>, to: SocketAddr, identifier: u32) {
        self.absorb(cx);
        match &mut self.journal {
            Some(journal) if !journal.is_clean() => {
                if journal.failed > 0 || journal.waiting.len() >= MOST_WAITING {
                    journal.unacknowledged();
                    tracing::debug!(%to, "a store request is not answered: the disk fails, or does not keep up");
                } else {
                    journal.waiting.push(Waiting::Response { to, identifier });
                }
            }
            Some(_) | None => cx.send_to(to, StoreResponse { identifier }),
        }
        self.write_soon(cx);
    }

    /// What a user waits for, until all that changed is written.
    pub(crate) fn when_written(&mut self, cx: &mut Context<'_>) -> Ticket {
        self.absorb(cx);
        let result = match &mut self.journal {
            None => Ok(()),
            Some(journal) if journal.is_clean() => Ok(()),
            Some(Journal { stats: KeepStats { error: Some(error), .. }, .. }) => Err(error.clone()),
            Some(journal) if journal.waiting.len() >= MOST_WAITING => {
                Err(DiskError("the disk does not keep up: wait for what was stored before".to_owned()))
            }
            Some(journal) => {
                let (tell, ticket) = ticket();
                journal.waiting.push(Waiting::User(tell));
                self.write_soon(cx);
                return ticket;
            }
        };
        Ticket::ready(result)
    }

    /// Has the nodes of the routing tables written that are there, and those of the last run that cannot be pinged from here
    /// now; unless it is not known yet which of the others are there.
    pub(crate) fn save_nodes(&mut self, cx: &mut Context<'_>) {
        if self.journal.is_none() || self.candidates.reachable(|family| self.own_id(cx, family).is_some()) > 0 {
            return;
        }
        let tables = Family::ALL.iter().filter_map(|family| self.table(*family));
        let answering = tables.flat_map(|table| table.nodes()).filter(|node| node.last_response.is_some());
        let live: Vec<_> = answering.map(DhtNode::peer).collect();
        if live.is_empty() {
            return;
        }
        let peers = live.into_iter().chain(self.candidates.waiting()).take(MOST_NODES);
        let nodes = peers.map(|peer| SavedNode { address: peer.address(), key: peer.key().clone() }).collect();
        if let Some(journal) = &mut self.journal {
            journal.pending.nodes = Some(nodes);
        }
        self.write_soon(cx);
    }

    /// Has everything written when the community is unloaded.
    pub(crate) fn write_at_unload(cx: &mut Context<'_>) {
        let Some(handle) = cx.handle::<Self>() else { return };
        let last = async move {
            let begin = |dht: &mut Self, cx: &mut Context<'_>| {
                if let Some(journal) = &mut dht.journal {
                    // The task that waited for it is gone.
                    let waiting = journal.put_back_unknown();
                    journal.waiting.splice(0..0, waiting);
                }
                dht.save_nodes(cx);
            };
            if handle.with(begin).is_ok() {
                let _ = write(&handle, false).await;
            }
        };
        // Refused only while the community is being unloaded.
        let _ = cx.at_unload("write the DHT to disk", last);
    }

    /// The next batch. Without one, the task ends.
    fn next_batch(&mut self, cx: &Context<'_>) -> Option<(u64, Arc<Batch>, Arc<Mutex<Slot>>)> {
        self.absorb(cx);
        let journal = self.journal.as_mut()?;
        let next = journal.take();
        journal.running = next.is_some();
        next.map(|(number, batch)| (number, batch, journal.slot.clone()))
    }

    /// A batch was written, or not. Returns how long to wait before the next.
    fn written(&mut self, cx: &mut Context<'_>, result: Result<(), DiskError>) -> Option<Duration> {
        let journal = self.journal.as_mut()?;
        let error = match result {
            Ok(()) => {
                let (batch, waiting) = journal.in_flight.take()?;
                if journal.failed > 0 {
                    tracing::info!(tries = journal.failed, "the DHT is written to disk again");
                }
                journal.failed = 0;
                journal.stats.error = None;
                journal.stats.batches = journal.stats.batches.saturating_add(1);
                let rows = u64::try_from(batch.len()).unwrap_or(u64::MAX);
                journal.stats.rows = journal.stats.rows.saturating_add(rows);
                for waiting in waiting {
                    match waiting {
                        Waiting::Response { to, identifier } => cx.send_to(to, StoreResponse { identifier }),
                        Waiting::User(tell) => tell.tell(Ok(())),
                    }
                }
                return None;
            }
            Err(error) => error,
        };
        if journal.failed.is_multiple_of(WARN_EVERY) {
            tracing::warn!(%error, "the DHT is not written to disk: it goes on in memory, and acknowledges nothing");
        }
        journal.failed = journal.failed.saturating_add(1);
        journal.stats.failures = journal.stats.failures.saturating_add(1);
        journal.stats.error = Some(error.clone());
        // Those who came while it was tried would have to wait for long.
        let mut waiting = journal.put_back();
        waiting.append(&mut journal.waiting);
        for waiting in waiting {
            match waiting {
                Waiting::Response { .. } => journal.unacknowledged(),
                Waiting::User(tell) => tell.tell(Err(error.clone())),
            }
        }
        let doubled = 1_u64.checked_shl(u32::try_from(journal.failed - 1).unwrap_or(u32::MAX)).unwrap_or(u64::MAX);
        Some(Duration::from_secs(doubled.min(LONGEST_PAUSE)))
    }
}

/// Writes batch after batch, until nothing is left; or, if it is not to try again, one fails.
async fn write(handle: &Handle<DhtCommunity>, again: bool) -> Result<(), HandleError> {
    while let Some((number, batch, slot)) = handle.with(|dht, cx| dht.next_batch(cx))? {
        let result = match handle.blocking(move || slot.lock().commit(number, &batch)).await {
            Ok(result) => result,
            Err(BlockingError::Unloaded) => return Err(HandleError::Unloaded),
            Err(error) => Err(DiskError(error.to_string())),
        };
        if let Some(pause) = handle.with(|dht, cx| dht.written(cx, result))? {
            if !again {
                tracing::warn!("what the DHT learned last is lost: it could not be written to disk");
                break;
            }
            handle.sleep(pause).await;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

    use super::*;
    use crate::keep::{MemoryDisk, SavedPublication};

    #[test]
    fn what_is_gone_is_removed_although_the_batch_that_has_it_is_still_being_written() {
        let disk = MemoryDisk::default();
        let mut journal = Journal::new(Box::new(disk.clone()));
        let publication = SavedPublication { key: [1; 20], value: vec![0], due: Duration::ZERO };
        journal.pending.publications.put(5, publication.clone());
        journal.pending.publications.put(6, publication);
        let (first, put) = journal.take().unwrap();
        // A thread writes that while one is forgotten, and the community is unloaded.
        journal.pending.publications.remove(5);
        drop(journal.put_back_unknown());
        let (second, removed) = journal.take().unwrap();
        journal.slot.lock().commit(first, &put).unwrap();
        journal.slot.lock().commit(second, &removed).unwrap();
        assert_eq!(disk.saved().publications.into_keys().collect::<Vec<_>>(), [6]);
        // The other way round: what comes after its successor is not written.
        journal.slot.lock().commit(first, &put).unwrap();
        assert_eq!(disk.saved().publications.into_keys().collect::<Vec<_>>(), [6]);
    }
}

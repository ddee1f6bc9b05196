//! What users of the DHT call.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use indexmap::IndexSet;
use ipv8_core::{Handle, HandleError, Peer};
use ipv8_crypto::{Mid, SignError};

use crate::{
    community::{DhtCommunity, TARGET_NODES},
    discovery::{ConnectError, connect::Connecting},
    family::Family,
    id::Key,
    keep::DiskError,
    lookup::{Lookup, Question, TraceStep},
    maintenance::{jittered, store_near},
    store::Source,
    storing::{Stored, store_on},
    value::{self, Sign, Value},
};

/// Why a value was not stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nodes take no values of this size. Nothing was sent.
    #[error(
        "the value has {len} bytes, and at most {most} can be stored: store less, for example where the rest is found"
    )]
    TooLong {
        /// Bytes of the value.
        len: usize,
        /// The most that a value has, signed or not as was asked for.
        most: usize,
    },
    /// No other node is known.
    #[error("no other node of the DHT is known yet: wait until peers are found, or check the bootstrappers")]
    NoNodes,
    /// No node confirmed it.
    #[error("none of {asked} nodes confirmed that it keeps the value: try again later")]
    NotConfirmed {
        /// How many nodes were asked.
        asked: usize,
    },
    /// Nodes keep it, but that it is to be stored again was not written to our own disk.
    #[error(
        "{nodes} nodes keep the value, but it may not be stored again after a restart: {error}. Free or mend the disk, then store it again"
    )]
    NotWritten {
        /// How many nodes keep it.
        nodes: usize,
        /// What the disk says.
        error: DiskError,
    },
    /// The value could not be signed.
    #[error("the value could not be signed: {0}")]
    Sign(#[from] SignError),
    /// The community could not be reached.
    #[error(transparent)]
    Handle(#[from] HandleError),
}

/// Why it is not known that something is on our own disk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeepError {
    /// It was not written. It is done for this run of the node, and tried again.
    #[error("not written to disk, and lost if the node ends now: {0}. Free or mend the disk")]
    NotWritten(#[from] DiskError),
    /// The community could not be reached.
    #[error(transparent)]
    Handle(#[from] HandleError),
}

/// Why nothing was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// No other node is known.
    #[error("no other node of the DHT is known yet: wait until peers are found, or check the bootstrappers")]
    NoNodes,
    /// The community could not be reached.
    #[error(transparent)]
    Handle(#[from] HandleError),
}

/// The DHT of a node, for tasks and for code outside of it.
///
/// ```no_run
/// # async fn example(handle: ipv8_core::Handle<ipv8_dht::DhtCommunity>) -> Result<(), Box<dyn std::error::Error>> {
/// use ipv8_dht::{Dht, Sign};
///
/// let dht = Dht::new(handle);
/// let key = [7; 20];
/// let stored = dht.store(key, b"where I am", Sign::Yes).await?;
/// println!("kept by {} nodes", stored.nodes.len());
/// for value in dht.find_values(key).await? {
///     println!("{:?} says {:?}", value.signer_mid(), value.data);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Dht {
    handle: Handle<DhtCommunity>,
}

impl From<Handle<DhtCommunity>> for Dht {
    fn from(handle: Handle<DhtCommunity>) -> Self {
        Self::new(handle)
    }
}

impl Dht {
    /// The DHT behind a handle.
    #[must_use]
    pub const fn new(handle: Handle<DhtCommunity>) -> Self {
        Self { handle }
    }

    /// The handle.
    #[must_use]
    pub const fn handle(&self) -> &Handle<DhtCommunity> {
        &self.handle
    }

    /// Stores a value on the eight nodes that are closest to its key, and here if we are one of them. At most 170 bytes with
    /// what the value is wrapped in: 169 of data unsigned, 23 signed with a key of curve25519.
    ///
    /// Nodes forget it after an hour or two, unless [`DhtConfig::republish`](crate::DhtConfig::republish) is set and fewer than
    /// [`MOST_PUBLICATIONS`](crate::MOST_PUBLICATIONS) values are stored again already ([`Stored::republished`]). Then it is
    /// stored again even if no node took it now.
    ///
    /// A signed value takes the place of the signer's older one under the same key, here too. Its version is the time in
    /// seconds since 1970, or one more than that of the last one that this node signed under the key, whichever is higher.
    ///
    /// # Errors
    /// If it is too long, no node is known, none confirmed that it keeps it, or our own disk fails.
    pub async fn store(&self, key: Key, data: &[u8], sign: Sign) -> Result<Stored, StoreError> {
        let value = self.handle.with(|dht, cx| {
            let most = value::max_data_len(sign, cx.my_key());
            if data.len() > most {
                return Err(StoreError::TooLong { len: data.len(), most });
            }
            match sign {
                Sign::No => Ok(value::encode_unsigned(data)),
                Sign::Yes => {
                    let unix = u32::try_from(cx.unix_time().as_secs()).unwrap_or(u32::MAX);
                    let version = dht.publications.next_version(key, cx.my_key(), unix);
                    Ok(value::encode_signed(data, version, cx.private_key())?)
                }
            }
        })??;
        let result = store_near(&self.handle, key, value.clone()).await;
        // What could not be stored now may be later.
        let (republished, written) = self.handle.with(|dht, cx| {
            let mut republished = false;
            if let Some(every) = dht.config.republish {
                let due = cx.now() + jittered(every, cx);
                republished = dht.publications.add(key, value, due);
                if !republished {
                    tracing::warn!("a value will not be stored again: there are too many, or a newer one is");
                }
            }
            (republished, dht.when_written(cx))
        })?;
        let written = written.await;
        match result? {
            None => Err(StoreError::NoNodes),
            Some((stored, asked)) if stored.nodes.is_empty() => Err(StoreError::NotConfirmed { asked }),
            Some((stored, _)) => match written {
                Ok(()) => Ok(Stored { republished, ..stored }),
                Err(error) => Err(StoreError::NotWritten { nodes: stored.nodes.len(), error }),
            },
        }
    }

    /// Waits, not beyond a time, for the nodes that were to have a value [later](Stored::later), and adds those that confirmed it:
    /// before a node ends, since what is not over ends with it.
    pub async fn settle(&self, stored: &mut Stored, within: Duration) {
        stored.settle(&self.handle, within).await;
    }

    /// Stops storing again what we stored under a key; returns how many values that were, once our own disk, if there is one,
    /// knows. Nodes keep them until they are too old.
    ///
    /// # Errors
    /// If the community cannot be reached, or the disk fails: then they may be stored again after a restart.
    pub async fn forget(&self, key: &Key) -> Result<usize, KeepError> {
        let (count, written) = self.handle.with(|dht, cx| (dht.publications.forget(key), dht.when_written(cx)))?;
        written.await?;
        Ok(count)
    }

    /// Waits until all that was stored here, and all that this node is to store again, is on its own disk, if there is one
    /// ([`DhtCommunity::kept`]).
    ///
    /// # Errors
    /// If the community cannot be reached, or the disk fails.
    pub async fn flush(&self) -> Result<(), KeepError> {
        let written = self.handle.with(|dht, cx| dht.when_written(cx))?;
        Ok(written.await?)
    }

    /// The values of ours that are stored again and again: key, and whole value.
    ///
    /// # Errors
    /// If the community cannot be reached.
    pub fn publications(&self) -> Result<Vec<(Key, Vec<u8>)>, HandleError> {
        self.handle.with(|dht, _| dht.publications.iter().map(|(key, value)| (*key, value.to_vec())).collect())
    }

    /// Finds the values of a key: of each signer the newest, then those that are unsigned.
    ///
    /// # Errors
    /// If no other node is known, and no value is kept here.
    pub async fn find_values(&self, key: Key) -> Result<Vec<Value>, FindError> {
        let mut values = self.values(key)?;
        values.run().await?;
        Ok(values.finish()?.0)
    }

    /// The same one by one, as they arrive.
    ///
    /// # Errors
    /// If no other node is known, and no value is kept here.
    pub fn values(&self, key: Key) -> Result<Values, FindError> {
        self.values_from(key, 0)
    }

    /// The same without the first values that each node has: they tell eight at a time, newest first.
    ///
    /// # Errors
    /// As [`Dht::values`].
    pub fn values_from(&self, key: Key, offset: u32) -> Result<Values, FindError> {
        let skip = usize::try_from(offset).unwrap_or(usize::MAX);
        let kept = self.handle.with(|dht, _| {
            let of = |family: &Family| dht.store(*family).get(&key, skip, usize::MAX);
            Family::ALL.iter().flat_map(of).collect::<Vec<_>>()
        })?;
        let lookup = Lookup::new(&self.handle, Question { target: key, force_nodes: false, offset })?;
        if lookup.is_none() && kept.is_empty() {
            return Err(FindError::NoNodes);
        }
        let mut values =
            Values { handle: self.handle.clone(), key, lookup, kept, seen: HashSet::new(), ready: VecDeque::new() };
        values.take_new();
        Ok(values)
    }

    /// Finds a peer by its member id, wherever it is, and makes it a peer of this community: it is sent to with
    /// [`Context::send`](ipv8_core::Context::send), and other communities reach it by walking to its address. Both NATs stay
    /// open for ten minutes, as long as it answers.
    ///
    /// Only a peer that answered a ping is returned, as soon as it did: where it was known to be, where one of the nodes that
    /// remember it said that it is, or where it opened its NAT for us. (The reference returns what it was told, peers that are
    /// dead included, and nothing at all once a stranger has asked it for the same peer.)
    ///
    /// # Errors
    /// If no other node is known, nobody knows the peer, or it does not answer.
    pub async fn connect_peer(&self, mid: Mid) -> Result<Vec<Peer>, ConnectError> {
        self.trace_peer(mid, None).await.0
    }

    /// The same for a peer that may be where the caller thinks, which is tried first. A hint of another key is ignored.
    ///
    /// # Errors
    /// As [`Dht::connect_peer`].
    pub async fn connect_peer_hint(&self, mid: Mid, hint: &Peer) -> Result<Vec<Peer>, ConnectError> {
        self.trace_peer(mid, Some(hint)).await.0
    }

    /// The same, and what happened in which order, whether or not it was found.
    pub async fn trace_peer(&self, mid: Mid, hint: Option<&Peer>) -> (Result<Vec<Peer>, ConnectError>, Vec<TraceStep>) {
        let mut connecting = match Connecting::new(&self.handle, mid, hint) {
            Ok(Ok(connecting)) => connecting,
            Ok(Err(error)) => return (Err(error), Vec::new()),
            Err(error) => return (Err(error.into()), Vec::new()),
        };
        let found = connecting.run().await;
        (found, connecting.into_trace())
    }

    /// Finds the nodes that are closest to a key and answer, closest first; at most eight of each address family.
    ///
    /// # Errors
    /// If no other node is known.
    pub async fn find_nodes(&self, key: Key) -> Result<Vec<Peer>, FindError> {
        self.trace_nodes(key).await.map(|(nodes, _)| nodes)
    }

    /// The same, and what happened in which order.
    ///
    /// # Errors
    /// If no other node is known.
    pub async fn trace_nodes(&self, key: Key) -> Result<(Vec<Peer>, Vec<TraceStep>), FindError> {
        let question = Question { target: key, force_nodes: true, offset: 0 };
        let mut lookup = Lookup::new(&self.handle, question)?.ok_or(FindError::NoNodes)?;
        lookup.run().await?;
        let closest = |(_, nodes): (Family, Vec<crate::crawl::Contact>)| {
            nodes.into_iter().take(TARGET_NODES).map(|node| node.peer)
        };
        let nodes = lookup.answering().into_iter().flat_map(closest).collect();
        Ok((nodes, lookup.into_trace()))
    }
}

/// Values that are being looked for, see [`Dht::values`].
pub struct Values {
    handle: Handle<DhtCommunity>,
    key: Key,
    lookup: Option<Lookup>,
    /// What this node keeps itself.
    kept: Vec<Vec<u8>>,
    seen: HashSet<Vec<u8>>,
    ready: VecDeque<Value>,
}

impl Values {
    /// The next value, as soon as a node tells it; `None` when the search is over. A newer value of a signer may follow an
    /// older one.
    ///
    /// # Errors
    /// If the community is not loaded any more.
    pub async fn next(&mut self) -> Result<Option<Value>, FindError> {
        loop {
            if let Some(value) = self.ready.pop_front() {
                return Ok(Some(value));
            }
            let Some(lookup) = &mut self.lookup else { return Ok(None) };
            if !lookup.step().await? {
                return Ok(None);
            }
            self.take_new();
        }
    }

    async fn run(&mut self) -> Result<(), FindError> {
        match &mut self.lookup {
            Some(lookup) => Ok(lookup.run().await?),
            None => Ok(()),
        }
    }

    fn take_new(&mut self) {
        let kept = self.kept.iter().map(Vec::as_slice);
        for bytes in self.lookup.iter().flat_map(Lookup::values).chain(kept) {
            if self.seen.insert(bytes.to_vec()) {
                self.ready.extend(Value::decode(bytes).ok());
            }
        }
    }

    /// All values that were met so far: of each signer the newest, then those that are unsigned; and what happened in which
    /// order. The closest node that had none is told them, so that they are found sooner the next time.
    ///
    /// # Errors
    /// If the community is not loaded any more.
    pub fn finish(self) -> Result<(Vec<Value>, Vec<TraceStep>), FindError> {
        let found = self.lookup.iter().flat_map(Lookup::values);
        // Both families, and this node itself, may have told the same.
        let distinct: IndexSet<&[u8]> = found.chain(self.kept.iter().map(Vec::as_slice)).collect();
        let values = value::select(distinct);
        let Some(lookup) = self.lookup else { return Ok((values, Vec::new())) };
        for (family, node, found) in lookup.to_cache() {
            let (handle, key) = (self.handle.clone(), self.key);
            let source = Source::of(node.address().ip());
            let caching = async move { drop(store_on(&handle, family, (key, found), &[node], source).await) };
            drop(self.handle.spawn(caching)?);
        }
        Ok((values, lookup.into_trace()))
    }
}

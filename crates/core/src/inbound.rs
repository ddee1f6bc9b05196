//! The way in: from the bytes of a datagram to a message whose sender is known.
//!
//! What costs little comes first: prefix, message id and layout are checked before any cryptography, and the keys of
//! recent senders are kept parsed. What is left goes to the [`Verifier`] as one batch.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use ipv8_crypto::{Curve, Job, Mid, PublicKey, Verifier};
use ipv8_wire::{PREFIX_LEN, Reader};
use smallvec::SmallVec;

use crate::{
    community::OverlayId,
    defence::admission::{Budget, Payer, Sender, price},
    defence::asked::Asked,
    defence::hardening::Hardening,
    defence::limits::Bucket,
    keys::{KeyCache, SenderKey},
    messages::DEPRECATED,
    network::Network,
    node::Clock,
    routes::{Kind, RouteTable},
    stats::DropReason,
    time::Time,
};

/// The longest key that is read or kept; those of the largest curve have 170 bytes, trailing bytes are tolerated.
const LONGEST_KEY: usize = 1_024;

/// A packet that is worth verifying, as ranges of its datagram.
pub(crate) struct Accepted<'a> {
    pub(crate) overlay: OverlayId,
    pub(crate) source: SocketAddr,
    pub(crate) datagram: &'a [u8],
    pub(crate) id: u8,
    pub(crate) sender: Option<SenderKey>,
    /// The bytes in which the key came.
    key: &'a [u8],
    /// The key is not kept yet.
    new_key: bool,
    pub(crate) global_time: Option<u64>,
    pub(crate) payload: &'a [u8],
    pub(crate) signed_part: &'a [u8],
    pub(crate) signature: &'a [u8],
}

/// What decides whether a signature is worth checking.
pub(crate) struct Gate<'a> {
    pub(crate) hardening: &'a Hardening,
    /// Where the peers are whose messages are not those of strangers.
    pub(crate) network: &'a Network,
    /// Whom the community asked for introductions.
    pub(crate) asked: &'a Asked,
    /// Whose punctures the community waits for.
    pub(crate) expected: &'a BTreeSet<Mid>,
    pub(crate) now: Time,
}

impl Gate<'_> {
    /// Who somebody with this key seems to be.
    fn sender(&self, source: SocketAddr, key: &[u8]) -> Sender {
        match self.network.peer_at(source, key) {
            Some(mid) => Sender::Peer(mid),
            None if self.asked.is_open(source, self.now) => Sender::Asked,
            None => Sender::Stranger,
        }
    }
}

impl Accepted<'_> {
    /// What its verification usually costs, in microseconds; a packet without signature costs nothing.
    pub(crate) fn cost(&self) -> u32 {
        self.sender.as_ref().map_or(0, |sender| price(&sender.key))
    }
}

/// What became of the signatures of a batch.
pub(crate) struct Verdicts {
    /// One for each packet, true for those that carry no signature.
    pub(crate) holds: SmallVec<[bool; 32]>,
    /// How many signatures were checked.
    pub(crate) checked: u64,
    /// The time that it took; zero without a clock.
    pub(crate) took: Duration,
    /// The [costs](Accepted::cost) of all of them, among which the time is shared.
    pub(crate) costs: u32,
}

impl Verdicts {
    /// A packet's share of the time.
    pub(crate) fn share(&self, packet: &Accepted<'_>) -> Duration {
        self.took.saturating_mul(packet.cost()) / self.costs.max(1)
    }
}

/// Reads headers, keeps keys and has signatures checked.
pub(crate) struct Inbound {
    keys: KeyCache,
    /// Boxed: few nodes have one.
    budget: Option<Box<Budget>>,
    /// What strangers have left for old curves, in microseconds, and those whom we asked; full until somebody uses one.
    old_curves: [Option<Bucket>; 2],
    verifier: Box<dyn Verifier>,
    verdicts: Vec<bool>,
}

impl Inbound {
    pub(crate) fn new(verifier: Box<dyn Verifier>, keys: KeyCache, hardening: &Hardening) -> Self {
        let budget = hardening.admission.map(Budget::new).map(Box::new);
        Self { keys, budget, old_curves: [None; 2], verifier, verdicts: Vec::new() }
    }

    /// Hosts and peers whose budget is remembered.
    pub(crate) fn budgets(&self) -> (usize, usize) {
        self.budget.as_ref().map_or((0, 0), |budget| budget.len())
    }

    /// Reads the header of a packet for a community with these routes.
    pub(crate) fn accept<'a>(
        &mut self,
        overlay: OverlayId,
        routes: &RouteTable,
        source: SocketAddr,
        datagram: &'a [u8],
        gate: &Gate<'_>,
    ) -> Result<Accepted<'a>, DropReason> {
        let id = *datagram.get(PREFIX_LEN).ok_or(DropReason::NoMessageId)?;
        let Some(route) = routes.get(id) else {
            return Err(if DEPRECATED.contains(&id) {
                DropReason::DeprecatedMessage
            } else {
                DropReason::UnknownMessage
            });
        };
        let mut accepted = Accepted {
            overlay,
            source,
            datagram,
            id,
            sender: None,
            key: &[],
            new_key: false,
            global_time: None,
            payload: &[],
            signed_part: &[],
            signature: &[],
        };
        let Kind::Message { signed, global_time } = route.kind else {
            return Ok(accepted);
        };
        let mut body = Reader::new(datagram.get(PREFIX_LEN + 1..).unwrap_or_default());
        if signed {
            let length = usize::from(body.u16().map_err(|_| DropReason::Format)?);
            let key = body.take(length).map_err(|_| DropReason::Format)?;
            if length > LONGEST_KEY {
                return Err(DropReason::PublicKey);
            }
            let payer = match &mut self.budget {
                Some(budget) => {
                    Some(budget.admit(gate.sender(source, key), source, gate.now).ok_or(DropReason::Admission)?)
                }
                None => None,
            };
            // By what this node met before, whatever others of its process did: that must not be told from outside.
            if let (Some(budget), Some(payer)) = (&mut self.budget, payer) {
                budget.charge_for_reading(payer, key);
            }
            accepted.key = key;
            let sender = match self.keys.get(key) {
                Some(known) => known,
                None => {
                    accepted.new_key = true;
                    let read = SenderKey::read(key)?;
                    // With a peer that is known, its key is shared, and ready to verify.
                    match gate.network.get(&read.key.mid()) {
                        Some(record) if read.canonical && *record.key() == read.key => {
                            SenderKey { key: record.key().clone(), canonical: true }
                        }
                        _ => read,
                    }
                }
            };
            if !gate.hardening.takes_curve_of(&sender.key) {
                return Err(DropReason::Admission);
            }
            if sender.key.curve() != Some(Curve::Curve25519) && !self.has_time_for_old_curve(source, &sender.key, gate)
            {
                return Err(DropReason::Admission);
            }
            let signature_len = sender.key.signature_len();
            // The signature is cut off first, so that a packet without room for it is one of bad format.
            let end = body.remaining().len().checked_sub(signature_len).ok_or(DropReason::Format)?;
            let (rest, signature) = body.remaining().split_at_checked(end).ok_or(DropReason::Format)?;
            // One in three signed packets of a walk is such: a puncture comes from a stranger, who is met only then.
            let news = |mid| gate.network.would_move(mid, source) || gate.expected.contains(mid);
            if !route.only_moves || news(&sender.key.mid()) {
                self.charge(payer, price(&sender.key));
                accepted.signature = signature;
                accepted.signed_part = datagram.get(..datagram.len() - signature_len).unwrap_or_default();
                accepted.sender = Some(sender);
            }
            body = Reader::new(rest);
        }
        if global_time {
            accepted.global_time = Some(body.u64().map_err(|_| DropReason::Format)?);
        }
        accepted.payload = body.remaining();
        Ok(accepted)
    }

    /// Whether a signature of an older curve may be checked; if so, its price is taken. Those of peers, from where we know
    /// them, always are.
    fn has_time_for_old_curve(&mut self, source: SocketAddr, key: &PublicKey, gate: &Gate<'_>) -> bool {
        let Some(rate) = gate.hardening.old_curves else { return true };
        let [strangers, asked] = &mut self.old_curves;
        let bucket = match gate.sender(source, key.as_bytes()) {
            Sender::Peer(_) => return true,
            // Trackers sign with such keys, and are to be heard however many forge.
            Sender::Asked => asked,
            Sender::Stranger => strangers,
        };
        let bucket = bucket.get_or_insert_with(|| Bucket::full(rate, gate.now));
        let has_some = bucket.has_some(rate, gate.now);
        if has_some {
            bucket.take(price(key));
        }
        has_some
    }

    /// Takes a price in microseconds from whoever pays, where there are budgets.
    fn charge(&mut self, payer: Option<Payer>, price: u32) {
        if let (Some(budget), Some(payer)) = (&mut self.budget, payer) {
            budget.charge(payer, price);
        }
    }

    /// Checks the signatures of a batch, and measures how long that takes if there is a clock.
    pub(crate) fn verify(&mut self, batch: &[Accepted<'_>], clock: Option<&Clock>) -> Verdicts {
        let jobs: SmallVec<[Job<'_>; 2]> = batch
            .iter()
            .filter_map(|packet| {
                let sender = packet.sender.as_ref()?;
                Some(Job { key: &sender.key, message: packet.signed_part, signature: packet.signature })
            })
            .collect();
        self.verdicts.clear();
        let mut took = Duration::ZERO;
        if !jobs.is_empty() {
            let begin = clock.map(|clock| clock());
            self.verifier.verify(&jobs, &mut self.verdicts);
            took = begin.zip(clock).map_or(took, |(begin, clock)| clock().since(begin));
        }
        let checked = u64::try_from(jobs.len()).unwrap_or(u64::MAX);
        let mut verdicts = self.verdicts.iter();
        let holds: SmallVec<[bool; 32]> =
            batch.iter().map(|packet| packet.sender.is_none() || verdicts.next().copied().unwrap_or(false)).collect();
        // Kept only now: whoever cannot sign with a key cannot push the keys of others out.
        for (packet, _) in batch.iter().zip(&holds).filter(|(_, holds)| **holds) {
            if let Some(sender) = &packet.sender {
                if packet.new_key {
                    self.keys.insert(packet.key, sender.clone());
                }
                if let Some(budget) = &mut self.budget {
                    budget.has_read(packet.key);
                }
            }
        }
        // A clock that stands still, as in a simulation, has nothing to be shared.
        let costs = if took.is_zero() { 0 } else { batch.iter().map(Accepted::cost).fold(0, u32::saturating_add) };
        Verdicts { holds, checked, took, costs }
    }
}

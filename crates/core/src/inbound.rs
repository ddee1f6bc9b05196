//! The way in: from the bytes of a datagram to a message whose sender is known.
//!
//! What costs little comes first: prefix, message id and layout are checked before any cryptography, and the keys of
//! recent senders are kept parsed. What is left goes to the [`Verifier`] as one batch.

use std::{net::SocketAddr, time::Duration};

use ipv8_crypto::{Curve, Job, Verifier};
use ipv8_wire::{PREFIX_LEN, Reader};

use crate::{
    community::OverlayId,
    keys::{KeyCache, SenderKey},
    messages::DEPRECATED,
    node::Clock,
    routes::{Kind, RouteTable},
    stats::DropReason,
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
    /// The bytes of a key that is not kept yet.
    new_key: Option<&'a [u8]>,
    pub(crate) global_time: Option<u64>,
    pub(crate) payload: &'a [u8],
    pub(crate) signed_part: &'a [u8],
    pub(crate) signature: &'a [u8],
}

impl Accepted<'_> {
    /// What its verification usually costs: one of curve25519 is 1, 29 µs; those of the other curves take 0.33, 0.5, 1.5
    /// and 3.3 ms. A packet without signature costs nothing.
    pub(crate) fn cost(&self) -> u32 {
        let Some(sender) = &self.sender else { return 0 };
        match sender.key.curve() {
            Some(Curve::Curve25519) => 1,
            Some(Curve::VeryLow) => 11,
            Some(Curve::Low) => 17,
            Some(Curve::Medium) | None => 50,
            Some(Curve::High) => 115,
        }
    }
}

/// What became of the signatures of a batch.
pub(crate) struct Verdicts {
    /// One for each packet, true for those that carry no signature.
    pub(crate) holds: Vec<bool>,
    /// How many signatures were checked.
    pub(crate) checked: u64,
    /// The time that it took; zero without a clock.
    pub(crate) took: Duration,
    /// A packet's share of it, for each unit of its [cost](Accepted::cost).
    pub(crate) unit: Duration,
}

/// Reads headers, keeps keys and has signatures checked.
pub(crate) struct Inbound {
    keys: KeyCache,
    verifier: Box<dyn Verifier>,
    verdicts: Vec<bool>,
}

impl Inbound {
    pub(crate) fn new(verifier: Box<dyn Verifier>, keys: KeyCache) -> Self {
        Self { keys, verifier, verdicts: Vec::new() }
    }

    /// Reads the header of a packet for a community with these routes.
    pub(crate) fn accept<'a>(
        &mut self,
        overlay: OverlayId,
        routes: &RouteTable,
        source: SocketAddr,
        datagram: &'a [u8],
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
            new_key: None,
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
            let sender = match self.keys.get(key) {
                Some(known) => known,
                None => {
                    accepted.new_key = Some(key);
                    SenderKey::read(key)?
                }
            };
            let signature_len = sender.key.signature_len();
            // The signature is cut off first, so that a packet without room for it is one of bad format.
            let end = body.remaining().len().checked_sub(signature_len).ok_or(DropReason::Format)?;
            let (rest, signature) = body.remaining().split_at_checked(end).ok_or(DropReason::Format)?;
            accepted.signature = signature;
            accepted.signed_part = datagram.get(..datagram.len() - signature_len).unwrap_or_default();
            accepted.sender = Some(sender);
            body = Reader::new(rest);
        }
        if global_time {
            accepted.global_time = Some(body.u64().map_err(|_| DropReason::Format)?);
        }
        accepted.payload = body.remaining();
        Ok(accepted)
    }

    /// Checks the signatures of a batch, and measures how long that takes if there is a clock.
    pub(crate) fn verify(&mut self, batch: &mut [Accepted<'_>], clock: Option<&Clock>) -> Verdicts {
        let jobs: Vec<Job<'_>> = batch
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
        let holds: Vec<bool> =
            batch.iter().map(|packet| packet.sender.is_none() || verdicts.next().copied().unwrap_or(false)).collect();
        // Kept only now: whoever cannot sign with a key cannot push the keys of others out.
        for (packet, holds) in batch.iter_mut().zip(&holds) {
            if let (true, Some(bytes), Some(sender)) = (*holds, packet.new_key.take(), &packet.sender) {
                self.keys.insert(bytes, sender.clone());
            }
        }
        // A clock that stands still, as in a simulation, has nothing to be shared.
        let costs = if took.is_zero() { 0 } else { batch.iter().map(Accepted::cost).fold(0, u32::saturating_add) };
        Verdicts { holds, checked, took, unit: took / costs.max(1) }
    }
}

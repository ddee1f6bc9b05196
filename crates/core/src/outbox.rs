//! What the node sends: unsigned bytes until the turn ends, then signed datagrams for the driver.

use std::{collections::VecDeque, net::SocketAddr};

use ipv8_crypto::{PrivateKey, SignError, SignJob, Signature, Signer};
use ipv8_wire::{Outgoing, WriteError, Writer};

use crate::stats::{DropReason, Stats};

/// The largest UDP payload over IPv4.
pub const MAX_DATAGRAM: usize = 65_507;

/// The most datagrams that wait for the driver; what comes on top is dropped and counted, as UDP would.
const MOST_WAITING: usize = 65_536;

/// Room for most messages, so that their buffers need not grow.
const USUAL_SIZE: usize = 256;

/// Buffers that are kept to be used again: as many as a driver reads datagrams at once.
const MOST_SPARE: usize = 64;

/// The largest buffer that is kept.
const LARGEST_SPARE: usize = 2_048;

/// A datagram to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transmit {
    /// To whom.
    pub to: SocketAddr,
    /// The whole payload of the datagram.
    pub bytes: Vec<u8>,
}

/// Why a message was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The message cannot be written.
    #[error("the message cannot be written: {0}")]
    Write(#[from] WriteError),
    /// The datagram would be larger than UDP allows.
    #[error("the datagram would have {size} bytes, more than UDP's {MAX_DATAGRAM}: send it in parts")]
    TooLarge {
        /// Its size with header and signature.
        size: usize,
    },
    /// 0.0.0.0, port 0 or the like.
    #[error("{0} is no address to send to")]
    NoAddress(SocketAddr),
    /// The driver is behind.
    #[error("{MOST_WAITING} datagrams wait to be sent already")]
    QueueFull,
    /// The key could not sign.
    #[error("the message could not be signed")]
    Sign,
}

impl SendError {
    pub(crate) const fn reason(&self) -> DropReason {
        match self {
            Self::Write(_) | Self::TooLarge { .. } | Self::Sign => DropReason::TooLarge,
            Self::NoAddress(_) => DropReason::NoAddress,
            Self::QueueFull => DropReason::QueueFull,
        }
    }
}

/// Writes a packet up to its signature into an empty buffer.
pub(crate) fn write_packet<M: Outgoing>(
    mut buffer: Vec<u8>,
    prefix: &[u8],
    key: &PrivateKey,
    global_time: Option<u64>,
    message: &M,
) -> Result<Vec<u8>, SendError> {
    buffer.reserve(USUAL_SIZE);
    let mut w = Writer::from_vec(buffer);
    w.put(prefix);
    w.u8(M::ID);
    let mut signature = 0;
    if M::SIGNED {
        let public = key.public();
        let key = public.as_bytes();
        w.u16(u16::try_from(key.len()).map_err(|_| SendError::TooLarge { size: key.len() })?);
        w.put(key);
        signature = public.signature_len();
    }
    if let Some(global_time) = global_time {
        w.u64(global_time);
    }
    message.write_fields(&mut w)?;
    let size = w.len() + signature;
    if size > MAX_DATAGRAM {
        return Err(SendError::TooLarge { size });
    }
    Ok(w.into_vec())
}

/// Appends the signature over everything before it.
pub(crate) fn sign(signer: &dyn Signer, key: &PrivateKey, bytes: &mut Vec<u8>) -> Result<(), SendError> {
    let signature = signer.sign(key, bytes).map_err(|_| SendError::Sign)?;
    bytes.extend_from_slice(signature.as_ref());
    Ok(())
}

struct Unsigned {
    to: SocketAddr,
    bytes: Vec<u8>,
    signer: Option<PrivateKey>,
}

/// The two queues of what is sent.
#[derive(Default)]
pub(crate) struct Outbox {
    unsigned: Vec<Unsigned>,
    ready: VecDeque<Transmit>,
    /// Empty buffers of what was sent.
    spare: Vec<Vec<u8>>,
    peak: usize,
}

impl Outbox {
    /// Queues bytes, to be signed when the turn ends if a signer is given.
    pub(crate) fn push(&mut self, to: SocketAddr, bytes: Vec<u8>, signer: Option<PrivateKey>) -> Result<(), SendError> {
        if to.port() == 0 || to.ip().is_unspecified() {
            return Err(SendError::NoAddress(to));
        }
        // What is still to be signed was measured with its signature when it was written.
        if bytes.len() > MAX_DATAGRAM {
            return Err(SendError::TooLarge { size: bytes.len() });
        }
        if self.depth().0 >= MOST_WAITING {
            return Err(SendError::QueueFull);
        }
        self.unsigned.push(Unsigned { to, bytes, signer });
        self.peak = self.peak.max(self.depth().0);
        Ok(())
    }

    /// Signs what waits and makes it ready for the driver, in the order in which it was sent.
    pub(crate) fn flush(&mut self, signer: &dyn Signer, stats: &mut Stats) {
        let mut made = self.sign_together(signer).into_iter();
        for Unsigned { to, mut bytes, signer: key } in self.unsigned.drain(..) {
            if let Some(key) = key {
                let signature = made.next().flatten().unwrap_or_else(|| signer.sign(&key, &bytes));
                let Ok(signature) = signature else {
                    stats.drop(DropReason::TooLarge);
                    continue;
                };
                bytes.extend_from_slice(signature.as_ref());
                stats.signed += 1;
            }
            self.ready.push_back(Transmit { to, bytes });
        }
    }

    /// The signatures of all that waits for one, if the signer would rather make them together.
    fn sign_together(&self, signer: &dyn Signer) -> Vec<Option<Result<Signature, SignError>>> {
        if !signer.takes_many() || self.unsigned.len() < 2 {
            return Vec::new();
        }
        let waiting = self.unsigned.iter();
        let mut jobs: Vec<_> =
            waiting.filter_map(|packet| Some(SignJob::new(packet.signer.as_ref()?, &packet.bytes))).collect();
        signer.sign_all(&mut jobs);
        jobs.into_iter().map(SignJob::into_signature).collect()
    }

    /// An empty buffer to write a packet into.
    pub(crate) fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes back the buffers of what was sent.
    pub(crate) fn take_back(&mut self, sent: impl Iterator<Item = Transmit>) {
        let wanted = sent.map(|transmit| transmit.bytes).filter(|bytes| bytes.capacity() <= LARGEST_SPARE);
        for mut buffer in wanted.take(MOST_SPARE.saturating_sub(self.spare.len())) {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    /// How many datagrams wait, and the most that did.
    pub(crate) fn depth(&self) -> (usize, usize) {
        (self.unsigned.len() + self.ready.len(), self.peak)
    }

    pub(crate) fn pop(&mut self) -> Option<Transmit> {
        self.ready.pop_front()
    }
}

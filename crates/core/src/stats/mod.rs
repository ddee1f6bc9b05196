//! Counters: what came, what went, and what was dropped why.
//!
//! [`Stats`] are the totals of a node; a [`StatsReport`] has them for each overlay and message too, beside the lengths of
//! queues and what the driver counted. All of them only grow: rates are the difference of two reports.

mod driver;
mod message;
mod report;
mod tasks;

use std::time::Duration;

pub use self::{
    driver::{DriverCounters, DriverStats},
    message::{Counts, MessageStats},
    report::{OverlayStats, Queues, StatsReport},
    tasks::TaskStats,
};
pub(crate) use self::{
    message::Traffic,
    report::{Parts, overlay_stats},
    tasks::{TaskTable, Usage},
};

/// Why a datagram or a message was dropped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum DropReason {
    /// Not a packet of a community that is loaded here: too short, another version, another community.
    Prefix,
    /// Ends after the prefix.
    NoMessageId,
    /// A message id without handler.
    UnknownMessage,
    /// A message id that earlier generations of the protocol used.
    DeprecatedMessage,
    /// The message cannot be read.
    Format,
    /// The public key cannot be read.
    PublicKey,
    /// The signature does not hold.
    Signature,
    /// The community has as many peers as it takes.
    PeerLimit,
    /// An answer to nothing that was asked, as far as is remembered: to a guessed identifier, or very late.
    Unsolicited,
    /// A queue of ours was full.
    QueueFull,
    /// There is no address to send it to, or the address cannot be one.
    NoAddress,
    /// A message of ours cannot be written: it is too large for a datagram or for one of its own length fields.
    TooLarge,
    /// Somebody asks for more than is done for anybody ([`Hardening::punctures`](crate::Hardening)).
    RateLimited,
    /// Checking its signature would cost more than its source may have ([`Hardening::admission`](crate::Hardening)), or
    /// its curve is none of those that are taken.
    Admission,
    /// An answer to what is over: repeated, or after its time. What ended within a minute is remembered.
    Late,
    /// An answer to what was asked of another peer.
    WrongPeer,
    /// Its community refuses what it asks for, for example because of a token that is not valid.
    Refused,
}

impl DropReason {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 17] = [
        Self::Prefix,
        Self::NoMessageId,
        Self::UnknownMessage,
        Self::DeprecatedMessage,
        Self::Format,
        Self::PublicKey,
        Self::Signature,
        Self::PeerLimit,
        Self::Unsolicited,
        Self::QueueFull,
        Self::NoAddress,
        Self::TooLarge,
        Self::RateLimited,
        Self::Admission,
        Self::Late,
        Self::WrongPeer,
        Self::Refused,
    ];

    /// The reason in words, as in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prefix => "prefix",
            Self::NoMessageId => "no message id",
            Self::UnknownMessage => "unknown message",
            Self::DeprecatedMessage => "deprecated message",
            Self::Format => "format",
            Self::PublicKey => "public key",
            Self::Signature => "signature",
            Self::PeerLimit => "peer limit",
            Self::Unsolicited => "unsolicited",
            Self::QueueFull => "queue full",
            Self::NoAddress => "no address",
            Self::TooLarge => "too large",
            Self::RateLimited => "rate limited",
            Self::Admission => "admission",
            Self::Late => "late answer",
            Self::WrongPeer => "wrong peer",
            Self::Refused => "refused",
        }
    }
}

/// What a node counted since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Datagrams handed in by the driver.
    pub received: u64,
    /// Their bytes, without headers of lower layers.
    pub received_bytes: u64,
    /// Bytes of those that are of no community here: [`DropReason::Prefix`] counts them.
    pub unknown_bytes: u64,
    /// Messages that a handler took. Every datagram that was received is either delivered or discarded.
    pub delivered: u64,
    /// Datagrams that were dropped, by the node or by the handler that was to take them.
    pub discarded: u64,
    /// Datagrams handed to the driver.
    pub sent: u64,
    /// Their bytes, without headers of lower layers.
    pub sent_bytes: u64,
    /// Signatures checked, whatever came of it.
    pub verified: u64,
    /// The time that this took; zero for a node without a [clock](crate::NodeConfig::clock).
    pub verify_time: Duration,
    /// Signatures made when turns ended; those of packets that are made without being sent are not counted.
    pub signed: u64,
    /// Handlers, scheduled functions and tasks that panicked.
    pub panics: u64,
    /// Requests and caches whose time ran out.
    pub timeouts: u64,
    /// Questions that were sent again ([`Retry`](crate::Retry)).
    pub retries: u64,
    /// Turns taken.
    pub turns: u64,
    dropped: [u64; DropReason::ALL.len()],
}

impl Stats {
    /// How many were dropped for a reason.
    #[must_use]
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped.get(usize::from(reason as u8)).copied().unwrap_or(0)
    }

    /// How many were dropped in all.
    #[must_use]
    pub fn dropped_in_all(&self) -> u64 {
        self.dropped.iter().sum()
    }

    pub(crate) fn drop(&mut self, reason: DropReason) {
        if let Some(count) = self.dropped.get_mut(usize::from(reason as u8)) {
            *count += 1;
        }
    }
}

//! Attackers.

use std::time::Duration;

/// An attacker, see [`ipv8_sim::attack`]. It knows the addresses of its victims from the beginning: open nodes that are there
/// then, since those behind NATs are not reached at an address that anybody could know.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Attack {
    /// What it does.
    pub kind: AttackKind,
    /// Datagrams a second to each node that it attacks, on average.
    pub rate: f64,
    /// Which part of the open nodes it attacks.
    pub share: f64,
    /// When it begins.
    pub from: Duration,
    /// When it ends; never, if it is `None`.
    pub to: Option<Duration>,
    /// How many addresses it has, from which it sends in turn.
    pub addresses: u32,
    /// Whether it writes made-up sources on its datagrams instead.
    pub made_up: bool,
}

impl Attack {
    /// One of this kind on all open nodes, from the beginning to the end, from one address.
    #[must_use]
    pub const fn new(kind: AttackKind, rate: f64) -> Self {
        Self { kind, rate, share: 1.0, from: Duration::ZERO, to: None, addresses: 1, made_up: false }
    }
}

/// What an attacker does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AttackKind {
    /// Sends bytes that are no message.
    Garbage,
    /// Sends introduction requests whose signatures do not hold, by a thousand keys.
    Forged,
    /// Sends validly signed introduction requests, by a thousand keys.
    Introductions,
    /// Sends validly signed introduction responses that nobody asked for, by a thousand keys.
    Responses,
    /// Sends validly signed similarity requests, by a thousand keys.
    Similarity,
    /// Sends validly signed questions of the scenario's own, by a thousand keys.
    Requests,
    /// Listens to what its victims send, and sends it to them again.
    Replay,
    /// Becomes a peer, and introduces addresses that lead nowhere.
    LieNowhere,
    /// Becomes a peer, and introduces itself at its other addresses.
    LieSelf,
}

impl AttackKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Garbage,
        Self::Forged,
        Self::Introductions,
        Self::Responses,
        Self::Similarity,
        Self::Requests,
        Self::Replay,
        Self::LieNowhere,
        Self::LieSelf,
    ];

    /// Its name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Garbage => "garbage",
            Self::Forged => "forged",
            Self::Introductions => "introductions",
            Self::Responses => "responses",
            Self::Similarity => "similarity",
            Self::Requests => "requests",
            Self::Replay => "replay",
            Self::LieNowhere => "lie-nowhere",
            Self::LieSelf => "lie-self",
        }
    }
}

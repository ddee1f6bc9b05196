//! How much a node trusts what it is told: from as much as py-ipv8 does to as little as it can.
//!
//! Whatever is chosen here, the node sends the same bytes as the reference and answers the same questions; what differs
//! is whom it believes, and how much it does for strangers.

use ipv8_crypto::{Curve, PublicKey};

/// What a node does about the ways in which the protocol can be abused (`quirks.md`, "Unauthenticated").
///
/// There are three ready ones: [`Hardening::reference`] trusts as py-ipv8 does, [`Hardening::default`] is safe wherever no
/// honest peer that runs the reference can tell, and [`Hardening::hardened`] is as safe as the protocol lets it be. Begin
/// with one of them and change fields:
///
/// ```
/// use ipv8_core::Hardening;
///
/// let careful = Hardening { challenge_moves: true, ..Hardening::default() };
/// assert!(careful.punctures.is_some());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hardening {
    /// What becomes of introduction responses that nobody asked for.
    pub unsolicited: Unsolicited,
    /// Whom the node believes about its own address on the Internet.
    pub wan: WanEstimate,
    /// A known peer that signs a message from another address is asked there for an introduction, and is at the new
    /// address only once it answered from there. Until then answers go to its old address. Without it, whoever sends a
    /// copy of an old message from elsewhere takes the peer's place, as in the reference.
    ///
    /// The answer shows that the owner of the key can be reached there, not that nobody forwards in between. A peer that
    /// has more peers than it takes does not answer, and stays at its old address until it is dropped there.
    pub challenge_moves: bool,
    /// The Lamport clock, whose lowest 16 bits are the identifier of an introduction request, goes on by a random number
    /// before each of them. Without it, it counts from zero as in the reference: whoever knows a tracker's address can
    /// then answer our first questions in its place, without having seen them.
    pub random_identifiers: bool,
    /// How many punctures are sent because somebody asked for them, which anybody can (ids 250 and 232 are unsigned);
    /// without limit if none is given. What is too much is dropped as [`DropReason::RateLimited`](crate::DropReason).
    pub punctures: Option<PunctureLimits>,
    /// How much time is spent on checking signatures for one source; without limit if none is given. What is too much is
    /// dropped as [`DropReason::Admission`](crate::DropReason), before any cryptography.
    pub admission: Option<Admission>,
    /// How much time, in microseconds, goes into checking signatures of the older curves for all who are no peers at their
    /// address; without limit if none is given. They cost ten to a hundred times as much as those of curve25519 (330 to 3,900
    /// µs on a machine of 2024, which is what a check is taken to cost here), so that a few hundred forged ones a second take
    /// all the time of a node. What is too much is dropped as [`DropReason::Admission`](crate::DropReason). Those whom
    /// we are asking for introductions, as trackers, have as much again; those of peers, and of curve25519, are checked all
    /// the same.
    pub old_curves: Option<Rate>,
    /// The curves whose signatures are checked; all if none are given. Messages with keys of others are dropped as
    /// [`DropReason::Admission`](crate::DropReason). The public trackers sign with [`Curve::VeryLow`].
    pub curves: Option<Vec<Curve>>,
    /// One introducer fills at most this part of the table of addresses: 8 stands for one eighth. Never fewer than 32
    /// addresses. Beyond it the introducer's own oldest address makes room; and if the table is full, the oldest address
    /// of whoever introduced the most does. Without it, the oldest of all makes room.
    pub introducer_share: Option<usize>,
    /// The most addresses to walk to within one network (IPv4: /24, IPv6: /48); further ones are ignored. Addresses of
    /// LANs do not count.
    pub addresses_per_network: Option<usize>,
    /// The most verified peers at one host (IPv4: an address, IPv6: a /64) in one graph; further ones are not added, and
    /// their introduction requests are dropped as [`DropReason::PeerLimit`](crate::DropReason). Hosts of LANs and of this
    /// machine do not count: there, many nodes at one address are usual.
    pub peers_per_host: Option<usize>,
    /// An address that left so many introduction requests of one community unanswered within 30 seconds is not taken
    /// again from introductions in the meantime, so that nobody can have a third party asked again and again.
    pub unanswered_walks: Option<usize>,
    /// Strategies that drop silent peers count one of which nothing was heard since its first packet as silent from that
    /// moment on, unless they are told otherwise. One packet from a source that is made up is enough to become a verified
    /// peer; the reference keeps such peers for ever, and some thirty of them keep everybody else out.
    pub drop_never_heard: bool,
}

/// What becomes of introduction responses that nobody asked for.
///
/// A response is asked for if it carries the identifier of a request that this community sent within the last 30 seconds,
/// and comes from where that was sent, or from the peer to which it was sent. It counts once. The walk waits 3 seconds for
/// an answer; ten times as much lets late ones in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsolicited {
    /// They count as the others, as in the reference.
    Trust,
    /// They show that there is a peer, as an introduction request does, and like it they are dropped where there are more
    /// peers than the community takes; but the introduction is not taken, unless the identifier is that of a question of
    /// ours: some honest peers answer from another address than the one that was asked.
    Distrust,
    /// They are dropped. If the identifier is that of a question of ours, the address where the answer came from is asked
    /// itself.
    Drop,
}

/// Whom the node believes about its own address on the Internet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WanEstimate {
    /// Every introduction response, asked for or not, as in the reference.
    Anybody,
    /// Every answer to a question of ours.
    Asked,
    /// So many answers to questions of ours that agree, from distinct networks (IPv4: /16, IPv6: /32), each of which has
    /// one vote for five minutes. Two suffice while no more answered. A new address also needs more votes than the one
    /// that it replaces. (The reference had votes once, one for each address, and gave them up.) Votes from addresses of
    /// trackers, which everybody knows and can write on a datagram, never suffice without one from elsewhere.
    ///
    /// Peers in our LAN or on our machine vote on our address there, each for itself: they share a network, and whoever
    /// answers from a LAN address is in the LAN. On the public address they have no vote.
    Quorum(usize),
}

/// Tokens that come at a rate and are kept up to a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// The most that are kept.
    pub burst: u32,
    /// How many come in a second.
    pub per_second: u32,
}

impl Rate {
    /// So many at once, and so many a second.
    #[must_use]
    pub const fn new(burst: u32, per_second: u32) -> Self {
        Self { burst, per_second }
    }
}

/// How many punctures are sent on request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PunctureLimits {
    /// Punctures to one host (IPv4: an address, IPv6: a /64), of all communities together. Hosts of LANs and of this
    /// machine are exempt: many nodes at one address are usual there. The last 1,024 hosts are remembered.
    pub per_target: Rate,
    /// Punctures to all hosts together. Anybody can write any source on a request: only where more than half of the burst
    /// is left are those of strangers served, so that the peers that we know, and our trackers, always have that half, and
    /// what comes. Each of their hosts may take one sixteenth of the rate in this way.
    pub in_all: Rate,
}

/// How much time may go into checking signatures, in microseconds.
///
/// A check costs what it costs on a machine of 2024: 33 µs for curve25519, 330 to 3,900 µs for the older curves. Who has
/// some time left may send one more message, whatever it costs, and has to wait until the debt is paid. The last 4,096
/// sources are remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Admission {
    /// For each host (IPv4: an address, IPv6: a /64) whose messages are not of peers known there. One that was asked for
    /// an introduction, and has not answered yet, has as much again for its answer, whatever strangers used up.
    pub per_stranger: Rate,
    /// For all strangers together, since anybody can write any source on a datagram.
    pub strangers: Rate,
    /// For each verified peer, at the address and with the key by which we know it.
    pub per_peer: Rate,
}

/// How full the tables are that a node keeps for its defence, in entries. Each has a limit, which it never exceeds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DefenceTables {
    /// Introduction requests without a response, of all communities: at most 1,024 each.
    pub asked: usize,
    /// Peers whose move was checked, of all communities: at most 256 each.
    pub moves: usize,
    /// Votes on our own addresses: at most 64 for each of four kinds.
    pub votes: usize,
    /// Hosts that were punctured on request: at most 1,024.
    pub puncture_targets: usize,
    /// Hosts of peers and trackers that asked for punctures: at most 1,024.
    pub introducers: usize,
    /// Hosts of strangers, and of those whom we asked, whose signatures were checked: at most 4,096 each.
    pub hosts: usize,
    /// Peers whose signatures were checked: at most 4,096.
    pub peers: usize,
}

impl Hardening {
    /// The names that [`Hardening::named`] knows, from the most to the least trusting.
    pub const NAMES: [&str; 3] = ["reference", "compatible", "hardened"];

    /// Trusts as py-ipv8 does: to compare with it, and to show what the other ones are for.
    #[must_use]
    pub const fn reference() -> Self {
        Self {
            unsolicited: Unsolicited::Trust,
            wan: WanEstimate::Anybody,
            challenge_moves: false,
            random_identifiers: false,
            punctures: None,
            admission: None,
            old_curves: None,
            curves: None,
            introducer_share: None,
            addresses_per_network: None,
            peers_per_host: None,
            unanswered_walks: None,
            drop_never_heard: false,
        }
    }

    /// Believes as little as the protocol allows. Honest peers get through, some of them later: one whose address changes
    /// has to answer a question first, and one that answers from another address than it was asked at is asked again.
    #[must_use]
    pub const fn hardened() -> Self {
        Self {
            unsolicited: Unsolicited::Drop,
            wan: WanEstimate::Quorum(3),
            challenge_moves: true,
            random_identifiers: true,
            // A walker makes at most two requests a second, of which each has one peer puncture for it.
            punctures: Some(PunctureLimits { per_target: Rate::new(10, 2), in_all: Rate::new(200, 50) }),
            admission: Some(Admission {
                per_stranger: Rate::new(100_000, 20_000),
                strangers: Rate::new(500_000, 250_000),
                per_peer: Rate::new(1_000_000, 200_000),
            }),
            // What strangers have in all is less.
            old_curves: None,
            curves: None,
            introducer_share: Some(8),
            addresses_per_network: Some(16),
            peers_per_host: Some(8),
            unanswered_walks: Some(3),
            drop_never_heard: true,
        }
    }

    /// The ready one of this name: `reference`, `compatible` (the default) or `hardened`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "reference" => Some(Self::reference()),
            "compatible" => Some(Self::default()),
            "hardened" => Some(Self::hardened()),
            _ => None,
        }
    }

    /// Whether signatures by this key are checked.
    pub(crate) fn takes_curve_of(&self, key: &PublicKey) -> bool {
        self.curves.as_ref().is_none_or(|curves| key.curve().is_some_and(|curve| curves.contains(&curve)))
    }
}

impl Default for Hardening {
    /// Safe wherever no honest peer that runs the reference can tell.
    ///
    /// Punctures: an overlay walks at most twice a second, so that twenty of its walkers behind one address, all
    /// introduced to us all the time, are within the 40 a second for a target. A node is asked for as many punctures as it
    /// walks, on average; the 200 a second for all of them are a hundred overlays, or a hub that a hundred walkers know.
    /// Old curves: strangers have three quarters of a core, which is more than the reference gets done.
    /// Admission is off: a node that a few busy hosts write to may well spend all its time on their signatures, and a limit
    /// that lets them through protects from nobody.
    fn default() -> Self {
        Self {
            unsolicited: Unsolicited::Distrust,
            wan: WanEstimate::Asked,
            punctures: Some(PunctureLimits { per_target: Rate::new(200, 40), in_all: Rate::new(1_000, 200) }),
            old_curves: Some(Rate::new(500_000, 750_000)),
            introducer_share: Some(8),
            random_identifiers: true,
            drop_never_heard: true,
            ..Self::reference()
        }
    }
}

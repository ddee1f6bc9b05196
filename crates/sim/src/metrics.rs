//! What a world counted.

/// Why a datagram that a node sent never arrived.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Loss {
    /// The link lost it.
    Link,
    /// Sender and receiver are in different parts of a partition.
    Partition,
    /// No node has the address.
    NoHost,
    /// The node at the address crashed, or has not started yet.
    Down,
    /// The sender has no address of the receiver's family.
    NoRoute,
    /// A NAT let it not through: nobody behind it sent what this could be an answer to, or its tables are full.
    Nat,
    /// The queue before the sender's uplink was full.
    Queue,
    /// The buffer of the receiver's socket was full.
    Socket,
}

impl Loss {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 8] =
        [Self::Link, Self::Partition, Self::NoHost, Self::Down, Self::NoRoute, Self::Nat, Self::Queue, Self::Socket];

    /// The reason in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Partition => "partition",
            Self::NoHost => "no host",
            Self::Down => "down",
            Self::NoRoute => "no route",
            Self::Nat => "nat",
            Self::Queue => "queue",
            Self::Socket => "socket",
        }
    }
}

/// What a world counted since it was made, over all nodes, those that crashed included. What attackers send is counted
/// apart, in [`Metrics::hostile`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Datagrams that nodes sent.
    pub sent: u64,
    /// Their bytes, without headers of lower layers.
    pub sent_bytes: u64,
    /// Datagrams that arrived, copies included.
    pub delivered: u64,
    /// Their bytes, without headers of lower layers.
    pub delivered_bytes: u64,
    /// Copies that links made.
    pub duplicated: u64,
    /// Events that happened: deliveries, wake-ups, starts, resolved names.
    pub events: u64,
    /// Turns that nodes took.
    pub turns: u64,
    /// What attackers did.
    pub hostile: Hostile,
    lost: [u64; Loss::ALL.len()],
}

/// What a world counted of its [attackers](crate::attack).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hostile {
    /// Datagrams that attackers sent.
    pub sent: u64,
    /// Their bytes, without headers of lower layers.
    pub sent_bytes: u64,
    /// Those that reached a node, copies included.
    pub delivered: u64,
    /// Their bytes, without headers of lower layers.
    pub delivered_bytes: u64,
    /// Datagrams that reached attackers, from nodes or from each other.
    pub heard: u64,
    /// Copies of others' datagrams that reached attackers who listen.
    pub overheard: u64,
    lost: [u64; Loss::ALL.len()],
}

impl Hostile {
    fn absorb(&mut self, other: Self) {
        let Self { sent, sent_bytes, delivered, delivered_bytes, heard, overheard, lost } = other;
        self.sent += sent;
        self.sent_bytes += sent_bytes;
        self.delivered += delivered;
        self.delivered_bytes += delivered_bytes;
        self.heard += heard;
        self.overheard += overheard;
        add(&mut self.lost, lost);
    }

    /// How many datagrams of attackers were lost for a reason.
    #[must_use]
    pub fn lost(&self, reason: Loss) -> u64 {
        self.lost.get(usize::from(reason as u8)).copied().unwrap_or(0)
    }
}

/// Adds counts of losses.
fn add(lost: &mut [u64; Loss::ALL.len()], more: [u64; Loss::ALL.len()]) {
    for (count, more) in lost.iter_mut().zip(more) {
        *count += more;
    }
}

impl Metrics {
    /// How many datagrams were lost for a reason.
    #[must_use]
    pub fn lost(&self, reason: Loss) -> u64 {
        self.lost.get(usize::from(reason as u8)).copied().unwrap_or(0)
    }

    /// How many datagrams were lost in all.
    #[must_use]
    pub fn lost_in_all(&self) -> u64 {
        self.lost.iter().sum()
    }

    /// Adds what another part of the world counted, which then begins anew.
    pub(crate) fn absorb(&mut self, other: &mut Self) {
        let Self { sent, sent_bytes, delivered, delivered_bytes, duplicated, events, turns, hostile, lost } =
            std::mem::take(other);
        self.sent += sent;
        self.sent_bytes += sent_bytes;
        self.delivered += delivered;
        self.delivered_bytes += delivered_bytes;
        self.duplicated += duplicated;
        self.events += events;
        self.turns += turns;
        self.hostile.absorb(hostile);
        add(&mut self.lost, lost);
    }

    pub(crate) fn lose(&mut self, reason: Loss, hostile: bool) {
        let lost = if hostile { &mut self.hostile.lost } else { &mut self.lost };
        if let Some(count) = lost.get_mut(usize::from(reason as u8)) {
            *count += 1;
        }
    }
}

/// The least, the middle and the greatest of some numbers; zeros if there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// The least.
    pub min: usize,
    /// The middle one; of an even count the greater of the two in the middle.
    pub median: usize,
    /// The greatest.
    pub max: usize,
}

impl FromIterator<usize> for Spread {
    fn from_iter<I: IntoIterator<Item = usize>>(numbers: I) -> Self {
        let mut numbers: Vec<_> = numbers.into_iter().collect();
        numbers.sort_unstable();
        let at = |index: usize| numbers.get(index).copied().unwrap_or_default();
        Self { min: at(0), median: at(numbers.len() / 2), max: at(numbers.len().saturating_sub(1)) }
    }
}

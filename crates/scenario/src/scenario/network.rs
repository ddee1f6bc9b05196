//! The network: trackers and NATs.

use ipv8_sim::nat::Nat;

/// Where nodes find their first peers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trackers {
    /// How many there are, at least one. All nodes know all of them.
    pub count: u32,
    /// How many peers of a community each of them keeps (the reference's 100).
    pub peers: usize,
}

impl Default for Trackers {
    fn default() -> Self {
        Self { count: 1, peers: 100 }
    }
}

/// Which part of the nodes is behind which kind of NAT; the others are open. Kinds are spread evenly over all nodes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct NatMix {
    /// The part behind a full cone.
    pub full_cone: f64,
    /// The part behind an address-restricted cone.
    pub address_restricted: f64,
    /// The part behind a port-restricted cone.
    pub port_restricted: f64,
    /// The part behind a symmetric NAT.
    pub symmetric: f64,
    /// How many nodes share a NAT.
    pub behind_each: u32,
}

impl Default for NatMix {
    /// No NATs.
    fn default() -> Self {
        Self { full_cone: 0.0, address_restricted: 0.0, port_restricted: 0.0, symmetric: 0.0, behind_each: 1 }
    }
}

impl NatMix {
    /// The parts by kind; the first are the open ones.
    #[must_use]
    pub fn shares(&self) -> [(NatKind, f64); 5] {
        let behind = [
            (NatKind::FullCone, self.full_cone),
            (NatKind::AddressRestricted, self.address_restricted),
            (NatKind::PortRestricted, self.port_restricted),
            (NatKind::Symmetric, self.symmetric),
        ];
        let open = behind.iter().fold(1.0, |open, (_, share)| open - share);
        let [a, b, c, d] = behind;
        [(NatKind::Open, open.max(0.0)), a, b, c, d]
    }

    /// The part that is behind any NAT.
    #[must_use]
    pub fn behind(&self) -> f64 {
        self.full_cone + self.address_restricted + self.port_restricted + self.symmetric
    }
}

/// How a node is connected. Kinds of NATs are named as in RFC 3489.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum NatKind {
    /// Directly.
    Open,
    /// Behind a full cone.
    FullCone,
    /// Behind an address-restricted cone.
    AddressRestricted,
    /// Behind a port-restricted cone.
    PortRestricted,
    /// Behind a symmetric NAT.
    Symmetric,
}

impl NatKind {
    /// Its name in files and results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::FullCone => "full_cone",
            Self::AddressRestricted => "address_restricted",
            Self::PortRestricted => "port_restricted",
            Self::Symmetric => "symmetric",
        }
    }

    /// The NAT, if there is one.
    #[must_use]
    pub const fn nat(self) -> Option<Nat> {
        match self {
            Self::Open => None,
            Self::FullCone => Some(Nat::full_cone()),
            Self::AddressRestricted => Some(Nat::address_restricted()),
            Self::PortRestricted => Some(Nat::port_restricted()),
            Self::Symmetric => Some(Nat::symmetric()),
        }
    }
}

//! Our own addresses: what the driver bound, and what peers say of us.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::{
    defence::asked::Answer,
    defence::hardening::WanEstimate,
    defence::votes::{Scope, Voter, Votes},
    messages::{NO_ADDRESS, old_style},
    network::Addresses,
    time::Time,
};

/// What a driver tells the node of its sockets and its machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interfaces {
    /// The address in our LAN, with the bound port: what others on the LAN reach us at. A socket bound to one address
    /// names just that one.
    pub lan: Option<SocketAddr>,
    /// The address of the IPv4 socket, if there is one.
    pub v4: Option<SocketAddrV4>,
    /// The address of the IPv6 socket, if there is one.
    pub v6: Option<SocketAddrV6>,
    /// All addresses of this machine: a peer at one of them is introduced with our own WAN address.
    pub machine: Vec<IpAddr>,
}

/// Our own addresses, estimated (`protocol.md` section 5).
#[derive(Clone, Debug)]
pub(crate) struct OwnAddresses {
    pub(crate) interfaces: Interfaces,
    pub(crate) wan: SocketAddr,
    /// Where peers say that they see us, by class.
    pub(crate) seen: Addresses,
    votes: Votes,
}

impl Default for OwnAddresses {
    fn default() -> Self {
        Self {
            interfaces: Interfaces::default(),
            wan: SocketAddr::V4(NO_ADDRESS),
            seen: Addresses::default(),
            votes: Votes::default(),
        }
    }
}

impl OwnAddresses {
    /// Takes what the driver says. The WAN address starts as the LAN address and is left alone once a peer told it.
    pub(crate) fn set(&mut self, interfaces: Interfaces) {
        let told = self.wan != self.lan();
        self.interfaces = interfaces;
        if !told {
            self.wan = self.lan();
        }
    }

    pub(crate) fn lan(&self) -> SocketAddr {
        self.interfaces.lan.unwrap_or(SocketAddr::V4(NO_ADDRESS))
    }

    /// An old-style message has room for IPv4 only.
    pub(crate) fn lan_v4(&self) -> SocketAddrV4 {
        old_style(self.lan())
    }

    pub(crate) fn wan_v4(&self) -> SocketAddrV4 {
        old_style(self.wan)
    }

    /// The address that we name in new-style messages: IPv6 before IPv4, as seen by others or else as bound.
    pub(crate) fn preferred(&self) -> SocketAddr {
        let guessed = |class: &SocketAddr| !class.ip().is_unspecified();
        self.of_v6().map(SocketAddr::V6).or_else(|| self.of_v4().map(SocketAddr::V4)).filter(guessed).unwrap_or(
            if self.interfaces.v4.is_none() && self.interfaces.v6.is_none() {
                self.wan
            } else {
                SocketAddr::V4(NO_ADDRESS)
            },
        )
    }

    /// Our address of this class, seen or else guessed.
    pub(crate) fn of_class(&self, like: SocketAddr) -> Option<SocketAddr> {
        match like {
            SocketAddr::V4(_) => self.of_v4().map(SocketAddr::V4),
            SocketAddr::V6(_) => self.of_v6().map(SocketAddr::V6),
        }
    }

    fn of_v6(&self) -> Option<SocketAddrV6> {
        self.seen.v6.or(self.interfaces.v6.filter(|address| !address.ip().is_unspecified()))
    }

    fn of_v4(&self) -> Option<SocketAddrV4> {
        self.seen.v4.or_else(|| {
            let bound = self.interfaces.v4?;
            match self.lan() {
                SocketAddr::V4(lan) if lan != NO_ADDRESS => Some(lan),
                _ => Some(bound).filter(|bound| !bound.ip().is_unspecified()),
            }
        })
    }

    /// Whether we have a socket of this class.
    pub(crate) fn has_class(&self, like: SocketAddr) -> bool {
        match like {
            SocketAddr::V4(_) => self.interfaces.v4.is_some(),
            SocketAddr::V6(_) => self.interfaces.v6.is_some(),
        }
    }

    pub(crate) fn is_ours(&self, ip: IpAddr) -> bool {
        self.interfaces.machine.contains(&ip)
    }

    /// Whether a peer of ours can be at an address that somebody names: not at none, not at one of many, and on
    /// loopback only if we are there too.
    pub(crate) fn may_be_peer(&self, address: SocketAddr) -> bool {
        let ip = address.ip();
        let many = ip.is_multicast() || matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
        let loopback = ip.is_loopback() && !self.lan().ip().is_loopback();
        address.port() != 0 && !ip.is_unspecified() && !many && !loopback
    }

    /// An introduction response tells where its sender sees us.
    pub(crate) fn told(&mut self, how: WanEstimate, by: Voter, answer: Answer, address: SocketAddr, now: Time) {
        if !self.may_be_peer(address) {
            return;
        }
        match how {
            WanEstimate::Anybody => self.believe(address),
            WanEstimate::Asked if answer.is_solicited() => self.believe(address),
            // Who did not answer from where we asked could have as many votes as it can make up addresses.
            WanEstimate::Quorum(quorum) if answer == Answer::Here => {
                if let Some(elected) = self.votes.cast(quorum, by, address, now) {
                    let site = Scope::of(elected.ip()) == Scope::SiteV4;
                    // Neighbours see our address in the LAN; what we tell others is the one on the Internet, if we have it.
                    if !(site && Scope::of(self.wan.ip()) == Scope::PublicV4) {
                        self.believe(elected);
                    }
                }
            }
            WanEstimate::Asked | WanEstimate::Quorum(_) => {}
        }
    }

    /// How many votes on our addresses are remembered.
    pub(crate) fn votes(&self) -> usize {
        self.votes.len()
    }

    fn believe(&mut self, address: SocketAddr) {
        if let SocketAddr::V4(v4) = address
            && !in_lan_subnets(*v4.ip())
        {
            self.wan = address;
        }
        self.seen.set(address);
    }
}

/// Whether an address lies in one of the usual LAN subnets: 10/8, 172.16/12, 192.168/16 (RFC 1918).
pub(crate) fn in_lan_subnets(ip: Ipv4Addr) -> bool {
    ip.is_private()
}

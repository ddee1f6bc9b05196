//! The addresses of this machine, and which of them others on the LAN reach a socket at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use if_addrs::{IfAddr, Interface};
use ipv8_core::Interfaces;

/// Addresses that are reserved for documentation, in no network: what a socket that is connected to them is bound to tells
/// the way to the Internet, and nothing is sent (RFC 5737, RFC 3849).
const FAR_AWAY: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 80),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)), 80),
];

/// What the node is told about sockets that are bound to these addresses.
///
/// A socket bound to one address names just that one, so that nodes on loopback find each other there while another
/// interface is up (the reference names the other interface's address, see `quirks.md`). A socket bound to all of them
/// names the first that is no loopback address, of the family of the first socket.
pub(crate) fn interfaces(bound: &[SocketAddr], machine: &[IpAddr]) -> Interfaces {
    let mut interfaces = Interfaces { machine: machine.to_vec(), ..Interfaces::default() };
    for address in bound {
        match address {
            SocketAddr::V4(v4) => interfaces.v4 = interfaces.v4.or(Some(*v4)),
            SocketAddr::V6(v6) => interfaces.v6 = interfaces.v6.or(Some(*v6)),
        }
        // A loopback or otherwise unlisted address that we are bound to is ours all the same.
        if !address.ip().is_unspecified() && !interfaces.machine.contains(&address.ip()) {
            interfaces.machine.push(address.ip());
        }
    }
    interfaces.lan = bound.first().map(|first| {
        if first.ip().is_unspecified() {
            let usable = |ip: &&IpAddr| ip.is_ipv4() == first.is_ipv4() && !ip.is_loopback();
            let loopback = if first.is_ipv4() { IpAddr::from([127, 0, 0, 1]) } else { IpAddr::V6(Ipv6Addr::LOCALHOST) };
            SocketAddr::new(machine.iter().find(usable).copied().unwrap_or(loopback), first.port())
        } else {
            *first
        }
    });
    interfaces
}

/// The interfaces of this machine; `None` if the system does not tell. May take as long as the system likes.
pub(crate) fn listed() -> Option<Vec<Interface>> {
    match if_addrs::get_if_addrs() {
        Ok(all) => Some(all),
        Err(error) => {
            tracing::warn!(%error, "the addresses of this machine cannot be listed");
            None
        }
    }
}

/// All addresses of these interfaces that mean something to others, the likeliest first: those that lead to the Internet,
/// then the others, then those that IPv4 hosts give themselves where nobody else does.
pub(crate) fn addresses(listed: &[Interface]) -> Vec<IpAddr> {
    sorted(listed.to_vec(), &FAR_AWAY.map(way_to))
}

/// The address from which packets to there are sent.
fn way_to(there: SocketAddr) -> Option<IpAddr> {
    let any = if there.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(there).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Leaves out what the reference leaves out, loopback addresses and interfaces without a network, and also the link-local
/// addresses of IPv6, which others cannot use without knowing the interface. The reference lets the address win that most
/// of its sources name, which is the one that leads to the Internet.
fn sorted(all: Vec<Interface>, ways: &[Option<IpAddr>]) -> Vec<IpAddr> {
    let usable = |one: &Interface| match &one.addr {
        IfAddr::V4(v4) => !v4.is_loopback() && !v4.ip.is_unspecified() && !v4.netmask.is_unspecified(),
        IfAddr::V6(v6) => !v6.is_loopback() && !v6.is_link_local() && !v6.netmask.is_unspecified(),
    };
    let mut found: Vec<IpAddr> = all.into_iter().filter(usable).map(|one| one.ip()).collect();
    let rank = |ip: &IpAddr| match ip {
        ip if ways.contains(&Some(*ip)) => 0,
        IpAddr::V4(v4) if v4.is_link_local() => 2,
        _ => 1,
    };
    found.sort_by_key(rank);
    found
}

#[cfg(test)]
mod tests {
    use if_addrs::{IfOperStatus, Ifv4Addr, Ifv6Addr};

    use super::*;

    fn interface(ip: &str, netmask: &str) -> Interface {
        let addr = match ip.parse().unwrap() {
            IpAddr::V4(ip) => {
                IfAddr::V4(Ifv4Addr { ip, netmask: netmask.parse().unwrap(), prefixlen: 0, broadcast: None })
            }
            IpAddr::V6(ip) => {
                IfAddr::V6(Ifv6Addr { ip, netmask: netmask.parse().unwrap(), prefixlen: 0, broadcast: None })
            }
        };
        Interface { name: "test0".to_owned(), addr, index: None, oper_status: IfOperStatus::Up, is_p2p: false }
    }

    fn shown(addresses: &[IpAddr]) -> Vec<String> {
        addresses.iter().map(IpAddr::to_string).collect()
    }

    #[test]
    fn a_socket_on_loopback_names_loopback() {
        let machine = ["192.168.1.20".parse().unwrap()];
        let bound = "127.0.0.1:8090".parse().unwrap();
        let found = interfaces(&[bound], &machine);
        assert_eq!(found.lan, Some(bound));
        assert!(found.machine.contains(&bound.ip()));
    }

    #[test]
    fn a_socket_on_all_addresses_names_the_first_of_its_family() {
        let machine = ["fd00::1".parse().unwrap(), "192.168.1.20".parse().unwrap()];
        let found = interfaces(&["0.0.0.0:8090".parse().unwrap()], &machine);
        assert_eq!(found.lan, Some("192.168.1.20:8090".parse().unwrap()));
        let alone = interfaces(&["[::]:8090".parse().unwrap()], &[]);
        assert_eq!(alone.lan, Some("[::1]:8090".parse().unwrap()));
    }

    #[test]
    fn with_two_sockets_the_first_one_gives_the_lan_address() {
        let machine = ["fd00::1".parse().unwrap(), "192.168.1.20".parse().unwrap()];
        let bound = ["[::]:8091".parse().unwrap(), "0.0.0.0:8090".parse().unwrap()];
        let found = interfaces(&bound, &machine);
        assert_eq!(found.lan, Some("[fd00::1]:8091".parse().unwrap()));
        assert_eq!(found.v4.map(SocketAddr::V4), Some(bound[1]));
        assert_eq!(found.v6.map(SocketAddr::V6), Some(bound[0]));
    }

    #[test]
    fn the_way_to_the_internet_comes_first_and_what_nobody_can_use_not_at_all() {
        let all = [
            ("127.0.0.1", "255.0.0.0"),
            ("127.0.1.1", "255.0.0.0"),
            ("169.254.7.7", "255.255.0.0"),
            ("172.17.0.1", "255.255.0.0"),
            ("10.1.1.1", "0.0.0.0"),
            ("192.168.1.20", "255.255.255.0"),
            ("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("fe80::1", "ffff:ffff:ffff:ffff::"),
            ("fd00::1", "ffff:ffff:ffff:ffff::"),
            ("2a01::1", "ffff:ffff:ffff:ffff::"),
        ];
        let all = all.iter().map(|(ip, netmask)| interface(ip, netmask)).collect();
        let ways = [Some("192.168.1.20".parse().unwrap()), Some("2a01::1".parse().unwrap())];
        let found = sorted(all, &ways);
        assert_eq!(shown(&found), ["192.168.1.20", "2a01::1", "172.17.0.1", "fd00::1", "169.254.7.7"]);
    }

    #[test]
    fn a_machine_without_a_way_out_keeps_its_order() {
        let all = vec![interface("10.0.0.2", "255.0.0.0"), interface("10.0.0.1", "255.0.0.0")];
        assert_eq!(shown(&sorted(all, &[None, None])), ["10.0.0.2", "10.0.0.1"]);
    }
}

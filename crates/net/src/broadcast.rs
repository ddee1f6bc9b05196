//! Where all machines of a LAN are reached at once.

use std::net::{Ipv4Addr, SocketAddr};

use if_addrs::{IfAddr, Interface};

/// The broadcast addresses of the networks that sockets bound to these addresses are in. A socket bound to one address is
/// in its network only; IPv6 and loopback have no such thing.
pub(crate) fn addresses(bound: &[SocketAddr], interfaces: &[Interface]) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    for interface in interfaces.iter().filter(|one| !one.is_loopback()) {
        let ours = |ip: &Ipv4Addr| bound.iter().any(|at| at.ip() == *ip || at.ip() == Ipv4Addr::UNSPECIFIED);
        if let IfAddr::V4(v4) = &interface.addr
            && ours(&v4.ip)
            && let Some(broadcast) = v4.broadcast
            && !found.contains(&broadcast)
        {
            found.push(broadcast);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use if_addrs::{IfOperStatus, Ifv4Addr};

    use super::*;

    fn interface(name: &str, ip: [u8; 4], broadcast: Option<[u8; 4]>) -> Interface {
        let addr = Ifv4Addr {
            ip: ip.into(),
            netmask: [255, 255, 255, 0].into(),
            prefixlen: 24,
            broadcast: broadcast.map(Into::into),
        };
        Interface {
            name: name.to_owned(),
            addr: IfAddr::V4(addr),
            index: None,
            oper_status: IfOperStatus::Up,
            is_p2p: false,
        }
    }

    #[test]
    fn only_networks_that_a_socket_is_in_count() {
        let all = [
            interface("lo", [127, 0, 0, 1], Some([127, 255, 255, 255])),
            interface("eth0", [192, 168, 1, 5], Some([192, 168, 1, 255])),
            interface("tun0", [10, 8, 0, 2], None),
            interface("eth1", [10, 0, 0, 5], Some([10, 0, 0, 255])),
        ];
        let of = |bound: &str| addresses(&[bound.parse().unwrap()], &all);
        assert_eq!(of("0.0.0.0:8090"), [Ipv4Addr::new(192, 168, 1, 255), Ipv4Addr::new(10, 0, 0, 255)]);
        assert_eq!(of("10.0.0.5:8090"), [Ipv4Addr::new(10, 0, 0, 255)]);
        assert_eq!(of("10.8.0.2:8090"), [] as [Ipv4Addr; 0]);
        assert_eq!(of("127.0.0.1:8090"), [] as [Ipv4Addr; 0]);
        assert_eq!(of("[::]:8090"), [] as [Ipv4Addr; 0]);
    }
}

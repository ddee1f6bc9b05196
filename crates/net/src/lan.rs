//! The addresses of this machine, and which of them others on the LAN reach a socket at.

use std::net::{IpAddr, SocketAddr};

use ipv8_core::Interfaces;

/// What the node is told about sockets that are bound to these addresses.
///
/// A socket bound to one address names just that one, so that nodes on loopback find each other there while another
/// interface is up (the reference names the other interface's address, see `quirks.md`). A socket bound to all of them
/// names the first that is no loopback address, of the family of the first socket.
pub(crate) fn interfaces(bound: &[SocketAddr]) -> Interfaces {
    interfaces_among(bound, &machine_addresses())
}

fn interfaces_among(bound: &[SocketAddr], machine: &[IpAddr]) -> Interfaces {
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
            let loopback =
                if first.is_ipv4() { IpAddr::from([127, 0, 0, 1]) } else { IpAddr::V6(std::net::Ipv6Addr::LOCALHOST) };
            SocketAddr::new(machine.iter().find(usable).copied().unwrap_or(loopback), first.port())
        } else {
            *first
        }
    });
    interfaces
}

/// All addresses of this machine but loopback and link-local ones, which mean nothing to others.
fn machine_addresses() -> Vec<IpAddr> {
    match if_addrs::get_if_addrs() {
        Ok(all) => {
            all.into_iter().filter(|one| !one.is_loopback() && !one.is_link_local()).map(|one| one.ip()).collect()
        }
        Err(error) => {
            tracing::warn!(%error, "the addresses of this machine cannot be listed");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_on_loopback_names_loopback() {
        let machine = ["192.168.1.20".parse().unwrap()];
        let bound = "127.0.0.1:8090".parse().unwrap();
        let interfaces = interfaces_among(&[bound], &machine);
        assert_eq!(interfaces.lan, Some(bound));
        assert!(interfaces.machine.contains(&bound.ip()));
    }

    #[test]
    fn a_socket_on_all_addresses_names_the_first_of_its_family() {
        let machine = ["fd00::1".parse().unwrap(), "192.168.1.20".parse().unwrap()];
        let interfaces = interfaces_among(&["0.0.0.0:8090".parse().unwrap()], &machine);
        assert_eq!(interfaces.lan, Some("192.168.1.20:8090".parse().unwrap()));
        let alone = interfaces_among(&["[::]:8090".parse().unwrap()], &[]);
        assert_eq!(alone.lan, Some("[::1]:8090".parse().unwrap()));
    }
}

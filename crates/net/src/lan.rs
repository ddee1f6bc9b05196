//! The addresses of this machine, and which of them others on the LAN reach a socket at.

use std::{
    future::Future,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use ipv8_core::{Interfaces, Node};

use crate::background::Background;

/// How often the machine's addresses are listed anew, as in the reference: it may have joined another network.
pub(crate) const RENEW: Duration = Duration::from_secs(10);

/// What the node is told about sockets that are bound to these addresses.
///
/// A socket bound to one address names just that one, so that nodes on loopback find each other there while another
/// interface is up (the reference names the other interface's address, see `quirks.md`). A socket bound to all of them
/// names the first that is no loopback address, of the family of the first socket.
pub(crate) fn interfaces(bound: &[SocketAddr]) -> Interfaces {
    interfaces_among(bound, &machine_addresses().unwrap_or_default())
}

/// Tells the node whenever the addresses of the machine change, for ever. `told` is what it knows already.
pub(crate) async fn keep_told(node: Node, bound: Vec<SocketAddr>, told: Interfaces) {
    let list = || async {
        match Background::shared().call("ipv8-addresses", machine_addresses).await {
            Ok(addresses) => addresses,
            Err(error) => {
                tracing::warn!(%error, "the addresses of this machine cannot be listed");
                None
            }
        }
    };
    keep_told_by(list, node, &bound, told).await;
}

async fn keep_told_by<L>(list: impl Fn() -> L + Send, node: Node, bound: &[SocketAddr], mut told: Interfaces)
where
    L: Future<Output = Option<Vec<IpAddr>>> + Send,
{
    loop {
        tokio::time::sleep(RENEW).await;
        // The last ones hold until others are known.
        let Some(addresses) = list().await else { continue };
        let interfaces = interfaces_among(bound, &addresses);
        if interfaces != told {
            tracing::info!(lan = ?interfaces.lan, machine = ?interfaces.machine, "the addresses of this machine changed");
            node.set_interfaces(interfaces.clone());
            told = interfaces;
        }
    }
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

/// All addresses of this machine but loopback and link-local ones, which mean nothing to others. `None` if the system does
/// not tell.
fn machine_addresses() -> Option<Vec<IpAddr>> {
    match if_addrs::get_if_addrs() {
        Ok(all) => {
            Some(all.into_iter().filter(|one| !one.is_loopback() && !one.is_link_local()).map(|one| one.ip()).collect())
        }
        Err(error) => {
            tracing::warn!(%error, "the addresses of this machine cannot be listed");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use ipv8_core::{
        NodeConfig, Time,
        crypto::{Curve, PrivateKey},
    };
    use rand::{SeedableRng, rngs::StdRng};

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

    #[tokio::test(start_paused = true)]
    async fn the_node_is_told_of_changes_and_of_nothing_else() {
        let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([1; 32])).unwrap();
        let node = Node::new(NodeConfig::new(key, [1; 32]));
        let bound = ["0.0.0.0:8090".parse().unwrap()];
        let one: Vec<IpAddr> = vec!["192.168.1.20".parse().unwrap()];
        let other: Vec<IpAddr> = vec!["10.0.0.5".parse().unwrap()];
        let now = Mutex::new(Some(one.clone()));
        let list = || async { now.lock().unwrap().clone() };
        let told = interfaces_among(&bound, &one);
        let changes = async {
            for (machine, changed) in
                [(Some(&one), false), (Some(&other), true), (Some(&other), false), (None, false), (Some(&one), true)]
            {
                *now.lock().unwrap() = machine.cloned();
                node.poll(Time::ZERO);
                tokio::time::sleep(RENEW).await;
                // Let the other one have its turn of this moment.
                tokio::time::sleep(Duration::from_millis(1)).await;
                assert_eq!(node.needs_turn(), changed, "{machine:?}");
            }
        };
        tokio::select! {
            () = keep_told_by(list, node.clone(), &bound, told) => {}
            () = changes => {}
        }
    }
}

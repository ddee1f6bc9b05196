//! What changes on the machine while nodes run: its addresses, and what its kernel drops.
//!
//! One thread looks for all nodes of the process, every ten seconds as long as there are any, so that a process of many
//! nodes does not list the same addresses for each, and no node waits for a system that is slow to tell.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use if_addrs::Interface;
use ipv8_core::{Interfaces, Node};

use crate::{
    broadcast,
    kernel::{self, Inode},
    lan,
};

/// How often the machine is looked at, as in the reference: it may have joined another network.
const RENEW: Duration = Duration::from_secs(10);

/// A node, as the machine sees it.
struct Watched {
    node: Node,
    bound: Vec<SocketAddr>,
    told: Told,
    sockets: Vec<Inode>,
}

/// What a node knows of the machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Told {
    pub(crate) interfaces: Interfaces,
    /// Where all hosts of its networks are reached at once.
    pub(crate) broadcast: Vec<Ipv4Addr>,
}

impl Told {
    /// What a node with sockets that are bound to these addresses should know, on a machine with these addresses and
    /// interfaces.
    pub(crate) fn new(bound: &[SocketAddr], addresses: &[IpAddr], listed: &[Interface]) -> Self {
        Self { interfaces: lan::interfaces(bound, addresses), broadcast: broadcast::addresses(bound, listed) }
    }
}

#[derive(Default)]
struct State {
    watched: BTreeMap<u64, Watched>,
    next: u64,
    /// A thread is looking.
    looking: bool,
}

/// All nodes of a process that run.
#[derive(Default)]
pub(crate) struct Machine {
    state: Mutex<State>,
    /// The last node went.
    idle: Condvar,
}

impl Machine {
    /// The one of this process.
    pub(crate) fn shared() -> Arc<Self> {
        static SHARED: LazyLock<Arc<Machine>> = LazyLock::new(Arc::default);
        SHARED.clone()
    }

    /// Tells a node of changes until the result is dropped.
    pub(crate) fn watch(
        self: &Arc<Self>,
        node: Node,
        bound: Vec<SocketAddr>,
        told: Told,
        sockets: Vec<Inode>,
    ) -> Watching {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.watched.insert(number, Watched { node, bound, told, sockets });
        if !state.looking {
            let machine = self.clone();
            match std::thread::Builder::new().name("ipv8-machine".to_owned()).spawn(move || machine.look()) {
                Ok(_) => state.looking = true,
                Err(error) => {
                    tracing::warn!(%error, "no thread: changes of this machine's addresses will go unnoticed");
                }
            }
        }
        Watching { machine: self.clone(), number }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread: looks every ten seconds, and ends soon after the last node.
    fn look(&self) {
        loop {
            let wait = self.idle.wait_timeout_while(self.lock(), RENEW, |state| !state.watched.is_empty());
            let mut state = wait.unwrap_or_else(PoisonError::into_inner).0;
            if state.watched.is_empty() {
                state.looking = false;
                return;
            }
            // Nobody waits for the system while it thinks.
            drop(state);
            let (listed, drops) = (lan::listed(), kernel::drops());
            self.tell(listed.as_deref(), &drops);
        }
    }

    /// Tells each node what is news to it. Without interfaces the last ones hold until others are known.
    fn tell(&self, listed: Option<&[Interface]>, drops: &BTreeMap<Inode, u64>) {
        let mut news = Vec::new();
        let addresses = listed.map(lan::addresses).unwrap_or_default();
        for watched in self.lock().watched.values_mut() {
            kernel::count(&watched.node, &watched.sockets, drops);
            let Some(listed) = listed else { continue };
            let now = Told::new(&watched.bound, &addresses, listed);
            if now != watched.told {
                watched.told = now.clone();
                news.push((watched.node.clone(), now));
            }
        }
        // A node in a long turn lets us wait, but nobody who starts or stops another.
        for (node, Told { interfaces, broadcast }) in news {
            tracing::info!(lan = ?interfaces.lan, machine = ?interfaces.machine, ?broadcast, "the addresses of this machine changed");
            node.set_interfaces(interfaces);
            node.set_broadcast_addresses(broadcast);
        }
    }
}

/// Ends the watch over a node when it is dropped.
pub(crate) struct Watching {
    machine: Arc<Machine>,
    number: u64,
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut state = self.machine.lock();
        let gone = state.watched.remove(&self.number);
        if state.watched.is_empty() {
            self.machine.idle.notify_all();
        }
        // What the node holds may take a lock when it goes: not under this one.
        drop(state);
        drop(gone);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use if_addrs::{IfAddr, IfOperStatus, Ifv4Addr};
    use ipv8_core::{
        NodeConfig, Time,
        crypto::{Curve, PrivateKey},
    };
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    fn node() -> Node {
        let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([1; 32])).unwrap();
        Node::new(NodeConfig::new(key, [1; 32]))
    }

    fn nothing() -> Told {
        Told { interfaces: Interfaces::default(), broadcast: Vec::new() }
    }

    fn interface(ip: [u8; 4], broadcast: [u8; 4]) -> Interface {
        let addr = IfAddr::V4(Ifv4Addr {
            ip: ip.into(),
            netmask: [255, 255, 255, 0].into(),
            prefixlen: 24,
            broadcast: Some(broadcast.into()),
        });
        Interface { name: "test0".to_owned(), addr, index: None, oper_status: IfOperStatus::Up, is_p2p: false }
    }

    #[test]
    fn a_node_is_told_of_changes_and_of_nothing_else() {
        let (machine, node) = (Arc::new(Machine::default()), node());
        let bound = ["0.0.0.0:8090".parse().unwrap()];
        let one = vec![interface([192, 168, 1, 20], [192, 168, 1, 255])];
        let other = vec![interface([10, 0, 0, 5], [10, 0, 0, 255])];
        let elsewhere = vec![interface([10, 0, 0, 5], [10, 0, 255, 255])];
        let told = Told::new(&bound, &lan::addresses(&one), &one);
        let _watching = machine.watch(node.clone(), bound.to_vec(), told, Vec::new());
        for (listed, changed) in [
            (Some(&one), false),
            (Some(&other), true),
            (Some(&other), false),
            (None, false),
            (Some(&elsewhere), true),
            (Some(&one), true),
        ] {
            node.poll(Time::ZERO);
            machine.tell(listed.map(Vec::as_slice), &BTreeMap::new());
            assert_eq!(node.needs_turn(), changed, "{listed:?}");
        }
    }

    #[test]
    fn drops_of_all_sockets_of_a_node_are_told() {
        let (machine, node) = (Arc::new(Machine::default()), node());
        let _watching = machine.watch(node.clone(), Vec::new(), nothing(), vec![Inode(7), Inode(9)]);
        machine.tell(None, &BTreeMap::new());
        assert_eq!(node.report().driver.kernel_drops, None, "what is not known is not zero");
        machine.tell(None, &[(Inode(7), 3), (Inode(8), 100), (Inode(9), 4)].into());
        assert_eq!(node.report().driver.kernel_drops, Some(7));
        machine.tell(None, &BTreeMap::new());
        assert_eq!(node.report().driver.kernel_drops, Some(7), "what is not known leaves what was");
    }

    #[test]
    fn one_thread_looks_for_all_and_ends_with_the_last() {
        let machine = Arc::new(Machine::default());
        let watch = || machine.watch(node(), Vec::new(), nothing(), Vec::new());
        let (one, other) = (watch(), watch());
        drop(one);
        assert!(machine.lock().looking);
        drop(other);
        let begin = Instant::now();
        while machine.lock().looking {
            assert!(begin.elapsed() < Duration::from_secs(5), "the thread goes on");
            std::thread::yield_now();
        }
        let _again = watch();
        assert!(machine.lock().looking);
    }
}

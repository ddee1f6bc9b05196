//! What changes on the machine while nodes run: its addresses, and what its kernel drops.
//!
//! One thread looks for all nodes of the process, every ten seconds as long as there are any, so that a process of many
//! nodes does not list the same addresses for each, and no node waits for a system that is slow to tell.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ipv8_core::{Interfaces, Node};

use crate::{
    kernel::{self, Inode},
    lan,
};

/// How often the machine is looked at, as in the reference: it may have joined another network.
const RENEW: Duration = Duration::from_secs(10);

/// A node, as the machine sees it.
struct Watched {
    node: Node,
    bound: Vec<SocketAddr>,
    /// What the node knows already.
    told: Interfaces,
    sockets: Vec<Inode>,
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
        told: Interfaces,
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
            let (addresses, drops) = (lan::machine_addresses(), kernel::drops());
            self.tell(addresses.as_deref(), &drops);
        }
    }

    /// Tells each node what is news to it. Without addresses the last ones hold until others are known.
    fn tell(&self, addresses: Option<&[IpAddr]>, drops: &BTreeMap<Inode, u64>) {
        let mut news = Vec::new();
        for watched in self.lock().watched.values_mut() {
            kernel::count(&watched.node, &watched.sockets, drops);
            let Some(addresses) = addresses else { continue };
            let interfaces = lan::interfaces_among(&watched.bound, addresses);
            if interfaces != watched.told {
                watched.told = interfaces.clone();
                news.push((watched.node.clone(), interfaces));
            }
        }
        // A node in a long turn lets us wait, but nobody who starts or stops another.
        for (node, interfaces) in news {
            let Interfaces { lan, machine, .. } = &interfaces;
            tracing::info!(?lan, ?machine, "the addresses of this machine changed");
            node.set_interfaces(interfaces);
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

    #[test]
    fn a_node_is_told_of_changes_and_of_nothing_else() {
        let (machine, node) = (Arc::new(Machine::default()), node());
        let bound = ["0.0.0.0:8090".parse().unwrap()];
        let one: Vec<IpAddr> = vec!["192.168.1.20".parse().unwrap()];
        let other: Vec<IpAddr> = vec!["10.0.0.5".parse().unwrap()];
        let told = lan::interfaces_among(&bound, &one);
        let _watching = machine.watch(node.clone(), bound.to_vec(), told, Vec::new());
        for (addresses, changed) in
            [(Some(&one), false), (Some(&other), true), (Some(&other), false), (None, false), (Some(&one), true)]
        {
            node.poll(Time::ZERO);
            machine.tell(addresses.map(Vec::as_slice), &BTreeMap::new());
            assert_eq!(node.needs_turn(), changed, "{addresses:?}");
        }
    }

    #[test]
    fn drops_of_all_sockets_of_a_node_are_told() {
        let (machine, node) = (Arc::new(Machine::default()), node());
        let _watching = machine.watch(node.clone(), Vec::new(), Interfaces::default(), vec![Inode(7), Inode(9)]);
        machine.tell(None, &[(Inode(7), 3), (Inode(8), 100), (Inode(9), 4)].into());
        assert_eq!(node.report().driver.kernel_drops, 7);
        machine.tell(None, &BTreeMap::new());
        assert_eq!(node.report().driver.kernel_drops, 7, "what is not known leaves what was");
    }

    #[test]
    fn one_thread_looks_for_all_and_ends_with_the_last() {
        let machine = Arc::new(Machine::default());
        let watch = || machine.watch(node(), Vec::new(), Interfaces::default(), Vec::new());
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

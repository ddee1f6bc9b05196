//! Sockets and the node on them.

use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock},
    time::Instant,
};

use ipv8_core::{KeyCache, Node, NodeConfig, StatsReport, Time, crypto::PrivateKey};
use tokio::{net::UdpSocket, sync::watch, task::JoinHandle};

use crate::{
    driver::Driver,
    kernel::{self, Inode},
    lan,
    machine::{Machine, Told},
    socket::{BindError, Bound, Listen, bind},
};

/// Open sockets with a node that does not run yet.
///
/// Must be made and run inside a tokio runtime.
#[derive(Debug)]
pub struct Endpoint {
    node: Node,
    sockets: Vec<UdpSocket>,
    local: Vec<SocketAddr>,
    /// What the node knows of the machine.
    told: Told,
    start: Instant,
}

impl Endpoint {
    /// Opens the sockets, at most one for each address family, and makes a node with a seed from the operating system.
    ///
    /// # Errors
    /// If a socket cannot be opened, two addresses are of one family, or none is given.
    pub fn bind(listen: &[Listen], key: PrivateKey) -> Result<Self, BindError> {
        Self::bind_with(listen, |seed| NodeConfig::new(key, seed))
    }

    /// The same with a configuration of the caller's, who gets the seed. Time comes from this crate: `unix_origin` and
    /// `clock` are set here, and `keys` are those of the process.
    ///
    /// # Errors
    /// As [`Endpoint::bind`].
    pub fn bind_with(listen: &[Listen], config: impl FnOnce([u8; 32]) -> NodeConfig) -> Result<Self, BindError> {
        if listen.is_empty() {
            return Err(BindError::Nowhere);
        }
        one_of_each_family(listen)?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| BindError::Randomness(error.to_string()))?;
        let mut sockets = Vec::with_capacity(listen.len());
        let mut local = Vec::with_capacity(listen.len());
        let mut least_buffer = u64::MAX;
        for listen in listen {
            let io = |source| BindError::Io { address: listen.address(), source };
            let Bound { socket, receive_buffer } = bind(*listen)?;
            least_buffer = least_buffer.min(receive_buffer);
            let socket = UdpSocket::from_std(socket).map_err(io)?;
            local.push(socket.local_addr().map_err(io)?);
            sockets.push(socket);
        }
        let start = Instant::now();
        let mut config = config(seed);
        config.unix_origin = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        static KEYS: LazyLock<KeyCache> = LazyLock::new(KeyCache::default);
        config.keys = KEYS.clone();
        config.clock = Some(Arc::new(move || Time::from_duration(start.elapsed())));
        let node = Node::new(config);
        node.driver_counters().set_receive_buffer(least_buffer);
        let listed = lan::listed().unwrap_or_default();
        let told = Told::new(&local, &lan::addresses(&listed), &listed);
        node.set_interfaces(told.interfaces.clone());
        node.set_broadcast_addresses(told.broadcast.iter().copied());
        Ok(Self { node, sockets, local, told, start })
    }

    /// The node, to load communities into.
    #[must_use]
    pub const fn node(&self) -> &Node {
        &self.node
    }

    /// Where the sockets listen.
    #[must_use]
    pub fn local_addresses(&self) -> &[SocketAddr] {
        &self.local
    }

    /// Runs the node in a task of the current tokio runtime.
    pub fn run(self) -> Running {
        let Self { node, sockets, local, told, start } = self;
        let (stop, stopped) = watch::channel(false);
        let inodes: Vec<Inode> = sockets.iter().filter_map(kernel::inode).collect();
        let watching = Machine::shared().watch(node.clone(), local.clone(), told, inodes.clone());
        let driver = Driver::new(node.clone(), sockets, start);
        let task = tokio::spawn(driver.run(stopped, watching));
        Running { node, local, inodes, stop, task: Some(task) }
    }
}

fn one_of_each_family(listen: &[Listen]) -> Result<(), BindError> {
    let mut found: [Option<SocketAddr>; 2] = [None, None];
    let [v4, v6] = &mut found;
    for second in listen.iter().map(Listen::address) {
        if let Some(first) = (if second.is_ipv4() { &mut *v4 } else { &mut *v6 }).replace(second) {
            return Err(BindError::SameFamily { first, second });
        }
    }
    Ok(())
}

/// A node that runs. Dropping it ends the node at once; [`Running::stop`] lets it say goodbye.
#[derive(Debug)]
#[must_use = "the node ends when this is dropped"]
pub struct Running {
    node: Node,
    local: Vec<SocketAddr>,
    inodes: Vec<Inode>,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

impl Running {
    /// The node.
    #[must_use]
    pub const fn node(&self) -> &Node {
        &self.node
    }

    /// Where the sockets listen.
    #[must_use]
    pub fn local_addresses(&self) -> &[SocketAddr] {
        &self.local
    }

    /// All numbers of the node, with what the kernel dropped until now. ([`Node::report`] knows what it dropped ten seconds
    /// ago at most.) Reads a file of the kernel's; once every second is often enough.
    #[must_use]
    pub fn report(&self) -> StatsReport {
        kernel::count(&self.node, &self.inodes, &kernel::drops());
        self.node.report()
    }

    /// Unloads all communities, sends their last words and closes the sockets.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        if let Some(task) = self.task.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the driver of the node failed");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

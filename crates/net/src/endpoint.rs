//! Sockets and the node on them.

use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use ipv8_core::{
    Blocking, BlockingJob, Busy, KeyCache, Node, NodeConfig, StatsReport, Time, UnloadReport, crypto::PrivateKey,
};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    datagrams::Udp,
    driver::{Driver, GOODBYE},
    kernel::{self, Inode},
    lan,
    machine::{Machine, Told},
    socket::{BindError, Bound, Listen, bind},
    stop::StopReport,
    watchdog::Watchdog,
};

/// How much longer than its limit a stop may take, beside the last datagrams, before it is given up.
const GRACE: Duration = Duration::from_millis(350);

/// Open sockets with a node that does not run yet.
///
/// Must be made and run inside a tokio runtime.
#[derive(Debug)]
pub struct Endpoint {
    node: Node,
    sockets: Vec<Udp>,
    local: Vec<SocketAddr>,
    /// What the node knows of the machine.
    told: Told,
    start: Instant,
    unload_limit: Duration,
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
    /// `clock` are set here, and `keys` are those of the process. Work that blocks gets a thread of its own, unless the
    /// configuration says where else.
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
            let socket = Udp::new(socket).map_err(io)?;
            local.push(socket.local_addr().map_err(io)?);
            sockets.push(socket);
        }
        let start = Instant::now();
        let mut config = config(seed);
        config.unix_origin = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        static KEYS: LazyLock<KeyCache> = LazyLock::new(KeyCache::default);
        config.keys = KEYS.clone();
        config.clock = Some(Arc::new(move || Time::from_duration(start.elapsed())));
        if matches!(config.blocking, Blocking::Inline(_)) {
            config.blocking = Blocking::Elsewhere(Arc::new(on_a_thread));
        }
        let unload_limit = config.unload_limit;
        let node = Node::new(config);
        node.driver_counters().set_receive_buffer(least_buffer);
        let listed = lan::listed().unwrap_or_default();
        let told = Told::new(&local, &lan::addresses(&listed), &listed);
        node.set_interfaces(told.interfaces.clone());
        node.set_broadcast_addresses(told.broadcast.iter().copied());
        Ok(Self { node, sockets, local, told, start, unload_limit })
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
        let Self { node, sockets, local, told, start, unload_limit } = self;
        let (stop, stopped) = watch::channel(None);
        let inodes: Vec<Inode> = sockets.iter().filter_map(kernel::inode).collect();
        let machine = Machine::shared().watch(node.clone(), local.clone(), told, inodes.clone());
        let watching = (machine, Watchdog::shared().watch(node.clone()));
        let driver = Driver::new(node.clone(), sockets, start);
        let task = tokio::spawn(driver.run(stopped, watching));
        Running { node, local, inodes, unload_limit, stop, task: Some(task) }
    }
}

/// Does work that blocks. Not in the runtime's own pool: a runtime waits for it when it is dropped, so that work that never
/// ends would keep the program from ending.
fn on_a_thread(job: BlockingJob) {
    let thread = std::thread::Builder::new().name("ipv8-blocking".to_owned());
    if let Err(error) = thread.spawn(move || job.run()) {
        tracing::warn!(%error, "no thread for work that blocks");
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
    unload_limit: Duration,
    stop: watch::Sender<Option<Duration>>,
    task: Option<JoinHandle<UnloadReport>>,
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

    /// Unloads all communities, lets their last tasks run for the node's
    /// [`unload_limit`](NodeConfig::unload_limit) at most, sends their last words and closes the sockets.
    pub async fn stop(self) -> StopReport {
        let limit = self.unload_limit;
        self.stop_within(limit).await
    }

    /// The same with a limit of the caller's for the last tasks. Returns at most 0.6 seconds after it, even if something in
    /// the node blocks and cannot be ended; the report names it.
    ///
    /// That needs a thread to return on: on a runtime with one thread, what blocks in a node blocks whoever waits for it
    /// too. The log names it all the same.
    pub async fn stop_within(mut self, limit: Duration) -> StopReport {
        let begin = Instant::now();
        let _ = self.stop.send(Some(limit));
        let mut report = StopReport::default();
        // It stays where dropping this future aborts it.
        if let Some(task) = &mut self.task {
            tokio::select! {
                biased;
                ended = task => {
                    self.task = None;
                    match ended {
                        Ok(unloaded) => report.unloaded = unloaded,
                        Err(error) => {
                            tracing::error!(%error, "the driver of the node failed");
                            report.failed = true;
                        }
                    }
                }
                () = Watchdog::shared().ring(begin + limit + GOODBYE + GRACE) => {
                    let unknown = || Busy { community: None, what: "something outside of its turns".to_owned(), lasting: limit };
                    let busy = self.node.busy().unwrap_or_else(unknown);
                    tracing::error!(%busy, "the node did not stop in time and is left behind");
                    report.stuck = Some(busy);
                }
            }
        }
        report.took = begin.elapsed();
        report
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

//! Walking along the edges of the network.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use indexmap::IndexMap;
use ipv8_core::{Context, Peer, PeerRecord, Strategy, Time};
use ipv8_crypto::Mid;
use rand::seq::{IndexedRandom, IteratorRandom};

/// The most roots, whatever the setting: each may send some packets a step.
const MOST_ROOTS: usize = 64;

/// The longest edge, whatever the setting.
const LONGEST_EDGE: usize = 64;

/// Complete edges that are remembered.
const MOST_COMPLETE: usize = 64;

/// Addresses that one edge walks to in one step.
const MOST_WALKS: usize = 8;

/// How long an address that was walked to is left alone (the reference repeats itself at every step).
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Walks through the network depth first (the reference's `EdgeWalk`, `protocol.md` section 5).
///
/// It begins with a neighbourhood of six peers, its roots. From each root it walks on, from a peer to one that this peer
/// introduced, until the edge has four peers or has not grown for three seconds; then it begins at that root again.
///
/// Where the reference keeps a root for ever, one that is no longer known is replaced by another peer.
#[derive(Clone, Debug)]
pub struct EdgeWalk {
    depth: usize,
    roots: usize,
    timeout: Duration,
    neighbourhood: Vec<Mid>,
    growing: IndexMap<Mid, Edge>,
    complete: VecDeque<Vec<Mid>>,
    asked: IndexMap<SocketAddr, Time>,
}

#[derive(Clone, Debug)]
struct Edge {
    peers: Vec<Mid>,
    grew: Time,
}

impl Default for EdgeWalk {
    /// The reference's defaults: edges of 4 peers, 6 roots, 3 seconds.
    fn default() -> Self {
        Self {
            depth: 4,
            roots: 6,
            timeout: Duration::from_secs(3),
            neighbourhood: Vec::new(),
            growing: IndexMap::new(),
            complete: VecDeque::new(),
            asked: IndexMap::new(),
        }
    }
}

impl EdgeWalk {
    /// How many peers an edge has, its root included; 1 to 64.
    #[must_use]
    pub fn depth(mut self, depth: usize) -> Self {
        self.depth = depth.clamp(1, LONGEST_EDGE);
        self
    }

    /// How many roots there are, and so how many edges grow at once; 1 to 64.
    #[must_use]
    pub fn roots(mut self, roots: usize) -> Self {
        self.roots = roots.clamp(1, MOST_ROOTS);
        self
    }

    /// After how long an edge that does not grow is given up.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The last edges that ended, root first, the latest last; at most 64.
    pub fn complete(&self) -> impl Iterator<Item = &[Mid]> {
        self.complete.iter().map(Vec::as_slice)
    }

    fn find_neighbourhood(&mut self, cx: &mut Context<'_>) {
        self.neighbourhood = cx.peers().iter().take(self.roots).map(Peer::mid).collect();
        cx.bootstrap();
        // Any of them, and not always the first ones, which may all be dead.
        let walkable = cx.walkable();
        for address in walkable.sample(cx.rng(), self.roots).copied().collect::<Vec<_>>() {
            self.walk_to(cx, address);
        }
    }

    fn walk_to(&mut self, cx: &mut Context<'_>, address: SocketAddr) {
        let now = cx.now();
        self.asked.retain(|_, at| *at + ASK_AGAIN > now);
        if !self.asked.contains_key(&address) {
            self.asked.insert(address, now);
            cx.walk_to(address);
        }
    }

    /// Lets an edge grow by a peer that its last peer introduced. True if the edge has ended.
    fn grow(&mut self, cx: &mut Context<'_>, edge: &mut Edge) -> bool {
        let now = cx.now();
        let Some(last) = edge.peers.last().copied() else { return true };
        let introduced: Vec<SocketAddr> = cx.network().introduced_by(&last).collect();
        let mut found: Vec<Mid> = Vec::new();
        let mut walks = 0;
        for address in introduced {
            match cx.network().by_address(address).map(PeerRecord::mid) {
                Some(mid) => found.push(mid),
                None if walks < MOST_WALKS => {
                    walks += 1;
                    self.walk_to(cx, address);
                }
                None => {}
            }
        }
        let Some(next) = found.choose(cx.rng()).copied() else {
            return edge.grew + self.timeout < now;
        };
        edge.grew = now;
        edge.peers.push(next);
        if edge.peers.len() >= self.depth {
            return true;
        }
        if let Some(address) = cx.network().get(&next).and_then(|record| record.addresses().preferred()) {
            cx.walk_to(address);
        }
        false
    }
}

impl Strategy for EdgeWalk {
    fn name(&self) -> &'static str {
        "EdgeWalk"
    }

    fn step(&mut self, cx: &mut Context<'_>) {
        self.neighbourhood.retain(|mid| cx.network().get(mid).is_some());
        if self.neighbourhood.len() < self.roots {
            self.find_neighbourhood(cx);
            return;
        }
        let idle = self.neighbourhood.iter().filter(|root| !self.growing.contains_key(*root));
        if let Some(root) = idle.choose(cx.rng()).copied() {
            self.growing.insert(root, Edge { peers: vec![root], grew: cx.now() });
            if let Some(peer) = cx.peer(&root) {
                cx.request_introduction(&peer);
            }
            return;
        }
        for (root, mut edge) in std::mem::take(&mut self.growing) {
            if !self.grow(cx, &mut edge) {
                self.growing.insert(root, edge);
            } else if edge.peers.len() > 1 {
                if self.complete.len() == MOST_COMPLETE {
                    self.complete.pop_front();
                }
                self.complete.push_back(edge.peers);
            }
        }
    }
}

//! A plain random walk and a plain bootstrapper, for tests that must not depend on the real ones.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use ipv8_core::{Bootstrapper, Context, Strategy, Time};
use rand::RngExt;

/// How long a peer may take to answer before its address is forgotten.
const PATIENCE: Duration = Duration::from_secs(3);

/// Walks to a random address that was introduced, or asks a random peer for another introduction.
#[derive(Debug, Default)]
pub struct Walk {
    asked: BTreeMap<SocketAddr, Time>,
}

impl Strategy for Walk {
    fn name(&self) -> &'static str {
        "test walk"
    }

    fn step(&mut self, cx: &mut Context<'_>) {
        let now = cx.now();
        let walkable = cx.walkable();
        self.asked.retain(|address, at| {
            let waits = walkable.contains(address);
            let late = now.since(*at) > PATIENCE;
            if waits && late {
                cx.network_mut().remove_address(*address);
            }
            waits && !late
        });
        let open: Vec<_> = walkable.into_iter().filter(|address| !self.asked.contains_key(address)).collect();
        let choice = if open.is_empty() { None } else { open.get(cx.rng().random_range(0..open.len())) };
        match choice {
            Some(address) => {
                self.asked.insert(*address, now);
                cx.walk_to(*address);
            }
            None => cx.new_introduction(),
        }
    }
}

/// Walks to one well-known peer, given by its address or by its name.
#[derive(Debug, Clone)]
pub struct Meet {
    name: Option<(String, u16)>,
    known: Vec<SocketAddr>,
}

impl Meet {
    /// Meets the peer at an address.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
        Self { name: None, known: vec![address] }
    }

    /// Meets the peers at the addresses of a name.
    #[must_use]
    pub fn named(host: impl Into<String>, port: u16) -> Self {
        Self { name: Some((host.into(), port)), known: Vec::new() }
    }
}

impl Bootstrapper for Meet {
    fn name(&self) -> &'static str {
        "test meeting place"
    }

    fn bootstrap(&mut self, cx: &mut Context<'_>) {
        if let (true, Some((host, port))) = (self.known.is_empty(), &self.name) {
            cx.resolve(host.clone(), *port);
        }
        for address in &self.known {
            cx.walk_to(*address);
        }
    }

    fn is_initialized(&self) -> bool {
        !self.known.is_empty()
    }

    fn keep_alive(&mut self, cx: &mut Context<'_>) {
        self.bootstrap(cx);
    }

    fn resolved(&mut self, cx: &mut Context<'_>, host: &str, port: u16, addresses: &[SocketAddr]) {
        if self.name.as_ref().is_some_and(|(own, own_port)| own == host && *own_port == port) {
            self.known = addresses.to_vec();
            self.bootstrap(cx);
        }
    }
}

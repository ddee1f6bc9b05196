//! What others sent, again.

use std::{collections::VecDeque, net::SocketAddr};

use rand::RngExt;

use super::{Attacker, Heard, Scene};

/// Records what it hears, at its own addresses and from the nodes that it
/// [listens to](super::AttackerOptions::listen_to), and sends it again, from its own addresses or made-up ones: to where it
/// was sent first, unless it has [targets](super::AttackerOptions::target) of its own.
#[derive(Clone, Debug)]
pub struct Replay {
    recorded: VecDeque<(SocketAddr, Vec<u8>)>,
    most: usize,
}

impl Default for Replay {
    /// The last 1,024 datagrams.
    fn default() -> Self {
        Self::last(1_024)
    }
}

impl Replay {
    /// Sends again the last so many datagrams, one of them drawn each time.
    #[must_use]
    pub fn last(most: usize) -> Self {
        Self { recorded: VecDeque::new(), most: most.max(1) }
    }

    fn record(&mut self, heard: &Heard<'_>) {
        if self.recorded.len() >= self.most {
            self.recorded.pop_front();
        }
        self.recorded.push_back((heard.to, heard.bytes.to_vec()));
    }
}

impl Attacker for Replay {
    fn act(&mut self, scene: &mut Scene<'_>) {
        if self.recorded.is_empty() {
            return;
        }
        let index = scene.rng().random_range(0..self.recorded.len());
        let Some((to, bytes)) = self.recorded.get(index).cloned() else { return };
        let mut targets = scene.targets();
        if targets.is_empty() {
            targets.push(to);
        }
        for target in targets {
            let source = scene.source();
            scene.send(source, target, bytes.clone());
        }
    }

    fn hears(&mut self, _: &mut Scene<'_>, heard: &Heard<'_>) {
        self.record(heard);
    }

    fn overhears(&mut self, _: &mut Scene<'_>, heard: &Heard<'_>) {
        self.record(heard);
    }
}

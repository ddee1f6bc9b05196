//! Tokens: who wants to store here must have been told one at the address that it stores from (`protocol.md` section 6,
//! "Tokens").

use base64::{Engine, engine::general_purpose::STANDARD};
use ipv8_core::Peer;
use rand::{RngExt, rngs::StdRng};
use sha1::{Digest, Sha1};

/// What a node tells whoever asks it, and wants to see again before it stores anything.
pub type Token = [u8; 20];

/// The secrets that tokens are made of. Only we can check our tokens; that they look like the reference's serves tests.
#[derive(Clone, Debug)]
pub struct TokenSecrets {
    current: [u8; 16],
    previous: Option<[u8; 16]>,
}

impl TokenSecrets {
    /// A first secret. It must come from a source that nobody can guess.
    pub fn new(rng: &mut StdRng) -> Self {
        Self { current: rng.random(), previous: None }
    }

    /// Secrets that are known, the newest last: for tests.
    #[must_use]
    pub const fn known(previous: Option<[u8; 16]>, current: [u8; 16]) -> Self {
        Self { current, previous }
    }

    /// Makes a new secret. Tokens of the one before are still good, older ones are not.
    pub fn rotate(&mut self, rng: &mut StdRng) {
        self.rotate_to(rng.random());
    }

    /// [`TokenSecrets::rotate`] to a secret that is known.
    pub const fn rotate_to(&mut self, secret: [u8; 16]) {
        self.previous = Some(self.current);
        self.current = secret;
    }

    /// The token of a peer at its address.
    #[must_use]
    pub fn token(&self, peer: &Peer) -> Token {
        make(&text(peer), &self.current)
    }

    /// Whether a peer was told this token, at this address, since the secret before last.
    #[must_use]
    pub fn is_valid(&self, peer: &Peer, token: &Token) -> bool {
        let text = text(peer);
        make(&text, &self.current) == *token || self.previous.is_some_and(|secret| make(&text, &secret) == *token)
    }
}

fn text(peer: &Peer) -> String {
    let (address, mid) = (peer.address(), STANDARD.encode(peer.mid().0));
    // Without the brackets that IPv6 addresses usually get.
    format!("Peer<{}:{}, {mid}>", address.ip(), address.port())
}

fn make(text: &str, secret: &[u8; 16]) -> Token {
    Sha1::new().chain_update(text).chain_update(secret).finalize().into()
}

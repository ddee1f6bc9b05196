//! Reads operations from the fuzzer's bytes and makes datagrams of them: raw ones, framed ones, truly signed ones.

use std::net::{Ipv6Addr, SocketAddr};
use std::sync::LazyLock;

use ipv8_crypto::{Curve, PrivateKey, PublicKey};
use ipv8_discovery::DISCOVERY_COMMUNITY;
use ipv8_wire::{CommunityId, Prefix};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use ipv8_core::Community as _;

use crate::community::User;

/// Keys that the outside signs with; more than the node takes as peers.
const OUTSIDE: usize = 10;

/// The fuzzer's bytes, taken from the front; zeros once they are used up.
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    pub(crate) fn index(&mut self, len: usize) -> usize {
        usize::from(self.byte()) % len.max(1)
    }

    /// At most as many as a length of two bytes says.
    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let len = usize::from(u16::from_be_bytes([self.byte(), self.byte()]));
        let (bytes, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        bytes
    }

    /// A few addresses, so that they meet again; some of them are no addresses to send to.
    pub(crate) fn address(&mut self) -> SocketAddr {
        let byte = self.byte();
        let port = 1000 + u16::from(byte >> 6);
        match byte % 16 {
            15 => SocketAddr::from(([0, 0, 0, 0], 0)),
            14 => SocketAddr::from(([10, 0, 0, 1], 0)),
            n @ 11..=13 => SocketAddr::from((Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n.into()), port)),
            n @ 8..=10 => SocketAddr::from(([1, 2, 3, n], port)),
            n => SocketAddr::from(([10, 0, 0, n], port)),
        }
    }

    pub(crate) fn key(&mut self) -> &'static PrivateKey {
        &KEYS[self.index(KEYS.len())]
    }
}

/// The node's own two keys, then those of the outside. The node's own are among them: packets of ours come back.
static KEYS: LazyLock<Vec<PrivateKey>> = LazyLock::new(|| {
    let key = |number: usize| {
        let mut rng = StdRng::seed_from_u64(number as u64);
        PrivateKey::generate(Curve::Curve25519, &mut rng).expect("curve25519 is always there")
    };
    (0..2 + OUTSIDE).map(key).collect()
});

pub(crate) fn own_key(number: usize) -> PrivateKey {
    KEYS[number].clone()
}

pub(crate) fn is_one_of_ours(key: &PublicKey) -> bool {
    KEYS.iter().any(|known| known.public() == key)
}

/// The communities that packets are for: two that are loaded and one that is not.
const COMMUNITIES: [CommunityId; 3] = [User::ID, DISCOVERY_COMMUNITY, CommunityId([9; 20])];

/// Ids with a handler in one of the communities, and two without.
const IDS: [u8; 17] = [1, 2, 3, 4, 5, 6, 7, 246, 245, 250, 249, 234, 233, 232, 231, 100, 255];

/// Prefix and message id.
pub(crate) fn framed(input: &mut Input<'_>) -> Vec<u8> {
    let community = COMMUNITIES[input.index(COMMUNITIES.len())];
    let mut packet = Prefix::new(community).as_bytes().to_vec();
    packet.push(IDS[input.index(IDS.len())]);
    packet
}

/// A packet that is truly signed, whatever it holds. One in eight keys has a tail, which the protocol tolerates.
pub(crate) fn signed(input: &mut Input<'_>) -> Vec<u8> {
    let mut packet = framed(input);
    let key = input.key();
    let tail = input.byte().is_multiple_of(8);
    let public = key.public().as_bytes();
    let len = u16::try_from(public.len() + usize::from(tail)).expect("keys are short");
    packet.extend(len.to_be_bytes());
    packet.extend(public);
    packet.extend(tail.then_some(0));
    packet.extend(body(input));
    let signature = key.sign(&packet).expect("curve25519 always signs");
    packet.extend_from_slice(&signature);
    packet
}

/// What follows the header: any bytes, or the fields of messages, which fit by chance often enough.
pub(crate) fn body(input: &mut Input<'_>) -> Vec<u8> {
    if input.byte().is_multiple_of(4) {
        return input.bytes().to_vec();
    }
    let mut body = Vec::new();
    for _ in 0..input.index(10) {
        match input.byte() % 8 {
            0 => body.push(input.byte()),
            1 => body.extend([input.byte(), input.byte()]),
            2 => body.extend([0, 0, 0, input.byte()]),
            // A global time.
            3 => body.extend([0, 0, 0, 0, 0, 0, input.byte(), input.byte()]),
            4 => match input.address() {
                SocketAddr::V4(address) => {
                    body.extend(address.ip().octets());
                    body.extend(address.port().to_be_bytes());
                }
                SocketAddr::V6(address) => body.extend(address.ip().octets()),
            },
            5 => match input.address() {
                SocketAddr::V4(address) => {
                    body.push(1);
                    body.extend(address.ip().octets());
                    body.extend(address.port().to_be_bytes());
                }
                SocketAddr::V6(address) => {
                    body.push(3);
                    body.extend(address.ip().octets());
                    body.extend(address.port().to_be_bytes());
                }
            },
            6 => body.extend(COMMUNITIES[input.index(COMMUNITIES.len())].0),
            _ => {
                let bytes = input.bytes();
                body.extend(u16::try_from(bytes.len()).unwrap_or_default().to_be_bytes());
                body.extend(bytes);
            }
        }
    }
    body
}

/// One of the packets that every community understands, with all its fields: flags, identifier and addresses vary.
pub(crate) fn introduction(input: &mut Input<'_>) -> Vec<u8> {
    let community = COMMUNITIES[input.index(2)];
    let id = [246, 245, 250, 249, 234, 233, 232, 231][input.index(8)];
    let key = input.key();
    let is_signed = !matches!(id, 250 | 232);
    let (addresses, new_style) = match id {
        246 => (3, false),
        245 => (5, false),
        250 | 249 => (2, false),
        234 => (3, true),
        233 => (5, true),
        _ => (2, true),
    };
    let mut packet = Prefix::new(community).as_bytes().to_vec();
    packet.push(id);
    if is_signed {
        let public = key.public().as_bytes();
        packet.extend(u16::try_from(public.len()).expect("keys are short").to_be_bytes());
        packet.extend(public);
    }
    packet.extend([0, 0, 0, 0, 0, 0, 0, 1]);
    for _ in 0..addresses {
        match input.address() {
            SocketAddr::V6(address) if new_style => {
                packet.push(3);
                packet.extend(address.ip().octets());
                packet.extend(address.port().to_be_bytes());
            }
            SocketAddr::V6(_) => packet.extend([0; 6]),
            SocketAddr::V4(address) => {
                packet.extend(new_style.then_some(1));
                packet.extend(address.ip().octets());
                packet.extend(address.port().to_be_bytes());
            }
        }
    }
    match id {
        246 | 245 => packet.extend([input.byte(), 0, input.byte()]),
        234 | 233 => packet.extend([0, input.byte(), input.byte()]),
        _ => packet.extend([0, input.byte()]),
    }
    if is_signed {
        let signature = key.sign(&packet).expect("curve25519 always signs");
        packet.extend_from_slice(&signature);
    }
    packet
}

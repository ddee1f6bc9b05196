//! Ids of nodes, and the distance between ids and keys (`protocol.md` section 6, "Ids").

use std::net::IpAddr;

use ipv8_crypto::Mid;
use sha1::{Digest as _, Sha1};

/// What values are stored under: 20 bytes, in the same space as the ids of nodes. Usually the SHA-1 of something.
pub type Key = [u8; 20];

/// The key of a name: its SHA-1. Names may be anything that those agree on who store and look.
#[must_use]
pub fn key_of(name: impl AsRef<[u8]>) -> Key {
    Sha1::digest(name.as_ref()).into()
}

/// The id of a node: the first three bytes of the CRC-32 of its masked IP address, then the first 17 of its member id.
///
/// The port plays no role. A node thus has another id at another address, and one machine cannot choose where in the space
/// of keys it is: the mask leaves few different beginnings.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub Key);

/// The XOR of two ids or keys, as a number with the most significant byte first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Distance(pub [u8; 20]);

const V4_MASK: [u8; 4] = [0x03, 0x0f, 0x3f, 0xff];
const V6_MASK: [u8; 8] = [0x01, 0x03, 0x07, 0x0f, 0x1f, 0x3f, 0x7f, 0xff];

impl NodeId {
    /// The id of a member at an address. The checksum is the CRC-32 of zlib, whatever the reference's docstring says.
    #[must_use]
    pub fn new(ip: IpAddr, mid: &Mid) -> Self {
        let checksum = match ip {
            IpAddr::V4(ip) => masked_crc(&ip.octets(), &V4_MASK),
            IpAddr::V6(ip) => masked_crc(&ip.octets(), &V6_MASK),
        };
        let [a, b, c, _] = checksum.to_be_bytes();
        let mut id = [0; 20];
        id.iter_mut().zip([a, b, c].into_iter().chain(mid.0)).for_each(|(to, from)| *to = from);
        Self(id)
    }

    /// How far a key is from this id.
    #[must_use]
    pub fn distance(&self, key: &Key) -> Distance {
        distance(&self.0, key)
    }
}

/// The CRC-32 of the masked beginning of an address; the mask tells how much of it counts.
fn masked_crc(octets: &[u8], mask: &[u8]) -> u32 {
    let masked: Vec<u8> = octets.iter().zip(mask).map(|(octet, mask)| octet & mask).collect();
    crc32fast::hash(&masked)
}

impl std::fmt::Display for NodeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for NodeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NodeId({self})")
    }
}

/// How far apart two ids or keys are.
#[must_use]
pub fn distance(a: &Key, b: &Key) -> Distance {
    let mut distance = *a;
    distance.iter_mut().zip(b).for_each(|(byte, other)| *byte ^= other);
    Distance(distance)
}

/// How many bits two ids have in common at their beginning: 0 to 160.
pub(crate) fn common_prefix(a: &Key, b: &Key) -> u8 {
    let mut bits = 0_u8;
    for byte in distance(a, b).0 {
        let zeros = u8::try_from(byte.leading_zeros()).unwrap_or(8);
        bits = bits.saturating_add(zeros);
        if zeros < 8 {
            break;
        }
    }
    bits
}

/// The bit at a place, the most significant first; false beyond the end.
pub(crate) fn bit(key: &Key, place: u8) -> bool {
    key.get(usize::from(place / 8)).is_some_and(|byte| byte & (0x80 >> (place % 8)) != 0)
}

/// The key with one bit set.
pub(crate) fn with_bit(mut key: Key, place: u8) -> Key {
    if let Some(byte) = key.get_mut(usize::from(place / 8)) {
        *byte |= 0x80 >> (place % 8);
    }
    key
}

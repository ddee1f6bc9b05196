//! The parts of a packet around its payload: prefix, message id, public key, signature (protocol section 1).

use std::fmt;
use std::str::FromStr;

use crate::{ReadError, Reader};

/// The version of the protocol: the second byte of every packet, after a zero byte.
pub const VERSION: u8 = 2;

/// Length of [`Prefix`]: a zero byte, the version and the community id.
pub const PREFIX_LEN: usize = 22;

/// Offset of the first byte after the message id.
const BODY_OFFSET: usize = PREFIX_LEN + 1;

/// The 20 bytes that name a community. All peers that share them can talk to each other.
///
/// ```
/// use ipv8_wire::{CommunityId, community_id};
///
/// const ID: CommunityId = community_id!("7e313685c1912a141279f8248fc8db5899c5df5a");
/// assert_eq!(ID.to_string().parse(), Ok(ID));
/// ```
///
/// A wrong id in a constant does not compile:
///
/// ```compile_fail
/// # use ipv8_wire::{CommunityId, community_id};
/// const ID: CommunityId = community_id!("7e31");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommunityId(pub [u8; 20]);

/// Text that is no community id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseCommunityIdError {
    /// It is not 40 characters long.
    #[error("a community id has 40 hex digits, not {len} characters")]
    Length {
        /// Its length in bytes.
        len: usize,
    },
    /// A character is no hex digit.
    #[error("a community id has 40 hex digits: character {position} is none")]
    NotHex {
        /// Which character, from 1.
        position: usize,
    },
}

impl CommunityId {
    /// The id of 40 hex digits, for constants: [`community_id!`](crate::community_id) makes sure that it is evaluated
    /// at compile time. At run time, [`parse`](str::parse) instead.
    ///
    /// # Panics
    /// If `hex` is not 40 hex digits.
    #[allow(clippy::panic, reason = "in a constant this is the error message of the compiler")]
    pub const fn from_hex(hex: &str) -> Self {
        match Self::parse_hex(hex) {
            Ok(id) => id,
            Err(ParseCommunityIdError::Length { .. }) => panic!("a community id has 40 hex digits"),
            Err(ParseCommunityIdError::NotHex { .. }) => {
                panic!("a community id has only hex digits: 0-9, a-f, A-F")
            }
        }
    }

    const fn parse_hex(hex: &str) -> Result<Self, ParseCommunityIdError> {
        if hex.len() != 40 {
            return Err(ParseCommunityIdError::Length { len: hex.len() });
        }
        let mut id = [0; 20];
        let mut slots: &mut [u8] = &mut id;
        let mut digits = hex.as_bytes();
        let mut position = 1;
        while let ([high, low, more_digits @ ..], [slot, more_slots @ ..]) = (digits, slots) {
            *slot = match (nibble(*high), nibble(*low)) {
                (Some(high), Some(low)) => high << 4 | low,
                (None, _) => return Err(ParseCommunityIdError::NotHex { position }),
                (_, None) => {
                    return Err(ParseCommunityIdError::NotHex { position: position + 1 });
                }
            };
            digits = more_digits;
            slots = more_slots;
            position += 2;
        }
        Ok(Self(id))
    }
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

impl FromStr for CommunityId {
    type Err = ParseCommunityIdError;

    fn from_str(hex: &str) -> Result<Self, ParseCommunityIdError> {
        Self::parse_hex(hex)
    }
}

impl fmt::Display for CommunityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CommunityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommunityId({self})")
    }
}

/// The [`CommunityId`] of 40 hex digits, checked at compile time.
#[macro_export]
macro_rules! community_id {
    ($hex:expr) => {
        const { $crate::CommunityId::from_hex($hex) }
    };
}

/// The first 22 bytes of every packet of a community: endpoints tell communities apart by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix([u8; PREFIX_LEN]);

impl Prefix {
    /// The prefix of a community.
    pub const fn new(community: CommunityId) -> Self {
        let mut prefix = [0; PREFIX_LEN];
        let [_, version, id @ ..] = &mut prefix;
        *version = VERSION;
        *id = community.0;
        Self(prefix)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; PREFIX_LEN] {
        &self.0
    }

    /// The community.
    pub const fn community_id(&self) -> CommunityId {
        let [_, _, id @ ..] = self.0;
        CommunityId(id)
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prefix({})", self.community_id())
    }
}

/// A datagram that is no packet of this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// It ends within the prefix.
    #[error("{len} bytes are no packet: it starts with {PREFIX_LEN} bytes of prefix")]
    TooShort {
        /// Its length in bytes.
        len: usize,
    },
    /// It does not start with a zero byte and [`VERSION`].
    #[error("not an IPv8 packet of version {VERSION}: it starts with {:02x} {:02x}", .start[0], .start[1])]
    NotIpv8 {
        /// Its first two bytes.
        start: [u8; 2],
    },
    /// It ends after the prefix.
    #[error("the packet ends after its prefix, without a message id")]
    NoMessageId,
}

/// A datagram, split after the message id. Nothing of it is authenticated yet.
///
/// ```
/// use ipv8_wire::{CommunityId, Packet, PacketError, Prefix};
///
/// let prefix = Prefix::new(CommunityId([7; 20]));
/// let datagram = [prefix.as_bytes().as_slice(), &[246, 1, 2]].concat();
///
/// let packet = Packet::parse(&datagram)?;
/// assert_eq!(packet.prefix(), prefix);
/// assert_eq!(packet.message_id(), 246);
/// assert_eq!(packet.body(), [1, 2]);
/// # Ok::<(), PacketError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    prefix: &'a [u8; PREFIX_LEN],
    message_id: u8,
    body: &'a [u8],
    datagram: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Splits a datagram.
    ///
    /// # Errors
    /// See [`PacketError`].
    #[inline]
    pub fn parse(datagram: &'a [u8]) -> Result<Self, PacketError> {
        let Some((prefix, rest)) = datagram.split_first_chunk::<PREFIX_LEN>() else {
            return Err(PacketError::TooShort { len: datagram.len() });
        };
        let [zero, version, ..] = *prefix;
        if zero != 0 || version != VERSION {
            return Err(PacketError::NotIpv8 { start: [zero, version] });
        }
        let [message_id, body @ ..] = rest else {
            return Err(PacketError::NoMessageId);
        };
        Ok(Self { prefix, message_id: *message_id, body, datagram })
    }

    /// The first 22 bytes.
    #[inline]
    pub fn prefix(&self) -> Prefix {
        Prefix(*self.prefix)
    }

    /// The community that the packet is for.
    #[inline]
    pub fn community_id(&self) -> CommunityId {
        self.prefix().community_id()
    }

    /// The id of the message.
    #[inline]
    pub fn message_id(&self) -> u8 {
        self.message_id
    }

    /// What follows the message id.
    #[inline]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// All bytes.
    #[inline]
    pub fn datagram(&self) -> &'a [u8] {
        self.datagram
    }
}

/// The public key in a signed packet: who claims to have sent it, until the signature is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthHeader<'a> {
    key: &'a [u8],
    rest_offset: usize,
}

impl<'a> AuthHeader<'a> {
    /// The public key in its binary form, as sent.
    #[inline]
    pub fn key(&self) -> &'a [u8] {
        self.key
    }

    /// Offset of the first byte after the key, from the start of the datagram.
    #[inline]
    pub fn rest_offset(&self) -> usize {
        self.rest_offset
    }

    /// What follows the key in `signed`, the datagram without its signature: the global time, if the message has one,
    /// and the payload. Nothing, if the signature already starts within the key, as in the reference.
    #[inline]
    pub fn rest<'b>(&self, signed: &'b [u8]) -> &'b [u8] {
        signed.get(self.rest_offset..).unwrap_or_default()
    }
}

/// Reads the public key of a signed datagram, which follows the message id: a `u16` length and the key.
///
/// A key that is cut short is given as far as it is there, as in the reference: it is for the key's own format to
/// refuse it.
///
/// # Errors
/// If the datagram ends within the length of the key.
#[inline]
pub fn read_auth(datagram: &[u8]) -> Result<AuthHeader<'_>, ReadError> {
    let mut r = Reader::new(datagram);
    let key =
        r.take(BODY_OFFSET).and_then(|_| crate::varlen::read_varlen_u16(&mut r)).map_err(|e| e.at("public key"))?;
    Ok(AuthHeader { key, rest_offset: BODY_OFFSET + 2 + key.len() })
}

/// A datagram too short for the signature of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a packet of {len} bytes has no room for a signature of {signature_len} bytes")]
pub struct NoSignature {
    /// Length of the datagram in bytes.
    pub len: usize,
    /// Length of the signatures of the key in bytes.
    pub signature_len: usize,
}

/// Splits a datagram into what is signed and the signature, whose length follows from the key.
///
/// # Errors
/// If the datagram is shorter than prefix, message id and signature.
#[inline]
pub fn split_signature(datagram: &[u8], signature_len: usize) -> Result<(&[u8], &[u8]), NoSignature> {
    let too_short = NoSignature { len: datagram.len(), signature_len };
    let at = datagram.len().checked_sub(signature_len).filter(|at| *at >= BODY_OFFSET).ok_or(too_short)?;
    datagram.split_at_checked(at).ok_or(too_short)
}

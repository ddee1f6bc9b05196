//! Known peers as bytes that outlive the node: our own format, with keys.
//!
//! All integers are big-endian. A snapshot is
//!
//! | bytes | |
//! |---|---|
//! | 8 | `IPv8peer` |
//! | 2 | the version, 1 |
//! | 8 | when it was written, seconds since 1970 |
//! | 4 | how many peers follow |
//! | … | the peers, the one heard of last first |
//! | 8 | the first bytes of the SHA-256 of everything before |
//!
//! and a peer is
//!
//! | bytes | |
//! |---|---|
//! | 2 + n | its public key |
//! | 1 | flags: 1 an IPv4 address follows, 2 an IPv6 address, 4 a LAN address, 8 it understands new-style introductions |
//! | 6 | IPv4 address and port, if any |
//! | 18 | IPv6 address and port, if any |
//! | 6 | the address that it claims in its LAN, if any |
//! | 4 | seconds since it was heard, when this was written; all bits set if it never was |
//! | 1 + 20 n | the communities that it is known to serve |
//!
//! What begins with neither `I` nor an address type (1, 2, 3) is no snapshot; what begins with an address type is one of
//! the reference's, see [`Network::load_snapshot`](super::Network::load_snapshot).

use std::{
    net::{SocketAddrV4, SocketAddrV6},
    time::Duration,
};

use ipv8_crypto::{Mid, PublicKey};
use ipv8_wire::{CommunityId, ReadError, Reader, Writer};
use sha2::{Digest as _, Sha256};
use smallvec::SmallVec;

use super::Addresses;

/// How a snapshot of ours begins.
const MAGIC: &[u8; 8] = b"IPv8peer";
/// The version that is written, and the only one that is read.
const VERSION: u16 = 1;
/// Bytes of the checksum.
const CHECKSUM: usize = 8;
/// What stands in place of the age of a peer that was never heard.
const NEVER: u32 = u32::MAX;

/// Peers that a snapshot holds at most. A reader takes no more than so many from one, either.
pub(crate) const MOST_SAVED: usize = 1_000;

const HAS_V4: u8 = 1;
const HAS_V6: u8 = 2;
const HAS_LAN: u8 = 4;
const NEW_STYLE: u8 = 8;

/// Why a snapshot of peers could not be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PeersError {
    /// The bytes are no snapshot, neither ours nor the reference's.
    #[error("this is no snapshot of peers: give a file that a node wrote")]
    NotASnapshot,
    /// A snapshot of ours in a version that this program does not read.
    #[error("the snapshot is of version {found}, this program reads version {VERSION}: use the program that wrote it")]
    Version {
        /// The version in the snapshot.
        found: u16,
    },
    /// The snapshot was cut short or changed since it was written. Nothing of it was taken.
    #[error("the snapshot was damaged after it was written: its checksum does not fit, or it ends early")]
    Damaged,
    /// The reference's snapshots have no checksum; this one cannot be read to its end. What stood before that was taken.
    #[error("the snapshot of addresses cannot be read beyond byte {offset}, where {loaded} were taken from it")]
    Partial {
        /// How many addresses were taken.
        loaded: usize,
        /// Where reading stopped.
        offset: usize,
    },
    /// Called from inside a handler of the node.
    #[error("peers cannot be loaded while a handler of the node runs: load them from outside, or from a task")]
    Reentrant,
}

/// One peer of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SavedPeer {
    pub(crate) key: PublicKey,
    pub(crate) addresses: Addresses,
    pub(crate) new_style: bool,
    /// When it was heard last, as time since 1970.
    pub(crate) heard: Option<Duration>,
    pub(crate) services: SmallVec<[CommunityId; 1]>,
}

impl SavedPeer {
    pub(crate) fn mid(&self) -> Mid {
        self.key.mid()
    }
}

/// Whether bytes claim to be a snapshot of ours.
pub(crate) fn is_ours(bytes: &[u8]) -> bool {
    bytes.first() == MAGIC.first()
}

/// Writes peers, [`MOST_SAVED`] of them at most, at a time since 1970.
pub(crate) fn write<'a>(peers: impl IntoIterator<Item = &'a SavedPeer>, now: Duration) -> Vec<u8> {
    let keys = peers.into_iter().filter_map(|peer| Some((u16::try_from(peer.key.as_bytes().len()).ok()?, peer)));
    let mut out = Writer::new();
    let mut count: u32 = 0;
    for (size, peer) in keys.take(MOST_SAVED) {
        write_peer(&mut out, size, peer, now);
        count += 1;
    }
    let mut whole = Writer::new();
    whole.put(MAGIC);
    whole.u16(VERSION);
    whole.u64(now.as_secs());
    whole.u32(count);
    whole.put(out.as_slice());
    let checksum = Sha256::digest(whole.as_slice());
    whole.put(checksum.get(..CHECKSUM).unwrap_or_default());
    whole.into_vec()
}

fn write_peer(out: &mut Writer, key_size: u16, peer: &SavedPeer, now: Duration) {
    let SavedPeer { key, addresses, new_style, heard, services } = peer;
    out.u16(key_size);
    out.put(key.as_bytes());
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    out.u8(flag(addresses.v4.is_some(), HAS_V4)
        | flag(addresses.v6.is_some(), HAS_V6)
        | flag(addresses.lan.is_some(), HAS_LAN)
        | flag(*new_style, NEW_STYLE));
    let put_v4 = |out: &mut Writer, address: &SocketAddrV4| {
        out.put(&address.ip().octets());
        out.u16(address.port());
    };
    if let Some(v4) = &addresses.v4 {
        put_v4(out, v4);
    }
    if let Some(v6) = &addresses.v6 {
        out.put(&v6.ip().octets());
        out.u16(v6.port());
    }
    if let Some(lan) = &addresses.lan {
        put_v4(out, lan);
    }
    let age = |heard: &Duration| u32::try_from(now.saturating_sub(*heard).as_secs()).unwrap_or(NEVER - 1);
    out.u32(heard.as_ref().map_or(NEVER, age));
    // One byte counts them.
    let services_count = u8::try_from(services.len()).unwrap_or(u8::MAX);
    out.u8(services_count);
    for service in services.iter().take(services_count.into()) {
        out.put(&service.0);
    }
}

/// Reads a snapshot of ours. Peers whose keys this program cannot read are left out.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<SavedPeer>, PeersError> {
    let mut header = Reader::new(bytes);
    let damaged = |_: ReadError| PeersError::Damaged;
    if header.take_array::<8>().map_err(damaged)? != *MAGIC {
        return Err(PeersError::NotASnapshot);
    }
    let found = header.u16().map_err(damaged)?;
    if found != VERSION {
        return Err(PeersError::Version { found });
    }
    let content = bytes.len().checked_sub(CHECKSUM).and_then(|end| bytes.split_at_checked(end));
    let (content, checksum) = content.ok_or(PeersError::Damaged)?;
    if Sha256::digest(content).get(..CHECKSUM) != Some(checksum) {
        return Err(PeersError::Damaged);
    }
    // With its checksum right, what does not read was written by a program that did not know how.
    let mut r = Reader::new(content);
    r.take(header.offset()).map_err(damaged)?;
    let written = Duration::from_secs(r.u64().map_err(damaged)?);
    let count = r.u32().map_err(damaged)?;
    let mut peers = Vec::new();
    for _ in 0..count {
        let peer = read_peer(&mut r, written).map_err(damaged)?.ok_or(PeersError::Damaged)?;
        match peer {
            Ok(peer) if peers.len() < MOST_SAVED => peers.push(peer),
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "a saved peer has a key that this program cannot read"),
        }
    }
    r.finish().map_err(damaged)?;
    Ok(peers)
}

type OrBadKey = Result<SavedPeer, ipv8_crypto::KeyError>;

/// Reads one peer; `None` if a flag is set that has no meaning.
fn read_peer(r: &mut Reader<'_>, written: Duration) -> Result<Option<OrBadKey>, ReadError> {
    let size = usize::from(r.u16()?);
    let key = PublicKey::from_bytes(r.take(size)?);
    let flags = r.u8()?;
    if flags & !(HAS_V4 | HAS_V6 | HAS_LAN | NEW_STYLE) != 0 {
        return Ok(None);
    }
    let take_v4 = |r: &mut Reader<'_>| Ok(SocketAddrV4::new(r.take_array::<4>()?.into(), r.u16()?));
    let mut addresses = Addresses::default();
    if flags & HAS_V4 != 0 {
        addresses.v4 = Some(take_v4(r)?);
    }
    if flags & HAS_V6 != 0 {
        addresses.v6 = Some(SocketAddrV6::new(r.take_array::<16>()?.into(), r.u16()?, 0, 0));
    }
    if flags & HAS_LAN != 0 {
        addresses.lan = Some(take_v4(r)?);
    }
    let age = r.u32()?;
    let heard = (age != NEVER).then(|| written.saturating_sub(Duration::from_secs(age.into())));
    let mut services = SmallVec::new();
    for _ in 0..r.u8()? {
        services.push(CommunityId(r.take_array()?));
    }
    let new_style = flags & NEW_STYLE != 0;
    Ok(Some(key.map(|key| SavedPeer { key, addresses, new_style, heard, services })))
}

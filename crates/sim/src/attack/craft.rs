//! Packets, made as nodes make them (protocol section 1), without a node.

use ipv8_crypto::{PrivateKey, PublicKey};
use ipv8_wire::{CommunityId, Outgoing, PREFIX_LEN, Payload, Prefix, Reader, Writer};

/// A signed message of a community, as a node would send it; none if it cannot be written or signed.
#[must_use]
pub fn signed<M: Outgoing>(community: CommunityId, key: &PrivateKey, global_time: u64, message: &M) -> Option<Vec<u8>> {
    let mut packet = head(community, M::ID, key.public().as_bytes(), M::GLOBAL_TIME.then_some(global_time));
    message.write_fields(&mut packet).ok()?;
    sign(key, packet.into_vec())
}

/// The same with a payload of bytes.
pub(super) fn signed_bytes(
    community: CommunityId,
    key: &PrivateKey,
    id: u8,
    global_time: Option<u64>,
    payload: &[u8],
) -> Option<Vec<u8>> {
    let mut packet = head(community, id, key.public().as_bytes(), global_time);
    packet.put(payload);
    sign(key, packet.into_vec())
}

fn sign(key: &PrivateKey, mut packet: Vec<u8>) -> Option<Vec<u8>> {
    let signature = key.sign(&packet).ok()?;
    packet.extend_from_slice(signature.as_ref());
    Some(packet)
}

/// Everything up to the payload.
pub(super) fn head(community: CommunityId, id: u8, key: &[u8], global_time: Option<u64>) -> Writer {
    let mut w = Writer::with_capacity(256);
    w.put(Prefix::new(community).as_bytes());
    w.u8(id);
    w.u16(u16::try_from(key.len()).unwrap_or(u16::MAX));
    w.put(key);
    if let Some(global_time) = global_time {
        w.u64(global_time);
    }
    w
}

/// The payload of a signed message with a global time, if a datagram is one of this id; the signature is not looked at.
pub(super) fn read<M: for<'a> Payload<'a>>(datagram: &[u8], id: u8) -> Option<M> {
    let mut r = Reader::new(datagram.get(PREFIX_LEN..)?);
    if r.u8().ok()? != id {
        return None;
    }
    let length = usize::from(r.u16().ok()?);
    let key = PublicKey::from_bytes(r.take(length).ok()?).ok()?;
    r.u64().ok()?;
    let rest = r.remaining();
    let payload = rest.get(..rest.len().checked_sub(key.signature_len())?)?;
    M::read_fields(&mut Reader::new(payload)).ok()
}

//! Beacons: how peers in one LAN notice each other without a tracker (`protocol.md` section 5, "Bootstrap").

use ipv8_wire::{CommunityId, PREFIX_LEN, Prefix};

/// Two zero bytes, so that it is no packet of any community, then a name and its end.
const START: [u8; 7] = *b"\0\0IPv8\0";

/// Length of a beacon in bytes.
pub const BEACON_LEN: usize = START.len() + PREFIX_LEN;

/// The datagram that says to a LAN: somebody of this community is here.
#[must_use]
pub fn beacon(community: CommunityId) -> [u8; BEACON_LEN] {
    let mut bytes = [0; BEACON_LEN];
    let [zero, zero_too, i, p, v, eight, end, prefix @ ..] = &mut bytes;
    [*zero, *zero_too, *i, *p, *v, *eight, *end] = START;
    *prefix = *Prefix::new(community).as_bytes();
    bytes
}

/// The community that a beacon is for; `None` if the datagram is no beacon.
#[must_use]
pub fn beacon_community(datagram: &[u8]) -> Option<CommunityId> {
    let prefix = datagram.strip_prefix(&START)?;
    let community = CommunityId(prefix.get(2..)?.try_into().ok()?);
    (prefix == Prefix::new(community).as_bytes()).then_some(community)
}

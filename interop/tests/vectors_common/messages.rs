//! The messages of the vectors: how each is made of its named fields.

use std::{collections::BTreeMap, fmt::Debug};

use ipv8_core::messages::{
    Flags, IntroductionRequest, IntroductionResponse, NewIntroductionRequest, NewIntroductionResponse, NewPuncture,
    NewPunctureRequest, Puncture, PunctureRequest,
};
use ipv8_crypto::PublicKey;
use ipv8_dht::messages::{
    ConnectPeerRequest, ConnectPeerResponse, FindRequest, FindResponse, Node, PingRequest, PingResponse,
    StorePeerRequest, StorePeerResponse, StoreRequest, StoreResponse,
};
use ipv8_discovery::messages::{DiscoveryIntroductionRequest, Ping, Pong, SimilarityRequest, SimilarityResponse};
use ipv8_wire::{CommunityId, Message, Outgoing, Payload};
use serde_json::{Value, json};

use crate::vectors_common::{Fields, address, bytes, twenty};

/// A flag byte that carries a connection type in its two highest bits.
const CONNECTION_TYPES: [(&str, u8); 4] = [("unknown", 0), ("public", 0x80), ("symmetric-NAT", 0xc0), ("N/A", 0x40)];

/// A message that can be made of the fields of a vector.
pub(crate) trait Vector: Message + Outgoing + for<'a> Payload<'a> + PartialEq + Debug {
    /// The names of the flags, with their bits.
    const FLAGS: &'static [(&'static str, u8)] = &[];
    /// Whether the two highest bits of the flags are a connection type.
    const CONNECTION_TYPE: bool = false;

    fn of(fields: &Fields<'_>) -> Self;

    fn flags(&mut self) -> Option<&mut Flags> {
        None
    }
}

/// The flag byte that the writer makes of named flags.
fn written<M: Vector>(fields: &Fields<'_>) -> Flags {
    let mut byte = 0;
    for (name, bit) in M::FLAGS {
        if fields.get(name).as_bool().unwrap() {
            byte |= bit;
        }
    }
    if M::CONNECTION_TYPE {
        let name = fields.get("connection_type").as_str().unwrap();
        // The writer knows no bits for the type that it reads as `N/A`.
        byte |= CONNECTION_TYPES.iter().find(|(known, _)| *known == name && name != "N/A").map_or(0, |(_, bits)| *bits);
    }
    Flags(byte)
}

/// The named flags that the reference reads from a flag byte.
pub(crate) fn read<M: Vector>(flags: Flags) -> BTreeMap<String, Value> {
    let inverted = |name: &str| <M as Message>::ID == 246 && name == "advice";
    let mut named: BTreeMap<_, _> =
        M::FLAGS.iter().map(|(name, bit)| ((*name).to_owned(), json!(flags.has(*bit) != inverted(name)))).collect();
    if M::CONNECTION_TYPE {
        let (name, _) = CONNECTION_TYPES.iter().find(|(_, bits)| *bits == flags.0 & 0xc0).unwrap();
        named.insert("connection_type".to_owned(), json!(name));
    }
    named
}

/// The message that the writer makes of these fields; all of them must be used.
pub(crate) fn made_of<M: Vector>(fields: &Value) -> M {
    let fields = Fields::new(fields);
    let message = M::of(&fields);
    fields.finish();
    message
}

fn communities(list: &[Value]) -> Vec<CommunityId> {
    list.iter().map(|id| CommunityId(twenty(id))).collect()
}

fn values(list: &[Value]) -> Vec<Vec<u8>> {
    list.iter().map(bytes).collect()
}

fn nodes(list: &[Value]) -> Vec<Node> {
    list.iter()
        .map(|node| Node {
            address: address(&node["address"]),
            key: PublicKey::from_bytes(&bytes(&node["public_key"])).unwrap(),
        })
        .collect()
}

macro_rules! flagged {
    () => {
        fn flags(&mut self) -> Option<&mut Flags> {
            Some(&mut self.flags)
        }
    };
}

impl Vector for IntroductionRequest {
    const FLAGS: &'static [(&'static str, u8)] = &[("advice", 0x01), ("supports_new_style", 0x20)];
    const CONNECTION_TYPE: bool = true;
    flagged!();

    fn of(f: &Fields<'_>) -> Self {
        Self {
            destination_address: f.v4("destination_address"),
            source_lan_address: f.v4("source_lan_address"),
            source_wan_address: f.v4("source_wan_address"),
            flags: written::<Self>(f),
            identifier: f.identifier16(),
            extra_bytes: f.bytes("extra_bytes"),
        }
    }
}

impl Vector for DiscoveryIntroductionRequest {
    const FLAGS: &'static [(&'static str, u8)] = IntroductionRequest::FLAGS;
    const CONNECTION_TYPE: bool = true;

    fn flags(&mut self) -> Option<&mut Flags> {
        Some(&mut self.request.flags)
    }

    fn of(f: &Fields<'_>) -> Self {
        // Read, it is a list of one.
        let introduce_to = f.find("introduce_to").map(|mid| twenty(mid.get(0).unwrap_or(mid)));
        Self { introduce_to, request: IntroductionRequest::of(f) }
    }
}

impl Vector for IntroductionResponse {
    const FLAGS: &'static [(&'static str, u8)] =
        &[("supports_new_style", 0x10), ("intro_supports_new_style", 0x08), ("peer_limit_reached", 0x04)];
    const CONNECTION_TYPE: bool = true;
    flagged!();

    fn of(f: &Fields<'_>) -> Self {
        Self {
            destination_address: f.v4("destination_address"),
            source_lan_address: f.v4("source_lan_address"),
            source_wan_address: f.v4("source_wan_address"),
            lan_introduction_address: f.v4("lan_introduction_address"),
            wan_introduction_address: f.v4("wan_introduction_address"),
            flags: written::<Self>(f),
            identifier: f.identifier16(),
            extra_bytes: f.bytes("extra_bytes"),
        }
    }
}

impl Vector for NewIntroductionRequest {
    const FLAGS: &'static [(&'static str, u8)] = &[
        ("connection_type_0", 0x80),
        ("connection_type_1", 0x40),
        ("supports_new_style", 0x20),
        ("dflag1", 0x10),
        ("dflag2", 0x08),
        ("tunnel", 0x04),
        ("sync", 0x02),
        ("advice", 0x01),
    ];
    flagged!();

    fn of(f: &Fields<'_>) -> Self {
        Self {
            destination_address: f.address("destination_address"),
            source_lan_address: f.address("source_lan_address"),
            source_wan_address: f.address("source_wan_address"),
            identifier: f.identifier16(),
            flags: written::<Self>(f),
            extra_bytes: f.bytes("extra_bytes"),
        }
    }
}

impl Vector for NewIntroductionResponse {
    const FLAGS: &'static [(&'static str, u8)] = &[
        ("intro_supports_new_style", 0x80),
        ("flag1", 0x40),
        ("flag2", 0x20),
        ("flag3", 0x10),
        ("flag4", 0x08),
        ("flag5", 0x04),
        ("flag6", 0x02),
        ("flag7", 0x01),
    ];
    flagged!();

    fn of(f: &Fields<'_>) -> Self {
        Self {
            destination_address: f.address("destination_address"),
            source_lan_address: f.address("source_lan_address"),
            source_wan_address: f.address("source_wan_address"),
            lan_introduction_address: f.address("lan_introduction_address"),
            wan_introduction_address: f.address("wan_introduction_address"),
            identifier: f.identifier16(),
            flags: written::<Self>(f),
            extra_bytes: f.bytes("extra_bytes"),
        }
    }
}

impl Vector for SimilarityRequest {
    const CONNECTION_TYPE: bool = true;
    flagged!();

    fn of(f: &Fields<'_>) -> Self {
        Self {
            identifier: f.identifier16(),
            lan_address: f.v4("lan_address"),
            wan_address: f.v4("wan_address"),
            flags: written::<Self>(f),
            preference_list: communities(f.list("preference_list")),
        }
    }
}

/// Messages without flags.
macro_rules! vectors {
    ($($message:ident |$f:ident| { $($field:ident: $value:expr),* $(,)? })*) => { $(
        impl Vector for $message {
            fn of($f: &Fields<'_>) -> Self {
                Self { $($field: $value),* }
            }
        }
    )* };
}

vectors! {
    PunctureRequest |f| {
        lan_walker_address: f.v4("lan_walker_address"),
        wan_walker_address: f.v4("wan_walker_address"),
        identifier: f.identifier16(),
    }
    Puncture |f| {
        source_lan_address: f.v4("source_lan_address"),
        source_wan_address: f.v4("source_wan_address"),
        identifier: f.identifier16(),
    }
    NewPunctureRequest |f| {
        lan_walker_address: f.address("lan_walker_address"),
        wan_walker_address: f.address("wan_walker_address"),
        identifier: f.identifier16(),
    }
    NewPuncture |f| {
        source_lan_address: f.address("source_lan_address"),
        source_wan_address: f.address("source_wan_address"),
        identifier: f.identifier16(),
    }
    SimilarityResponse |f| {
        identifier: f.identifier16(),
        preference_list: communities(f.list("preference_list")),
        tb_overlap: f
            .list("tb_overlap")
            .iter()
            .map(|pair| (CommunityId(twenty(&pair[0])), u32::try_from(pair[1].as_u64().unwrap()).unwrap()))
            .collect(),
    }
    Ping |f| { identifier: f.identifier16() }
    Pong |f| { identifier: f.identifier16() }
    PingRequest |f| { identifier: f.identifier32() }
    PingResponse |f| { identifier: f.identifier32() }
    StoreRequest |f| {
        identifier: f.identifier32(),
        token: f.twenty("token"),
        target: f.twenty("target"),
        values: values(f.list("values")),
    }
    StoreResponse |f| { identifier: f.identifier32() }
    FindRequest |f| {
        identifier: f.identifier32(),
        lan_address: f.address("lan_address"),
        target: f.twenty("target"),
        offset: u32::try_from(f.number("offset")).unwrap(),
        force_nodes: f.get("force_nodes").as_bool().unwrap(),
    }
    FindResponse |f| {
        identifier: f.identifier32(),
        token: f.twenty("token"),
        values: values(f.list("values")),
        nodes: nodes(f.list("nodes")),
    }
    StorePeerRequest |f| { identifier: f.identifier32(), token: f.twenty("token"), target: f.twenty("target") }
    StorePeerResponse |f| { identifier: f.identifier32() }
    ConnectPeerRequest |f| {
        identifier: f.identifier32(),
        lan_address: f.address("lan_address"),
        target: f.twenty("target"),
    }
    ConnectPeerResponse |f| { identifier: f.identifier32(), nodes: nodes(f.list("nodes")) }
}

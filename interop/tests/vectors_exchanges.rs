//! A node in a given state answers packets as the reference does: the same packets, in the same order, byte for byte, and
//! the same state afterwards. Those of the BaseCommunity and the DiscoveryCommunity; `vectors_dht_exchanges.rs` has the others.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

mod vectors_common;

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use ipv8_core::{
    Community, Context, Handle, Interfaces, MaxPeers, Network, Node, OverlayConfig, PeerRecord, Routes, Time,
    network::Addresses,
};
use ipv8_crypto::{Mid, PrivateKey};
use ipv8_discovery::{
    DISCOVERY_COMMUNITY, DiscoveryCommunity,
    messages::{Ping, SimilarityRequest},
};
use ipv8_wire::{CommunityId, Outgoing, community_id};
use serde_json::Value;
use vectors_common::{address, bytes, key, list, load, number, text};

/// The bare community of the vectors.
struct Base;

impl Community for Base {
    const ID: CommunityId = community_id!("40bac57f35925c5badce419334af8d5b02bf2665");

    fn routes(_: &mut Routes<Self>) {}
}

/// An overlay in the state that an entry gives. A handle of either type reaches the same node.
struct Overlay {
    node: Node,
    base: Option<Handle<Base>>,
    discovery: Option<Handle<DiscoveryCommunity>>,
}

impl Overlay {
    fn new(file: &Value, entry: &Value) -> Self {
        let state = &entry["state"];
        // The responses among the vectors answer requests that are not: the reference takes them all the same.
        let node = vectors_common::trusting_node(key(file, text(state, "me")));
        // The reference's endpoint was a mock that had no interfaces to name, but the machine had addresses.
        node.set_interfaces(Interfaces {
            lan: Some(address(&state["lan"])),
            v4: None,
            v6: None,
            machine: vec!["192.168.1.20".parse().unwrap(), "192.168.1.77".parse().unwrap()],
        });
        let max_peers = match state.get("max_peers").map(|most| most.as_i64().unwrap()) {
            None => MaxPeers::default(),
            Some(most) => usize::try_from(most).map_or(MaxPeers::Unlimited, MaxPeers::Limit),
        };
        let (mut base, mut discovery) = (None, None);
        match text(entry, "community") {
            "BaseCommunity" => base = Some(node.load(OverlayConfig::new(Base).max_peers(max_peers)).unwrap()),
            "DiscoveryCommunity" => {
                let config = OverlayConfig::new(DiscoveryCommunity::default()).max_peers(max_peers);
                discovery = Some(node.load(config).unwrap());
            }
            other => panic!("no community {other}"),
        }
        let overlay = Self { node, base, discovery };
        overlay.load_others(state);
        overlay.with(|cx| {
            assert_eq!(cx.community_id(), vectors_common::community_id(entry));
            cx.set_wan(address(&state["wan"]));
            cx.set_global_time(number(state, "global_time"));
            for known in state.get("verified_peers").and_then(Value::as_array).into_iter().flatten() {
                add_peer(cx, file, known);
            }
        });
        overlay
    }

    /// Loads what the node runs besides.
    fn load_others(&self, state: &Value) {
        let Some(all) = state.get("service_overlays") else { return };
        let all: Vec<CommunityId> =
            all.as_array().unwrap().iter().map(|id| id.as_str().unwrap().parse().unwrap()).collect();
        let (first, others) = all.split_first().unwrap();
        assert_eq!(*first, DISCOVERY_COMMUNITY, "loaded in this order");
        for id in others {
            self.node.load(OverlayConfig::new(Base).id(*id)).unwrap();
        }
    }

    fn with<R>(&self, run: impl FnOnce(&mut Context<'_>) -> R) -> R {
        match (&self.base, &self.discovery) {
            (Some(base), _) => base.with(|_, cx| run(cx)).unwrap(),
            (_, Some(discovery)) => discovery.with(|_, cx| run(cx)).unwrap(),
            _ => panic!("nothing loaded"),
        }
    }

    /// Packets to send, as texts that are compared: to whom, and the bytes.
    fn sent(&self) -> Vec<(SocketAddr, String)> {
        self.node.poll(Time::ZERO);
        let mut sent = Vec::new();
        self.node.drain_transmits(&mut sent);
        sent.into_iter().map(|packet| (packet.to, hex::encode(packet.bytes))).collect()
    }
}

fn add_peer(cx: &mut Context<'_>, file: &Value, known: &Value) {
    let key = key(file, text(known, "peer"));
    let mut addresses = Addresses::default();
    addresses.set(address(&known["address"]));
    if let Some(SocketAddr::V4(lan)) = known.get("lan").map(address) {
        addresses.lan = Some(lan);
    }
    let mut record = PeerRecord::new(key.public().clone(), addresses, cx.now());
    record.set_new_style(known.get("new_style").is_some_and(|new_style| new_style == true));
    let service = cx.community_id();
    assert!(cx.network_mut().add_verified(&record));
    cx.network_mut().discover_services(&key.mid(), &[service]);
}

fn mid_set(list: &[Value]) -> BTreeSet<String> {
    list.iter().map(|mid| mid.as_str().unwrap().to_owned()).collect()
}

fn address_set(list: &[Value]) -> BTreeSet<SocketAddr> {
    list.iter().map(address).collect()
}

fn hex_of(mid: Mid) -> String {
    hex::encode(mid.as_bytes())
}

/// Compares every part of the state that the entry tells.
fn check_after(name: &str, cx: &Context<'_>, after: &Value) {
    let network: &Network = cx.network();
    let mut parts: BTreeSet<&str> = after.as_object().unwrap().keys().map(String::as_str).collect();
    let mut part = |part: &'static str| {
        assert!(parts.remove(part), "{name}: no {part}");
        &after[part]
    };
    assert_eq!(Some(cx.global_time()), part("global_time").as_u64(), "{name}: global time");
    assert_eq!(cx.wan(), address(part("wan")), "{name}: WAN address");
    let verified: BTreeSet<String> = network.peers().map(|record| hex_of(record.mid())).collect();
    assert_eq!(verified, mid_set(part("verified_peers").as_array().unwrap()), "{name}: verified peers");
    let (addresses, services) = (part("peer_addresses"), part("services"));
    assert_eq!(addresses.as_object().unwrap().len(), verified.len(), "{name}");
    assert_eq!(services.as_object().unwrap().len(), verified.len(), "{name}");
    for record in network.peers() {
        let mid = hex_of(record.mid());
        let known: BTreeSet<SocketAddr> = record.addresses().iter().collect();
        assert_eq!(known, address_set(list(addresses, &mid)), "{name}: addresses of {mid}");
        let serves: BTreeSet<String> = record.services().iter().map(ToString::to_string).collect();
        assert_eq!(serves, mid_set(list(services, &mid)), "{name}: services of {mid}");
    }
    let new_style: BTreeSet<String> =
        network.peers().filter(|record| record.new_style()).map(|record| hex_of(record.mid())).collect();
    assert_eq!(new_style, mid_set(part("new_style_peers").as_array().unwrap()), "{name}: new style peers");
    let walkable: BTreeSet<SocketAddr> = cx.walkable().into_iter().collect();
    assert_eq!(walkable, address_set(part("walkable").as_array().unwrap()), "{name}: walkable");
    let known_new_style: BTreeSet<SocketAddr> =
        network.known_addresses().filter(|address| network.is_new_style(*address)).collect();
    assert_eq!(known_new_style, address_set(part("known_new_style").as_array().unwrap()), "{name}: known new style");
    assert_eq!(parts, BTreeSet::new(), "{name}: parts of the state that were not looked at");
}

#[test]
fn packets_are_answered_as_by_the_reference() {
    let file = load("exchanges.json");
    let (mut base, mut discovery, mut answers) = (0, 0, 0);
    for entry in list(&file, "scenarios") {
        match text(entry, "community") {
            "BaseCommunity" => base += 1,
            "DiscoveryCommunity" => discovery += 1,
            "DHTDiscoveryCommunity" => continue,
            other => panic!("no community {other}"),
        }
        let name = text(entry, "name");
        let overlay = Overlay::new(&file, entry);
        let incoming: Vec<(SocketAddr, Vec<u8>)> =
            list(entry, "incoming").iter().map(|packet| (address(&packet["from"]), bytes(&packet["hex"]))).collect();
        overlay.node.handle(Time::ZERO, incoming.iter().map(|(from, packet)| (*from, packet.as_slice())));
        let expected: Vec<(SocketAddr, String)> = list(entry, "outgoing")
            .iter()
            .map(|packet| (address(&packet["to"]), text(packet, "hex").to_owned()))
            .collect();
        assert_eq!(overlay.sent(), expected, "{name}");
        answers += expected.len();
        overlay.with(|cx| check_after(name, cx, &entry["after"]));
    }
    assert_eq!((base, discovery), (27, 11));
    assert_eq!(answers, 36, "packets compared");
}

/// The addresses with which the reference's methods were called.
const THERE: &str = "98.135.50.199:59562";
const THERE_IPV6: &str = "[2001:c5b4:9ff0:b7eb:252d:e2ea:e033:3750]:45120";
const THEIR_LAN: &str = "192.168.7.7:7777";
const NOWHERE: &str = "0.0.0.0:0";

/// Has somebody send a message to the discovery community and returns what it sends back.
fn reply_to(overlay: &Overlay, sender: &PrivateKey, question: &impl Outgoing) -> Vec<u8> {
    let there = THERE.parse().unwrap();
    let packet = overlay.with(|cx| cx.pack_as(cx.community_id(), sender, Some(1), question)).unwrap();
    overlay.node.handle(Time::ZERO + Duration::from_secs(1), [(there, packet.as_slice())]);
    only_packet(overlay, there)
}

fn only_packet(overlay: &Overlay, to: SocketAddr) -> Vec<u8> {
    let sent = overlay.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].0, to);
    hex::decode(&sent[0].1).unwrap()
}

/// Makes the packet that an entry names.
fn create(file: &Value, entry: &Value, what: &str, overlay: &Overlay) -> Vec<u8> {
    let at = |address: &str| -> SocketAddr { address.parse().unwrap() };
    let made = overlay.with(|cx| match what {
        "introduction request" => Some(cx.introduction_request(at(THERE), false)),
        "introduction request, extra bytes" => {
            cx.set_introduction_extra(b"extra".to_vec(), Vec::new());
            Some(cx.introduction_request(at(THERE), false))
        }
        "introduction request, new style" => Some(cx.introduction_request(at(THERE), true)),
        "introduction request to IPv6: new style" => Some(cx.introduction_request(at(THERE_IPV6), false)),
        "introduction request, other prefix" => {
            let other = CommunityId(bytes(&entry["hex"])[2..22].try_into().unwrap());
            assert_ne!(other, cx.community_id());
            Some(cx.introduction_request_for(other, at(THERE), false))
        }
        "puncture" => Some(cx.puncture(at(THERE), 17, false)),
        "puncture, new style" => Some(cx.puncture(at(THERE_IPV6), 17, true)),
        "puncture request" => Some(cx.puncture_request(at(THEIR_LAN), at(THERE), 17, false)),
        "puncture request, new style" => Some(cx.puncture_request(at(THEIR_LAN), at(THERE), 17, true)),
        "puncture request, IPv6: new style" => Some(cx.puncture_request(at(NOWHERE), at(THERE_IPV6), 17, false)),
        "puncture request, address without a family: new style" => {
            Some(cx.puncture_request(at(NOWHERE), at(THERE), 17, false))
        }
        _ => None,
    });
    if let Some(made) = made {
        return made.unwrap();
    }
    let bob = key(file, "bob");
    match what {
        "similarity request" => {
            let discovery = overlay.discovery.as_ref().unwrap();
            discovery.with(|community, cx| community.ask_similarity(cx, at(THERE))).unwrap();
            only_packet(overlay, at(THERE))
        }
        "similarity response" => {
            let SocketAddr::V4(nowhere) = at(NOWHERE) else { panic!("is IPv4") };
            let question = SimilarityRequest {
                identifier: 5,
                lan_address: nowhere,
                wan_address: nowhere,
                flags: Default::default(),
                preference_list: Vec::new(),
            };
            reply_to(overlay, &bob, &question)
        }
        "pong" => reply_to(overlay, &bob, &Ping { identifier: 5 }),
        other => panic!("no way to make {other:?}"),
    }
}

#[test]
fn packets_are_made_as_by_the_reference() {
    let file = load("exchanges.json");
    let (mut kinds, mut checked) = (BTreeSet::new(), 0);
    for entry in list(&file, "created") {
        let name = text(entry, "name");
        let (what, _) = name.split_once(", global time ").unwrap();
        let overlay = Overlay::new(&file, entry);
        let packet = create(&file, entry, what, &overlay);
        assert_eq!(hex::encode(packet), text(entry, "hex"), "{name}");
        assert_eq!(Some(overlay.with(|cx| cx.global_time())), entry["global_time_after"].as_u64(), "{name}");
        kinds.insert(what);
        checked += 1;
    }
    assert_eq!((kinds.len(), checked), (14, 56), "{kinds:?}");
}

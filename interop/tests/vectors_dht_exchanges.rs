//! A node of the DHT in a given state answers packets as the reference does: the same packets, in the same order, byte for
//! byte, and the same values and nodes afterwards.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

mod vectors_common;

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use ipv8_core::{Context, Handle, Interfaces, Node, Peer, Time};
use ipv8_crypto::PublicKey;
use ipv8_dht::{
    DhtCommunity, DhtConfig, Family, NodeId,
    community::age_with,
    id::{Key, distance},
    routing::DhtNode,
    store::{Entry, Source},
    token::TokenSecrets,
};
use serde_json::Value;
use sha1::{Digest, Sha1};
use vectors_common::{address, bytes, key, list, load, number, text, twenty};

/// A node in the state that an entry gives.
fn overlay(file: &Value, entry: &Value) -> (Node, Handle<DhtCommunity>) {
    let state = &entry["state"];
    let node = vectors_common::trusting_node(key(file, text(state, "me")));
    node.set_interfaces(Interfaces {
        lan: Some(address(&state["lan"])),
        v4: None,
        v6: None,
        machine: vec!["192.168.1.20".parse().unwrap(), "192.168.1.77".parse().unwrap()],
    });
    let config = DhtConfig { maintenance: None, ..DhtConfig::default() };
    let handle = node.load(DhtCommunity::new(config).overlay().no_strategies()).unwrap();
    let result = handle.with(|dht, cx| {
        assert_eq!(cx.community_id(), vectors_common::community_id(entry));
        cx.set_wan(address(&state["wan"]));
        cx.set_global_time(number(state, "global_time"));
        prepare(dht, cx, state);
    });
    result.unwrap();
    (node, handle)
}

fn prepare(dht: &mut DhtCommunity, cx: &mut Context<'_>, state: &Value) {
    let secrets: Vec<[u8; 16]> =
        list(state, "token_secrets").iter().map(|secret| bytes(secret).try_into().unwrap()).collect();
    let [previous, current] = secrets[..] else { panic!("two secrets") };
    dht.set_token_secrets(TokenSecrets::known(Some(previous), current));
    for node in state.get("routing_table_ipv4").and_then(Value::as_array).into_iter().flatten() {
        let peer = Peer::new(PublicKey::from_bytes(&bytes(&node["public_key"])).unwrap(), address(&node["address"]));
        assert!(dht.add_node(cx, DhtNode::new(peer)).is_some());
    }
    if let Some(own) = state.get("my_node_id_ipv4") {
        assert_eq!(dht.own_id(cx, Family::V4), Some(NodeId(twenty(own))));
    }
    let now = cx.unix_time();
    for put in state.get("puts_ipv4").and_then(Value::as_array).into_iter().flatten() {
        let value = bytes(&put["value"]);
        let entry = Entry {
            key: twenty(&put["key"]),
            id: Sha1::digest(&value).into(),
            value,
            version: 0,
            max_age: Duration::from_secs(number(put, "max_age")),
            source: Source::Own,
        };
        dht.store_mut(Family::V4).put(entry, now);
    }
}

/// Returns how many peers are remembered for others.
fn check_after(name: &str, dht: &DhtCommunity, after: &Value) -> usize {
    for (family, text) in [(Family::V4, "ipv4"), (Family::V6, "ipv6")] {
        let mut kept: Vec<(Key, Value)> = Vec::new();
        dht.store(family).for_each(&mut |entry| {
            let told = serde_json::json!({
                "data": hex::encode(&entry.value),
                "id": hex::encode(entry.id),
                "max_age": entry.max_age.as_secs(),
                "version": entry.version,
            });
            kept.push((entry.key, told));
        });
        let expected: Vec<(Key, Value)> = after["storage"][text]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(key, values)| {
                let key: Key = hex::decode(key).unwrap().try_into().unwrap();
                values.as_array().unwrap().iter().map(move |value| (key, value.clone()))
            })
            .collect();
        assert_eq!(kept, expected, "{name}: values");
    }
    let known: BTreeSet<Key> =
        dht.table(Family::V4).into_iter().flat_map(|table| table.nodes()).map(|node| node.id().0).collect();
    let expected: BTreeSet<Key> = list(after, "routing_table").iter().map(twenty).collect();
    assert_eq!(known, expected, "{name}: nodes");
    assert!(dht.table(Family::V6).is_none());
    let stored: Vec<_> = dht.stored_peers().map(|peer| (peer.mid().0, peer.address())).collect();
    let expected: Vec<(Key, SocketAddr)> = after["stored_peers"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(mid, peers)| {
            let mid: Key = hex::decode(mid).unwrap().try_into().unwrap();
            peers.as_array().unwrap().iter().map(move |peer| (mid, address(&peer["address"])))
        })
        .collect();
    assert_eq!(stored, expected, "{name}: peers");
    stored.len()
}

/// Ping requests have a random identifier, and so another signature: only what comes before both is compared.
fn comparable(packet: &[u8]) -> &[u8] {
    const PREFIX: usize = 22;
    const KEY: usize = 1 + 2 + 74;
    if packet[PREFIX] == 1 { &packet[..PREFIX + KEY] } else { packet }
}

#[test]
fn packets_are_answered_as_by_the_reference() {
    let file = load("exchanges.json");
    let (mut matched, mut stored, mut answers) = (0, 0, 0);
    for entry in list(&file, "scenarios") {
        let name = text(entry, "name");
        if text(entry, "community") != "DHTDiscoveryCommunity" {
            continue;
        }
        let (node, handle) = overlay(&file, entry);
        let incoming: Vec<(SocketAddr, Vec<u8>)> =
            list(entry, "incoming").iter().map(|packet| (address(&packet["from"]), bytes(&packet["hex"]))).collect();
        node.handle(Time::ZERO, incoming.iter().map(|(from, packet)| (*from, packet.as_slice())));
        node.poll(Time::ZERO);
        let mut sent = Vec::new();
        node.drain_transmits(&mut sent);
        let sent: Vec<_> = sent.iter().map(|packet| (packet.to, hex::encode(comparable(&packet.bytes)))).collect();
        let expected: Vec<_> = list(entry, "outgoing")
            .iter()
            .map(|packet| (address(&packet["to"]), hex::encode(comparable(&bytes(&packet["hex"])))))
            .collect();
        assert_eq!(sent, expected, "{name}");
        answers += sent.len();
        stored += handle.with(|dht, _| check_after(name, dht, &entry["after"])).unwrap();
        matched += 1;
    }
    assert_eq!((matched, stored), (31, 2));
    assert!(answers > 25, "{answers}");
}

#[test]
fn the_more_nodes_are_closer_the_sooner_values_are_forgotten() {
    let file = load("dht.json");
    for entry in list(&file, "max_age") {
        let closer = usize::try_from(number(entry, "closer_nodes")).unwrap();
        assert_eq!(age_with(closer).as_secs(), number(entry, "max_age"), "{closer} closer nodes");
    }
    assert_eq!(list(&file, "max_age").len(), 21);
}

#[test]
fn searches_ask_whom_the_reference_asks() {
    use ipv8_dht::crawl::{Answer, Contact, Crawl};
    let file = load("dht.json");
    let mut steps = 0;
    let crawls = list(&file, "crawls");
    let nodes: Vec<Contact> = crawls
        .iter()
        .find_map(|entry| entry["nodes"].as_array())
        .unwrap()
        .iter()
        .map(|node| {
            let key = PublicKey::from_bytes(&bytes(&node["public_key"])).unwrap();
            let contact = Contact::new(Peer::new(key, address(&node["address"])));
            assert_eq!(contact.id.0, twenty(&node["id"]));
            contact
        })
        .collect();
    let place = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
    let place_of = |node: &Contact| nodes.iter().position(|other| other.peer == node.peer).unwrap();
    for entry in crawls.iter().filter(|entry| entry.get("steps").is_some()) {
        let (name, target) = (text(entry, "name"), twenty(&entry["target"]));
        let mut table = ipv8_dht::routing::RoutingTable::new(NodeId(twenty(&entry["my_node_id"])));
        for node in list(entry, "routing_table") {
            table.add(DhtNode::new(nodes[place(node)].peer.clone()), Time::ZERO);
        }
        let mut crawl = Crawl::new(target, table.closest(&target, 8, None, Time::ZERO).into_iter().map(Contact::from));
        for step in list(entry, "steps") {
            match text(step, "op") {
                "start" => {}
                "contact" => assert!(crawl.take(|_| true).is_some(), "{name}"),
                "response" => {
                    let response = &step["response"];
                    let answer = match response.get("values") {
                        Some(values) => Answer::Values(values.as_array().unwrap().iter().map(bytes).collect()),
                        None => Answer::Nodes(
                            list(response, "nodes").iter().map(|node| Some(nodes[place(node)].clone())).collect(),
                        ),
                    };
                    crawl.answered(nodes[place(&step["sender"])].clone(), answer);
                }
                other => panic!("{name}: no step {other}"),
            }
            let todo: Vec<(usize, Option<usize>)> =
                crawl.todo().iter().map(|todo| (place_of(&todo.node), todo.puncture.as_ref().map(place_of))).collect();
            let expected: Vec<(usize, Option<usize>)> = list(step, "todo")
                .iter()
                .map(|todo| (place(&todo["contact"]), Some(&todo["puncture"]).filter(|by| !by.is_null()).map(place)))
                .collect();
            assert_eq!(todo, expected, "{name}: step {steps}");
            assert_eq!(crawl.is_done(), step["done"].as_bool().unwrap(), "{name}");
            let values: Vec<_> = crawl.values().into_iter().map(<[u8]>::to_vec).collect();
            assert_eq!(values, list(step, "values").iter().map(bytes).collect::<Vec<_>>(), "{name}");
            let candidate = Some(&step["cache_candidate"]).filter(|node| !node.is_null()).map(place);
            assert_eq!(crawl.cache_candidate().map(place_of), candidate, "{name}");
            let tried: Vec<_> = crawl.tried().into_iter().map(place_of).collect();
            assert_eq!(tried, list(step, "nodes").iter().map(place).collect::<Vec<_>>(), "{name}");
            assert!(tried.is_sorted_by_key(|place| distance(&nodes[*place].id.0, &target)));
            steps += 1;
        }
    }
    assert_eq!(steps, 51);
}

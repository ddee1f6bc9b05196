//! The parts of the DHT give what the reference's give: ids, distances, values, tokens, storage, routing, node status.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

mod vectors_common;

use std::{net::SocketAddr, time::Duration};

use ipv8_core::{Peer, Time};
use ipv8_crypto::{Mid, PublicKey};
use ipv8_dht::{
    id::{NodeId, distance},
    routing::{DhtNode, NodeStatus, RoutingTable},
    store::{Entry, MemoryStore, Source, Store, StoreLimits},
    token::TokenSecrets,
    value::{self, MAX_VALUE_LEN, Sign, Value as Stored, ValueError},
};
use serde_json::Value;
use sha1::{Digest, Sha1};
use vectors_common::{address, bytes, key, list, load, number, text, twenty};

fn public(value: &Value) -> PublicKey {
    PublicKey::from_bytes(&bytes(value)).unwrap()
}

/// A time of the vectors: seconds since 1970, with a fraction now and then. 0 is never.
fn moment(value: &Value) -> Option<Time> {
    let seconds = value.as_f64().unwrap();
    (seconds > 0.0).then(|| Time::from_duration(Duration::from_secs_f64(seconds)))
}

#[test]
fn ids_and_distances() {
    let file = load("dht.json");
    let mut left_out = 0;
    for entry in list(&file, "node_ids") {
        if text(entry, "mid").len() != 40 {
            left_out += 1;
            continue;
        }
        let nowhere = entry["address"].is_null();
        let ip = if nowhere { [0; 4].into() } else { address(&entry["address"]).ip() };
        let id = NodeId::new(ip, &Mid(twenty(&entry["mid"])));
        assert_eq!(id.0, twenty(&entry["hex"]), "{}", text(entry, "name"));
    }
    vectors_common::assert_listed_as_unmatched("dht.json", &format!("{left_out} node ids"));
    for entry in list(&file, "distances") {
        let (a, b) = (twenty(&entry["a"]), twenty(&entry["b"]));
        assert_eq!(distance(&a, &b).0, twenty(&entry["hex"]), "{}", text(entry, "name"));
    }
    assert_eq!((list(&file, "node_ids").len(), list(&file, "distances").len()), (60, 12));
}

#[test]
fn values_are_written_and_read() {
    let file = load("dht.json");
    for entry in list(&file, "values") {
        let (name, data, hex) = (text(entry, "name"), bytes(&entry["data"]), bytes(&entry["hex"]));
        let read = Stored::decode(&hex).unwrap();
        assert_eq!(read.data, data, "{name}");
        assert_eq!(hex.len() <= MAX_VALUE_LEN, entry["fits"] == true, "{name}");
        let Some(signer) = entry["signer"].as_str() else {
            assert_eq!((read.signer, value::encode_unsigned(&data)), (None, hex), "{name}");
            continue;
        };
        let (key, version) = (key(&file, signer), u32::try_from(number(entry, "version")).unwrap());
        assert_eq!((read.signer.as_ref(), read.version), (Some(key.public()), version), "{name}");
        let written = value::encode_signed(&data, version, &key).unwrap();
        if entry["roundtrip"] == true && signer.starts_with("ec-") {
            let signature = key.public().signature_len();
            assert_eq!(written[..written.len() - signature], hex[..hex.len() - signature], "{name}");
        } else {
            assert_eq!(written, hex, "{name}");
        }
        assert_eq!(Stored::decode(&written).unwrap(), read, "{name}");
    }
    assert_eq!(list(&file, "values").len(), 33);
    let (limits, alice) = (&file["value_limits"], key(&file, "alice"));
    assert_eq!(number(limits, "max_value_size"), MAX_VALUE_LEN as u64);
    assert_eq!(number(limits, "max_signed_data_curve25519"), value::max_data_len(Sign::Yes, alice.public()) as u64);
    assert_eq!(value::max_data_len(Sign::No, alice.public()), 169);
}

#[test]
fn odd_values_are_told_apart() {
    let file = load("dht.json");
    for entry in list(&file, "odd_values") {
        let name = text(entry, "name");
        match (text(entry, "outcome"), Stored::decode(&bytes(&entry["hex"]))) {
            ("value", Ok(read)) => {
                assert_eq!(read.data, bytes(&entry["data"]), "{name}");
                assert_eq!(u64::from(read.version), number(entry, "version"), "{name}");
                let signer = entry.get("public_key").filter(|key| !key.is_null()).map(bytes);
                assert_eq!(read.signer_bytes().map(<[u8]>::to_vec), signer, "{name}");
            }
            ("none", Err(ValueError::UnknownType(_) | ValueError::BadSignature))
            | ("error", Err(ValueError::Malformed)) => {}
            (outcome, read) => panic!("{name}: {outcome} expected, but read {read:?}"),
        }
    }
    for entry in list(&file, "lookups") {
        let values: Vec<_> = list(entry, "values").iter().map(bytes).collect();
        let selected = value::select(values.iter().map(Vec::as_slice));
        let results: Vec<_> =
            selected.iter().map(|value| (value.data.clone(), value.signer_bytes().map(<[u8]>::to_vec))).collect();
        let expected: Vec<_> = list(entry, "results")
            .iter()
            .map(|result| (bytes(&result["data"]), Some(&result["public_key"]).filter(|key| !key.is_null()).map(bytes)))
            .collect();
        assert_eq!(results, expected, "{}", text(entry, "name"));
    }
    assert_eq!((list(&file, "odd_values").len(), list(&file, "lookups").len()), (15, 5));
}

#[test]
fn tokens() {
    let file = load("dht.json");
    let mut left_out = 0;
    for entry in list(&file, "tokens") {
        let (address, secret) = (address(&entry["address"]), bytes(&entry["secret"]).try_into().unwrap());
        let peer = Peer::new(public(&entry["public_key"]), address);
        let secrets = TokenSecrets::known(None, secret);
        // The reference prints the text that it was given; an address of ours has one text only.
        if text(entry, "string").starts_with(&format!("Peer<{}:", address.ip())) {
            assert_eq!(secrets.token(&peer), twenty(&entry["hex"]), "{}", text(entry, "name"));
        } else {
            left_out += 1;
        }
        assert!(secrets.is_valid(&peer, &secrets.token(&peer)));
    }
    vectors_common::assert_listed_as_unmatched("dht.json", &format!("{left_out} tokens"));
    let rotation = &file["token_rotation"];
    let peer = Peer::new(public(&rotation["public_key"]), address(&rotation["address"]));
    let (mut secrets, mut told) = (None::<TokenSecrets>, Vec::new());
    for step in list(rotation, "steps") {
        let secret = bytes(&step["new_secret"]).try_into().unwrap();
        match &mut secrets {
            None => secrets = Some(TokenSecrets::known(None, secret)),
            Some(secrets) => secrets.rotate_to(secret),
        }
        let secrets = secrets.as_ref().unwrap();
        told.push(secrets.token(&peer));
        assert_eq!(told.last(), Some(&twenty(&step["token"])));
        let valid: Vec<bool> = told.iter().map(|token| secrets.is_valid(&peer, token)).collect();
        let expected: Vec<bool> =
            list(step, "earlier_tokens_valid").iter().map(|valid| valid.as_bool().unwrap()).collect();
        assert_eq!(valid, expected);
    }
}

/// Runs the steps of a storage entry; false at the first that gives something else.
fn storage_agrees(entry: &Value) -> bool {
    let mut store = MemoryStore::new(StoreLimits::default());
    let mut now = Duration::from_secs(1_700_000_000);
    for step in list(entry, "steps") {
        match text(step, "op") {
            "put" => {
                let data = bytes(&step["data"]);
                let id = step["id"]
                    .as_str()
                    .filter(|id| !id.is_empty())
                    .map_or_else(|| Sha1::digest(&data).into(), |id| hex::decode(id).unwrap().try_into().unwrap());
                let entry = Entry {
                    key: twenty(&step["key"]),
                    id,
                    value: data,
                    version: u32::try_from(number(step, "version")).unwrap(),
                    max_age: Duration::from_secs(number(step, "max_age")),
                    source: Source::Own,
                };
                store.put(entry, now);
            }
            "get" => {
                let limit = step["limit"].as_u64().map_or(usize::MAX, |limit| usize::try_from(limit).unwrap());
                let offset = usize::try_from(number(step, "starting_point")).unwrap();
                let expected: Vec<_> = list(step, "result").iter().map(bytes).collect();
                if store.get(&twenty(&step["key"]), offset, limit) != expected {
                    return false;
                }
            }
            "wait" => now += Duration::from_secs_f64(step["seconds"].as_f64().unwrap()),
            "clean" => drop(store.expire(now)),
            // Nothing needs it.
            "items_older_than" => return false,
            other => panic!("no operation {other}"),
        }
    }
    true
}

#[test]
fn storage() {
    let file = load("dht.json");
    let mut left_out = Vec::new();
    for entry in list(&file, "storage") {
        if !storage_agrees(entry) {
            left_out.push(text(entry, "name"));
        }
    }
    let known = ["expiry: clean removes from the back and stops at the first live entry", "items older than"];
    assert_eq!(left_out, known);
    for name in known {
        vectors_common::assert_listed_as_unmatched("dht.json", name);
    }
    assert_eq!(list(&file, "storage").len(), 12);
}

fn node(entry: &Value) -> DhtNode {
    let mut node = DhtNode::new(Peer::new(public(&entry["public_key"]), address(&entry["address"])));
    node.rtt = entry.get("rtt").and_then(Value::as_f64).map(Duration::from_secs_f64).filter(|rtt| !rtt.is_zero());
    node.failed = entry.get("failed").map_or(0, |failed| u32::try_from(failed.as_u64().unwrap()).unwrap());
    assert_eq!(node.id().0, twenty(&entry["id"]));
    node
}

fn bits(id: [u8; 20], bits: u8) -> String {
    let all: String = id.iter().map(|byte| format!("{byte:08b}")).collect();
    all[..usize::from(bits)].to_owned()
}

/// Prefixes, and the nodes in the order in which they came.
fn buckets(table: &RoutingTable) -> Vec<(String, Vec<[u8; 20]>)> {
    let ids = |nodes: &[DhtNode]| nodes.iter().map(|node| node.id().0).collect();
    table.buckets().map(|bucket| (bits(*bucket.start(), bucket.bits()), ids(bucket.nodes()))).collect()
}

fn expected_buckets(list: &[Value]) -> Vec<(String, Vec<[u8; 20]>)> {
    let mut all: Vec<_> = list
        .iter()
        .map(|bucket| {
            let nodes = bucket["nodes"].as_array().unwrap().iter().map(twenty).collect();
            (text(bucket, "prefix").to_owned(), nodes)
        })
        .collect();
    all.sort();
    all
}

#[test]
fn routing() {
    let file = load("dht.json");
    let mut answers = 0;
    for entry in list(&file, "routing") {
        let (name, now) = (text(entry, "name"), moment(&entry["time"]).unwrap());
        let mut table = RoutingTable::new(NodeId(twenty(&entry["my_node_id"])));
        for add in list(entry, "adds") {
            let node = node(add);
            let id = node.id();
            let kept = table.add(node, now).map(|node| node.address());
            if let Some(added) = add.get("added") {
                assert_eq!(kept.is_some(), added.as_bool().unwrap(), "{name}");
                assert_eq!(kept, add.get("kept").filter(|kept| !kept.is_null()).map(address), "{name}");
                assert_eq!(table.get(&id).is_some(), kept.is_some());
            }
        }
        if let Some(before) = entry.get("before") {
            assert_eq!(buckets(&table), expected_buckets(before.as_array().unwrap()), "{name}");
            let mut removed: Vec<_> = table.remove_bad(now).iter().map(|node| node.id().0).collect();
            removed.sort_unstable();
            let mut expected: Vec<_> = list(entry, "removed").iter().map(twenty).collect();
            expected.sort_unstable();
            assert_eq!(removed, expected, "{name}");
        }
        assert_eq!(buckets(&table), expected_buckets(list(entry, "buckets")), "{name}");
        for question in entry.get("closest").and_then(Value::as_array).into_iter().flatten() {
            let most = usize::try_from(number(question, "max_nodes")).unwrap();
            let without = Some(&question["exclude"]).filter(|id| !id.is_null()).map(|id| NodeId(twenty(id)));
            let closest = table.closest(&twenty(&question["target"]), most, without.as_ref(), now);
            let closest: Vec<_> = closest.iter().map(|node| node.id().0).collect();
            let expected: Vec<_> = list(question, "nodes").iter().map(twenty).collect();
            assert_eq!(closest, expected, "{name}");
            answers += 1;
        }
    }
    assert!(answers > 30, "{answers}");
    assert_eq!(list(&file, "routing").len(), 16);
}

#[test]
fn node_status() {
    let file = load("dht.json");
    let key = key(&file, "alice");
    let somewhere: SocketAddr = "1.2.3.4:5".parse().unwrap();
    for entry in list(&file, "node_status") {
        let (name, now) = (text(entry, "name"), moment(&entry["time"]).unwrap());
        let mut node = DhtNode::new(Peer::new(key.public().clone(), somewhere));
        node.failed = u32::try_from(number(entry, "failed")).unwrap();
        node.last_response = moment(&entry["last_response"]);
        for query in list(entry, "queries") {
            node.queried(moment(query).unwrap());
        }
        let status = match node.status(now) {
            NodeStatus::Bad => "bad",
            NodeStatus::Unknown => "unknown",
            NodeStatus::Good => "good",
        };
        assert_eq!(status, text(entry, "status"), "{name}");
        assert_eq!(node.is_blocked(now), entry["blocked"].as_bool().unwrap(), "{name}");
        assert_eq!(node.last_contact(), moment(&entry["last_contact"]), "{name}");
    }
    assert_eq!(list(&file, "node_status").len(), 14);
}

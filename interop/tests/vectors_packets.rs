//! Every packet of Community, DiscoveryCommunity and DHTDiscoveryCommunity is read as by the reference and written with
//! the same bytes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

mod vectors_common;
#[path = "vectors_common/messages.rs"]
mod vectors_messages;

use std::collections::BTreeMap;

use ipv8_core::{Community, Handle, Node, Routes};
use ipv8_wire::{CommunityId, Message, Packet, read_auth, split_signature};
use serde_json::Value;
use vectors_common::{bytes, key, list, load, node, text};
use vectors_messages::{Vector, made_of, read};

/// Only a place to write packets in.
struct Writer;

impl Community for Writer {
    const ID: CommunityId = CommunityId([1; 20]);

    fn routes(_: &mut Routes<Self>) {}
}

/// Checks one packet; `repacked` counts those that the reference does not write as it read them.
fn check<M: Vector>(file: &Value, entry: &Value, writer: &Handle<Writer>, repacked: &mut usize) {
    let name = text(entry, "name");
    let hex = bytes(&entry["hex"]);
    let packet = Packet::parse(&hex).unwrap();
    assert_eq!(packet.community_id(), vectors_common::community_id(entry), "{name}");
    assert_eq!(Some(u64::from(packet.message_id())), entry["msg_id"].as_u64(), "{name}");
    assert_eq!(<M as Message>::ID, packet.message_id(), "{name}");

    let (signer, signature_len, mut body) = match entry["signer"].as_str() {
        None => (None, 0, packet.body()),
        Some(signer) => {
            let signer = key(file, signer);
            let auth = read_auth(&hex).unwrap();
            assert_eq!(auth.key(), signer.public().as_bytes(), "{name}");
            let (signed, signature) = split_signature(&hex, signer.public().signature_len()).unwrap();
            assert!(signer.public().verify(signed, signature), "{name}: signature");
            (Some(signer), signature.len(), auth.rest(signed))
        }
    };
    let global_time = entry["global_time"].as_u64();
    assert_eq!(global_time.is_some(), <M as Message>::GLOBAL_TIME, "{name}");
    if let Some(expected) = global_time {
        let (time, rest) = body.split_first_chunk().unwrap();
        assert_eq!(u64::from_be_bytes(*time), expected, "{name}");
        body = rest;
    }

    let mut message = M::decode(body).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(message, made_of::<M>(&entry["fields"]), "{name}: what the writer was given");
    assert_eq!(message.encode().unwrap(), body, "{name}: written again");
    if let Some(flags) = entry["flag_byte"].as_str() {
        assert_eq!(hex::decode(flags).unwrap(), [message.flags().unwrap().0], "{name}: flags");
    }
    if let Some(decoded) = entry.get("decoded") {
        check_decoded::<M>(name, &mut message, decoded);
    }
    match entry.get("repacked_payload") {
        Some(payload) => {
            *repacked += 1;
            let as_read = made_of::<M>(&entry["decoded"]);
            assert_eq!(as_read.encode().unwrap(), bytes(payload), "{name}: what the reference reads, written");
        }
        None => assert!(entry["roundtrip"] == true || text(entry, "message").contains("discovery form"), "{name}"),
    }

    // The whole packet.
    let message = M::decode(body).unwrap();
    let any_key = key(file, "alice");
    let with = signer.as_ref().unwrap_or(&any_key);
    let written = writer
        .with(|_, cx| cx.pack_as(packet.community_id(), with, global_time, &message))
        .unwrap()
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    if signer.is_none() || text(&file["keys"][text(entry, "signer")], "curve") == "curve25519" {
        assert_eq!(hex::encode(&written), hex::encode(&hex), "{name}: the whole packet");
    } else {
        assert_eq!(written.len(), hex.len(), "{name}");
        let (signed, signature) = split_signature(&written, signature_len).unwrap();
        assert_eq!(signed, split_signature(&hex, signature_len).unwrap().0, "{name}: up to the signature");
        assert!(with.public().verify(signed, signature), "{name}: our signature");
    }
}

/// Compares with what the reference reads: its names of the flags, and everything else.
fn check_decoded<M: Vector>(name: &str, message: &mut M, decoded: &Value) {
    let mut expected = made_of::<M>(decoded);
    let flags = *message.flags().unwrap_or_else(|| panic!("{name}: only flags are read in another way"));
    for (flag, value) in read::<M>(flags) {
        assert_eq!(decoded[&flag], value, "{name}: {flag}");
    }
    *expected.flags().unwrap() = flags;
    assert_eq!(*message, expected, "{name}: what the reference reads");
}

type Check = fn(&Value, &Value, &Handle<Writer>, &mut usize);

fn checks() -> BTreeMap<(&'static str, &'static str), Check> {
    use ipv8_core::messages::*;
    use ipv8_dht::messages::*;
    use ipv8_discovery::messages::*;
    let base: [(&str, Check); 8] = [
        ("introduction-request", check::<IntroductionRequest>),
        ("introduction-response", check::<IntroductionResponse>),
        ("puncture-request", check::<PunctureRequest>),
        ("puncture", check::<Puncture>),
        ("new-introduction-request", check::<NewIntroductionRequest>),
        ("new-introduction-response", check::<NewIntroductionResponse>),
        ("new-puncture-request", check::<NewPunctureRequest>),
        ("new-puncture", check::<NewPuncture>),
    ];
    let discovery: [(&str, Check); 8] = [
        ("introduction-request (discovery form)", check::<DiscoveryIntroductionRequest>),
        ("introduction-request", check::<DiscoveryIntroductionRequest>),
        ("introduction-response", check::<IntroductionResponse>),
        ("puncture-request", check::<PunctureRequest>),
        ("similarity-request", check::<SimilarityRequest>),
        ("similarity-response", check::<SimilarityResponse>),
        ("ping", check::<Ping>),
        ("pong", check::<Pong>),
    ];
    let dht: [(&str, Check); 10] = [
        ("ping-request", check::<PingRequest>),
        ("ping-response", check::<PingResponse>),
        ("store-request", check::<StoreRequest>),
        ("store-response", check::<StoreResponse>),
        ("find-request", check::<FindRequest>),
        ("find-response", check::<FindResponse>),
        ("store-peer-request", check::<StorePeerRequest>),
        ("store-peer-response", check::<StorePeerResponse>),
        ("connect-peer-request", check::<ConnectPeerRequest>),
        ("connect-peer-response", check::<ConnectPeerResponse>),
    ];
    let mut all = BTreeMap::new();
    all.extend(base.map(|(message, check)| (("Community", message), check)));
    all.extend(discovery.map(|(message, check)| (("DiscoveryCommunity", message), check)));
    all.extend(dht.map(|(message, check)| (("DHTDiscoveryCommunity", message), check)));
    all
}

#[test]
fn packets_are_read_and_written_as_by_the_reference() {
    let file = load("packets.json");
    let node: Node = node(None);
    let writer = node.load(Writer).unwrap();
    let checks = checks();
    let mut seen: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut repacked = 0;
    for entry in list(&file, "packets") {
        let kind = (text(entry, "community"), text(entry, "message"));
        let check = checks.get(&kind).unwrap_or_else(|| panic!("no check for {kind:?}"));
        check(&file, entry, &writer, &mut repacked);
        *seen.entry(kind).or_default() += 1;
    }
    assert_eq!(seen.keys().collect::<Vec<_>>(), checks.keys().collect::<Vec<_>>(), "kinds of packets");
    assert_eq!(seen.values().sum::<usize>(), 173);
    assert_eq!(repacked, 21, "introduction requests, whose advice the reference reads inverted");
}

/// Reads a payload with single flags as the reference does. Other than the reference, ours keeps flags without a name.
fn check_flags<M: Vector>(entry: &Value) -> bool {
    let name = text(entry, "name");
    let payload = bytes(&entry["hex"]);
    let mut message = M::decode(&payload).unwrap();
    assert_eq!([message.flags().unwrap().0], *hex::decode(text(entry, "flag_byte")).unwrap(), "{name}");
    assert_eq!(message.encode().unwrap(), payload, "{name}: written again");
    check_decoded::<M>(name, &mut message, &entry["decoded"]);
    let as_read = made_of::<M>(&entry["decoded"]).encode().unwrap();
    match entry.get("repacked") {
        Some(repacked) => assert_eq!(as_read, bytes(repacked), "{name}: what the reference reads, written"),
        None => assert_eq!(as_read, payload, "{name}"),
    }
    entry.get("repacked").is_some()
}

#[test]
fn every_flag_is_read_as_by_the_reference() {
    use ipv8_core::messages::{IntroductionRequest, IntroductionResponse};
    use ipv8_discovery::messages::SimilarityRequest;
    let file = load("packets.json");
    let (mut checked, mut repacked) = (0, 0);
    for entry in list(&file, "flag_bytes") {
        repacked += usize::from(match text(entry, "message") {
            "introduction-request" => check_flags::<IntroductionRequest>(entry),
            "introduction-response" => check_flags::<IntroductionResponse>(entry),
            "similarity-request" => check_flags::<SimilarityRequest>(entry),
            other => panic!("no check for {other}"),
        });
        checked += 1;
    }
    assert_eq!(checked, 36);
    assert!(repacked > 0);
    vectors_common::assert_listed_as_unmatched("packets.json", "repacked");
}

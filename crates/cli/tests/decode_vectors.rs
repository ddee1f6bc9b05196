//! The reference's packets say what the reference reads in them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers may fail a test")]
// Keys on the binary curves are among them.
#![cfg(any(feature = "vendored", feature = "system"))]

mod common;

use common::{ipv8, vectors};
use serde_json::{Value, json};

/// Addresses as text; all else as it is.
fn expected(value: &Value) -> Value {
    match value {
        Value::Object(fields) if fields.contains_key("host") => {
            let host = fields["host"].as_str().unwrap();
            let port = &fields["port"];
            match fields["type"].as_str() {
                Some("ipv6") => json!(format!("[{host}]:{port}")),
                _ => json!(format!("{host}:{port}")),
            }
        }
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), expected(value))).collect(),
        Value::Array(values) => values.iter().map(expected).collect(),
        value => value.clone(),
    }
}

#[test]
fn golden_packets_are_read_as_the_reference_does() {
    let golden = vectors("packets.json");
    let packets = golden["packets"].as_array().unwrap();
    let input: String = packets.iter().map(|packet| format!("{}\n", packet["hex"].as_str().unwrap())).collect();
    let run = ipv8(["decode", "--json"], input.as_bytes());
    assert_eq!(run.stderr, "");
    let decoded = run.json();
    assert_eq!(decoded.len(), packets.len());
    for (packet, decoded) in packets.iter().zip(decoded) {
        let name = &packet["name"];
        let signer = &golden["keys"][packet["signer"].as_str().unwrap_or_default()];
        let signed = !packet["signer"].is_null();
        let community = match packet["community"].as_str() {
            Some("Community") => Value::Null,
            name => json!(name),
        };
        assert_eq!(decoded["community_id"], packet["community_id"], "{name}");
        assert_eq!(decoded["community"], community, "{name}");
        assert_eq!(decoded["msg_id"], packet["msg_id"], "{name}");
        assert_eq!(json!(format!("{}Payload", decoded["message"].as_str().unwrap())), packet["payload"], "{name}");
        assert_eq!(decoded["signed"], signed, "{name}");
        assert_eq!(decoded["signature_valid"], if signed { json!(true) } else { Value::Null }, "{name}");
        assert_eq!(decoded["public_key"], signer["public_bin"], "{name}");
        assert_eq!(decoded["mid"], signer["mid"], "{name}");
        assert_eq!(decoded["global_time"], packet["global_time"], "{name}");
        assert_eq!(decoded["size"], packet["hex"].as_str().unwrap().len() / 2, "{name}");
        let mut payload = expected(packet.get("decoded").unwrap_or(&packet["fields"]));
        if packet["msg_id"] == 246 {
            payload["advice"] = packet["fields"]["advice"].clone();
        }
        assert_eq!(decoded["payload"], payload, "{name}");
    }
    assert_eq!(run.status, Some(0));
}

#[test]
fn golden_rejected_packets_are_unreadable_or_badly_signed() {
    let golden = vectors("packets.json");
    let packets = golden["rejected"].as_array().unwrap();
    let input: String = packets.iter().map(|packet| format!("{}\n", packet["hex"].as_str().unwrap())).collect();
    let run = ipv8(["decode", "--json"], input.as_bytes());
    assert_eq!(run.status, Some(1));
    let decoded = run.json();
    assert_eq!(decoded.len(), packets.len());
    for (packet, decoded) in packets.iter().zip(decoded) {
        let name = packet["name"].as_str().unwrap();
        match packet["reason"].as_str() {
            None => assert_ne!(decoded["signature_valid"], false, "{name}"),
            Some("signature") => assert_eq!(decoded["signature_valid"], false, "{name}"),
            Some("unknown message" | "deprecated message") => assert!(decoded["message"].is_null(), "{name}"),
            Some("prefix") if name == "other community" => assert!(decoded["community"].is_null(), "{name}"),
            Some(_) => {
                assert!(decoded["error"].is_string(), "{name}: {decoded}");
                assert_eq!(decoded["size"], packet["hex"].as_str().unwrap().len() / 2, "{name}");
            }
        }
    }
}

//! The REST interface of a running node: the routes of the reference, its objects, and limits; and the commands that use it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]
#![allow(clippy::disallowed_methods, reason = "a test of programs has threads and a clock")]

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::ipv8;
use common::overlay::{Overlay, ask, ask_as, object};
use serde_json::{Value, json};

const KEY: &str = "0123456789abcdef0123456789abcdef01234567";

/// The names of what an object holds, in order.
fn names(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn values_are_stored_found_listed_and_forgotten() {
    let overlay = Overlay::new(3);
    let path = format!("/dht/values/{KEY}");
    // As in the reference, which signs always.
    let stored = object(overlay.api(0), "PUT", &path, r#"{"value": "6162"}"#);
    assert_eq!((&stored["success"], &stored["stored_on"], &stored["key"]), (&json!(true), &json!(2), &json!(KEY)));
    assert_eq!(stored["republished_every"], 1_800);
    object(overlay.api(1), "PUT", &path, r#"{"value": "63", "sign": false}"#);

    let found = object(overlay.api(2), "GET", &path, "");
    let signer = STANDARD.encode(hex::decode(overlay.nodes[0].text("/public_key")).unwrap());
    assert_eq!(
        found["values"],
        json!([
            {"public_key": signer, "key": KEY, "value": "6162"},
            {"public_key": null, "key": KEY, "value": "63"},
        ])
    );
    assert_eq!(names(&found), ["debug", "values"]);
    assert_eq!(
        names(&found["debug"]),
        ["requests", "responses", "responses_with_nodes", "responses_with_values", "time"]
    );
    assert_eq!((&found["debug"]["requests"], &found["debug"]["responses_with_values"]), (&json!(2), &json!(2)));
    let traced = object(overlay.api(2), "GET", &format!("{path}?trace=1"), "");
    assert_eq!(traced["trace"].as_array().unwrap().len(), 4, "two were asked, and answered: {traced}");

    let kept = object(overlay.api(2), "GET", "/dht/values", "");
    assert_eq!(names(&kept), [KEY]);
    assert_eq!(kept[KEY].as_array().unwrap().len(), 2);
    assert_eq!(names(&kept[KEY][0]), ["endpoint", "key", "public_key", "value"]);
    assert_eq!(kept[KEY][0]["endpoint"], "UDPIPv4");

    assert_eq!(object(overlay.api(0), "DELETE", &path, ""), json!({"success": true, "forgotten": 1}));
    assert_eq!(object(overlay.api(0), "DELETE", &path, ""), json!({"success": true, "forgotten": 0}));
}

#[test]
fn tables_and_peers_are_told_as_by_the_reference() {
    let overlay = Overlay::new(3);
    let statistics = object(overlay.api(0), "GET", "/dht/statistics", "")["statistics"].take();
    assert_eq!(names(&statistics), ["endpoints", "num_peers_in_store", "num_store_for_me", "num_tokens", "peer_id"]);
    assert_eq!(statistics["peer_id"], overlay.mid(0));
    let endpoint = &statistics["endpoints"][0];
    assert_eq!(
        names(endpoint),
        ["endpoint", "node_id", "num_keys_in_store", "routing_table_buckets", "routing_table_size"]
    );
    // The id ends as the mid begins.
    assert!(endpoint["node_id"].as_str().unwrap().ends_with(&overlay.mid(0)[..34]));

    let buckets = object(overlay.api(0), "GET", "/dht/buckets", "");
    let bucket = &buckets["buckets"][0];
    assert_eq!(names(bucket), ["endpoint", "last_changed", "peers", "prefix"]);
    assert!(bucket["last_changed"].as_f64().unwrap() > 1e9);
    assert_eq!(names(&bucket["peers"][0]), ["distance", "failed", "id", "ip", "last_contact", "mid", "port"]);
    assert_eq!(bucket["prefix"], "");
    let success = json!({"success": true});
    assert_eq!(object(overlay.api(0), "GET", "/dht/buckets//refresh", ""), success);
    let (status, body) = ask(overlay.api(0), "GET", "/dht/buckets/0101010101/refresh", "");
    assert_eq!((status, body.as_str()), (400, r#"{"error":"no such bucket","success":false}"#));

    let peers = object(overlay.api(0), "GET", &format!("/dht/peers/{}", overlay.mid(2)), "");
    let (public_key, address) = (overlay.nodes[2].text("/public_key"), overlay.nodes[2].text("/listen/0"));
    let (ip, port) = address.split_once(':').unwrap();
    let public_key = STANDARD.encode(hex::decode(public_key).unwrap());
    let port: u16 = port.parse().unwrap();
    assert_eq!(peers, json!({"peers": [{"public_key": public_key, "address": [ip, port]}]}));
}

#[test]
fn what_is_wrong_is_refused() {
    let overlay = Overlay::new(1);
    let api = overlay.api(0);
    let path = format!("/dht/values/{KEY}");
    let status = |method: &str, path: &str, body: &str| ask(api, method, path, body).0;
    assert_eq!(status("GET", "/dht/values/abc", ""), 400);
    assert_eq!(status("GET", "/dht/peers/abc", ""), 400);
    assert_eq!(status("PUT", &path, "{}"), 400);
    assert_eq!(status("PUT", &path, "no JSON"), 400);
    assert_eq!(status("PUT", &path, r#"{"value": "xy"}"#), 400);
    assert_eq!(status("PUT", &path, &format!(r#"{{"value": "{}"}}"#, "00".repeat(24))), 400);
    assert_eq!(status("PUT", &path, &format!(r#"{{"value": "{}"}}"#, "00".repeat(10_000))), 413);
    assert_eq!(status("POST", &path, "{}"), 405);
    assert_eq!(status("GET", "/overlays", ""), 404);
    // A page in a browser that calls this machine by a name of its own.
    assert_eq!(ask_as(api, "evil.example:8085", "GET", "/dht/statistics", "").0, 403);
    assert_eq!(ask_as(api, "localhost:8085", "GET", "/dht/statistics", "").0, 200);
    // A page of anybody's, which need not see the answer to have the node ping somebody.
    let said = |line: &str| ask_as(api, &format!("{api}\r\n{line}"), "GET", "/dht/statistics", "").0;
    for line in
        ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Origin: http://evil.example", "Origin: null"]
    {
        assert_eq!(said(line), 403, "{line}");
    }
    for line in ["Sec-Fetch-Site: none", "Sec-Fetch-Site: same-origin", &format!("Origin: http://{api}")] {
        assert_eq!(said(line), 200, "{line}");
    }
    // The reference's exception: nobody is there.
    let (status, body) = ask(api, "PUT", &path, r#"{"value": "00"}"#);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &body["success"], &body["error"]["code"]), (500, &json!(false), &json!("DHTError")));
    assert!(body["error"]["message"].as_str().unwrap().starts_with("no other node"), "{body}");
}

#[test]
fn a_node_without_a_dht_says_so() {
    let directory = common::Directory::new();
    let config = directory.file("ipv8.toml");
    std::fs::write(&config, "[[overlay]]\nclass = 'DiscoveryCommunity'\n").unwrap();
    let arguments = ["run", "--json", "--config", &config, "--listen", "127.0.0.1:0", "--no-default-bootstrap"];
    let node = common::overlay::Program::start(&[&arguments[..], &["--api", "127.0.0.1:0"]].concat());
    let (status, body) = ask(node.text("/api"), "GET", "/dht/statistics", "");
    assert_eq!((status, body.as_str()), (404, r#"{"error":"DHT community not found","success":false}"#));
    assert_eq!(object(node.text("/api"), "GET", "/dht/buckets", ""), json!({"buckets": []}));
    node.stop();
}

#[test]
fn many_requests_at_once_are_all_answered() {
    let overlay = Overlay::new(3);
    let path = |number: u8| format!("/dht/values/{}", hex::encode([number; 20]));
    std::thread::scope(|scope| {
        for number in 0..40 {
            let (api, path) = (overlay.api(usize::from(number) % 3), path(number));
            scope.spawn(move || assert_eq!(object(api, "GET", &path, "")["values"], json!([])));
        }
    });
}

#[test]
fn commands_use_a_running_node() {
    let overlay = Overlay::new(3);
    let api = |node: usize, command: &str, more: &[&str]| {
        ipv8([&["dht", command, "--api", overlay.api(node)], more].concat(), b"")
    };
    let put = api(0, "put", &["--sign", "name", "value", "--json"]);
    assert_eq!(put.status, Some(0), "{}", put.stderr);
    assert_eq!(put.json()[0]["stored_on"], 2);
    let people = api(0, "put", &["name", "other"]);
    assert!(people.stderr.contains("stores it again every 30 minutes"), "{}", people.stderr);
    let got = api(1, "get", &["name", "--json"]).json();
    let signed = json!({"value": hex::encode("value"), "public_key": overlay.nodes[0].started["public_key"]});
    assert_eq!(got, [json!({"values": [signed, {"value": hex::encode("other"), "public_key": null}]})]);
    assert!(api(1, "get", &["name", "--trace"]).stdout.contains(" has 2 values"));
    let found = api(1, "find-peer", &[overlay.mid(2), "--json"]).json();
    assert_eq!(found[0]["peers"][0]["address"], overlay.nodes[2].started["listen"][0]);
    assert_eq!(api(0, "forget", &["name", "--json"]).json()[0]["forgotten"], 2);
    api(0, "put", &["--sign", "name", &"x".repeat(24)]).failed(1, "24 bytes, and at most 23");
    api(0, "put", &["name", &"x".repeat(170)]).failed(1, "170 bytes, and at most 169");
    api(0, "find-peer", &[overlay.mid(0)]).failed(1, "the node itself");

    ipv8(["dht", "get", "--api", "127.0.0.1:9", "name"], b"").failed(1, "nothing answers at 127.0.0.1:9");
    // A tracker's API is another one.
    let tracker =
        common::overlay::Program::start(&["tracker", "--json", "--listen", "127.0.0.1:0", "--api", "127.0.0.1:0"]);
    ipv8(["dht", "get", "--api", tracker.text("/api"), "name"], b"").failed(1, "is no API of an IPv8 node");
}

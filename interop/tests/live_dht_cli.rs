//! `ipv8 dht` in a DHT of the reference's nodes: what it stores they find, what they store it finds, and it finds them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

use std::time::Duration;

use ipv8_interop::{Process, binary, python, script};
use serde_json::{Value, json};

/// Generous: interpreters start slowly on a busy machine.
const SOON: Duration = Duration::from_secs(60);

const KEY: &str = "5555555555555555555555555555555555555555";

/// Runs a command to its end: its object, and whether it worked.
fn run(command: &str, bootstrap: &str, more: &[&str]) -> Option<Value> {
    let mut program = binary("ipv8")?;
    program.args(["dht", command, "--json", "--timeout", "50", "--bootstrap", bootstrap]).args(more);
    let mut process = Process::spawn(&format!("ipv8 dht {command}"), program).unwrap();
    let object = process.wait_for("its object", SOON, |_| true).unwrap();
    assert!(process.wait(SOON).unwrap().success());
    Some(object)
}

#[test]
fn a_short_lived_node_stores_and_finds_among_nodes_of_the_reference() {
    let Some(python) = python() else { return };
    let mut command = script(&python, "dht.py");
    command.args(["--listen", "127.0.0.1:0", "--nodes", "3"]);
    let mut theirs = Process::spawn_to_ask("nodes of the reference", command).unwrap();
    let started = theirs.wait_for("its start", SOON, |event| event["event"] == "started").unwrap();
    let all = started["all"].as_array().unwrap().clone();
    let bootstrap = all[0]["listen"].as_str().unwrap();

    // Unless the binary is not built.
    let Some(stored) = run("put", bootstrap, &["--sign", KEY, "from ours"]) else { return };
    assert_eq!((&stored["key"], stored["stored_on"].as_u64().unwrap() >= 2), (&json!(KEY), true), "{stored}");
    let found = theirs.ask(&json!({"do": "find", "node": 1, "key": KEY}), SOON).unwrap();
    let values = found["values"].as_array().unwrap();
    assert_eq!((values.len(), &values[0]["data"]), (1, &json!(hex::encode("from ours"))), "{found}");
    let signer = values[0]["key"].clone();

    let request = json!({"do": "store", "node": 2, "key": KEY, "data": hex::encode("from theirs"), "sign": true});
    assert!(theirs.ask(&request, SOON).unwrap()["stored"].as_u64().unwrap() > 0);
    let got = run("get", bootstrap, &[KEY]).unwrap();
    let mut values: Vec<_> =
        got["values"].as_array().unwrap().iter().map(|one| (&one["value"], &one["public_key"])).collect();
    values.sort_by_key(|(value, _)| value.to_string());
    let (ours, from_theirs) = (json!(hex::encode("from ours")), json!(hex::encode("from theirs")));
    assert_eq!(values, [(&ours, &signer), (&from_theirs, &all[2]["key"])]);

    let peer = run("find-peer", bootstrap, &[all[1]["mid"].as_str().unwrap()]).unwrap();
    let expected = json!({"mid": all[1]["mid"], "public_key": all[1]["key"], "address": all[1]["listen"]});
    assert_eq!(peer, json!({"peers": [expected]}));
    assert!(theirs.terminate(SOON).unwrap().success());
}

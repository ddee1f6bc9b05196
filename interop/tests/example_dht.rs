//! The example `dht` does what it says: a signed value is stored and found, and a peer is reached by its mid.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

use std::time::Duration;

use ipv8_interop::{Process, example};

const SOON: Duration = Duration::from_secs(90);

#[test]
fn ten_nodes_store_and_find_a_value_and_a_peer() {
    let Some(mut command) = example("dht") else { return };
    command.args(["--json", "--seconds", "80"]);
    let mut nodes = Process::spawn("ten nodes of a DHT", command).unwrap();
    let owner = nodes.started(SOON).unwrap();
    let mut others = Vec::new();
    for _ in 1..10 {
        others.push(nodes.started(SOON).unwrap().mid);
    }
    // Of the first one's peers.
    let peer = nodes.wait_for("a peer", SOON, |event| event["event"] == "peer").unwrap();
    assert!(others.iter().any(|mid| peer["mid"] == *mid));
    let mut message = |what: &str| nodes.wait_for(what, SOON, |event| event["what"] == what).unwrap();
    let stored = message("stored");
    assert_eq!((&stored["event"], &stored["mid"]), (&"message".into(), &owner.mid.clone().into()));
    assert_eq!(stored["stored_on"], 8);
    let found = message("found");
    assert_eq!((&found["value"], &found["signer"]), (&"my value".into(), &owner.mid.clone().into()));
    let connected = message("connected");
    assert_eq!((&connected["mid"], &connected["peer"]), (&others[8].clone().into(), &owner.mid.clone().into()));
    assert_eq!(connected["address"], owner.listen.to_string());
    nodes.wait_for("the end", SOON, |event| event["event"] == "done").unwrap();
    assert!(nodes.wait(SOON).unwrap().success());
}

//! One configuration dictionary of the reference starts its node and ours, and the two find each other.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

use std::time::Duration;

use ipv8_interop::{Process, binary, free_port, python, script};
use serde_json::{Value, json};

/// Generous: interpreters start slowly on a busy machine.
const SOON: Duration = Duration::from_secs(40);

/// What `get_default_configuration()` gives with pyipv8 3.2.1.
const DEFAULT: &str = include_str!("../../ipv8/tests/data/py_ipv8_default.json");

/// The default dictionary with the first overlay alone, on loopback, and with this tracker instead of the public ones.
fn dictionary(key_file: &str, port: u16, tracker: &str) -> Value {
    let mut dictionary: Value = serde_json::from_str(DEFAULT).unwrap();
    dictionary["overlays"].as_array_mut().unwrap().truncate(1);
    dictionary["interfaces"] = json!([{"interface": "UDPIPv4", "ip": "127.0.0.1", "port": port}]);
    dictionary["keys"][0]["file"] = key_file.into();
    let (ip, tracker_port) = tracker.rsplit_once(':').unwrap();
    dictionary["overlays"][0]["bootstrappers"][0]["init"] = json!({
        "ip_addresses": [[ip, tracker_port.parse::<u16>().unwrap()]], "dns_addresses": [], "bootstrap_timeout": 30.0
    });
    dictionary
}

#[test]
fn a_dictionary_of_the_reference_starts_both_nodes() {
    let Some(python) = python() else { return };
    let (Some(mut tracker), Some(mut ours)) = (binary("ipv8"), binary("ipv8")) else { return };
    tracker.args(["tracker", "--listen", "127.0.0.1:0", "--json"]);
    let mut tracker = Process::spawn("tracker", tracker).unwrap();
    let contact = tracker.started(SOON).unwrap().listen.to_string();

    let directory = std::env::temp_dir().join(format!("ipv8-configuration-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = |side: &str| {
        let key_file = directory.join(format!("{side}.pem")).display().to_string();
        let path = directory.join(format!("{side}.json"));
        let content = dictionary(&key_file, free_port().unwrap(), &contact).to_string();
        std::fs::write(&path, content).unwrap();
        path
    };
    // Whoever asks the tracker second is introduced to the first.
    let mut theirs = script(&python, "configured.py");
    theirs.arg(file("theirs"));
    let mut theirs = Process::spawn("theirs", theirs).unwrap();
    let their_id = theirs.started(SOON).unwrap();
    ours.args(["run", "--json", "--config"]).arg(file("ours"));
    let mut ours = Process::spawn("ours", ours).unwrap();
    let our_id = ours.started(SOON).unwrap();

    assert_eq!(ours.finds(&their_id.mid, SOON).unwrap()["address"], their_id.listen.to_string());
    assert_eq!(theirs.finds(&our_id.mid, SOON).unwrap()["address"], our_id.listen.to_string());
    assert!(ours.terminate(Duration::from_secs(5)).unwrap().success());
    drop((theirs, tracker));
    // Each made its key where the dictionary says.
    assert!(directory.join("ours.pem").is_file() && directory.join("theirs.pem").is_file());
    std::fs::remove_dir_all(&directory).unwrap();
}

//! `ipv8 config`: writes, checks and shows configurations.
#![allow(clippy::unwrap_used, reason = "helpers may fail a test")]

mod common;

use common::{Directory, ipv8};

#[test]
fn the_default_file_is_written_once_and_means_the_defaults() {
    let directory = Directory::new();
    let file = directory.file("ipv8.toml");
    assert_eq!(ipv8(["config", "init", "--out", &file], b"").status, Some(0));
    ipv8(["config", "init", "--out", &file], b"").failed(1, "exists already");
    assert_eq!(ipv8(["config", "init", "--out", &file, "--force"], b"").status, Some(0));
    let printed = ipv8(["config", "init"], b"").stdout;
    assert_eq!(printed, std::fs::read_to_string(&file).unwrap());
    let with_file = ipv8(["config", "show", "--json", "--config", &file], b"").json();
    assert_eq!(with_file, ipv8(["config", "show", "--json"], b"").json());
    ipv8(["config", "init", "--out", &directory.file("no/such/directory")], b"").failed(1, "cannot write");
}

#[test]
fn values_are_shown_with_where_they_come_from() {
    let directory = Directory::new();
    let file = directory.file("ipv8.toml");
    std::fs::write(&file, "max_peers = 50\n[log]\nlevel = 'warn'\n").unwrap();
    let arguments = ["config", "show", "--config", &file, "--listen", "127.0.0.1:0", "--no-default-bootstrap"];
    let shown = ipv8(arguments.into_iter().chain(["--json"]), b"").json();
    let [shown] = shown.as_slice() else { panic!("{shown:?}") };
    assert_eq!(shown["max_peers"], serde_json::json!({"value": 50, "origin": format!("{file}:1:1")}));
    assert_eq!(shown["listen"], serde_json::json!({"value": ["127.0.0.1:0"], "origin": "--listen"}));
    assert_eq!(shown["default_bootstrap"]["origin"], "--no-default-bootstrap");
    assert_eq!(shown["walker_interval"], serde_json::json!({"value": 0.5, "origin": "default"}));
    assert_eq!(shown["overlay[0].class"]["value"], "DiscoveryCommunity");
    assert!(shown["key_file"]["value"].is_null());
    let text = ipv8(arguments, b"").stdout;
    assert!(text.contains("walker_interval = 0.5") && text.contains("# --listen"), "{text}");
    // What is shown makes nothing.
    let key = directory.file("node.key");
    assert_eq!(ipv8(["config", "show", "--key", &key], b"").status, Some(0));
    assert!(!std::path::Path::new(&key).exists());
}

#[test]
fn problems_are_said_one_a_line_with_status_2() {
    let directory = Directory::new();
    let file = directory.file("ipv8.toml");
    std::fs::write(&file, "listn = 1\nmax_peers = -5\n").unwrap();
    for command in [&["config", "check"][..], &["config", "show"], &["run"]] {
        let run = ipv8(command.iter().copied().chain(["--config", &file, "--bootstrap", "nowhere"]), b"");
        assert_eq!(run.status, Some(2));
        let lines: Vec<_> = run.stderr.lines().collect();
        assert_eq!(lines.len(), 3, "{}", run.stderr);
        assert_eq!(lines[0], format!("ipv8: {file}:1:1: listn: is not known here, did you mean `listen`?"));
        assert!(lines[1].starts_with(&format!("ipv8: {file}:2:1: max_peers: ")), "{}", run.stderr);
        assert!(lines[2].starts_with("ipv8: --bootstrap: bootstrap[0]: must be"), "{}", run.stderr);
        assert_eq!(run.stdout, "");
    }
    ipv8(["config", "check", "--config", &directory.file("none.toml")], b"").failed(2, "there is no such file");
    ipv8(["run", "--api", "0.0.0.0:1"], b"").failed(2, "can be reached by other machines");
    let good = ipv8(["config", "check"], b"");
    assert_eq!(good.status, Some(0));
    assert!(good.stdout.contains("DiscoveryCommunity"), "{}", good.stdout);
}

#[test]
fn the_reference_of_keys_is_the_page_in_the_documentation() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    assert_eq!(ipv8(["config", "reference"], b"").stdout, std::fs::read_to_string(page).unwrap());
}

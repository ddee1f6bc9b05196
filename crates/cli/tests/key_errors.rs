//! What cannot be done with keys is said in one line.

mod common;

use common::{Directory, ipv8};

#[test]
fn wrong_usage_has_status_2() {
    ipv8(["key", "generate", "--curve", "sect163k1", "--out", "x"], b"").failed(2, "possible values: curve25519");
    ipv8(["key", "generate"], b"").failed(2, "--out");
    ipv8(["key", "verify", "--public", "xy", "--signature", "00"], b"").failed(2, "hex");
    ipv8(["key"], b"").failed(2, "generate, show, sign, verify");
    ipv8([""; 0], b"").failed(2, "a command is missing");
    ipv8(["keys"], b"").failed(2, "'key'");
}

#[test]
fn files_without_a_key_have_status_1() {
    let directory = Directory::new();
    let missing = directory.file("missing");
    ipv8(["key", "show", &missing], b"").failed(1, &missing);
    ipv8(["key", "sign", "--key", &missing], b"").failed(1, &missing);
    ipv8(["key", "show", &directory.file("")], b"").failed(1, "not a regular file");
    let garbage = directory.file("garbage");
    std::fs::write(&garbage, b"garbage").unwrap();
    ipv8(["key", "show", &garbage], b"").failed(1, "not a key");
    ipv8(["key", "generate", "--out", &directory.file("no/such/directory")], b"").failed(1, "no/such/directory");
    // A line break in a file name makes no second line.
    ipv8(["key", "show", "no\nfile"], b"").failed(1, "no file");
}

#[test]
fn a_public_key_does_not_sign() {
    let directory = Directory::new();
    let (private, public) = (directory.file("private"), directory.file("public"));
    ipv8(["key", "generate", "--out", &private], b"");
    let shown = ipv8(["key", "show", &private, "--json"], b"").json();
    std::fs::write(&public, hex::decode(shown[0]["public_key"].as_str().unwrap()).unwrap()).unwrap();
    ipv8(["key", "sign", "--key", &public], b"").failed(1, "this is a public key");
}

#[test]
fn a_signature_under_no_key_is_not_valid() {
    ipv8(["key", "verify", "--public", "00", "--signature", "00"], b"").failed(1, "--public");
}

//! The reference's key files are understood, private and public, binary and PEM.
// Keys on the binary curves are among them.
#![cfg(any(feature = "vendored", feature = "system"))]

mod common;

use common::{Directory, ipv8, vectors};

#[test]
fn golden_keys_are_shown() {
    let directory = Directory::new();
    let golden = vectors("keys.json");
    let mut shown = 0;
    for key in golden["keys"].as_array().unwrap() {
        for form in ["private_bin", "public_bin"] {
            let file = directory.file("key");
            std::fs::write(&file, hex::decode(key[form].as_str().unwrap()).unwrap()).unwrap();
            let run = ipv8(["key", "show", &file, "--json"], b"");
            assert_eq!(run.status, Some(0), "{}", run.stderr);
            assert_eq!(run.json()[0]["public_key"], key["public_bin"]);
            assert_eq!(run.json()[0]["mid"], key["mid"]);
            assert_eq!(run.stderr, "");
            shown += 1;
        }
    }
    assert!(shown >= 10, "{shown} keys");
}

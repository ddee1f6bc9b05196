//! A key is replaced only on demand.

mod common;

use common::{Directory, ipv8};

#[test]
fn a_key_is_replaced_by_force_only() {
    let directory = Directory::new();
    let file = directory.file("key");
    assert_eq!(ipv8(["key", "generate", "--out", &file], b"").status, Some(0));
    let first = std::fs::read(&file).unwrap();
    ipv8(["key", "generate", "--out", &file], b"").failed(1, "--force");
    assert_eq!(std::fs::read(&file).unwrap(), first);
    assert_eq!(ipv8(["key", "generate", "--out", &file, "--force"], b"").status, Some(0));
    assert_ne!(std::fs::read(&file).unwrap(), first);
}

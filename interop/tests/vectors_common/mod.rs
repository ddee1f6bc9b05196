//! Reading the golden vectors.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]
#![allow(dead_code, reason = "each test uses a part")]

use std::{cell::RefCell, collections::BTreeSet, net::SocketAddr, path::PathBuf};

use ipv8_core::{Hardening, Node, NodeConfig};
use ipv8_crypto::{Curve, Mid, PrivateKey};
use ipv8_wire::CommunityId;
use rand::{SeedableRng, rngs::StdRng};
use serde_json::Value;

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// One file of vectors.
pub(crate) fn load(file: &str) -> Value {
    serde_json::from_slice(&std::fs::read(directory().join(file)).unwrap()).unwrap()
}

/// Stops the test unless the list of what is knowingly not matched names this entry.
pub(crate) fn assert_listed_as_unmatched(file: &str, entry: &str) {
    let list = std::fs::read_to_string(directory().join("UNMATCHED.md")).unwrap();
    let listed = list.lines().any(|line| line.contains(&format!("`{file}`")) && line.contains(entry));
    assert!(listed, "UNMATCHED.md does not name {entry:?} of {file}");
}

/// A text field.
pub(crate) fn text<'a>(entry: &'a Value, field: &str) -> &'a str {
    entry[field].as_str().unwrap_or_else(|| panic!("no text {field:?} in {entry}"))
}

/// A list field.
pub(crate) fn list<'a>(entry: &'a Value, field: &str) -> &'a [Value] {
    entry[field].as_array().unwrap_or_else(|| panic!("no list {field:?} in {entry}"))
}

/// A number field.
pub(crate) fn number(entry: &Value, field: &str) -> u64 {
    entry[field].as_u64().unwrap_or_else(|| panic!("no number {field:?} in {entry}"))
}

/// The bytes of a hex text.
pub(crate) fn bytes(hex_text: &Value) -> Vec<u8> {
    hex::decode(hex_text.as_str().unwrap()).unwrap()
}

/// As many bytes as an id has.
pub(crate) fn twenty(hex_text: &Value) -> [u8; 20] {
    bytes(hex_text).try_into().unwrap()
}

/// The community that an entry is about.
pub(crate) fn community_id(entry: &Value) -> CommunityId {
    text(entry, "community_id").parse().unwrap()
}

/// An address that is no host name.
pub(crate) fn address(value: &Value) -> SocketAddr {
    let address = SocketAddr::new(text(value, "host").parse().unwrap(), u16::try_from(number(value, "port")).unwrap());
    assert_eq!(address.is_ipv4(), value["type"] == "ipv4", "{value}");
    address
}

/// A key of the file's `keys`.
pub(crate) fn key(file: &Value, name: &str) -> PrivateKey {
    let entry = &file["keys"][name];
    let key = PrivateKey::from_bytes(&bytes(&entry["private_bin"])).unwrap();
    assert_eq!(key.public().as_bytes(), bytes(&entry["public_bin"]), "{name}");
    assert_eq!(key.mid(), Mid(twenty(&entry["mid"])), "{name}");
    key
}

/// A node with a key, or one that nobody else has.
pub(crate) fn node(key: Option<PrivateKey>) -> Node {
    let mut rng = StdRng::from_seed([7; 32]);
    let key = key.unwrap_or_else(|| PrivateKey::generate(Curve::Curve25519, &mut rng).unwrap());
    Node::new(NodeConfig::new(key, [8; 32]))
}

/// A node that trusts as the reference does.
pub(crate) fn trusting_node(key: PrivateKey) -> Node {
    let mut config = NodeConfig::new(key, [8; 32]);
    config.hardening = Hardening::reference();
    Node::new(config)
}

/// The fields of a message. [`Fields::finish`] makes sure that none was overlooked.
pub(crate) struct Fields<'a> {
    entries: &'a Value,
    used: RefCell<BTreeSet<&'a str>>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(entries: &'a Value) -> Self {
        Self { entries, used: RefCell::default() }
    }

    pub(crate) fn find(&self, name: &str) -> Option<&'a Value> {
        let (name, value) = self.entries.as_object().unwrap().get_key_value(name)?;
        self.used.borrow_mut().insert(name);
        Some(value)
    }

    pub(crate) fn get(&self, name: &str) -> &'a Value {
        self.find(name).unwrap_or_else(|| panic!("no field {name:?} in {}", self.entries))
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        bytes(self.get(name))
    }

    pub(crate) fn twenty(&self, name: &str) -> [u8; 20] {
        twenty(self.get(name))
    }

    pub(crate) fn address(&self, name: &str) -> SocketAddr {
        address(self.get(name))
    }

    pub(crate) fn v4(&self, name: &str) -> std::net::SocketAddrV4 {
        match self.address(name) {
            SocketAddr::V4(v4) => v4,
            SocketAddr::V6(v6) => panic!("{name} is {v6}"),
        }
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        self.get(name).as_u64().unwrap()
    }

    pub(crate) fn identifier16(&self) -> u16 {
        u16::try_from(self.number("identifier")).unwrap()
    }

    pub(crate) fn identifier32(&self) -> u32 {
        u32::try_from(self.number("identifier")).unwrap()
    }

    pub(crate) fn list(&self, name: &str) -> &'a [Value] {
        self.get(name).as_array().unwrap()
    }

    pub(crate) fn finish(self) {
        let used = self.used.into_inner();
        let all: BTreeSet<&str> = self.entries.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(used, all, "fields that were not looked at");
    }
}

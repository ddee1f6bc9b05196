//! Keys and signatures go both ways between us and the reference, for every curve, through files too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::path::PathBuf;
use std::time::Duration;

use ipv8_crypto::{Curve, PrivateKey, PublicKey, keyfile};
use ipv8_interop::{Process, python, script};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);
const MESSAGE: &[u8] = b"what is signed";

/// The reference, ready to be asked; `None` without it.
struct Reference(Process);

impl Reference {
    fn start() -> Option<Self> {
        let command = script(&python()?, "keys.py");
        Some(Self(Process::spawn_to_ask("keys.py", command).unwrap()))
    }

    fn ask(&mut self, request: Value) -> Value {
        let answer = self.0.ask(&request, SOON).unwrap();
        assert_eq!(answer.get("error"), None, "{request}");
        answer
    }
}

/// A file name of its own for each test and curve, removed at the end.
struct File(PathBuf);

impl File {
    fn new(test: &str, curve: Curve) -> Self {
        let name = format!("ipv8-{}-{test}-{curve}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // It may never have been made.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn assert_same(answer: &Value, key: &PublicKey) {
    assert_eq!(answer["public_key"], hex::encode(key.as_bytes()));
    assert_eq!(answer["mid"], key.mid().to_string());
    assert_eq!(answer["signature_length"], key.signature_len());
    assert_eq!(answer["curve"], key.curve().unwrap().name());
}

#[test]
fn we_load_and_use_key_files_of_the_reference() {
    let Some(mut reference) = Reference::start() else {
        return;
    };
    for curve in Curve::ALL {
        let file = File::new("theirs", curve);
        let made = reference.ask(json!({"op": "generate", "curve": curve.name(), "file": file.0}));
        let key = keyfile::load(&file.0).unwrap();
        assert_same(&made, key.public());
        assert_eq!(made["private_key"], hex::encode(&*key.to_bytes()));

        let signature = key.sign(MESSAGE).unwrap();
        let verdict = |reference: &mut Reference, message: &[u8]| {
            reference.ask(json!({
                "op": "verify",
                "public": hex::encode(key.public().as_bytes()),
                "message": hex::encode(message),
                "signature": hex::encode(signature.as_bytes()),
            }))["valid"]
                .as_bool()
        };
        assert_eq!(verdict(&mut reference, MESSAGE), Some(true), "{curve}");
        assert_eq!(verdict(&mut reference, b"another"), Some(false), "{curve}");
    }
}

#[test]
fn the_reference_loads_and_uses_key_files_of_ours() {
    let Some(mut reference) = Reference::start() else {
        return;
    };
    let mut rng = StdRng::seed_from_u64(1);
    for curve in Curve::ALL {
        let file = File::new("ours", curve);
        let key = PrivateKey::generate(curve, &mut rng).unwrap();
        keyfile::save(&file.0, &key, false).unwrap();
        let loaded = reference.ask(json!({"op": "load", "file": file.0}));
        assert_same(&loaded, key.public());

        let message = hex::encode(MESSAGE);
        let signed = reference.ask(json!({"op": "sign", "file": file.0, "message": message}));
        let signature = hex::decode(signed["signature"].as_str().unwrap()).unwrap();
        assert!(key.public().verify(MESSAGE, &signature), "{curve}");
        assert!(!key.public().verify(b"another", &signature), "{curve}");
    }
}

#[test]
fn pem_of_each_reads_in_the_other() {
    let Some(mut reference) = Reference::start() else {
        return;
    };
    let mut rng = StdRng::seed_from_u64(2);
    for curve in Curve::ALL {
        let key = PrivateKey::generate(curve, &mut rng).unwrap();
        let file = File::new("pem", curve);
        std::fs::write(&file.0, &*key.to_pem()).unwrap();
        let theirs = reference.ask(json!({"op": "load", "file": file.0}));
        let asked = json!({"op": "pem", "private": hex::encode(&*key.to_bytes())});
        let pem = reference.ask(asked)["pem"].as_str().unwrap().to_owned();
        let ours = PrivateKey::from_pem(&pem, &mut rng).unwrap();
        // PEM of a curve25519 key lacks the X25519 half, which each reader draws anew.
        let shared = match curve {
            Curve::Curve25519 => 10 + 32..,
            _ => 0..,
        };
        let expected = &key.public().as_bytes()[shared.clone()];
        let their_key = hex::decode(theirs["public_key"].as_str().unwrap()).unwrap();
        assert_eq!(&their_key[shared.clone()], expected, "{curve}");
        assert_eq!(&ours.public().as_bytes()[shared], expected, "{curve}");
    }
}

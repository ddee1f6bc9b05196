//! Key files: private, whole or not at all, and never replaced unasked.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};

use ipv8_crypto::keyfile::{self, KeyFileError, KeyMaterial};
use ipv8_crypto::{Curve, KeyError, PrivateKey};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// A directory of one test, removed at its end.
struct Directory(PathBuf);

impl Directory {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ipv8-keyfile-{}-{test}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn key(seed: u64) -> PrivateKey {
    PrivateKey::generate(Curve::Curve25519, &mut StdRng::seed_from_u64(seed)).unwrap()
}

#[test]
fn a_saved_key_is_the_reference_s_bytes_and_comes_back() {
    let directory = Directory::new("saved");
    let path = directory.join("key");
    keyfile::save(&path, &key(1), false).unwrap();
    assert_eq!(fs::read(&path).unwrap(), key(1).to_bytes().as_slice());
    assert_eq!(keyfile::load(&path).unwrap().mid(), key(1).mid());
    assert_eq!(directory.names(), ["key"], "no other file stays behind");
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_a_saved_key() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = Directory::new("mode");
    let path = directory.join("key");
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    keyfile::save(&path, &key(1), false).unwrap();
    assert_eq!(mode(), 0o600);
    // What is overwritten does not pass on a mode that lets others read.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    keyfile::save(&path, &key(2), true).unwrap();
    assert_eq!(mode(), 0o600);
}

#[test]
fn a_key_is_replaced_only_when_asked() {
    let directory = Directory::new("replace");
    let path = directory.join("key");
    keyfile::save(&path, &key(1), false).unwrap();
    let refused = keyfile::save(&path, &key(2), false).unwrap_err();
    assert!(matches!(refused, KeyFileError::Exists(_)), "{refused:?}");
    assert_eq!(keyfile::load(&path).unwrap().mid(), key(1).mid());
    keyfile::save(&path, &key(2), true).unwrap();
    assert_eq!(keyfile::load(&path).unwrap().mid(), key(2).mid());
    assert_eq!(directory.names(), ["key"]);
}

#[cfg(unix)]
#[test]
fn a_dangling_link_is_something_that_exists() {
    let directory = Directory::new("dangling");
    let path = directory.join("key");
    std::os::unix::fs::symlink(directory.join("nowhere"), &path).unwrap();
    let refused = keyfile::save(&path, &key(1), false).unwrap_err();
    assert!(matches!(refused, KeyFileError::Exists(_)), "{refused:?}");
    assert_eq!(directory.names(), ["key"]);
}

#[test]
fn a_failed_save_leaves_nothing_behind() {
    let directory = Directory::new("failed");
    let missing = directory.join("missing").join("key");
    let error = keyfile::save(&missing, &key(1), true).unwrap_err();
    assert!(matches!(error, KeyFileError::Write { .. }), "{error:?}");
    // A directory cannot be replaced by a file: this fails at the last step, with the key already written beside it.
    fs::create_dir(directory.join("key")).unwrap();
    let error = keyfile::save(directory.join("key"), &key(1), true).unwrap_err();
    assert!(matches!(error, KeyFileError::Write { .. }), "{error:?}");
    let error = keyfile::save(Path::new("/"), &key(1), true).unwrap_err();
    assert!(matches!(error, KeyFileError::Write { .. }), "{error:?}");
    assert_eq!(directory.names(), ["key"]);
}

#[test]
fn readers_see_whole_keys_while_a_writer_replaces_them() {
    let directory = Directory::new("whole");
    let path = directory.join("key");
    let keys = [key(1), key(2)];
    keyfile::save(&path, &keys[0], false).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..200 {
                keyfile::save(&path, &keys[round % 2], true).unwrap();
            }
        });
        while !writer.is_finished() {
            let read = keyfile::load(&path).unwrap().mid();
            assert!(keys.iter().any(|key| key.mid() == read));
        }
    });
}

#[test]
fn of_many_that_generate_at_once_all_get_the_same_key() {
    let directory = Directory::new("race");
    let path = directory.join("key");
    let mids: Vec<_> = std::thread::scope(|scope| {
        let start = |seed| {
            let path = &path;
            scope.spawn(move || {
                let mut rng = StdRng::seed_from_u64(seed);
                keyfile::load_or_generate(path, Curve::Curve25519, &mut rng).unwrap().mid()
            })
        };
        let started: Vec<_> = (0..8).map(start).collect();
        started.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(mids.iter().all(|mid| *mid == mids[0]), "{mids:?}");
    assert_eq!(directory.names(), ["key"]);
}

#[test]
fn a_file_is_generated_once_and_never_over_another() {
    let directory = Directory::new("generate");
    let path = directory.join("key");
    let mut rng = StdRng::seed_from_u64(1);
    let first = keyfile::load_or_generate(&path, Curve::Curve25519, &mut rng).unwrap();
    assert_eq!(first.mid(), key(1).mid(), "drawn from the caller's generator");
    let second = keyfile::load_or_generate(&path, Curve::Curve25519, &mut rng).unwrap();
    assert_eq!(second.mid(), first.mid());

    fs::write(&path, b"something precious").unwrap();
    let error = keyfile::load_or_generate(&path, Curve::Curve25519, &mut rng).unwrap_err();
    assert!(matches!(error, KeyFileError::Content { .. }), "{error:?}");
    assert_eq!(fs::read(&path).unwrap(), b"something precious");
}

#[test]
fn what_is_not_a_private_key_is_told_apart() {
    let directory = Directory::new("content");
    let path = directory.join("key");
    let missing = keyfile::load(&path).unwrap_err();
    assert!(matches!(missing, KeyFileError::NotFound(_)), "{missing:?}");
    assert!(missing.to_string().contains(path.to_str().unwrap()), "{missing}");

    let folder = keyfile::load(&directory.0).unwrap_err();
    assert!(matches!(folder, KeyFileError::NotAFile(_)), "{folder:?}");

    let cut_off = key(1).to_bytes()[..60].to_vec();
    let cases = [
        (b"".to_vec(), KeyError::Unrecognised),
        (b"hello".to_vec(), KeyError::Unrecognised),
        (cut_off, KeyError::TooShort { found: 60 }),
        (key(1).public().as_bytes().to_vec(), KeyError::PublicGiven),
        (key(1).public().to_pem().into_bytes(), KeyError::PublicGiven),
        (vec![b'x'; 70_000], KeyError::TooLong { found: 70_000, limit: 65_535 }),
    ];
    for (content, expected) in cases {
        fs::write(&path, content).unwrap();
        match keyfile::load(&path).unwrap_err() {
            KeyFileError::Content { source, .. } => assert_eq!(source, expected),
            other => panic!("{other:?}"),
        }
    }
}

#[cfg(unix)]
#[test]
fn an_unreadable_file_is_an_error() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = Directory::new("unreadable");
    let path = directory.join("key");
    keyfile::save(&path, &key(1), false).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&path).is_ok() {
        // The superuser reads everything; a name below a file is unreadable even for it.
        let error = keyfile::load(path.join("below")).unwrap_err();
        assert!(matches!(error, KeyFileError::Read { .. }), "{error:?}");
        return;
    }
    let error = keyfile::load(&path).unwrap_err();
    assert!(matches!(error, KeyFileError::Read { .. }), "{error:?}");
}

#[test]
fn pem_and_public_keys_are_read() {
    let directory = Directory::new("pem");
    let path = directory.join("key");
    fs::write(&path, key(1).to_pem().as_bytes()).unwrap();
    let loaded = keyfile::load(&path).unwrap();
    assert_eq!(loaded.to_pem(), key(1).to_pem());
    assert_ne!(loaded.mid(), keyfile::load(&path).unwrap().mid(), "the other half is drawn anew");
    assert!(matches!(keyfile::load_any(&path).unwrap(), KeyMaterial::Private(_)));

    for content in [key(1).public().as_bytes(), key(1).public().to_pem().as_bytes()] {
        fs::write(&path, content).unwrap();
        let KeyMaterial::Public(public) = keyfile::load_any(&path).unwrap() else {
            panic!("a public key");
        };
        assert!(public.verify(b"hello", &key(1).sign(b"hello").unwrap()));
    }
}

//! What the tests share.
#![allow(dead_code, reason = "every test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use ipv8_core::crypto::{Curve, PrivateKey, PublicKey};
use ipv8_dht::{
    keep::{Batch, Saved, SavedNode, SavedPublication, SavedValue},
    store::{Entry, Source},
};
use ipv8_dht_sqlite::{OpenError, Options, SqliteDisk};
use rand::{SeedableRng, rngs::StdRng};

pub(crate) const NOW: Duration = Duration::from_secs(1_790_000_000);

pub(crate) fn key(seed: u8) -> PublicKey {
    PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([seed; 32])).unwrap().public().clone()
}

/// A value that is told from others by its number.
pub(crate) fn value(number: u64) -> SavedValue {
    let mut id = [0; 20];
    id[..8].copy_from_slice(&number.to_be_bytes());
    let source = match number % 3 {
        0 => Source::Own,
        1 => Source::of(IpAddr::from([10, 0, 0, 1])),
        _ => Source::of("2001:db8::1".parse().unwrap()),
    };
    let max_age = Duration::from_secs(3_600);
    let entry = Entry { key: [7; 20], id, value: [&[0], &id[..]].concat(), version: 4_000_000_000, max_age, source };
    SavedValue { entry, expires: NOW + max_age }
}

/// Some of everything.
pub(crate) fn batch(numbers: std::ops::Range<u64>) -> Batch {
    let mut batch = Batch::default();
    for number in numbers {
        batch.v4.put.insert(number, value(number));
        batch.v6.put.insert(number, value(number + 1));
        let publication =
            SavedPublication { key: [9; 20], value: vec![0; 170], due: NOW + Duration::from_nanos(number) };
        batch.publications.put.insert(number, publication);
    }
    let addresses: [SocketAddr; 2] = ["10.0.0.1:65535".parse().unwrap(), "[2001:db8::1]:1".parse().unwrap()];
    batch.nodes = Some(addresses.map(|address| SavedNode { address, key: key(3) }).to_vec());
    batch
}

/// Opens a file: what it holds, and what was set aside.
pub(crate) fn open(path: &Path) -> Result<(SqliteDisk, Saved, Option<PathBuf>), OpenError> {
    SqliteDisk::open(path, &Options::default())
}

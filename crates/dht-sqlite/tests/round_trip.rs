//! What is committed is there when the file is opened again, and only its owner can read it.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use common::{NOW, batch, open};
use ipv8_dht::{
    DhtConfig, Family,
    keep::{Disk, Saved},
    store::StoreLimits,
};
use ipv8_dht_sqlite::Options;

#[test]
fn everything_is_there_again_to_the_last_bit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dht.sqlite");
    let (mut disk, saved, set_aside) = open(&path).unwrap();
    assert_eq!((saved, set_aside), (Saved::default(), None));
    let mut expected = Saved::default();
    let mut second = batch(100..150);
    second.v4.removed.extend([3, 4, 99_999]);
    second.publications.removed.extend([0, 99]);
    // The same batch may come again.
    for batch in [&batch(0..100), &second, &second] {
        disk.commit(batch).unwrap();
        expected.apply(batch);
    }
    drop(disk);
    let (disk, saved, set_aside) = open(&path).unwrap();
    assert_eq!((saved, set_aside), (expected, None));
    drop(disk);
}

#[test]
fn a_batch_that_fails_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dht.sqlite");
    let (mut disk, ..) = open(&path).unwrap();
    disk.commit(&batch(0..10)).unwrap();
    let (mut bad, before) = (batch(10..20), batch(0..10));
    // More than any value has.
    bad.v6.put.get_mut(&19).unwrap().entry.value = vec![0; 171];
    bad.v4.removed.insert(1);
    assert!(disk.commit(&bad).is_err());
    drop(disk);
    let mut expected = Saved::default();
    expected.apply(&before);
    assert_eq!(open(&path).unwrap().1, expected);
}

#[test]
fn what_is_too_old_or_too_much_is_not_loaded_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dht.sqlite");
    let (mut disk, ..) = open(&path).unwrap();
    let mut many = batch(0..100);
    for number in 0..30 {
        many.v4.put.get_mut(&number).unwrap().expires = NOW - std::time::Duration::from_nanos(1);
    }
    disk.commit(&many).unwrap();
    drop(disk);
    let limits = StoreLimits { total: 50, per_key: 50, per_source: 1_000 };
    let config = DhtConfig { store: limits, ..DhtConfig::default() };
    let (community, opened) = Options::default().now(NOW).open(&path, config).unwrap();
    assert_eq!((opened.values, opened.publications, opened.nodes), (100, 100, 2));
    // Of the v4 values 70 are not too old, of which there is room for 50.
    assert_eq!((community.store(Family::V4).len(), community.store(Family::V6).len()), (50, 50));
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_use_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dht.sqlite");
    let (mut disk, ..) = open(&path).unwrap();
    disk.commit(&batch(0..10)).unwrap();
    let modes = || {
        let files = std::fs::read_dir(directory.path()).unwrap().map(Result::unwrap);
        let mode = |file: std::fs::DirEntry| {
            (file.file_name().into_string().unwrap(), file.metadata().unwrap().permissions().mode() & 0o777)
        };
        let mut modes: Vec<_> = files.map(mode).collect();
        modes.sort();
        modes
    };
    let file = |name: &str| (name.to_owned(), 0o600);
    assert_eq!(modes(), [file("dht.sqlite"), file("dht.sqlite-wal"), file("dht.sqlite.lock")]);
    drop(disk);
    // One that was opened to others is closed to them again.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    drop(open(&path).unwrap());
    assert_eq!(modes(), [file("dht.sqlite"), file("dht.sqlite.lock")]);
}

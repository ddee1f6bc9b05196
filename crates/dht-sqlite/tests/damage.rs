//! Files that are damaged, of others, in use, of other versions, or out of reach.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::{fs, io::Write, path::Path};

use common::{batch, open};
use ipv8_dht::keep::{Disk, Saved};
use ipv8_dht_sqlite::OpenError;
use rusqlite::{Connection, config::DbConfig};

/// The files of a directory whose names begin so, by name.
fn files(directory: &Path, begin: &str) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.starts_with(begin)).collect();
    names.sort();
    names
}

/// A file with some of everything, closed in order.
fn written(path: &Path) -> Saved {
    let (mut disk, ..) = open(path).unwrap();
    disk.commit(&batch(0..200)).unwrap();
    drop(disk);
    open(path).unwrap().1
}

#[test]
fn whatever_part_of_a_file_is_damaged_it_is_set_aside_and_another_begun() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dht.sqlite");
    let whole = written(&path);
    let bytes = fs::read(&path).unwrap();
    let pages = bytes.len() / 8_192;
    assert!(pages > 10, "{pages} pages");
    let mut aside = 0;
    let mut damaged = vec![
        bytes[..bytes.len() - 8_192].to_vec(),
        bytes[..bytes.len() - 5_000].to_vec(),
        bytes[..bytes.len() / 2].to_vec(),
        bytes[..8_192].to_vec(),
        bytes[..100].to_vec(),
        b"some text".to_vec(),
        vec![0; bytes.len()],
    ];
    // Each page but the first, in which a part is not used, overwritten.
    damaged.extend((1..pages).map(|page| {
        let mut bytes = bytes.clone();
        bytes[page * 8_192..(page + 1) * 8_192].fill(0xa5);
        bytes
    }));
    for (number, damaged) in damaged.into_iter().enumerate() {
        fs::write(&path, &damaged).unwrap();
        let (mut disk, saved, set_aside) = open(&path).unwrap();
        // What it cannot tell from a whole file has to be whole. (A page that is free has nothing to lose.)
        let Some(set_aside) = set_aside else {
            assert_eq!(saved, whole, "case {number}");
            continue;
        };
        aside += 1;
        assert_eq!((saved, fs::read(&set_aside).unwrap()), (Saved::default(), damaged), "case {number}");
        disk.commit(&batch(0..3)).unwrap();
        drop(disk);
        assert_eq!(open(&path).unwrap().1.v4.len(), 3);
    }
    // Each under a name of its own.
    assert_eq!(files(directory.path(), "dht.sqlite.damaged-").len(), aside);
    assert!(aside > pages, "{aside} set aside");
}

#[test]
fn an_empty_file_is_a_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dht.sqlite");
    fs::write(&path, []).unwrap();
    let (mut disk, saved, set_aside) = open(&path).unwrap();
    assert_eq!((saved, set_aside), (Saved::default(), None));
    disk.commit(&batch(0..3)).unwrap();
}

#[test]
fn a_log_without_its_file_is_kept() {
    for empty in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dht.sqlite");
        written(&path);
        let connection = Connection::open(&path).unwrap();
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
        connection.execute_batch("DELETE FROM node").unwrap();
        drop(connection);
        let (file, log) = (fs::read(&path).unwrap(), fs::read(directory.path().join("dht.sqlite-wal")).unwrap());
        // As it is if setting aside is interrupted; or if somebody made the file empty.
        let expected = if empty {
            fs::write(&path, []).unwrap();
            vec![log]
        } else {
            fs::rename(&path, directory.path().join("dht.sqlite.damaged-1")).unwrap();
            vec![file, log]
        };
        let (_, saved, set_aside) = open(&path).unwrap();
        assert_eq!((saved, set_aside.is_some()), (Saved::default(), true));
        let kept = files(directory.path(), "dht.sqlite.damaged-");
        let contents: Vec<_> = kept.iter().map(|name| fs::read(directory.path().join(name)).unwrap()).collect();
        assert!(contents == expected, "{kept:?}");
        assert_eq!(kept.last().unwrap(), "dht.sqlite.damaged-1-wal");
    }
}

#[test]
fn only_one_node_has_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dht.sqlite");
    let (mut disk, ..) = open(&path).unwrap();
    disk.commit(&batch(0..3)).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("in use: only one node at a time"), "{error}");
    // By another name as well.
    #[cfg(unix)]
    {
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(open(&link).unwrap_err(), OpenError::InUse { .. }));
    }
    drop(disk);
    // And while another program has it.
    let other = Connection::open(&path).unwrap();
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").unwrap();
    assert!(matches!(open(&path).unwrap_err(), OpenError::InUse { .. }));
    drop(other);
    assert_eq!(open(&path).unwrap().1.v4.len(), 3);
}

#[test]
fn files_of_other_programs_and_of_newer_versions_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    for (name, sql) in [
        ("other", "CREATE TABLE value4 (a)"),
        ("other2", "PRAGMA application_id = 7"),
        ("newer", "PRAGMA application_id = 0x49507638; PRAGMA user_version = 3; CREATE TABLE value4 (a)"),
    ] {
        let path = directory.path().join(name);
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let before = (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().permissions());
        let error = open(&path).unwrap_err();
        match name {
            "newer" => assert!(matches!(error, OpenError::Newer { found: 3, known: 2, .. }), "{error}"),
            _ => assert!(matches!(error, OpenError::Foreign { .. }), "{error}"),
        }
        assert_eq!((fs::read(&path).unwrap(), fs::metadata(&path).unwrap().permissions()), before);
        assert_eq!(files(directory.path(), name), [name.to_owned(), format!("{name}.lock")].map(String::from));
    }
}

#[test]
fn a_file_of_version_1_is_brought_up_to_date() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dht.sqlite");
    Connection::open(&path).unwrap().execute_batch(include_str!("common/version1.sql")).unwrap();
    let (mut disk, saved, set_aside) = open(&path).unwrap();
    assert_eq!((saved.v4.len(), saved.publications.len(), saved.nodes.len(), set_aside), (2_000, 1, 0, None));
    disk.commit(&batch(5_000..5_001)).unwrap();
    drop(disk);
    let (_, saved, _) = open(&path).unwrap();
    assert_eq!((saved.v4.len(), saved.publications.len(), saved.nodes.len()), (2_001, 2, 2));
    // It is as one that was made anew.
    let new = directory.path().join("new.sqlite");
    drop(open(&new).unwrap());
    let schema = |path: &Path| -> Vec<(String, String)> {
        let connection = Connection::open(path).unwrap();
        let mut select = connection.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").unwrap();
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).unwrap();
        let words = |sql: String| sql.split_whitespace().collect::<Vec<_>>().join(" ");
        rows.map(|row| row.map(|(name, sql)| (name, words(sql))).unwrap()).collect()
    };
    assert_eq!(schema(&path), schema(&new));
    let pragma = |name: &str| -> i64 {
        Connection::open(&new).unwrap().pragma_query_value(None, name, |row| row.get(0)).unwrap()
    };
    assert_eq!((pragma("page_size"), pragma("user_version"), pragma("application_id")), (8_192, 2, 0x4950_7638));
}

#[test]
fn a_place_that_cannot_be_written_to_is_a_clear_error() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing").join("dht.sqlite");
    let error = open(&missing).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
    assert!(error.to_string().contains("The directory has to be there"), "{error}");
    assert!(matches!(open(directory.path()).unwrap_err(), OpenError::Io { .. }), "a directory is no file");
    // Where not even root can make a file.
    #[cfg(target_os = "linux")]
    assert!(matches!(open(Path::new("/proc/dht.sqlite")).unwrap_err(), OpenError::Io { .. }));
}

#[cfg(unix)]
#[test]
fn a_directory_that_is_read_only_is_a_clear_error() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let only_read = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    only_read(directory.path(), 0o500);
    if fs::write(directory.path().join("probe"), []).is_ok() {
        // Past the test runner, which swallows what passing tests print.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: a_directory_that_is_read_only_is_a_clear_error: root may write to every directory"
        );
        return;
    }
    let error = open(&directory.path().join("dht.sqlite")).unwrap_err();
    only_read(directory.path(), 0o700);
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
}

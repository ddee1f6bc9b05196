//! A node that is killed at any moment has on its disk all that it acknowledged, and its file opens.
//!
//! `IPV8_CRASH_ROUNDS` says how often it is killed (`cargo xtask crash --rounds 500` sets it), `IPV8_CRASH_SEED` from which
//! seed the moments are drawn; when exactly the system kills it, no seed tells.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "what fails here fails the test")]
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "it takes real time, and the parent reads lines")]

#[path = "../common/mod.rs"]
mod common;
mod writer;

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use ipv8_dht_sqlite::{OpenError, SqliteDisk};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rusqlite::Connection;
use writer::Acknowledged;

const WRITER: &str = "a_writer_that_is_not_killed_leaves_all_that_it_acknowledged";

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// The child's part, and a test of its own: without it, the other one could pass because nothing is ever written.
#[test]
fn a_writer_that_is_not_killed_leaves_all_that_it_acknowledged() {
    if let (Some(path), Some(seed), Some(checkpoint)) =
        (env::var_os("IPV8_CRASH_FILE"), number("IPV8_CRASH_SEED"), number("IPV8_CRASH_CHECKPOINT"))
    {
        writer::write(Path::new(&path), seed, u32::try_from(checkpoint).unwrap(), (u64::MAX, 0));
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dht.sqlite");
    writer::write(&path, 1, 8, (300, 8));
    let saved = loop {
        match common::open(&path) {
            Ok((_, saved, _)) => break saved,
            // A last batch is still being written.
            Err(OpenError::InUse { .. }) => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    };
    assert!(saved.v4.len() >= 300, "{} values", saved.v4.len());
    assert!(!saved.publications.is_empty());
}

/// When a writer is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// While it opens its file, which is new, old, of an older version, or has a log that was not copied yet.
    Opening,
    /// While it writes. With a small log it is copied into the file all the time.
    Writing { checkpoint: u32 },
}

/// All that was acknowledged in the rounds with one file.
#[derive(Default)]
struct Expected {
    values: BTreeSet<([u8; 20], Vec<u8>)>,
    published: BTreeMap<[u8; 20], bool>,
    /// In all rounds.
    counts: Counts,
}

#[derive(Clone, Copy, Default, Debug)]
struct Counts {
    values: u64,
    published: u64,
    forgotten: u64,
}

impl Expected {
    fn add(&mut self, acknowledged: Acknowledged) {
        match &acknowledged {
            Acknowledged::Value(..) => self.counts.values += 1,
            Acknowledged::Published(_) => self.counts.published += 1,
            Acknowledged::Forgetting(_) => {}
            Acknowledged::Forgotten(_) => self.counts.forgotten += 1,
        }
        match acknowledged {
            Acknowledged::Value(key, value) => drop(self.values.insert((key, value))),
            Acknowledged::Published(key) => drop(self.published.insert(key, true)),
            Acknowledged::Forgetting(key) => drop(self.published.remove(&key)),
            Acknowledged::Forgotten(key) => drop(self.published.insert(key, false)),
        }
    }

    /// Opens the file, and looks for all of it.
    fn check(&self, path: &Path, round: &str) {
        let (disk, saved, set_aside) = common::open(path).unwrap_or_else(|error| panic!("{round}: {error}"));
        assert_eq!(set_aside, None, "{round}");
        drop(disk);
        let check: String =
            Connection::open(path).unwrap().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok", "{round}");
        let has: BTreeSet<_> = saved.v4.into_values().map(|saved| (saved.entry.key, saved.entry.value)).collect();
        let missing = self.values.difference(&has).count();
        assert_eq!(missing, 0, "{round}: of {} values", self.values.len());
        let has: BTreeSet<_> = saved.publications.into_values().map(|saved| saved.key).collect();
        for (key, is_published) in &self.published {
            assert_eq!(has.contains(key), *is_published, "{round}: a publication");
        }
    }
}

struct Killed {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Killed {
    fn start(path: &Path, seed: u64, checkpoint: u32) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args(["--exact", WRITER, "--nocapture", "--test-threads=1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.env("IPV8_CRASH_FILE", path).env("IPV8_CRASH_SEED", seed.to_string());
        let mut child = command.env("IPV8_CRASH_CHECKPOINT", checkpoint.to_string()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Reads a line; `None` for one that is cut off, and at the end.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.strip_suffix('\n').map(str::to_owned)
    }

    fn wait_for(&mut self, wanted: &str) {
        while self.line().unwrap_or_else(|| panic!("the writer ended: {}", self.error())) != wanted {}
    }

    fn error(&mut self) -> String {
        self.child.stderr.take().map(|stderr| std::io::read_to_string(stderr).unwrap()).unwrap_or_default()
    }

    /// Kills it; returns whether it had opened its file, and the rest of what it acknowledged.
    fn kill(mut self) -> (bool, Vec<Acknowledged>) {
        // Sends SIGKILL.
        self.child.kill().unwrap();
        let (mut opened, mut all) = (false, Vec::new());
        while let Some(line) = self.line() {
            opened |= line == "opened";
            all.extend(Acknowledged::parse(&line));
        }
        use std::os::unix::process::ExitStatusExt;
        let status = self.child.wait().unwrap();
        assert_eq!(status.signal(), Some(9), "it ended by itself: {}", self.error());
        (opened, all)
    }
}

fn pause(rng: &mut StdRng, most: Duration) {
    std::thread::sleep(most.mul_f64(rng.random_range(0.0..1.0)));
}

/// A file of version 1 with 2,000 values, all of them in its log.
fn version1(path: &Path) -> Expected {
    let connection = Connection::open(path).unwrap();
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    connection.execute_batch(include_str!("../common/version1.sql")).unwrap();
    let mut expected = Expected::default();
    expected.published.insert([0; 20], true);
    let mut select = connection.prepare("SELECT key, value FROM value4").unwrap();
    expected.values = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
    expected
}

#[test]
fn all_that_was_acknowledged_survives_kills() {
    let rounds = number("IPV8_CRASH_ROUNDS").unwrap_or(25);
    let seed = number("IPV8_CRASH_SEED").unwrap_or_else(rand_seed);
    eprintln!("{rounds} rounds with IPV8_CRASH_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let directory = tempfile::tempdir().unwrap();
    let (mut path, mut expected) = (PathBuf::new(), Expected::default());
    let (mut while_opening, mut while_writing) = (0, 0);
    for round in 0..rounds {
        // A new file every five rounds, every second of them of an older version.
        if round % 5 == 0 {
            path = directory.path().join(format!("{round}.sqlite"));
            let fresh = if round % 10 == 5 { version1(&path) } else { Expected::default() };
            expected = Expected { counts: expected.counts, ..fresh };
        }
        let moment = match round % 5 {
            0 | 2 => Moment::Opening,
            1 => Moment::Writing { checkpoint: 2 },
            _ => Moment::Writing { checkpoint: rng.random_range(2..500) },
        };
        let name = format!("round {round} of seed {seed}, {moment:?}");
        let checkpoint = if let Moment::Writing { checkpoint } = moment { checkpoint } else { 100 };
        let mut killed = Killed::start(&path, rng.random(), checkpoint);
        killed.wait_for("begin");
        if let Moment::Writing { .. } = moment {
            killed.wait_for("opened");
            for _ in 0..rng.random_range(0..600) {
                let line = killed.line().unwrap();
                expected.add(Acknowledged::parse(&line).unwrap());
            }
            pause(&mut rng, Duration::from_millis(3));
        } else {
            pause(&mut rng, Duration::from_millis(12));
        }
        let (opened, rest) = killed.kill();
        if let Moment::Opening = moment {
            while_opening += u64::from(!opened);
        } else {
            while_writing += 1;
        }
        rest.into_iter().for_each(|what| expected.add(what));
        expected.check(&path, &name);
    }
    let counts = expected.counts;
    println!("{rounds} kills: {while_opening} while opening, {while_writing} while writing; acknowledged: {counts:?}");
    assert!(counts.values > 20 * while_writing, "the writer hardly wrote: {counts:?}");
}

fn rand_seed() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::from(since.subsec_nanos())
}

/// A file that is damaged in the middle, and has a log. Returns what is in both.
fn damaged(path: &Path, log: &Path) -> [Vec<u8>; 2] {
    version1(path);
    let connection = Connection::open(path).unwrap();
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); DELETE FROM publication").unwrap();
    drop(connection);
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0x5a);
    fs::write(path, &bytes).unwrap();
    [bytes, fs::read(log).unwrap()]
}

#[test]
fn a_damaged_file_is_not_lost_when_setting_it_aside_is_interrupted() {
    let rounds = number("IPV8_CRASH_ROUNDS").unwrap_or(25).div_ceil(5);
    let seed = number("IPV8_CRASH_SEED").unwrap_or_else(rand_seed);
    eprintln!("{rounds} rounds with IPV8_CRASH_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    for round in 0..rounds {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dht.sqlite");
        let log = directory.path().join("dht.sqlite-wal");
        let damaged = damaged(&path, &log);
        let mut killed = Killed::start(&path, rng.random(), 100);
        killed.wait_for("begin");
        pause(&mut rng, Duration::from_millis(4));
        killed.kill();
        let (disk, ..) = SqliteDisk::open(&path, &ipv8_dht_sqlite::Options::default()).unwrap();
        drop(disk);
        let files: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|file| file.unwrap().path()).collect();
        let mut kept: Vec<_> = files.iter().filter(|path| path.to_string_lossy().contains(".damaged-")).collect();
        kept.sort();
        let contents: Vec<_> = kept.iter().map(|path| fs::read(path).unwrap()).collect();
        assert_eq!(contents, damaged, "round {round} of seed {seed}: {files:?}");
    }
}

//! What keeping values costs: puts per second and processor time by how many are committed at once, and how long a full
//! file takes to open.
//!
//! `cargo run --release -p ipv8-dht-sqlite --example keep_figures [DIRECTORY]`
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a program that prints what it measures")]

use std::{
    collections::BTreeMap,
    error::Error,
    net::IpAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use ipv8_dht::{
    DhtConfig,
    keep::{Batch, Disk, SavedPublication},
    store::{Entry, MemoryStore, Source, Store, StoreLimits},
};
use ipv8_dht_sqlite::{Options, SqliteDisk};
use rustix::time::{ClockId, clock_gettime};

const LIMITS: StoreLimits = StoreLimits { total: 1_000_000, per_key: 128, per_source: 1_000_000 };

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = tempfile::tempdir_in(directory)?;
    println!("values of 170 bytes, median of 5 runs");
    println!("{:>22} {:>12} {:>14} {:>14}", "at once", "puts/s", "CPU us a put", "us a commit");
    for (count, at_once) in [(2_000, 1), (8_000, 8), (20_000, 64), (50_000, 512), (100_000, 4_096)] {
        row(&format!("{at_once} values"), count, at_once, || values(directory.path(), count, at_once))?;
    }
    for (count, at_once) in [(500, 1), (2_000, 16)] {
        row(&format!("{at_once} publications"), count, at_once, || publications(directory.path(), count, at_once))?;
    }
    let path = directory.path().join("full.sqlite");
    write(&path, 100_000, 4_096)?;
    let mut opened = Vec::new();
    for _ in 0..5 {
        let (wall, cpu) = measured(|| {
            let config = DhtConfig { store: LIMITS, ..DhtConfig::default() };
            let (_, opened) = Options::default().open(&path, config)?;
            if opened.values == 100_000 { Ok(()) } else { Err(format!("{opened:?}").into()) }
        })?;
        opened.push((wall, cpu));
    }
    let (wall, cpu) = median(opened);
    let megabytes = std::fs::metadata(&path)?.len() / 1_000_000;
    println!("100,000 values in {megabytes} MB: opened, checked and loaded in {wall:.0?}, CPU {cpu:.0?}");
    Ok(())
}

fn row(
    name: &str,
    count: u32,
    at_once: u32,
    run: impl Fn() -> Result<(Duration, Duration), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let runs = (0..5).map(|_| run()).collect::<Result<Vec<_>, _>>()?;
    let (wall, cpu) = median(runs);
    let (puts, commits) = (f64::from(count), f64::from(count.div_ceil(at_once)));
    println!(
        "{name:>22} {:>12.0} {:>14.1} {:>14.0}",
        puts / wall.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / puts,
        wall.as_secs_f64() * 1e6 / commits
    );
    Ok(())
}

fn median(mut runs: Vec<(Duration, Duration)>) -> (Duration, Duration) {
    let middle = runs.len() / 2;
    runs.sort_unstable();
    let wall = runs.get(middle).map_or(Duration::ZERO, |run| run.0);
    runs.sort_unstable_by_key(|run| run.1);
    (wall, runs.get(middle).map_or(Duration::ZERO, |run| run.1))
}

fn measured(run: impl FnOnce() -> Result<(), Box<dyn Error>>) -> Result<(Duration, Duration), Box<dyn Error>> {
    let (wall, cpu) = (Instant::now(), cpu());
    run()?;
    Ok((wall.elapsed(), self::cpu().saturating_sub(cpu)))
}

/// User and system time of this process.
fn cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn entry(number: u32) -> Entry {
    // Scattered, as hashes are.
    let [a, b, c, d] = number.wrapping_mul(0x9e37_79b9).to_be_bytes();
    let mut key = [a; 20];
    key.iter_mut().zip([a, b, c, d]).for_each(|(to, from)| *to = from);
    let value = [&[0][..], &key, &[7; 149]].concat();
    Entry {
        key,
        id: key,
        value,
        version: 0,
        max_age: Duration::from_secs(3_600),
        source: Source::of(IpAddr::from([10, 0, 0, a])),
    }
}

/// Puts values into memory and commits them, so many at once.
fn write(path: &Path, count: u32, at_once: u32) -> Result<(Duration, Duration), Box<dyn Error>> {
    let (mut disk, ..) = SqliteDisk::open(path, &Options::default())?;
    let mut store = MemoryStore::restore(LIMITS, BTreeMap::new(), now());
    measured(|| {
        for number in 0..count {
            store.put(entry(number), now());
            if number % at_once == at_once - 1 || number == count - 1 {
                disk.commit(&Batch { v4: store.take_changes(), ..Batch::default() })?;
            }
        }
        Ok(())
    })
}

fn values(directory: &Path, count: u32, at_once: u32) -> Result<(Duration, Duration), Box<dyn Error>> {
    let file = tempfile::Builder::new().tempdir_in(directory)?;
    write(&file.path().join("dht.sqlite"), count, at_once)
}

fn publications(directory: &Path, count: u32, at_once: u32) -> Result<(Duration, Duration), Box<dyn Error>> {
    let file = tempfile::Builder::new().tempdir_in(directory)?;
    let (mut disk, ..) = SqliteDisk::open(&file.path().join("dht.sqlite"), &Options::default())?;
    measured(|| {
        let mut batch = Batch::default();
        for number in 0..count {
            let Entry { key, value, .. } = entry(number);
            batch.publications.put.insert(u64::from(number), SavedPublication { key, value, due: now() });
            if number % at_once == at_once - 1 {
                disk.commit(&std::mem::take(&mut batch))?;
            }
        }
        Ok(())
    })
}

//! A disk that is full: what was written before stays, and it goes on when there is room again.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::{env, fs, io::Write, path::Path, process::Command};

use common::{batch, open};
use ipv8_dht::keep::{Batch, Disk, Saved};
use ipv8_dht_sqlite::{Options, SqliteDisk};

/// Writes until nothing more fits, makes room, and goes on.
fn fill(path: &Path, options: &Options, make_room: impl FnOnce()) {
    let (mut disk, ..) = SqliteDisk::open(path, options).unwrap();
    let mut expected = Saved::default();
    let mut full = 0;
    for number in 0..40 {
        let batch = batch(number * 100..(number + 1) * 100);
        match disk.commit(&batch) {
            Ok(()) => expected.apply(&batch),
            Err(error) => {
                assert!(error.to_string().contains("full"), "{error}");
                full += 1;
            }
        }
    }
    assert!(full > 0 && !expected.v4.is_empty(), "{full} commits found it full");
    make_room();
    let mut less = Batch::default();
    less.v4.removed.extend(expected.v4.keys());
    disk.commit(&less).unwrap();
    expected.apply(&less);
    let more = batch(9_000..9_050);
    disk.commit(&more).unwrap();
    expected.apply(&more);
    drop(disk);
    assert_eq!(open(path).unwrap().1, expected);
}

#[test]
fn a_file_that_is_full() {
    let directory = tempfile::tempdir().unwrap();
    fill(&directory.path().join("dht.sqlite"), &Options::default().most_pages(40), || ());
}

/// The same on a file system that is full, in a mount namespace of its own.
#[cfg(target_os = "linux")]
#[test]
fn a_file_system_that_is_full() {
    const NAME: &str = "a_file_system_that_is_full";
    if let Some(directory) = env::var_os("IPV8_FULL_DISK") {
        let directory = Path::new(&directory);
        fs::write(directory.join("ballast"), vec![0; 400_000]).unwrap();
        fill(&directory.join("dht.sqlite"), &Options::default(), || {
            fs::remove_file(directory.join("ballast")).unwrap()
        });
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=1200k none \"$1\" || exit 99; exec \"$2\" --exact \"$3\" --nocapture";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]);
    command.arg(directory.path()).arg(env::current_exe().unwrap()).arg(NAME).env("IPV8_FULL_DISK", directory.path());
    let reason = match command.output() {
        Err(error) => error.to_string(),
        // What both programs say if they may not, or cannot.
        Ok(output) if matches!(output.status.code(), Some(1 | 99)) => {
            String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")
        }
        Ok(output) => {
            let out = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && out.contains("1 passed"), "{out}");
            return;
        }
    };
    // Past the test runner, which swallows what passing tests print.
    let _ = writeln!(std::io::stderr(), "skipped: {NAME}: no file system of its own: {reason}");
}

//! Which crate may depend on which, and how long a file may be.

use std::fs;
use std::path::{Path, PathBuf};

use crate::report::{Notes, Outcome};
use crate::shell::{Failure, cargo, output, root};

/// A crate, the members of the workspace that it may depend on, and whether a runtime may be among its dependencies.
/// "Dependencies point left only": see docs/ARCHITECTURE.md.
const LAYERS: [(&str, &[&str], bool); 11] = [
    ("ipv8-derive", &[], false),
    ("ipv8-wire", &["ipv8-derive"], false),
    ("ipv8-crypto", &["ipv8-derive", "ipv8-wire"], false),
    ("ipv8-core", CORE, false),
    ("ipv8-discovery", ABOVE_CORE, false),
    ("ipv8-dht", ABOVE_CORE, false),
    ("ipv8-dht-sqlite", ABOVE_DHT, false),
    ("ipv8-net", ABOVE_CORE, true),
    ("ipv8-sim", ABOVE_CORE, false),
    ("ipv8-scenario", ABOVE_SIM_AND_DHT, false),
    ("ipv8-test", ABOVE_SIM, false),
];
const CORE: &[&str] = &["ipv8-derive", "ipv8-wire", "ipv8-crypto"];
const ABOVE_CORE: &[&str] = &["ipv8-derive", "ipv8-wire", "ipv8-crypto", "ipv8-core"];
const ABOVE_DHT: &[&str] = &["ipv8-derive", "ipv8-wire", "ipv8-crypto", "ipv8-core", "ipv8-dht"];
const ABOVE_SIM: &[&str] = &["ipv8-derive", "ipv8-wire", "ipv8-crypto", "ipv8-core", "ipv8-discovery", "ipv8-sim"];
const ABOVE_SIM_AND_DHT: &[&str] =
    &["ipv8-derive", "ipv8-wire", "ipv8-crypto", "ipv8-core", "ipv8-discovery", "ipv8-sim", "ipv8-dht"];

/// What does I/O or keeps time on its own. Matched as a name or as the beginning of one (`tokio-util`).
const RUNTIMES: [&str; 5] = ["tokio", "mio", "async-std", "smol", "async-io"];

/// What reads and writes files, and who may do so.
const DISK: (&str, &str) = ("rusqlite", "ipv8-dht-sqlite");

/// Lines of a file that are worth a remark, and that are too many.
const LONG: usize = 600;
const TOO_LONG: usize = 900;

/// Checks both.
pub(crate) fn check(notes: &mut Notes) -> Result<Outcome, Failure> {
    let mut broken = 0;
    for (package, allowed, runtime) in LAYERS {
        let mut tree = cargo(["tree", "--package", package, "--all-features"]);
        tree.args(["--edges", "normal", "--prefix", "none", "--quiet"]);
        for dependency in forbidden(package, &output(&mut tree)?, allowed, runtime) {
            notes.push(format!("{package} must not depend on {dependency}"));
            broken += 1;
        }
    }
    let mut files = Vec::new();
    collect(&root(), &mut files)?;
    files.sort();
    for file in &files {
        let lines = read(file)?.lines().count();
        if lines > LONG {
            let name = file.strip_prefix(root()).unwrap_or(file);
            notes.push(format!("{} has {lines} lines", name.display()));
            if lines > TOO_LONG {
                broken += 1;
            }
        }
    }
    for note in notes.iter() {
        println!("{note}");
    }
    println!("{} crates, {} files checked", LAYERS.len(), files.len());
    if broken == 0 {
        Ok(Outcome::Passed)
    } else {
        Err(Failure::Failed(format!("{broken} forbidden dependencies or files over {TOO_LONG} lines")))
    }
}

/// The dependencies in a flat `cargo tree` that a crate must not have.
fn forbidden(package: &str, tree: &str, allowed: &[&str], runtime: bool) -> Vec<String> {
    let mut found: Vec<String> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|&name| name != package)
        .filter(|&name| {
            let is_runtime = RUNTIMES
                .iter()
                .any(|runtime| name.strip_prefix(runtime).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')));
            let disk = name == DISK.0 && package != DISK.1;
            let member = name.starts_with("ipv8-");
            (member && !allowed.contains(&name)) || (is_runtime && !runtime) || disk
        })
        .map(str::to_owned)
        .collect();
    found.sort();
    found.dedup();
    found
}

/// The Rust files under a directory, without what is generated or hidden.
fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let failed = |error| Failure::Failed(format!("cannot list {}: {error}", directory.display()));
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // A link could lead anywhere.
        if path.is_symlink() || name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            if name != "target" {
                collect(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| Failure::Failed(format!("cannot read {}: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "ipv8-core v0.1.0 (/x)\nbytes v1.10.1\nipv8-wire v0.1.0 (/y)\ntokio-util v0.7.0\n\
                        tokio v1.54.1 (*)\ntokiosaurus v1.0.0\nipv8-net v0.1.0 (/z)\ntokio v1.54.1\n";

    #[test]
    fn runtimes_and_drivers_are_found() {
        let found = forbidden("ipv8-core", TREE, &["ipv8-wire"], false);
        assert_eq!(found, ["ipv8-net", "tokio", "tokio-util"]);
    }

    #[test]
    fn only_one_crate_has_files() {
        assert_eq!(forbidden("ipv8-dht", "rusqlite v0.40.2\n", &[], false), ["rusqlite"]);
        assert!(forbidden("ipv8-dht-sqlite", "rusqlite v0.40.2\n", &[], false).is_empty());
    }

    #[test]
    fn drivers_may_have_a_runtime_but_no_overlay() {
        let found = forbidden("ipv8-core", TREE, &["ipv8-wire"], true);
        assert_eq!(found, ["ipv8-net"]);
    }
}

//! Setting a damaged file aside, so that at whatever moment that is interrupted, nothing is lost.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::files::{len, with};

/// What belongs to a file, beside itself.
const BESIDE: [&str; 2] = ["-wal", "-journal"];

/// A log whose file is gone, or empty: setting aside was interrupted, or somebody removed the file. SQLite would remove it.
pub(crate) fn orphans(path: &Path) -> bool {
    len(path) == 0 && BESIDE.iter().any(|ending| len(&with(path, ending)) > 0)
}

/// Gives a file, and what belongs to it, another name, which is returned. The file goes first: what is left behind if that
/// is interrupted is a log without its file, which is found by [`orphans`] and gets the same name.
pub(crate) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let aside = |number: u64| with(path, &format!(".damaged-{number}"));
    let is_there = |path: &Path| fs::symlink_metadata(path).is_ok();
    let beside = |path: &Path| BESIDE.iter().any(|ending| is_there(&with(path, ending)));
    let mut number = 1_u64;
    while is_there(&aside(number)) || beside(&aside(number)) {
        number += 1;
    }
    if len(path) > 0 {
        fs::rename(path, aside(number))?;
    } else if number > 1 && !beside(&aside(number - 1)) {
        number -= 1;
    }
    let aside = aside(number);
    for ending in BESIDE {
        let from = with(path, ending);
        if is_there(&from) {
            fs::rename(&from, with(&aside, ending))?;
        }
    }
    if let Some(directory) = path.parent() {
        // Not all systems can do this for a directory.
        let _ = File::open(directory).and_then(|directory| directory.sync_all());
    }
    Ok(aside)
}

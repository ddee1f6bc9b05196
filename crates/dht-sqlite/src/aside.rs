//! Setting a damaged file aside, so that at whatever moment that is interrupted, nothing is lost.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::files::{len, with};

/// The log, which may hold all there is.
const LOG: &str = "-wal";

/// What SQLite undoes a change with that was interrupted. It is there while a new file gets its first page, and no later.
const JOURNAL: &str = "-journal";

/// Whether there is a log whose file is gone, or empty: setting aside was interrupted, or somebody removed the file. SQLite
/// would remove it.
pub(crate) fn is_orphan(path: &Path) -> bool {
    len(path) == 0 && len(&with(path, LOG)) > 0
}

/// Gives a file, and what belongs to it, another name, which is returned.
///
/// The log goes last: if it is left behind, that is found ([`is_orphan`]), and it gets the same name. A journal goes first,
/// so that none is ever applied to another file.
pub(crate) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let aside = |number: u64| with(path, &format!(".damaged-{number}"));
    let is_there = |path: &Path| fs::symlink_metadata(path).is_ok();
    let beside = |path: &Path| [LOG, JOURNAL].iter().any(|ending| is_there(&with(path, ending)));
    let mut number = 1_u64;
    while is_there(&aside(number)) || beside(&aside(number)) {
        number += 1;
    }
    if len(path) == 0 && number > 1 && !beside(&aside(number - 1)) {
        number -= 1;
    }
    let aside = aside(number);
    let along = |ending: &str| {
        let from = with(path, ending);
        if len(&from) > 0 { fs::rename(&from, with(&aside, ending)) } else { Ok(()) }
    };
    along(JOURNAL)?;
    if len(path) > 0 {
        fs::rename(path, &aside)?;
    }
    along(LOG)?;
    if let Some(directory) = path.parent() {
        // Not all systems can do this for a directory.
        let _ = File::open(directory).and_then(|directory| directory.sync_all());
    }
    Ok(aside)
}

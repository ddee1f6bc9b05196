//! The disk: an open file.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use ipv8_dht::keep::{Batch, Disk, DiskError, Saved};
use rusqlite::{Connection, OpenFlags, TransactionBehavior, config::DbConfig};

use crate::{
    Options,
    aside::{is_orphan, set_aside},
    error::{OpenError, Trouble},
    files::{self, Lock},
    rows::{self, Table},
    schema,
};

/// How long another program that has the file open, such as a shell of SQLite, is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the log may keep of the disk, once it is copied into the file.
const MOST_LOG: i64 = 8 << 20;

/// A SQLite file, as the [`Disk`] of a node. [`open`](crate::open) makes the node too.
#[derive(Debug)]
pub struct SqliteDisk {
    // Closed before the lock is released.
    connection: Connection,
    _lock: Lock,
    path: PathBuf,
    /// Whether commits wait for the medium.
    full: bool,
}

impl SqliteDisk {
    /// Opens a file, or makes it. Returns all that it holds, whatever its age; and where what was there before is now, if it
    /// was damaged.
    ///
    /// # Errors
    /// As [`open`](crate::open).
    pub fn open(path: &Path, options: &Options) -> Result<(Self, Saved, Option<PathBuf>), OpenError> {
        let path = files::resolve(path)?;
        let failed = |source| OpenError::Io { path: path.clone(), source };
        let lock = files::lock(&path)?;
        let aside = |reason: &str| {
            let aside = set_aside(&path).map_err(failed)?;
            tracing::warn!(path = %path.display(), aside = %aside.display(), reason, "damaged: set aside, and begun anew");
            Ok(aside)
        };
        let mut set_aside = None;
        if is_orphan(&path) {
            set_aside = Some(aside("there is a log, but not its file")?);
        }
        files::private(&path).map_err(failed)?;
        let (connection, saved) = match connect(&path, options) {
            Err(Trouble::Damaged(reason)) => {
                set_aside = Some(aside(&reason)?);
                files::private(&path).map_err(failed)?;
                connect(&path, options).map_err(|trouble| trouble.at(path.clone()))?
            }
            connected => connected.map_err(|trouble| trouble.at(path.clone()))?,
        };
        Ok((Self { connection, _lock: lock, path, full: false }, saved, set_aside))
    }

    fn write(&mut self, batch: &Batch) -> rusqlite::Result<()> {
        let full = !batch.publications.is_empty();
        if full != self.full {
            self.connection.pragma_update(None, "synchronous", if full { "FULL" } else { "NORMAL" })?;
            self.full = full;
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        rows::write_values(&transaction, Table::V4, &batch.v4)?;
        rows::write_values(&transaction, Table::V6, &batch.v6)?;
        rows::write_publications(&transaction, &batch.publications)?;
        if let Some(nodes) = &batch.nodes {
            rows::write_nodes(&transaction, nodes)?;
        }
        transaction.commit()
    }
}

impl Disk for SqliteDisk {
    fn commit(&mut self, batch: &Batch) -> Result<(), DiskError> {
        self.write(batch).map_err(|error| DiskError(format!("{}: {error}", self.path.display())))
    }
}

/// Opens a file, checks it, brings it up to date and reads it.
fn connect(path: &Path, options: &Options) -> Result<(Connection, Saved), Trouble> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    // What is damaged is left as it is, log and all.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.busy_timeout(PATIENCE)?;
    // Before there is anything in the file, and before it is looked at: the log then needs no shared memory.
    connection.pragma_update(None, "page_size", 8_192)?;
    connection.pragma_update_and_check(None, "locking_mode", "EXCLUSIVE", |_| Ok(()))?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    let version = schema::check(&connection)?;
    // From here on it is ours.
    files::only_mine(path).map_err(Trouble::Io)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", options.checkpoint, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", MOST_LOG, |_| Ok(()))?;
    if let Some(most) = options.most_pages {
        connection.pragma_update_and_check(None, "max_page_count", most, |_| Ok(()))?;
    }
    schema::migrate(&mut connection, version)?;
    let saved = rows::read(&connection)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok((connection, saved))
}

//! The tables, and how a file of an older version is brought up to date.
//!
//! A file's version is its `user_version`. A change of the tables is a new step at the end of [`STEPS`]: steps that were
//! released never change. A program opens files of its own version and of all before; a newer one is an error.

use rusqlite::{Connection, TransactionBehavior};

use crate::error::Trouble;

/// `IPv8` as a number: tells our files from others.
pub(crate) const APPLICATION: i64 = 0x4950_7638;

/// Each makes a file of one version into one of the next; the first one makes an empty one. Times are nanoseconds since 1970,
/// ages nanoseconds; a source is the octets of its address, none for ourselves.
pub(crate) const STEPS: [&str; 2] = [
    "PRAGMA application_id = 0x49507638;
    CREATE TABLE value4 (
        serial INTEGER PRIMARY KEY,
        key BLOB NOT NULL CHECK (length(key) = 20),
        id BLOB NOT NULL CHECK (length(id) = 20),
        value BLOB NOT NULL CHECK (length(value) BETWEEN 1 AND 170),
        version INTEGER NOT NULL CHECK (version BETWEEN 0 AND 0xffffffff),
        max_age INTEGER NOT NULL CHECK (max_age >= 0),
        expires INTEGER NOT NULL CHECK (expires >= 0),
        source BLOB NOT NULL CHECK (length(source) IN (0, 4, 16))
    );
    CREATE TABLE value6 (
        serial INTEGER PRIMARY KEY,
        key BLOB NOT NULL CHECK (length(key) = 20),
        id BLOB NOT NULL CHECK (length(id) = 20),
        value BLOB NOT NULL CHECK (length(value) BETWEEN 1 AND 170),
        version INTEGER NOT NULL CHECK (version BETWEEN 0 AND 0xffffffff),
        max_age INTEGER NOT NULL CHECK (max_age >= 0),
        expires INTEGER NOT NULL CHECK (expires >= 0),
        source BLOB NOT NULL CHECK (length(source) IN (0, 4, 16))
    );
    CREATE TABLE publication (
        serial INTEGER PRIMARY KEY,
        key BLOB NOT NULL CHECK (length(key) = 20),
        value BLOB NOT NULL CHECK (length(value) BETWEEN 1 AND 170),
        due INTEGER NOT NULL CHECK (due >= 0)
    );",
    "CREATE TABLE node (
        ip BLOB NOT NULL CHECK (length(ip) IN (4, 16)),
        port INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535),
        key BLOB NOT NULL
    );",
];

/// The version that we write.
pub(crate) const VERSION: i64 = 2;

/// Whether a file is ours and whole; returns its version.
pub(crate) fn check(connection: &Connection) -> Result<i64, Trouble> {
    let application: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let is_empty = application == 0 && version == 0 && tables == 0;
    if !is_empty && application != APPLICATION {
        return Err(Trouble::Foreign);
    }
    if version > VERSION {
        return Err(Trouble::Newer(version));
    }
    let check: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if check == "ok" { Ok(version) } else { Err(Trouble::Damaged(check)) }
}

/// Brings a file of some version up to date.
pub(crate) fn migrate(connection: &mut Connection, version: i64) -> Result<(), Trouble> {
    let done = usize::try_from(version).map_err(|_| Trouble::Damaged("its version is negative".to_owned()))?;
    for (version, sql) in (1_i64..).zip(STEPS).skip(done) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

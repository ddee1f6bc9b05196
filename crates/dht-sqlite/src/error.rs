//! Why a file is not opened, and what an error of SQLite means.

use std::{io, path::PathBuf};

use rusqlite::{Error, ErrorCode, ffi};

/// Why a file was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it, or this one.
    #[error(
        "{path} is in use: only one node at a time can keep its state there. End the other one, or name another file"
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It, or its directory, cannot be read or written.
    #[error(
        "{path} cannot be used: {source}. The directory has to be there, and this user has to be able to write to it"
    )]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It belongs to another program. It was left as it is.
    #[error("{path} is the SQLite file of another program: name another file")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It was written by a newer version. It was left as it is.
    #[error(
        "{path} has version {found}, and this program knows versions up to {known}: update it, or name another file"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// SQLite cannot work there: the disk is full, or fails, for example.
    #[error("{path} cannot be opened: {source}. Is the disk full, or failing?")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}

/// What keeps a file from being used.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It can be set aside, and a new one made.
    Damaged(String),
    /// It cannot.
    Sqlite(Error),
    Io(io::Error),
    Newer(i64),
    Foreign,
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        if is_damage(&error) { Self::Damaged(error.to_string()) } else { Self::Sqlite(error) }
    }
}

impl Trouble {
    pub(crate) fn at(self, path: PathBuf) -> OpenError {
        match self {
            Self::Newer(found) => OpenError::Newer { path, found, known: crate::schema::VERSION },
            Self::Foreign => OpenError::Foreign { path },
            Self::Sqlite(Error::SqliteFailure(error, _))
                if matches!(error.code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) =>
            {
                OpenError::InUse { path }
            }
            Self::Sqlite(source) => OpenError::Sqlite { path, source },
            Self::Io(source) => OpenError::Io { path, source },
            // A file that was just made: its medium does not keep what is written to it.
            Self::Damaged(reason) => OpenError::Io { path, source: io::Error::other(reason) },
        }
    }
}

/// Whether the file is damaged, rather than out of reach.
fn is_damage(error: &Error) -> bool {
    if let Some(error) = error.sqlite_error() {
        return matches!(error.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
            || error.extended_code == ffi::SQLITE_IOERR_SHORT_READ
            // A table or a column that should be there is not.
            || error.extended_code == ffi::SQLITE_ERROR;
    }
    match error {
        // What the bundled version says of a table that is not there.
        #[cfg(feature = "bundled")]
        Error::SqlInputError { .. } => true,
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::QueryReturnedNoRows => true,
        _ => false,
    }
}

//! Keys in files: the one module of this crate that touches the system.
//!
//! Files hold [`PrivateKey::to_bytes`], as the reference's do, so that either can take over from the other. PEM is
//! read, never written: it lacks half of a curve25519 key.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rand::CryptoRng;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::curve::Curve;
use crate::error::KeyError;
use crate::private::{DrawHalf, PrivateKey, draw_from};
use crate::public::{MAX_ENCODED_LEN, PublicKey};

/// Why a key file was not read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// There is no such file.
    #[error("there is no key file {}: generate a key, or give another path", .0.display())]
    NotFound(PathBuf),
    /// The file exists and may not be replaced.
    #[error("{} exists already: remove it, or allow to overwrite it, if its key is no longer needed", .0.display())]
    Exists(PathBuf),
    /// A directory, a device or a pipe.
    #[error("{} is not a regular file: give the path of a key file", .0.display())]
    NotAFile(PathBuf),
    /// The system did not let the file be read.
    #[error("cannot read the key file {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file holds no key of the kind that is needed.
    #[error("no usable key in {}: {source}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong with its content.
        source: KeyError,
    },
    /// The system did not let the file be written. Nothing was left behind, and an older file is as it was.
    #[error("cannot write the key file {}: {source}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No key could be drawn for the file.
    #[error("no key was generated: {0}")]
    Generate(#[source] KeyError),
}

/// A key of either kind, for programs that show what a file holds.
#[derive(Debug, Clone)]
pub enum KeyMaterial {
    /// A private key.
    Private(PrivateKey),
    /// A public key alone.
    Public(PublicKey),
}

impl KeyMaterial {
    /// The public key, which both kinds have.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        match self {
            Self::Private(key) => key.public(),
            Self::Public(key) => key,
        }
    }
}

/// Writes a private key for the owner's eyes only (mode 0600; on systems without modes, the directory's rules).
///
/// Whoever reads `path` at any moment, or after a crash, finds the former content or the new one in full: the key is
/// written to a file beside it, flushed to disk, and then takes its name.
///
/// # Errors
///
/// [`KeyFileError::Exists`] if there is something at `path` and `overwrite` is not set, even if it came to be there
/// just now; [`KeyFileError::Write`] for all else.
pub fn save(path: impl AsRef<Path>, key: &PrivateKey, overwrite: bool) -> Result<(), KeyFileError> {
    let path = path.as_ref();
    if !overwrite && path.symlink_metadata().is_ok() {
        return Err(KeyFileError::Exists(path.to_owned()));
    }
    write_whole(path, &key.to_bytes(), overwrite).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists if !overwrite => KeyFileError::Exists(path.to_owned()),
        _ => KeyFileError::Write { path: path.to_owned(), source },
    })
}

/// Reads a private key: the bytes that [`save`] writes, DER, or PEM. The X25519 half that PEM of a curve25519 key
/// lacks is drawn from the operating system, so that the mid is another at each load.
///
/// # Errors
///
/// If the file is missing, unreadable, or holds no private key.
pub fn load(path: impl AsRef<Path>) -> Result<PrivateKey, KeyFileError> {
    load_private(path.as_ref(), &mut draw_from_system)
}

/// Reads a private or a public key, in any form that this crate reads.
///
/// # Errors
///
/// If the file is missing, unreadable, or holds no key.
pub fn load_any(path: impl AsRef<Path>) -> Result<KeyMaterial, KeyFileError> {
    let path = path.as_ref();
    let content = content(path)?;
    match PrivateKey::read(&content, &mut draw_from_system) {
        Ok(key) => Ok(KeyMaterial::Private(key)),
        Err(KeyError::PublicGiven) => {
            PublicKey::from_bytes(&content).map(KeyMaterial::Public).map_err(|source| unusable(path, source))
        }
        Err(source) => Err(unusable(path, source)),
    }
}

/// Reads the private key of a file, or draws one with [`PrivateKey::generate`] and saves it if there is no file.
/// Of several programs that start at once, all end up with the same key.
///
/// # Errors
///
/// As [`load`] and [`save`]. A file that is there but cannot be used is an error: a key is never replaced.
pub fn load_or_generate(
    path: impl AsRef<Path>,
    curve: Curve,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<PrivateKey, KeyFileError> {
    let path = path.as_ref();
    match load_private(path, &mut draw_from(rng)) {
        Err(KeyFileError::NotFound(_)) => {}
        loaded => return loaded,
    }
    let key = PrivateKey::generate(curve, rng).map_err(KeyFileError::Generate)?;
    match save(path, &key, false) {
        Ok(()) => Ok(key),
        Err(KeyFileError::Exists(_)) => load_private(path, &mut draw_from(rng)),
        Err(error) => Err(error),
    }
}

fn load_private(path: &Path, half: DrawHalf<'_>) -> Result<PrivateKey, KeyFileError> {
    PrivateKey::read(&content(path)?, half).map_err(|source| unusable(path, source))
}

fn unusable(path: &Path, source: KeyError) -> KeyFileError {
    let path = path.to_owned();
    KeyFileError::Content { path, source }
}

/// All of the file, if it is not too long for a key.
fn content(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let cannot_read = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => KeyFileError::NotFound(path.to_owned()),
        _ => KeyFileError::Read { path: path.to_owned(), source },
    };
    // Asked before opening, which would wait for the other end of a pipe.
    let metadata = fs::metadata(path).map_err(cannot_read)?;
    if !metadata.is_file() {
        return Err(KeyFileError::NotAFile(path.to_owned()));
    }
    let found = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    if found > MAX_ENCODED_LEN {
        let limit = MAX_ENCODED_LEN;
        return Err(unusable(path, KeyError::TooLong { found, limit }));
    }
    // Read into place, with room for the read that finds the end: growing would leave copies of the key behind.
    let mut content = Zeroizing::new(Vec::with_capacity(found + 64));
    let file = File::open(path).map_err(cannot_read)?;
    file.take(metadata.len()).read_to_end(&mut content).map_err(cannot_read)?;
    Ok(content)
}

/// Puts `bytes` at `path` in one step.
fn write_whole(path: &Path, bytes: &[u8], overwrite: bool) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let (mut temporary, mut file) = Temporary::create(directory, &name.to_string_lossy())?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    if overwrite {
        temporary.rename(path)?;
    } else {
        temporary.take_free_name(path)?;
    }
    // So that the name outlives a power cut, too. Not all file systems can, and the key is in place regardless.
    if let Ok(directory) = File::open(directory) {
        let _ = directory.sync_all();
    }
    Ok(())
}

/// A file that is removed when this is dropped, unless it has been renamed by then.
struct Temporary {
    path: PathBuf,
    renamed: bool,
}

impl Temporary {
    fn create(directory: &Path, name: &str) -> io::Result<(Self, File)> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // A crashed process of the same number may have left a file behind: pass over a few.
        for _ in 0..16 {
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = directory.join(format!(".{name}.{}-{number}.tmp", std::process::id()));
            match options.open(&path) {
                Ok(file) => {
                    let renamed = false;
                    return Ok((Self { path, renamed }, file));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("remove the stale temporary files (.tmp) beside it"))
    }

    fn rename(&mut self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        self.renamed = true;
        Ok(())
    }

    /// Gives the file its name unless that is taken. A link does it in one step; file systems without links (those
    /// of memory cards, and whatever forbids them) get an empty file first, which holds the name.
    fn take_free_name(&mut self, path: &Path) -> io::Result<()> {
        match fs::hard_link(&self.path, path) {
            Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported) => {
                OpenOptions::new().write(true).create_new(true).open(path)?;
                self.rename(path).inspect_err(|_| {
                    let _ = fs::remove_file(path);
                })
            }
            linked => linked,
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Draws from the operating system.
fn draw_from_system() -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let mut half = Zeroizing::new([0; 32]);
    #[allow(clippy::disallowed_methods, reason = "whoever reads files may ask the system for randomness")]
    getrandom::fill(half.as_mut_slice()).map_err(|error| KeyError::Backend(error.to_string()))?;
    Ok(half)
}

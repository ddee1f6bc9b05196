//! Known peers in a file.

use std::{
    ffi::OsString,
    fs::{self, File},
    future::Future,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use ipv8_core::{Node, PeersError};

/// Bytes that are read at most. A thousand peers, each with a long key and as many communities as fit, take less; a longer
/// file is none of ours.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// Damaged files that are kept beside each other.
const MOST_SET_ASIDE: u32 = 10_000;

/// The shortest time between two savings.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// Why a file of peers was not read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeerFileError {
    /// The system did not let the file be read.
    #[error("cannot read the peer file {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A directory, a device or a pipe.
    #[error("{} is not a regular file: give the path of a peer file, which need not exist", .0.display())]
    NotAFile(PathBuf),
    /// The file is damaged and could not be renamed; saving would destroy what is left of it.
    #[error("the peer file {} is damaged ({reason}) and cannot be set aside ({source}): move it away", path.display())]
    SetAside {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What the system said.
        source: io::Error,
    },
    /// The system did not let the file be written. Nothing was left behind, and an older file is as it was.
    #[error("cannot write the peer file {}: {source}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Called from inside a handler of the node.
    #[error("the peers of a node cannot be saved or loaded while one of its handlers runs: do it from outside")]
    Reentrant,
}

/// What [`PeerFile::load`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadedPeers {
    /// Peers that the node took as candidates; none if there was no file.
    pub peers: usize,
    /// Where a damaged file is now.
    pub set_aside: Option<PathBuf>,
}

/// The file in which a node keeps its peers between two runs, so that it comes back without a tracker.
///
/// Whoever reads the file at any moment, or after a crash, finds the former content or the new one in full: it is written
/// beside it, flushed to disk, and then takes its name. Only its owner may read it (mode 0600), for it says who was met. What
/// it holds stands at [`Node::save_peers`]; a file with the reference's snapshot bytes is read as well.
///
/// ```no_run
/// # async fn run(service: ipv8::Service) -> Result<(), ipv8::PeerFileError> {
/// use std::time::Duration;
/// use ipv8::PeerFile;
///
/// let file = PeerFile::new("peers.dat");
/// file.load(service.node())?;
/// let saving = tokio::spawn(file.keep_saved(service.node().clone(), Duration::from_secs(300)));
/// // ... until it is time to go:
/// saving.abort();
/// file.save(service.node())?; // before the overlays are unloaded
/// service.stop().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerFile {
    path: PathBuf,
}

impl PeerFile {
    /// The peer file at a path. Nothing is read or written yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the node the peers of the file; no file is no peers. A file that cannot be understood is no reason to stop: it is
    /// renamed to `NAME.damaged-1`, `-2` and so on, with a warning, and what could be taken from it is used.
    ///
    /// # Errors
    /// If the system does not let the file be read, or a damaged one be renamed. Do not save then.
    pub fn load(&self, node: &Node) -> Result<LoadedPeers, PeerFileError> {
        let Some(content) = self.content()? else {
            tracing::debug!(path = %self.path.display(), "there is no peer file yet");
            return Ok(LoadedPeers::default());
        };
        let (peers, reason) = match content {
            Ok(bytes) => match node.load_peers(&bytes) {
                Ok(peers) => (peers, None),
                Err(PeersError::Reentrant) => return Err(PeerFileError::Reentrant),
                Err(error @ PeersError::Partial { loaded, .. }) => (loaded, Some(error.to_string())),
                Err(error) => (0, Some(error.to_string())),
            },
            Err(too_long) => (0, Some(too_long)),
        };
        let set_aside = reason.map(|reason| self.set_aside(reason)).transpose()?;
        if set_aside.is_none() {
            tracing::info!(path = %self.path.display(), peers, "peers of an earlier run were loaded");
        }
        Ok(LoadedPeers { peers, set_aside })
    }

    /// Writes the peers of the node to the file. Blocks until the disk has them.
    ///
    /// # Errors
    /// If the system does not let the file be written.
    pub fn save(&self, node: &Node) -> Result<(), PeerFileError> {
        self.write(&snapshot(node)?)
    }

    /// Saves the peers of a node at intervals, of a second at least, until it is dropped. The disk is waited for on another
    /// thread. A failure is logged, and the next time comes.
    ///
    /// Must be polled inside a tokio runtime with time.
    pub fn keep_saved(&self, node: Node, interval: Duration) -> impl Future<Output = ()> + Send + use<> {
        let file = self.clone();
        let interval = interval.max(SHORTEST_INTERVAL);
        async move {
            loop {
                tokio::time::sleep(interval).await;
                let outcome = match snapshot(&node) {
                    Ok(bytes) => {
                        let file = file.clone();
                        tokio::task::spawn_blocking(move || file.write(&bytes)).await
                    }
                    Err(error) => Ok(Err(error)),
                };
                match outcome {
                    Ok(Ok(())) => tracing::debug!(path = %file.path.display(), "the peers were saved"),
                    Ok(Err(error)) => tracing::warn!(%error, "the peers were not saved"),
                    Err(error) => tracing::warn!(%error, "the peers were not saved"),
                }
            }
        }
    }

    /// The bytes of the file, or why they are too many; `None` if there is no file.
    fn content(&self) -> Result<Option<Result<Vec<u8>, String>>, PeerFileError> {
        let cannot_read = |source| PeerFileError::Read { path: self.path.clone(), source };
        // Asked before opening, which would wait for the other end of a pipe.
        let metadata = match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            metadata => metadata.map_err(cannot_read)?,
        };
        if !metadata.is_file() {
            return Err(PeerFileError::NotAFile(self.path.clone()));
        }
        let mut bytes = Vec::new();
        // One byte more, to see whether there is more.
        File::open(&self.path)
            .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
            .map_err(cannot_read)?;
        if u64::try_from(bytes.len()).is_ok_and(|size| size > MOST_BYTES) {
            return Ok(Some(Err(format!("it has more than {MOST_BYTES} bytes"))));
        }
        Ok(Some(Ok(bytes)))
    }

    /// Renames the file, so that it is not overwritten.
    fn set_aside(&self, reason: String) -> Result<PathBuf, PeerFileError> {
        let failed = |source, reason| PeerFileError::SetAside { path: self.path.clone(), reason, source };
        for number in 1..=MOST_SET_ASIDE {
            let mut name = OsString::from(&self.path);
            name.push(format!(".damaged-{number}"));
            let aside = PathBuf::from(name);
            if aside.symlink_metadata().is_ok() {
                continue;
            }
            if let Err(source) = fs::rename(&self.path, &aside) {
                return Err(failed(source, reason));
            }
            tracing::warn!(
                path = %self.path.display(), aside = %aside.display(), reason,
                "the peer file is damaged; it was set aside, and the node goes on without it"
            );
            return Ok(aside);
        }
        Err(failed(io::Error::other("too many damaged files are beside it"), reason))
    }

    /// Puts bytes in the place of the file in one step.
    fn write(&self, bytes: &[u8]) -> Result<(), PeerFileError> {
        self.write_whole(bytes).map_err(|source| PeerFileError::Write { path: self.path.clone(), source })
    }

    fn write_whole(&self, bytes: &[u8]) -> io::Result<()> {
        let name = self.path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        let directory = match self.path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let mut prefix = OsString::from(".");
        prefix.push(name);
        prefix.push(".");
        // Readable by its owner only, and removed if something fails.
        let mut file = tempfile::Builder::new().prefix(&prefix).suffix(".tmp").tempfile_in(directory)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        // So that the name outlives a power cut, too. Not all file systems can, and the file is in place regardless.
        if let Ok(directory) = File::open(directory) {
            let _ = directory.sync_all();
        }
        Ok(())
    }
}

fn snapshot(node: &Node) -> Result<Vec<u8>, PeerFileError> {
    let bytes = node.save_peers();
    // A snapshot has a header; only inside a handler there is none.
    if bytes.is_empty() { Err(PeerFileError::Reentrant) } else { Ok(bytes) }
}

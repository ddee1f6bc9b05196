//! A disk that is none.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{Batch, Disk, DiskError, Saved};

/// A disk in memory, for tests and simulations: its copies are the same disk, so that it outlives the node that writes.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    saved: Saved,
    commits: u64,
    error: Option<DiskError>,
}

impl MemoryDisk {
    /// What is on it.
    #[must_use]
    pub fn saved(&self) -> Saved {
        self.0.lock().saved.clone()
    }

    /// How many batches were written.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.0.lock().commits
    }

    /// Lets every commit fail with this error; `None` lets them succeed again.
    pub fn fail(&self, error: Option<DiskError>) {
        self.0.lock().error = error;
    }
}

impl Disk for MemoryDisk {
    fn commit(&mut self, batch: &Batch) -> Result<(), DiskError> {
        let mut inner = self.0.lock();
        if let Some(error) = &inner.error {
            return Err(error.clone());
        }
        inner.saved.apply(batch);
        inner.commits += 1;
        Ok(())
    }
}

//! How the end of a node went.

use std::{fmt, time::Duration};

use ipv8_core::{Busy, UnloadReport};

/// How the end of a node went; made by [`Running::stop`](crate::Running::stop).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StopReport {
    /// The last tasks of its communities, as far as they did not do what they were to do.
    pub unloaded: UnloadReport,
    /// What kept the node busy when the time was over, and goes on: it blocks, so that nothing can end it, and nothing of
    /// the node could end in order. The sockets are closed when it returns.
    pub stuck: Option<Busy>,
    /// The driver failed: a defect.
    pub failed: bool,
    /// How long it took.
    pub took: Duration,
}

impl StopReport {
    /// Whether everything ended in order and in time.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.unloaded.is_clean() && self.stuck.is_none() && !self.failed
    }
}

impl fmt::Display for StopReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stopped in {:.1?}", self.took)?;
        if let Some(busy) = &self.stuck {
            write!(f, "; stuck in {busy}")?;
        }
        for task in &self.unloaded.unfinished {
            write!(f, "; {task} did not end in time")?;
        }
        for task in &self.unloaded.panicked {
            write!(f, "; {task} panicked")?;
        }
        if self.failed {
            f.write_str("; the driver failed")?;
        }
        Ok(())
    }
}

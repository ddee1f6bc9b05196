//! Ctrl-C while a run goes on: it ends at the next tenth of a virtual second, and tells what happened so far.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::failure::Failure;
use crate::runtime::{self, Stop};

/// Whether the program was asked to stop.
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on, on a thread of its own. A second signal ends the program at once.
    pub(super) fn listen() -> Result<Self, Failure> {
        let asked = Arc::new(AtomicBool::new(false));
        let flag = asked.clone();
        let listen = move || {
            // Without signals the run cannot be interrupted, which is no reason not to run.
            let _: Result<(), Failure> = runtime::block_on(async {
                let mut stop = Stop::new()?;
                stop.requested().await;
                flag.store(true, Ordering::Relaxed);
                stop.requested().await;
                std::process::exit(1);
            });
        };
        let thread = thread::Builder::new().name("signals".to_owned()).spawn(listen);
        thread.map_err(|error| Failure::Failed(format!("cannot listen to signals: {error}")))?;
        Ok(Self(asked))
    }

    pub(super) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

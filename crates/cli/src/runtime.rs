//! What commands that run nodes share: the runtime, and how it ends.

use std::future::Future;
use std::io;
use std::time::Duration;

use crate::failure::Failure;

/// How long tasks that are left over, such as look-ups of names, may hold up the end.
const LEFT_OVER: Duration = Duration::from_millis(200);

/// How long nodes may take to say goodbye; with [`LEFT_OVER`] this is well within the two seconds that are promised.
const GOODBYE: Duration = Duration::from_millis(1_200);

/// Runs a command in a runtime of its own.
pub(crate) fn block_on<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Failed(format!("cannot start: {error}")))?;
    let result = runtime.block_on(command);
    runtime.shutdown_timeout(LEFT_OVER);
    result
}

/// How long the last tasks of communities may take; what is left of [`GOODBYE`] is for their datagrams.
pub(crate) const LAST_TASKS: Duration = Duration::from_millis(500);

/// Waits for a goodbye, but not for long. The log tells what did not end.
pub(crate) async fn goodbye<T>(goodbye: impl Future<Output = T>) {
    if tokio::time::timeout(GOODBYE, goodbye).await.is_err() {
        tracing::warn!("stopped before everything was sent");
    }
}

/// Signals that ask the program to stop: Ctrl-C, and SIGTERM where there is such a thing.
pub(crate) struct Stop {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 2],
}

impl Stop {
    /// Listens from now on.
    ///
    /// # Errors
    /// If the system does not allow it.
    pub(crate) fn new() -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::Failed(format!("cannot listen to signals: {error}"));
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
            let terminate = signal(SignalKind::terminate()).map_err(failed)?;
            Ok(Self { signals: [interrupt, terminate] })
        }
        #[cfg(not(unix))]
        {
            let _ = failed;
            Ok(Self {})
        }
    }

    /// Waits until one of them comes.
    pub(crate) async fn requested(&mut self) {
        #[cfg(unix)]
        {
            let [interrupt, terminate] = &mut self.signals;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Signals to a program that runs: those of [`Stop`], and SIGUSR1 where there is such a thing, which asks for statistics.
pub(crate) struct Signals {
    stop: Stop,
    #[cfg(unix)]
    statistics: tokio::signal::unix::Signal,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// If the system does not allow it.
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self {
            stop: Stop::new()?,
            #[cfg(unix)]
            statistics: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::user_defined1())
                .map_err(|error| Failure::Failed(format!("cannot listen to signals: {error}")))?,
        })
    }

    /// Waits until the program is to stop, or statistics are asked for.
    pub(crate) async fn next(&mut self) -> Asked {
        #[cfg(unix)]
        tokio::select! {
            () = self.stop.requested() => Asked::Stop,
            _ = self.statistics.recv() => Asked::Statistics,
        }
        #[cfg(not(unix))]
        {
            self.stop.requested().await;
            Asked::Stop
        }
    }
}

/// What a signal asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asked {
    /// To stop.
    Stop,
    /// To tell what was counted.
    #[cfg_attr(not(unix), allow(dead_code, reason = "there is no signal for it"))]
    Statistics,
}

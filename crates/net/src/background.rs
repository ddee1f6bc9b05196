//! Calls of the system that block, on threads of their own.
//!
//! The runtime's own pool for them will not do: a runtime waits for it when it is dropped, so that a name server that does
//! not answer would hold up the end of the program. Nobody waits for these threads.

use std::{
    io,
    sync::{Arc, LazyLock},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, oneshot},
    time::timeout,
};

/// Calls that may be under way at once, over all nodes of the process.
const MOST_CALLS: usize = 8;

/// How long a call may wait for others to end before it begins.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How long a call may take. Its thread may go on, and counts until it ends.
const LONGEST_CALL: Duration = Duration::from_secs(10);

/// Why a call brought nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The calls before it did not end.
    #[error("{MOST_CALLS} earlier calls of the system are stuck")]
    Busy,
    /// It did not end in time.
    #[error("took longer than {LONGEST_CALL:?}")]
    TimedOut,
    /// No thread could be started.
    #[error("no thread could be started: {0}")]
    Thread(io::Error),
    /// It panicked.
    #[error("failed")]
    Failed,
}

/// Lets so many calls run at once.
#[derive(Clone)]
pub(crate) struct Background(Arc<Semaphore>);

impl Background {
    /// What all nodes of the process share.
    pub(crate) fn shared() -> Self {
        static SHARED: LazyLock<Background> = LazyLock::new(|| Background(Arc::new(Semaphore::new(MOST_CALLS))));
        SHARED.clone()
    }

    /// Runs a call on a thread of its own and waits for what it returns. Must be awaited inside a tokio runtime.
    pub(crate) async fn call<R: Send + 'static>(
        self,
        name: &str,
        call: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, CallError> {
        let Ok(Ok(permit)) = timeout(LONGEST_WAIT, self.0.acquire_owned()).await else { return Err(CallError::Busy) };
        let (done, result) = oneshot::channel();
        let run = move || {
            // Nobody may wait any more.
            let _ = done.send(call());
            drop(permit);
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(run).map_err(CallError::Thread)?;
        timeout(LONGEST_CALL, result).await.map_err(|_| CallError::TimedOut)?.map_err(|_| CallError::Failed)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            atomic::{AtomicUsize, Ordering},
            mpsc,
        },
        time::Instant,
    };

    use super::*;

    fn at_most(calls: usize) -> Background {
        Background(Arc::new(Semaphore::new(calls)))
    }

    #[test]
    fn a_runtime_ends_while_a_call_is_stuck() {
        let (_never, stuck) = mpsc::channel::<()>();
        let (began, begins) = mpsc::channel();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.spawn(at_most(1).call("test", move || {
            began.send(()).unwrap();
            stuck.recv()
        }));
        begins.recv().unwrap();
        let begin = Instant::now();
        drop(runtime);
        assert!(begin.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn calls_beyond_the_limit_wait() {
        let background = at_most(3);
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..12 {
            let (running, most) = (running.clone(), most.clone());
            calls.spawn(background.clone().call("test", move || {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(5));
                running.fetch_sub(1, Ordering::SeqCst);
            }));
        }
        while let Some(result) = calls.join_next().await {
            result.unwrap().unwrap();
        }
        assert_eq!(most.load(Ordering::SeqCst), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stuck_call_is_given_up_and_keeps_others_from_running() {
        let background = at_most(1);
        let (end, stuck) = mpsc::channel::<()>();
        let first = background.clone().call("test", move || stuck.recv()).await;
        assert!(matches!(first, Err(CallError::TimedOut)), "{first:?}");
        let second = background.clone().call("test", || 2).await;
        assert!(matches!(second, Err(CallError::Busy)), "{second:?}");
        drop(end);
        for _ in 0..5_000 {
            if background.0.available_permits() == 1 {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("the call that ended still counts");
    }

    #[tokio::test]
    async fn a_call_that_panics_is_an_error() {
        let failed = at_most(1).call("test", || panic!("on purpose")).await;
        assert!(matches!(failed, Err::<(), _>(CallError::Failed)), "{failed:?}");
    }
}

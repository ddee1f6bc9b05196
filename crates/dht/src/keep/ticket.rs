//! Waiting for the disk.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll, Waker},
};

use parking_lot::Mutex;

use super::DiskError;

type Told = Mutex<(Option<Result<(), DiskError>>, Option<Waker>)>;

/// Tells one who waits. Dropped, it tells that nothing was written.
#[derive(Debug)]
pub(super) struct Tell(Arc<Told>);

/// Ready when everything that was changed before it was made is written, or could not be.
#[derive(Debug)]
pub(crate) struct Ticket(Arc<Told>);

pub(super) fn ticket() -> (Tell, Ticket) {
    let told = Arc::new(Told::default());
    (Tell(told.clone()), Ticket(told))
}

impl Ticket {
    /// One that is ready.
    pub(super) fn ready(result: Result<(), DiskError>) -> Self {
        let (tell, ticket) = ticket();
        tell.tell(result);
        ticket
    }
}

impl Tell {
    pub(super) fn tell(&self, result: Result<(), DiskError>) {
        let waker = {
            let mut told = self.0.lock();
            told.0.get_or_insert(result);
            told.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for Tell {
    fn drop(&mut self) {
        self.tell(Err(DiskError("the node ended before it was written".to_owned())));
    }
}

impl Future for Ticket {
    type Output = Result<(), DiskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let mut told = self.0.lock();
        match told.0.clone() {
            Some(result) => Poll::Ready(result),
            None => {
                told.1 = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

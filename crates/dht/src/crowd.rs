//! Waiting for the first of many.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// Futures of which those that are ready are taken one by one, the oldest first.
pub(crate) struct Crowd<T> {
    waiting: Vec<Pin<Box<dyn Future<Output = T> + Send>>>,
}

impl<T> Default for Crowd<T> {
    fn default() -> Self {
        Self { waiting: Vec::new() }
    }
}

impl<T> Crowd<T> {
    pub(crate) fn push(&mut self, future: impl Future<Output = T> + Send + 'static) {
        self.waiting.push(Box::pin(future));
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// One that is ready. Without any, nobody is woken.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        let ready = self.waiting.iter_mut().enumerate().find_map(|(place, future)| match future.as_mut().poll(cx) {
            Poll::Ready(result) => Some((place, result)),
            Poll::Pending => None,
        });
        match ready {
            Some((place, result)) => {
                drop(self.waiting.remove(place));
                Poll::Ready(result)
            }
            None => Poll::Pending,
        }
    }

    /// The next one that is ready; `None` if there is none left.
    pub(crate) async fn next(&mut self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        Some(std::future::poll_fn(|cx| self.poll_next(cx)).await)
    }
}

//! How long an answer is waited for, and whether it is asked again.

use std::{net::SocketAddr, time::Duration};

/// How long an answer is waited for unless the caller says otherwise (the reference's default, `protocol.md` section 7).
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// How a request is made: by default with ten seconds of patience and one try.
///
/// ```
/// use std::time::Duration;
/// use ipv8_core::{RequestOptions, Retry};
///
/// // Waits one, two and four seconds, and sends the question before each: gives up after seven.
/// let stubborn = RequestOptions::within(Duration::from_secs(1)).retry(Retry::times(2).backoff(2));
/// assert_eq!(stubborn.patience(), Duration::from_secs(7));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestOptions {
    /// How long is waited after the question was sent for the first time.
    pub timeout: Duration,
    /// What happens then.
    pub retry: Retry,
    /// Where the question is sent, see [`RequestOptions::at`].
    pub at: Option<SocketAddr>,
}

impl RequestOptions {
    /// One try that waits for so long.
    #[must_use]
    pub const fn within(timeout: Duration) -> Self {
        Self { timeout, retry: Retry::never(), at: None }
    }

    /// Asks again.
    #[must_use]
    pub const fn retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// Sends the question, and every try of it, to this address rather than to where the peer is known to be: for a peer that is
    /// said to be at several addresses, or known over both address families. Its answer counts wherever it comes from.
    #[must_use]
    pub const fn at(self, address: SocketAddr) -> Self {
        Self { at: Some(address), ..self }
    }

    /// How long is waited in all before [`RequestError::TimedOut`](super::RequestError::TimedOut).
    #[must_use]
    pub fn patience(&self) -> Duration {
        let mut wait = self.timeout;
        let mut sum = wait;
        for _ in 0..self.retry.times {
            wait = wait.saturating_mul(self.retry.factor);
            sum = sum.saturating_add(wait);
            if sum == Duration::MAX {
                break;
            }
        }
        sum
    }
}

impl Default for RequestOptions {
    fn default() -> Self {
        Self::within(DEFAULT_TIMEOUT)
    }
}

impl From<Duration> for RequestOptions {
    fn from(timeout: Duration) -> Self {
        Self::within(timeout)
    }
}

/// Whether a question that is not answered is asked again. Off by default.
///
/// All tries send the same message, signed anew, to where the peer is by then, and all have one identifier. So the answer
/// counts whichever try it belongs to, late ones to the first included; it counts once; and a peer that gets the question
/// twice can tell. This is safe because an answer is taken from no other peer than the one that was asked. But the peer may
/// well do twice what it is asked for: retry only questions that do no harm then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retry {
    pub(crate) times: u32,
    pub(crate) factor: u32,
}

impl Retry {
    /// Asked once.
    #[must_use]
    pub const fn never() -> Self {
        Self::times(0)
    }

    /// Asked again, at most so many times beside the first, and waits each time for as long as at first.
    #[must_use]
    pub const fn times(times: u32) -> Self {
        Self { times, factor: 1 }
    }

    /// Waits each time so many times as long as the time before; 0 counts as 1.
    #[must_use]
    pub const fn backoff(self, factor: u32) -> Self {
        Self { times: self.times, factor: if factor == 0 { 1 } else { factor } }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self::never()
    }
}

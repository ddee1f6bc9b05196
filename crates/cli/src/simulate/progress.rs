//! How far a run has come, on standard error.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ipv8_scenario::Progress;

/// How often it is drawn at most.
const EVERY: Duration = Duration::from_millis(250);

/// After how long a line is written where there is no terminal, and how often then.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Tells how far a run has come: a bar on a terminal; elsewhere a line now and then, if it takes long.
pub(super) struct Shown {
    bar: Option<ProgressBar>,
    began: Instant,
    last: Instant,
}

impl Shown {
    #[allow(clippy::disallowed_methods, reason = "what is shown to people has to do with their time")]
    pub(super) fn new() -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{bar:30} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style);
            bar
        });
        let now = Instant::now();
        Self { bar, began: now, last: now }
    }

    #[allow(clippy::disallowed_methods, reason = "what is shown to people has to do with their time")]
    pub(super) fn show(&mut self, progress: Progress) {
        let now = Instant::now();
        let every = if self.bar.is_some() { EVERY } else { LINE_EVERY };
        if now.duration_since(self.last) < every {
            return;
        }
        self.last = now;
        let Progress { at, end, events, up } = progress;
        let wall = now.duration_since(self.began).as_secs_f64();
        #[allow(clippy::cast_precision_loss, reason = "for people to read")]
        let rate = events as f64 / wall;
        let (at, end) = (at.as_secs_f64(), end.as_secs_f64());
        let text = format!("{at:.1} of {end:.0} s, {up} nodes, {rate:.0} events/s, {:.1} times real time", at / wall);
        match &self.bar {
            Some(bar) => {
                bar.set_length(1_000);
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a thousand")]
                bar.set_position((at / end * 1_000.0) as u64);
                bar.set_message(text);
            }
            // Nobody is left to be told if this fails.
            None => drop(writeln!(io::stderr(), "ipv8: {text}")),
        }
    }

    /// Takes it away.
    pub(super) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

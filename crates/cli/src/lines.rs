//! Lines for a reader who may stall: standard output and standard error of programs that run.
//!
//! A pipe that nobody reads takes some 64 kB, and then every write waits. A node that waited with it would neither answer
//! its peers nor stop when asked to. So a thread of its own writes the lines; what it cannot get rid of waits in a queue,
//! and what does not fit into that is dropped and counted. Nobody waits for the thread longer than a moment.
// Threads and their clock are what this is about; nothing of it is seen by a node.
#![allow(clippy::disallowed_methods, reason = "the writer's thread is not the node's")]

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes that may wait; beside the line that is being written, and one line whatever its length.
const MOST_BYTES: usize = 1024 * 1024;

/// Room that is left for what is said of dropped lines.
const NOTICE: usize = 256;

/// How long the end of the program waits for lines to be read.
const LAST_LINES: Duration = Duration::from_millis(250);

/// How long it waits for other lines, once it has waited in vain: all of it must end within two seconds.
const OTHER_LINES: Duration = Duration::from_millis(20);

/// Whether that was so.
static IN_VAIN: AtomicBool = AtomicBool::new(false);

/// Lines that a thread writes, in order. Clones share it.
#[derive(Clone)]
pub(crate) struct Lines {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Rings whenever the state changes in a way that somebody waits for.
    changed: Condvar,
    /// What is said of lines that were dropped; gets their number.
    notice: fn(u64) -> String,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Lines that were dropped and of which nothing was said yet.
    dropped: u64,
    /// No more lines come.
    closed: bool,
    /// The thread has ended, or there is none.
    ended: bool,
    failed: Option<io::ErrorKind>,
}

impl Lines {
    /// Starts the thread. Once lines were dropped, the next one that fits comes after what `notice` says of their number.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub(crate) fn start(out: impl Write + Send + 'static, notice: fn(u64) -> String) -> io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), notice });
        let writer = shared.clone();
        std::thread::Builder::new().name("lines".to_owned()).spawn(move || writer.write_to(out))?;
        Ok(Self { shared })
    }

    /// Hands a line over, with its line break, without ever waiting for the reader.
    ///
    /// # Errors
    /// If an earlier line could not be written, as when the reader has gone away.
    pub(crate) fn push(&self, line: Vec<u8>) -> io::Result<()> {
        let mut state = self.shared.lock();
        if let Some(kind) = state.failed {
            return Err(kind.into());
        }
        if state.bytes > 0 && state.bytes.saturating_add(line.len() + NOTICE) > MOST_BYTES {
            state.dropped += 1;
            return Ok(());
        }
        self.shared.say_dropped(&mut state);
        state.add(line);
        self.shared.changed.notify_all();
        Ok(())
    }

    /// Waits until all lines were written, for a quarter of a second at most; later ones are lost. Whether they were.
    ///
    /// # Errors
    /// If one could not be written.
    pub(crate) fn finish(&self) -> io::Result<bool> {
        let mut state = self.shared.lock();
        self.shared.say_dropped(&mut state);
        state.closed = true;
        self.shared.changed.notify_all();
        let limit = if IN_VAIN.load(Ordering::Relaxed) { OTHER_LINES } else { LAST_LINES };
        let waited = self.shared.changed.wait_timeout_while(state, limit, |state| !state.ended);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        IN_VAIN.fetch_or(!state.ended, Ordering::Relaxed);
        match state.failed {
            Some(kind) => Err(kind.into()),
            None => Ok(state.ended),
        }
    }
}

impl State {
    fn add(&mut self, line: Vec<u8>) {
        self.bytes = self.bytes.saturating_add(line.len());
        self.waiting.push_back(line);
    }
}

impl Shared {
    /// What is locked here is locked for a moment; nothing in it panics.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say_dropped(&self, state: &mut State) {
        if state.dropped > 0 {
            let mut notice = (self.notice)(std::mem::take(&mut state.dropped));
            notice.push('\n');
            state.add(notice.into_bytes());
        }
    }

    /// The thread.
    fn write_to(&self, mut out: impl Write) {
        loop {
            let state = self.lock();
            let waits = self.changed.wait_while(state, |state| state.waiting.is_empty() && !state.closed);
            let mut state = waits.unwrap_or_else(PoisonError::into_inner);
            let Some(line) = state.waiting.pop_front() else { break };
            state.bytes = state.bytes.saturating_sub(line.len());
            drop(state);
            if let Err(error) = out.write_all(&line).and_then(|()| out.flush()) {
                self.lock().failed = Some(error.kind());
                break;
            }
        }
        let mut state = self.lock();
        state.ended = true;
        state.waiting = VecDeque::new();
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Instant;

    use super::*;

    /// Takes a line for each permit.
    struct Reader {
        permits: Receiver<()>,
        lines: Sender<String>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.permits.recv().map_err(|_| io::ErrorKind::BrokenPipe)?;
            self.lines.send(String::from_utf8_lossy(bytes).into_owned()).map_err(|_| io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn start() -> (Lines, Sender<()>, Receiver<String>) {
        let (permit, permits) = channel();
        let (written, lines) = channel();
        let lines_of = Lines::start(Reader { permits, lines: written }, |lines| format!("{lines} dropped")).unwrap();
        (lines_of, permit, lines)
    }

    #[test]
    fn what_a_stalled_reader_leaves_is_bounded_and_counted() {
        let (lines, permit, written) = start();
        let text = |number: usize| format!("{number:1023}\n").into_bytes();
        for number in 0..3_000 {
            lines.push(text(number)).unwrap();
        }
        let held = lines.shared.lock().bytes;
        assert!(held <= MOST_BYTES, "{held}");
        for _ in 0..4_000 {
            permit.send(()).unwrap();
        }
        // Then there is room for more.
        let mut all = vec![written.recv().unwrap(), written.recv().unwrap()];
        lines.push(b"last\n".to_vec()).unwrap();
        // The thread ends once all was written; another test may have used up what `finish` waits for.
        let _ = lines.finish().unwrap();
        all.extend(written.iter());
        let dropped = |line: &String| line.trim_end().strip_suffix(" dropped")?.parse::<usize>().ok();
        let (notices, rest): (Vec<_>, Vec<_>) = all.iter().partition(|line| dropped(line).is_some());
        let in_all: usize = notices.into_iter().filter_map(dropped).sum();
        assert!(in_all > 1_900, "{in_all}");
        assert_eq!(in_all + rest.len(), 3_001);
        let [.., notice, last] = all.as_slice() else { panic!("{all:?}") };
        assert!(dropped(notice).is_some() && last == "last\n", "{notice}{last}");
    }

    #[test]
    fn the_end_does_not_wait_for_a_stalled_reader() {
        let (lines, _permit, _written) = start();
        lines.push(b"one\n".to_vec()).unwrap();
        let begin = Instant::now();
        assert!(!lines.finish().unwrap());
        assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    }

    #[test]
    fn a_reader_that_has_gone_away_is_an_error() {
        let (lines, permit, _written) = start();
        drop(permit);
        lines.push(b"one\n".to_vec()).unwrap();
        let error = loop {
            match lines.push(b"two\n".to_vec()) {
                Ok(()) => std::thread::yield_now(),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(lines.finish().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}

//! Standard output.

use std::io::{self, Write};

use serde::Serialize;

use crate::failure::Failure;
use crate::lines::Lines;

/// Prints a value as one line of JSON.
pub(crate) fn json(out: &mut impl Write, value: &impl Serialize) -> Result<(), Failure> {
    serde_json::to_writer(&mut *out, value).map_err(|error| Failure::output(&io::Error::from(error)))?;
    out.write_all(b"\n").map_err(|error| Failure::output(&error))
}

/// Prints a line of text.
pub(crate) fn line(out: &mut impl Write, text: &str) -> Result<(), Failure> {
    out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).map_err(|error| Failure::output(&error))
}

/// Hands on what is buffered.
pub(crate) fn flush(out: &mut impl Write) -> Result<(), Failure> {
    out.flush().map_err(|error| Failure::output(&error))
}

/// What a program that runs says of itself on standard output, as text or as an object a line. A reader who stalls holds
/// nothing up: see [`Lines`].
pub(crate) struct Events {
    lines: Lines,
    json: bool,
}

impl Events {
    /// Begins to print.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub(crate) fn start(json: bool) -> Result<Self, Failure> {
        let notice = if json { dropped_json } else { dropped_text };
        let lines = Lines::start(io::stdout(), notice)
            .map_err(|error| Failure::Failed(format!("cannot start: there is no thread for the output: {error}")))?;
        Ok(Self { lines, json })
    }

    /// Prints an event, or what stands for it in text.
    ///
    /// # Errors
    /// If whoever reads has gone away.
    pub(crate) fn print(&self, event: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), Failure> {
        let mut out = Vec::new();
        if self.json { json(&mut out, event) } else { line(&mut out, &text()) }?;
        self.lines.push(out).map_err(|error| Failure::output(&error))
    }

    /// Waits for the reader, but not for long. Lines that are left then are lost, which the log tells.
    ///
    /// # Errors
    /// If whoever reads has gone away.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        if !self.lines.finish().map_err(|error| Failure::output(&error))? {
            tracing::warn!("stopped before everything was read from standard output");
        }
        Ok(())
    }
}

fn dropped_json(lines: u64) -> String {
    format!("{{\"event\":\"lines_dropped\",\"lines\":{lines}}}")
}

fn dropped_text(lines: u64) -> String {
    format!("{lines} lines were left out, for nobody read them")
}

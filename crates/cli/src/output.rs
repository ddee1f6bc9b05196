//! Standard output.

use std::io::{self, Write};

use serde::Serialize;

use crate::failure::Failure;

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

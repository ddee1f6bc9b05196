//! How a program ends.

use std::fmt::Display;
use std::process::ExitCode;

/// Says on standard error what went wrong, if anything did; status 0 or 1.
#[allow(clippy::print_stderr, reason = "for programs")]
pub fn exit_code(outcome: Result<(), impl Display>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

//! How commands fail.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// Why a command did not do its work.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The work failed, and this line says why and what to do: exit status 1.
    Failed(String),
    /// The arguments make no sense, and this line says why and what to do: exit status 2.
    Usage(String),
    /// Several things are wrong with what was given, each with what to do in a line of its own: exit status 2.
    Problems(Vec<String>),
    /// The work failed, which the output has told already, or whoever reads it has gone away: exit status 1, no message.
    Quiet,
}

impl Failure {
    /// The work failed for a reason that an error tells.
    pub(crate) fn failed(reason: impl Display) -> Self {
        Self::Failed(reason.to_string())
    }

    /// What a failed write to standard output means.
    pub(crate) fn output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Quiet,
            _ => Self::Failed(format!("cannot write to standard output: {error}")),
        }
    }

    /// Says it on standard error, in one line, if somebody `listens` there, and gives the exit status.
    pub(crate) fn report(self, listens: bool) -> ExitCode {
        let (messages, status) = match self {
            Self::Failed(message) => (vec![message], 1),
            Self::Usage(message) => (vec![message], 2),
            Self::Problems(messages) => (messages, 2),
            Self::Quiet => return ExitCode::from(1),
        };
        for message in messages.into_iter().filter(|_| listens) {
            // Nobody is left to be told if this fails.
            let _ = writeln!(io::stderr(), "ipv8: {}", one_line(&message));
        }
        ExitCode::from(status)
    }
}

/// The text without line breaks and other control characters, which file names and arguments may hold.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

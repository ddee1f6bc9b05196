//! What is wrong with a configuration.

use std::fmt;

use ipv8_core::settings;

use super::origin::{Document, Origin};

/// One thing that is wrong with a configuration, with its place.
///
/// It reads `ipv8.toml:3:1: walker_interval: must be from 0.001 to 3600 seconds, not -1`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Where it is.
    pub origin: Origin,
    /// The key, such as `overlay[0].walkers[1].peers`; empty if the file as a whole cannot be read.
    pub key: String,
    /// What is wrong, and what to do.
    pub what: String,
}

impl Problem {
    pub(crate) fn new(origin: Origin, key: &str, what: impl Into<String>) -> Self {
        Self { origin, key: key.to_owned(), what: what.into() }
    }

    /// The same problem as one of a document.
    pub(crate) fn of(problem: settings::Problem, document: &Document) -> Self {
        let settings::Problem { path, what, suggestion } = problem;
        let what = match suggestion {
            Some(suggestion) => format!("{what}, did you mean `{suggestion}`?"),
            None => what,
        };
        Self { origin: document.origin(&path), key: path.to_string(), what }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.origin != Origin::Default {
            write!(f, "{}: ", self.origin)?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)
    }
}

/// All that is wrong with a configuration, one line for each problem, in the order of the places in the file; what comes
/// from elsewhere is last.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}", lines(.problems))]
pub struct ConfigError {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    pub(crate) fn sorted(mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| match problem.origin {
            Origin::File { line, column, .. } => (0, line, column),
            Origin::Default => (1, 0, 0),
            Origin::Environment(_) => (2, 0, 0),
            Origin::Flag(_) => (3, 0, 0),
        });
        Self { problems }
    }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

//! What is wrong with a file.

use std::fmt;

/// A line and a column, counted from 1; columns count characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// One thing that is wrong with a scenario file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Where: the key, or the value in a list.
    pub place: Place,
    /// The key, such as `event[0].at`; empty if the file cannot be read.
    pub key: String,
    /// What is wrong, and what is allowed.
    pub what: String,
}

/// All that is wrong with a scenario file, one line for each problem, in the order of the places:
/// `storm.toml:3:1: nodes: must be from 1 to 4000000, not 0`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScenarioError {
    /// The file as it was named.
    pub file: String,
    /// At least one.
    pub problems: Vec<Problem>,
}

impl ScenarioError {
    /// The problems in lines of their own.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.problems.iter().map(|Problem { place: Place { line, column }, key, what }| {
            let colon = if key.is_empty() { "" } else { ": " };
            format!("{}:{line}:{column}: {key}{colon}{what}", self.file)
        })
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().collect::<Vec<_>>().join("\n"))
    }
}

impl std::error::Error for ScenarioError {}

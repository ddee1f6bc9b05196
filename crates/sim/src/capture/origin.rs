//! Where a trace comes from: what is needed to run it again.

use std::io;

/// First line of the comment with all but the scenario.
const HEAD: &str = "ipv8 trace 1";

/// First line of the comments with the scenario.
const SCENARIO: &str = "ipv8 scenario";

/// Longest part of a scenario in one comment, in bytes: an option has 65,535 at most.
const PART: usize = 60_000;

/// Longest scenario, in bytes.
const MAX_SCENARIO: usize = 512 * 1024;

/// Most settings.
const MAX_SETTINGS: usize = 256;

/// What made a run, as a trace keeps it: whoever has it can run it again.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Origin {
    /// The program that ran it, with its version.
    pub program: String,
    /// The world's seed.
    pub seed: u64,
    /// What was set beside the scenario, for example the number of nodes, by name. Names are words.
    pub settings: Vec<(String, String)>,
    /// The scenario as it was read, empty if the world was made by code. At most 512 KiB.
    pub scenario: String,
}

impl Origin {
    /// Names the program and the seed.
    #[must_use]
    pub fn new(program: impl Into<String>, seed: u64) -> Self {
        Self { program: program.into(), seed, ..Self::default() }
    }

    /// Adds a setting. Line breaks in it become spaces.
    #[must_use]
    pub fn set(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.settings.push((name.into(), value.to_string()));
        self
    }

    /// Keeps the scenario's text.
    #[must_use]
    pub fn scenario(mut self, text: impl Into<String>) -> Self {
        self.scenario = text.into();
        self
    }

    /// The value of a setting.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The comments of a section.
    pub(super) fn comments(&self) -> io::Result<Vec<String>> {
        if self.scenario.len() > MAX_SCENARIO || self.settings.len() > MAX_SETTINGS {
            let message =
                format!("a trace keeps scenarios of up to {MAX_SCENARIO} bytes and {MAX_SETTINGS} settings: use less");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let mut head = format!("{HEAD}\nprogram {}\nseed {}", one_line(&self.program), self.seed);
        for (name, value) in &self.settings {
            head.push_str(&format!("\nset {} {}", one_line(name), one_line(value)));
        }
        let mut comments = vec![head];
        let mut rest = self.scenario.as_str();
        while !rest.is_empty() {
            let (part, after) = rest.split_at(rest.floor_char_boundary(PART));
            comments.push(format!("{SCENARIO}\n{part}"));
            rest = after;
        }
        Ok(comments)
    }

    /// Takes in one comment of a section; those of other programs are left out.
    pub(super) fn add_comment(origin: &mut Option<Self>, comment: &str) {
        if let Some(text) = comment.strip_prefix(SCENARIO).and_then(|text| text.strip_prefix('\n')) {
            if let Some(origin) = origin {
                origin.scenario.push_str(text);
            }
            return;
        }
        let mut lines = comment.lines();
        if lines.next() != Some(HEAD) {
            return;
        }
        let mut read = Self::default();
        for line in lines {
            match line.split_once(' ') {
                Some(("program", value)) => value.clone_into(&mut read.program),
                Some(("seed", value)) => read.seed = value.parse().unwrap_or_default(),
                Some(("set", value)) if read.settings.len() < MAX_SETTINGS => {
                    let (name, value) = value.split_once(' ').unwrap_or((value, ""));
                    read.settings.push((name.to_owned(), value.to_owned()));
                }
                _ => {}
            }
        }
        *origin = Some(read);
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

//! What ran, what was skipped, what failed: told once, at the end.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::shell::Failure;

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All of it is fine.
    Passed,
    /// It could not run here, and why.
    Skipped(String),
}

/// Lines under a step's own line in the summary.
pub(crate) type Notes = Vec<String>;

/// The steps of one run, in order.
pub(crate) struct Report {
    steps: Vec<Step>,
}

struct Step {
    name: String,
    took: Duration,
    outcome: Result<Outcome, String>,
    notes: Notes,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { steps: Vec::new() }
    }

    /// Runs a step. A failure is kept for the summary, so that later steps still run.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce(&mut Notes) -> Result<Outcome, Failure>) {
        println!("\n=== {name} ===");
        let since = Instant::now();
        let mut notes = Notes::new();
        let outcome = work(&mut notes).map_err(|failure| match failure {
            Failure::Usage(message) | Failure::Failed(message) => message,
        });
        self.steps.push(Step { name: name.to_owned(), took: since.elapsed(), outcome, notes });
    }

    /// Prints the summary, if any step ran, and gives the exit status.
    pub(crate) fn finish(&self) -> ExitCode {
        if self.steps.is_empty() {
            return ExitCode::SUCCESS;
        }
        println!("\n=== summary ===");
        let mut failed = 0;
        for step in &self.steps {
            let verdict = match &step.outcome {
                Ok(Outcome::Passed) => "ok".to_owned(),
                Ok(Outcome::Skipped(reason)) => format!("skipped: {reason}"),
                Err(message) => {
                    failed += 1;
                    format!("FAILED: {message}")
                }
            };
            println!("{:<12} {:>6.1} s  {verdict}", step.name, step.took.as_secs_f64());
            for note in &step.notes {
                println!("{:23}{note}", "");
            }
        }
        if failed == 0 {
            ExitCode::SUCCESS
        } else {
            println!("{failed} of {} steps failed", self.steps.len());
            ExitCode::FAILURE
        }
    }
}

//! Scenarios: what happens in a simulated network, what of it is measured, and what came out.

pub mod outcome;
pub mod report;

pub use self::outcome::{Ended, Fact, Graph, GraphNode, Histogram, Mark, Outcome, Point, Series, Totals, Unit};

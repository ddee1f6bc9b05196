//! What came out of a run, as people and programs see it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod extremes;
mod json;
mod plots;
mod sample;
mod table;

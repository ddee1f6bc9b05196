//! What others may try, and that each of it is bounded and counted; and that we do not do the like.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

#[path = "../common/mod.rs"]
mod common;
mod helpers;
mod node_lists;
mod questions;
mod stores;
mod sybils;

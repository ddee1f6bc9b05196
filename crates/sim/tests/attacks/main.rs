//! Attacks on a node, each in a world of honest nodes and an attacker that sends what it likes. Each one works where the
//! node trusts as the reference does, or without the defence against it, and fails with it; and honest peers still find
//! each other.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod blind;
mod copies;
mod eclipse;
mod hijack;
mod introductions;
mod punctures;
mod scene;
mod shut_out;
mod signatures;
mod similarity;
mod trackers;
mod wan;

//! Networks of our nodes and the reference's on loopback. They wait more than they work, so they are one program whose
//! tests run at the same time.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]
#![allow(clippy::print_stdout, reason = "figures, for those who ask for them")]
#![allow(clippy::disallowed_methods, reason = "measures real time, on threads")]

mod common;
mod dead_nodes;
mod discovery;
mod sixteen;
mod snapshots;

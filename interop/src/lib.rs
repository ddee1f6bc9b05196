//! Golden vectors and live tests against py-ipv8.
//!
//! A live test starts programs as child processes: peers of the reference (`interop/peers/*.py`), our binaries and
//! our examples. All of them print one JSON object per line, so one harness drives them all:
//!
//! ```no_run
//! use ipv8_interop::{Process, python, script};
//! use std::time::Duration;
//!
//! let Some(python) = python() else { return Ok(()) };
//! let mut tracker = Process::spawn("tracker", script(&python, "tracker.py"))?;
//! let started = tracker.started(Duration::from_secs(20))?;
//! println!("{} listens on {}", started.mid, started.listen);
//! tracker.wait_for("a peer", Duration::from_secs(20), |event| event["event"] == "peer")?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Where something a test needs is missing, the functions that look for it return `None` and print a line that begins
//! with `skipped:`; `cargo xtask test` sets everything up and repeats those lines at its end.
#![allow(clippy::disallowed_methods, reason = "a harness around real processes: it waits in real time, on threads")]

mod lab;
mod nat;
mod process;
mod programs;
mod sides;

pub use lab::{Lab, LabError};
pub use nat::{Internet, Nat, PORT};
pub use process::{Process, ProcessError, Started};
pub use programs::{binary, example, free_port, python, script, skip};
pub use sides::{Programs, Side};

//! Benchmarks of functions and of whole nodes.
//!
//! The load generator makes its packets by itself, from the bytes of the protocol and ed25519-dalek: it depends on
//! none of the crates it measures, so it treats any implementation alike and checks what they answer.
//!
//! - `loadgen echo` loads one echo node, ours (`examples/echo.rs`) or the reference's (`interop/peers/echo.py`).
//! - `echo_rounds` loads both in turn and compares: `cargo xtask bench echo`.
//! - `many_nodes` runs many nodes in one process, ours (`examples/many.rs`) and the reference's
//!   (`interop/peers/many.py`), and compares: `cargo xtask bench nodes`.
//! - `dht_rounds` does the same for the DHT (`examples/dht.rs`, `interop/peers/dht_load.py`): `cargo xtask bench dht`.
//! - `overload` asks our node for more than it can do: `cargo xtask bench overload`.
//! - `functions` runs the benches of functions and takes their medians: `cargo xtask bench functions`.
//! - `figures` puts together what all of them measured: `cargo xtask bench`. `figures.json` has the committed ones.
//! - `examples/instructions.rs` is counted by valgrind: `cargo xtask instructions`.
//! - `benches/node.rs` measures turns of a node without sockets: `cargo bench -p ipv8-bench --bench node`,
//!   `benches/codecs.rs` reading and writing, `benches/dht.rs` what the DHT is made of, `benches/sim.rs` the simulator. They
//!   and the examples alone are built with the crates they measure.
#![allow(clippy::disallowed_methods, reason = "a load generator measures real time")]

mod cpu;
mod divan_output;
mod exit;
mod figures;
mod latency;
mod load;
mod packets;
mod rounds;

pub use cpu::{CpuError, cpu_seconds, resident_bytes};
pub use divan_output::medians_ns;
pub use exit::exit_code;
pub use figures::{Better, CALIBRATION, Figure, Figures, FiguresError, Keep, REFERENCE, better_by};
pub use latency::Latencies;
pub use load::{Load, LoadError, Measured, Poll};
pub use packets::{Mode, Packets, ParseCommunityError, Reply, ReplyError, community};
pub use rounds::{Row, Spread, What, in_turn, print_table};

//! What segments of UDP would save: many datagrams that the kernel takes or hands over as one (`UDP_SEGMENT`, `UDP_GRO`) against one
//! system call for many datagrams, as the driver does it. One thread, loopback; processor time of each side, a datagram.
//!
//! `cargo run --release -p ipv8-bench --example segments`
//!
//! On loopback whoever sends also does what the kernel does for the receiver, up to its socket's queue.
#![allow(clippy::print_stdout, reason = "a program")]

#[cfg(target_os = "linux")]
#[path = "segments/linux.rs"]
mod linux;

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("segments of UDP are Linux's");
}

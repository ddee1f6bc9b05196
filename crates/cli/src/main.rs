//! The `ipv8` command.
fn main() {}

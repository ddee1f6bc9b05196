//! IPv8 for Rust: authenticated network overlays between public keys.

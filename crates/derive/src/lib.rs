//! Derive macros for IPv8 messages and payloads.

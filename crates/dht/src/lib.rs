//! The IPv8 distributed hash table: messages and overlay.

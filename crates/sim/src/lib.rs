//! Runs IPv8 nodes under deterministic virtual time.

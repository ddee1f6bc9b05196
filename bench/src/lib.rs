//! Benchmarks of functions and of whole nodes.

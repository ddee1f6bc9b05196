//! Communities for tests: of this crate, and of drivers that want to run the same ones on sockets.

pub mod crawl;

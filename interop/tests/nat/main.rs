//! Peers behind routers, ours and the reference's, on an Internet of network namespaces with real address translation
//! (nftables). Everybody starts with a tracker's address only.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]
#![allow(clippy::disallowed_methods, reason = "measures real time, on threads")]
#![allow(clippy::print_stdout, reason = "figures, for those who ask for them")]

mod find_peer;
mod overlay;
mod pairs;
mod punctures;
mod world;

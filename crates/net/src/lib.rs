//! Runs IPv8 nodes on UDP sockets with tokio.
//!
//! The node of `ipv8-core` performs no I/O; this crate moves its bytes and its time. [`Endpoint::bind`] opens the sockets
//! and makes the node, communities are loaded into [`Endpoint::node`], and [`Endpoint::run`] drives it until it is told
//! to stop:
//!
//! ```no_run
//! # use ipv8_core::{NodeConfig, crypto::{Curve, PrivateKey}};
//! # async fn run(key: PrivateKey) -> Result<(), Box<dyn std::error::Error>> {
//! use ipv8_net::{Endpoint, Listen};
//!
//! let endpoint = Endpoint::bind(&[Listen::exactly("127.0.0.1:0".parse()?)], key)?;
//! // endpoint.node().load(...)?;
//! let running = endpoint.run();
//! println!("listening on {:?}", running.local_addresses());
//! running.stop().await;
//! # Ok(())
//! # }
//! ```
// This crate is where the clock, the operating system's randomness and the sockets are.
#![allow(clippy::disallowed_methods, reason = "a driver reads the clock and hands the time to the node")]

mod background;
mod backlog;
mod broadcast;
mod datagrams;
mod driver;
mod endpoint;
mod kernel;
mod lan;
mod machine;
mod socket;
mod spread;
mod stop;
mod watchdog;

pub use self::{
    endpoint::{Endpoint, Running},
    socket::{BindError, Listen},
    spread::{Backends, Cryptography, ThreadsError},
    stop::StopReport,
};

//! A test kit for IPv8 communities.
#![allow(clippy::panic, reason = "a test kit tells of failures by panicking")]

mod drive;
mod expect;
mod golden;
mod inject;
mod log;
mod net;
mod packet;
mod seeds;
mod spec;
mod tap;
mod trace;

pub use ipv8_sim::{Latency, Link, Loss, NodeOptions, nat};

pub use self::{
    golden::{assert_encoding, encoding},
    inject::Origin,
    net::Net,
    packet::{Captured, End, Party},
    seeds::for_seeds,
    spec::{NetBuilder, NodeSpec},
    tap::Fate,
};

/// What the macros need and nobody else.
#[doc(hidden)]
pub mod __private {
    pub use crate::expect::{Expected, Mode, Side, items, like, same};
}

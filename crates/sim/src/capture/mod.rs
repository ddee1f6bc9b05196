//! What passes between nodes, for files and comparisons.
//!
//! A world with a [`Sink`] (see [`WorldBuilder::capture`](crate::WorldBuilder::capture)) hands it every datagram three
//! times at most: when it is sent, and when each of its copies arrives or is lost. [`PcapNg`] writes them to a file that
//! Wireshark opens and [`Reader`] reads back; [`compare`] runs a world against such a file and finds where they part.
//! Looking on changes nothing: a run with a sink has the trace hash of one without.
//!
//! ```
//! use std::time::Duration;
//! use ipv8_sim::{NodeOptions, World, capture::{Origin, PcapNg, Reader}};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let file = tempfile();
//! # fn tempfile() -> std::io::Sink { std::io::sink() }
//! let trace = PcapNg::new(file, &Origin::new("my test", 7))?;
//! let mut world = World::builder(7).capture(trace).build();
//! world.add_node(NodeOptions::default());
//! world.run_for(Duration::from_secs(1));
//! world.finish_capture()?;
//! # Ok(())
//! # }
//! ```
//!
//! # The file
//!
//! pcapng (draft-ietf-opsawg-pcapng), in little endian, with the link type `RAW`: packets begin with their IPv4 or IPv6
//! header. Times are nanoseconds since 1970: the world's origin and virtual time. Three interfaces, `sent`, `delivered`
//! and `lost`, tell what became of a datagram; the comment of a lost one says why. Addresses are those on the wire at that
//! moment: what leaves a NAT is `sent` from the address in the LAN, and `delivered` from that of the NAT.
//!
//! The comments of the section are the run's [`Origin`], so that a file is enough to run it again. Names of nodes and hosts
//! are in blocks of name resolution (in Wireshark: View, Name Resolution, Resolve Network Addresses).
//!
//! The blocks are written and read here, in some hundred lines: of the crates that do so, pcap-file has had release
//! candidates only since version 2, and pcap-parser wants the whole first block from a single read and hides why reads
//! fail. Headers of lower layers, which are many more, are those of etherparse.

mod compare;
mod frame;
mod origin;
mod pcapng;
mod read;

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    ops::ControlFlow,
    time::Duration,
};

use ipv8_core::Time;

pub use self::{
    compare::{Comparison, Difference, compare},
    origin::Origin,
    pcapng::PcapNg,
    read::{Entry, ReadError, Reader, Recorded, is_capture},
};
use crate::metrics::Loss;

/// What became of a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fate {
    /// A node sent it.
    Sent,
    /// It, or a copy of it, arrived.
    Delivered,
    /// It, or a copy of it, was lost.
    Lost(Loss),
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent => f.write_str("sent"),
            Self::Delivered => f.write_str("delivered"),
            Self::Lost(reason) => write!(f, "lost ({})", reason.as_str()),
        }
    }
}

/// A datagram, when something became of it.
#[derive(Clone, Copy, Debug)]
pub struct Captured<'a> {
    /// When, in the time of the world.
    pub at: Time,
    /// From which address, as it is on the wire then.
    pub from: SocketAddr,
    /// To which address, as it is on the wire then.
    pub to: SocketAddr,
    /// What became of it.
    pub fate: Fate,
    /// Its bytes, without headers of lower layers.
    pub bytes: &'a [u8],
}

/// Takes what passes between the nodes of a world, in the order in which it happens.
///
/// After a first error or [`ControlFlow::Break`] nothing is handed to it any more but [`Sink::finish`]; the world goes on,
/// and [`World::capture_over`](crate::World::capture_over) tells.
pub trait Sink: Send {
    /// The world begins, at this time since 1970.
    ///
    /// # Errors
    /// If it cannot be kept.
    fn begin(&mut self, unix_origin: Duration) -> io::Result<()> {
        let _ = unix_origin;
        Ok(())
    }

    /// An address has a name: that of a node, or of a host.
    ///
    /// # Errors
    /// If it cannot be kept.
    fn name(&mut self, address: IpAddr, name: &str) -> io::Result<()> {
        let _ = (address, name);
        Ok(())
    }

    /// Something became of a datagram.
    ///
    /// # Errors
    /// If it cannot be kept.
    fn packet(&mut self, packet: &Captured<'_>) -> io::Result<ControlFlow<()>>;

    /// Nothing more comes.
    ///
    /// # Errors
    /// If what is left cannot be kept.
    fn finish(&mut self, now: Time) -> io::Result<()> {
        let _ = now;
        Ok(())
    }
}

impl<S: Sink + ?Sized> Sink for Box<S> {
    fn begin(&mut self, unix_origin: Duration) -> io::Result<()> {
        (**self).begin(unix_origin)
    }

    fn name(&mut self, address: IpAddr, name: &str) -> io::Result<()> {
        (**self).name(address, name)
    }

    fn packet(&mut self, packet: &Captured<'_>) -> io::Result<ControlFlow<()>> {
        (**self).packet(packet)
    }

    fn finish(&mut self, now: Time) -> io::Result<()> {
        (**self).finish(now)
    }
}

/// Where a world hands out what it sees: to its sink, if it has one that still listens.
#[derive(Default)]
pub(crate) struct Tap {
    sink: Option<Box<dyn Sink>>,
    over: bool,
    failure: Option<io::Error>,
}

impl Tap {
    pub(crate) fn new(sink: Option<Box<dyn Sink>>, unix_origin: Duration) -> Self {
        let mut tap = Self { sink, over: false, failure: None };
        tap.hand(|sink| sink.begin(unix_origin).map(ControlFlow::Continue));
        tap
    }

    /// Whether there is somebody to tell, for those to whom telling costs something.
    pub(crate) fn listens(&self) -> bool {
        self.sink.is_some() && !self.over
    }

    pub(crate) fn name(&mut self, address: IpAddr, name: &str) {
        self.hand(|sink| sink.name(address, name).map(ControlFlow::Continue));
    }

    pub(crate) fn packet(&mut self, at: Time, from: SocketAddr, to: SocketAddr, fate: Fate, bytes: &[u8]) {
        self.hand(|sink| sink.packet(&Captured { at, from, to, fate, bytes }));
    }

    /// Whether the sink wants no more, or failed.
    pub(crate) const fn over(&self) -> bool {
        self.over
    }

    pub(crate) fn finish(&mut self, now: Time) -> io::Result<()> {
        self.over = true;
        let finished = self.sink.take().map_or(Ok(()), |mut sink| sink.finish(now));
        self.failure.take().map_or(finished, Err)
    }

    fn hand(&mut self, give: impl FnOnce(&mut Box<dyn Sink>) -> io::Result<ControlFlow<()>>) {
        let Some(sink) = self.sink.as_mut().filter(|_| !self.over) else { return };
        match give(sink) {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => self.over = true,
            Err(error) => {
                self.over = true;
                self.failure = Some(error);
            }
        }
    }
}

//! Writes pcapng.

use std::{
    fmt,
    io::{self, BufWriter, Write},
    net::IpAddr,
    ops::ControlFlow,
    time::Duration,
};

use ipv8_core::Time;

use super::{Captured, Fate, Origin, Sink, frame};

/// Types of blocks.
pub(super) const SECTION: u32 = 0x0a0d_0d0a;
pub(super) const INTERFACE: u32 = 1;
pub(super) const SIMPLE_PACKET: u32 = 3;
pub(super) const NAMES: u32 = 4;
pub(super) const STATISTICS: u32 = 5;
pub(super) const PACKET: u32 = 6;

/// What tells the byte order of a section.
pub(super) const BYTE_ORDER: u32 = 0x1a2b_3c4d;

/// Options.
pub(super) const COMMENT: u16 = 1;
pub(super) const IF_NAME: u16 = 2;
pub(super) const IF_TSRESOL: u16 = 9;
pub(super) const IF_TSOFFSET: u16 = 14;
const USER_APPLICATION: u16 = 4;
const IF_DESCRIPTION: u16 = 3;
const PACKET_FLAGS: u16 = 2;
const ISB_ENDTIME: u16 = 3;
const ISB_IFRECV: u16 = 4;

/// The interfaces, by number.
pub(super) const INTERFACES: [(&str, &str); 3] = [
    ("sent", "datagrams as nodes send them"),
    ("delivered", "datagrams and copies of them as they arrive"),
    ("lost", "datagrams and copies of them that never arrive; comments say why"),
];

/// Names that are gathered before they are written.
const NAMES_IN_A_BLOCK: usize = 256;

/// A [`Sink`] that writes a pcapng file, see [the module](super).
///
/// Writing is buffered, in bounded memory. Payloads above 65,507 bytes, which UDP over IPv4 cannot carry, are cut, and
/// their comments say so.
pub struct PcapNg<W: Write> {
    out: BufWriter<W>,
    origin: Origin,
    unix_origin: Duration,
    names: Vec<(IpAddr, String)>,
    counts: [u64; INTERFACES.len()],
    block: Vec<u8>,
    packet: Vec<u8>,
}

impl<W: Write> PcapNg<W> {
    /// Writes to a file, a pipe, or whatever takes bytes. Nothing is written before the world begins.
    ///
    /// # Errors
    /// If the origin is too large to be kept.
    pub fn new(out: W, origin: &Origin) -> io::Result<Self> {
        origin.comments()?;
        Ok(Self {
            out: BufWriter::with_capacity(1 << 16, out),
            origin: origin.clone(),
            unix_origin: Duration::ZERO,
            names: Vec::new(),
            counts: [0; INTERFACES.len()],
            block: Vec::new(),
            packet: Vec::new(),
        })
    }

    /// Writes what is in `block`.
    fn write_block(&mut self, kind: u32) -> io::Result<()> {
        let length = u32::try_from(self.block.len() + 12).map_err(io::Error::other)?;
        self.out.write_all(&kind.to_le_bytes())?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&self.block)?;
        self.out.write_all(&length.to_le_bytes())?;
        self.block.clear();
        Ok(())
    }

    fn write_names(&mut self) -> io::Result<()> {
        if self.names.is_empty() {
            return Ok(());
        }
        for (address, name) in self.names.drain(..) {
            let (kind, mut value) = match address {
                IpAddr::V4(ip) => (1, ip.octets().to_vec()),
                IpAddr::V6(ip) => (2, ip.octets().to_vec()),
            };
            value.extend(name.bytes().filter(|byte| *byte != 0));
            value.push(0);
            // Records look as options do.
            option(&mut self.block, kind, &value);
        }
        end_options(&mut self.block);
        self.write_block(NAMES)
    }

    fn nanos(&self, at: Time) -> u64 {
        u64::try_from(self.unix_origin.as_nanos()).unwrap_or(u64::MAX).saturating_add(at.as_nanos())
    }
}

impl<W: Write + Send> Sink for PcapNg<W> {
    fn begin(&mut self, unix_origin: Duration) -> io::Result<()> {
        self.unix_origin = unix_origin;
        self.block.extend_from_slice(&BYTE_ORDER.to_le_bytes());
        // Version 1.0, of unknown length.
        self.block.extend_from_slice(&[1, 0, 0, 0]);
        self.block.extend_from_slice(&u64::MAX.to_le_bytes());
        for comment in self.origin.comments()? {
            option(&mut self.block, COMMENT, comment.as_bytes());
        }
        option(&mut self.block, USER_APPLICATION, self.origin.program.as_bytes());
        end_options(&mut self.block);
        self.write_block(SECTION)?;
        for (name, description) in INTERFACES {
            self.block.extend_from_slice(&frame::Link::RAW.to_le_bytes());
            // Reserved, and no limit to the length of packets.
            self.block.extend_from_slice(&[0; 6]);
            option(&mut self.block, IF_NAME, name.as_bytes());
            option(&mut self.block, IF_DESCRIPTION, description.as_bytes());
            // Times count 10^-9 seconds.
            option(&mut self.block, IF_TSRESOL, &[9]);
            end_options(&mut self.block);
            self.write_block(INTERFACE)?;
        }
        Ok(())
    }

    fn name(&mut self, address: IpAddr, name: &str) -> io::Result<()> {
        let name: String = name.chars().take(255).collect();
        self.names.push((address, name));
        if self.names.len() >= NAMES_IN_A_BLOCK { self.write_names() } else { Ok(()) }
    }

    fn packet(&mut self, packet: &Captured<'_>) -> io::Result<ControlFlow<()>> {
        self.write_names()?;
        let (interface, direction, comment) = match packet.fate {
            Fate::Sent => (0_u32, 2_u32, None),
            Fate::Delivered => (1, 1, None),
            Fate::Lost(reason) => (2, 0, Some(format!("lost: {}", reason.as_str()))),
        };
        if let Some(count) = usize::try_from(interface).ok().and_then(|index| self.counts.get_mut(index)) {
            *count += 1;
        }
        self.packet.clear();
        frame::write(packet.from, packet.to, packet.bytes, &mut self.packet);
        let cut = packet.bytes.len().saturating_sub(frame::MAX_PAYLOAD);
        let nanos = self.nanos(packet.at).to_le_bytes();
        let (low, high) = nanos.split_at(4);
        let block = &mut self.block;
        block.extend_from_slice(&interface.to_le_bytes());
        block.extend_from_slice(high);
        block.extend_from_slice(low);
        for length in [self.packet.len(), self.packet.len() + cut] {
            block.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        }
        block.extend_from_slice(&self.packet);
        pad(block);
        if let Some(comment) = comment {
            option(block, COMMENT, comment.as_bytes());
        }
        if cut > 0 {
            option(block, COMMENT, format!("{cut} bytes are too much for UDP and left out").as_bytes());
        }
        option(block, PACKET_FLAGS, &direction.to_le_bytes());
        end_options(block);
        self.write_block(PACKET)?;
        Ok(ControlFlow::Continue(()))
    }

    fn finish(&mut self, now: Time) -> io::Result<()> {
        self.write_names()?;
        let nanos = self.nanos(now).to_le_bytes();
        let (low, high) = nanos.split_at(4);
        for (interface, count) in (0_u32..).zip(self.counts) {
            self.block.extend_from_slice(&interface.to_le_bytes());
            self.block.extend_from_slice(high);
            self.block.extend_from_slice(low);
            option(&mut self.block, ISB_ENDTIME, &[high, low].concat());
            option(&mut self.block, ISB_IFRECV, &count.to_le_bytes());
            end_options(&mut self.block);
            self.write_block(STATISTICS)?;
        }
        self.out.flush()
    }
}

impl<W: Write> fmt::Debug for PcapNg<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PcapNg").field("origin", &self.origin).field("counts", &self.counts).finish_non_exhaustive()
    }
}

/// Adds an option; of a value that is too long, its beginning.
fn option(block: &mut Vec<u8>, code: u16, value: &[u8]) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    block.extend_from_slice(&code.to_le_bytes());
    block.extend_from_slice(&length.to_le_bytes());
    block.extend_from_slice(value.get(..usize::from(length)).unwrap_or(value));
    pad(block);
}

fn end_options(block: &mut Vec<u8>) {
    block.extend_from_slice(&[0; 4]);
}

/// Fields begin at multiples of four bytes.
fn pad(block: &mut Vec<u8>) {
    block.resize(block.len().next_multiple_of(4), 0);
}

//! Reads pcapng and pcap.

use std::{
    fmt,
    io::{self, BufReader, Read},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use super::{
    Origin,
    frame::{self, Link},
    pcapng::{
        BYTE_ORDER, COMMENT, IF_NAME, IF_TSOFFSET, IF_TSRESOL, INTERFACE, INTERFACES, PACKET, SECTION, SIMPLE_PACKET,
    },
};

/// Longest block or packet that is read.
const MAX_BLOCK: usize = 1 << 20;

/// Most interfaces of one section.
const MAX_INTERFACES: usize = 1_024;

/// First bytes of pcap files, with times in microseconds and in nanoseconds.
const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;

/// Why a capture could not be read on.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The input failed.
    #[error("cannot read the capture: {0}")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("neither pcapng nor pcap: give a file of ipv8 simulate --trace, tcpdump -w or Wireshark")]
    NotACapture,
    /// It ends in the middle of a block, as a file does whose writer was killed.
    #[error(
        "the capture ends in the middle of a block, its writer was stopped or still writes (packets before: {packets})"
    )]
    CutShort {
        /// How many packets there were before.
        packets: u64,
    },
    /// It holds what cannot be.
    #[error("the capture is broken: {reason} (packets before: {packets})")]
    Broken {
        /// How many packets there were before.
        packets: u64,
        /// What cannot be.
        reason: &'static str,
    },
}

/// A packet of a capture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entry {
    /// A UDP datagram.
    Udp(Recorded),
    /// Something else, in a few words.
    Other(&'static str),
}

/// A UDP datagram of a capture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// When, since 1970; `None` if the capture does not say.
    pub at: Option<Duration>,
    /// The name of the interface, if it has one. Those of a world are `sent`, `delivered` and `lost`.
    pub interface: Option<Arc<str>>,
    /// From which address.
    pub from: SocketAddr,
    /// To which address.
    pub to: SocketAddr,
    /// Its payload, or what the capture has of it.
    pub bytes: Vec<u8>,
    /// The packet's first comment.
    pub comment: Option<String>,
}

impl Recorded {
    /// What became of the datagram, as [`Fate`](super::Fate) writes it, if a world recorded it.
    #[must_use]
    pub fn fate(&self) -> Option<String> {
        let interface = self.interface.as_deref()?;
        let known = INTERFACES.iter().any(|(name, _)| *name == interface);
        let reason = self.comment.as_deref().and_then(|comment| comment.strip_prefix("lost: "));
        known.then(|| match reason {
            Some(reason) => format!("{interface} ({reason})"),
            None => interface.to_owned(),
        })
    }
}

/// Whether a file that starts with these bytes is a capture. Twelve are enough.
#[must_use]
pub fn is_capture(start: &[u8]) -> bool {
    let Some(magic) = start.first_chunk().map(|bytes| u32::from_le_bytes(*bytes)) else { return false };
    let order = start.get(8..12).and_then(|bytes| bytes.first_chunk()).map(|bytes| u32::from_le_bytes(*bytes));
    let is = |value: u32, known: u32| value == known || value.swap_bytes() == known;
    match magic {
        SECTION => order.is_some_and(|order| is(order, BYTE_ORDER)),
        _ => is(magic, MICROSECONDS) || is(magic, NANOSECONDS),
    }
}

/// Reads the packets of a pcapng or pcap file, of this crate, tcpdump or Wireshark, one after the other in bounded
/// memory: an iterator. Link types: Ethernet, raw IP, Linux cooked (both versions), BSD loopback; packets of others are
/// [`Entry::Other`], as are fragments.
pub struct Reader<R: Read> {
    input: BufReader<R>,
    form: Form,
    origin: Option<Origin>,
    complete: bool,
    over: bool,
    packets: u64,
    block: Vec<u8>,
}

enum Form {
    Pcap { big: bool, nanos: bool, link: Option<Link> },
    PcapNg { big: bool, interfaces: Vec<Interface> },
}

#[derive(Clone)]
struct Interface {
    link: Option<Link>,
    name: Option<Arc<str>>,
    /// Ticks of its clock in a second.
    resolution: u128,
    /// Seconds to add.
    offset: i64,
}

impl<R: Read> Reader<R> {
    /// Reads what comes before the first packet.
    ///
    /// # Errors
    /// If it is no capture, or cannot be read.
    pub fn new(input: R) -> Result<Self, ReadError> {
        let mut reader = Self {
            input: BufReader::with_capacity(1 << 16, input),
            form: Form::PcapNg { big: false, interfaces: Vec::new() },
            origin: None,
            complete: false,
            over: false,
            packets: 0,
            block: Vec::new(),
        };
        let mut magic = [0; 4];
        reader.input.read_exact(&mut magic).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ReadError::NotACapture,
            _ => ReadError::Io(error),
        })?;
        match u32::from_le_bytes(magic) {
            SECTION => reader.section().map_err(|error| match error {
                ReadError::Broken { .. } | ReadError::CutShort { .. } => ReadError::NotACapture,
                error => error,
            })?,
            little => reader.pcap_header(little)?,
        }
        Ok(reader)
    }

    /// Where the trace comes from, if a world recorded it.
    #[must_use]
    pub const fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// Whether the end was reached and the writer said that it is the end, as [`PcapNg`](super::PcapNg) does.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    fn next_entry(&mut self) -> Result<Option<Entry>, ReadError> {
        match self.form {
            Form::Pcap { .. } => self.next_of_pcap(),
            Form::PcapNg { .. } => self.next_of_pcapng(),
        }
    }

    fn pcap_header(&mut self, little: u32) -> Result<(), ReadError> {
        let (big, magic) = match little {
            MICROSECONDS | NANOSECONDS => (false, little),
            _ => (true, little.swap_bytes()),
        };
        let nanos = match magic {
            MICROSECONDS => false,
            NANOSECONDS => true,
            _ => return Err(ReadError::NotACapture),
        };
        self.fill(20)?;
        let mut fields = Fields { bytes: &self.block, big };
        let link = fields.skip(16).and_then(|()| fields.u32()).and_then(|number| Link::of_number(number & 0x0fff_ffff));
        self.form = Form::Pcap { big, nanos, link };
        Ok(())
    }

    fn next_of_pcap(&mut self) -> Result<Option<Entry>, ReadError> {
        let Form::Pcap { big, nanos, link } = self.form else { return Ok(None) };
        if !self.fill_or_end(16)? {
            return Ok(None);
        }
        let mut fields = Fields { bytes: &self.block, big };
        let (Some(seconds), Some(part), Some(length)) = (fields.u32(), fields.u32(), fields.u32()) else {
            return Err(self.broken("a packet without header"));
        };
        let length = usize::try_from(length).ok().filter(|length| *length <= MAX_BLOCK);
        let Some(length) = length else { return Err(self.broken("a packet of more than 1 MiB")) };
        self.fill(length)?;
        let part = if nanos { part } else { part.saturating_mul(1_000) };
        let at = Some(Duration::from_secs(seconds.into()) + Duration::from_nanos(part.into()));
        Ok(Some(entry(link, &self.block, at, None, None)))
    }

    /// Reads the rest of a section's header, after its type.
    fn section(&mut self) -> Result<(), ReadError> {
        self.fill(8)?;
        let (length, order) = self.block.split_at_checked(4).unwrap_or_default();
        let big = match order.first_chunk().map(|bytes| u32::from_le_bytes(*bytes)) {
            Some(BYTE_ORDER) => false,
            Some(order) if order.swap_bytes() == BYTE_ORDER => true,
            _ => return Err(self.broken("a section without byte order")),
        };
        let length = Fields { bytes: length, big }.u32().unwrap_or_default();
        // Type, length and byte order are read already, and the length comes again at the end.
        let rest = self.body_length(length, 12)?;
        self.fill(rest)?;
        let mut fields = Fields { bytes: self.block.get(..rest.saturating_sub(4)).unwrap_or_default(), big };
        if fields.u16() != Some(1) {
            return Err(self.broken("a section of a version that is not known"));
        }
        // Minor version, length of the section.
        let mut origin = None;
        if fields.skip(10).is_some() {
            fields.options(|code, value, _| {
                if code == COMMENT {
                    Origin::add_comment(&mut origin, &String::from_utf8_lossy(value));
                }
            });
        }
        self.origin = origin;
        self.form = Form::PcapNg { big, interfaces: Vec::new() };
        Ok(())
    }

    fn next_of_pcapng(&mut self) -> Result<Option<Entry>, ReadError> {
        loop {
            if !self.fill_or_end(4)? {
                return Ok(None);
            }
            let Form::PcapNg { big, .. } = self.form else { return Ok(None) };
            let kind = Fields { bytes: &self.block, big }.u32().unwrap_or_default();
            if kind == SECTION {
                self.section()?;
                continue;
            }
            self.fill(4)?;
            let length = Fields { bytes: &self.block, big }.u32().unwrap_or_default();
            if !matches!(kind, INTERFACE | SIMPLE_PACKET | PACKET) {
                // Others may be of any length, and are not looked at.
                self.complete |= kind == super::pcapng::STATISTICS;
                self.skip(length)?;
                continue;
            }
            let rest = self.body_length(length, 8)?;
            self.fill(rest)?;
            let Form::PcapNg { interfaces, .. } = &mut self.form else { return Ok(None) };
            let body = Fields { bytes: self.block.get(..rest.saturating_sub(4)).unwrap_or_default(), big };
            let found = match kind {
                INTERFACE if interfaces.len() >= MAX_INTERFACES => Err("more than 1,024 interfaces"),
                INTERFACE => interface(body).map(|interface| {
                    interfaces.push(interface);
                    None
                }),
                PACKET => packet(body, interfaces).map(Some),
                _ => simple_packet(body, interfaces).map(Some),
            };
            match found {
                Ok(None) => {}
                Ok(entry) => {
                    self.complete = false;
                    return Ok(entry);
                }
                Err(reason) => return Err(self.broken(reason)),
            }
        }
    }

    /// What is left of a block of which some bytes are read.
    fn body_length(&self, length: u32, read: usize) -> Result<usize, ReadError> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        match length.checked_sub(read) {
            _ if length > MAX_BLOCK => Err(self.broken("a block of more than 1 MiB")),
            Some(rest) if rest >= 4 && length.is_multiple_of(4) => Ok(rest),
            _ => Err(self.broken("a block with a length that cannot be")),
        }
    }

    /// Leaves out the rest of a block of which type and length are read.
    fn skip(&mut self, length: u32) -> Result<(), ReadError> {
        let rest = u64::from(length).checked_sub(8).filter(|rest| *rest >= 4 && length.is_multiple_of(4));
        let Some(rest) = rest else { return Err(self.broken("a block with a length that cannot be")) };
        let skipped = io::copy(&mut (&mut self.input).take(rest), &mut io::sink())?;
        if skipped < rest { Err(ReadError::CutShort { packets: self.packets }) } else { Ok(()) }
    }

    /// Reads so many bytes into `block`.
    fn fill(&mut self, length: usize) -> Result<(), ReadError> {
        if length > 0 && !self.fill_or_end(length)? {
            return Err(ReadError::CutShort { packets: self.packets });
        }
        self.block.truncate(length);
        Ok(())
    }

    /// The same; false if there is nothing more.
    fn fill_or_end(&mut self, length: usize) -> Result<bool, ReadError> {
        self.block.clear();
        // Grows with what is there, not with what is promised.
        let wanted = u64::try_from(length).unwrap_or(u64::MAX);
        let read = (&mut self.input).take(wanted).read_to_end(&mut self.block)?;
        match read {
            0 => Ok(false),
            _ if read < length => Err(ReadError::CutShort { packets: self.packets }),
            _ => Ok(true),
        }
    }

    const fn broken(&self, reason: &'static str) -> ReadError {
        ReadError::Broken { packets: self.packets, reason }
    }
}

/// The packets; nothing more comes after an error.
impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let entry = self.next_entry().transpose();
        self.over = !matches!(entry, Some(Ok(_)));
        self.packets += u64::from(!self.over);
        entry
    }
}

impl<R: Read> fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("packets", &self.packets).field("origin", &self.origin).finish_non_exhaustive()
    }
}

fn interface(mut body: Fields<'_>) -> Result<Interface, &'static str> {
    let number = body.u16().ok_or("an interface without link type")?;
    let mut interface =
        Interface { link: Link::of_number(number.into()), name: None, resolution: 1_000_000, offset: 0 };
    body.skip(6).ok_or("an interface without length of packets")?;
    body.options(|code, value, big| match code {
        IF_NAME => interface.name = Some(String::from_utf8_lossy(value).into()),
        IF_TSRESOL => {
            let exponent = value.first().copied().unwrap_or(6);
            let base: u128 = if exponent & 0x80 == 0 { 10 } else { 2 };
            interface.resolution = base.checked_pow(u32::from(exponent & 0x7f)).unwrap_or(u128::MAX);
        }
        IF_TSOFFSET => {
            if let Some(bytes) = value.first_chunk() {
                interface.offset = if big { i64::from_be_bytes(*bytes) } else { i64::from_le_bytes(*bytes) };
            }
        }
        _ => {}
    });
    Ok(interface)
}

fn packet(mut body: Fields<'_>, interfaces: &[Interface]) -> Result<Entry, &'static str> {
    const SHORT: &str = "a packet that is longer than its block";
    let index = body.u32().ok_or(SHORT)?;
    let interface = usize::try_from(index).ok().and_then(|index| interfaces.get(index));
    let interface = interface.ok_or("a packet of an interface that does not exist")?;
    let (high, low) = (body.u32().ok_or(SHORT)?, body.u32().ok_or(SHORT)?);
    let length = usize::try_from(body.u32().ok_or(SHORT)?).map_err(|_| SHORT)?;
    body.u32().ok_or(SHORT)?;
    let data = body.take(length).ok_or(SHORT)?;
    // Without the padding there are no options either.
    let padded = body.skip(length.next_multiple_of(4) - length).is_some();
    let mut comment = None;
    if padded {
        body.options(|code, value, _| {
            if code == COMMENT && comment.is_none() {
                comment = Some(String::from_utf8_lossy(value).into_owned());
            }
        });
    }
    let ticks = u128::from(high) << 32 | u128::from(low);
    Ok(entry(interface.link, data, since_1970(ticks, interface), interface.name.clone(), comment))
}

fn simple_packet(mut body: Fields<'_>, interfaces: &[Interface]) -> Result<Entry, &'static str> {
    let interface = interfaces.first().ok_or("a packet of an interface that does not exist")?;
    let length = usize::try_from(body.u32().ok_or("a packet without length")?).unwrap_or(usize::MAX);
    let data = body.bytes.get(..length).unwrap_or(body.bytes);
    Ok(entry(interface.link, data, None, interface.name.clone(), None))
}

fn since_1970(ticks: u128, interface: &Interface) -> Option<Duration> {
    let nanos = ticks.checked_mul(1_000_000_000)? / interface.resolution.max(1);
    let nanos = i128::try_from(nanos).ok()? + i128::from(interface.offset) * 1_000_000_000;
    u64::try_from(nanos).ok().map(Duration::from_nanos)
}

fn entry(
    link: Option<Link>,
    data: &[u8],
    at: Option<Duration>,
    interface: Option<Arc<str>>,
    comment: Option<String>,
) -> Entry {
    let Some(link) = link else { return Entry::Other("of a link type that is not read") };
    match frame::read(link, data) {
        Ok(found) => Entry::Udp(Recorded {
            at,
            interface,
            from: found.from,
            to: found.to,
            bytes: found.payload.to_vec(),
            comment,
        }),
        Err(reason) => Entry::Other(reason),
    }
}

/// Numbers in the byte order of a section, one after the other.
#[derive(Clone, Copy)]
struct Fields<'a> {
    bytes: &'a [u8],
    big: bool,
}

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(taken)
    }

    fn skip(&mut self, length: usize) -> Option<()> {
        self.take(length).map(|_| ())
    }

    fn u16(&mut self) -> Option<u16> {
        let bytes = *self.take(2)?.first_chunk()?;
        Some(if self.big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32(&mut self) -> Option<u32> {
        let bytes = *self.take(4)?.first_chunk()?;
        Some(if self.big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    /// Hands out the options that are left, up to the first that is broken, with the byte order of numbers in them.
    fn options(mut self, mut each: impl FnMut(u16, &'a [u8], bool)) {
        while let (Some(code @ 1..), Some(length)) = (self.u16(), self.u16()) {
            let length = usize::from(length);
            let Some(value) = self.take(length) else { return };
            each(code, value, self.big);
            if self.skip(length.next_multiple_of(4) - length).is_none() {
                return;
            }
        }
    }
}

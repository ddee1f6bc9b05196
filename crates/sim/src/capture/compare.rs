//! Runs again what was recorded, and finds where the two part.

use std::{
    collections::VecDeque,
    fmt,
    io::{self, Read},
    net::SocketAddr,
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ipv8_core::{Time, wire::PREFIX_LEN};

use super::{Captured, Entry, ReadError, Reader, Recorded, Sink, frame};

/// Packets before the first difference that are kept.
const BEFORE: usize = 10;

/// Bytes before and after the first different one that are shown.
const AROUND: usize = 8;

/// What came of running a recording again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Comparison {
    /// All packets are the same.
    Same {
        /// How many there are.
        packets: u64,
        /// Whether the recording has an end. One that was cut, because its writer was killed, is compared as far as it
        /// goes.
        complete: bool,
    },
    /// They part.
    Differs(Box<Difference>),
}

/// Where two runs part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The number of the first packet that differs, from 1.
    pub number: u64,
    /// The packet of the recording; `None` if the recording ends before.
    pub recorded: Option<Recorded>,
    /// The packet of the run; `None` if the run ends before.
    pub run: Option<Recorded>,
    /// The last packets before, which are the same in both.
    pub before: Vec<Recorded>,
    /// Since 1970, when the world began: what times are shown relative to.
    pub unix_origin: Duration,
}

impl Difference {
    /// The place of the first byte that differs, from 0; `None` if the bytes are the same, or one packet is missing.
    #[must_use]
    pub fn first_byte(&self) -> Option<usize> {
        let (Some(recorded), Some(run)) = (&self.recorded, &self.run) else { return None };
        let (a, b) = (&recorded.bytes, &run.bytes);
        let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
        (same < a.len().max(b.len())).then_some(same)
    }

    fn line(&self, packet: &Recorded) -> String {
        let at = packet.at.map(|at| at.saturating_sub(self.unix_origin)).unwrap_or_default();
        let fate = packet.fate().unwrap_or_else(|| "seen".to_owned());
        let message = packet.bytes.get(PREFIX_LEN).map(|id| format!(" message {id},")).unwrap_or_default();
        let (secs, nanos) = (at.as_secs(), at.subsec_nanos());
        format!("{secs}.{nanos:09} s {fate} {} -> {}{message} {} bytes", packet.from, packet.to, packet.bytes.len())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "packet {} differs", self.number)?;
        for (name, packet) in [("recorded", &self.recorded), ("this run", &self.run)] {
            match packet {
                Some(packet) => write!(f, "\n  {name}: {}", self.line(packet))?,
                None => write!(f, "\n  {name}: ends before it")?,
            }
        }
        if let (Some(first), Some(recorded), Some(run)) = (self.first_byte(), &self.recorded, &self.run) {
            write!(f, "\n  first different byte: {first}{}", part_of(first))?;
            let start = first.saturating_sub(AROUND);
            for (name, bytes) in [("recorded", &recorded.bytes), ("this run", &run.bytes)] {
                let end = bytes.len().min(first.saturating_add(AROUND));
                let shown: String =
                    bytes.get(start..end).unwrap_or_default().iter().map(|byte| format!(" {byte:02x}")).collect();
                write!(f, "\n    {name}, from {start}:{shown}")?;
            }
        }
        if !self.before.is_empty() {
            write!(f, "\n  the {} packets before:", self.before.len())?;
        }
        for packet in &self.before {
            write!(f, "\n    {}", self.line(packet))?;
        }
        Ok(())
    }
}

/// Runs a world against a recording: `run` gives the sink to [`WorldBuilder::capture`](crate::WorldBuilder::capture), lets
/// the world do what it did when it was recorded, and calls [`World::finish_capture`](crate::World::finish_capture). It
/// may stop early when [`World::capture_over`](crate::World::capture_over) says so: the runs have parted then.
///
/// Compared are, of every packet, its time, what became of it and why, both addresses, and all bytes.
///
/// # Errors
/// If the recording cannot be read, or as `run` does.
pub fn compare<R, E>(recorded: Reader<R>, run: impl FnOnce(Box<dyn Sink>) -> Result<(), E>) -> Result<Comparison, E>
where
    R: Read + Send + 'static,
    E: From<ReadError>,
{
    let result = Arc::new(Mutex::new(None));
    let sink =
        Against { recorded, unix_origin: Duration::ZERO, packets: 0, before: VecDeque::new(), result: result.clone() };
    run(Box::new(sink))?;
    let result = result.lock().unwrap_or_else(PoisonError::into_inner).take();
    result.unwrap_or_else(|| Err(io::Error::other("the run did not finish its capture").into())).map_err(E::from)
}

type Slot = Arc<Mutex<Option<Result<Comparison, ReadError>>>>;

/// The sink that compares.
struct Against<R: Read> {
    recorded: Reader<R>,
    unix_origin: Duration,
    packets: u64,
    before: VecDeque<Recorded>,
    result: Slot,
}

impl<R: Read> Against<R> {
    fn end(&self, result: Result<Comparison, ReadError>) -> ControlFlow<()> {
        *self.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        ControlFlow::Break(())
    }

    /// The next packet of the recording, `None` where it ends.
    fn next(&mut self) -> Result<Option<Recorded>, ReadError> {
        loop {
            match self.recorded.next().transpose() {
                Ok(Some(Entry::Udp(packet))) => return Ok(Some(packet)),
                // Somebody else added it.
                Ok(Some(Entry::Other(_))) => {}
                Ok(None) | Err(ReadError::CutShort { .. }) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    fn differs(&mut self, recorded: Option<Recorded>, run: Option<Recorded>) -> ControlFlow<()> {
        let before = std::mem::take(&mut self.before).into();
        let (number, unix_origin) = (self.packets + 1, self.unix_origin);
        self.end(Ok(Comparison::Differs(Box::new(Difference { number, recorded, run, before, unix_origin }))))
    }
}

impl<R: Read + Send> Sink for Against<R> {
    fn begin(&mut self, unix_origin: Duration) -> io::Result<()> {
        self.unix_origin = unix_origin;
        Ok(())
    }

    fn packet(&mut self, packet: &Captured<'_>) -> io::Result<ControlFlow<()>> {
        let recorded = match self.next() {
            Ok(recorded) => recorded,
            Err(error) => return Ok(self.end(Err(error))),
        };
        let (from, to) = frame::of_one_family(packet.from, packet.to);
        let at = Some(self.unix_origin + Duration::from_nanos(packet.at.as_nanos()));
        let bytes = packet.bytes.get(..frame::MAX_PAYLOAD).unwrap_or(packet.bytes);
        let same = recorded.as_ref().is_some_and(|recorded| {
            recorded.at == at && recorded.from == from && recorded.to == to && recorded.bytes == bytes
        });
        let fate = packet.fate.to_string();
        match recorded {
            Some(recorded) if same && recorded.fate().as_deref() == Some(fate.as_str()) => {
                if self.before.len() >= BEFORE {
                    self.before.pop_front();
                }
                self.before.push_back(recorded);
                self.packets += 1;
                Ok(ControlFlow::Continue(()))
            }
            None if !self.recorded.is_complete() => {
                Ok(self.end(Ok(Comparison::Same { packets: self.packets, complete: false })))
            }
            recorded => {
                let run = Recorded::of_run(at, from, to, bytes, packet.fate);
                Ok(self.differs(recorded, Some(run)))
            }
        }
    }

    fn finish(&mut self, _: Time) -> io::Result<()> {
        if self.result.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Ok(());
        }
        let _ = match self.next() {
            Ok(None) => {
                let (packets, complete) = (self.packets, self.recorded.is_complete());
                self.end(Ok(Comparison::Same { packets, complete }))
            }
            Ok(recorded) => self.differs(recorded, None),
            Err(error) => self.end(Err(error)),
        };
        Ok(())
    }
}

impl Recorded {
    /// As a recording would have it.
    fn of_run(at: Option<Duration>, from: SocketAddr, to: SocketAddr, bytes: &[u8], fate: super::Fate) -> Self {
        let (interface, comment) = match fate {
            super::Fate::Lost(reason) => ("lost", Some(format!("lost: {}", reason.as_str()))),
            super::Fate::Sent => ("sent", None),
            super::Fate::Delivered => ("delivered", None),
        };
        Self { at, interface: Some(interface.into()), from, to, bytes: bytes.to_vec(), comment }
    }
}

/// Which part of a packet a byte belongs to.
fn part_of(byte: usize) -> &'static str {
    match byte.cmp(&PREFIX_LEN) {
        std::cmp::Ordering::Less => ", in the prefix of the community",
        std::cmp::Ordering::Equal => ", the message id",
        std::cmp::Ordering::Greater => "",
    }
}

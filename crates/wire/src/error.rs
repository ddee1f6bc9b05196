//! What can go wrong when bytes are read or written: small, without heap, with the name of the field.

use std::fmt;

/// How many names of nested fields an error remembers.
const PATH_LEN: usize = 4;

/// Names of the fields around the place of an error, innermost first.
#[derive(Clone, Copy, PartialEq, Eq)]
struct FieldPath {
    names: [&'static str; PATH_LEN],
    len: usize,
    /// Names between the two outermost ones were left out.
    elided: bool,
}

impl FieldPath {
    const EMPTY: Self = Self { names: [""; PATH_LEN], len: 0, elided: false };

    fn prepend(&mut self, name: &'static str) {
        if let Some(slot) = self.names.get_mut(self.len) {
            *slot = name;
            self.len += 1;
        } else if let Some(last) = self.names.last_mut() {
            // The outermost name tells most: the message. The innermost ones tell where in it.
            *last = name;
            self.elided = true;
        }
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, name) in self.names.iter().take(self.len).rev().enumerate() {
            match place {
                0 => f.write_str(name)?,
                1 if self.elided => write!(f, "..{name}")?,
                _ => write!(f, ".{name}")?,
            }
        }
        if self.len > 0 {
            f.write_str(": ")?;
        }
        Ok(())
    }
}

impl fmt::Debug for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names.iter().take(self.len).rev()).finish()
    }
}

/// Bytes that are not what they should be: what was wrong, at which offset, in which field.
///
/// ```
/// use ipv8_wire::{Reader, Wire};
///
/// let error = <[u8; 20]>::read(&mut Reader::new(b"short")).unwrap_err().at("target");
/// assert_eq!(error.to_string(), "target: needs 20 bytes at offset 0, 5 are left");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadError {
    kind: ReadErrorKind,
    offset: usize,
    path: FieldPath,
}

/// The reason of a [`ReadError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// A field needs more bytes than there are.
    UnexpectedEnd {
        /// Bytes that the field needs.
        needed: usize,
        /// Bytes that are there.
        left: usize,
    },
    /// This many bytes follow the last field.
    TrailingBytes(usize),
    /// Text is not UTF-8.
    InvalidUtf8,
    /// Strict reading: a bool is neither 0 nor 1.
    InvalidBool(u8),
    /// The byte that names the kind of an address is none of 1 (IPv4), 3 (IPv6) and, where allowed, 2 (host name).
    InvalidAddressType(u8),
    /// An array ends within an item of this many bytes.
    PartialItem(usize),
    /// A public key cannot be read. For formats of other crates.
    InvalidKey,
    /// Payloads are nested more than [`MAX_DEPTH`](crate::MAX_DEPTH) deep.
    TooDeep,
    /// A reason of a format that is not of this crate.
    Custom(&'static str),
}

impl ReadError {
    /// An error at `offset`, counted from the first byte that was given to the [`Reader`](crate::Reader).
    #[cold]
    pub fn new(kind: ReadErrorKind, offset: usize) -> Self {
        Self { kind, offset, path: FieldPath::EMPTY }
    }

    /// The same error within the field or message `name`. Derived code calls it for every field.
    #[cold]
    #[must_use]
    pub fn at(mut self, name: &'static str) -> Self {
        self.path.prepend(name);
        self
    }

    /// What was wrong.
    pub fn kind(&self) -> ReadErrorKind {
        self.kind
    }

    /// Where: bytes from the start of the input.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, offset, path } = self;
        write!(f, "{path}")?;
        match kind {
            ReadErrorKind::UnexpectedEnd { needed, left } => {
                write!(f, "needs {needed} bytes at offset {offset}, {left} are left")
            }
            ReadErrorKind::TrailingBytes(count) => {
                write!(f, "{count} bytes too many at offset {offset}")
            }
            ReadErrorKind::InvalidUtf8 => write!(f, "the text at offset {offset} is not UTF-8"),
            ReadErrorKind::InvalidBool(byte) => {
                write!(f, "byte {byte:#04x} at offset {offset} is no bool: send 0 or 1")
            }
            ReadErrorKind::InvalidAddressType(byte) => {
                write!(f, "byte {byte:#04x} at offset {offset} is no known kind of address")
            }
            ReadErrorKind::PartialItem(size) => {
                write!(f, "the array at offset {offset} ends within an item of {size} bytes")
            }
            ReadErrorKind::InvalidKey => write!(f, "no public key can be read at offset {offset}"),
            ReadErrorKind::TooDeep => {
                write!(f, "payloads are nested more than {} deep at offset {offset}", crate::MAX_DEPTH)
            }
            ReadErrorKind::Custom(reason) => write!(f, "{reason} at offset {offset}"),
        }
    }
}

impl std::error::Error for ReadError {}

/// A value that its format cannot hold: what was wrong, in which field.
///
/// ```
/// use ipv8_wire::{Wire, Writer};
///
/// let error = vec![0_u8; 65_536].write(&mut Writer::new()).unwrap_err().at("data");
/// assert_eq!(error.to_string(), "data: 65536 bytes do not fit, at most 65535 do");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteError {
    kind: WriteErrorKind,
    path: FieldPath,
}

/// The reason of a [`WriteError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteErrorKind {
    /// The length prefix cannot count this much.
    TooLong {
        /// What is counted, in the plural: `bytes`, `items`.
        what: &'static str,
        /// The most that fits.
        max: usize,
        /// What was given.
        len: usize,
    },
    /// A reason of a format that is not of this crate.
    Custom(&'static str),
}

impl WriteError {
    /// An error, as yet without the name of a field.
    #[cold]
    pub fn new(kind: WriteErrorKind) -> Self {
        Self { kind, path: FieldPath::EMPTY }
    }

    /// More `what` (a plural) than the format can count.
    #[cold]
    pub fn too_long(what: &'static str, max: usize, len: usize) -> Self {
        Self::new(WriteErrorKind::TooLong { what, max, len })
    }

    /// The same error within the field or message `name`. Derived code calls it for every field.
    #[cold]
    #[must_use]
    pub fn at(mut self, name: &'static str) -> Self {
        self.path.prepend(name);
        self
    }

    /// What was wrong.
    pub fn kind(&self) -> WriteErrorKind {
        self.kind
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path)?;
        match self.kind {
            WriteErrorKind::TooLong { what, max, len } => {
                write!(f, "{len} {what} do not fit, at most {max} do")
            }
            WriteErrorKind::Custom(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for WriteError {}

//! A cursor over received bytes. Every length is checked against the input before it is used.

use crate::{ReadError, ReadErrorKind};

/// How deep payloads may be nested: keeps a hostile packet of a recursive type from using up the stack.
pub const MAX_DEPTH: u8 = 64;

/// What a [`Reader`] lets pass. The crate documentation has a table of the differences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Takes exactly what the reference takes: all peers agree on what a valid packet is.
    #[default]
    Compatible,
    /// Takes only what a writer produces: for tools, tests and networks without the reference.
    Strict,
}

/// A cursor over received bytes.
///
/// ```
/// use ipv8_wire::Reader;
///
/// let mut reader = Reader::new(&[0, 0, 1, 0, 7]);
/// assert_eq!(reader.u32()?, 256);
/// assert_eq!(reader.remaining(), [7]);
/// assert!(reader.clone().u16().is_err());
/// assert_eq!(reader.u8()?, 7);
/// reader.finish()?;
/// # Ok::<(), ipv8_wire::ReadError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// Offset of the end of `rest` from the start of the outermost input.
    end: usize,
    /// How far past the end a declared length moved the cursor; `rest` is empty if this is not 0.
    overrun: usize,
    mode: Mode,
    depth: u8,
}

macro_rules! integers {
    ($($int:ident)*) => { $(
        #[doc = concat!("Reads a big-endian `", stringify!($int), "`.")]
        ///
        /// # Errors
        /// [`UnexpectedEnd`](ReadErrorKind::UnexpectedEnd).
        #[inline]
        pub fn $int(&mut self) -> Result<$int, ReadError> {
            self.take_array().map($int::from_be_bytes)
        }
    )* };
}

impl<'a> Reader<'a> {
    /// Reads `buf` as the reference does, see [`Mode::Compatible`].
    #[inline]
    pub fn new(buf: &'a [u8]) -> Self {
        Self::with_mode(buf, Mode::Compatible)
    }

    /// Reads `buf` in a given mode.
    #[inline]
    pub fn with_mode(buf: &'a [u8], mode: Mode) -> Self {
        Self { rest: buf, end: buf.len(), overrun: 0, mode, depth: 0 }
    }

    /// The mode, for formats that look at it.
    #[inline]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Bytes read so far. In [`Mode::Compatible`] it may lie past the end, after a length prefix that declares more
    /// than there is. Within a nested payload it still counts from the start of the outermost input.
    #[inline]
    pub fn offset(&self) -> usize {
        (self.end - self.rest.len()).saturating_add(self.overrun)
    }

    /// What is left to read.
    #[inline]
    pub fn remaining(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes exactly `n` bytes.
    ///
    /// # Errors
    /// [`UnexpectedEnd`](ReadErrorKind::UnexpectedEnd); nothing is taken then.
    #[inline]
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], ReadError> {
        match self.rest.split_at_checked(n) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.unexpected_end(n)),
        }
    }

    /// Takes exactly `N` bytes as an array.
    ///
    /// # Errors
    /// [`UnexpectedEnd`](ReadErrorKind::UnexpectedEnd); nothing is taken then.
    #[inline]
    pub fn take_array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        self.take_array_ref().copied()
    }

    /// Like [`take_array`](Self::take_array), borrowed from the input.
    ///
    /// # Errors
    /// [`UnexpectedEnd`](ReadErrorKind::UnexpectedEnd); nothing is taken then.
    #[inline]
    pub fn take_array_ref<const N: usize>(&mut self) -> Result<&'a [u8; N], ReadError> {
        match self.rest.split_first_chunk() {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.unexpected_end(N)),
        }
    }

    /// Takes the body of a variable length field whose prefix declares `n` bytes.
    ///
    /// The reference does not check that length (protocol section 3): in [`Mode::Compatible`] a body that is cut short
    /// gives what is there and leaves the cursor past the end, so that any field after it fails.
    ///
    /// # Errors
    /// [`UnexpectedEnd`](ReadErrorKind::UnexpectedEnd), in [`Mode::Strict`] only.
    #[inline]
    pub fn take_declared(&mut self, n: usize) -> Result<&'a [u8], ReadError> {
        match self.rest.split_at_checked(n) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => self.take_cut_short(n),
        }
    }

    #[cold]
    fn take_cut_short(&mut self, n: usize) -> Result<&'a [u8], ReadError> {
        if self.mode == Mode::Strict {
            return Err(self.unexpected_end(n));
        }
        self.overrun = self.overrun.saturating_add(n.saturating_sub(self.rest.len()));
        Ok(self.take_all())
    }

    /// Takes all that is left. A cursor past the end comes back to the end, as in the reference.
    #[inline]
    pub fn take_rest(&mut self) -> &'a [u8] {
        self.overrun = 0;
        self.take_all()
    }

    #[inline]
    fn take_all(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    integers!(u8 u16 u32 u64 i8 i16 i32 i64);

    /// Takes the body of a nested payload of `size` bytes and reads it with `read`.
    ///
    /// Bytes that `read` leaves over are skipped in [`Mode::Compatible`], as in the reference.
    ///
    /// # Errors
    /// Those of `read`; [`TooDeep`](ReadErrorKind::TooDeep) beyond [`MAX_DEPTH`]; in [`Mode::Strict`] also
    /// [`UnexpectedEnd`](ReadErrorKind::UnexpectedEnd) and [`TrailingBytes`](ReadErrorKind::TrailingBytes).
    #[inline]
    pub fn nested<T>(
        &mut self,
        size: usize,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        if self.depth >= MAX_DEPTH {
            return Err(self.error(ReadErrorKind::TooDeep));
        }
        let start = self.offset();
        let body = self.take_declared(size)?;
        let end = start.saturating_add(body.len());
        let mut inner = Reader { rest: body, end, overrun: 0, mode: self.mode, depth: self.depth + 1 };
        let value = read(&mut inner)?;
        if self.mode == Mode::Strict {
            inner.finish()?;
        }
        Ok(value)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`TrailingBytes`](ReadErrorKind::TrailingBytes) if bytes are left. A cursor past the end is none.
    #[inline]
    pub fn finish(self) -> Result<(), ReadError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.error(ReadErrorKind::TrailingBytes(self.rest.len()))) }
    }

    /// An error at the present offset.
    #[cold]
    pub fn error(&self, kind: ReadErrorKind) -> ReadError {
        ReadError::new(kind, self.offset())
    }

    #[cold]
    fn unexpected_end(&self, needed: usize) -> ReadError {
        self.error(ReadErrorKind::UnexpectedEnd { needed, left: self.rest.len() })
    }
}

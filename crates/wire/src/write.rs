//! A growing buffer of bytes to send.

use crate::WriteError;

/// A growing buffer of bytes to send. After an error it holds the fields that were written before.
///
/// ```
/// use ipv8_wire::Writer;
///
/// let mut writer = Writer::new();
/// writer.u32(256);
/// writer.put(b"abc");
/// assert_eq!(writer.into_vec(), b"\0\0\x01\0abc");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Writer {
    buf: Vec<u8>,
}

macro_rules! integers {
    ($($int:ident)*) => { $(
        #[doc = concat!("Appends a big-endian `", stringify!($int), "`.")]
        #[inline]
        pub fn $int(&mut self, value: $int) {
            self.put(&value.to_be_bytes());
        }
    )* };
}

impl Writer {
    /// An empty buffer.
    #[inline]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty buffer with room for `capacity` bytes.
    #[inline]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { buf: Vec::with_capacity(capacity) }
    }

    /// Appends to `buf`: a prefix already written, or a buffer to use again.
    #[inline]
    pub fn from_vec(buf: Vec<u8>) -> Self {
        Self { buf }
    }

    /// Appends `bytes` as they are.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
    }

    integers!(u8 u16 u32 u64 i8 i16 i32 i64);

    /// Makes room for `additional` more bytes.
    #[inline]
    pub fn reserve(&mut self, additional: usize) {
        self.buf.reserve(additional);
    }

    /// Appends what `write` writes, after its length as a `u16`.
    ///
    /// # Errors
    /// Those of `write`, and [`TooLong`](crate::WriteErrorKind::TooLong) beyond 65,535 bytes.
    #[inline]
    pub fn nested(&mut self, write: impl FnOnce(&mut Self) -> Result<(), WriteError>) -> Result<(), WriteError> {
        let start = self.buf.len();
        self.u16(0);
        write(self)?;
        let len = self.buf.len().saturating_sub(start).saturating_sub(2);
        let size = u16::try_from(len).map_err(|_| WriteError::too_long("bytes", usize::from(u16::MAX), len))?;
        if let Some(prefix) = self.buf.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
            *prefix = size.to_be_bytes();
        }
        Ok(())
    }

    /// Bytes written so far, those given to [`from_vec`](Self::from_vec) included.
    #[inline]
    pub fn len(&self) -> usize {
        self.buf.len()
    }

    /// Whether nothing was written.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.buf.is_empty()
    }

    /// The bytes.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        &self.buf
    }

    /// The bytes, as the buffer itself.
    #[inline]
    pub fn into_vec(self) -> Vec<u8> {
        self.buf
    }
}

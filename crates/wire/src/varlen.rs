//! Byte strings and text after a length.

use std::borrow::Cow;

use bytes::Bytes;

use crate::{ReadError, ReadErrorKind, Reader, Wire, WriteError, Writer};

/// A type that can hold a byte string: `Vec<u8>`, `&[u8]`, `Bytes` and `Cow<[u8]>`.
///
/// The named formats of byte strings work for all of them, and for your own types that implement it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not hold a byte string",
    label = "formats of byte strings take `Vec<u8>`, `&[u8]`, `Bytes` or `Cow<[u8]>`"
)]
pub trait ByteString<'a>: Sized {
    /// The value that holds `bytes`.
    fn from_input(bytes: &'a [u8]) -> Self;
    /// The bytes held.
    fn bytes(&self) -> &[u8];
}

/// A type that can hold text: `String`, `&str` and `Cow<str>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not hold text",
    label = "formats of text take `String`, `&str` or `Cow<str>`"
)]
pub trait TextString<'a>: Sized {
    /// The value that holds `text`.
    fn from_input(text: &'a str) -> Self;
    /// The text held.
    fn text(&self) -> &str;
}

macro_rules! byte_string {
    ($($ty:ty, $from:expr;)*) => { $(
        impl<'a> ByteString<'a> for $ty {
            #[inline]
            fn from_input(bytes: &'a [u8]) -> Self {
                $from(bytes)
            }

            #[inline]
            fn bytes(&self) -> &[u8] {
                self
            }
        }
    )* };
}

macro_rules! text_string {
    ($($ty:ty, $from:expr;)*) => { $(
        impl<'a> TextString<'a> for $ty {
            #[inline]
            fn from_input(text: &'a str) -> Self {
                $from(text)
            }

            #[inline]
            fn text(&self) -> &str {
                self
            }
        }

        impl<'a> Wire<'a> for $ty {
            const MIN_LEN: usize = 2;

            #[inline]
            fn read(r: &mut Reader<'a>) -> Result<Self, ReadError> {
                let start = r.offset();
                text_of(read_varlen_u16(r)?, start).map($from)
            }

            #[inline]
            fn write(&self, w: &mut Writer) -> Result<(), WriteError> {
                write_varlen_u16(self.as_bytes(), w)
            }
        }
    )* };
}

// `Vec<u8>` is a `Vec<T>`, see `list`.
macro_rules! varlen {
    ($($ty:ty),*) => { $(
        impl<'a> Wire<'a> for $ty {
            const MIN_LEN: usize = 2;

            #[inline]
            fn read(r: &mut Reader<'a>) -> Result<Self, ReadError> {
                read_varlen_u16(r).map(ByteString::from_input)
            }

            #[inline]
            fn write(&self, w: &mut Writer) -> Result<(), WriteError> {
                write_varlen_u16(self, w)
            }
        }
    )* };
}

byte_string! {
    Vec<u8>, <[u8]>::to_vec;
    &'a [u8], |bytes| bytes;
    Bytes, Bytes::copy_from_slice;
    Cow<'a, [u8]>, Cow::Borrowed;
}
varlen!(&'a [u8], Bytes, Cow<'a, [u8]>);
text_string! {
    String, str::to_owned;
    &'a str, |text| text;
    Cow<'a, str>, Cow::Borrowed;
}

/// Checks that `bytes`, read from `offset` on, are UTF-8.
#[inline]
pub(crate) fn text_of(bytes: &[u8], offset: usize) -> Result<&str, ReadError> {
    str::from_utf8(bytes).map_err(|_| ReadError::new(ReadErrorKind::InvalidUtf8, offset))
}

/// Reads format `varlenH`.
#[inline]
pub(crate) fn read_varlen_u16<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], ReadError> {
    let len = r.u16()?;
    r.take_declared(usize::from(len))
}

/// Writes format `varlenH`.
#[inline]
pub(crate) fn write_varlen_u16(bytes: &[u8], w: &mut Writer) -> Result<(), WriteError> {
    let Ok(len) = u16::try_from(bytes.len()) else {
        return Err(WriteError::too_long("bytes", usize::from(u16::MAX), bytes.len()));
    };
    w.reserve(bytes.len().saturating_add(2));
    w.u16(len);
    w.put(bytes);
    Ok(())
}

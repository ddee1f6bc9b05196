//! Packing formats that a field chooses by name: `#[wire(as = VarlenI)]`.
//!
//! Formats of byte strings take every [`ByteString`], those of text every [`TextString`].

use std::marker::PhantomData;

use crate::list::{read_counted, write_counted};
use crate::varlen::{ByteString, TextString, read_varlen_u16, text_of, write_varlen_u16};
use crate::{Format, Payload, ReadError, Reader, WriteError, Writer};

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}
    )* };
}

names! {
    /// Reference format `raw`: all bytes that are left. Only for the last field; `#[wire(raw)]` for short.
    Raw;
    /// Reference format `varlenH`: a `u16` length, then the bytes. The format of byte strings without another.
    VarlenH;
    /// Reference format `varlenI`: a `u32` length, then the bytes.
    VarlenI;
    /// Reference format `varlenBx2`: a `u8` count of pairs of bytes, then the bytes.
    ///
    /// Like the reference, it counts an odd last byte not but writes it all the same.
    VarlenBx2;
    /// Reference format `varlenHx20`: a `u16` count of 20-byte items, then the items.
    ///
    /// Takes `Vec<[u8; 20]>`; of a list that is cut short, [`Compatible`](crate::Mode::Compatible) reading gives the
    /// items that are whole. As a byte string it is written like [`VarlenBx2`].
    VarlenHx20;
    /// Reference format `varlenIutf8`: a `u32` length, then text.
    Utf8I;
    /// Reference format `doublevarlenH`: the same bytes as [`VarlenH`].
    DoubleVarlenH;
    /// Reference format `bits`: eight flags in a byte, the first in the highest bit. `#[wire(bits)]` for short.
    Bits;
    /// Reference format `c`: one byte, as `[u8; 1]` or `u8`.
    Char;
    /// Reference format `payload`: a `u16` size, then the fields of a [`Payload`].
    ///
    /// Bytes that the fields leave over are skipped in [`Compatible`](crate::Mode::Compatible) mode. It is the format
    /// of types that derive `Payload`; by name it also takes messages.
    Nested;
}

/// A `u8` count, then the items in format `F`: reference formats `varlenH-list` and `payload-list`.
#[derive(Clone, Copy, Debug)]
pub struct ListOf<F>(PhantomData<F>);

/// Reference format `varlenH-list`. `Vec<Vec<u8>>` has it without being told.
pub type VarlenHList = ListOf<VarlenH>;

/// Reference format `payload-list`. A `Vec` of a type that derives `Payload` has it without being told.
pub type PayloadList = ListOf<Nested>;

/// Reference formats `20s`, `32s` and so on, for byte strings of any length: too short ones are padded with zero bytes,
/// too long ones **cut**, without an error. `[u8; N]` has the same bytes and no surprises.
#[derive(Clone, Copy, Debug)]
pub enum FixedString<const N: usize> {}

impl<'a, T: ByteString<'a>> Format<'a, T> for Raw {
    #[inline]
    fn read(r: &mut Reader<'a>) -> Result<T, ReadError> {
        Ok(T::from_input(r.take_rest()))
    }

    #[inline]
    fn write(value: &T, w: &mut Writer) -> Result<(), WriteError> {
        w.put(value.bytes());
        Ok(())
    }
}

macro_rules! varlen_u16 {
    ($($name:ident)*) => { $(
        impl<'a, T: ByteString<'a>> Format<'a, T> for $name {
            #[inline]
            fn read(r: &mut Reader<'a>) -> Result<T, ReadError> {
                read_varlen_u16(r).map(T::from_input)
            }

            #[inline]
            fn write(value: &T, w: &mut Writer) -> Result<(), WriteError> {
                write_varlen_u16(value.bytes(), w)
            }
        }
    )* };
}

varlen_u16!(VarlenH DoubleVarlenH);

#[inline]
fn read_varlen_u32<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], ReadError> {
    let len = r.u32()?;
    // Where a length does not fit `usize`, no input is as long either.
    r.take_declared(usize::try_from(len).unwrap_or(usize::MAX))
}

#[inline]
fn write_varlen_u32(bytes: &[u8], w: &mut Writer) -> Result<(), WriteError> {
    let Ok(len) = u32::try_from(bytes.len()) else {
        let max = usize::try_from(u32::MAX).unwrap_or(usize::MAX);
        return Err(WriteError::too_long("bytes", max, bytes.len()));
    };
    w.reserve(bytes.len().saturating_add(4));
    w.u32(len);
    w.put(bytes);
    Ok(())
}

impl<'a, T: ByteString<'a>> Format<'a, T> for VarlenI {
    #[inline]
    fn read(r: &mut Reader<'a>) -> Result<T, ReadError> {
        read_varlen_u32(r).map(T::from_input)
    }

    #[inline]
    fn write(value: &T, w: &mut Writer) -> Result<(), WriteError> {
        write_varlen_u32(value.bytes(), w)
    }
}

impl<'a, T: TextString<'a>> Format<'a, T> for Utf8I {
    #[inline]
    fn read(r: &mut Reader<'a>) -> Result<T, ReadError> {
        let start = r.offset();
        text_of(read_varlen_u32(r)?, start).map(T::from_input)
    }

    #[inline]
    fn write(value: &T, w: &mut Writer) -> Result<(), WriteError> {
        write_varlen_u32(value.text().as_bytes(), w)
    }
}

impl<'a, T: ByteString<'a>> Format<'a, T> for VarlenBx2 {
    #[inline]
    fn read(r: &mut Reader<'a>) -> Result<T, ReadError> {
        let pairs = usize::from(r.u8()?);
        r.take_declared(pairs.saturating_mul(2)).map(T::from_input)
    }

    #[inline]
    fn write(value: &T, w: &mut Writer) -> Result<(), WriteError> {
        let bytes = value.bytes();
        let Ok(pairs) = u8::try_from(bytes.len() / 2) else {
            return Err(WriteError::too_long("pairs of bytes", usize::from(u8::MAX), bytes.len() / 2));
        };
        w.u8(pairs);
        w.put(bytes);
        Ok(())
    }
}

#[inline]
fn read_hx20<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], ReadError> {
    let items = usize::from(r.u16()?);
    r.take_declared(items.saturating_mul(20))
}

#[inline]
fn write_hx20(bytes: &[u8], w: &mut Writer) -> Result<(), WriteError> {
    let Ok(items) = u16::try_from(bytes.len() / 20) else {
        return Err(WriteError::too_long("items", usize::from(u16::MAX), bytes.len() / 20));
    };
    w.reserve(bytes.len().saturating_add(2));
    w.u16(items);
    w.put(bytes);
    Ok(())
}

impl<'a, T: ByteString<'a>> Format<'a, T> for VarlenHx20 {
    #[inline]
    fn read(r: &mut Reader<'a>) -> Result<T, ReadError> {
        read_hx20(r).map(T::from_input)
    }

    #[inline]
    fn write(value: &T, w: &mut Writer) -> Result<(), WriteError> {
        write_hx20(value.bytes(), w)
    }
}

impl<'a> Format<'a, Vec<[u8; 20]>> for VarlenHx20 {
    #[inline]
    fn read(r: &mut Reader<'a>) -> Result<Vec<[u8; 20]>, ReadError> {
        // A list that is cut short may end within an item: the reference hands out the stump, here it is left out.
        Ok(read_hx20(r)?.as_chunks().0.to_vec())
    }

    #[inline]
    fn write(value: &Vec<[u8; 20]>, w: &mut Writer) -> Result<(), WriteError> {
        write_hx20(value.as_flattened(), w)
    }
}

/// Eight flags, the first one for the highest bit: what [`Bits`] takes. Implement it to give flags names.
///
/// ```
/// use ipv8_wire::{BitFlags, Payload};
///
/// #[derive(Debug, PartialEq)]
/// struct Flags { newstyle: bool, advice: bool }
///
/// impl BitFlags for Flags {
///     fn from_bits(bits: [bool; 8]) -> Self {
///         Flags { newstyle: bits[2], advice: bits[7] }
///     }
///     fn to_bits(&self) -> [bool; 8] {
///         [false, false, self.newstyle, false, false, false, false, self.advice]
///     }
/// }
///
/// # #[cfg(feature = "derive")] {
/// #[derive(Payload)]
/// struct Request { #[wire(bits)] flags: Flags }
///
/// assert_eq!(Request { flags: Flags { newstyle: true, advice: true } }.encode().unwrap(), [0x21]);
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not hold eight flags",
    label = "format `Bits` takes `[bool; 8]`, `u8` or a type that implements `ipv8_wire::BitFlags`"
)]
pub trait BitFlags: Sized {
    /// The value of eight flags.
    fn from_bits(bits: [bool; 8]) -> Self;
    /// Its eight flags.
    fn to_bits(&self) -> [bool; 8];
}

impl BitFlags for [bool; 8] {
    #[inline]
    fn from_bits(bits: [bool; 8]) -> Self {
        bits
    }

    #[inline]
    fn to_bits(&self) -> [bool; 8] {
        *self
    }
}

impl BitFlags for u8 {
    #[inline]
    fn from_bits(bits: [bool; 8]) -> Self {
        bits.iter().fold(0, |byte, bit| (byte << 1) | u8::from(*bit))
    }

    #[inline]
    fn to_bits(&self) -> [bool; 8] {
        [0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02, 0x01].map(|mask| self & mask != 0)
    }
}

impl<'a, T: BitFlags> Format<'a, T> for Bits {
    #[inline]
    fn read(r: &mut Reader<'a>) -> Result<T, ReadError> {
        r.u8().map(|byte| T::from_bits(byte.to_bits()))
    }

    #[inline]
    fn write(value: &T, w: &mut Writer) -> Result<(), WriteError> {
        w.u8(u8::from_bits(value.to_bits()));
        Ok(())
    }
}

impl<'a> Format<'a, u8> for Char {
    #[inline]
    fn read(r: &mut Reader<'a>) -> Result<u8, ReadError> {
        r.u8()
    }

    #[inline]
    fn write(value: &u8, w: &mut Writer) -> Result<(), WriteError> {
        w.u8(*value);
        Ok(())
    }
}

impl<'a> Format<'a, [u8; 1]> for Char {
    #[inline]
    fn read(r: &mut Reader<'a>) -> Result<[u8; 1], ReadError> {
        r.take_array()
    }

    #[inline]
    fn write(value: &[u8; 1], w: &mut Writer) -> Result<(), WriteError> {
        w.put(value);
        Ok(())
    }
}

impl<'a, const N: usize, T: ByteString<'a>> Format<'a, T> for FixedString<N> {
    #[inline]
    fn read(r: &mut Reader<'a>) -> Result<T, ReadError> {
        r.take(N).map(T::from_input)
    }

    #[inline]
    fn write(value: &T, w: &mut Writer) -> Result<(), WriteError> {
        let mut fixed = [0; N];
        for (to, from) in fixed.iter_mut().zip(value.bytes()) {
            *to = *from;
        }
        w.put(&fixed);
        Ok(())
    }
}

impl<'a, T: Payload<'a>> Format<'a, T> for Nested {
    #[inline]
    fn read(r: &mut Reader<'a>) -> Result<T, ReadError> {
        let size = r.u16()?;
        r.nested(usize::from(size), T::read_fields)
    }

    #[inline]
    fn write(value: &T, w: &mut Writer) -> Result<(), WriteError> {
        w.nested(|w| value.write_fields(w))
    }
}

impl<'a, T, F: Format<'a, T>> Format<'a, Vec<T>> for ListOf<F> {
    #[inline]
    fn read(r: &mut Reader<'a>) -> Result<Vec<T>, ReadError> {
        read_counted(r, 1, F::read)
    }

    #[inline]
    fn write(value: &Vec<T>, w: &mut Writer) -> Result<(), WriteError> {
        write_counted(value, w, F::write)
    }
}

//! Formats of numbers, bools, fixed arrays of bytes and tuples.

use crate::list::{read_array, write_array};
use crate::varlen::{read_varlen_u16, write_varlen_u16};
use crate::{Mode, ReadError, ReadErrorKind, Reader, Wire, WriteError, Writer};

macro_rules! integer {
    ($int:ident, $size:literal $(, $extra:item)*) => {
        impl<'a> Wire<'a> for $int {
            const MIN_LEN: usize = $size;

            #[inline]
            fn read(r: &mut Reader<'a>) -> Result<Self, ReadError> {
                r.$int()
            }

            #[inline]
            fn write(&self, w: &mut Writer) -> Result<(), WriteError> {
                w.$int(*self);
                Ok(())
            }

            $($extra)*
        }
    };
}

// A list of bytes is a byte string.
integer!(
    u8,
    1,
    #[inline]
    fn read_list(r: &mut Reader<'a>) -> Result<Vec<Self>, ReadError> {
        read_varlen_u16(r).map(<[u8]>::to_vec)
    },
    #[inline]
    fn write_list(items: &[Self], w: &mut Writer) -> Result<(), WriteError> {
        write_varlen_u16(items, w)
    }
);
integer!(u16, 2);
integer!(u32, 4);
integer!(u64, 8);
integer!(i8, 1);
integer!(i16, 2);
integer!(i32, 4);
integer!(
    i64,
    8,
    #[inline]
    fn read_list(r: &mut Reader<'a>) -> Result<Vec<Self>, ReadError> {
        read_array(r, |bytes, _| Ok(i64::from_le_bytes(*bytes)))
    },
    #[inline]
    fn write_list(items: &[Self], w: &mut Writer) -> Result<(), WriteError> {
        write_array(items, w, i64::to_le_bytes)
    }
);

impl<'a> Wire<'a> for f32 {
    const MIN_LEN: usize = 4;

    #[inline]
    fn read(r: &mut Reader<'a>) -> Result<Self, ReadError> {
        r.take_array().map(f32::from_be_bytes)
    }

    #[inline]
    fn write(&self, w: &mut Writer) -> Result<(), WriteError> {
        w.put(&self.to_be_bytes());
        Ok(())
    }
}

impl<'a> Wire<'a> for f64 {
    const MIN_LEN: usize = 8;

    #[inline]
    fn read(r: &mut Reader<'a>) -> Result<Self, ReadError> {
        r.take_array().map(f64::from_be_bytes)
    }

    #[inline]
    fn write(&self, w: &mut Writer) -> Result<(), WriteError> {
        w.put(&self.to_be_bytes());
        Ok(())
    }

    #[inline]
    fn read_list(r: &mut Reader<'a>) -> Result<Vec<Self>, ReadError> {
        read_array(r, |bytes, _| Ok(f64::from_le_bytes(*bytes)))
    }

    #[inline]
    fn write_list(items: &[Self], w: &mut Writer) -> Result<(), WriteError> {
        write_array(items, w, f64::to_le_bytes)
    }
}

/// Anything but 0 is true in the reference; strictly, only 1 is.
#[inline]
fn bool_of(byte: u8, mode: Mode) -> Result<bool, ReadErrorKind> {
    if byte > 1 && mode == Mode::Strict { Err(ReadErrorKind::InvalidBool(byte)) } else { Ok(byte != 0) }
}

impl<'a> Wire<'a> for bool {
    const MIN_LEN: usize = 1;

    #[inline]
    fn read(r: &mut Reader<'a>) -> Result<Self, ReadError> {
        let offset = r.offset();
        bool_of(r.u8()?, r.mode()).map_err(|kind| ReadError::new(kind, offset))
    }

    #[inline]
    fn write(&self, w: &mut Writer) -> Result<(), WriteError> {
        w.u8(u8::from(*self));
        Ok(())
    }

    #[inline]
    fn read_list(r: &mut Reader<'a>) -> Result<Vec<Self>, ReadError> {
        read_array(r, |[byte], mode| bool_of(*byte, mode))
    }

    #[inline]
    fn write_list(items: &[Self], w: &mut Writer) -> Result<(), WriteError> {
        write_array(items, w, |value| [u8::from(value)])
    }
}

impl<'a, const N: usize> Wire<'a> for [u8; N] {
    const MIN_LEN: usize = N;

    #[inline]
    fn read(r: &mut Reader<'a>) -> Result<Self, ReadError> {
        r.take_array()
    }

    #[inline]
    fn write(&self, w: &mut Writer) -> Result<(), WriteError> {
        w.put(self);
        Ok(())
    }
}

impl<'a, const N: usize> Wire<'a> for &'a [u8; N] {
    const MIN_LEN: usize = N;

    #[inline]
    fn read(r: &mut Reader<'a>) -> Result<Self, ReadError> {
        r.take_array_ref()
    }

    #[inline]
    fn write(&self, w: &mut Writer) -> Result<(), WriteError> {
        w.put(*self);
        Ok(())
    }
}

macro_rules! tuple {
    ($($name:ident $index:tt)+) => {
        impl<'a, $($name: Wire<'a>),+> Wire<'a> for ($($name,)+) {
            const MIN_LEN: usize = 0 $(+ $name::MIN_LEN)+;

            #[inline]
            fn read(r: &mut Reader<'a>) -> Result<Self, ReadError> {
                Ok(($($name::read(r)?,)+))
            }

            #[inline]
            fn write(&self, w: &mut Writer) -> Result<(), WriteError> {
                $(self.$index.write(w)?;)+
                Ok(())
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0 B 1);
tuple!(A 0 B 1 C 2);
tuple!(A 0 B 1 C 2 D 3);
tuple!(A 0 B 1 C 2 D 3 E 4);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5);

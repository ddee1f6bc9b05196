//! Lists: a count in one byte and the items, or the reference's little-endian arrays.

use crate::{Mode, ReadError, ReadErrorKind, Reader, Wire, WriteError, Writer};

impl<'a, T: Wire<'a>> Wire<'a> for Vec<T> {
    #[inline]
    fn read(r: &mut Reader<'a>) -> Result<Self, ReadError> {
        T::read_list(r)
    }

    #[inline]
    fn write(&self, w: &mut Writer) -> Result<(), WriteError> {
        T::write_list(self, w)
    }
}

/// Reads a count in one byte and that many items.
#[inline]
pub(crate) fn read_counted<'a, T>(
    r: &mut Reader<'a>,
    min_len: usize,
    read: impl Fn(&mut Reader<'a>) -> Result<T, ReadError>,
) -> Result<Vec<T>, ReadError> {
    let count = usize::from(r.u8()?);
    // No more room than the input could fill, whatever the count says.
    let mut items = Vec::with_capacity(count.min(r.remaining().len() / min_len.max(1)));
    for _ in 0..count {
        items.push(read(r)?);
    }
    Ok(items)
}

/// Writes a count in one byte and the items.
#[inline]
pub(crate) fn write_counted<T>(
    items: &[T],
    w: &mut Writer,
    write: impl Fn(&T, &mut Writer) -> Result<(), WriteError>,
) -> Result<(), WriteError> {
    let count =
        u8::try_from(items.len()).map_err(|_| WriteError::too_long("items", usize::from(u8::MAX), items.len()))?;
    w.u8(count);
    for item in items {
        write(item, w)?;
    }
    Ok(())
}

/// Reads one of the reference's arrays, formats `arrayH-?`, `arrayH-q` and `arrayH-d`.
///
/// They alone are little-endian, in length and items: the reference packs them in the byte order of the machine
/// (protocol section 3), and the machines that run it are little-endian.
#[inline]
pub(crate) fn read_array<const SIZE: usize, T>(
    r: &mut Reader<'_>,
    item: impl Fn(&[u8; SIZE], Mode) -> Result<T, ReadErrorKind>,
) -> Result<Vec<T>, ReadError> {
    let count = usize::from(u16::from_le_bytes(r.take_array()?));
    let start = r.offset();
    let (items, partial) = r.take_declared(count.saturating_mul(SIZE))?.as_chunks::<SIZE>();
    if !partial.is_empty() {
        return Err(ReadError::new(ReadErrorKind::PartialItem(SIZE), start));
    }
    let mode = r.mode();
    items.iter().map(|bytes| item(bytes, mode).map_err(|kind| ReadError::new(kind, start))).collect()
}

/// Writes one of the reference's arrays.
#[inline]
pub(crate) fn write_array<const SIZE: usize, T: Copy>(
    items: &[T],
    w: &mut Writer,
    item: impl Fn(T) -> [u8; SIZE],
) -> Result<(), WriteError> {
    let count =
        u16::try_from(items.len()).map_err(|_| WriteError::too_long("items", usize::from(u16::MAX), items.len()))?;
    w.reserve(items.len().saturating_mul(SIZE).saturating_add(2));
    w.put(&count.to_le_bytes());
    for value in items {
        w.put(&item(*value));
    }
    Ok(())
}

//! The traits between bytes and Rust types.

use crate::{ReadError, Reader, WriteError, Writer};

/// A value with a packing format of its own: the one its Rust type stands for. The crate documentation lists them.
///
/// `'a` is the lifetime of the input, which a value may borrow from. To put a type of your own into messages, derive
/// [`Payload`](derive@crate::Payload) or implement this trait:
///
/// ```
/// use ipv8_wire::{ReadError, ReadErrorKind, Reader, Wire, WriteError, Writer};
///
/// #[derive(Debug, PartialEq)]
/// enum Suit { Hearts, Spades }
///
/// impl<'a> Wire<'a> for Suit {
///     fn read(r: &mut Reader<'a>) -> Result<Self, ReadError> {
///         match r.u8()? {
///             0 => Ok(Suit::Hearts),
///             1 => Ok(Suit::Spades),
///             _ => Err(r.error(ReadErrorKind::Custom("a suit is 0 or 1"))),
///         }
///     }
///     fn write(&self, w: &mut Writer) -> Result<(), WriteError> {
///         w.u8(match self { Suit::Hearts => 0, Suit::Spades => 1 });
///         Ok(())
///     }
/// }
///
/// // A list of them comes for free: a count in one byte, then the items.
/// assert_eq!(Vec::<Suit>::read(&mut Reader::new(&[2, 1, 0]))?, [Suit::Spades, Suit::Hearts]);
/// # Ok::<(), ReadError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no packing format",
    label = "this type cannot be a field as it is",
    note = "for a type of yours: `#[derive(Payload)]` nests it with its size, or implement `ipv8_wire::Wire`",
    note = "for a type of others: choose a format with `#[wire(as = ...)]` on the field"
)]
pub trait Wire<'a>: Sized {
    /// The fewest bytes a value takes; only bounds what a list allocates ahead.
    #[doc(hidden)]
    const MIN_LEN: usize = 1;

    /// Reads a value.
    ///
    /// # Errors
    /// Whatever makes the bytes no value of this type.
    fn read(r: &mut Reader<'a>) -> Result<Self, ReadError>;

    /// Appends the value.
    ///
    /// # Errors
    /// Whatever makes the value one that the format cannot hold.
    fn write(&self, w: &mut Writer) -> Result<(), WriteError>;

    /// Reads a `Vec<Self>`: by default a count in one byte, then the items.
    #[doc(hidden)]
    #[inline]
    fn read_list(r: &mut Reader<'a>) -> Result<Vec<Self>, ReadError> {
        crate::list::read_counted(r, Self::MIN_LEN, Self::read)
    }

    /// Writes a `Vec<Self>`.
    #[doc(hidden)]
    #[inline]
    fn write_list(items: &[Self], w: &mut Writer) -> Result<(), WriteError> {
        crate::list::write_counted(items, w, Self::write)
    }
}

/// A packing format that a field chooses by name: `#[wire(as = VarlenI)]`. The ready ones are in [`format`](crate::format).
///
/// ```
/// use ipv8_wire::{Format, Payload, ReadError, Reader, WriteError, Writer};
///
/// /// An unsigned number in as few groups of seven bits as it needs, lowest first.
/// struct Leb128;
///
/// impl<'a> Format<'a, u32> for Leb128 {
///     fn read(r: &mut Reader<'a>) -> Result<u32, ReadError> {
///         let mut value = 0;
///         for shift in [0, 7, 14, 21, 28] {
///             let byte = r.u8()?;
///             value |= u32::from(byte & 0x7f) << shift;
///             if byte < 0x80 { break }
///         }
///         Ok(value)
///     }
///     fn write(value: &u32, w: &mut Writer) -> Result<(), WriteError> {
///         let mut value = *value;
///         while value >= 0x80 {
///             w.u8((value & 0x7f) as u8 | 0x80);
///             value >>= 7;
///         }
///         w.u8(value as u8);
///         Ok(())
///     }
/// }
///
/// # #[cfg(feature = "derive")] {
/// #[derive(Payload)]
/// struct Score { #[wire(as = Leb128)] points: u32 }
///
/// assert_eq!(Score { points: 300 }.encode().unwrap(), [0xac, 0x02]);
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no packing format for `{T}`",
    label = "this format does not read and write `{T}`",
    note = "see `ipv8_wire::format` for what each format takes, or implement `ipv8_wire::Format<'_, {T}>` for your own"
)]
pub trait Format<'a, T> {
    /// Reads a value.
    ///
    /// # Errors
    /// Whatever makes the bytes no value of this format.
    fn read(r: &mut Reader<'a>) -> Result<T, ReadError>;

    /// Appends a value.
    ///
    /// # Errors
    /// Whatever makes the value one that the format cannot hold.
    fn write(value: &T, w: &mut Writer) -> Result<(), WriteError>;
}

/// Fields in a row, without a length of their own. Derived with [`Payload`](derive@crate::Payload) or
/// [`Message`](derive@crate::Message).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no payload",
    label = "fields of this type have no known order",
    note = "add `#[derive(Payload)]` to it"
)]
pub trait Payload<'a>: Sized {
    /// Its name in errors and logs: that of the Rust type, unless the derive was given another.
    const NAME: &'static str;

    /// The fewest bytes its fields take; only bounds what a list allocates ahead.
    #[doc(hidden)]
    const MIN_LEN: usize = 0;

    /// Reads the fields; whatever follows them stays in the reader.
    ///
    /// # Errors
    /// That of the first field that cannot be read, with its name, without [`NAME`](Self::NAME).
    fn read_fields(r: &mut Reader<'a>) -> Result<Self, ReadError>;

    /// Appends the fields.
    ///
    /// # Errors
    /// That of the first field that cannot be written, with its name, without [`NAME`](Self::NAME).
    fn write_fields(&self, w: &mut Writer) -> Result<(), WriteError>;

    /// Reads all of `bytes`, in [`Mode::Compatible`](crate::Mode::Compatible).
    ///
    /// # Errors
    /// Those of [`read_fields`](Self::read_fields) and [`Reader::finish`], with [`NAME`](Self::NAME).
    #[inline]
    fn decode(bytes: &'a [u8]) -> Result<Self, ReadError> {
        let mut r = Reader::new(bytes);
        match Self::read_fields(&mut r).and_then(|value| r.finish().map(|()| value)) {
            Ok(value) => Ok(value),
            Err(error) => Err(error.at(Self::NAME)),
        }
    }

    /// The bytes of the fields.
    ///
    /// # Errors
    /// Those of [`write_fields`](Self::write_fields), with [`NAME`](Self::NAME).
    #[inline]
    fn encode(&self) -> Result<Vec<u8>, WriteError> {
        let mut w = Writer::with_capacity(64);
        match self.write_fields(&mut w) {
            Ok(()) => Ok(w.into_vec()),
            Err(error) => Err(error.at(Self::NAME)),
        }
    }
}

/// A payload with an id: what a community registers handlers for. Derived with [`Message`](derive@crate::Message).
///
/// A message that borrows from the packet implements it for its `'static` form; handlers are given
/// [`Of<'a>`](Self::Of).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no message",
    label = "this type has no message id",
    note = "add `#[derive(Message)]` and `#[message(id = ...)]` to it"
)]
pub trait Message: Sized {
    /// The byte after the prefix.
    const ID: u8;
    /// Its name in errors and logs: that of the Rust type, unless given with `#[message(name = "...")]`.
    const NAME: &'static str;
    /// Whether it is signed: [`Signed`], unless `#[message(unsigned)]` is given.
    type Auth: Auth;
    /// Whether a `u64` global time precedes the payload (protocol section 1): with `#[message(global_time)]`.
    const GLOBAL_TIME: bool;
    /// The same message, borrowing for `'a`; `Self` if it owns what it holds.
    type Of<'a>: Payload<'a>;
}

/// A message that can be sent: every derived [`Message`], also while it borrows from something that does not live long.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent",
    label = "this type is no message",
    note = "add `#[derive(Message)]` and `#[message(id = ...)]` to it"
)]
pub trait Outgoing {
    /// As [`Message::ID`].
    const ID: u8;
    /// As [`Message::NAME`].
    const NAME: &'static str;
    /// As [`Message::GLOBAL_TIME`].
    const GLOBAL_TIME: bool;
    /// As [`Auth::SIGNED`].
    const SIGNED: bool;

    /// Appends the fields, without header and signature.
    ///
    /// # Errors
    /// As [`Payload::write_fields`].
    fn write_fields(&self, w: &mut Writer) -> Result<(), WriteError>;
}

/// A message with a number that ties an answer to its request: a field named `identifier`, or marked
/// `#[wire(identifier)]`, of type `u16`, `u32` or `u64`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no identifier",
    label = "requests and their replies are matched by an identifier",
    note = "add a field `identifier: u32` (or `u16`, `u64`), or mark one with `#[wire(identifier)]`"
)]
pub trait Identified {
    /// The greatest number the field holds.
    const IDENTIFIER_MAX: u64;

    /// The number.
    fn identifier(&self) -> u64;

    /// Sets the number; of a greater one than [`IDENTIFIER_MAX`](Self::IDENTIFIER_MAX) only the low bits are kept, as
    /// the reference keeps those of its 16-bit identifiers.
    fn set_identifier(&mut self, id: u64);
}

/// A message that is answered: `#[message(id = 1, reply = Answer)]`.
pub trait Request: Identified {
    /// The answer.
    type Reply: Identified + Message;
}

mod sealed {
    pub trait Sealed {}
}

/// Whether messages are signed: [`Signed`] or [`Unsigned`].
pub trait Auth: sealed::Sealed {
    /// Whether they are.
    const SIGNED: bool;
}

/// Signed messages: they carry the sender's public key and a signature over all bytes before it.
#[derive(Clone, Copy, Debug)]
pub enum Signed {}

/// Unsigned messages: nothing is known of the sender but the address, which may be forged.
#[derive(Clone, Copy, Debug)]
pub enum Unsigned {}

impl sealed::Sealed for Signed {}
impl sealed::Sealed for Unsigned {}

impl Auth for Signed {
    const SIGNED: bool = true;
}

impl Auth for Unsigned {
    const SIGNED: bool = false;
}

/// What derived code needs and nobody else.
#[doc(hidden)]
pub mod private {
    /// An integer that can be an identifier.
    pub trait Identifier: Copy {
        const MAX: u64;
        fn to_u64(self) -> u64;
        fn from_low_bits(id: u64) -> Self;
    }

    macro_rules! identifier {
        ($($int:ident)*) => { $(
            impl Identifier for $int {
                const MAX: u64 = $int::MAX as u64;

                #[inline]
                fn to_u64(self) -> u64 {
                    u64::from(self)
                }

                #[inline]
                #[allow(clippy::cast_possible_truncation, reason = "only the low bits are kept, as documented")]
                fn from_low_bits(id: u64) -> Self {
                    id as $int
                }
            }
        )* };
    }

    identifier!(u16 u32 u64);
}

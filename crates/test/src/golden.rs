//! The bytes of messages, as they were once and for all.

use std::fmt::Debug;

use ipv8_wire::{Message, Outgoing, Payload, Writer};

/// The payload of a message in hex: what follows the header, without signature.
///
/// # Panics
/// If it cannot be written.
#[must_use]
#[track_caller]
pub fn encoding<M: Outgoing>(message: &M) -> String {
    hex::encode(bytes_of(message))
}

/// The payload of a message.
#[track_caller]
pub(crate) fn bytes_of<M: Outgoing>(message: &M) -> Vec<u8> {
    let mut w = Writer::with_capacity(64);
    if let Err(error) = message.write_fields(&mut w) {
        panic!("{} cannot be written: {error}", M::NAME);
    }
    w.into_vec()
}

/// Makes sure that a message has this encoding, in hex (spaces are ignored), and that the encoding is read as this message.
/// Golden bytes in a test keep a message compatible with those who speak it already.
///
/// ```
/// use ipv8_core::wire::Message;
///
/// #[derive(Message, Debug)]
/// #[message(id = 1)]
/// struct Greeting {
///     number: u16,
///     #[wire(as = ipv8_core::wire::VarlenH)]
///     text: Vec<u8>,
/// }
///
/// ipv8_test::assert_encoding(&Greeting { number: 258, text: b"hi".to_vec() }, "0102 0002 6869");
/// ```
///
/// # Panics
/// If it has not.
#[track_caller]
pub fn assert_encoding<M>(message: &M, expected: &str)
where
    M: Outgoing + Debug + Message + for<'a> Message<Of<'a> = M> + for<'a> Payload<'a>,
{
    let expected: String = expected.split_whitespace().collect();
    let golden = match hex::decode(&expected) {
        Ok(bytes) => bytes,
        Err(error) => panic!("the expected bytes {expected:?} are no hex: {error}"),
    };
    let bytes = bytes_of(message);
    if bytes != golden {
        let same = bytes.iter().zip(&golden).take_while(|(one, other)| one == other).count();
        let instead = match <M as Payload<'_>>::decode(&golden) {
            Ok(other) => format!("are {other:?}"),
            Err(error) => format!("cannot be read: {error}"),
        };
        panic!(
            "{message:?} has other bytes than expected\n  expected {expected}\n  but is   {}\n           {}^ byte {same}\n\
             the expected bytes {instead}",
            hex::encode(&bytes),
            "  ".repeat(same),
        );
    }
    match <M as Payload<'_>>::decode(&golden) {
        Ok(read) if bytes_of(&read) == bytes => {}
        Ok(read) => panic!("{message:?} is read back as {read:?}"),
        Err(error) => panic!("{message:?} cannot be read back: {error}"),
    }
}

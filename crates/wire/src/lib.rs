//! Bytes of the IPv8 protocol: readers, writers, packing formats and packet headers.
#![forbid(unsafe_code)]

// Derived code names this crate `::ipv8_wire`, in its own tests too.
extern crate self as ipv8_wire;

mod address;
mod error;
pub mod format;
mod header;
mod list;
mod message;
mod primitive;
mod read;
mod varlen;
mod write;

pub use address::{Address, ParseAddressError, UnresolvedHost};
pub use error::{ReadError, ReadErrorKind, WriteError, WriteErrorKind};
pub use format::{
    BitFlags, Bits, Char, DoubleVarlenH, FixedString, ListOf, Nested, PayloadList, Raw, Utf8I,
    VarlenBx2, VarlenH, VarlenHList, VarlenHx20, VarlenI,
};
pub use header::{
    AuthHeader, CommunityId, NoSignature, PREFIX_LEN, Packet, PacketError, ParseCommunityIdError,
    Prefix, VERSION, read_auth, split_signature,
};
#[cfg(feature = "derive")]
pub use ipv8_derive::{Message, Payload};
#[doc(hidden)]
pub use message::private as __private;
pub use message::{
    Auth, Format, Identified, Message, Outgoing, Payload, Request, Signed, Unsigned, Wire,
};
pub use read::{MAX_DEPTH, Mode, Reader};
pub use varlen::{ByteString, TextString};
pub use write::Writer;

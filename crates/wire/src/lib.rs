//! Bytes of the IPv8 protocol: readers, writers, packing formats and packet headers.
//!
//! Nothing here has state, does I/O or knows of keys. A message is a struct; its derive gives it the bytes that the
//! reference, py-ipv8 3.2.1, gives the same fields:
//!
//! ```
//! # #[cfg(feature = "derive")] {
//! use std::net::SocketAddr;
//! use ipv8_wire::{Message, Payload};
//!
//! #[derive(Message, Debug, PartialEq)]
//! #[message(id = 5, reply = FindResponse)]
//! struct FindRequest { identifier: u32, lan: SocketAddr, target: [u8; 20], offset: u32, force: bool }
//!
//! #[derive(Message, Debug, PartialEq)]
//! #[message(id = 6)]
//! struct FindResponse { identifier: u32, values: Vec<Vec<u8>> }
//!
//! let response = FindResponse { identifier: 7, values: vec![b"abc".to_vec()] };
//! let bytes = response.encode()?;
//! assert_eq!(bytes, b"\0\0\0\x07\x01\0\x03abc");
//! assert_eq!(FindResponse::decode(&bytes), Ok(response));
//!
//! let error = FindRequest::decode(&[0, 0, 0, 7, 1, 10, 0, 0, 1, 31, 154, 0xff]).unwrap_err();
//! assert_eq!(error.to_string(), "FindRequest.target: needs 20 bytes at offset 11, 1 are left");
//! # }
//! # Ok::<(), ipv8_wire::WriteError>(())
//! ```
//!
//! # Formats
//!
//! The format of a field is that of its type, unless `#[wire(as = ...)]` chooses another. Numbers are big-endian where
//! nothing else is said.
//!
//! | Rust type | reference | bytes |
//! |---|---|---|
//! | `bool` | `?` | 1: 0 or 1 |
//! | `u8`, `u16`, `u32`, `u64` | `B`, `H`, `I` and `L`, `Q` | 1, 2, 4, 8 |
//! | `i32`, `i64`; `i8`, `i16` | `l`, `q`; none | 4, 8; 1, 2 |
//! | `f32`, `f64` | `f`, `d` | 4, 8: IEEE 754 |
//! | `[u8; N]`, `&[u8; N]` | `20s`, `32s`, …; `c` for `N` = 1 | `N` |
//! | `Vec<u8>`, `&[u8]`, `Bytes`, `Cow<[u8]>` | `varlenH` | `u16` length, bytes |
//! | `String`, `&str`, `Cow<str>` | `varlenHutf8` | `u16` length, UTF-8 |
//! | `SocketAddrV4` | `ipv4` | 4, `u16` port |
//! | `SocketAddr` | `ip_address` | 1, 4, `u16` port; or 3, 16, `u16` port |
//! | [`Address`] | `address` | as `ip_address`; or 2, `u16` length, host name, `u16` port |
//! | tuples of up to six | `BBH`, `QL`, `ccB`, … | one after the other |
//! | derived [`Payload`](derive@Payload) | `payload` | `u16` size, its fields |
//! | `Vec` of any other type here | `payload-list`, `varlenH-list` | `u8` count, items |
//! | `Vec<bool>`, `Vec<i64>`, `Vec<f64>` | `arrayH-?`, `arrayH-q`, `arrayH-d` | `u16` count, items: **little-endian** [^le] |
//!
//! | attribute | for | reference | bytes |
//! |---|---|---|---|
//! | `raw`, `as = `[`Raw`] | byte strings | `raw` | all that are left; last field only |
//! | `bits`, `as = `[`Bits`] | `[bool; 8]`, `u8`, [`BitFlags`] | `bits` | 1: the first flag is the highest bit |
//! | `as = `[`VarlenI`] | byte strings | `varlenI` | `u32` length, bytes |
//! | `as = `[`VarlenH`], `as = `[`DoubleVarlenH`] | byte strings | `varlenH`, `doublevarlenH` | `u16` length, bytes |
//! | `as = `[`VarlenBx2`] | byte strings | `varlenBx2` | `u8` count of pairs, bytes |
//! | `as = `[`VarlenHx20`] | `Vec<[u8; 20]>`, byte strings | `varlenHx20` | `u16` count of 20 bytes, bytes |
//! | `as = `[`Utf8I`] | text | `varlenIutf8` | `u32` length, UTF-8 |
//! | `as = `[`Char`] | `[u8; 1]`, `u8` | `c` | 1 |
//! | `as = `[`FixedString<N>`](FixedString) | byte strings | `20s`, … | `N`: padded with zero bytes, or cut |
//! | `as = `[`Nested`] | any payload | `payload` | `u16` size, its fields |
//! | `as = `[`ListOf<F>`](ListOf) | `Vec` | | `u8` count, items in format `F` |
//! | `inline` | any payload | | its fields, without a size |
//!
//! Another layout: implement [`Wire`] for a type, or [`Format`] for a name of your own; both show an example.
//!
//! [^le]: The reference packs these three in the byte order of the machine, which in practice is little-endian.
//!
//! # Two ways to read
//!
//! A [`Reader`] is [`Compatible`](Mode::Compatible) unless told otherwise. A network must have one idea of which packets
//! are valid: a message that some peers take and others drop splits an overlay, so it takes exactly what the reference
//! takes. That costs no safety: every length is checked against the input before it is used.
//! [`Strict`](Mode::Strict) takes only what a [`Writer`] writes, a subset with the same values.
//!
//! | input | `Compatible` | `Strict` |
//! |---|---|---|
//! | a declared length or size beyond the end | what is there; a field after it fails | error |
//! | `varlenHx20` that ends within an item, as `Vec<[u8; 20]>` | the whole items | error |
//! | an array that ends within an item | error | error |
//! | a host name cut short | error | error |
//! | bytes after the fields of a nested payload | skipped | error |
//! | bytes after the last field of a message | error | error |
//! | a bool other than 0 and 1 | true | error |
//! | a host name that is the text of an IP address | a host name | error |
//! | text that is not UTF-8, an unknown kind of address | error | error |
//! | payloads nested more than [`MAX_DEPTH`] deep | error | error |
//!
//! # Features
//!
//! `derive` (on by default): `#[derive(Message)]` and `#[derive(Payload)]`.
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
    BitFlags, Bits, Char, DoubleVarlenH, FixedString, ListOf, Nested, PayloadList, Raw, Utf8I, VarlenBx2, VarlenH,
    VarlenHList, VarlenHx20, VarlenI,
};
pub use header::{
    AuthHeader, CommunityId, NoSignature, PREFIX_LEN, Packet, PacketError, ParseCommunityIdError, Prefix, VERSION,
    read_auth, split_signature,
};
#[cfg(feature = "derive")]
pub use ipv8_derive::{Message, Payload};
#[doc(hidden)]
pub use message::private as __private;
pub use message::{Auth, Format, Identified, Message, Outgoing, Payload, Request, Signed, Unsigned, Wire};
pub use read::{MAX_DEPTH, Mode, Reader};
pub use varlen::{ByteString, TextString};
pub use write::Writer;

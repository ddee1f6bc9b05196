//! The golden vectors, and every packing format under its name in the reference.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops on an error")]
#![allow(dead_code, reason = "no test uses all of it")]

mod json;

use std::net::{SocketAddr, SocketAddrV4};

use ipv8_wire::{
    Address, Bits, Char, DoubleVarlenH, FixedString, Format, Mode, Nested, Payload, PayloadList, Raw, ReadError,
    Reader, Utf8I, VarlenBx2, VarlenH, VarlenHList, VarlenHx20, VarlenI, Wire, WriteError, Writer,
};
pub(crate) use json::Json;
use serde_json::Value;

/// The vectors of one topic.
pub(crate) fn vectors(topic: &str) -> Value {
    let path = format!("{}/../../interop/vectors/{topic}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap()
}

/// The entries of one list, with their names.
pub(crate) fn entries<'v>(vectors: &'v Value, list: &str) -> Vec<(&'v str, &'v Value)> {
    let entries = vectors[list].as_array().unwrap();
    assert!(!entries.is_empty(), "{list} is empty");
    entries.iter().map(|entry| (entry["name"].as_str().unwrap(), entry)).collect()
}

pub(crate) fn hex_of(entry: &Value) -> Vec<u8> {
    hex::decode(entry["hex"].as_str().unwrap()).unwrap()
}

/// A reader at `offset`, which may lie past the end.
pub(crate) fn reader_at(bytes: &[u8], offset: usize, mode: Mode) -> Option<Reader<'_>> {
    let mut reader = Reader::with_mode(bytes, mode);
    reader.take_declared(offset).ok()?;
    assert_eq!(reader.offset(), offset);
    Some(reader)
}

/// Why a value of the vectors could not be packed.
#[derive(Debug, PartialEq)]
pub(crate) enum Refused {
    /// No value of the Rust type stands for it.
    ByType,
    /// The format refuses it.
    ByFormat(WriteError),
}

/// One format, with values as JSON.
#[derive(Clone, Copy)]
pub(crate) struct Codec {
    pub(crate) name: &'static str,
    pub(crate) read: fn(&mut Reader<'_>) -> Result<Value, ReadError>,
    pub(crate) write: fn(&Value) -> Result<Vec<u8>, Refused>,
    /// The value as `read` would give it.
    pub(crate) normal: fn(&Value) -> Option<Value>,
}

/// The format that a type stands for.
pub(crate) struct ByType;

impl<'a, T: Wire<'a>> Format<'a, T> for ByType {
    fn read(r: &mut Reader<'a>) -> Result<T, ReadError> {
        T::read(r)
    }

    fn write(value: &T, w: &mut Writer) -> Result<(), WriteError> {
        value.write(w)
    }
}

fn codec<T: Json, F: for<'a> Format<'a, T>>(name: &'static str) -> Codec {
    Codec {
        name,
        read: |r| F::read(r).map(|value| value.to_json()),
        write: |value| {
            let mut w = Writer::new();
            let value = T::from_json(value).ok_or(Refused::ByType)?;
            F::write(&value, &mut w).map_err(Refused::ByFormat)?;
            Ok(w.into_vec())
        },
        normal: |value| T::from_json(value).map(|value| value.to_json()),
    }
}

/// `4SH` and `c20s`, whose strings the reference pads and cuts.
#[derive(Payload)]
pub(crate) struct FourAndPort(#[wire(as = FixedString<4>)] Vec<u8>, u16);
#[derive(Payload)]
pub(crate) struct CharAnd20([u8; 1], #[wire(as = FixedString<20>)] Vec<u8>);

/// The nested payload of the vectors.
#[derive(Payload)]
pub(crate) struct Inner {
    pub(crate) number: u16,
    pub(crate) data: Vec<u8>,
}

/// A payload, without a size.
pub(crate) struct Inline;

impl<'a, T: Payload<'a>> Format<'a, T> for Inline {
    fn read(r: &mut Reader<'a>) -> Result<T, ReadError> {
        T::read_fields(r)
    }

    fn write(value: &T, w: &mut Writer) -> Result<(), WriteError> {
        value.write_fields(w)
    }
}

/// Every format of the reference; some have more than one Rust form.
pub(crate) fn codecs() -> Vec<Codec> {
    vec![
        codec::<bool, ByType>("?"),
        codec::<u8, ByType>("B"),
        codec::<(u8, u8, u16), ByType>("BBH"),
        codec::<(u8, u16), ByType>("BH"),
        codec::<[u8; 1], ByType>("c"),
        codec::<[u8; 1], Char>("c"),
        codec::<f32, ByType>("f"),
        codec::<f64, ByType>("d"),
        codec::<u16, ByType>("H"),
        codec::<(u16, u16), ByType>("HH"),
        codec::<u32, ByType>("I"),
        codec::<i32, ByType>("l"),
        codec::<(u32, u32), ByType>("LL"),
        codec::<i64, ByType>("q"),
        codec::<u64, ByType>("Q"),
        codec::<(u64, u16), ByType>("QH"),
        codec::<(u64, u32), ByType>("QL"),
        codec::<(u64, u64, u16, u16, u8, u16), ByType>("QQHHBH"),
        codec::<([u8; 1], [u8; 1], u8), ByType>("ccB"),
        codec::<FourAndPort, Inline>("4SH"),
        codec::<Vec<u8>, FixedString<20>>("20s"),
        codec::<Vec<u8>, FixedString<32>>("32s"),
        codec::<Vec<u8>, FixedString<64>>("64s"),
        codec::<Vec<u8>, FixedString<74>>("74s"),
        codec::<CharAnd20, Inline>("c20s"),
        codec::<[bool; 8], Bits>("bits"),
        codec::<SocketAddrV4, ByType>("ipv4"),
        codec::<SocketAddr, ByType>("ip_address"),
        codec::<Address, ByType>("address"),
        codec::<Vec<u8>, Raw>("raw"),
        codec::<Vec<u8>, VarlenBx2>("varlenBx2"),
        codec::<Vec<u8>, ByType>("varlenH"),
        codec::<Vec<u8>, VarlenH>("varlenH"),
        codec::<String, ByType>("varlenHutf8"),
        codec::<String, Utf8I>("varlenIutf8"),
        codec::<Vec<u8>, VarlenHx20>("varlenHx20"),
        codec::<Vec<Vec<u8>>, ByType>("varlenH-list"),
        codec::<Vec<Vec<u8>>, VarlenHList>("varlenH-list"),
        codec::<Vec<u8>, VarlenI>("varlenI"),
        codec::<Vec<u8>, DoubleVarlenH>("doublevarlenH"),
        codec::<Inner, ByType>(INNER),
        codec::<Inner, Nested>(INNER),
        codec::<Vec<Inner>, ByType>(INNER_LIST),
        codec::<Vec<Inner>, PayloadList>(INNER_LIST),
        codec::<Vec<bool>, ByType>("arrayH-?"),
        codec::<Vec<i64>, ByType>("arrayH-q"),
        codec::<Vec<f64>, ByType>("arrayH-d"),
    ]
}

const INNER: &str = r#"{"payload":["H","varlenH"]}"#;
const INNER_LIST: &str = r#"{"payload-list":["H","varlenH"]}"#;

/// Every Rust form of the format of an entry.
pub(crate) fn codecs_of(format: &Value) -> Vec<Codec> {
    let name = format.as_str().map_or_else(|| format.to_string(), str::to_owned);
    let found: Vec<_> = codecs().into_iter().filter(|codec| codec.name == name).collect();
    assert!(!found.is_empty(), "no Rust form of format {name}");
    found
}

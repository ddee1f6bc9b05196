//! Whole payloads, nested ones and lists of them, derived, against the reference.
#![cfg(feature = "derive")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops on an error")]

mod common;

use common::{Inner, Json, entries, hex_of, reader_at, vectors};
use ipv8_wire::{Address, Mode, Payload, ReadError, Reader, Writer};
use serde_json::{Value, json};

/// A payload with its values as JSON, by the names of the vectors.
macro_rules! payloads {
    ($(struct $name:ident { $($(#[$attr:meta])* $field:ident: $ty:ty,)+ })*) => { $(
        #[derive(Payload)]
        struct $name { $($(#[$attr])* $field: $ty,)+ }

        impl Json for $name {
            fn to_json(&self) -> Value {
                json!({$((stringify!($field)): self.$field.to_json()),+})
            }

            fn from_json(value: &Value) -> Option<Self> {
                Some(Self { $($field: Json::from_json(&value[stringify!($field)])?),+ })
            }
        }

        impl Json for Vec<$name> {
            fn to_json(&self) -> Value {
                self.iter().map(Json::to_json).collect()
            }

            fn from_json(value: &Value) -> Option<Self> {
                value.as_array()?.iter().map(Json::from_json).collect()
            }
        }
    )* };
}

payloads! {
    struct NumberData { n: u8, data: Vec<u8>, }
    struct Outer { inner: Inner, tail: u8, }
    struct Listed { before: u8, inners: Vec<Inner>, after: u32, }
    struct FlagRest { flag: bool, #[wire(raw)] rest: Vec<u8>, }
    struct TwoLevels { outer: Outer, raws: Vec<FlagRest>, }
    struct Mixed {
        a: bool,
        b: u64,
        c: String,
        d: Address,
        e: Vec<Vec<u8>>,
        f: [u8; 20],
        #[wire(raw)] g: Vec<u8>,
    }
    struct Small { a: i64, b: Vec<u8>, }
    struct Dataclass {
        a: bool,
        b: i64,
        c: f64,
        d: Vec<u8>,
        e: String,
        f: Vec<bool>,
        g: Vec<i64>,
        h: Vec<f64>,
        i: Small,
        j: Vec<Small>,
    }
}

#[derive(Payload)]
struct Flagged {
    #[wire(bits)]
    bits: [bool; 8],
    n: u8,
}

impl Json for Flagged {
    fn to_json(&self) -> Value {
        let mut value = json!({"n": self.n});
        for (name, bit) in ["b7", "b6", "b5", "b4", "b3", "b2", "b1", "b0"].iter().zip(self.bits) {
            value[name] = json!(u8::from(bit));
        }
        value
    }

    fn from_json(value: &Value) -> Option<Self> {
        let bits = ["b7", "b6", "b5", "b4", "b3", "b2", "b1", "b0"].map(|name| value[name] == 1);
        Some(Self { bits, n: u8::from_json(&value["n"])? })
    }
}

type Read = fn(&mut Reader<'_>) -> Result<Value, ReadError>;

fn read<T: Json + for<'a> Payload<'a>>(r: &mut Reader<'_>) -> Result<Value, ReadError> {
    T::read_fields(r).map(|value| value.to_json())
}

/// What a payload of the vectors does: decodes, packs, gives its JSON in the form of `read`.
struct Layout {
    read: Read,
    write: fn(&Value) -> Vec<u8>,
    normal: fn(&Value) -> Value,
}

fn layout<T: Json + for<'a> Payload<'a>>() -> Layout {
    Layout {
        read: read::<T>,
        write: |value| {
            let mut w = Writer::new();
            T::from_json(value).unwrap().write_fields(&mut w).unwrap();
            w.into_vec()
        },
        normal: |value| T::from_json(value).unwrap().to_json(),
    }
}

fn layout_of(formats: &Value) -> Layout {
    match formats.to_string().as_str() {
        r#"["B","varlenH"]"# => layout::<NumberData>(),
        r#"["H","varlenH"]"# => layout::<Inner>(),
        r#"[{"payload":["H","varlenH"]},"B"]"# => layout::<Outer>(),
        r#"["B",{"payload-list":["H","varlenH"]},"I"]"# => layout::<Listed>(),
        r#"[{"payload":[{"payload":["H","varlenH"]},"B"]},{"payload-list":["?","raw"]}]"# => layout::<TwoLevels>(),
        r#"["bits","B"]"# => layout::<Flagged>(),
        r#"["?","raw"]"# => layout::<FlagRest>(),
        r#"["?","Q","varlenHutf8","address","varlenH-list","20s","raw"]"# => layout::<Mixed>(),
        r#"["?","q","d","varlenH","varlenHutf8","arrayH-?","arrayH-q","arrayH-d",{"payload":["q","varlenH"]},{"payload-list":["q","varlenH"]}]"# => {
            layout::<Dataclass>()
        }
        other => panic!("no Rust form of {other}"),
    }
}

#[test]
fn payloads_become_the_bytes_of_the_reference_and_back() {
    let vectors = vectors("primitives");
    for (name, entry) in entries(&vectors, "payloads") {
        let layout = layout_of(&entry["formats"]);
        let bytes = hex_of(entry);
        assert_eq!(entry["roundtrip"], true, "{name}");
        assert_eq!((layout.write)(&entry["fields"]), bytes, "{name}");
        for mode in [Mode::Compatible, Mode::Strict] {
            let mut r = Reader::with_mode(&bytes, mode);
            assert_eq!((layout.read)(&mut r), Ok((layout.normal)(&entry["fields"])), "{name}");
            assert_eq!(r.finish(), Ok(()), "{name}");
        }
    }
}

/// Payloads one after the other in one packet; `consume_all` is `finish`, otherwise what is left is the last value.
fn read_all(layouts: &[Layout], mut r: Reader<'_>, consume_all: bool) -> Result<Vec<Value>, ReadError> {
    let mut values = Vec::new();
    for layout in layouts {
        values.push((layout.read)(&mut r)?);
    }
    if consume_all {
        r.finish()?;
    } else {
        values.push(json!(hex::encode(r.remaining())));
    }
    Ok(values)
}

#[test]
fn payloads_in_a_row_are_read_or_refused_as_by_the_reference() {
    let vectors = vectors("primitives");
    for (name, entry) in entries(&vectors, "payload_lists") {
        let layouts: Vec<_> = entry["formats"].as_array().unwrap().iter().map(layout_of).collect();
        let bytes = hex_of(entry);
        let offset = entry["offset"].as_u64().unwrap().try_into().unwrap();
        let consume_all = entry["consume_all"].as_bool().unwrap();
        let reader = |mode| reader_at(&bytes, offset, mode).unwrap();

        let read = read_all(&layouts, reader(Mode::Compatible), consume_all);
        if entry["outcome"] == "error" {
            assert!(read.is_err(), "{name}: {read:?}");
        } else {
            assert_eq!(read.as_ref(), Ok(entry["fields"].as_array().unwrap()), "{name}");
        }
        if let Ok(strict) = read_all(&layouts, reader(Mode::Strict), consume_all) {
            assert_eq!(read, Ok(strict), "{name}");
            let lenient = ["cut", "skipped", "without any data"].iter().any(|word| name.contains(word));
            assert!(!lenient, "{name}: strict reading takes it");
        }
    }
}

//! Every format reads and writes the bytes of the reference, and fails where the reference fails.
#![cfg(feature = "derive")]

mod common;

use std::net::Ipv4Addr;

use common::{Json, Refused, codecs, codecs_of, entries, hex_of, reader_at, vectors};
use ipv8_wire::{Mode, ReadErrorKind, Reader, Wire, WriteErrorKind, Writer};

#[test]
fn values_become_the_bytes_of_the_reference_and_back() {
    let vectors = vectors("primitives");
    for (name, entry) in entries(&vectors, "entries") {
        let bytes = hex_of(entry);
        for codec in codecs_of(&entry["format"]) {
            assert_eq!((codec.write)(&entry["value"]), Ok(bytes.clone()), "{name}");

            let expected = entry.get("unpacked").unwrap_or(&entry["value"]);
            let consumed = entry.get("consumed").map_or(bytes.len(), |n| n.as_u64().unwrap().try_into().unwrap());
            for mode in [Mode::Compatible, Mode::Strict] {
                let mut r = Reader::with_mode(&bytes, mode);
                assert_eq!((codec.read)(&mut r).ok(), (codec.normal)(expected), "{name}");
                assert_eq!(r.offset(), consumed, "{name}");
            }
            let again = entry.get("repacked").map_or(bytes.clone(), |hex| hex::decode(hex.as_str().unwrap()).unwrap());
            assert_eq!((codec.write)(expected), Ok(again), "{name}");
        }
    }
}

#[test]
fn every_format_has_vectors() {
    let vectors = vectors("primitives");
    let seen: Vec<_> = entries(&vectors, "entries").into_iter().flat_map(|(_, e)| codecs_of(&e["format"])).collect();
    for codec in codecs() {
        assert!(seen.iter().any(|seen| seen.name == codec.name), "{}", codec.name);
    }
}

#[test]
fn values_that_cannot_be_packed() {
    let vectors = vectors("primitives");
    let mut by_format = Vec::new();
    for (name, entry) in entries(&vectors, "pack_errors") {
        for codec in codecs_of(&entry["format"]) {
            match (codec.write)(&entry["value"]) {
                Err(Refused::ByType) => {}
                Err(Refused::ByFormat(error)) => by_format.push((codec.name, error.kind())),
                Ok(bytes) => panic!("{name} is packed as {bytes:?}"),
            }
        }
    }
    by_format.dedup();
    let too_long = |what, max, len| WriteErrorKind::TooLong { what, max, len };
    // All other values have no Rust value.
    assert_eq!(
        by_format,
        [
            ("varlenH", too_long("bytes", 65_535, 65_536)),
            ("varlenBx2", too_long("pairs of bytes", 255, 256)),
            ("varlenH-list", too_long("items", 255, 256)),
        ]
    );
}

/// How the reference reads the text of an IPv4 address does not concern bytes: `SocketAddrV4` takes none of it
/// (see `interop/vectors/UNMATCHED.md`). The bytes themselves are matched.
#[test]
fn lenient_text_is_not_taken_but_its_bytes_are() {
    let vectors = vectors("primitives");
    for (name, entry) in entries(&vectors, "lenient_text") {
        let text = entry["value"]["host"].as_str().unwrap();
        assert!(text.parse::<Ipv4Addr>().is_err(), "{name}");
        for codec in codecs_of(&entry["format"]) {
            let bytes = hex_of(entry);
            let value = (codec.read)(&mut Reader::new(&bytes)).unwrap();
            assert_eq!(value, entry["unpacked"], "{name}");
            assert_eq!((codec.write)(&value), Ok(bytes), "{name}");
        }
    }
}

#[test]
fn malformed_input_is_read_or_refused_as_by_the_reference() {
    let vectors = vectors("primitives");
    for (name, entry) in entries(&vectors, "malformed") {
        let bytes = hex_of(entry);
        let offset = entry["offset"].as_u64().unwrap().try_into().unwrap();
        for codec in codecs_of(&entry["format"]) {
            let mut r = reader_at(&bytes, offset, Mode::Compatible).unwrap();
            let read = (codec.read)(&mut r);
            if entry["outcome"] == "error" {
                assert!(read.is_err(), "{name}: {read:?}");
            } else {
                assert_eq!(read.ok(), (codec.normal)(&entry["value"]), "{name}");
                assert_eq!(r.offset() as u64, entry["new_offset"].as_u64().unwrap(), "{name}");
            }
        }
    }
}

#[test]
fn strict_reading_refuses_what_lies_past_the_end() {
    let vectors = vectors("primitives");
    let mut refused = 0;
    for (name, entry) in entries(&vectors, "malformed") {
        let bytes = hex_of(entry);
        let offset = entry["offset"].as_u64().unwrap().try_into().unwrap();
        for codec in codecs_of(&entry["format"]) {
            let Some(mut r) = reader_at(&bytes, offset, Mode::Strict) else {
                continue;
            };
            match (codec.read)(&mut r) {
                Ok(value) => {
                    assert_eq!(Some(value), (codec.normal)(&entry["value"]), "{name}");
                    assert!(r.offset() <= bytes.len(), "{name}");
                }
                Err(error) if entry["outcome"] == "value" => {
                    let allowed =
                        matches!(error.kind(), ReadErrorKind::UnexpectedEnd { .. } | ReadErrorKind::InvalidBool(_));
                    assert!(allowed, "{name}: {error}");
                    refused += 1;
                }
                Err(_) => {}
            }
        }
    }
    assert!(refused > 20, "only {refused} differ");
}

#[test]
fn fixed_strings_are_arrays() {
    fn check<const N: usize>(vectors: &serde_json::Value) -> usize {
        let mut seen = 0;
        for (name, entry) in entries(vectors, "entries") {
            if entry["format"] != format!("{N}s") || entry.get("unpacked").is_some() {
                continue;
            }
            let bytes = hex_of(entry);
            let array = <[u8; N]>::from_json(&entry["value"]).unwrap();
            assert_eq!(<[u8; N]>::read(&mut Reader::new(&bytes)), Ok(array), "{name}");
            let mut w = Writer::new();
            array.write(&mut w).unwrap();
            assert_eq!(w.into_vec(), bytes, "{name}");
            seen += 1;
        }
        seen
    }
    let vectors = vectors("primitives");
    let seen = [check::<20>(&vectors), check::<32>(&vectors), check::<64>(&vectors), check::<74>(&vectors)];
    assert_eq!(seen, [3, 3, 3, 2]);
}

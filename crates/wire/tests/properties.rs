//! What holds for all values and all bytes.
#![cfg(feature = "derive")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops on an error")]

mod common;

use std::borrow::Cow;
use std::fmt::Debug;
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

use bytes::Bytes;
use common::{ByType, codecs};
use ipv8_wire::{
    Address, Bits, Char, DoubleVarlenH, FixedString, Format, ListOf, Mode, Nested, Packet, Payload, PayloadList, Raw,
    Reader, Utf8I, VarlenBx2, VarlenH, VarlenHList, VarlenHx20, VarlenI, Writer, read_auth, split_signature,
};
use proptest::array::uniform20;
use proptest::collection::vec;
use proptest::prelude::*;

/// What is written is read again, in both modes, whatever precedes and follows it, and strictly not from fewer bytes.
fn round_trip<F, T>(value: T) -> Result<(), TestCaseError>
where
    F: for<'a> Format<'a, T>,
    T: PartialEq + Debug,
{
    let mut w = Writer::from_vec(vec![0xaa; 3]);
    F::write(&value, &mut w).unwrap();
    let len = w.len();
    w.put(&[0xff; 3]);
    let bytes = w.into_vec();
    for mode in [Mode::Compatible, Mode::Strict] {
        let mut r = Reader::with_mode(&bytes, mode);
        r.take(3).unwrap();
        let read = F::read(&mut r);
        prop_assert_eq!(read.as_ref(), Ok(&value));
        prop_assert_eq!(r.offset(), len);
    }
    let mut cut = Reader::with_mode(&bytes[3..len.max(4) - 1], Mode::Strict);
    prop_assert!(F::read(&mut cut).is_err());
    Ok(())
}

#[derive(Payload, Clone, Debug, PartialEq)]
struct Inner {
    address: SocketAddr,
    text: String,
    numbers: (i8, i16, u16),
}

fn socket_addr() -> impl Strategy<Value = SocketAddr> {
    // Flow label and scope are not sent.
    any::<SocketAddr>().prop_map(|address| match address {
        SocketAddr::V4(_) => address,
        SocketAddr::V6(v6) => SocketAddr::V6(SocketAddrV6::new(*v6.ip(), v6.port(), 0, 0)),
    })
}

fn address() -> impl Strategy<Value = Address> {
    prop_oneof![
        socket_addr().prop_map(Address::from),
        ("[a-zé.-]{0,40}", any::<u16>()).prop_map(|(host, port)| Address::Domain(host, port))
    ]
}

fn inner() -> impl Strategy<Value = Inner> {
    (socket_addr(), ".{0,20}", any::<(i8, i16, u16)>()).prop_map(|(address, text, numbers)| Inner {
        address,
        text,
        numbers,
    })
}

proptest! {
    #[test]
    fn numbers(a: (u8, u16, u32, u64), b: (i8, i16, i32, i64), c: bool, d: [u8; 7]) {
        round_trip::<ByType, _>(a)?;
        round_trip::<ByType, _>(b)?;
        round_trip::<ByType, _>((c,))?;
        round_trip::<ByType, _>(d)?;
        round_trip::<Char, _>(a.0)?;
        round_trip::<Char, _>([a.0])?;
        round_trip::<ByType, _>((c, d, a.1, b.0, a.2, b.3))?;
    }

    #[test]
    fn floats(single: f32, double: f64, list: Vec<f64>) {
        round_trip::<ByType, _>(single)?;
        round_trip::<ByType, _>(double)?;
        round_trip::<ByType, _>(list)?;
    }

    #[test]
    fn byte_strings(bytes in vec(any::<u8>(), 0..300)) {
        round_trip::<ByType, Vec<u8>>(bytes.clone())?;
        round_trip::<ByType, Bytes>(bytes.clone().into())?;
        round_trip::<VarlenH, Vec<u8>>(bytes.clone())?;
        round_trip::<DoubleVarlenH, Vec<u8>>(bytes.clone())?;
        round_trip::<VarlenI, Vec<u8>>(bytes.clone())?;
        let pairs = bytes[..bytes.len() / 2 * 2].to_vec();
        round_trip::<VarlenBx2, Vec<u8>>(pairs)?;
        let twenties = bytes[..bytes.len() / 20 * 20].to_vec();
        round_trip::<VarlenHx20, Vec<u8>>(twenties)?;
        let mut fixed = bytes;
        fixed.resize(32, 7);
        round_trip::<FixedString<32>, Vec<u8>>(fixed)?;
    }

    #[test]
    fn text(text in ".{0,100}") {
        round_trip::<ByType, String>(text.clone())?;
        round_trip::<Utf8I, String>(text)?;
    }

    #[test]
    fn flags(bits: [bool; 8], byte: u8) {
        round_trip::<Bits, _>(bits)?;
        round_trip::<Bits, _>(byte)?;
    }

    #[test]
    fn addresses(v4: SocketAddrV4, ip in socket_addr(), any in address()) {
        round_trip::<ByType, _>(v4)?;
        round_trip::<ByType, _>(ip)?;
        round_trip::<ByType, _>(any)?;
    }

    #[test]
    fn address_text(address in address().prop_filter("a host", |address| !address.host().is_empty())) {
        prop_assert_eq!(address.to_string().parse(), Ok(address));
    }

    #[test]
    fn lists(
        bools: Vec<bool>,
        longs: Vec<i64>,
        shorts: Vec<u16>,
        ids in vec(uniform20(any::<u8>()), 0..20),
        blobs in vec(vec(any::<u8>(), 0..9), 0..9),
        pairs in vec((any::<u8>(), ".{0,3}"), 0..9),
    ) {
        round_trip::<ByType, _>(bools)?;
        round_trip::<ByType, _>(longs)?;
        round_trip::<ByType, _>(shorts)?;
        round_trip::<ByType, _>(ids.clone())?;
        round_trip::<VarlenHx20, _>(ids)?;
        round_trip::<ByType, _>(blobs.clone())?;
        round_trip::<VarlenHList, _>(blobs.clone())?;
        round_trip::<ListOf<VarlenI>, _>(blobs)?;
        round_trip::<ByType, _>(pairs)?;
    }

    #[test]
    fn nested(value in inner(), list in vec(inner(), 0..9)) {
        round_trip::<ByType, _>(value.clone())?;
        round_trip::<Nested, _>(value.clone())?;
        round_trip::<ByType, _>(list.clone())?;
        round_trip::<PayloadList, _>(list)?;
        prop_assert_eq!(Inner::decode(&value.encode().unwrap()), Ok(value));
    }

    /// `raw` takes whatever follows, so it goes without `round_trip`.
    #[test]
    fn raw(bytes: Vec<u8>) {
        let mut w = Writer::new();
        Raw::write(&bytes, &mut w).unwrap();
        prop_assert_eq!(w.as_slice(), bytes.as_slice());
        let mut r = Reader::new(&bytes);
        prop_assert_eq!(Raw::read(&mut r), Ok(bytes.as_slice()));
        prop_assert_eq!(r.finish(), Ok(()));
    }

    /// Types that borrow have the bytes of those that do not.
    #[test]
    fn borrowed_and_owned(bytes in vec(any::<u8>(), 0..50), text in ".{0,50}") {
        #[derive(Payload, Debug, PartialEq)]
        struct Owned { a: Vec<u8>, b: String, c: [u8; 3], d: Bytes }
        #[derive(Payload, Debug, PartialEq)]
        struct Borrowed<'p> { a: &'p [u8], b: &'p str, c: &'p [u8; 3], d: Cow<'p, [u8]> }
        #[derive(Payload, Debug, PartialEq)]
        struct Either<'p> { a: Cow<'p, [u8]>, b: Cow<'p, str>, c: [u8; 3], d: &'p [u8] }

        let owned = Owned { a: bytes.clone(), b: text.clone(), c: [1, 2, 3], d: bytes.clone().into() };
        let borrowed = Borrowed { a: &bytes, b: &text, c: &[1, 2, 3], d: Cow::Borrowed(&bytes) };
        let encoded = owned.encode().unwrap();
        prop_assert_eq!(Borrowed::decode(&encoded), Ok(borrowed));
        prop_assert_eq!(Borrowed::decode(&encoded).unwrap().encode(), Ok(encoded.clone()));
        prop_assert_eq!(Either::decode(&encoded).unwrap().encode(), Ok(encoded.clone()));
        prop_assert_eq!(Owned::decode(&encoded), Ok(owned));
    }

    /// Nothing panics; what is strictly valid is valid, the same, and what a writer writes; what is read can be written
    /// and read again.
    #[test]
    fn arbitrary_bytes(bytes in vec(prop_oneof![Just(0_u8), Just(1), Just(2), Just(3), any::<u8>()], 0..80)) {
        for codec in codecs() {
            let (mut compatible, mut strict) = (Reader::new(&bytes), Reader::with_mode(&bytes, Mode::Strict));
            let value = (codec.read)(&mut compatible);
            match (codec.read)(&mut strict) {
                Ok(strictly) => {
                    prop_assert_eq!(Ok(&strictly), value.as_ref(), "{}", codec.name);
                    prop_assert_eq!(strict.offset(), compatible.offset(), "{}", codec.name);
                    // NaN has many forms, which the values as JSON do not keep apart.
                    if !["f", "d", "arrayH-d"].contains(&codec.name) {
                        let written = (codec.write)(&strictly).unwrap();
                        prop_assert_eq!(written.as_slice(), &bytes[..strict.offset()], "{}", codec.name);
                    }
                }
                Err(error) => prop_assert!(error.offset() <= bytes.len(), "{}: {}", codec.name, error),
            }
            // Left out: NaN has many forms; the reference counts whole units of what was cut short; a host name that
            // is the text of an IP address is written as one.
            let unlike = ["f", "d", "arrayH-d", "varlenBx2", "varlenHx20", "address"];
            if let Ok(value) = value && !unlike.contains(&codec.name) {
                let written = (codec.write)(&value).unwrap();
                prop_assert_eq!((codec.read)(&mut Reader::new(&written)), Ok(value), "{}", codec.name);
            }
        }
    }

    #[test]
    fn arbitrary_datagrams(mut bytes in vec(any::<u8>(), 0..80), signature_len: u8, prefixed: bool) {
        if let (true, [zero, version, ..]) = (prefixed, bytes.as_mut_slice()) {
            (*zero, *version) = (0, 2);
        }
        if let Ok(packet) = Packet::parse(&bytes) {
            let parts = [packet.prefix().as_bytes(), [packet.message_id()].as_slice(), packet.body()].concat();
            prop_assert_eq!(&parts, &bytes);
        }
        let split = split_signature(&bytes, usize::from(signature_len));
        if let Ok((signed, signature)) = split {
            prop_assert_eq!(&[signed, signature].concat(), &bytes);
        }
        if let Ok(auth) = read_auth(&bytes) {
            let signed = split.map_or(&[][..], |(signed, _)| signed);
            prop_assert!(auth.key().len() + auth.rest(signed).len() < bytes.len());
        }
    }
}

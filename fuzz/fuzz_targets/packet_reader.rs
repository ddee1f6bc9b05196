//! Reads any bytes as a packet: its header, its key, its signature, and its body as messages that use every packing
//! format. Nothing may panic, and what strict reading takes has to be exactly what a writer produces.
#![no_main]

use std::net::{SocketAddr, SocketAddrV4};

use ipv8_wire::{
    Address, DoubleVarlenH, FixedString, Mode, Packet, Payload, Reader, Utf8I, VarlenBx2, VarlenHList, VarlenHx20,
    VarlenI, Writer, read_auth, split_signature,
};
use libfuzzer_sys::fuzz_target;

/// Signature lengths of all key levels, and one that no key has.
const SIGNATURES: [usize; 6] = [42, 60, 64, 104, 144, 0];

/// Messages 246, with what follows the key.
#[derive(Payload)]
struct IntroductionRequest<'a> {
    global_time: u64,
    destination: SocketAddrV4,
    lan: SocketAddrV4,
    wan: SocketAddrV4,
    #[wire(bits)]
    flags: [bool; 8],
    identifier: u16,
    #[wire(raw)]
    extra: &'a [u8],
}

/// Message 233, with the new addresses.
#[derive(Payload)]
struct NewIntroductionResponse<'a> {
    global_time: u64,
    destination: SocketAddr,
    lan: SocketAddr,
    wan: SocketAddr,
    lan_introduction: SocketAddr,
    wan_introduction: SocketAddr,
    identifier: u16,
    #[wire(bits)]
    flags: [bool; 8],
    #[wire(raw)]
    extra: &'a [u8],
}

/// Find-response of the DHT: lists of byte strings and of nested payloads.
#[derive(Payload)]
struct FindResponse<'a> {
    identifier: u32,
    token: [u8; 20],
    #[wire(as = VarlenHList)]
    values: Vec<&'a [u8]>,
    nodes: Vec<Node<'a>>,
}

#[derive(Payload)]
struct Node<'a> {
    address: Address,
    key: &'a [u8],
}

/// Fixed sizes and arrays.
#[derive(Payload)]
struct Numbers {
    flag: bool,
    small: (u8, i8, u16, i16),
    large: (u32, i32, u64, i64),
    float: f32,
    double: f64,
    flags: Vec<bool>,
    integers: Vec<i64>,
    doubles: Vec<f64>,
    pairs: Vec<(u8, u16)>,
}

/// Everything with a length of its own.
#[derive(Payload)]
struct Lengths<'a> {
    text: &'a str,
    #[wire(as = VarlenI)]
    long: Vec<u8>,
    #[wire(as = Utf8I)]
    long_text: String,
    #[wire(as = VarlenBx2)]
    even: &'a [u8],
    #[wire(as = VarlenHx20)]
    mids: Vec<[u8; 20]>,
    #[wire(as = DoubleVarlenH)]
    twice: &'a [u8],
    #[wire(as = FixedString<4>)]
    fixed: &'a [u8],
    nested: Node<'a>,
}

/// A type that contains itself: the stack has to hold.
#[derive(Payload)]
struct Tree {
    branches: Vec<Tree>,
}

fuzz_target!(|datagram: &[u8]| {
    // Values are encoded anew, whatever their header said.
    every_message(datagram);
    let Ok(packet) = Packet::parse(datagram) else {
        return;
    };
    assert_eq!(packet.datagram(), datagram);
    every_message(packet.body());
    let Ok(auth) = read_auth(datagram) else {
        return;
    };
    assert!(auth.key().len() <= datagram.len());
    for length in SIGNATURES {
        if let Ok((signed, signature)) = split_signature(datagram, length) {
            assert_eq!([signed, signature].concat(), datagram);
            every_message(auth.rest(signed));
        }
    }
});

fn every_message(bytes: &[u8]) {
    round_trip::<IntroductionRequest<'_>>(bytes);
    round_trip::<NewIntroductionResponse<'_>>(bytes);
    round_trip::<FindResponse<'_>>(bytes);
    round_trip::<Numbers>(bytes);
    round_trip::<Lengths<'_>>(bytes);
    round_trip::<Tree>(bytes);
}

fn round_trip<'a, T: Payload<'a>>(bytes: &'a [u8]) {
    let read = |mode| {
        let mut reader = Reader::with_mode(bytes, mode);
        let value = T::read_fields(&mut reader).ok()?;
        reader.finish().ok()?;
        Some(value)
    };
    let compatible = read(Mode::Compatible);
    if let Some(value) = read(Mode::Strict) {
        assert_eq!(encode(&value).as_deref(), Some(bytes), "{}", T::NAME);
        assert!(compatible.is_some(), "{}: strict takes what compatible refuses", T::NAME);
    }
    // A value that was read compatibly may be longer than what was read, but it can be written.
    if let Some(value) = compatible {
        let written = encode(&value);
        assert!(written.is_some(), "{} cannot be written", T::NAME);
    }
}

fn encode<'a, T: Payload<'a>>(value: &T) -> Option<Vec<u8>> {
    let mut writer = Writer::new();
    value.write_fields(&mut writer).ok()?;
    Some(writer.into_vec())
}

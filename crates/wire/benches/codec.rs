//! What reading and writing cost: `cargo bench -p ipv8-wire`.
//!
//! The figure to be near is that of a codec written by hand for one message of 152 bytes: 23 ns either way.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a bench measures time, and may stop on an error")]

use std::net::SocketAddrV4;

use divan::{Bencher, black_box};
use ipv8_wire::{Payload, Writer};

fn main() {
    divan::main();
}

/// 3 addresses, bits, a number, 3 byte strings and a tail: 152 bytes.
#[derive(Payload)]
struct Introduction<'p> {
    destination: SocketAddrV4,
    lan: SocketAddrV4,
    wan: SocketAddrV4,
    #[wire(bits)]
    flags: u8,
    identifier: u16,
    keys: Vec<&'p [u8]>,
    #[wire(raw)]
    extra: &'p [u8],
}

/// The same without a list, so without an allocation: 124 bytes.
#[derive(Payload)]
struct Flat<'p> {
    destination: SocketAddrV4,
    lan: SocketAddrV4,
    wan: SocketAddrV4,
    #[wire(bits)]
    flags: [bool; 8],
    identifier: u16,
    #[wire(raw)]
    extra: &'p [u8],
}

#[derive(Payload)]
struct Question {
    value: u32,
    identifier: u32,
}

const ADDRESS: SocketAddrV4 = SocketAddrV4::new(std::net::Ipv4Addr::new(10, 1, 2, 3), 8090);

fn introduction() -> Introduction<'static> {
    let keys = vec![&[1; 32][..], &[2; 32], &[3; 32]];
    Introduction { destination: ADDRESS, lan: ADDRESS, wan: ADDRESS, flags: 0x21, identifier: 7, keys, extra: &[9; 28] }
}

fn flat() -> Flat<'static> {
    let flags = [false, false, true, false, false, false, false, true];
    Flat { destination: ADDRESS, lan: ADDRESS, wan: ADDRESS, flags, identifier: 7, extra: &[9; 103] }
}

/// Writes into a buffer that is used again, as the outbox does.
fn encode<'p>(bencher: Bencher<'_, '_>, message: &impl Payload<'p>) {
    let mut buffer = Vec::with_capacity(256);
    bencher.bench_local(|| {
        let mut w = Writer::from_vec(std::mem::take(&mut buffer));
        black_box(message).write_fields(&mut w).unwrap();
        buffer = w.into_vec();
        black_box(&buffer);
        buffer.clear();
    });
}

#[divan::bench]
fn decode_introduction(bencher: Bencher<'_, '_>) {
    let bytes = introduction().encode().unwrap();
    assert_eq!(bytes.len(), 152);
    bencher.bench(|| Introduction::decode(black_box(&bytes)).unwrap());
}

#[divan::bench]
fn encode_introduction(bencher: Bencher<'_, '_>) {
    encode(bencher, &introduction());
}

#[divan::bench]
fn decode_flat(bencher: Bencher<'_, '_>) {
    let bytes = flat().encode().unwrap();
    bencher.bench(|| Flat::decode(black_box(&bytes)).unwrap());
}

#[divan::bench]
fn encode_flat(bencher: Bencher<'_, '_>) {
    encode(bencher, &flat());
}

#[divan::bench]
fn decode_two_numbers(bencher: Bencher<'_, '_>) {
    let bytes = Question { value: 1, identifier: 2 }.encode().unwrap();
    bencher.bench(|| Question::decode(black_box(&bytes)).unwrap());
}

#[divan::bench]
fn encode_two_numbers(bencher: Bencher<'_, '_>) {
    encode(bencher, &Question { value: 1, identifier: 2 });
}

//! Reading and writing: every wire format, the parts of a signed packet, and every built-in message of the base protocol,
//! discovery and the DHT: `cargo bench -p ipv8-bench --bench codecs`.
//!
//! `NAME/decode` reads a value from bytes up to their end, `NAME/encode` writes it into a buffer that is used again, as a
//! node does. Messages are without header and signature.

#![allow(clippy::expect_used, reason = "a bench stops when its set-up fails")]

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4};

use divan::{Bencher, black_box};
use ipv8_core::messages::{
    Flags, IntroductionRequest, IntroductionResponse, NewIntroductionRequest, NewIntroductionResponse, NewPuncture,
    NewPunctureRequest, Puncture, PunctureRequest,
};
use ipv8_crypto::{Curve, PrivateKey};
use ipv8_dht::messages as dht;
use ipv8_discovery::messages::{DiscoveryIntroductionRequest, Ping, Pong, SimilarityRequest, SimilarityResponse};
use ipv8_wire::{
    Address, Bits, Char, CommunityId, FixedString, Format, Packet, Payload, Prefix, Raw, ReadError, Reader, Utf8I,
    VarlenBx2, VarlenHx20, VarlenI, Wire, WriteError, Writer, read_auth, split_signature,
};
use rand::{SeedableRng, rngs::StdRng};

fn main() {
    divan::main();
}

/// The format of the type itself.
enum Own {}

impl<'a, T: Wire<'a>> Format<'a, T> for Own {
    #[inline]
    fn read(r: &mut Reader<'a>) -> Result<T, ReadError> {
        T::read(r)
    }

    #[inline]
    fn write(value: &T, w: &mut Writer) -> Result<(), WriteError> {
        value.write(w)
    }
}

/// The fields of a message.
enum Fields {}

impl<'a, T: Payload<'a>> Format<'a, T> for Fields {
    #[inline]
    fn read(r: &mut Reader<'a>) -> Result<T, ReadError> {
        T::read_fields(r)
    }

    #[inline]
    fn write(value: &T, w: &mut Writer) -> Result<(), WriteError> {
        value.write_fields(w)
    }
}

fn encoded<'p, F: Format<'p, T>, T>(value: &T) -> Vec<u8> {
    let mut w = Writer::new();
    F::write(value, &mut w).expect("it fits");
    w.into_vec()
}

fn decode<'p, F: Format<'p, T>, T>(bencher: Bencher<'_, '_>, bytes: &'p [u8]) {
    bencher.bench_local(|| {
        let mut r = Reader::new(black_box(bytes));
        let value = F::read(&mut r).expect("it is whole");
        r.finish().expect("nothing follows");
        value
    });
}

fn encode<'p, F: Format<'p, T>, T>(bencher: Bencher<'_, '_>, value: &T) {
    let mut buffer = Vec::with_capacity(2_048);
    bencher.bench_local(|| {
        let mut w = Writer::from_vec(std::mem::take(&mut buffer));
        F::write(black_box(value), &mut w).expect("it fits");
        buffer = w.into_vec();
        black_box(&buffer);
        buffer.clear();
    });
}

/// Two benches for each value, in a module of its name.
macro_rules! codecs {
    ($($name:ident: $type:ty as $format:ty = $value:expr;)*) => { $(
        mod $name {
            #[allow(clippy::wildcard_imports, reason = "it is written as if it were outside")]
            use super::*;

            #[divan::bench]
            fn decode(bencher: Bencher<'_, '_>) {
                let value: $type = $value;
                super::decode::<$format, $type>(bencher, &encoded::<$format, $type>(&value));
            }

            #[divan::bench]
            fn encode(bencher: Bencher<'_, '_>) {
                let value: $type = $value;
                super::encode::<$format, $type>(bencher, &value);
            }
        }
    )* };
}

const BYTES: &[u8] = &[7; 100];
const TEXT: &str = "a text of thirty-two characters.";
const V4: SocketAddrV4 = SocketAddrV4::new(std::net::Ipv4Addr::new(10, 1, 2, 3), 8_090);

const fn v4() -> SocketAddr {
    SocketAddr::V4(V4)
}

fn v6() -> SocketAddr {
    SocketAddr::new(Ipv6Addr::LOCALHOST.into(), 8_090)
}

#[derive(Payload, Clone)]
struct Inner {
    value: u32,
    identifier: u16,
}

const INNER: Inner = Inner { value: 7, identifier: 7 };

// Formats.
codecs! {
    format_number: u32 as Own = 7;
    format_real: f64 as Own = 7.0;
    format_bool: bool as Own = true;
    format_tuple: (u8, u16, u64) as Own = (1, 2, 3);
    format_array_of_bytes: [u8; 20] as Own = [7; 20];
    format_bits: [bool; 8] as Bits = [true, false, true, false, true, false, true, false];
    format_char: u8 as Char = 7;
    format_fixed_string: &[u8] as FixedString<20> = &[7; 20];
    format_raw_100: &[u8] as Raw = BYTES;
    format_varlen_h_100: &[u8] as Own = BYTES;
    format_varlen_i_100: &[u8] as VarlenI = BYTES;
    format_varlen_bx2_100: &[u8] as VarlenBx2 = BYTES;
    format_varlen_hx20_of_5: Vec<[u8; 20]> as VarlenHx20 = vec![[7; 20]; 5];
    format_text_32: &str as Own = TEXT;
    format_long_text_32: &str as Utf8I = TEXT;
    format_ipv4: SocketAddrV4 as Own = V4;
    format_ip_address_v4: SocketAddr as Own = v4();
    format_ip_address_v6: SocketAddr as Own = v6();
    format_address_of_host: Address as Own = "tracker.example.org:6421".parse().expect("a name and a port");
    format_payload: Inner as Own = INNER;
    format_list_of_5_payloads: Vec<Inner> as Own = vec![INNER; 5];
    format_list_of_5_byte_strings: Vec<&[u8]> as Own = vec![&[7; 20]; 5];
    format_array_of_20_bools: Vec<bool> as Own = vec![true; 20];
    format_array_of_20_integers: Vec<i64> as Own = vec![7; 20];
    format_array_of_20_reals: Vec<f64> as Own = vec![7.0; 20];
}

// The base protocol.
codecs! {
    base_introduction_request: IntroductionRequest as Fields = introduction_request();
    base_introduction_response: IntroductionResponse as Fields = IntroductionResponse {
        destination_address: V4,
        source_lan_address: V4,
        source_wan_address: V4,
        lan_introduction_address: V4,
        wan_introduction_address: V4,
        flags: Flags(Flags::RESPONSE_NEW_STYLE),
        identifier: 7,
        extra_bytes: Vec::new(),
    };
    base_puncture_request: PunctureRequest as Fields =
        PunctureRequest { lan_walker_address: V4, wan_walker_address: V4, identifier: 7 };
    base_puncture: Puncture as Fields =
        Puncture { source_lan_address: V4, source_wan_address: V4, identifier: 7 };
    base_new_introduction_request: NewIntroductionRequest as Fields = NewIntroductionRequest {
        destination_address: v6(),
        source_lan_address: v4(),
        source_wan_address: v6(),
        identifier: 7,
        flags: Flags(0),
        extra_bytes: Vec::new(),
    };
    base_new_introduction_response: NewIntroductionResponse as Fields = NewIntroductionResponse {
        destination_address: v6(),
        source_lan_address: v4(),
        source_wan_address: v6(),
        lan_introduction_address: v4(),
        wan_introduction_address: v6(),
        identifier: 7,
        flags: Flags(0),
        extra_bytes: Vec::new(),
    };
    base_new_puncture_request: NewPunctureRequest as Fields =
        NewPunctureRequest { lan_walker_address: v4(), wan_walker_address: v6(), identifier: 7 };
    base_new_puncture: NewPuncture as Fields =
        NewPuncture { source_lan_address: v4(), source_wan_address: v6(), identifier: 7 };
}

fn introduction_request() -> IntroductionRequest {
    IntroductionRequest {
        destination_address: V4,
        source_lan_address: V4,
        source_wan_address: V4,
        flags: Flags(Flags::ADVICE | Flags::REQUEST_NEW_STYLE),
        identifier: 7,
        extra_bytes: Vec::new(),
    }
}

// Discovery.
codecs! {
    discovery_introduction_request: DiscoveryIntroductionRequest as Fields =
        DiscoveryIntroductionRequest { introduce_to: Some([7; 20]), request: introduction_request() };
    discovery_similarity_request_of_8: SimilarityRequest as Fields = SimilarityRequest {
        identifier: 7,
        lan_address: V4,
        wan_address: V4,
        flags: Flags(0),
        preference_list: vec![CommunityId([7; 20]); 8],
    };
    discovery_similarity_response_of_8: SimilarityResponse as Fields = SimilarityResponse {
        identifier: 7,
        preference_list: vec![CommunityId([7; 20]); 8],
        tb_overlap: Vec::new(),
    };
    discovery_ping: Ping as Fields = Ping { identifier: 7 };
    discovery_pong: Pong as Fields = Pong { identifier: 7 };
}

// The DHT. Reading a node reads its key, too.
codecs! {
    dht_ping_request: dht::PingRequest as Fields = dht::PingRequest { identifier: 7 };
    dht_ping_response: dht::PingResponse as Fields = dht::PingResponse { identifier: 7 };
    dht_store_request_of_1: dht::StoreRequest as Fields =
        dht::StoreRequest { identifier: 7, token: [7; 20], target: [7; 20], values: vec![vec![7; 170]] };
    dht_store_response: dht::StoreResponse as Fields = dht::StoreResponse { identifier: 7 };
    dht_find_request: dht::FindRequest as Fields =
        dht::FindRequest { identifier: 7, lan_address: v4(), target: [7; 20], offset: 0, force_nodes: false };
    dht_find_response_of_8_values: dht::FindResponse as Fields =
        dht::FindResponse { identifier: 7, token: [7; 20], values: vec![vec![7; 100]; 8], nodes: Vec::new() };
    dht_find_response_of_8_nodes: dht::FindResponse as Fields =
        dht::FindResponse { identifier: 7, token: [7; 20], values: Vec::new(), nodes: nodes() };
    dht_store_peer_request: dht::StorePeerRequest as Fields =
        dht::StorePeerRequest { identifier: 7, token: [7; 20], target: [7; 20] };
    dht_store_peer_response: dht::StorePeerResponse as Fields = dht::StorePeerResponse { identifier: 7 };
    dht_connect_peer_request: dht::ConnectPeerRequest as Fields =
        dht::ConnectPeerRequest { identifier: 7, lan_address: v4(), target: [7; 20] };
    dht_connect_peer_response_of_8: dht::ConnectPeerResponse as Fields =
        dht::ConnectPeerResponse { identifier: 7, nodes: nodes() };
}

fn nodes() -> Vec<dht::Node> {
    let mut rng = StdRng::seed_from_u64(1);
    let mut node = || {
        let key = PrivateKey::generate(Curve::Curve25519, &mut rng).expect("curve25519 is always there");
        dht::Node { address: v4(), key: key.public().clone() }
    };
    (0..8).map(|_| node()).collect()
}

/// A signed packet is split: prefix, message id, key, signature and what is between them. Nothing is checked.
#[divan::bench]
fn packet_split(bencher: Bencher<'_, '_>) {
    let mut packet = Prefix::new(CommunityId([7; 20])).as_bytes().to_vec();
    packet.extend([1, 0, 74]);
    packet.extend([7; 74 + 8 + 64]);
    bencher.bench_local(|| {
        let packet = Packet::parse(black_box(&packet)).expect("it has all parts");
        let auth = read_auth(packet.datagram()).expect("it has a key");
        let (signed, signature) = split_signature(packet.datagram(), 64).expect("it is long enough");
        (packet.prefix(), packet.message_id(), auth.key().len(), auth.rest(signed).len(), signature.len())
    });
}

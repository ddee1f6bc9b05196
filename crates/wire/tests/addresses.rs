//! Addresses: snapshots of known peers, beacons, text.
#![cfg(feature = "derive")]

mod common;

use std::net::{SocketAddr, SocketAddrV6};

use common::{Json, entries, hex_of, vectors};
use ipv8_wire::{Address, CommunityId, Mode, ParseAddressError, Prefix, Reader, UnresolvedHost, Wire, Writer};

/// A snapshot is addresses in a row; reading stops at the first that cannot be read.
#[test]
fn snapshots_are_addresses_in_a_row() {
    let vectors = vectors("network");
    for (name, entry) in entries(&vectors, "snapshots") {
        let bytes = hex_of(entry);
        if let Some(addresses) = entry.get("addresses") {
            let mut w = Writer::new();
            for address in addresses.as_array().unwrap() {
                let address = Address::from_json(address).unwrap();
                // What is left out is the choice of who makes the snapshot.
                if (address.host().as_str(), address.port()) != ("0.0.0.0", 0) {
                    address.write(&mut w).unwrap();
                }
            }
            assert_eq!(w.into_vec(), bytes, "{name}");
        }
        let mut r = Reader::new(&bytes);
        let mut loaded: Vec<_> = std::iter::from_fn(|| Address::read(&mut r).ok()).collect();
        let mut expected: Vec<_> =
            entry["loaded"].as_array().unwrap().iter().map(|address| Address::from_json(address).unwrap()).collect();
        loaded.sort();
        expected.sort();
        assert_eq!(loaded, expected, "{name}");
    }
}

#[test]
fn beacons_end_in_the_prefix() {
    let vectors = vectors("network");
    for (name, entry) in entries(&vectors, "beacons") {
        let community: CommunityId = entry["community_id"].as_str().unwrap().parse().unwrap();
        let beacon = [b"\0\0IPv8\0".as_slice(), Prefix::new(community).as_bytes()].concat();
        assert_eq!(beacon, hex_of(entry), "{name}");
    }
}

#[test]
fn text_of_addresses() {
    for text in ["1.2.3.4:5", "[::1]:65535", "[::ffff:1.2.3.4]:80", "[::1.2.3.4]:80", "[::102]:80", "a.example:0"] {
        let address: Address = text.parse().unwrap();
        assert_eq!(address.to_string(), text);
    }
    for (text, error) in [
        ("1.2.3.4", ParseAddressError::NoPort("1.2.3.4".into())),
        ("1.2.3.4:", ParseAddressError::InvalidPort("".into())),
        ("1.2.3.4:65536", ParseAddressError::InvalidPort("65536".into())),
        ("1.2.3.4:+5", ParseAddressError::InvalidPort("+5".into())),
        (":5", ParseAddressError::NoHost(":5".into())),
        ("::1:5", ParseAddressError::InvalidIpv6("::1".into())),
        ("[1.2.3.4]:5", ParseAddressError::InvalidIpv6("[1.2.3.4]".into())),
    ] {
        assert_eq!(text.parse::<Address>(), Err(error), "{text}");
    }
}

#[test]
fn host_names_are_no_socket_addresses() {
    let domain = Address::from_host("example.org", 80);
    assert_eq!(domain.socket_addr(), None);
    assert_eq!(SocketAddr::try_from(domain), Err(UnresolvedHost("example.org".into())));
    let ip = Address::from_host("::1", 80);
    assert_eq!(SocketAddr::try_from(ip.clone()).map(Address::from), Ok(ip));
}

/// As in the reference, which looks at the text when it packs.
#[test]
fn a_host_name_that_is_an_ip_address_is_written_as_one() {
    let mut w = Writer::new();
    Address::Domain("1.2.3.4".into(), 5).write(&mut w).unwrap();
    assert_eq!(w.into_vec(), [1, 1, 2, 3, 4, 0, 5]);

    let bytes = b"\x02\0\x071.2.3.4\0\x05";
    assert_eq!(Address::read(&mut Reader::new(bytes)), Ok(Address::Domain("1.2.3.4".into(), 5)));
    let error = Address::read(&mut Reader::with_mode(bytes, Mode::Strict)).unwrap_err();
    assert_eq!(error.to_string(), "an IP address is sent as a host name at offset 3");
}

#[test]
fn scopes_are_not_sent() {
    let scoped = SocketAddr::V6(SocketAddrV6::new("fe80::1".parse().unwrap(), 1, 2, 3));
    let mut w = Writer::new();
    scoped.write(&mut w).unwrap();
    let read = SocketAddr::read(&mut Reader::new(w.as_slice())).unwrap();
    assert_eq!(read, "[fe80::1]:1".parse().unwrap());
}

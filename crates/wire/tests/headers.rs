//! Prefix, message id, key and signature, on the packets of the reference.
#![cfg(feature = "derive")]

mod common;

use common::{entries, hex_of, vectors};
use ipv8_wire::{
    CommunityId, NoSignature, PREFIX_LEN, Packet, PacketError, ParseCommunityIdError, Prefix, ReadErrorKind,
    community_id, read_auth, split_signature,
};

const ID: CommunityId = community_id!("7E313685c1912a141279f8248fc8db5899c5df5a");

#[test]
fn packets_of_the_reference() {
    let vectors = vectors("packets");
    let mut signed_packets = 0;
    for (name, entry) in entries(&vectors, "packets") {
        let datagram = hex_of(entry);
        let packet = Packet::parse(&datagram).unwrap();
        assert_eq!(packet.community_id().to_string(), entry["community_id"].as_str().unwrap(), "{name}");
        assert_eq!(u64::from(packet.message_id()), entry["msg_id"].as_u64().unwrap(), "{name}");
        assert_eq!(packet.body(), &datagram[23..], "{name}");
        assert_eq!(packet.datagram(), datagram, "{name}");
        let Some(signer) = entry["signer"].as_str() else {
            continue;
        };

        let key = hex::decode(vectors["keys"][signer]["public_bin"].as_str().unwrap()).unwrap();
        let auth = read_auth(&datagram).unwrap();
        assert_eq!(auth.key(), key, "{name}");
        let (signed, signature) = split_signature(&datagram, 64).unwrap();
        assert_eq!([signed, signature].concat(), datagram, "{name}");
        if vectors["keys"][signer]["curve"] == "curve25519" {
            let body = [&datagram[25..25 + key.len()], auth.rest(signed), signature].concat();
            assert_eq!(body, &datagram[25..], "{name}");
        }
        signed_packets += 1;
    }
    assert!(signed_packets > 100, "{signed_packets}");
}

#[test]
fn datagrams_that_are_no_packets() {
    let datagram = [Prefix::new(ID).as_bytes().as_slice(), &[1]].concat();
    for len in 0..PREFIX_LEN {
        assert_eq!(Packet::parse(&datagram[..len]).unwrap_err(), PacketError::TooShort { len });
    }
    assert_eq!(Packet::parse(&datagram[..PREFIX_LEN]).unwrap_err(), PacketError::NoMessageId);
    for (at, start) in [(0, [1, 2]), (1, [0, 1])] {
        let mut other = datagram.clone();
        other[at] = 1;
        let error = Packet::parse(&other).unwrap_err();
        assert_eq!(error, PacketError::NotIpv8 { start });
        assert!(error.to_string().ends_with(&format!("starts with {:02x} {:02x}", start[0], start[1])), "{error}");
    }
}

#[test]
fn keys_and_signatures_that_are_cut_short() {
    let header = [Prefix::new(ID).as_bytes().as_slice(), &[1]].concat();
    let datagram = [&header[..], &[0, 3, 7, 8]].concat();
    for len in 0..25 {
        let error = read_auth(&datagram[..len]).unwrap_err();
        assert!(matches!(error.kind(), ReadErrorKind::UnexpectedEnd { .. }), "{error}");
    }
    let auth = read_auth(&datagram).unwrap();
    assert_eq!((auth.key(), auth.rest_offset()), ([7, 8].as_slice(), 27));
    assert!(auth.rest(&datagram[..26]).is_empty());

    assert_eq!(split_signature(&datagram, 4), Ok((&header[..], &datagram[23..])));
    for signature_len in [5, 27, 28, usize::MAX] {
        assert_eq!(split_signature(&datagram, signature_len), Err(NoSignature { len: 27, signature_len }));
    }
}

#[test]
fn community_ids_as_text() {
    assert_eq!(ID.to_string(), "7e313685c1912a141279f8248fc8db5899c5df5a");
    assert_eq!(ID.to_string().parse(), Ok(ID));
    assert_eq!(Prefix::new(ID).community_id(), ID);
    assert_eq!("".parse::<CommunityId>(), Err(ParseCommunityIdError::Length { len: 0 }));
    let text = "7e313685c1912a141279f8248fc8db5899c5df5".to_owned();
    assert_eq!(format!("{text}g").parse::<CommunityId>(), Err(ParseCommunityIdError::NotHex { position: 40 }));
    assert_eq!(format!("é{}", &text[1..]).parse::<CommunityId>(), Err(ParseCommunityIdError::NotHex { position: 1 }));
}

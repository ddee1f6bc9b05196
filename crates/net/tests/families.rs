//! A node has one socket for each address family.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use ipv8_core::crypto::{Curve, PrivateKey};
use ipv8_net::{BindError, Endpoint, Listen};
use rand::{SeedableRng, rngs::StdRng};

fn bind(addresses: &[&str]) -> Result<Endpoint, BindError> {
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([1; 32])).unwrap();
    let listen: Vec<_> = addresses.iter().map(|address| Listen::exactly(address.parse().unwrap())).collect();
    Endpoint::bind(&listen, key)
}

#[tokio::test]
async fn two_sockets_of_one_family_are_refused() {
    for [first, second] in [["127.0.0.1:0", "127.0.0.2:0"], ["[::1]:0", "[::1]:1"]] {
        let error = bind(&[first, second]).unwrap_err();
        let BindError::SameFamily { first: one, second: two } = error else { panic!("{error}") };
        assert_eq!([one.to_string(), two.to_string()], [first, second]);
    }
    let error = bind(&["127.0.0.1:0", "[::1]:0", "127.0.0.1:0"]).unwrap_err();
    assert!(error.to_string().contains("one IPv4 and one IPv6 address"), "{error}");
}

#[tokio::test]
async fn nowhere_to_listen_is_an_error() {
    assert!(matches!(bind(&[]), Err(BindError::Nowhere)));
}

//! Peers outlive a node: they are saved with their keys, loaded as addresses to walk to, and bad bytes do no harm.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

use std::{
    net::{SocketAddr, SocketAddrV4},
    time::Duration,
};

use ipv8_core::{
    Community, Context, Handle, Node, NodeConfig, OverlayConfig, PeerRecord, PeersError, Routes, Time,
    crypto::{Curve, PrivateKey, PublicKey},
    network::Addresses,
    wire::CommunityId,
};
use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};
use sha2::{Digest as _, Sha256};

/// Seconds since 1970 when the nodes of these tests start.
const START: u64 = 1_700_000_000;

struct Plain;

impl Community for Plain {
    const ID: CommunityId = CommunityId([1; 20]);

    fn routes(_: &mut Routes<Self>) {}
}

/// Has a network of its own.
struct Apart;

impl Community for Apart {
    const ID: CommunityId = CommunityId([2; 20]);

    fn routes(_: &mut Routes<Self>) {}
}

fn key(number: u8) -> PublicKey {
    PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([number; 32])).unwrap().public().clone()
}

fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number], 8090))
}

/// A node that starts so many seconds later than others.
fn node(later: u64) -> Node {
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([99; 32])).unwrap();
    let mut config = NodeConfig::new(key, [99; 32]);
    config.unix_origin = Duration::from_secs(START + later);
    Node::new(config)
}

/// A node with both communities.
fn both(later: u64) -> (Node, Handle<Plain>, Handle<Apart>) {
    let node = node(later);
    let plain = node.load(Plain).unwrap();
    let apart = node.load(OverlayConfig::new(Apart).own_network()).unwrap();
    (node, plain, apart)
}

fn add(cx: &mut Context<'_>, number: u8, addresses: Addresses) {
    let mut record = PeerRecord::new(key(number), addresses, cx.now());
    record.set_new_style(number.is_multiple_of(2));
    assert!(cx.network_mut().add_verified(&record));
    let service = cx.community_id();
    cx.network_mut().discover_services(&record.mid(), &[service]);
}

fn add_v4(cx: &mut Context<'_>, number: u8) {
    let mut addresses = Addresses::default();
    addresses.set(address(number));
    add(cx, number, addresses);
}

/// What a node with peer 2 in the shared network, 3 in the other one, and 4 in both writes.
fn snapshot() -> Vec<u8> {
    let (node, plain, apart) = both(0);
    for (number, second) in [(2, 1), (4, 2)] {
        node.poll(Time::from_duration(Duration::from_secs(second)));
        plain.with(|_, cx| add_v4(cx, number)).unwrap();
    }
    for number in [3, 4] {
        apart.with(|_, cx| add_v4(cx, number)).unwrap();
    }
    node.save_peers()
}

fn walkable<C: Community>(handle: &Handle<C>) -> Vec<SocketAddr> {
    let mut found = handle.with(|_, cx| cx.walkable()).unwrap();
    found.sort();
    found
}

#[test]
fn loaded_peers_can_be_walked_to_in_their_communities_and_are_not_verified() {
    let (node, plain, apart) = both(60);
    assert_eq!(node.load_peers(&snapshot()), Ok(3));
    assert_eq!(walkable(&plain), [address(2), address(4)]);
    assert_eq!(walkable(&apart), [address(3), address(4)]);
    assert_eq!(plain.with(|_, cx| cx.peer_count()).unwrap() + apart.with(|_, cx| cx.peer_count()).unwrap(), 0);
    assert!(plain.with(|_, cx| cx.network().is_empty()).unwrap());
    plain
        .with(|_, cx| {
            assert!(cx.network().is_new_style(address(2)));
            assert!(!cx.network().is_new_style(address(3)));
        })
        .unwrap();
}

#[test]
fn overlays_that_are_loaded_later_find_their_peers() {
    let node = node(60);
    assert_eq!(node.load_peers(&snapshot()), Ok(3));
    let plain = node.load(Plain).unwrap();
    let apart = node.load(OverlayConfig::new(Apart).own_network()).unwrap();
    assert_eq!(walkable(&plain), [address(2), address(4)]);
    assert_eq!(walkable(&apart), [address(3), address(4)]);
}

#[test]
fn a_peer_that_is_met_again_is_not_walked_to_wherever_it_is() {
    let (node, plain, _) = both(60);
    node.load_peers(&snapshot()).unwrap();
    plain
        .with(|_, cx| {
            let mut elsewhere = Addresses::default();
            elsewhere.set(address(200));
            add(cx, 2, elsewhere);
        })
        .unwrap();
    assert_eq!(walkable(&plain), [address(4)]);
}

#[test]
fn trackers_and_own_keys_are_not_walked_to() {
    let (node, plain, _) = both(60);
    plain
        .with(|_, cx| {
            cx.network_mut().blacklist(address(2));
            cx.network_mut().blacklist_mid(key(4).mid());
        })
        .unwrap();
    assert_eq!(node.load_peers(&snapshot()), Ok(2));
    assert_eq!(walkable(&plain), []);
}

#[test]
fn addresses_of_all_classes_come_back() {
    let (node, plain, _) = both(0);
    let lan: SocketAddrV4 = "192.168.1.2:3".parse().unwrap();
    let (v4, v6) = (address(2), "[2001:db8::1]:4".parse().unwrap());
    let mut all = Addresses { lan: Some(lan), ..Addresses::default() };
    all.set(v4);
    all.set(v6);
    plain.with(|_, cx| add(cx, 2, all)).unwrap();
    let saved = node.save_peers();

    let (node, plain, _) = both(0);
    node.load_peers(&saved).unwrap();
    assert_eq!(walkable(&plain), [v4, v6], "the LAN address is a claim");
    assert_eq!(node.save_peers(), saved, "nothing is lost on the way");
}

/// So many walks to the node of a number have no answer.
fn miss(plain: &Handle<Plain>, number: u8, walks: usize) {
    for _ in 0..walks {
        plain.with(|_, cx| cx.network_mut().remove_address(address(number))).unwrap();
    }
}

fn give_up(plain: &Handle<Plain>, number: u8) {
    miss(plain, number, 3);
}

#[test]
fn a_peer_is_given_up_when_three_walks_were_lost() {
    let (node, plain, _) = both(60);
    node.load_peers(&snapshot()).unwrap();
    miss(&plain, 2, 2);
    assert_eq!(walkable(&plain), [address(2), address(4)]);
    miss(&plain, 2, 1);
    assert_eq!(walkable(&plain), [address(4)]);
}

#[test]
fn a_node_that_reaches_nobody_forgets_nobody() {
    let saved = snapshot();
    let (node, plain, _) = both(60);
    node.load_peers(&saved).unwrap();
    give_up(&plain, 2);
    assert_eq!(walkable(&plain), [address(4)], "who does not answer is left alone");
    let (again, others, _) = both(120);
    assert_eq!(again.load_peers(&node.save_peers()), Ok(3), "and saved all the same");
    assert_eq!(walkable(&others), [address(2), address(4)]);

    give_up(&plain, 4);
    give_up(&plain, 3);
    assert_eq!(walkable(&plain), [address(2), address(4)], "where nobody answers, all are tried again");
}

#[test]
fn who_did_not_answer_for_a_month_is_forgotten() {
    let month = 31 * 24 * 3600;
    let (node, plain, apart) = both(month);
    node.load_peers(&snapshot()).unwrap();
    give_up(&plain, 2);
    // In this network somebody answers.
    apart.with(|_, cx| add_v4(cx, 7)).unwrap();
    let (again, plain, apart) = both(month);
    assert_eq!(again.load_peers(&node.save_peers()), Ok(3));
    assert_eq!((walkable(&plain), walkable(&apart)), (vec![address(4)], vec![address(3), address(4), address(7)]));
}

#[test]
fn a_candidate_that_answers_elsewhere_only_is_not_asked_for_ever() {
    let (node, plain, _) = both(60);
    node.load_peers(&snapshot()).unwrap();
    for walks in 0..3 {
        assert!(walkable(&plain).contains(&address(2)), "after {walks} walks");
        plain.with(|_, cx| cx.walk_to(address(2))).unwrap();
    }
    assert_eq!(walkable(&plain), [address(4)]);
}

#[test]
fn the_peers_that_were_heard_last_are_saved() {
    let (node, plain, _) = both(0);
    let mut rng = StdRng::from_seed([5; 32]);
    for number in 0..1_200_u16 {
        let [high, low] = number.to_be_bytes();
        node.poll(Time::from_duration(Duration::from_secs(number.into())));
        plain
            .with(|_, cx| {
                let key = PrivateKey::generate(Curve::Curve25519, &mut rng).unwrap().public().clone();
                let mut addresses = Addresses::default();
                addresses.set(SocketAddr::from(([10, 0, high, low], 1)));
                let record = PeerRecord::new(key, addresses, cx.now());
                cx.network_mut().add_verified(&record);
                cx.network_mut().discover_services(&record.mid(), &[Plain::ID]);
            })
            .unwrap();
    }
    let saved = node.save_peers();
    let (node, plain, _) = both(0);
    assert_eq!(node.load_peers(&saved), Ok(1_000));
    let [high, low] = 200_u16.to_be_bytes();
    let walkable = walkable(&plain);
    assert_eq!(walkable.len(), 1_000);
    assert_eq!(walkable[0], SocketAddr::from(([10, 0, high, low], 1)));
    // The table is full, and stays so.
    assert_eq!(node.load_peers(&snapshot()), Ok(0));
}

#[test]
fn the_format_is_as_documented() {
    let (node, plain, _) = both(0);
    plain.with(|_, cx| add_v4(cx, 2)).unwrap();
    node.poll(Time::from_duration(Duration::from_secs(10)));
    let saved = node.save_peers();
    let mut expected = b"IPv8peer\x00\x01".to_vec();
    expected.extend((START + 10).to_be_bytes());
    expected.extend([0, 0, 0, 1, 0, 74]);
    expected.extend(key(2).as_bytes());
    expected.extend([1 | 8, 10, 0, 0, 2, 0x1F, 0x9A, 0, 0, 0, 10, 1]);
    expected.extend(Plain::ID.0);
    let checksum = Sha256::digest(&expected);
    expected.extend(&checksum[..8]);
    assert_eq!(saved, expected);
}

#[test]
fn of_a_long_snapshot_of_the_reference_what_stays_is_counted() {
    let (node, plain, _) = both(0);
    let place = |number: u16| ([10, 1, number.to_be_bytes()[0], number.to_be_bytes()[1]], 8_090_u16);
    let bytes = |numbers: std::ops::Range<u16>| -> Vec<u8> {
        let address = |number| [[1].as_slice(), &place(number).0, &place(number).1.to_be_bytes()].concat();
        numbers.flat_map(address).collect()
    };
    assert_eq!(node.load_peers(&bytes(0..5_000)), Ok(1_000));
    assert_eq!(walkable(&plain), (4_000..5_000).map(|number| SocketAddr::from(place(number))).collect::<Vec<_>>());
    // Those of one address are one.
    assert_eq!(node.load_peers(&bytes(7..8).repeat(3)), Ok(1));
}

#[test]
fn the_snapshots_of_the_reference_are_taken() {
    let (node, plain, apart) = both(0);
    let bytes = [1, 10, 0, 0, 2, 0x1F, 0x9A, 1, 10, 0, 0, 3, 0x1F, 0x9A];
    assert_eq!(node.load_peers(&bytes), Ok(2));
    assert_eq!((walkable(&plain), walkable(&apart)), (vec![address(2), address(3)], vec![]));
    assert_eq!(node.load_peers(&[]), Ok(0), "of one that knew nobody");
    assert_eq!(node.load_peers(&bytes[..10]), Err(PeersError::Partial { loaded: 1, offset: 7 }));
}

#[test]
fn what_was_cut_short_or_changed_is_refused_whole() {
    let saved = snapshot();
    let (node, plain, _) = both(0);
    for end in 1..saved.len() {
        let error = node.load_peers(&saved[..end]).unwrap_err();
        assert_eq!(error, PeersError::Damaged, "cut at {end}");
    }
    for place in 0..saved.len() {
        let mut changed = saved.clone();
        changed[place] ^= 0x20;
        assert!(node.load_peers(&changed).is_err(), "byte {place} changed");
    }
    assert!(node.load_peers(&[saved.as_slice(), &[0]].concat()).is_err());
    assert_eq!(walkable(&plain), []);
}

#[test]
fn other_versions_are_named() {
    let mut saved = snapshot();
    saved[9] = 2;
    assert_eq!(node(0).load_peers(&saved), Err(PeersError::Version { found: 2 }));
    assert_eq!(node(0).load_peers(b"{\"peers\": []}"), Err(PeersError::NotASnapshot));
}

/// Bytes with the header and the checksum of a snapshot.
fn with_checksum(count: u32, peers: &[u8]) -> Vec<u8> {
    let mut bytes = b"IPv8peer\x00\x01\0\0\0\0\0\0\0\0".to_vec();
    bytes.extend(count.to_be_bytes());
    bytes.extend(peers);
    let checksum = Sha256::digest(&bytes);
    bytes.extend(&checksum[..8]);
    bytes
}

#[test]
fn a_count_that_lies_takes_no_memory() {
    assert_eq!(node(0).load_peers(&with_checksum(u32::MAX, &[])), Err(PeersError::Damaged));
    assert_eq!(node(0).load_peers(&with_checksum(0, &[0])), Err(PeersError::Damaged));
    assert_eq!(node(0).load_peers(&with_checksum(0, &[])), Ok(0));
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..600), ours: bool, count in 0_u32..5) {
        let (node, plain, _) = both(0);
        let bytes = if ours { with_checksum(count, &bytes) } else { bytes };
        let loaded = node.load_peers(&bytes);
        if !ours && bytes.first().is_some_and(|first| !(1..=3).contains(first)) {
            prop_assert!(loaded.is_err());
        }
        // Whatever came of it, the node goes on and can save and load what it has.
        plain.with(|_, cx| cx.walkable()).unwrap();
        prop_assert!(both(0).0.load_peers(&node.save_peers()).is_ok());
    }

    #[test]
    fn changed_peers_are_survived(place in 0_usize..400, byte: u8) {
        let saved = snapshot();
        let mut peers = saved[22..saved.len() - 8].to_vec();
        let place = place % peers.len();
        peers[place] = byte;
        let (node, _, _) = both(0);
        if let Ok(loaded) = node.load_peers(&with_checksum(3, &peers)) {
            prop_assert!(loaded <= 3);
        }
        prop_assert!(both(0).0.load_peers(&node.save_peers()).is_ok());
    }
}

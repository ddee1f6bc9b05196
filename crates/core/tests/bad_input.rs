//! Whatever arrives: it reaches the right handler, or it is dropped and counted for the right reason, and the node goes
//! on.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "what fails here fails the test")]

use std::net::SocketAddr;

use ipv8_core::{
    Community, Context, DropReason, Handle, MAX_DATAGRAM, Node, NodeConfig, Peer, Routes, SendError, Time,
    crypto::{Curve, PrivateKey, PublicKey},
    wire::{CommunityId, Message, Payload, Prefix, community_id, read_auth, split_signature},
};
use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};

#[derive(Message, Clone, Debug)]
#[message(id = 1)]
struct Number {
    number: u32,
}

#[derive(Message, Clone, Debug)]
#[message(id = 2, unsigned)]
struct Shout {
    number: u32,
}

#[derive(Message, Clone, Debug)]
#[message(id = 3, global_time)]
struct Dated {
    number: u32,
}

/// Takes any payload.
#[derive(Message, Clone, Debug)]
#[message(id = 4)]
struct Blob {
    #[wire(raw)]
    bytes: Vec<u8>,
}

#[derive(Message, Clone, Debug)]
#[message(id = 5, unsigned)]
struct Fault {
    number: u32,
}

#[derive(Default)]
struct Quiz {
    /// Numbers of messages in the order in which they came; of a blob its length.
    signed: Vec<u32>,
    unsigned: Vec<u32>,
}

impl Community for Quiz {
    const ID: CommunityId = community_id!("bad0000000000000000000000000000000000001");

    fn routes(r: &mut Routes<Self>) {
        r.on(|quiz: &mut Self, _: &mut Context<'_>, _: &Peer, m: Number| quiz.signed.push(m.number));
        r.on(|quiz: &mut Self, _: &mut Context<'_>, _: &SocketAddr, m: Shout| quiz.unsigned.push(m.number));
        r.on(|quiz: &mut Self, _: &mut Context<'_>, _: &Peer, m: Dated| quiz.signed.push(m.number));
        r.on(|quiz: &mut Self, _: &mut Context<'_>, _: &Peer, m: Blob| {
            quiz.signed.push(m.bytes.len().try_into().unwrap());
        });
        r.on(Self::on_fault);
    }
}

impl Quiz {
    fn on_fault(&mut self, _: &mut Context<'_>, _: &SocketAddr, m: Fault) {
        self.unsigned.push(100 / m.number);
    }
}

fn key(number: u8) -> PrivateKey {
    PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([number; 32])).unwrap()
}

/// Prefix and message id.
fn start(id: u8) -> Vec<u8> {
    [Prefix::new(Quiz::ID).as_bytes().as_slice(), &[id]].concat()
}

fn unsigned(id: u8, payload: &[u8]) -> Vec<u8> {
    [start(id).as_slice(), payload].concat()
}

fn sign(signer: &PrivateKey, mut packet: Vec<u8>) -> Vec<u8> {
    let signature = signer.sign(&packet).unwrap();
    packet.extend_from_slice(&signature);
    packet
}

/// A packet that names one key and is signed by another.
fn signed_by(signer: &PrivateKey, named: &[u8], id: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(named.len()).unwrap().to_be_bytes();
    sign(signer, [start(id).as_slice(), &length, named, payload].concat())
}

fn signed(id: u8, payload: &[u8]) -> Vec<u8> {
    signed_by(&key(2), key(2).public().as_bytes(), id, payload)
}

fn number(number: u32) -> Vec<u8> {
    signed(1, &number.to_be_bytes())
}

/// A node, and what it made of datagrams so far.
struct Fixture {
    node: Node,
    quiz: Handle<Quiz>,
    seen: u64,
}

impl Fixture {
    fn new() -> Self {
        let node = Node::new(NodeConfig::new(key(1), [1; 32]));
        let quiz = node.load(Quiz::default()).unwrap();
        Self { node, quiz, seen: 0 }
    }

    fn hand_in(&mut self, datagram: &[u8]) {
        self.node.handle(Time::ZERO, [(SocketAddr::from(([10, 0, 0, 2], 8090)), datagram)]);
        self.seen += 1;
        assert_eq!(self.node.stats().received, self.seen);
    }

    fn signed(&self) -> Vec<u32> {
        self.quiz.with(|quiz, _| quiz.signed.clone()).unwrap()
    }

    fn unsigned(&self) -> Vec<u32> {
        self.quiz.with(|quiz, _| quiz.unsigned.clone()).unwrap()
    }

    /// Hands a datagram in, which has to be dropped for this reason and for no other, without an answer.
    fn drops(&mut self, datagram: &[u8], reason: DropReason) {
        let before = self.node.stats();
        self.hand_in(datagram);
        let after = self.node.stats();
        let counted = DropReason::ALL.map(|other| after.dropped(other) - before.dropped(other));
        let wanted = DropReason::ALL.map(|other| u64::from(other == reason));
        assert_eq!(counted, wanted, "{reason:?} for {} bytes, in the order of DropReason::ALL", datagram.len());
        assert_eq!(after.delivered, before.delivered);
        assert_eq!(self.node.poll_transmit(), None);
        assert_eq!(after.panics, 0);
    }

    /// The node still does what it should.
    fn goes_on(&mut self) {
        let before = self.node.stats().delivered;
        self.hand_in(&number(4711));
        assert_eq!(self.signed().last(), Some(&4711));
        assert_eq!(self.node.stats().delivered, before + 1);
    }
}

#[test]
fn good_packets_are_delivered() {
    let mut fixture = Fixture::new();
    fixture.hand_in(&number(1));
    fixture.hand_in(&unsigned(2, &[0, 0, 0, 2]));
    fixture.hand_in(&signed(3, &[&[0; 8], [0, 0, 0, 3].as_slice()].concat()));
    fixture.hand_in(&signed(4, &[7; 40]));
    assert_eq!((fixture.signed(), fixture.unsigned()), (vec![1, 3, 40], vec![2]));
    assert_eq!((fixture.node.stats().delivered, fixture.node.stats().dropped_in_all()), (4, 0));
}

#[test]
fn what_ends_within_the_prefix_is_of_no_community() {
    let mut fixture = Fixture::new();
    for length in 0..22 {
        fixture.drops(&number(1)[..length], DropReason::Prefix);
    }
    fixture.goes_on();
}

#[test]
fn a_prefix_alone_has_no_message_id() {
    let mut fixture = Fixture::new();
    fixture.drops(&number(1)[..22], DropReason::NoMessageId);
    fixture.goes_on();
}

#[test]
fn another_version_is_of_no_community() {
    let mut fixture = Fixture::new();
    for (at, value) in [(0, 1), (1, 0), (1, 1), (1, 3), (1, 255)] {
        let mut packet = number(1);
        packet[at] = value;
        fixture.drops(&packet, DropReason::Prefix);
    }
    fixture.goes_on();
}

#[test]
fn another_community_is_not_here() {
    let mut fixture = Fixture::new();
    let mut packet = number(1);
    packet[21] ^= 1;
    fixture.drops(&packet, DropReason::Prefix);
    fixture.goes_on();
}

#[test]
fn ids_without_handler_are_unknown() {
    let mut fixture = Fixture::new();
    for id in [0, 6, 100, 230] {
        fixture.drops(&signed(id, &[0; 4]), DropReason::UnknownMessage);
        fixture.drops(&start(id), DropReason::UnknownMessage);
    }
    fixture.goes_on();
}

#[test]
fn ids_of_earlier_generations_are_deprecated() {
    let mut fixture = Fixture::new();
    for id in ipv8_core::messages::DEPRECATED {
        fixture.drops(&signed(id, &[0; 4]), DropReason::DeprecatedMessage);
    }
    fixture.goes_on();
}

#[test]
fn a_signed_packet_that_is_cut_short_is_of_bad_format() {
    let mut fixture = Fixture::new();
    for packet in [number(1), signed(3, &[0; 12])] {
        for length in 23..packet.len() {
            fixture.drops(&packet[..length], DropReason::Format);
        }
    }
    fixture.goes_on();
}

#[test]
fn an_unsigned_packet_that_is_cut_short_is_of_bad_format() {
    let mut fixture = Fixture::new();
    let packet = unsigned(2, &[0, 0, 0, 1]);
    for length in 23..packet.len() {
        fixture.drops(&packet[..length], DropReason::Format);
    }
    fixture.goes_on();
}

#[test]
fn a_packet_that_can_be_read_though_cut_short_has_no_valid_signature() {
    let mut fixture = Fixture::new();
    let packet = signed(4, &[7; 100]);
    for length in packet.len() - 100..packet.len() {
        fixture.drops(&packet[..length], DropReason::Signature);
    }
    fixture.goes_on();
}

#[test]
fn bytes_after_the_fields_are_of_bad_format_even_if_signed() {
    let mut fixture = Fixture::new();
    fixture.drops(&signed(1, &[0; 5]), DropReason::Format);
    fixture.drops(&unsigned(2, &[0; 5]), DropReason::Format);
    fixture.drops(&[number(1).as_slice(), &[0]].concat(), DropReason::Format);
    fixture.goes_on();
}

#[test]
fn a_message_without_its_global_time_is_of_bad_format() {
    let mut fixture = Fixture::new();
    fixture.drops(&signed(3, &[0; 4]), DropReason::Format);
    fixture.drops(&signed(3, &[0; 7]), DropReason::Format);
    fixture.goes_on();
}

#[test]
fn a_forged_signature_does_not_hold() {
    let mut fixture = Fixture::new();
    let packet = number(1);
    for bit in [0, 100, 200, 255, 256, 400, 511] {
        let mut forged = packet.clone();
        let at = packet.len() - 64 + bit / 8;
        forged[at] ^= 1 << (bit % 8);
        fixture.drops(&forged, DropReason::Signature);
    }
    let mut zeros = packet.clone();
    zeros[packet.len() - 64..].fill(0);
    fixture.drops(&zeros, DropReason::Signature);
    fixture.goes_on();
}

#[test]
fn a_changed_payload_does_not_fit_its_signature() {
    let mut fixture = Fixture::new();
    let mut packet = number(1);
    let last = packet.len() - 65;
    packet[last] ^= 1;
    fixture.drops(&packet, DropReason::Signature);
    fixture.goes_on();
}

#[test]
fn a_packet_that_names_another_key_than_its_signers_is_forged() {
    let mut fixture = Fixture::new();
    fixture.drops(&signed_by(&key(3), key(2).public().as_bytes(), 1, &[0; 4]), DropReason::Signature);
    fixture.goes_on();
}

#[test]
fn a_signature_for_another_community_does_not_hold_here() {
    let mut fixture = Fixture::new();
    let mut packet = number(1);
    packet[21] ^= 1;
    let mut elsewhere = sign(&key(2), packet[..packet.len() - 64].to_vec());
    elsewhere[21] ^= 1;
    fixture.drops(&elsewhere, DropReason::Signature);
    fixture.goes_on();
}

#[test]
fn a_key_that_is_none_cannot_be_read() {
    let mut fixture = Fixture::new();
    let rest = [0; 100];
    for bytes in [vec![], vec![0x41; 74], b"LibNaCLPK:".to_vec(), vec![0x30; 2_000], vec![0; 60_000]] {
        let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
        fixture.drops(&[start(1).as_slice(), &length, &bytes, &rest].concat(), DropReason::PublicKey);
    }
    fixture.goes_on();
}

#[test]
fn a_key_with_a_tail_signs_but_is_never_a_known_peer() {
    let mut fixture = Fixture::new();
    let named = [key(2).public().as_bytes(), [0].as_slice()].concat();
    fixture.hand_in(&signed_by(&key(2), &named, 1, &[0, 0, 0, 9]));
    assert_eq!(fixture.signed(), [9]);
    assert_eq!(fixture.node.network(ipv8_core::Network::len), Some(0));
}

#[test]
fn larger_than_udp_allows_is_taken_as_any_other() {
    let mut fixture = Fixture::new();
    for size in [MAX_DATAGRAM + 1, 70_000, 200_000] {
        fixture.drops(&vec![0; size], DropReason::Prefix);
        fixture.drops(&unsigned(100, &vec![0; size]), DropReason::UnknownMessage);
        fixture.drops(&unsigned(2, &vec![0; size]), DropReason::Format);
        let mut forged = signed(4, &vec![0; size]);
        forged[30_000] = 1;
        fixture.drops(&forged, DropReason::Signature);
    }
    fixture.goes_on();
}

#[test]
fn what_is_too_large_for_udp_is_not_sent() {
    let fixture = Fixture::new();
    let to = SocketAddr::from(([10, 0, 0, 2], 8090));
    let overhead = signed(4, &[]).len();
    let fits = Blob { bytes: vec![0; MAX_DATAGRAM - overhead] };
    let large = Blob { bytes: vec![0; MAX_DATAGRAM - overhead + 1] };
    let sent = fixture.quiz.with(|_, cx| {
        cx.send_to(to, large.clone());
        cx.send_packet(to, vec![0; MAX_DATAGRAM + 1]);
        (cx.try_send_to(to, fits), cx.try_send_to(to, large))
    });
    assert_eq!(sent, Ok((Ok(()), Err(SendError::TooLarge { size: MAX_DATAGRAM + 1 }))));
    fixture.node.poll(Time::ZERO);
    assert_eq!(fixture.node.poll_transmit().map(|sent| sent.bytes.len()), Some(MAX_DATAGRAM));
    assert_eq!(fixture.node.poll_transmit(), None);
    assert_eq!(fixture.node.stats().dropped(DropReason::TooLarge), 2);
}

#[test]
fn replays_and_duplicates_are_delivered_again() {
    // Nothing in a packet says when it was made (protocol section 1): communities that care have to look themselves.
    let fixture = Fixture::new();
    let packet = number(1);
    let from = |last| SocketAddr::from(([10, 0, 0, last], 8090));
    fixture.node.handle(Time::ZERO, [(from(2), packet.as_slice()), (from(2), &packet), (from(3), &packet)]);
    fixture.node.handle(Time::from_nanos(1_000_000_000), [(from(2), packet.as_slice())]);
    assert_eq!(fixture.signed(), [1; 4]);
    assert_eq!(fixture.node.stats().dropped_in_all(), 0);
}

#[test]
fn bad_packets_among_good_ones_change_nothing_for_them() {
    let fixture = Fixture::new();
    let mut forged = number(2);
    *forged.last_mut().unwrap() ^= 1;
    let packets = [number(1), forged, vec![], number(3), start(1), number(5)];
    let from = SocketAddr::from(([10, 0, 0, 2], 8090));
    fixture.node.handle(Time::ZERO, packets.iter().map(|packet| (from, packet.as_slice())));
    assert_eq!(fixture.signed(), [1, 3, 5]);
    assert_eq!((fixture.node.stats().delivered, fixture.node.stats().dropped_in_all()), (3, 3));
}

#[test]
fn a_handler_that_panics_is_counted_and_the_node_goes_on() {
    let mut fixture = Fixture::new();
    fixture.hand_in(&unsigned(5, &[0, 0, 0, 50]));
    fixture.hand_in(&unsigned(5, &[0; 4]));
    fixture.hand_in(&unsigned(5, &[0, 0, 0, 25]));
    assert_eq!(fixture.unsigned(), [2, 4]);
    assert_eq!(fixture.node.stats().panics, 1);
    fixture.goes_on();
}

/// What an independent reading says: the signature of the packet is that of the key that it names.
///
/// The reference takes a key that is cut short by the end of the packet, with the signature within it; the node does not,
/// and nobody sends one.
fn holds(packet: &[u8]) -> bool {
    let Ok(auth) = read_auth(packet) else { return false };
    let length = packet.get(23..25).map_or(0, |length| usize::from(length[0]) << 8 | usize::from(length[1]));
    if packet.len() < 25 + length + 64 {
        return false;
    }
    let Ok(key) = PublicKey::from_bytes(auth.key()) else { return false };
    split_signature(packet, key.signature_len()).is_ok_and(|(message, signature)| key.verify(message, signature))
}

#[derive(Clone, Debug)]
enum Mutation {
    Flip(prop::sample::Index, u8),
    Set(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index),
    /// The end of another packet from here on.
    Splice(prop::sample::Index),
    /// Signs what there is.
    Sign,
}

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let at = any::<prop::sample::Index>;
    prop::collection::vec(
        prop_oneof![
            (at(), 1u8..).prop_map(|(at, bits)| Mutation::Flip(at, bits)),
            (at(), prop_oneof![Just(0), Just(255), any::<u8>()]).prop_map(|(at, value)| Mutation::Set(at, value)),
            at().prop_map(Mutation::Cut),
            (at(), prop::collection::vec(any::<u8>(), 1..80)).prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
            at().prop_map(Mutation::Remove),
            at().prop_map(Mutation::Splice),
            Just(Mutation::Sign),
        ],
        0..4,
    )
}

fn mutate(mut packet: Vec<u8>, mutations: &[Mutation]) -> Vec<u8> {
    let other = signed_by(&key(3), key(3).public().as_bytes(), 4, &[9; 30]);
    for mutation in mutations {
        if packet.is_empty() {
            break;
        }
        match mutation {
            Mutation::Flip(at, bits) => *at.get_mut(&mut packet) ^= bits,
            Mutation::Set(at, value) => *at.get_mut(&mut packet) = *value,
            Mutation::Cut(at) => packet.truncate(at.index(packet.len())),
            Mutation::Insert(at, bytes) => {
                let at = at.index(packet.len());
                packet.splice(at..at, bytes.iter().copied());
            }
            Mutation::Remove(at) => drop(packet.remove(at.index(packet.len()))),
            Mutation::Splice(at) => {
                let at = at.index(packet.len());
                packet.truncate(at);
                packet.extend(other.iter().skip(at));
            }
            Mutation::Sign => packet = sign(&key(2), packet),
        }
    }
    packet
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// A changed packet never makes the node panic, is counted once, and reaches a handler of signed messages if and only
    /// if its signature holds and its payload can be read.
    #[test]
    fn mutated_packets_are_delivered_only_if_their_signature_holds(
        kind in prop::sample::select(vec![1u8, 3, 4]),
        mutations in mutations(),
    ) {
        let packet = mutate(signed(kind, &[0; 12][..if kind == 1 { 4 } else { 12 }]), &mutations);
        let mut fixture = Fixture::new();
        fixture.hand_in(&packet);
        let stats = fixture.node.stats();
        prop_assert_eq!(stats.panics, 0);
        prop_assert_eq!(stats.delivered + stats.dropped_in_all(), 1);
        let here = packet.starts_with(Prefix::new(Quiz::ID).as_bytes());
        let readable = |payload: &[u8]| match packet.get(22) {
            Some(1) => Number::decode(payload).is_ok(),
            Some(3) => payload.get(8..).is_some_and(|fields| Dated::decode(fields).is_ok()),
            Some(4) => true,
            _ => false,
        };
        let valid = here && holds(&packet) && read_auth(&packet).is_ok_and(|auth| {
            readable(auth.rest(&packet[..packet.len() - 64]))
        });
        prop_assert_eq!(fixture.signed().len(), usize::from(valid));
        fixture.goes_on();
    }
}

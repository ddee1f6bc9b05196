//! A node takes and drops the packets that the reference takes and drops, for the same reasons.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

mod vectors_common;

use std::{collections::BTreeMap, net::SocketAddr};

use ipv8_core::{Community, Context, DropReason, Node, Peer, Routes, Time, handlers};
use ipv8_dht::messages::{
    ConnectPeerRequest, ConnectPeerResponse, FindRequest, FindResponse, PingRequest, PingResponse, StorePeerRequest,
    StorePeerResponse, StoreRequest, StoreResponse,
};
use ipv8_discovery::DiscoveryCommunity;
use ipv8_wire::{CommunityId, community_id};
use vectors_common::{bytes, list, load, node, text};

/// A community with the base messages only.
struct Base;

impl Community for Base {
    const ID: CommunityId = community_id!("40bac57f35925c5badce419334af8d5b02bf2665");

    fn routes(_: &mut Routes<Self>) {}
}

/// Takes all messages of the DHT, and does nothing.
struct Dht;

impl Community for Dht {
    const ID: CommunityId = ipv8_dht::DHT_COMMUNITY;

    fn routes(r: &mut Routes<Self>) {
        handlers!(
            r,
            Self::take::<PingRequest>,
            Self::take::<PingResponse>,
            Self::take::<StoreRequest>,
            Self::take::<StoreResponse>,
            Self::take::<FindRequest>,
            Self::take::<FindResponse>,
            Self::take::<StorePeerRequest>,
            Self::take::<StorePeerResponse>,
            Self::take::<ConnectPeerRequest>,
            Self::take::<ConnectPeerResponse>,
        );
    }
}

impl Dht {
    fn take<M>(&mut self, _: &mut Context<'_>, _: &Peer, _: M) {}
}

/// Why a packet may be dropped before its handler is through with it.
const ON_THE_WAY_IN: [DropReason; 8] = [
    DropReason::Prefix,
    DropReason::NoMessageId,
    DropReason::UnknownMessage,
    DropReason::DeprecatedMessage,
    DropReason::Format,
    DropReason::PublicKey,
    DropReason::Signature,
    DropReason::PeerLimit,
];

fn node_with(community: &str) -> Node {
    let node = node(None);
    match community {
        "Community" => drop(node.load(Base).unwrap()),
        "DiscoveryCommunity" => drop(node.load(DiscoveryCommunity::default()).unwrap()),
        "DHTDiscoveryCommunity" => drop(node.load(Dht).unwrap()),
        other => panic!("no community {other}"),
    }
    node
}

#[test]
fn packets_are_dropped_for_the_reasons_of_the_reference() {
    let file = load("packets.json");
    let source: SocketAddr = "98.135.50.199:59562".parse().unwrap();
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in list(&file, "rejected") {
        let name = text(entry, "name");
        let node = node_with(text(entry, "community"));
        let packet = bytes(&entry["hex"]);
        node.handle(Time::ZERO, [(source, packet.as_slice())]);
        let stats = node.stats();
        assert_eq!(stats.received, 1, "{name}");
        let reasons: Vec<&str> =
            ON_THE_WAY_IN.into_iter().filter(|reason| stats.dropped(*reason) > 0).map(DropReason::as_str).collect();
        let expected = match text(entry, "outcome") {
            "delivered" => "delivered",
            _ => text(entry, "reason"),
        };
        if expected == "delivered" {
            // The reference hands it over; that nobody waits for it is the handler's to find out.
            let taken = stats.delivered + stats.dropped(DropReason::Unsolicited);
            assert_eq!((taken, reasons), (1, vec![]), "{name}");
        } else {
            assert_eq!((stats.delivered, reasons), (0, vec![expected]), "{name}");
        }
        if name.starts_with("pong without a ping") {
            assert_eq!(stats.dropped(DropReason::Unsolicited), 1, "{name}");
        }
        *outcomes.entry(expected).or_default() += 1;
    }
    assert_eq!(outcomes.values().sum::<usize>(), 58);
    assert_eq!(outcomes.len(), 8, "{outcomes:?}");
}

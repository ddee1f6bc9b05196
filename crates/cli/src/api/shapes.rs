//! The objects of the routes of /dht: those of the reference's REST interface (py-ipv8 3.2.1, `REST/dht_endpoint.py`), with
//! what is added to them.

use std::collections::BTreeMap;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipv8_core::{Context, HandleError, Peer, Time};
use ipv8_crypto::Mid;
use ipv8_dht::{ConnectError, DhtCommunity, Family, FindError, KeepError, NodeId, StoreError, Value};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

/// An answer in JSON.
pub(super) fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => (status, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Why something is not done.
#[derive(Debug)]
pub(super) enum Refusal {
    /// What the reference answers where it refuses something.
    Failure(StatusCode, String),
    /// What it answers where something went wrong in it: its exception for anything that the DHT cannot do.
    Dht(String),
}

impl Refusal {
    pub(super) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self::Failure(status, error.into())
    }
}

impl From<HandleError> for Refusal {
    fn from(error: HandleError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

impl From<FindError> for Refusal {
    fn from(error: FindError) -> Self {
        match error {
            FindError::Handle(error) => error.into(),
            FindError::NoNodes => Self::Dht(error.to_string()),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Handle(error) => error.into(),
            StoreError::TooLong { .. } => Self::new(StatusCode::BAD_REQUEST, error.to_string()),
            error => Self::Dht(error.to_string()),
        }
    }
}

impl From<KeepError> for Refusal {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::Handle(error) => error.into(),
            error => Self::Dht(error.to_string()),
        }
    }
}

impl From<ConnectError> for Refusal {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Handle(error) => error.into(),
            error => Self::Dht(error.to_string()),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Failure(status, error) => answer(status, &json!({"success": false, "error": error})),
            Self::Dht(message) => {
                let error = json!({"success": false, "error": {"code": "DHTError", "message": message}});
                answer(StatusCode::INTERNAL_SERVER_ERROR, &error)
            }
        }
    }
}

/// The reference's name of an address family.
pub(super) const fn endpoint(family: Family) -> &'static str {
    match family {
        Family::V4 => "UDPIPv4",
        Family::V6 => "UDPIPv6",
    }
}

/// A value that was found.
#[derive(Serialize)]
pub(super) struct FoundValue {
    public_key: Option<String>,
    key: String,
    value: String,
}

impl FoundValue {
    pub(super) fn new(key: &[u8], value: &Value) -> Self {
        let public_key = value.signer_bytes().map(|signer| STANDARD.encode(signer));
        Self { public_key, key: hex::encode(key), value: hex::encode(&value.data) }
    }
}

/// A value that is kept here.
#[derive(Serialize)]
pub(super) struct KeptValue {
    endpoint: &'static str,
    #[serde(flatten)]
    value: FoundValue,
}

impl KeptValue {
    pub(super) fn new(family: Family, key: &[u8], value: &Value) -> Self {
        Self { endpoint: endpoint(family), value: FoundValue::new(key, value) }
    }
}

/// A peer that was connected to.
#[derive(Serialize)]
pub(super) struct FoundPeer {
    public_key: String,
    address: (String, u16),
}

impl From<&Peer> for FoundPeer {
    fn from(peer: &Peer) -> Self {
        let address = peer.address();
        Self { public_key: STANDARD.encode(peer.key().as_bytes()), address: (address.ip().to_string(), address.port()) }
    }
}

/// The table of an address family.
#[derive(Serialize)]
pub(super) struct Endpoint {
    endpoint: &'static str,
    node_id: String,
    routing_table_size: usize,
    routing_table_buckets: usize,
    num_keys_in_store: usize,
}

/// The tables that there are.
pub(super) fn endpoints(dht: &DhtCommunity) -> Vec<Endpoint> {
    let of = |family: Family| {
        let table = dht.table(family)?;
        let mut keys = std::collections::HashSet::new();
        dht.store(family).for_each(&mut |entry| {
            keys.insert(entry.key);
        });
        Some(Endpoint {
            endpoint: endpoint(family),
            node_id: table.own().to_string(),
            routing_table_size: table.len(),
            routing_table_buckets: table.buckets().count(),
            num_keys_in_store: keys.len(),
        })
    };
    Family::ALL.into_iter().filter_map(of).collect()
}

/// How many peers are remembered for others, by mid; and how many nodes remember us.
pub(super) fn peer_counts(dht: &DhtCommunity, own: &Mid) -> [BTreeMap<String, usize>; 2] {
    let mut stored = BTreeMap::new();
    for peer in dht.stored_peers() {
        *stored.entry(peer.mid().to_string()).or_default() += 1;
    }
    let keepers = dht.keepers().len();
    let for_us = (keepers > 0).then(|| (own.to_string(), keepers));
    [stored, for_us.into_iter().collect()]
}

/// All buckets. A number of 160 bits is written as it is only if it does not pass through another object.
#[derive(Serialize, Default)]
pub(super) struct Buckets {
    buckets: Vec<Bucket>,
}

/// A bucket of a routing table.
#[derive(Serialize)]
struct Bucket {
    prefix: String,
    last_changed: f64,
    endpoint: &'static str,
    peers: Vec<BucketPeer>,
}

#[derive(Serialize)]
struct BucketPeer {
    ip: String,
    port: u16,
    mid: String,
    id: String,
    failed: u32,
    last_contact: f64,
    /// 160 bits, as a number.
    distance: Option<Box<RawValue>>,
}

/// All buckets.
pub(super) fn buckets(dht: &DhtCommunity, cx: &Context<'_>) -> Buckets {
    let (now, unix) = (cx.now(), cx.unix_time());
    // Seconds since 1970; 0 for never, as in the reference.
    let seconds = |time: Option<Time>| time.map_or(0.0, |time| unix.saturating_sub(now.since(time)).as_secs_f64());
    let tables = Family::ALL.into_iter().filter_map(|family| Some((family, dht.table(family)?)));
    let buckets = tables
        .flat_map(|(family, table)| table.buckets().map(move |bucket| (family, table.own(), bucket)))
        .map(|(family, own, bucket)| Bucket {
            prefix: prefix(bucket),
            last_changed: seconds(bucket.changed()),
            endpoint: endpoint(family),
            peers: bucket
                .nodes()
                .iter()
                .map(|node| BucketPeer {
                    ip: node.address().ip().to_string(),
                    port: node.address().port(),
                    mid: node.peer().mid().to_string(),
                    id: node.id().to_string(),
                    failed: node.failed,
                    last_contact: seconds(node.last_contact()),
                    distance: RawValue::from_string(distance(&node.id(), &own)).ok(),
                })
                .collect(),
        })
        .collect();
    Buckets { buckets }
}

/// The bits that the ids of a bucket have in common.
pub(super) fn prefix(bucket: &ipv8_dht::routing::Bucket) -> String {
    let bits = bucket.start().iter().flat_map(|byte| (0..8).rev().map(move |place| byte >> place & 1 == 1));
    bits.take(usize::from(bucket.bits())).map(|bit| if bit { '1' } else { '0' }).collect()
}

/// How far two nodes are apart, in decimal digits.
fn distance(one: &NodeId, other: &NodeId) -> String {
    // The lowest digit first.
    let mut digits = vec![0_u8];
    for byte in one.distance(&other.0).0 {
        let mut carry = u16::from(byte);
        for digit in &mut digits {
            let value = u16::from(*digit) * 256 + carry;
            *digit = u8::try_from(value % 10).unwrap_or_default();
            carry = value / 10;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 10).unwrap_or_default());
            carry /= 10;
        }
    }
    digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_numbers_of_160_bits() {
        let of = |bytes: [u8; 20]| distance(&NodeId([0; 20]), &NodeId(bytes));
        let mut small = [0; 20];
        assert_eq!(of(small), "0");
        small[19] = 10;
        assert_eq!(of(small), "10");
        small[18] = 1;
        assert_eq!(of(small), "266");
        // 2^160 - 1.
        assert_eq!(of([255; 20]), "1461501637330902918203684832716283019655932542975");
    }
}

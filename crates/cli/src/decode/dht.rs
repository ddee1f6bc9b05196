//! The messages of the DHT.

use ipv8_dht::messages::{
    ConnectPeerRequest, ConnectPeerResponse, FindRequest, FindResponse, Node, PingRequest, PingResponse,
    StorePeerRequest, StorePeerResponse, StoreRequest, StoreResponse,
};

use super::fields::{Describe, Fields, Value};

fn values(values: Vec<Vec<u8>>) -> Value {
    values.into_iter().map(Value::from).collect()
}

fn nodes(nodes: Vec<Node>) -> Value {
    let node = |node: Node| Fields::new().with("address", node.address).with("public_key", node.key.as_bytes());
    nodes.into_iter().map(|each| Value::from(node(each))).collect()
}

impl Describe for PingRequest {
    fn name(&self) -> &'static str {
        "PingRequest"
    }

    fn fields(self) -> Fields {
        Fields::new().with("identifier", self.identifier)
    }
}

impl Describe for PingResponse {
    fn name(&self) -> &'static str {
        "PingResponse"
    }

    fn fields(self) -> Fields {
        Fields::new().with("identifier", self.identifier)
    }
}

impl Describe for StoreRequest {
    fn name(&self) -> &'static str {
        "StoreRequest"
    }

    fn fields(self) -> Fields {
        Fields::new()
            .with("identifier", self.identifier)
            .with("token", self.token)
            .with("target", self.target)
            .with("values", values(self.values))
    }
}

impl Describe for StoreResponse {
    fn name(&self) -> &'static str {
        "StoreResponse"
    }

    fn fields(self) -> Fields {
        Fields::new().with("identifier", self.identifier)
    }
}

impl Describe for FindRequest {
    fn name(&self) -> &'static str {
        "FindRequest"
    }

    fn fields(self) -> Fields {
        Fields::new()
            .with("identifier", self.identifier)
            .with("lan_address", self.lan_address)
            .with("target", self.target)
            .with("offset", self.offset)
            .with("force_nodes", self.force_nodes)
    }
}

impl Describe for FindResponse {
    fn name(&self) -> &'static str {
        "FindResponse"
    }

    fn fields(self) -> Fields {
        Fields::new()
            .with("identifier", self.identifier)
            .with("token", self.token)
            .with("values", values(self.values))
            .with("nodes", nodes(self.nodes))
    }
}

impl Describe for StorePeerRequest {
    fn name(&self) -> &'static str {
        "StorePeerRequest"
    }

    fn fields(self) -> Fields {
        Fields::new().with("identifier", self.identifier).with("token", self.token).with("target", self.target)
    }
}

impl Describe for StorePeerResponse {
    fn name(&self) -> &'static str {
        "StorePeerResponse"
    }

    fn fields(self) -> Fields {
        Fields::new().with("identifier", self.identifier)
    }
}

impl Describe for ConnectPeerRequest {
    fn name(&self) -> &'static str {
        "ConnectPeerRequest"
    }

    fn fields(self) -> Fields {
        Fields::new()
            .with("identifier", self.identifier)
            .with("lan_address", self.lan_address)
            .with("target", self.target)
    }
}

impl Describe for ConnectPeerResponse {
    fn name(&self) -> &'static str {
        "ConnectPeerResponse"
    }

    fn fields(self) -> Fields {
        Fields::new().with("identifier", self.identifier).with("nodes", nodes(self.nodes))
    }
}

//! The messages of the DiscoveryCommunity.

use ipv8_discovery::messages::{DiscoveryIntroductionRequest, Ping, Pong, SimilarityRequest, SimilarityResponse};

use super::fields::{Describe, Fields, Value, connection_type};

impl Describe for DiscoveryIntroductionRequest {
    /// Both forms are the same message to us, but two classes of the reference.
    fn name(&self) -> &'static str {
        match self.introduce_to {
            Some(_) => "DiscoveryIntroductionRequest",
            None => self.request.name(),
        }
    }

    fn fields(self) -> Fields {
        let fields = self.request.fields();
        match self.introduce_to {
            // The reference reads it as a tuple of one.
            Some(mid) => fields.with("introduce_to", Value::List(vec![mid.into()])),
            None => fields,
        }
    }
}

impl Describe for SimilarityRequest {
    fn name(&self) -> &'static str {
        "SimilarityRequest"
    }

    fn fields(self) -> Fields {
        Fields::new()
            .with("identifier", self.identifier)
            .with("lan_address", self.lan_address)
            .with("wan_address", self.wan_address)
            .with("connection_type", connection_type(self.flags))
            .with("preference_list", self.preference_list.into_iter().map(|id| id.0.into()).collect::<Value>())
    }
}

impl Describe for SimilarityResponse {
    fn name(&self) -> &'static str {
        "SimilarityResponse"
    }

    fn fields(self) -> Fields {
        let overlap = self.tb_overlap.into_iter().map(|(id, number)| Value::List(vec![id.0.into(), number.into()]));
        Fields::new()
            .with("identifier", self.identifier)
            .with("preference_list", self.preference_list.into_iter().map(|id| id.0.into()).collect::<Value>())
            .with("tb_overlap", overlap.collect::<Value>())
    }
}

impl Describe for Ping {
    fn name(&self) -> &'static str {
        "Ping"
    }

    fn fields(self) -> Fields {
        Fields::new().with("identifier", self.identifier)
    }
}

impl Describe for Pong {
    fn name(&self) -> &'static str {
        "Pong"
    }

    fn fields(self) -> Fields {
        Fields::new().with("identifier", self.identifier)
    }
}

//! What happened in a search, step by step.

use std::net::SocketAddr;

use ipv8_dht::{TraceEvent, TraceStep};
use serde::{Deserialize, Serialize};

/// One step, as it is told in JSON.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Step {
    /// Seconds since the search began.
    at: f64,
    mid: String,
    address: SocketAddr,
    #[serde(flatten)]
    what: What,
}

/// What happened to the node.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum What {
    /// It was asked.
    Asked,
    /// It has values.
    Values { values: usize },
    /// It named nodes, of which some cannot be any.
    Nodes { named: usize, refused: usize },
    /// It did not answer.
    Silent,
    /// It was asked where a peer is.
    AskedForPeer,
    /// It told where the peer is; some of that cannot be.
    Told { named: usize, refused: usize },
    /// The peer was pinged.
    Pinged,
    /// The peer opened its NAT for us.
    Punctured,
    /// The peer answered.
    Answered,
}

impl From<&TraceStep> for Step {
    fn from(step: &TraceStep) -> Self {
        let what = match step.event {
            TraceEvent::Asked => What::Asked,
            TraceEvent::Values(values) => What::Values { values },
            TraceEvent::Nodes { named, refused } => What::Nodes { named, refused },
            TraceEvent::Silent => What::Silent,
            TraceEvent::AskedForPeer => What::AskedForPeer,
            TraceEvent::Told { named, refused } => What::Told { named, refused },
            TraceEvent::Pinged => What::Pinged,
            TraceEvent::Punctured => What::Punctured,
            TraceEvent::Answered => What::Answered,
        };
        Self { at: step.at.as_secs_f64(), mid: step.node.mid().to_string(), address: step.node.address(), what }
    }
}

impl Step {
    /// The step as a line for people.
    pub(crate) fn text(&self) -> String {
        let nodes = |count: usize| if count == 1 { "1 node".to_owned() } else { format!("{count} nodes") };
        let what = match self.what {
            What::Asked => "is asked".to_owned(),
            What::Values { values: 1 } => "has a value".to_owned(),
            What::Values { values } => format!("has {values} values"),
            What::Nodes { named, refused: 0 } => format!("names {}", nodes(named)),
            What::Nodes { named, refused } => format!("names {}, {refused} of which cannot be nodes", nodes(named)),
            What::Silent => "does not answer".to_owned(),
            What::AskedForPeer => "is asked where the peer is".to_owned(),
            What::Told { named: 0, .. } => "does not know where the peer is".to_owned(),
            What::Told { named, refused: 0 } => format!("knows the peer at {named} addresses"),
            What::Told { named, refused } => {
                format!("knows the peer at {named} addresses, {refused} of which are refused")
            }
            What::Pinged => "is the peer, and is pinged".to_owned(),
            What::Punctured => "is the peer, and opened its NAT".to_owned(),
            What::Answered => "is the peer, and answers".to_owned(),
        };
        let Self { at, mid, address, .. } = self;
        format!("{at:7.3} s  {} at {address} {what}", mid.get(..8).unwrap_or(mid))
    }
}

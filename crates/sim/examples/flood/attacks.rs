//! The attacks, each at a rate that is given.

use std::net::SocketAddr;

use ipv8_core::{
    Community,
    crypto::{Curve, KeyError, PublicKey},
};
use ipv8_sim::{
    AttackerOptions, NodeId, World,
    attack::{Forged, Garbage, Replay, Useless},
};
use rand::RngExt as _;

use crate::network::Workload;

/// What the attacker sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Attack {
    None,
    Garbage,
    Forged,
    ForgedMadeUp,
    ForgedDear,
    ForgedDearMadeUp,
    ForgedPeers,
    Introductions,
    Questions,
    Replay,
    Relay,
}

impl Attack {
    pub(crate) const ALL: [Self; 11] = [
        Self::None,
        Self::Garbage,
        Self::Forged,
        Self::ForgedMadeUp,
        Self::ForgedDear,
        Self::ForgedDearMadeUp,
        Self::ForgedPeers,
        Self::Introductions,
        Self::Questions,
        Self::Replay,
        Self::Relay,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Garbage => "garbage",
            Self::Forged => "forged",
            Self::ForgedMadeUp => "forged-made-up",
            Self::ForgedDear => "forged-dear",
            Self::ForgedDearMadeUp => "forged-dear-made-up",
            Self::ForgedPeers => "forged-peers",
            Self::Introductions => "introductions",
            Self::Questions => "questions",
            Self::Replay => "replay",
            Self::Relay => "relay",
        }
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Garbage => "garbage",
            Self::Forged => "forged signatures of curve25519, from one address",
            Self::ForgedMadeUp => "the same from addresses that are made up",
            Self::ForgedDear => "forged signatures of sect571k1, from one address",
            Self::ForgedDearMadeUp => "the same from addresses that are made up",
            Self::ForgedPeers => "forged in the names of honest peers, from their addresses",
            Self::Introductions => "introduction requests by 1,000 keys",
            Self::Questions => "the overlay's own requests by 1,000 keys",
            Self::Replay => "copies of what honest nodes send, from addresses that are made up",
            Self::Relay => "the same from one address, with copies of what reaches that",
        }
    }

    /// Places the attacker: so many datagrams a second in all, to these nodes.
    pub(crate) fn place(self, world: &mut World, options: AttackerOptions, nodes: &[NodeId]) -> Result<(), KeyError> {
        let ours = Workload::ID;
        let options = options.targets(nodes.iter().map(|node| world.address(*node)));
        match self {
            Self::None => {}
            Self::Garbage => {
                world.add_attacker(Garbage::new(ours), options);
            }
            Self::Forged => {
                world.add_attacker(Forged::new(ours, Curve::Curve25519, 64, 1)?, options);
            }
            Self::ForgedMadeUp => {
                let forged = Forged::new(ours, Curve::Curve25519, 64, 1)?;
                world.add_attacker(forged, options.made_up_sources());
            }
            Self::ForgedDear => {
                world.add_attacker(Forged::new(ours, Curve::High, 64, 1)?, options);
            }
            Self::ForgedDearMadeUp => {
                let forged = Forged::new(ours, Curve::High, 64, 1)?;
                world.add_attacker(forged, options.made_up_sources());
            }
            Self::ForgedPeers => {
                let keys: Vec<PublicKey> = nodes.iter().map(|node| world.node(*node).key().clone()).collect();
                let addresses: Vec<SocketAddr> = nodes.iter().map(|node| world.address(*node)).collect();
                let forged = Forged::in_the_name_of(ours, &keys, 4, 1);
                world.add_attacker(forged, options.sources_of_others(addresses));
            }
            Self::Introductions => {
                world.add_attacker(Useless::introduction_requests(ours).keys(1_000, 1), options);
            }
            Self::Questions => {
                let questions = Useless::messages(ours, 1, false, |rng| rng.random::<[u8; 4]>().to_vec());
                world.add_attacker(questions.keys(1_000, 1), options);
            }
            Self::Replay => {
                let options = options.listen_to(nodes.iter().copied()).made_up_sources();
                world.add_attacker(Replay::default(), options);
            }
            Self::Relay => {
                let options = options.listen_to(nodes.iter().copied());
                world.add_attacker(Replay::default(), options);
            }
        }
        Ok(())
    }
}

//! The attackers of a scenario, and the regions.

use std::net::{Ipv4Addr, SocketAddr};

use ipv8_core::{Community, Time, crypto::Curve};
use ipv8_sim::{
    AttackerOptions, Latency, Link, NodeId, Regions,
    attack::{Attacker, Forged, Garbage, Heard, Liar, Lie, Replay, Scene, Useless},
};
use rand::RngExt;

use super::{Simulation, StartError, plan::Action, workload::Workload};
use crate::scenario::{Attack, AttackKind, LinkModel, NatKind, RegionMap, Scenario};

/// Keys of attackers that have many.
const KEYS: u32 = 1_000;

/// The id of a question of the workload.
const QUESTION: u8 = 1;

/// An attacker of whatever kind.
struct Any(Box<dyn Attacker>);

impl Attacker for Any {
    fn act(&mut self, scene: &mut Scene<'_>) {
        self.0.act(scene);
    }

    fn hears(&mut self, scene: &mut Scene<'_>, heard: &Heard<'_>) {
        self.0.hears(scene, heard);
    }

    fn overhears(&mut self, scene: &mut Scene<'_>, heard: &Heard<'_>) {
        self.0.overhears(scene, heard);
    }
}

impl Simulation {
    pub(super) fn add_attackers(&mut self) -> Result<(), StartError> {
        for (number, attack) in (0..).zip(self.scenario.attackers.clone()) {
            let attacker = self.attacker(&attack, number)?;
            let victims: Vec<NodeId> =
                self.members.iter().filter(|member| member.kind == NatKind::Open).map(|member| member.id).collect();
            let count =
                crate::scenario::Count::Share(attack.share).of(u32::try_from(victims.len()).unwrap_or(u32::MAX));
            let victims: Vec<_> = victims.into_iter().take(usize::try_from(count).unwrap_or(usize::MAX)).collect();
            let mut options = AttackerOptions::new(rate(attack.rate, count))
                .targets(victims.iter().map(|id| self.world.address(*id)))
                .addresses((0..attack.addresses).map(|index| address(number, index)));
            options = match attack.to {
                Some(to) => options.between(attack.from, to),
                None => options.from(attack.from),
            };
            if attack.made_up {
                options = options.made_up_sources();
            }
            if attack.kind == AttackKind::Replay {
                options = options.listen_to(victims);
            }
            self.world.add_attacker(Any(attacker), options);
            self.plan.add(Time::ZERO + attack.from, Action::Mark(format!("attack: {}", attack.kind.name())));
            if let Some(to) = attack.to {
                self.plan.add(Time::ZERO + to, Action::Mark(format!("{} ends", attack.kind.name())));
            }
        }
        Ok(())
    }

    fn attacker(&self, attack: &Attack, number: u32) -> Result<Box<dyn Attacker>, StartError> {
        let overlay = self.overlay;
        let seed = self.scenario.seed ^ u64::from(number).rotate_left(32);
        let keys = usize::try_from(KEYS).unwrap_or(usize::MAX);
        let failed = |error: ipv8_core::crypto::KeyError| StartError::Attacker(error.to_string());
        Ok(match attack.kind {
            AttackKind::Garbage => Box::new(Garbage::new(overlay)),
            AttackKind::Forged => Box::new(Forged::new(overlay, Curve::Curve25519, KEYS, seed).map_err(failed)?),
            AttackKind::Introductions => Box::new(Useless::introduction_requests(overlay).keys(keys, seed)),
            AttackKind::Responses => Box::new(Useless::responses(overlay).keys(keys, seed)),
            AttackKind::Similarity => Box::new(Useless::similarity_requests(overlay).keys(keys, seed)),
            AttackKind::Requests => {
                let size = self.scenario.requests.map(|requests| requests.size).unwrap_or_default();
                let question = move |rng: &mut rand::rngs::Xoshiro256PlusPlus| {
                    let length = u16::try_from(size).unwrap_or(u16::MAX);
                    let mut payload = rng.random::<u64>().to_be_bytes().to_vec();
                    payload.extend(length.to_be_bytes());
                    payload.resize(payload.len() + usize::from(length), 0);
                    payload
                };
                Box::new(Useless::messages(Workload::ID, QUESTION, true, question).keys(keys, seed))
            }
            AttackKind::Replay => Box::new(Replay::default()),
            AttackKind::LieNowhere => Box::new(Liar::new(overlay, Lie::Nowhere, seed)),
            AttackKind::LieSelf => Box::new(Liar::new(overlay, Lie::Sybils, seed)),
        })
    }
}

/// The address of an attacker: 45.n.x.y, where no node of a scenario is.
fn address(attacker: u32, index: u32) -> SocketAddr {
    let ip = 45 << 24 | (1 + attacker % 250) << 16 | (index / 250) << 8 | (1 + index % 250);
    SocketAddr::from((Ipv4Addr::from_bits(ip), 8_090))
}

/// Datagrams a second to all victims together, one at least.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded, positive, and bounded")]
fn rate(of_each: f64, victims: u32) -> u32 {
    (of_each * f64::from(victims)).round().clamp(1.0, f64::from(u32::MAX)) as u32
}

/// The regions of a scenario over links of this kind.
pub(super) fn regions(scenario: &Scenario, link: &LinkModel) -> Option<Regions> {
    let mut regions = match scenario.regions.as_ref()? {
        RegionMap::Internet => Regions::internet(),
        RegionMap::Own(own) => {
            let mut regions = Regions::new(link.link());
            let ids: Vec<_> = own.iter().map(|region| regions.add(region.name.clone(), region.weight)).collect();
            for (from, region) in ids.iter().zip(own) {
                for (to, mean) in ids.iter().zip(&region.latency) {
                    let latency = Latency::Normal { mean: *mean, deviation: *mean / 10 };
                    regions.connect_one_way(*from, *to, Link::default().latency(latency));
                }
            }
            regions
        }
    };
    regions.change_links(|between| link.upon(between));
    Some(regions.seed(scenario.seed))
}

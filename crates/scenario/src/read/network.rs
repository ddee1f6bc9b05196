//! Links, regions, NATs, machines and attackers.

use std::time::Duration;

use ipv8_core::settings::{Settings, Value};
use ipv8_sim::Latency;

use super::{section, take_needed, take_u32};
use crate::scenario::{Attack, AttackKind, Clocks, Cpu, LinkModel, NatMix, Region, RegionMap};

pub(super) fn link(values: &mut Settings) -> LinkModel {
    let default = LinkModel::default();
    LinkModel {
        latency: latency(values, "latency").unwrap_or(default.latency),
        jitter: values.take_duration("jitter").unwrap_or_default(),
        loss: values.take_float("loss").unwrap_or_default(),
        duplication: values.take_float("duplication").unwrap_or_default(),
        reordering: section(values, "reordering", |table| {
            let share = take_needed(table, "share", Settings::take_float);
            let by = take_needed(table, "by", Settings::take_duration);
            share.zip(by)
        })
        .flatten(),
        bandwidth: bandwidth(values),
        bursts: section(values, "bursts", |table| {
            let every = take_needed(table, "every", Settings::take_duration);
            let lasts = take_needed(table, "lasts", Settings::take_duration);
            let loss = take_needed(table, "loss", Settings::take_float);
            Some((every?, lasts?, loss?))
        })
        .flatten(),
    }
}

/// How long a queue may hold up a packet if its size is not given: a quarter of a second, as many a router.
const QUEUE_PART: u64 = 4;

fn bandwidth(values: &mut Settings) -> Option<(u64, u64)> {
    let bytes = values.take_usize("bandwidth");
    let queue = values.take_usize("queue");
    let number = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
    match (bytes, queue) {
        (Some(bytes), Some(queue)) => Some((number(bytes), number(queue))),
        (Some(bytes), None) => Some((number(bytes), (number(bytes) / QUEUE_PART).max(1_500))),
        (None, Some(_)) => {
            values.problem("queue", "is before an uplink, and there is no `bandwidth`");
            None
        }
        (None, None) => None,
    }
}

/// Reads `regions = "internet"` and `[[region]]`.
pub(super) fn regions(values: &mut Settings) -> Option<RegionMap> {
    let map = values.take_choice("regions", &["internet"]);
    let own = values.take_tables("region", |region| Region {
        name: take_needed(region, "name", Settings::take_text).unwrap_or_default(),
        weight: take_u32(region, "weight").unwrap_or(1),
        latency: take_needed(region, "latency", |region, key| region.take_each(key, super::moment)).unwrap_or_default(),
    });
    match (map, own) {
        (Some(_), Some(_)) => {
            values.problem("region", "stands beside `regions`: give one of them");
            None
        }
        (Some(_), None) => Some(RegionMap::Internet),
        (None, own) => own.map(RegionMap::Own),
    }
}

pub(super) fn cpu(values: &mut Settings) -> Cpu {
    let default = Cpu::default();
    Cpu {
        slower: take_u32(values, "slower").unwrap_or(default.slower),
        buffer: values.take_usize("buffer").unwrap_or(default.buffer),
    }
}

pub(super) fn clocks(values: &mut Settings) -> Clocks {
    Clocks { skew: take_u32(values, "skew").unwrap_or_default(), off: values.take_duration("off").unwrap_or_default() }
}

pub(super) fn attackers(values: &mut Settings) -> Vec<Attack> {
    let all = values.take_tables("attacker", |attacker| {
        let kind = take_needed(attacker, "kind", |attacker, key| {
            attacker.take_choice(key, &AttackKind::ALL.map(AttackKind::name)).map(str::to_owned)
        });
        let kind = AttackKind::ALL.into_iter().find(|known| Some(known.name()) == kind.as_deref());
        let rate = take_needed(attacker, "rate", Settings::take_float);
        let default = Attack::new(kind.unwrap_or(AttackKind::Garbage), rate.unwrap_or(1.0));
        Attack {
            share: attacker.take_float("share").unwrap_or(default.share),
            from: attacker.take_duration("from").unwrap_or(default.from),
            to: attacker.take_duration("to"),
            addresses: take_u32(attacker, "addresses").unwrap_or(default.addresses),
            made_up: attacker.take_bool("made_up_sources").unwrap_or(default.made_up),
            ..default
        }
    });
    all.unwrap_or_default()
}

/// Reads a latency: `0.05`, always; `{ from = 0.02, to = 0.08 }`, evenly; `{ mean = 0.05, deviation = 0.01 }`, nearly normal.
fn latency(values: &mut Settings, key: &str) -> Option<Latency> {
    const EXPECTED: &str = "must be a number of seconds, { from, to } or { mean, deviation }";
    match values.peek(key)? {
        Value::Integer(_) | Value::Float(_) => values.take_duration(key).map(Latency::Constant),
        Value::Table(_) => section(values, key, |table| {
            let normal = table.has("mean") || table.has("deviation");
            let [first, second] = if normal { ["mean", "deviation"] } else { ["from", "to"] };
            let mut take = |key| take_needed(table, key, Settings::take_duration);
            let (a, b): (Option<Duration>, Option<Duration>) = (take(first), take(second));
            let (a, b) = (a?, b?);
            if !normal && a > b {
                table.problem("to", format!("must not be less than `from`, {} seconds", a.as_secs_f64()));
            }
            Some(if normal { Latency::Normal { mean: a, deviation: b } } else { Latency::Uniform(a, b) })
        })
        .flatten(),
        other => {
            let what = format!("{EXPECTED}, not {}", other.kind());
            let _ = values.take(key);
            values.problem(key, what);
            None
        }
    }
}

pub(super) fn nat(values: &mut Settings) -> NatMix {
    let default = NatMix::default();
    NatMix {
        full_cone: values.take_float("full_cone").unwrap_or_default(),
        address_restricted: values.take_float("address_restricted").unwrap_or_default(),
        port_restricted: values.take_float("port_restricted").unwrap_or_default(),
        symmetric: values.take_float("symmetric").unwrap_or_default(),
        behind_each: take_u32(values, "behind_each").unwrap_or(default.behind_each),
    }
}

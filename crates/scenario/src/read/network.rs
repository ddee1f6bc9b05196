//! Links and NATs.

use std::time::Duration;

use ipv8_core::settings::{Settings, Value};
use ipv8_sim::{Latency, Link};

use super::{section, take_needed, take_u32};
use crate::scenario::NatMix;

pub(super) fn link(values: &mut Settings) -> Link {
    let mut link = Link::default();
    if let Some(latency) = latency(values, "latency") {
        link = link.latency(latency);
    }
    if let Some(jitter) = values.take_duration("jitter") {
        link = link.jitter(jitter);
    }
    if let Some(loss) = share(values, "loss") {
        link = link.loss(loss);
    }
    if let Some(duplication) = share(values, "duplication") {
        link = link.duplication(duplication);
    }
    link
}

/// Takes a part of all; a link would quietly take the nearest one that there is.
fn share(values: &mut Settings, key: &str) -> Option<f64> {
    let value = values.take_float(key)?;
    if !(0.0..=1.0).contains(&value) {
        values.problem(key, format!("must be from 0 to 1, not {value}"));
        return None;
    }
    Some(value)
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

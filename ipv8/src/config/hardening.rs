//! How much the node trusts what it is told.

use ipv8_core::{
    Hardening,
    hardening::{Rate, Unsolicited, WanEstimate},
    settings::{Settings, Value},
};
use ipv8_crypto::Curve;

/// What votes on our address are for: more of them than this never come together.
const MOST_VOTES: usize = 64;

/// The largest limit of each kind that makes sense.
const MOST: usize = 1_000_000;

/// Reads the table `hardening`: a ready one, with what is changed in it.
pub(crate) fn read(values: &mut Settings) -> Hardening {
    let read = values.take_table("hardening", |values| {
        let preset = values.take_choice("preset", &Hardening::NAMES).and_then(Hardening::named);
        let mut hardening = preset.unwrap_or_default();
        match values.take_choice("unsolicited", &["trust", "distrust", "drop"]) {
            Some("trust") => hardening.unsolicited = Unsolicited::Trust,
            Some("distrust") => hardening.unsolicited = Unsolicited::Distrust,
            Some(_) => hardening.unsolicited = Unsolicited::Drop,
            None => {}
        }
        if let Some(wan) = wan(values) {
            hardening.wan = wan;
        }
        let switches = [
            ("challenge_moves", &mut hardening.challenge_moves),
            ("random_identifiers", &mut hardening.random_identifiers),
            ("drop_never_heard", &mut hardening.drop_never_heard),
        ];
        for (key, switch) in switches {
            if let Some(on) = values.take_bool(key) {
                *switch = on;
            }
        }
        if let Some(punctures) =
            limits(values, "punctures", hardening.punctures, Hardening::hardened().punctures, |limits| {
                [("per_target", &mut limits.per_target), ("in_all", &mut limits.in_all)]
            })
        {
            hardening.punctures = punctures;
        }
        if let Some(admission) =
            limits(values, "admission", hardening.admission, Hardening::hardened().admission, |limits| {
                [
                    ("per_stranger", &mut limits.per_stranger),
                    ("strangers", &mut limits.strangers),
                    ("per_peer", &mut limits.per_peer),
                ]
            })
        {
            hardening.admission = admission;
        }
        if let Some(old_curves) =
            limits(values, "old_curves", hardening.old_curves, Hardening::default().old_curves, |limit| {
                [("strangers", limit)]
            })
        {
            hardening.old_curves = old_curves;
        }
        if let Some(curves) = values.take_each("curves", curve) {
            hardening.curves = Some(curves).filter(|curves| !curves.is_empty());
        }
        let limits = [
            ("introducer_share", &mut hardening.introducer_share),
            ("addresses_per_network", &mut hardening.addresses_per_network),
            ("peers_per_host", &mut hardening.peers_per_host),
            ("unanswered_walks", &mut hardening.unanswered_walks),
        ];
        for (key, limit) in limits {
            if let Some(number) = values.take_usize_within(key, 0..=MOST) {
                *limit = Some(number).filter(|number| *number > 0);
            }
        }
        hardening
    });
    read.unwrap_or_default()
}

/// Reads limits of which each is a [`Rate`], over those of the preset, or of a stricter one that has some; `Some(None)` for
/// no limits.
fn limits<L, const N: usize>(
    values: &mut Settings,
    key: &str,
    preset: Option<L>,
    stricter: Option<L>,
    rates: impl for<'l> Fn(&'l mut L) -> [(&'static str, &'l mut Rate); N],
) -> Option<Option<L>> {
    match values.peek(key)? {
        Value::Bool(false) => {
            values.take(key);
            return Some(None);
        }
        Value::Table(_) => {}
        other => {
            let what = format!("must be a table of rates, or false, not {}", other.kind());
            values.take(key);
            values.problem(key, what);
            return None;
        }
    }
    let mut limits = preset.or(stricter)?;
    values.take_table(key, |values| {
        for (key, rate) in rates(&mut limits) {
            if let Some(read) = take_rate(values, key) {
                *rate = read;
            }
        }
    })?;
    Some(Some(limits))
}

/// `[BURST, PER_SECOND]`.
fn take_rate(values: &mut Settings, key: &str) -> Option<Rate> {
    let expected = format!("must be [BURST, PER_SECOND], whole numbers from 1 to {}", u32::MAX);
    let number = |value: &Value| match value {
        Value::Integer(number) => u32::try_from(*number).ok().filter(|number| *number > 0),
        _ => None,
    };
    let rate = match values.take(key)? {
        Value::List(list) => match list.as_slice() {
            [burst, per_second] => number(burst).zip(number(per_second)),
            _ => None,
        },
        _ => None,
    };
    if rate.is_none() {
        values.problem(key, expected);
    }
    rate.map(|(burst, per_second)| Rate::new(burst, per_second))
}

/// Who is believed about our own address: anybody, who was asked, or so many of those.
fn wan(values: &mut Settings) -> Option<WanEstimate> {
    match values.take("wan")? {
        Value::Text(text) if text == "anybody" => Some(WanEstimate::Anybody),
        Value::Text(text) if text == "asked" => Some(WanEstimate::Asked),
        Value::Integer(votes) if usize::try_from(votes).is_ok_and(|votes| (1..=MOST_VOTES).contains(&votes)) => {
            usize::try_from(votes).ok().map(WanEstimate::Quorum)
        }
        other => {
            let not = match other {
                Value::Integer(number) => number.to_string(),
                Value::Text(text) => format!("`{text}`"),
                other => other.kind().to_owned(),
            };
            let what =
                format!("must be \"anybody\", \"asked\", or a number of votes from 1 to {MOST_VOTES}, not {not}");
            values.problem("wan", what);
            None
        }
    }
}

fn curve(value: &Value) -> Result<Curve, String> {
    let names = Curve::ALL.map(Curve::name).join(", ");
    match value {
        Value::Text(text) => text.parse().map_err(|_| format!("must be one of {names}, not `{text}`")),
        other => Err(format!("must be one of {names}, not {}", other.kind())),
    }
}

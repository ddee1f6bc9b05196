//! The distributed hash table.

use std::time::Duration;

use ipv8_core::settings::Settings;

use super::{moment, take_u32};
use crate::scenario::{Dht, Malice};

pub(super) fn dht(values: &mut Settings) -> Dht {
    let default = Dht::default();
    let malice = values.take_choice("malice", &Malice::ALL.map(Malice::name));
    Dht {
        values: take_u32(values, "values").unwrap_or(default.values),
        store_at: values.take_duration("store_at").unwrap_or(default.store_at),
        store_over: values.take_duration("store_over").unwrap_or(default.store_over),
        find_at: values.take_each("find_at", moment).unwrap_or(default.find_at),
        find_over: values.take_duration("find_over").unwrap_or(default.find_over),
        staying: take_u32(values, "staying").unwrap_or(default.staying),
        remember: values.take_bool("remember").unwrap_or(default.remember),
        republish: values.take_duration("republish").filter(|every| *every > Duration::ZERO),
        malicious: values.take_float("malicious").unwrap_or(default.malicious),
        malice: malice
            .and_then(|name| Malice::ALL.into_iter().find(|malice| malice.name() == name))
            .unwrap_or_default(),
    }
}

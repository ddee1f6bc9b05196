//! Events.

use std::time::Duration;

use ipv8_core::settings::Settings;

use super::{network, take_needed, take_u32};
use crate::scenario::{Count, Event, Happening, Parts};

/// The kinds.
pub(super) const KINDS: [&str; 7] =
    ["partition", "heal", "trackers-down", "trackers-up", "crash", "flash-crowd", "link"];

/// What stands for an event that cannot be read: nobody crashes.
const NOTHING: Happening = Happening::Crash { count: Count::Nodes(0), pause: None, keep_peers: false };

pub(super) fn read(values: &mut Settings) -> Vec<Event> {
    let events = values.take_tables("event", |event| {
        let at = take_needed(event, "at", Settings::take_duration).unwrap_or_default();
        let kind = take_needed(event, "kind", |event, key| event.take_choice(key, &KINDS).map(str::to_owned));
        let what = match kind {
            Some(kind) => happening(event, &kind),
            // What else belongs to it cannot be told.
            None => {
                for key in ["parts", "share", "nodes", "within", "pause", "keep_peers", "region"] {
                    let _ = event.take(key);
                }
                let _ = network::link(event);
                None
            }
        };
        // Something in its place, so that the others keep their numbers.
        Event { at, what: what.unwrap_or(NOTHING) }
    });
    events.unwrap_or_default()
}

fn happening(event: &mut Settings, kind: &str) -> Option<Happening> {
    Some(match kind {
        "partition" => Happening::Partition(parts(event)?),
        "heal" => Happening::Heal,
        "trackers-down" => Happening::TrackersDown,
        "trackers-up" => Happening::TrackersUp,
        "crash" => Happening::Crash {
            count: count(event),
            pause: event.take_duration("pause"),
            keep_peers: event.take_bool("keep_peers").unwrap_or_default(),
        },
        "flash-crowd" => Happening::FlashCrowd {
            count: count(event),
            within: event.take_duration("within").unwrap_or(Duration::from_secs(1)),
        },
        _ => Happening::Link(network::link(event)),
    })
}

fn parts(event: &mut Settings) -> Option<Parts> {
    let (parts, share, region) = (take_u32(event, "parts"), event.take_float("share"), event.take_text("region"));
    match (parts, share, region) {
        (None, None, None) => Some(Parts::Equal(2)),
        (Some(parts), None, None) => Some(Parts::Equal(parts)),
        (None, Some(share), None) => Some(Parts::Share(share)),
        (None, None, Some(region)) => Some(Parts::Region(region)),
        _ => {
            event.problem("kind", "has more than one of `parts`, `share` and `region`: give one");
            None
        }
    }
}

fn count(event: &mut Settings) -> Count {
    match (take_u32(event, "nodes"), event.take_float("share")) {
        (Some(nodes), Some(_)) => {
            event.problem("share", "stands beside `nodes`: give one of them");
            Count::Nodes(nodes)
        }
        (Some(nodes), None) => Count::Nodes(nodes),
        (None, Some(share)) => Count::Share(share),
        (None, None) => {
            event.problem("share", "is missing: give it, or `nodes`");
            Count::Nodes(0)
        }
    }
}

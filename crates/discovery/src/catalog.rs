//! The built-in strategies and bootstrappers by name, with the keys of their settings.
//!
//! Names and keys are those of the reference's configuration (`configuration.py`), so that its dictionaries can be taken
//! as they are.

use std::{net::Ipv4Addr, ops::RangeInclusive, time::Duration};

use ipv8_core::{Bootstrapper, BootstrapperCatalog, Settings, SettingsError, StrategyCatalog, Value, catalog::Key};
use ipv8_wire::Address;

use crate::{
    DEFAULT_TRACKERS, EdgeWalk, PeriodicSimilarity, RandomChurn, RandomWalk, SteeredWalk, TrackerBootstrapper,
    UdpBroadcastBootstrapper,
    churn::{DROP_TIME, INACTIVE_TIME},
    pace::TIMEOUTS,
};

/// The strategies that every community has; those of one community come on top
/// ([`Community::available_strategies`](ipv8_core::Community::available_strategies)):
///
/// ```
/// # use ipv8_core::Community;
/// # use ipv8_discovery::DiscoveryCommunity;
/// let all = ipv8_discovery::strategies().and(DiscoveryCommunity::available_strategies());
/// let mut settings = ipv8_core::Settings::new([("timeout", 3.0.into())]);
/// assert_eq!(all.make("RandomWalk", &mut settings).unwrap().name(), "RandomWalk");
/// ```
#[must_use]
pub fn strategies() -> StrategyCatalog {
    StrategyCatalog::new()
        .with(
            "RandomWalk",
            "Walks to random addresses that peers introduced, and asks random peers for more.",
            RANDOM_WALK,
            |settings| {
                let mut walk = RandomWalk::default();
                walk.pace.configure(settings);
                Ok(Box::new(walk))
            },
        )
        .with(
            "SteeredWalk",
            "Walks as RandomWalk does, by rules that find peers sooner with fewer packets.",
            STEERED_WALK,
            |settings| {
                let mut walk = SteeredWalk::default();
                walk.pace.configure(settings);
                Ok(Box::new(walk))
            },
        )
        .with(
            "EdgeWalk",
            "Walks from peer to peer, depth first, from a neighbourhood of roots.",
            EDGE_WALK,
            |settings| Ok(Box::new(edge_walk(settings))),
        )
        .with("RandomChurn", "Pings silent peers and drops those that do not answer.", RANDOM_CHURN, |settings| {
            Ok(Box::new(random_churn(settings)))
        })
        .with(
            "PeriodicSimilarity",
            "Tells random peers which communities we are in; for DiscoveryCommunity.",
            PERIODIC_SIMILARITY,
            |settings| {
                let similarity = PeriodicSimilarity::default();
                Ok(Box::new(match settings.take_duration("interval") {
                    Some(interval) => similarity.interval(interval),
                    None => similarity,
                }))
            },
        )
}

/// How often all trackers, or likely ports of a LAN, may be asked: a node without peers does so as often as it may.
const ROUNDS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(86_400);

/// The silences of a peer after which something is done, and the pause between two pings.
const SILENCES: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(86_400);

fn edge_walk(settings: &mut Settings) -> EdgeWalk {
    let mut walk = EdgeWalk::default();
    if let Some(depth) = settings.take_usize_within("edge_length", 1..=64) {
        walk = walk.depth(depth);
    }
    if let Some(roots) = settings.take_usize_within("neighborhood_size", 1..=64) {
        walk = walk.roots(roots);
    }
    if let Some(timeout) = settings.take_duration_within("edge_timeout", TIMEOUTS) {
        walk = walk.timeout(timeout);
    }
    walk
}

fn random_churn(settings: &mut Settings) -> RandomChurn {
    let mut churn = RandomChurn::default();
    if let Some(samples) = settings.take_usize_within("sample_size", 0..=1_000) {
        churn = churn.samples(samples);
    }
    if let Some(interval) = settings.take_duration_within("ping_interval", SILENCES) {
        churn = churn.ping_interval(interval);
    }
    let inactive = settings.take_duration_within("inactive_time", SILENCES);
    let drop = settings.take_duration_within("drop_time", SILENCES);
    let [inactive_holds, drop_holds] = [inactive.unwrap_or(INACTIVE_TIME), drop.unwrap_or(DROP_TIME)];
    if drop_holds < inactive_holds {
        let (inactive_holds, drop_holds) = (inactive_holds.as_secs_f64(), drop_holds.as_secs_f64());
        // Said of the one that was written.
        let (key, what) = match drop {
            Some(_) => (
                "drop_time",
                format!("must not be less than inactive_time, which is {inactive_holds}, not {drop_holds}"),
            ),
            None => (
                "inactive_time",
                format!("must not be more than drop_time, which is {drop_holds}, not {inactive_holds}"),
            ),
        };
        settings.problem(key, what);
    }
    if let Some(time) = inactive {
        churn = churn.inactive_after(time);
    }
    if let Some(time) = drop {
        churn = churn.drop_after(time);
    }
    if let Some(drop) = settings.take_bool("drop_never_heard") {
        churn = churn.drop_never_heard(drop);
    }
    churn
}

const RANDOM_WALK: &[Key] = &[
    Key::new("timeout", "3.0", "Seconds after which an address that does not answer is given up; 0.1 to 3600."),
    Key::new("window_size", "5", "How many steps may be unanswered at once; 0 for as many as there are."),
    Key::new("reset_chance", "50", "How often, in 256 steps, a peer is asked although there are addresses to walk to."),
    Key::new("target_interval", "0", "The shortest time between steps in seconds, where the node's tick is too fast."),
];

const STEERED_WALK: &[Key] = &[
    Key::new("timeout", "3.0", "Seconds after which an address that does not answer is given up; 0.1 to 3600."),
    Key::new("window_size", "5", "How many walks may be unanswered at once; 0 for as many as there are."),
    Key::new("reset_chance", "25", "How often, in 256 steps, a peer is asked although there are addresses to walk to."),
    Key::new("target_interval", "0", "The shortest time between steps in seconds, where the node's tick is too fast."),
];

const EDGE_WALK: &[Key] = &[
    Key::new("edge_length", "4", "How many peers an edge has, its root included; 1 to 64."),
    Key::new("neighborhood_size", "6", "How many roots there are, and so how many edges grow at once; 1 to 64."),
    Key::new("edge_timeout", "3.0", "Seconds after which an edge that does not grow is given up; 0.1 to 3600."),
];

const RANDOM_CHURN: &[Key] = &[
    Key::new("sample_size", "8", "How many peers a step looks at; at most 1,000."),
    Key::new("ping_interval", "10.0", "The shortest time between two pings to a peer, in seconds; 0.1 to 86400."),
    Key::new("inactive_time", "27.5", "Seconds of silence after which a peer is pinged; 0.1 to 86400."),
    Key::new(
        "drop_time",
        "57.5",
        "Seconds of silence after which a peer that was pinged is dropped; 0.1 to 86400, and not less than inactive_time.",
    ),
    Key::new(
        "drop_never_heard",
        "",
        "Whether one that was never heard again after its first packet is dropped too: by default unless `hardening` is the \
         preset `reference`.",
    ),
];

const PERIODIC_SIMILARITY: &[Key] = &[Key::new("interval", "1.0", "The shortest time between two peers, in seconds.")];

/// The bootstrappers that every community can have.
#[must_use]
pub fn bootstrappers() -> BootstrapperCatalog {
    BootstrapperCatalog::new()
        .with("TrackerBootstrapper", "Finds first peers through trackers.", TRACKER, |settings| tracker(settings, true))
        .with(
            "DispersyBootstrapper",
            "The reference's name of TrackerBootstrapper, with the reference's keys.",
            DISPERSY,
            |settings| tracker(settings, false),
        )
        .with(
            "UDPBroadcastBootstrapper",
            "Finds first peers in the LAN by broadcasting beacons.",
            BROADCAST,
            |settings| {
                let mut broadcast = UdpBroadcastBootstrapper::default();
                if let Some(timeout) = settings.take_duration_within("bootstrap_timeout", ROUNDS) {
                    broadcast = broadcast.timeout(timeout);
                }
                if let Some(rate) = settings.take_integer_within("rate", 1..=10_000) {
                    broadcast = broadcast.rate(u32::try_from(rate).unwrap_or(1));
                }
                Ok(Box::new(broadcast))
            },
        )
}

const TRACKER: &[Key] = &[
    Key::new("trackers", "the public ones", "The trackers, each as \"HOST:PORT\", \"IP:PORT\" or \"[IPv6]:PORT\"."),
    Key::new("ip_addresses", "[]", "Trackers by address, each as [\"IP\", PORT]."),
    Key::new("dns_addresses", "[]", "Trackers by name, each as [\"HOST\", PORT]."),
    Key::new(
        "bootstrap_timeout",
        "30.0",
        "The shortest time between two rounds to all trackers, in seconds; 1 to 86400.",
    ),
];

const DISPERSY: &[Key] = &[
    Key::new("ip_addresses", "the public ones", "Trackers by address, each as [\"IP\", PORT] or \"IP:PORT\"."),
    Key::new("dns_addresses", "the public ones", "Trackers by name, each as [\"HOST\", PORT] or \"HOST:PORT\"."),
    Key::new(
        "bootstrap_timeout",
        "30.0",
        "The shortest time between two rounds to all trackers, in seconds; 1 to 86400.",
    ),
];

const BROADCAST: &[Key] = &[
    Key::new(
        "bootstrap_timeout",
        "30.0",
        "The shortest time between two rounds to the likely ports, in seconds; 1 to 86400.",
    ),
    Key::new("rate", "100", "How many beacons are sent in a second at most, each of 29 bytes; 1 to 10,000."),
];

fn tracker(settings: &mut Settings, own_key: bool) -> Result<Box<dyn Bootstrapper>, SettingsError> {
    let keys = ["ip_addresses", "dns_addresses", "trackers"];
    let mut given = false;
    let mut trackers: Vec<Address> = Vec::new();
    for key in keys.into_iter().take(if own_key { 3 } else { 2 }) {
        given |= settings.has(key);
        trackers.extend(settings.take_each(key, read_address).into_iter().flatten());
    }
    if !given {
        trackers.extend(DEFAULT_TRACKERS.iter().filter_map(|tracker| tracker.parse().ok()));
    }
    let mut bootstrapper = TrackerBootstrapper::new(trackers);
    if let Some(timeout) = settings.take_duration_within("bootstrap_timeout", ROUNDS) {
        bootstrapper = bootstrapper.timeout(timeout);
    }
    Ok(Box::new(bootstrapper))
}

/// Reads `"HOST:PORT"` or `["HOST", PORT]`.
fn read_address(value: &Value) -> Result<Address, String> {
    const EXPECTED: &str = "must be \"HOST:PORT\", \"IP:PORT\", \"[IPv6]:PORT\" or [\"HOST\", PORT]";
    let refused = |why: &str| format!("{EXPECTED}{why}");
    let address = match value {
        Value::Text(text) => text.parse().map_err(|_| refused(&format!(", not `{text}`"))),
        Value::List(pair) => match pair.as_slice() {
            [Value::Text(host), Value::Integer(port)] => {
                let port = u16::try_from(*port).map_err(|_| refused(&format!(": {port} is no port")))?;
                let bare_v6 = host.contains(':') && !host.starts_with('[');
                let text = if bare_v6 { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
                text.parse().map_err(|_| refused(&format!(", not `{text}`")))
            }
            _ => Err(refused("")),
        },
        other => Err(refused(&format!(", not {}", other.kind()))),
    }?;
    let nowhere = match &address {
        Address::V4(v4) => v4.port() == 0 || *v4.ip() == Ipv4Addr::UNSPECIFIED,
        Address::V6(v6) => v6.port() == 0 || v6.ip().is_unspecified(),
        Address::Domain(host, port) => *port == 0 || host.is_empty(),
    };
    if nowhere { Err(refused(&format!(": nothing can be at {address}"))) } else { Ok(address) }
}

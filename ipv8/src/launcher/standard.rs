//! The launchers of this library.

use std::{path::Path, time::Duration};

use ipv8_core::{
    Target,
    settings::{Settings, SettingsError},
};
use ipv8_dht::{DhtCommunity, DhtConfig, store::StoreLimits};
use ipv8_discovery::DiscoveryCommunity;

use crate::builder::StartError;

use super::{
    declare::{Launcher, Launchers},
    prepare::DEFAULT_TARGET,
};

/// The name of the launcher of a DHT in which peers are found, too: the reference's class.
const DHT_DISCOVERY: &str = "DHTDiscoveryCommunity";

/// The name of the launcher of a DHT of values only: the reference's class.
const DHT: &str = "DHTCommunity";

/// The shortest and the longest time between two stores of a value of one's own, other than never.
const REPUBLISH: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(86_400)];

/// The most values that can be asked to be kept.
const MOST_VALUES: usize = 10_000_000;

impl Launchers {
    /// Those of this library, with the strategies of the reference's default configuration: the `DiscoveryCommunity`, which
    /// walks at random until it has 20 peers, drops silent peers, and asks for similar ones; and the
    /// `DHTDiscoveryCommunity`, which walks at random until it has 20 peers, and pings the nodes of its routing table. The
    /// `DHTCommunity`, which keeps values but finds no peers, is loaded only where a configuration names it.
    ///
    /// Both of the DHT are [`DhtCommunity`]; its peers are kept apart from those of other overlays. Their settings are
    /// `republish` (seconds, 0 for never, which is the default unless a configuration says otherwise), `max_values`,
    /// `max_values_per_key` and `max_values_per_source` ([`StoreLimits`]).
    #[must_use]
    pub fn standard() -> Self {
        let discovery = Launcher::of(DiscoveryCommunity::default)
            .named_strategy("RandomWalk", Target::Peers(DEFAULT_TARGET), [])
            .named_strategy("RandomChurn", Target::Always, [])
            .named_strategy("PeriodicSimilarity", Target::Always, []);
        Self::new().with(discovery).with(dht(DHT_DISCOVERY)).with(dht(DHT).only_if_named())
    }
}

fn dht(name: &str) -> Launcher<DhtCommunity> {
    let peers = name == DHT_DISCOVERY;
    Launcher::new(move |settings| Ok(DhtCommunity::new(DhtConfig { peers, ..dht_config(settings)? })))
        .name(name)
        .own_network()
        .of_the_dht(keep)
        .named_strategy("RandomWalk", Target::Peers(DEFAULT_TARGET), [])
        .named_strategy("PingChurn", Target::Always, [])
}

/// The same node, with what is in a file.
#[cfg(feature = "dht-file")]
fn keep(community: DhtCommunity, file: &Path) -> Result<DhtCommunity, StartError> {
    let (community, opened) = ipv8_dht_sqlite::open(file, community.config().clone())?;
    let ipv8_dht_sqlite::Opened { values, publications, nodes, set_aside, .. } = opened;
    // A damaged file was told of already.
    if set_aside.is_none() {
        tracing::info!(path = %file.display(), values, publications, nodes, "the DHT of an earlier run was loaded");
    }
    Ok(community)
}

#[cfg(not(feature = "dht-file"))]
fn keep(_: DhtCommunity, file: &Path) -> Result<DhtCommunity, StartError> {
    Err(StartError::NoDhtFile(file.to_path_buf()))
}

fn dht_config(settings: &mut Settings) -> Result<DhtConfig, SettingsError> {
    let republish = take_republish(settings);
    let mut store = StoreLimits::default();
    let limits = [
        ("max_values", &mut store.total),
        ("max_values_per_key", &mut store.per_key),
        ("max_values_per_source", &mut store.per_source),
    ];
    for (key, limit) in limits {
        if let Some(most) = settings.take_usize_within(key, 1..=MOST_VALUES) {
            *limit = most;
        }
    }
    Ok(DhtConfig { republish: republish.flatten(), store, ..DhtConfig::default() })
}

/// How often own values are stored again; `Some(None)` where it is said that they are not.
pub(crate) fn take_republish(settings: &mut Settings) -> Option<Option<Duration>> {
    let [shortest, longest] = REPUBLISH;
    let given = settings.take_duration_within("republish", Duration::ZERO..=longest)?;
    if !given.is_zero() && given < shortest {
        let (shortest, given) = (shortest.as_secs(), given.as_secs_f64());
        settings.problem("republish", format!("must be {shortest} or more, or 0 for never, not {given}"));
        return None;
    }
    Some(Some(given).filter(|given| !given.is_zero()))
}

//! From launchers to overlays in a node.

use std::path::Path;

use indexmap::IndexMap;
use ipv8_core::{MaxPeers, Node, settings::SettingsError};
use ipv8_crypto::PrivateKey;
use ipv8_wire::Address;

use crate::{
    builder::StartError,
    keys::Keys,
    launcher::{Erased, Launchers, Loading, Overrides, Prepared, Start, order},
};

/// An overlay as it waits to be loaded. A problem is kept until the start, so that saying more stays a chain of calls.
pub(crate) type Planned = Result<Prepared, (String, SettingsError)>;

/// What is to happen when the node runs, with the name of whose wish it is.
pub(crate) type Starts = Vec<(String, Start)>;

impl Launchers {
    /// Loads the overlays of these launchers into a node that is there already: into one of a simulation, for instance, or
    /// one that runs. They are loaded in their order, and then what they want to do at the start is done in the same order.
    ///
    /// Overlays that name no bootstrappers use these trackers.
    ///
    /// # Errors
    /// If a community cannot be made or loaded, launchers wait for each other, what is to be called at the start fails, or
    /// one signs with a key by alias: nobody knows those here, so give it with [`Launcher::key`](crate::Launcher::key).
    pub fn load(&self, node: &Node, trackers: &[Address]) -> Result<(), StartError> {
        let planned = self.iter().map(|launcher| plan(launcher.as_ref())).collect();
        let overlays = with_keys(in_order(planned)?, &mut Keys::new(IndexMap::new()))?;
        run_all(load_all(overlays, node, trackers, MaxPeers::default(), None)?)
    }
}

/// What a launcher says without a configuration.
pub(crate) fn plan(launcher: &dyn Erased) -> Planned {
    launcher.prepare(Overrides::default()).map_err(|error| (launcher.name().to_owned(), error))
}

/// Those overlays whose conditions hold, in the order in which they are to be loaded.
pub(crate) fn in_order(overlays: Vec<Planned>) -> Result<Vec<Prepared>, StartError> {
    let overlays = overlays
        .into_iter()
        .map(|planned| planned.map_err(|(launcher, source)| StartError::Settings { launcher, source }))
        .collect::<Result<Vec<_>, _>>()?;
    let items: Vec<_> = overlays.iter().map(Prepared::item).collect();
    for (overlay, item) in overlays.iter().zip(&items) {
        if overlay.enabled && !item.launched {
            tracing::info!(launcher = overlay.name, "not launched: its condition does not hold");
        }
    }
    let order = order(&items)?;
    let mut overlays: Vec<_> = overlays.into_iter().map(Some).collect();
    Ok(order.into_iter().filter_map(|index| overlays.get_mut(index)?.take()).collect())
}

/// Each overlay with its key, if that is not the node's.
pub(crate) fn with_keys(
    overlays: Vec<Prepared>,
    keys: &mut Keys,
) -> Result<Vec<(Option<PrivateKey>, Prepared)>, StartError> {
    overlays.into_iter().map(|overlay| Ok((keys.choose(&overlay)?, overlay))).collect()
}

/// Loads them into a node, in this order.
pub(crate) fn load_all(
    overlays: Vec<(Option<PrivateKey>, Prepared)>,
    node: &Node,
    trackers: &[Address],
    max_peers: MaxPeers,
    dht_file: Option<&Path>,
) -> Result<Starts, StartError> {
    let mut starts = Vec::with_capacity(overlays.len());
    for (key, overlay) in overlays {
        let loading = Loading { node, key, trackers, max_peers, dht_file };
        starts.push((overlay.name, (overlay.load)(loading)?));
    }
    Ok(starts)
}

/// Does what is to be done when the node runs.
pub(crate) fn run_all(starts: Starts) -> Result<(), StartError> {
    for (launcher, start) in starts {
        start().map_err(|(method, reason)| StartError::Method { launcher, method, reason })?;
    }
    Ok(())
}

//! Keys, and where they come from.

use std::path::PathBuf;

use indexmap::IndexMap;
use ipv8_crypto::{
    Curve, PrivateKey,
    keyfile::{self, KeyFileError},
};
use rand::{SeedableRng, rngs::StdRng};

use crate::{
    builder::StartError,
    launcher::{KeyChoice, Prepared},
};

/// Where a key comes from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KeySource {
    /// Drawn at each start.
    Fresh(Curve),
    /// This one.
    Given(PrivateKey),
    /// In a file, in the reference's own format; drawn and saved if there is no file.
    File(PathBuf, Curve),
    /// In a file that must be there.
    Existing(PathBuf),
    /// In a file; if there is none, this key, which is then saved (the reference's `bin` with a `file`).
    FileOr(PathBuf, PrivateKey),
}

impl KeySource {
    pub(crate) fn load(self) -> Result<PrivateKey, StartError> {
        Ok(match self {
            Self::Given(key) => key,
            Self::Fresh(curve) => PrivateKey::generate(curve, &mut system_rng()?)?,
            Self::File(path, curve) => keyfile::load_or_generate(path, curve, &mut system_rng()?)?,
            Self::Existing(path) => keyfile::load(path)?,
            Self::FileOr(path, key) => match keyfile::load(&path) {
                Err(KeyFileError::NotFound(_)) => {
                    keyfile::save(&path, &key, false)?;
                    key
                }
                loaded => loaded?,
            },
        })
    }
}

/// Keys by alias, each read or made once.
pub(crate) struct Keys {
    sources: IndexMap<String, KeySource>,
    loaded: IndexMap<String, PrivateKey>,
}

impl Keys {
    pub(crate) fn new(sources: IndexMap<String, KeySource>) -> Self {
        Self { sources, loaded: IndexMap::new() }
    }

    /// The key that an overlay wants, if it is not the node's.
    pub(crate) fn choose(&mut self, overlay: &Prepared) -> Result<Option<PrivateKey>, StartError> {
        let alias = match &overlay.key {
            KeyChoice::Node => return Ok(None),
            KeyChoice::Given(key) => return Ok(Some(key.clone())),
            KeyChoice::Fresh(curve) => return KeySource::Fresh(*curve).load().map(Some),
            KeyChoice::Alias(alias) => alias,
        };
        if let Some(key) = self.loaded.get(alias) {
            return Ok(Some(key.clone()));
        }
        let Some(source) = self.sources.get(alias) else {
            let (launcher, alias) = (overlay.name.clone(), alias.clone());
            return Err(StartError::UnknownKey { launcher, alias });
        };
        let key = source.clone().load()?;
        self.loaded.insert(alias.clone(), key.clone());
        Ok(Some(key))
    }
}

fn system_rng() -> Result<StdRng, StartError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| StartError::Randomness(error.to_string()))?;
    Ok(StdRng::from_seed(seed))
}

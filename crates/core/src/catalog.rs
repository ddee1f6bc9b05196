//! Catalogues: strategies and bootstrappers by name, for configurations.

use indexmap::IndexMap;

use crate::{
    bootstrap::Bootstrapper,
    settings::{Settings, SettingsError, closest},
    strategy::Strategy,
};

/// The strategies that can be named in a configuration.
pub type StrategyCatalog = Catalog<dyn Strategy>;

/// The bootstrappers that can be named in a configuration.
pub type BootstrapperCatalog = Catalog<dyn Bootstrapper>;

/// Makes something of its settings. It takes what it knows out of them; the catalogue then reports what is left.
pub type Maker<T> = fn(&mut Settings) -> Result<Box<T>, SettingsError>;

/// One key of an entry's settings, for the reference of configuration keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// What it is when it is not given, as one would write it in TOML; empty if there is no default.
    pub default: &'static str,
    /// What it means, in one line.
    pub docs: &'static str,
}

impl Key {
    /// A key with its default and what it means.
    #[must_use]
    pub const fn new(name: &'static str, default: &'static str, docs: &'static str) -> Self {
        Self { name, default, docs }
    }
}

/// What stands under one name.
pub struct Entry<T: ?Sized> {
    /// What it does, in one line.
    pub docs: &'static str,
    /// The keys of its settings.
    pub keys: &'static [Key],
    /// Makes it. Use [`Catalog::make`], which reports unknown keys whatever the maker does.
    pub maker: Maker<T>,
}

impl<T: ?Sized> Clone for Entry<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Entry<T> {}

/// Why nothing was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MakeError {
    /// Nothing has this name.
    #[error("nothing here is called `{name}`, there are {known}{}", suggested(.suggestion.as_deref()))]
    Unknown {
        /// The name.
        name: String,
        /// Those that there are, separated by commas.
        known: String,
        /// The one that was probably meant.
        suggestion: Option<&'static str>,
    },
    /// The settings are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

fn suggested(suggestion: Option<&str>) -> String {
    suggestion.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// Makers by name, in the order in which they were added. See [`StrategyCatalog`] and [`BootstrapperCatalog`].
pub struct Catalog<T: ?Sized> {
    entries: IndexMap<&'static str, Entry<T>>,
}

impl<T: ?Sized> Default for Catalog<T> {
    fn default() -> Self {
        Self { entries: IndexMap::new() }
    }
}

impl<T: ?Sized> Clone for Catalog<T> {
    fn clone(&self) -> Self {
        Self { entries: self.entries.clone() }
    }
}

impl<T: ?Sized> std::fmt::Debug for Catalog<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

impl<T: ?Sized> Catalog<T> {
    /// A catalogue without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry; one of the same name is replaced.
    ///
    /// ```
    /// # use ipv8_core::{Context, Strategy};
    /// # struct Greet { size: usize }
    /// # impl Strategy for Greet {
    /// #     fn name(&self) -> &'static str { "Greet" }
    /// #     fn step(&mut self, _: &mut Context<'_>) {}
    /// # }
    /// use ipv8_core::{StrategyCatalog, catalog::Key};
    ///
    /// const KEYS: &[Key] = &[Key::new("size", "3", "How many peers are greeted in a step.")];
    ///
    /// let catalog = StrategyCatalog::new().with("Greet", "Greets peers.", KEYS, |settings| {
    ///     Ok(Box::new(Greet { size: settings.take_usize("size").unwrap_or(3) }))
    /// });
    /// assert_eq!(catalog.names().collect::<Vec<_>>(), ["Greet"]);
    /// ```
    #[must_use]
    pub fn with(mut self, name: &'static str, docs: &'static str, keys: &'static [Key], maker: Maker<T>) -> Self {
        self.entries.insert(name, Entry { docs, keys, maker });
        self
    }

    /// Adds all entries of another catalogue, which replace those of the same name.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.entries.extend(other.entries);
        self
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.entries.keys().copied()
    }

    /// The entries, in order.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, &Entry<T>)> {
        self.entries.iter().map(|(name, entry)| (*name, entry))
    }

    /// The entry of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Entry<T>> {
        self.entries.get(name)
    }

    /// Makes what stands under a name, and takes everything out of the settings.
    ///
    /// # Errors
    /// If nothing has this name, or anything is wrong with the settings: all of it is reported.
    pub fn make(&self, name: &str, settings: &mut Settings) -> Result<Box<T>, MakeError> {
        let Some(entry) = self.get(name) else {
            let known = match self.entries.is_empty() {
                true => "none at all".to_owned(),
                false => self.names().collect::<Vec<_>>().join(", "),
            };
            return Err(MakeError::Unknown { name: name.to_owned(), known, suggestion: closest(name, self.names()) });
        };
        let made = (entry.maker)(settings);
        match (made, settings.finish()) {
            (Ok(made), Ok(())) => Ok(made),
            (Ok(_), Err(error)) | (Err(error), Ok(())) => Err(error.into()),
            (Err(mut error), Err(rest)) => {
                error.problems.extend(rest.problems);
                Err(error.into())
            }
        }
    }
}

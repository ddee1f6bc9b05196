//! Where a value of a configuration comes from.

use std::{collections::HashMap, fmt, sync::Arc};

use indexmap::IndexMap;
use ipv8_core::settings::{KeyPath, Step, Value};

/// Where a value of a configuration comes from. Its `Display` is what stands before messages: `ipv8.toml:3:1`,
/// `IPV8_LISTEN`, `--listen`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Nothing was said.
    Default,
    /// A file, with the line and the column of the key, or of the value in a list, counted from 1. Columns count
    /// characters.
    File {
        /// The file as it was named.
        file: Arc<str>,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// The environment variable of this name.
    Environment(Arc<str>),
    /// The flag of this name.
    Flag(Arc<str>),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Self::Environment(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// Finds lines and columns in a text.
pub(crate) struct Places<'t> {
    file: Arc<str>,
    text: &'t str,
    /// Where each line starts.
    lines: Vec<usize>,
}

impl<'t> Places<'t> {
    pub(crate) fn new(file: Arc<str>, text: &'t str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { file, text, lines }
    }

    /// The place of a byte.
    pub(crate) fn at(&self, byte: usize) -> Origin {
        let line = self.lines.partition_point(|start| *start <= byte);
        let start = line.checked_sub(1).and_then(|line| self.lines.get(line)).copied().unwrap_or_default();
        let column = 1 + self.text.get(start..byte).map_or(0, |before| before.chars().count());
        Origin::File { file: self.file.clone(), line, column }
    }
}

/// Values with the place of each.
#[derive(Clone, Default, Debug)]
pub(crate) struct Document {
    pub(crate) root: IndexMap<String, Value>,
    /// For look-ups only.
    origins: HashMap<KeyPath, Origin>,
}

impl Document {
    pub(crate) fn place(&mut self, path: KeyPath, origin: Origin) {
        self.origins.insert(path, origin);
    }

    /// Where a value comes from: from where it is written, or what it is a part of; [`Origin::Default`] if nothing says.
    pub(crate) fn origin(&self, path: &KeyPath) -> Origin {
        let mut path = path.clone();
        loop {
            if let Some(origin) = self.origins.get(&path) {
                return origin.clone();
            }
            if path.0.pop().is_none() {
                return Origin::Default;
            }
        }
    }

    /// Where a value itself is written.
    pub(crate) fn exact_origin(&self, path: &KeyPath) -> Option<&Origin> {
        self.origins.get(path)
    }

    /// Sets a value by its dotted name, over what is there. What is there instead of a table on the way stays, for it is
    /// wrong and will be reported.
    pub(crate) fn set(&mut self, name: &str, value: Value, origin: &Origin) {
        let mut table = &mut self.root;
        let mut path = KeyPath::default();
        let mut parts = name.split('.').peekable();
        while let Some(part) = parts.next() {
            path = path.key(part);
            if parts.peek().is_none() {
                table.insert(part.to_owned(), value);
                self.origins.retain(|there, _| !there.0.starts_with(&path.0));
                self.origins.insert(path, origin.clone());
                return;
            }
            match table.entry(part.to_owned()).or_insert_with(|| Value::Table(IndexMap::new())) {
                Value::Table(next) => table = next,
                _ => return,
            }
        }
    }
}

/// The path of a dotted name.
pub(crate) fn path(name: &str) -> KeyPath {
    KeyPath(name.split('.').map(|part| Step::Key(part.to_owned())).collect())
}

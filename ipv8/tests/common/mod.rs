//! What tests of configurations share.
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "helpers may fail a test")]

use std::path::{Path, PathBuf};

use ipv8::{
    Launchers,
    config::{Config, Layers},
};

/// The problems of a file of this name and content, one a line.
pub(crate) fn problems(name: &str, text: &str) -> Vec<String> {
    problems_with(name, text, &Launchers::standard())
}

pub(crate) fn problems_with(name: &str, text: &str, launchers: &Launchers) -> Vec<String> {
    match Layers::new().text(name, text).read(launchers) {
        Ok(_) => Vec::new(),
        Err(error) => error.to_string().lines().map(str::to_owned).collect(),
    }
}

/// What a file without problems comes to.
#[track_caller]
pub(crate) fn config(name: &str, text: &str) -> Config {
    Layers::new().text(name, text).read(&Launchers::standard()).unwrap()
}

/// A directory of its own, removed in the end.
pub(crate) struct Directory(tempfile::TempDir);

impl Directory {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

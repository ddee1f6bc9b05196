//! The scenarios that come with the program. They are files like those of users: copy one and change it.

use crate::{read::ScenarioError, scenario::Scenario};

/// A built-in scenario.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// Its file.
    pub text: &'static str,
}

impl Builtin {
    /// What the file says.
    ///
    /// # Errors
    /// None: a test reads all of them.
    pub fn scenario(&self) -> Result<Scenario, ScenarioError> {
        Scenario::from_toml(&format!("{}.toml", self.name), self.text)
    }
}

macro_rules! builtins {
    ($($name:literal),* $(,)?) => {
        &[$(Builtin { name: $name, text: include_str!(concat!("../scenarios/", $name, ".toml")) }),*]
    };
}

/// All of them.
pub const BUILTINS: &[Builtin] =
    builtins!["discovery", "flash-crowd", "partition", "nat-mix", "churn", "flood", "dht-growth", "dht-churn"];

/// The built-in scenario of this name.
#[must_use]
pub fn builtin(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}

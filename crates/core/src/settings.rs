//! Settings that are known at run time only: what a configuration file says of a strategy or a bootstrapper.
//!
//! Whoever reads a file turns it into a [`Settings`]; whoever makes something of it takes the values out, one by one and
//! by type. All problems are collected, so that a user sees all of them at once.
//!
//! ```
//! use std::time::Duration;
//! use ipv8_core::settings::{Settings, Value};
//!
//! let mut settings = Settings::new([("timeout", Value::from(2.5)), ("windw_size", Value::from(5))]);
//! assert_eq!(settings.take_duration("timeout"), Some(Duration::from_millis(2_500)));
//! assert_eq!(settings.take_usize("window_size"), None);
//!
//! let error = settings.finish().unwrap_err();
//! assert_eq!(error.to_string(), "`windw_size` is not known here, did you mean `window_size`?");
//! ```

use std::{fmt, ops::RangeInclusive, time::Duration};

use indexmap::IndexMap;

/// The longest time that a setting may name, a year: more is a mistake, and might overflow.
pub const LONGEST: Duration = Duration::from_secs(366 * 24 * 3_600);

/// A value as configuration files have them.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Text(String),
    /// Values in order; they need not be of one type.
    List(Vec<Value>),
    /// Values by key, in the order in which they were written.
    Table(IndexMap<String, Value>),
}

impl Value {
    /// What it is, in words that follow "is".
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "true or false",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Vec<Self>> for Value {
    fn from(value: Vec<Self>) -> Self {
        Self::List(value)
    }
}

impl From<IndexMap<String, Self>> for Value {
    fn from(value: IndexMap<String, Self>) -> Self {
        Self::Table(value)
    }
}

/// One step into nested settings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Into a table.
    Key(String),
    /// Into a list, from 0.
    Index(usize),
}

/// Where a value stands: the steps from the settings' root to it. It reads `overlays[0].walkers[1].timeout`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeyPath(pub Vec<Step>);

impl KeyPath {
    /// The path one step further, into a table.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.step(Step::Key(key.into()))
    }

    /// The path one step further, into a list.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.step(Step::Index(index))
    }

    fn step(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if number == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where. For an unknown key, the path of that key.
    pub path: KeyPath,
    /// What is wrong, in words that follow the path: "must be text, not a list".
    pub what: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.0.is_empty() {
            true => f.write_str(&self.what)?,
            false => write!(f, "`{}` {}", self.path, self.what)?,
        }
        match &self.suggestion {
            Some(suggestion) => write!(f, ", did you mean `{suggestion}`?"),
            None => Ok(()),
        }
    }
}

/// All that is wrong with some settings; one line for each problem.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.problems))]
pub struct SettingsError {
    /// The problems, in the order in which they were found; at least one.
    pub problems: Vec<Problem>,
}

impl From<Problem> for SettingsError {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Values by key, to be taken out by those who know what they mean.
///
/// Each `take_` method removes a value and returns it. `None` says that there is none, *or* that it is wrong: then the
/// problem is kept for [`Settings::finish`], which must be called last, and the caller goes on with its default.
#[derive(Clone, Debug, Default)]
#[must_use = "problems are reported by `finish`"]
pub struct Settings {
    path: KeyPath,
    values: IndexMap<String, Value>,
    /// The keys that somebody asked for: all that there are.
    asked: Vec<String>,
    problems: Vec<Problem>,
}

impl Settings {
    /// Settings of these values.
    pub fn new<K: Into<String>>(values: impl IntoIterator<Item = (K, Value)>) -> Self {
        let values = values.into_iter().map(|(key, value)| (key.into(), value)).collect();
        Self { values, ..Self::default() }
    }

    /// The same, with the place where they stand in something larger; problems are reported with it.
    pub fn at(mut self, path: KeyPath) -> Self {
        self.path = path;
        self
    }

    /// Where these settings stand.
    #[must_use]
    pub const fn path(&self) -> &KeyPath {
        &self.path
    }

    /// Whether there is a value of this key.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// The value of this key, which stays there: for those that may be of several types.
    #[must_use]
    pub fn peek(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    /// Takes a value of any type.
    pub fn take(&mut self, key: &str) -> Option<Value> {
        if !self.asked.iter().any(|asked| asked == key) {
            self.asked.push(key.to_owned());
        }
        self.values.shift_remove(key)
    }

    /// Takes true or false.
    pub fn take_bool(&mut self, key: &str) -> Option<bool> {
        self.take_as(key, "true or false", |value| match value {
            Value::Bool(value) => Ok(value),
            other => Err(other),
        })
    }

    /// Takes text.
    pub fn take_text(&mut self, key: &str) -> Option<String> {
        self.take_as(key, "text", |value| match value {
            Value::Text(value) => Ok(value),
            other => Err(other),
        })
    }

    /// Takes a whole number.
    pub fn take_integer(&mut self, key: &str) -> Option<i64> {
        self.take_as(key, "a whole number", |value| match value {
            Value::Integer(value) => Ok(value),
            other => Err(other),
        })
    }

    /// Takes a whole number in a range, ends included.
    pub fn take_integer_within(&mut self, key: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let value = self.take_integer(key)?;
        if !range.contains(&value) {
            self.problem(key, format!("must be from {} to {}, not {value}", range.start(), range.end()));
            return None;
        }
        Some(value)
    }

    /// Takes a number of things: a whole number that is not negative.
    pub fn take_usize(&mut self, key: &str) -> Option<usize> {
        let value = self.take_integer(key)?;
        let number = usize::try_from(value).ok();
        if number.is_none() {
            self.problem(key, format!("must not be negative, and is {value}"));
        }
        number
    }

    /// Takes a number of things in a range, ends included.
    pub fn take_usize_within(&mut self, key: &str, range: RangeInclusive<usize>) -> Option<usize> {
        let value = self.take_usize(key)?;
        if !range.contains(&value) {
            self.problem(key, format!("must be from {} to {}, not {value}", range.start(), range.end()));
            return None;
        }
        Some(value)
    }

    /// Takes a number that is neither infinite nor NaN; whole numbers are numbers too.
    pub fn take_float(&mut self, key: &str) -> Option<f64> {
        let value = self.take_as(key, "a number", |value| match value {
            Value::Float(value) => Ok(value),
            // Numbers so large that this rounds them are out of every range.
            Value::Integer(value) => Ok(value as f64),
            other => Err(other),
        })?;
        if !value.is_finite() {
            self.problem(key, format!("must be a finite number, not {value}"));
            return None;
        }
        Some(value)
    }

    /// Takes a time in seconds, with or without a fraction; not negative, and at most [`LONGEST`].
    pub fn take_duration(&mut self, key: &str) -> Option<Duration> {
        self.take_duration_within(key, Duration::ZERO..=LONGEST)
    }

    /// Takes a time in seconds in a range, ends included.
    pub fn take_duration_within(&mut self, key: &str, range: RangeInclusive<Duration>) -> Option<Duration> {
        let seconds = self.take_float(key)?;
        let value = Duration::try_from_secs_f64(seconds).ok().filter(|value| range.contains(value));
        if value.is_none() {
            let (from, to) = (range.start().as_secs_f64(), range.end().as_secs_f64());
            self.problem(key, format!("must be from {from} to {to} seconds, not {seconds}"));
        }
        value
    }

    /// Takes a text that is one of several; others are a problem, with the closest one as a suggestion.
    pub fn take_choice<'c>(&mut self, key: &str, choices: &[&'c str]) -> Option<&'c str> {
        let text = self.take_text(key)?;
        let choice = choices.iter().copied().find(|choice| *choice == text);
        if choice.is_none() {
            let what = format!("must be one of {}, not `{text}`", choices.join(", "));
            let suggestion = closest(&text, choices.iter().copied()).map(str::to_owned);
            self.problems.push(Problem { path: self.path.key(key), what, suggestion });
        }
        choice
    }

    /// Takes a list.
    pub fn take_list(&mut self, key: &str) -> Option<Vec<Value>> {
        self.take_as(key, "a list", |value| match value {
            Value::List(value) => Ok(value),
            other => Err(other),
        })
    }

    /// Takes a list and reads each of its values. `read` says what is wrong in words that follow the value's path; all
    /// wrong values are reported.
    pub fn take_each<T>(&mut self, key: &str, mut read: impl FnMut(&Value) -> Result<T, String>) -> Option<Vec<T>> {
        let list = self.take_list(key)?;
        let mut all = Vec::with_capacity(list.len());
        let mut failed = false;
        for (index, value) in list.iter().enumerate() {
            match read(value) {
                Ok(value) => all.push(value),
                Err(what) => {
                    failed = true;
                    self.problems.push(Problem { path: self.path.key(key).index(index), what, suggestion: None });
                }
            }
        }
        (!failed).then_some(all)
    }

    /// Takes a table and reads it as settings of their own. What is wrong in it, unknown keys too, is a problem of these.
    pub fn take_table<T>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let table = self.take_as(key, "a table", |value| match value {
            Value::Table(value) => Ok(value),
            other => Err(other),
        })?;
        let mut nested = Self::new(table).at(self.path.key(key));
        let result = read(&mut nested);
        match nested.finish() {
            Ok(()) => Some(result),
            Err(error) => {
                self.problems.extend(error.problems);
                None
            }
        }
    }

    /// Takes a list of tables and reads each of them as settings of their own. What is wrong in them, unknown keys too, is
    /// a problem of these; what is no table is one, and is left out.
    pub fn take_tables<T>(&mut self, key: &str, mut read: impl FnMut(&mut Self) -> T) -> Option<Vec<T>> {
        let list = self.take_list(key)?;
        let mut all = Vec::with_capacity(list.len());
        for (index, value) in list.into_iter().enumerate() {
            let path = self.path.key(key).index(index);
            match value {
                Value::Table(table) => {
                    let mut nested = Self::new(table).at(path);
                    all.push(read(&mut nested));
                    self.problems.extend(nested.finish().err().into_iter().flat_map(|error| error.problems));
                }
                other => {
                    let what = format!("must be a table, not {}", other.kind());
                    self.problems.push(Problem { path, what, suggestion: None });
                }
            }
        }
        Some(all)
    }

    /// Notes that something is wrong with a value, in words that follow its key.
    pub fn problem(&mut self, key: &str, what: impl Into<String>) {
        self.problems.push(Problem { path: self.path.key(key), what: what.into(), suggestion: None });
    }

    /// Ends the taking: what was not taken is not known here.
    ///
    /// # Errors
    /// If there was any problem. They are reported once: a second call finds none.
    pub fn finish(&mut self) -> Result<(), SettingsError> {
        for (key, _) in std::mem::take(&mut self.values) {
            // What is there already cannot be meant.
            let suggestion = closest(&key, self.asked.iter().map(String::as_str)).map(str::to_owned);
            let what = "is not known here".to_owned();
            self.problems.push(Problem { path: self.path.key(key), what, suggestion });
        }
        match std::mem::take(&mut self.problems) {
            problems if problems.is_empty() => Ok(()),
            problems => Err(SettingsError { problems }),
        }
    }

    fn take_as<T>(&mut self, key: &str, expected: &str, read: impl FnOnce(Value) -> Result<T, Value>) -> Option<T> {
        match read(self.take(key)?) {
            Ok(value) => Some(value),
            Err(other) => {
                self.problem(key, format!("must be {expected}, not {}", other.kind()));
                None
            }
        }
    }
}

/// The candidate that somebody who wrote `word` probably meant; `None` if all are too different. Upper and lower case,
/// `-` and `_` count as the same.
pub fn closest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let simple = |word: &str| word.to_lowercase().replace('-', "_");
    let word = simple(word);
    // A third of the letters may be wrong, one of a short word.
    let most = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &simple(candidate)), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

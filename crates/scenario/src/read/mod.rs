//! From a file to a scenario.

mod dht;
mod document;
mod events;
pub mod keys;
mod network;
mod problem;

use std::time::Duration;

use ipv8_core::{
    Target,
    settings::{self, LONGEST, Settings, Value},
};

pub use self::problem::{Place, Problem, ScenarioError};
use crate::scenario::{
    Goal, HardeningLevel, Join, Length, Measure, Metric, Overlay, OverlayKind, Requests, Scenario, Sessions, Stop,
    Trackers, Walker,
};

/// How unknown keys are reported.
const UNKNOWN: &str = "is not known here";

impl Scenario {
    /// Reads a scenario from the text of a TOML file; `docs/simulation.md` has all keys. The name of the file is for
    /// messages only.
    ///
    /// # Errors
    /// If anything is wrong with it: all of it is said, each with its line.
    pub fn from_toml(file: &str, text: &str) -> Result<Self, ScenarioError> {
        let failed = |mut problems: Vec<Problem>| {
            problems.sort_by_key(|problem| problem.place);
            ScenarioError { file: file.to_owned(), problems }
        };
        let document = document::read(text).map_err(failed)?;
        let mut values = Settings::new(document.root.clone());
        let scenario = scenario(&mut values);
        let mut problems = values.finish().err().map(|error| error.problems).unwrap_or_default();
        // Where a value could not be read, what was put in its place is not to blame.
        let no_end = problems.iter().any(|before| before.path.to_string().starts_with("stop"));
        for problem in scenario.problems() {
            let follows = no_end && problem.what.contains("`stop.after`");
            if !follows && !problems.iter().any(|before| before.path == problem.path) {
                problems.push(problem);
            }
        }
        if problems.is_empty() {
            return Ok(scenario);
        }
        Err(failed(problems.into_iter().map(|problem| place(problem, &document)).collect()))
    }
}

fn place(problem: settings::Problem, document: &document::Document) -> Problem {
    let settings::Problem { path, what, suggestion } = problem;
    let what = match suggestion {
        Some(suggestion) => format!("{what}, did you mean `{suggestion}`?"),
        None if what == UNKNOWN => format!("{what}: {}", keys::known(&path)),
        None => what,
    };
    Problem { place: document.place(&path), key: path.to_string(), what }
}

fn scenario(values: &mut Settings) -> Scenario {
    let name = values.take_text("name");
    if name.is_none() && !values.has("name") {
        values.problem("name", "is missing: give the scenario a name, in lower case with hyphens");
    }
    let mut scenario = Scenario::new(name.unwrap_or_else(|| "unnamed".to_owned()));
    scenario.about = values.take_text("about").unwrap_or_default();
    if let Some(seed) = values.take_integer_within("seed", 0..=i64::MAX) {
        scenario.seed = u64::try_from(seed).unwrap_or_default();
    }
    if let Some(nodes) = take_u32(values, "nodes") {
        scenario.nodes = nodes;
    }
    if let Some(signatures) = values.take_choice("signatures", &["memoised", "stamps"]) {
        scenario.stamps = signatures == "stamps";
    }
    if let Some(trackers) = section(values, "trackers", trackers) {
        scenario.trackers = trackers;
    }
    if let Some(overlay) = section(values, "overlay", overlay) {
        scenario.overlay = overlay;
    }
    if let Some(join) = section(values, "join", join) {
        scenario.join = join;
    }
    scenario.sessions = section(values, "sessions", sessions);
    if let Some(link) = section(values, "link", network::link) {
        scenario.link = link;
    }
    if let Some(nat) = section(values, "nat", network::nat) {
        scenario.nat = nat;
    }
    scenario.regions = network::regions(values);
    scenario.cpu = section(values, "cpu", network::cpu);
    if let Some(clocks) = section(values, "clocks", network::clocks) {
        scenario.clocks = clocks;
    }
    scenario.attackers = network::attackers(values);
    scenario.requests = section(values, "requests", requests);
    scenario.dht = section(values, "dht", dht::dht);
    scenario.events = events::read(values);
    if let Some(measure) = section(values, "measure", measure) {
        scenario.measure = measure;
    }
    if let Some(stop) = section(values, "stop", stop) {
        scenario.stop = stop;
    }
    scenario
}

/// Takes a number of things that is not negative; what does not fit is out of every range.
fn take_u32(values: &mut Settings, key: &str) -> Option<u32> {
    values.take_usize(key).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

fn trackers(values: &mut Settings) -> Trackers {
    let default = Trackers::default();
    Trackers {
        count: take_u32(values, "count").unwrap_or(default.count),
        peers: values.take_usize("peers").unwrap_or(default.peers),
    }
}

fn overlay(values: &mut Settings) -> Overlay {
    let mut overlay = Overlay::default();
    if let Some(name) = values.take_choice("community", &OverlayKind::ALL.map(OverlayKind::name)) {
        overlay.kind = OverlayKind::ALL.into_iter().find(|kind| kind.name() == name).unwrap_or_default();
    }
    if let Some(name) = values.take_choice("hardening", &HardeningLevel::ALL.map(HardeningLevel::name)) {
        overlay.hardening = HardeningLevel::ALL.into_iter().find(|level| level.name() == name).unwrap_or_default();
    }
    if let Some(number) = values.take_integer_within("max_peers", -1..=1_000_000) {
        overlay.max_peers = usize::try_from(number).ok();
    }
    if let Some(tick) = values.take_duration("tick") {
        overlay.tick = tick;
    }
    overlay.walkers = values.take_tables("walkers", walker).unwrap_or_default();
    overlay
}

fn walker(values: &mut Settings) -> Walker {
    let strategy = take_needed(values, "strategy", Settings::take_text).unwrap_or_else(|| "RandomWalk".to_owned());
    let target = match values.take_integer_within("peers", -1..=1_000_000) {
        Some(number) => usize::try_from(number).map_or(Target::Always, Target::Peers),
        None => Target::Peers(20),
    };
    // The catalogue knows what is in it.
    let settings = match values.take("init") {
        Some(Value::Table(table)) => table,
        Some(other) => {
            values.problem("init", format!("must be a table, not {}", other.kind()));
            Default::default()
        }
        None => Default::default(),
    };
    Walker { strategy, target, settings }
}

fn join(values: &mut Settings) -> Join {
    let process = take_needed(values, "process", |values, key| {
        values.take_choice(key, &["at-once", "evenly", "poisson"]).map(str::to_owned)
    });
    match process.as_deref() {
        Some("at-once") => Join::AtOnce,
        Some("evenly") => Join::Evenly(take_needed(values, "over", Settings::take_duration).unwrap_or_default()),
        Some("poisson") => Join::Poisson(take_needed(values, "rate", Settings::take_float).unwrap_or(1.0)),
        _ => {
            // Its kind is wrong, so what else belongs to it cannot be told.
            let _ = (values.take("over"), values.take("rate"));
            Join::default()
        }
    }
}

/// Reads a time: `300`, always as long; `{ mean = 300 }`, exponential; `{ median = 300 }`, by Weibull.
fn length(values: &mut Settings, key: &str) -> Option<Length> {
    match values.peek(key)? {
        Value::Table(_) => {
            let length = section(values, key, |table| match table.has("median") {
                true => table.take_duration("median").map(Length::Weibull),
                false => take_needed(table, "mean", Settings::take_duration).map(Length::Exponential),
            });
            length.flatten()
        }
        Value::Integer(_) | Value::Float(_) => values.take_duration(key).map(Length::Fixed),
        other => {
            let what = format!(
                "must be a number of seconds, {{ mean = SECONDS }} or {{ median = SECONDS }}, not {}",
                other.kind()
            );
            let _ = values.take(key);
            values.problem(key, what);
            None
        }
    }
}

fn sessions(values: &mut Settings) -> Sessions {
    let default = Sessions::default();
    Sessions {
        length: length(values, "length").unwrap_or(default.length),
        pause: length(values, "pause").unwrap_or(default.pause),
        share: values.take_float("share").unwrap_or(default.share),
        keep_peers: values.take_bool("keep_peers").unwrap_or(default.keep_peers),
    }
}

fn requests(values: &mut Settings) -> Requests {
    let default = Requests::default();
    Requests {
        rate: values.take_float("rate").unwrap_or(default.rate),
        size: values.take_usize("size").unwrap_or(default.size),
        timeout: values.take_duration("timeout").unwrap_or(default.timeout),
    }
}

fn measure(values: &mut Settings) -> Measure {
    let default = Measure::default();
    let metrics = values.take_each("metrics", |value| match value {
        Value::Text(text) => Metric::ALL.into_iter().find(|metric| metric.name() == text).ok_or_else(|| {
            let names = Metric::ALL.map(Metric::name);
            let closest = settings::closest(text, names).map(|name| format!(", did you mean `{name}`?"));
            format!("must be one of {}, not `{text}`{}", names.join(", "), closest.unwrap_or_default())
        }),
        other => Err(format!("must be text, not {}", other.kind())),
    });
    Measure {
        every: values.take_duration("every").unwrap_or(default.every),
        metrics: metrics.unwrap_or(default.metrics),
        peers: take_u32(values, "peers").unwrap_or(default.peers),
        histograms: values.take_each("histograms", moment).unwrap_or_default(),
        graphs: values.take_each("graphs", moment).unwrap_or_default(),
    }
}

fn moment(value: &Value) -> Result<Duration, String> {
    let seconds = match value {
        Value::Integer(seconds) => u64::try_from(*seconds).ok().map(Duration::from_secs),
        Value::Float(seconds) => Duration::try_from_secs_f64(*seconds).ok(),
        other => return Err(format!("must be a number of seconds, not {}", other.kind())),
    };
    let most = LONGEST.as_secs();
    seconds.filter(|time| *time <= LONGEST).ok_or_else(|| format!("must be from 0 to {most} seconds"))
}

fn stop(values: &mut Settings) -> Stop {
    let default = Stop::default();
    Stop {
        after: values.take_duration("after").unwrap_or(default.after),
        goal: section(values, "goal", |goal| Goal {
            share: take_needed(goal, "share", Settings::take_float).unwrap_or(1.0),
            peers: take_needed(goal, "peers", take_u32).unwrap_or(1),
        }),
    }
}

/// Reads a table, and takes what could be read of it though something else in it is wrong.
fn section<T>(values: &mut Settings, key: &str, read: impl FnOnce(&mut Settings) -> T) -> Option<T> {
    let mut result = None;
    let _ = values.take_table(key, |table| result = Some(read(table)));
    result
}

/// Takes a value that has to be there.
fn take_needed<T>(values: &mut Settings, key: &str, take: impl FnOnce(&mut Settings, &str) -> Option<T>) -> Option<T> {
    if !values.has(key) {
        // So that a word that was meant for it is found.
        let _ = values.take(key);
        values.problem(key, "is missing");
        return None;
    }
    take(values, key)
}

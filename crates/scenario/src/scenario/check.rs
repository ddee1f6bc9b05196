//! What is wrong with a scenario: values out of range, and values that contradict each other.

use std::time::Duration;

use ipv8_core::{
    MakeError,
    settings::{KeyPath, LONGEST, Problem, Settings, Step},
};

use ipv8_sim::Regions;

use super::{
    AttackKind, Count, Dht, Event, Happening, Join, Length, LinkModel, MOST_NODES, Measure, OverlayKind, Parts,
    RegionMap, Scenario,
};
use crate::run::catalog;

/// The most trackers, which nodes ask all of.
const MOST_TRACKERS: u32 = 100;

/// The most nodes behind NATs: 256 LANs of 254 addresses, see [`ipv8_sim::nat`].
pub(crate) const MOST_BEHIND: u32 = 256 * 254;

/// The most nodes in one LAN.
const MOST_IN_LAN: u32 = 254;

/// Bytes of a question's body: with headers and signature it still fits into a datagram of 1,500 bytes.
const LARGEST_BODY: usize = 1_200;

/// The most regions of one's own.
const MOST_REGIONS: usize = 100;

/// The most attackers.
const MOST_ATTACKERS: usize = 50;

/// The most values in the DHT.
const MOST_VALUES: u32 = 100_000;

/// The most moments of one kind.
const MOST_MOMENTS: usize = 1_000;

/// The most samples of a metric.
const MOST_SAMPLES: u128 = 100_000;

/// Rounding of shares that are written in decimals.
const ROUNDING: f64 = 1e-9;

pub(super) fn problems(scenario: &Scenario) -> Vec<Problem> {
    let mut check = Check { problems: Vec::new() };
    check.all(scenario);
    check.problems
}

struct Check {
    problems: Vec<Problem>,
}

/// The path of a dotted name.
fn path(name: &str) -> KeyPath {
    KeyPath(name.split('.').map(|part| Step::Key(part.to_owned())).collect())
}

impl Check {
    fn say(&mut self, path: KeyPath, what: impl Into<String>) {
        self.problems.push(Problem { path, what: what.into(), suggestion: None });
    }

    fn number(&mut self, path: KeyPath, value: u32, least: u32, most: u32) {
        if !(least..=most).contains(&value) {
            self.say(path, format!("must be from {least} to {most}, not {value}"));
        }
    }

    fn float(&mut self, path: KeyPath, value: f64, least: f64, most: f64) {
        if !(least..=most).contains(&value) {
            self.say(path, format!("must be from {least} to {most}, not {value}"));
        }
    }

    fn share(&mut self, path: KeyPath, value: f64) {
        self.float(path, value, 0.0, 1.0);
    }

    fn time(&mut self, path: KeyPath, value: Duration, least: Duration, most: Duration) {
        if !(least..=most).contains(&value) {
            let [value, least, most] = [value, least, most].map(|time| time.as_secs_f64());
            self.say(path, format!("must be from {least} to {most} seconds, not {value}"));
        }
    }

    fn all(&mut self, scenario: &Scenario) {
        let Scenario { name, nodes, trackers, overlay, requests, measure, stop, .. } = scenario;
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(is_name) {
            self.say(path("name"), format!("must be of lower case letters, digits and hyphens, not `{name}`"));
        }
        self.number(path("nodes"), *nodes, 1, MOST_NODES);
        if *nodes <= MOST_NODES && scenario.nodes_in_all() > MOST_NODES {
            let all = scenario.nodes_in_all();
            self.say(path("nodes"), format!("are {all} with those of flash crowds: {MOST_NODES} have an address"));
        }
        self.number(path("trackers.count"), trackers.count, 1, MOST_TRACKERS);
        if !(1..=100_000).contains(&trackers.peers) {
            self.say(path("trackers.peers"), format!("must be from 1 to 100000, not {}", trackers.peers));
        }
        self.time(path("overlay.tick"), overlay.tick, Duration::from_millis(1), Duration::from_secs(3_600));
        self.walkers(scenario);
        match scenario.join {
            Join::AtOnce => {}
            Join::Evenly(over) => self.time(path("join.over"), over, Duration::ZERO, LONGEST),
            Join::Poisson(rate) => self.float(path("join.rate"), rate, 0.001, 1_000_000.0),
        }
        if let Some(sessions) = &scenario.sessions {
            for (key, length) in [("length", sessions.length), ("pause", sessions.pause)] {
                let (Length::Fixed(length) | Length::Exponential(length) | Length::Weibull(length)) = length;
                self.time(path("sessions").key(key), length, Duration::from_millis(100), LONGEST);
            }
            self.share(path("sessions.share"), sessions.share);
        }
        self.link(&path("link"), &scenario.link);
        self.regions(scenario);
        self.nat(scenario);
        if let Some(cpu) = &scenario.cpu {
            self.number(path("cpu.slower"), cpu.slower, 1, 100_000);
            if !(1_000..=1_000_000_000).contains(&cpu.buffer) {
                self.say(path("cpu.buffer"), format!("must be from 1000 to 1000000000 bytes, not {}", cpu.buffer));
            }
        }
        self.number(path("clocks.skew"), scenario.clocks.skew, 0, 500_000);
        self.attackers(scenario);
        if let Some(requests) = requests {
            self.float(path("requests.rate"), requests.rate, 0.000_1, 1_000.0);
            self.time(path("requests.timeout"), requests.timeout, Duration::from_millis(10), Duration::from_secs(600));
            if requests.size > LARGEST_BODY {
                self.say(
                    path("requests.size"),
                    format!("must be from 0 to {LARGEST_BODY} bytes, not {}", requests.size),
                );
            }
        }
        self.dht(scenario);
        self.events(scenario);
        self.measure(measure, stop.after);
        self.time(path("stop.after"), stop.after, Measure::SHORTEST, LONGEST);
        if let Some(goal) = stop.goal {
            self.share(path("stop.goal.share"), goal.share);
            self.number(path("stop.goal.peers"), goal.peers, 1, MOST_NODES);
            if goal.peers >= scenario.nodes_in_all() && *nodes <= MOST_NODES && goal.peers <= MOST_NODES {
                let what = format!("are more peers than a node can know: there are {} nodes", scenario.nodes_in_all());
                self.say(path("stop.goal.peers"), what);
            }
        }
    }

    fn dht(&mut self, scenario: &Scenario) {
        let Some(dht) = &scenario.dht else { return };
        if scenario.overlay.kind != OverlayKind::Dht {
            self.say(path("dht"), "is for the DhtCommunity: choose it as `overlay.community`");
        }
        self.number(path("dht.values"), dht.values, 1, MOST_VALUES);
        self.number(path("dht.staying"), dht.staying, 0, scenario.nodes);
        self.share(path("dht.malicious"), dht.malicious);
        if let Some(every) = dht.republish {
            self.time(path("dht.republish"), every, Duration::from_secs(10), LONGEST);
        }
        self.time(path("dht.store_at"), dht.store_at, Duration::ZERO, scenario.stop.after);
        self.time(path("dht.store_over"), dht.store_over, Duration::ZERO, LONGEST);
        self.time(path("dht.find_over"), dht.find_over, Duration::ZERO, LONGEST);
        if dht.find_at.len() > Dht::MOST_MOMENTS {
            let (count, most) = (dht.find_at.len(), Dht::MOST_MOMENTS);
            self.say(path("dht.find_at"), format!("has {count} moments: at most {most} are kept"));
        }
        for (index, at) in dht.find_at.iter().enumerate().filter(|(_, at)| **at > scenario.stop.after) {
            let (at, end) = (at.as_secs_f64(), scenario.stop.after.as_secs_f64());
            let what = format!("is {at}, after the end of the run at {end} seconds: see `stop.after`");
            self.say(path("dht.find_at").index(index), what);
        }
    }

    fn walkers(&mut self, scenario: &Scenario) {
        let catalog = catalog(scenario.overlay.kind);
        for (index, walker) in scenario.overlay.walkers.iter().enumerate() {
            let place = path("overlay.walkers").index(index);
            if scenario.overlay.kind == OverlayKind::Plain && walker.strategy == "PeriodicSimilarity" {
                let what = "is for the DiscoveryCommunity: choose it as `overlay.community`, or leave it out";
                self.say(place.key("strategy"), what);
                continue;
            }
            let mut settings = Settings::new(walker.settings.clone()).at(place.key("init"));
            match catalog.make(&walker.strategy, &mut settings) {
                Ok(_) => {}
                Err(MakeError::Settings(error)) => self.problems.extend(error.problems),
                Err(MakeError::Unknown { name, known, suggestion }) => self.problems.push(Problem {
                    path: place.key("strategy"),
                    what: format!("must be one of {known}, not `{name}`"),
                    suggestion: suggestion.map(str::to_owned),
                }),
            }
        }
    }

    fn link(&mut self, place: &KeyPath, link: &LinkModel) {
        self.share(place.key("loss"), link.loss);
        self.share(place.key("duplication"), link.duplication);
        if let Some((share, _)) = link.reordering {
            self.share(place.key("reordering").key("share"), share);
        }
        if let Some((bytes, queue)) = link.bandwidth
            && (bytes == 0 || queue < 1_500)
        {
            let what =
                "must be at least 1 byte a second, with a queue of at least 1500 bytes, or large packets never pass";
            self.say(place.key("bandwidth"), what);
        }
        if let Some((every, lasts, loss)) = link.bursts {
            let least = Duration::from_millis(1);
            self.time(place.key("bursts").key("every"), every, least, LONGEST);
            self.time(place.key("bursts").key("lasts"), lasts, least, LONGEST);
            self.share(place.key("bursts").key("loss"), loss);
        }
    }

    fn regions(&mut self, scenario: &Scenario) {
        let Some(RegionMap::Own(regions)) = &scenario.regions else { return };
        if regions.len() > MOST_REGIONS {
            self.say(path("region"), format!("is there {} times: at most {MOST_REGIONS} regions", regions.len()));
        }
        if regions.iter().all(|region| region.weight == 0) {
            self.say(path("region"), "has no weight anywhere: no node would be in any of them");
        }
        for (index, region) in regions.iter().enumerate() {
            let place = path("region").index(index);
            if regions.iter().take(index).any(|before| before.name == region.name) {
                self.say(place.key("name"), format!("`{}` is there already: name another", region.name));
            }
            if region.latency.len() != regions.len() {
                let (given, all) = (region.latency.len(), regions.len());
                self.say(place.key("latency"), format!("has {given} values: give one to each of the {all} regions"));
            }
        }
    }

    fn attackers(&mut self, scenario: &Scenario) {
        if scenario.attackers.len() > MOST_ATTACKERS {
            let count = scenario.attackers.len();
            self.say(path("attacker"), format!("is there {count} times: at most {MOST_ATTACKERS} attackers"));
        }
        let end = scenario.stop.after;
        for (index, attack) in scenario.attackers.iter().enumerate() {
            let place = path("attacker").index(index);
            self.float(place.key("rate"), attack.rate, 0.001, 100_000.0);
            self.share(place.key("share"), attack.share);
            self.number(place.key("addresses"), attack.addresses, 1, 10_000);
            if attack.from > end {
                let end = end.as_secs_f64();
                self.say(place.key("from"), format!("is after the end of the run at {end} seconds: see `stop.after`"));
            }
            if attack.to.is_some_and(|to| to <= attack.from) {
                self.say(place.key("to"), "must be later than `from`");
            }
            match attack.kind {
                AttackKind::Requests if scenario.requests.is_none() => {
                    self.say(place.key("kind"), "sends the scenario's questions, and there is no table `requests`");
                }
                AttackKind::Similarity if scenario.overlay.kind != OverlayKind::Discovery => {
                    self.say(place.key("kind"), "is for the DiscoveryCommunity: choose it as `overlay.community`");
                }
                _ => {}
            }
        }
    }

    fn nat(&mut self, scenario: &Scenario) {
        let nat = &scenario.nat;
        for (kind, share) in nat.shares().into_iter().skip(1) {
            self.share(path("nat").key(kind.name()), share);
        }
        let sum = nat.behind();
        if sum > 1.0 + ROUNDING {
            self.say(path("nat"), format!("has shares of {sum} together: at most 1 of all nodes can be behind NATs"));
        }
        self.number(path("nat.behind_each"), nat.behind_each, 1, MOST_IN_LAN);
        let behind = Count::Share(sum.min(1.0)).of(scenario.nodes_in_all());
        if behind > MOST_BEHIND {
            let what = format!("puts {behind} nodes behind NATs, and {MOST_BEHIND} have an address there: take fewer");
            self.say(path("nat"), what);
        }
    }

    fn events(&mut self, scenario: &Scenario) {
        let mut sorted: Vec<_> = scenario.events.iter().enumerate().collect();
        sorted.sort_by_key(|(_, event)| event.at);
        let (mut parted, mut trackers_down) = (false, false);
        for (index, event) in sorted {
            let place = path("event").index(index);
            let Event { at, what } = event;
            if *at > scenario.stop.after {
                let end = scenario.stop.after.as_secs_f64();
                self.say(place.key("at"), format!("is after the end of the run at {end} seconds: see `stop.after`"));
            }
            match what {
                Happening::Partition(Parts::Equal(parts)) => self.number(place.key("parts"), *parts, 2, 1_000),
                Happening::Partition(Parts::Share(share)) => self.share(place.key("share"), *share),
                Happening::Partition(Parts::Region(name)) => self.is_region(place.key("region"), name, scenario),
                Happening::Link(link) => self.link(&place, link),
                Happening::Heal if !parted => {
                    self.say(place.key("kind"), "heals no partition: none is there at this time");
                }
                Happening::TrackersDown if trackers_down => {
                    self.say(place.key("kind"), "takes down trackers that are down already");
                }
                Happening::TrackersUp if !trackers_down => {
                    self.say(place.key("kind"), "starts trackers that are up");
                }
                Happening::Crash { count: Count::Share(share), .. } => self.share(place.key("share"), *share),
                Happening::FlashCrowd { count, within } => {
                    if let Count::Share(share) = count {
                        self.float(place.key("share"), *share, 0.0, 1_000.0);
                    }
                    self.time(place.key("within"), *within, Duration::ZERO, LONGEST);
                }
                _ => {}
            }
            match what {
                Happening::Partition(_) => parted = true,
                Happening::Heal => parted = false,
                Happening::TrackersDown => trackers_down = true,
                Happening::TrackersUp => trackers_down = false,
                _ => {}
            }
        }
    }

    fn is_region(&mut self, place: KeyPath, name: &str, scenario: &Scenario) {
        let names: Vec<String> = match &scenario.regions {
            None => {
                return self.say(place, "names a region, and there are none: see `regions` and `region`");
            }
            Some(RegionMap::Internet) => Regions::internet().iter().map(|(_, name)| name.to_owned()).collect(),
            Some(RegionMap::Own(regions)) => regions.iter().map(|region| region.name.clone()).collect(),
        };
        if !names.iter().any(|known| known == name) {
            self.say(place, format!("must be one of {}, not `{name}`", names.join(", ")));
        }
    }

    fn measure(&mut self, measure: &Measure, end: Duration) {
        self.time(path("measure.every"), measure.every, Measure::SHORTEST, LONGEST);
        let samples = end.as_nanos() / measure.every.as_nanos().max(1);
        if samples > MOST_SAMPLES {
            let what = format!("makes {samples} samples until `stop.after`: at most {MOST_SAMPLES} are kept");
            self.say(path("measure.every"), what);
        }
        self.number(path("measure.peers"), measure.peers, 1, MOST_NODES);
        for (key, moments) in [("histograms", &measure.histograms), ("graphs", &measure.graphs)] {
            let place = path("measure").key(key);
            if moments.len() > MOST_MOMENTS {
                self.say(place.clone(), format!("has {} moments: at most {MOST_MOMENTS} are kept", moments.len()));
            }
            for (index, at) in moments.iter().enumerate().filter(|(_, at)| **at > end) {
                let (at, end) = (at.as_secs_f64(), end.as_secs_f64());
                self.say(
                    place.index(index),
                    format!("is {at}, after the end of the run at {end} seconds: see `stop.after`"),
                );
            }
        }
    }
}

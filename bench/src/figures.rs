//! Figures that are kept: medians and what they are, in a file that people can read, and how others differ from them.
#![allow(clippy::print_stdout, reason = "it prints tables")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::rounds::Row;

/// The side that others are compared with: py-ipv8's.
pub const REFERENCE: &str = "py";
/// Tells how fast the machine is, for times and rates of which the reference has none: SHA-256 of 1 KiB, in `benches/node.rs`.
pub const CALIBRATION: &str = "function node: sha256_of_1_kib";
/// A change beyond this is pointed out. Another load on the machine can do as much.
const REMARKABLE: f64 = 0.1;

/// In which direction a figure is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// A rate.
    More,
    /// A time, bytes.
    Less,
}

/// How many times better the first value is than the second; `None` where one is not positive.
pub fn better_by(better: Better, value: f64, than: f64) -> Option<f64> {
    (value > 0.0 && than > 0.0).then(|| match better {
        Better::More => value / than,
        Better::Less => than / value,
    })
}

/// One figure of all sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What was measured, a colon, and the name of the figure.
    pub figure: String,
    /// What it is counted in.
    pub unit: String,
    /// In which direction it is better.
    pub better: Better,
    /// The median of all rounds for each side: `ours`, `py`, …
    pub medians: BTreeMap<String, f64>,
}

/// Where, when and of what figures are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The processor and how many there are.
    pub machine: String,
    /// The load average of the last minute before it was measured, which tells whether others worked, too.
    pub load: String,
    /// The day, in UTC.
    pub date: String,
    /// The commit, with `-dirty` if files were changed.
    pub commit: String,
}

impl About {
    /// Of this machine, now, and the repository of the working directory. What the system does not tell is `unknown`.
    pub fn here() -> Self {
        let unknown = || "unknown".to_owned();
        let say = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success());
            output.map_or_else(unknown, |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let mut models = processors.lines().filter_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let model = models.next().map_or_else(unknown, |(_, model)| model.to_owned());
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            machine: format!("{model}, {} processors", std::thread::available_parallelism().map_or(0, usize::from)),
            load: load.split(' ').next().filter(|load| !load.is_empty()).map_or_else(unknown, str::to_owned),
            date: say("date", &["-u", "+%F"]),
            commit: say("git", &["describe", "--always", "--dirty"]),
        }
    }
}

/// Why figures could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum FiguresError {
    /// The file.
    #[error("{}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It holds something else.
    #[error("{} holds no figures: {source}", path.display())]
    Content {
        /// Which one.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// Figures, in the order in which they were measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Where, when and of what they are.
    pub about: About,
    /// All of them.
    pub figures: Vec<Figure>,
}

impl Default for Figures {
    fn default() -> Self {
        Self { about: About::here(), figures: Vec::new() }
    }
}

/// What a program does with its figures at the end.
#[derive(Clone, Debug, clap::Args)]
pub struct Keep {
    /// Write the medians to this file.
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Print how they differ from those in this file.
    #[arg(long, value_name = "FILE")]
    pub compare: Option<PathBuf>,
}

impl Keep {
    /// Compares and saves, whichever was asked for.
    ///
    /// # Errors
    /// Where a file cannot be read or written.
    pub fn apply(&self, figures: &Figures) -> Result<(), FiguresError> {
        if let Some(path) = &self.compare {
            figures.compare(&Figures::read(path)?, &path.display().to_string());
        }
        self.save.as_ref().map_or(Ok(()), |path| figures.save(path))
    }
}

impl Figures {
    /// Adds the medians of a table, of all rows of which a direction is better.
    pub fn add<S: AsRef<str>>(&mut self, table: &str, sides: &[S], rows: &[Row]) {
        for Row { name: figure, unit, better, sides: spreads, .. } in rows {
            let Some(better) = *better else { continue };
            let name = |side: &S| side.as_ref().to_owned();
            let medians =
                sides.iter().zip(spreads).map(|(side, spread)| (name(side), significant(spread.median))).collect();
            self.figures.push(Figure {
                figure: format!("{table}: {figure}"),
                unit: (*unit).to_owned(),
                better,
                medians,
            });
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Where it cannot be read, or holds something else.
    pub fn read(path: &Path) -> Result<Self, FiguresError> {
        let text = fs::read_to_string(path).map_err(|source| FiguresError::File { path: path.to_owned(), source })?;
        serde_json::from_str(&text).map_err(|source| FiguresError::Content { path: path.to_owned(), source })
    }

    /// Writes a file, with a line for each figure, so that a change of one is a change of its line.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), FiguresError> {
        let content = |source| FiguresError::Content { path: path.to_owned(), source };
        let figures: Result<Vec<String>, _> = self.figures.iter().map(serde_json::to_string).collect();
        let figures = figures.map_err(content)?.join(",\n    ");
        let about = serde_json::to_string_pretty(&self.about).map_err(content)?.replace('\n', "\n  ");
        let text = format!("{{\n  \"about\": {about},\n  \"figures\": [\n    {figures}\n  ]\n}}\n");
        fs::write(path, text).map_err(|source| FiguresError::File { path: path.to_owned(), source })
    }

    /// Prints all of them in one table, and how many times better ours is than py-ipv8's.
    pub fn print(&self) {
        let mut sides: Vec<&str> = Vec::new();
        for side in self.figures.iter().flat_map(|figure| figure.medians.keys()) {
            if !sides.contains(&side.as_str()) {
                sides.push(side);
            }
        }
        // Ours comes first and the reference last.
        sides.sort_by_key(|side| (*side == REFERENCE, *side != "ours"));
        let About { machine, load, date, commit } = &self.about;
        print!("\n{machine}; load {load} before; {date}, {commit}; medians\n{:56}{:>6}", "", "unit");
        sides.iter().for_each(|side| print!("{side:>12}"));
        println!("{:>12}", "ours is");
        let mut last = "";
        for figure in &self.figures {
            let (table, name) = figure.figure.split_once(": ").unwrap_or(("", &figure.figure));
            if table != last {
                println!("{table}");
                last = table;
            }
            print!("  {name:54}{:>6}", figure.unit);
            for side in &sides {
                print!("{:>12}", figure.medians.get(*side).map_or_else(String::new, |median| readable(*median)));
            }
            let ratio = figure.medians.get(REFERENCE).zip(figure.medians.get("ours"));
            match ratio.and_then(|(reference, ours)| better_by(figure.better, *ours, *reference)) {
                Some(ratio) => println!("{ratio:>10.2} ×"),
                None => println!(),
            }
        }
    }

    /// Prints how these figures differ from others, alone and beside what was measured with them in the same run: the
    /// reference, or else SHA-256. A faster machine or other load changes both, and their ratio little.
    pub fn compare(&self, kept: &Self, name: &str) {
        let About { machine, load, date, commit } = &kept.about;
        println!("\nchange against {name} ({machine}; load {load} before; {date}, {commit})");
        println!("this run: {}; load {} before; {}", self.about.machine, self.about.load, self.about.commit);
        println!("{:78}{:8}{:>12}{:>12}{:>10}  {:7}{:>10}", "", "", "kept", "now", "change", "beside", "better by");
        for now in &self.figures {
            let Some(before) = kept.figures.iter().find(|before| before.figure == now.figure) else {
                println!("{:78} is not in {name}", now.figure);
                continue;
            };
            for (side, value) in &now.medians {
                let Some(old) = before.medians.get(side) else { continue };
                let change = Change::of((self, now, *value), (kept, before, *old), side);
                let percent = |change: Option<f64>| {
                    change.map_or_else(String::new, |change| format!("{:+.1} %", (change - 1.0) * 100.0))
                };
                let raw = (*old != 0.0).then(|| value / old);
                println!(
                    "{:78} {side:8}{:>11}{:>12}{:>10}  {:7}{:>10}{}",
                    now.figure,
                    readable(*old),
                    readable(*value),
                    percent(raw),
                    change.beside,
                    percent(change.better_by),
                    change.remark()
                );
            }
        }
        for before in kept.figures.iter().filter(|before| self.find(&before.figure).is_none()) {
            println!("{:78} was not measured", before.figure);
        }
        if let Some(speed) = self.speed(kept) {
            println!("the machine was {:.2} times as fast as then, by py-ipv8's figures and SHA-256", speed);
        }
    }

    fn find(&self, figure: &str) -> Option<&Figure> {
        self.figures.iter().find(|known| known.figure == figure)
    }

    fn calibration(&self) -> Option<f64> {
        self.find(CALIBRATION)?.medians.get("ours").copied()
    }

    /// The median of what became of all figures that are not ours to change.
    fn speed(&self, kept: &Self) -> Option<f64> {
        let mut changes: Vec<f64> = self
            .figures
            .iter()
            .filter_map(|now| {
                let side = if now.figure == CALIBRATION { "ours" } else { REFERENCE };
                let before = kept.find(&now.figure)?;
                is_speed(&now.unit).then_some(())?;
                better_by(now.better, *now.medians.get(side)?, *before.medians.get(side)?)
            })
            .collect();
        changes.sort_by(f64::total_cmp);
        changes.get(changes.len() / 2).copied()
    }
}

/// How a figure of one side changed.
struct Change {
    /// What it is compared with.
    beside: &'static str,
    /// How many times better it is than it was.
    better_by: Option<f64>,
}

impl Change {
    fn of(now: (&Figures, &Figure, f64), before: (&Figures, &Figure, f64), side: &str) -> Self {
        let (beside, better_by) = match (beside(now, side), beside(before, side)) {
            // What it is beside of has to be the same in both.
            (Some((beside, now)), Some((same, before))) if beside == same => {
                (beside, better_by(Better::More, now, before))
            }
            _ => ("", better_by(now.1.better, now.2, before.2)),
        };
        Self { beside, better_by }
    }

    fn remark(&self) -> &'static str {
        match self.better_by {
            Some(change) if change > 1.0 + REMARKABLE => "  better",
            Some(change) if change < 1.0 / (1.0 + REMARKABLE) => "  worse",
            _ => "",
        }
    }
}

/// How good a figure is beside the reference, or else beside SHA-256; `None` for what these are themselves, and where no
/// machine makes a difference.
fn beside((all, figure, value): (&Figures, &Figure, f64), side: &str) -> Option<(&'static str, f64)> {
    if side == REFERENCE || figure.figure == CALIBRATION {
        return None;
    }
    if let Some(reference) = figure.medians.get(REFERENCE) {
        return Some((REFERENCE, better_by(figure.better, value, *reference)?));
    }
    let calibration = is_speed(&figure.unit).then(|| all.calibration()).flatten()?;
    let good = match figure.better {
        Better::More => value * calibration,
        Better::Less => calibration / value,
    };
    (good.is_finite() && good > 0.0).then_some(("SHA-256", good))
}

/// Whether a faster machine changes what has this unit.
fn is_speed(unit: &str) -> bool {
    ["ns", "µs", "ms", "s", "/s"].contains(&unit)
}

/// Four digits: more are noise.
fn significant(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// Enough digits, in groups of three.
fn readable(value: f64) -> String {
    let digits = match value.abs() {
        0.0 | 100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.find('.').map_or((text.as_str(), ""), |point| text.split_at(point));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::What;

    /// Name, unit, direction, and a median for each side.
    type Value<'a> = (&'a str, &'a str, Better, &'a [(&'a str, f64)]);

    fn figures(values: &[Value<'_>]) -> Figures {
        let about = About { machine: "m".into(), load: "0.1".into(), date: "d".into(), commit: "c".into() };
        let figure = |(figure, unit, better, medians): &Value<'_>| Figure {
            figure: (*figure).to_owned(),
            unit: (*unit).to_owned(),
            better: *better,
            medians: medians.iter().map(|(side, value)| ((*side).to_owned(), *value)).collect(),
        };
        Figures { about, figures: values.iter().map(figure).collect() }
    }

    /// By how much the figure number `index` became better, and beside what.
    fn change(now: &Figures, kept: &Figures, index: usize, side: &str) -> (&'static str, Option<f64>) {
        let (new, old) = (&now.figures[index], &kept.figures[index]);
        let change = Change::of((now, new, new.medians[side]), (kept, old, old.medians[side]), side);
        (change.beside, change.better_by)
    }

    #[test]
    fn files_keep_all_and_have_a_line_for_each() {
        let what = What { name: "round trip, µs", unit: "µs", digits: 1, better: Some(Better::Less) };
        let row =
            |what, values: &[f64]| Row::new(what, &values.iter().map(|v| vec![*v]).collect::<Vec<_>>(), |v| Some(*v));
        let mut figures = figures(&[]);
        let printed_only = row(What { better: None, ..what }, &[1.0, 2.0]);
        figures.add("echo", &["ours", "py"], &[row(what, &[57.512_34, 0.0]), printed_only]);
        figures.add("again", &["ours"], &[row(what, &[123_456.0])]);
        let path = std::env::temp_dir().join(format!("figures-{}.json", std::process::id()));
        figures.save(&path).unwrap();
        let (read, text) = (Figures::read(&path), fs::read_to_string(&path).unwrap());
        fs::remove_file(&path).unwrap();
        assert_eq!(read.unwrap(), figures);
        assert_eq!(figures.figures[0].medians, BTreeMap::from([("ours".into(), 57.51), ("py".into(), 0.0)]));
        let lines: Vec<&str> = text.lines().filter(|line| line.contains("unit")).collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[1].contains("123500.0"), "{text}");
    }

    #[test]
    fn what_holds_no_figures_is_an_error() {
        let path = std::env::temp_dir().join(format!("no-figures-{}.json", std::process::id()));
        assert!(matches!(Figures::read(&path), Err(FiguresError::File { .. })));
        fs::write(&path, "{}").unwrap();
        let read = Figures::read(&path);
        fs::remove_file(&path).unwrap();
        assert!(matches!(read, Err(FiguresError::Content { .. })));
    }

    #[test]
    fn a_faster_machine_is_no_change() {
        let kept = figures(&[
            ("echo: replies", "/s", Better::More, &[("ours", 100.0), ("py", 10.0)]),
            (CALIBRATION, "ns", Better::Less, &[("ours", 600.0)]),
            ("function node: turn", "ns", Better::Less, &[("ours", 60.0)]),
            ("overload: answers", "/s", Better::More, &[("ours", 40.0)]),
            ("overload: memory", "KiB", Better::Less, &[("ours", 40.0)]),
        ]);
        let now = figures(&[
            ("echo: replies", "/s", Better::More, &[("ours", 200.0), ("py", 20.0)]),
            (CALIBRATION, "ns", Better::Less, &[("ours", 300.0)]),
            ("function node: turn", "ns", Better::Less, &[("ours", 30.0)]),
            ("overload: answers", "/s", Better::More, &[("ours", 80.0)]),
            ("overload: memory", "KiB", Better::Less, &[("ours", 20.0)]),
        ]);
        assert_eq!(change(&now, &kept, 0, "ours"), ("py", Some(1.0)));
        assert_eq!(change(&now, &kept, 0, "py"), ("", Some(2.0)));
        assert_eq!(change(&now, &kept, 1, "ours"), ("", Some(2.0)));
        assert_eq!(change(&now, &kept, 2, "ours"), ("SHA-256", Some(1.0)));
        assert_eq!(change(&now, &kept, 3, "ours"), ("SHA-256", Some(1.0)));
        assert_eq!(change(&now, &kept, 4, "ours"), ("", Some(2.0)));
        assert_eq!(now.speed(&kept), Some(2.0));
        now.compare(&kept, "kept");
    }

    #[test]
    fn a_change_of_ours_is_seen_on_another_machine() {
        let kept = figures(&[
            ("echo: µs", "µs", Better::Less, &[("ours", 50.0), ("py", 200.0)]),
            (CALIBRATION, "ns", Better::Less, &[("ours", 600.0)]),
            ("function node: turn", "ns", Better::Less, &[("ours", 60.0)]),
        ]);
        // Half as fast, and ours twice as good as it was.
        let now = figures(&[
            ("echo: µs", "µs", Better::Less, &[("ours", 50.0), ("py", 400.0)]),
            (CALIBRATION, "ns", Better::Less, &[("ours", 1_200.0)]),
            ("function node: turn", "ns", Better::Less, &[("ours", 60.0)]),
        ]);
        assert_eq!(change(&now, &kept, 0, "ours"), ("py", Some(2.0)));
        assert_eq!(change(&now, &kept, 2, "ours"), ("SHA-256", Some(2.0)));
        // Without what it was beside of, it stands alone.
        let alone = figures(&[("echo: µs", "µs", Better::Less, &[("ours", 100.0)])]);
        assert_eq!(change(&alone, &kept, 0, "ours"), ("", Some(0.5)));
    }

    #[test]
    fn nothing_is_divided_by_zero() {
        assert_eq!(better_by(Better::Less, 0.0, 1.0), None);
        let lost = figures(&[("echo: lost", "", Better::Less, &[("ours", 0.0), ("py", 0.0)])]);
        assert_eq!(change(&lost, &lost, 0, "ours"), ("", None));
    }

    #[test]
    fn numbers_are_readable() {
        let texts = [0.0, 0.1234, 1.234, 12.34, 123.4, 1_234.5, 1_234_567.0].map(readable);
        assert_eq!(texts, ["0", "0.123", "1.23", "12.3", "123", "1,234", "1,234,567"]);
        assert_eq!(significant(123_456.0), 123_500.0);
    }
}

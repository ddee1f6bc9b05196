//! `instructions`: how many instructions the processor does for pieces of work, by valgrind. Other load on the machine does not
//! change them, so that a rise by 3 % is a change of the code.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::report::{Notes, Outcome};
use crate::shell::{self, Failure, cargo, root, target};
use crate::system;

/// A rise beyond this fails. A fall is noted: until the file says so, it would hide the next rise.
const TOLERANCE: f64 = 0.03;

/// Each piece of work is done so often, and then twice as often: the difference leaves out what comes before and after.
const COUNT: u64 = 2_000;

/// The same for those that take long.
const COUNT_OF_LONG: u64 = 20;

/// Compares with the file, or writes it.
pub(crate) fn run(arguments: &[String], notes: &mut Notes) -> Result<Outcome, Failure> {
    let update = match arguments {
        [] => false,
        [word] if word == "--update" => true,
        [word, ..] => return Err(Failure::Usage(format!("unexpected argument {word:?}"))),
    };
    if !system::has_valgrind(notes) {
        return Ok(Outcome::Skipped("valgrind is missing: install it to count instructions".to_owned()));
    }
    let compiler = shell::output(Command::new("rustc").arg("--version").stderr(Stdio::inherit()))?.trim().to_owned();
    let path = root().join("bench/instructions.txt");
    let kept = match fs::read_to_string(&path) {
        Ok(kept) => kept,
        Err(_) if update => String::new(),
        Err(error) => return Err(Failure::Failed(format!("{}: {error}", path.display()))),
    };
    if !update && !kept.lines().any(|line| line == format!("# {compiler}")) {
        let reason = format!("bench/instructions.txt is not of {compiler}: cargo xtask instructions --update");
        return Ok(Outcome::Skipped(reason));
    }
    shell::run(&mut cargo(["build", "--release", "--package", "ipv8-bench", "--example", "instructions"]))?;
    let program = target()?.join("release/examples/instructions");
    let names = shell::output(Command::new(&program).stderr(Stdio::inherit()))?;
    let mut counted = BTreeMap::new();
    for name in names.lines() {
        let count = if name.starts_with("simulated") { COUNT_OF_LONG } else { COUNT };
        let (once, twice) = (instructions(&program, name, count)?, instructions(&program, name, 2 * count)?);
        counted.insert(name, twice.saturating_sub(once) / count);
    }
    if update {
        let lines: String = counted.iter().map(|(name, count)| format!("{name} {count}\n")).collect();
        let text = format!("# {compiler}\n{lines}");
        return match fs::write(&path, text) {
            Ok(()) => Ok(Outcome::Passed),
            Err(error) => Err(Failure::Failed(format!("{}: {error}", path.display()))),
        };
    }
    compare(&kept, &counted, notes)
}

/// Runs a piece of work under valgrind, and reads what it counted.
fn instructions(program: &PathBuf, name: &str, count: u64) -> Result<u64, Failure> {
    let mut command = Command::new("valgrind");
    // No cache is simulated, and nothing is written.
    command.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
    command.arg(program).arg(name).arg(count.to_string()).stdin(Stdio::null());
    let output = command.output().map_err(|error| Failure::Failed(format!("valgrind does not start: {error}")))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let found = said.lines().find_map(|line| line.split_once("I   refs:").or_else(|| line.split_once("I refs:")));
    let number = found.and_then(|(_, number)| number.trim().replace(',', "").parse().ok());
    match number.filter(|_| output.status.success()) {
        Some(number) => Ok(number),
        None => Err(Failure::Failed(format!("valgrind of {name} failed: {}", said.lines().last().unwrap_or_default()))),
    }
}

fn compare(kept: &str, counted: &BTreeMap<&str, u64>, notes: &mut Notes) -> Result<Outcome, Failure> {
    let kept: BTreeMap<&str, u64> = kept
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(n, c)| Some((n, c.parse().ok()?)))
        .collect();
    let (mut changed, mut risen) = (Vec::new(), false);
    println!("{:40}{:>16}{:>16}{:>10}", "", "kept", "now", "change");
    for (name, now) in counted {
        let Some(before) = kept.get(name) else {
            changed.push(format!("{name} is new"));
            risen = true;
            continue;
        };
        #[allow(clippy::cast_precision_loss, reason = "a ratio")]
        let change = *now as f64 / (*before).max(1) as f64 - 1.0;
        println!("{name:40}{before:>16}{now:>16}{:>+9.1} %", change * 100.0);
        if change.abs() > TOLERANCE {
            changed.push(format!("{name} {:+.1} %", change * 100.0));
            risen |= change > 0.0;
        }
    }
    for name in kept.keys().filter(|name| !counted.contains_key(*name)) {
        changed.push(format!("{name} is no more"));
        risen = true;
    }
    if changed.is_empty() {
        return Ok(Outcome::Passed);
    }
    let told = format!("instructions: {}; if that is meant: cargo xtask instructions --update", changed.join(", "));
    if risen {
        return Err(Failure::Failed(told));
    }
    notes.push(told);
    Ok(Outcome::Passed)
}

//! `crash`: killing a node that writes, many times.

use crate::report::{Outcome, Report};
use crate::shell::{Failure, cargo, run as run_command};

/// How often, unless it is said.
const ROUNDS: u64 = 200;

/// Runs the crash tests of the DHT's file with many rounds.
pub(crate) fn run(arguments: &[String], report: &mut Report) -> Result<(), Failure> {
    let options = Options::parse(arguments)?;
    report.step("crash", |_| {
        let mut command = cargo(["test", "--package", "ipv8-dht-sqlite", "--test", "crash", "--", "--nocapture"]);
        command.env("IPV8_CRASH_ROUNDS", options.rounds.to_string());
        if let Some(seed) = options.seed {
            command.env("IPV8_CRASH_SEED", seed.to_string());
        }
        run_command(&mut command)?;
        Ok(Outcome::Passed)
    });
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    rounds: u64,
    seed: Option<u64>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut options = Self { rounds: ROUNDS, seed: None };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let number = words.next().and_then(|number| number.parse().ok());
            let number = number.ok_or_else(|| Failure::Usage(format!("{word} needs a number")));
            match word.as_str() {
                "--rounds" => options.rounds = number?,
                "--seed" => options.seed = Some(number?),
                _ => return Err(Failure::Usage(format!("unexpected argument {word:?}"))),
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_numbers() {
        let parse = |words: &[&str]| Options::parse(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>());
        assert_eq!(parse(&[]).unwrap(), Options { rounds: ROUNDS, seed: None });
        assert_eq!(parse(&["--seed", "7", "--rounds", "500"]).unwrap(), Options { rounds: 500, seed: Some(7) });
        assert!(parse(&["--rounds"]).is_err() && parse(&["--rounds", "x"]).is_err() && parse(&["500"]).is_err());
    }
}

//! The `ipv8` command, apart from its `main`.
//!
//! Conventions: results go to standard output, as JSON only with `--json`; logs and errors go to standard error, an error
//! as one line. Exit status 0 means done, 1 that the work failed, 2 wrong usage.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

mod api;
mod args;
mod config;
pub mod decode;
mod demo;
mod dht;
mod failure;
mod key;
mod lines;
mod logs;
mod output;
mod run;
mod runtime;
mod simulate;
mod statistics;
mod tracker;

use args::{Args, Command};
use failure::Failure;

/// Runs the command that the arguments name, the program's own name being the first of them.
///
/// Never panics: what cannot be done is said in one line on standard error and by the exit status.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    report_panics();
    let result = match Args::try_parse_from(arguments) {
        Ok(args) => run(args),
        Err(error) => args::explain(&error),
    };
    let logs_were_read = logs::finish();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // What cannot be written would only keep the program from ending.
        Err(failure) => failure.report(logs_were_read),
    }
}

fn run(args: Args) -> Result<(), Failure> {
    // Where there is a configuration, it says how to log.
    match args.command {
        Command::Run(options) => return run::run(&options, args.verbose),
        Command::Config(command) => return config::run(&command, args.verbose),
        _ => {}
    }
    logs::start(args.verbose)?;
    match args.command {
        Command::Run(_) | Command::Config(_) => Ok(()),
        Command::Key(command) => key::run(command),
        Command::Decode(options) => decode::run(&options),
        Command::Dht(command) => dht::run(command),
        Command::Demo(options) => demo::run(&options),
        Command::Tracker(options) => tracker::run(&options),
        Command::Simulate(options) => simulate::run(&options),
    }
}

/// A panic is a defect; should there be one, it is a single line, too.
fn report_panics() {
    std::panic::set_hook(Box::new(|info| {
        let message = info.payload_as_str().unwrap_or("no message").replace('\n', " ");
        let place = info.location().map(|place| format!(" ({}:{})", place.file(), place.line())).unwrap_or_default();
        logs::say(&format!("ipv8: this is a defect, please report it: {message}{place}"));
    }));
}

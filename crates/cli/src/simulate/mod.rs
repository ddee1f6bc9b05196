//! `ipv8 simulate`: a network of simulated nodes.
//!
//! Standard output is the same for the same scenario, seed and number of nodes, byte for byte; how far the run has come goes
//! to standard error.

mod interrupt;
mod progress;
mod trace;

use std::io;
use std::path::Path;

use ipv8_scenario::{
    BUILTINS, Ended, Options, Outcome, Scenario, ScenarioError, Simulation, StartError, builtin, report,
};

use self::{interrupt::Interrupt, progress::Shown};
use crate::args::SimulateOptions;
use crate::failure::Failure;
use crate::output;

/// Runs a scenario and tells what came out.
pub(crate) fn run(options: &SimulateOptions) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    if options.list {
        return list(&mut out);
    }
    if let Some(file) = &options.replay {
        return trace::replay(&mut out, options, file);
    }
    let name = options.scenario.as_deref().unwrap_or_default();
    let (file, text) = find(name)?;
    if options.show {
        output::line(&mut out, text.trim_end())?;
        return output::flush(&mut out);
    }
    let scenario = scenario(options, &file, &text)?;
    let mut settings = Options::default();
    if let Some(path) = &options.trace {
        settings = settings.capture(trace::create(path, options, &scenario, &text)?);
    }
    let (outcome, captured) = simulate(options, &scenario, settings)?;
    tell(&mut out, options, &outcome)?;
    if let (Some(path), Err(error)) = (&options.trace, captured) {
        return Err(Failure::Failed(format!("cannot write the trace {}: {error}", path.display())));
    }
    if outcome.ended == Ended::Interrupted {
        tracing::warn!("interrupted: this is what happened so far");
    }
    match &options.plots {
        Some(directory) => plot(options, name, &outcome, directory),
        None => Ok(()),
    }
}

/// Runs to the end, to an interrupt, or until whoever captures wants no more. The second result is that of the capture.
fn simulate(
    options: &SimulateOptions,
    scenario: &Scenario,
    settings: Options,
) -> Result<(Outcome, io::Result<()>), Failure> {
    let settings = settings.force(options.force).threads(options.threads.into());
    let mut simulation = Simulation::with(scenario, settings).map_err(refused)?;
    let interrupt = Interrupt::listen()?;
    let mut shown = Shown::new();
    let ended = loop {
        if let Some(ended) = simulation.step() {
            break ended;
        }
        if interrupt.asked() || simulation.capture_over() {
            break Ended::Interrupted;
        }
        shown.show(simulation.progress());
    };
    shown.clear();
    let captured = simulation.finish_capture();
    Ok((simulation.finish(ended), captured))
}

/// The scenario of this name, or the file: what it is called in messages, and its text.
fn find(name: &str) -> Result<(String, String), Failure> {
    if let Some(builtin) = builtin(name) {
        return Ok((format!("{name} (built in)"), builtin.text.to_owned()));
    }
    match std::fs::read_to_string(name) {
        Ok(text) => Ok((name.to_owned(), text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let names: Vec<_> = BUILTINS.iter().map(|builtin| builtin.name).collect();
            let names = names.join(", ");
            Err(Failure::Usage(format!("there is no scenario or file `{name}`: give a file, or one of {names}")))
        }
        Err(error) => Err(Failure::Failed(format!("cannot read the scenario {name}: {error}"))),
    }
}

fn scenario(options: &SimulateOptions, file: &str, text: &str) -> Result<Scenario, Failure> {
    let wrong = |error: ScenarioError| Failure::Problems(error.lines().collect());
    let mut scenario = Scenario::from_toml(file, text).map_err(wrong)?;
    if let Some(nodes) = options.nodes {
        scenario.nodes = nodes;
    }
    if let Some(seed) = options.seed {
        scenario.seed = seed;
    }
    if let Some(until) = options.until {
        scenario = scenario.until(until);
    }
    // What the flags made of it.
    let problems: Vec<_> = scenario.problems().iter().map(ToString::to_string).collect();
    if problems.is_empty() { Ok(scenario) } else { Err(Failure::Problems(problems)) }
}

fn refused(error: StartError) -> Failure {
    match error {
        StartError::Memory { .. } => Failure::Failed(format!("{error}, with --force")),
        error => Failure::Usage(error.to_string()),
    }
}

fn list(out: &mut impl io::Write) -> Result<(), Failure> {
    for builtin in BUILTINS {
        let scenario = builtin.scenario().map_err(Failure::failed)?;
        let (name, nodes, seconds) = (builtin.name, scenario.nodes, scenario.stop.after.as_secs());
        output::line(out, &format!("{name:12} {nodes:>5} nodes, {seconds:>4} s   {}", scenario.about))?;
    }
    output::flush(out)
}

fn tell(out: &mut impl io::Write, options: &SimulateOptions, outcome: &Outcome) -> Result<(), Failure> {
    let text = if options.json { report::json(outcome) } else { report::table(outcome) };
    output::line(out, text.trim_end())?;
    output::flush(out)
}

/// The plots, with the command that makes them again.
fn plot(options: &SimulateOptions, name: &str, outcome: &Outcome, directory: &Path) -> Result<(), Failure> {
    let mut command = format!("ipv8 simulate {name} --nodes {} --seed {}", outcome.nodes, outcome.seed);
    if let Some(until) = options.until {
        command += &format!(" --until {}", until.as_secs_f64());
    }
    let written = report::write_plots_of(outcome, &command, directory);
    let written = written
        .map_err(|error| Failure::Failed(format!("cannot write plots into {}: {error}", directory.display())))?;
    if let Some(page) = written.first() {
        tracing::info!(page = %page.display(), "plots are written");
    }
    Ok(())
}

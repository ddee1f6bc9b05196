//! Logs, on standard error.

use std::io;

use ipv8::config::{Log, LogFormat};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::failure::Failure;

/// Names the levels of parts of the program: `debug`, or `warn,ipv8_core=trace`. It goes before `-v`.
const VARIABLE: &str = "IPV8_LOG";

/// Starts to log: warnings, and more with each `-v`.
///
/// # Errors
/// If the variable cannot be understood.
pub(crate) fn start(verbose: u8) -> Result<(), Failure> {
    let filter = match std::env::var(VARIABLE) {
        Ok(text) if !text.trim().is_empty() => text.trim().parse::<Targets>().map_err(|error| {
            Failure::Usage(format!("{VARIABLE}: {error}: write a level such as debug, or ipv8_core=debug,warn"))
        })?,
        _ => Targets::new().with_default(match verbose {
            0 => LevelFilter::WARN,
            1 => LevelFilter::INFO,
            2 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        }),
    };
    install(filter, LogFormat::Text);
    Ok(())
}

/// Starts to log as a configuration says.
///
/// # Errors
/// If its levels cannot be understood.
pub(crate) fn start_with(log: &Log) -> Result<(), Failure> {
    let filter = log.level.parse::<Targets>().map_err(|error| Failure::Usage(format!("log.level: {error}")))?;
    install(filter, log.format);
    Ok(())
}

fn install(filter: Targets, format: LogFormat) {
    // A log that cannot be written is lost, rather than a reason to fail.
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr).log_internal_errors(false);
    let registry = tracing_subscriber::registry().with(filter);
    let _ = match format {
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
        LogFormat::Text => registry.with(layer.with_ansi(io::IsTerminal::is_terminal(&io::stderr()))).try_init(),
    };
}

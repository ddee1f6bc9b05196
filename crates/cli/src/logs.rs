//! Logs, on standard error. A reader who stalls there holds nothing up: see [`Lines`].

use std::io;
use std::sync::OnceLock;

use ipv8::config::{Log, LogFormat};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::failure::Failure;
use crate::lines::Lines;

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

/// What logs are written to, once there are any.
static LINES: OnceLock<Lines> = OnceLock::new();

/// Waits for the last lines to be read, but not for long; whether they were.
pub(crate) fn finish() -> bool {
    // Lines that could not be written are lost, rather than a reason to fail.
    LINES.get().is_none_or(|lines| lines.finish().unwrap_or(true))
}

/// Writes a line where logs go, beside them.
pub(crate) fn say(line: &str) {
    use io::Write as _;
    // Nobody is left to be told if this fails.
    let _ = match LINES.get() {
        Some(lines) => lines.push(format!("{line}\n").into_bytes()),
        None => writeln!(io::stderr(), "{line}"),
    };
}

fn install(filter: Targets, format: LogFormat) {
    let notice = match format {
        LogFormat::Json => dropped_json,
        LogFormat::Text => dropped_text,
    };
    // Without a thread for it there is no log, as when one cannot be written.
    let Ok(lines) = Lines::start(io::stderr(), notice) else { return };
    if LINES.set(lines.clone()).is_err() {
        return;
    }
    let writer = move || Writer(lines.clone());
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).log_internal_errors(false);
    let registry = tracing_subscriber::registry().with(filter);
    let _ = match format {
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
        LogFormat::Text => registry.with(layer.with_ansi(io::IsTerminal::is_terminal(&io::stderr()))).try_init(),
    };
}

/// Takes the lines of a log, each of which comes as a whole.
struct Writer(Lines);

impl io::Write for Writer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line.to_vec())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn dropped_json(lines: u64) -> String {
    format!(
        "{{\"level\":\"WARN\",\"message\":\"lines of the log were dropped, for nobody read them\",\"lines\":{lines}}}"
    )
}

fn dropped_text(lines: u64) -> String {
    format!("WARN {lines} lines of the log were dropped, for nobody read them")
}

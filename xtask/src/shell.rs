//! Running other programs.

use std::env;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a command of ours stops; the text is one line for the user.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments make no sense.
    Usage(String),
    /// The work failed.
    Failed(String),
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    // Cargo sets it anew on every `cargo run`; the compiled-in value serves a copy that is started by hand.
    let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&manifest).parent().unwrap_or(Path::new(".")).to_owned()
}

/// Cargo, the one that runs us, in the root of the workspace, with an empty standard input.
pub(crate) fn cargo<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    // What `cargo run` told us about ourselves is not for others.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&*name);
        }
    }
    command
}

/// Cargo's target directory.
pub(crate) fn target() -> Result<PathBuf, Failure> {
    let mut command = cargo(["metadata", "--format-version", "1", "--no-deps"]);
    let metadata = output(command.stderr(Stdio::inherit()))?;
    // Without a JSON parser: the key occurs once, and a path needs no escapes but those of quotes and backslashes.
    let path = metadata
        .split_once("\"target_directory\":\"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map(|(path, _)| path.replace("\\\\", "\\"));
    path.map(PathBuf::from).ok_or_else(|| Failure::Failed("cargo metadata names no target directory".to_owned()))
}

/// Runs a program to its end, its output going to ours.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    announce(command);
    let status = command.status().map_err(|error| start(command, &error))?;
    if status.success() { Ok(()) } else { Err(Failure::Failed(format!("{} failed ({status})", show(command)))) }
}

/// Runs a program to its end and gives what it printed on standard output; an error has the last line of standard
/// error where that is piped.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let output = command.output().map_err(|error| start(command, &error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let last = errors.lines().rfind(|line| !line.trim().is_empty());
    Err(Failure::Failed(format!(
        "{} failed ({}){}",
        show(command),
        output.status,
        last.map(|line| format!(": {}", line.trim())).unwrap_or_default()
    )))
}

/// Runs a program and shows each line of its standard output and error to `see`, which says whether to print it.
pub(crate) fn tee(command: &mut Command, mut see: impl FnMut(&str) -> bool) -> Result<(), Failure> {
    announce(command);
    let failed = |error: io::Error| Failure::Failed(format!("cannot read its output: {error}"));
    if io::stdout().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    // One pipe for both keeps them in order.
    let (reader, writer) = io::pipe().map_err(failed)?;
    command.stdout(writer.try_clone().map_err(failed)?);
    command.stderr(writer);
    let mut child = command.spawn().map_err(|error| start(command, &error))?;
    // The command holds the writing end: as long as it does, the pipe has no end.
    command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
    let mut line = Vec::new();
    let mut reader = BufReader::new(reader);
    while reader.read_until(b'\n', &mut line).map_err(failed)? > 0 {
        if see(String::from_utf8_lossy(&line).trim_end()) {
            io::stdout().write_all(&line).map_err(failed)?;
        }
        line.clear();
    }
    let status = child.wait().map_err(failed)?;
    if status.success() { Ok(()) } else { Err(Failure::Failed(format!("{} failed ({status})", show(command)))) }
}

/// Whether `cargo NAME` is installed.
pub(crate) fn has_cargo_command(name: &str) -> bool {
    cargo([name, "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn announce(command: &Command) {
    println!("$ {}", show(command));
}

/// The command as one would type it.
fn show(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let mut text = name.to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

fn start(command: &Command, error: &io::Error) -> Failure {
    Failure::Failed(format!("cannot start {}: {error}", command.get_program().to_string_lossy()))
}

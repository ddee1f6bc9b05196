//! Where the programs of a live test are.

use std::env;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::PoisonError;

use crate::process::STARTING;

/// The Python interpreter that has py-ipv8 installed: what the environment variable `IPV8_PYTHON` names.
///
/// `None`, after a visible `skipped:` line, where the variable is unset or empty.
pub fn python() -> Option<PathBuf> {
    match env::var_os("IPV8_PYTHON") {
        Some(path) if !path.is_empty() => Some(path.into()),
        _ => {
            skip("IPV8_PYTHON is unset: run `cargo xtask test`, or point it at a Python with pyipv8 3.2.1");
            None
        }
    }
}

/// A command that runs a peer of the reference, `interop/peers/NAME`.
pub fn script(python: &Path, name: &str) -> Command {
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(name));
    command
}

/// A command that runs our release binary `name`. `None`, after a visible `skipped:` line, where it is not built.
pub fn binary(name: &str) -> Option<Command> {
    release(name)
}

/// A command that runs our release example `name`. `None`, after a visible `skipped:` line, where it is not built.
pub fn example(name: &str) -> Option<Command> {
    release(&format!("examples/{name}"))
}

/// Prints `skipped: REASON`, past the test runner, which swallows what passing tests print.
pub fn skip(reason: &str) {
    let test = std::thread::current().name().map(str::to_owned).unwrap_or_default();
    // Nowhere is left to report a broken standard error to.
    let _ = writeln!(io::stderr(), "skipped: {test}: {reason}");
}

/// A UDP port of 127.0.0.1 that was free a moment ago.
///
/// Another process may take it before it is used: prefer port 0 and the `listen` of [`crate::Started`] where the
/// program allows it.
///
/// # Errors
/// The system's, where it has no port left.
pub fn free_port() -> io::Result<u16> {
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    let socket = UdpSocket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    Ok(socket.local_addr()?.port())
}

/// A file of the release profile, in the target directory that this program was built in.
fn release(name: &str) -> Option<Command> {
    let found = env::current_exe().ok().and_then(|program| {
        // target/PROFILE/PROGRAM, or for tests and examples target/PROFILE/deps/PROGRAM and so on.
        let directory = program.parent()?;
        let profile = if directory.ends_with("deps") || directory.ends_with("examples") {
            directory.parent()?
        } else {
            directory
        };
        let path = profile.parent()?.join("release").join(format!("{name}{}", env::consts::EXE_SUFFIX));
        path.is_file().then_some(path)
    });
    if found.is_none() {
        skip(&format!("the release build of {name} is not there: run `cargo xtask test`, which builds it first"));
    }
    found.map(Command::new)
}

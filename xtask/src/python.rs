//! The virtual environment with the reference implementation.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::shell::{Failure, output, root, target};

/// The names an interpreter goes by.
const INTERPRETERS: [&str; 2] = ["python3", "python"];

/// A Python that has the reference, or why there is none.
pub(crate) enum Python {
    /// Ready to use.
    Ready(PathBuf),
    /// Something is missing on this machine.
    Missing(String),
}

/// Finds or makes it: what `IPV8_PYTHON` names, else `target/interop-venv`, reused as long as the requirements are the
/// same.
///
/// # Errors
/// Where `IPV8_PYTHON` is set and does not work: whoever set it wants to know.
pub(crate) fn set_up() -> Result<Python, Failure> {
    if let Some(named) = env::var_os("IPV8_PYTHON").filter(|value| !value.is_empty()) {
        let named = PathBuf::from(named);
        return match works(&named) {
            Ok(()) => Ok(Python::Ready(named)),
            Err(_) => Err(Failure::Failed(format!(
                "IPV8_PYTHON is {}, which cannot import ipv8: unset it, or install pyipv8 there",
                named.display()
            ))),
        };
    }
    let venv = target()?.join("interop-venv");
    let requirements = root().join("interop").join("requirements.txt");
    Ok(match make(&venv, &requirements) {
        Ok(python) => Python::Ready(python),
        Err(Failure::Usage(reason) | Failure::Failed(reason)) => Python::Missing(reason),
    })
}

/// Becomes the interpreter with these arguments, in the caller's directory; only an error comes back.
pub(crate) fn exec(arguments: &[String]) -> Result<(), Failure> {
    let python = match set_up()? {
        Python::Ready(python) => python,
        Python::Missing(reason) => return Err(Failure::Failed(reason)),
    };
    let mut command = Command::new(&python);
    command.args(arguments);
    // Taking our place keeps signals and standard streams as if it had been started by hand.
    #[cfg(unix)]
    let error = std::os::unix::process::CommandExt::exec(&mut command);
    #[cfg(not(unix))]
    let error = match command.status() {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) => std::io::Error::other(status.to_string()),
        Err(error) => error,
    };
    Err(Failure::Failed(format!("{}: {error}", python.display())))
}

fn make(venv: &Path, requirements: &Path) -> Result<PathBuf, Failure> {
    let wanted = fs::read_to_string(requirements)
        .map_err(|error| Failure::Failed(format!("cannot read {}: {error}", requirements.display())))?;
    let python = if cfg!(windows) { venv.join("Scripts").join("python.exe") } else { venv.join("bin").join("python") };
    let installed = venv.join("requirements.txt");
    if fs::read_to_string(&installed).is_ok_and(|have| have == wanted) && works(&python).is_ok() {
        return Ok(python);
    }
    let Some(base) = INTERPRETERS.into_iter().find(|name| {
        Command::new(name)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }) else {
        return Err(Failure::Failed("there is no python3: install it".to_owned()));
    };
    eprintln!("Setting up {}", venv.display());
    // `--clear` repairs what a moved or half-made environment left behind.
    let mut create = Command::new(base);
    create.args(["-m", "venv", "--clear"]).arg(venv);
    output(create.stdin(Stdio::null()))
        .map_err(|failure| hint(failure, "on Debian and Ubuntu, python3 -m venv needs the package python3-venv"))?;
    let mut install = Command::new(&python);
    install
        .args(["-m", "pip", "install", "--quiet", "--no-input"])
        .args(["--disable-pip-version-check", "--timeout", "20"])
        .args(["--retries", "2", "--requirement"])
        .arg(requirements)
        .stdin(Stdio::null());
    output(&mut install).map_err(|failure| hint(failure, "is there a network?"))?;
    works(&python)?;
    fs::write(&installed, wanted)
        .map_err(|error| Failure::Failed(format!("cannot write {}: {error}", installed.display())))?;
    Ok(python)
}

fn works(python: &Path) -> Result<(), Failure> {
    let mut command = Command::new(python);
    command.args(["-c", "import ipv8.community, ipv8_rust_tunnels"]).stdin(Stdio::null());
    output(&mut command).map(drop)
}

fn hint(failure: Failure, hint: &str) -> Failure {
    match failure {
        Failure::Failed(message) => Failure::Failed(format!("{message} ({hint})")),
        usage @ Failure::Usage(_) => usage,
    }
}

//! Programs of the system that live tests use.

use std::env;
use std::process::{Command, Stdio};

use crate::report::Notes;
use crate::shell::{self, Failure};

/// What the test of peers behind routers makes its networks with, and the Debian packages that have it.
const TOOLS: [(&str, &str); 2] = [("ip", "iproute2"), ("nft", "nftables")];

/// Installs what is missing, where that is possible without asking: with apt-get, as root. Elsewhere the tests that miss
/// it say so.
pub(crate) fn set_up(notes: &mut Notes) {
    let missing: Vec<&str> =
        TOOLS.iter().filter(|(tool, _)| !is_installed(tool)).map(|(_, package)| *package).collect();
    if missing.is_empty() || !is_root() || !is_installed("apt-get") {
        return;
    }
    let packages = missing.join(" ");
    // A list of packages that is too old, or none at all, is worth one renewal.
    let result = install(&missing).or_else(|_| apt_get(&["update", "-qq"]).and_then(|()| install(&missing)));
    notes.push(match result {
        Ok(()) => format!("installed: {packages}"),
        Err(Failure::Failed(reason) | Failure::Usage(reason)) => {
            format!("not installed: {packages} ({reason})")
        }
    });
}

/// Whether valgrind is there, which is installed where that is possible without asking.
pub(crate) fn has_valgrind(notes: &mut Notes) -> bool {
    if !is_installed("valgrind") && is_root() && is_installed("apt-get") {
        let result =
            install(&["valgrind"]).or_else(|_| apt_get(&["update", "-qq"]).and_then(|()| install(&["valgrind"])));
        if result.is_ok() {
            notes.push("installed: valgrind".to_owned());
        }
    }
    is_installed("valgrind")
}

fn install(packages: &[&str]) -> Result<(), Failure> {
    apt_get(&[&["install", "-qq", "-y", "--no-install-recommends"], packages].concat())
}

fn apt_get(arguments: &[&str]) -> Result<(), Failure> {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    shell::run(&mut command)
}

fn is_installed(tool: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(Into::into);
    env::split_paths(&path).chain(system).any(|directory| directory.join(tool).is_file())
}

/// Whether we are root: what a process is like belongs to its user.
#[cfg(unix)]
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

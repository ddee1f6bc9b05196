//! Networks of our own, in Linux network namespaces.

use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// What makes the namespaces, and where it comes from on Debian and Ubuntu.
const TOOLS: [(&str, &str); 4] =
    [("ip", "iproute2"), ("nft", "nftables"), ("unshare", "util-linux"), ("nsenter", "util-linux")];

/// Where those tools are on systems that leave them out of a user's path.
const SYSTEM_PATHS: &str = "/usr/sbin:/sbin";

/// Holds the namespaces: says that it is ready, lasts as long as its standard input, then ends whatever runs in them.
/// What it mounts and makes is seen by nobody else and ends with it.
const HOLD: &str = "mount -t tmpfs none /run && mkdir /run/netns && echo ready && cat
    cd /run/netns && for name in *; do kill -s KILL $(ip netns pids \"$name\"); done 2> /dev/null";

/// A set of network namespaces that only this lab sees: named hosts and whatever joins them.
///
/// It lives in a user namespace, so it needs no privileges where the kernel allows these to everybody. When it is
/// dropped, or when the process that holds it ends in whatever way, its programs are killed and its namespaces go.
#[derive(Debug)]
pub struct Lab {
    holder: Child,
    /// Options of `nsenter` that lead into the user namespace.
    enter_user: &'static [&'static str],
}

/// Why a network could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The machine lacks something; the message says what, and how to get it.
    #[error("{0}")]
    Unavailable(String),
    /// A command failed in the lab.
    #[error("the lab's set-up failed ({status}):\n{stderr}")]
    Script {
        /// How the shell ended.
        status: String,
        /// What it and its commands said.
        stderr: String,
    },
    /// A process could not be started or talked to.
    #[error("cannot run a process of the lab: {0}")]
    Io(#[from] io::Error),
}

impl Lab {
    /// An empty lab.
    ///
    /// # Errors
    /// [`LabError::Unavailable`] where this machine cannot make one: a tool is missing, namespaces are not allowed, or
    /// the kernel has no address translation.
    pub fn open() -> Result<Self, LabError> {
        for (tool, package) in TOOLS {
            if !is_installed(tool) {
                return Err(LabError::Unavailable(format!(
                    "there is no `{tool}`: on Debian and Ubuntu, apt-get install {package}"
                )));
            }
        }
        let user: &[&str] = &["--user", "--map-root-user"];
        let (holder, enter_user) = match hold(user) {
            Ok(holder) => (holder, ["--user", "--preserve-credentials"].as_slice()),
            // Some kernels allow user namespaces to nobody; root needs none.
            Err(refusal) => match hold(&[]) {
                Ok(holder) => (holder, [].as_slice()),
                Err(_) => {
                    return Err(LabError::Unavailable(format!("no network namespaces are allowed here: {refusal}")));
                }
            },
        };
        let lab = Self { holder, enter_user };
        let probe = "ip netns add probe
            on probe sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
            echo 'table ip nat { chain post { type nat hook postrouting priority 100; masquerade fully-random; }; }' |
                on probe nft -f -
            ip netns delete probe";
        lab.run(probe).map_err(|error| {
            LabError::Unavailable(format!("network namespaces have no address translation here: {error}"))
        })?;
        Ok(lab)
    }

    /// Runs a shell script in the lab. `ip` there sees the lab's namespaces only, and `on NAME COMMAND…` runs something in
    /// one of them. The first command that fails ends it.
    ///
    /// # Errors
    /// [`LabError::Script`] with what it said, where it fails.
    pub fn run(&self, script: &str) -> Result<(), LabError> {
        let mut command = self.enter("net");
        command.arg("--mount").args(["--", "sh", "-eu"]);
        command.env("PATH", path()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut shell = command.spawn()?;
        let mut source = String::from("on() { in=$1; shift; nsenter --net=/run/netns/\"$in\" -- \"$@\"; }\n");
        let _ = writeln!(source, "{script}");
        if let Some(mut input) = shell.stdin.take() {
            // A shell that ends early says why itself.
            let _ = input.write_all(source.as_bytes());
        }
        let output = shell.wait_with_output()?;
        if output.status.success() {
            return Ok(());
        }
        let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(LabError::Script { status: output.status.to_string(), stderr })
    }

    /// The same command, to be run in one of the lab's namespaces: with its own network and everything else as it is.
    /// The process keeps its id, so that it can be signalled.
    #[must_use]
    pub fn inside(&self, namespace: &str, command: &Command) -> Command {
        let mut wrapped = self.enter(&format!("net=/proc/{}/root/run/netns/{namespace}", self.holder.id()));
        wrapped.arg("--").arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => wrapped.env(name, value),
                None => wrapped.env_remove(name),
            };
        }
        wrapped
    }

    fn enter(&self, network: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.holder.id().to_string()]).args(self.enter_user).arg(format!("--{network}"));
        command
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // It ends with its input. Waiting fails only if that has been done.
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

/// Starts the process that the namespaces belong to.
fn hold(more: &[&str]) -> Result<Child, String> {
    let mut command = Command::new("unshare");
    command.args(more).args(["--net", "--mount", "--", "sh", "-c", HOLD]);
    command.env("PATH", path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut holder = command.spawn().map_err(|error| error.to_string())?;
    let mut said = String::new();
    if let Some(stdout) = holder.stdout.take() {
        let _ = BufReader::new(stdout).read_line(&mut said);
    }
    if said.trim() == "ready" {
        return Ok(holder);
    }
    let mut reason = String::new();
    if let Some(mut stderr) = holder.stderr.take() {
        let _ = stderr.read_to_string(&mut reason);
    }
    let _ = holder.kill();
    let _ = holder.wait();
    Err(reason.trim().replace('\n', "; "))
}

fn path() -> OsString {
    let mut path = env::var_os("PATH").unwrap_or_default();
    path.push(":");
    path.push(SYSTEM_PATHS);
    path
}

fn is_installed(tool: &str) -> bool {
    env::split_paths(&path()).any(|directory| Path::new(&directory).join(tool).is_file())
}

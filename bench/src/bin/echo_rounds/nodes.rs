//! The nodes that are measured.

use std::process::Command;
use std::str::FromStr;
use std::time::Duration;

use ipv8_bench::{Load, Measured, Packets, Poll, resident_bytes};
use ipv8_interop::{Process, example, python, script};

use crate::Failure;

/// Any community: all nodes get the same.
pub(crate) const COMMUNITY: &str = "6563686f2d62656e63686d61726b2d6e6f646573";
const WARM_UP: Duration = Duration::from_millis(500);
const START_WITHIN: Duration = Duration::from_secs(30);
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Node {
    /// Our example `echo` as it is.
    Ours,
    /// The same, with each signature verified alone.
    Alone,
    /// The same, verifying and signing on two threads.
    Two,
    /// py-ipv8's.
    Py,
}

impl Node {
    pub(crate) const ALL: [Self; 4] = [Self::Ours, Self::Alone, Self::Two, Self::Py];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Alone => "alone",
            Self::Two => "two",
            Self::Py => "py",
        }
    }

    fn start(self) -> Result<Process, Failure> {
        let flags: &[&str] = match self {
            Self::Alone => &["--json", "--one-by-one"],
            Self::Two => &["--json", "--threads", "2"],
            Self::Ours => &["--json"],
            Self::Py => &[],
        };
        let mut command: Command = if self == Self::Py {
            script(&python().ok_or(Failure::Missing("a Python with py-ipv8"))?, "echo.py")
        } else {
            example("echo").ok_or(Failure::Missing("the release example echo"))?
        };
        command.args(flags);
        command.args(["--listen", "127.0.0.1:0", "--community", COMMUNITY]);
        command.args(["--seconds", "600"]);
        Ok(Process::spawn(self.name(), command)?)
    }

    /// Loads a fresh node: none starts with what another one left in its caches. Also says how many bytes it has resident
    /// afterwards.
    pub(crate) fn measure(self, packets: &mut Packets, window: usize, secs: u64) -> Result<(Measured, u64), Failure> {
        let mut process = self.start()?;
        let started = process.started(START_WITHIN)?;
        let load = Load {
            target: started.listen,
            window,
            duration: Duration::from_secs(secs),
            warm_up: WARM_UP,
            poll: Poll::Spin,
            pid: Some(process.id()),
        };
        let measured = load.run(packets)?;
        let resident = resident_bytes(process.id())?;
        process.terminate(STOP_WITHIN)?;
        Ok((measured, resident))
    }
}

impl AsRef<str> for Node {
    fn as_ref(&self) -> &str {
        self.name()
    }
}

impl std::fmt::Display for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Node {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|node| node.name() == text);
        found.ok_or_else(|| "use ours, alone, two or py".to_owned())
    }
}

//! Processor time and memory of another process.

use std::fs;
use std::io;

/// Ticks in a second in `/proc/PID/stat`: the kernel's USER_HZ, 100 on every architecture in use.
const TICKS_PER_SECOND: f64 = 100.0;
/// Fields between the command's closing parenthesis and the user time: see proc_pid_stat(5).
const FIELDS_BEFORE_USER_TIME: usize = 11;

/// Why the processor time of a process is unknown.
#[derive(Debug, thiserror::Error)]
pub enum CpuError {
    /// There is no such process, or no `/proc`.
    #[error("cannot read /proc/{pid}/stat: {source}; is {pid} a running process on Linux?")]
    Unreadable {
        /// The process.
        pid: u32,
        /// What the system said.
        source: io::Error,
    },
    /// `/proc/PID/stat` is not as documented.
    #[error("/proc/{pid}/stat has no processor times")]
    Malformed {
        /// The process.
        pid: u32,
    },
}

/// Seconds of processor time, user and system, that all threads of a process have used so far; resolution 10 ms.
///
/// # Errors
/// Where the process is gone or the system is not Linux.
pub fn cpu_seconds(pid: u32) -> Result<f64, CpuError> {
    let stat =
        fs::read_to_string(format!("/proc/{pid}/stat")).map_err(|source| CpuError::Unreadable { pid, source })?;
    ticks(&stat).map(|ticks| ticks / TICKS_PER_SECOND).ok_or(CpuError::Malformed { pid })
}

/// Bytes that a process has resident.
///
/// # Errors
/// As [`cpu_seconds`].
pub fn resident_bytes(pid: u32) -> Result<u64, CpuError> {
    let status =
        fs::read_to_string(format!("/proc/{pid}/status")).map_err(|source| CpuError::Unreadable { pid, source })?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or(CpuError::Malformed { pid })?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().map_err(|_| CpuError::Malformed { pid })?;
    Ok(kib * 1_024)
}

fn ticks(stat: &str) -> Option<f64> {
    // The command may hold anything, parentheses too; nothing after it does.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(FIELDS_BEFORE_USER_TIME);
    let user: f64 = times.next()?.parse().ok()?;
    let system: f64 = times.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_command() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 9 9 20 0 1 0 5 0 0";
        assert_eq!(ticks(stat), Some(300.0));
        assert_eq!(ticks("7 (a) S 1 2"), None);
    }
}

//! A child process that prints JSON lines.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Events kept for later waits; beyond it the oldest go first, so that a chatty child cannot fill the memory.
const MAX_BACKLOG: usize = 100_000;
/// Lines between the reading thread and the test. A full channel holds the child up, which is harmless.
const MAX_QUEUED: usize = 10_000;
/// Last bytes of standard error kept for messages.
const MAX_STDERR: usize = 4096;
/// How long the end of a program's standard error may take to come after the end of its standard output.
const STDERR_WITHIN: Duration = Duration::from_secs(1);
/// Pause between two looks at whether a child has ended: [`Child`] has no wait with a deadline.
const POLL: Duration = Duration::from_millis(10);

/// Held while a child is started and while a port is tried. A child holds all our sockets between its fork and its
/// exec, so a port that was freed in between would still be taken.
pub(crate) static STARTING: Mutex<()> = Mutex::new(());

/// A running program whose standard output is JSON, one object per line. It is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    backlog: VecDeque<Value>,
    stderr: Arc<Mutex<VecDeque<u8>>>,
    /// Gives an error once standard error has ended.
    stderr_end: Receiver<()>,
}

/// What a program says of itself when it is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// Where it listens; the first address if there are several.
    pub listen: SocketAddr,
    /// SHA-1 of its public key, in hex.
    pub mid: String,
}

/// Why a program could not be started or did not say what was waited for. The message ends with the last lines of the
/// program's standard error.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program could not be started.
    #[error("cannot start {name}: {source}")]
    Spawn {
        /// The name given to the process.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// Standard output had a line that is not JSON.
    #[error("{name} printed a line that is not JSON: {line}\n{stderr}")]
    NotJson {
        /// The name given to the process.
        name: String,
        /// The line.
        line: String,
        /// The end of its standard error.
        stderr: String,
    },
    /// The process closed its output before the event came.
    #[error("{name} ended ({status}) without {what}\n{stderr}")]
    Ended {
        /// The name given to the process.
        name: String,
        /// What was waited for.
        what: String,
        /// How it ended.
        status: String,
        /// The end of its standard error.
        stderr: String,
    },
    /// The deadline passed.
    #[error("{name} did not give {what} within {after:?}; {backlog} other events came, the last: {last}\n{stderr}")]
    Deadline {
        /// The name given to the process.
        name: String,
        /// What was waited for.
        what: String,
        /// How long was waited.
        after: Duration,
        /// How many events are waiting that did not match.
        backlog: usize,
        /// The latest of them.
        last: String,
        /// The end of its standard error.
        stderr: String,
    },
    /// A request could not be written.
    #[error("cannot ask {name}: {source}\n{stderr}")]
    Ask {
        /// The name given to the process.
        name: String,
        /// What the system said.
        source: io::Error,
        /// The end of its standard error.
        stderr: String,
    },
    /// The process did not end, or could not be signalled.
    #[error("cannot stop {name}: {source}\n{stderr}")]
    Stop {
        /// The name given to the process.
        name: String,
        /// What the system said, or a time-out.
        source: io::Error,
        /// The end of its standard error.
        stderr: String,
    },
}

impl Process {
    /// Starts a program; `name` stands for it in messages. Standard input is empty.
    ///
    /// # Errors
    /// [`ProcessError::Spawn`] where the program cannot be started.
    pub fn spawn(name: &str, command: Command) -> Result<Self, ProcessError> {
        Self::spawn_with(name, command, Stdio::null())
    }

    /// Starts a program that answers requests: see [`Process::ask`].
    ///
    /// # Errors
    /// [`ProcessError::Spawn`] where the program cannot be started.
    pub fn spawn_to_ask(name: &str, command: Command) -> Result<Self, ProcessError> {
        Self::spawn_with(name, command, Stdio::piped())
    }

    fn spawn_with(name: &str, mut command: Command, input: Stdio) -> Result<Self, ProcessError> {
        let failed = |source| ProcessError::Spawn { name: name.to_owned(), source };
        let starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut child = command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed)?;
        drop(starting);
        let (stdout, errors) = (child.stdout.take(), child.stderr.take());
        let (sender, lines) = mpsc::sync_channel(MAX_QUEUED);
        let stderr = Arc::new(Mutex::new(VecDeque::new()));
        let (stderr_open, stderr_end) = mpsc::channel();
        let process = Self {
            name: name.to_owned(),
            input: child.stdin.take(),
            child,
            lines,
            backlog: VecDeque::new(),
            stderr: Arc::clone(&stderr),
            stderr_end,
        };
        // Both threads end with the pipes, so with the child.
        if let Some(stdout) = stdout {
            thread::spawn(move || {
                for line in BufReader::new(stdout).lines() {
                    let Ok(line) = line else { break };
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        if let Some(errors) = errors {
            thread::spawn(move || {
                keep_tail(errors, &stderr);
                drop(stderr_open);
            });
        }
        Ok(process)
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The first event that `wanted` accepts, among those that came since the start and were not taken yet.
    ///
    /// It is taken; those before it stay for later waits, so the order of waits does not matter. `what` names the
    /// event in messages.
    ///
    /// # Errors
    /// [`ProcessError::Deadline`] after `within`, [`ProcessError::Ended`] or [`ProcessError::NotJson`] where it cannot
    /// come any more.
    pub fn wait_for(
        &mut self,
        what: &str,
        within: Duration,
        mut wanted: impl FnMut(&Value) -> bool,
    ) -> Result<Value, ProcessError> {
        if let Some(event) = self.backlog.iter().position(&mut wanted).and_then(|index| self.backlog.remove(index)) {
            return Ok(event);
        }
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = match self.lines.recv_timeout(left) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(ProcessError::Deadline {
                        name: self.name.clone(),
                        what: what.to_owned(),
                        after: within,
                        backlog: self.backlog.len(),
                        last: self.backlog.back().map_or_else(|| "none".to_owned(), Value::to_string),
                        stderr: self.stderr(),
                    });
                }
                Err(RecvTimeoutError::Disconnected) => {
                    // The reason is often the last line; only a grandchild could keep the pipe open longer.
                    let _ = self.stderr_end.recv_timeout(STDERR_WITHIN);
                    let status = self
                        .ended_within(Duration::from_secs(1))
                        .map_or_else(|error| error.to_string(), |status| status.to_string());
                    return Err(ProcessError::Ended {
                        name: self.name.clone(),
                        what: what.to_owned(),
                        status,
                        stderr: self.stderr(),
                    });
                }
            };
            let Ok(event) = serde_json::from_str::<Value>(&line) else {
                return Err(ProcessError::NotJson { name: self.name.clone(), line, stderr: self.stderr() });
            };
            if wanted(&event) {
                return Ok(event);
            }
            self.keep(event);
        }
    }

    /// Writes a request as one line and gives the next line that comes back. Only for [`Process::spawn_to_ask`].
    ///
    /// # Errors
    /// [`ProcessError::Ask`] where the program takes no requests (any more), and those of [`Process::wait_for`].
    pub fn ask(&mut self, request: &Value, within: Duration) -> Result<Value, ProcessError> {
        let written = match &mut self.input {
            Some(input) => writeln!(input, "{request}"),
            None => Err(io::Error::other("it was started without an input")),
        };
        written.map_err(|source| ProcessError::Ask { name: self.name.clone(), source, stderr: self.stderr() })?;
        self.wait_for("an answer", within, |_| true)
    }

    /// The `started` event, which every program prints first.
    ///
    /// # Errors
    /// Those of [`Process::wait_for`]; [`ProcessError::NotJson`] also where the event lacks its fields.
    pub fn started(&mut self, within: Duration) -> Result<Started, ProcessError> {
        let event = self.wait_for("its started event", within, |event| event["event"] == "started")?;
        // `ipv8 run` lists its addresses, everything else has one.
        let text = |pointer| event.pointer(pointer).and_then(Value::as_str);
        let listen = text("/listen").or_else(|| text("/listen/0")).and_then(|address| address.parse().ok());
        match (listen, text("/mid")) {
            (Some(listen), Some(mid)) => Ok(Started { listen, mid: mid.to_owned() }),
            _ => Err(ProcessError::NotJson { name: self.name.clone(), line: event.to_string(), stderr: self.stderr() }),
        }
    }

    /// Waits for the `peer` event of the peer with this mid (hex) and gives the event.
    ///
    /// # Errors
    /// Those of [`Process::wait_for`].
    pub fn finds(&mut self, mid: &str, within: Duration) -> Result<Value, ProcessError> {
        self.wait_for(&format!("peer {mid}"), within, |event| event["event"] == "peer" && event["mid"] == mid)
    }

    /// Sends SIGTERM and waits for the end: programs stop cleanly within two seconds, so `within` is that and the
    /// machine's slowness.
    ///
    /// # Errors
    /// [`ProcessError::Stop`] where it is still there after `within`.
    pub fn terminate(&mut self, within: Duration) -> Result<ExitStatus, ProcessError> {
        let stopped = self
            .signal("TERM")
            .and_then(|()| self.ended_within(within))
            .map_err(|source| ProcessError::Stop { name: self.name.clone(), source, stderr: self.stderr() });
        if stopped.is_err() {
            self.kill();
        }
        stopped
    }

    /// Waits for the process to end by itself; events that come meanwhile are kept.
    ///
    /// # Errors
    /// [`ProcessError::Stop`] where it is still running after `within`.
    pub fn wait(&mut self, within: Duration) -> Result<ExitStatus, ProcessError> {
        self.ended_within(within).map_err(|source| ProcessError::Stop {
            name: self.name.clone(),
            source,
            stderr: self.stderr(),
        })
    }

    /// The last bytes of the program's standard error, as text.
    pub fn stderr(&self) -> String {
        let tail = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&tail.iter().copied().collect::<Vec<u8>>()).into_owned()
    }

    fn keep(&mut self, event: Value) {
        if self.backlog.len() == MAX_BACKLOG {
            self.backlog.pop_front();
        }
        self.backlog.push_back(event);
    }

    fn signal(&self, signal: &str) -> io::Result<()> {
        // The standard library only knows SIGKILL; `kill` is a builtin of every shell.
        let status =
            Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", signal, &self.child.id().to_string()]).status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("kill -s {signal} failed ({status})"))) }
    }

    fn ended_within(&mut self, within: Duration) -> io::Result<ExitStatus> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            // A child that waits for room in its pipe could not end.
            while let Ok(line) = self.lines.try_recv() {
                self.keep(serde_json::from_str(&line).unwrap_or(Value::String(line)));
            }
            if Instant::now() >= deadline {
                return Err(io::Error::new(io::ErrorKind::TimedOut, format!("it still runs after {within:?}")));
            }
            thread::sleep(POLL);
        }
    }

    fn kill(&mut self) {
        // Both fail only for a child that has already been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn keep_tail(mut from: impl Read, tail: &Mutex<VecDeque<u8>>) {
    let mut buffer = [0; 1024];
    while let Ok(read) = from.read(&mut buffer) {
        let Some(new) = buffer.get(..read).filter(|new| !new.is_empty()) else {
            break;
        };
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend(new);
        let surplus = tail.len().saturating_sub(MAX_STDERR);
        tail.drain(..surplus);
    }
}

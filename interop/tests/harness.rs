//! The harness itself, on a shell that stands in for a peer.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::process::Command;
use std::time::Duration;

use ipv8_interop::{Process, ProcessError, free_port};

const SOON: Duration = Duration::from_secs(20);

fn shell(script: &str) -> Process {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    Process::spawn("shell", command).unwrap()
}

#[test]
fn waits_find_events_in_any_order_and_only_once() {
    let mut process = shell(r#"for n in 1 2 3; do echo "{\"n\":$n}"; done; exec sleep 60"#);
    process.wait_for("three", SOON, |e| e["n"] == 3).unwrap();
    process.wait_for("one", SOON, |e| e["n"] == 1).unwrap();
    let again = process.wait_for("one", Duration::from_millis(1), |e| e["n"] == 1);
    assert!(matches!(again, Err(ProcessError::Deadline { backlog: 1, .. })));
}

#[test]
fn the_started_event_has_one_address_or_a_list() {
    for listen in [r#""127.0.0.1:7""#, r#"["127.0.0.1:7","127.0.0.1:8"]"#] {
        let line = format!(r#"{{"event":"started","listen":{listen},"mid":"ab"}}"#);
        let started = shell(&format!("echo '{line}'")).started(SOON).unwrap();
        assert_eq!((started.listen.port(), started.mid.as_str()), (7, "ab"));
    }
    let without_mid = shell(r#"echo '{"event":"started","listen":"127.0.0.1:7"}'"#).started(SOON);
    assert!(matches!(without_mid, Err(ProcessError::NotJson { .. })));
}

#[test]
fn an_early_end_is_told_with_the_reason() {
    let error = shell("echo port taken >&2; exit 3").started(SOON).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("exit status: 3") && message.contains("port taken"), "{message}");
}

#[test]
fn events_printed_before_the_end_outlast_it() {
    let mut process = shell(r#"echo '{"event":"done"}'; exit 4"#);
    assert_eq!(process.wait(SOON).unwrap().code(), Some(4));
    process.wait_for("done", SOON, |e| e["event"] == "done").unwrap();
}

#[test]
fn answers_follow_requests() {
    let mut command = Command::new("sh");
    command.args(["-c", r#"while read -r line; do echo "[$line]"; done"#]);
    let mut process = Process::spawn_to_ask("shell", command).unwrap();
    for number in [1, 2] {
        let answer = process.ask(&number.into(), SOON).unwrap();
        assert_eq!(answer, serde_json::json!([number]));
    }
    let deaf = shell("exec sleep 60").ask(&1.into(), SOON);
    assert!(matches!(deaf, Err(ProcessError::Ask { .. })));
}

#[test]
fn terminate_gives_the_exit_status() {
    let mut process = shell(r#"trap 'kill $pid; exit 7' TERM; echo '{"event":"ready"}'; sleep 60 & pid=$!; wait"#);
    process.wait_for("ready", SOON, |e| e["event"] == "ready").unwrap();
    assert_eq!(process.terminate(SOON).unwrap().code(), Some(7));
}

#[test]
fn what_ignores_sigterm_is_killed() {
    let mut process = shell(r#"trap '' TERM; echo '{"event":"ready"}'; while :; do sleep 1 >/dev/null 2>&1; done"#);
    process.wait_for("ready", SOON, |e| e["event"] == "ready").unwrap();
    let error = process.terminate(Duration::from_millis(200)).unwrap_err();
    assert!(matches!(error, ProcessError::Stop { .. }), "{error}");
    assert!(process.wait(SOON).is_ok());
}

#[test]
fn dropping_a_process_ends_it() {
    let process = shell("exec sleep 60");
    let proc_entry = format!("/proc/{}", process.id());
    drop(process);
    assert!(!std::path::Path::new(&proc_entry).join("status").exists());
}

#[test]
fn free_ports_can_be_bound() {
    let port = free_port().unwrap();
    std::net::UdpSocket::bind(("127.0.0.1", port)).unwrap();
}

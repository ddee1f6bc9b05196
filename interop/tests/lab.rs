//! The lab itself: hosts see their own network only, failures are told, and nothing is left behind.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]
#![allow(clippy::disallowed_methods, reason = "waits for a process")]

use std::process::Command;

use ipv8_interop::{Internet, Lab, LabError, Nat, skip};

fn lab() -> Option<Lab> {
    match Lab::open() {
        Ok(lab) => Some(lab),
        Err(LabError::Unavailable(reason)) => {
            skip(&reason);
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn programs_inside_see_the_network_of_their_host() {
    let Some(lab) = lab() else { return };
    let mut internet = Internet::new();
    let public = internet.host("outside");
    internet.home(Nat::PortRestricted, &["inside"]);
    internet.build(&lab).unwrap();
    for (host, address) in [("outside", public.to_string()), ("inside", "192.168.1.2".to_owned())] {
        let mut command = Command::new("sh");
        command.args(["-c", "PATH=$PATH:/usr/sbin:/sbin; echo $MARK; ip -brief -4 addr"]).env("MARK", "kept");
        let output = lab.inside(host, &command).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.starts_with("kept\n") && text.contains(&address), "{host}: {text}");
        assert_eq!(text.lines().count(), 3, "loopback and its one link: {text}");
    }
}

#[test]
fn a_failing_script_says_why() {
    let Some(lab) = lab() else { return };
    let error = lab.run("ip link set nowhere up\ntouch /run/reached").unwrap_err();
    assert!(matches!(&error, LabError::Script { stderr, .. } if stderr.contains("nowhere")), "{error}");
    lab.run("test ! -e /run/reached").unwrap();
}

#[test]
fn labs_do_not_see_each_other() {
    let (Some(one), Some(other)) = (lab(), lab()) else { return };
    for lab in [&one, &other] {
        let mut internet = Internet::new();
        internet.host("same");
        internet.build(lab).unwrap();
    }
    one.run("ip netns delete same").unwrap();
    assert!(other.inside("same", &Command::new("true")).status().unwrap().success());
    assert!(!one.inside("same", &Command::new("true")).output().unwrap().status.success());
}

#[test]
fn programs_end_with_their_lab() {
    let Some(lab) = lab() else { return };
    lab.run("ip netns add host").unwrap();
    let mut sleeper = lab.inside("host", Command::new("sleep").arg("600")).spawn().unwrap();
    // Once it is inside, it is the program that it was started for.
    let comm = format!("/proc/{}/comm", sleeper.id());
    let inside = (0..2000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(5));
        std::fs::read_to_string(&comm).unwrap().trim() == "sleep"
    });
    assert!(inside);
    drop(lab);
    assert_eq!(sleeper.wait().unwrap().code(), None, "killed");
}

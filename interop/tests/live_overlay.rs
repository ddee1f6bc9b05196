//! The tutorial's overlay, with our peers and the reference's in one network, through either tracker: they find each
//! other at the right addresses, and every clock rises.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

use std::time::Duration;

use ipv8_interop::{Process, Started, binary, example, python, script};

const COMMUNITY: &str = "6c616d706f72742d636c6f636b2d746573742d22";
/// Generous: interpreters start slowly on a busy machine.
const SOON: Duration = Duration::from_secs(40);

/// Who runs a program.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Side {
    Ours,
    Theirs,
}

struct Programs {
    python: std::path::PathBuf,
}

impl Programs {
    fn find() -> Option<Self> {
        Some(Self { python: python()? })
    }

    fn tracker(&self, side: Side) -> Option<Process> {
        let mut command = match side {
            Side::Ours => {
                let mut command = binary("ipv8")?;
                command.arg("tracker").arg("--json");
                command
            }
            // Signs with a very-low key, as the reference's tracker does.
            Side::Theirs => script(&self.python, "tracker.py"),
        };
        command.args(["--listen", "127.0.0.1:0"]);
        Some(Process::spawn(&format!("{side:?} tracker"), command).unwrap())
    }

    fn peer(&self, side: Side, tracker: &Started, curve: &str) -> Option<Process> {
        let mut command = match side {
            // The example's own curve is medium.
            Side::Ours => {
                let mut command = example("overlay")?;
                command.arg("--json");
                command
            }
            Side::Theirs => {
                let mut command = script(&self.python, "overlay.py");
                command.args(["--curve", curve, "--greet", "1"]);
                command
            }
        };
        let bootstrap = tracker.listen.to_string();
        command.args(["--listen", "127.0.0.1:0", "--community", COMMUNITY, "--bootstrap", &bootstrap]);
        Some(Process::spawn(&format!("{side:?} peer"), command).unwrap())
    }
}

/// Runs peers through a tracker until each found every other one and counted to five.
fn network(tracker: Side, sides: &[Side]) {
    let Some(programs) = Programs::find() else { return };
    let Some(mut tracker) = programs.tracker(tracker) else { return };
    let contact = tracker.started(SOON).unwrap();
    let mut peers = Vec::new();
    for side in sides {
        let Some(mut peer) = programs.peer(*side, &contact, "medium") else { return };
        let started = peer.started(SOON).unwrap();
        peers.push((peer, started));
    }
    let all: Vec<_> = peers.iter().map(|(_, id)| (id.mid.clone(), id.listen.to_string())).collect();
    for (peer, own) in &mut peers {
        for (mid, listen) in all.iter().filter(|(mid, _)| *mid != own.mid) {
            let seen = peer.finds(mid, SOON).unwrap();
            assert_eq!(seen["address"], *listen);
        }
    }
    for (peer, _) in &mut peers {
        let counted = peer.wait_for("a clock of 5", SOON, |event| event["clock"].as_u64() >= Some(5)).unwrap();
        assert!(all.iter().any(|(mid, _)| counted["mid"] == *mid), "{counted}");
    }
    for mut process in peers.into_iter().map(|(peer, _)| peer).chain([tracker]) {
        let status = process.terminate(Duration::from_secs(10)).unwrap();
        assert!(status.success(), "{status} after SIGTERM\n{}", process.stderr());
    }
}

#[test]
fn ours_and_theirs_meet_through_our_tracker() {
    network(Side::Ours, &[Side::Ours, Side::Theirs]);
}

#[test]
fn theirs_and_ours_meet_through_their_tracker() {
    network(Side::Theirs, &[Side::Theirs, Side::Ours]);
}

#[test]
fn two_of_each_form_one_overlay() {
    network(Side::Ours, &[Side::Ours, Side::Theirs, Side::Ours, Side::Theirs]);
}

#[test]
fn our_peers_meet_through_their_tracker() {
    network(Side::Theirs, &[Side::Ours, Side::Ours]);
}

#[test]
fn their_peers_meet_through_our_tracker() {
    network(Side::Ours, &[Side::Theirs, Side::Theirs]);
}

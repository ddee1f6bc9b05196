//! Two peers of the reference find each other through its tracker: what every other live test builds on.

use std::time::Duration;

use ipv8_interop::{Process, python, script};

const COMMUNITY: &str = "6c616d706f72742d636c6f636b2d746573742d21";
/// Generous: interpreters start slowly on a busy machine.
const SOON: Duration = Duration::from_secs(30);

#[test]
fn two_python_peers_meet_through_the_python_tracker() {
    let Some(python) = python() else { return };
    let mut tracker = Process::spawn("tracker", script(&python, "tracker.py")).unwrap();
    let tracker_address = tracker.started(SOON).unwrap().listen.to_string();
    let peer = |name, curve| {
        let mut command = script(&python, "overlay.py");
        command.args(["--community", COMMUNITY, "--curve", curve]);
        command.args(["--bootstrap", &tracker_address, "--greet", "1"]);
        Process::spawn(name, command).unwrap()
    };
    let (mut first, mut second) = (peer("first", "medium"), peer("second", "curve25519"));
    let (first_id, second_id) = (first.started(SOON).unwrap(), second.started(SOON).unwrap());

    let seen = first.finds(&second_id.mid, SOON).unwrap();
    assert_eq!(seen["address"], second_id.listen.to_string());
    let seen = second.finds(&first_id.mid, SOON).unwrap();
    assert_eq!(seen["address"], first_id.listen.to_string());
    for id in [&first_id, &second_id] {
        let listed = tracker.finds(&id.mid, SOON).unwrap();
        assert_eq!(listed["community"], COMMUNITY);
    }
    let counted = first.wait_for("a clock of 10", SOON, |event| event["clock"].as_u64() >= Some(10)).unwrap();
    assert_eq!(counted["mid"], second_id.mid);

    for mut process in [first, second, tracker] {
        let status = process.terminate(Duration::from_secs(10)).unwrap();
        assert!(status.success(), "{status} after SIGTERM\n{}", process.stderr());
    }
}

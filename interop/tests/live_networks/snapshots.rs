//! A node that starts from nothing but the other side's snapshot finds everybody in it.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process;
use std::time::Duration;

use ipv8_interop::Side;

use crate::common::{Node, SOON, V4, programs, start, tracker};

const SIDES: [Side; 2] = [Side::Ours, Side::Theirs];

/// A file that is gone in the end.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // It may not have been made.
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn each_side_starts_from_the_others_snapshot() {
    let Some(programs) = programs() else { return };
    let Some(tracker) = tracker(&programs, Side::Ours, &V4) else { return };
    let contact = tracker.contact();
    let files =
        SIDES.map(|side| Scratch(env::temp_dir().join(format!("ipv8-interop-{}-{side:?}.snapshot", process::id()))));
    let paths = [0, 1].map(|index: usize| files[index].0.to_str().unwrap());
    let staying = SIDES.map(|side| start(&programs, side, "snapshots", &["--bootstrap", &contact]));
    let saving = [0, 1].map(|index: usize| {
        let flags = ["--bootstrap", &contact, "--save-snapshot", paths[index]];
        start(&programs, SIDES[index], "snapshots", &flags)
    });
    let staying = staying.map(Node::of);
    for node in &mut saving.map(Node::of) {
        for other in &staying {
            node.process.finds(&other.mid, SOON).unwrap();
        }
        let status = node.process.terminate(Duration::from_secs(10)).unwrap();
        assert!(status.success(), "{status}\n{}", node.process.stderr());
    }
    // Ours starts from theirs, and the other way round; nobody tells them of a tracker.
    for (side, path) in SIDES.into_iter().zip(paths.into_iter().rev()) {
        let mut node = Node::of(start(&programs, side, "snapshots", &["--load-snapshot", path]));
        for other in &staying {
            let seen = node.process.finds(&other.mid, SOON).unwrap();
            assert_eq!(seen["address"], other.contact());
        }
    }
}

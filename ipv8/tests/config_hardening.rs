//! Limits of the hardening, as configurations write them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use common::{config, problems};
use ipv8::core::{
    Hardening,
    hardening::{Admission, PunctureLimits, Rate},
};

fn read(text: &str) -> Hardening {
    config("a.toml", text).hardening
}

#[test]
fn limits_of_punctures() {
    let read = |text: &str| read(text).punctures;
    let compatible = Hardening::default().punctures.unwrap();
    let all = "hardening.punctures = { per_target = [3, 1], in_all = [30, 10] }";
    assert_eq!(read(all), Some(PunctureLimits { per_target: Rate::new(3, 1), in_all: Rate::new(30, 10) }));
    let one = "hardening.punctures.in_all = [30, 10]";
    assert_eq!(read(one), Some(PunctureLimits { in_all: Rate::new(30, 10), ..compatible }));
    assert_eq!(read("hardening.punctures = false"), None);
    // The preset "reference" has none.
    let strict = Hardening::hardened().punctures.unwrap();
    let reference = "hardening = { preset = 'reference', punctures = { per_target = [3, 1] } }";
    assert_eq!(read(reference), Some(PunctureLimits { per_target: Rate::new(3, 1), ..strict }));
}

#[test]
fn limits_of_signatures() {
    let read = |text: &str| read(text).admission;
    let strict = Hardening::hardened().admission.unwrap();
    assert_eq!(read(""), None);
    assert_eq!(read("hardening.admission = {}"), Some(strict));
    let all = "hardening.admission = { per_stranger = [1, 2], strangers = [3, 4], per_peer = [5, 6] }";
    let rates = Admission { per_stranger: Rate::new(1, 2), strangers: Rate::new(3, 4), per_peer: Rate::new(5, 6) };
    assert_eq!(read(all), Some(rates));
    assert_eq!(read("hardening = { preset = 'hardened', admission = false }"), None);
}

#[test]
fn old_curves_and_switches() {
    assert_eq!(read("").old_curves, Hardening::default().old_curves);
    assert_eq!(read("hardening.old_curves = false").old_curves, None);
    assert_eq!(read("hardening.old_curves = { strangers = [5, 6] }").old_curves, Some(Rate::new(5, 6)));
    let off = read("hardening = { random_identifiers = false, drop_never_heard = false }");
    assert!(!off.random_identifiers && !off.drop_never_heard);
    assert!(read("").random_identifiers && read("").drop_never_heard);
}

#[test]
fn what_is_no_limit() {
    let expected = "must be [BURST, PER_SECOND], whole numbers from 1 to 4294967295";
    for wrong in ["[1]", "[1, 2, 3]", "[0, 1]", "[1, 0]", "[-1, 1]", "[1.5, 1]", "[4294967296, 1]", "7", "'x'"] {
        assert_eq!(
            problems("a.toml", &format!("hardening.punctures.in_all = {wrong}")),
            [format!("a.toml:1:21: hardening.punctures.in_all: {expected}")]
        );
    }
    assert_eq!(
        problems("a.toml", "hardening.admission = true"),
        ["a.toml:1:11: hardening.admission: must be a table of rates, or false, not true or false"]
    );
    assert_eq!(
        problems("a.toml", "hardening.admission.stranger = [1, 1]"),
        ["a.toml:1:21: hardening.admission.stranger: is not known here, did you mean `strangers`?"]
    );
}

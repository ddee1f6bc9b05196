//! A defect that simulations found: first messages by made-up keys became peers that never answer and that nobody ever
//! dropped, so that after half a minute of them every third question went unanswered for good, and newcomers were shut out.
//! The churn now asks and drops such peers. In the reference's preset it stays as it was, which shows that this would tell.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::time::Duration;

use ipv8_scenario::{AttackKind, HardeningLevel, Metric, Simulation, builtin};

/// The scenario `flood` without its first attack, on ten nodes: from the 20th to the 40th second nodes are sent valid
/// introduction requests by made-up keys, then they are left alone for 100 seconds. The part of the last requests that went
/// without answer.
fn unanswered_in_the_end(hardening: HardeningLevel) -> f64 {
    let mut scenario = builtin("flood").unwrap().scenario().unwrap();
    scenario.nodes = 10;
    scenario.overlay.hardening = hardening;
    scenario.attackers.retain(|attack| attack.kind == AttackKind::Introductions);
    for attack in &mut scenario.attackers {
        (attack.from, attack.to) = (Duration::from_secs(20), Some(Duration::from_secs(40)));
    }
    scenario.measure.graphs.clear();
    scenario.stop.after = Duration::from_secs(140);
    let outcome = Simulation::new(&scenario).unwrap().run();
    outcome.series.iter().find(|series| series.name == Metric::Failures.name()).unwrap().points.last().unwrap().mean
}

#[test]
fn nodes_get_well_when_made_up_peers_stop_coming() {
    let compatible = unanswered_in_the_end(HardeningLevel::Compatible);
    assert!(compatible < 0.02, "{compatible} of the last requests went unanswered");
    let reference = unanswered_in_the_end(HardeningLevel::Reference);
    assert!(reference > 0.2, "{reference}: the scenario does not show what it is for");
}

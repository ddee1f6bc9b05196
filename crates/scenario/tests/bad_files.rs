//! What is wrong with a file is said at once, with the line and what is allowed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

use ipv8_scenario::Scenario;

fn problems(text: &str) -> Vec<String> {
    Scenario::from_toml("a.toml", text).unwrap_err().lines().collect()
}

#[test]
fn all_problems_are_reported_in_the_order_of_their_lines() {
    let found = problems(
        r#"name = "Storm"
nodes = 0
sead = 3

[overlay]
hardening = "hard"
walkers = [{ strategy = "RandomWlk" }, { strategy = "RandomWalk", init = { timeot = 3 } }, 7]

[join]
process = "poisson"

[sessions]
length = "long"
pause = { men = 3 }

[link]
loss = 1.5
latency = { from = 0.2, to = 0.1 }

[nat]
symmetric = 0.7
full_cone = 0.7

[requests]
rate = -1

[[event]]
at = 70
kind = "heal"

[[event]]
kind = "explode"

[[event]]
at = 10
kind = "crash"
nodes = 3
share = 0.1

[measure]
metrics = ["peers", "bites"]
graphs = [10, 90]

[stop]
after = 60
goal = { share = 2.0, peers = 1000 }
"#,
    );
    let expected = [
        "a.toml:1:1: name: must be of lower case letters, digits and hyphens, not `Storm`",
        "a.toml:2:1: nodes: must be from 1 to 4000000, not 0",
        "a.toml:3:1: sead: is not known here, did you mean `seed`?",
        "a.toml:6:1: overlay.hardening: must be one of reference, compatible, hardened, not `hard`",
    ];
    assert_eq!(found[..expected.len()], expected, "{found:#?}");
    for part in [
        "a.toml:7:14: overlay.walkers[0].strategy: must be one of RandomWalk, ",
        "overlay.walkers[1].init.timeot: is not known here, did you mean `timeout`?",
        "overlay.walkers[2]: must be a table, not a whole number",
        "a.toml:9:2: join.rate: is missing",
        "a.toml:13:1: sessions.length: must be a number of seconds, { mean = SECONDS } or { median = SECONDS }, not text",
        "sessions.pause.men: is not known here, did you mean `mean`?",
        "a.toml:17:1: link.loss: must be from 0 to 1, not 1.5",
        "link.latency.to: must not be less than `from`, 0.2 seconds",
        "a.toml:20:2: nat: has shares of 1.4 together: at most 1 of all nodes can be behind NATs",
        "a.toml:25:1: requests.rate: must be from 0.0001 to 1000, not -1",
        "a.toml:28:1: event[0].at: is after the end of the run at 60 seconds: see `stop.after`",
        "a.toml:29:1: event[0].kind: heals no partition: none is there at this time",
        "event[1].at: is missing",
        "a.toml:32:1: event[1].kind: must be one of partition, heal, ",
        "a.toml:38:1: event[2].share: stands beside `nodes`: give one of them",
        "a.toml:41:21: measure.metrics[1]: must be one of ",
        "did you mean `bytes`?",
        "a.toml:42:15: measure.graphs[1]: is 90, after the end of the run at 60 seconds: see `stop.after`",
        "stop.goal.share: must be from 0 to 1, not 2",
    ] {
        assert!(found.iter().any(|line| line.contains(part)), "{part}\n{found:#?}");
    }
}

#[test]
fn a_word_that_nothing_resembles_gets_a_list_of_those_that_there_are() {
    let found = problems("name = \"a\"\n[trackers]\nzzz = 1\n");
    assert_eq!(found, ["a.toml:3:1: trackers.zzz: is not known here: there are count, peers"]);
}

#[test]
fn what_is_no_toml_is_reported_with_its_line() {
    let found = problems("name = \"a\"\nnodes = = 3\n");
    assert!(found.iter().any(|line| line.starts_with("a.toml:2:9: ")), "{found:?}");
}

#[test]
fn a_value_that_cannot_be_read_causes_no_second_complaint() {
    let text = "name = \"a\"\n[[event]]\nat = 100\nkind = \"trackers-down\"\n[stop]\nafter = \"long\"\n";
    assert_eq!(problems(text), ["a.toml:6:1: stop.after: must be a number, not text"]);
}

#[test]
fn too_many_nodes_behind_nats_are_refused() {
    let found = problems("name = \"a\"\nnodes = 100000\n[nat]\nsymmetric = 0.8\n");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found.concat().contains("puts 80000 nodes behind NATs, and 65024 have an address there"), "{found:?}");
}

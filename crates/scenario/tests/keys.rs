//! The list of keys is that of the keys that are read, and what it names as defaults are the defaults.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

use ipv8_scenario::{
    Scenario,
    read::keys::{KEYS, Key},
};

/// What else a table needs so that a key can stand in it.
fn beside(key: &Key) -> &'static str {
    match key.name {
        "join.over" => "process = \"evenly\"",
        "join.rate" => "process = \"poisson\"",
        "join.process" => "over = 5",
        "overlay.walkers[].peers" | "overlay.walkers[].init" => "strategy = \"RandomWalk\"",
        "stop.goal.share" => "peers = 5",
        "stop.goal.peers" => "share = 0.5",
        "event[].at" => "kind = \"partition\"",
        "event[].kind" => "at = 5\n[[event]]\nat = 2\nkind = \"partition\"",
        "event[].parts" => "at = 5\nkind = \"partition\"",
        "event[].within" => "at = 5\nkind = \"flash-crowd\"\nnodes = 3",
        "event[].nodes" | "event[].share" => "at = 5\nkind = \"crash\"",
        "event[].pause" | "event[].keep_peers" => "at = 5\nkind = \"crash\"\nnodes = 3",
        "event[].region" => "at = 5\nkind = \"partition\"\n[[region]]\nname = \"Japan\"\nlatency = [0.01]",
        "event[].queue" => "at = 5\nkind = \"link\"\nbandwidth = 10000",
        "link.queue" => "bandwidth = 10000",
        "region[].name" => "latency = [0.01]",
        "region[].weight" => "name = \"here\"\nlatency = [0.01]",
        "region[].latency" => "name = \"here\"",
        "attacker[].kind" => "rate = 5",
        "attacker[].rate" => "kind = \"garbage\"",
        name if name.starts_with("dht.") => "[overlay]\ncommunity = \"DhtCommunity\"\n[stop]\nafter = 400",
        name if name.starts_with("attacker[]") => "kind = \"garbage\"\nrate = 5",
        name if name.starts_with("event[]") => "at = 5\nkind = \"link\"",
        _ => "",
    }
}

fn file(key: &Key, value: &str) -> String {
    let name = if key.name == "name" { "" } else { "name = \"a\"\n" };
    match key.name.rsplit_once('.') {
        None => format!("{name}{} = {value}\n", key.name),
        Some((table, own)) => {
            let header = match table.ends_with("[]") {
                true => format!("[[{}]]", table.replace("[]", "")),
                false => format!("[{table}]"),
            };
            format!("{name}{header}\n{own} = {value}\n{}\n", beside(key))
        }
    }
}

#[test]
fn every_example_can_be_read() {
    for key in KEYS {
        let text = file(key, key.example);
        let read = Scenario::from_toml("a.toml", &text);
        assert!(read.is_ok(), "{}: {}\n{text}", key.name, read.unwrap_err());
    }
}

#[test]
fn every_default_is_the_default() {
    for key in KEYS.iter().filter(|key| !["", "all"].contains(&key.default)) {
        let with = Scenario::from_toml("a.toml", &file(key, key.default)).unwrap();
        let without: String = file(key, key.default)
            .lines()
            .filter(|line| !line.starts_with(&format!("{} =", key.name.rsplit('.').next().unwrap())))
            .fold(String::new(), |text, line| text + line + "\n");
        // What stands for `join.process` and `join.over` has to be given together.
        let without = if key.name.starts_with("join") { "name = \"a\"\n".to_owned() } else { without };
        let with = if key.name == "join.process" { Scenario::new("a") } else { with };
        assert_eq!(with, Scenario::from_toml("a.toml", &without).unwrap(), "{}", key.name);
    }
}

/// The words that the reader takes out of tables, as its sources have them.
#[test]
fn every_key_that_is_read_is_in_the_list() {
    let sources = [
        include_str!("../src/read/mod.rs"),
        include_str!("../src/read/network.rs"),
        include_str!("../src/read/events.rs"),
        include_str!("../src/read/dht.rs"),
    ];
    let mut read = Vec::new();
    for source in sources {
        for call in [
            "values.take_",
            "event.take_",
            "take_u32(values, ",
            "take_u32(event, ",
            "take_needed(values, ",
            "take_needed(event, ",
            "take_needed(attacker, ",
            "take_needed(region, ",
            "attacker.take_",
            "take_u32(attacker, ",
            "take_u32(region, ",
            "take_needed(table, ",
            "take_needed(goal, ",
            "take_needed(table, ",
            "section(values, ",
            "share(values, ",
            "latency(values, ",
            "length(values, ",
        ] {
            for rest in source.split(call).skip(1) {
                let rest = rest.split([')', ';']).next().unwrap();
                let rest = if call.ends_with('_') { rest.split_once('(').map_or("", |(_, rest)| rest) } else { rest };
                if let Some(word) = rest.strip_prefix('"').and_then(|rest| rest.split('"').next()) {
                    read.push(word);
                }
            }
        }
    }
    assert!(read.len() > 40, "{read:?}");
    let listed: Vec<_> = KEYS.iter().flat_map(|key| key.name.split('.')).map(|part| part.replace("[]", "")).collect();
    for word in
        read.iter().filter(|word| !["mean", "median", "deviation", "from", "to", "by", "every", "lasts"].contains(word))
    {
        assert!(listed.iter().any(|part| part == word), "{word} is read, and not in the list of keys");
    }
}

//! Every key of a scenario file: what it is, its default, and what it means. The reference in `docs/simulation.md` comes
//! from here.

use std::fmt::Write as _;

use ipv8_core::settings::{KeyPath, Step};

/// One key of a scenario file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key {
    /// Its dotted name; `[]` stands for each of several tables.
    pub name: &'static str,
    /// What it is, in words.
    pub kind: &'static str,
    /// The default, as TOML; empty if it has to be given or has none.
    pub default: &'static str,
    /// A value, as TOML.
    pub example: &'static str,
    /// What it means.
    pub docs: &'static str,
}

const fn key(
    name: &'static str,
    kind: &'static str,
    default: &'static str,
    example: &'static str,
    docs: &'static str,
) -> Key {
    Key { name, kind, default, example, docs }
}

const TEXT: &str = "text";
const NUMBER: &str = "whole number";
const SHARE: &str = "share, 0 to 1";
const SECONDS: &str = "seconds";
const TRUTH: &str = "true or false";

/// All keys, in the order of the reference.
pub const KEYS: &[Key] = &[
    key("name", TEXT, "", "\"storm\"", "The name, of lower case letters, digits and hyphens. It has to be given."),
    key("about", TEXT, "\"\"", "\"what it shows\"", "What the scenario shows, in a sentence."),
    key("seed", NUMBER, "1", "7", "What all randomness comes from. `--seed` goes before it."),
    key(
        "nodes",
        NUMBER,
        "100",
        "500",
        "How many nodes there are, from 1 to 4,000,000; trackers and those of flash crowds are not counted. `--nodes` goes \
         before it.",
    ),
    key(
        "signatures",
        TEXT,
        "\"memoised\"",
        "\"stamps\"",
        "`memoised`: packets are signed, and each signature is checked once. `stamps`: a keyed hash stands in for the signature, with \
         its length; what comes out is the same but for the hash of the trace, for a fraction of the time.",
    ),
    key("trackers.count", NUMBER, "1", "2", "How many trackers there are, from 1 to 100. All nodes know all of them."),
    key("trackers.peers", NUMBER, "100", "50", "How many peers of a community a tracker keeps, from 1 to 100,000."),
    key(
        "overlay.community",
        TEXT,
        "\"DiscoveryCommunity\"",
        "\"Plain\"",
        "What the nodes run: `DiscoveryCommunity`, which every IPv8 network has; `DhtCommunity`, the distributed hash table; \
         or `Plain`, a community without messages of its own.",
    ),
    key(
        "overlay.max_peers",
        NUMBER,
        "30",
        "-1",
        "How many peers it takes before it answers no more introduction requests, up to 1,000,000; -1 for any number.",
    ),
    key(
        "overlay.hardening",
        TEXT,
        "\"compatible\"",
        "\"hardened\"",
        "How much nodes and trackers trust what they are told: `reference`, `compatible` or `hardened`, see hardening.md.",
    ),
    key(
        "overlay.tick",
        SECONDS,
        "0.5",
        "0.25",
        "The time in which every strategy takes one step, from 0.001 to 3,600.",
    ),
    key(
        "overlay.walkers[].strategy",
        TEXT,
        "",
        "\"SteeredWalk\"",
        "A strategy by name, as in the configuration of a node (configuration.md has all of them with their settings). \
         Without any walkers, nodes have those of a node's default configuration: a `RandomWalk` until 20 peers are known \
         and, for the DiscoveryCommunity, `RandomChurn` and `PeriodicSimilarity`, for the DhtCommunity `PingChurn`.",
    ),
    key("overlay.walkers[].peers", NUMBER, "20", "-1", "Until how many peers are known it runs; -1 for always."),
    key("overlay.walkers[].init", "table", "{}", "{ timeout = 2.0 }", "The settings of the strategy."),
    key(
        "join.process",
        TEXT,
        "\"evenly\"",
        "\"evenly\"",
        "How the nodes start: `at-once`; `evenly`, one after the other; or `poisson`, independently of each other. More \
         nodes can come later, see the event `flash-crowd`.",
    ),
    key("join.over", SECONDS, "10", "30", "For `evenly`: within which time they start. It has to be given with it."),
    key("join.rate", "number a second", "", "20.0", "For `poisson`: how many start in a second on average."),
    key(
        "sessions.length",
        "seconds, { mean } or { median }",
        "{ mean = 300 }",
        "600",
        "How long a node is there before it goes, without a word. `600` is always as long; `{ mean = 600 }` is drawn from \
         an exponential distribution, in which how long a node has been there says nothing about how long it will be; \
         `{ median = 600 }` from a Weibull distribution of shape one half, in which most sessions are short and a few are long, \
         as was measured in Kad and BitTorrent (the mean is 4.16 medians). Without a table `sessions`, all nodes stay.",
    ),
    key(
        "sessions.pause",
        "seconds, { mean } or { median }",
        "{ mean = 60 }",
        "{ mean = 30 }",
        "How long it is gone. It then starts again with its key and its address.",
    ),
    key("sessions.share", SHARE, "1.0", "0.5", "Which part of the nodes comes and goes; the others stay."),
    key("sessions.keep_peers", TRUTH, "false", "true", "Whether it then knows its peers, as from a peer file."),
    key(
        "link.latency",
        "seconds, or a table",
        "{ from = 0.02, to = 0.08 }",
        "{ mean = 0.05, deviation = 0.01 }",
        "How long a packet takes, drawn for each: `0.05` is always as long, `{ from, to }` is even between the two, \
         `{ mean, deviation }` is nearly normal and never below zero.",
    ),
    key("link.jitter", SECONDS, "0", "0.005", "Up to how much longer it takes, evenly."),
    key("link.loss", SHARE, "0", "0.05", "The part of all packets that is lost."),
    key("link.duplication", SHARE, "0", "0.01", "The part of all packets that comes twice."),
    key(
        "link.reordering",
        "table",
        "",
        "{ share = 0.02, by = 0.1 }",
        "Which part of all packets is held up, and by how many seconds, so that later ones overtake them.",
    ),
    key(
        "link.bandwidth",
        "bytes a second",
        "",
        "125000",
        "The uplink of each node, shared by all that it sends; without limit, if it is not given.",
    ),
    key(
        "link.queue",
        "bytes",
        "",
        "30000",
        "How much waits before the uplink; a quarter of a second, if it is not given.",
    ),
    key(
        "link.bursts",
        "table",
        "",
        "{ every = 60, lasts = 2, loss = 0.5 }",
        "Losses in bursts, of each sender: how many seconds a good time lasts on average, and a bad one, and which part of \
         all packets is lost in it, beside `loss`.",
    ),
    key(
        "regions",
        TEXT,
        "",
        "\"internet\"",
        "Where nodes are, each drawn from the seed: `internet` has six regions, with latencies, uplinks and numbers of nodes \
         that were measured. They go before `link.latency`.",
    ),
    key("region[].name", TEXT, "", "\"near\"", "A region of one's own, instead of `regions`. It has to be given."),
    key("region[].weight", NUMBER, "1", "3", "How many nodes it gets compared to the others."),
    key(
        "region[].latency",
        "list of seconds",
        "",
        "[0.02]",
        "How long a packet takes from here to each region, in their order, with a deviation of a tenth. It has to be given.",
    ),
    key("nat.full_cone", SHARE, "0", "0.1", "The part of the nodes that is behind a full cone NAT."),
    key("nat.address_restricted", SHARE, "0", "0.1", "The part behind an address-restricted cone."),
    key("nat.port_restricted", SHARE, "0", "0.3", "The part behind a port-restricted cone."),
    key(
        "nat.symmetric",
        SHARE,
        "0",
        "0.1",
        "The part behind a symmetric NAT. Together the four are at most 1; all other nodes are open. At most 65,024 nodes \
         can be behind NATs.",
    ),
    key("nat.behind_each", NUMBER, "1", "2", "How many nodes share a NAT, from 1 to 254."),
    key(
        "requests.rate",
        "number a second",
        "0.2",
        "1.0",
        "How many questions a node asks in a second on average, from 0.0001 to 1,000: each a random peer of its overlay, who \
         answers at once. Without a table `requests`, none are asked.",
    ),
    key(
        "requests.size",
        "bytes",
        "64",
        "1000",
        "The size of a question and of its answer, without headers; at most 1,200.",
    ),
    key("requests.timeout", SECONDS, "10", "5", "How long an answer is waited for, from 0.01 to 600."),
    key(
        "dht.values",
        NUMBER,
        "100",
        "1000",
        "How many values are stored, from 1 to 100,000, each under a random key, signed. Without a table `dht`, none are. It needs \
         the DhtCommunity.",
    ),
    key("dht.store_at", SECONDS, "120", "300", "When the storing begins."),
    key("dht.store_over", SECONDS, "30", "60", "Within which time the values are stored, evenly."),
    key(
        "dht.find_at",
        "list of seconds",
        "[180]",
        "[10, 60]",
        "When values are looked for, by random nodes that have been up for a minute; at most six moments. Values are dealt out to \
         the moments in turn, and each is looked for once: a search that finds a value stores it on one more node. As many searches \
         for the nodes closest to random keys run beside them.",
    ),
    key("dht.find_over", SECONDS, "60", "30", "Within which time from each of these moments, evenly."),
    key(
        "dht.staying",
        NUMBER,
        "0",
        "5",
        "How many nodes never go, whatever `sessions` says. If there are any, they publish every second value; the others are \
         published by random nodes that come and go.",
    ),
    key(
        "dht.remember",
        TRUTH,
        "false",
        "true",
        "Whether publishers that went publish again what they had published, a minute after they came back.",
    ),
    key(
        "dht.republish",
        SECONDS,
        "",
        "600",
        "How often publishers store their values again; never, if it is not given, as with the reference.",
    ),
    key(
        "dht.malicious",
        SHARE,
        "0",
        "0.1",
        "Which part of the nodes is malicious; those that stay never are. They publish nothing and look for nothing.",
    ),
    key("dht.malice", TEXT, "\"silent\"", "\"liar\"", "What they do: `silent`, `liar` or `forgetful`, see dht.md."),
    key(
        "cpu.slower",
        NUMBER,
        "1",
        "10",
        "How many times as long work takes as on the machine of PERFORMANCE.md, where a signature is checked in 29 µs; 1 to \
         100,000. Without a table `cpu`, the work of nodes takes no time.",
    ),
    key(
        "cpu.buffer",
        "bytes",
        "425984",
        "100000",
        "The receive buffer of a node's socket: what finds it full is lost.",
    ),
    key("clocks.skew", "millionths", "0", "50", "By how much clocks run too fast or too slow at most, up to 500,000."),
    key("clocks.off", SECONDS, "0", "3600", "By how much their time since 1970 is wrong at most."),
    key("attacker[].kind", TEXT, "", "\"garbage\"", "What it does, see [Attackers](#attackers). It has to be given."),
    key(
        "attacker[].rate",
        "number a second",
        "",
        "50.0",
        "How many datagrams it sends to each node that it attacks, from 0.001 to 100,000. It has to be given.",
    ),
    key(
        "attacker[].share",
        SHARE,
        "1.0",
        "0.5",
        "Which part of the open nodes that are there from the beginning it attacks.",
    ),
    key("attacker[].from", SECONDS, "0", "20", "When it begins."),
    key("attacker[].to", SECONDS, "", "50", "When it ends; never, if it is not given."),
    key(
        "attacker[].addresses",
        NUMBER,
        "1",
        "20",
        "How many addresses it has, from which it sends in turn; at most 10,000.",
    ),
    key(
        "attacker[].made_up_sources",
        TRUTH,
        "false",
        "true",
        "Whether it writes made-up sources on its datagrams instead.",
    ),
    key("event[].at", SECONDS, "", "60", "When it happens. It has to be given, and be within `stop.after`."),
    key("event[].kind", TEXT, "", "\"heal\"", "What happens, see [Events](#events). It has to be given."),
    key("event[].parts", NUMBER, "2", "3", "For `partition`: into how many equal parts the network falls, 2 to 1,000."),
    key(
        "event[].share",
        SHARE,
        "",
        "0.3",
        "For `partition`: which part of the nodes is apart, instead of `parts`. For `crash`: which part of the nodes that are \
         up. For `flash-crowd`: how many nodes as a multiple of `nodes`, up to 1,000.",
    ),
    key("event[].region", TEXT, "", "\"Japan\"", "For `partition`: the region that is apart, instead of `parts`."),
    key("event[].nodes", NUMBER, "", "50", "For `crash` and `flash-crowd`: how many nodes, instead of `share`."),
    key("event[].within", SECONDS, "1", "5", "For `flash-crowd`: within which time they start, evenly."),
    key("event[].pause", SECONDS, "", "20", "For `crash`: after how long they start again; never, if it is not given."),
    key("event[].keep_peers", TRUTH, "false", "true", "For `crash`: whether they then know their peers."),
    key(
        "event[].latency",
        "seconds, or a table",
        "{ from = 0.02, to = 0.08 }",
        "0.2",
        "For `link`: as in `[link]`, as all keys below. What is not given is the default, not what was \
         before.",
    ),
    key("event[].jitter", SECONDS, "0", "0.005", "For `link`: as in `link`."),
    key("event[].loss", SHARE, "0", "0.5", "For `link`: as in `link`."),
    key("event[].duplication", SHARE, "0", "0.01", "For `link`: as in `link`."),
    key("event[].reordering", "table", "", "{ share = 0.02, by = 0.1 }", "For `link`: as in `link`."),
    key("event[].bandwidth", "bytes a second", "", "10000", "For `link`: as in `link`."),
    key("event[].queue", "bytes", "", "30000", "For `link`: as in `link`."),
    key("event[].bursts", "table", "", "{ every = 60, lasts = 2, loss = 0.5 }", "For `link`: as in `link`."),
    key("measure.every", SECONDS, "5", "2", "How often the metrics are looked at, in virtual time; at least 0.1."),
    key(
        "measure.metrics",
        "list of texts",
        "all",
        "[\"peers\", \"bytes\"]",
        "Which metrics, see [Metrics](#metrics). Fewer make large scenarios faster.",
    ),
    key(
        "measure.peers",
        NUMBER,
        "10",
        "20",
        "For which number of peers is measured how long nodes take to know as many.",
    ),
    key(
        "measure.histograms",
        "list of seconds",
        "[]",
        "[15, 45]",
        "When the distributions of peers and of in-degrees are taken, beside the end.",
    ),
    key("measure.graphs", "list of seconds", "[]", "[60]", "When the graph of who knows whom is taken."),
    key("stop.after", SECONDS, "60", "300", "When the run ends, in virtual time. `--until` goes before it."),
    key("stop.goal.share", SHARE, "", "0.95", "The run ends earlier when this part of the nodes that are up"),
    key("stop.goal.peers", NUMBER, "", "10", "knows so many peers, once all nodes have started."),
];

/// The keys that there are beside an unknown one, in words.
pub(super) fn known(path: &KeyPath) -> String {
    let mut prefix = String::new();
    for step in path.0.iter().take(path.0.len().saturating_sub(1)) {
        match step {
            Step::Key(key) if prefix.is_empty() => prefix.push_str(key),
            Step::Key(key) => {
                let _ = write!(prefix, ".{key}");
            }
            Step::Index(_) => prefix.push_str("[]"),
        }
    }
    let mut names: Vec<&str> = Vec::new();
    for key in KEYS {
        let rest = match prefix.is_empty() {
            true => Some(key.name),
            false => key.name.strip_prefix(prefix.as_str()).and_then(|rest| rest.strip_prefix('.')),
        };
        let name = rest.and_then(|rest| rest.split(['.', '[']).next());
        names.extend(name.filter(|name| !names.contains(name)));
    }
    if names.is_empty() { "there are no keys here".to_owned() } else { format!("there are {}", names.join(", ")) }
}

/// The reference of all keys as Markdown, one table for each table of a file.
#[must_use]
pub fn reference() -> String {
    let mut out = String::new();
    let mut section = None;
    for key in KEYS {
        let (table, name) = key.name.rsplit_once('.').unwrap_or(("", key.name));
        if section != Some(table) {
            section = Some(table);
            let heading = match table {
                "" => "At the top".to_owned(),
                table if table.ends_with("[]") => format!("`[[{}]]`", table.replace("[]", "")),
                table => format!("`[{table}]`"),
            };
            let _ =
                writeln!(out, "\n### {heading}\n\n| key | is | default | example | meaning |\n|---|---|---|---|---|");
        }
        let code = |text: &str| match text {
            "" => "–".to_owned(),
            "all" => text.to_owned(),
            text => format!("`{text}`"),
        };
        let (default, example) = (code(key.default), code(key.example));
        let _ = writeln!(out, "| `{name}` | {} | {default} | {example} | {} |", key.kind, key.docs);
    }
    out
}

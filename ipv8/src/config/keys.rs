//! Every key of a configuration: what it is, its default, and what it means. The default file, the reference of keys in
//! `docs/configuration.md`, and the names of environment variables come from here.

/// What a value is, which says how the text of an environment variable is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// True or false.
    Bool,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Text.
    Text,
    /// Several texts; in a variable separated by commas or blanks.
    List,
    /// Text or a whole number: only in files.
    TextOrInteger,
    /// A table of rates, each `[BURST, PER_SECOND]`, or false: only in files.
    Rates,
    /// A table, or several: only in files.
    Tables,
    /// A list of anything: only in files.
    Any,
}

/// One key of a configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key {
    /// Its dotted name; `[]` stands for each of several tables.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The default, as TOML; empty if there is none.
    pub default: &'static str,
    /// A value other than the default, as TOML; empty if the default is example enough.
    pub example: &'static str,
    /// The environment variable; empty if there is none.
    pub variable: &'static str,
    /// The flag of `ipv8 run`; empty if there is none.
    pub flag: &'static str,
    /// What it means, in one paragraph.
    pub docs: &'static str,
}

const fn key(name: &'static str, kind: Kind, default: &'static str, docs: &'static str) -> Key {
    Key { name, kind, default, example: "", variable: "", flag: "", docs }
}

impl Key {
    const fn like(mut self, example: &'static str) -> Self {
        self.example = example;
        self
    }

    const fn var(mut self, variable: &'static str) -> Self {
        self.variable = variable;
        self
    }

    const fn flag(mut self, flag: &'static str) -> Self {
        self.flag = flag;
        self
    }
}

/// The environment variable that names the file.
pub const FILE_VARIABLE: &str = "IPV8_CONFIG";

/// All keys, in the order of the default file.
pub const KEYS: &[Key] = &[
    key(
        "listen",
        Kind::List,
        "[\"0.0.0.0:8090\"]",
        "Where to listen: one IPv4 and one IPv6 address at most, each as \"IP:PORT\" or \"[IPv6]:PORT\". Port 0 picks a free \
         one. The port of the default may be any free one from 8090 on; a port that is named here and in use is an error.",
    )
    .like("[\"0.0.0.0:8090\", \"[::]:8090\"]")
    .var("IPV8_LISTEN")
    .flag("--listen"),
    key(
        "key_file",
        Kind::Text,
        "",
        "The file with the node's private key, as `ipv8 key generate` writes it; made with a curve25519 key if it is not \
         there. Without it, the first `[[key]]` is the node's; and without any, the key is a fresh one at each start.",
    )
    .like("\"node.key\"")
    .var("IPV8_KEY")
    .flag("--key"),
    key(
        "bootstrap",
        Kind::List,
        "[]",
        "Trackers to find first peers with, each as \"HOST:PORT\", \"IP:PORT\" or \"[IPv6]:PORT\", beside the public ones. They \
         serve overlays that name no bootstrappers of their own; given as a flag or in the environment, they take the place \
         of the trackers that overlays of the file name, too.",
    )
    .like("[\"tracker.example.org:6421\"]")
    .var("IPV8_BOOTSTRAP")
    .flag("--bootstrap"),
    key(
        "default_bootstrap",
        Kind::Bool,
        "true",
        "Whether the public trackers are used. False takes them out of the bootstrappers of overlays, too, wherever it is \
         said: one that names no others then uses `bootstrap`.",
    )
    .var("IPV8_DEFAULT_BOOTSTRAP")
    .flag("--no-default-bootstrap"),
    key(
        "working_directory",
        Kind::Text,
        "",
        "The directory that relative paths of keys, of the peer file and of the DHT's start from, unless they are typed as flags. Without \
         it, the one that the program was started in. It must exist.",
    )
    .like("\"/var/lib/ipv8\"")
    .var("IPV8_WORKING_DIRECTORY")
    .flag("--working-directory"),
    key(
        "walker_interval",
        Kind::Number,
        "0.5",
        "Seconds in which every strategy takes one step, from 0.001 to 3600.",
    )
    .var("IPV8_WALKER_INTERVAL"),
    key(
        "max_peers",
        Kind::Integer,
        "30",
        "How many peers an overlay takes before it stops answering requests for introductions, unless it says so itself; -1 \
         for any number.",
    )
    .var("IPV8_MAX_PEERS"),
    key(
        "api",
        Kind::Text,
        "",
        "Where the REST interface is to listen, as \"IP:PORT\" or \"[IPv6]:PORT\"; port 0 picks a free one. Without it, there is \
         none. It has no key and no encryption: an address that other machines reach is an error unless `api_for_others` \
         is true.",
    )
    .like("\"127.0.0.1:8085\"")
    .var("IPV8_API")
    .flag("--api"),
    key(
        "api_for_others",
        Kind::Bool,
        "false",
        "Whether `api` may be an address that other machines reach. Whoever reaches it may store values that are signed with \
         the node's key.",
    )
    .var("IPV8_API_FOR_OTHERS"),
    key(
        "log.level",
        Kind::Text,
        "\"info\"",
        "What is logged: error, warn, info, debug or trace, or levels for parts of the program such as \
         \"ipv8_core=debug,warn\".",
    )
    .like("\"ipv8_core=debug,warn\"")
    .var("IPV8_LOG")
    .flag("--log"),
    key("log.format", Kind::Text, "\"text\"", "How: \"text\" for people, \"json\" for programs, an object a line.")
        .var("IPV8_LOG_FORMAT")
        .flag("--log-format"),
    key(
        "peers.file",
        Kind::Text,
        "",
        "Where peers are kept between two runs. Without it, they are not. A damaged file is set aside.",
    )
    .like("\"peers.dat\"")
    .var("IPV8_PEER_FILE")
    .flag("--peer-file"),
    key(
        "peers.interval",
        Kind::Number,
        "300.0",
        "Seconds between two savings, from 1 to 86400. They are saved at the end, too.",
    )
    .var("IPV8_PEER_INTERVAL"),
    key(
        "dht.file",
        Kind::Text,
        "",
        "Where the DHT is kept between two runs: the values that it keeps for others, its routing table, and what the node \
         itself has stored and stores again. Without it, they are in memory only. A damaged file is set aside.",
    )
    .like("\"dht.sqlite\"")
    .var("IPV8_DHT_FILE")
    .flag("--dht-file"),
    key(
        "dht.republish",
        Kind::Number,
        "1800.0",
        "Seconds after which values that the node itself stored are stored again, so that they do not die after an hour, from \
         60 to 86400; 0 for never. With the preset \"reference\" of `hardening` the default is 0: py-ipv8 lets them die.",
    )
    .var("IPV8_DHT_REPUBLISH"),
    key(
        "hardening.preset",
        Kind::Text,
        "\"compatible\"",
        "How much the node trusts what it is told: \"reference\" as much as py-ipv8, for comparison; \"compatible\" as much as \
         no honest peer can tell from that; \"hardened\" as little as the protocol allows. What stands below changes one \
         thing in it.",
    )
    .var("IPV8_HARDENING")
    .flag("--hardening"),
    key(
        "hardening.unsolicited",
        Kind::Text,
        "",
        "What becomes of introduction responses that nobody asked for: \"trust\", \"distrust\" (the introduction is not \
         taken) or \"drop\".",
    )
    .like("\"drop\""),
    key(
        "hardening.wan",
        Kind::TextOrInteger,
        "",
        "Whom the node believes about its address on the Internet: \"anybody\", \"asked\" (whom it asked), or how many of \
         those must agree, from 1 to 64.",
    )
    .like("3"),
    key(
        "hardening.challenge_moves",
        Kind::Bool,
        "",
        "Whether a peer that writes from another address must answer from there before it is taken to be there.",
    )
    .like("true"),
    key(
        "hardening.random_identifiers",
        Kind::Bool,
        "",
        "Whether the identifiers of introduction requests cannot be guessed.",
    )
    .like("true"),
    key(
        "hardening.drop_never_heard",
        Kind::Bool,
        "",
        "Whether the strategy RandomChurn asks and drops a peer of which nothing was heard after its first packet.",
    )
    .like("true"),
    key(
        "hardening.punctures",
        Kind::Rates,
        "",
        "How many punctures others may have the node send: `per_target` to one host, `in_all` to all of them. Each is how many \
         at once, and how many a second. One that is not named is that of the preset, or of \"hardened\" where the preset has \
         no limit; false is no limit.",
    )
    .like("{ per_target = [10, 2], in_all = [200, 50] }"),
    key(
        "hardening.admission",
        Kind::Rates,
        "",
        "How much time may go into checking signatures: `per_stranger` for each host without a known peer, `strangers` for \
         all of them, `per_peer` for each peer. Each is how many microseconds at once, and how many a second. One that is not \
         named is that of the preset, or of \"hardened\" where the preset has no limit; false is no limit.",
    )
    .like("{ per_stranger = [100000, 20000], strangers = [500000, 250000], per_peer = [1000000, 200000] }"),
    key(
        "hardening.old_curves",
        Kind::Rates,
        "",
        "How much time may go into checking signatures of the older curves: `strangers` for all who are no peers. It is how many \
         microseconds at once, and how many a second; false is no limit.",
    )
    .like("{ strangers = [500000, 750000] }"),
    key(
        "hardening.curves",
        Kind::List,
        "",
        "The curves whose signatures are checked; others are dropped. An empty list is all. The public trackers sign with \
         very-low.",
    )
    .like("[\"curve25519\", \"very-low\"]"),
    key(
        "hardening.introducer_share",
        Kind::Integer,
        "",
        "One introducer fills at most this part of the table of addresses: 8 for one eighth; 0 for all of it.",
    )
    .like("8"),
    key(
        "hardening.addresses_per_network",
        Kind::Integer,
        "",
        "The most addresses to walk to within one network (IPv4: /24, IPv6: /48); 0 for any number.",
    )
    .like("16"),
    key(
        "hardening.peers_per_host",
        Kind::Integer,
        "",
        "The most peers at one address on the Internet (IPv6: in one /64); 0 for any number.",
    )
    .like("8"),
    key(
        "hardening.unanswered_walks",
        Kind::Integer,
        "",
        "After how many unanswered requests within 30 seconds an address is not taken again from introductions; 0 for never.",
    )
    .like("3"),
    key("key[].alias", Kind::Text, "", "What overlays call this key. Each alias once.").like("\"mine\""),
    key(
        "key[].file",
        Kind::Text,
        "",
        "The file with the private key. Made if it is not there, unless `generate` is false.",
    )
    .like("\"mine.key\""),
    key(
        "key[].curve",
        Kind::Text,
        "\"curve25519\"",
        "The kind of key that is made: curve25519, very-low, low, medium or high.",
    ),
    key(
        "key[].generate",
        Kind::Bool,
        "true",
        "Whether a key may be made. If not, the file must be there, or `private`.",
    ),
    key(
        "key[].private",
        Kind::Text,
        "",
        "The private key itself, in base64 of the reference's binary form; with a `file`, it is saved there unless the file \
         exists. Who can read the configuration can then read the key.",
    ),
    key(
        "overlay[].class",
        Kind::Text,
        "",
        "Which overlay: the name of a launcher, such as DiscoveryCommunity, DHTDiscoveryCommunity, or DHTCommunity, \
         which keeps values but finds no peers. Without any `[[overlay]]`, all that the program has are loaded as their \
         launchers say, but for the DHTCommunity. Each community id once.",
    )
    .like("\"DiscoveryCommunity\""),
    key("overlay[].enabled", Kind::Bool, "true", "Whether it is loaded."),
    key("overlay[].id", Kind::Text, "", "The community id as 40 hex digits, instead of the overlay's own."),
    key("overlay[].key", Kind::Text, "", "The alias of the key to sign with, instead of the node's key."),
    key("overlay[].max_peers", Kind::Integer, "", "As `max_peers` above, for this overlay. Without it, what stands above.")
        .like("60"),
    key(
        "overlay[].walkers",
        Kind::Tables,
        "",
        "The strategies that look for peers and keep them, in order. Without it, those of the launcher; an empty list is none.",
    ),
    key("overlay[].walkers[].strategy", Kind::Text, "", "The name of the strategy, see below.").like("\"RandomWalk\""),
    key(
        "overlay[].walkers[].peers",
        Kind::Integer,
        "20",
        "It runs while the overlay has fewer peers than this; -1 or \"always\" for ever.",
    ),
    key("overlay[].walkers[].init", Kind::Tables, "{}", "The strategy's own settings, see below.").like("{ timeout = 3.0 }"),
    key(
        "overlay[].bootstrappers",
        Kind::Tables,
        "",
        "Where first peers come from. Without it, from the trackers above; an empty list is nowhere.",
    ),
    key("overlay[].bootstrappers[].class", Kind::Text, "", "The name of the bootstrapper, see below.")
        .like("\"TrackerBootstrapper\""),
    key("overlay[].bootstrappers[].init", Kind::Tables, "{}", "The bootstrapper's own settings, see below.")
        .like("{ trackers = [\"tracker.example.org:6421\"] }"),
    key(
        "overlay[].settings",
        Kind::Tables,
        "{}",
        "The overlay's own settings. The DiscoveryCommunity has none. DHTDiscoveryCommunity and DHTCommunity have `republish`, \
         as `dht.republish` above; and, for each address family, `max_values` (65536 unless said otherwise), \
         `max_values_per_key` (128) and `max_values_per_source` (4096): how many values are kept for others in all, under one \
         key, and of one host or IPv6 /64. When there are more, the least valuable goes.",
    ),
    key(
        "overlay[].on_start",
        Kind::Any,
        "[]",
        "What is called once the node runs: names of the overlay's methods, or lists of a name and what it is called with.",
    ),
];

/// The key of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

//! The default file, and the reference of all keys.

use std::fmt::Write as _;

use ipv8_core::catalog::Catalog;

use super::keys::{KEYS, Key, Kind};

/// Columns of a comment.
const WIDTH: usize = 100;

/// A configuration with every key, commented out where it is the default, and what it means. It reads as no configuration
/// at all does. Lines of `# ` explain; lines of `#` without a blank are keys.
#[must_use]
pub fn default_file() -> String {
    let mut out = String::from(
        "# Configuration of ipv8. What is commented out is the default, or an example where there is none.\n\
         # The environment and the flags of `ipv8 run` go before what stands here; `ipv8 config show` tells what holds,\n\
         # and docs/configuration.md has all keys with the strategies and bootstrappers.\n",
    );
    let mut section = String::new();
    for key in KEYS {
        let (table, name) = place(key.name);
        if table != section {
            out.push('\n');
            let _ = match key.name.contains("[]") {
                true => writeln!(out, "# --- {} ---\n#[[{table}]]", heading(&table)),
                false => writeln!(out, "[{table}]"),
            };
            section = table;
        } else {
            out.push('\n');
        }
        comment(&mut out, key.docs);
        let _ = match (key.kind, example(key)) {
            (_, "") => writeln!(out, "#{name} = \"\""),
            (_, example) => writeln!(out, "#{name} = {example}"),
        };
    }
    out
}

fn heading(table: &str) -> &'static str {
    match table {
        "key" => "a key with an alias; as many as there are keys",
        "overlay" => "an overlay; as many as are wanted",
        "overlay.walkers" => "a strategy of the overlay above",
        _ => "a bootstrapper of the overlay above",
    }
}

/// What stands behind the key in the default file.
fn example(key: &Key) -> &'static str {
    if key.default.is_empty() { key.example } else { key.default }
}

/// The table that a key stands in, and its name there.
fn place(name: &str) -> (String, &str) {
    let (table, name) = name.rsplit_once('.').unwrap_or(("", name));
    (table.replace("[]", ""), name)
}

fn comment(out: &mut String, text: &str) {
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(out, "{line}");
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(out, "{line}");
}

/// The reference of all keys, as Markdown: `docs/configuration.md`.
#[must_use]
pub fn reference() -> String {
    let mut out = String::from(HEAD);
    let _ = writeln!(out, "\n## Keys\n");
    for key in KEYS {
        entry(&mut out, key);
    }
    let _ = writeln!(
        out,
        "## Strategies\n\nThe names for `strategy`, with the keys of `init`. A community may have more of its own\n\
         (`Community::available_strategies`).\n"
    );
    catalog(&mut out, &ipv8_discovery::strategies());
    let discovery = <ipv8_discovery::DiscoveryCommunity as ipv8_core::Community>::available_strategies();
    if discovery.names().next().is_some() {
        let _ = writeln!(out, "Of the DiscoveryCommunity only:\n");
        catalog(&mut out, &discovery);
    }
    let _ = writeln!(out, "Of the DHTDiscoveryCommunity and the DHTCommunity only:\n");
    catalog(&mut out, &<ipv8_dht::DhtCommunity as ipv8_core::Community>::available_strategies());
    let _ = writeln!(out, "## Bootstrappers\n\nThe names for `class` of a bootstrapper, with the keys of `init`.\n");
    catalog(&mut out, &ipv8_discovery::bootstrappers());
    out.push_str(TAIL);
    out
}

fn entry(out: &mut String, key: &Key) {
    let kind = match key.kind {
        Kind::Bool => "true or false",
        Kind::Integer => "whole number",
        Kind::Number => "number",
        Kind::Text => "text",
        Kind::List => "list of texts",
        Kind::TextOrInteger => "text or whole number",
        Kind::Rates => "table of rates, each `[BURST, PER_SECOND]`, or false",
        Kind::Tables => "table, or list of tables",
        Kind::Any => "list",
    };
    let mut facts = vec![kind.to_owned()];
    facts.push(match key.default {
        "" => "no default".to_owned(),
        default => format!("default `{default}`"),
    });
    if !key.example.is_empty() {
        facts.push(format!("for example `{}`", key.example));
    }
    if !key.variable.is_empty() {
        facts.push(format!("environment `{}`", key.variable));
    }
    if !key.flag.is_empty() {
        facts.push(format!("flag `{}`", key.flag));
    }
    let _ = writeln!(out, "### `{}`\n\n{}\n\n{}\n", key.name, facts.join(" · "), key.docs);
}

fn catalog<T: ?Sized>(out: &mut String, catalog: &Catalog<T>) {
    for (name, entry) in catalog.entries() {
        let _ = writeln!(out, "### `{name}`\n\n{}\n", entry.docs);
        if entry.keys.is_empty() {
            let _ = writeln!(out, "It has no settings.\n");
            continue;
        }
        let _ = writeln!(out, "| key | default | meaning |\n|---|---|---|");
        for key in entry.keys {
            let default = if key.default.is_empty() { "–".to_owned() } else { format!("`{}`", key.default) };
            let _ = writeln!(out, "| `{}` | {default} | {} |", key.name, key.docs.replace('|', "\\|"));
        }
        out.push('\n');
    }
}

const HEAD: &str = "\
<!-- Written by `ipv8 config reference`; a test compares the two. Change the sources of the module `ipv8::config`. -->

# Configuration

`ipv8 run` reads a configuration from four layers, each over the one before:

1. defaults,
2. a file: `--config FILE`, or the variable `IPV8_CONFIG`,
3. environment variables `IPV8_…`; an empty one counts as not set,
4. flags.

Lists are taken as a whole from the uppermost layer that has them. `-v` is weaker than `IPV8_LOG`, which is weaker than
`--log`.

| command | does |
|---|---|
| `ipv8 config init [--out FILE] [--force]` | writes a commented default file |
| `ipv8 config check [--config FILE]` | says what is wrong with a configuration; exit status 2 if anything is |
| `ipv8 config show [--config FILE] [--json]` | prints every value with where it comes from |
| `ipv8 config reference` | prints this page |

`check` and `show` take the flags of `run`, too, and make nothing: no key, no file, no socket.

All problems are reported at once, one a line, each with its place: the file with the line and the column of the key (or of
the value in a list), the variable, or the flag. Unknown keys are problems. The exit status is then 2.

```text
ipv8.toml:3:1: walker_intervall: is not known here, did you mean `walker_interval`?
ipv8.toml:9:1: overlay[0].walkers[0].peers: must be from 0 to 1000000, or -1 or \"always\" for ever, not -5
```

A file, for example:

```toml
listen = [\"0.0.0.0:8090\", \"[::]:8090\"]
key_file = \"node.key\"
bootstrap = [\"tracker.example.org:6421\"]
default_bootstrap = false
working_directory = \".\"

[peers]
file = \"peers.dat\"

[[overlay]]
class = \"DiscoveryCommunity\"

[[overlay.walkers]]
strategy = \"RandomWalk\"
peers = 20
init = { timeout = 3.0 }
```
";

const TAIL: &str = "\
## The reference's dictionary

The configuration dictionary of py-ipv8, as `json.dumps` writes it, is read as well: from a file whose name ends in `.json`,
or that begins with `{`. Its names are those of the reference: `interfaces` (or the older `address` and `port`), `keys` with
`alias`, `generation`, `file` and `bin`, `logger`, `working_directory`, `walker_interval`, and `overlays` with `class`, `key`,
`walkers`, `bootstrappers`, `initialize` and `on_start`. Keys of this page that the dictionary has no word for can be added to
it. `max_peers` in `initialize`, which the reference has for every community, is the overlay's; `anonymize` may be false. Three
things are read differently:

- A port of 8090, the reference's default, gives way to the next free one if it is in use; another port does not.
- Paths of keys start from the directory in which the program was started, whatever the working directory is.
- Overlays of the reference that are not available here are left out with a warning: AttestationCommunity, DHTCommunity,
  DHTDiscoveryCommunity, HiddenTunnelCommunity, IdentityCommunity and TunnelCommunity, as far as `class` above does not name
  them. If none is left, that is a problem. In a TOML file, each of them is one.
";

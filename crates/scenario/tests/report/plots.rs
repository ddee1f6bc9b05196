//! Pictures, and the page with all of them.

use std::{fs, path::PathBuf};

use ipv8_scenario::{
    Outcome,
    report::{write_plots, write_plots_of},
};

use crate::sample;

/// A directory of its own, removed in the end.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("plots-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The files of an outcome, by name.
pub(crate) fn drawn(outcome: &Outcome, name: &str) -> Vec<(String, String)> {
    let directory = Directory::new(name);
    let paths = write_plots(outcome, &directory.0).unwrap();
    let mut files = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        files.push((path.file_name().unwrap().to_str().unwrap().to_owned(), text));
    }
    assert_eq!(fs::read_dir(&directory.0).unwrap().count(), files.len(), "a file was written over another");
    files
}

/// Asserts that every element that begins ends, in order.
#[track_caller]
pub(crate) fn assert_well_formed(name: &str, text: &str) {
    let mut open = Vec::new();
    for piece in text.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').unwrap_or_else(|| panic!("{name}: <{piece}"));
        let element = tag.split([' ', '\n', '/']).find(|part| !part.is_empty()).unwrap();
        match () {
            () if tag.starts_with('!') || tag.ends_with('/') || element == "meta" => {}
            () if tag.starts_with('/') => assert_eq!(open.pop(), Some(element), "{name}: {tag}"),
            () => open.push(element),
        }
    }
    assert!(open.is_empty(), "{name}: {open:?}");
}

#[test]
fn there_is_a_picture_of_everything_measured_and_a_page_with_all() {
    let files = drawn(&sample::outcome(), "all");
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    let pictures = ["peers_known.svg", "sent.svg", "latency.svg", "failed.svg", "in_degree-120s.svg", "graph-30s.svg"];
    assert_eq!(names[0], "index.html");
    assert_eq!(names[1..], pictures);
    let page = &files[0].1;
    for (name, svg) in &files {
        assert_well_formed(name, svg);
        assert!(name == "index.html" || page.contains(svg.as_str()), "{name} is not in the page");
    }
    assert!(page.contains("ipv8 simulate partition --nodes 100 --seed 7"));
    assert!(page.contains("flash crowd of 50 nodes &lt;&amp;&gt;") && !page.contains("<&>"));
    // Nothing is fetched: the only address is the name of SVG's elements.
    let addresses = page.matches("http").count();
    assert_eq!(addresses, page.matches("xmlns=\"http://www.w3.org/2000/svg\"").count());
    assert!(!page.contains("<script") && !page.contains("<link") && !page.contains("<img"));
}

#[test]
fn pictures_say_what_they_show() {
    let files = drawn(&sample::outcome(), "say");
    let of = |name: &str| &files.iter().find(|(file, _)| file == name).unwrap().1;
    for text in [
        "<title>Peers known over time</title>",
        "median node",
        "virtual time, seconds",
        "partition into 2 parts",
        "heal",
    ] {
        assert!(of("peers_known.svg").contains(text), "{text}");
    }
    // One value has no spread to explain.
    assert!(!of("sent.svg").contains("median node") && of("sent.svg").contains(" kB/s"));
    assert!(of("latency.svg").contains("300 ms"));
    assert!(of("in_degree-120s.svg").contains("100 nodes, 3 to 14, mean 7.07"));
    for text in ["tracker", "port-restricted", "50 nodes know", "Who knows whom after 30 s"] {
        assert!(of("graph-30s.svg").contains(text), "{text}");
    }
}

#[test]
fn a_gap_in_what_was_measured_is_a_gap_in_the_line() {
    let lines = |svg: &str| svg.matches("stroke=\"#0072B2\"").count();
    let files = drawn(&sample::outcome(), "gap");
    let of = |name: &str| &files.iter().find(|(file, _)| file == name).unwrap().1;
    assert_eq!(lines(of("latency.svg")), lines(of("peers_known.svg")) + 1);
}

#[test]
fn large_graphs_are_shown_in_part_and_say_so() {
    let mut outcome = sample::outcome();
    outcome.graphs = vec![sample::graph(5_000)];
    let files = drawn(&outcome, "large");
    let (_, svg) = files.last().unwrap();
    assert!(svg.contains("300 of 5,000 nodes, those near the first one"));
    // Nodes are circles with a rim, trackers squares.
    assert!(svg.matches("<circle").count() <= 600 && svg.matches("<circle").count() > 500);
}

/// FNV-1a over names and contents.
fn hash(files: &[(String, String)]) -> u64 {
    let bytes = files.iter().flat_map(|(name, text)| name.bytes().chain(text.bytes()));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Of the pictures of the sample, on any machine. It changes with what they look like: then look at them first.
const HASH: u64 = 0xfa34_8a37_974c_255c;

#[test]
fn the_same_outcome_has_the_same_bytes_on_every_machine() {
    let files = drawn(&sample::outcome(), "hash");
    assert_eq!(files, drawn(&sample::outcome(), "hash-again"));
    let found = hash(&files);
    assert_eq!(found, HASH, "the pictures changed: {found:#018x}");
}

#[test]
fn another_command_is_told_and_a_directory_that_cannot_be_is_an_error() {
    let directory = Directory::new("command");
    let command = "ipv8 simulate \"my <file>.toml\"";
    let paths = write_plots_of(&sample::outcome(), command, &directory.0).unwrap();
    assert!(fs::read_to_string(&paths[0]).unwrap().contains("ipv8 simulate &quot;my &lt;file&gt;.toml&quot;"));
    let error = write_plots(&sample::outcome(), &paths[0].join("below")).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotADirectory);
}

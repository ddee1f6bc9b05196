//! Whatever a file holds, it is read or refused with places that are in it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

use ipv8::{
    Launchers,
    config::{Layers, Origin, default_file},
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

/// Takes commented keys in, and changes a few characters.
fn damaged(text: &str, rng: &mut StdRng) -> String {
    const INTERESTING: &[char] =
        &['=', '[', ']', '{', '}', '"', '\'', '\n', '-', '9', '.', ',', '#', ':', 'é', '\0', '\u{2028}'];
    let mut characters: Vec<char> = text.chars().collect();
    for _ in 0..rng.random_range(1..6) {
        let at = rng.random_range(0..characters.len());
        let new = INTERESTING[rng.random_range(0..INTERESTING.len())];
        match rng.random_range(0..3) {
            0 => characters[at] = new,
            1 => characters.insert(at, new),
            _ => drop(characters.drain(at..(at + rng.random_range(0..9)).min(characters.len()))),
        }
        if characters.is_empty() {
            characters.push('x');
        }
    }
    characters.into_iter().collect()
}

fn check(name: &str, text: &str, launchers: &Launchers) -> bool {
    let Err(error) = Layers::new().text(name, text).read(launchers) else { return false };
    assert!(!error.problems.is_empty());
    for problem in error.problems {
        assert!(!problem.what.is_empty());
        if let Origin::File { line, column, .. } = problem.origin {
            let there = text.split('\n').nth(line - 1).unwrap_or_else(|| panic!("line {line} of {text:?}"));
            assert!(column <= there.chars().count() + 2, "{line}:{column} of {text:?}");
        }
    }
    true
}

#[test]
fn damaged_files_are_refused_with_places_that_are_there() {
    let mut rng = StdRng::from_seed([7; 32]);
    let launchers = Launchers::standard();
    let toml: String = default_file()
        .lines()
        .map(|line| line.strip_prefix('#').filter(|code| !code.starts_with(' ')).unwrap_or(line).to_owned() + "\n")
        .collect();
    let json = include_str!("data/py_ipv8_default.json");
    let mut refused = 0;
    for _ in 0..1_000 {
        refused += usize::from(check("a.toml", &damaged(&toml, &mut rng), &launchers));
        refused += usize::from(check("py.json", &damaged(json, &mut rng), &launchers));
    }
    // The whole default file is no configuration anyway, and a dictionary breaks easily.
    assert!(refused > 1_000, "{refused}");
}

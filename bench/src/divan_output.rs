//! What benches of functions print: divan's tree of names, with columns of times.

/// The names of benches and their medians in nanoseconds, from the output of divan's benches. Benches within others have
/// their path as name, with `/`. Lines that are no bench, or have no times, are left out.
pub fn medians_ns(output: &str) -> Vec<(String, f64)> {
    let mut path: Vec<&str> = Vec::new();
    let mut medians = Vec::new();
    for line in output.lines() {
        // Three characters for each level, the last of which are a branch.
        let Some(at) = line.find("├─ ").or_else(|| line.find("╰─ ")) else { continue };
        let (indent, rest) = line.split_at(at);
        let rest = rest.trim_start_matches(['├', '╰', '─', ' ']);
        // Behind the name are two spaces at least, then fastest, slowest, median and mean.
        let (name, columns) = rest.split_once("  ").unwrap_or((rest, ""));
        path.truncate(indent.chars().count() / 3);
        path.push(name.trim_end());
        if let Some(median) = columns.split('│').nth(2).and_then(nanoseconds) {
            medians.push((path.join("/"), median));
        }
    }
    medians
}

/// A number and a unit.
fn nanoseconds(text: &str) -> Option<f64> {
    let (number, unit) = text.trim().split_once(' ')?;
    let nanoseconds = match unit {
        "ps" => 1e-3,
        "ns" => 1.0,
        "µs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
Timer precision: 20 ns
keys                     fastest       │ slowest       │ median        │ mean          │ samples │ iters
├─ mid                   96.22 ns      │ 101.5 ns      │ 97.35 ns      │ 97.52 ns      │ 100     │ 6400
├─ nothing               (ignored)     │               │               │               │         │
├─ sign                                │               │               │               │         │
│  ├─ Curve25519         16.15 µs      │ 17.99 µs      │ 16.18 µs      │ 16.26 µs      │ 100     │ 100
│  ╰─ Medium             1.012 ms      │ 2.7 ms        │ 1.099 ms      │ 1.2 ms        │ 100     │ 100
╰─ slow                                │               │               │               │         │
   ╰─ deep                             │               │               │               │         │
      ├─ 8               1.1 s         │ 1.1 s         │ 1.25 s        │ 1.1 s         │ 1       │ 1
      │                  12 item/s     │ 12 item/s     │ 12 item/s     │ 12 item/s     │         │
      ╰─ 16              0.25 ns       │ 0.3 ns        │ 0.5 ns        │ 0.3 ns        │ 100     │ 51200

";

    #[test]
    fn names_and_medians_are_found() {
        let expected = [
            ("mid", 97.35),
            ("sign/Curve25519", 16_180.0),
            ("sign/Medium", 1_099_000.0),
            ("slow/deep/8", 1.25e9),
            ("slow/deep/16", 0.5),
        ];
        let found = medians_ns(OUTPUT);
        assert_eq!(found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), expected.map(|(name, _)| name));
        for ((name, found), (_, expected)) in found.iter().zip(expected) {
            assert!((found - expected).abs() < expected * 1e-9, "{name}: {found}");
        }
    }

    #[test]
    fn other_text_has_none() {
        assert!(medians_ns("error: no such option\n").is_empty());
        assert!(medians_ns("").is_empty());
    }
}

//! Fuzzing on the stable toolchain, without cargo-fuzz.
//!
//! cargo-fuzz adds two things to a build: the coverage instrumentation, whose flags are stable, and AddressSanitizer,
//! which is not, and which code without `unsafe` has little use for. So the targets under `fuzz/` are built with the
//! same flags by plain cargo. They keep cargo-fuzz's layout: where it is installed, `cargo +nightly fuzz run TARGET`
//! works as well.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::report::{Notes, Outcome, Report};
use crate::shell::{self, Failure, cargo, output, root, target, tee};
use crate::skipped;

/// The fuzz crate, from the root of the workspace; it is a workspace of its own.
pub(crate) const MANIFEST: &str = "fuzz/Cargo.toml";

/// What cargo-fuzz passes for coverage guidance: counters on every edge, and the operands of comparisons.
const INSTRUMENTATION: &str = "--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cllvm-args=-simplifycfg-branch-fold-threshold=0";

/// What .cargo/config.toml says for other builds, which these flags take the place of: the same code is to be fuzzed.
const BACKEND: &str = if cfg!(target_arch = "x86_64") { r#" --cfg curve25519_dalek_backend="avx512""# } else { "" };

/// What a target starts from: hex strings of golden files that begin like this.
struct Seeds {
    files: &'static [&'static str],
    start: &'static str,
    /// Puts before a seed what the target needs to take it as such.
    wrap: fn(Vec<u8>) -> Vec<u8>,
}

/// Packets begin with the version.
const PACKETS: Seeds =
    Seeds { files: &["packets.json", "dht.json", "exchanges.json"], start: "0002", wrap: |packet| packet };
const KEYS: Seeds = Seeds { files: &["keys.json", "ecdsa.json"], start: "", wrap: |key| key };
/// The operation of the target `node` that takes in a datagram as it is.
const OPERATIONS: Seeds = Seeds { wrap: one_datagram, ..PACKETS };
/// A capture with the packet in it.
const CAPTURES: Seeds = Seeds { wrap: captured, ..PACKETS };
/// Anything shorter is no packet (prefix and message id) and no key.
const SEED_DIGITS: usize = 2 * 23;

fn seeds_of(target: &str) -> Seeds {
    match target {
        "capture" => CAPTURES,
        "keys" => KEYS,
        "node" => OPERATIONS,
        _ => PACKETS,
    }
}

/// Number of the operation, source, length, bytes.
fn one_datagram(packet: Vec<u8>) -> Vec<u8> {
    let length = u16::try_from(packet.len()).unwrap_or(u16::MAX).to_be_bytes();
    [[0, 1].as_slice(), &length, &packet].concat()
}

/// pcapng: a section, an interface of raw IP, a packet with IPv4 and UDP headers.
fn captured(packet: Vec<u8>) -> Vec<u8> {
    let udp = u16::try_from(packet.len() + 8).unwrap_or(u16::MAX);
    let ip = [[0x45, 0], udp.saturating_add(20).to_be_bytes(), [0, 0], [0, 0], [64, 17], [0, 0]].concat();
    let addresses = [127, 0, 0, 1, 127, 0, 0, 2, 0, 80, 0, 81];
    let mut data = [&ip[..], &addresses, &udp.to_be_bytes(), &[0, 0], &packet].concat();
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes();
    data.resize(data.len().next_multiple_of(4), 0);
    let block = |kind: u32, body: &[u8]| {
        let length = u32::try_from(body.len() + 12).unwrap_or(u32::MAX).to_le_bytes();
        [&kind.to_le_bytes()[..], &length, body, &length].concat()
    };
    let section = [&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat();
    let head = [&[0; 12][..], &length, &length].concat();
    [block(0x0a0d_0d0a, &section), block(1, &[101, 0, 0, 0, 0, 0, 0, 0]), block(6, &[head, data].concat())].concat()
}

/// What `cargo xtask fuzz` was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// For each target.
    seconds: u32,
    /// Names of targets; all of them where empty.
    targets: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { seconds: 10, targets: Vec::new() }
    }
}

impl Options {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            if word == "--seconds" {
                options.seconds = words
                    .next()
                    .and_then(|number| number.parse().ok())
                    .filter(|&seconds| seconds > 0)
                    .ok_or_else(|| Failure::Usage("--seconds needs a number, at least 1".to_owned()))?;
            } else if word.starts_with('-') {
                return Err(Failure::Usage(format!("unknown flag {word:?}")));
            } else {
                options.targets.push(word.clone());
            }
        }
        Ok(options)
    }
}

/// Fuzzes each target as a step of its own.
pub(crate) fn run(options: &Options, report: &mut Report) -> Result<(), Failure> {
    let known = targets()?;
    if let Some(unknown) = options.targets.iter().find(|name| !known.contains(name)) {
        return Err(Failure::Usage(format!("no fuzz target {unknown:?}: there are {}", known.join(", "))));
    }
    let wanted = if options.targets.is_empty() { &known } else { &options.targets };
    for name in wanted {
        report.step(&format!("fuzz {name}"), |notes| fuzz(name, options.seconds, notes));
    }
    Ok(())
}

fn fuzz(name: &str, seconds: u32, notes: &mut Notes) -> Result<Outcome, Failure> {
    // libFuzzer is C++.
    if output(Command::new("c++").arg("--version")).is_err() {
        return Ok(skipped("there is no C++ compiler: install g++ or clang"));
    }
    let directory = target()?.join("fuzz");
    let host = host()?;
    let mut build = cargo(["build", "--release", "--manifest-path", MANIFEST]);
    // Naming the host keeps the flags away from build scripts and procedural macros.
    build.args(["--bin", name, "--target", &host]);
    if output(Command::new("pkg-config").args(["--exists", "openssl"])).is_err() {
        build.args(["--features", "vendored"]);
    }
    build.arg("--target-dir");
    shell::run(build.arg(&directory).env("RUSTFLAGS", format!("{INSTRUMENTATION}{BACKEND}")))?;

    let fuzz = root().join("fuzz");
    let corpus = made(fuzz.join("corpus").join(name))?;
    let artifacts = made(fuzz.join("artifacts").join(name))?;
    let seeds = made(directory.join("seeds").join(name))?;
    write_seeds(&seeds_of(name), &seeds)?;
    let mut fuzzer = Command::new(directory.join(&host).join("release").join(name));
    fuzzer
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"])
        .args([&corpus, &seeds])
        .current_dir(&fuzz)
        .stdin(Stdio::null());
    let (mut runs, mut guided) = (None, false);
    let result = tee(&mut fuzzer, |line| {
        if let Some(number) = line.strip_prefix("stat::number_of_executed_units:") {
            runs = number.trim().parse::<u64>().ok();
        }
        guided |= line.contains("inline 8-bit counters") && !line.contains("(0 inline");
        // A line for each find and a dictionary at the end are too much for a log.
        let find = line.starts_with('#') && line.contains(" cov: ");
        !find && !line.starts_with('"') && !line.starts_with("######")
    });
    let guidance = if guided { "on" } else { "OFF" };
    let runs = runs.map_or_else(|| "an unknown number of".to_owned(), |runs| runs.to_string());
    notes.push(format!("{runs} executions, coverage guidance {guidance}"));
    result.map_err(|_| Failure::Failed(format!("found a failing input: see above and fuzz/artifacts/{name}")))?;
    if guided {
        Ok(Outcome::Passed)
    } else {
        Err(Failure::Failed("the target is not instrumented for coverage".to_owned()))
    }
}

/// The names of the targets, in order.
fn targets() -> Result<Vec<String>, Failure> {
    let directory = root().join("fuzz").join("fuzz_targets");
    let failed = |error| Failure::Failed(format!("cannot list {}: {error}", directory.display()));
    let mut names = Vec::new();
    for entry in fs::read_dir(&directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "rs")
            && let Some(name) = path.file_stem()
        {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn host() -> Result<String, Failure> {
    output(Command::new("rustc").arg("-vV"))?
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| Failure::Failed("rustc -vV names no host".to_owned()))
}

fn made(directory: PathBuf) -> Result<PathBuf, Failure> {
    fs::create_dir_all(&directory).map_err(|error| cannot_write(&directory, &error)).map(|()| directory)
}

/// Writes seeds, one a file.
fn write_seeds(seeds: &Seeds, directory: &Path) -> Result<(), Failure> {
    for name in seeds.files {
        let golden = root().join("interop").join("vectors").join(name);
        let text = fs::read_to_string(&golden)
            .map_err(|error| Failure::Failed(format!("cannot read {}: {error}", golden.display())))?;
        for (number, seed) in hex_strings(&text, seeds.start).enumerate() {
            let file = directory.join(format!("{name}-{number}"));
            fs::write(&file, (seeds.wrap)(seed)).map_err(|error| cannot_write(&file, &error))?;
        }
    }
    Ok(())
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Failed(format!("cannot write {}: {error}", path.display()))
}

/// Every string in a JSON text that is hex, long enough, and begins with `start`.
fn hex_strings(text: &str, start: &str) -> impl Iterator<Item = Vec<u8>> {
    text.split('"').filter(move |word| word.starts_with(start) && word.len() >= SEED_DIGITS).filter_map(unhex)
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    if !digits.is_ascii() || !digits.len().is_multiple_of(2) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn packets_are_told_from_other_strings() {
        let packet = format!("0002{}f6ff", "ab".repeat(20));
        let text = format!(r#"{{"hex":"{packet}","key":"{}","0002":"0002zz"}}"#, "ab".repeat(40));
        let found: Vec<_> = hex_strings(&text, PACKETS.start).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].len(), 24);
        assert_eq!(found[0][22..], [0xf6, 0xff]);
    }

    #[test]
    fn a_packet_becomes_an_operation() {
        assert_eq!(one_datagram(vec![7; 300])[..5], [0, 1, 1, 44, 7]);
    }

    #[test]
    fn options_take_seconds_and_names() {
        let options = Options::parse(&words("node --seconds 3 wire")).unwrap();
        assert_eq!(options, Options { seconds: 3, targets: words("node wire") });
        for wrong in ["--seconds", "--seconds 0", "--seconds x", "--fast"] {
            assert!(Options::parse(&words(wrong)).is_err(), "{wrong}");
        }
    }
}

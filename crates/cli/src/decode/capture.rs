//! Packets of capture files: pcapng and pcap, of `ipv8 simulate --trace`, tcpdump and Wireshark.

use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::time::Duration;

use ipv8_sim::capture::{Entry, Reader, Recorded};
use serde::Serialize;

use super::human;
use super::packet::{Decoded, Unreadable, decode_packet};
use crate::failure::{Failure, one_line};
use crate::output;

/// How every packet of every overlay begins: the version of the protocol.
const VERSION: [u8; 2] = [0, 2];

/// A packet and where it was seen.
#[derive(Serialize)]
struct Seen<'a> {
    /// Its number in the capture, from 1, others counted too.
    packet: u64,
    /// When, in UTC; `None` if the capture does not say.
    time: Option<String>,
    from: SocketAddr,
    to: SocketAddr,
    /// What became of it, in a simulation.
    fate: Option<String>,
    #[serde(flatten)]
    decoded: Either<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Either<'a> {
    Decoded(&'a Decoded),
    Unreadable(&'a Unreadable),
}

/// Whether the input begins as a capture does. Looks at what is there at once, so that nobody who types waits.
pub(super) fn is_next(input: &mut impl BufRead) -> io::Result<bool> {
    loop {
        match input.fill_buf() {
            Ok(start) => return Ok(ipv8_sim::capture::is_capture(start)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Decodes all packets of overlays, and counts the others.
pub(super) fn decode_all(input: impl BufRead, output: impl Write, json: bool, name: &str) -> Result<(), Failure> {
    let failed = |error| Failure::Failed(format!("{name}: {error}"));
    let mut out = io::BufWriter::new(output);
    let mut reader = Reader::new(input).map_err(failed)?;
    if let Some(origin) = reader.origin().filter(|_| !json) {
        let settings: String = origin.settings.iter().map(|(name, value)| format!(", {name} {value}")).collect();
        let text = format!("recorded by {}, seed {}{settings}", origin.program, origin.seed);
        output::line(&mut out, &one_line(&text))?;
    }
    let (mut number, mut others, mut failures) = (0_u64, 0_u64, 0_u64);
    let mut end = Ok(());
    for entry in reader.by_ref() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                end = Err(failed(error));
                break;
            }
        };
        number = number.saturating_add(1);
        let Entry::Udp(packet) = entry else {
            others = others.saturating_add(1);
            continue;
        };
        if !packet.bytes.starts_with(&VERSION) {
            others = others.saturating_add(1);
            continue;
        }
        let decoded = decode_packet(&packet.bytes);
        failures = failures.saturating_add(u64::from(decoded.is_err()));
        if json {
            output::json(&mut out, &seen(number, &packet, &decoded))?;
        } else {
            output::line(&mut out, &text(number, &packet, &decoded))?;
        }
    }
    if others > 0 && !json {
        output::line(&mut out, &format!("{others} of {number} packets are none of an overlay"))?;
    }
    output::flush(&mut out)?;
    end?;
    match failures {
        0 => Ok(()),
        _ if json => Err(Failure::Quiet),
        _ => Err(Failure::Failed(format!("{failures} of {number} packets could not be read"))),
    }
}

fn seen<'a>(number: u64, packet: &Recorded, decoded: &'a Result<Decoded, Unreadable>) -> Seen<'a> {
    let decoded = match decoded {
        Ok(decoded) => Either::Decoded(decoded),
        Err(unreadable) => Either::Unreadable(unreadable),
    };
    let (time, fate) = (packet.at.and_then(utc), packet.fate());
    Seen { packet: number, time, from: packet.from, to: packet.to, fate, decoded }
}

/// The form for people: as of a line, and where it was seen in a second line.
fn text(number: u64, packet: &Recorded, decoded: &Result<Decoded, Unreadable>) -> String {
    let mut text = human::text(number, decoded);
    let time = packet.at.and_then(utc).map(|time| time + " ").unwrap_or_default();
    let fate = packet.fate().map(|fate| format!(", {fate}")).unwrap_or_default();
    let line = format!("\n  {time}{} -> {}{}", packet.from, packet.to, one_line(&fate));
    let end = text.find('\n').unwrap_or(text.len());
    text.insert_str(end, &line);
    text
}

/// A time since 1970 as RFC 3339 writes it; `None` beyond the year 9999.
fn utc(since_1970: Duration) -> Option<String> {
    let (seconds, nanos) = (since_1970.as_secs(), since_1970.subsec_nanos());
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March, so that leap days are at their end; eras of 400 years.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    (year <= 9_999).then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000000005Z"),
            (951_782_399, "2000-02-28T23:59:59.000000005Z"),
            (951_782_400, "2000-02-29T00:00:00.000000005Z"),
            (1_767_225_600, "2026-01-01T00:00:00.000000005Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000000005Z"),
            (253_402_300_799, "9999-12-31T23:59:59.000000005Z"),
        ] {
            assert_eq!(utc(Duration::new(seconds, 5)).as_deref(), Some(text));
        }
        assert_eq!(utc(Duration::from_secs(253_402_300_800)), None);
        assert_eq!(utc(Duration::MAX), None);
    }
}

//! Numbers for people.

use std::time::Duration;

use crate::outcome::Unit;

/// A value with its unit, in three significant digits at most unless it is a whole number: `1,204`, `12.5 kB/s`,
/// `80.1 ms`, `99.5 %`. What is no number is `-`.
///
/// ```
/// use ipv8_scenario::{Unit, report::human};
///
/// assert_eq!(human(1204.0, Unit::Count), "1,204");
/// assert_eq!(human(12_480.0, Unit::BytesPerSecond), "12.5 kB/s");
/// assert_eq!(human(0.080_12, Unit::Seconds), "80.1 ms");
/// assert_eq!(human(0.995, Unit::Share), "99.5 %");
/// ```
#[must_use]
pub fn human(value: f64, unit: Unit) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    match unit {
        Unit::Count => count(value),
        Unit::PerSecond => format!("{}/s", count(value)),
        Unit::Bytes => bytes(value),
        Unit::BytesPerSecond => format!("{}/s", bytes(value)),
        Unit::Seconds => seconds(value),
        Unit::Share => format!("{} %", digits(value * 100.0)),
    }
}

/// A time since the beginning: `1.5 s`, `2 min 30 s`, `1 h 5 min`.
pub(crate) fn moment(at: Duration) -> String {
    let whole = at.as_secs();
    let parts = |large: u64, name: &str, small: u64, small_name: &str| match small {
        0 => format!("{large} {name}"),
        _ => format!("{large} {name} {small} {small_name}"),
    };
    match whole {
        _ if at.subsec_nanos() > 0 && whole < 60 => {
            let text = format!("{:.3}", at.as_secs_f64());
            format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
        }
        0..120 => format!("{whole} s"),
        120..7_200 => parts(whole / 60, "min", whole % 60, "s"),
        _ => parts(whole / 3_600, "h", whole % 3_600 / 60, "min"),
    }
}

/// Digits in groups of three.
pub(super) fn grouped(number: impl ToString) -> String {
    let digits = number.to_string();
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |digits| ("-", digits));
    let mut text = sign.to_owned();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Without a sign of zero.
fn tidy(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value }
}

fn count(value: f64) -> String {
    if value.abs() < 1e15 && (value.fract() == 0.0 || value.abs() >= 1_000.0) {
        grouped(format!("{:.0}", tidy(value)))
    } else {
        digits(value)
    }
}

/// Three significant digits.
fn digits(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    let decimals = match value.abs() {
        1e15.. => return format!("{value:.2e}"),
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    let text = format!("{:.decimals$}", tidy(value));
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn bytes(value: f64) -> String {
    match value.abs() {
        1e9.. => format!("{} GB", digits(value / 1e9)),
        1e6.. => format!("{} MB", digits(value / 1e6)),
        1e3.. => format!("{} kB", digits(value / 1e3)),
        _ => format!("{} B", digits(value)),
    }
}

fn seconds(value: f64) -> String {
    match value.abs() {
        0.0 => "0 s".to_owned(),
        ..1e-3 => format!("{} µs", digits(value * 1e6)),
        ..1.0 => format!("{} ms", digits(value * 1e3)),
        ..120.0 => format!("{} s", digits(value)),
        ..7_200.0 => format!("{} min", digits(value / 60.0)),
        _ => format!("{} h", digits(value / 3_600.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_short_and_have_units() {
        for (value, unit, text) in [
            (0.0, Unit::Count, "0"),
            (-0.0, Unit::Count, "0"),
            (7.0, Unit::Count, "7"),
            (7.25, Unit::Count, "7.25"),
            (12_345_678.0, Unit::Count, "12,345,678"),
            (1_234.5, Unit::PerSecond, "1,234/s"),
            (999.0, Unit::Bytes, "999 B"),
            (1_500.0, Unit::Bytes, "1.5 kB"),
            (2.5e9, Unit::BytesPerSecond, "2.5 GB/s"),
            (0.000_25, Unit::Seconds, "250 µs"),
            (0.05, Unit::Seconds, "50 ms"),
            (12.34, Unit::Seconds, "12.3 s"),
            (600.0, Unit::Seconds, "10 min"),
            (10_800.0, Unit::Seconds, "3 h"),
            (1.0, Unit::Share, "100 %"),
            (f64::NAN, Unit::Seconds, "-"),
            (f64::INFINITY, Unit::Count, "-"),
        ] {
            assert_eq!(human(value, unit), text);
        }
    }

    #[test]
    fn moments_are_read_at_a_glance() {
        for (millis, text) in [
            (0, "0 s"),
            (1_500, "1.5 s"),
            (119_000, "119 s"),
            (150_000, "2 min 30 s"),
            (120_000, "2 min"),
            (3_900_000, "65 min"),
            (7_500_000, "2 h 5 min"),
        ] {
            assert_eq!(moment(Duration::from_millis(millis)), text);
        }
    }
}

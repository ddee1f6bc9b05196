//! A summary in aligned text.

use std::fmt::Write as _;

use super::number::{grouped, human, moment};
use crate::outcome::{Ended, Outcome, Series, Unit};

/// A summary of the run: what came out, what was counted, how the metrics stand at the end. Lines end with a line break;
/// there are no colours.
#[must_use]
pub fn table(outcome: &Outcome) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_all(&mut text, outcome);
    text
}

fn write_all(text: &mut String, outcome: &Outcome) -> std::fmt::Result {
    let ended = match outcome.ended {
        Ended::Goal => "the goal was reached",
        Ended::TimeLimit => "the time was over",
        Ended::Interrupted => "INTERRUPTED",
    };
    let (nodes, time) = (grouped(outcome.nodes), moment(outcome.virtual_time));
    writeln!(text, "{}: {nodes} nodes, seed {}, {time} of virtual time: {ended}", outcome.scenario, outcome.seed)?;
    if !outcome.facts.is_empty() {
        text.push('\n');
        pairs(text, outcome.facts.iter().map(|fact| (fact.title.clone(), human(fact.value, fact.unit))))?;
    }
    text.push('\n');
    pairs(text, totals(outcome).into_iter())?;
    over_time(text, &outcome.series)?;
    if !outcome.marks.is_empty() {
        text.push_str("\nwhat happened\n");
        pairs(text, outcome.marks.iter().map(|mark| (format!("  {}", moment(mark.at)), mark.text.clone())))?;
    }
    Ok(())
}

fn totals(outcome: &Outcome) -> Vec<(String, String)> {
    let totals = &outcome.totals;
    #[allow(clippy::cast_precision_loss, reason = "three digits of it are shown")]
    let amount =
        |packets: u64, bytes: u64| format!("{} packets, {}", grouped(packets), human(bytes as f64, Unit::Bytes));
    let lost: u64 = totals.lost.iter().map(|(_, count)| count).sum();
    let reasons: Vec<_> =
        totals.lost.iter().filter(|(_, count)| *count > 0).map(|(name, n)| format!("{name} {}", grouped(n))).collect();
    let lost = match reasons.is_empty() {
        true => "0 packets".to_owned(),
        false => format!("{} packets: {}", grouped(lost), reasons.join(", ")),
    };
    [
        ("sent", amount(totals.sent, totals.sent_bytes)),
        ("delivered", amount(totals.delivered, totals.delivered_bytes)),
        ("duplicated", format!("{} packets", grouped(totals.duplicated))),
        ("lost", lost),
        ("events", format!("{}, {} turns of nodes", grouped(totals.events), grouped(totals.turns))),
        ("trace hash", format!("{:016x}", outcome.trace_hash)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Names and values, each in a line.
fn pairs(text: &mut String, pairs: impl Iterator<Item = (String, String)>) -> std::fmt::Result {
    let pairs: Vec<_> = pairs.collect();
    let width = pairs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    pairs.into_iter().try_for_each(|(name, value)| writeln!(text, "{name:width$}  {value}"))
}

/// How each metric stands at the end, over the nodes, and its mean over the whole run.
fn over_time(text: &mut String, series: &[Series]) -> std::fmt::Result {
    let mut rows = vec![["at the end", "least", "10 %", "median", "90 %", "most", "mean of run"].map(str::to_owned)];
    for series in series {
        let Some(last) = series.points.last() else { continue };
        let value = |value| human(value, series.unit);
        // Where nothing was measured, there is no mean.
        let means: Vec<f64> = series.points.iter().map(|point| point.mean).filter(|mean| mean.is_finite()).collect();
        #[allow(clippy::cast_precision_loss, reason = "there are not so many points")]
        let mean = value(means.iter().sum::<f64>() / means.len() as f64);
        let title = series.title.to_owned();
        rows.push(match is_single(series) {
            true => [title, String::new(), String::new(), value(last.median), String::new(), String::new(), mean],
            false => {
                let [min, low, median, high, max] = [last.min, last.low, last.median, last.high, last.max].map(value);
                [title, min, low, median, high, max, mean]
            }
        });
    }
    if rows.len() == 1 {
        return Ok(());
    }
    text.push('\n');
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..7).map(width).collect();
    for row in &rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            match column {
                0 => write!(line, "{cell:width$}")?,
                _ => write!(line, "  {cell:>width$}")?,
            }
        }
        writeln!(text, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Whether a metric is one value at each moment, not one of each node.
pub(super) fn is_single(series: &Series) -> bool {
    series.points.iter().all(|point| {
        let same = |value: f64| value == point.median || (value.is_nan() && point.median.is_nan());
        same(point.min) && same(point.max)
    })
}

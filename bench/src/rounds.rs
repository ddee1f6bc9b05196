//! Measuring in turn, and what comes of it: medians of rounds, in tables.
//!
//! Other load on the machine moves even processor time, so all sides run in turn within each round, and medians of rounds are
//! compared.
#![allow(clippy::print_stdout, reason = "it prints tables")]

use crate::figures::{Better, REFERENCE, better_by};

/// Measures every side once in each round, in turn, and gives what was measured of each, round by round. `measure` gets the
/// side and the number of the round, from 1.
///
/// # Errors
/// The first of `measure`.
pub fn in_turn<S: Copy, R, E>(
    rounds: u32,
    sides: &[S],
    mut measure: impl FnMut(S, u32) -> Result<R, E>,
) -> Result<Vec<Vec<R>>, E> {
    let mut results: Vec<Vec<R>> = sides.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        for (side, results) in sides.iter().zip(&mut results) {
            results.push(measure(*side, round)?);
        }
    }
    Ok(results)
}

/// What a figure is.
#[derive(Clone, Copy, Debug)]
pub struct What {
    /// Its name, as tables have it.
    pub name: &'static str,
    /// Its unit, as files have it.
    pub unit: &'static str,
    /// The digits behind the point that are worth printing.
    pub digits: usize,
    /// What is better; `None` where a comparison says nothing, and then it is printed only.
    pub better: Option<Better>,
}

/// A figure of every side, over all rounds.
#[derive(Clone, Debug)]
pub struct Row {
    /// As in [`What`].
    pub name: String,
    /// As in [`What`].
    pub unit: &'static str,
    /// As in [`What`].
    pub digits: usize,
    /// As in [`What`].
    pub better: Option<Better>,
    /// For each side in the order of the table, what its rounds came to.
    pub sides: Vec<Spread>,
}

impl Row {
    /// The figure of each run of each side; a run that lacks it is left out.
    pub fn new<R>(what: What, results: &[Vec<R>], figure: impl Fn(&R) -> Option<f64>) -> Self {
        let What { name, unit, digits, better } = what;
        let sides = results.iter().map(|runs| runs.iter().filter_map(&figure).collect()).collect();
        Self { name: name.to_owned(), unit, digits, better, sides }
    }
}

/// What several rounds came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    /// The middle one, or the mean of the two in the middle.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

impl FromIterator<f64> for Spread {
    /// Zero without any.
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or_default();
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { at(middle) } else { f64::midpoint(at(middle.saturating_sub(1)), at(middle)) };
        Self { median, least: at(0), most: at(values.len().saturating_sub(1)) }
    }
}

/// Prints what each side came to, and how many times better ours is than py-ipv8's where both are there.
pub fn print_table<S: AsRef<str>>(title: &str, sides: &[S], rows: &[Row]) {
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or_default() + 2;
    print!("\n{title}: median (least to most)\n{:width$}", "");
    for side in sides {
        print!("{:>30}", side.as_ref());
    }
    let position = |name: &str| sides.iter().position(|side| side.as_ref() == name);
    let compared = position("ours").zip(position(REFERENCE));
    println!("{:>12}", if compared.is_some() { "ours is" } else { "" });
    for Row { name, digits, better, sides, .. } in rows {
        print!("{name:width$}");
        for Spread { median, least, most } in sides {
            let spread = format!("{median:.digits$} ({least:.digits$}–{most:.digits$})");
            print!("{spread:>30}");
        }
        let ratio = compared
            .and_then(|(ours, reference)| better_by((*better)?, sides.get(ours)?.median, sides.get(reference)?.median));
        match ratio {
            Some(ratio) => println!("{ratio:>10.2} ×"),
            None => println!(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_take_turns() {
        let mut order = Vec::new();
        let results = in_turn(2, &['a', 'b'], |side, round| {
            order.push((side, round));
            Ok::<_, ()>(order.len())
        });
        assert_eq!(results, Ok(vec![vec![1, 3], vec![2, 4]]));
        assert_eq!(order, [('a', 1), ('b', 1), ('a', 2), ('b', 2)]);
    }

    #[test]
    fn the_first_error_ends_all() {
        let mut measured = 0;
        let results = in_turn(3, &[1, 2], |side, _| {
            measured += 1;
            if side == 1 { Ok(()) } else { Err(side) }
        });
        assert_eq!((results, measured), (Err(2), 2));
    }

    #[test]
    fn medians_are_in_the_middle() {
        let spread = |values: &[f64]| values.iter().copied().collect::<Spread>();
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Spread { median: 2.0, least: 1.0, most: 3.0 });
        assert_eq!(spread(&[4.0, 1.0]), Spread { median: 2.5, least: 1.0, most: 4.0 });
        assert_eq!(spread(&[]), Spread::default());
    }
}

//! What came out of a run, for people and programs: a table, JSON, plots.
//!
//! All three are functions of the [`Outcome`] alone, and give the same bytes on every machine: numbers are rounded by the
//! rules of [`human`] for people, to six decimals for programs, and to whole pixels in pictures.
//!
//! Pictures are drawn by plotters, without its fonts and bitmaps: 6 packages and some 5 seconds to compile, where kuva
//! (7 packages) took 91 and charts-rs (18) 157 seconds on the same two cores; charming and plotly need a browser's
//! scripts. plotters had its last release in 2024, which matters little for lines and polygons in SVG. What it would
//! take from the machine's mathematics, the places of ticks, is chosen here.

mod json;
mod number;
mod plot;
mod table;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

pub(crate) use self::number::moment;
pub use self::{json::json, number::human, table::table};
use crate::outcome::Outcome;

/// Draws an outcome into a directory, which is made if it is not there: an SVG file for each metric over time, each
/// histogram and each graph, and `index.html` with all of them, the table, and how to run it again. The page needs no
/// other file and no network. Files that are there already are replaced. Gives the paths of what it wrote, the page first.
///
/// # Errors
/// If a file cannot be written.
pub fn write_plots(outcome: &Outcome, directory: &Path) -> io::Result<Vec<PathBuf>> {
    let Outcome { scenario, nodes, seed, .. } = outcome;
    write_plots_of(outcome, &format!("ipv8 simulate {scenario} --nodes {nodes} --seed {seed}"), directory)
}

/// The same for a run that another command repeats.
///
/// # Errors
/// If a file cannot be written.
pub fn write_plots_of(outcome: &Outcome, command: &str, directory: &Path) -> io::Result<Vec<PathBuf>> {
    let pictures = plot::pictures(outcome)?;
    fs::create_dir_all(directory)?;
    let mut paths = vec![directory.join("index.html")];
    let page = plot::page(outcome, command, &pictures);
    for path in &paths {
        fs::write(path, &page)?;
    }
    for picture in &pictures {
        let path = directory.join(format!("{}.svg", picture.name));
        fs::write(&path, &picture.svg)?;
        paths.push(path);
    }
    Ok(paths)
}

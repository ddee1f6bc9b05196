//! Pictures of an outcome, in SVG, and a page with all of them.

mod graph;
mod histogram;
mod layout;
mod page;
mod series;
mod style;

use std::{collections::BTreeSet, io, time::Duration};

pub(super) use self::page::page;
use super::number::moment;
use crate::outcome::Outcome;

/// A picture.
pub(super) struct Picture {
    /// The name of its file, without ending.
    pub(super) name: String,
    /// What it shows, for whoever cannot see it.
    pub(super) title: String,
    pub(super) svg: String,
}

/// All pictures of an outcome: metrics over time, then histograms, then graphs. Metrics and histograms without values have
/// none.
pub(super) fn pictures(outcome: &Outcome) -> io::Result<Vec<Picture>> {
    let mut pictures = Vec::new();
    for series in outcome.series.iter().filter(|series| !series.points.is_empty()) {
        let svg = series::draw(series, &outcome.marks)?;
        pictures.push(Picture { name: file_name(series.name), title: format!("{} over time", series.title), svg });
    }
    for histogram in outcome.histograms.iter().filter(|histogram| !histogram.counts.is_empty()) {
        let title = format!("{} after {}", histogram.title, moment(histogram.at));
        let svg = histogram::draw(histogram, &title)?;
        pictures.push(Picture { name: format!("{}-{}", file_name(histogram.name), seconds(histogram.at)), title, svg });
    }
    for graph in outcome.graphs.iter().filter(|graph| !graph.nodes.is_empty()) {
        let title = format!("Who knows whom after {}", moment(graph.at));
        let svg = graph::draw(graph, &title)?;
        pictures.push(Picture { name: format!("graph-{}", seconds(graph.at)), title, svg });
    }
    // Two pictures may be of one name, if two histograms have it, or a metric is called as another file.
    let mut taken = BTreeSet::from(["index".to_owned()]);
    for picture in &mut pictures {
        let name = picture.name.clone();
        let mut number = 2;
        while !taken.insert(picture.name.clone()) {
            picture.name = format!("{name}-{number}");
            number += 1;
        }
    }
    Ok(pictures.into_iter().map(Picture::titled).collect())
}

impl Picture {
    /// Adds the title as programs for the blind read it.
    fn titled(mut self) -> Self {
        if let Some(end) = self.svg.find('>') {
            self.svg.insert_str(end + 1, &format!("\n<title>{}</title>", page::escape(&self.title)));
        }
        self
    }
}

fn seconds(at: Duration) -> String {
    let text = format!("{:.3}", at.as_secs_f64());
    format!("{}s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A name that every file system takes.
fn file_name(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' }).collect();
    if plain.is_empty() { "unnamed".to_owned() } else { plain }
}

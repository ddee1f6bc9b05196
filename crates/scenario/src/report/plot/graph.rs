//! The graph of an overlay.

use std::{collections::BTreeMap, io};

use plotters::prelude::{
    Circle, Color as _, IntoDrawingArea as _, PathElement, RGBColor, Rectangle, SVGBackend, Text, WHITE,
};

use super::{
    layout::{self, Shown},
    style::{At, COLOURS, GREY, INK, Key, failed, legend, pixel, text_style, title, write},
};
use crate::{outcome::Graph, report::number::grouped};

/// The size of the picture, and the margins of the graph in it.
const SIZE: (u32, u32) = (860, 760);
const MARGIN: f64 = 30.0;
const TOP: f64 = 84.0;

/// Most nodes whose numbers are readable.
const NUMBERED: usize = 60;

pub(super) fn draw(graph: &Graph, name: &str) -> io::Result<String> {
    let shown = layout::shown(graph);
    let places: Vec<(i32, i32)> = layout::places(shown.nodes.len(), &shown.edges)
        .into_iter()
        .map(|(x, y)| {
            let (width, height) = SIZE;
            (pixel(MARGIN + x * (f64::from(width) - 2.0 * MARGIN)), pixel(TOP + y * (f64::from(height) - TOP - MARGIN)))
        })
        .collect();
    let colours = colours(&shown);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        title(&root, name)?;
        write(&root, &about(graph, &shown), (16, 44), text_style(13, GREY, At::Left))?;
        // More lines are paler ones.
        let strength = match shown.edges.len() {
            ..200 => 0.5,
            200..1_000 => 0.3,
            _ => 0.16,
        };
        for (from, to, mutual) in &shown.edges {
            let (Some(from), Some(to)) = (places.get(*from), places.get(*to)) else { continue };
            let colour = GREY.mix(if *mutual { strength } else { strength * 0.6 });
            let line = PathElement::new(vec![*from, *to], colour.stroke_width(1));
            root.draw(&line).map_err(failed)?;
        }
        for ((place, node), known_by) in places.iter().zip(&shown.nodes).zip(&shown.known_by) {
            let colour = colours.get(node.kind).copied().unwrap_or(GREY);
            let root_of = f64::from(u32::try_from(*known_by).unwrap_or(u32::MAX)).sqrt();
            let radius = pixel((3.0 + root_of * 0.9).min(14.0));
            if node.kind == "tracker" {
                let (x, y) = *place;
                let corners = [(x - radius, y - radius), (x + radius, y + radius)];
                root.draw(&Rectangle::new(corners, colour.filled())).map_err(failed)?;
            } else {
                root.draw(&Circle::new(*place, radius, colour.filled())).map_err(failed)?;
                root.draw(&Circle::new(*place, radius, WHITE.stroke_width(1))).map_err(failed)?;
            }
            if shown.nodes.len() <= NUMBERED {
                let (x, y) = *place;
                let style = text_style(11, INK, At::Left);
                let text = Text::new(node.number.to_string(), (x + radius + 2, y - radius), style);
                root.draw(&text).map_err(failed)?;
            }
        }
        let entries: Vec<_> =
            colours.iter().map(|(kind, colour)| (Key::Field(colour.mix(1.0)), (*kind).to_owned())).collect();
        legend(&root, &entries, 20)?;
        root.present().map_err(failed)?;
    }
    Ok(svg)
}

/// A colour for each kind of node.
fn colours(shown: &Shown) -> BTreeMap<&'static str, RGBColor> {
    let mut kinds: BTreeMap<&'static str, RGBColor> = shown.nodes.iter().map(|node| (node.kind, GREY)).collect();
    for (colour, choice) in kinds.values_mut().zip(COLOURS.iter().cycle()) {
        *colour = *choice;
    }
    kinds
}

fn about(graph: &Graph, shown: &Shown) -> String {
    let what = "larger: known by more; darker line: both know each other";
    match shown.nodes.len() < graph.nodes.len() {
        true => format!(
            "{} of {} nodes, those near the first one; {what}",
            grouped(shown.nodes.len()),
            grouped(graph.nodes.len())
        ),
        false => {
            format!("{} nodes know {} others in all; {what}", grouped(graph.nodes.len()), grouped(graph.edges.len()))
        }
    }
}

//! How a whole number is spread over the nodes.

use std::io;

use plotters::prelude::{ChartBuilder, Color as _, IntoDrawingArea as _, Rectangle, SVGBackend, WHITE};

use super::style::{At, Axis, BLUE, CHART, GREY, GRID, INK, failed, text_style, ticks, title, write};
use crate::{
    outcome::{Histogram, Unit},
    report::number::human,
};

/// Most bars; more values share bars.
const MAX_BARS: u32 = 60;

pub(super) fn draw(histogram: &Histogram, name: &str) -> io::Result<String> {
    let values = histogram.counts.iter().map(|(value, _)| *value);
    let (first, last) = (values.clone().min().unwrap_or_default(), values.max().unwrap_or_default());
    // From zero, unless that would leave most of the picture empty.
    let start = if first <= last / 2 { 0 } else { first };
    let each = (last - start).div_ceil(MAX_BARS - 1).max(1);
    let bars = bars(&histogram.counts, start, each);
    let most = bars.iter().copied().max().unwrap_or_default();
    let x_end = whole(u64::from(each) * u64::try_from(bars.len()).unwrap_or(u64::MAX));

    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, CHART).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        title(&root, name)?;
        let (across, _) = CHART;
        let right = i32::try_from(across).unwrap_or(i32::MAX) - 16;
        write(&root, &summary(&histogram.counts), (right, 20), text_style(13, INK, At::Right))?;
        write(&root, "nodes", (76, 46), text_style(13, INK, At::Right))?;
        let (y_ticks, y_end) = ticks(whole(most), 6, true);
        // The middle of a bar is its value; bars of several values begin at their first.
        let middle = if each == 1 { 0.5 } else { 0.0 };
        let (x_ticks, _) = ticks(x_end, 12, true);
        let x_ticks = x_ticks.into_iter().map(|tick| tick + middle).filter(|tick| *tick <= x_end).collect();
        let mut chart = ChartBuilder::on(&root)
            .margin_top(60)
            .margin_right(24)
            .x_label_area_size(44)
            .y_label_area_size(84)
            .build_cartesian_2d(Axis { end: x_end, ticks: x_ticks }, Axis { end: y_end, ticks: y_ticks })
            .map_err(failed)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(GRID)
            .light_line_style(WHITE.mix(0.0))
            .axis_style(GREY)
            .label_style(text_style(13, INK, At::Middle))
            .axis_desc_style(text_style(13, INK, At::Middle))
            .x_desc(histogram.title)
            .x_label_formatter(&|place| human(f64::from(start) + place - middle, Unit::Count))
            .y_label_formatter(&|count| human(*count, Unit::Count))
            .draw()
            .map_err(failed)?;
        let width = f64::from(each);
        let rectangles = (0_u32..).zip(&bars).filter(|(_, count)| **count > 0).map(|(index, count)| {
            let left = f64::from(index) * width;
            Rectangle::new([(left + width * 0.08, 0.0), (left + width * 0.92, whole(*count))], BLUE.mix(0.85).filled())
        });
        chart.draw_series(rectangles).map_err(failed)?;
        root.present().map_err(failed)?;
    }
    Ok(svg)
}

/// Nodes in each bar, which stand for `each` values.
fn bars(counts: &[(u32, u32)], start: u32, each: u32) -> Vec<u64> {
    let mut bars = Vec::new();
    for (value, nodes) in counts {
        let index = usize::try_from(value.saturating_sub(start) / each).unwrap_or_default();
        if bars.len() <= index {
            bars.resize(index + 1, 0);
        }
        if let Some(bar) = bars.get_mut(index) {
            *bar += u64::from(*nodes);
        }
    }
    bars
}

fn summary(counts: &[(u32, u32)]) -> String {
    let nodes: u64 = counts.iter().map(|(_, nodes)| u64::from(*nodes)).sum();
    let sum: f64 = counts.iter().map(|(value, nodes)| f64::from(*value) * f64::from(*nodes)).sum();
    let values = counts.iter().map(|(value, _)| *value);
    let (Some(least), Some(most)) = (values.clone().min(), values.max()) else { return String::new() };
    let mean = human(sum / whole(nodes.max(1)), Unit::Count);
    let [nodes, least, most] =
        [whole(nodes), f64::from(least), f64::from(most)].map(|number| human(number, Unit::Count));
    format!("{nodes} nodes, {least} to {most}, mean {mean}")
}

#[allow(clippy::cast_precision_loss, reason = "a picture does not show so many digits")]
fn whole(number: u64) -> f64 {
    number as f64
}

//! A metric over time: the middle of the nodes, and how far they spread.

use std::{io, time::Duration};

use plotters::prelude::{
    ChartBuilder, Color as _, DashedLineSeries, IntoDrawingArea as _, LineSeries, Polygon, SVGBackend, WHITE,
};

use super::style::{
    At, Axis, BLUE, CHART, GREY, GRID, INK, Key, failed, legend, pixel, text_style, thin, ticks, title, width, write,
};
use crate::{
    outcome::{Mark, Point, Series, Unit},
    report::{number::human, table::is_single},
};

/// Most points that are drawn, about one for each pixel.
const MAX_POINTS: usize = 800;

/// Most marks that have their text in the picture; of more, the page tells.
const MAX_LABELS: usize = 8;

/// Margins around the chart, in pixels: top, right, bottom, left.
const TOP: i32 = 44;
const RIGHT: i32 = 24;
const BOTTOM: u32 = 44;
const LEFT: u32 = 84;

/// The height of a line with marks.
const ROW: i32 = 17;

pub(super) fn draw(series: &Series, marks: &[Mark]) -> io::Result<String> {
    let step = series.points.len().div_ceil(MAX_POINTS).max(1);
    let last = series.points.len().saturating_sub(1);
    let kept = |index: usize| index.is_multiple_of(step) || index == last;
    let points: Vec<&Point> =
        series.points.iter().enumerate().filter(|(index, _)| kept(*index)).map(|(_, point)| point).collect();
    let end = points.last().map(|point| point.at).unwrap_or_default();
    let (divisor, name) = time_unit(end);
    let x = |at: Duration| at.as_secs_f64() / divisor;

    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, CHART).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        title(&root, series.title)?;
        let single = is_single(series);
        legend(&root, &entries(single), 20)?;

        let marks: Vec<&Mark> = marks.iter().filter(|mark| mark.at <= end).collect();
        let labels = labels(&marks, x, x(end));
        let rows = labels.iter().map(|label| label.row + 1).max().unwrap_or_default();

        let whole = matches!(series.unit, Unit::Count | Unit::Bytes);
        let (y_ticks, y_end) = ticks(greatest(&points, single), 6, whole);
        let x_end = x(end).max(f64::MIN_POSITIVE);
        let (x_ticks, _) = ticks(x_end, 10, false);
        let x_ticks = x_ticks.into_iter().filter(|tick| *tick <= x_end).collect();
        let mut chart = ChartBuilder::on(&root)
            .margin_top(TOP + rows * ROW)
            .margin_right(RIGHT)
            .x_label_area_size(BOTTOM)
            .y_label_area_size(LEFT)
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
            .x_desc(format!("virtual time, {name}"))
            .x_label_formatter(&|value| human(*value, Unit::Count))
            .y_label_formatter(&|value| human(*value, series.unit))
            .draw()
            .map_err(failed)?;

        // What was not measured leaves a gap.
        for run in points.split(|point| !point.median.is_finite()).filter(|run| !run.is_empty()) {
            if !single {
                for (low, high, strength) in [(min as Value, max as Value, 0.12), (low as Value, high as Value, 0.28)] {
                    let upper = run.iter().map(|point| (x(point.at), high(point)));
                    let lower = run.iter().rev().map(|point| (x(point.at), low(point)));
                    let field = Polygon::new(upper.chain(lower).collect::<Vec<_>>(), BLUE.mix(strength).filled());
                    chart.draw_series([field]).map_err(failed)?;
                }
            }
            let line = run.iter().map(|point| (x(point.at), point.median));
            chart.draw_series(LineSeries::new(line, BLUE.stroke_width(2))).map_err(failed)?;
        }
        for mark in &marks {
            let line = [(x(mark.at), 0.0), (x(mark.at), y_end)];
            chart.draw_series(DashedLineSeries::new(line, 5, 4, thin(GREY))).map_err(failed)?;
        }
        for label in labels {
            let y = TOP + (rows - 1 - label.row) * ROW + ROW / 2 - 2;
            write(&root, &label.text, (label.x, y), text_style(12, GREY, At::Left))?;
        }
        root.present().map_err(failed)?;
    }
    Ok(svg)
}

type Value = fn(&Point) -> f64;

fn min(point: &Point) -> f64 {
    point.min
}

fn low(point: &Point) -> f64 {
    point.low
}

fn high(point: &Point) -> f64 {
    point.high
}

fn max(point: &Point) -> f64 {
    point.max
}

fn entries(single: bool) -> Vec<(Key, String)> {
    if single {
        return Vec::new();
    }
    vec![
        (Key::Line(BLUE), "median node".to_owned()),
        (Key::Field(BLUE.mix(0.37)), "80 % of nodes".to_owned()),
        (Key::Field(BLUE.mix(0.12)), "least to most".to_owned()),
    ]
}

fn greatest(points: &[&Point], single: bool) -> f64 {
    let of = |point: &&Point| if single { point.median } else { point.max };
    points.iter().map(of).filter(|value| value.is_finite()).fold(0.0, f64::max)
}

/// In what an axis of so much time counts.
fn time_unit(end: Duration) -> (f64, &'static str) {
    match end.as_secs() {
        0..300 => (1.0, "seconds"),
        300..10_800 => (60.0, "minutes"),
        _ => (3_600.0, "hours"),
    }
}

/// The text of a mark: where it begins, and in which line above the chart, the lowest being 0.
struct Label {
    text: String,
    x: i32,
    row: i32,
}

/// Places texts so that none overlaps another.
fn labels(marks: &[&Mark], x: impl Fn(Duration) -> f64, x_end: f64) -> Vec<Label> {
    let left = f64::from(LEFT);
    let (across, _) = CHART;
    let room = f64::from(across) - left - f64::from(RIGHT);
    let many = marks.len() > MAX_LABELS;
    // Where each line is free from.
    let mut free: Vec<i32> = Vec::new();
    let mut labels = Vec::new();
    for (number, mark) in marks.iter().enumerate() {
        let text = match many {
            // The page has a list.
            true => (number + 1).to_string(),
            false => shortened(&mark.text),
        };
        let place = if x_end > 0.0 { x(mark.at) / x_end } else { 0.0 };
        let wide = width(&text, 12);
        let end = pixel(f64::from(across)) - 4;
        let at = (pixel(left + place * room) - 2).min(end - wide);
        let row = free.iter().position(|free| *free <= at).unwrap_or(free.len());
        // Numbers that stand too close are left out, as is what would need a fifth line.
        if row >= if many { 1 } else { 4 } {
            continue;
        }
        match free.get_mut(row) {
            Some(free) => *free = at + wide + 10,
            None => free.push(at + wide + 10),
        }
        labels.push(Label { text, x: at, row: i32::try_from(row).unwrap_or_default() });
    }
    labels
}

fn shortened(text: &str) -> String {
    const MOST: usize = 32;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    text.chars().take(MOST - 1).chain(['…']).collect()
}

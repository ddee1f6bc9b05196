//! What all pictures have in common: colours, fonts, ticks, legends.

use std::{fmt::Display, io, ops::Range};

use plotters::{
    coord::{
        Shift,
        ranged1d::{DefaultFormatting, KeyPointHint, Ranged},
    },
    prelude::{DrawingArea, IntoFont as _, PathElement, RGBAColor, RGBColor, Rectangle, SVGBackend, Text, TextStyle},
    style::{
        Color as _, ShapeStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Colours that the colour-blind can tell apart (Okabe and Ito, 2008), the light yellow left out.
pub(super) const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(96, 96, 96),
];

pub(super) const BLUE: RGBColor = RGBColor(0, 114, 178);
pub(super) const INK: RGBColor = RGBColor(34, 34, 34);
pub(super) const GREY: RGBColor = RGBColor(110, 110, 110);
pub(super) const GRID: RGBColor = RGBColor(226, 226, 226);

/// The size of charts, in pixels.
pub(super) const CHART: (u32, u32) = (860, 380);

/// The width of a letter, in parts of the height of its line: what programs that show SVG come near to.
const LETTER: f64 = 0.52;

/// What has failed while drawing: nothing can when the picture is a string, but the types allow it.
pub(super) fn failed(error: impl Display) -> io::Error {
    io::Error::other(format!("cannot draw: {error}"))
}

#[derive(Clone, Copy)]
pub(super) enum At {
    Left,
    Middle,
    Right,
}

pub(super) fn text_style(size: u32, colour: RGBColor, at: At) -> TextStyle<'static> {
    let across = match at {
        At::Left => HPos::Left,
        At::Middle => HPos::Center,
        At::Right => HPos::Right,
    };
    ("sans-serif", size).into_font().color(&colour).pos(Pos::new(across, VPos::Center))
}

/// The width of a text, about.
pub(super) fn width(text: &str, size: u32) -> i32 {
    let letters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    pixel(f64::from(letters) * f64::from(size) * LETTER)
}

pub(super) fn write(area: &Area<'_>, text: &str, place: (i32, i32), style: TextStyle<'static>) -> io::Result<()> {
    area.draw(&Text::new(text.to_owned(), place, style)).map_err(failed)
}

/// The title at the top left.
pub(super) fn title(area: &Area<'_>, text: &str) -> io::Result<()> {
    write(area, text, (16, 20), text_style(18, INK, At::Left))
}

/// What a legend shows beside its text.
pub(super) enum Key {
    Line(RGBColor),
    Field(RGBAColor),
}

/// Keys and their meaning, in one line that ends at the right of the area.
pub(super) fn legend(area: &Area<'_>, entries: &[(Key, String)], y: i32) -> io::Result<()> {
    const SIZE: u32 = 13;
    const KEY: i32 = 22;
    const GAP: i32 = 18;
    let all: i32 = entries.iter().map(|(_, text)| KEY + 6 + width(text, SIZE) + GAP).sum();
    let (across, _) = area.dim_in_pixel();
    let mut x = i32::try_from(across).unwrap_or(i32::MAX) - 6 - all;
    for (key, text) in entries {
        match key {
            Key::Line(colour) => {
                let line = PathElement::new(vec![(x, y), (x + KEY, y)], colour.stroke_width(2));
                area.draw(&line).map_err(failed)?;
            }
            Key::Field(colour) => {
                area.draw(&Rectangle::new([(x, y - 6), (x + KEY, y + 6)], colour.filled())).map_err(failed)?;
            }
        }
        write(area, text, (x + KEY + 6, y), text_style(SIZE, INK, At::Left))?;
        x += KEY + 6 + width(text, SIZE) + GAP;
    }
    Ok(())
}

/// Ticks for an axis from zero to beyond `end`, and how far the axis goes: at most `most` steps of 1, 2 or 5 times a power
/// of ten. Plain multiplication, so that every machine agrees.
pub(super) fn ticks(end: f64, most: u32, whole: bool) -> (Vec<f64>, f64) {
    let end = if end.is_finite() && end > 0.0 { end } else { 1.0 };
    let most = f64::from(most.max(1));
    let (mut magnitude, mut step) = (1.0_f64, 1.0_f64);
    // 10^-12 to 10^300.
    while magnitude > 1e-12 && magnitude * most > end {
        magnitude /= 10.0;
    }
    'found: while magnitude < 1e300 {
        for factor in [1.0, 2.0, 5.0] {
            step = magnitude * factor;
            if step * most >= end && (step >= 1.0 || !whole) {
                break 'found;
            }
        }
        magnitude *= 10.0;
    }
    let mut ticks = vec![0.0];
    let mut number = 0_u32;
    while ticks.last().is_some_and(|last| *last < end) && number < 1_000 {
        number += 1;
        ticks.push(f64::from(number) * step);
    }
    let last = ticks.last().copied().unwrap_or(end);
    (ticks, last)
}

/// An axis from zero, with chosen ticks.
pub(super) struct Axis {
    pub(super) end: f64,
    pub(super) ticks: Vec<f64>,
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        pixel(f64::from(from) + value / self.end * f64::from(to - from))
    }

    fn key_points<H: KeyPointHint>(&self, _: H) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        0.0..self.end
    }
}

/// A thin line.
pub(super) fn thin(colour: impl Into<RGBAColor>) -> ShapeStyle {
    ShapeStyle { color: colour.into(), filled: false, stroke_width: 1 }
}

/// The pixel of a place.
#[allow(clippy::cast_possible_truncation, reason = "it is clamped before")]
pub(super) fn pixel(place: f64) -> i32 {
    place.round().clamp(-1e6, 1e6) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few_and_reach_the_end() {
        assert_eq!(ticks(60.0, 6, false), (vec![0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0], 60.0));
        assert_eq!(ticks(1.0, 6, true), (vec![0.0, 1.0], 1.0));
        assert_eq!(ticks(0.9, 5, false).0.len(), 6);
        assert_eq!(ticks(0.0, 5, true), (vec![0.0, 1.0], 1.0));
        for end in [1e-9, 0.003, 0.7, 1.0, 9.9, 12.0, 37.0, 99.0, 101.0, 12_345.0, 1e9, 1e300, f64::MAX, f64::NAN] {
            let (ticks, last) = ticks(end, 6, false);
            assert!(
                (2..=1_001).contains(&ticks.len()) && (end.is_nan() || last >= end || end > 1e299),
                "{end}: {ticks:?}"
            );
        }
    }
}

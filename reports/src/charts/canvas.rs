//! A drawing on which each mark has a colour of the page and attributes of its own.
//!
//! Plotters knows RGB only. So each mark is drawn in a colour that stands for its number, and once the SVG is text
//! that colour is replaced by what the mark really has: a CSS colour, classes, data attributes, a tooltip.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::FONT;
use super::element::{Element, write};
use crate::text::{elide, escape};

/// First of the colours that stand for marks.
const FIRST: u32 = 0xA0_0000;

/// Longest text that a mark carries, in characters.
const LONGEST: usize = 200;

/// What plotters divides a font's size by when it writes SVG.
const FONT_SCALE: f64 = 1.24;

/// The theme's text colour.
pub(super) const INK: &str = "currentColor";
/// The theme's quieter text colour.
pub(super) const MUTED: &str = "var(--muted)";
/// The theme's colour of lines in the background.
pub(super) const RULE: &str = "var(--rule)";

/// How a mark looks and what it carries.
#[derive(Debug, Clone, Default)]
pub(super) struct Mark {
    pub(super) colour: String,
    pub(super) attributes: String,
    pub(super) tooltip: Option<String>,
}

impl Mark {
    pub(super) fn new(colour: &str) -> Self {
        Self { colour: colour.to_owned(), ..Self::default() }
    }

    /// Adds an attribute; the value is escaped, and cut where it is longer than any name needs to be: each mark has it.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.attributes.push_str(&format!(" {name}=\"{}\"", escape(&elide(value, LONGEST))));
        self
    }

    /// Adds figures as an attribute, with spaces between them.
    pub(super) fn with_list<T: ToString>(mut self, name: &str, values: impl Iterator<Item = T>) -> Self {
        let values: Vec<String> = values.map(|value| value.to_string()).collect();
        self.attributes.push_str(&format!(" {name}=\"{}\"", values.join(" ")));
        self
    }

    /// Adds a figure as an attribute, exactly; nothing when it is not known.
    pub(super) fn with_figure(self, name: &str, value: Option<f64>) -> Self {
        match value {
            Some(value) => self.with(name, &value.to_string()),
            None => self,
        }
    }

    pub(super) fn tooltip(mut self, text: String) -> Self {
        self.tooltip = Some(elide(&text, LONGEST));
        self
    }
}

/// Side of a point on which its text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A chart in the making, in pixels from the upper left.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, plotters::coord::Shift>,
    marks: Vec<Mark>,
}

/// What every chart says of itself to those who do not see it.
pub(super) struct About<'a> {
    /// Name that is unique on the page.
    pub id: &'a str,
    pub title: &'a str,
    pub description: &'a str,
}

/// Draws a chart of that size.
pub(super) fn draw(size: (u32, u32), about: &About<'_>, paint: impl FnOnce(&mut Canvas<'_>)) -> String {
    let mut raw = String::new();
    let marks = {
        let area = SVGBackend::with_string(&mut raw, size).into_drawing_area();
        let mut canvas = Canvas { area, marks: Vec::new() };
        paint(&mut canvas);
        canvas.area.present().expect(INFALLIBLE);
        canvas.marks
    };
    finish(&raw, size, about, &marks)
}

const INFALLIBLE: &str = "drawing into a string cannot fail";

impl Canvas<'_> {
    fn colour(&mut self, mark: Mark) -> RGBColor {
        let number = FIRST + self.marks.len() as u32;
        self.marks.push(mark);
        RGBColor((number >> 16) as u8, (number >> 8) as u8, number as u8)
    }

    pub(super) fn rect(&mut self, from: (i32, i32), to: (i32, i32), mark: Mark) {
        let colour = self.colour(mark);
        self.area.draw(&Rectangle::new([from, to], colour.filled())).expect(INFALLIBLE);
    }

    pub(super) fn line(&mut self, points: &[(i32, i32)], width: u32, mark: Mark) {
        let colour = self.colour(mark);
        self.area.draw(&PathElement::new(points.to_vec(), colour.stroke_width(width))).expect(INFALLIBLE);
    }

    pub(super) fn polygon(&mut self, points: &[(i32, i32)], mark: Mark) {
        let colour = self.colour(mark);
        self.area.draw(&Polygon::new(points.to_vec(), colour.filled())).expect(INFALLIBLE);
    }

    pub(super) fn circle(&mut self, at: (i32, i32), radius: i32, mark: Mark) {
        let colour = self.colour(mark);
        self.area.draw(&Circle::new(at, radius, colour.filled())).expect(INFALLIBLE);
    }

    pub(super) fn text(&mut self, text: &str, at: (i32, i32), anchor: Anchor, size: f64, mark: Mark) {
        let colour = self.colour(mark);
        let side = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let font = ("sans-serif", size * FONT_SCALE).into_font().color(&colour);
        let style = font.pos(Pos::new(side, VPos::Center));
        self.area.draw(&Text::new(text.to_owned(), at, style)).expect(INFALLIBLE);
    }
}

/// Replaces the stand-in colours. Plotters writes one tag per line, and escapes quotes and angles in text, so a line
/// that begins with `<` is a tag and cannot come from a name.
fn finish(raw: &str, (width, height): (u32, u32), about: &About<'_>, marks: &[Mark]) -> String {
    let About { id, title, description } = about;
    let mut svg = format!(
        "<svg class=\"chart\" id=\"{id}\" viewBox=\"0 0 {width} {height}\" role=\"img\" font-size=\"{FONT}\" \
         fill=\"{INK}\" aria-labelledby=\"{id}-t {id}-d\" xmlns=\"http://www.w3.org/2000/svg\"><title id=\"{id}-t\">{}</title>\
         <desc id=\"{id}-d\">{}</desc>\n",
        escape(title),
        escape(description),
    );
    let mut elements: Vec<Element> = Vec::new();
    for line in raw.lines().skip(1) {
        match mark_of(line, marks) {
            Some((stand_in, mark)) => elements.push(Element::new(line, stand_in, mark)),
            // What stands within a text, without the line breaks that plotters puts around it: they would be spaces in what
            // a reader copies.
            None => elements.iter_mut().last().into_iter().for_each(|text| text.add(line)),
        }
    }
    write(&elements, &mut svg);
    svg + "</svg>\n"
}

fn mark_of<'a, 'm>(line: &'a str, marks: &'m [Mark]) -> Option<(&'a str, &'m Mark)> {
    let tag = line.strip_prefix('<').filter(|rest| !rest.starts_with('/'))?;
    tag.match_indices("\"#").find_map(|(at, _)| {
        let stand_in = tag.get(at + 1..at + 8)?;
        let number = u32::from_str_radix(&stand_in[1..], 16).ok()?;
        Some((stand_in, marks.get(number.checked_sub(FIRST)? as usize)?))
    })
}

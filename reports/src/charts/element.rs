//! The elements of a finished drawing, written in few bytes: neighbours share what they have in common, lines are told by
//! their steps.

use super::canvas::{INK, Mark};
use crate::text::escape;

/// What marks that follow each other may have in common, and inherit from a group: how they look and whose they are.
const SHARED: [&str; 13] = [
    "fill",
    "fill-opacity",
    "stroke",
    "stroke-width",
    "stroke-dasharray",
    "stroke-linejoin",
    "stroke-linecap",
    "data-plugin",
    "data-host",
    "data-workload",
    "data-variant",
    "data-policy",
    "data-kind",
];

/// From the middle of a text's height to its baseline, in pixels: half of what a small letter has of 14.
const BASELINE: i32 = 4;

/// A tag with its attributes and what stands in it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Element {
    name: String,
    /// Escaped.
    attributes: Vec<(String, String)>,
    /// Escaped, without the closing tag.
    content: String,
}

impl Element {
    /// The element of a line that plotters wrote, in which a colour stands for the mark.
    pub(super) fn new(line: &str, stand_in: &str, mark: &Mark) -> Self {
        let line = line.replace(stand_in, &mark.colour);
        let tag = line.trim_start_matches('<').trim_end_matches('>').trim_end_matches('/');
        let (name, own) = tag.split_once(' ').unwrap_or((tag, ""));
        let attributes = attributes(own).chain(attributes(&mark.attributes));
        let content = mark.tooltip.as_ref().map(|tooltip| format!("<title>{}</title>", escape(tooltip)));
        let element = Self {
            name: name.to_owned(),
            attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            content: content.unwrap_or_default(),
        };
        element.short()
    }

    /// Adds text that stands within; closing tags are written when all is there.
    pub(super) fn add(&mut self, line: &str) {
        if !line.starts_with('<') {
            self.content.push_str(line);
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Without what says nothing.
    fn short(mut self) -> Self {
        let has_stroke = self.attributes.iter().filter(|(name, _)| name == "stroke").any(|(_, value)| value != "none");
        if self.name == "text" {
            let baseline = self.get("y").and_then(|y| y.parse::<i32>().ok()).map(|y| (y + BASELINE).to_string());
            self.attributes.retain(|(name, _)| !matches!(name.as_str(), "dy" | "font-family" | "font-size"));
            for (_, value) in self.attributes.iter_mut().filter(|(name, _)| name == "y") {
                *value = baseline.clone().unwrap_or_default();
            }
        }
        if let (true, Some(points)) = (matches!(self.name.as_str(), "polyline" | "polygon"), self.get("points")) {
            let path = path(points, self.name == "polygon");
            self.name = "path".to_owned();
            self.attributes.retain(|(name, _)| name != "points");
            self.attributes.push(("d".to_owned(), path));
        }
        self.attributes.retain(|(name, value)| match (name.as_str(), value.as_str()) {
            // The drawing's own.
            ("fill", INK) => self.name != "text",
            ("opacity", "1") | ("stroke", "none") | ("stroke-dasharray", "none") | ("text-anchor", "start") => false,
            // What has no stroke of its own needs no width of one, and a stroke is one wide unless it says more.
            ("stroke-width", "1") => false,
            ("stroke-width", _) => has_stroke,
            _ => true,
        });
        self
    }
}

/// Names and values of what plotters and we write: ` name="value"`, values escaped.
fn attributes(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = after.split_once('"')?;
        rest = after;
        Some((name.trim_start(), value))
    })
}

/// Writes them, each on a line; those that follow each other and are one plugin's share a group.
pub(super) fn write(elements: &[Element], svg: &mut String) {
    let mut rest = elements;
    while let Some(first) = rest.first() {
        let is_one_of_them = |other: &&Element| other.name == first.name && whose(other).eq(whose(first));
        let (run, after) = rest.split_at(rest.iter().take_while(is_one_of_them).count());
        rest = after;
        let common: Vec<&(String, String)> = first.attributes.iter().filter(|one| is_common(one, run)).collect();
        if run.len() < 2 || first.name == "text" || common.is_empty() {
            run.iter().for_each(|element| write_one(element, &[], svg));
            continue;
        }
        svg.push_str("<g");
        common.iter().for_each(|(name, value)| svg.push_str(&format!(" {name}=\"{value}\"")));
        svg.push_str(">\n");
        run.iter().for_each(|element| write_one(element, &common, svg));
        svg.push_str("</g>\n");
    }
}

/// The attributes that say whose it is.
fn whose(element: &Element) -> impl Iterator<Item = &(String, String)> {
    element.attributes.iter().filter(|(name, _)| name.starts_with("data-") && SHARED.contains(&name.as_str()))
}

fn is_common(one: &(String, String), run: &[Element]) -> bool {
    SHARED.contains(&one.0.as_str()) && run.iter().all(|other| other.attributes.contains(one))
}

fn write_one(element: &Element, shared: &[&(String, String)], svg: &mut String) {
    let Element { name, attributes, content } = element;
    svg.push_str(&format!("<{name}"));
    for attribute in attributes.iter().filter(|attribute| !shared.contains(attribute)) {
        svg.push_str(&format!(" {}=\"{}\"", attribute.0, attribute.1));
    }
    svg.push_str(&if content.is_empty() { "/>\n".to_owned() } else { format!(">{content}</{name}>\n") });
}

/// A line through whole pixels as steps, without the points that lie between two others on a straight line.
fn path(points: &str, is_closed: bool) -> String {
    let pixels = points.split_whitespace().filter_map(|point| {
        let (x, y) = point.split_once(',')?;
        Some((x.parse().ok()?, y.parse().ok()?))
    });
    let corners = corners(pixels);
    let Some((first, others)) = corners.split_first() else { return String::new() };
    let mut path = format!("M{} {}", first.0, first.1);
    let mut last = first;
    for point in others {
        let (across, down) = (point.0 - last.0, point.1 - last.1);
        path.push_str(&match (across, down) {
            (_, 0) => format!("h{across}"),
            (0, _) => format!("v{down}"),
            // A minus parts two numbers as well as a space does.
            _ if down < 0 => format!("l{across}{down}"),
            _ => format!("l{across} {down}"),
        });
        last = point;
    }
    if is_closed { path + "z" } else { path }
}

fn corners(points: impl Iterator<Item = (i32, i32)>) -> Vec<(i32, i32)> {
    let mut corners: Vec<(i32, i32)> = Vec::new();
    for point in points {
        if let [.., before, last] = corners.as_slice() {
            let (to, on) = ((last.0 - before.0, last.1 - before.1), (point.0 - last.0, point.1 - last.1));
            // The same direction: their cross product is nothing and they do not turn round.
            if to.0 * on.1 == to.1 * on.0 && to.0 * on.0 + to.1 * on.1 >= 0 {
                corners.pop();
            }
        }
        corners.push(point);
    }
    corners
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Where a path of ours goes, point by point.
    fn followed(path: &str) -> Vec<(i32, i32)> {
        let mut at = (0, 0);
        let mut seen = Vec::new();
        let mut steps = path.trim_end_matches('z').chars().peekable();
        while let Some(step) = steps.next() {
            let mut number = || {
                let mut text = String::new();
                while let Some(c) = steps.next_if(|c| {
                    *c == ' ' && text.is_empty() || c.is_ascii_digit() || *c == '-' && text.trim().is_empty()
                }) {
                    text.push(c);
                }
                text.trim().parse::<i32>().expect("a number")
            };
            at = match step {
                'M' => (number(), number()),
                'h' => (at.0 + number(), at.1),
                'v' => (at.0, at.1 + number()),
                _ => (at.0 + number(), at.1 + number()),
            };
            seen.push(at);
        }
        seen
    }

    proptest! {
        #[test]
        fn a_path_goes_where_its_points_are(points in prop::collection::vec((-40i32..40, -3i32..3), 1..30)) {
            let text: String = points.iter().map(|(x, y)| format!("{x},{y} ")).collect();
            let seen = followed(&path(&text, true));
            prop_assert_eq!((seen.first(), seen.last()), (points.first(), points.last()));
            // Each point lies on the way, in its order.
            let mut from = 0;
            for point in &points {
                let is_on = |at: usize| match (seen.get(at), seen.get(at + 1)) {
                    (Some(a), Some(b)) => {
                        (b.0 - a.0) * (point.1 - a.1) == (b.1 - a.1) * (point.0 - a.0)
                            && (a.0.min(b.0)..=a.0.max(b.0)).contains(&point.0)
                            && (a.1.min(b.1)..=a.1.max(b.1)).contains(&point.1)
                    }
                    (Some(a), None) => a == point,
                    _ => false,
                };
                let found = (from..seen.len()).find(|at| is_on(*at));
                prop_assert!(found.is_some(), "{:?} is not on {:?}", point, seen);
                from = found.unwrap_or(from);
            }
        }
    }

    #[test]
    fn neighbours_of_one_plugin_share_what_they_have_in_common() {
        let circle = |x: i32, plugin: &str| {
            let mark = Mark::new("red").with("data-plugin", plugin).with("data-x", &x.to_string());
            let mark = mark.tooltip(format!("<{x}>"));
            Element::new(
                &format!(
                    "<circle cx=\"{x}\" cy=\"2\" r=\"3\" opacity=\"1\" fill=\"#A00001\" stroke=\"none\" stroke-width=\"1\"/>"
                ),
                "#A00001",
                &mark,
            )
        };
        let mut svg = String::new();
        write(&[circle(1, "a"), circle(2, "a"), circle(3, "b")], &mut svg);
        let expected = "<g fill=\"red\" data-plugin=\"a\">\n\
                        <circle cx=\"1\" cy=\"2\" r=\"3\" data-x=\"1\"><title>&lt;1&gt;</title></circle>\n\
                        <circle cx=\"2\" cy=\"2\" r=\"3\" data-x=\"2\"><title>&lt;2&gt;</title></circle>\n\
                        </g>\n\
                        <circle cx=\"3\" cy=\"2\" r=\"3\" fill=\"red\" data-plugin=\"b\" data-x=\"3\"><title>&lt;3&gt;</title></circle>\n";
        assert_eq!(svg, expected);
    }

    #[test]
    fn a_text_is_whole_and_stands_on_its_line() {
        let mut text = Element::new(
            "<text x=\"4\" y=\"10\" dy=\"0.5ex\" text-anchor=\"start\" font-family=\"sans-serif\" font-size=\"14\" opacity=\"1\" fill=\"#A00001\">",
            "#A00001",
            &Mark::new("currentColor"),
        );
        text.add("a &lt;b&gt;");
        text.add("</text>");
        let mut svg = String::new();
        write(&[text], &mut svg);
        assert_eq!(svg, "<text x=\"4\" y=\"14\">a &lt;b&gt;</text>\n");
    }
}

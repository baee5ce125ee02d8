//! The few shapes that the report is made of. Everything that takes text escapes it; what takes `Html` says so.

use crate::language;
use crate::place::Place;
use crate::summary::SummaryCell;
use crate::text::{command, escape, name};

/// Puts values at the `{{markers}}` of a template. Values are not searched for markers: they hold names that we did
/// not choose.
pub(super) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut page = String::new();
    let mut rest = template;
    while let Some(at) = rest.find("{{") {
        page.push_str(&rest[..at]);
        let Some(end) = rest[at..].find("}}") else { break };
        let marker = &rest[at + 2..at + end];
        let value = values.iter().find(|(name, _)| *name == marker);
        page.push_str(value.expect("the template has only markers that are filled").1);
        rest = &rest[at + end + 2..];
    }
    page.push_str(rest);
    page
}

/// What stands in a table.
pub(super) enum Cell {
    /// Text, escaped here.
    Text(String),
    /// A figure: to the right, with a real minus.
    Number(String),
    /// The figure that the row is about.
    Main(String),
    /// Text that may be long and may break anywhere.
    Long(String),
    /// The same, already escaped.
    LongHtml(String),
    /// Already escaped.
    Html(String),
}

/// A row; the first cell is its heading.
pub(super) struct TableRow {
    pub(super) class: &'static str,
    pub(super) cells: Vec<Cell>,
}

impl TableRow {
    pub(super) fn new(cells: Vec<Cell>) -> Self {
        Self { class: "", cells }
    }
}

/// A table that scrolls within itself. A column's name starts with `>` when figures stand in it, with `>_` when it is
/// besides a name from a program, which may break after its underscores.
pub(super) fn table(caption: &str, columns: &[&str], rows: &[TableRow]) -> String {
    let head: String = columns
        .iter()
        .map(|column| match column.strip_prefix('>') {
            Some(title) if title.starts_with('_') => {
                let title = escape(&title[1..]).replace('_', "_<wbr/>");
                format!("<th scope=\"col\" class=\"n code\">{title}</th>")
            }
            Some(title) => format!("<th scope=\"col\" class=\"n\">{}</th>", escape(title)),
            None => format!("<th scope=\"col\">{}</th>", escape(column)),
        })
        .collect();
    let body: String = rows.iter().map(row).collect();
    let caption = escape(caption);
    let table = format!(
        "<table><caption><span>{caption}</span></caption><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>"
    );
    scroll(&caption, &table)
}

fn row(row: &TableRow) -> String {
    let class = if row.class.is_empty() { String::new() } else { format!(" class=\"{}\"", row.class) };
    let mut text = format!("<tr{class}>");
    for (index, cell) in row.cells.iter().enumerate() {
        let (class, content) = match cell {
            // Most cells are figures, which need no class.
            Cell::Text(text) => (" class=\"t\"", escape(text)),
            Cell::Number(text) => ("", minus(&escape(text))),
            Cell::Main(text) => (" class=\"strong\"", minus(&escape(text))),
            Cell::Long(text) => (" class=\"break\"", escape(text)),
            Cell::LongHtml(html) => (" class=\"break\"", html.clone()),
            Cell::Html(html) => (" class=\"t\"", html.clone()),
        };
        text.push_str(&match index {
            0 => {
                let class = match cell {
                    Cell::Number(_) | Cell::Main(_) => " class=\"n\"",
                    Cell::Long(_) | Cell::LongHtml(_) => class,
                    Cell::Text(_) | Cell::Html(_) => "",
                };
                format!("<th scope=\"row\"{class}>{content}</th>")
            }
            _ => format!("<td{class}>{content}</td>"),
        });
    }
    text.push_str("</tr>\n");
    text
}

/// Something wide in a container that scrolls by itself and can be reached with the keyboard. The name is HTML.
pub(super) fn scroll(name: &str, html: &str) -> String {
    format!("<div class=\"scroll\" role=\"region\" aria-label=\"{name}\" tabindex=\"0\">{html}</div>")
}

/// A chart with what is seen in it and the table behind it. All but the table's name are HTML.
pub(super) fn figure(name: &str, svg: &str, caption: &str, table: &str) -> String {
    let figure = captioned(name, svg, caption);
    format!("{figure}<details><summary>The figures behind this chart</summary>{table}</details>\n")
}

/// A chart with what is seen in it, whose table is in sight. All but the name are HTML.
pub(super) fn captioned(name: &str, svg: &str, caption: &str) -> String {
    format!("<figure>{}<figcaption>{caption}</figcaption></figure>", scroll(&escape(name), svg))
}

/// Parts beside each other where there is room, else one below the other. All HTML.
pub(super) fn side_by_side(parts: impl Iterator<Item = String>) -> String {
    let parts: String = parts.filter(|part| !part.is_empty()).map(|part| format!("<div>{part}</div>")).collect();
    if parts.is_empty() { parts } else { format!("<div class=\"places\">{parts}</div>") }
}

/// So many places are seen at once where each has a chart that looks into it.
const AT_ONCE: usize = 4;

/// The same, those beyond the first few one click away.
pub(super) fn side_by_side_few(parts: impl Iterator<Item = String>) -> String {
    let mut parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
    let more = parts.split_off(parts.len().min(AT_ONCE));
    side_by_side(parts.into_iter()) + &more_places(more, "")
}

/// Places that are one click away; nothing when there are none. `of` says which, as HTML.
pub(super) fn more_places(places: Vec<String>, of: &str) -> String {
    let title = match places.len() {
        0 => return String::new(),
        1 => "One more place".to_owned(),
        many => format!("{many} more places"),
    };
    let places = side_by_side(places.into_iter());
    format!("<details class=\"more\"><summary>{title}{of}</summary>{places}</details>")
}

/// A command line whose options are not broken at their dashes, as HTML.
pub(super) fn command_line(words: &[String]) -> String {
    let command = command(words);
    let word = |word: &str| match word.starts_with('-') && word.chars().count() <= 30 {
        true => format!("<span class=\"nowrap\">{}</span>", escape(word)),
        false => escape(word),
    };
    command.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// What stands above a chart of a place; text.
pub(super) fn place_heading(place: &Place<'_>) -> String {
    format!("{} · workload {}", place.title(), name(place.workload, 40))
}

/// A real minus sign in place of each hyphen of a figure.
pub(super) fn minus(figure: &str) -> String {
    figure.replace('-', "−")
}

/// The language's colour as a small square.
pub(super) fn chip(language_name: &str) -> String {
    format!("<span class=\"chip l{}\"></span>", language::rank(language_name))
}

/// The styles of all chips.
pub(super) fn chip_styles() -> String {
    language::colours().map(|(rank, colour)| format!(".l{rank}{{background:{colour}}}\n")).collect()
}

/// A plugin's name with its language's colour, as HTML.
pub(super) fn plugin(plugin: &str, language_name: &str) -> Cell {
    Cell::Html(format!("{}{}", chip(language_name), escape(&name(plugin, 40))))
}

/// The same in a place, with its host where that has the plugin several times, as one script in several Luas.
pub(super) fn plugin_in(place: &Place<'_>, cell: &SummaryCell) -> Cell {
    match place.rows.iter().filter(|row| row.cell.plugin == cell.plugin).count() {
        0 | 1 => plugin(&cell.plugin, &cell.language),
        _ => plugin(&format!("{}, {}", name(&cell.plugin, 40), name(&cell.host, 20)), &cell.language),
    }
}

/// Terms and what they are, as a list; values are HTML.
pub(super) fn definitions(class: &str, pairs: &[(&str, String)]) -> String {
    let wrap = class == "facts";
    let items: String = pairs
        .iter()
        .map(|(term, value)| {
            let item = format!("<dt>{}</dt><dd>{value}</dd>", escape(term));
            if wrap { format!("<div>{item}</div>") } else { item }
        })
        .collect();
    format!("<dl class=\"{class}\">{items}</dl>")
}

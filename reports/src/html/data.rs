//! The figures in the file itself, for programs: as JSON to read and as links to save, without a script.

use crate::csv::csv;

use super::View;

/// Links that save the figures as files.
pub(super) fn downloads(view: &View<'_>) -> String {
    let json = serde_json::to_string(view.summary).expect("a summary has string keys and nothing that can fail");
    format!(
        "<p>Exact figures of every cell, nanoseconds, not rounded. The same JSON stands in this file as <code>{}</code>; \
         histograms and block medians are in the record that the report was made from.</p>\
         <ul class=\"downloads\">{}{}</ul>",
        view.id("summary-json"),
        link(&format!("{}summary.json", view.prefix), "application/json", &json),
        link(&format!("{}summary.csv", view.prefix), "text/csv", &csv(view.summary)),
    )
}

/// An item of a list that saves a text as a file of that name.
pub(super) fn link(file: &str, kind: &str, text: &str) -> String {
    // In single quotes, because there are many double ones in JSON, and each would be three characters.
    format!("<li><a download=\"{file}\" href='data:{kind};charset=utf-8,{}'>{file}</a></li>", url(text))
}

/// The summaries as data blocks, which no browser runs.
pub(super) fn blocks(views: &[&View<'_>]) -> String {
    let block = |view: &&View<'_>| {
        let json = serde_json::to_string(view.summary).expect("a summary has string keys and nothing that can fail");
        format!("<script type=\"application/json\" id=\"{}\">{}</script>\n", view.id("summary-json"), inert(&json))
    };
    views.iter().map(block).collect()
}

/// JSON that means the same and holds nothing that could end its element: only plain ASCII without `<`, `>` and `&`.
fn inert(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() && !matches!(c, '<' | '>' | '&' | '\u{7f}') {
            text.push(c);
        } else {
            // Outside a string JSON is ASCII without these, so this is always inside one, where \u is allowed.
            for unit in c.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

fn url(text: &str) -> String {
    let mut url = String::with_capacity(text.len() * 3 / 2);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'-'
            | b'_'
            | b'.'
            | b'~'
            | b','
            | b':'
            | b'{'
            | b'}'
            | b'['
            | b']'
            | b'"' => {
                url.push(char::from(byte));
            }
            byte => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}

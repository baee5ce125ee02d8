//! The figures in the file itself, for programs: as JSON to read and as links to save, without a script.

use crate::csv::csv;

use super::View;

/// Links that save the figures as files.
pub(super) fn downloads(view: &View<'_>) -> String {
    let json = serde_json::to_string(view.summary).expect("a summary has string keys and nothing that can fail");
    format!(
        "<p>Exact figures of every cell, nanoseconds, not rounded. Both files are in this page: each link’s address holds its own, \
         percent-encoded. Histograms and block medians are in the record that the report was made from.</p>\
         <ul class=\"downloads\">{}{}</ul>",
        link(&format!("{}summary.json", view.prefix), "application/json", &json),
        link(&format!("{}summary.csv", view.prefix), "text/csv", &csv(view.summary)),
    )
}

/// An item of a list that saves a text as a file of that name.
pub(super) fn link(file: &str, kind: &str, text: &str) -> String {
    // In single quotes, because there are many double ones in JSON, and each would be three characters.
    format!("<li><a download=\"{file}\" href='data:{kind};charset=utf-8,{}'>{file}</a></li>", url(text))
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

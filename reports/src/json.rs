use crate::summary::Summary;

/// The summary as one JSON object, indented.
pub fn json(summary: &Summary) -> String {
    serde_json::to_string_pretty(summary).expect("a summary has string keys and nothing that can fail")
}

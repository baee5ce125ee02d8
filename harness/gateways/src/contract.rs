//! What every gateway answers, so that one probe can check them all.
//!
//! Status 200, `x-tollgate-arm: <label>`, a small fixed body; and when the request, *after* the plugins, still has the
//! header `fake_key_0`, also `x-tollgate-left: <its value>`. A *canary* is a request with `fake_key_0: canary`: the
//! workload `headers` removes that header, `noop` and the controls leave it, so the response shows what the plugin did
//! to this request without one more call in the plugin.
//!
//! For an arm whose workload is on response headers the same header of the request comes back as `fake_key_0` itself, set
//! *before* the plugins see the response: there it is what they remove or leave.

use tollgate_fixtures::{HeaderPath, Operation, Workload};

use crate::Arm;

/// Response header with the arm's label.
pub const ARM_HEADER: &str = "x-tollgate-arm";
/// Response header with what is left of [`CANARY_HEADER`] behind the plugins.
pub const LEFT_HEADER: &str = "x-tollgate-left";
/// Request header that makes a request a canary, and in responses what is left of it behind plugins that work on them.
pub const CANARY_HEADER: &str = "fake_key_0";
/// Its value.
pub const CANARY_VALUE: &str = "canary";
/// Request header that asks the gateway to time the request itself; its value is the round's number in decimal.
pub const ROUND_HEADER: &str = "x-tollgate-round";
/// Body of every response.
pub const BODY: &str = "tollgate\n";

/// What an arm's responses are labelled with: plugin and workload. Characters that do not belong in a header, or that
/// a gateway's own formatter would take for a command, become `_`.
pub fn arm_label(arm: &Arm) -> String {
    let label = format!("{}/{}", arm.id.plugin, arm.id.workload);
    label.chars().map(|char| if char.is_ascii_graphic() && char != '%' { char } else { '_' }).collect()
}

/// The response header in which an arm's route puts [`CANARY_HEADER`] of the request: one for each arm, so that none
/// pays more than another.
pub(crate) fn echo_header(arm: &Arm) -> &'static str {
    match arm.workload.path {
        HeaderPath::Request => LEFT_HEADER,
        HeaderPath::Response => CANARY_HEADER,
    }
}

/// A whole HTTP/1.1 request in bytes. Pseudo-headers of the workload become the request line and `host`; its body is
/// framed by `content-length`, whatever its headers say.
pub fn request_bytes(workload: &Workload, canary: bool) -> Vec<u8> {
    let pseudo = |name: &str, default: &'static str| -> String {
        let found = workload.request_headers.iter().find(|(key, _)| key == name);
        found.map_or_else(|| default.to_owned(), |(_, value)| value.clone())
    };
    let mut text = format!("{} {} HTTP/1.1\r\n", pseudo(":method", "GET"), pseudo(":path", "/"));
    text.push_str(&format!("host: {}\r\n", pseudo(":authority", "tollgate")));
    for (name, value) in &workload.request_headers {
        // What announces a body is written below, and only when there is one.
        let framing = ["host", "content-length", "transfer-encoding", "connection"];
        if !name.starts_with(':') && !framing.contains(&name.to_ascii_lowercase().as_str()) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    if canary {
        text.push_str(&format!("{CANARY_HEADER}: {CANARY_VALUE}\r\n"));
    }
    if !workload.request_body.is_empty() {
        text.push_str(&format!("content-length: {}\r\n", workload.request_body.len()));
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(&workload.request_body);
    bytes
}

/// What must be left of [`CANARY_HEADER`] behind an arm; none when nothing is known of what its plugin does.
pub(crate) fn expected_left(arm: &Arm, canary: bool) -> Option<Option<String>> {
    let untouched = canary.then(|| CANARY_VALUE.to_owned());
    let Some(plugin) = &arm.plugin else {
        return Some(untouched);
    };
    if !plugin.workload_checked {
        return None;
    }
    let mut left = untouched;
    for operation in arm.workload.expected_trace() {
        match operation {
            Operation::Replace { name, value } if name == CANARY_HEADER => left = Some(value),
            Operation::Remove { name } if name == CANARY_HEADER => left = None,
            _ => {}
        }
    }
    Some(left)
}

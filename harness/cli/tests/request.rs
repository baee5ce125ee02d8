//! `--request`: every arm gets the request of the file, in process and live.

mod support;

use std::path::Path;

use support::{programs, run, status, stderr, stdout};

/// Raises an error unless it gets exactly the request of [`REQUEST`].
const SCRIPT: &str = r#"
function envoy_on_request(handle)
  local headers = handle:headers()
  assert(headers:get(":method") == "POST" and headers:get(":path") == "/mine?a=b", "request line")
  assert(headers:get(":authority") == "own.example" and headers:get("x-own") == "yes", "headers")
  local body = handle:body()
  assert(body:getBytes(0, body:length()) == "one\ntwo", "body")
end
"#;
const RESPONSE_SCRIPT: &str = r#"
function envoy_on_response(handle)
  assert(handle:headers():get(":status") == "404" and handle:headers():get("x-answer") == "no", "headers")
  local body = handle:body()
  assert(body:getBytes(0, body:length()) == "gone", "body")
end
"#;
const REQUEST: &str = "POST /mine?a=b HTTP/1.1\nhost: own.example\nx-own: yes\n\none\ntwo\n###\nHTTP/1.1 404 Not Found\nx-answer: no\n\ngone\n";

fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn plugins_get_the_request_in_process_and_live() {
    let folder = tempfile::tempdir().unwrap();
    let request = file(folder.path(), "own.http", REQUEST);
    let script = file(folder.path(), "own.lua", SCRIPT);
    let mut args = vec!["verify", "--gateway", "embedded", "--request", &request];
    args.extend(["--plugin", "boundary", "--plugin", "lua", "--plugin", &script]);
    let programs = programs();
    args.extend(programs.iter().flat_map(|name| ["--gateway", *name]));
    let output = run(&args);
    let text = stdout(&output);
    assert_eq!(status(&output), 0, "{text}{}", stderr(&output));
    for place in ["luajit", "embedded"].into_iter().chain(programs) {
        let line = format!("ok    own on {place} (own)");
        assert!(text.contains(&line), "no `{line}`: {text}");
    }
    // Without the file the script does not get what it wants: so it was the file.
    let output = run(&["verify", "--plugin", &script, "--plugin", "native"]);
    assert_eq!(status(&output), 5, "{}", stdout(&output));
    assert!(stdout(&output).contains("request line"), "{}", stdout(&output));
}

#[test]
fn the_response_is_that_of_the_file_in_process() {
    let folder = tempfile::tempdir().unwrap();
    let request = file(folder.path(), "own.http", REQUEST);
    let script = file(folder.path(), "own.lua", RESPONSE_SCRIPT);
    let output =
        run(&["verify", "--plugin", "lua", "--plugin", &script, "--request", &request, "--only", "in-process"]);
    assert_eq!(status(&output), 0, "{}{}", stdout(&output), stderr(&output));
    let output = run(&["verify", "--plugin", "lua", "--plugin", &script, "--only", "in-process"]);
    assert_eq!(status(&output), 5, "{}", stdout(&output));
}

#[test]
fn a_request_that_is_none_exits_2_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    for (text, message) in [
        ("GET / HTTP/1.1\nbroken\n", "own.http, line 2: "),
        ("", "own.http, line 1: "),
        ("GET / HTTP/1.1\nfake_key_3: mine\n", "`fake_key_3`"),
    ] {
        let request = file(folder.path(), "own.http", text);
        let output = run(&["verify", "--plugin", "boundary", "--request", &request]);
        assert_eq!(status(&output), 2, "{}", stderr(&output));
        assert!(stderr(&output).contains(message), "{}", stderr(&output));
    }
}

//! Files with a request: whatever they hold, reading them is a request or an error with its line.

use tollgate_fixtures::{RequestFile, workload};
use tollgate_hosts::Exchange;

/// Takes the text of a file.
pub fn run(data: &[u8]) {
    match RequestFile::parse(data) {
        Ok(file) => {
            let response = file.response.iter().flat_map(|response| &response.headers);
            for (name, value) in file.request_headers.iter().chain(response) {
                assert!(!name.bytes().any(|byte| byte.is_ascii_uppercase()), "{name:?} is not in lower case");
                assert!(!value.contains(['\r', '\n', '\0']), "{value:?} would split a header");
            }
            let workload = file.in_place_of(workload("headers").expect("the catalogue has it"));
            assert!(Exchange::of(&workload).is_as_new());
        }
        Err((line, what)) => {
            let lines = data.split(|&byte| byte == b'\n').count();
            assert!((1..=lines).contains(&line) && !what.is_empty(), "line {line} of {lines}: {what}");
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "GET / HTTP/1.1\n",
        "# a comment\nPOST http://a/b?c HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi",
        "POST /v1/orders HTTP/1.1\nhost: shop.example\n\n{}\n###\nHTTP/1.1 201 Created\nserver: y\n\nbody\n",
        "OPTIONS * HTTP/1.1\n\nHTTP/1.1 200 OK\n\n",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

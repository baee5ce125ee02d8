//! Reading a response from bytes as they come.

use crate::{ARM_HEADER, BODY, CANARY_HEADER, LEFT_HEADER, Response, chunked};

const MAX_HEADERS: usize = 64;
/// Far above what any gateway's contract response needs.
pub(super) const LONGEST: usize = 64 * 1024;

/// What the bytes so far are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading<'a> {
    /// The begin of a response, or nothing yet.
    Partial,
    /// A response, and how many bytes it is.
    Whole(Response<'a>, usize),
}

/// Reads the response that `bytes` begin with. The content of chunks is put together in `joined`. An error says what is
/// wrong with it.
pub(super) fn read<'a>(bytes: &'a [u8], joined: &'a mut Vec<u8>) -> Result<Reading<'a>, &'static str> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    let head = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) if bytes.len() > LONGEST => return Err("its headers do not end"),
        Ok(httparse::Status::Partial) => return Ok(Reading::Partial),
        Err(_) => return Err("it is not HTTP/1.1"),
    };
    let (mut arm, mut left, mut length, mut is_chunked) = (None, None, 0, false);
    for header in parsed.headers.iter() {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        let text = || std::str::from_utf8(header.value).ok();
        if is(ARM_HEADER) {
            arm = text();
        } else if is(LEFT_HEADER) || is(CANARY_HEADER) {
            left = text();
        } else if is("content-length") {
            length =
                text().and_then(|text| text.trim().parse::<usize>().ok()).ok_or("its content-length is no number")?;
        } else if is("transfer-encoding") {
            is_chunked = header.value.eq_ignore_ascii_case(b"chunked");
        }
    }
    let rest = &bytes[head..];
    let (body, end) = if is_chunked {
        let Some(chunks) = chunked::chunks(rest)? else {
            return if rest.len() > LONGEST { Err("its body does not end") } else { Ok(Reading::Partial) };
        };
        joined.clear();
        chunks.content.into_iter().for_each(|range| joined.extend_from_slice(&rest[range]));
        (joined.as_slice(), chunks.end)
    } else if length > LONGEST {
        return Err("its body is too long");
    } else {
        match rest.get(..length) {
            Some(body) => (body, length),
            None => return Ok(Reading::Partial),
        }
    };
    Ok(Reading::Whole(Response { status: parsed.code.unwrap_or(0), arm, left, body }, head + end))
}

/// Whether a response is that of the arm with this label, by the contract; its status aside.
pub(super) fn is_of(response: &Response<'_>, label: &str) -> bool {
    response.arm == Some(label) && response.body == BODY.as_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// How a body is framed.
    #[derive(Debug, Clone, Copy)]
    enum Framing {
        Length,
        Chunks(usize),
    }

    fn framing() -> impl Strategy<Value = Framing> {
        prop_oneof![Just(Framing::Length), (1..40usize).prop_map(Framing::Chunks)]
    }

    fn response(status: u16, label: &str, left: Option<&str>, body: &[u8], framing: Framing) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {status} Whatever\r\nX-Tollgate-Arm: {label}\r\n");
        if let Some(left) = left {
            head.push_str(&format!("x-tollgate-left:{left}\r\n"));
        }
        let mut bytes;
        match framing {
            Framing::Length => {
                bytes = format!("{head}content-length: {}\r\n\r\n", body.len()).into_bytes();
                bytes.extend_from_slice(body);
            }
            Framing::Chunks(size) => {
                bytes = format!("{head}transfer-encoding: chunked\r\n\r\n").into_bytes();
                for chunk in body.chunks(size) {
                    bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    bytes.extend_from_slice(chunk);
                    bytes.extend_from_slice(b"\r\n");
                }
                bytes.extend_from_slice(b"0\r\n\r\n");
            }
        }
        bytes
    }

    proptest! {
        #[test]
        fn a_response_is_whole_at_its_last_byte_and_what_follows_is_left(
            status in 200..600u16, label in "[!-~]{1,30}", left in proptest::option::of("[a-z]{0,9}"),
            body in proptest::collection::vec(any::<u8>(), 0..300), framing in framing(), after in "[ -~]{0,9}",
        ) {
            let mut bytes = response(status, &label, left.as_deref(), &body, framing);
            let whole = bytes.len();
            bytes.extend_from_slice(after.as_bytes());
            for length in 0..whole {
                let is_partial = read(&bytes[..length], &mut Vec::new()) == Ok(Reading::Partial);
                prop_assert!(is_partial, "{} bytes", length);
            }
            let mut joined = Vec::new();
            let expected = Response { status, arm: Some(&label), left: left.as_deref(), body: &body };
            prop_assert_eq!(read(&bytes, &mut joined), Ok(Reading::Whole(expected, whole)));
        }

        #[test]
        fn bytes_of_any_kind_end_in_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = read(&bytes, &mut Vec::new());
        }

        #[test]
        fn a_response_with_any_byte_changed_is_read_within_its_bounds(
            body in proptest::collection::vec(any::<u8>(), 0..60), framing in framing(), at: proptest::sample::Index, byte: u8,
        ) {
            let mut bytes = response(200, "a/b", Some("c"), &body, framing);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(Reading::Whole(_, length)) = read(&bytes, &mut Vec::new()) {
                prop_assert!(length <= bytes.len());
            }
        }
    }

    #[test]
    fn what_is_no_response_is_refused_and_never_waited_for() {
        let head = "HTTP/1.1 200 OK\r\n";
        let endless = [head.as_bytes(), &b"a: b\r\n".repeat(30)[..], &vec![b'x'; LONGEST + 100]].concat();
        let cases: [(&[u8], &str); 5] = [
            (b"SSH-2.0-OpenSSH", "no HTTP"),
            (b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n", "no length"),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", "too long"),
            (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "no chunks"),
            (&endless, "no end"),
        ];
        for (bytes, what) in cases {
            assert!(read(bytes, &mut Vec::new()).is_err(), "{what}");
        }
    }
}

//! Chunked bodies: a gateway sends one when a plugin took `content-length` away, as plugins that change bodies do.

use std::ops::Range;

/// The chunks of a body, and where it ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Chunks {
    /// Where the content stands.
    pub(crate) content: Vec<Range<usize>>,
    /// Bytes of the whole, framing included.
    pub(crate) end: usize,
}

/// Reads a chunked body; `None` while it is not all there, and an error when it is none. Trailers must be absent.
pub(crate) fn chunks(body: &[u8]) -> Result<Option<Chunks>, &'static str> {
    let mut content = Vec::new();
    let mut at = 0;
    loop {
        let (head, size) = match httparse::parse_chunk_size(&body[at..]) {
            Ok(httparse::Status::Complete(read)) => read,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err("a chunk has no size"),
        };
        let begin = at + head;
        let Some(end) = usize::try_from(size).ok().and_then(|size| begin.checked_add(size)) else {
            return Err("a chunk is too large");
        };
        match body.get(end..).map(|rest| &rest[..rest.len().min(2)]) {
            Some(b"\r\n") => {}
            None | Some(b"" | b"\r") => return Ok(None),
            Some(_) => return Err("a chunk does not end where it says, or trailers follow"),
        }
        at = end + 2;
        if size == 0 {
            return Ok(Some(Chunks { content, end: at }));
        }
        content.push(begin..end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_once_it_is_whole_and_never_before() {
        let body = b"4\r\nwiki\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n";
        for length in 0..body.len() {
            assert_eq!(chunks(&body[..length]), Ok(None), "{length} bytes");
        }
        let read = chunks(body).unwrap().unwrap();
        let content: Vec<u8> = read.content.iter().flat_map(|range| body[range.clone()].to_vec()).collect();
        assert_eq!((content.as_slice(), read.end), (&b"wiki0123456789"[..], body.len()));
    }

    #[test]
    fn what_is_no_chunk_is_an_error() {
        for body in [&b"x\r\n"[..], b"1\r\nab\r\n", b"0\r\na: b\r\n\r\n", b"ffffffffffffffff\r\n"] {
            assert!(chunks(body).is_err(), "{}", String::from_utf8_lossy(body));
        }
    }
}

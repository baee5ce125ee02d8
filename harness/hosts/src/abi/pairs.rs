use super::status::Status;
use crate::Headers;

/// Name and value of a field.
pub(crate) type Pair<'a> = (&'a [u8], &'a [u8]);

/// What Envoy takes from a plugin: a mebibyte, 1024 pairs.
const LIMIT_BYTES: usize = 1024 * 1024;
const LIMIT_PAIRS: usize = 1024;

/// Size in bytes of a header map on the wire: a count, two lengths per field, then names and values, each with a NUL.
pub(crate) fn size_of(headers: &Headers) -> Result<u32, Status> {
    let size = 4 + headers.len() * 10 + headers.size_bytes();
    u32::try_from(size).map_err(|_| Status::SerializationFailure)
}

/// Writes a header map into a place of exactly its size.
pub(crate) fn write(headers: &Headers, place: &mut [u8]) -> Result<(), Status> {
    let mut writer = Writer { place, at: 0 };
    writer.number(headers.len())?;
    for (name, value) in headers.iter() {
        writer.number(name.len())?;
        writer.number(value.len())?;
    }
    for (name, value) in headers.iter() {
        for part in [name, &[0], value, &[0]] {
            writer.bytes(part)?;
        }
    }
    if writer.at == place.len() { Ok(()) } else { Err(Status::InternalFailure) }
}

struct Writer<'a> {
    place: &'a mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Status> {
        let end = self.at + bytes.len();
        self.place.get_mut(self.at..end).ok_or(Status::InternalFailure)?.copy_from_slice(bytes);
        self.at = end;
        Ok(())
    }

    fn number(&mut self, number: usize) -> Result<(), Status> {
        let number = u32::try_from(number).map_err(|_| Status::SerializationFailure)?;
        self.bytes(&number.to_le_bytes())
    }
}

/// Reads pairs from the wire. The size must be exact, and every name and value must end with its NUL. Nothing at all
/// is the empty map.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Pair<'_>>, Status> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    if bytes.len() > LIMIT_BYTES {
        return Err(Status::BadArgument);
    }
    let (count, rest) = number(bytes)?;
    if count > LIMIT_PAIRS {
        return Err(Status::BadArgument);
    }
    let (mut lengths, mut text) = rest.split_at_checked(count * 8).ok_or(Status::BadArgument)?;
    let mut pairs = Vec::with_capacity(count);
    for _ in 0..count {
        let (name_length, after_name) = number(lengths)?;
        let (value_length, after_value) = number(after_name)?;
        let (name, after_name) = terminated(text, name_length)?;
        let (value, rest) = terminated(after_name, value_length)?;
        pairs.push((name, value));
        (lengths, text) = (after_value, rest);
    }
    if text.is_empty() { Ok(pairs) } else { Err(Status::BadArgument) }
}

fn number(bytes: &[u8]) -> Result<(usize, &[u8]), Status> {
    let (number, rest) = bytes.split_first_chunk().ok_or(Status::BadArgument)?;
    Ok((u32::from_le_bytes(*number) as usize, rest))
}

fn terminated(bytes: &[u8], length: usize) -> Result<(&[u8], &[u8]), Status> {
    let (text, rest) = bytes.split_at_checked(length).ok_or(Status::BadArgument)?;
    match rest.split_first() {
        Some((0, rest)) => Ok((text, rest)),
        _ => Err(Status::BadArgument),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_reads_back(fields in prop::collection::vec(("[a-z:-]{0,20}", ".{0,20}"), 0..20)) {
            let headers: Headers = fields.iter().map(|(name, value)| (name, value)).collect();
            let mut wire = vec![0; size_of(&headers).unwrap() as usize];
            write(&headers, &mut wire).unwrap();
            let read: Headers = read(&wire).unwrap().into_iter().collect();
            prop_assert_eq!(read, headers);
        }

        #[test]
        fn any_bytes_are_pairs_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = read(&bytes);
        }

        #[test]
        fn a_wire_that_is_cut_or_longer_is_refused(cut in 1usize..30) {
            let headers: Headers = [("a", "1"), ("bc", "")].into_iter().collect();
            let mut wire = vec![0; size_of(&headers).unwrap() as usize];
            write(&headers, &mut wire).unwrap();
            let cut = cut.min(wire.len() - 1);
            prop_assert_eq!(read(&wire[..wire.len() - cut]), Err(Status::BadArgument));
            wire.push(0);
            prop_assert_eq!(read(&wire), Err(Status::BadArgument));
        }
    }

    #[test]
    fn the_wire_is_as_the_specification_says() {
        let headers: Headers = [("a", "12"), ("bcd", "")].into_iter().collect();
        let mut wire = vec![0; size_of(&headers).unwrap() as usize];
        write(&headers, &mut wire).unwrap();
        assert_eq!(wire, b"\x02\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\0\0\0\0a\x0012\0bcd\0\0");
    }

    #[test]
    fn too_many_pairs_and_too_many_bytes_are_refused() {
        assert_eq!(read(&1025u32.to_le_bytes()), Err(Status::BadArgument));
        assert_eq!(read(&u32::MAX.to_le_bytes()), Err(Status::BadArgument));
        assert_eq!(read(&vec![0; LIMIT_BYTES + 1]), Err(Status::BadArgument));
    }
}

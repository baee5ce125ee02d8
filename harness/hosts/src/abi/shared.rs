use std::collections::HashMap;

use super::Guest;
use super::guest::{bytes, give_bytes, put_u32};
use super::status::{Outcome, Status};

/// Bytes that all keys and values of an instance may hold.
const LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// What an entry takes beside its bytes: empty ones must not be free.
const ENTRY_BYTES: usize = 128;

/// Data under keys, each with a number that changes whenever it is set, to compare and swap by.
#[derive(Debug, Default)]
pub(crate) struct SharedData {
    values: HashMap<Vec<u8>, (Vec<u8>, u32)>,
    bytes: usize,
    /// The last number given; 0 is never one, it means "whatever is there".
    last_cas: u32,
}

impl SharedData {
    fn set(&mut self, key: &[u8], value: &[u8], cas: u32) -> Result<(), Status> {
        let old = self.values.get(key);
        if cas != 0 && old.is_none_or(|(_, current)| *current != cas) {
            return Err(Status::CasMismatch);
        }
        let freed = old.map_or(0, |(value, _)| ENTRY_BYTES + key.len() + value.len());
        let bytes = self.bytes - freed + ENTRY_BYTES + key.len() + value.len();
        if bytes > LIMIT_BYTES {
            return Err(Status::BadArgument);
        }
        self.bytes = bytes;
        self.last_cas = self.last_cas.checked_add(1).unwrap_or(1);
        self.values.insert(key.to_owned(), (value.to_owned(), self.last_cas));
        Ok(())
    }
}

/// `proxy_get_shared_data`.
pub(crate) fn proxy_get_shared_data<G: Guest>(
    guest: &mut G,
    key: u32,
    key_size: u32,
    value_at: u32,
    size_at: u32,
    cas_at: u32,
) -> Outcome<G::Trap> {
    let (memory, state) = guest.parts();
    let key = bytes(memory, key, key_size)?;
    state.count_out(key.len());
    let (value, cas) = state.shared_data.values.get(key).cloned().ok_or(Status::NotFound)?;
    give_bytes(guest, &value, (value_at, size_at))?;
    Ok(put_u32(guest.memory(), cas_at, cas)?)
}

/// `proxy_set_shared_data`.
pub(crate) fn proxy_set_shared_data<G: Guest>(
    guest: &mut G,
    key: u32,
    key_size: u32,
    value: u32,
    value_size: u32,
    cas: u32,
) -> Outcome<G::Trap> {
    let (memory, state) = guest.parts();
    let (key, value) = (bytes(memory, key, key_size)?, bytes(memory, value, value_size)?);
    state.count_out(key.len() + value.len());
    Ok(state.shared_data.set(key, value, cas)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_only_swapped_by_whoever_saw_the_last() {
        let mut data = SharedData::default();
        assert_eq!(data.set(b"k", b"v", 7), Err(Status::CasMismatch), "there is nothing to compare with");
        data.set(b"k", b"one", 0).unwrap();
        let first = data.values[&b"k"[..]].1;
        data.set(b"k", b"two", first).unwrap();
        assert_eq!(data.set(b"k", b"three", first), Err(Status::CasMismatch));
        assert_eq!(data.values[&b"k"[..]].0, b"two");
        data.set(b"k", b"four", 0).unwrap();
        assert_eq!(data.bytes, ENTRY_BYTES + 5);
    }
}

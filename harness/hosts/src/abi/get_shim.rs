//! The host's part of the shim in `get_shim.wat`, which says why there is one.

use super::Guest;
use super::guest::{check_allocated, hand_over};
use super::headers::find_value;
use super::status::Status;

/// The shim, assembled; a test compares it with its text.
pub(crate) const GET_SHIM: &[u8] = include_bytes!("get_shim.wasm");
/// What the shim is to the plugin, and what it is called among its own exports.
pub(crate) const GET: &str = "proxy_get_header_map_value";
/// Module that the shim imports from.
pub(crate) const SHIM_IMPORTS: &str = "tollgate";

/// Size of the value, for which the shim now calls the allocator; or the negative of a status.
#[inline]
pub(crate) fn begin_get<G: Guest>(guest: &mut G, map: u32, name: u32, name_size: u32) -> i32 {
    guest.state().count_call(GET);
    // A header map is far smaller than 2 GiB.
    begin(guest, map, name, name_size).map_or_else(|status| -(status as i32), |size| size as i32)
}

/// Hands the value over at the place that the allocator gave for it; answers with a status.
#[inline]
pub(crate) fn finish_get<G: Guest>(guest: &mut G, pointer: u32, value_at: u32, size_at: u32) -> u32 {
    finish(guest, pointer, value_at, size_at).map_or_else(u32::from, |()| Status::Ok.into())
}

/// Finds the value and keeps it until [`finish`]; answers with its size in bytes.
#[inline]
pub(super) fn begin<G: Guest>(guest: &mut G, map: u32, name: u32, name_size: u32) -> Result<u32, Status> {
    let (memory, state) = guest.parts();
    let found = find_value(memory, state, map, name, name_size)?;
    state.begin_allocating(found.size())?;
    state.found = Some(found);
    Ok(found.size())
}

#[inline]
pub(super) fn finish<G: Guest>(guest: &mut G, pointer: u32, value_at: u32, size_at: u32) -> Result<(), Status> {
    let state = guest.state();
    state.may_allocate = true;
    let found = state.found.take().ok_or(Status::InternalFailure)?;
    let size = found.size();
    if size > 0 {
        check_allocated(pointer)?;
    }
    hand_over(guest, pointer, size, (value_at, size_at), |state, place| found.write(state, place))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// After a change of the text: `TOLLGATE_ASSEMBLE=1 cargo test --package tollgate-hosts shim`.
    #[test]
    fn the_assembled_shim_is_that_of_the_text() {
        let assembled = wat::parse_str(include_str!("get_shim.wat")).expect("the text is valid");
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/abi/get_shim.wasm");
        if std::env::var_os("TOLLGATE_ASSEMBLE").is_some() {
            fs::write(&place, &assembled).expect("the file can be written");
        }
        assert!(fs::read(&place).expect("it is committed") == assembled, "assemble it again, as said above");
    }
}

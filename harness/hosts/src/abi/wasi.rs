use super::guest::{bytes, bytes_mut, get_u32, put, put_u32, put_u64};
use super::status::Status;
use super::stream::unix_time_ns;
use super::{Guest, State};

// WASI as Envoy's host answers it: a guest may write to its output, ask the time and get random bytes; it has no
// arguments, no environment and no files.

const SUCCESS: u32 = 0;
const EBADF: u32 = 8;
const EFAULT: u32 = 21;
const EINVAL: u32 = 28;
const ENOTSUP: u32 = 58;
/// The right to write, of a descriptor.
const RIGHT_FD_WRITE: u64 = 64;
const RANDOM_LIMIT: u32 = 64 * 1024;
/// Buffers of one write; Go writes one, nobody writes many.
const IOVECS_LIMIT: u32 = 1024;

fn errno(outcome: Result<(), Status>) -> u32 {
    if outcome.is_ok() { SUCCESS } else { EFAULT }
}

/// Bytes written to stdout and stderr become lines of the log.
pub(crate) fn fd_write<G: Guest>(guest: &mut G, fd: u32, iovecs: u32, count: u32, written_at: u32) -> u32 {
    if !matches!(fd, 1 | 2) {
        return EBADF;
    }
    if count > IOVECS_LIMIT {
        return EINVAL;
    }
    let (memory, state) = guest.parts();
    errno(write_to_log(memory, state, (iovecs, count), written_at))
}

fn write_to_log(
    memory: &mut [u8],
    state: &mut State,
    (iovecs, count): (u32, u32),
    written_at: u32,
) -> Result<(), Status> {
    let mut message = Vec::new();
    let mut written: u32 = 0;
    for index in 0..count {
        let iovec = iovecs.checked_add(index * 8).ok_or(Status::InvalidMemoryAccess)?;
        let (pointer, length) = (get_u32(memory, iovec)?, get_u32(memory, iovec.saturating_add(4))?);
        let part = bytes(memory, pointer, length)?;
        written = written.checked_add(length).ok_or(Status::InvalidMemoryAccess)?;
        // The log keeps little of a line; a guest that writes its memory a thousand times over costs no more than that.
        message.extend_from_slice(&part[..part.len().min(4096)]);
    }
    state.count_out(message.len());
    state.log.write(&message);
    put_u32(memory, written_at, written)
}

pub(crate) fn fd_fdstat_get<G: Guest>(guest: &mut G, fd: u32, stat_at: u32) -> u32 {
    if !matches!(fd, 1 | 2) {
        return EBADF;
    }
    let mut stat = [0; 24];
    stat[8..16].copy_from_slice(&RIGHT_FD_WRITE.to_le_bytes());
    errno(put(guest.memory(), stat_at, stat))
}

/// For `environ_sizes_get` and `args_sizes_get`: there are none, and they take no bytes.
pub(crate) fn no_strings<G: Guest>(guest: &mut G, count_at: u32, bytes_at: u32) -> u32 {
    let memory = guest.memory();
    errno(put_u32(memory, count_at, 0).and_then(|()| put_u32(memory, bytes_at, 0)))
}

/// The clocks of real (0) and of monotonic (1) time.
pub(crate) fn clock_time_get<G: Guest>(guest: &mut G, clock: u32, _precision: u64, time_at: u32) -> u32 {
    let (memory, state) = guest.parts();
    let time_ns = match clock {
        0 => unix_time_ns(),
        1 => state.born.elapsed().as_nanos() as u64,
        _ => return ENOTSUP,
    };
    errno(put_u64(memory, time_at, time_ns))
}

pub(crate) fn clock_res_get<G: Guest>(guest: &mut G, _clock: u32, resolution_at: u32) -> u32 {
    errno(put_u64(guest.memory(), resolution_at, 1))
}

/// Random bytes that are the same in every run: a guest that seeds its hash tables with them must do the same work
/// each time, or no two runs could be compared. Nothing secret is made of them here.
pub(crate) fn random_get<G: Guest>(guest: &mut G, place: u32, length: u32) -> u32 {
    if length > RANDOM_LIMIT {
        return EINVAL;
    }
    let (memory, state) = guest.parts();
    let Ok(place) = bytes_mut(memory, place, length) else { return EFAULT };
    for chunk in place.chunks_mut(8) {
        // SplitMix64.
        state.random = state.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state.random;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        chunk.copy_from_slice(&(word ^ (word >> 31)).to_le_bytes()[..chunk.len()]);
    }
    SUCCESS
}

/// Must succeed with no event: Go's runtime sleeps by it, and crashes on any error.
pub(crate) fn poll_oneoff<G: Guest>(guest: &mut G, _in: u32, _out: u32, _subscriptions: u32, events_at: u32) -> u32 {
    errno(put_u32(guest.memory(), events_at, 0))
}

/// Returns, as in Envoy's host; AssemblyScript traps right after it. The log keeps the status.
pub(crate) fn proc_exit<G: Guest>(guest: &mut G, status: u32) {
    guest.state().log.push(format!("proc_exit({status})").as_bytes());
}

/// Toolchain glue of Emscripten: threads are equal when their handles are.
pub(crate) fn pthread_equal<G: Guest>(_guest: &mut G, left: u32, right: u32) -> u32 {
    u32::from(left == right)
}

/// Toolchain glue of Emscripten: tells that memory grew. The runtime knows.
pub(crate) fn emscripten_notify_memory_growth<G: Guest>(_guest: &mut G, _memory: u32) {}

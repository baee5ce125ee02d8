use super::guest::{bytes, put_u32};
use super::status::{Outcome, Status};
use super::{Guest, State};

/// Level `info`: what Envoy answers unless it is told otherwise.
const LEVEL: u32 = 2;
const CRITICAL: u32 = 5;

/// `proxy_log`.
pub(crate) fn proxy_log<G: Guest>(guest: &mut G, level: u32, message: u32, size: u32) -> Outcome<G::Trap> {
    if level > CRITICAL {
        return Err(Status::BadArgument.into());
    }
    let (memory, state) = guest.parts();
    let message = bytes(memory, message, size)?;
    state.count_out(message.len());
    state.log.push(message);
    Ok(())
}

/// `proxy_get_log_level` (0.2.1).
pub(crate) fn proxy_get_log_level<G: Guest>(guest: &mut G, level_at: u32) -> Outcome<G::Trap> {
    Ok(put_u32(guest.memory(), level_at, LEVEL)?)
}

impl State {
    /// Counts bytes read from the guest, while observed.
    pub(crate) fn count_out(&mut self, bytes: usize) {
        if let Some(observation) = self.observation() {
            observation.counters.bytes_out += bytes as u64;
        }
    }
}

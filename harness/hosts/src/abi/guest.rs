use super::State;
use super::status::{Outcome, Status, Stop};

/// What the ABI asks of a Wasm runtime. Generic, so that calls stay static.
pub(crate) trait Guest {
    /// A trap, in the runtime's own words.
    type Trap;

    /// The guest's memory (empty while it is not known) and the state of its host functions.
    fn parts(&mut self) -> (&mut [u8], &mut State);

    /// Calls the guest's allocator, which is there once the plugin has started and is not at work.
    fn allocate(&mut self, size: u32) -> Result<u32, Self::Trap>;

    /// The guest's memory.
    fn memory(&mut self) -> &mut [u8] {
        self.parts().0
    }

    /// The state of the host functions.
    fn state(&mut self) -> &mut State {
        self.parts().1
    }
}

/// Bytes of the guest's memory; a length of 0 is fine wherever it points.
pub(crate) fn bytes(memory: &[u8], pointer: u32, length: u32) -> Result<&[u8], Status> {
    if length == 0 {
        return Ok(&[]);
    }
    let (start, length) = (pointer as usize, length as usize);
    start.checked_add(length).and_then(|end| memory.get(start..end)).ok_or(Status::InvalidMemoryAccess)
}

/// The same, to be written.
pub(crate) fn bytes_mut(memory: &mut [u8], pointer: u32, length: u32) -> Result<&mut [u8], Status> {
    if length == 0 {
        return Ok(&mut []);
    }
    let (start, length) = (pointer as usize, length as usize);
    start.checked_add(length).and_then(|end| memory.get_mut(start..end)).ok_or(Status::InvalidMemoryAccess)
}

/// Writes little-endian bytes where the guest wants a result.
pub(crate) fn put<const N: usize>(memory: &mut [u8], pointer: u32, value: [u8; N]) -> Result<(), Status> {
    let place = bytes_mut(memory, pointer, N as u32)?;
    place.copy_from_slice(&value);
    Ok(())
}

pub(crate) fn put_u32(memory: &mut [u8], pointer: u32, value: u32) -> Result<(), Status> {
    put(memory, pointer, value.to_le_bytes())
}

pub(crate) fn put_u64(memory: &mut [u8], pointer: u32, value: u64) -> Result<(), Status> {
    put(memory, pointer, value.to_le_bytes())
}

pub(crate) fn get_u32(memory: &[u8], pointer: u32) -> Result<u32, Status> {
    let bytes = bytes(memory, pointer, 4)?;
    Ok(u32::from_le_bytes(bytes.try_into().map_err(|_| Status::InvalidMemoryAccess)?))
}

/// Allocates `size` bytes in the guest, lets `fill` write them, and stores pointer and size where the guest wants
/// them. Nothing is ever allocated for 0 bytes (Go's allocator panics on it): the guest then gets pointer 0, size 0.
pub(crate) fn give<G: Guest>(
    guest: &mut G,
    size: u32,
    (pointer_at, size_at): (u32, u32),
    fill: impl FnOnce(&State, &mut [u8]) -> Result<(), Status>,
) -> Outcome<G::Trap> {
    let pointer = match size {
        0 => 0,
        _ => allocate(guest, size)?,
    };
    Ok(hand_over(guest, pointer, size, (pointer_at, size_at), fill)?)
}

/// The rest of [`give`], once there is a place for it in the guest's memory.
#[inline]
pub(crate) fn hand_over<G: Guest>(
    guest: &mut G,
    pointer: u32,
    size: u32,
    (pointer_at, size_at): (u32, u32),
    fill: impl FnOnce(&State, &mut [u8]) -> Result<(), Status>,
) -> Result<(), Status> {
    let (memory, state) = guest.parts();
    if size > 0 {
        match bytes_mut(memory, pointer, size) {
            Ok(place) => fill(state, place)?,
            Err(status) => {
                // A guest seldom tells what it got; without this line, nobody would find the reason.
                state.log.push(
                    format!("[host] its allocator gave {pointer:#x} for {size} bytes, outside of its memory")
                        .as_bytes(),
                );
                return Err(status);
            }
        }
    }
    put_u32(memory, pointer_at, pointer)?;
    put_u32(memory, size_at, size)?;
    if let Some(observation) = state.observation() {
        observation.counters.bytes_in += u64::from(size);
    }
    Ok(())
}

/// The same for bytes that do not live in the state.
pub(crate) fn give_bytes<G: Guest>(guest: &mut G, value: &[u8], places: (u32, u32)) -> Outcome<G::Trap> {
    let size = u32::try_from(value.len()).map_err(|_| Status::SerializationFailure)?;
    give(guest, size, places, |_, place| {
        place.copy_from_slice(value);
        Ok(())
    })
}

fn allocate<G: Guest>(guest: &mut G, size: u32) -> Result<u32, Stop<G::Trap>> {
    guest.state().begin_allocating(size)?;
    let pointer = guest.allocate(size).map_err(Stop::Trap)?;
    guest.state().may_allocate = true;
    check_allocated(pointer).map_err(Stop::Status)
}

/// An allocator that is out of memory answers 0, where no guest keeps a buffer.
#[inline]
pub(crate) fn check_allocated(pointer: u32) -> Result<u32, Status> {
    if pointer == 0 { Err(Status::InternalFailure) } else { Ok(pointer) }
}

impl State {
    /// Before the guest's allocator is called, or could be for more than 0 bytes. It must not be at work already: it may
    /// call host functions.
    #[inline]
    pub(crate) fn begin_allocating(&mut self, size: u32) -> Result<(), Status> {
        if let Some(observation) = self.observation() {
            observation.counters.allocations += u64::from(size > 0);
        }
        if std::mem::take(&mut self.may_allocate) { Ok(()) } else { Err(Status::InternalFailure) }
    }
}

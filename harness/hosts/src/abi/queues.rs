use std::collections::{HashMap, VecDeque};

use super::Guest;
use super::guest::{bytes, give_bytes, put_u32};
use super::status::{Outcome, Status};

/// Queues, and bytes in their names and waiting in all of them, that an instance may have.
const LIMIT_QUEUES: usize = 1024;
const LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// What an item takes beside its bytes: empty ones must not be free.
const ITEM_BYTES: usize = 64;
/// Items that a guest is still to be told of; more come without a word.
const LIMIT_READY: usize = 1024;

/// Queues by name; a queue's id is its place plus one. Only its own guest can put something into a queue, and like in
/// Envoy it is told of each item, once the callback that did so is over.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    ids: HashMap<Vec<u8>, u32>,
    queues: Vec<VecDeque<Vec<u8>>>,
    bytes: usize,
    /// Queues that something came into, once for each item.
    ready: VecDeque<u32>,
}

impl Queues {
    /// Whether there is nothing to tell.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.ready.is_empty()
    }

    /// The next queue to tell of.
    pub(crate) fn next_ready(&mut self) -> Option<u32> {
        self.ready.pop_front()
    }

    /// Forgets what was still to be told.
    pub(crate) fn clear_ready(&mut self) {
        self.ready.clear();
    }

    fn register(&mut self, name: &[u8]) -> Result<u32, Status> {
        if let Some(id) = self.ids.get(name) {
            return Ok(*id);
        }
        if self.queues.len() >= LIMIT_QUEUES || self.bytes + name.len() > LIMIT_BYTES {
            return Err(Status::InternalFailure);
        }
        self.bytes += name.len();
        self.queues.push(VecDeque::new());
        let id = self.queues.len() as u32;
        self.ids.insert(name.to_owned(), id);
        Ok(id)
    }

    fn queue(&mut self, id: u32) -> Result<&mut VecDeque<Vec<u8>>, Status> {
        let index = (id as usize).checked_sub(1).ok_or(Status::NotFound)?;
        self.queues.get_mut(index).ok_or(Status::NotFound)
    }
}

/// `proxy_register_shared_queue`.
pub(crate) fn proxy_register_shared_queue<G: Guest>(
    guest: &mut G,
    name: u32,
    name_size: u32,
    id_at: u32,
) -> Outcome<G::Trap> {
    let (memory, state) = guest.parts();
    let id = state.queues.register(bytes(memory, name, name_size)?)?;
    Ok(put_u32(memory, id_at, id)?)
}

/// `proxy_resolve_shared_queue`. The only VM is this one, whose id is empty.
pub(crate) fn proxy_resolve_shared_queue<G: Guest>(
    guest: &mut G,
    vm: u32,
    vm_size: u32,
    name: u32,
    name_size: u32,
    id_at: u32,
) -> Outcome<G::Trap> {
    let (memory, state) = guest.parts();
    let (vm, name) = (bytes(memory, vm, vm_size)?, bytes(memory, name, name_size)?);
    let id = state.queues.ids.get(name).filter(|_| vm.is_empty()).copied().ok_or(Status::NotFound)?;
    Ok(put_u32(memory, id_at, id)?)
}

/// `proxy_enqueue_shared_queue`.
pub(crate) fn proxy_enqueue_shared_queue<G: Guest>(guest: &mut G, id: u32, data: u32, size: u32) -> Outcome<G::Trap> {
    let (memory, state) = guest.parts();
    let data = bytes(memory, data, size)?;
    let taken = data.len() + ITEM_BYTES;
    let bytes = state.queues.bytes;
    let queue = state.queues.queue(id)?;
    if bytes + taken > LIMIT_BYTES {
        return Err(Status::InternalFailure.into());
    }
    queue.push_back(data.to_owned());
    state.queues.bytes += taken;
    if state.queues.ready.len() < LIMIT_READY {
        state.queues.ready.push_back(id);
    }
    state.count_out(data.len());
    Ok(())
}

/// `proxy_dequeue_shared_queue`.
pub(crate) fn proxy_dequeue_shared_queue<G: Guest>(
    guest: &mut G,
    id: u32,
    data_at: u32,
    size_at: u32,
) -> Outcome<G::Trap> {
    let queues = &mut guest.state().queues;
    let data = queues.queue(id)?.pop_front().ok_or(Status::Empty)?;
    queues.bytes -= data.len() + ITEM_BYTES;
    give_bytes(guest, &data, (data_at, size_at))
}

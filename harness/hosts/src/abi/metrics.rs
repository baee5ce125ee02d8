use std::collections::HashMap;

use super::Guest;
use super::guest::{bytes, put_u32, put_u64};
use super::status::{Outcome, Status};

const LIMIT_METRICS: usize = 10_000;
/// Names of all of them, in bytes.
const LIMIT_NAMES: usize = 16 * 1024 * 1024;
const COUNTER: u32 = 0;
const GAUGE: u32 = 1;
const HISTOGRAM: u32 = 2;

/// Metrics by name; an id is the metric's place times four plus its type, as in Envoy's host.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    ids: HashMap<Vec<u8>, u32>,
    values: Vec<u64>,
    name_bytes: usize,
}

impl Metrics {
    fn define(&mut self, kind: u32, name: &[u8]) -> Result<u32, Status> {
        if kind > HISTOGRAM {
            return Err(Status::BadArgument);
        }
        if let Some(id) = self.ids.get(name) {
            return if id & 3 == kind { Ok(*id) } else { Err(Status::BadArgument) };
        }
        if self.values.len() >= LIMIT_METRICS || self.name_bytes + name.len() > LIMIT_NAMES {
            return Err(Status::InternalFailure);
        }
        self.name_bytes += name.len();
        let id = (self.values.len() as u32) << 2 | kind;
        self.values.push(0);
        self.ids.insert(name.to_owned(), id);
        Ok(id)
    }

    fn value(&mut self, id: u32) -> Result<&mut u64, Status> {
        self.values.get_mut(id as usize >> 2).ok_or(Status::NotFound)
    }

    fn increment(&mut self, id: u32, delta: i64) -> Result<(), Status> {
        let value = self.value(id)?;
        match (id & 3, delta) {
            (COUNTER, 0..) | (GAUGE, _) => *value = value.wrapping_add_signed(delta),
            _ => return Err(Status::BadArgument),
        }
        Ok(())
    }
}

/// `proxy_define_metric`.
pub(crate) fn proxy_define_metric<G: Guest>(
    guest: &mut G,
    kind: u32,
    name: u32,
    name_size: u32,
    id_at: u32,
) -> Outcome<G::Trap> {
    let (memory, state) = guest.parts();
    let id = state.metrics.define(kind, bytes(memory, name, name_size)?)?;
    Ok(put_u32(memory, id_at, id)?)
}

/// `proxy_increment_metric`: a counter only upwards, a gauge both ways, a histogram not at all.
pub(crate) fn proxy_increment_metric<G: Guest>(guest: &mut G, id: u32, delta: i64) -> Outcome<G::Trap> {
    Ok(guest.state().metrics.increment(id, delta)?)
}

/// `proxy_record_metric`: a gauge or a histogram gets this value; of a histogram only the last one is kept.
pub(crate) fn proxy_record_metric<G: Guest>(guest: &mut G, id: u32, value: u64) -> Outcome<G::Trap> {
    let place = guest.state().metrics.value(id)?;
    if id & 3 == COUNTER {
        return Err(Status::BadArgument.into());
    }
    *place = value;
    Ok(())
}

/// `proxy_get_metric`.
pub(crate) fn proxy_get_metric<G: Guest>(guest: &mut G, id: u32, value_at: u32) -> Outcome<G::Trap> {
    let (memory, state) = guest.parts();
    let value = *state.metrics.value(id)?;
    if id & 3 == HISTOGRAM {
        return Err(Status::BadArgument.into());
    }
    Ok(put_u64(memory, value_at, value)?)
}

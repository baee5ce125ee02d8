use std::cell::Cell;
use std::fmt;

use crate::key::Key;
use crate::span::Span;

/// An ordered, case-insensitive multimap of header fields, with a gateway's meaning of add, replace, get and remove.
///
/// Names are kept in lower case. All bytes live in one arena and all fields in one list, in order; fields whose names
/// have the same tag are chained, so that an operation looks at one or two fields, however many there are. It costs a
/// few nanoseconds, and allocates nothing once the map has been as large. A removed field leaves a hole in list and
/// arena until the map is compacted.
#[derive(Clone)]
pub struct Headers {
    /// First field of each chain, by tag.
    chains: Box<[u32; Key::TAGS]>,
    fields: Vec<Field>,
    bytes: Vec<u8>,
    /// Fields of the list that were removed.
    holes: usize,
    /// Length of their names and values in bytes.
    live_bytes: usize,
    /// Lookups and changes so far, whatever became of the fields.
    operations: Cell<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Field {
    head: u64,
    tail: u64,
    name: Span,
    value: Span,
    /// The next field of the chain, [`END`], or [`HOLE`] when this one was removed.
    next: u32,
}

/// The end of a chain: no index of a field.
const END: u32 = u32::MAX;
/// Marks a removed field.
const HOLE: u32 = u32::MAX - 1;

/// Below this many fields or bytes there is nothing to gain from compacting.
const COMPACT_FROM_FIELDS: usize = 64;
const COMPACT_FROM_BYTES: usize = 16 * 1024;

/// Bytes and fields that a plugin may fill a map to. Envoy limits what comes from outside and not what a plugin adds;
/// in process, a plugin that adds on and on must not take the machine's memory.
const LIMIT_BYTES: usize = 64 * 1024 * 1024;
const LIMIT_FIELDS: usize = 10_000;

impl Headers {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.fields.len() - self.holes
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Length of all names and values together, in bytes.
    pub fn size_bytes(&self) -> usize {
        self.live_bytes
    }

    /// How often a field was added, replaced, got or removed in the life of this map; [`Headers::copy_from`] and
    /// [`Headers::clear`] do not start it anew. It shows that a plugin did its work while nobody traced it.
    pub fn operations(&self) -> u64 {
        self.operations.get()
    }

    /// Counts operations that were done in a copy of this map, in another process.
    pub(crate) fn count_elsewhere(&self, operations: u64) {
        self.operations.set(self.operations.get() + operations);
    }

    #[inline]
    fn count(&self) {
        self.operations.set(self.operations.get() + 1);
    }

    /// Appends a field, whether or not there is one of that name.
    ///
    /// # Panics
    /// When the map would hold more than 4 GiB: whoever takes fields from outside limits them first.
    #[inline]
    pub fn add(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.count();
        let name = name.as_ref();
        self.append(&Key::new(name), name, value.as_ref());
    }

    /// Sets the first field of that name to `value` and drops its others; appends it when there is none.
    ///
    /// # Panics
    /// As [`Headers::add`].
    #[inline]
    pub fn replace(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.count();
        let (name, value) = (name.as_ref(), value.as_ref());
        let key = Key::new(name);
        match self.find(&key, name, self.chain(&key)) {
            None => self.append(&key, name, value),
            Some(index) => {
                // In this order: setting the value may compact, and then indices mean other fields.
                self.remove_after(Some(index), &key, name);
                self.set_value(index, value);
            }
        }
    }

    /// The first value of that name.
    #[inline]
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        let span = self.value_span(name.as_ref())?;
        Some(&self.bytes[span.range()])
    }

    /// The value of that name when there is one: `Some(None)` says that there are several.
    pub(crate) fn get_only(&self, name: &[u8]) -> Option<Option<&[u8]>> {
        self.count();
        let key = Key::new(name);
        let field = &self.fields[self.find(&key, name, self.chain(&key))?];
        let is_only = self.find(&key, name, field.next).is_none();
        Some(is_only.then(|| &self.bytes[field.value.range()]))
    }

    /// Whether a plugin may put that in, too.
    #[inline]
    pub(crate) fn has_room_for(&self, name: &[u8], value: &[u8]) -> bool {
        self.len() < LIMIT_FIELDS && self.live_bytes + name.len() + value.len() <= LIMIT_BYTES
    }

    /// Every value of that name, in order.
    pub fn get_all<'a>(&'a self, name: &[u8]) -> impl Iterator<Item = &'a [u8]> {
        let key = Key::new(name);
        let mut from = self.chain(&key);
        std::iter::from_fn(move || {
            let field = &self.fields[self.find(&key, name, from)?];
            from = field.next;
            Some(&self.bytes[field.value.range()])
        })
    }

    /// Takes away every field of that name; says how many there were.
    #[inline]
    pub fn remove(&mut self, name: impl AsRef<[u8]>) -> usize {
        self.count();
        let name = name.as_ref();
        self.remove_after(None, &Key::new(name), name)
    }

    /// Takes away all fields, and keeps the memory.
    pub fn clear(&mut self) {
        self.chains.fill(END);
        self.fields.clear();
        self.bytes.clear();
        (self.holes, self.live_bytes) = (0, 0);
    }

    /// Becomes a copy of `other`; allocates nothing once this map has been as large.
    #[inline]
    pub fn copy_from(&mut self, other: &Self) {
        *self.chains = *other.chains;
        self.fields.clear();
        self.fields.extend_from_slice(&other.fields);
        self.bytes.clear();
        self.bytes.extend_from_slice(&other.bytes);
        (self.holes, self.live_bytes) = (other.holes, other.live_bytes);
    }

    /// The fields as (name, value), in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut slot = 0;
        std::iter::from_fn(move || {
            let (next, name, value) = self.next_from(slot)?;
            slot = next;
            Some((name, value))
        })
    }

    /// The first field at or after a place (0 to begin with), and the place after it.
    pub(crate) fn next_from(&self, slot: usize) -> Option<(usize, &[u8], &[u8])> {
        let holes = self.fields.get(slot..)?.iter().position(|field| field.next != HOLE)?;
        let field = &self.fields[slot + holes];
        Some((slot + holes + 1, &self.bytes[field.name.range()], &self.bytes[field.value.range()]))
    }

    /// Where the first value of that name lies, for a caller who has to let go of the map before he reads it.
    #[inline]
    pub(crate) fn value_span(&self, name: &[u8]) -> Option<Span> {
        self.count();
        let key = Key::new(name);
        Some(self.fields[self.find(&key, name, self.chain(&key))?].value)
    }

    /// The bytes of a span; `None` when the map has been changed such that they are not there any more.
    #[inline]
    pub(crate) fn bytes_at(&self, span: Span) -> Option<&[u8]> {
        self.bytes.get(span.range())
    }

    /// First field of the chain that a name belongs to.
    #[inline]
    fn chain(&self, key: &Key) -> u32 {
        self.chains[key.tag()]
    }

    /// Index of the first field of that name in a chain, from one of its fields on.
    #[inline]
    fn find(&self, key: &Key, name: &[u8], mut from: u32) -> Option<usize> {
        while let Some(field) = self.fields.get(from as usize) {
            if self.is_named(field, key, name) {
                return Some(from as usize);
            }
            from = field.next;
        }
        None
    }

    #[inline]
    fn is_named(&self, field: &Field, key: &Key, name: &[u8]) -> bool {
        (field.head, field.tail, field.name.len()) == (key.head, key.tail, name.len())
            && (name.len() <= Key::WHOLE || self.is_named_in_full(field, name))
    }

    #[inline(never)]
    fn is_named_in_full(&self, field: &Field, name: &[u8]) -> bool {
        self.bytes[field.name.range()].eq_ignore_ascii_case(name)
    }

    #[inline]
    fn append(&mut self, key: &Key, name: &[u8], value: &[u8]) {
        self.compact_if_worth_it();
        let at = self.bytes.len();
        key.push_lower_case(name, &mut self.bytes);
        let name = Span::new(at, name.len());
        let value = self.push(value);
        // No more fields than bytes in the spans above could be counted, but names and values may be empty.
        let index =
            u32::try_from(self.fields.len()).ok().filter(|&index| index < HOLE).expect("fewer than 4 billion fields");
        let mut last = self.chain(key);
        match self.fields.get(last as usize) {
            None => self.chains[key.tag()] = index,
            Some(field) => {
                let mut next = field.next;
                while next != END {
                    last = next;
                    next = self.fields[last as usize].next;
                }
                self.fields[last as usize].next = index;
            }
        }
        self.fields.push(Field { head: key.head, tail: key.tail, name, value, next: END });
        self.live_bytes += name.len() + value.len();
    }

    #[inline]
    fn push(&mut self, value: &[u8]) -> Span {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(value);
        Span::new(at, value.len())
    }

    #[inline]
    fn set_value(&mut self, index: usize, value: &[u8]) {
        let old = self.fields[index].value;
        self.live_bytes = self.live_bytes - old.len() + value.len();
        self.fields[index].value = if value.len() <= old.len() {
            let new = Span::new(old.at(), value.len());
            self.bytes[new.range()].copy_from_slice(value);
            new
        } else {
            self.push(value)
        };
        self.compact_if_worth_it();
    }

    /// Takes away the fields of that name that come after one of its chain, or all of them.
    #[inline]
    fn remove_after(&mut self, mut previous: Option<usize>, key: &Key, name: &[u8]) -> usize {
        let mut removed = 0;
        let mut at = previous.map_or(self.chain(key), |index| self.fields[index].next);
        while let Some(field) = self.fields.get(at as usize) {
            let (next, bytes) = (field.next, field.name.len() + field.value.len());
            if self.is_named(field, key, name) {
                match previous {
                    None => self.chains[key.tag()] = next,
                    Some(previous) => self.fields[previous].next = next,
                }
                self.fields[at as usize].next = HOLE;
                self.holes += 1;
                self.live_bytes -= bytes;
                removed += 1;
            } else {
                previous = Some(at as usize);
            }
            at = next;
        }
        self.trim();
        removed
    }

    /// Drops holes at the end, so that what a plugin adds and removes again leaves none.
    #[inline]
    fn trim(&mut self) {
        while self.fields.last().is_some_and(|field| field.next == HOLE) {
            self.fields.pop();
            self.holes -= 1;
        }
        if self.fields.is_empty() {
            self.bytes.clear();
        }
    }

    #[inline]
    fn compact_if_worth_it(&mut self) {
        let holes = self.fields.len() >= COMPACT_FROM_FIELDS && self.len() * 4 < self.fields.len();
        // A short name takes up to 16 bytes, so up to 3 times the live bytes are no waste.
        let waste =
            self.bytes.len() >= COMPACT_FROM_BYTES && (self.live_bytes + 16 * self.len()) * 4 < self.bytes.len();
        if holes || waste {
            self.compact();
        }
    }

    #[cold]
    fn compact(&mut self) {
        let operations = self.operations.get();
        *self = self.iter().collect();
        self.operations.set(operations);
    }
}

impl Default for Headers {
    fn default() -> Self {
        Self {
            chains: Box::new([END; Key::TAGS]),
            fields: Vec::new(),
            bytes: Vec::new(),
            holes: 0,
            live_bytes: 0,
            operations: Cell::new(0),
        }
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let mut headers = Self::new();
        for (name, value) in fields {
            headers.add(name, value);
        }
        headers
    }
}

/// The same fields in the same order.
impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        f.debug_list().entries(self.iter().map(|(name, value)| (text(name), text(value)))).finish()
    }
}

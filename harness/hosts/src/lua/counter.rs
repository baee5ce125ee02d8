use std::cell::Cell;
use std::rc::Rc;

/// Counts the instructions that a script takes, one by one: for a pass of its own, which takes a hundred times as long.
///
/// Those of our own code, which has the names of [`host_chunk`], are left out: so the figure is that of any Lua, whatever
/// the stream handle is made of there.
#[derive(Debug, Clone)]
pub struct Counter {
    /// None when they are not, or can no more be, counted.
    counted: Rc<Cell<Option<u64>>>,
    /// All instructions, ours too.
    seen: Rc<Cell<u64>>,
}

/// Instructions after which counting is given up: some seconds of it.
const MOST: u64 = 2_000_000;

impl Counter {
    pub(super) fn new() -> Self {
        Self { counted: Rc::new(Cell::new(Some(0))), seen: Rc::default() }
    }

    /// Counts an instruction of a chunk of that name. False once there were too many: no more need be told then.
    #[must_use]
    pub fn instruction(&self, chunk: Option<&str>) -> bool {
        self.seen.set(self.seen.get() + 1);
        if self.seen.get() > MOST {
            self.give_up();
            return false;
        }
        if chunk.is_none_or(|chunk| !chunk.starts_with(HOST_CHUNK)) {
            self.counted.set(self.counted.get().map(|count| count + 1));
        }
        true
    }

    /// They cannot be counted.
    pub fn give_up(&self) {
        self.counted.set(None);
    }

    /// Instructions so far; none when they were too many, or cannot be counted.
    pub(super) fn count(&self) -> Option<u64> {
        self.counted.get()
    }
}

/// What names of our own chunks begin with, as no file of a script is likely to.
const HOST_CHUNK: &str = "=(tollgate)";

/// The name of a chunk that is ours and not the script's.
pub fn host_chunk(name: &str) -> String {
    format!("{HOST_CHUNK} {name}")
}

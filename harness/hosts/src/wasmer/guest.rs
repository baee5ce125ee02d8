use std::cell::UnsafeCell;
use std::slice;
use std::sync::atomic::AtomicPtr;

use wasmer::sys::vm::{LinearMemory as _, VMExtern, VMMemoryDefinition};
use wasmer::{AsStoreMut as _, Extern, FunctionEnvMut, RuntimeError, Store};

use super::typed::TypedFunc;
use crate::abi::{Guest, State};

/// What host functions reach. Handles are looked up once per instance, never by name in a call.
pub(super) struct Data {
    pub(super) state: State,
    /// Where wasmer notes the address and the length of the guest's memory; null while that is not known.
    memory: AtomicPtr<VMMemoryDefinition>,
    /// Taken out while it runs, so that it is not cloned.
    pub(super) allocator: Option<TypedFunc<u32, u32>>,
}

impl Data {
    pub(super) fn new(state: State) -> Self {
        Self { state, memory: AtomicPtr::default(), allocator: None }
    }

    /// `memory` is what [`definition`] gives.
    pub(super) fn set_memory(&mut self, memory: *mut VMMemoryDefinition) {
        *self.memory.get_mut() = memory;
    }
}

/// Where wasmer notes the address and the length of the memory that an instance exports; null when it exports none.
pub(super) fn definition(instance: &wasmer::Instance, store: &mut Store) -> *mut VMMemoryDefinition {
    let Ok(memory) = instance.exports.get_memory("memory") else { return std::ptr::null_mut() };
    match Extern::from(memory.clone()).to_vm_extern().unwrap_sys() {
        VMExtern::Memory(memory) => memory.get(store.objects_mut().as_sys()).vmmemory().as_ptr(),
        _ => std::ptr::null_mut(),
    }
}

/// The data of an instance, shared by the instance and its host functions. Wasmer's own way to them, `FunctionEnvMut::data`,
/// is a look-up and a downcast at each step of a host function.
pub(super) struct Shared(UnsafeCell<Data>);

// SAFETY: the data can be moved to another thread (the compiler checks that), and whoever reaches them has the store to
// himself, as `data` demands. So no two threads reach them at a time.
unsafe impl Sync for Shared {}

impl Shared {
    pub(super) fn new(data: Data) -> Self {
        Self(UnsafeCell::new(data))
    }

    /// # Safety
    /// Whoever calls it has the instance's store to himself, or there is no store any more, and gives up the reference
    /// before the guest may run again: its host functions make their own.
    #[expect(clippy::mut_from_ref, reason = "that is what the promise of the caller is for")]
    #[inline]
    pub(super) unsafe fn data(&self) -> &mut Data {
        // SAFETY: by the promise above there is no other reference.
        unsafe { &mut *self.0.get() }
    }
}

/// A call of the guest to the host.
pub(super) struct Call<'a> {
    pub(super) shared: &'a Shared,
    /// The store of the instance that `shared` belongs to.
    pub(super) store: FunctionEnvMut<'a, ()>,
}

impl Call<'_> {
    #[inline]
    fn data(&mut self) -> &mut Data {
        // SAFETY: this call has the store, and is borrowed as long as the reference lives. The guest runs in `allocate`
        // only, which borrows the call as well.
        unsafe { self.shared.data() }
    }
}

impl Guest for Call<'_> {
    type Trap = RuntimeError;

    #[inline]
    fn parts(&mut self) -> (&mut [u8], &mut State) {
        let data = self.data();
        let memory = *data.memory.get_mut();
        if memory.is_null() {
            return (&mut [], &mut data.state);
        }
        // SAFETY: wasmer made this note when it made the memory, for compiled code to read it, and changes it when the
        // memory grows. It lives as long as the store, and nothing changes it while the guest does not run.
        let VMMemoryDefinition { base, current_length } = unsafe { *memory };
        // SAFETY: those are the memory's bytes as they are now. Only the guest uses them (the memory is not shared) or
        // moves them, and it does not run as long as the call is borrowed, which is as long as the slice lives.
        let bytes = unsafe { slice::from_raw_parts_mut(base, current_length) };
        (bytes, &mut data.state)
    }

    #[inline]
    fn allocate(&mut self, size: u32) -> Result<u32, RuntimeError> {
        let allocator = self.data().allocator.take().expect("it is there, and not at work");
        let pointer = allocator.call(&mut self.store, size);
        self.data().allocator = Some(allocator);
        pointer
    }

    #[inline]
    fn state(&mut self) -> &mut State {
        &mut self.data().state
    }
}

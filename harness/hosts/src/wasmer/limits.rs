use std::ptr::NonNull;

use wasmer::sys::vm::{VMMemory, VMMemoryDefinition, VMTable, VMTableDefinition};
use wasmer::sys::{BaseTunables, Target, Tunables};
use wasmer::{MemoryError, MemoryStyle, MemoryType, Pages, TableStyle, TableType};

use crate::abi::{MEMORY_BYTES, TABLE_ELEMENTS};

/// What an instance may have. Wasmer asks nobody when a memory or a table grows: its maximum is what it may grow to.
pub(super) struct Limits(BaseTunables);

impl Limits {
    pub(super) fn for_target(target: &Target) -> Self {
        Self(BaseTunables::for_target(target))
    }
}

fn limited_memory(memory: &MemoryType) -> Result<MemoryType, MemoryError> {
    let limit = Pages((MEMORY_BYTES / wasmer::WASM_PAGE_SIZE) as u32);
    if memory.minimum > limit {
        return Err(MemoryError::Generic(format!("it wants more than {MEMORY_BYTES} bytes of memory")));
    }
    let maximum = memory.maximum.map_or(limit, |maximum| maximum.min(limit));
    Ok(MemoryType { maximum: Some(maximum), ..*memory })
}

fn limited_table(table: &TableType) -> Result<TableType, String> {
    let limit = TABLE_ELEMENTS as u32;
    if table.minimum > limit {
        return Err(format!("it wants a table of more than {limit} elements"));
    }
    Ok(TableType { maximum: Some(table.maximum.map_or(limit, |maximum| maximum.min(limit))), ..*table })
}

impl Tunables for Limits {
    fn memory_style(&self, memory: &MemoryType) -> MemoryStyle {
        self.0.memory_style(memory)
    }

    fn table_style(&self, table: &TableType) -> TableStyle {
        self.0.table_style(table)
    }

    fn create_host_memory(&self, ty: &MemoryType, style: &MemoryStyle) -> Result<VMMemory, MemoryError> {
        self.0.create_host_memory(&limited_memory(ty)?, style)
    }

    unsafe fn create_vm_memory(
        &self,
        ty: &MemoryType,
        style: &MemoryStyle,
        place: NonNull<VMMemoryDefinition>,
    ) -> Result<VMMemory, MemoryError> {
        // SAFETY: the caller's promise about `place` is handed on.
        unsafe { self.0.create_vm_memory(&limited_memory(ty)?, style, place) }
    }

    fn create_host_table(&self, ty: &TableType, style: &TableStyle) -> Result<VMTable, String> {
        self.0.create_host_table(&limited_table(ty)?, style)
    }

    unsafe fn create_vm_table(
        &self,
        ty: &TableType,
        style: &TableStyle,
        place: NonNull<VMTableDefinition>,
    ) -> Result<VMTable, String> {
        // SAFETY: the caller's promise about `place` is handed on.
        unsafe { self.0.create_vm_table(&limited_table(ty)?, style, place) }
    }
}

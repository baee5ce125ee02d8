use tollgate_hosts::HostFunction;
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    ImportSection, MemorySection, MemoryType, Module, StartSection, TypeSection, ValType,
};

/// Markers of the versions that hosts know.
pub(crate) const MARKERS: [&str; 4] =
    ["proxy_abi_version_0_1_0", "proxy_abi_version_0_2_0", "proxy_abi_version_0_2_1", "proxy_abi_version_0_2_100"];

/// A function of the guest that something calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) name: &'static str,
    parameters: usize,
    pub(crate) answers: bool,
}

/// The start section, the allocator, the callbacks.
pub(crate) const PLACES: &[Place] = &[
    place("", 0, false),
    place("malloc", 1, true),
    place("_initialize", 0, false),
    place("main", 2, true),
    place("proxy_on_context_create", 2, false),
    place("proxy_on_vm_start", 2, true),
    place("proxy_on_configure", 2, true),
    place("proxy_on_tick", 1, false),
    place("proxy_on_request_headers", 3, true),
    place("proxy_on_request_body", 3, true),
    place("proxy_on_request_trailers", 2, true),
    place("proxy_on_response_headers", 3, true),
    place("proxy_on_response_body", 3, true),
    place("proxy_on_response_trailers", 2, true),
    place("proxy_on_queue_ready", 2, false),
    place("proxy_on_http_call_response", 5, false),
    place("proxy_on_grpc_receive_initial_metadata", 3, false),
    place("proxy_on_grpc_receive", 3, false),
    place("proxy_on_grpc_receive_trailing_metadata", 3, false),
    place("proxy_on_grpc_close", 3, false),
    place("proxy_on_redis_call_response", 4, false),
    place("proxy_on_done", 1, true),
    place("proxy_on_log", 1, false),
    place("proxy_on_delete", 1, false),
];
pub(crate) const ALLOCATOR: usize = 1;

const fn place(name: &'static str, parameters: usize, answers: bool) -> Place {
    Place { name, parameters, answers }
}

impl Place {
    /// 0.1.0 did not tell headers whether the stream ends with them.
    fn parameters(self, version: usize) -> usize {
        if version == 0 && self.name.ends_with("_headers") { 2 } else { self.parameters }
    }
}

fn types(names: &[&str]) -> Vec<ValType> {
    names.iter().map(|&name| if name == "i64" { ValType::I64 } else { ValType::I32 }).collect()
}

/// A module that imports these host functions, in their order, and exports a memory, the marker of a version and these
/// places with their bodies. The start section calls the place without a name, if it is there.
pub(crate) fn module(
    version: usize,
    pages: u64,
    data: (&[u8], i32),
    imported: &[&HostFunction],
    bodies: &[(Place, Function)],
) -> Vec<u8> {
    let (mut types_of, mut imports, mut functions) = (TypeSection::new(), ImportSection::new(), FunctionSection::new());
    let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
    for function in imported {
        let result = function.answers.then_some(ValType::I32);
        imports.import(function.modules[0], function.name, EntityType::Function(types_of.len()));
        types_of.ty().function(types(function.parameters), result);
    }
    let marker = (Place { name: MARKERS[version], parameters: 0, answers: false }, empty());
    let mut start = None;
    for (place, body) in bodies.iter().cloned().chain([marker]) {
        let index = imports.len() + functions.len();
        functions.function(types_of.len());
        types_of.ty().function(vec![ValType::I32; place.parameters(version)], place.answers.then_some(ValType::I32));
        code.function(&body);
        match place.name {
            "" => start = Some(StartSection { function_index: index }),
            name => drop(exports.export(name, ExportKind::Func, index)),
        }
    }
    let mut memory = MemorySection::new();
    memory.memory(MemoryType { minimum: pages, maximum: None, memory64: false, shared: false, page_size_log2: None });
    exports.export("memory", ExportKind::Memory, 0);
    let mut module = Module::new();
    module.section(&types_of).section(&imports).section(&functions).section(&memory).section(&exports);
    if let Some(start) = start {
        module.section(&start);
    }
    let mut segments = DataSection::new();
    segments.active(0, &ConstExpr::i32_const(data.1), data.0.iter().copied());
    module.section(&code).section(&segments);
    module.finish()
}

fn empty() -> Function {
    let mut body = Function::new([]);
    body.instructions().end();
    body
}

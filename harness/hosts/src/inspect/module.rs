use tollgate_fixtures::Plugin;
use wasmparser::{
    BinaryReaderError, ExternalKind, FuncType, KnownCustom, Parser, Payload, TypeRef, ValType, Validator,
};

use super::{Import, Memory, Section, Standing, WasmInspection, origin};
use crate::HostError;
use crate::abi::{ALLOCATORS, Callback, HIGRESS_IMPORTS, Version, known};

/// Callbacks of the ABI, in the order of a stream's life. More than are called here: a plugin may wait for them.
const CALLBACKS: &[&str] = &[
    "proxy_on_context_create",
    "proxy_on_vm_start",
    "proxy_validate_configuration",
    "proxy_on_configure",
    "proxy_on_tick",
    "proxy_on_queue_ready",
    // Of TCP streams: nothing here calls them.
    "proxy_on_new_connection",
    "proxy_on_downstream_data",
    "proxy_on_downstream_connection_close",
    "proxy_on_upstream_data",
    "proxy_on_upstream_connection_close",
    "proxy_on_request_headers",
    "proxy_on_request_body",
    "proxy_on_request_trailers",
    "proxy_on_request_metadata",
    "proxy_on_response_headers",
    "proxy_on_response_body",
    "proxy_on_response_trailers",
    "proxy_on_response_metadata",
    "proxy_on_http_call_response",
    "proxy_on_grpc_receive_initial_metadata",
    "proxy_on_grpc_receive",
    "proxy_on_grpc_receive_trailing_metadata",
    "proxy_on_grpc_close",
    "proxy_on_foreign_function",
    "proxy_on_redis_call_response",
    "proxy_on_done",
    "proxy_on_log",
    "proxy_on_delete",
];
const MARKER: &str = "proxy_abi_version_";

pub(super) fn inspect(plugin: &Plugin) -> Result<WasmInspection, HostError> {
    let broken = |error: BinaryReaderError| HostError::Compile {
        plugin: plugin.name.clone(),
        reason: format!("{}, at byte {:#x}; build the .wasm again", error.message(), error.offset()),
    };
    // First, so that what is read below is sound.
    Validator::new().validate_all(&plugin.bytes).map_err(broken)?;
    let mut reader = Reader::default();
    reader.found.size_bytes = plugin.bytes.len() as u64;
    for payload in Parser::new(0).parse_all(&plugin.bytes) {
        payload.and_then(|payload| reader.payload(payload)).map_err(broken)?;
    }
    Ok(reader.finish(&plugin.bytes))
}

/// What is known while the sections go by.
#[derive(Default)]
struct Reader {
    found: WasmInspection,
    types: Vec<FuncType>,
    /// Type of each function, imported ones first.
    functions: Vec<u32>,
    /// Exported functions with the types that they have.
    exports: Vec<(String, Option<FuncType>)>,
}

impl Reader {
    fn payload(&mut self, payload: Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::TypeSection(section) => {
                self.section("type", section.range().len());
                // Types that are no functions take a number, too.
                for group in section {
                    for kind in group?.into_types() {
                        self.types.push(match kind.composite_type.inner {
                            wasmparser::CompositeInnerType::Func(function) => function,
                            _ => FuncType::new([], []),
                        });
                    }
                }
            }
            Payload::ImportSection(section) => {
                self.section("import", section.range().len());
                for import in section.into_imports() {
                    self.import(import?);
                }
            }
            Payload::FunctionSection(section) => {
                self.section("function", section.range().len());
                self.found.functions = u64::from(section.count());
                for function in section {
                    self.functions.push(function?);
                }
            }
            Payload::TableSection(section) => self.section("table", section.range().len()),
            Payload::MemorySection(section) => {
                self.section("memory", section.range().len());
                for memory in section {
                    self.memory(memory?, false);
                }
            }
            Payload::GlobalSection(section) => self.section("global", section.range().len()),
            Payload::ExportSection(section) => {
                self.section("export", section.range().len());
                for export in section {
                    self.export(export?);
                }
            }
            Payload::StartSection { range, .. } => {
                self.section("start", range.len());
                self.found.start.section = true;
            }
            Payload::ElementSection(section) => self.section("element", section.range().len()),
            Payload::CodeSectionStart { range, .. } => self.section("code", range.len()),
            Payload::DataSection(section) => self.section("data", section.range().len()),
            Payload::CustomSection(section) => {
                self.section(&format!("\"{}\"", section.name()), section.data().len());
                self.found.has_dwarf |= section.name() == ".debug_info";
                self.custom(section.as_known());
            }
            _ => {}
        }
        Ok(())
    }

    fn section(&mut self, name: &str, size: usize) {
        self.found.sections.push(Section { name: name.to_owned(), size_bytes: size as u64 });
    }

    fn import(&mut self, import: wasmparser::Import<'_>) {
        let mut standing = Standing::Unknown;
        match import.ty {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                self.functions.push(index);
                standing = self.standing(import.module, import.name, index);
            }
            TypeRef::Memory(memory) => self.memory(memory, true),
            _ => {}
        }
        let (module, name) = (import.module.to_owned(), import.name.to_owned());
        self.found.imports.push(Import { module, name, standing });
    }

    fn standing(&self, module: &str, name: &str, index: u32) -> Standing {
        let Some(known) = known(module, name) else { return Standing::Unknown };
        let Some(own) = self.types.get(index as usize) else { return Standing::Unknown };
        let same_parameters = own.params().iter().map(ValType::to_string).eq(known.parameters.iter().copied());
        let same_answer = own.results() == if known.answers { &[ValType::I32][..] } else { &[] };
        match same_parameters && same_answer {
            false => Standing::WrongSignature,
            true if HIGRESS_IMPORTS.contains(&name) => Standing::Higress,
            true => Standing::Known,
        }
    }

    fn memory(&mut self, memory: wasmparser::MemoryType, imported: bool) {
        if self.found.memory.min_pages.is_none() {
            self.found.memory = Memory {
                exported: false,
                imported,
                shared: memory.shared,
                min_pages: Some(memory.initial),
                max_pages: memory.maximum,
            };
        }
    }

    fn export(&mut self, export: wasmparser::Export<'_>) {
        match export.kind {
            ExternalKind::Func | ExternalKind::FuncExact => {
                let own = self.functions.get(export.index as usize).and_then(|&index| self.types.get(index as usize));
                self.exports.push((export.name.to_owned(), own.cloned()));
            }
            ExternalKind::Memory if export.name == "memory" => self.found.memory.exported = true,
            _ => self.found.other_exports.push(export.name.to_owned()),
        }
    }

    /// What is broken in a custom section breaks nothing else, so it is passed over.
    fn custom(&mut self, section: KnownCustom<'_>) {
        match section {
            KnownCustom::Name(names) => {
                let is_functions =
                    |name| matches!(name, Ok(wasmparser::Name::Function(functions)) if functions.count() > 0);
                self.found.has_function_names = names.into_iter().any(is_functions);
            }
            KnownCustom::Producers(fields) => {
                for field in fields.into_iter().flatten() {
                    for value in field.values.into_iter().flatten() {
                        let (name, version) = (value.name, value.version);
                        self.found.producers.push(format!("{}: {name} {version}", field.name).trim_end().to_owned());
                    }
                }
            }
            _ => {}
        }
    }

    fn finish(mut self, bytes: &[u8]) -> WasmInspection {
        let found = &mut self.found;
        let exports = |name: &str| self.exports.iter().any(|(export, _)| export == name);
        let version = Version::of_exports(self.exports.iter().map(|(name, _)| name.as_str())).ok();
        found.abi_version = version.map(|version| version.name().to_owned());
        found.allocators = ALLOCATORS.iter().filter(|name| exports(name)).map(|&name| name.to_owned()).collect();
        found.start.initialize = exports("_initialize");
        found.start.start = exports("_start");
        found.start.main = exports("main") || exports("__main_void");
        let (present, absent): (Vec<&str>, _) = CALLBACKS.iter().copied().partition(|&name| exports(name));
        found.callbacks = present.into_iter().map(str::to_owned).collect();
        found.callbacks_absent = absent.into_iter().map(str::to_owned).collect();
        for (name, own) in &self.exports {
            let callback = Callback::ALL.into_iter().find(|callback| callback.name() == name);
            if let (Some(callback), Some(own), Some(version)) = (callback, own, version)
                && (own.params() != vec![ValType::I32; callback.parameters(version)]
                    || own.results() != if callback.answers() { &[ValType::I32][..] } else { &[] })
            {
                found.wrong_signatures.push(name.clone());
            }
            if name.starts_with(MARKER) {
                found.abi_markers.push(name.clone());
            } else if callback.is_none() && !CALLBACKS.contains(&name.as_str()) && !ALLOCATORS.contains(&name.as_str())
            {
                found.other_exports.push(name.clone());
            }
        }
        found.sdk = origin::sdk(bytes, found);
        if found.producers.is_empty() {
            found.producers.extend(origin::toolchain(bytes));
        }
        self.found
    }
}

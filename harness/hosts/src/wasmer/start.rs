use wasmer::sys::{FunctionMiddleware, MiddlewareError, ModuleMiddleware};
use wasmer::{ExportIndex, LocalFunctionIndex, ModuleInfo};
use wasmparser::{Parser, Payload};

/// Name that the start function is exported by. No compiler gives it to anything.
pub(super) const EXPORT: &str = "(start section)";

/// Whether a module has a start section.
pub(super) fn has_start(module: &[u8]) -> bool {
    // What cannot be read has none; the compiler says what is wrong with it.
    Parser::new(0).parse_all(module).any(|payload| matches!(payload, Ok(Payload::StartSection { .. })))
}

/// Takes the start section away and exports its function instead. Wasmer runs it before it hands out the instance, when
/// nobody knows the guest's memory or how much fuel it has used; so it is called right after that.
#[derive(Debug)]
pub(super) struct StartLater;

impl ModuleMiddleware for StartLater {
    fn generate_function_middleware<'a>(&self, _: LocalFunctionIndex) -> Box<dyn FunctionMiddleware<'a> + 'a> {
        Box::new(Unchanged)
    }

    fn transform_module_info(&self, module: &mut ModuleInfo) -> Result<(), MiddlewareError> {
        if let Some(function) = module.start_function.take() {
            module.exports.insert(EXPORT.to_owned(), ExportIndex::Function(function));
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Unchanged;

impl FunctionMiddleware<'_> for Unchanged {}

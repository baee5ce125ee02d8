//! A plugin made slower by a known amount of work: what shows that a gate would have found a regression.

use tollgate_fixtures::Plugin;
use tollgate_record::PluginKind;
use wasmparser::{BinaryReaderError, CompositeInnerType, ExternalKind, FunctionBody, Parser, Payload, TypeRef};

/// Callbacks that every request makes, the first of which that a plugin has gets the loop.
const CALLBACKS: &[&str] = &["proxy_on_request_headers", "proxy_on_context_create", "proxy_on_log", "proxy_on_delete"];

/// The artifact such that each request first turns an empty loop so many times; at least once. What it does is the same.
///
/// Artifacts with different numbers of turns differ in the one constant, and the code that compilers make of them, too.
///
/// # Errors
/// There is nothing to put a loop into, in words: a native plugin, or one without any callback of a request.
pub fn slowed(plugin: &Plugin, turns: u32) -> Result<Vec<u8>, String> {
    let turns = turns.clamp(1, i32::MAX as u32);
    match plugin.kind {
        PluginKind::ProxyWasm => slowed_wasm(&plugin.bytes, turns),
        PluginKind::Lua => Ok(slowed_lua(&plugin.bytes, turns)),
        kind => Err(format!("no loop can be put into a {} plugin", kind.name())),
    }
}

/// The script's function is called by another, which turns the loop first.
fn slowed_lua(script: &[u8], turns: u32) -> Vec<u8> {
    let wrapped = format!(
        "\ndo\n  local name = envoy_on_request and \"envoy_on_request\" or \"envoy_on_response\"\n  local inner = _G[name]\n  \
         _G[name] = function(handle)\n    for _ = 1, {turns} do end\n    return inner(handle)\n  end\nend\n"
    );
    [script, wrapped.as_bytes()].concat()
}

/// The module with a loop at the beginning of one function's body. No function, type or other index changes, so all
/// other sections stay as they are.
fn slowed_wasm(module: &[u8], turns: u32) -> Result<Vec<u8>, String> {
    let broken = |error: BinaryReaderError| format!("the module cannot be read: {error}");
    let Some((loop_in, parameters)) = target(module).map_err(broken)? else {
        return Err(format!("it exports none of {}", CALLBACKS.join(", ")));
    };
    let mut out = module[..8].to_vec();
    let (mut bodies, mut number, mut all) = (Vec::new(), 0, 0);
    for payload in Parser::new(0).parse_all(module) {
        match payload.map_err(broken)? {
            Payload::CodeSectionStart { count, .. } => {
                all = count;
                leb(&mut bodies, count);
            }
            Payload::CodeSectionEntry(body) => {
                let new = match number == loop_in {
                    true => with_loop(module, &body, parameters, turns).map_err(broken)?,
                    false => module[body.range()].to_vec(),
                };
                leb(&mut bodies, new.len() as u32);
                bodies.extend(new);
                number += 1;
                if number == all {
                    section(&mut out, CODE, &bodies);
                }
            }
            // Hints by offsets within functions, which would be wrong now.
            Payload::CustomSection(custom) if custom.name().starts_with("metadata.code.") => {}
            other => {
                if let Some((id, range)) = other.as_section() {
                    section(&mut out, id, &module[range]);
                }
            }
        }
    }
    Ok(out)
}

/// Number of the code section.
const CODE: u8 = 10;

/// The body, by its number in the code section, of the first of the callbacks, and how many parameters it has.
fn target(module: &[u8]) -> Result<Option<(u32, u32)>, BinaryReaderError> {
    let (mut parameters, mut functions, mut imported, mut exports) = (Vec::new(), Vec::new(), 0, Vec::new());
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::TypeSection(section) => {
                for group in section {
                    parameters.extend(group?.into_types().map(|kind| match kind.composite_type.inner {
                        CompositeInnerType::Func(function) => function.params().len() as u32,
                        _ => 0,
                    }));
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    imported += u32::from(matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)));
                }
            }
            Payload::FunctionSection(section) => functions = section.into_iter().collect::<Result<_, _>>()?,
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    exports.extend((export.kind == ExternalKind::Func).then_some((export.name, export.index)));
                }
            }
            _ => {}
        }
    }
    let exported = |name: &&str| exports.iter().find(|(export, _)| export == name)?.1.checked_sub(imported);
    Ok(CALLBACKS.iter().find_map(exported).and_then(|body| {
        let kind: &u32 = functions.get(body as usize)?;
        Some((body, *parameters.get(*kind as usize)?))
    }))
}

/// The body with one more local, which counts down to 0 before anything else happens.
fn with_loop(
    module: &[u8],
    body: &FunctionBody<'_>,
    parameters: u32,
    turns: u32,
) -> Result<Vec<u8>, BinaryReaderError> {
    const I32: u8 = 0x7f;
    let mut locals = body.get_locals_reader()?;
    let groups = locals.get_count();
    let begin = locals.original_position();
    let mut counter = parameters;
    for _ in 0..groups {
        counter += locals.read()?.0;
    }
    let code = locals.original_position();
    let mut new = Vec::new();
    leb(&mut new, groups + 1);
    new.extend(&module[begin..code]);
    new.extend([1, I32]);
    // i32.const turns, in five bytes whatever it is.
    new.push(0x41);
    new.extend((0..5).map(|byte| (turns >> (7 * byte)) as u8 & 0x7f | if byte < 4 { 0x80 } else { 0 }));
    // local.set counter; loop; local.get counter; i32.const 1; i32.sub; local.tee counter; br_if 0; end
    new.push(0x21);
    leb(&mut new, counter);
    new.extend([0x03, 0x40, 0x20]);
    leb(&mut new, counter);
    new.extend([0x41, 1, 0x6b, 0x22]);
    leb(&mut new, counter);
    new.extend([0x0d, 0, 0x0b]);
    new.extend(&module[code..body.range().end]);
    Ok(new)
}

fn section(out: &mut Vec<u8>, id: u8, contents: &[u8]) {
    out.push(id);
    leb(out, contents.len() as u32);
    out.extend(contents);
}

/// An unsigned number as the format has it: seven bits a byte, the lowest first.
fn leb(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

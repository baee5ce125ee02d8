//! Plugins made to do a little more in each request: modules and scripts, from their bytes alone.

use std::ops::Range;

use wasmparser::{
    BinaryReader, BinaryReaderError, CompositeInnerType, ConstExpr, ElementItems, ExternalKind, FunctionBody, Operator,
    OperatorsReader, Parser, Payload, TableInit, TypeRef,
};

/// Callbacks that every request makes, the first of which that a plugin has gets the code.
const CALLBACKS: &[&str] = &["proxy_on_request_headers", "proxy_on_context_create", "proxy_on_log", "proxy_on_delete"];

/// Numbers of sections.
const TYPE: u8 = 1;
const IMPORT: u8 = 2;
const CODE: u8 = 10;

const I32: u8 = 0x7f;

/// A function of module `env` that takes so many 32-bit numbers and answers with one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Import {
    pub(crate) name: &'static str,
    pub(crate) parameters: u8,
}

/// What the code that is put in may use, by index.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    /// A local of its own, a 32-bit number that is 0.
    pub(crate) local: u32,
    /// The import, where there is one.
    pub(crate) import: u32,
}

/// The script whose function is called by another one, which runs these lines first; the stream is `handle` there.
pub(crate) fn lua_with(script: &[u8], lines: &str) -> Vec<u8> {
    let wrapped = format!(
        "\ndo\n  local name = envoy_on_request and \"envoy_on_request\" or \"envoy_on_response\"\n  local inner = _G[name]\n  \
         _G[name] = function(handle)\n    {lines}\n    return inner(handle)\n  end\nend\n"
    );
    [script, wrapped.as_bytes()].concat()
}

/// The module with code at the beginning of one function's body. Without an import no function, type or other index
/// changes, so all other sections stay as they are. An import comes after the others, in any case one more: the module's
/// own functions then have the numbers after theirs.
///
/// # Errors
/// There is nothing to put it into, in words.
pub(crate) fn wasm_with(
    module: &[u8],
    import: Option<Import>,
    code: &dyn Fn(Frame) -> Vec<u8>,
) -> Result<Vec<u8>, String> {
    let broken = |error: BinaryReaderError| format!("the module cannot be read: {error}");
    let facts = Facts::of(module).map_err(broken)?;
    let Some(target) = facts.target else { return Err(format!("it exports none of {}", CALLBACKS.join(", "))) };
    if import.is_some() && !facts.imports {
        return Err("it imports nothing, so that it can ask nothing of its host".to_owned());
    }
    let sites = if import.is_some() { sites(module, facts.imported).map_err(broken)? } else { Vec::new() };
    let copy = |range: Range<usize>| moved(module, range, &sites);
    let mut out = module[..8].to_vec();
    let (mut bodies, mut number, mut all) = (Vec::new(), 0, 0);
    for payload in Parser::new(0).parse_all(module) {
        match (payload.map_err(broken)?, import) {
            (Payload::TypeSection(types), Some(import)) => {
                let mut function = vec![0x60, import.parameters];
                function.extend((0..import.parameters).map(|_| I32));
                function.extend([1, I32]);
                let known = &module[types.original_position()..types.range().end];
                section(&mut out, TYPE, &one_more(types.count(), known, &function));
            }
            (Payload::ImportSection(imports), Some(import)) => {
                let mut function = Vec::new();
                for name in ["env", import.name] {
                    leb(&mut function, name.len() as u32);
                    function.extend(name.as_bytes());
                }
                function.push(0);
                leb(&mut function, facts.types);
                let known = &module[imports.original_position()..imports.range().end];
                section(&mut out, IMPORT, &one_more(imports.count(), known, &function));
            }
            (Payload::CodeSectionStart { count, .. }, _) => {
                all = count;
                leb(&mut bodies, count);
            }
            (Payload::CodeSectionEntry(body), _) => {
                let new = match number == target.body {
                    true => begun(module, &body, target.parameters, &copy, &|local| {
                        code(Frame { local, import: facts.imported })
                    })
                    .map_err(broken)?,
                    false => copy(body.range()),
                };
                leb(&mut bodies, new.len() as u32);
                bodies.extend(new);
                number += 1;
                if number == all {
                    section(&mut out, CODE, &bodies);
                }
            }
            // Hints by offsets within functions, which would be wrong now, and names by numbers of functions.
            (Payload::CustomSection(custom), _) if custom.name().starts_with("metadata.code.") => {}
            (Payload::CustomSection(custom), Some(_))
                if custom.name().starts_with("reloc.") || ["name", "linking"].contains(&custom.name()) => {}
            (other, _) => {
                if let Some((id, range)) = other.as_section() {
                    section(&mut out, id, &copy(range));
                }
            }
        }
    }
    Ok(out)
}

/// What is to be known of a module before anything is put in.
#[derive(Default)]
struct Facts {
    /// Number of its types.
    types: u32,
    /// Number of functions that it imports, whose indices come first.
    imported: u32,
    /// Whether it has a section of imports.
    imports: bool,
    target: Option<Target>,
}

/// The function that gets the code.
#[derive(Debug, Clone, Copy)]
struct Target {
    /// Its number in the code section.
    body: u32,
    parameters: u32,
}

impl Facts {
    fn of(module: &[u8]) -> Result<Self, BinaryReaderError> {
        let (mut facts, mut parameters, mut functions, mut exports) =
            (Self::default(), Vec::new(), Vec::new(), Vec::new());
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
                    facts.imports = true;
                    for import in section.into_imports() {
                        facts.imported += u32::from(matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)));
                    }
                }
                Payload::FunctionSection(section) => {
                    functions = section.into_iter().collect::<Result<Vec<u32>, _>>()?
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        exports.extend((export.kind == ExternalKind::Func).then_some((export.name, export.index)));
                    }
                }
                _ => {}
            }
        }
        facts.types = parameters.len() as u32;
        let exported = |name: &&str| exports.iter().find(|(export, _)| export == name)?.1.checked_sub(facts.imported);
        facts.target = CALLBACKS.iter().find_map(exported).and_then(|body| {
            let kind = functions.get(body as usize)?;
            Some(Target { body, parameters: *parameters.get(*kind as usize)? })
        });
        Ok(facts)
    }
}

/// Where a module names one of its own functions: the number's bytes, and the number.
type Site = (Range<usize>, u32);

/// All of them, in order.
fn sites(module: &[u8], imported: u32) -> Result<Vec<Site>, BinaryReaderError> {
    let mut sites = Vec::new();
    // The number that begins there.
    let mut at = |begin: usize| -> Result<(), BinaryReaderError> {
        let mut reader = BinaryReader::new(&module[begin..], begin);
        let index = reader.read_var_u32()?;
        sites.extend((index >= imported).then(|| (begin..reader.original_position(), index)));
        Ok(())
    };
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::TableSection(tables) => {
                for table in tables {
                    if let TableInit::Expr(expression) = table?.init {
                        in_code(expression.get_operators_reader(), &mut at)?;
                    }
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    in_code(global?.init_expr.get_operators_reader(), &mut at)?;
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports.into_iter_with_offsets() {
                    let (begin, export) = export?;
                    let mut reader = BinaryReader::new(&module[begin..], begin);
                    reader.read_string()?;
                    reader.read_u8()?;
                    if export.kind == ExternalKind::Func {
                        at(reader.original_position())?;
                    }
                }
            }
            Payload::StartSection { range, .. } => at(range.start)?,
            Payload::ElementSection(elements) => {
                for element in elements {
                    match element?.items {
                        ElementItems::Functions(functions) => {
                            for function in functions.into_iter_with_offsets() {
                                at(function?.0)?;
                            }
                        }
                        ElementItems::Expressions(_, expressions) => {
                            for expression in expressions {
                                let expression: ConstExpr<'_> = expression?;
                                in_code(expression.get_operators_reader(), &mut at)?;
                            }
                        }
                    }
                }
            }
            Payload::CodeSectionEntry(body) => in_code(body.get_operators_reader()?, &mut at)?,
            _ => {}
        }
    }
    Ok(sites)
}

/// Tells where code names functions.
fn in_code(
    mut code: OperatorsReader<'_>,
    at: &mut dyn FnMut(usize) -> Result<(), BinaryReaderError>,
) -> Result<(), BinaryReaderError> {
    while !code.eof() {
        // Each of these is one byte, and the number.
        if let (Operator::Call { .. } | Operator::ReturnCall { .. } | Operator::RefFunc { .. }, offset) =
            code.read_with_offset()?
        {
            at(offset + 1)?;
        }
    }
    Ok(())
}

/// These bytes, in which the functions at those sites have the next number.
fn moved(module: &[u8], range: Range<usize>, sites: &[Site]) -> Vec<u8> {
    let (mut out, mut from) = (Vec::with_capacity(range.len()), range.start);
    let first = sites.partition_point(|(at, _)| at.start < range.start);
    for (at, index) in sites[first..].iter().take_while(|(at, _)| at.end <= range.end) {
        out.extend(&module[from..at.start]);
        leb(&mut out, index + 1);
        from = at.end;
    }
    out.extend(&module[from..range.end]);
    out
}

/// The body with one more local, and code that comes before anything else happens.
fn begun(
    module: &[u8],
    body: &FunctionBody<'_>,
    parameters: u32,
    copy: &dyn Fn(Range<usize>) -> Vec<u8>,
    code: &dyn Fn(u32) -> Vec<u8>,
) -> Result<Vec<u8>, BinaryReaderError> {
    let mut locals = body.get_locals_reader()?;
    let groups = locals.get_count();
    let begin = locals.original_position();
    let mut local = parameters;
    for _ in 0..groups {
        local += locals.read()?.0;
    }
    let rest = locals.original_position();
    let mut new = Vec::new();
    leb(&mut new, groups + 1);
    new.extend(&module[begin..rest]);
    new.extend([1, I32]);
    new.extend(code(local));
    new.extend(copy(rest..body.range().end));
    Ok(new)
}

/// A list as the format has it, with one more at its end.
fn one_more(count: u32, known: &[u8], more: &[u8]) -> Vec<u8> {
    let mut list = Vec::new();
    leb(&mut list, count + 1);
    list.extend(known);
    list.extend(more);
    list
}

fn section(out: &mut Vec<u8>, id: u8, contents: &[u8]) {
    out.push(id);
    leb(out, contents.len() as u32);
    out.extend(contents);
}

/// An unsigned number as the format has it: seven bits a byte, the lowest first.
pub(crate) fn leb(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// `i32.const`, in six bytes whatever the number is: modules with different ones are of one size.
pub(crate) fn constant(out: &mut Vec<u8>, value: u32) {
    out.push(0x41);
    out.extend((0..5).map(|byte| (value >> (7 * byte)) as u8 & 0x7f | if byte < 4 { 0x80 } else { 0 }));
}

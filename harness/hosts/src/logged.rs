//! A plugin that asks a known amount more of its host: what shows that a gate of exact figures would have found it.

use tollgate_fixtures::Plugin;
use tollgate_record::PluginKind;

use crate::rewrite::{Frame, Import, constant, leb, lua_with, wasm_with};

/// Most lines, and most bytes of one: one digit, so that scripts with different ones are of one size.
const MOST: u32 = 9;

/// The host call that lines are logged by, as plugins of any SDK do.
const LOG: Import = Import { name: "proxy_log", parameters: 3 };

/// The artifact such that each request first logs so many lines of so many bytes, at level `trace`: a host call each, and
/// the bytes that it hands over. Headers, bodies and what becomes of the request stay as they were.
///
/// Artifacts with other numbers are of the same size, and differ in nothing but these: none and one line of no bytes in one
/// host call (and the instructions around it), lines of no bytes and of one in one byte.
///
/// # Errors
/// There is nothing to put it into, in words: a native plugin, one without any callback of a request, one without imports.
pub fn logged(plugin: &Plugin, lines: u32, bytes: u32) -> Result<Vec<u8>, String> {
    let (lines, bytes) = (lines.min(MOST), bytes.min(MOST));
    match plugin.kind {
        PluginKind::ProxyWasm => wasm_with(&plugin.bytes, Some(LOG), &|frame| logging(frame, lines, bytes)),
        PluginKind::Lua => {
            let text = "x".repeat(MOST as usize);
            let lines = format!("for _ = 1, {lines} do handle:logTrace(string.sub(\"{text}\", 1, {bytes})) end");
            Ok(lua_with(&plugin.bytes, &lines))
        }
        kind => Err(format!("no host call can be put into a {} plugin", kind.name())),
    }
}

/// A loop that logs what lies at the beginning of memory, whatever it is: only how much of it counts.
fn logging(Frame { local: left, import }: Frame, lines: u32, bytes: u32) -> Vec<u8> {
    let mut code = Vec::new();
    constant(&mut code, lines);
    // local.set left; block; loop; local.get left; i32.eqz; br_if 1
    code.push(0x21);
    leb(&mut code, left);
    code.extend([0x02, 0x40, 0x03, 0x40, 0x20]);
    leb(&mut code, left);
    code.extend([0x45, 0x0d, 1]);
    // Level, address, size; call; drop
    code.extend([0x41, 0, 0x41, 0]);
    constant(&mut code, bytes);
    code.push(0x10);
    leb(&mut code, import);
    code.push(0x1a);
    // local.get left; i32.const 1; i32.sub; local.set left; br 0; end; end
    code.push(0x20);
    leb(&mut code, left);
    code.extend([0x41, 1, 0x6b, 0x21]);
    leb(&mut code, left);
    code.extend([0x0c, 0, 0x0b, 0x0b]);
    code
}

//! A plugin made slower by a known amount of work: what shows that a gate would have found a regression.

use tollgate_fixtures::Plugin;
use tollgate_record::PluginKind;

use crate::rewrite::{Frame, constant, leb, lua_with, wasm_with};

/// The artifact such that each request first turns an empty loop so many times; at least once. What it does is the same.
///
/// Artifacts with different numbers of turns differ in the one constant, and the code that compilers make of them, too.
///
/// # Errors
/// There is nothing to put a loop into, in words: a native plugin, or one without any callback of a request.
pub fn slowed(plugin: &Plugin, turns: u32) -> Result<Vec<u8>, String> {
    let turns = turns.clamp(1, i32::MAX as u32);
    match plugin.kind {
        PluginKind::ProxyWasm => wasm_with(&plugin.bytes, None, &|frame| counting_down(frame, turns)),
        PluginKind::Lua => Ok(lua_with(&plugin.bytes, &format!("for _ = 1, {turns} do end"))),
        kind => Err(format!("no loop can be put into a {} plugin", kind.name())),
    }
}

/// A loop that counts down to 0.
fn counting_down(Frame { local: counter, .. }: Frame, turns: u32) -> Vec<u8> {
    let mut code = Vec::new();
    constant(&mut code, turns);
    // local.set counter; loop; local.get counter; i32.const 1; i32.sub; local.tee counter; br_if 0; end
    code.push(0x21);
    leb(&mut code, counter);
    code.extend([0x03, 0x40, 0x20]);
    leb(&mut code, counter);
    code.extend([0x41, 1, 0x6b, 0x22]);
    leb(&mut code, counter);
    code.extend([0x0d, 0, 0x0b]);
    code
}

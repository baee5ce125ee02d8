use std::fmt::Write as _;

use crate::Arm;

const SHIM: &str = include_str!("shim.lua");

/// One Lua chunk that loads the shim, a gateway's handle and every arm's script. Each is a string in it, so that messages
/// name the script and its own line.
pub(super) fn bundle(handle: &str, arms: &[Arm], loaded: &[usize]) -> String {
    let mut lua = format!(
        "local shim = assert(load({}, \"=shim.lua\"))()\nassert(load({}, \"=handle.lua\"))(shim)\n",
        quote(SHIM),
        quote(handle)
    );
    for &index in loaded {
        let arm = &arms[index];
        let written = match &arm.plugin {
            None => writeln!(lua, "shim.arm({index})"),
            Some(plugin) => {
                let source = plugin.lua_source(&arm.workload.config());
                writeln!(lua, "shim.arm({index}, {}, {})", quote(&plugin.name), quote(&source))
            }
        };
        written.expect("a string takes everything");
    }
    lua
}

/// A text as a string of Lua, whichever the version.
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + text.len() / 8);
    quoted.push('"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            b' '..=b'~' => quoted.push(char::from(byte)),
            other => quoted.push_str(&format!("\\{other:03}")),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_a_string_of_one_line() {
        assert_eq!(quote("a\"b\\c\n1é"), r#""a\"b\\c\0101\195\169""#);
        assert!(!quote(SHIM).contains('\n'));
    }
}

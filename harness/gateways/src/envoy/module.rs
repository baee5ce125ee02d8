//! Dynamic modules: shared libraries, so for one kind of processor each.

use tollgate_record::{Failure, PluginKind};

use crate::Arm;

/// Where ELF says the processor, and its numbers there. Source: the System V ABI, "ELF Header", `e_machine`.
const MACHINE_AT: usize = 18;
const MACHINES: [(u16, &str); 3] = [(62, "x86_64"), (183, "aarch64"), (243, "riscv64")];

/// Takes the arms out of `loaded` whose module is not for this machine.
pub(super) fn refuse(arms: &[Arm], loaded: &mut Vec<usize>) -> Vec<(usize, Failure)> {
    let refusal = |arm: &usize| {
        let plugin = arms[*arm].plugin.as_ref().filter(|plugin| plugin.kind == PluginKind::Native)?;
        let message = format!("{}, or leave it out with --skip {}", objection(&plugin.bytes)?, plugin.name);
        Some((*arm, Failure::environment("start", message)))
    };
    let refused: Vec<_> = loaded.iter().filter_map(refusal).collect();
    loaded.retain(|arm| refused.iter().all(|(other, _)| other != arm));
    refused
}

/// Why a module cannot be loaded on this machine, and what to do; none when it can.
pub(super) fn objection(bytes: &[u8]) -> Option<String> {
    objection_on(bytes, std::env::consts::ARCH)
}

fn objection_on(bytes: &[u8], here: &str) -> Option<String> {
    let built_for = match bytes {
        [] => {
            return Some("this tollgate was built without the module for envoy; build it again from a checkout".into());
        }
        [0x7f, b'E', b'L', b'F', ..] => bytes.get(MACHINE_AT..MACHINE_AT + 2)?,
        _ => return Some("its module for envoy is no ELF library; build it again from a checkout".into()),
    };
    let number = u16::from_le_bytes([built_for[0], built_for[1]]);
    let name = MACHINES.iter().find(|(known, _)| *known == number).map_or("another processor", |(_, name)| *name);
    (name != here).then(|| {
        format!(
            "its module for envoy is built for {name}, and this is {here}; build it here (`cargo run -p \
             tollgate-fixtures -- build native` in a checkout), and tollgate after it"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_for_another_processor_is_refused_with_a_remedy() {
        let module = &tollgate_fixtures::plugin("native").unwrap().bytes;
        assert_eq!(objection_on(module, "x86_64"), None);
        let message = objection_on(module, "aarch64").unwrap();
        assert!(message.contains("x86_64") && message.contains("build native"), "{message}");
        assert!(objection_on(b"", "x86_64").is_some() && objection_on(b"MZ", "x86_64").is_some());
    }
}

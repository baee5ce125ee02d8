//! Guests in WAT, and the hosts that they run on.

use tollgate_fixtures::{Plugin, plugin};
use tollgate_hosts::{Exchange, HOST_FUNCTIONS, HOSTS, Host, HostError, HostFunction, Instance};

/// A Wasm plugin that is held to no workload.
pub(crate) fn wasm(bytes: Vec<u8>) -> Plugin {
    Plugin {
        name: "test".to_owned(),
        bytes: bytes.into(),
        workload_checked: false,
        ..plugin("boundary").expect("the catalogue has it").clone()
    }
}

/// A plugin of this module.
pub(crate) fn wat(module: &str) -> Plugin {
    wasm(wat::parse_str(module).unwrap_or_else(|error| panic!("{error}\n{module}")))
}

/// Imports of all host functions, in WAT, each under its own name.
pub(crate) fn imports() -> String {
    let import = |HostFunction { modules, name, parameters, answers }: &HostFunction| {
        let result = if *answers { "(result i32)" } else { "" };
        format!("(import \"{}\" \"{name}\" (func ${name} (param {}) {result}))\n", modules[0], parameters.join(" "))
    };
    HOST_FUNCTIONS.iter().map(import).collect()
}

pub(crate) fn wasm_hosts() -> impl Iterator<Item = &'static dyn Host> {
    let boundary = plugin("boundary").expect("the catalogue has it");
    HOSTS.iter().copied().filter(|host| host.runs(boundary.kind))
}

pub(crate) fn start(host: &dyn Host, plugin: &Plugin) -> Result<Box<dyn Instance>, HostError> {
    host.compile(plugin)?.instantiate(b"cfg")
}

/// An exchange with headers and bodies.
pub(crate) fn exchange() -> Exchange {
    let fields = |fields: &[(&str, &str)]| -> Vec<(String, String)> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    Exchange::new(&fields(&[(":path", "/"), ("a", "x")]), &fields(&[(":status", "200")]))
        .with_bodies(b"body".to_vec(), b"answer".to_vec())
}

//! Plugins that do one thing only, and the header work itself.

use tollgate_fixtures::Plugin;
use tollgate_hosts::{Action, Exchange, Host, HostError, Instance, Module};
use tollgate_record::PluginKind;

/// Name of the Lua script whose strings are made once.
pub(crate) const CONSTANT_KEYS: &str = "lua, constant keys";

/// One WAT plugin for each floor.
pub(crate) fn floor_plugins() -> Vec<Plugin> {
    // The cheapest call that the ABI has.
    let out = "(drop (call $effective (local.get $context)))\n".repeat(60);
    // The same with as many parameters as most calls of the ABI have: the last ones go over the stack. There is no buffer 99.
    let out_5 =
        "(drop (call $bytes (i32.const 99) (i32.const 0) (i32.const 64) (i32.const 0) (i32.const 4)))\n".repeat(60);
    // Two bytes of plugin configuration, for which the host must call the allocator.
    let allocate =
        "(drop (call $bytes (i32.const 7) (i32.const 0) (i32.const 64) (i32.const 0) (i32.const 4)))\n".repeat(20);
    [
        ("empty call in", ""),
        ("60 empty calls out", &out),
        ("60 calls out, 5 parameters", &out_5),
        ("20 allocator calls", &allocate),
    ]
    .map(|(name, body)| plugin(name, PluginKind::ProxyWasm, wat::parse_str(wat(body)).expect("the text is valid")))
    .into()
}

fn wat(body: &str) -> String {
    format!(
        r#"(module
             (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
             (import "env" "proxy_get_buffer_bytes" (func $bytes (param i32 i32 i32 i32 i32) (result i32)))
             (memory (export "memory") 1)
             (func (export "proxy_abi_version_0_2_1"))
             (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 1024)
             (func (export "proxy_on_request_headers") (param $context i32) (param i32 i32) (result i32)
               {body}
               i32.const 0))"#
    )
}

/// The workload as a script whose strings are made once, before any request.
pub(crate) fn constant_keys_lua() -> Plugin {
    let source = r#"
        local names, values = {}, {}
        for i = 0, 19 do names[i], values[i] = "fake_key_" .. i, "fake_value_" .. i end
        function envoy_on_request(handle)
          local headers = handle:headers()
          for i = 0, 19 do headers:replace(names[i], values[i]) end
          for i = 0, 19 do if headers:get(names[i]) ~= values[i] then error("wrong value") end end
          for i = 0, 19 do headers:remove(names[i]) end
        end"#;
    plugin(CONSTANT_KEYS, PluginKind::Lua, source.as_bytes().to_vec())
}

fn plugin(name: &str, kind: PluginKind, bytes: Vec<u8>) -> Plugin {
    Plugin { language: "none".to_owned(), ..Plugin::new(name, kind, bytes) }
}

/// The header work itself, called directly: what every host does for its plugins besides being a host.
pub(crate) struct HeaderWork;

struct Work(Vec<(String, String)>);

impl Host for HeaderWork {
    fn name(&self) -> &'static str {
        "native"
    }

    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    fn runs(&self, kind: PluginKind) -> bool {
        kind == PluginKind::Native
    }

    fn compile(&self, _: &Plugin) -> Result<Box<dyn Module>, HostError> {
        Ok(Box::new(Work(Vec::new())))
    }
}

impl Module for Work {
    fn instantiate(&self, _: &[u8]) -> Result<Box<dyn Instance>, HostError> {
        Ok(Box::new(Self((0..20).map(|i| (format!("fake_key_{i}"), format!("fake_value_{i}"))).collect())))
    }
}

impl Instance for Work {
    fn request(&mut self, exchange: &mut Exchange) -> Result<Action, HostError> {
        let headers = &mut exchange.request;
        for (name, value) in &self.0 {
            headers.replace(name, value);
        }
        let bytes: usize = self.0.iter().filter_map(|(name, _)| headers.get(name)).map(<[u8]>::len).sum();
        for (name, _) in &self.0 {
            headers.remove(name);
        }
        assert_eq!(bytes, 250, "the values that were set are read back");
        Ok(Action::Continue)
    }
}

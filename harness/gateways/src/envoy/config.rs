use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};
use tollgate_fixtures::{HeaderPath, Plugin};
use tollgate_record::{PluginKind, VmUse};

use super::NAME;
use super::called::{Called, called};
use super::external::{CONFIG_HEADER, Door};
use super::own_time;
use crate::contract::echo_header;
use crate::memory_file::MemoryFile;
use crate::{ARM_HEADER, Arm, BODY, CANARY_HEADER, GatewayError, Options, ROUND_HEADER, arm_label};

/// The pieces of a configuration, valid JSON with placeholders.
pub(super) const TEMPLATE: &str = include_str!("../../../../fixtures/gateways/envoy.json");

/// Where the connection manager is in a listener, and the route in that.
pub(super) const MANAGER: &str = "/filter_chains/0/filters/0/typed_config";
pub(super) const ROUTE: &str = "/route_config/virtual_hosts/0/routes/0";

/// Everything that a child reads and writes, in memory.
#[derive(Debug)]
pub(super) struct Config {
    /// The bootstrap configuration.
    pub(super) bootstrap: MemoryFile,
    /// Where Envoy writes its administration port's address.
    pub(super) admin_address: MemoryFile,
    /// Where it writes its own times of requests.
    pub(super) times: MemoryFile,
    /// What the external plugin is asked through; none when there is none.
    pub(super) door: Option<Door>,
    pub(super) artifacts: Vec<MemoryFile>,
}

impl Config {
    /// A configuration with a listener for each of the arms `loaded`.
    pub(super) fn new(arms: &[Arm], loaded: &[usize], options: &Options) -> Result<Self, GatewayError> {
        let system = || GatewayError::system("make a file in memory");
        let template: Value = serde_json::from_str(TEMPLATE).expect("the template is embedded, and tested");
        let times = MemoryFile::new("times", b"").map_err(system())?;
        let mut artifacts = Vec::new();
        let mut listeners = Vec::new();
        for &index in loaded {
            let arm = &arms[index];
            let mut file = |bytes: &[u8]| {
                let artifact = MemoryFile::new(&format!("{NAME}-{index}"), bytes).map_err(system())?;
                let path = artifact.path();
                artifacts.push(artifact);
                Ok::<_, GatewayError>(path)
            };
            let plugin = match arm.plugin.as_ref().map(|plugin| (plugin.kind, plugin)) {
                None => None,
                Some((PluginKind::Lua, _)) => Some(lua(&template, arm, index)),
                Some((PluginKind::ProxyWasm, plugin)) => Some(proxy_wasm(&template, arm, index, &file(&plugin.bytes)?)),
                Some((PluginKind::Native, plugin)) => Some(native(&template, arm, index, &file(&plugin.bytes)?)),
                Some((PluginKind::External, _)) => Some(external(&template, arm, index)),
            };
            let members = plugin.iter().flat_map(|filter| chain(filter, arm, index, options.vms));
            let port = options.listen_address(index)?.port();
            let mut listener = listener(&template, &arms[index], index, port, members.collect());
            if options.workers > 1 {
                // Otherwise one worker may take all connections, and the others would say nothing.
                listener["connection_balance_config"] = json!({ "exact_balance": {} });
            }
            log_times(&mut listener, index, &times.path());
            listeners.push(listener);
        }
        let is_external = |plugin: &Plugin| plugin.kind == PluginKind::External;
        let mut door = None;
        if loaded.iter().any(|&arm| arms[arm].plugin.as_ref().is_some_and(is_external)) {
            door = Some(Door::open().map_err(GatewayError::system("listen for the external plugin"))?);
        }
        let cluster = door.as_ref().map(|door| external_cluster(&template, door.address()));
        let bootstrap = bootstrap(&template, listeners, cluster, options);
        if let Some(folder) = &options.work_dir {
            keep_copy(folder, &bootstrap)?;
        }
        Ok(Self {
            bootstrap: MemoryFile::new("envoy.json", bootstrap.to_string().as_bytes()).map_err(system())?,
            admin_address: MemoryFile::new("admin-address", b"").map_err(system())?,
            times,
            door,
            artifacts,
        })
    }

    /// Numbers of the files that the child must inherit.
    pub(super) fn fds(&self) -> Vec<i32> {
        let own = [self.bootstrap.fd(), self.admin_address.fd(), self.times.fd()];
        self.artifacts.iter().map(MemoryFile::fd).chain(own).collect()
    }
}

/// The bootstrap configuration with these listeners, and what plugins call.
pub(super) fn bootstrap(
    template: &Value,
    mut listeners: Vec<Value>,
    cluster: Option<Value>,
    options: &Options,
) -> Value {
    let Called { listener, mut clusters } = called(template, &options.clusters);
    listeners.extend(listener);
    clusters.extend(cluster);
    let mut bootstrap = template["bootstrap"].clone();
    bootstrap["static_resources"] = json!({ "listeners": listeners, "clusters": clusters });
    bootstrap
}

/// What an arm is called inside Envoy: its listener, its VM and the prefix of its counters.
pub(super) fn arm_name(index: usize) -> String {
    format!("arm_{index}")
}

/// The members of an arm's chain: filters that differ in their names and, where each is to have a VM of its own, in the
/// VM's id. Those that count do so under one name, so that the sum is what Envoy tells.
fn chain(filter: &Value, arm: &Arm, index: usize, vms: VmUse) -> Vec<Value> {
    let is_wasm = arm.plugin.as_ref().is_some_and(|plugin| plugin.kind == PluginKind::ProxyWasm);
    let member = |number: u32| {
        let mut filter = filter.clone();
        if number > 0 {
            let name = member_name(index, number);
            filter["name"] = json!(name);
            if is_wasm {
                let config = &mut filter["typed_config"]["config"];
                config["name"] = json!(name);
                if vms == VmUse::Own {
                    config["vm_config"]["vm_id"] = json!(name);
                }
            }
        }
        filter
    };
    (0..arm.chain).map(member).collect()
}

/// What a member of an arm's chain is called; the first has the arm's name.
fn member_name(index: usize, number: u32) -> String {
    format!("{}_{number}", arm_name(index))
}

pub(super) fn listener(template: &Value, arm: &Arm, index: usize, port: u16, plugins: Vec<Value>) -> Value {
    let mut listener = template["listener"].clone();
    listener["name"] = json!(arm_name(index));
    listener["stat_prefix"] = json!(arm_name(index));
    listener["address"]["socket_address"]["port_value"] = json!(port);
    let manager = at(&mut listener, MANAGER);
    manager["stat_prefix"] = json!(arm_name(index));
    if let Some(filters) = manager["http_filters"].as_array_mut() {
        filters.splice(0..0, plugins);
    }
    if !arm.workload.request_body.is_empty()
        && let Some(filters) = manager["http_filters"].as_array_mut()
    {
        // Envoy answers directly as soon as it has the headers, and then closes the connection that a body still comes
        // on; so the request is waited for, in every arm alike, between the plugin and the router.
        filters.insert(filters.len() - 1, template["buffer"].clone());
    }
    let route = at(manager, ROUTE);
    route["direct_response"]["body"]["inline_string"] = json!(BODY);
    let headers = &mut route["response_headers_to_add"];
    headers[0]["header"] = json!({ "key": ARM_HEADER, "value": arm_label(arm) });
    headers[1]["header"] = json!({ "key": echo_header(arm), "value": format!("%REQ({CANARY_HEADER})%") });
    listener
}

/// Envoy's own time of each request that asks for it, and of no other: the others pay for the look at one header.
fn log_times(listener: &mut Value, index: usize, path: &str) {
    let log = &mut at(listener, MANAGER)["access_log"][0];
    log["filter"]["header_filter"]["header"]["name"] = json!(ROUND_HEADER);
    log["typed_config"]["path"] = json!(path);
    log["typed_config"]["log_format"]["text_format_source"]["inline_string"] = json!(own_time::format(index));
}

pub(super) fn lua(template: &Value, arm: &Arm, index: usize) -> Value {
    let mut filter = template["lua"].clone();
    let source = arm.plugin.as_ref().map(|plugin| plugin.lua_source(&arm.workload.config()));
    filter["typed_config"]["stat_prefix"] = json!(arm_name(index));
    filter["typed_config"]["default_source_code"]["inline_string"] = json!(source);
    filter
}

pub(super) fn proxy_wasm(template: &Value, arm: &Arm, index: usize, artifact: &str) -> Value {
    let mut filter = template["proxy_wasm"].clone();
    let config = &mut filter["typed_config"]["config"];
    config["name"] = json!(arm_name(index));
    config["root_id"] = json!(arm.plugin.as_ref().map(|plugin| &plugin.root_id));
    config["configuration"] = configuration(&arm.workload.config());
    // A VM of its own for each arm: Envoy shares one between plugins of equal code, configuration and id.
    config["vm_config"]["vm_id"] = json!(arm_name(index));
    config["vm_config"]["code"]["local"]["filename"] = json!(artifact);
    filter
}

/// A dynamic module, loaded from memory as a Wasm module is.
fn native(template: &Value, arm: &Arm, index: usize, artifact: &str) -> Value {
    let mut filter = template["native"].clone();
    let config = &mut filter["typed_config"];
    config["filter_name"] = json!(arm_name(index));
    config["filter_config"] = configuration(&arm.workload.config());
    config["dynamic_module_config"]["module"]["local"]["filename"] = json!(artifact);
    filter
}

/// The one process serves all of its arms, so each request tells the arm's configuration.
fn external(template: &Value, arm: &Arm, index: usize) -> Value {
    let mut filter = template["external"].clone();
    let config = &mut filter["typed_config"];
    config["stat_prefix"] = json!(arm_name(index));
    let value = String::from_utf8_lossy(&arm.workload.config()).into_owned();
    if arm.workload.path == HeaderPath::Response {
        config["processing_mode"] = json!({ "request_header_mode": "SKIP", "response_header_mode": "SEND" });
    }
    config["grpc_service"]["initial_metadata"] = json!([{ "key": CONFIG_HEADER, "value": value }]);
    filter
}

fn external_cluster(template: &Value, address: SocketAddr) -> Value {
    let mut cluster = template["external_cluster"].clone();
    let endpoint = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address/port_value";
    *at(&mut cluster, endpoint) = json!(address.port());
    cluster
}

/// The plugin's configuration as Envoy hands it over unchanged: text as it is, other bytes in base64.
fn configuration(bytes: &[u8]) -> Value {
    let any = |kind: &str, value: &str| json!({ "@type": format!("type.googleapis.com/google.protobuf.{kind}"), "value": value });
    match std::str::from_utf8(bytes) {
        Ok(text) => any("StringValue", text),
        Err(_) => any("BytesValue", &base64(bytes)),
    }
}

/// Base64 with padding, as protobuf's JSON has bytes.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |chunk: &[u8]| {
        let word = chunk.iter().enumerate().fold(0u32, |word, (at, &byte)| word | u32::from(byte) << (16 - 8 * at));
        let digit = move |at: usize| match at <= chunk.len() {
            true => char::from(DIGITS[(word >> (18 - 6 * at)) as usize & 63]),
            false => '=',
        };
        [digit(0), digit(1), digit(2), digit(3)]
    };
    bytes.chunks(3).flat_map(group).collect()
}

/// The part of the template at a path that it is known to have.
pub(super) fn at<'v>(value: &'v mut Value, path: &str) -> &'v mut Value {
    value.pointer_mut(path).expect("the template is embedded, and tested")
}

pub(super) fn keep_copy(folder: &Path, bootstrap: &Value) -> Result<(), GatewayError> {
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(folder.join("envoy.json"), format!("{bootstrap:#}\n")))
        .map_err(GatewayError::system("write envoy.json into the work folder"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_of_the_template_is_filled() {
        let workload = tollgate_fixtures::workload("headers").unwrap();
        let arm = |plugin: &str| Arm {
            id: tollgate_record::CellId {
                mode: tollgate_record::Mode::Live,
                host: NAME.to_owned(),
                plugin: plugin.to_owned(),
                workload: workload.name.clone(),
                phase: tollgate_record::Phase::Request,
            },
            plugin: tollgate_fixtures::plugin(plugin).cloned(),
            workload: workload.clone(),
            chain: 1,
        };
        let arms = ["A", "lua", "boundary", "native", "external"].map(arm);
        let config =
            Config::new(&arms, &[0, 2, 1, 4, 3], &Options { base_port: Some(9_000), ..Options::default() }).unwrap();
        assert_eq!(config.fds().len(), 5);
        let text = config.bootstrap.read().unwrap();
        for placeholder in [
            "NAME",
            "BODY",
            "LABEL",
            "ARM_HEADER",
            "LEFT_HEADER",
            "ROUND_HEADER",
            "TIMES",
            "LINE",
            "CONFIG_HEADER",
            "\"SOURCE\"",
            "\"CONFIG\"",
            "ARTIFACT",
        ] {
            assert!(!text.contains(placeholder), "{placeholder} is left in {text}");
        }
        let json: Value = serde_json::from_str(&text).unwrap();
        let cluster = json["static_resources"]["clusters"][0].to_string();
        assert!(cluster.contains(&config.door.unwrap().address().port().to_string()), "{cluster}");
        let listeners = json["static_resources"]["listeners"].as_array().unwrap();
        let filters = |at: usize| listeners[at].pointer(MANAGER).unwrap()["http_filters"].as_array().unwrap().len();
        assert_eq!([0, 1, 2, 3, 4].map(filters), [1, 2, 2, 2, 2]);
        let ports = listeners.iter().map(|listener| listener["address"]["socket_address"]["port_value"].as_u64());
        assert_eq!(ports.collect::<Vec<_>>(), [9_000, 9_002, 9_001, 9_004, 9_003].map(Some));
    }

    #[test]
    fn the_members_of_a_chain_differ_in_name_and_share_a_vm_only_where_they_are_to() {
        let template: Value = serde_json::from_str(TEMPLATE).unwrap();
        let plugin = tollgate_fixtures::plugin("boundary").unwrap();
        let headers = tollgate_fixtures::workload("headers").unwrap();
        let arm = Arm { chain: 3, ..crate::scenario::arm("boundary", Some(plugin), 20, headers) };
        let filter = proxy_wasm(&template, &arm, 4, "/a");
        for (vms, ids) in [(VmUse::Own, ["arm_4", "arm_4_1", "arm_4_2"]), (VmUse::Shared, ["arm_4"; 3])] {
            let members = chain(&filter, &arm, 4, vms);
            let config = |member: &Value| member["typed_config"]["config"].clone();
            let of = |pointer: &str| members.iter().map(|m| config(m).pointer(pointer).cloned()).collect::<Vec<_>>();
            assert_eq!(of("/vm_config/vm_id"), ids.map(|id| Some(json!(id))));
            assert_eq!(of("/name"), ["arm_4", "arm_4_1", "arm_4_2"].map(|name| Some(json!(name))));
        }
    }

    #[test]
    fn base64_is_what_the_standard_says() {
        let cases = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (plain, encoded) in cases {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
        assert_eq!(base64(&[0xff, 0xfe, 0xfd, 0xfc]), "//79/A==");
    }
}

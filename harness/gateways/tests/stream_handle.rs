//! Envoy's stream handle on every gateway that runs scripts: the same script finds the same.

mod common;

use std::time::Duration;

use common::*;
use tollgate_fixtures::{Plugin, plugin};
use tollgate_gateways::{Gateway, Probe, Running, request_bytes};
use tollgate_record::PluginKind;

/// Gateways that run scripts.
fn lua_gateways() -> impl Iterator<Item = &'static dyn Gateway> {
    distinct_gateways().filter(|gateway| gateway.runs(PluginKind::Lua))
}

/// A script that is held to no workload.
fn script(name: &str, source: &str) -> Plugin {
    let mut script = plugin("lua").expect("it is in the catalogue").clone();
    script.name = name.to_owned();
    script.workload_checked = false;
    script.bytes = source.as_bytes().to_vec().into();
    script
}

/// Starts a gateway with these scripts behind the two controls.
fn start_with(gateway: &dyn Gateway, scripts: &[Plugin]) -> Box<dyn Running> {
    let scripts = scripts.iter().map(|script| arm(gateway, script, headers()));
    start(gateway, &controls(gateway).into_iter().chain(scripts).collect::<Vec<_>>())
}

/// A connection to the arm of the first script.
fn connect(running: &dyn Running) -> Probe {
    Probe::connect(running.address(2), Duration::from_secs(10)).unwrap()
}

#[test]
fn a_script_finds_the_handle_that_envoy_gives_it() {
    let _one = one_at_a_time();
    for gateway in lua_gateways() {
        let script = script("handle", include_str!("stream_handle.lua"));
        let mut running = start_with(gateway, std::slice::from_ref(&script));
        assert!(running.refused().is_empty(), "{}: {:?}", gateway.name(), running.refused());
        let mut probe = connect(running.as_ref());
        for _ in 0..3 {
            probe.exchange(&request_bytes(headers(), true)).unwrap();
            let (status, left) = probe.response().map(|it| (it.status, it.left.map(str::to_owned))).unwrap();
            let said = running.complaint(2);
            assert_eq!((status, left.as_deref()), (200, Some("as expected")), "{}: {said:?}", gateway.name());
        }
        let proof = running.prove(&[0, 0, 3]).remove(2);
        assert!(proof.as_ref().is_ok_and(|proof| proof.contains('3')), "{}: {proof:?}", gateway.name());
    }
}

#[test]
fn a_script_that_responds_is_a_run_and_its_answer_is_the_answer() {
    let _one = one_at_a_time();
    for gateway in lua_gateways() {
        let source = "function envoy_on_request(handle)\n  handle:respond({[':status'] = '403', ['x-tollgate-left'] = 'a'}, 'no')\nend";
        let mut running = start_with(gateway, &[script("responds", source)]);
        let mut probe = connect(running.as_ref());
        for _ in 0..2 {
            probe.exchange(&request_bytes(headers(), false)).unwrap();
            let response = probe.response().unwrap();
            let found = (response.status, response.left, response.body);
            assert_eq!(found, (403, Some("a"), &b"no"[..]), "{}", gateway.name());
        }
        if gateway.name() != "envoy" {
            // Envoy's proof asks for the answer of the route behind the plugin.
            let proof = running.prove(&[0, 0, 2]).remove(2);
            assert!(proof.is_ok(), "{}: {proof:?}", gateway.name());
        }
    }
}

#[test]
fn a_script_that_fails_is_closed_or_counted_and_says_where() {
    let _one = one_at_a_time();
    for gateway in lua_gateways() {
        for half in ["request", "response"] {
            let source = format!("function envoy_on_{half}(handle)\n  error('deliberate')\nend");
            let mut running = start_with(gateway, &[script("fails", &source)]);
            let place = format!("{}, {half}", gateway.name());
            running.forget_complaints();
            let mut probe = connect(running.as_ref());
            let status = match probe.exchange(&request_bytes(headers(), false)) {
                Ok(_) => probe.response().unwrap().status,
                // nginx has no other answer once its headers are in the making.
                Err(error) => {
                    assert_eq!(place, "nginx, response", "{error}");
                    0
                }
            };
            // Lua in Envoy fails open.
            assert_eq!(status == 200, gateway.name() == "envoy", "{place}: {status}");
            let said = running.complaint(2).unwrap_or_default();
            assert!(said.contains(":2: deliberate"), "{place}: {said}");
            let proof = running.prove(&[0, 0, 1]).remove(2);
            assert!(proof.is_err_and(|failure| failure.message.contains("1 errors")), "{place}");
        }
    }
}

#[test]
fn a_response_is_shown_to_a_script() {
    let _one = one_at_a_time();
    let source = r#"function envoy_on_response(handle)
  local headers = handle:headers()
  headers:add("x-several", "1")
  headers:add("X-Several", "2")
  assert(headers:getNumValues("x-several") == 2 and headers:getAtIndex("x-several", 1) == "2", "several")
  local seen = {}
  for name, value in pairs(headers) do seen[name:lower() .. "=" .. value] = true end
  assert(seen["x-several=1"] and seen["x-several=2"] and seen[":status=200"], "pairs")
  headers:replace("x-several", 3)
  assert(headers:get("X-Several") == "3" and headers:getNumValues("x-several") == 1, "replaced")
  headers:remove("x-several")
  assert(headers:get("x-several") == nil and headers:getNumValues("x-several") == 0, "removed")
  headers:add("x-tollgate-left", "status " .. headers:get(":status"))
  headers:replace(":status", "201")
end"#;
    for gateway in lua_gateways() {
        let mut running =
            start_with(gateway, &[script("responses", source), script("fine", "function envoy_on_request() end")]);
        assert!(running.refused().is_empty(), "{}: {:?}", gateway.name(), running.refused());
        let mut probe = connect(running.as_ref());
        probe.exchange(&request_bytes(headers(), false)).unwrap();
        let said = running.complaint(2);
        let response = probe.response().unwrap();
        assert_eq!((response.status, response.left), (201, Some("status 200")), "{}: {said:?}", gateway.name());
        let proof = running.prove(&[0, 0, 1, 0]).remove(2);
        assert!(proof.is_ok(), "{}: {proof:?}", gateway.name());
    }
}

#[test]
fn scripts_do_not_meet_and_do_not_get_out() {
    let _one = one_at_a_time();
    // Envoy gives a script all that its LuaJIT has.
    for gateway in lua_gateways().filter(|gateway| gateway.name() != "envoy") {
        let spoils = "string.format, tostring, shared = nil, nil, 'seen'\n\
                      function envoy_on_request() assert(tostring == nil and string.format == nil) end";
        let looks = "for _, name in ipairs({ 'io', 'require', 'debug', 'package', 'ngx', 'core', 'dofile', 'shared' }) do\n  \
                     assert(_G[name] == nil, name)\nend\nassert(os.execute == nil and getmetatable('').own == nil)\n\
                     assert(load('return 1 + 1')() == 2 and unpack({ 7, 8 }) == 7)\n\
                     function envoy_on_request(handle)\n  assert(string.format('%d', 1) == tostring(1))\n  \
                     assert(not pcall(function() handle:headers().own = 1 end) and not getmetatable(handle))\nend";
        let scripts = [script("looks", looks), script("spoils", spoils)];
        let mut running = start_with(gateway, &scripts);
        assert!(running.refused().is_empty(), "{}: {:?}", gateway.name(), running.refused());
        for index in [3, 2, 3, 2] {
            let mut probe = Probe::connect(running.address(index), Duration::from_secs(10)).unwrap();
            probe.exchange(&request_bytes(headers(), false)).unwrap();
            let status = probe.response().unwrap().status;
            let said = running.complaint(index);
            assert_eq!(status, 200, "{}, {}: {said:?}", gateway.name(), scripts[index - 2].name);
        }
    }
}

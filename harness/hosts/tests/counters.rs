//! Counters are exact: the same in each request, byte for byte, and in each fresh instance.

mod support;

use std::time::{Duration, Instant};

use support::{hosts, hosts_for};
use tollgate_fixtures::{Plugin, plugin, plugins, workload};
use tollgate_hosts::{Exchange, Host, Instance, repeat};
use tollgate_record::{Counters, PluginKind};

/// Requests of an instance, as far as this long is enough for them: not every host is fast when nothing is optimised.
const REQUESTS: usize = 1_000;
const LONG: Duration = Duration::from_millis(800);
/// Requests that there are in any case.
const LEAST: usize = 50;

fn instance(host: &dyn Host, plugin: &Plugin) -> Box<dyn Instance> {
    let host = host.metered().unwrap_or(host);
    let config = workload("headers").expect("the catalogue has it").config();
    host.compile(plugin).and_then(|module| module.instantiate(&config)).expect("it starts")
}

fn observed(instance: &mut dyn Instance, exchange: &mut Exchange) -> Counters {
    exchange.reset();
    exchange.observe();
    instance.request(exchange).expect("it answers");
    exchange.take_observation().expect("it is observed").counters
}

/// As they would be written, byte for byte, and readable where they differ.
fn written(counters: &Counters) -> String {
    serde_json::to_string(counters).expect("counters are JSON")
}

#[test]
fn a_thousand_requests_count_the_same_byte_for_byte() {
    let mut exchange = Exchange::of(workload("headers").expect("the catalogue has it"));
    for host in hosts() {
        for plugin in plugins().iter().filter(|plugin| host.runs(plugin.kind)) {
            let name = format!("{} on {}", plugin.name, host.name());
            let (mut first, mut second) = (instance(host, plugin), instance(host, plugin));
            let (mut seen, mut fuel, mut clocks, begin) = (None, Vec::new(), false, Instant::now());
            for number in 0..REQUESTS {
                if number > LEAST && begin.elapsed() > LONG {
                    break;
                }
                let mut counters = observed(first.as_mut(), &mut exchange);
                // A fresh instance does the same in its n-th request, fuel and all, for ever: a few are enough here.
                if number < LEAST {
                    let other = observed(second.as_mut(), &mut exchange);
                    assert_eq!(written(&other), written(&counters), "{name}, request {number} of two instances");
                }
                if number == 0 {
                    // It may set things up.
                    continue;
                }
                fuel.push(counters.fuel.take());
                // Go's scheduler looks at the clock now and then, whatever the plugin does.
                clocks |= counters.host_calls.remove("clock_time_get").is_some();
                let counted = written(&counters);
                assert_eq!(seen.get_or_insert_with(|| counted.clone()), &counted, "{name}, request {number}");
            }
            let varies = fuel.iter().any(|other| other != &fuel[0]);
            // Who collects garbage does so in some requests and not in others; nobody else's fuel may differ.
            let collects = ["Go", "AssemblyScript"].contains(&plugin.language.as_str());
            assert_eq!(varies, collects, "{name}: fuel {:?}", &fuel[..LEAST - 1]);
            assert!(!(clocks && plugin.language != "Go"), "{name} looks at the clock");
        }
    }
}

#[test]
fn repeating_tells_what_is_the_same_and_what_differs() {
    let headers = workload("headers").expect("the catalogue has it");
    let script = |source: &str| Plugin {
        name: "script".to_owned(),
        bytes: source.as_bytes().into(),
        workload_checked: false,
        ..plugin("lua").expect("the catalogue has it").clone()
    };
    let sometimes = script(
        "local n = 0\nfunction envoy_on_request(handle)\n  n = n + 1\n  if n % 7 == 0 then handle:logInfo('x') end\nend\n",
    );
    for host in hosts_for(PluginKind::Lua) {
        let twice = [(); 2].map(|()| repeat(host, &sometimes, headers, 20, &mut || ()).unwrap());
        assert_eq!(twice[0], twice[1], "it does the same in its n-th request all the same");
        assert!(twice[0].counters.varying.contains_key("bytes_out"), "{twice:?}");
        let difference = twice[0].difference.as_deref().unwrap();
        assert!(difference.contains("request 7"), "{difference}");
        let other = repeat(host, &sometimes, headers, 21, &mut || ()).unwrap();
        assert_ne!(other.digest, twice[0].digest);

        let mut wrong = sometimes.clone();
        wrong.workload_checked = true;
        let failure = repeat(host, &wrong, headers, 20, &mut || ()).unwrap_err();
        assert_eq!(failure.stage, "verify", "{failure:?}");
    }
}

#[test]
fn lua_instructions_are_those_of_the_script() {
    let counted = |host: &dyn Host, source: &str| {
        let script = Plugin {
            bytes: source.as_bytes().into(),
            workload_checked: false,
            ..plugin("lua").expect("the catalogue has it").clone()
        };
        let mut exchange = Exchange::of(workload("headers").expect("the catalogue has it"));
        observed(instance(host, &script).as_mut(), &mut exchange).lua_instructions
    };
    let looping = |times: u64| format!("function envoy_on_request(handle)\n  for _ = 1, {times} do end\nend\n");
    for host in hosts_for(PluginKind::Lua) {
        let [ten, twenty, million] = [10, 20, 1_000_000].map(|times| counted(host, &looping(times)));
        let (ten, twenty) = (ten.unwrap(), twenty.unwrap());
        // A turn of an empty loop is one instruction in every Lua.
        assert_eq!(twenty - ten, 10, "{ten} and {twenty} on {}", host.name());
        assert_eq!(million.unwrap() - twenty, 1_000_000 - 20, "{}", host.name());
        // What the host's library does inside of a call is not the script's.
        let calls =
            |body: &str| format!("function envoy_on_request(handle)\n  local h = handle:headers()\n  {body}\nend\n");
        let none = counted(host, &calls("")).unwrap();
        let call = counted(host, &calls("h:get(':path')")).unwrap();
        assert!((1..=6).contains(&(call - none)), "{} on {}", call - none, host.name());
        assert_eq!(counted(host, &looping(9_000_000)), None, "too many to be counted on {}", host.name());
    }
}

//! Envoy's stream handle, as scripts use it, on every Lua.

mod support;

use std::time::{Duration, Instant};

use support::hosts_for;
use tollgate_fixtures::{Plugin, plugin};
use tollgate_hosts::{Action, Exchange, Host, Instance};
use tollgate_record::{FailureClass, PluginKind};

/// What is said of a script that does not come back, by the Lua itself or by who watches over its process.
const TIME: &[&str] = &["time", "was stopped"];
const MEMORY: &[&str] = &["memory", "length overflow", "too large"];

fn lua_hosts() -> impl Iterator<Item = &'static dyn Host> {
    hosts_for(PluginKind::Lua)
}

fn pairs(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn exchange() -> Exchange {
    let request = pairs(&[(":path", "/x"), ("accept", "a"), ("Accept", "b"), ("host", "h")]);
    Exchange::new(&request, &pairs(&[(":status", "200")])).with_bodies(b"hello".to_vec(), Vec::new())
}

fn script(source: &str) -> Plugin {
    Plugin {
        name: "script".to_owned(),
        bytes: source.as_bytes().into(),
        workload_checked: false,
        ..plugin("lua").expect("the catalogue has it").clone()
    }
}

fn instance(host: &dyn Host, source: &str) -> Result<Box<dyn Instance>, String> {
    let module = host.compile(&script(source)).map_err(|error| error.to_string())?;
    module.instantiate(b"20").map_err(|error| error.to_string())
}

/// Runs the body of `envoy_on_request`.
fn run(host: &dyn Host, body: &str) -> Result<(Action, Exchange), String> {
    let mut instance = instance(host, &format!("function envoy_on_request(handle)\n{body}\nend"))?;
    let mut exchange = exchange();
    let action = instance.request(&mut exchange).map_err(|error| error.to_string())?;
    Ok((action, exchange))
}

/// Runs a script that raises an error when something is not as it must be.
fn must_run(host: &dyn Host, body: &str) -> Exchange {
    let (action, exchange) = run(host, body).unwrap_or_else(|error| panic!("on {}: {error}\n{body}", host.name()));
    assert_eq!(action, Action::Continue);
    exchange
}

#[test]
fn headers_are_read_and_written() {
    for host in lua_hosts() {
        let exchange = must_run(
            host,
            r#"
        local headers = handle:headers()
        assert(headers:get("ACCEPT") == "a,b", "values of one name are joined, as Envoy does it")
        assert(headers:getAtIndex("accept", 1) == "b" and headers:getAtIndex("accept", 2) == nil)
        assert(headers:getNumValues("accept") == 2 and headers:getNumValues("missing") == 0)
        assert(headers:get("missing") == nil)
        headers:replace("accept", "c")
        headers:add("X-New", 7)
        headers:remove("host")
        local seen = {}
        for name, value in pairs(headers) do seen[#seen + 1] = name .. "=" .. value end
        assert(table.concat(seen, " ") == ":path=/x accept=c x-new=7", table.concat(seen, " "))
        "#,
        );
        assert_eq!(exchange.request.get("x-new"), Some(&b"7"[..]));
        assert_eq!(exchange.request.len(), 3);
    }
}

#[test]
fn a_wrong_argument_is_an_error_with_its_line_and_never_crosses() {
    for host in lua_hosts() {
        let calls = [
            "headers:get()",
            "headers:get({})",
            "headers:replace('a')",
            "headers:add(nil, 'b')",
            "headers:remove(function() end)",
            "headers:getAtIndex('accept', 'x')",
            "headers:getAtIndex('accept', 0/0)",
            "headers:getAtIndex('accept', 1e300)",
            "handle:logInfo(nil)",
            "handle:body():getBytes(0, 100)",
            "handle:body():getBytes(-1, 1)",
            "handle:respond({}, 'x')",
            "handle:respond('x')",
            "headers.get = print",
            "handle:httpCall('cluster', {}, '', 1)",
        ];
        for call in calls {
            let error = run(host, &format!("local headers = handle:headers()\n{call}")).expect_err(call);
            assert!(error.contains("script:3: "), "{call} on {}: {error}", host.name());
        }
    }
}

#[test]
fn a_call_is_answered_as_proxy_wasm_plugins_are() {
    for host in lua_hosts() {
        let exchange = must_run(
            host,
            r##"local headers = { [":method"] = "GET", [":path"] = "/", [":authority"] = "a" }
        local fields, body = handle:httpCall("any", headers, "body", 100)
        assert(fields[":status"] == "200" and fields["content-length"] == tostring(#body))
        handle:headers():add("x-body", body)
        assert(select("#", handle:httpCall("any", headers, nil, 100, true)) == 0, "asynchronous")
        assert(select("#", handle:httpCall("any", headers, nil, { asynchronous = true })) == 0, "by an option")
        local ok, why = pcall(handle.httpCall, handle, "any", { [":path"] = "/" }, "", 100)
        assert(not ok and why:find("':authority'", 1, true), why)
        assert(not pcall(handle.httpCall, handle, "", headers, "", 100), "no cluster")"##,
        );
        assert_eq!(exchange.request.get("x-body"), Some(tollgate_hosts::CALL_BODY), "{}", host.name());
    }
}

#[test]
fn a_script_can_answer_and_stops_there() {
    for host in lua_hosts() {
        let (action, mut exchange) = run(
            host,
            r#"handle:respond({[":status"] = "418", ["x-why"] = {"tea", "pot"}}, "short and stout")
        error("never reached")"#,
        )
        .unwrap();
        assert_eq!(action, Action::LocalResponse);
        let response = exchange.local_response.take().unwrap();
        assert_eq!((response.status, response.body.as_slice()), (418, &b"short and stout"[..]));
        assert_eq!(response.headers.get_all(b"x-why").collect::<Vec<_>>(), [b"tea", b"pot"]);
    }
}

#[test]
fn bodies_metadata_and_the_rest_are_there() {
    for host in lua_hosts() {
        let exchange = must_run(
            host,
            r#"
        assert(handle:body():length() == 5 and handle:body():getBytes(1, 3) == "ell")
        for chunk in handle:bodyChunks() do assert(chunk:length() == 5) end
        handle:body():setBytes("changed")
        assert(handle:metadata():get("x") == nil)
        for _ in pairs(handle:metadata()) do error("it is empty") end
        local dynamic = handle:streamInfo():dynamicMetadata()
        assert(dynamic:get("filter") == nil, "it is new for each request")
        dynamic:set("filter", "key", "value")
        assert(dynamic:get("filter").key == "value")
        assert(handle:streamInfo():protocol() == "HTTP/1.1")
        assert(handle:timestamp() > 1e12 and handle:trailers() == nil and handle:connection():ssl() == nil)
        for _, level in ipairs({"Trace", "Debug", "Info", "Warn", "Err", "Critical"}) do
            handle["log" .. level](handle, "a line")
        end
        "#,
        );
        assert_eq!(exchange.request_body, b"changed");
    }
}

/// What Envoy has and we have not is no fault of a script that calls it; what nobody has is.
#[test]
fn a_call_of_what_only_envoy_has_is_no_failure_of_the_script() {
    for host in lua_hosts() {
        for (call, class) in [
            ("handle:base64Escape('a')", FailureClass::Environment),
            ("handle:streamInfo():downstreamRemoteAddress()", FailureClass::Environment),
            ("handle:nobodyHasIt()", FailureClass::Plugin),
        ] {
            let source = format!("function envoy_on_request(handle)\n{call}\nend");
            let mut instance = instance(host, &source).unwrap();
            let failure = instance.request(&mut exchange()).unwrap_err().into_failure();
            assert_eq!(failure.class, class, "{} {call}: {}", host.name(), failure.message);
            let is_told = failure.message.contains("is Envoy's, and not there in process; measure it behind a gateway");
            assert_eq!(is_told, class == FailureClass::Environment, "{}", failure.message);
            assert!(failure.message.contains(":2:"), "{}: {}", host.name(), failure.message);
        }
        // A script may go on without it, and then fail by itself.
        let goes_on =
            "pcall(function() handle:base64Escape('a') end) error([['route' is Envoy's, and not there in process]])";
        let source = format!("function envoy_on_request(handle)\n{goes_on}\nend");
        let mut instance = instance(host, &source).unwrap();
        let failure = instance.request(&mut exchange()).unwrap_err().into_failure();
        assert_eq!(failure.class, FailureClass::Plugin, "{}: {}", host.name(), failure.message);
        // It may keep what it was told, and end with it, in the same request.
        let script = |then: &str| {
            format!(
                "function envoy_on_request(handle)
                told = told or select(2, pcall(function() handle:base64Escape('a') end))
                pcall(function() handle:route() end)
                {then}
                first = true
                end"
            )
        };
        let mut keeps = self::instance(host, &script("error(told)")).unwrap();
        let failure = keeps.request(&mut exchange()).unwrap_err().into_failure();
        assert_eq!(failure.class, FailureClass::Environment, "{}: {}", host.name(), failure.message);
        let mut later = self::instance(host, &script("if first then error(told) end")).unwrap();
        later.request(&mut exchange()).unwrap();
        let failure = later.request(&mut exchange()).unwrap_err().into_failure();
        assert_eq!(failure.class, FailureClass::Plugin, "{}: {}", host.name(), failure.message);
        // It may ask what there is.
        must_run(host, "if handle.nobodyHasIt or handle.route ~= handle.route then error('it differs') end");
    }
}

#[test]
fn the_response_has_its_own_function_and_headers() {
    for host in lua_hosts() {
        let source = r#"
        function envoy_on_request(handle)
            kept = handle:headers()
            assert(not pcall(function() return responses and responses:add("a", "b") end) or not responses)
        end
        function envoy_on_response(handle)
            responses = handle:headers()
            responses:replace("x-response", handle:headers():get(":status"))
            assert(kept:get("host") == "h")
        end"#;
        let mut instance = instance(host, source).unwrap();
        for _ in 0..3 {
            let mut exchange = exchange();
            assert_eq!(instance.request(&mut exchange), Ok(Action::Continue));
            assert_eq!(exchange.response.get("x-response"), Some(&b"200"[..]));
        }
    }
}

#[test]
fn a_script_reaches_nothing_outside() {
    for host in lua_hosts() {
        for name in [
            "ffi",
            "jit",
            "debug",
            "io",
            "package",
            "require",
            "dofile",
            "loadfile",
            "warn",
            "os.execute",
            "os.exit",
            "os.getenv",
            "os.remove",
            "string.dump",
        ] {
            must_run(host, &format!("assert({name} == nil, '{name} is there')"));
        }
        must_run(host, "print('not on the terminal')");
        // Bytecode, which LuaJIT trusts, is refused; text is not.
        must_run(host, r#"assert(load("return 1")() == 1 and loadstring("return 2")() == 2)"#);
        must_run(
            host,
            r#"assert(load("\27LJ\2\0") == nil and load("\27Lua", "x", "b") == nil and loadstring("\27LJ") == nil)"#,
        );
        must_run(host, "assert(getmetatable(handle) == false and getmetatable(handle:headers()) == false)");
        assert!(instance(host, "\u{1b}LJ\u{2}").is_err());
    }
}

#[test]
fn a_finalizer_may_use_the_handle_whenever_it_runs() {
    for host in lua_hosts() {
        // Where tables have finalizers: in the middle of the handle's own functions, whose strings are garbage soon.
        must_run(
            host,
            r#"
            local headers, function_of = handle:headers(), {}
            function function_of.__gc() headers:replace("accept", "from a finalizer") end
            for i = 1, 20000 do
                setmetatable({}, function_of)
                headers:replace("x-key", "value " .. i)
                assert(headers:get("x-key") == "value " .. i)
                headers:getAtIndex("accept", 0)
            end
            "#,
        );
    }
}

#[test]
fn what_a_script_said_is_in_its_error() {
    for host in lua_hosts() {
        let error = run(host, "handle:logWarn('about to fail') error({})").unwrap_err();
        assert!(error.contains("about to fail"), "{error}");
        let error = run(host, "print('one', 2) local x = nil + 1").unwrap_err();
        assert!(error.contains("one\t2") && error.contains("script:2: attempt to perform arithmetic"), "{error}");
    }
}

#[test]
fn an_error_leaves_the_exchange_with_its_owner_and_the_script_alive() {
    for host in lua_hosts() {
        let source = "function envoy_on_request(handle)\n  handle:headers():remove('host')\n  \
        if handle:headers():get('fail') then error('told to') end\nend";
        let mut instance = instance(host, source).unwrap();
        let mut exchange = exchange();
        exchange.request.add("fail", "1");
        assert!(instance.request(&mut exchange).is_err());
        assert_eq!(exchange.request.get("fail"), Some(&b"1"[..]));
        exchange.reset();
        assert_eq!(instance.request(&mut exchange), Ok(Action::Continue));
    }
}

#[test]
fn bombs_end_with_an_error() {
    // Scripts, and words one of which the message must hold: Luas run out of different things first.
    let bombs = [
        ("while true do end", TIME),
        ("local function f(x) return 1 + f(x) end f(1)", &["overflow", "memory"]),
        ("local s = 'x' while true do s = s .. s end", MEMORY),
        ("return ('x'):rep(2^30) .. 'y'", MEMORY),
        ("local kept = {} while true do kept[#kept + 1] = ('x'):rep(2^26) .. #kept end", MEMORY),
        ("local t = {} for i = 1, 1e9 do t[i] = i end", &["memory", "time"]),
        ("while true do handle:headers():add('a', ('x'):rep(2^20)) end", &["full"]),
        // It catches what is to stop it.
        ("while true do pcall(function() while true do end end) end", TIME),
    ];
    for host in lua_hosts().map(|host| host.metered().expect("Luas can meter")) {
        for (body, expected) in bombs {
            let mut instance = instance(host, &format!("function envoy_on_request(handle)\n{body}\nend")).unwrap();
            let mut exchange = exchange();
            let begin = Instant::now();
            let error = instance.request(&mut exchange).expect_err(body).to_string();
            let name = host.name();
            assert!(expected.iter().any(|word| error.contains(word)), "{body} on {name}: {error}");
            assert!(begin.elapsed() < Duration::from_secs(30), "{body} on {name}: {:?}", begin.elapsed());
            assert!(exchange.request.size_bytes() <= 64 << 20, "{body} on {name}");
        }
    }
}

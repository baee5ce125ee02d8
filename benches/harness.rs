//! What the harness itself costs, by criterion: the clock, a host call that does next to nothing, a call into the guest, and keeping
//! a round. A figure of the harness is only as good as these are small beside it.

use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use tollgate_benches::{criterion, headers};
use tollgate_fixtures::Plugin;
use tollgate_hosts::Exchange;
use tollgate_record::{Collector, PluginKind, Series};

/// A plugin that makes `calls` host calls a request, each of them as cheap as the ABI has one.
fn calls_plugin(calls: u32) -> Plugin {
    let text = format!(
        r#"(module
             (import "env" "proxy_set_effective_context" (func $call (param i32) (result i32)))
             (memory (export "memory") 1)
             (func (export "proxy_abi_version_0_2_1"))
             (func (export "_initialize"))
             (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 1024)
             (func (export "proxy_on_request_headers") (param $context i32) (param i32 i32) (result i32)
               {}
               i32.const 0))"#,
        "(drop (call $call (local.get $context)))\n".repeat(calls as usize)
    );
    let bytes = wat::parse_str(&text).expect("the text above is valid");
    Plugin::new(format!("calls-{calls}"), PluginKind::ProxyWasm, bytes)
}

fn harness(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("harness");
    group.bench_function("clock reading", |bencher| bencher.iter(Instant::now));

    let host = tollgate_hosts::host("wasmtime").expect("wasmtime is built in");
    let mut exchange = Exchange::new(&headers().request_headers, &[]);
    for calls in [0, 60] {
        let plugin = calls_plugin(calls);
        let module = host.compile(&plugin).expect("the plugin compiles");
        let mut instance = module.instantiate(b"").expect("the plugin starts");
        group.bench_function(format!("wasmtime: request with {calls} empty host calls"), |bencher| {
            bencher.iter(|| instance.request(&mut exchange).expect("the plugin answers"));
        });
    }

    let mut collector = Collector::new(0, 20, 0, 15, 64);
    let round: Vec<Option<u64>> = (0..20).map(|arm| Some(50_000 + arm)).collect();
    group.bench_function("record: keep a round of 20 arms", |bencher| bencher.iter(|| collector.round(&round)));
    let series = Series::of_values(0, &(0..1_000).map(|n| n * 37).collect::<Vec<_>>());
    group.bench_function("record: write a series of 1000 blocks as JSON", |bencher| {
        bencher.iter(|| serde_json::to_vec(&series));
    });
    group.finish();
}

criterion_group! { name = benches; config = criterion(); targets = harness }
criterion_main!(benches);

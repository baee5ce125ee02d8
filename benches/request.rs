//! A whole request (context, request headers, response headers, done, log, delete) of every plugin on every host.

use std::ops::ControlFlow;
use std::time::Duration;

use criterion::{criterion_group, criterion_main};
use tollgate_benches::{criterion, headers, pairs};
use tollgate_hosts::Exchange;

fn request(criterion: &mut criterion::Criterion) {
    let workload = headers();
    let mut group = criterion.benchmark_group("request/headers");
    let mut exchange = Exchange::new(&workload.request_headers, &[]);
    group.bench_function("A (no plugin)", |bencher| bencher.iter(|| std::hint::black_box(&mut exchange).reset()));
    for (plugin, host) in pairs() {
        let module = host.compile(plugin).expect("a plugin of the catalogue compiles");
        let mut instance = module.instantiate(&workload.config()).expect("a plugin of the catalogue starts");
        group.bench_function(format!("{}/{}", plugin.name, host.name()), |bencher| {
            bencher.iter_custom(|requests| {
                let mut took = Duration::ZERO;
                let mut after = |_: &Exchange, ns| {
                    took = Duration::from_nanos(ns);
                    ControlFlow::Continue(())
                };
                instance.time(&mut exchange, requests, 1, &mut after).expect("a plugin of the catalogue answers");
                took
            });
        });
    }
    group.finish();
}

criterion_group! { name = benches; config = criterion(); targets = request }
criterion_main!(benches);

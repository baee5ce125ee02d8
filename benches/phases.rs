//! What is paid before the first request: compiling the artifact, and making a configured instance of it.

use criterion::{criterion_group, criterion_main};
use tollgate_benches::{criterion, headers, pairs};

fn phases(criterion: &mut criterion::Criterion) {
    let config = headers().config();
    for (plugin, host) in pairs() {
        // Those of a runner are timed in its process, and cannot be timed from here: `tollgate run` has them.
        if host.compile(plugin).expect("a plugin of the catalogue compiles").compile_ns().is_some() {
            continue;
        }
        let mut group = criterion.benchmark_group(format!("phases/{}/{}", plugin.name, host.name()));
        // Compiling Go's two megabytes takes most of a second.
        group.sample_size(10);
        group.bench_function("compile", |bencher| {
            bencher.iter_with_large_drop(|| host.compile(plugin).expect("a plugin of the catalogue compiles"));
        });
        let module = host.compile(plugin).expect("a plugin of the catalogue compiles");
        group.bench_function("instantiate", |bencher| {
            bencher.iter_with_large_drop(|| module.instantiate(&config).expect("a plugin of the catalogue starts"));
        });
        group.finish();
    }
}

criterion_group! { name = benches; config = criterion(); targets = phases }
criterion_main!(benches);

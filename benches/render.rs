//! The report of a folder of runs: 50 records of 200 cells, each to a page of its own, and all to one page over time; and what one
//! page takes.

#[path = "../reports/tests/reports/synthetic.rs"]
mod synthetic;

use criterion::{Criterion, criterion_group, criterion_main};
use synthetic::{Make, record};
use tollgate_record::Record;
use tollgate_reports::html;

const RECORDS: usize = 50;
const CELLS: usize = 200;

/// A record with so many cells: the synthetic one's under further names.
fn large() -> Record {
    let mut record = record(&Make { requests: 2_000, ..Make::default() });
    let mut number = 0;
    while record.cells.len() < CELLS {
        let mut cell = record.cells[number].clone();
        cell.id.plugin = format!("{}-{number}", cell.id.plugin);
        record.cells.push(cell);
        number += 1;
    }
    record
}

fn render(criterion: &mut Criterion) {
    let one = large();
    let many: Vec<Record> = (0..RECORDS as u64)
        .map(|run| Record { started_unix_ms: one.started_unix_ms + run * 86_400_000, ..one.clone() })
        .collect();
    let mut group = criterion.benchmark_group("render");
    group.sample_size(10);
    group.bench_function("1 record of 200 cells", |bencher| bencher.iter(|| html(std::slice::from_ref(&one)).len()));
    group.bench_function("50 records of 200 cells, a page each", |bencher| {
        bencher.iter(|| many.iter().map(|record| html(std::slice::from_ref(record)).len()).sum::<usize>());
    });
    group.bench_function("50 records of 200 cells, one page", |bencher| bencher.iter(|| html(&many).len()));
    group.finish();
}

criterion_group!(benches, render);
criterion_main!(benches);

//! What a run is said to show: headline, caveats and the published comparison, no surer than the figures.

use crate::synthetic::{Make, record};
use tollgate_record::{Control, Failure, Mode, Phase, PluginKind, Record};
use tollgate_reports::{Agreement, Summary, TableOptions, article, charts, headline, places, summarize, table};

fn usual() -> Summary {
    summarize(&record(&Make { requests: 2_000, ..Make::default() }))
}

#[test]
fn the_headline_says_who_and_how_sure() {
    let words = headline(&usual());
    assert!(
        words.title.starts_with("On Envoy a plugin adds 14.") && words.title.contains("(Go, SDK)"),
        "{}",
        words.title
    );
    let raw = &words.places[0].sentences[0];
    assert!(raw.starts_with("With the bare ABI, C++ adds least, 29.") && raw.contains("Go most"), "{raw}");
    assert!(words.places[0].sentences.last().expect("noise").starts_with("No plugin at all"), "{words:?}");
    assert!(words.caveats.iter().any(|caveat| caveat.contains("failed")), "{:?}", words.caveats);
}

#[test]
fn what_is_not_settled_is_not_claimed() {
    let mut close = record(&Make { requests: 50, envoy: false, ..Make::default() });
    // C++ and Rust raw on the embedded gateway: the same series, so nothing can tell them apart.
    let series = find(&close, "embedded", "cpp-raw").series.clone();
    for name in ["rust-raw", "go-raw", "assemblyscript-raw"] {
        set(&mut close, "embedded", name, |cell| cell.series = series.clone());
    }
    let sentence = headline(&summarize(&close)).places[0].sentences[0].clone();
    assert!(sentence.contains("overlap") && sentence.contains("does not settle"), "{sentence}");

    for (starts, expected) in [(1, "too narrow"), (3, "75 % confidence")] {
        let caveats = headline(&summarize(&record(&Make { starts, requests: 50, ..Make::default() }))).caveats;
        assert!(caveats.iter().any(|caveat| caveat.contains(expected)), "{starts} starts: {caveats:?}");
    }
    for starts in [1, 2, 5] {
        let words = headline(&summarize(&record(&Make { starts, requests: 50, ..Make::default() })));
        let expected = format!("not settled at {starts} start");
        let sentences: Vec<&String> = words.places.iter().flat_map(|place| &place.sentences[..2]).collect();
        for text in sentences.into_iter().chain([&words.title]) {
            assert!(text.contains(&expected) && !text.contains("adds least"), "{text}");
            assert!(!text.contains("cannot be told from"), "{text}");
        }
    }

    set(&mut close, "embedded", "A'", |cell| {
        for series in &mut cell.series {
            series.added_blocks_ns = vec![200_000 + i64::from(series.start), -200_000, 200_000];
        }
    });
    let sentences = headline(&summarize(&close)).places[0].sentences.clone();
    assert!(sentences.last().expect("noise").contains("do not rank by it"), "{sentences:?}");
}

#[test]
fn the_article_is_judged_on_envoy_only_and_within_reason() {
    let published_us = [("cpp-raw", 0.19), ("go-sdk", 0.20), ("rust-sdk", 0.21)];
    // Measured over published: equal, a factor that hardware explains, one that it does not.
    let cases = [
        (1.0, 6, Agreement::Confirmed),
        (1.0, 5, Agreement::NotComparable),
        (0.5, 6, Agreement::NotComparable),
        (0.1, 6, Agreement::Contradicted),
    ];
    for (factor, starts, expected) in cases {
        let mut record = record(&Make { requests: 20, starts, ..Make::default() });
        for (name, ms) in published_us {
            set(&mut record, "envoy", name, |cell| {
                for series in &mut cell.series {
                    let ns = ms * 1e6 * factor * f64::from(series.requests_per_sample as u32);
                    series.added_blocks_ns = vec![ns as i64];
                }
            });
        }
        let article = article(&summarize(&record)).expect("its languages are measured");
        for row in &article.rows[..3] {
            assert_eq!(row.agreement, expected, "{} times {factor}: {}", row.published.name, row.sentence);
        }
    }
    let without = article(&summarize(&record(&Make { requests: 20, envoy: false, ..Make::default() })));
    for row in without.expect("measured elsewhere").rows {
        assert_eq!(row.agreement, Agreement::NotComparable);
        assert!(row.sentence.contains("`--gateway envoy`"), "{}", row.sentence);
    }
}

#[test]
fn without_envoy_the_order_of_the_article_is_not_judged() {
    for (envoy, judged) in [(true, true), (false, false)] {
        let summary = summarize(&record(&Make { requests: 20, envoy, ..Make::default() }));
        let order = article(&summary).expect("its languages are measured").order;
        assert_eq!(order.contains("not what is seen here"), judged, "{order}");
        assert_eq!(order.contains("neither confirms nor contradicts"), !judged, "{order}");
    }
}

#[test]
fn a_failed_second_control_is_not_a_missing_one() {
    let mut failed = record(&Make { requests: 20, ..Make::default() });
    let noise = |record: &Record| headline(&summarize(record)).places[0].sentences.last().expect("noise").clone();
    set_control(&mut failed, |cell| cell.error = Some(Failure::environment("measure", "the gateway went away")));
    assert!(noise(&failed).contains("(A') failed here"), "{}", noise(&failed));
    failed.cells.retain(|cell| cell.control != Some(Control::APrime));
    assert!(noise(&failed).contains("no second control arm"), "{}", noise(&failed));
}

fn set_control(record: &mut Record, change: impl Fn(&mut tollgate_record::Cell)) {
    record.cells.iter_mut().filter(|cell| cell.control == Some(Control::APrime)).for_each(change);
}

#[test]
fn plugins_given_by_path_keep_their_name_and_leave_the_headline_to_the_comparison() {
    let mut own = record(&Make { requests: 20, ..Make::default() });
    for (name, language, kind) in [("mine", "WebAssembly", PluginKind::ProxyWasm), ("script", "Lua", PluginKind::Lua)] {
        for workload in ["headers", "own"] {
            let mut cell = find(&own, "envoy", "go-sdk").clone();
            cell.id.plugin = name.to_owned();
            cell.id.workload = workload.to_owned();
            (cell.language, cell.kind, cell.variant) = (language.to_owned(), Some(kind), None);
            own.cells.push(cell);
        }
    }
    let summary = summarize(&own);
    let words = headline(&summary);
    assert!(words.title.contains("14.") && words.title.contains("(Lua)"), "the headers of Envoy: {}", words.title);
    let said = words.places[0].sentences.concat();
    for wanted in ["mine adds", "script adds", "Lua adds"] {
        assert!(said.contains(wanted), "no {wanted} in {said}");
    }
    let last = places(&summary).pop().expect("places");
    assert_eq!((last.hosts[0].0, last.workload), ("envoy", "headers"));
    let mut failed = own.clone();
    for cell in failed.cells.iter_mut().filter(|cell| cell.id.host == "envoy" && cell.id.workload == "headers") {
        cell.error = Some(Failure::plugin("verify", "effects differ"));
    }
    let title = headline(&summarize(&failed)).title;
    assert!(title.contains("88.4 µs (mine)") || title.contains("88.4 µs (script)"), "what there is: {title}");
    let svg = charts::bars(&last, "bars").expect("figures");
    for wanted in [">mine<", ">script<", ">Lua<", ">C++, raw<"] {
        assert!(svg.contains(wanted), "no label {wanted}");
    }
}

#[test]
fn what_is_outside_the_gateway_has_a_sentence_of_its_own() {
    let mut with = record(&Make { requests: 20, ..Make::default() });
    let before = headline(&summarize(&with));
    let mut cell = find(&with, "envoy", "rust-raw").clone();
    cell.id.plugin = "external".to_owned();
    (cell.kind, cell.variant) = (Some(PluginKind::External), None);
    for series in &mut cell.series {
        let requests = series.requests_per_sample as i64;
        series.added_blocks_ns = vec![250_000 * requests + i64::from(series.start)];
    }
    with.cells.push(cell);
    let summary = summarize(&with);
    let words = headline(&summary);
    assert_eq!(words.title, before.title, "it is none of those that people choose between in a gateway");
    let said = words.places[0].sentences.concat();
    assert!(
        said.contains("asked over gRPC, Rust (external) adds 250") && !said.contains("external adds least"),
        "{said}"
    );
    let rust = article(&summary).expect("measured").rows.into_iter().find(|row| row.published.language == "Rust");
    let measured = rust.expect("the article has it").measured;
    assert!(measured.iter().all(|measured| measured.plugin != "external"), "{measured:?}");
}

#[test]
fn a_busy_machine_is_said_first() {
    let cases: [(Option<f64>, Option<f64>, &[&str]); 5] = [
        (Some(0.1), Some(0.01), &[]),
        (None, None, &[]),
        (Some(0.25), None, &["others used 25 % of its 2 cores"]),
        (Some(0.02), Some(0.023), &["2.3 % of CPU time stolen"]),
        (Some(1.0), Some(0.5), &["others used 100 %", "50 % of CPU time stolen"]),
    ];
    let usual = record(&Make { requests: 20, ..Make::default() });
    for (others, steal, expected) in cases {
        let mut busy = usual.clone();
        busy.environment.busy_share = others;
        busy.environment.steal_share = steal;
        let summary = summarize(&busy);
        let caveats = headline(&summary).caveats;
        let said = caveats.iter().filter(|caveat| caveat.starts_with("The machine was busy: ")).count();
        assert_eq!(said, usize::from(!expected.is_empty()), "{caveats:?}");
        let text = table(&summary, TableOptions { width: 200, colour: false });
        assert_eq!(text.matches("The machine was busy").count(), said, "once: {text}");
        for wanted in expected {
            assert!(caveats[0].contains(wanted), "{caveats:?}");
            assert!(text.lines().next().expect("a line").contains(wanted), "at the head: {text}");
        }
    }
}

fn find<'a>(record: &'a Record, host: &str, plugin: &str) -> &'a tollgate_record::Cell {
    let wanted = |cell: &&tollgate_record::Cell| {
        cell.id.host == host && cell.id.plugin == plugin && cell.id.workload != "noop" && cell.id.mode == Mode::Live
    };
    record.cells.iter().find(wanted).expect("the record has that cell")
}

fn set(record: &mut Record, host: &str, plugin: &str, change: impl FnOnce(&mut tollgate_record::Cell)) {
    let index = record.cells.iter().position(|cell| {
        cell.id.host == host
            && cell.id.plugin == plugin
            && cell.id.workload != "noop"
            && cell.id.phase == Phase::Request
            && cell.id.mode == Mode::Live
    });
    change(&mut record.cells[index.expect("the record has that cell")]);
}

//! Plugins in a row: slopes are those of the record, what is not known is null, and the charts show every point.

use roxmltree::Document;
use tollgate_record::{Chain, Failure, Footprint, Scale, Scenario, Series, Story, VmUse};
use tollgate_reports::{ScaleFigures, charts, csv, html, markdown, summarize};

use crate::html::of_mark;
use crate::scenario::{of, scenario, shown};
use crate::synthetic::hostile_names;
use crate::text::fields;

const MIB: u64 = 1 << 20;
const LENGTHS: [u32; 4] = [1, 2, 4, 8];

/// A chain whose length costs that much each, and 5 µs once; each start is 1 µs off the others.
fn chain(plugin: &str, workers: u32, length: u32, each_ns: i64) -> Chain {
    let series = |start: u32| {
        let added = if length == 0 { 0 } else { 5_000 + each_ns * i64::from(length) + 1_000 * i64::from(start) };
        Series { added_blocks_ns: vec![added; 3], ..Series::of_values(start, &[40_000; 3]) }
    };
    Chain {
        plugin: plugin.to_owned(),
        language: "Go".to_owned(),
        length,
        workers,
        series: (0..3).map(series).collect(),
        proof: Some("counted".to_owned()),
        error: None,
    }
}

/// Memory of 50 MiB, and of a VM that much more; as many VMs as Envoy makes.
fn footprint(plugin: Option<&str>, workers: u32, length: u32, vm: Option<u64>) -> Footprint {
    let vms = u64::from(length * (workers + 2));
    Footprint {
        plugin: plugin.map(str::to_owned),
        language: "Go".to_owned(),
        length,
        workers,
        vms: vm.map(|_| vms),
        ready_bytes: Some(50 * MIB),
        requests: vec![500; workers as usize],
        after_bytes: Some(50 * MIB + vms * vm.unwrap_or(MIB / 4)),
        error: None,
    }
}

pub(crate) fn scale() -> Scale {
    let (mut chains, mut footprints) = (Vec::new(), Vec::new());
    for workers in [1, 2] {
        footprints.push(footprint(None, workers, 0, Some(0)));
        for (plugin, each_ns, vm) in [("go-sdk", 40_000, Some(6 * MIB)), ("lua", 14_000, None)] {
            chains.push(chain(plugin, workers, 0, 0));
            for length in LENGTHS {
                chains.push(chain(plugin, workers, length, each_ns));
                footprints.push(footprint(Some(plugin), workers, length, vm));
            }
        }
    }
    Scale { vms: VmUse::Own, starts: 3, chains, footprints }
}

pub(crate) fn story(scale: Scale) -> Scenario {
    Scenario { rate_per_s: None, connections: 1, process: Vec::new(), ..scenario(Story::Scale(scale)) }
}

fn figures(scale: Scale) -> ScaleFigures {
    summarize(&of(vec![story(scale)])).scenarios[0].scale.clone().unwrap()
}

#[test]
fn one_more_is_the_slope_in_each_start_and_a_vm_the_slope_over_vms() {
    let figures = figures(scale());
    assert_eq!(figures.lines.len(), 4);
    for line in &figures.lines {
        let each = if line.plugin == "lua" { 14_000.0 } else { 40_000.0 };
        let slope = line.per_plugin_ns.unwrap();
        assert!((slope.p50 - each).abs() < 1e-6, "{}: {}", line.plugin, slope.p50);
        // Starts differ by a microsecond in all lengths alike, which is no slope.
        assert!(slope.between_starts && slope.starts == 3 && (slope.high.unwrap() - slope.low.unwrap()) < 1e-6);
        assert_eq!(line.points.iter().map(|point| point.length).collect::<Vec<_>>(), [0, 1, 2, 4, 8]);
        assert_eq!(line.points[0].added_ns.unwrap().p50, 0.0);
        assert_eq!(line.points[0].after_bytes, Some(50 * MIB), "the gateway without a plugin");
        if line.plugin == "lua" {
            assert_eq!((line.bytes_per_vm, line.points[1].vms), (None, None), "nobody counts them");
            assert!(line.bytes_per_plugin.unwrap() > 0.0);
        } else {
            assert_eq!(line.bytes_per_vm, Some(6.0 * MIB as f64));
            let per_plugin = 6.0 * MIB as f64 * f64::from(line.workers + 2);
            assert_eq!(line.bytes_per_plugin, Some(per_plugin));
        }
    }
}

#[test]
fn what_is_shared_or_failed_or_too_little_has_no_slope() {
    let mut shared = scale();
    for footprint in shared.footprints.iter_mut().filter(|footprint| footprint.length > 0) {
        footprint.vms = Some(3);
    }
    assert!(figures(shared).lines.iter().all(|line| line.bytes_per_vm.is_none()), "always the same number");

    let mut failed = scale();
    failed.chains.iter_mut().filter(|chain| chain.length > 1).for_each(|chain| {
        chain.error = Some(Failure::plugin("proof", "it ran too seldom; look"));
    });
    failed.footprints.retain(|footprint| footprint.length < 4);
    let figures = figures(failed.clone());
    for line in &figures.lines {
        assert_eq!((line.per_plugin_ns, line.bytes_per_plugin), (None, None), "two points are no line");
        assert!(line.points.iter().filter(|point| point.length > 1).all(|point| point.added_ns.is_none()));
    }
    let text = shown(&of(vec![story(failed)])).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("failed") && text.contains("and 11 more: proof: it ran too seldom"), "{text}");
}

#[test]
fn an_empty_scenario_is_told_without_figures() {
    let empty = Scale { chains: Vec::new(), footprints: Vec::new(), ..scale() };
    let record = of(vec![story(empty)]);
    assert!(shown(&record).contains("Plugins in a row on envoy"));
    assert!(!html(std::slice::from_ref(&record)).contains("id=\"chains0\""));
    let summary = summarize(&record);
    let figures = &summary.scenarios[0];
    assert_eq!((figures.rate_per_s, figures.planned, figures.faults.as_ref()), (None, None, None));
}

#[test]
fn the_table_has_a_row_for_each_plugin_and_number_of_workers() {
    let record = of(vec![story(scale())]);
    let text = shown(&record);
    let line = text.lines().find(|line| line.starts_with("go-sdk")).unwrap();
    let fields: Vec<&str> = line.split_whitespace().collect();
    let expected = ["go-sdk", "1", "46.00", "86.00", "166.00", "326.00", "40.00", "[40.00,", "40.00]", "24"];
    assert_eq!(fields[..10], expected, "{text}");
    assert_eq!(fields[10..], ["194", "MiB", "18.0", "MiB", "6.00", "MiB"], "{text}");
    for text in [text, markdown(&summarize(&record)), html(std::slice::from_ref(&record))] {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ").replace('\\', "");
        for part in [
            "One plugin more adds 14.0 µs (lua) to 40.0 µs (go-sdk) with 1 worker; 14.0 µs (lua) to 40.0 µs",
            "No plugin at all, measured the same way, reads 0.00 to 0.00 µs",
            "Wasm VMs: 24 for 8 in a row with 1 worker, 32 for 8 in a row with 2 workers",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(!text.contains("Lost:") && !text.contains("requests/s"), "there was no schedule: {text}");
    }
    assert!(markdown(&summarize(&record)).starts_with("On envoy one plugin more in a row adds 14.0 µs"));
}

#[test]
fn charts_show_every_point_with_its_figure() {
    let figures = figures(scale());
    for (svg, figure) in [
        (charts::chain_latency(&figures, "a").unwrap(), "data-added-ns"),
        (charts::chain_memory(&figures, "b").unwrap(), "data-after-bytes"),
    ] {
        let document = Document::parse(&svg).unwrap_or_else(|error| panic!("{error}\n{svg}"));
        let count = |is: &dyn Fn(&roxmltree::Node<'_, '_>) -> bool| document.descendants().filter(is).count();
        assert_eq!(count(&|node| node.attribute("class") == Some("chain")), 4);
        assert_eq!(count(&|node| node.has_attribute(figure)), 4 * 5);
        let longest = document.descendants().find(|node| {
            (of_mark(node, "data-plugin"), of_mark(node, "data-workers"), of_mark(node, "data-length"))
                == (Some("go-sdk"), Some("2"), Some("8"))
        });
        let exact = if figure == "data-added-ns" { "326000" } else { "253755392" };
        assert_eq!(longest.unwrap().attribute(figure), Some(exact));
    }
}

#[test]
fn csv_has_a_line_for_every_chain() {
    let summary = summarize(&of(vec![story(scale())]));
    let rows: Vec<Vec<String>> = csv(&summary).lines().map(fields).collect();
    assert_eq!(rows.len(), 1 + 4 * 5);
    let at = |name: &str| rows[0].iter().position(|title| title == name).unwrap_or_else(|| panic!("no {name}"));
    let of = |row: &Vec<String>, names: &[&str]| names.iter().map(|name| row[at(name)].clone()).collect::<Vec<_>>();
    let row = rows.iter().find(|row| of(row, &["plugin", "workers", "chain_length"]) == ["go-sdk", "2", "8"]).unwrap();
    assert_eq!(of(row, &["phase", "host", "added_p50_ns", "vms"]), ["scale", "envoy", "326000", "32"]);
    assert_eq!(of(row, &["resident_after_bytes", "bytes_per_vm", "error"]), ["253755392", "6291456", ""]);
    let lua = rows.iter().find(|row| of(row, &["plugin", "workers", "chain_length"]) == ["lua", "1", "4"]).unwrap();
    assert_eq!(of(lua, &["vms", "bytes_per_vm", "load_rate_per_s"]), ["", "", ""], "not known is empty");
}

#[test]
fn hostile_names_show_as_text() {
    let scenarios = hostile_names().into_iter().map(|name| {
        let mut scale = scale();
        for chain in &mut scale.chains {
            (chain.plugin, chain.language) = (name.clone(), name.clone());
            chain.error = (chain.length == 2).then(|| Failure::plugin("proof", name.clone()));
        }
        scale
            .footprints
            .iter_mut()
            .for_each(|footprint| footprint.plugin = footprint.plugin.as_ref().map(|_| name.clone()));
        story(scale)
    });
    let record = of(scenarios.collect());
    let page = html(std::slice::from_ref(&record));
    assert!(!page.contains("<script>alert") && !page.contains('\u{1b}') && !page.contains('\u{202e}'));
    assert!(!shown(&record).contains('\u{1b}') && !markdown(&summarize(&record)).contains("<script>"));
    let (from, to) = (page.find("<main").unwrap(), page.find("</main>").unwrap());
    Document::parse(&page[from..to + 7]).unwrap_or_else(|error| panic!("{error}"));
}

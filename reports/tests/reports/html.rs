//! The HTML report: whole, closed to the network, safe with any name, and with the same figures as the summary.
//! The pages are also written to `target/tmp`, where a browser can open them.

use std::collections::{BTreeMap, BTreeSet};

use crate::response;
use crate::synthetic::{Make, record};
use roxmltree::{Document, Node};
use serde_json::Value;
use sha2::Digest as _;
use tollgate_record::{Control, Failure, PluginKind, Record};
use tollgate_reports::{charts, csv, html, json, places, summarize};

fn pages() -> Vec<(&'static str, Vec<Record>)> {
    let usual = record(&Make::default());
    let hostile = record(&Make { hostile: true, starts: 3, envoy: false, requests: 500, lines: true });
    let mut empty = record(&Make { requests: 5, ..Make::default() });
    empty.cells.clear();
    let response = response::both(&record(&Make { starts: 3, requests: 300, ..Make::default() }));
    let only_response = response::alone(&response);
    let over_time = |record: &Record| -> Vec<Record> {
        (0..5)
            .map(|run| Record { started_unix_ms: record.started_unix_ms + run * 3_600_000, ..record.clone() })
            .collect()
    };
    vec![
        ("report.html", vec![usual.clone()]),
        ("hostile.html", vec![hostile.clone()]),
        ("trend.html", over_time(&usual)),
        ("hostile-trend.html", over_time(&hostile)),
        ("two.html", vec![usual, hostile]),
        ("response.html", vec![response]),
        ("only-response.html", vec![only_response]),
        ("empty.html", vec![empty]),
        ("none.html", Vec::new()),
    ]
}

#[test]
fn every_page_is_whole_small_and_closed_to_the_network() {
    for (name, records) in pages() {
        let page = html(&records);
        let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, &page).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));

        assert!(page.starts_with("<!doctype html>") && page.contains("<html lang=\"en\">"), "{name}");
        // Names of 10,000 characters are in the data as often as they have a figure.
        // Several records, and one of both paths, are more than a default run.
        let most =
            if ["hostile-trend.html", "two.html", "response.html"].contains(&name) { 1_500_000 } else { 1_000_000 };
        assert!(page.len() < most, "{name} has {} bytes", page.len());
        assert!(page.contains("default-src 'none'"), "{name}");
        for loading in [" src=", "@import", "url(", "<iframe", "<object", "<img", "http-equiv=\"refresh"] {
            assert!(!page.contains(loading), "{name} has {loading}");
        }
        let unsafe_character = |c: char| c.is_control() && c != '\n' || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!page.contains(unsafe_character), "{name}");

        let main = main_of(&page);
        let document = Document::parse(&main).unwrap_or_else(|error| panic!("{name} is not well formed: {error}"));
        check_ids(name, &document);
        check_headings(name, &document);
        check_accessibility(name, &document);
    }
}

/// The part that we write, which is also XML; the head is the template's.
fn main_of(page: &str) -> String {
    let (start, end) = (page.find("<main").expect("a main"), page.find("</main>").expect("its end"));
    page[start..end + "</main>".len()].to_owned()
}

fn check_ids(name: &str, document: &Document<'_>) {
    let mut ids = BTreeSet::new();
    for id in document.descendants().filter_map(|node| node.attribute("id")) {
        assert!(ids.insert(id), "{name}: id {id} twice");
    }
    for node in document.descendants() {
        let refers = node.attribute("href").and_then(|href| href.strip_prefix('#')).into_iter();
        let labels = node.attribute("aria-labelledby").unwrap_or_default().split_whitespace();
        for id in refers.chain(labels) {
            assert!(ids.contains(id), "{name}: nothing has the id {id}");
        }
    }
}

fn check_headings(name: &str, document: &Document<'_>) {
    let levels: Vec<u32> =
        document.descendants().filter_map(|node| node.tag_name().name().strip_prefix('h')?.parse().ok()).collect();
    assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1, "{name}: one h1");
    assert_eq!(levels[0], 1, "{name}");
    for pair in levels.windows(2) {
        assert!(pair[1] <= pair[0] + 1, "{name}: heading {} after {}", pair[1], pair[0]);
    }
}

fn check_accessibility(name: &str, document: &Document<'_>) {
    for node in document.descendants() {
        let has = |child: &str| node.children().any(|node| node.has_tag_name(child));
        match node.tag_name().name() {
            "table" => {
                assert!(has("caption"), "{name}: a table without a caption");
                let columns = descendants(&node, "thead").flat_map(|head| descendants(&head, "th")).count();
                for row in descendants(&node, "tbody").flat_map(|body| descendants(&body, "tr")) {
                    let cells = row.children().filter(Node::is_element).count();
                    assert_eq!(cells, columns, "{name}: a row of another length");
                }
            }
            "svg" if node.attribute("role") == Some("img") => {
                let title = node.children().any(|child| child.tag_name().name() == "title");
                let desc = node.children().any(|child| child.tag_name().name() == "desc");
                assert!(title && desc, "{name}: a chart without title or description");
            }
            "th" => assert!(node.attribute("scope").is_some(), "{name}: a heading cell without a scope"),
            _ => {}
        }
    }
}

fn descendants<'a, 'i>(node: &Node<'a, 'i>, tag: &'static str) -> impl Iterator<Item = Node<'a, 'i>> + use<'a, 'i> {
    node.descendants().filter(move |node| node.has_tag_name(tag))
}

#[test]
fn the_report_has_all_its_parts() {
    let page = html(&[record(&Make::default())]);
    let parts = [
        "added",
        "parts",
        "distributions",
        "percentiles",
        "shift",
        "rounds",
        "article",
        "figures",
        "lifecycle",
        "load",
        "work",
    ];
    for id in parts.into_iter().chain(["failures", "method", "data"]) {
        assert!(page.contains(&format!("<section id=\"{id}\"")), "no section {id}");
    }
    let read = page.replace('\u{a0}', " ").replace("<span class=\"nowrap\">", "").replace("</span>", "");
    for text in
        ["On Envoy a plugin adds", "function env.abort not found", "tollgate run --gateway envoy --seed 42", "2.20 MiB"]
    {
        assert!(read.contains(text), "no {text}");
    }
    let method = &page[page.find("<section id=\"method\"").expect("the method")..];
    for said in
        ["a median of means", "a median of single differences", "untimed one", "a quarter", "a third", "fails closed"]
    {
        assert!(method.contains(said), "the method does not say {said}");
    }
    assert_eq!(
        page.matches("class=\"chart\"").count(),
        6 * 3 + 1 + 2 + 1,
        "bars, their parts, distributions, curves, shift and rounds per place, the article's, times and memory of lives, the load's"
    );
}

/// An attribute of a mark, or of the group of which it is one.
pub(crate) fn of_mark<'a>(mark: &Node<'a, '_>, name: &str) -> Option<&'a str> {
    mark.attribute(name).or_else(|| mark.parent_element()?.attribute(name))
}

#[test]
fn the_embedded_data_are_the_summary() {
    for (name, records) in pages() {
        let page = html(&records);
        // Of many records the newest only is shown in full.
        let shown = records.iter().enumerate().skip(if records.len() > 3 { records.len() - 1 } else { 0 });
        for (index, record) in shown {
            let prefix = if records.len() == 1 { String::new() } else { format!("run{}-", index + 1) };
            let saved = |file: &str, kind: &str| {
                let open = format!("<a download=\"{prefix}{file}\" href='data:{kind};charset=utf-8,");
                let start = page.find(&open).expect("the link") + open.len();
                let end = start + page[start..].find('\'').expect("its end");
                assert!(
                    !page[start..end].contains(['<', '>', '&']),
                    "{name}: nothing in the data can end or open a tag"
                );
                decoded(&page[start..end])
            };
            let embedded: Value = serde_json::from_str(&saved("summary.json", "application/json")).expect("it is JSON");
            let expected: Value = serde_json::from_str(&json(&summarize(record))).expect("it is JSON");
            assert!(embedded == expected, "{name}: the data differ from the summary");
            assert!(saved("summary.csv", "text/csv") == csv(&summarize(record)), "{name}: so do those in CSV");
        }
    }
}

/// What a browser makes of the data of an address.
fn decoded(url: &str) -> String {
    let mut parts = url.split('%');
    let mut bytes: Vec<u8> = parts.next().unwrap_or_default().into();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).expect("two digits"));
        bytes.extend(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn names_show_as_text_and_nothing_more() {
    let page = html(&[record(&Make { hostile: true, starts: 2, envoy: false, requests: 100, lines: true })]);
    assert!(!page.contains("<script>alert"), "no script of a name");
    assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)"), "but its text");
    assert!(page.contains("rtl\\u{202E}evil"), "direction marks are written out");
    let main = main_of(&page);
    let document = Document::parse(&main).expect("well formed");
    for node in document.descendants().filter(Node::is_element) {
        for attribute in node.attributes() {
            assert!(!attribute.name().starts_with("on"), "{} has a handler", node.tag_name().name());
            assert!(!attribute.value().starts_with("javascript:"));
        }
        assert!(!["script", "style", "iframe"].contains(&node.tag_name().name()));
    }
}

#[test]
fn the_charts_have_the_figures_of_the_summary() {
    for (name, records) in pages().into_iter().take(2) {
        let summary = summarize(&records[0]);
        let page = html(&records);
        let main = main_of(&page);
        let document = Document::parse(&main).expect("well formed");
        let mut drawn: BTreeMap<(String, String), [Option<f64>; 3]> = BTreeMap::new();
        for bar in document.descendants().filter(|node| node.attribute("class") == Some("bar")) {
            let key = (bar.attribute("data-host").expect("a host"), bar.attribute("data-plugin").expect("a plugin"));
            let figure = |name: &str| bar.attribute(name).map(|text| text.parse().expect("a number"));
            let figures = ["data-added-ns", "data-low-ns", "data-high-ns"].map(figure);
            assert!(drawn.insert((key.0.to_owned(), key.1.to_owned()), figures).is_none(), "{key:?} twice");
        }
        let mut expected = 0;
        for place in places(&summary) {
            for cell in place.rows.iter().map(|row| row.cell).chain(place.noise) {
                let Some(added) = cell.added_ns else { continue };
                let shown = |text: &str| {
                    let text: String = match text.chars().count() {
                        0..=200 => text.to_owned(),
                        _ => text.chars().take(199).chain(['…']).collect(),
                    };
                    let shown = text.replace('\u{202e}', "\\u{202E}").replace('\u{2066}', "\\u{2066}");
                    shown.replace('\u{1b}', "\\u{1B}").replace('\u{0}', "\\u{0}").replace('\u{7}', "\\u{7}")
                };
                let key = (cell.host.clone(), shown(&cell.plugin));
                assert_eq!(drawn.get(&key), Some(&[Some(added.p50), added.low, added.high]), "{name}: {key:?}");
                expected += 1;
            }
        }
        assert_eq!(drawn.len(), expected, "{name}: nothing else is drawn");
    }
}

#[test]
fn bars_are_as_long_as_their_figures() {
    let record = record(&Make { requests: 50, ..Make::default() });
    let summary = summarize(&record);
    for place in places(&summary) {
        let svg = charts::bars(&place, "bars").expect("figures");
        let document = Document::parse(&svg).expect("well formed");
        let bars: Vec<(f64, f64)> = document
            .descendants()
            .filter(|node| node.attribute("class") == Some("bar"))
            .map(|bar| {
                let number = |name: &str| bar.attribute(name).expect("there").parse::<f64>().expect("a number");
                (number("data-added-ns"), number("width"))
            })
            .collect();
        let (longest_ns, longest_px) = bars.iter().copied().fold((0.0, 0.0), |a, b| if b.0 > a.0 { b } else { a });
        for (ns, px) in bars {
            let exact = (ns / longest_ns * longest_px).max(1.0);
            assert!((px - exact).abs() <= 1.5, "{ns} ns is {px} px, not {exact}");
        }
        let file = charts::standalone(&svg);
        assert!(Document::parse(&file).is_ok() && file.contains("prefers-color-scheme"));
    }
}

/// The policy lets no script run but ours.
#[test]
fn the_policy_knows_our_script() {
    let page = html(&[]);
    let script = page.rsplit_once("<script>").expect("a script").1.split_once("</script>").expect("its end").0;
    let expected = format!("script-src 'sha256-{}'", base64(&sha2::Sha256::digest(script)));
    assert!(page.contains(&expected), "the script has changed; SCRIPT_DIGEST in html/mod.rs must be of {expected}");
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().chain([&0, &0]).take(3).fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        for at in 0..4 {
            let letter = char::from(LETTERS[(bits >> (18 - 6 * at) & 63) as usize]);
            text.push(if at <= chunk.len() { letter } else { '=' });
        }
    }
    text
}

/// What is asked over a network costs several times what any plugin inside costs: its bar must not flatten theirs.
#[test]
fn a_bar_that_is_far_beyond_the_others_has_a_gap() {
    for (factor, cut) in [(20, true), (1, false)] {
        let mut record = record(&Make { requests: 20, ..Make::default() });
        let like = |cell: &&tollgate_record::Cell| cell.id.host == "envoy" && cell.id.plugin == "rust-sdk";
        let mut cells: Vec<_> = record.cells.iter().filter(like).cloned().collect();
        for cell in &mut cells {
            (cell.id.plugin, cell.kind, cell.variant) = ("external".to_owned(), Some(PluginKind::External), None);
            for series in &mut cell.series {
                series.added_blocks_ns.iter_mut().for_each(|ns| *ns *= factor);
            }
        }
        record.cells.extend(cells);
        let summary = summarize(&record);
        let place = places(&summary).pop().expect("envoy");
        let svg = charts::bars(&place, "bars").expect("figures");
        assert_eq!(svg.contains("data-cut=\"true\""), cut, "{factor}");
        assert_eq!(svg.contains("class=\"bar-end\""), cut, "{factor}");
        let page = html(&[record]);
        assert_eq!(page.contains("The bar with a gap"), cut, "{factor}");
        let document = Document::parse(&svg).expect("well formed");
        let widest = |external: bool| {
            let bars = document.descendants().filter(|node| node.attribute("class") == Some("bar"));
            let of = bars.filter(|bar| (bar.attribute("data-plugin") == Some("external")) == external);
            of.map(|bar| bar.attribute("width").unwrap().parse::<f64>().unwrap()).fold(0.0, f64::max)
        };
        assert!(!cut || widest(true) > widest(false), "{factor}");
        assert!(widest(false) > 100.0, "the others keep their room: {}", widest(false));
    }
}

#[test]
fn the_noise_is_spoken_of_where_it_can_be_seen() {
    for (noise_us, visible) in [(0.02, false), (3.0, true)] {
        let mut noisy = record(&Make { requests: 20, ..Make::default() });
        for cell in noisy.cells.iter_mut().filter(|cell| cell.control == Some(Control::APrime)) {
            for series in &mut cell.series {
                let ns = noise_us * 1e3 * series.requests_per_sample as f64;
                series.added_blocks_ns = vec![if series.start % 2 == 0 { ns as i64 } else { -ns as i64 }];
            }
        }
        let summary = summarize(&noisy);
        let place = places(&summary).pop().expect("envoy");
        let svg = charts::bars(&place, "bars").expect("figures");
        assert_eq!(svg.contains("class=\"noise\""), visible, "{noise_us} µs");
        let page = html(&[noisy]);
        let envoy = &page[..page.find("id=\"bars1\"").expect("the next chart")];
        assert_eq!(envoy.contains("grey band"), visible, "{noise_us} µs");
    }
}

#[test]
fn calls_that_mean_the_same_share_a_column() {
    let mut record = record(&Make { requests: 20, ..Make::default() });
    let names = |prefix: &str, suffix: &str| {
        ["replace", "get", "remove"].map(|call| (format!("{prefix}{call}{suffix}"), 20)).into_iter().collect()
    };
    for cell in record.cells.iter_mut().filter(|cell| cell.id.workload == "headers") {
        let Some(counters) = cell.counters.as_mut() else { continue };
        counters.host_calls = match cell.kind {
            Some(PluginKind::Native) => names("", ""),
            Some(PluginKind::Lua) => names("headers:", ""),
            _ => names("proxy_", "_header_map_value"),
        };
        if cell.id.plugin == "go-sdk" {
            let others = ["proxy_log", "proxy_get_property", "proxy_set_property", "proxy_define_metric"];
            counters.host_calls.extend(others.map(|name| (name.to_owned(), 3)));
        }
    }
    let main = main_of(&html(&[record]));
    let document = Document::parse(&main).expect("well formed");
    let work = document.descendants().find(|node| node.attribute("id") == Some("work")).expect("the section");
    let text = |node: Node<'_, '_>| {
        node.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect::<String>()
    };
    let table = descendants(&work, "table").next().expect("a table");
    let head: Vec<String> =
        descendants(&table, "thead").flat_map(|head| descendants(&head, "th").map(text).collect::<Vec<_>>()).collect();
    assert_eq!(head[3..6], ["replace", "get", "remove"], "{head:?}");
    assert_eq!(head[6..9], ["proxy_define_metric", "proxy_get_property", "2 others"], "{head:?}");
    for row in descendants(&table, "tbody").flat_map(|body| descendants(&body, "tr").collect::<Vec<_>>()) {
        let cells: Vec<String> = row.children().filter(Node::is_element).map(text).collect();
        assert_eq!(cells[3..6], ["20", "20", "20"], "{cells:?}");
        let total: u64 = cells[3..9].iter().map(|cell| cell.parse::<u64>().expect("a number")).sum();
        assert_eq!(cells[2], total.to_string(), "the columns add up: {cells:?}");
    }
}

/// One script in several Luas is in one place, and every row says which it is.
#[test]
fn rows_of_one_plugin_on_several_hosts_have_their_hosts() {
    let mut record = record(&Make { requests: 200, envoy: false, ..Make::default() });
    let like = |cell: &&tollgate_record::Cell| cell.id.host == "luajit";
    let mut others: Vec<_> = record.cells.iter().filter(like).cloned().collect();
    others.iter_mut().for_each(|cell| cell.id.host = "lua54".to_owned());
    assert!(!others.is_empty());
    record.cells.extend(others);
    let main = main_of(&html(&[record]));
    let document = Document::parse(&main).expect("well formed");
    for section in ["added", "distributions", "percentiles", "shift", "rounds", "parts"] {
        let section = document.descendants().find(|node| node.attribute("id") == Some(section)).expect(section);
        let heads: Vec<&str> = descendants(&section, "th").filter_map(|head| head.last_child()?.text()).collect();
        for row in ["lua, luajit", "lua, lua54"] {
            assert!(heads.contains(&row), "no {row} in {heads:?}");
        }
    }
}

#[test]
fn a_place_without_a_figure_has_no_chart() {
    let mut failed = record(&Make { requests: 20, ..Make::default() });
    for cell in failed.cells.iter_mut().filter(|cell| cell.id.host == "envoy" && cell.control.is_none()) {
        cell.error = Some(Failure::environment("start", "the gateway went away; start it again"));
    }
    failed.loads.clear();
    let page = html(&[failed]);
    assert_eq!(page.matches("class=\"chart\"").count(), 6 * 2 + 1 + 2, "none for Envoy");
    assert!(page.contains("No plugin gave a figure here"));
    assert!(Document::parse(&main_of(&page)).is_ok());
}

/// On a phone a chart is shown at 360 pixels: all text must stand within it, and be 11 pixels high at least.
#[test]
fn charts_are_for_phones_too() {
    for (name, records) in pages().into_iter().take(5) {
        let page = html(&records);
        let main = main_of(&page);
        let document = Document::parse(&main).expect("well formed");
        for svg in document.descendants().filter(|node| node.attribute("class") == Some("chart")) {
            let size: Vec<f64> =
                svg.attribute("viewBox").expect("a size").split(' ').map(|n| n.parse().expect("a number")).collect();
            for text in descendants(&svg, "text") {
                let number = |name: &str| text.attribute(name).expect("there").parse::<f64>().expect("a number");
                let length = text.text().unwrap_or_default().chars().count() as f64 * 7.8;
                let (left, right) = match text.attribute("text-anchor") {
                    Some("end") => (number("x") - length, number("x")),
                    Some("middle") => (number("x") - length / 2.0, number("x") + length / 2.0),
                    _ => (number("x"), number("x") + length),
                };
                assert!(left >= 0.0 && right <= size[2], "{name}: {text:?} is cut");
                assert!((0.0..size[3]).contains(&number("y")), "{name}: {text:?} is outside");
                let size_of_text: f64 =
                    svg.attribute("font-size").expect("all text has one").parse().expect("a number");
                assert!(
                    text.attribute("font-size").is_none() && size_of_text * 360.0 / size[2] > 10.9,
                    "{name}: {text:?} is too small"
                );
            }
        }
    }
}

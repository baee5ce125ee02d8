//! Reports in a real browser: at the widths of a phone, a desk and a wall, light and dark, nothing to complain of, nothing cut,
//! nothing asked of the network, accessible, and each chart with the figures of its record. Where Chromium or axe-core is
//! missing the tests say so; `.ci/run` installs both and allows no skip.

mod chromium;
mod marks;
mod scenario_marks;
#[path = "../reports/synthetic.rs"]
mod synthetic;

use std::path::{Path, PathBuf};

use serde_json::Value;
use tollgate_record::Record;
use tollgate_reports::html;

use synthetic::{Make, record};

const WIDTHS: [u32; 3] = [400, 1280, 1920];

/// Where axe-core is after `npm ci --prefix reports/tests/browser`.
fn axe() -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/node_modules/axe-core/axe.min.js");
    match std::fs::read_to_string(&path) {
        // So that it cannot end the element that it stands in.
        Ok(source) => Some(source.replace("</script", "<\\/script")),
        Err(error) => {
            let required = std::env::var_os("TOLLGATE_REQUIRE_BROWSER").is_some();
            assert!(!required, "TOLLGATE_REQUIRE_BROWSER is set and {} cannot be read: {error}", path.display());
            eprintln!("\n*** NOT TESTED by axe-core: get it with `npm ci --prefix reports/tests/browser`\n");
            None
        }
    }
}

/// The report of some records that runs our probe: its policy, which lets only the page's own script run, is not that of the copy.
fn probed(page: &str, axe: Option<&str>) -> String {
    let page = with_scripts(page, "'unsafe-inline'");
    let scripts =
        format!("<script>{}</script><script>{}</script></body>", axe.unwrap_or_default(), include_str!("probe.js"));
    let (before, after) = page.rsplit_once("</body>").expect("a body");
    format!("{before}{scripts}{after}")
}

/// The page under a policy that lets such scripts run.
fn with_scripts(page: &str, which: &str) -> String {
    let (before, after) = page.split_once("script-src '").expect("the page has a policy");
    let (_, after) = after.split_once('\'').expect("its digest ends");
    format!("{before}script-src {which}{after}")
}

/// What the probe saw; none without a browser.
fn look(page: &str, axe: Option<&str>, width: u32, dark: bool) -> Option<Value> {
    let folder = tempfile::tempdir().unwrap();
    let file = framed(folder.path(), &probed(page, axe), width, 2_400);
    let opened = chromium::open(&file, &folder.path().join("profile"), &flags(width, dark))?;
    let begin =
        opened.dom.find("<pre id=\"probe\">").unwrap_or_else(|| panic!("the probe did not end:\n{}", opened.log));
    let seen = &opened.dom[begin + "<pre id=\"probe\">".len()..];
    let seen: Value = serde_json::from_str(&seen[..seen.find("</pre>").expect("its end")]).expect("JSON");
    assert!(!opened.log.contains("CONSOLE"), "the console is not empty:\n{}", opened.log);
    Some(seen)
}

/// The page in a frame of that size, in a folder: the file to open.
fn framed(folder: &Path, page: &str, width: u32, height: u32) -> PathBuf {
    let frame = include_str!("frame.html").replace("{{width}}", &width.to_string());
    let file = folder.join("frame.html");
    std::fs::write(folder.join("page.html"), page).unwrap();
    std::fs::write(&file, frame.replace("{{height}}", &height.to_string())).unwrap();
    file
}

fn flags(width: u32, dark: bool) -> Vec<String> {
    vec![
        format!("--window-size={width},2400"),
        format!("--blink-settings=preferredColorScheme={}", u8::from(!dark)),
        // Time goes on only while the page has something to do, and the DOM is read when it has no more.
        "--virtual-time-budget=120000".to_owned(),
    ]
}

fn several() -> Vec<Record> {
    let make = Make { requests: 100, ..Make::default() };
    let one = record(&make);
    let later = |days: u64| {
        let mut later = one.clone();
        later.started_unix_ms += days * 86_400_000;
        for series in later.cells.iter_mut().flat_map(|cell| &mut cell.series) {
            series.added_blocks_ns.iter_mut().for_each(|ns| *ns += *ns * days as i64 / 40);
        }
        later
    };
    (0..5).map(|run| later(run * 3)).collect()
}

fn check(name: &str, page: &str, axe: Option<&str>, width: u32, dark: bool) -> bool {
    let Some(seen) = look(page, axe, width, dark) else { return false };
    let at = format!("{name} at {width} px{}", if dark { ", dark" } else { "" });
    assert_eq!(seen["width"], width, "{at}: the window has that width");
    assert_eq!(seen["dark"], dark, "{at}");
    let none = |what: &str| assert_eq!(seen[what], serde_json::json!([]), "{at}: {what}");
    assert_eq!(seen["overflow"], 0, "{at}: it scrolls sideways");
    for what in ["requests", "cut", "collisions"] {
        none(what);
    }
    if axe.is_some() {
        none("violations");
    }
    true
}

#[test]
fn the_report_is_right_at_every_width_light_and_dark() {
    let axe = axe();
    let page = html(&[record(&Make { lines: true, ..Make::default() })]);
    for width in WIDTHS {
        for dark in [false, true] {
            check("report", &page, axe.as_deref(), width, dark);
        }
    }
}

#[test]
fn so_are_hostile_names_and_several_records() {
    let axe = axe();
    let hostile = record(&Make { hostile: true, starts: 3, envoy: false, requests: 500, lines: true });
    let several = several();
    let pages = [
        ("hostile", html(std::slice::from_ref(&hostile))),
        ("two", html(&[several[0].clone(), hostile])),
        ("trend", html(&several)),
        ("none", html(&[])),
    ];
    for (name, page) in &pages {
        for (width, dark) in [(400, false), (1280, true)] {
            check(name, page, axe.as_deref(), width, dark);
        }
    }
}

/// A check that finds nothing must be able to find something.
#[test]
fn what_is_wrong_is_seen() {
    let axe = axe();
    let page =
        html(&[]).replace("<html lang=\"en\">", "<html>").replace("<main", "<p class=\"nowrap\">{{wide}}</p><main");
    let page = page.replace("{{wide}}", &"wide ".repeat(200));
    let Some(seen) = look(&page, axe.as_deref(), 400, false) else { return };
    assert!(seen["overflow"].as_i64() > Some(100), "{seen}");
    if axe.is_some() {
        assert!(seen["violations"].to_string().contains("html-has-lang"), "{seen}");
    }
}

#[test]
fn every_mark_of_a_chart_has_its_records_figure() {
    let records = several();
    let one = record(&Make { lines: true, ..Make::default() });
    for (name, records) in [("one", std::slice::from_ref(&one)), ("several", &records[..])] {
        let Some(seen) = look(&html(records), None, 1280, false) else { return };
        marks::check(name, seen["marks"].as_array().expect("marks"), records);
    }
}

/// Measured ones, of scenarios above all, of which the synthetic record has none.
#[test]
fn so_have_the_marks_of_real_records() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/records");
    for name in ["run", "reload", "failure", "scale"] {
        let record = Record::read(&folder.join(format!("{name}.json.gz"))).expect("a record");
        let page = html(std::slice::from_ref(&record));
        let Some(seen) = look(&page, None, 1280, false) else { return };
        marks::check(name, seen["marks"].as_array().expect("marks"), std::slice::from_ref(&record));
    }
}

/// At the narrowest, where there is least room.
#[test]
fn the_reports_of_scenarios_are_right_too() {
    let axe = axe();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/records");
    for name in ["reload", "failure", "scale"] {
        let page = html(&[Record::read(&folder.join(format!("{name}.json.gz"))).expect("a record")]);
        for (width, dark) in [(400, true), (1280, false)] {
            check(name, &page, axe.as_deref(), width, dark);
        }
    }
}

#[test]
fn it_is_complete_without_a_script() {
    let page = html(&[record(&Make { requests: 500, ..Make::default() })]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    std::fs::write(&file, with_scripts(&page, "'none'")).unwrap();
    let Some(opened) = chromium::open(&file, &folder.path().join("profile"), &[]) else { return };
    assert!(!opened.dom.contains("class=\"sort\""), "no script ran");
    for what in ["<svg", "<table", "<tr", "download=\"", "<details"] {
        assert_eq!(opened.dom.matches(what).count(), page.matches(what).count(), "{what}");
    }
}

/// For people to look at, in `$TOLLGATE_SCREENSHOTS` (a record of their own with `$TOLLGATE_SCREENSHOT_OF`).
#[test]
#[ignore = "writes pictures: run it with TOLLGATE_SCREENSHOTS=DIR --ignored"]
fn pictures() {
    let to = std::env::var_os("TOLLGATE_SCREENSHOTS").map(PathBuf::from).expect("TOLLGATE_SCREENSHOTS is a folder");
    let records = match std::env::var_os("TOLLGATE_SCREENSHOT_OF") {
        Some(path) => std::env::split_paths(&path).map(|path| Record::read(&path).unwrap()).collect(),
        None => vec![record(&Make { lines: true, ..Make::default() })],
    };
    let height = std::env::var("TOLLGATE_SCREENSHOT_HEIGHT").map_or(2_400, |height| height.parse().expect("pixels"));
    let folder = tempfile::tempdir().unwrap();
    let page = html(&records);
    for width in WIDTHS {
        for dark in [false, true] {
            let file = framed(folder.path(), &page, width, height);
            let picture = to.join(format!("report-{width}-{}.png", if dark { "dark" } else { "light" }));
            let mut flags = flags(width, dark);
            flags[0] = format!("--window-size={width},{height}");
            chromium::picture(&file, &folder.path().join("profile"), &flags, &picture);
        }
    }
}

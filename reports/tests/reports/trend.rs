//! Several records: in the order of time, with what changed beyond intervals, and safe with any name.

use serde_json::Value;
use tollgate_record::{Record, Series};
use tollgate_reports::{html, places, summarize, trends};

use crate::synthetic::{Make, record};

const DAY_MS: u64 = 86_400_000;

/// A record so many days later, in which one plugin adds so much of what it added.
fn later(one: &Record, days: u64, plugin: &str, percent: i64) -> Record {
    let mut later = one.clone();
    later.started_unix_ms += days * DAY_MS;
    for cell in later.cells.iter_mut().filter(|cell| cell.id.plugin == plugin) {
        for series in &mut cell.series {
            let added = series.added_blocks_ns.iter().map(|ns| ns * percent / 100).collect();
            *series = Series { added_blocks_ns: added, ..series.clone() };
        }
    }
    later
}

fn one() -> Record {
    record(&Make { requests: 50, ..Make::default() })
}

#[test]
fn points_are_in_the_order_of_time_whatever_the_order_of_records() {
    let one = one();
    let records = [later(&one, 9, "go-sdk", 130), one.clone(), later(&one, 4, "go-sdk", 110)];
    let summaries: Vec<_> = records.iter().map(summarize).collect();
    let trends = trends(&summaries);
    assert!(trends.len() > 40);
    for trend in &trends {
        let times: Vec<u64> = trend.points.iter().map(|point| point.started_unix_ms - one.started_unix_ms).collect();
        assert_eq!(times, [0, 4 * DAY_MS, 9 * DAY_MS], "{trend:?}");
        let change = trend.change();
        match trend.plugin.as_str() {
            "go-sdk" => assert!((change.expect("beyond its interval") - 0.3).abs() < 1e-4, "{trend:?}"),
            _ => assert_eq!(change, None, "{trend:?}"),
        }
    }
}

#[test]
fn the_page_says_what_changed_and_by_how_much() {
    let one = one();
    let records =
        [one.clone(), later(&one, 4, "go-sdk", 110), later(&one, 5, "go-sdk", 120), later(&one, 9, "go-sdk", 130)];
    let page = html(&records);
    assert!(page.contains("4 runs over time"));
    assert!(
        page.contains(
            "6 rose and 0 fell from their oldest to their newest by more than their intervals; most, go-sdk on"
        ),
        "three places, two workloads"
    );
    assert!(page.contains("by +30.00 %"));
    // The newest in full, the others as points.
    assert!(page.contains("id=\"run4-added\"") && !page.contains("id=\"run1-added\""));
    let same = html(&[one.clone(), later(&one, 1, "go-sdk", 100)]);
    assert!(same.contains("none went from its oldest to its newest"));
}

#[test]
fn two_records_have_a_verdict_for_each_cell() {
    let one = one();
    let page = html(&[one.clone(), later(&one, 1, "go-sdk", 130)]);
    let start = page.find("<section id=\"compare\"").expect("a comparison");
    let section = &page[start..start + page[start..].find("</section>").expect("its end")];
    let rows: Vec<&str> = section.split("<tr").filter(|row| row.contains("scope=\"row\"")).collect();
    let with =
        |verdict: &str| rows.iter().filter(|row| row.contains(&format!("<td class=\"t\">{verdict}</td>"))).count();
    let regressed = |row: &&&str| row.contains("<td class=\"t\">regression</td>") && row.contains("go-sdk");
    assert_eq!(with("regression"), rows.iter().filter(regressed).count());
    assert!(with("regression") >= 3 && with("equivalent") > 20, "{} and {}", with("regression"), with("equivalent"));
    assert!(page.contains("Run 2 (head) against run 1 (base): comparison of records: "));
}

#[test]
fn fifty_records_are_one_small_page() {
    let one = one();
    let records: Vec<Record> = (0..50).map(|run| later(&one, run, "lua", 100 + run as i64)).collect();
    let page = html(&records);
    // The newest run is half of it, what is over time the other.
    assert!(page.len() < 2_500_000, "{} bytes", page.len());
}

#[test]
fn the_downloads_are_all_points_and_hold_no_formula() {
    let hostile = record(&Make { hostile: true, starts: 3, envoy: false, requests: 20, lines: false });
    let records = [hostile.clone(), later(&hostile, 2, "none", 100)];
    let page = html(&records);
    let file = |name: &str| {
        let start = page.find(&format!("download=\"{name}\" href='")).expect("a download");
        let data = &page[start..start + page[start..].find("'>").expect("its end")];
        let encoded = data.split_once("utf-8,").expect("data").1;
        decode(encoded)
    };
    let points: usize =
        trends(&records.iter().map(summarize).collect::<Vec<_>>()).iter().map(|trend| trend.points.len()).sum();
    let csv = file("trend.csv");
    assert_eq!(csv.lines().count(), 1 + points);
    for line in csv.lines() {
        assert!(
            !line.contains(",=") && !line.contains(",@") && !line.contains(",\"=") && !line.contains(",+"),
            "{line}"
        );
        assert!(!line.contains('\u{202e}') && !line.contains('\u{1b}'));
    }
    let json: Value = serde_json::from_str(&file("trend.json")).expect("JSON");
    let in_json: usize =
        json.as_array().expect("trends").iter().map(|trend| trend["points"].as_array().unwrap().len()).sum();
    assert_eq!(in_json, points);
}

fn decode(encoded: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = encoded.as_bytes();
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16).expect("hex") as u8;
                bytes.push(digit(high) * 16 + digit(low));
                rest = tail;
            }
            (byte, tail) => {
                bytes.push(*byte);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn the_same_script_in_several_luas_has_a_name_for_each() {
    let mut record = one();
    for host in ["lua54", "luau"] {
        let twins: Vec<_> = record.cells.iter().filter(|cell| cell.id.host == "luajit").cloned().collect();
        record.cells.extend(twins.into_iter().map(|mut cell| {
            cell.id.host = host.to_owned();
            cell
        }));
    }
    let summary = summarize(&record);
    assert_eq!(places(&summary).first().expect("in process").hosts.len(), 5);
    let page = html(&[record]);
    for name in ["Lua, luajit", "Lua, lua54", "Lua, luau"] {
        assert!(page.contains(&format!(">{name}</text>")), "{name}");
    }
}

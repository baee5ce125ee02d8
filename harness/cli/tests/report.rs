//! `tollgate report` of a folder: what runs leave in it, over time.

mod support;

use support::{run, status, stderr, tollgate};
use tollgate_record::Record;

#[test]
fn a_folder_is_all_records_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let out = runs.join("first");
    let args = ["run", "--plugin", "boundary", "--only", "in-process", "--time", "quick", "--workload", "noop"];
    let output = tollgate().args(args).args(["--quiet", "--out"]).arg(&out).output().unwrap();
    assert_eq!(status(&output), 0, "{}", stderr(&output));

    let record = Record::read(&out.join("record.json")).unwrap();
    for run in 1..=4 {
        let later = Record { started_unix_ms: record.started_unix_ms + run * 86_400_000, ..record.clone() };
        later.write(&runs.join(format!("later-{run}.json"))).unwrap();
    }
    // Besides records there are other files.
    std::fs::write(runs.join("gate.json"), "{\"schema\":\"tollgate/gate/1\"}").unwrap();
    std::fs::write(runs.join("half.json"), "{\"schema\":\"tollgate/rec").unwrap();
    std::fs::write(runs.join("notes.txt"), "nothing").unwrap();

    let page = folder.path().join("trend.html");
    let output = run(&["report", runs.to_str().unwrap(), "--out", page.to_str().unwrap()]);
    let said = stderr(&output);
    assert_eq!(status(&output), 0, "{said}");
    assert!(
        said.contains("gate.json: another kind of file") && said.contains("skipped") && said.contains("half.json"),
        "{said}"
    );
    assert!(!said.contains("notes.txt"), "{said}");
    let page = std::fs::read_to_string(&page).unwrap();
    assert!(page.contains("5 runs over time") && page.contains("id=\"trend0\""));
    assert_eq!(page.matches("class=\"record\"").count(), 1, "the newest in full");

    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let output = run(&["report", empty.to_str().unwrap(), "--out", folder.path().join("no.html").to_str().unwrap()]);
    assert!(status(&output) == 2 && stderr(&output).contains("tollgate run --out"), "{}", stderr(&output));
    assert!(!folder.path().join("no.html").exists());
}

#[test]
fn a_page_gets_the_table_and_the_chart_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("reference");
    let args = ["run", "--plugin", "boundary", "--only", "in-process", "--time", "quick", "--workload", "headers"];
    let output = tollgate().args(args).args(["--quiet", "--out"]).arg(&out).output().unwrap();
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let [record, page, chart] = [out.join("record.json"), folder.path().join("README.md"), out.join("answer.svg")]
        .map(|path| path.display().to_string());
    std::fs::write(&page, "before\n<!-- tollgate:begin -->\nold\n<!-- tollgate:end -->\nafter\n").unwrap();
    let splice = |chart: &str| run(&["report", &record, "--splice", &page, "--chart", chart]);
    assert_eq!(status(&splice(&chart)), 0, "{}", stderr(&splice(&chart)));
    let text = std::fs::read_to_string(&page).unwrap();
    assert!(text.starts_with("before\n") && text.ends_with("after\n") && !text.contains("old\n"), "{text}");
    assert!(text.contains("](reference/answer.svg)") && text.contains("| boundary |"), "{text}");
    let svg = std::fs::read_to_string(&chart).unwrap();
    assert!(svg.contains("data-added-ns") && svg.contains("prefers-color-scheme"));

    let elsewhere = splice("/tmp/elsewhere.svg");
    assert!(status(&elsewhere) == 2 && stderr(&elsewhere).contains("below the folder"), "{}", stderr(&elsewhere));
    let two = run(&["report", &record, &record, "--splice", &page, "--chart", &chart]);
    assert!(status(&two) == 2 && stderr(&two).contains("one record"), "{}", stderr(&two));
}

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
    assert!(page.contains("5 runs side by side") && page.contains("id=\"trend0\""));
    assert_eq!(page.matches("class=\"record\"").count(), 1, "the newest in full");

    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let output = run(&["report", empty.to_str().unwrap(), "--out", folder.path().join("no.html").to_str().unwrap()]);
    assert!(status(&output) == 2 && stderr(&output).contains("tollgate run --out"), "{}", stderr(&output));
    assert!(!folder.path().join("no.html").exists());
}

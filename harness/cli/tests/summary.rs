//! `tollgate summary` of records of each kind.

mod support;

use std::path::{Path, PathBuf};

use support::{run, status, stderr, stdout};

fn records() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/records")
}

#[test]
fn a_record_of_any_kind_is_shown_as_its_snapshot_says() {
    let mut shown = 0;
    for entry in std::fs::read_dir(records()).unwrap().flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "gz") {
            continue;
        }
        let snapshot = std::fs::read_to_string(path.with_extension("").with_extension("txt")).unwrap();
        let output = run(&["summary", path.to_str().unwrap()]);
        assert_eq!(status(&output), 0, "{}: {}", path.display(), stderr(&output));
        assert_eq!(stdout(&output).trim_end(), snapshot.trim_end(), "{}", path.display());
        shown += 1;
    }
    assert!(shown >= 6, "a run, two scenarios, two gates, a proof: {shown}");
}

#[test]
fn a_record_of_another_kind_is_called_what_it_is() {
    let of = |name: &str| records().join(format!("{name}.json.gz")).display().to_string();
    let output = run(&["compare", &of("run"), &of("proof")]);
    assert_eq!(status(&output), 2, "{}", stderr(&output));
    let said = stderr(&output);
    assert!(said.contains("proof.json.gz is a proof, and the record of a run is wanted here"), "{said}");
    let output = run(&["gate", "in-process", "--record", &of("run")]);
    assert!(status(&output) == 2 && stderr(&output).contains("is the record of a run"), "{}", stderr(&output));
    let output = run(&["report", &of("gate-in-process")]);
    assert!(status(&output) == 2 && stderr(&output).contains("tollgate summary"), "{}", stderr(&output));
    let output = run(&["summary", &of("proof"), "--format", "csv"]);
    assert!(status(&output) == 2 && stderr(&output).contains("`markdown`"), "{}", stderr(&output));
}

#[test]
fn what_is_no_record_is_said_with_what_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let readme = folder.path().join("README.md");
    std::fs::write(&readme, "# no record").unwrap();
    let gone = folder.path().join("gone.json");
    for (path, said) in [
        (readme.as_path(), "is not a Tollgate record"),
        (folder.path(), "it is a folder: name a file in it"),
        (&gone, "check the path"),
    ] {
        let output = run(&["summary", path.to_str().unwrap()]);
        assert_eq!(status(&output), 2, "{}", stderr(&output));
        assert!(stderr(&output).contains(said), "{said}: {}", stderr(&output));
    }
}

#[test]
fn a_record_of_a_later_version_is_left_to_that() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("record.json", r#"{"schema":"tollgate/record/9","cells":{}}"#),
        ("prove.json", r#"{"schema":"tollgate/prove/9"}"#),
        ("other.json", r#"{"schema":"somebody/else"}"#),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let output = run(&["summary", path.to_str().unwrap()]);
        assert_eq!(status(&output), 2, "{name}: {}", stderr(&output));
        assert!(stderr(&output).contains("use the version of tollgate that wrote it"), "{}", stderr(&output));
    }
}

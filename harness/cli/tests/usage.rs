//! What the program says before it measures anything.

mod support;

use support::{run, status, stderr, stdout};

#[test]
fn wrong_names_exit_2_and_name_the_nearest() {
    for (args, hint) in [
        (&["run", "--plugin", "rust-sdx"][..], "did you mean `rust-sdk`?"),
        (&["run", "--host", "wasmtim"], "did you mean `wasmtime`?"),
        (&["run", "--gateway", "envoi"], "did you mean `envoy`?"),
        (&["verify", "--workload", "header"], "did you mean `headers`?"),
        (&["run", "--skip", "luajitt"], "did you mean `luajit`?"),
        (&["scenario", "reload", "--plugin", "rust-sdx"], "did you mean `rust-sdk`?"),
        (&["gate", "live", "--base", "lau", "--head", "lua"], "did you mean `lua`?"),
        (&["gate", "in-process", "--base", "lua", "--head", "lau"], "did you mean `lua`?"),
        (&["inspect", "go-rwa"], "did you mean `go-raw`?"),
        (&["rum"], "similar subcommands exist: 'run'"),
        (&["run", "--gatway", "envoy"], "similar argument exists: '--gateway'"),
        (&["run", "--plugin", "./none.wasm"], "none.wasm"),
        (&["run", "--plugin", "lua", "--config", "./none.json"], "given by path"),
        (&["run", "--base-port", "0"], "base-port"),
        (&["run", "--plugin", "lua", "--request", "./none.http"], "none.http"),
        (&["run", "--time", "ages"], "quick"),
        (&["summary", "none.json"], "check the path"),
        (&["run", "--plugin", "native", "--skip", "native"], "nothing is left"),
        (&["run", "--soak", "60s", "--only", "live"], "nothing to soak"),
        (&["run", "--placement", "two-cores", "--only", "in-process"], "--placement"),
        (&["run", "--placement", "anywhere"], "two-cores"),
    ] {
        let output = run(args);
        assert_eq!(status(&output), 2, "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(hint), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn alone_it_says_what_to_do_first() {
    let output = run(&[]);
    assert_eq!(status(&output), 0);
    assert!(stdout(&output).contains("tollgate run"));
}

#[test]
fn the_list_names_everything_there_is() {
    let output = run(&["list"]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    // Lines are broken where the terminal ends.
    let text = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    for plugin in tollgate_fixtures::plugins() {
        assert!(text.contains(&plugin.name), "{} is missing: {text}", plugin.name);
    }
    for name in tollgate_hosts::HOSTS.iter().map(|host| host.name()) {
        assert!(text.contains(name), "{name} is missing: {text}");
    }
    for (name, way) in tollgate_hosts::ABSENT_HOSTS {
        assert!(text.contains(name) && text.contains(way), "{name} is missing: {text}");
    }
    for name in tollgate_gateways::GATEWAYS.iter().map(|gateway| gateway.name()) {
        assert!(text.contains(name), "{name} is missing: {text}");
    }
}

#[test]
fn the_list_fits_and_is_one_object_as_json() {
    let output = run(&["list"]);
    // Only a command may be longer, which is never broken.
    let broken = |line: &&str| line.chars().count() > 80 && line.trim_start().contains(' ') && !line.contains('`');
    assert_eq!(stdout(&output).lines().find(broken), None);
    let output = run(&["list", "--format", "json"]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let list: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("it is JSON");
    let names = |part: &str| -> Vec<String> {
        let rows = list[part].as_array().unwrap_or_else(|| panic!("no {part}: {list}"));
        rows.iter().map(|row| row["name"].as_str().expect("a row has a name").to_owned()).collect()
    };
    let plugins: Vec<String> = tollgate_fixtures::plugins().iter().map(|plugin| plugin.name.clone()).collect();
    assert_eq!(names("plugins"), plugins);
    assert!(names("gateways").contains(&"envoy".to_owned()));
    for looked_at in ["cores", "pinning", "governor", "clock", "load", "memory", "neighbours"] {
        assert!(names("machine").contains(&looked_at.to_owned()), "{looked_at}: {list}");
    }
    // What is missing says why, and nothing else does.
    let places = ["hosts", "gateways"].into_iter().flat_map(|part| list[part].as_array().into_iter().flatten());
    for place in places {
        assert_ne!(place["version"].is_null(), place["missing"].is_null(), "{place}");
    }
}

#[test]
fn shells_get_completions_of_what_people_type() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = run(&["completions", shell]);
        assert_eq!(status(&output), 0, "{shell}: {}", stderr(&output));
        let text = stdout(&output);
        for word in ["in-process", "scenario", "load-rate", "settings"] {
            assert!(text.contains(word), "{shell}: no {word}");
        }
        assert!(!text.contains("ext-proc"), "{shell}: shows what only we call");
    }
    let script = stdout(&run(&["completions", "bash"]));
    let read = std::process::Command::new("bash").args(["-n", "-c", &script]).output().expect("there is a bash");
    assert!(read.status.success(), "{}", stderr(&read));
    let output = run(&["completions", "bsh"]);
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("bash"), "{}", stderr(&output));
}

#[test]
fn every_verb_has_a_page() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("man1");
    let output = run(&["man", "--out", path.to_str().expect("it is text")]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    for page in
        ["tollgate", "tollgate-run", "tollgate-list", "tollgate-gate", "tollgate-gate-live", "tollgate-scenario-scale"]
    {
        let text =
            std::fs::read_to_string(path.join(format!("{page}.1"))).unwrap_or_else(|error| panic!("{page}: {error}"));
        let verb: Vec<&str> = page.split('-').skip(1).collect();
        let printed = run(&[&["man"], &verb[..]].concat());
        assert_eq!(stdout(&printed).trim_end(), text.trim_end(), "{page}");
        for section in ["NAME", "SYNOPSIS", "OPTIONS"] {
            assert!(text.contains(&format!(".SH {section}")), "{page}: no {section}");
        }
    }
    let pages = std::fs::read_dir(&path).expect("it is there").flatten().map(|entry| entry.file_name());
    assert!(pages.into_iter().all(|page| !page.to_string_lossy().contains("worker")));
    let output = run(&["man", "gaet"]);
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("did you mean `gate`?"), "{}", stderr(&output));
}

#[test]
fn settings_are_taken_as_if_they_were_typed() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let in_folder =
        |args: &[&str]| support::tollgate().current_dir(folder.path()).args(args).output().expect("the program starts");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("it can be written");

    write("tollgate.toml", "[inspect]\nformat = \"json\"\n");
    let output = in_folder(&["inspect", "lua"]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    assert!(stdout(&output).starts_with('{'), "{}", stdout(&output));
    assert!(stderr(&output).contains("settings of tollgate.toml: --format json"), "{}", stderr(&output));
    for typed in [&["inspect", "lua", "--format", "text"][..], &["inspect", "lua", "--no-settings"]] {
        assert!(stdout(&in_folder(typed)).starts_with("lua ("), "{typed:?}");
    }

    write("other.toml", "[run]\nplugin = [\"rust-sdx\"]\n");
    let output = in_folder(&["run", "--settings", "other.toml"]);
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("did you mean `rust-sdk`?"), "{}", stderr(&output));

    write("tollgate.toml", "[inspect]\nformt = \"json\"\n");
    let output = in_folder(&["inspect", "lua"]);
    assert_eq!(status(&output), 2);
    let text = stderr(&output);
    assert!(text.contains("tollgate.toml") && text.contains("did you mean `format`?"), "{text}");
    assert_eq!(status(&in_folder(&["inspect", "--help"])), 0);

    write("tollgate.toml", "[inspect]\nformat = \"yaml\"\n");
    let output = in_folder(&["inspect", "lua"]);
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("settings of tollgate.toml: --format yaml"), "{}", stderr(&output));
}

#[test]
fn a_run_with_settings_says_the_command_that_repeats_it() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let settings = "quiet = true\n[run]\nplugin = [\"boundary\"]\nonly = \"in-process\"\ntime = \"quick\"\nseed = 3\nout = \"here\"\n";
    std::fs::write(folder.path().join("tollgate.toml"), settings).expect("it can be written");
    let mut command = support::tollgate();
    let output = command.current_dir(folder.path()).args(["run", "--workload", "noop"]).output().expect("it starts");
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let record = tollgate_record::Record::read(&folder.path().join("here/record.json")).expect("it is written");
    let words =
        "tollgate run --plugin boundary --only in-process --time quick --seed 3 --out here --quiet --workload noop";
    assert_eq!(record.command_line.join(" "), words);
}

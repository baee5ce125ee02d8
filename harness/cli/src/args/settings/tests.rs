use super::*;

fn merged(typed: &str, settings: &str) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    std::fs::write(&file, settings).unwrap();
    let typed = ["tollgate"].into_iter().chain(typed.split_whitespace()).map(OsString::from).collect();
    let merged = merge(&crate::args::command(), typed, &file).map_err(|error| format!("{error:#}"))?;
    let words: Vec<_> = merged.words.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    crate::args::parse(&merged.words).map_err(|error| error.to_string())?;
    Ok(words.join(" "))
}

#[test]
fn values_of_every_kind_come_as_they_would_be_typed() {
    let settings = r#"
        quiet = true
        [run]
        gateway = ["envoy", "nginx"]
        host = "wasmtime"
        operations = [0, 5]
        insecure = false
        time = "quick"
        load = "1s"
        load-rate = 250.5
        seed = 7
        [gate]
        out = "gate-out"
        [gate.live]
        copies = 2
        margin = "1us"
    "#;
    for (typed, words) in [
        (
            "run --plugin lua",
            "run --host wasmtime --gateway envoy --gateway nginx --operations 0 --operations 5 --time quick --load 1s \
             --load-rate 250.5 --seed 7 --quiet --plugin lua",
        ),
        ("gate live --base a --head b", "gate live --margin 1us --copies 2 --quiet --out gate-out --base a --head b"),
        ("gate --record a b", "gate --out gate-out --record a b"),
        ("resume -q", "resume -q"),
        ("summary r.json", "summary r.json"),
    ] {
        assert_eq!(merged(typed, settings), Ok(words.to_owned()), "{typed}");
    }
}

#[test]
fn what_does_not_go_with_what_was_typed_is_for_another_time() {
    let settings = "envoy = 'mine'\n[prove]\nstarts = 7\nprocesses = 20\nplugin = 'lua'";
    for (typed, words) in [
        ("prove aa", "prove --plugin lua --processes 20 aa"),
        ("prove aa --gateway envoy", "prove --plugin lua --starts 7 --envoy mine aa --gateway envoy"),
        ("prove aa --counters", "prove --plugin lua aa --counters"),
        ("prove aa --starts 9 --gateway envoy", "prove --plugin lua --envoy mine aa --starts 9 --gateway envoy"),
        ("gate live --base a --head b", "gate live --envoy mine --base a --head b"),
    ] {
        assert_eq!(merged(typed, settings), Ok(words.to_owned()), "{typed}");
    }
    // A file that names the gateway means it, and what contradicts itself is told.
    let live = "[prove]\nstarts = 7\ngateway = 'nginx'";
    assert_eq!(merged("prove aa", live), Ok("prove --gateway nginx --starts 7 aa".to_owned()));
    let error = merged("prove aa", "[prove]\nprocesses = 20\ngateway = 'nginx'").unwrap_err();
    assert!(error.contains("cannot be used with"), "{error}");
    let error = merged("prove aa --starts 7", "").unwrap_err();
    assert!(error.contains("--gateway"), "{error}");
}

#[test]
fn what_was_typed_wins() {
    let settings = "quiet = true\n[run]\ntime = 'thorough'\ngateway = ['envoy', 'nginx']";
    for (typed, words) in [
        ("run --time quick -q", "run --gateway envoy --gateway nginx --time quick -q"),
        ("run --time=quick --gateway haproxy", "run --quiet --time=quick --gateway haproxy"),
        ("--no-settings run", "run"),
        ("run --no-settings --seed 1", "run --seed 1"),
        ("run --help", "run --help"),
        ("worker", "worker"),
    ] {
        let got = merged(typed, settings);
        if typed.contains("--help") {
            assert!(got.unwrap_err().contains("Usage"), "{typed}");
        } else {
            assert_eq!(got, Ok(words.to_owned()), "{typed}");
        }
    }
}

#[test]
fn required_options_may_be_in_the_file() {
    let record = "[gate]\nrecord = ['a.json', 'b.json']";
    assert_eq!(merged("gate", record), Ok("gate --record a.json b.json".to_owned()));
    let sides = "[gate.live]\nbase = 'a.wasm'\nhead = 'b.wasm'";
    assert_eq!(merged("gate live", sides), Ok("gate live --base a.wasm --head b.wasm".to_owned()));
}

#[test]
fn what_is_wrong_is_said_with_what_is_right_whatever_the_verb() {
    for (settings, hint) in [
        ("quite = true", "did you mean `quiet`?"),
        ("[run]\ngatway = 'envoy'", "no option of run `gatway`; did you mean `gateway`?"),
        ("[rum]\ntime = 'quick'", "no verb `rum`; did you mean `run`?"),
        ("[gate.life]\nstarts = 3", "no verb `life`; did you mean `live`?"),
        ("[run.time]\nquick = true", "table `time`"),
        ("run = 5", "no option of tollgate `run`"),
        ("[verify]\nplugin = { name = 'lua' }", "table `plugin`"),
        ("[verify]\nhelp = true", "no option of verify `help`"),
        ("[worker]\nx = 1", "no verb `worker`"),
        ("[verify]\ninsecure = 'yes'", "takes true or false"),
        ("[verify]\nrepeat = [1, 2]", "takes one value"),
        ("[verify]\nrepeat = true", "a text or a number"),
        ("[verify]\nplugin = [['lua']]", "a text or a number"),
        ("[verify]\nplugin = '--quiet'", "no value like"),
        ("[verify]\nrepeat = 0", "0 is not in"),
        ("[verify", "tollgate.toml"),
    ] {
        let error = merged("verify", settings).unwrap_err();
        assert!(error.contains(hint), "{settings}: {error}");
    }
}

#[test]
fn the_example_in_the_help_is_right() {
    let (_, example) = crate::args::examples::RUN.split_once("wins.\n").unwrap();
    let words = "run --gateway envoy --gateway nginx --time thorough --quiet";
    assert_eq!(merged("run", example), Ok(words.to_owned()));
}

#[test]
fn a_file_that_is_named_must_be_there_and_one_that_is_not_need_not() {
    let of = |typed: &str| {
        let typed = typed.split(' ').map(OsString::from).collect();
        merge(&crate::args::command(), typed, Path::new("/no/such/tollgate.toml")).map_err(|error| error.to_string())
    };
    assert_eq!(of("tollgate run").unwrap().file, None);
    assert!(of("tollgate run --settings /no/such.toml").unwrap_err().contains("check the path"));
    assert!(of("tollgate run --settings a --no-settings").unwrap_err().contains("once"));
    assert!(crate::args::parse(&of("tollgate run --settings").unwrap().words).is_err());
}

//! Examples below the help of verbs; those of gates, proofs and scenarios are with their options.

pub(super) const RUN: &str = "Examples:
  tollgate run                                     all plugins, in process and on the embedded gateway
  tollgate run --gateway envoy                     and on a real Envoy (see `tollgate install envoy`)
  tollgate run --plugin lua --gateway envoy --gateway nginx --gateway haproxy
  tollgate run --plugin ./mine.wasm --config c.json --time quick
  tollgate run --plugin lua --plugin rust-sdk --only in-process
  tollgate run --gateway envoy --load 10s          and latency at 25, 50 and 75 % of what it can do
  tollgate run --plugin ./mine.wasm --only in-process --soak 60s

Settings: options by their names in ./tollgate.toml, at the top for every verb that has them, or for one verb; what is
typed wins.
  quiet = true
  [run]
  gateway = [\"envoy\", \"nginx\"]
  time = \"thorough\"
  [gate.live]
  margin = \"1us\"";

pub(super) const RESUME: &str = "Examples:
  tollgate resume                                  the run in ./tollgate-out
  tollgate resume results/monday --quiet";

pub(super) const VERIFY: &str = "Examples:
  tollgate verify                                  every plugin on every host here
  tollgate verify --gateway envoy                  and on Envoy
  tollgate verify --plugin ./mine.wasm --workload headers
  tollgate verify --repeat 1000                    that counters are the same in every request

Exit status: 0 all did the same, 5 a plugin did not";

pub(super) const LIST: &str = "Examples:
  tollgate list                                    before the first run, and when figures look odd
  tollgate list --format json";

pub(super) const COMPARE: &str = "Examples:
  tollgate compare monday/record.json tuesday/record.json
  tollgate compare old.json new.json --margin 2% --format markdown
  tollgate compare old.json new.json --decide lifecycle     compile, instantiate, first request; of thorough runs

The same with an exit status: tollgate gate --record BASE HEAD";

pub(super) const INSTALL: &str = "Examples:
  tollgate install envoy                           then: tollgate run --gateway envoy";

pub(super) const SUMMARY: &str = "Examples:
  tollgate summary tollgate-out/record.json        the table again
  tollgate summary tollgate-out/record.json --format json | jq '.cells[] | {plugin, host, added_ns}'
  tollgate summary tollgate-out/journal.jsonl      what a run that was killed had finished";

pub(super) const REPORT: &str = "Examples:
  tollgate report tollgate-out/record.json
  tollgate report monday.json tuesday.json --out both.html
  tollgate report record.json --splice README.md   its table between <!-- tollgate:begin --> and <!-- tollgate:end -->";

pub(super) const INSPECT: &str = "Examples:
  tollgate inspect ./mine.wasm
  tollgate inspect rust-sdk --format json";

pub(super) const COMPLETIONS: &str = "Examples:
  tollgate completions bash > ~/.local/share/bash-completion/completions/tollgate
  tollgate completions zsh > ~/.zfunc/_tollgate    in a folder of $fpath
  tollgate completions fish > ~/.config/fish/completions/tollgate.fish";

pub(super) const MAN: &str = "Examples:
  tollgate man | man -l -                          the page of tollgate
  tollgate man gate live | man -l -
  tollgate man --out ~/.local/share/man/man1       all pages; then: man tollgate-run";

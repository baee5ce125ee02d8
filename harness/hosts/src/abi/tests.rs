//! The host functions against a guest that is only a memory and an allocator.

use proptest::prelude::*;

use super::status::Status;
use super::{Guest, HOST_FUNCTIONS, HostFunction, Identity, Phase, State, Version, for_each_import};
use crate::Exchange;

const MEMORY: usize = 64 * 1024;
/// Where the allocator of the fake guest begins.
const HEAP: u32 = 32 * 1024;

struct Fake {
    memory: Vec<u8>,
    state: State,
    next: u32,
    /// What the allocator answers in place of an address of its own.
    answers: Option<u32>,
    allocations: Vec<u32>,
}

impl Guest for Fake {
    type Trap = ();

    fn parts(&mut self) -> (&mut [u8], &mut State) {
        (&mut self.memory, &mut self.state)
    }

    fn allocate(&mut self, size: u32) -> Result<u32, ()> {
        self.allocations.push(size);
        if let Some(answer) = self.answers {
            return Ok(answer);
        }
        let pointer = self.next;
        self.next = pointer.saturating_add(size);
        Ok(pointer)
    }
}

impl Fake {
    fn new(version: Version, phase: Phase) -> Self {
        let mut state =
            State::new(version, &Identity { name: "fake".to_owned(), root_id: "root".to_owned() }, b"configuration");
        let fields = |list: &[(&str, &str)]| -> Vec<(String, String)> {
            list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let request = fields(&[(":path", "/a?b=c"), ("accept", "x"), ("empty", ""), ("accept", "y")]);
        state.exchange =
            Exchange::new(&request, &fields(&[(":status", "204")])).with_bodies(b"body".to_vec(), b"answer".to_vec());
        state.phase = phase;
        state.context = 2;
        state.may_allocate = true;
        Self { memory: vec![0; MEMORY], state, next: HEAP, answers: None, allocations: Vec::new() }
    }

    /// Puts text at an address, and returns it with its length.
    fn text(&mut self, at: u32, text: &[u8]) -> (u32, u32) {
        self.memory[at as usize..at as usize + text.len()].copy_from_slice(text);
        (at, text.len() as u32)
    }

    fn word(&self, at: u32) -> u32 {
        u32::from_le_bytes(self.memory[at as usize..at as usize + 4].try_into().unwrap())
    }

    /// The bytes whose pointer and size were left at addresses 0 and 4.
    fn given(&self) -> &[u8] {
        let (pointer, size) = (self.word(0) as usize, self.word(4) as usize);
        &self.memory[pointer..pointer + size]
    }

    fn status(&mut self, name: &str, arguments: &[u64]) -> u32 {
        let mut arguments = arguments.iter();
        let answer = call(name, self, &mut || *arguments.next().expect("as many arguments as it takes"));
        assert!(arguments.next().is_none(), "{name} takes fewer");
        answer
    }
}

fn ok(status: u32) {
    assert_eq!(status, u32::from(Status::Ok));
}

/// An argument of any integer type, from one that is wide enough.
trait Argument {
    fn from_word(word: u64) -> Self;
}

macro_rules! argument {
    ($($type:ty),*) => { $(impl Argument for $type {
        fn from_word(word: u64) -> Self { word as Self }
    })* };
}
argument!(u32, u64, i64);

macro_rules! bind_fake {
    (
        ($name:ident, $guest:ident, $argument:ident)
        status { $($status:ident($($status_arg:ident: $status_type:ty),*);)* }
        plain { $($plain:ident = $plain_to:ident($($plain_arg:ident: $plain_type:ty),*) -> $plain_result:ty;)* }
        wasi { $($wasi:ident = $wasi_to:ident($($wasi_arg:ident: $wasi_type:ty),*) -> $wasi_result:ty;)* }
        refused { $($refused:ident($($refused_type:ty),*) = $errno:literal;)* }
    ) => {
        match $name {
            $(stringify!($status) => super::answer(super::$status(
                $guest, $(<$status_type as Argument>::from_word($argument())),*
            )).expect("the fake allocator never traps"),)*
            $(stringify!($plain) => number(super::$plain_to(
                $guest, $(<$plain_type as Argument>::from_word($argument())),*
            )),)*
            $(stringify!($wasi) => number(super::$wasi_to(
                $guest, $(<$wasi_type as Argument>::from_word($argument())),*
            )),)*
            $(stringify!($refused) => $errno,)*
            other => panic!("{other} is no import"),
        }
    };
}

/// Nothing, or a number.
fn number(answer: impl std::fmt::Debug) -> u32 {
    format!("{answer:?}").parse().unwrap_or_default()
}

fn call(name: &str, guest: &mut Fake, argument: &mut dyn FnMut() -> u64) -> u32 {
    for_each_import!(bind_fake!(name, guest, argument))
}

fn phase() -> impl Strategy<Value = Phase> {
    prop::sample::select(vec![Phase::Start, Phase::Request, Phase::Response, Phase::End])
}

/// Numbers that a hostile guest would choose: any, small ones, around its memory, and the largest.
fn hostile() -> impl Strategy<Value = u64> {
    let memory = MEMORY as u64;
    prop_oneof![
        any::<u64>(),
        0u64..16,
        memory - 16..memory + 16,
        u64::from(u32::MAX) - 16..=u64::from(u32::MAX),
        0..memory,
        (i64::MAX as u64 - 2)..=(i64::MAX as u64 + 2),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]
    #[test]
    fn no_arguments_make_a_host_function_panic(
        calls in prop::collection::vec((0..HOST_FUNCTIONS.len(), prop::collection::vec(hostile(), 12)), 1..20),
        content in prop::collection::vec(any::<u8>(), 64),
        phase in phase(),
        answers in prop::option::of(hostile()),
        observed in any::<bool>(),
    ) {
        let mut fake = Fake::new(Version::V0_2_1, phase);
        // Small numbers are pointers to something, too.
        fake.memory[..64].copy_from_slice(&content);
        fake.answers = answers.map(|answer| answer as u32);
        if observed {
            fake.state.exchange.observe();
        }
        for (import, arguments) in calls {
            let mut arguments = arguments.into_iter();
            call(HOST_FUNCTIONS[import].name, &mut fake, &mut || arguments.next().unwrap());
        }
        prop_assert!(!fake.allocations.contains(&0), "nothing is allocated for 0 bytes");
    }
}

#[test]
fn a_plugin_that_imports_everything_links_on_every_wasm_host() {
    let mut wat = String::from("(module\n");
    for HostFunction { modules, name, parameters, answers } in HOST_FUNCTIONS {
        for module in *modules {
            let result = if *answers { "(result i32)" } else { "" };
            wat += &format!("(import \"{module}\" \"{name}\" (func (param {}) {result}))\n", parameters.join(" "));
        }
    }
    wat += "(memory (export \"memory\") 1) (func (export \"proxy_abi_version_0_2_0\"))
        (func (export \"malloc\") (param i32) (result i32) (i32.const 1024))
        (func (export \"proxy_on_log\") (param i32)))";
    let plugin = tollgate_fixtures::Plugin {
        name: "everything".to_owned(),
        bytes: wat::parse_str(&wat).unwrap().into(),
        workload_checked: false,
        ..tollgate_fixtures::plugin("boundary").unwrap().clone()
    };
    let mut hosts = 0;
    for host in crate::HOSTS.iter().filter(|host| host.runs(plugin.kind)) {
        let mut instance = host.compile(&plugin).unwrap().instantiate(b"").unwrap();
        assert_eq!(instance.request(&mut Exchange::default()), Ok(crate::Action::Continue));
        hosts += 1;
    }
    assert!(hosts > 0);
}

#[test]
fn a_missing_header_is_empty_in_0_1_0_and_not_found_since() {
    for (version, expected) in [(Version::V0_1_0, 0), (Version::V0_2_0, 1), (Version::V0_2_1, 1)] {
        let mut fake = Fake::new(version, Phase::Request);
        let (name, size) = fake.text(100, b"missing");
        fake.text(0, &[0xff; 8]);
        let status = fake.status("proxy_get_header_map_value", &[0, name.into(), size.into(), 0, 4]);
        assert_eq!(status, expected, "{version:?}");
        if status == 0 {
            assert_eq!((fake.word(0), fake.word(4)), (0, 0));
        }
        assert!(fake.allocations.is_empty());
    }
}

#[test]
fn values_are_allocated_once_and_in_exact_size() {
    let mut fake = Fake::new(Version::V0_2_1, Phase::Request);
    for (name, value) in [(&b"ACCEPT"[..], &b"x"[..]), (b":path", b"/a?b=c"), (b"empty", b"")] {
        let (at, size) = fake.text(100, name);
        ok(fake.status("proxy_get_header_map_value", &[0, at.into(), size.into(), 0, 4]));
        assert_eq!(fake.given(), value);
    }
    assert_eq!(fake.allocations, [1, 6], "and nothing for the empty value");
}

#[test]
fn each_map_exists_in_its_phases_only() {
    let expected = [
        (Phase::Start, [2, 2, 2, 2]),
        (Phase::Request, [0, 2, 2, 2]),
        (Phase::Response, [0, 2, 0, 2]),
        (Phase::End, [0, 2, 0, 2]),
    ];
    for (phase, statuses) in expected {
        let mut fake = Fake::new(Version::V0_2_1, phase);
        for (map, status) in statuses.into_iter().enumerate() {
            assert_eq!(fake.status("proxy_get_header_map_size", &[map as u64, 0]), status, "{phase:?} {map}");
        }
    }
}

#[test]
fn pairs_go_out_and_come_back() {
    let mut fake = Fake::new(Version::V0_2_1, Phase::Request);
    ok(fake.status("proxy_get_header_map_pairs", &[0, 0, 4]));
    let (pairs, size) = (fake.word(0), fake.word(4));
    ok(fake.status("proxy_get_header_map_size", &[0, 8]));
    assert_eq!(fake.word(8), size);
    let before = fake.state.exchange.request.clone();
    fake.state.exchange.request.clear();
    ok(fake.status("proxy_get_header_map_pairs", &[0, 0, 4]));
    assert_eq!((fake.word(0), fake.word(4)), (0, 0), "an empty map is nothing at all");
    ok(fake.status("proxy_set_header_map_pairs", &[0, pairs.into(), size.into()]));
    assert_eq!(fake.state.exchange.request, before);
    assert_eq!(fake.status("proxy_set_header_map_pairs", &[0, pairs.into(), u64::from(size) - 1]), 2);
    assert_eq!(fake.state.exchange.request, before, "what is refused changes nothing");
}

#[test]
fn what_lies_outside_memory_is_an_invalid_access() {
    let end = MEMORY as u64;
    let mut fake = Fake::new(Version::V0_2_1, Phase::Request);
    let cases: [(&str, &[u64]); 8] = [
        ("proxy_log", &[2, end - 1, 2]),
        ("proxy_log", &[2, u64::from(u32::MAX), u64::from(u32::MAX)]),
        ("proxy_get_log_level", &[end - 3]),
        ("proxy_get_current_time_nanoseconds", &[end - 7]),
        ("proxy_add_header_map_value", &[0, 0, 1, end, 1]),
        ("proxy_get_buffer_bytes", &[7, 0, 100, end - 2, 0]),
        ("proxy_define_metric", &[0, end, 1, 0]),
        ("proxy_send_local_response", &[200, 0, 0, end - 1, 5, 0, 0, 0]),
    ];
    for (name, arguments) in cases {
        assert_eq!(fake.status(name, arguments), u32::from(Status::InvalidMemoryAccess), "{name} {arguments:?}");
    }
    // A length of 0 is fine wherever it points.
    ok(fake.status("proxy_log", &[2, u64::from(u32::MAX), 0]));
}

#[test]
fn an_allocator_that_lies_or_fails_is_caught() {
    for (answer, status) in [
        (0, Status::InternalFailure),
        (u32::MAX, Status::InvalidMemoryAccess),
        (MEMORY as u32 - 1, Status::InvalidMemoryAccess),
    ] {
        let mut fake = Fake::new(Version::V0_2_1, Phase::Request);
        fake.answers = Some(answer);
        assert_eq!(fake.status("proxy_get_buffer_bytes", &[7, 0, 100, 0, 4]), u32::from(status));
    }
}

#[test]
fn configuration_bodies_and_properties_are_there() {
    let mut fake = Fake::new(Version::V0_2_1, Phase::Response);
    for (buffer, content) in [(0, &b"body"[..]), (1, b"answer"), (6, b""), (7, b"configuration")] {
        ok(fake.status("proxy_get_buffer_bytes", &[buffer, 0, u64::from(u32::MAX), 0, 4]));
        assert_eq!(fake.given(), content);
        ok(fake.status("proxy_get_buffer_status", &[buffer, 8, 12]));
        assert_eq!(fake.word(8) as usize, content.len());
    }
    ok(fake.status("proxy_get_buffer_bytes", &[7, 2, 3, 0, 4]));
    assert_eq!(fake.given(), b"nfi");
    assert_eq!(fake.status("proxy_get_buffer_bytes", &[7, 100, 3, 0, 4]), 2, "begins after the end");
    assert_eq!(fake.status("proxy_get_buffer_bytes", &[4, 0, 3, 0, 4]), 1, "there is no such buffer");
    let properties: [(&[u8], &[u8]); 8] = [
        (b"plugin_root_id", b"root"),
        (b"plugin_root_id\0", b"root"),
        (b"plugin_name", b"fake"),
        (b"plugin_vm_id", b""),
        (b"request\0path", b"/a?b=c"),
        (b"request\0query", b"b=c"),
        (b"request\0headers\0accept", b"x"),
        (b"response\0code", &204u64.to_le_bytes()),
    ];
    for (path, value) in properties {
        let (at, size) = fake.text(100, path);
        ok(fake.status("proxy_get_property", &[at.into(), size.into(), 0, 4]));
        assert_eq!(fake.given(), value, "{}", String::from_utf8_lossy(path));
    }
    let (path, size) = fake.text(100, b"my\0own");
    assert_eq!(fake.status("proxy_get_property", &[path.into(), size.into(), 0, 4]), 1);
    let (value, value_size) = fake.text(200, b"value");
    ok(fake.status("proxy_set_property", &[path.into(), size.into(), value.into(), value_size.into()]));
    ok(fake.status("proxy_get_property", &[path.into(), size.into(), 0, 4]));
    assert_eq!(fake.given(), b"value");
}

#[test]
fn metrics_queues_and_shared_data_keep_what_they_are_given() {
    let mut fake = Fake::new(Version::V0_2_1, Phase::Start);
    let (name, size) = fake.text(100, b"name");
    let (name, size) = (u64::from(name), u64::from(size));
    for (kind, increment, decrement, record) in [(0, 0, 2, 2), (1, 0, 0, 0), (2, 2, 2, 0)] {
        let size = size - kind;
        ok(fake.status("proxy_define_metric", &[kind, name, size, 8]));
        let id = u64::from(fake.word(8));
        assert_eq!(fake.status("proxy_increment_metric", &[id, 5]), increment);
        assert_eq!(fake.status("proxy_increment_metric", &[id, -1i64 as u64]), decrement);
        assert_eq!(fake.status("proxy_record_metric", &[id, 9]), record);
    }
    assert_eq!(fake.status("proxy_define_metric", &[3, name, size, 8]), 2);
    assert_eq!(fake.status("proxy_get_metric", &[1 << 20, 8]), 1);

    ok(fake.status("proxy_register_shared_queue", &[name, size, 8]));
    let id = u64::from(fake.word(8));
    assert_eq!(fake.status("proxy_dequeue_shared_queue", &[id, 0, 4]), 7);
    ok(fake.status("proxy_enqueue_shared_queue", &[id, name, size]));
    ok(fake.status("proxy_resolve_shared_queue", &[0, 0, name, size, 12]));
    assert_eq!(u64::from(fake.word(12)), id);
    ok(fake.status("proxy_dequeue_shared_queue", &[id, 0, 4]));
    assert_eq!(fake.given(), b"name");
    assert_eq!(fake.status("proxy_dequeue_shared_queue", &[id + 1, 0, 4]), 1);

    assert_eq!(fake.status("proxy_get_shared_data", &[name, size, 0, 4, 8]), 1);
    ok(fake.status("proxy_set_shared_data", &[name, size, name, size, 0]));
    ok(fake.status("proxy_get_shared_data", &[name, size, 0, 4, 8]));
    let cas = u64::from(fake.word(8));
    ok(fake.status("proxy_set_shared_data", &[name, size, name, 1, cas]));
    assert_eq!(fake.status("proxy_set_shared_data", &[name, size, name, size, cas]), 8);
}

#[test]
fn output_is_logged_and_random_bytes_are_the_same_in_every_run() {
    let mut fake = Fake::new(Version::V0_2_1, Phase::Start);
    let (at, size) = fake.text(100, b"panic: ");
    let (at2, size2) = fake.text(110, b"first\nsecond\n");
    for (index, word) in [at, size, at2, size2].into_iter().enumerate() {
        fake.text(200 + 4 * index as u32, &word.to_le_bytes());
    }
    ok(fake.status("fd_write", &[2, 200, 2, 8]));
    assert_eq!(fake.word(8), size + size2);
    assert_eq!(fake.state.log.lines(), ["panic: first", "second"]);
    for part in ["go", "routine ", "1\nma", "in"] {
        let (at, size) = fake.text(100, part.as_bytes());
        fake.text(200, &at.to_le_bytes());
        fake.text(204, &size.to_le_bytes());
        ok(fake.status("fd_write", &[2, 200, 1, 8]));
    }
    assert_eq!(fake.state.log.lines(), ["panic: first", "second", "goroutine 1", "main"], "lines end where they end");
    assert_eq!(fake.status("fd_write", &[3, 200, 2, 8]), 8, "no other descriptor");
    ok(fake.status("random_get", &[300, 13]));
    let random = fake.memory[300..313].to_vec();
    assert!(random.iter().any(|&byte| byte != 0));
    let mut again = Fake::new(Version::V0_2_1, Phase::Start);
    ok(again.status("random_get", &[300, 13]));
    assert_eq!(again.memory[300..313], random);
    fake.text(8, &[0xff; 4]);
    ok(fake.status("poll_oneoff", &[0, 0, 1, 8]));
    assert_eq!(fake.word(8), 0, "Go needs a success without events");
}

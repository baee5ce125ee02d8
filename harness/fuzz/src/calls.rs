//! Host calls with any arguments, from any function of a guest: from callbacks, the start section and the allocator.
//!
//! The input is a program: how the guest is made, then steps. The hosts must agree on what became of it.

use tollgate_hosts::{HOST_FUNCTIONS, HostFunction};
use wasm_encoder::{Function, InstructionSink, MemArg};

use crate::bytes::Bytes;
use crate::live::{Outcome, exchange, hosts, live, wasm};
use crate::shape::{ALLOCATOR, MARKERS, PLACES, module};

const PAGE: i32 = 65536;
/// Results are wanted at small addresses; here begins what a guest passes, see [`DATA`].
const DATA_AT: i32 = 256;
/// Names, values, paths, pairs and an iovec, for arguments that point to something.
const DATA: &[u8] = b"accept:path/a?bplugin_root_idrequest\0headers\0acceptclear_route_cachename value\r\n\
    \x01\0\0\0\x01\0\0\0\x01\0\0\0a\0b\0\
    \x03\0\0\0\x07\0\0\0\x03\0\0\0\x05\0\0\0\x01\0\0\0\x0a\0\0\0\x01\0\0\0:method\0GET\0:path\0/\0:authority\0c\0\
    \0\x01\0\0\x20\0\0\0\0\x01\0\0\xff\xff\xff\xff";
/// What differs from call to call, or between hosts.
const CLOCKS: [&str; 2] = ["proxy_get_current_time_nanoseconds", "clock_time_get"];

/// What the first byte of a step says, beyond a host function.
const GROW: u8 = 250;
const TRAP: u8 = 251;

struct Program {
    module: Vec<u8>,
    uses_clock: bool,
    has_trailers: bool,
}

/// Understands an input.
fn program(data: &[u8]) -> Program {
    let mut input = Bytes(data);
    let (version, pages, allocator) = (input.choose(MARKERS.len()), 1 + input.choose(3), input.choose(8));
    let has_trailers = allocator >= 4;
    let mut bodies: Vec<Option<Function>> = PLACES.iter().map(|_| None).collect();
    let mut imported: Vec<&HostFunction> = Vec::new();
    while !input.is_empty() {
        let body = bodies[input.choose(PLACES.len())].get_or_insert_with(|| Function::new([]));
        match input.byte() {
            GROW => drop(body.instructions().i32_const(input.byte().into()).memory_grow(0).drop()),
            TRAP => drop(body.instructions().unreachable()),
            choice => {
                let function = &HOST_FUNCTIONS[usize::from(choice) % HOST_FUNCTIONS.len()];
                let known = imported.iter().position(|other| *other == function);
                let index = known.unwrap_or_else(|| {
                    imported.push(function);
                    imported.len() - 1
                });
                call(&mut body.instructions(), &mut input, index as u32, function, pages as i32 * PAGE);
            }
        }
    }
    let mut places = Vec::new();
    for (index, (place, body)) in PLACES.iter().zip(bodies).enumerate() {
        // Without these it is no plugin.
        let needed = index == ALLOCATOR || place.name == "proxy_on_request_headers";
        let Some(mut body) = body.or_else(|| needed.then(|| Function::new([]))) else { continue };
        if index == ALLOCATOR {
            allocate(&mut body.instructions(), allocator);
        } else if place.answers {
            body.instructions().i32_const(i32::from(place.name != "proxy_on_request_body"));
        }
        body.instructions().end();
        places.push((*place, body));
    }
    let uses_clock = imported.iter().any(|function| CLOCKS.contains(&function.name));
    Program { module: module(version, pages as u64, (DATA, DATA_AT), &imported, &places), uses_clock, has_trailers }
}

/// A call, each argument from the input.
fn call(code: &mut InstructionSink<'_>, input: &mut Bytes<'_>, index: u32, function: &HostFunction, end: i32) {
    for parameter in function.parameters {
        let (tag, small) = (input.choose(9), i32::from(input.byte()));
        let value = match tag {
            0 | 8 => small,
            1 => input.word() as i32,
            2 => end + (small - 128),
            4 => -1,
            5 => i32::MIN,
            6 => DATA_AT + small,
            7 => small << 8,
            // A result of an earlier call.
            _ => {
                code.i32_const(small * 4).i32_load(MemArg { offset: 0, align: 2, memory_index: 0 });
                if *parameter == "i64" {
                    code.i64_extend_i32_s();
                }
                continue;
            }
        };
        match *parameter {
            "i64" => code.i64_const(value.into()),
            _ => code.i32_const(value),
        };
    }
    code.call(index);
    if function.answers {
        code.drop();
    }
}

/// What the allocator answers: a place of its own, nothing, what is outside, or the address of the results.
fn allocate(code: &mut InstructionSink<'_>, kind: usize) {
    code.i32_const([4096, 0, -16, 0x10][kind % 4]);
}

/// Runs the program on each host.
pub fn run(data: &[u8]) {
    let program = program(data);
    let plugin = wasm(program.module);
    let mut first: Option<Outcome> = None;
    for host in hosts() {
        let outcome = live(host, &plugin, b"configuration", exchange(program.has_trailers));
        outcome.must_compile(host);
        match &first {
            Some(first) if !program.uses_clock => assert_eq!(*first, outcome, "{} differs", host.name()),
            _ => first = Some(outcome),
        }
    }
}

/// Each host function in each of some places, with arguments that point to something.
pub fn seeds() -> Vec<Vec<u8>> {
    let places =
        ["", "malloc", "proxy_on_configure", "proxy_on_request_headers", "proxy_on_response_headers", "proxy_on_log"];
    let mut seeds = Vec::new();
    for (index, function) in HOST_FUNCTIONS.iter().enumerate() {
        for name in places {
            let place = PLACES.iter().position(|place| place.name == name).expect("it is a place");
            let mut seed = vec![2, 0, 0, place as u8, index as u8];
            for argument in 0..function.parameters.len() as u8 {
                seed.extend(if argument % 2 == 0 { [6, 0] } else { [0, 6] });
            }
            seeds.push(seed);
        }
    }
    seeds
}

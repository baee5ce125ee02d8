//! Where a module seems to come from. SDKs leave no mark of their own, so this looks for traces.

use super::WasmInspection;

/// A trace of an SDK in the module's bytes.
struct Trace {
    sdk: &'static str,
    /// Text that only this SDK leaves, as it stands in the file.
    text: &'static [u8],
    /// Whether the version follows.
    then_version: bool,
}

/// Most telling first.
const TRACES: &[Trace] = &[
    Trace {
        sdk: "Higress proxy-wasm-go-sdk",
        text: b"github.com/higress-group/proxy-wasm-go-sdk\tv",
        then_version: true,
    },
    Trace {
        sdk: "Higress proxy-wasm-go-sdk",
        text: b"github.com/higress-group/proxy-wasm-go-sdk",
        then_version: false,
    },
    Trace { sdk: "proxy-wasm-go-sdk", text: b"github.com/proxy-wasm/proxy-wasm-go-sdk\tv", then_version: true },
    Trace { sdk: "proxy-wasm-go-sdk", text: b"github.com/proxy-wasm/proxy-wasm-go-sdk", then_version: false },
    Trace {
        sdk: "tetratelabs proxy-wasm-go-sdk",
        text: b"github.com/tetratelabs/proxy-wasm-go-sdk",
        then_version: false,
    },
    Trace { sdk: "proxy-wasm (Rust)", text: b"/proxy-wasm-0.", then_version: false },
    Trace { sdk: "proxy-wasm (Rust)", text: b"proxy_wasm::", then_version: false },
    Trace { sdk: "proxy-wasm (Rust)", text: b"10proxy_wasm", then_version: false },
    Trace { sdk: "proxy-wasm-cpp-sdk", text: b"RegisterContextFactory", then_version: false },
    Trace { sdk: "proxy-wasm-cpp-sdk", text: b"proxy_wasm_intrinsics", then_version: false },
    // AssemblyScript keeps its strings in UTF-16: "Missing root context".
    Trace {
        sdk: "proxy-runtime (AssemblyScript)",
        text: b"M\0i\0s\0s\0i\0n\0g\0 \0r\0o\0o\0t\0 \0c\0o\0n\0t\0e\0x\0t",
        then_version: false,
    },
];
/// What the Rust SDK says when it panics; it stays when paths are trimmed.
const RUST_PANICS: &[&[u8]] = &[b"invalid context_id", b"unexpected status"];

/// The SDK, as far as it can be told.
pub(super) fn sdk(bytes: &[u8], module: &WasmInspection) -> Option<String> {
    for trace in TRACES {
        let Some(at) = find(bytes, trace.text) else { continue };
        if !trace.then_version {
            return Some(trace.sdk.to_owned());
        }
        let rest = &bytes[at + trace.text.len()..];
        let version = rest.iter().take(60).take_while(|byte| byte.is_ascii_graphic());
        return Some(format!("{} v{}", trace.sdk, version.map(|&byte| char::from(byte)).collect::<String>()));
    }
    // The Rust SDK's dispatcher keeps all its imports alive, gRPC among them.
    let dispatches = module.callbacks.iter().any(|callback| callback == "proxy_on_grpc_receive_trailing_metadata");
    (dispatches && RUST_PANICS.iter().any(|text| find(bytes, text).is_some())).then(|| "proxy-wasm (Rust)".to_owned())
}

/// The toolchain of a module that is signed by none.
pub(super) fn toolchain(bytes: &[u8]) -> Option<String> {
    if let Some(at) = find(bytes, b"\xff Go buildinf:") {
        // After a header of 32 bytes comes the version with its length in front.
        let version = bytes.get(at + 33..)?.iter().take(20).take_while(|byte| byte.is_ascii_graphic());
        return Some(format!("language: Go {}", version.map(|&byte| char::from(byte)).collect::<String>()));
    }
    // `~lib/` in UTF-16, the path of AssemblyScript's library.
    find(bytes, b"~\0l\0i\0b\0/").map(|_| "language: AssemblyScript".to_owned())
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    let first = *text.first()?;
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|&byte| byte == first) {
        from += at;
        if bytes[from..].starts_with(text) {
            return Some(from);
        }
        from += 1;
    }
    None
}

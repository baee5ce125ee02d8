//! nginx as a child process, with scripts in the LuaJIT of its Lua module (`ngx_http_lua_module`).
//!
//! A script runs in the server's rewrite phase, for which the module must be 0.10.21 or newer; the answer is a `return`
//! in the location, which comes after it; what a script wants of responses runs in the header filter. Controls have the same answer, and no Lua at all.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::geteuid;

use crate::program::Program;
use crate::scripted::{Dialect, Plan, Site};
use crate::{ARM_HEADER, BODY, CANARY_HEADER, GatewayError};

const PROGRAM: Program =
    Program { name: "nginx", variable: "TOLLGATE_NGINX", install: "apt-get install nginx-light libnginx-mod-http-lua" };

/// Modules that are loaded where they are not built in, in that order; the second needs the first.
const MODULES: [&str; 2] = ["ndk_http_module.so", "ngx_http_lua_module.so"];

/// nginx's own default for a body in memory; larger ones would go to a file.
const BODY_BUFFER: usize = 16_384;

/// nginx with its Lua module.
#[derive(Debug)]
pub(crate) struct Nginx;

impl Dialect for Nginx {
    fn program(&self) -> &'static Program {
        &PROGRAM
    }

    fn handle(&self) -> &'static str {
        include_str!("handle.lua")
    }

    fn version(&self, binary: &Path) -> Result<String, GatewayError> {
        let built = Built::of(binary)?;
        built.modules().map_err(|reason| PROGRAM.unfit(binary, reason))?;
        Ok(built.version)
    }

    fn config(&self, binary: &Path, plan: &Plan) -> Result<String, GatewayError> {
        let modules = Built::of(binary)?.modules().map_err(|reason| PROGRAM.unfit(binary, reason))?;
        let mut text = String::new();
        write(&mut text, &modules, plan).expect("a string takes everything");
        Ok(text)
    }

    fn command(&self, binary: &Path, config: &str) -> Command {
        let mut command = Command::new(binary);
        // Without `-e` it would open its log file before it has read that there is to be none. Its own variable names
        // sockets to inherit, and would be believed.
        command.args(["-e", "stderr", "-p", "/", "-c", config]).env_remove("NGINX");
        command
    }

    /// `2026/11/27 09:07:32 [error] 16590#16590: *5 lua entry thread aborted: ...`, then lines of a stack.
    fn words(line: &str) -> Option<&str> {
        // Before it has read its configuration: `nginx: [emerg] open() ...`.
        if let Some(early) = line.strip_prefix("nginx: ") {
            return Some(early.split_once("] ").map_or(early, |(_, text)| text));
        }
        let (head, text) = line.split_once("] ")?;
        let is_line = head.contains('/') && head.contains(" [");
        // The process, and a request's number.
        let text = text.split_once('#').and_then(|(_, rest)| rest.split_once(": ")).map_or(text, |(_, text)| text);
        let text = text.strip_prefix('*').and_then(|rest| rest.split_once(' ')).map_or(text, |(_, text)| text);
        is_line.then_some(text)
    }
}

fn write(text: &mut String, modules: &[PathBuf], plan: &Plan) -> std::fmt::Result {
    // One process, so that it is the one that dies with us.
    text.push_str("daemon off;\nmaster_process off;\nerror_log stderr error;\n");
    writeln!(text, "pid {};", plan.pid)?;
    if geteuid().is_root() {
        // It would hand its temporary folders to another user.
        text.push_str("user root root;\n");
    }
    for module in modules {
        writeln!(text, "load_module {};", quote(&module.to_string_lossy()))?;
    }
    text.push_str("events { worker_connections 512; }\nhttp {\n");
    text.push_str(SETTINGS);
    writeln!(text, "  client_body_buffer_size {};", BODY_BUFFER.max(plan.largest_request))?;
    writeln!(text, "  init_by_lua_file {};", plan.bundle)?;
    for site in &plan.sites {
        server(text, site)?;
    }
    writeln!(
        text,
        "  server {{\n    listen {} reuseport;\n    location = / {{ content_by_lua_block {{ tollgate_report() }} }}\n    \
         location = /status {{ internal; stub_status; }}\n  }}\n}}",
        plan.report
    )
}

/// For all servers. Connections stay for as long as a run lasts; nothing is written (the folders are never used, and are
/// made at the start unless they are there); names of headers may have underscores, as on every other gateway.
const SETTINGS: &str = r#"  access_log off;
  keepalive_timeout 1d;
  keepalive_requests 1000000000;
  underscores_in_headers on;
  ignore_invalid_headers off;
  large_client_header_buffers 8 64k;
  client_max_body_size 0;
  client_body_in_single_buffer on;
  client_body_temp_path /;
  proxy_temp_path /;
  fastcgi_temp_path /;
  uwsgi_temp_path /;
  scgi_temp_path /;
  default_type text/plain;
  lua_transform_underscores_in_response_headers off;
  # There is no way to write this character in a string that may hold variables.
  geo $tollgate_dollar { default "$"; }
"#;

fn server(text: &mut String, site: &Site) -> std::fmt::Result {
    let Site { arm, address, label, echo_header, .. } = site;
    writeln!(text, "  server {{\n    listen {address} reuseport;")?;
    if site.on_request {
        writeln!(text, "    server_rewrite_by_lua_block {{ tollgate_request[{arm}]() }}")?;
    }
    let lua_echoes = site.on_response && *echo_header == CANARY_HEADER;
    if site.on_response {
        let echo = if lua_echoes { "tollgate_echo() " } else { "" };
        writeln!(text, "    header_filter_by_lua_block {{ {echo}tollgate_response[{arm}]() }}")?;
    }
    if !lua_echoes {
        writeln!(text, "    add_header {echo_header} $http_{CANARY_HEADER};")?;
    }
    writeln!(
        text,
        "    add_header {ARM_HEADER} {};\n    location / {{ return 200 {}; }}\n  }}",
        quote(label),
        quote(BODY)
    )
}

/// A string of nginx's configuration.
fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            '\n' => quoted.push_str("\\n"),
            '$' => quoted.push_str("${tollgate_dollar}"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// What an nginx says of how it was built.
struct Built {
    version: String,
    arguments: String,
}

impl Built {
    fn of(binary: &Path) -> Result<Self, GatewayError> {
        let said = PROGRAM.ask(binary, "-V")?;
        let part = |begin: &str| said.lines().find_map(|line| line.strip_prefix(begin)).unwrap_or_default().trim();
        // `nginx version: nginx/1.22.1`, also `openresty/1.25.3.1`, perhaps with a distribution in brackets.
        let version = part("nginx version: ").split_once('/').map(|(_, version)| version.to_owned());
        match version {
            Some(version) if version.starts_with(|char: char| char.is_ascii_digit()) => {
                Ok(Self { version, arguments: part("configure arguments: ").to_owned() })
            }
            _ => Err(PROGRAM.unfit(binary, "`-V` does not say a version as nginx does".to_owned())),
        }
    }

    /// Files of the modules that must be loaded; none where Lua is built in. The error says that there is no Lua.
    fn modules(&self) -> Result<Vec<PathBuf>, String> {
        let argument = |name: &str| self.arguments.split_whitespace().find_map(|word| word.strip_prefix(name));
        let mut added = self.arguments.split_whitespace().filter_map(|word| word.strip_prefix("--add-module="));
        // OpenResty's folder is `ngx_lua-0.10.26`, that of the sources `lua-nginx-module`.
        if added.any(|folder| folder.contains("ngx_lua-") || folder.contains("lua-nginx-module")) {
            return Ok(Vec::new());
        }
        let prefix = argument("--prefix=").unwrap_or("/usr/local/nginx");
        let folder = argument("--modules-path=").map_or_else(|| Path::new(prefix).join("modules"), PathBuf::from);
        let found: Vec<_> = MODULES.iter().map(|module| folder.join(module)).filter(|file| file.is_file()).collect();
        match found.last() {
            Some(last) if last.ends_with(MODULES[1]) => Ok(found),
            _ => Err(format!("it has no Lua: there is no {}", folder.join(MODULES[1]).display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_with_anything_in_it_stays_one_string() {
        assert_eq!(quote(r#"a"b\c$d;{}"#), r#""a\"b\\c${tollgate_dollar}d;{}""#);
    }

    /// As nginx 1.22 wrote them.
    #[test]
    fn words_are_what_a_line_says() {
        let cases = [
            ("2026/11/27 09:07:32 [error] 1#1: *5 lua entry thread aborted: x", Some("lua entry thread aborted: x")),
            ("2026/11/27 09:07:32 [emerg] 1#1: unknown directive \"x\" in y", Some("unknown directive \"x\" in y")),
            ("nginx: [emerg] unknown directive \"x\"", Some("unknown directive \"x\"")),
            ("nginx: invalid option: \"e\"", Some("invalid option: \"e\"")),
            ("stack traceback:", None),
            ("\t[C]: in function 'error'", None),
        ];
        for (line, words) in cases {
            assert_eq!(Nginx::words(line), words, "{line}");
        }
    }

    #[test]
    fn an_nginx_without_lua_is_told_and_one_with_it_built_in_loads_nothing() {
        let built = |arguments: &str| Built { version: "1.22.1".to_owned(), arguments: arguments.to_owned() };
        let error = built("--prefix=/no/such --with-http_ssl_module").modules().unwrap_err();
        assert!(error.contains("/no/such/modules/ngx_http_lua_module.so"), "{error}");
        assert!(built("--add-module=../ngx_lua-0.10.26 --prefix=/opt").modules().unwrap().is_empty());
    }
}

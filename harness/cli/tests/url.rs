//! Gateways by URL: a real nginx with TLS and HTTP/2 stands for what somebody else runs.

mod support;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{run, status, stderr, stdout};
use tollgate_record::{Mode, Record};

/// An nginx with the routes `/plain`, `/plugin`, which sets a header, and `/broken`, which fails.
struct Nginx {
    child: Child,
    folder: tempfile::TempDir,
    plain: u16,
    tls: u16,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Nginx {
    /// None where it is missing, which is said loudly and must not be in CI.
    fn start() -> Option<Self> {
        let Some(program) = nginx() else {
            assert!(std::env::var_os("TOLLGATE_REQUIRE_GATEWAYS").is_none(), "TOLLGATE_REQUIRE_GATEWAYS, and no nginx");
            eprintln!("\n*** NOT TESTED BY URL: there is no nginx; apt-get install nginx-light ***\n");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let signed = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(folder.path().join("cert.pem"), signed.cert.pem()).unwrap();
        std::fs::write(folder.path().join("key.pem"), signed.signing_key.serialize_pem()).unwrap();
        let [plain, tls] = [(); 2].map(|()| free_port());
        let config = folder.path().join("nginx.conf");
        std::fs::write(&config, configuration(folder.path(), plain, tls)).unwrap();
        let child = Command::new(program)
            .arg("-c")
            .arg(&config)
            .args(["-e", "stderr"])
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx can be started");
        let nginx = Self { child, folder, plain, tls };
        let begin = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", nginx.tls)).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(10), "nginx does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(nginx)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Runs tollgate on URLs only.
    fn run(&self, args: &[&str]) -> (i32, String, String) {
        let out = self.path("out");
        let mut all = vec!["run", "--only", "live", "--skip", "embedded", "--time", "quick", "--quiet", "--out", &out];
        all.extend(args);
        let output = run(&all);
        (status(&output), stdout(&output), stderr(&output))
    }

    fn record(&self) -> Record {
        Record::read(Path::new(&self.path("out/record.json"))).unwrap()
    }
}

fn configuration(folder: &Path, plain: u16, tls: u16) -> String {
    let folder = folder.to_str().unwrap();
    format!(
        "daemon off; master_process off; pid {folder}/pid; events {{}}
         http {{
           access_log off; keepalive_requests 10000000;
           client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
           uwsgi_temp_path {folder}; scgi_temp_path {folder};
           server {{
             listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl http2;
             ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
             location /plain {{ return 200 'answer'; }}
             location /plugin {{ if ($http_x_token != 'secret') {{ return 401; }} return 200 'answer'; }}
             location /broken {{ return 500; }}
           }}
         }}"
    )
}

fn nginx() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders.map(|folder| folder.join("nginx")).find(|file| file.is_file())
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

#[test]
fn a_url_is_measured_beside_its_baseline_over_each_http_and_called_unproved() {
    let Some(nginx) = Nginx::start() else { return };
    let (plain, tls, ca) = (nginx.plain, nginx.tls, nginx.path("cert.pem"));
    let bases = [
        (format!("http://127.0.0.1:{plain}"), vec![], "HTTP/1.1"),
        (format!("https://localhost:{tls}"), vec!["--ca", &ca], "HTTP/2.0"),
        (format!("https://localhost:{tls}"), vec!["--ca", &ca, "--http", "1.1"], "HTTP/1.1"),
    ];
    for (base, options, version) in bases {
        let [named, baseline] = [format!("mine={base}/plugin"), format!("{base}/plain")];
        let mut args = vec!["--gateway", &named, "--baseline-url", &baseline, "--header", "x-token: secret"];
        args.extend(options.iter().copied().chain(["--format", "json"]));
        let (status, out, err) = nginx.run(&args);
        assert_eq!(status, 0, "{out}{err}");
        let summary: Value = serde_json::from_str(&out).unwrap();
        let cells = summary["cells"].as_array().unwrap();
        assert_eq!(cells.len(), 3, "A, A' and the URL: {out}");
        let mine = cells.iter().find(|cell| cell["plugin"] == "mine").unwrap();
        assert_eq!((mine["host"].as_str(), mine["mode"].as_str()), (Some("url"), Some("live")));
        assert!(mine["added_ns"]["p50"].is_f64() && mine["absolute_ns"]["p50"].as_f64().unwrap() > 1_000.0, "{mine}");
        let record = nginx.record();
        let cell = record.cells.iter().find(|cell| cell.id.plugin == "mine").unwrap();
        assert_eq!((cell.id.mode, cell.series.len()), (Mode::Live, 3));
        let proof = cell.proof.as_deref().unwrap();
        assert!(proof.starts_with("unproved: ") && proof.contains(version), "{proof}");
    }
    let (_, table, _) = nginx.run(&[
        "--gateway",
        &format!("http://127.0.0.1:{plain}/plain"),
        "--baseline-url",
        &format!("http://127.0.0.1:{plain}/plain"),
    ]);
    assert!(table.contains("Unproved"), "{table}");
}

#[test]
fn a_url_is_put_under_load_beside_its_baseline() {
    let Some(nginx) = Nginx::start() else { return };
    let base = format!("http://127.0.0.1:{}", nginx.plain);
    let (named, baseline) = (format!("mine={base}/plugin?a=b"), format!("{base}/plain"));
    // One plugin is verified sooner than all.
    let args = ["--plugin", "lua", "--gateway", &named, "--baseline-url", &baseline, "--header", "x-token: secret"];
    let load = ["--load", "1s", "--load-rate", "300", "--connections", "2"];
    let (status, out, err) = nginx.run(&[&args[..], &load].concat());
    assert_eq!(status, 0, "{out}{err}");
    assert!(out.contains("Load on url") && out.contains("Unproved"), "{out}");
    let record = nginx.record();
    let load = &record.loads[0];
    assert_eq!((record.loads.len(), load.gateway.as_str(), load.error.as_ref()), (1, "url", None));
    assert_eq!(load.placement, tollgate_record::Placement::Unpinned, "whose core it is on is not known");
    assert_eq!(load.arms.iter().map(|arm| arm.cell.plugin.as_str()).collect::<Vec<_>>(), ["A", "A'", "mine"]);
    for arm in &load.arms {
        let traffic = &arm.traffic;
        assert!((99..=101).contains(&traffic.planned), "{}: {}", arm.cell, traffic.planned);
        assert_eq!((traffic.answered, traffic.faults.total()), (traffic.planned, 0), "{}", arm.cell);
        assert!(arm.capacity.unwrap().answered > 0);
        assert!(arm.proof.as_ref().unwrap().starts_with("unproved: "), "{:?}", arm.proof);
    }
    // Without its header the route refuses, which fails it before it can be loaded.
    let args = ["--plugin", "lua", "--gateway", &named, "--baseline-url", &baseline, "--load", "1s"];
    let (status, out, err) = nginx.run(&args);
    assert_eq!(status, 1, "{out}{err}");
    assert!(nginx.record().loads.is_empty(), "nothing is left to compare");
}

#[test]
fn what_cannot_be_measured_is_a_row_with_its_reason_and_the_others_are() {
    let Some(nginx) = Nginx::start() else { return };
    let base = format!("http://127.0.0.1:{}", nginx.plain);
    let closed = format!("http://127.0.0.1:{}/plain", free_port());
    let untrusted = format!("https://localhost:{}/plain", nginx.tls);
    let baseline = format!("{base}/plain");
    let good = format!("good={base}/plain");
    let broken = format!("broken={base}/broken");
    let (status, out, err) = nginx.run(&[
        "--gateway",
        &good,
        "--gateway",
        &closed,
        "--gateway",
        &untrusted,
        "--gateway",
        &broken,
        "--baseline-url",
        &baseline,
    ]);
    assert_eq!(status, 1, "{out}{err}");
    let record = nginx.record();
    let error = |plugin: &str| {
        let cell = record.cells.iter().find(|cell| cell.id.plugin == plugin).unwrap();
        cell.error.as_ref().map(|failure| failure.message.clone()).unwrap_or_default()
    };
    assert_eq!(error("good"), "");
    assert!(error(&closed).contains("refused"), "{}", error(&closed));
    assert!(error(&untrusted).contains("certificate"), "{}", error(&untrusted));
    assert!(error("broken").contains("500"), "an error page is not what a plugin costs: {}", error("broken"));
}

#[test]
fn what_makes_no_sense_is_said_before_anything_is_measured() {
    let url = "http://127.0.0.1:9/";
    let cases: [(&[&str], &str); 8] = [
        (&["--gateway", url], "--baseline-url"),
        (&["--baseline-url", url], "--gateway URL"),
        (&["--gateway", "ftp://host/", "--baseline-url", url], "http:// or https://"),
        (&["--gateway", url, "--baseline-url", url, "--header", "nonsense"], "name: value"),
        (&["--gateway", url, "--baseline-url", url, "--ca", "/nowhere.pem"], "PEM"),
        (&["--gateway", url, "--gateway", url, "--baseline-url", url], "twice"),
        (&["--gateway", "https://a/", "--baseline-url", url, "--load", "1s"], "speaks no TLS"),
        (&["--gateway", url, "--baseline-url", url, "--http", "2", "--load", "1s"], "speaks HTTP/1.1"),
    ];
    for (args, said) in cases {
        let output = run(&[&["run", "--only", "live", "--quiet"], args].concat());
        assert_eq!(status(&output), 2, "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{args:?}: {}", stderr(&output));
    }
}

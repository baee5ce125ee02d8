//! Chromium without a driver: a page is opened headless, and what it came to is read from its DOM and from its log.

use std::path::Path;
use std::process::Command;

/// What a browser made of a page.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The DOM when the page had come to rest.
    pub(crate) dom: String,
    /// What the browser wrote; a line of the console has `CONSOLE` in it.
    pub(crate) log: String,
}

/// The browser with what keeps it quiet in a closed network. None where there is none, which is said; a failure where
/// `TOLLGATE_REQUIRE_BROWSER` asks for one.
pub(crate) fn chromium() -> Option<Command> {
    for name in ["chromium", "chromium-browser", "google-chrome"] {
        if Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success()) {
            let mut command = Command::new(name);
            command.args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]);
            command.args(["--disable-background-networking", "--disable-component-update", "--enable-logging=stderr"]);
            return Some(command);
        }
    }
    let required = std::env::var_os("TOLLGATE_REQUIRE_BROWSER").is_some();
    assert!(!required, "TOLLGATE_REQUIRE_BROWSER is set and there is no chromium");
    eprintln!("\n*** NOT TESTED in a browser: install one with `apt-get install chromium`\n");
    None
}

/// Opens a file. `profile` is a folder of this browser's own.
pub(crate) fn open(file: &Path, profile: &Path, flags: &[String]) -> Option<Opened> {
    let output = chromium()?
        .args([format!("--user-data-dir={}", profile.display()), "--dump-dom".to_owned()])
        .args(flags)
        .arg(format!("file://{}", file.display()))
        .output()
        .expect("it was there a moment ago");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(Opened { dom: text(&output.stdout), log: text(&output.stderr) })
}

/// Takes a picture of a file. Whether there was a browser.
pub(crate) fn picture(file: &Path, profile: &Path, flags: &[String], to: &Path) -> bool {
    let Some(mut command) = chromium() else { return false };
    let output = command
        .args([format!("--user-data-dir={}", profile.display()), format!("--screenshot={}", to.display())])
        .args(flags)
        .arg("--hide-scrollbars")
        .arg(format!("file://{}", file.display()))
        .output()
        .expect("it was there a moment ago");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    true
}

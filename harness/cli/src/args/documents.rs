//! What documents say to type is understood, and what they link to is there.

use std::ffi::OsString;
use std::path::Path;

use clap::error::ErrorKind;

const DOCUMENTS: [&str; 4] = ["README.md", "reports/METHOD.md", ".github/CONTRIBUTING.md", "harness/CHANGELOG.md"];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn read(document: &Path) -> String {
    std::fs::read_to_string(root().join(document)).unwrap_or_else(|error| panic!("{}: {error}", document.display()))
}

/// The words of a command line, as far as documents need a shell: single quotes, and a comment at the end.
fn words(command: &str) -> Vec<OsString> {
    let command = command.split(" #").next().unwrap_or(command).replace(" \\", " ");
    let parts = command.split('\'').enumerate();
    parts
        .flat_map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().map(OsString::from).collect(),
            _ => vec![OsString::from(part)],
        })
        .collect()
}

/// Our commands in a document: lines of its blocks, and what stands between backticks.
fn commands(text: &str) -> Vec<String> {
    let text = text.replace("\\\n", " ");
    let blocks = text.split("```").enumerate();
    let pieces = blocks.flat_map(|(index, part)| match index % 2 {
        0 => part.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>(),
        _ => part.lines().map(str::to_owned).collect(),
    });
    let ours = |piece: String| {
        let rest = ["tollgate ", "cargo run --release -- ", "cargo run -- "]
            .into_iter()
            .find_map(|begin| piece.trim().strip_prefix(begin).map(str::to_owned));
        rest.filter(|rest| !rest.contains("...") || rest.contains('\'')).map(|rest| format!("tollgate {rest}"))
    };
    pieces.filter_map(ours).collect()
}

#[test]
fn what_is_to_be_typed_is_understood() {
    let (mut seen, mut misunderstood) = (0, Vec::new());
    for document in DOCUMENTS {
        for command in commands(&read(document.as_ref())) {
            seen += 1;
            // Alternatives in a table are separated like this.
            let command = command.split("\\|").next().unwrap_or(&command).to_owned();
            let Err(error) = super::parse(&words(&command)) else { continue };
            let wrong = [ErrorKind::UnknownArgument, ErrorKind::InvalidSubcommand, ErrorKind::InvalidValue];
            // An option that is named without its value is one that is spoken of.
            let is_named = error.to_string().contains("none was supplied");
            if wrong.contains(&error.kind()) && !is_named {
                misunderstood.push(format!("{document}: {command}: {error}"));
            }
        }
    }
    assert_eq!(misunderstood, Vec::<String>::new());
    assert!(seen > 40, "only {seen} commands were found");
}

/// As GitHub makes it of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>().trim().replace(' ', "-")
}

#[test]
fn what_is_linked_to_is_there() {
    for document in DOCUMENTS.map(Path::new) {
        let text = read(document);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") {
                continue;
            }
            let (file, heading) = link.split_once('#').map_or((link, None), |(file, heading)| (file, Some(heading)));
            let target = if file.is_empty() { document.to_owned() } else { document.with_file_name(file) };
            assert!(root().join(&target).exists(), "{}: {link} is not there", document.display());
            let Some(heading) = heading else { continue };
            let there = read(&target);
            let headings = there.lines().filter(|line| line.starts_with('#'));
            let found = headings.map(|line| anchor(line.trim_start_matches('#'))).any(|there| there == heading);
            assert!(found, "{}: no heading {link}", document.display());
        }
    }
}

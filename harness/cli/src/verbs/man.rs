//! `tollgate man`: manual pages.

use std::path::Path;

use anyhow::Context as _;
use clap::Command;
use clap::builder::Resettable;
use clap_mangen::Man;
use tollgate_record::write_atomically;

use crate::args::{self, ManArgs};
use crate::out::{self, make_folder};
use crate::select::known;
use crate::status::Status;

/// Prints the page of a verb, or writes all.
pub(crate) fn run(options: &ManArgs) -> anyhow::Result<Status> {
    let mut command = args::visible();
    // Names of verbs become those of their pages: `tollgate-gate-live`.
    command.build();
    let Some(folder) = &options.out else {
        out::line(page(find(command, &options.verb)?)?.1.trim_end());
        return Ok(Status::Pass);
    };
    make_folder(folder)?;
    let pages = write(command, folder)?;
    eprintln!("wrote {pages} pages into {}", folder.display());
    Ok(Status::Pass)
}

fn find(mut command: Command, verb: &[String]) -> anyhow::Result<Command> {
    for name in verb {
        known("verb", name, command.get_subcommands().map(|verb| verb.get_name().to_owned()))?;
        command = command.find_subcommand(name).context("a verb that is listed is found")?.clone();
    }
    Ok(command)
}

/// Writes the pages of a verb and of those beneath it; their number.
fn write(command: Command, folder: &Path) -> anyhow::Result<usize> {
    let mut pages = 1;
    for verb in command.get_subcommands() {
        pages += write(verb.clone(), folder)?;
    }
    let (name, text) = page(command)?;
    write_atomically(&folder.join(name), text.as_bytes())?;
    Ok(pages)
}

/// A page's file name and text.
fn page(command: Command) -> anyhow::Result<(String, String)> {
    // The generator would fill the lines of examples like prose.
    let examples = command.get_after_help().map(ToString::to_string);
    let man = Man::new(command.after_help(Resettable::Reset));
    let mut page = Vec::new();
    man.render(&mut page)?;
    let mut page = String::from_utf8(page)?;
    if let Some(examples) = examples {
        page.push_str(".SH EXAMPLES\n.nf\n");
        let body = examples.strip_prefix("Examples:\n").unwrap_or(&examples);
        body.lines().for_each(|line| page.push_str(&literal(line)));
        page.push_str(".fi\n");
    }
    Ok((man.get_filename(), page))
}

/// A line as it is: no escape, no request, no hyphen where a minus was typed.
fn literal(line: &str) -> String {
    format!("\\&{}\n", line.replace('\\', "\\e").replace('-', "\\-"))
}

//! Settings from a `tollgate.toml`: options by the names that they have on the command line, which wins.
//!
//! They become words behind the verb, as if they had been typed, so that there is one parser, one set of errors, and one
//! command line in the record. A key stands for its verb and for what is beneath it: `quiet = true` at the top is for every
//! verb that has `--quiet`, one in `[gate]` for every gate.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::Context as _;
use clap::error::ErrorKind as ClapError;
use clap::{Arg, ArgAction, Command};
use toml::{Table, Value};

use crate::select::known;
use crate::status::usage;

/// Looked for in the current folder.
pub(crate) const FILE: &str = "tollgate.toml";

/// What was typed, with the settings in it.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    /// The words to parse, and to repeat; the first is the program.
    pub(crate) words: Vec<OsString>,
    /// The file that the settings are of; none when there was none to read.
    pub(crate) file: Option<PathBuf>,
    /// The words of it.
    pub(crate) added: Vec<String>,
}

impl Merged {
    /// What came from the file, in words.
    pub(crate) fn said(&self) -> Option<String> {
        let file = self.file.as_ref().filter(|_| !self.added.is_empty())?;
        Some(format!("settings of {}: {}", file.display(), self.added.join(" ")))
    }

    /// Whether no messages are wanted.
    pub(crate) fn is_quiet(&self) -> bool {
        self.words.iter().any(|word| word == "--quiet" || word == "-q")
    }
}

/// The words that the program was started with and those of its settings, as they are to be repeated.
pub(crate) fn words() -> Vec<OsString> {
    WORDS.get().cloned().unwrap_or_else(|| std::env::args_os().collect())
}

static WORDS: OnceLock<Vec<OsString>> = OnceLock::new();

/// Puts the settings into what was typed, and remembers it for [`words`].
pub(crate) fn of_program(command: &Command) -> anyhow::Result<Merged> {
    let merged = merge(command, std::env::args_os().collect(), Path::new(FILE))?;
    WORDS.get_or_init(|| merged.words.clone());
    Ok(merged)
}

/// Puts the settings into what was typed. `default` is read, if it is there, when no file is named.
fn merge(command: &Command, typed: Vec<OsString>, default: &Path) -> anyhow::Result<Merged> {
    let (words, wanted) = Wanted::take_from(typed)?;
    let asked = |names: &[&str]| words.iter().any(|word| names.iter().any(|name| word == name));
    let (path, begin) = verb(command, &words);
    let verb = match path.last() {
        Some(verb) if !verb.is_hide_set() && !asked(&["-h", "--help", "-V", "--version"]) => *verb,
        // Nobody sets anything for `tollgate` alone or for a process that it has started.
        _ => return Ok(Merged { words, ..Merged::default() }),
    };
    let Some((file, text)) = wanted.read(default)? else { return Ok(Merged { words, ..Merged::default() }) };
    let added = of_text(command, &path, verb, &text, &words[begin..]).with_context(|| file.display().to_string())?;
    let mut merged = words;
    merged.splice(begin..begin, added.iter().map(OsString::from));
    Ok(Merged { words: merged, file: Some(file), added })
}

/// Which file is read.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Default,
    Named(PathBuf),
    Nothing,
}

impl Wanted {
    /// Takes its own options out of what was typed: they are not to be repeated, since what they brought is.
    fn take_from(typed: Vec<OsString>) -> anyhow::Result<(Vec<OsString>, Self)> {
        let (mut words, mut wanted) = (Vec::new(), Self::Default);
        let mut set = |to| match std::mem::replace(&mut wanted, to) {
            Self::Default => Ok(()),
            _ => Err(usage("give --settings or --no-settings once")),
        };
        let mut typed = typed.into_iter();
        while let Some(word) = typed.next() {
            match word.to_str() {
                Some("--no-settings") => set(Self::Nothing)?,
                Some("--settings") => match typed.next() {
                    Some(file) => set(Self::Named(file.into()))?,
                    None => words.push(word),
                },
                Some(text) if text.starts_with("--settings=") => set(Self::Named(text["--settings=".len()..].into()))?,
                _ => words.push(word),
            }
        }
        Ok((words, wanted))
    }

    /// The file and its text; none when there is none to read.
    fn read(self, default: &Path) -> anyhow::Result<Option<(PathBuf, String)>> {
        let (file, must_be) = match self {
            Self::Nothing => return Ok(None),
            Self::Default => (default.to_owned(), false),
            Self::Named(file) => (file, true),
        };
        match std::fs::read_to_string(&file) {
            Ok(text) => Ok(Some((file, text))),
            Err(error) if error.kind() == ErrorKind::NotFound && !must_be => Ok(None),
            Err(error) => {
                let file = file.display();
                Err(usage(format!("cannot read the settings {file}: {error}; check the path, or add --no-settings")))
            }
        }
    }
}

/// The verb with those above it, and where its options begin. Before a verb there are no options with values.
fn verb<'c>(command: &'c Command, words: &[OsString]) -> (Vec<&'c Command>, usize) {
    let mut path = Vec::new();
    let mut begin = words.len().min(1);
    let mut inner = command;
    while let Some(found) = words.get(begin).and_then(|word| inner.find_subcommand(word)) {
        path.push(found);
        inner = found;
        begin += 1;
    }
    (path, begin)
}

/// The words that a file adds for a verb, without those of options that were typed.
fn of_text(
    command: &Command,
    path: &[&Command],
    verb: &Command,
    text: &str,
    typed: &[OsString],
) -> anyhow::Result<Vec<String>> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| usage(error.to_string().trim_end().to_owned()))?;
    check(command, &table)?;
    let mut settings: BTreeMap<&str, &Value> = BTreeMap::new();
    let mut inner = Some(&table);
    for name in [None].into_iter().chain(path.iter().map(|verb| Some(verb.get_name()))) {
        if let Some(name) = name {
            inner = inner.and_then(|table| table.get(name)?.as_table());
        }
        settings.extend(inner.into_iter().flatten().map(|(key, value)| (key.as_str(), value)));
    }
    let mut words = Vec::new();
    for option in options(verb) {
        let name = option.get_long().unwrap_or_default();
        match settings.get(name) {
            Some(value) if !is_typed(option, typed) => words.push(words_of(option, name, value)?),
            _ => {}
        }
    }
    let trial = Trial { command, path, typed };
    Ok(trial.fitting(words).concat())
}

/// What was typed, to see which settings go with it.
struct Trial<'a> {
    command: &'a Command,
    path: &'a [&'a Command],
    typed: &'a [OsString],
}

impl Trial<'_> {
    /// Whether the options contradict each other, or one wants another that is not there.
    fn clash(&self, options: &[&[String]]) -> bool {
        let verbs = self.path.iter().map(|verb| OsString::from(verb.get_name()));
        let options = options.iter().copied().flatten().map(OsString::from);
        let words =
            [OsString::from("tollgate")].into_iter().chain(verbs).chain(options).chain(self.typed.iter().cloned());
        let clash = [ClapError::ArgumentConflict, ClapError::MissingRequiredArgument];
        self.command.clone().try_get_matches_from(words).is_err_and(|error| clash.contains(&error.kind()))
    }

    /// Settings without those that do not go with what was typed: a file holds what is for one use of a verb beside what is for
    /// another. What clashes with another setting stays, and is told as if it had been typed.
    fn fitting(&self, settings: Vec<Vec<String>>) -> Vec<Vec<String>> {
        let all: Vec<&[String]> = settings.iter().map(Vec::as_slice).collect();
        if !self.clash(&all) || self.clash(&[]) {
            return settings;
        }
        let fit: Vec<&[String]> = all.into_iter().filter(|option| !self.clash(&[option])).collect();
        // Some of the others only want one of those.
        let fits = |option: &[String]| fit.contains(&option) || !self.clash(&[&fit[..], &[option]].concat());
        settings.iter().filter(|option| fits(option)).cloned().collect()
    }
}

/// What can be set for a verb.
fn options(verb: &Command) -> impl Iterator<Item = &Arg> {
    let is_ours = |option: &&Arg| {
        option.get_long().is_some()
            && !matches!(
                option.get_action(),
                ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
            )
            && !["settings", "no-settings"].contains(&option.get_id().as_str())
    };
    verb.get_arguments().filter(is_ours)
}

/// The options of a verb and of what is beneath it.
fn all_options<'c>(verb: &'c Command, names: &mut BTreeSet<&'c str>) {
    names.extend(options(verb).filter_map(|option| option.get_long()));
    verb.get_subcommands().filter(|verb| !verb.is_hide_set()).for_each(|verb| all_options(verb, names));
}

/// Refuses a key that is no verb and no option, wherever it is: it may be for the next verb.
fn check(verb: &Command, table: &Table) -> anyhow::Result<()> {
    let mut names = BTreeSet::new();
    all_options(verb, &mut names);
    let inner: BTreeMap<&str, &Command> =
        verb.get_subcommands().filter(|verb| !verb.is_hide_set()).map(|verb| (verb.get_name(), verb)).collect();
    let owned = |name: &&str| (*name).to_owned();
    for (key, value) in table {
        match (value, inner.get(key.as_str())) {
            (Value::Table(table), Some(verb)) => check(verb, table)?,
            (Value::Table(_), None) if inner.is_empty() => {
                return Err(usage(format!("{} has nothing in which a table `{key}` could be", verb.get_name())));
            }
            (Value::Table(_), None) => known("verb", key, inner.keys().map(owned))?,
            (_, _) => known(&format!("option of {}", verb.get_name()), key, names.iter().map(owned))?,
        }
    }
    Ok(())
}

/// Whether an option was typed.
fn is_typed(option: &Arg, typed: &[OsString]) -> bool {
    let is_it = |word: &OsStr| {
        let word = word.to_string_lossy();
        match (word.strip_prefix("--"), word.strip_prefix('-')) {
            (Some(long), _) => Some(long.split('=').next().unwrap_or(long)) == option.get_long(),
            (None, Some(short)) => option.get_short().is_some_and(|letter| short.starts_with(letter)),
            (None, None) => false,
        }
    };
    typed.iter().any(|word| is_it(word))
}

/// An option with a value of the file, as it would be typed.
fn words_of(option: &Arg, name: &str, value: &Value) -> anyhow::Result<Vec<String>> {
    let flag = format!("--{name}");
    let at_most = option.get_num_args().map_or(1, |range| range.max_values());
    match (option.get_action(), value) {
        (ArgAction::SetTrue, Value::Boolean(true)) => Ok(vec![flag]),
        (ArgAction::SetTrue, Value::Boolean(false)) => Ok(Vec::new()),
        (ArgAction::SetTrue, _) => Err(usage(format!("`{name}` takes true or false"))),
        (_, Value::Array(values)) if at_most > 1 => {
            let values = values.iter().map(|value| scalar(name, value));
            Ok([flag].into_iter().map(Ok).chain(values).collect::<anyhow::Result<_>>()?)
        }
        (ArgAction::Append, Value::Array(values)) => {
            let words = values.iter().map(|value| Ok([flag.clone(), scalar(name, value)?]));
            Ok(words.collect::<anyhow::Result<Vec<_>>>()?.concat())
        }
        (_, Value::Array(_)) => Err(usage(format!("`{name}` takes one value, not several"))),
        _ => Ok(vec![flag, scalar(name, value)?]),
    }
}

/// A value as it would be typed.
fn scalar(name: &str, value: &Value) -> anyhow::Result<String> {
    match value {
        Value::String(text) if text.starts_with('-') => Err(usage(format!("`{name}` takes no value like `{text}`"))),
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        _ => Err(usage(format!("`{name}` takes a text or a number, as on the command line"))),
    }
}

#[cfg(test)]
mod tests;

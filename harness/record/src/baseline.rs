use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::fnv1a;
use crate::error::to_be_read;
use crate::{Counters, RecordError, Spread, write_atomically};

/// Name and version of the format. A reader refuses any other.
pub const BASELINE_SCHEMA: &str = "tollgate/counters/1";

/// Largest file that is read, in bytes: thousands of plugins fit in.
const LARGEST: u64 = 16 << 20;

/// Before the name of a host call, in the name of its figure.
pub const HOST_CALL: &str = "host_calls.";

/// Exact figures of plugins, kept to compare later ones with: a file that is committed, one figure a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Always [`BASELINE_SCHEMA`].
    schema: String,
    /// Sorted, each once.
    cells: Vec<BaselineCell>,
}

/// What names a cell of a baseline: plugin, host and workload, in the order of the file.
pub type BaselineKey<'a> = (&'a str, &'a str, &'a str);

/// The figures of one request of a plugin on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineCell {
    /// Name of the plugin.
    pub plugin: String,
    /// Name of the host.
    pub host: String,
    /// Name of the workload.
    pub workload: String,
    /// Version that the host gave of itself: its own figures (fuel, instructions) are comparable in one version only.
    pub host_version: String,
    /// Figures by name: `allocations`, `artifact_bytes`, `bytes_in`, `bytes_out`, `fuel`, `lua_instructions` and, after
    /// [`HOST_CALL`], host calls. A figure that requests do not share has its least, its most and its sum: `fuel.least`,
    /// `fuel.most`, `fuel.total_of_64`.
    pub figures: BTreeMap<String, u64>,
    /// Names of figures that were not the same in each process, so that they are not among the figures.
    pub unstable: BTreeSet<String>,
    /// Tells whether the cell was edited by hand.
    digest: String,
}

impl BaselineCell {
    /// A cell of what several processes counted: what they do not agree on is unstable. None without any.
    pub fn new(
        (plugin, host, workload): BaselineKey<'_>,
        host_version: &str,
        artifact_bytes: Option<u64>,
        counted: &[Counters],
    ) -> Option<Self> {
        let mut all = counted.iter().map(|counters| figures(counters, artifact_bytes));
        let mut figures = all.next()?;
        let mut unstable = BTreeSet::new();
        for other in all {
            let names: BTreeSet<&String> = figures.keys().chain(other.keys()).collect();
            let differ = names.into_iter().filter(|name| figures.get(*name) != other.get(*name));
            unstable.extend(differ.cloned().collect::<Vec<_>>());
        }
        figures.retain(|name, _| !unstable.contains(name));
        let mut cell = Self {
            plugin: plugin.to_owned(),
            host: host.to_owned(),
            workload: workload.to_owned(),
            host_version: host_version.to_owned(),
            figures,
            unstable,
            digest: String::new(),
        };
        cell.digest = cell.digest();
        Some(cell)
    }

    /// The same figures under another plugin's name.
    pub fn renamed(self, plugin: &str) -> Self {
        let mut cell = Self { plugin: plugin.to_owned(), ..self };
        cell.digest = cell.digest();
        cell
    }

    /// What names it.
    pub fn key(&self) -> BaselineKey<'_> {
        (&self.plugin, &self.host, &self.workload)
    }

    /// Of the cell without its digest.
    fn digest(&self) -> String {
        let bare = Self { digest: String::new(), ..self.clone() };
        fnv1a(&serde_json::to_vec(&bare).expect("a cell has string keys and nothing that can fail"))
    }
}

/// Figures by name, of one request and of the artifact.
fn figures(counters: &Counters, artifact_bytes: Option<u64>) -> BTreeMap<String, u64> {
    let known = [
        ("allocations", Some(counters.allocations)),
        ("artifact_bytes", artifact_bytes),
        ("bytes_in", Some(counters.bytes_in)),
        ("bytes_out", Some(counters.bytes_out)),
        ("fuel", counters.fuel),
        ("lua_instructions", counters.lua_instructions),
    ];
    let named = |name: &str| match known.iter().any(|(known, _)| *known == name) {
        true => name.to_owned(),
        false => format!("{HOST_CALL}{name}"),
    };
    let exact = known.iter().filter(|(name, _)| !counters.varying.contains_key(*name));
    let exact = exact.filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?)));
    let calls = counters.host_calls.iter().map(|(name, &count)| (format!("{HOST_CALL}{name}"), count));
    let varying = counters.varying.iter().flat_map(|(name, &Spread { requests, least, most, total })| {
        let name = named(name);
        [
            (format!("{name}.least"), least),
            (format!("{name}.most"), most),
            (format!("{name}.total_of_{requests}"), total),
        ]
    });
    exact.chain(calls).chain(varying).collect()
}

/// Why a baseline cannot be used. Each message says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// There is no such file.
    #[error("there is no baseline {}; make one with `tollgate gate counters --update`, or name another with --baseline", .0.display())]
    Missing(PathBuf),
    /// The file cannot be read.
    #[error("cannot read the baseline {}; {}", .path.display(), to_be_read(.source))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is too large to be one.
    #[error("{} is larger than {} MiB, which no baseline is; name another with --baseline", .0.display(), LARGEST >> 20)]
    TooLarge(PathBuf),
    /// The file is no baseline, or half of one.
    #[error("{} is no baseline of counters or is damaged; take it from version control again, or delete it and make it anew with --update", .path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and what.
        source: serde_json::Error,
    },
    /// The file is of a version that this program does not know.
    #[error("{} has schema `{found}`, this tollgate reads `{BASELINE_SCHEMA}`; use the version of tollgate that wrote it, or make it anew with --update", .path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// Schema named in the file.
        found: String,
    },
    /// The file is not as it was written.
    #[error("{} was edited by hand ({what}); take it from version control again, or delete it and make it anew with --update", .path.display())]
    Edited {
        /// The file.
        path: PathBuf,
        /// What is not as it was written.
        what: String,
    },
}

/// Just enough of a file to tell whose it is, before its fields are held to this version's.
#[derive(Deserialize)]
struct Head {
    schema: String,
}

impl Baseline {
    /// A baseline of these cells; of several of one name the last counts.
    pub fn new(cells: impl IntoIterator<Item = BaselineCell>) -> Self {
        let mut sorted: BTreeMap<(String, String, String), BaselineCell> = BTreeMap::new();
        for cell in cells {
            sorted.insert((cell.plugin.clone(), cell.host.clone(), cell.workload.clone()), cell);
        }
        Self { schema: BASELINE_SCHEMA.to_owned(), cells: sorted.into_values().collect() }
    }

    /// All cells, sorted.
    pub fn cells(&self) -> &[BaselineCell] {
        &self.cells
    }

    /// The cell of that name, if there is one.
    pub fn cell(&self, key: BaselineKey<'_>) -> Option<&BaselineCell> {
        self.cells.iter().find(|cell| cell.key() == key)
    }

    /// Reads a baseline.
    ///
    /// # Errors
    /// Anything but what [`Baseline::write`] writes.
    pub fn read(path: &Path) -> Result<Self, BaselineError> {
        let read = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::NotFound => BaselineError::Missing(path.to_owned()),
            _ => BaselineError::Read { path: path.to_owned(), source },
        };
        let mut text = Vec::new();
        // Not by its length beforehand: a pipe or a device has none.
        File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut text)).map_err(read)?;
        Self::parse(path, &text)
    }

    /// Understands what the file at `path` holds.
    ///
    /// # Errors
    /// Anything but what [`Baseline::to_text`] makes.
    pub fn parse(path: &Path, text: &[u8]) -> Result<Self, BaselineError> {
        let parse = |source| BaselineError::Parse { path: path.to_owned(), source };
        let edited = |what: String| Err(BaselineError::Edited { path: path.to_owned(), what });
        if text.len() as u64 > LARGEST {
            return Err(BaselineError::TooLarge(path.to_owned()));
        }
        let Head { schema } = serde_json::from_slice(text).map_err(parse)?;
        if schema != BASELINE_SCHEMA {
            return Err(BaselineError::Schema { path: path.to_owned(), found: schema });
        }
        let baseline: Self = serde_json::from_slice(text).map_err(parse)?;
        if let Some(cell) = baseline.cells.iter().find(|cell| cell.digest != cell.digest()) {
            let (plugin, host, workload) = cell.key();
            return edited(format!("a figure of {plugin:?} on {host:?}, {workload:?}"));
        }
        // Twice a name, another order, other spaces or ends of lines.
        if baseline.to_text().as_bytes() != text {
            return edited("its lines are not as they were written".to_owned());
        }
        if baseline.cells.windows(2).any(|pair| pair[0].key() >= pair[1].key()) {
            return edited("its cells are not in order, or one is there twice".to_owned());
        }
        Ok(baseline)
    }

    /// The file: sorted, one figure a line, so that a change is a line of a diff.
    pub fn to_text(&self) -> String {
        let mut text =
            serde_json::to_string_pretty(self).expect("a baseline has string keys and nothing that can fail");
        text.push('\n');
        text
    }

    /// Writes the baseline with [`write_atomically`].
    ///
    /// # Errors
    /// The folder is not there or cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), RecordError> {
        write_atomically(path, self.to_text().as_bytes())
    }
}

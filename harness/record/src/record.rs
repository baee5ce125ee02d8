use serde::{Deserialize, Serialize};

use crate::{Cell, CellId, Environment, Load, Plan, Scenario};

/// Name and version of the format. A reader refuses any other.
pub const SCHEMA: &str = "tollgate/record/1";

/// A run: where, how and what was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Version of the program that wrote it.
    pub tollgate_version: String,
    /// The command that repeats the run.
    pub command_line: Vec<String>,
    /// When the run began, milliseconds since 1970.
    pub started_unix_ms: u64,
    /// When it ended; none when it did not end by itself.
    pub finished_unix_ms: Option<u64>,
    /// Whether it was stopped before it was done: what was finished by then is here.
    pub interrupted: bool,
    /// The machine and the programs.
    pub environment: Environment,
    /// What the run set out to do.
    pub plan: Plan,
    /// All cells of the plan, measured or failed.
    pub cells: Vec<Cell>,
    /// Loads that gateways were put under, in the order in which they were; empty when none was asked for.
    #[serde(default)]
    pub loads: Vec<Load>,
    /// Gateways under load while something happened to their plugins; empty when that was not asked for.
    #[serde(default)]
    pub scenarios: Vec<Scenario>,
}

impl Record {
    /// The cell of that name, if the run had it.
    pub fn cell(&self, id: &CellId) -> Option<&Cell> {
        self.cells.iter().find(|cell| &cell.id == id)
    }
}

//! What is measured: a plugin in a place with a workload, or a control.

use tollgate_fixtures::{Plugin, Workload};
use tollgate_record::{Artifact, Cell, CellId, Control, Mode, PluginKind};

/// An arm of the plan.
#[derive(Clone)]
pub(crate) struct Arm {
    /// Its cell, for the phase `request`.
    pub(crate) id: CellId,
    /// None for a control.
    pub(crate) plugin: Option<Plugin>,
    /// What a request asks of it.
    pub(crate) workload: Workload,
}

impl Arm {
    /// Whether its place loads the artifact: a native plugin is compiled into what is ours, and a module elsewhere.
    fn is_loaded(&self, plugin: &Plugin) -> bool {
        let is_ours = self.id.mode == Mode::InProcess || self.id.host.starts_with("embedded");
        let is_compiled_in = plugin.kind == PluginKind::Native && is_ours;
        !is_compiled_in && !plugin.bytes.is_empty()
    }

    /// The arm as a cell of the record, not yet measured.
    pub(crate) fn cell(&self, host_version: &str) -> Cell {
        let plugin = self.plugin.as_ref();
        let control = match (plugin, self.id.plugin.as_str()) {
            (Some(_), _) => None,
            (None, "A") => Some(Control::A),
            (None, _) => Some(Control::APrime),
        };
        Cell {
            id: self.id.clone(),
            language: plugin.map_or_else(|| "none".to_owned(), |plugin| plugin.language.clone()),
            kind: plugin.map(|plugin| plugin.kind),
            variant: plugin.and_then(|plugin| plugin.variant),
            control,
            host_version: host_version.to_owned(),
            artifact: plugin.filter(|plugin| self.is_loaded(plugin)).map(artifact),
            series: Vec::new(),
            counters: None,
            soak: None,
            proof: None,
            error: None,
        }
    }
}

/// What a record says of a plugin's bytes.
pub(crate) fn artifact(plugin: &Plugin) -> Artifact {
    Artifact {
        sha256: plugin.sha256.clone(),
        size_bytes: plugin.bytes.len() as u64,
        toolchain: plugin.toolchain.clone(),
        sdk: plugin.sdk.clone(),
    }
}

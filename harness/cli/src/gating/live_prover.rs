//! Runs of the live gate whose right answer is known: base and head spin for known times, or are one plugin.

use anyhow::Context as _;
use tempfile::TempDir;
use tollgate_fixtures::{Plugin, Workload};
use tollgate_gateways::Gateway;
use tollgate_record::{FailureClass, Journal, LivePlan, Placement, ProveSubject, ProvedLive};
use tollgate_reports::gate::{live, live_margin_ns};

use super::live::LiveGating;
use super::prover::{a_control_failed, estimated};
use crate::args::Selectors;
use crate::out::scratch_folder;
use crate::progress::Progress;
use crate::schedule::Schedule;
use crate::status::{PluginError, usage};
use crate::verbs::run::{JOURNAL, remove};
use crate::{interrupt, sides};

/// What is the same for all runs.
pub(crate) struct LiveProver {
    gateway: &'static dyn Gateway,
    plan: LivePlan,
    schedule: Schedule,
    placement: Placement,
    selectors: Selectors,
    /// What both sides are; none where they spin.
    plugin: Option<Plugin>,
    /// What a request asks, but for what is to be spun.
    asked: Workload,
    /// Of the journals.
    folder: TempDir,
}

impl LiveProver {
    /// What is judged in each run; nothing is measured yet.
    pub(crate) fn new(
        gateway: &'static dyn Gateway,
        plan: LivePlan,
        schedule: Schedule,
        placement: Placement,
        selectors: Selectors,
        plugin: Option<&str>,
    ) -> anyhow::Result<Self> {
        let kind = tollgate_fixtures::spin().kind;
        if !gateway.runs(kind) {
            let (gateway, kind) = (gateway.name(), kind.name());
            return Err(usage(format!("{gateway} does not run {kind} plugins, of which one spins; name another")));
        }
        let checked = !selectors.workloads.is_empty();
        let asked = sides::workload(selectors.given.config.as_deref(), checked, &selectors)?;
        let plugin = plugin.map(|name| sides::side(name, checked, &selectors, gateway, &asked)).transpose()?;
        let folder = scratch_folder("tollgate-prove-")?;
        Ok(Self { gateway, plan, schedule, placement, selectors, plugin, asked, folder })
    }

    /// The cell of every run.
    pub(crate) fn subjects(&self) -> anyhow::Result<Vec<ProveSubject>> {
        let version = self.gateway.version(&self.selectors.gateway.options());
        Ok(vec![ProveSubject {
            host: self.gateway.name().to_owned(),
            host_version: version?,
            workload: self.asked.name.clone(),
            sha256: self.plugin.clone().unwrap_or_else(tollgate_fixtures::spin).sha256,
            request_sha256: self.asked.sha256(),
        }])
    }

    /// One full run of the gate, with head spinning so much longer. None when interrupted.
    pub(crate) fn run(&self, longer_ns: u64, seed: u64) -> anyhow::Result<Option<ProvedLive>> {
        let LivePlan { gate, spin_ns, .. } = &self.plan;
        let selection = match &self.plugin {
            Some(plugin) => sides::alike(self.gateway, gate, plugin, &self.asked),
            None => sides::spinning(self.gateway, gate, &self.asked, [*spin_ns, spin_ns + longer_ns]),
        };
        let gating = LiveGating {
            selection,
            selectors: self.selectors.clone(),
            gate: gate.clone(),
            placement: self.placement.clone(),
            schedule: self.schedule,
        };
        let journal = self.folder.path().join(JOURNAL);
        // That of the run before.
        remove(&journal)?;
        let (journal, _) = Journal::create(&journal, gating.begin(seed))?;
        let record = gating.measure(journal, Progress::new(gating.planned(), true))?;
        if record.interrupted || interrupt::requested() {
            return Ok(None);
        }
        let outcome = live(&record).context("the run had no gate; this build is broken")?;
        let row = outcome.rows.first().context("the run had no side; this build is broken")?;
        if let Some(failure) = &row.failure {
            let words = format!("a run of the gate failed at {}: {}", failure.stage, failure.message);
            return match failure.class {
                FailureClass::Plugin => Err(PluginError(words).into()),
                _ => Err(anyhow::anyhow!(words)),
            };
        }
        let ps = |ns: f64| (ns * 1e3).round() as i64;
        let (estimate, low, high) = estimated(row);
        Ok(Some(ProvedLive {
            truth_ns: longer_ns,
            verdict: row.verdict.name().to_owned(),
            control_failed: a_control_failed(&outcome),
            margin_ps: live_margin_ns(&record).map(ps),
            estimate_ps: estimate.map(ps),
            low_ps: low.map(ps),
            high_ps: high.map(ps),
            smallest_ps: row.smallest_effect.map(|effect| ps(effect.size)),
        }))
    }
}

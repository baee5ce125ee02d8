//! Load: each gateway, started afresh, with all arms that have worked so far. After the attribution, for both cores are
//! busy with it.

use std::time::Duration;

use tollgate_gateways::{Gateway, UrlArm, decide_load_placement};
use tollgate_record::{Arrivals, Entry, Failure, Load, Placement, Record};

use super::Measuring;
use crate::args::LoadArgs;
use crate::arm::Arm;
use crate::select::{OWN_WORKLOAD, Selection};
use crate::urls::{URL, UrlJob};
use crate::worker::{CAPACITY, Job, LoadSteps, Message, Rates, WARM_UP, WorkerArm, WorkerEnd, run_job};
use crate::{interrupt, live};

/// Shares of what a gateway answers at most.
const SHARES: [f64; 3] = [0.25, 0.5, 0.75];
/// What is added to a seed, beside the starts of the attribution.
const SEED_PLACE: u64 = 1 << 16;

/// What was asked for.
#[derive(Debug, Clone)]
pub(crate) struct LoadWanted {
    rates: Rates,
    arrivals: Arrivals,
    duration: Duration,
    connections: u32,
}

impl LoadWanted {
    /// None when none was.
    pub(crate) fn of(args: &LoadArgs) -> Option<Self> {
        let rates = match args.load_rates.as_slice() {
            [] => Rates::Shares(SHARES.to_vec()),
            rates => Rates::PerSecond(rates.to_vec()),
        };
        let (arrivals, connections) = (args.arrivals.into(), args.connections);
        args.load.map(|duration| Self { rates, arrivals, duration, connections })
    }

    /// How long it takes, all gateways together.
    pub(crate) fn planned(&self, selection: &Selection) -> Duration {
        let live = selection.live.iter().map(|(_, arms)| arms.len());
        live.chain(Some(selection.urls.len()).filter(|&urls| urls > 0)).map(|arms| self.of_gateway(arms)).sum()
    }

    /// Whether a record has all rates of a gateway, or why there are none.
    pub(super) fn is_done(&self, record: &Record, gateway: &str) -> bool {
        let loads = record.loads.iter().filter(|load| load.gateway == gateway);
        loads.clone().count() >= self.rates.len() || loads.into_iter().any(|load| load.error.is_some())
    }

    fn of_gateway(&self, arms: usize) -> Duration {
        (WARM_UP + CAPACITY) * arms as u32 + self.duration * self.rates.len() as u32
    }
}

/// Whether an arm's workload is one of `--operations`.
fn is_point(arm: &Arm) -> bool {
    let name = &arm.id.workload;
    arm.plugin.is_some() && name != OWN_WORKLOAD && tollgate_fixtures::workload(name).is_none()
}

impl Measuring<'_> {
    /// Puts each gateway under load; one that fails ends its own and is in the record.
    pub(super) fn load(&mut self, selection: &Selection, wanted: &LoadWanted) -> anyhow::Result<()> {
        for (place, (gateway, arms)) in selection.live.iter().enumerate() {
            // Other amounts of work are there for the lines of cost.
            let left: Vec<Arm> = self.alive(arms).filter(|arm| !is_point(arm)).cloned().collect();
            // What failed is in its row; a gateway of which nothing is left has nothing to show.
            let is_done = wanted.is_done(self.journal.record(), gateway.name());
            if !left.is_empty() && !is_done && !interrupt::requested() {
                self.load_gateway(*gateway, &left, wanted, SEED_PLACE + place as u64)?;
            }
            self.pass(wanted.of_gateway(arms.len()));
        }
        let left = self.urls_left(selection);
        if !left.is_empty() && !interrupt::requested() {
            self.load_urls(&left, wanted, SEED_PLACE + selection.live.len() as u64)?;
            self.pass(wanted.of_gateway(selection.urls.len()));
        }
        Ok(())
    }

    /// Gateways that somebody else runs: which core they are on is not known, so the generator takes none for itself.
    fn load_urls(&mut self, arms: &[UrlArm], wanted: &LoadWanted, place: u64) -> anyhow::Result<()> {
        let steps = self.steps(wanted, place, Placement::Unpinned);
        let job = Job::LoadUrls { urls: UrlJob::new(arms, self.selectors)?, steps: steps.clone() };
        self.load_place(URL, &job, &steps)
    }

    fn steps(&self, wanted: &LoadWanted, place: u64, placement: Placement) -> LoadSteps {
        LoadSteps {
            rates: wanted.rates.clone(),
            arrivals: wanted.arrivals,
            duration_ms: wanted.duration.as_millis() as u64,
            connections: wanted.connections,
            seed: self.seed(0, place),
            placement,
        }
    }

    fn load_gateway(
        &mut self,
        gateway: &dyn Gateway,
        arms: &[Arm],
        wanted: &LoadWanted,
        place: u64,
    ) -> anyhow::Result<()> {
        let steps = self.steps(wanted, place, decide_load_placement());
        let job = Job::Load {
            arms: arms.iter().map(WorkerArm::from).collect(),
            gateway: gateway.name().to_owned(),
            steps: steps.clone(),
            options: self.selectors.gateway.clone(),
        };
        self.load_place(gateway.name(), &job, &steps)
    }

    /// Has a worker do it.
    fn load_place(&mut self, name: &str, job: &Job, steps: &LoadSteps) -> anyhow::Result<()> {
        self.progress.stage(format!("load on {name}"));
        // A worker says nothing while it keeps a rate.
        let silence = live::silence(self.selectors) + Duration::from_millis(steps.duration_ms);
        let end = run_job(job, silence, &mut |message| {
            match message {
                Message::Load(load) => self.keep(*load)?,
                Message::Progress { cell, .. } => self.progress.arm(&cell, None),
                Message::Failed { cell, failure } => self.fail(cell, failure)?,
                _ => {}
            }
            Ok(())
        })?;
        let message = match end {
            Ok(()) | Err(WorkerEnd::Interrupted) => return Ok(()),
            Err(WorkerEnd::Silent { .. }) => {
                format!("nothing was heard of {name} for {} s; run again with fewer plugins", silence.as_secs())
            }
            Err(WorkerEnd::Died { how, .. }) => {
                format!("the process that puts {name} under load ended ({how}); run again with fewer plugins")
            }
        };
        self.keep(steps.empty(name, Some(Failure::environment("load", message))))
    }

    fn keep(&mut self, load: Load) -> anyhow::Result<()> {
        if let Some(failure) = &load.error {
            // A gateway that goes down with us, on the same Ctrl-C, has not failed.
            if interrupt::requested() {
                return Ok(());
            }
            self.progress.note(&format!("load failed: {}: {}", load.gateway, failure.message));
        }
        Ok(self.journal.append(Entry::Load(Box::new(load)))?)
    }
}

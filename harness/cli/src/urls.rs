//! Gateways that somebody else runs: what `--gateway URL` and `--baseline-url` name.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tollgate_fixtures::Workload;
use tollgate_gateways::{HttpVersion, UrlArm, UrlOptions};
use tollgate_record::{Cell, CellId, Control, Mode, Phase};

use crate::args::{Http, Selectors};
use crate::arm::Arm;
use crate::select::{NO_WORKLOAD, OWN_WORKLOAD};
use crate::status::usage;
use crate::worker::WorkerArm;

/// Name of such gateways, in records and reports.
pub(crate) const URL: &str = "url";

/// The URLs of a run: the baseline twice, as A and A', then those that are compared with it. Empty when none is named.
pub(crate) fn select(selectors: &Selectors, workload: &Workload) -> anyhow::Result<Vec<UrlArm>> {
    let named: Vec<&String> = selectors.gateways.iter().filter(|gateway| is_url(gateway)).collect();
    let (baseline, named) = match (&selectors.baseline_url, named.as_slice()) {
        (None, []) => return Ok(Vec::new()),
        (Some(_), []) => return Err(usage("--baseline-url is compared with nothing; add --gateway URL")),
        (None, _) => {
            return Err(usage(
                "--gateway URL needs one to compare with: add --baseline-url URL, the same route without the plugin",
            ));
        }
        (Some(baseline), named) => (baseline, named),
    };
    let controls = [Control::A, Control::APrime].map(|control| (control.to_string(), NO_WORKLOAD, baseline.as_str()));
    let mut arms: Vec<UrlArm> = Vec::new();
    for (plugin, asked, url) in controls.into_iter().chain(named.iter().map(|named| arm(named))) {
        if arms.iter().any(|other| other.cell.plugin == plugin) {
            return Err(usage(format!("`{plugin}` is named twice; give one of them another name, as in NAME=URL")));
        }
        let cell = CellId {
            mode: Mode::Live,
            host: URL.to_owned(),
            plugin,
            workload: asked.to_owned(),
            phase: Phase::Request,
        };
        arms.push(UrlArm { cell, url: url.to_owned(), workload: workload.clone() });
    }
    // What is wrong with a URL or a header is said before anything is measured.
    let options = options(selectors)?;
    for arm in &arms {
        tollgate_gateways::check_url(&arm.url, &arm.workload, &options).map_err(|error| usage(error.to_string()))?;
    }
    Ok(arms)
}

/// Refuses what the generator of a load cannot ask.
pub(crate) fn check_load(arms: &[UrlArm], selectors: &Selectors) -> anyhow::Result<()> {
    let options = options(selectors)?;
    let check = |arm: &UrlArm| tollgate_gateways::check_url_load(&arm.url, &options);
    arms.iter().try_for_each(check).map_err(|error| usage(error.to_string()))
}

/// Whether what `--gateway` names is a URL, with or without a name.
pub(crate) fn is_url(gateway: &str) -> bool {
    gateway.contains("://")
}

/// `NAME=URL`, or a URL that is its own name.
fn arm(named: &str) -> (String, &'static str, &str) {
    let (name, url) = match named.split_once('=') {
        Some((name, url)) if !is_url(name) && is_url(url) => (name, url),
        _ => (named, named),
    };
    (name.to_owned(), OWN_WORKLOAD, url)
}

impl From<Http> for HttpVersion {
    fn from(http: Http) -> Self {
        match http {
            Http::Http1 => Self::Http1,
            Http::Http2 => Self::Http2,
        }
    }
}

/// The arm as others are: without a plugin that we would know.
fn plain(arm: &UrlArm) -> Arm {
    Arm { id: arm.cell.clone(), plugin: None, workload: arm.workload.clone() }
}

/// How they are asked.
pub(crate) fn options(selectors: &Selectors) -> anyhow::Result<UrlOptions> {
    let header = |line: &String| {
        let (name, value) = line.split_once(':').filter(|(name, _)| !name.is_empty())?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    };
    let headers = selectors
        .headers
        .iter()
        .map(|line| header(line).ok_or_else(|| usage(format!("--header `{line}` is not of the form `name: value`"))));
    Ok(UrlOptions {
        headers: headers.collect::<anyhow::Result<_>>()?,
        ca: selectors.ca.clone(),
        insecure: selectors.insecure,
        http: selectors.http.map(HttpVersion::from),
    })
}

/// The arm as a cell of the record, not yet measured. What answers is not known.
pub(crate) fn cell(arm: &UrlArm) -> Cell {
    let cell = plain(arm).cell(&arm.url);
    match [Control::A, Control::APrime].iter().any(|control| control.to_string() == arm.cell.plugin) {
        true => cell,
        false => Cell { control: None, language: "unknown".to_owned(), ..cell },
    }
}

/// An arm and how it is asked, as a worker is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct UrlJob {
    arms: Vec<(WorkerArm, String)>,
    headers: Vec<(String, String)>,
    ca: Option<PathBuf>,
    insecure: bool,
    http: Option<Http>,
}

impl UrlJob {
    pub(crate) fn new(arms: &[UrlArm], selectors: &Selectors) -> anyhow::Result<Self> {
        let UrlOptions { headers, ca, insecure, .. } = options(selectors)?;
        let arms = arms.iter().map(|arm| (WorkerArm::from(&plain(arm)), arm.url.clone()));
        Ok(Self { arms: arms.collect(), headers, ca, insecure, http: selectors.http })
    }

    /// On the worker's side.
    pub(crate) fn load(self) -> anyhow::Result<(Vec<UrlArm>, UrlOptions)> {
        let arms = self.arms.into_iter().map(|(arm, url)| {
            let Arm { id, workload, .. } = arm.load()?;
            Ok(UrlArm { cell: id, url, workload })
        });
        let http = self.http.map(HttpVersion::from);
        let options = UrlOptions { headers: self.headers, ca: self.ca, insecure: self.insecure, http };
        Ok((arms.collect::<anyhow::Result<_>>()?, options))
    }
}

//! From the command line to the arms of a run.

use std::path::Path;

use anyhow::Context as _;
use tollgate_fixtures::{HeaderPath, LoadError, Plugin, RequestFile, Workload};
use tollgate_gateways::{Gateway, UrlArm};
use tollgate_hosts::Host;
use tollgate_record::{Cell, CellId, Failure, Mode, Phase, PluginKind};

use crate::args::{Only, Selectors};
use crate::arm::Arm;
use crate::status::{PluginError, usage};
use crate::urls;

/// Name of the host column for the control arms in process, where no host is at work.
const IN_PROCESS: &str = "in-process";
/// Name of the workload of the control arms: without a plugin there is nothing that one could ask.
pub(crate) const NO_WORKLOAD: &str = "none";
/// Name of the workload of a plugin given by path that is held to no workload's effects.
pub(crate) const OWN_WORKLOAD: &str = "own";

/// The arms of a run.
#[derive(Default)]
pub(crate) struct Selection {
    /// In process, controls first. They are verified in any case: what is not right there is not taken live.
    pub(crate) in_process: Vec<Arm>,
    /// Whether the arms in process are measured too.
    pub(crate) measure_in_process: bool,
    /// For each gateway its arms, controls first.
    pub(crate) live: Vec<(&'static dyn Gateway, Vec<Arm>)>,
    /// Gateways that somebody else runs: the baseline twice, then what is compared with it.
    pub(crate) urls: Vec<UrlArm>,
    /// Plugins that could not even be loaded: rows of the record.
    pub(crate) unloadable: Vec<(Cell, Failure)>,
}

/// A plugin and the workloads that it is asked.
struct Wanted {
    plugin: Plugin,
    workloads: Vec<Workload>,
}

/// The hosts and workloads that are taken when none is named.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unasked {
    /// A host for each kind of plugin; workloads on the request path.
    Defaults,
    /// All hosts that are here, and all workloads.
    Everything,
}

/// Resolves what the command line names.
pub(crate) fn select(selectors: &Selectors, unasked: Unasked) -> anyhow::Result<Selection> {
    check_skips(selectors)?;
    let hosts = hosts(selectors, unasked)?;
    let gateways = gateways(selectors)?;
    let workloads = workloads(selectors, unasked)?;
    let mut selection = Selection::default();
    let wanted = wanted(selectors, &workloads, &mut selection)?;

    let headers = workloads.first().context("the catalogue has no workload; this build is broken")?;
    selection.measure_in_process = selectors.only != Some(Only::Live);
    selection.in_process = arms(Mode::InProcess, &wanted, headers, &|kind| {
        hosts.iter().filter(|host| host.runs(kind)).map(|host| host.name()).collect()
    });
    for gateway in gateways {
        let names = |kind| if gateway.runs(kind) { vec![gateway.name()] } else { vec![] };
        let mut arms = arms(Mode::Live, &wanted, headers, &names);
        for arm in &mut arms {
            arm.id.host = gateway.name().to_owned();
        }
        selection.live.push((gateway, arms));
    }
    if selectors.only != Some(Only::InProcess) {
        selection.urls = urls::select(selectors, headers)?;
    }
    let live = selection.live.iter().flat_map(|(_, arms)| arms);
    let measured = selection.in_process.iter().filter(|_| selection.measure_in_process).chain(live);
    if measured.filter(|arm| arm.plugin.is_some()).count() + selection.unloadable.len() + selection.urls.len() == 0 {
        return Err(usage("nothing is left to measure; take away a --skip, a --host or an --only"));
    }
    Ok(selection)
}

/// The arms in process of exactly the plugins that are named, and all of the catalogue's when none is: elsewhere a plugin
/// by path comes beside the others. No controls.
pub(crate) fn exactly(selectors: &Selectors) -> anyhow::Result<Selection> {
    let named: Vec<&String> = selectors.plugins.iter().filter(|plugin| !is_path(plugin)).collect();
    let any = selectors.plugins.is_empty();
    let mut selection = select(selectors, Unasked::Defaults)?;
    selection.in_process.retain(|arm| match &arm.plugin {
        Some(plugin) => any || plugin.path.is_some() || named.contains(&&plugin.name),
        None => false,
    });
    if selection.in_process.is_empty() && selection.unloadable.is_empty() {
        return Err(usage(
            "no host of these runs the plugin in process; name another with --host (see `tollgate list`)",
        ));
    }
    Ok(selection)
}

/// Controls, then each plugin in each place that runs its kind, with each of its workloads.
fn arms(
    mode: Mode,
    wanted: &[Wanted],
    headers: &Workload,
    places: &dyn Fn(PluginKind) -> Vec<&'static str>,
) -> Vec<Arm> {
    let id = |host: &str, plugin: &str, workload: &str| CellId {
        mode,
        host: host.to_owned(),
        plugin: plugin.to_owned(),
        workload: workload.to_owned(),
        phase: Phase::Request,
    };
    let control = |name| Arm { id: id(IN_PROCESS, name, NO_WORKLOAD), plugin: None, workload: headers.clone() };
    let mut arms = vec![control("A"), control("A'")];
    for Wanted { plugin, workloads } in wanted {
        for place in places(plugin.kind) {
            arms.extend(workloads.iter().filter_map(|workload| {
                let plugin = Some(plugin.for_path(workload.path)?);
                Some(Arm { id: id(place, &plugin.as_ref()?.name, &workload.name), plugin, workload: workload.clone() })
            }));
        }
    }
    arms
}

fn wanted(selectors: &Selectors, workloads: &[Workload], selection: &mut Selection) -> anyhow::Result<Vec<Wanted>> {
    let (paths, names): (Vec<&String>, Vec<&String>) = selectors.plugins.iter().partition(|plugin| is_path(plugin));
    let all = || tollgate_fixtures::plugins().iter().map(|plugin| plugin.name.clone());
    for name in &names {
        known("plugin", name, all())?;
    }
    let mut wanted: Vec<Wanted> = tollgate_fixtures::plugins()
        .iter()
        .filter(|plugin| names.is_empty() || names.contains(&&plugin.name))
        .filter(|plugin| !selectors.skip.contains(&plugin.name))
        .map(|plugin| Wanted { plugin: plugin.clone(), workloads: workloads.to_vec() })
        .collect();
    if paths.is_empty() && selectors.given.config.is_some() {
        return Err(usage("--config is for plugins given by path; add --plugin ./PATH, or leave --config out"));
    }
    if paths.is_empty() && !selectors.given.root_id.is_empty() {
        return Err(usage("--root-id is for plugins given by path; add --plugin ./PATH, or leave --root-id out"));
    }
    let config = config(selectors.given.config.as_deref())?;
    let mut seen = Vec::new();
    for path in paths {
        // Named twice, it would be measured as one cell with twice the starts.
        let same = std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
        if seen.contains(&same) {
            continue;
        }
        seen.push(same);
        match tollgate_fixtures::load(Path::new(path)) {
            Ok(mut plugin) => {
                plugin.workload_checked = !selectors.workloads.is_empty();
                plugin.root_id.clone_from(&selectors.given.root_id);
                if wanted.iter().any(|other| other.plugin.name == plugin.name) {
                    plugin.name = path.clone();
                }
                let workloads = own_workloads(workloads, config.as_deref(), plugin.workload_checked);
                wanted.push(Wanted { plugin, workloads });
            }
            Err(error @ (LoadError::Missing(_) | LoadError::Unreadable { .. })) => {
                return Err(usage(error.to_string()));
            }
            Err(error) => selection.unloadable.push(unloadable(path, error)),
        }
    }
    Ok(wanted)
}

/// The plugin configuration in a file, if one is named.
pub(crate) fn config(file: Option<&Path>) -> anyhow::Result<Option<Vec<u8>>> {
    let read = |file: &Path| {
        std::fs::read(file)
            .map_err(|error| usage(format!("cannot read the plugin configuration {}: {error}", file.display())))
    };
    file.map(read).transpose()
}

/// The workloads of a plugin given by path: with its own configuration in place of the catalogue's. Held to none, it gets
/// its own configuration in any case, if only an empty one.
pub(crate) fn own_workloads(workloads: &[Workload], config: Option<&[u8]>, checked: bool) -> Vec<Workload> {
    let own = |workload: &Workload| Workload { config: config.unwrap_or_default().to_vec(), ..workload.clone() };
    match (config, checked) {
        (None, true) => workloads.to_vec(),
        (Some(_), true) => workloads.iter().map(own).collect(),
        (_, false) => {
            let first = workloads.first();
            first.map(|workload| Workload { name: OWN_WORKLOAD.to_owned(), ..own(workload) }).into_iter().collect()
        }
    }
}

fn unloadable(path: &str, error: LoadError) -> (Cell, Failure) {
    let arm = Arm {
        id: CellId {
            mode: Mode::InProcess,
            host: IN_PROCESS.to_owned(),
            plugin: path.to_owned(),
            workload: OWN_WORKLOAD.to_owned(),
            phase: Phase::Request,
        },
        plugin: None,
        workload: tollgate_fixtures::workloads()[0].clone(),
    };
    let cell = Cell { control: None, language: "unknown".to_owned(), ..arm.cell("none") };
    (cell, Failure::plugin("load", error.to_string()))
}

/// The plugin of that name, or at that path; one that is broken is an error of its own.
pub(crate) fn plugin(name: &str) -> anyhow::Result<Plugin> {
    find(name)?.map_err(|broken| PluginError(broken.to_string()).into())
}

/// The plugin of that name, or at that path, or why what is there is none.
pub(crate) fn find(name: &str) -> anyhow::Result<Result<Plugin, LoadError>> {
    if !is_path(name) {
        known("plugin", name, tollgate_fixtures::plugins().iter().map(|plugin| plugin.name.clone()))?;
        return Ok(Ok(tollgate_fixtures::plugin(name).context("a known name is in the catalogue")?.clone()));
    }
    match tollgate_fixtures::load(Path::new(name)) {
        Err(error @ (LoadError::Missing(_) | LoadError::Unreadable { .. } | LoadError::UnknownSuffix(_))) => {
            Err(usage(error.to_string()))
        }
        found => Ok(found),
    }
}

/// The gateway of that name.
pub(crate) fn gateway(name: &str) -> anyhow::Result<&'static dyn Gateway> {
    known("gateway", name, tollgate_gateways::GATEWAYS.iter().map(|gateway| gateway.name().to_owned()))?;
    tollgate_gateways::gateway(name).context("a gateway that is listed is found")
}

/// A plugin argument is a path when it looks like one; names of the catalogue hold neither a dot nor a slash.
pub(crate) fn is_path(plugin: &str) -> bool {
    plugin.contains(['/', '.'])
}

fn hosts(selectors: &Selectors, unasked: Unasked) -> anyhow::Result<Vec<&'static dyn Host>> {
    let all = || tollgate_hosts::HOSTS.iter().map(|host| host.name().to_owned());
    for name in &selectors.hosts {
        known("host", name, all())?;
        if let Some(way) = tollgate_hosts::host(name).and_then(|host| host.absent()) {
            anyhow::bail!("host `{name}` cannot be used here: {way}");
        }
    }
    let wanted = |host: &&dyn Host| match selectors.hosts.as_slice() {
        [] => host.is_default() || unasked == Unasked::Everything && host.absent().is_none(),
        named => named.iter().any(|name| name == host.name()),
    };
    let hosts = tollgate_hosts::HOSTS.iter().copied();
    Ok(hosts.filter(wanted).filter(|host| !selectors.skip.iter().any(|name| name == host.name())).collect())
}

/// `embedded` needs nothing installed and is always there; the named ones come beside it.
fn gateways(selectors: &Selectors) -> anyhow::Result<Vec<&'static dyn Gateway>> {
    for name in selectors.gateways.iter().filter(|name| !urls::is_url(name)) {
        gateway(name)?;
    }
    if selectors.only == Some(Only::InProcess) {
        return Ok(Vec::new());
    }
    let gateways = tollgate_gateways::GATEWAYS.iter().copied();
    Ok(gateways
        .filter(|gateway| gateway.name() == "embedded" || selectors.gateways.iter().any(|name| name == gateway.name()))
        .filter(|gateway| !selectors.skip.iter().any(|name| name == gateway.name()))
        .collect())
}

/// The workloads that are asked of plugins, the default first.
pub(crate) fn workloads(selectors: &Selectors, unasked: Unasked) -> anyhow::Result<Vec<Workload>> {
    let catalogue = tollgate_fixtures::workloads();
    let all = || catalogue.iter().map(|workload| workload.name.clone());
    for name in &selectors.workloads {
        known("workload", name, all())?;
    }
    let wanted = |workload: &&Workload| match selectors.workloads.as_slice() {
        [] => unasked == Unasked::Everything || workload.path == HeaderPath::Request,
        named => named.contains(&workload.name),
    };
    let mut workloads: Vec<Workload> = catalogue.iter().filter(wanted).cloned().collect();
    // A line for each path that is measured, through the workload that does the work there.
    for path in HeaderPath::ALL {
        let working = catalogue.iter().find(|it| it.path == path && it.operations > 0);
        let Some(working) = working.filter(|_| workloads.iter().any(|it| it.path == path)) else { continue };
        for &operations in &selectors.operations {
            // Those of the catalogue are points of the line as well.
            if workloads.iter().all(|it| (it.path, it.operations) != (path, operations)) {
                workloads.push(working.with_operations(operations));
            }
        }
    }
    let Some(file) = &selectors.given.request else { return Ok(workloads) };
    let file = RequestFile::read(file).map_err(|error| usage(error.to_string()))?;
    check_request(&file)?;
    // Of every arm, controls and reference plugins too: only what gets the same request can be compared.
    Ok(workloads.iter().map(|workload| file.in_place_of(workload)).collect())
}

/// Headers that the workloads set and remove, by which it is seen whether they did, must not be there already.
fn check_request(file: &RequestFile) -> anyhow::Result<()> {
    let taken = |name: &str| name.starts_with("fake_key_") || name.starts_with("x-tollgate-");
    let response = file.response.iter().flat_map(|response| &response.headers);
    let named = file.request_headers.iter().map(|field| ("request", field));
    match named.chain(response.map(|field| ("response", field))).find(|(_, (name, _))| taken(name)) {
        None => Ok(()),
        Some((which, (name, _))) => {
            Err(usage(format!("the {which} has `{name}`, which the workloads need for themselves; rename it")))
        }
    }
}

fn check_skips(selectors: &Selectors) -> anyhow::Result<()> {
    let names = || {
        let plugins = tollgate_fixtures::plugins().iter().map(|plugin| plugin.name.clone());
        let hosts = tollgate_hosts::HOSTS.iter().map(|host| host.name().to_owned());
        plugins.chain(hosts).chain(tollgate_gateways::GATEWAYS.iter().map(|gateway| gateway.name().to_owned()))
    };
    selectors.skip.iter().try_for_each(|name| known("plugin, host or gateway", name, names()))
}

/// Refuses a name that is none of `all`, with the nearest one and the whole list.
pub(crate) fn known(what: &str, name: &str, all: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let all: Vec<String> = all.collect();
    if all.iter().any(|known| known == name) {
        return Ok(());
    }
    let nearest = all.iter().min_by_key(|known| distance(known, name)).filter(|known| distance(known, name) <= 3);
    let hint = nearest.map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default();
    Err(usage(format!("there is no {what} `{name}`{hint} (there are: {})", all.join(", "))))
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.chars().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.chars().count()]
}

//! What the benches of gateways share.

use tollgate_benches::headers;
use tollgate_fixtures::Plugin;
use tollgate_gateways::{Arm, Gateway};
use tollgate_record::{CellId, Mode, Phase};

/// An arm under a name; without a plugin it is a control.
pub(crate) fn arm(gateway: &dyn Gateway, name: &str, plugin: Option<Plugin>) -> Arm {
    let workload = headers().clone();
    let id = CellId {
        mode: Mode::Live,
        host: gateway.name().to_owned(),
        plugin: name.to_owned(),
        workload: if plugin.is_some() { workload.name.clone() } else { "none".to_owned() },
        phase: Phase::Request,
    };
    Arm { id, plugin, workload, chain: 1 }
}

/// The middle one; NaN of nothing.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

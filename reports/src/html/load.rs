//! Gateways under load.

use crate::charts::load;
use crate::load::{LoadArm, LoadFigures, by_gateway};
use crate::load_table::faults;
use crate::number::{grouped, significant};
use crate::text::{escape, name};

use super::View;
use super::parts::{Cell, TableRow, figure, plugin, table};

pub(super) fn body(view: &View<'_>) -> String {
    let mut html = String::new();
    for (index, steps) in by_gateway(&view.summary.loads).iter().enumerate() {
        let gateway = name(&steps[0].gateway, 40);
        html.push_str(&view.heading(&gateway));
        let said: String = steps.iter().map(|step| format!("<li>{}</li>", escape(&step.words()))).collect();
        html.push_str(&format!("<ul>{said}</ul>"));
        let behind: String = steps.iter().filter(|step| !step.arms.is_empty()).map(|step| arms(step)).collect();
        match load(steps, &view.id(&format!("load{index}"))) {
            Some(svg) => html.push_str(&figure(&format!("Chart: load, {gateway}"), &svg, CAPTION, &behind)),
            None => html.push_str(&behind),
        }
    }
    if html.is_empty() { html } else { format!("<p class=\"quiet\">{INTRO}</p>{html}") }
}

const INTRO: &str = "Requests at times that are fixed beforehand, whether the gateway keeps up or not; arms take turns. Latency \
                     counts from the planned time, so that a gateway that stands still is in the latency of every request \
                     that it kept waiting. Generator and gateway are on different cores where there are two, so the figures \
                     are not those of the added latency above. A rate is invalid when the generator came to one of a hundred \
                     requests more than 200 µs late, when less than 99.9 % of the rate was sent, or when connections had to be \
                     opened again.";

const CAPTION: &str = "Solid: bare ABI or no SDK; dashed: through an SDK; dotted: no plugin. A cross is a rate whose figures are \
                       invalid. A percentile is left out where fewer than ten requests lie above it.";

fn arms(step: &LoadFigures) -> String {
    let columns = [
        "Plugin",
        "workload",
        ">alone, requests/s",
        ">requests",
        ">answered",
        ">p50",
        ">p90",
        ">p99",
        ">p99.9",
        ">p50 from sent",
        ">p99 from sent",
        ">at once",
        ">waiting",
        "trouble",
    ];
    let rows: Vec<TableRow> = step.arms.iter().map(row).collect();
    table(&format!("Latency in µs at {}, {}", step.name(), name(&step.gateway, 40)), &columns, &rows)
}

fn row(arm: &LoadArm) -> TableRow {
    let missing = || "–".to_owned();
    let us = |ns: Option<f64>| Cell::Number(ns.map_or_else(missing, |ns| significant(ns / 1e3)));
    let (intended, sent) = (arm.from_intended_ns, arm.from_sent_ns);
    let error = arm.error.as_ref().map(|error| name(error, 600));
    let trouble: Vec<String> = faults(arm).into_iter().chain(error).collect();
    TableRow {
        class: match arm.control {
            Some(_) => "control",
            None if !trouble.is_empty() => "failed",
            None => "",
        },
        cells: vec![
            plugin(&arm.plugin, &arm.language),
            Cell::Text(name(&arm.workload, 40)),
            Cell::Number(arm.capacity_per_s.map_or_else(missing, |per_s| grouped(per_s.round() as u64))),
            Cell::Number(grouped(arm.planned)),
            Cell::Number(grouped(arm.answered)),
            us(intended.and_then(|at| at.p50)),
            us(intended.and_then(|at| at.p90)),
            us(intended.and_then(|at| at.p99)),
            us(intended.and_then(|at| at.p999)),
            us(sent.and_then(|at| at.p50)),
            us(sent.and_then(|at| at.p99)),
            Cell::Number(grouped(arm.most_in_flight)),
            Cell::Number(grouped(arm.most_waiting)),
            Cell::Long(trouble.join("; ")),
        ],
    }
}

//! How far a plugin is from itself: two groups of arms that are alike in one gateway, so that what is found is scatter. By the
//! median of all differences between an arm of one and of the other, as the live gate judges, and by the difference of the
//! groups' means; of single rounds, as it judges, and of medians of fifteen.
//!
//! On Envoy, or on the gateways that are named (`-- nginx`); each start is fresh. `-- --quick` for a first look.

mod live;

use std::ops::ControlFlow;
use std::time::Duration;

use tollgate_fixtures::Plugin;
use tollgate_gateways::{Arm, Gateway, Options, decide_placement, measure};
use tollgate_record::CellId;
use tollgate_reports::gate::shift;

use live::{arm, median};

const PLUGINS: [&str; 2] = ["lua", "rust-sdk"];
/// Fresh starts, how long each measures, and arms of a group. But for the number of starts and two arms that spin it is what
/// `tollgate gate live` does.
const STARTS: u32 = 40;
const DURATION: Duration = Duration::from_millis(1_100);
const COPIES: usize = 4;
/// Rounds of which a median was taken.
const BLOCK: usize = 15;
/// What the live gate calls no change, nanoseconds.
const MARGIN_NS: f64 = 500.0;

/// Added latency of each arm by round, nanoseconds.
type Group = Vec<Vec<f64>>;

fn main() {
    let quick = tollgate_benches::is_quick();
    let starts = if quick { 2 } else { STARTS };
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let named = if named.is_empty() { vec!["envoy".to_owned()] } else { named };
    println!("{:<10} {:<10} {:^37} {:^37}", "", "", "median of differences", "difference of means");
    let each = format!("{:>18} {:>18}", "rounds", "blocks");
    println!("{:<10} {:<10} {each} {each}", "gateway", "plugin");
    for name in named {
        let Some(gateway) = tollgate_gateways::gateway(&name) else {
            println!("{name} is no gateway");
            continue;
        };
        for plugin in PLUGINS {
            let plugin = tollgate_fixtures::plugin(plugin).expect("the catalogue has this plugin");
            if !gateway.runs(plugin.kind) {
                continue;
            }
            let figures: Result<Vec<[f64; 4]>, String> =
                (0..starts).map(|start| apart(gateway, plugin, start)).collect();
            match figures {
                Err(reason) => println!("{name:<10} {:<10} not measured: {reason}", plugin.name),
                Ok(figures) => {
                    let ways = [0, 1, 2, 3].map(|way| told(figures.iter().map(|start| start[way]).collect()));
                    println!("{name:<10} {:<10} {}", plugin.name, ways.join(" "));
                }
            }
        }
    }
    println!("\nstandard deviation over {starts} starts in us; how many starts are beyond {} us", MARGIN_NS / 1e3);
}

fn told(starts: Vec<f64>) -> String {
    let count = starts.len() as f64;
    // Of the truth, which is 0.
    let deviation = (starts.iter().map(|ns| ns * ns).sum::<f64>() / count).sqrt();
    let beyond = starts.iter().filter(|ns| ns.abs() > MARGIN_NS).count();
    format!("{:>18}", format!("{:.3}, {beyond} beyond", deviation / 1e3))
}

/// How far the groups are apart in one start, in nanoseconds: by the median of differences, of rounds and of blocks, and by
/// means of both.
fn apart(gateway: &dyn Gateway, plugin: &Plugin, start: u32) -> Result<[f64; 4], String> {
    let groups = ["base", "head"];
    let mut arms: Vec<Arm> = ["A", "A'"].map(|name| arm(gateway, name, None)).to_vec();
    for copy in 0..COPIES {
        arms.extend(groups.map(|group| arm(gateway, &format!("{group} {copy}"), Some(plugin.clone()))));
    }
    fastrand::Rng::with_seed(u64::from(start)).shuffle(&mut arms);
    let options = Options { gateway_core: decide_placement().shared_core(), ..Options::default() };
    let mut running = gateway.start(&arms, &options).map_err(|error| error.to_string())?;
    let go_on = &mut |_: &CellId, _: &_| ControlFlow::Continue(());
    let measured = measure(running.as_mut(), &arms, start, u64::from(start), DURATION, 1, go_on);
    if let Some(failure) = measured.iter().find_map(|measured| measured.proof.as_ref().err()) {
        return Err(failure.message.clone());
    }
    let [base, head] = groups.map(|group| -> Group {
        let of_group = measured.iter().filter(|measured| measured.cell.plugin.starts_with(group));
        let series = of_group.filter_map(|measured| measured.series.as_ref());
        series.map(|series| series.added_blocks_ns.iter().map(|&ns| ns as f64).collect()).collect()
    });
    let [of_blocks, other_blocks] = [&head, &base].map(in_blocks);
    let found = |head, base| shift(head, base).ok_or("no round has all arms");
    let shifts = [found(&head, &base)?, found(&of_blocks, &other_blocks)?];
    Ok([shifts[0], shifts[1], means_apart(&head, &base), means_apart(&of_blocks, &other_blocks)])
}

/// Medians of a block's rounds.
fn in_blocks(group: &Group) -> Group {
    group.iter().map(|arm| arm.chunks_exact(BLOCK).map(|block| median(block.to_vec())).collect()).collect()
}

/// The median over rounds or blocks of one group's mean minus the other's.
fn means_apart(head: &Group, base: &Group) -> f64 {
    let mean = |group: &Group, block: usize| group.iter().map(|arm| arm[block]).sum::<f64>() / group.len() as f64;
    let blocks = head.iter().chain(base).map(Vec::len).min().unwrap_or_default();
    median((0..blocks).map(|block| mean(head, block) - mean(base, block)).collect())
}

//! What on this machine disturbs measurements, and what to do about it. Read from the kernel; what it does not tell is left
//! out.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::thread::sleep;

use serde::Serialize;
use tollgate_gateways::decide_placement;
use tollgate_record::Placement;

use crate::machine::{self, CpuTicks, WATCH};

/// Something that was looked at.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    /// What.
    pub(crate) name: &'static str,
    /// How it is.
    pub(crate) value: String,
    /// What to do; none when it is well as it is.
    pub(crate) advice: Option<String>,
}

/// Looks at everything, which takes half a second.
pub(crate) fn examine() -> Vec<Finding> {
    let others = others();
    let placement = decide_placement();
    let core = placement.shared_core();
    let kernel = Kernel(Path::new("/"));
    let single = [
        kernel.cores(),
        pinning(&placement),
        core.and_then(|core| kernel.siblings(core)),
        kernel.governor(core.unwrap_or(0)),
        kernel.turbo(),
        kernel.clock(machine::clock_ns()),
        load(),
        kernel.memory(),
        kernel.layout(),
    ];
    single.into_iter().flatten().chain(others).collect()
}

fn finding(name: &'static str, value: impl Into<String>, advice: Option<&str>) -> Option<Finding> {
    Some(Finding { name, value: value.into(), advice: advice.map(str::to_owned) })
}

/// Below this much free memory, bytes: Envoy with every plugin, and a report, take a part of it.
const LEAST_MEMORY: u64 = 1 << 30;

/// What the kernel tells, below its root.
struct Kernel<'a>(&'a Path);

impl Kernel<'_> {
    /// A file, without white space around it.
    fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.0.join(path)).ok().map(|text| text.trim().to_owned())
    }

    fn cores(&self) -> Option<Finding> {
        let cores = std::thread::available_parallelism().ok()?.get();
        let cpuinfo = self.read("proc/cpuinfo")?;
        let model = machine::field(&cpuinfo, "model name").unwrap_or_default();
        let place = if machine::is_virtual(&cpuinfo)? { ", a virtual machine" } else { "" };
        let advice =
            (cores < 2).then_some("under load generator and gateway share it: take no figure of --load from here");
        finding("cores", format!("{cores} {model}{place}"), advice)
    }

    /// Hardware threads that share the core that is measured on.
    fn siblings(&self, core: u32) -> Option<Finding> {
        let siblings = self.read(&format!("sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list"))?;
        if siblings == core.to_string() {
            return finding("hyper-threads", format!("core {core} has none beside it"), None);
        }
        let advice =
            "what runs on one slows the other: keep them idle, or `echo off > /sys/devices/system/cpu/smt/control`";
        finding("hyper-threads", format!("{siblings} share a core"), Some(advice))
    }

    fn governor(&self, core: u32) -> Option<Finding> {
        let governor = self.read(&format!("sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor"));
        match governor.as_deref() {
            Some("performance") => finding("governor", "performance", None),
            Some(other) => finding(
                "governor",
                other,
                Some("the clock follows the load: `cpupower frequency-set --governor performance`"),
            ),
            None => finding("governor", "not shown here: whoever runs the machine decides", None),
        }
    }

    fn turbo(&self) -> Option<Finding> {
        const CPU: &str = "sys/devices/system/cpu";
        let intel = self
            .read(&format!("{CPU}/intel_pstate/no_turbo"))
            .map(|no| (no == "0", "echo 1 > ", "intel_pstate/no_turbo"));
        let others =
            || self.read(&format!("{CPU}/cpufreq/boost")).map(|yes| (yes == "1", "echo 0 > ", "cpufreq/boost"));
        let (is_on, write, file) = intel.or_else(others)?;
        let advice =
            format!("its clock depends on heat and neighbours, for steady absolute figures: `{write}/{CPU}/{file}`");
        finding("turbo", if is_on { "on" } else { "off" }, is_on.then_some(advice.as_str()))
    }

    /// What a reading of the clock takes. A system call instead of a read in memory is a microsecond in each sample.
    fn clock(&self, ns: f64) -> Option<Finding> {
        let source = self.read("sys/devices/system/clocksource/clocksource0/current_clocksource");
        let source = source.unwrap_or_else(|| "unknown source".to_owned());
        let advice = (ns > 200.0).then_some(
            "each reading is a system call: take tsc or kvm-clock, if the kernel has it (`available_clocksource`)",
        );
        finding("clock", format!("{source}, {ns:.0} ns a reading"), advice)
    }

    fn memory(&self) -> Option<Finding> {
        let text = self.read("proc/meminfo")?;
        let (free, all) = (machine::bytes(&text, "MemAvailable")?, machine::bytes(&text, "MemTotal")?);
        let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
        let advice =
            (free < LEAST_MEMORY).then_some("gateways with all plugins need about that; stop something, lest it swaps");
        finding("memory", format!("{:.1} of {:.1} GiB free", gib(free), gib(all)), advice)
    }

    fn layout(&self) -> Option<Finding> {
        match self.read("proc/sys/kernel/randomize_va_space")?.as_str() {
            "0" => finding(
                "layout",
                "the same in every process",
                Some(
                    "fresh starts then have no fresh layout, and intervals are too narrow: `sysctl kernel.randomize_va_space=2`",
                ),
            ),
            _ => finding("layout", "drawn anew for each process, as fresh starts need it", None),
        }
    }
}

fn pinning(placement: &Placement) -> Option<Finding> {
    match placement {
        Placement::Unpinned => finding(
            "pinning",
            "not allowed",
            Some(
                "live figures have wake-ups between cores in them, and scatter; allow sched_setaffinity (in containers: a cpuset)",
            ),
        ),
        Placement::SameCore { core } | Placement::TwoCores { gateway: core, .. } => {
            finding("pinning", format!("works; measured on core {core}"), None)
        }
    }
}

fn load() -> Option<Finding> {
    let [one, five, fifteen] = machine::load_average()?;
    finding("load", format!("{one:.2}, {five:.2}, {fifteen:.2} (1, 5, 15 minutes)"), None)
}

/// Above these shares of the CPU time others disturb, and a hypervisor takes too much.
const BUSY: f64 = 0.05;
const STOLEN: f64 = 0.01;
/// So many neighbours are named.
const NAMED: usize = 3;

/// Who else is at work, and what the hypervisor takes, watched for a while.
fn others() -> Vec<Finding> {
    let (Some(before), then) = (CpuTicks::now(), processes()) else { return Vec::new() };
    sleep(WATCH);
    let (Some(now), after) = (CpuTicks::now(), processes()) else { return Vec::new() };
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let mut findings = Vec::new();
    if let Some((busy, ticks)) = now.busy_share_since(before).zip(now.since(before)) {
        let named: Vec<String> = busiest(&then, &after)
            .into_iter()
            .map(|(name, used)| format!("{name} {}", percent(used as f64 / ticks as f64)))
            .collect();
        let named = if named.is_empty() { String::new() } else { format!(": {}", named.join(", ")) };
        let advice = (busy > BUSY)
            .then_some("stop them, or wait: figures on shared cores scatter, and verdicts become inconclusive");
        findings.extend(finding("neighbours", format!("{} of all CPU time{named}", percent(busy)), advice));
    }
    if let Some(stolen) = now.steal_share_since(before) {
        let advice = (stolen > STOLEN)
            .then_some("the host of this virtual machine gives its cores to others: take another machine or hour");
        findings.extend(finding("steal", format!("{} of all CPU time", percent(stolen)), advice));
    }
    findings
}

/// Ticks that a process has used, and its name.
type Used = (String, u64);

/// Each process by its number, but for this one. Where that cannot be seen there are none.
fn processes() -> HashMap<u32, Used> {
    let own = std::process::id();
    let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(|&pid| pid != own);
    numbers.filter_map(|pid| Some((pid, used(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?))).collect()
}

/// `123 (name, with anything in it) S ...`; the 14th and 15th fields are its time and the kernel's for it.
fn used(stat: &str) -> Option<Used> {
    let (head, rest) = stat.rsplit_once(") ")?;
    let (_, name) = head.split_once(" (")?;
    let mut times = rest.split(' ').skip(11).map_while(|word| word.parse::<u64>().ok());
    Some((name.escape_debug().to_string(), times.next()? + times.next()?))
}

/// The processes that were most at work in between, and their ticks.
fn busiest(then: &HashMap<u32, Used>, after: &HashMap<u32, Used>) -> Vec<Used> {
    let since = |(pid, (name, used)): (&u32, &Used)| {
        let before = then.get(pid).map_or(0, |(_, used)| *used);
        (name.clone(), used.saturating_sub(before))
    };
    let mut busy: Vec<Used> = after.iter().map(since).filter(|(_, used)| *used > 0).collect();
    busy.sort_by(|(_, a), (_, b)| b.cmp(a));
    busy.truncate(NAMED);
    busy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let stat = "7 (a ) b\u{1b}) S 1 7 7 0 -1 4194560 1 0 0 0 30 12 0 0 20 0 1 0 5 0 0";
        assert_eq!(used(stat), Some(("a ) b\\u{1b}".to_owned(), 42)));
        assert_eq!(used("7 (short) S 1"), None);
    }

    #[test]
    fn who_was_at_work_in_between_comes_first() {
        let of = |used: [u64; 5]| (1..).zip(used).map(|(pid, used)| (pid, (format!("p{pid}"), used))).collect();
        let names: Vec<String> =
            busiest(&of([100, 5, 0, 0, 9]), &of([100, 8, 20, 1, 11])).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["p3", "p2", "p5"]);
    }

    #[test]
    fn what_disturbs_has_advice_and_what_does_not_has_none() {
        let cpu = "sys/devices/system/cpu";
        let files = |governor: &str, no_turbo: &str, siblings: &str, clock: &str, free: &str, layout: &str| {
            let folder = tempfile::tempdir().unwrap();
            for (path, text) in [
                (format!("{cpu}/cpu3/cpufreq/scaling_governor"), governor),
                (format!("{cpu}/intel_pstate/no_turbo"), no_turbo),
                (format!("{cpu}/cpu3/topology/thread_siblings_list"), siblings),
                ("sys/devices/system/clocksource/clocksource0/current_clocksource".to_owned(), clock),
                ("proc/meminfo".to_owned(), &format!("MemTotal: 8388608 kB\nMemAvailable: {free} kB")),
                ("proc/sys/kernel/randomize_va_space".to_owned(), layout),
            ] {
                let path = folder.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, format!("{text}\n")).unwrap();
            }
            folder
        };
        let of = |folder: &Path, ns| {
            let kernel = Kernel(folder);
            let all = [
                kernel.governor(3),
                kernel.turbo(),
                kernel.siblings(3),
                kernel.clock(ns),
                kernel.memory(),
                kernel.layout(),
            ];
            all.map(|finding| finding.expect("it is told"))
        };
        let good = files("performance", "1", "3", "tsc", "4194304", "2");
        for finding in of(good.path(), 25.0) {
            assert_eq!(finding.advice, None, "{}: {}", finding.name, finding.value);
        }
        let bad = files("powersave", "0", "1,3", "hpet", "524288", "0");
        let advice = ["cpupower", "echo 1 > /sys", "smt/control", "tsc", "stop something", "sysctl"];
        for (finding, advice) in of(bad.path(), 900.0).into_iter().zip(advice) {
            assert!(finding.advice.as_ref().is_some_and(|text| text.contains(advice)), "{finding:?}");
        }
        // Where nothing is told nothing is made up.
        let empty = tempfile::tempdir().unwrap();
        let kernel = Kernel(empty.path());
        assert!(kernel.turbo().or(kernel.siblings(0)).or(kernel.memory()).or(kernel.layout()).is_none());
    }
}

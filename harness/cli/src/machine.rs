//! What machine this is, read from the kernel. What cannot be read stays unknown.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use tollgate_record::Environment;

/// The environment at the start of a run; `steal_share` is filled in at its end.
pub(crate) fn environment(versions: BTreeMap<String, String>) -> Environment {
    let uname = rustix::system::uname();
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    Environment {
        os: os_name().unwrap_or_else(|| uname.sysname().to_string_lossy().into_owned()),
        kernel: uname.release().to_string_lossy().into_owned(),
        cpu_model: field(&cpuinfo, "model name"),
        cores: std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32),
        memory_bytes: fs::read_to_string("/proc/meminfo").ok().and_then(|text| bytes(&text, "MemTotal")),
        governor: fs::read_to_string("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
            .ok()
            .map(|text| text.trim().to_owned()),
        virtual_machine: is_virtual(&cpuinfo),
        load_average: load_average(),
        busy_share: busy_share(),
        steal_share: None,
        clock_ns: Some(clock_ns()),
        versions,
    }
}

/// CPU time of the machine in ticks: all of it, and what the hypervisor took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CpuTicks {
    total: u64,
    idle: u64,
    stolen: u64,
}

impl CpuTicks {
    /// As counted since boot; none where there is no `/proc/stat`.
    pub(crate) fn now() -> Option<Self> {
        let text = fs::read_to_string("/proc/stat").ok()?;
        let ticks: Vec<u64> =
            text.lines().next()?.split_whitespace().skip(1).map_while(|word| word.parse().ok()).collect();
        // user nice system idle iowait irq softirq steal; guest time is counted in user already.
        Some(Self { total: ticks.iter().take(8).sum(), idle: ticks.get(3)? + ticks.get(4)?, stolen: *ticks.get(7)? })
    }

    /// Ticks since `earlier`; none when there were none yet.
    pub(crate) fn since(self, earlier: Self) -> Option<u64> {
        self.total.checked_sub(earlier.total).filter(|&ticks| ticks > 0)
    }

    /// Share of the time since `earlier` that was stolen, 0 to 1.
    pub(crate) fn steal_share_since(self, earlier: Self) -> Option<f64> {
        Some(self.stolen.saturating_sub(earlier.stolen) as f64 / self.since(earlier)? as f64)
    }

    /// Share of the time since `earlier` in which somebody was at work, 0 to 1.
    pub(crate) fn busy_share_since(self, earlier: Self) -> Option<f64> {
        Some(1.0 - self.idle.saturating_sub(earlier.idle) as f64 / self.since(earlier)? as f64)
    }
}

/// How long the machine is watched for others at work: fifty ticks of the kernel's clock for each core.
pub(crate) const WATCH: Duration = Duration::from_millis(500);

/// Share of CPU time that others use while we sleep.
fn busy_share() -> Option<f64> {
    let before = CpuTicks::now()?;
    std::thread::sleep(WATCH);
    CpuTicks::now()?.busy_share_since(before)
}

/// Median cost of a clock reading in nanoseconds, from batches of a thousand.
pub(crate) fn clock_ns() -> f64 {
    let mut batches: Vec<u128> = (0..51)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..1_000 {
                std::hint::black_box(Instant::now());
            }
            start.elapsed().as_nanos()
        })
        .collect();
    batches.sort_unstable();
    batches[batches.len() / 2] as f64 / 1_000.0
}

pub(crate) fn load_average() -> Option<[f64; 3]> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    let mut words = text.split(' ').map_while(|word| word.parse().ok());
    Some([words.next()?, words.next()?, words.next()?])
}

fn os_name() -> Option<String> {
    let text = fs::read_to_string("/etc/os-release").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(line.trim_matches('"').to_owned())
}

/// Whether `/proc/cpuinfo` is that of a virtual machine; none where it does not tell.
pub(crate) fn is_virtual(cpuinfo: &str) -> Option<bool> {
    Some(field(cpuinfo, "flags")?.split(' ').any(|flag| flag == "hypervisor"))
}

/// An amount of `/proc/meminfo`.
pub(crate) fn bytes(meminfo: &str, name: &str) -> Option<u64> {
    field(meminfo, name)?.trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib * 1024)
}

/// The value of the first `name : value` line.
pub(crate) fn field(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

//! The gateway's process, watched from outside while it is under load.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often memory is looked at. A plugin is loaded within some tens of milliseconds.
const EVERY: Duration = Duration::from_millis(20);

/// Memory of a process at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resident {
    pub(super) at: Instant,
    pub(super) bytes: u64,
}

/// Memory of a process that is resident, in bytes; none when it is not there any more.
pub(super) fn resident(process: u32) -> Option<Resident> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(Resident { at: Instant::now(), bytes: kib * 1024 })
}

/// Looks at a process until it is told to stop; keeps the largest of each stretch of that length.
pub(super) fn watch(process: u32, stretch: Duration, stop: &AtomicBool) -> Vec<Resident> {
    let mut kept: Vec<Resident> = Vec::new();
    let mut stretch_began: Option<Instant> = None;
    while !stop.load(Ordering::Relaxed) {
        let Some(now) = resident(process) else { break };
        match (stretch_began, kept.last_mut()) {
            (Some(began), Some(last)) if now.at - began < stretch => {
                if now.bytes > last.bytes {
                    *last = now;
                }
            }
            _ => {
                stretch_began = Some(now.at);
                kept.push(now);
            }
        }
        thread::sleep(EVERY);
    }
    kept
}

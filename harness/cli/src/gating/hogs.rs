use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Busy neighbours, which end when this is dropped.
pub(crate) struct Hogs {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Hogs {
    /// One that never rests on each core that we may use.
    pub(crate) fn on_every_core() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let cores = Self::cores();
        let hog = |core: Option<u32>| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                if let Some(core) = core {
                    // Where pinning is not allowed the scheduler spreads them.
                    let _ = tollgate_gateways::pin_current_thread(core);
                }
                // Touches more memory than the caches next to a core hold, as a compiler does.
                let mut memory = vec![1u64; 1 << 18];
                let mut sum = 0u64;
                while !stop.load(Ordering::Relaxed) {
                    for value in &mut memory {
                        *value = value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(sum);
                        sum ^= *value;
                    }
                }
                std::hint::black_box(sum);
            })
        };
        let threads = cores.into_iter().map(hog).collect();
        Self { stop, threads }
    }

    /// How many there would be.
    pub(crate) fn wanted() -> u32 {
        Self::cores().len() as u32
    }

    /// Cores that we may use; none of them by number where that is not known.
    fn cores() -> Vec<Option<u32>> {
        match tollgate_gateways::allowed_cores() {
            Ok(cores) => cores.into_iter().map(Some).collect(),
            Err(_) => vec![None; std::thread::available_parallelism().map_or(1, usize::from)],
        }
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // One that panicked is gone, which is all that is wanted.
            let _ = thread.join();
        }
    }
}
